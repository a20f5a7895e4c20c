/* The supervisor's own state; private to supervisor*.c. It starts, watches and restarts; it copies
 * bytes but parses none that came from outside. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "config/config.h"
#include "core/writer.h"
#include "lines/lines.h"
#include "pipeline/pipeline.h"
#include "role/protocol.h"
#include "role/role.h"

#define KEPT_MAX 512

struct child {
    enum role_kind role;
    pid_t pid;       /* 0: not running */
    pid_t ended_pid; /* the one before; 0: none */
    struct ipc_channel channel;
    uint64_t started_ns;
    uint64_t answered_ns; /* its last sign of life */
    uint64_t retry_at_ns; /* when to start it again, if it does not run */
    uint32_t restarts;
    uint32_t quick_ends; /* in a row, each soon after its start */
    bool has_answered;
};

struct kept {
    int fd;
    struct keep_note note;
    bool is_stale; /* not named again since MESSAGE_KEEP_BEGIN */
};

/* Rule files and the folders above them: supervisor_watch.c. */
#define WATCH_PARENTS_MAX OPTION_LIST_MAX
struct watch_parent {
    int number; /* of its watch */
    span name;  /* what counts in it; data NULL: all of it */
};
struct watch {
    int fd; /* -1: none */
    struct watch_parent parents[WATCH_PARENTS_MAX];
    size_t parent_count;
};

/* Loading the rules anew: supervisor_rules.c. */
struct reload {
    struct watch watch;
    struct compiling compiling;
    uint64_t until_ns;   /* the compiler's time is up then */
    uint64_t digest;     /* of what was read last */
    uint64_t changed_ns; /* since when files have changed; 0: they have not */
    uint64_t moved_ns;   /* when one changed last */
    uint32_t number;     /* of the set on offer */
    uint32_t offers;     /* how often it was sent */
    bool is_asked;       /* by SIGHUP: though no file has changed */
    struct rules_note note;
};

struct supervisor {
    const struct supervisor_options *options;
    struct child sensor, engine;
    struct kept kept[KEPT_MAX];
    size_t kept_count;
    struct printer printer;
    struct reload reload;
    struct ipc_channel lines; /* the engine's, apart from what else it says: it may wait */
    int state_fd, store_fd, lock_fd;
    int crash_fd;
    int signal_fd;
    int image_fd;      /* the rules in force */
    int image_next_fd; /* on offer to the engine, not yet accepted; -1: none */
    int image_last_fd; /* the set before, for a crash loop after a reload; -1: none */
    struct run_start start;
    struct run_summary summary; /* of the last engine */
    uint64_t pinged_ns;
    uint64_t watched_ns; /* when the roles were looked at last */
    uint64_t end_at_ns;  /* 0: no end set */
    uint64_t stop_at_ns; /* when stopping: kill what is left then; 0: running */
    bool is_ready;
    bool has_summary;
    bool has_failed; /* ends with exit code 1 */
};

/* supervisor_child.c */
MUST_USE err_kind child_start(struct supervisor *supervisor, struct child *child,
                              struct err_ctx *err);
void child_receive(struct supervisor *supervisor, struct child *child);
void child_ended(struct supervisor *supervisor, struct child *child, int status);
void children_watch(struct supervisor *supervisor, uint64_t now_ns);
void child_lines_receive(struct supervisor *supervisor);
/* Sends the set on offer, or what became of the last one, to the engine if it runs. */
void rules_offer(struct supervisor *supervisor);
void rules_tell(struct supervisor *supervisor);

/* supervisor_rules.c */
MUST_USE err_kind rules_first(struct supervisor *supervisor, struct err_ctx *err);
/* The engine's answer to an offer; false when it is malformed. */
MUST_USE bool rules_answered(struct supervisor *supervisor, span body);
void rules_engine_ended(struct supervisor *supervisor);
/* Back to the set before the last reload. */
void rules_restore(struct supervisor *supervisor);
void rules_compiled(struct supervisor *supervisor); /* the compiler has answered or ended */
void rules_changed(struct supervisor *supervisor, uint64_t now_ns); /* the watch is readable */
/* Begins what is due. */
void rules_watch(struct supervisor *supervisor, uint64_t now_ns);
void rules_close(struct supervisor *supervisor);

/* supervisor_watch.c; paths are borrowed until it is closed */
void watch_open(struct watch *watch, const char *const *paths, size_t count);
void watch_close(struct watch *watch);
/* Takes what has happened; true when rule files may have changed. */
bool watch_take(struct watch *watch);
