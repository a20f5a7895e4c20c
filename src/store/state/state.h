/* What is kept beside the topics so that people's questions have quick answers: an index of
 * signals, and named counters. Rows are written in the transaction of the batch that they belong
 * to; the index loses a row when its signal is trimmed. The tables stand in topic/schema.c. */
#pragma once

#include "core/writer.h"
#include "topic/topic.h"

#define STATE_TOPIC_SIGNALS     "signals"
#define STATE_COUNTER_BYTES_MAX 128
#define STATE_PRIORITY_ANY      255

/* ---- signals ---- */

struct state_signal {
    uint64_t offset; /* in the topic `signals`, as topic_append gave it */
    uint64_t time_wall_ns;
    span rule;
    uint8_t priority;    /* 0: most severe */
    span container;      /* its id; data NULL: none */
    span container_name; /* data NULL: not known */
    int64_t pid;
};
/* Inside a transaction. An offset that is already there is written over. */
MUST_USE err_kind state_signal_put(struct topic_log *log, const struct state_signal *signal,
                                   struct err_ctx *err);

struct state_filter {
    uint64_t from_wall_ns; /* inclusive */
    uint64_t to_wall_ns;   /* inclusive; 0: no end */
    span rule;             /* the whole name; data NULL: any */
    span container;        /* its name, or how its id begins; data NULL: any */
    uint8_t priority_max;  /* at least this severe; STATE_PRIORITY_ANY */
    uint64_t limit;        /* 0: none */
    bool is_newest_first;
};
/* One signal as stored. False ends the query. */
typedef bool (*state_signal_visit)(void *context, const struct topic_record *record);
/* In order of the signals' time. The log may be read-only; no snapshot is held while visiting, so a
 * slow reader of the answer does not hold up the writer. */
MUST_USE err_kind state_query_signals(struct topic_log *log, const struct state_filter *filter,
                                      state_signal_visit visit, void *context, struct err_ctx *err);

/* One record of a topic, for instance a signal's evidence, appended to ret. *ret_is_known false: it
 * was trimmed, or never there. */
MUST_USE err_kind state_record_get(struct topic_log *log, const char *topic, uint64_t offset,
                                   struct writer *ret, bool *ret_is_known, struct err_ctx *err);

/* ---- counters ---- */

/* Inside a transaction. Names are dotted: "drops.ring", "restarts.engine". */
MUST_USE err_kind state_counter_add(struct topic_log *log, const char *name, uint64_t count,
                                    struct err_ctx *err);
/* 0 for one that was never added to. */
MUST_USE err_kind state_counter_get(struct topic_log *log, const char *name, uint64_t *ret,
                                    struct err_ctx *err);
typedef void (*state_counter_visit)(void *context, const char *name, uint64_t value);
/* All whose name begins with `prefix`, by name. */
MUST_USE err_kind state_counters(struct topic_log *log, const char *prefix,
                                 state_counter_visit visit, void *context, struct err_ctx *err);
