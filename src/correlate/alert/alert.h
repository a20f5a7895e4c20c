/* Correlation's first step: signals of one rule about one entity become one alert, which counts
 * them. Nothing is hidden: each signal stays in its topic, and an alert's count grows.
 *
 *   topic signals ─> (rule, entity) ─> alert, open for a window ─> topic alerts: its versions
 *
 * A version is a whole alert as JSON, keyed by the alert's id; the newest one counts. Versions are
 * written at the 1st, 2nd, 4th, 8th … signal and when the window ends, so that a flood of one
 * signal makes few of them. Outputs, state and position are committed together.
 *
 * The time of a signal is its event's. One whose event said none (0), or one to come, has that at
 * which it was written to its topic, which is the same however often it is read.
 *
 * What a signal does to the open alerts stands once, in dedup.c. It has two owners: the stage on a
 * store (alert_stage_), which reads and commits by itself, and the alerts of one partition of a
 * Kafka topic (alert_set_), whose records others read and commit. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "core/error.h"
#include "topic/topic.h"

#define ALERT_WINDOW_NS  (600ull * 1000000000) /* default */
#define ALERT_OPEN_MAX   10000
#define ALERT_BATCH_MAX  1000
#define ALERT_TOPIC      "alerts"
#define ALERT_TOPIC_DEAD "dead"

struct alert_options {
    uint64_t window_ns; /* from an alert's first signal, in the signals' time; 0: the default */
    uint32_t open_max;  /* alerts open at once; over it the oldest are closed early, counted */
    uint32_t batch_max; /* signals in one transaction */
    /* Of the newest versions, where they are kept in memory; over it as over open_max. 0: any */
    uint64_t text_bytes_max;
};

/* Since the store was made; kept in it as correlate.*, committed with what they count.
 * in = out + deduplicated + shadow + dead. */
struct alert_counters {
    uint64_t in;           /* signals read */
    uint64_t out;          /* alerts raised */
    uint64_t deduplicated; /* signals counted into an open alert */
    uint64_t shadow;       /* signals of rules in stage shadow: no alert */
    uint64_t dead;         /* not a signal: noted in the topic `dead` with offset and reason */
    uint64_t versions;     /* records written to `alerts` */
    uint64_t evicted;      /* closed early for open_max */
    uint64_t missed;       /* trimmed before they were read */
};

struct alert_stage;
/* Goes on where the last commit stopped. The log is borrowed until alert_stage_close. */
MUST_USE err_kind alert_stage_open(struct topic_log *log, const struct alert_options *options,
                                   struct alert_stage **ret, struct err_ctx *err);
void alert_stage_close(struct alert_stage *stage);
/* One batch in one transaction; no transaction may be open. now_wall_ns ends windows once all
 * signals are read. *ret_count: signals read, 0 when there were none. After a failure nothing has
 * changed and the step can be tried again. */
MUST_USE err_kind alert_stage_step(struct alert_stage *stage, uint64_t now_wall_ns,
                                   uint32_t *ret_count, struct err_ctx *err);
MUST_USE err_kind alert_counters_get(struct topic_log *log, struct alert_counters *ret,
                                     struct err_ctx *err);

/* ---- the alerts of one partition, kept in memory ---- */

enum alert_output {
    ALERT_OUTPUT_VERSION, /* for the topic of alerts; key: the alert's id */
    ALERT_OUTPUT_STATE,   /* what alert_set_load is to be given; value.data NULL: the alert ended */
};
typedef err_kind (*alert_put)(void *context, enum alert_output output, span key, span value,
                              struct err_ctx *err);

#define ALERT_VALUE_BYTES_MAX 960000 /* of an output: a message of Kafka holds it by default */

struct alert_set;
/* context goes to put, which is called inside of the functions below. */
MUST_USE err_kind alert_set_open(const struct alert_options *options, alert_put put, void *context,
                                 struct alert_set **ret, struct err_ctx *err);
void alert_set_close(struct alert_set *set); /* takes NULL */
/* A state that was put earlier, in the order of putting; before any signal. ERR_INPUT: it was not
 * put by this version. */
MUST_USE err_kind alert_set_load(struct alert_set *set, span key, span value, struct err_ctx *err);
/* written_wall_ns: when the record was written to its topic. *ret_reason: NULL, or why the record
 * is no signal (static). After a failure the set holds a part of it, and is to be made anew from
 * what was committed. */
MUST_USE err_kind alert_set_signal(struct alert_set *set, span record, uint64_t written_wall_ns,
                                   const char **ret_reason, struct err_ctx *err);
/* Ends the oldest alert if its window is over: all signals are read. */
MUST_USE err_kind alert_set_end(struct alert_set *set, uint64_t now_wall_ns, bool *ret_has_ended,
                                struct err_ctx *err);
/* Puts the state of what has changed since. */
MUST_USE err_kind alert_set_flush(struct alert_set *set, struct err_ctx *err);
size_t alert_set_pending_bytes(const struct alert_set *set); /* at most that alert_set_flush puts */
struct alert_counters alert_set_counters(const struct alert_set *set); /* since it was opened */
