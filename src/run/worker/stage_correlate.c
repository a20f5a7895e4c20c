/* Correlate, inside of a decoder: signals become alerts. Each partition has its own, since a
 * signal's key says its partition. What is known of a partition comes from its state's topic before
 * its first signal, and goes there again with each order. */
#include "alert/alert.h"
#include "core/clock.h"
#include "core/vector.h"
#include "flow/flow.h"
#include "worker/decoder_stage.h"

#define PARTITIONS_MAX   10000
#define TIME_MS_MAX      16000000000000 /* in the year 2477: what says more says nothing */
#define LETTER_BYTES_MAX (WORK_OUT_BYTES / 4)
/* An item is begun only with room for a dead letter; or for an alert that ends, one that is closed
 * early, and the signal's own. */
#define ITEM_ROOM ((size_t)LETTER_BYTES_MAX + ALERT_VALUE_BYTES_MAX)
_Static_assert(ITEM_ROOM > 4 * (size_t)ALERT_VALUE_BYTES_MAX, "room for alerts");

struct stage {
    struct yield *yield;
    struct alert_options options;
    struct alert_set **sets; /* by partition; NULL: nothing is known of it */
    size_t set_count, set_size;
    struct work_counts before; /* of sets that were forgotten, and of what had no look */
    struct writer letter;
};

static err_kind alert_output(void *context, enum alert_output output, span key, span value,
                             struct err_ctx *err)
{
    struct stage *stage = context;
    enum work_yield kind = output == ALERT_OUTPUT_VERSION ? YIELD_OUTPUT : YIELD_STATE;
    if (decoder_yield(stage->yield, kind, key, value))
        return OK;
    return err_set(err, ERR_LIMIT, "no room for an alert of %zu bytes", value.len);
}

static void stage_close(void *context)
{
    struct stage *stage = context;
    for (size_t index = 0; index < stage->set_count; index++)
        alert_set_close(stage->sets[index]);
    free(stage->sets);
    writer_free(&stage->letter);
    free(stage);
}

static err_kind stage_open(const struct decoder_start *start, int image_fd, struct yield *yield,
                           void **ret, struct err_ctx *err)
{
    struct stage *stage = calloc(1, sizeof *stage);
    (void)image_fd;
    if (!stage)
        return err_set(err, ERR_LIMIT, "out of memory for the stage");
    stage->yield = yield;
    stage->options.window_ns = start->window_ns;
    writer_init(&stage->letter, LETTER_BYTES_MAX);
    *ret = stage;
    return OK;
}

/* ---- what is known of a partition ---- */

static struct work_counts set_counts(const struct alert_set *set)
{
    struct alert_counters counters = alert_set_counters(set);
    return (struct work_counts){.in = counters.in,
                                .out = counters.out,
                                .dead = counters.dead,
                                .deduplicated = counters.deduplicated,
                                .shadow = counters.shadow,
                                .versions = counters.versions,
                                .evicted = counters.evicted};
}

static struct work_counts stage_counts(const void *context)
{
    const struct stage *stage = context;
    struct work_counts sum = stage->before;
    for (size_t index = 0; index < stage->set_count; index++) {
        if (!stage->sets[index])
            continue;
        struct work_counts counts = set_counts(stage->sets[index]);
        work_counts_add(&sum, &counts, false);
    }
    return sum;
}

static void partition_forget(struct stage *stage, int32_t partition)
{
    if ((size_t)partition >= stage->set_count || !stage->sets[partition])
        return;
    struct work_counts counts = set_counts(stage->sets[partition]);
    work_counts_add(&stage->before, &counts, false);
    alert_set_close(stage->sets[partition]);
    stage->sets[partition] = NULL;
}

static err_kind set_at(struct stage *stage, int32_t partition, struct alert_set **ret,
                       struct err_ctx *err)
{
    while (stage->set_count <= (size_t)partition) {
        if (!vector_grow(&stage->sets, &stage->set_size, stage->set_count, PARTITIONS_MAX,
                         sizeof *stage->sets)) /* NOLINT(bugprone-sizeof-expression): of pointers */
            return err_set(err, ERR_LIMIT, "no room for partition %d", (int)partition);
        stage->sets[stage->set_count++] = NULL;
    }
    *ret = stage->sets[partition];
    if (*ret)
        return OK;
    err_kind kind = alert_set_open(&stage->options, alert_output, stage, ret, err);
    stage->sets[partition] = *ret;
    return kind;
}

