/* The worker's own state; private to this folder. It owns Kafka and the transaction, and looks into
 * no record: decoders do, one for every so many partitions. */
#pragma once

#include "core/error.h"
#include "flow/flow.h"
#include "ipc/ipc.h"
#include "kafka/kafka.h"
#include "role/role.h"
#include "worker/work.h"
#include "worker/worker.h"

#define JOBS_MAX          64
#define METRICS_BYTES_MAX (64u << 10)

struct MHD_Daemon;

enum slot_state { SLOT_EMPTY, SLOT_FILLING, SLOT_SENT };

struct slot {
    enum slot_state state;
    uint32_t at;    /* up to here it is done */
    uint32_t end;   /* bytes filled */
    uint64_t epoch; /* the exchange's, when its first record came */
};

struct decoder_child {
    pid_t pid;
    struct ipc_channel channel;
    uint8_t *memory;
    int memory_fd;
    struct slot slots[WORK_SLOTS];
    uint32_t fill, drain; /* the slots to fill and to drain next */
    uint64_t sent_ns;     /* when it was given work last */
    bool is_careful;      /* after a crash: record by record, until the slot is done */
    unsigned crashes;     /* at the record at hand */
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
    struct flow_counts pending; /* of this transaction */
    struct flow_counts total;   /* committed */
    uint64_t pending_epoch;
    uint64_t committed_ns;
    bool is_ready;
    char metrics_name[32]; /* in the state folder */
    uint64_t metrics_ns;   /* when it was written last */
    bool has_metrics_failed;
    struct MHD_Daemon *metrics_daemon; /* NULL: nobody is served */
    int metrics_fd;                    /* readable when it has something to do */
};

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
/* Puts a record into the slot that is being filled; false: no room now. */
bool decoder_fill(struct worker *worker, struct decoder_child *child,
                  const struct exchange_record *record);
/* Gives filled slots to the child; is_now also those that are not full. */
void decoder_send(struct decoder_child *child, bool is_now);
/* Something came from the child, or its end. */
MUST_USE err_kind decoder_hear(struct worker *worker, struct decoder_child *child,
                               struct err_ctx *err);
/* Ends a child that has not answered for too long. */
void decoder_watch(struct decoder_child *child, uint64_t now_ns);
bool decoder_is_busy(const struct decoder_child *child);
MUST_USE err_kind decoder_rules(struct decoder_child *child, int image_fd, struct err_ctx *err);

/* worker.c: an output of a decoder, for the transaction. */
MUST_USE err_kind worker_put(struct worker *worker, enum flow_kind kind, span key, span value,
                             struct err_ctx *err);
