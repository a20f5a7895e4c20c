/* The first correlate stage: signals of one rule about one entity become one alert, which counts
 * them. Nothing is hidden: each signal stays in its topic, and an alert's count grows.
 *
 *   topic signals ─> (rule, entity) ─> alert, open for a window ─> topic alerts: its versions
 *
 * A version is a whole alert as JSON, keyed by the alert's id; the newest one counts. Versions are
 * written at the 1st, 2nd, 4th, 8th … signal and when the window ends, so that a flood of one
 * signal makes few of them. Outputs, state and position are committed together. */
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
