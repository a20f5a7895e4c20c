/* The kernel source: processes as they live, and Falco's field names over them and the records
 * (record/record.h).
 *
 *   ring ─> record ─> process table ─> decoder ─> fields (event/event.h)
 *   recording ─┘                         facts: containers, users (callbacks)
 *   flat JSON lines ───────────────────> fields
 */
#pragma once

#include <abi.h>

#include "container/container.h"
#include "core/error.h"
#include "core/span.h"
#include "core/writer.h"
#include "event/event.h"
#include "record/record.h"

/* ---- processes (process.c, process_store.c) ---- */

/* Texts are numbers into the table's pool (process_text); 0: not known. */
struct process_stdio {
    uint64_t inode;
    uint32_t device;
    uint32_t name;  /* text */
    uint8_t letter; /* fd.typechar; 0: not known, '-': closed */
    uint8_t is_known;
};

enum process_flag {
    PROCESS_IN_USE = 1 << 0,
    PROCESS_INCOMPLETE = 1 << 1, /* made from a head: how it began was not seen */
    PROCESS_EXITED = 1 << 2,
    PROCESS_CUT_ARGV = 1 << 3,
    PROCESS_CUT_ENV = 1 << 4,
    PROCESS_CHANGED = 1 << 5, /* since the last delta */
    PROCESS_IN_QUEUE = 1 << 6,
    PROCESS_IN_CONTAINER = 1 << 7,
};

struct process {
    uint64_t start_boot_ns; /* with pid: the identity */
    int32_t pid;
    uint32_t flags; /* enum process_flag */
    uint64_t parent_start_boot_ns;
    int32_t parent_pid;    /* who made it, also after that one's exit */
    uint32_t parent;       /* its slot, checked at each use */
    uint64_t exec_boot_ns; /* 0: no exec seen */
    uint64_t exit_boot_ns;
    uint64_t cgroup_id;
    uint64_t exe_inode;
    uint64_t exe_ctime_ns;
    uint64_t exe_mtime_ns;
    struct process_stdio stdio[3];
    uint32_t children; /* in the table, dead or alive */
    uint32_t older;    /* in the queue of the dead */
    uint32_t newer;
    int32_t session;
    int32_t group;
    int32_t vpid;
    int32_t vsession;
    int32_t vgroup;
    uint32_t tty;
    uint32_t pid_ns; /* inode numbers fit */
    uint32_t uid;
    uint32_t gid;
    uint32_t login_uid;
    uint32_t exe_flags; /* enum exe_flag */
    uint32_t name;      /* comm */
    uint32_t exe_path;
    uint32_t interpreter;
    uint32_t argv; /* texts, each ended by NUL */
    uint32_t env;
    uint32_t cwd;
    uint32_t cgroups;
    uint32_t container;       /* id as the cgroup path tells it */
    uint32_t container_space; /* containerd's namespace */
    uint32_t pod_uid;
    uint8_t container_type;     /* enum container_type */
    uint8_t is_container_guess; /* not is_type_sure of its key */
    uint16_t reserved;
};

struct process_options {
    size_t processes_max;  /* 0: 65,536, dead ones included */
    size_t text_bytes_max; /* 0: 64 MiB */
    uint64_t retain_ns;    /* how long a dead process without children stays; 0: 60 s */
    uint64_t seed;         /* of the hash tables; random in service */
};

struct process_stats {
    size_t processes; /* dead ones included */
    size_t dead;
    size_t text_bytes;
    uint64_t evicted;       /* to make room */
    uint64_t incomplete;    /* made from a head */
    uint64_t texts_refused; /* for want of room: a field is absent that should not be */
};

struct process_table;
MUST_USE err_kind process_table_open(const struct process_options *options,
                                     struct process_table **ret, struct err_ctx *err);
void process_table_close(struct process_table *table);
void process_table_stats(const struct process_table *table, struct process_stats *ret);

