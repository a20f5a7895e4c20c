/* Private to correlate/alert: what a signal does to the open alerts. Knows neither topics nor
 * transactions: what is to be written goes to the owner, who commits it or, after any failure,
 * makes the table anew from what was committed. */
#pragma once

#include "alert/alert.h"
#include "alert/version.h"

struct dedup_owner {
    /* A version, to be written. Unless is_final, the text is to be kept for `newest`. */
    err_kind (*version)(void *context, struct alert *alert, span json, bool is_final,
                        struct err_ctx *err);
    /* The text that was kept last. */
    err_kind (*newest)(void *context, const struct alert *alert, span *ret, struct err_ctx *err);
    /* The numbers of an alert that has changed, to be stored. */
    err_kind (*keep)(void *context, const struct alert *alert, struct err_ctx *err);
    /* The alert ends: nothing of it is to be kept. */
    err_kind (*drop)(void *context, const struct alert *alert, struct err_ctx *err);
};

struct dedup {
    struct alert_table table;
    struct alert_options options;
    struct alert_counters counted; /* the owner takes and clears them */
    size_t dirty_bytes; /* at most: keys, numbers and texts of what dedup_flush has kept */
    const struct dedup_owner *owner;
    void *context;
};

/* Fills in the defaults of options; cannot fail. */
void dedup_init(struct dedup *dedup, const struct alert_options *options,
                const struct dedup_owner *owner, void *context);
void dedup_free(struct dedup *dedup);
/* *ret_reason: NULL, or why the record is no signal (static): to be noted as dead. */
MUST_USE err_kind dedup_record(struct dedup *dedup, span record, uint64_t written_wall_ns,
                               const char **ret_reason, struct err_ctx *err);
/* Whether the oldest alert's window is over by this clock. */
bool dedup_is_over(const struct dedup *dedup, uint64_t now_wall_ns);
/* Ends the oldest alert: tells what was counted since its newest version, and forgets it. */
MUST_USE err_kind dedup_end(struct dedup *dedup, struct err_ctx *err);
/* Has everything kept that has changed. */
MUST_USE err_kind dedup_flush(struct dedup *dedup, struct err_ctx *err);
