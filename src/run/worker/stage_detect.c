/* Detect, inside of a decoder: records are decoded and go through the rules; nothing is kept. */
#include "core/log.h"
#include "flow/flow.h"
#include "source/source.h"
#include "worker/decoder_stage.h"

struct stage {
    struct flow *flow;
    struct yield *yield;
};

_Static_assert((int)FLOW_SIGNAL == YIELD_OUTPUT && (int)FLOW_DEAD == YIELD_DEAD, "kinds agree");

static bool output_put(void *context, enum flow_kind kind, span key, span value)
{
    return decoder_yield(context, (enum work_yield)kind, key, value);
}

static span part_of(const char *text)
{
    return text[0] ? span_str(text) : (span){NULL, 0};
}

static void stage_close(void *context)
{
    struct stage *stage = context;
    flow_close(stage->flow);
    free(stage);
}

static err_kind stage_open(const struct decoder_start *start, int image_fd, struct yield *yield,
                           void **ret, struct err_ctx *err)
{
    const struct flow_options options = {.hostname = start->hostname,
                                         .source = source_or_json(start->source),
                                         .name = start->source,
                                         .entity_fields =
                                             start->entity_fields[0] ? start->entity_fields : NULL,
                                         .is_record_whole = true,
                                         .logsource = {.product = part_of(start->product),
                                                       .category = part_of(start->category),
                                                       .service = part_of(start->service)}};
    struct stage *stage = calloc(1, sizeof *stage);
    if (!stage)
        return err_set(err, ERR_LIMIT, "out of memory for the stage");
    stage->yield = yield;
    err_kind kind = flow_open(&options, &stage->flow, err);
    if (kind == OK)
        kind = flow_rules(stage->flow, image_fd, err);
    if (kind != OK)
        stage_close(stage);
    else
        *ret = stage;
    return kind;
}

static bool dead_put(struct stage *stage, const struct work_item *item, span position,
                     const char *reason)
{
    uint32_t before = stage->yield->len;
    bool is_put = flow_dead(stage->flow, item->value, position, reason, output_put, stage->yield);
    if (!is_put)
        stage->yield->len = before;
    return is_put;
}

static enum work_outcome stage_item(void *context, const struct work_item *item, span position,
                                    struct err_ctx *err)
{
    struct stage *stage = context;
    uint32_t before = stage->yield->len;
    if (item->kind == WORK_LARGE)
        return dead_put(stage, item, position, WORK_LARGE_WHY) ? WORK_DONE : WORK_NO_ROOM;
    if (item->kind != WORK_RECORD) {
        err_set(err, ERR_STATE, "detect keeps no state");
        return WORK_FAILED;
    }
    if (flow_record(stage->flow, item->value, position, output_put, stage->yield))
        return WORK_DONE;
    stage->yield->len = before;
    bool is_dead = before == 0 &&
                   dead_put(stage, item, position, "what the rules say of this record has no room");
    return is_dead ? WORK_DONE : WORK_NO_ROOM;
}

static struct work_counts stage_counts(const void *context)
{
    const struct stage *stage = context;
    struct flow_counts counts = flow_counts(stage->flow);
    return (struct work_counts){.in = counts.in,
                                .out = counts.out,
                                .filtered = counts.filtered,
                                .dead = counts.dead,
                                .signals = counts.signals,
                                .undecided = counts.undecided,
                                .over_matches = counts.over_matches};
}

static err_kind stage_rules(void *context, int image_fd, struct err_ctx *err)
{
    struct stage *stage = context;
    return flow_rules(stage->flow, image_fd, err);
}

const struct stage_desc stage_detect = {.open = stage_open,
                                        .close = stage_close,
                                        .item = stage_item,
                                        .counts = stage_counts,
                                        .rules = stage_rules};