/* Takes in one record, in the ring's order. Returns the process that acted (after the change), or
 * NULL for a record without one (dropped records, memory out). Valid until the next update. */
const struct process *process_table_update(struct process_table *table,
                                           const struct record *record);
/* start_boot_ns 0: the present holder of the pid. NULL: not known. */
const struct process *process_find(const struct process_table *table, int32_t pid,
                                   uint64_t start_boot_ns);
const struct process *process_parent(const struct process_table *table,
                                     const struct process *process);
/* data NULL for 0. Borrowed until the next update. */
span process_text(const struct process_table *table, uint32_t text);
/* The container that it runs in; false: on the host. ret borrows as process_text. */
bool process_container(const struct process_table *table, const struct process *process,
                       struct container_key *ret);
/* name and arguments joined by blanks, as proc.cmdline; data NULL: not known. In the arena. */
span process_command_line(const struct process_table *table, const struct process *process,
                          struct arena *arena);

/* The whole table; and what changed since the last call of process_table_delta (save does not
 * count as one). Load replaces the content, apply adds to it; both check everything first (layout,
 * lengths, checksum) and on failure leave the table as it was. */
void process_table_save(const struct process_table *table, struct writer *out);
MUST_USE err_kind process_table_load(struct process_table *table, span bytes, struct err_ctx *err);
void process_table_delta(struct process_table *table, struct writer *out);
MUST_USE err_kind process_table_apply_delta(struct process_table *table, span bytes,
                                            struct err_ctx *err);

/* ---- fields (schema.c, fields_*.c, args.c) ---- */

/* What is looked up outside of the records. Any of them may be NULL: nothing is known. The pointers
 * returned live until the next call. */
struct kernel_facts {
    void *context;
    /* NULL: not found. A key whose type is not sure is then no container at all. */
    const struct container_info *(*container)(void *context, const struct container_key *key,
                                              int32_t pid, uint64_t start_boot_ns,
                                              uint64_t now_boot_ns);
    bool (*user_name)(void *context, const struct user_scope *scope, uint32_t uid, span *ret);
    bool (*group_name)(void *context, const struct user_scope *scope, uint32_t gid, span *ret);
    bool (*user_home)(void *context, const struct user_scope *scope, uint32_t uid, span *ret);
    bool (*user_shell)(void *context, const struct user_scope *scope, uint32_t uid, span *ret);
};

struct kernel_decoder {
    struct process_table *table; /* borrowed */
    struct kernel_facts facts;
    uint64_t boot_to_wall_ns; /* added to a record's time */
    span hostname;            /* borrowed */
    uint64_t first_boot_ns;   /* of the first record decoded */
    uint64_t previous_boot_ns;
    /* the current record */
    struct record record;
    uint64_t number; /* evt.num */
    const struct process *process;
    bool is_container_asked;
    const struct container_info *container;
};

/* Cannot fail. table and hostname are borrowed and must outlive the decoder. */
void kernel_decoder_init(struct kernel_decoder *decoder, struct process_table *table,
                         const struct kernel_facts *facts, uint64_t boot_to_wall_ns, span hostname);
/* Checks the record, takes it into the process table and makes it the current one. The bytes are
 * borrowed until the next decode. A record that is no event (snapshot, drop note) is taken in too:
 * see kernel_is_event. */
MUST_USE err_kind kernel_decode(struct kernel_decoder *decoder, span bytes, uint64_t number,
                                struct err_ctx *err);
/* Whether rules are to see the current record. */
bool kernel_is_event(const struct kernel_decoder *decoder);
/* event_fetch; decoder is a struct kernel_decoder. */
void kernel_fetch(void *decoder, const struct field_ref *ref, struct arena *arena,
                  struct value *ret);
/* Falco's fields of the syscall source, and ours (evt.name_unverified, evt.name_changed). */
extern const struct schema kernel_schema;
/* Sigma's names for its events. */
extern const struct taxonomy kernel_taxonomy;
