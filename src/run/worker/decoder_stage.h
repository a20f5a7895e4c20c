/* What a stage is inside of a decoder; private to this folder. */
#pragma once

#include "core/error.h"
#include "core/span.h"
#include "worker/work.h"

/* Where a stage puts what it yields: a slot's outputs. */
struct yield {
    uint8_t *out;
    uint32_t len;
    int32_t partition; /* of the item at hand */
};
/* Bytes that can still be put, heads of outputs included. */
size_t decoder_room(const struct yield *yield);
/* False: no room; nothing was put. */
bool decoder_yield(struct yield *yield, enum work_yield kind, span key, span value);

enum work_outcome {
    WORK_DONE,
    WORK_NO_ROOM, /* for what the item yields: nothing of it is kept, it is to be given again */
    WORK_FAILED   /* err says why; the decoder ends */
};

struct stage_desc {
    /* image_fd is borrowed; -1: none. */
    err_kind (*open)(const struct decoder_start *start, int image_fd, struct yield *yield,
                     void **ret, struct err_ctx *err);
    void (*close)(void *stage);
    /* position: of a record, topic/partition@offset. */
    enum work_outcome (*item)(void *stage, const struct work_item *item, span position,
                              struct err_ctx *err);
    /* The last item of an order has been done. NULL: nothing is left to be put then. */
    err_kind (*flush)(void *stage, struct err_ctx *err);
    struct work_counts (*counts)(const void *stage); /* since it was opened */
    /* New rules; NULL: the stage has none. */
    err_kind (*rules)(void *stage, int image_fd, struct err_ctx *err);
};

extern const struct stage_desc stage_detect;
extern const struct stage_desc stage_correlate;
