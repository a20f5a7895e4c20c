/* The worker's own state; private to this folder. It owns Kafka and the transaction, and looks into
 * no record: decoders do, one for every so many partitions. */
#pragma once

#include "core/error.h"
#include "ipc/ipc.h"
#include "kafka/kafka.h"
#include "role/role.h"
#include "worker/work.h"
#include "worker/worker.h"

#define JOBS_MAX          64
#define SUSPECTS_MAX      16
#define CRASHES_MAX       3    /* with one record, which then is a dead letter */
#define RESTARTS_MAX      1000 /* of one decoder: then something is wrong that no restart mends */
#define METRICS_BYTES_MAX (64u << 10)

struct MHD_Daemon;

enum slot_state { SLOT_EMPTY, SLOT_FILLING, SLOT_SENT };

struct slot {
    enum slot_state state;
    uint32_t at;    /* up to here it is done */
    uint32_t end;   /* bytes filled */
    uint64_t epoch; /* the exchange's, when its first item came */
    /* It holds what lay with a record that ended a decoder: record by record. */
    bool is_careful;
};

/* A record with which decoders ended, given to them alone. */
struct suspect {
    int32_t partition;
    int64_t offset;
    unsigned crashes;
};

struct decoder_child {
    pid_t pid;
    struct ipc_channel channel;
    uint8_t *memory;
    int memory_fd;
    struct slot slots[WORK_SLOTS];
    uint32_t fill, drain; /* the slots to fill and to drain next */
    uint64_t sent_ns;     /* when it was given work last */
    /* Without state, where a crash undoes nothing but the order: */
    bool is_careful;  /* after a crash: record by record, until the slot is done */
    unsigned crashes; /* at the record at hand */
    unsigned restarts;
    bool is_ready;
};

struct worker {
    const struct worker_options *options;
    struct exchange *exchange;
    struct decoder_start start;
    struct decoder_child *children;
    size_t child_count;
    int image_fd;
    int signal_fd;
    struct work_counts pending; /* of this transaction */
    struct work_counts total;   /* committed */
    uint64_t pending_epoch;
    uint64_t committed_ns;
    bool is_ready;
    bool is_whole;       /* decoders know all that is to be known before records */
    int64_t *careful_to; /* by partition: up to there a crash may come again; NULL: no state */
    struct suspect suspects[SUSPECTS_MAX];
    uint32_t suspect_next;
    uint64_t level_ns;     /* when decoders were told last which partitions are read to the end */
    char metrics_name[32]; /* in the state folder */
    uint64_t metrics_ns;   /* when it was written last */
    bool has_metrics_failed;
    struct MHD_Daemon *metrics_daemon; /* NULL: nobody is served */
    int metrics_fd;                    /* readable when it has something to do */
};

/* deadline.c */
enum deadline_phase {
    DEADLINE_JOINING, /* nothing is taken yet: who is asked to end ends at once */
    DEADLINE_WORKING, /* asked to end, and deaf: ends without its last commit after a while */
    DEADLINE_ENDING,  /* the same, and it has heard */
    DEADLINE_LEAVING, /* all is committed and told */
};
/* Begins to watch, in the first phase. SIGALRM is then its own. */
void deadline_open(void);
void deadline_phase(enum deadline_phase now);

/* metrics.c */
/* Appends Prometheus text. */
void worker_metrics(struct worker *worker, struct writer *out);
/* Once a second: into the state folder, if there is one. What cannot be written is said once. */
void worker_metrics_look(struct worker *worker, uint64_t now_ns);

/* metrics_http.c */
MUST_USE err_kind metrics_open(struct worker *worker, struct err_ctx *err);
void metrics_serve(struct worker *worker); /* does not wait */
void metrics_close(struct worker *worker);

/* child.c */
MUST_USE err_kind decoder_open(struct worker *worker, struct decoder_child *child,
                               struct err_ctx *err);
void decoder_close(struct decoder_child *child);
/* Puts an item into the slot that is being filled; false: no room now, also after giving that
 * away. */
bool decoder_put(struct worker *worker, struct decoder_child *child, const struct work_item *item);
/* Gives filled slots to the child; is_now also those that are not full. */
void decoder_send(struct decoder_child *child, bool is_now);
/* Something came from the child, or its end. */
MUST_USE err_kind decoder_hear(struct worker *worker, struct decoder_child *child,
                               struct err_ctx *err);
/* Ends a child that has not answered for too long. */
void decoder_watch(struct decoder_child *child, uint64_t now_ns);
bool decoder_is_busy(const struct decoder_child *child);
MUST_USE err_kind decoder_rules(struct decoder_child *child, int image_fd, struct err_ctx *err);

/* A new process in place of one that ended; what it was working on is the caller's. */
MUST_USE err_kind decoder_restart(struct worker *worker, struct decoder_child *child,
                                  struct err_ctx *err);
/* The item at byte `at` of a slot, if a whole one lies there. */
bool decoder_item_at(const struct decoder_child *child, uint32_t slot, uint32_t at,
                     struct work_record *ret, uint32_t *ret_next);

/* restore.c: for a stage that keeps state. */
MUST_USE err_kind restore_open(struct worker *worker, struct err_ctx *err);
void restore_close(struct worker *worker);
/* Gives decoders what they are to know before records; worker->is_whole tells whether that is all.
 */
MUST_USE err_kind restore_run(struct worker *worker, struct err_ctx *err);
/* Once a second: tells decoders which partitions are read to the end. */
void restore_level_look(struct worker *worker, uint64_t now_ns);
/* Whether the record has ended decoders too often. */
bool restore_is_poison(const struct worker *worker, int32_t partition, int64_t offset);
/* A decoder has ended, and with it what it knew: all since the last commit is undone. */
MUST_USE err_kind restore_after_end(struct worker *worker, struct decoder_child *child,
                                    struct err_ctx *err);

/* worker.c */
/* The decoder of a partition. */
struct decoder_child *worker_child(struct worker *worker, int32_t partition);
/* What a decoder yields, for the transaction. */
MUST_USE err_kind worker_put(struct worker *worker, enum work_yield kind, int32_t partition,
                             span key, span value, struct err_ctx *err);
const char *worker_stage_name(const struct worker *worker);