/* What the order's end will put, and an item's own outputs. */
static bool has_room(const struct stage *stage)
{
    size_t room = decoder_room(stage->yield), need = ITEM_ROOM;
    for (size_t index = 0; index < stage->set_count; index++)
        if (stage->sets[index])
            need += alert_set_pending_bytes(stage->sets[index]);
    return need <= room;
}

/* ---- items ---- */

static enum work_outcome dead_put(struct stage *stage, span payload, span position,
                                  const char *reason, struct err_ctx *err)
{
    writer_reset(&stage->letter);
    dead_letter_write(&stage->letter, reason, "correlate", "signals", position, payload);
    if (stage->letter.is_full) { /* the position tells where the whole of it stands */
        writer_reset(&stage->letter);
        dead_letter_write(&stage->letter, reason, "correlate", "signals", position,
                          (span){NULL, 0});
    }
    if (decoder_yield(stage->yield, YIELD_DEAD, position, writer_span(&stage->letter)))
        return WORK_DONE;
    err_set(err, ERR_LIMIT, "no room for a dead letter");
    return WORK_FAILED;
}

static enum work_outcome signal_take(struct stage *stage, struct alert_set *set,
                                     const struct work_item *item, span position,
                                     struct err_ctx *err)
{
    const char *reason = NULL;
    bool is_time = item->time_ms > 0 && item->time_ms < TIME_MS_MAX;
    uint64_t written_wall_ns = is_time ? (uint64_t)item->time_ms * 1000000 : 0;
    if (alert_set_signal(set, item->value, written_wall_ns, &reason, err) != OK)
        return WORK_FAILED;
    return reason ? dead_put(stage, item->value, position, reason, err) : WORK_DONE;
}

/* Ends as many as there is room for; the next look ends the others. */
static enum work_outcome windows_end(struct stage *stage, struct alert_set *set,
                                     struct err_ctx *err)
{
    uint64_t now_wall_ns = clock_wall_ns();
    bool has_ended = true;
    while (has_ended && has_room(stage))
        if (alert_set_end(set, now_wall_ns, &has_ended, err) != OK)
            return WORK_FAILED;
    return WORK_DONE;
}

static enum work_outcome item_run(struct stage *stage, struct alert_set *set,
                                  const struct work_item *item, span position, struct err_ctx *err)
{
    switch (item->kind) {
    case WORK_RECORD:
        return signal_take(stage, set, item, position, err);
    case WORK_POISON:
        stage->before.in++;
        stage->before.dead++;
        return dead_put(stage, item->value, position, "the record ended the decoder 3 times", err);
    case WORK_LARGE:
        stage->before.in++;
        stage->before.dead++;
        return dead_put(stage, item->value, position, WORK_LARGE_WHY, err);
    case WORK_STATE:
        if (alert_set_load(set, item->key, item->value, err) != OK) {
            err_wrap(err, "state of partition %d", (int)item->partition);
            return WORK_FAILED;
        }
        return WORK_DONE;
    case WORK_LEVEL:
        return windows_end(stage, set, err);
    case WORK_FORGET:
        break;
    }
    return WORK_DONE;
}

static enum work_outcome stage_item(void *context, const struct work_item *item, span position,
                                    struct err_ctx *err)
{
    struct stage *stage = context;
    struct alert_set *set = NULL;
    if (item->partition < 0 || item->partition >= PARTITIONS_MAX) {
        err_set(err, ERR_STATE, "partition %d", (int)item->partition);
        return WORK_FAILED;
    }
    if (item->kind == WORK_FORGET) {
        partition_forget(stage, item->partition);
        return WORK_DONE;
    }
    if (item->kind != WORK_STATE && !has_room(stage))
        return WORK_NO_ROOM;
    if (set_at(stage, item->partition, &set, err) != OK)
        return WORK_FAILED;
    return item_run(stage, set, item, position, err);
}

static err_kind stage_flush(void *context, struct err_ctx *err)
{
    struct stage *stage = context;
    err_kind kind = OK;
    for (size_t index = 0; index < stage->set_count && kind == OK; index++) {
        stage->yield->partition = (int32_t)index;
        if (stage->sets[index])
            kind = alert_set_flush(stage->sets[index], err);
    }
    return kind;
}

const struct stage_desc stage_correlate = {.open = stage_open,
                                           .close = stage_close,
                                           .item = stage_item,
                                           .flush = stage_flush,
                                           .counts = stage_counts};
