/* The supervisor's own state; private to supervisor*.c. It starts, watches and restarts; it copies
 * bytes but parses none that came from outside. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "core/writer.h"
#include "pipeline/pipeline.h"
#include "role/protocol.h"
#include "role/role.h"

#define KEPT_MAX 512

struct child {
    enum role_kind role;
    pid_t pid; /* 0: not running */
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

/* Lines on their way to stdout. A line is printed once: its number is remembered here, where no
 * engine's end can lose it. */
struct printer {
    struct writer part; /* of the line that is arriving */
    uint64_t part_offset;
    struct writer queue; /* whole lines not yet written */
    size_t queue_at;
    uint64_t line_next;
    bool has_lines;
    bool is_closed; /* nobody reads stdout any more */
    size_t write_bytes_max;
};

struct supervisor {
    const struct supervisor_options *options;
    struct child sensor, engine;
    struct kept kept[KEPT_MAX];
    size_t kept_count;
    struct printer printer;
    int state_fd, store_fd, lock_fd;
    int crash_fd;
    int signal_fd;
    int image_fd;      /* the rules in force */
    int image_next_fd; /* sent to the engine, not yet accepted; -1: none */
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
void rules_offer(struct supervisor *supervisor, int *image_fd);

/* supervisor_print.c */
void printer_open(struct printer *printer);
void printer_close(struct printer *printer);
/* One MESSAGE_LINE; false when it is malformed. */
MUST_USE bool printer_take(struct printer *printer, span body);
void printer_drop_part(struct printer *printer);
bool printer_is_busy(const struct printer *printer); /* lines wait to be written */
bool printer_is_full(const struct printer *printer); /* take no more for now */
/* stdout can be written to: never blocks. */
void printer_write(struct printer *printer);
