#include "flow/flow.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "source/source.h"
#include "stage/stage.h"

#define OUTPUT_BYTES_MAX   (8u << 20)
#define ENTITY_BYTES_MAX   1200
#define POSITION_BYTES_MAX 512 /* events of a longer one all show it alike */

struct flow {
    struct flow_options options;
    struct source_decoder *decoder; /* NULL: a record is an event as it stands */
    struct detect *detect;
    struct writer output;
    struct state_signal row; /* of the signal at hand */
    struct flow_counts counts;
    uint64_t number;
};

/* ---- open and close ---- */

static err_kind source_open(struct flow *flow, struct err_ctx *err)
{
    span name = span_str(flow->options.source);
    const struct source *source = source_find(name);
    if (!source && !span_eq(name, SPAN("kernel")))
        return source_unknown(name, err);
    struct detect_options detect = {.hostname = flow->options.hostname,
                                    .source = source ? source->name : NULL,
                                    .logsource = flow->options.logsource,
                                    .entity_fields = flow->options.entity_fields};
    if (source)
        detect.time = source->time;
    if (source && !logsource_is_said(&detect.logsource))
        detect.logsource = source->logsource;
    err_kind kind = detect_open(&detect, &flow->detect, err);
    if (kind == OK && source && !source->is_plain)
        kind = source_decoder_open(source, &flow->decoder, err);
    return kind;
}

err_kind flow_open(const struct flow_options *options, struct flow **ret, struct err_ctx *err)
{
    struct flow *flow = calloc(1, sizeof *flow);
    *ret = NULL;
    if (!flow)
        return err_set(err, ERR_SYSTEM, "flow");
    flow->options = *options;
    if (!flow->options.name)
        flow->options.name = options->source;
    writer_init(&flow->output, OUTPUT_BYTES_MAX);
    err_kind kind = source_open(flow, err);
    if (kind != OK)
        flow_close(flow);
    else
        *ret = flow;
    return kind;
}

void flow_close(struct flow *flow)
{
    if (!flow)
        return;
    source_decoder_close(flow->decoder);
    detect_close(flow->detect);
    writer_free(&flow->output);
    free(flow);
}

err_kind flow_rules(struct flow *flow, int image_fd, struct err_ctx *err)
{
    return detect_rules(flow->detect, image_fd, err);
}

struct flow_counts flow_counts(const struct flow *flow)
{
    struct flow_counts counts = flow->counts;
    struct detect_counts detect = detect_counts(flow->detect);
    counts.undecided = detect.undecided;
    counts.over_matches = detect.over_matches;
    return counts;
}

void flow_save(const struct flow *flow, struct writer *out)
{
    if (flow->decoder)
        source_save(flow->decoder, out);
}

err_kind flow_load(struct flow *flow, span bytes, struct err_ctx *err)
{
    if (flow->decoder)
        return source_load(flow->decoder, bytes, err);
    return bytes.len ? err_set(err, ERR_INPUT, "this source keeps nothing") : OK;
}

/* ---- events ---- */

/* The events of one call, which count once all of them have been put. */
struct pass {
    struct flow *flow;
    flow_put put;
    void *context;
    struct flow_counts counts;
    char position[POSITION_BYTES_MAX]; /* of the event before */
    size_t position_len;
    uint64_t ordinal; /* of the event among those of its position */
    char shown[POSITION_BYTES_MAX + 24];
};

static struct pass pass_begin(struct flow *flow, flow_put put, void *context)
{
    return (struct pass){.flow = flow, .put = put, .context = context};
}

static bool pass_end(struct pass *pass, bool is_whole)
{
    struct flow_counts *total = &pass->flow->counts;
    if (!is_whole)
        return false;
    total->in += pass->counts.in;
    total->out += pass->counts.out;
    total->filtered += pass->counts.filtered;
    total->dead += pass->counts.dead;
    total->signals += pass->counts.signals;
    return true;
}

const struct state_signal *flow_row(const struct flow *flow)
{
    return &flow->row;
}

/* The position as it is shown, unlike that of any other event. */
static span position_shown(struct pass *pass, span position)
{
    bool is_same = pass->ordinal && span_eq(position, span_of(pass->position, pass->position_len));
    pass->ordinal = is_same ? pass->ordinal + 1 : 1;
    pass->position_len = position.len < sizeof pass->position ? position.len : 0;
    if (pass->position_len)
        memcpy(pass->position, position.data, position.len);
    if (!is_same)
        return position;
    int len = snprintf(pass->shown, sizeof pass->shown, "%.*s#%llu", (int)position.len,
                       (const char *)position.data, (unsigned long long)pass->ordinal);
    return span_of(pass->shown, (size_t)len);
}

static bool dead_run(struct pass *pass, span payload, span position, const char *reason)
{
    struct writer *output = &pass->flow->output;
    writer_reset(output);
    dead_letter_write(output, reason, "detect", pass->flow->options.name, position, payload);
    if (output->is_full) { /* the position tells where the whole of it stands */
        writer_reset(output);
        dead_letter_write(output, reason, "detect", pass->flow->options.name, position,
                          (span){NULL, 0});
    }
    if (!pass->put(pass->context, FLOW_DEAD, position, writer_span(output)))
        return false;
    pass->counts.in++;
    pass->counts.dead++;
    return true;
}

static bool fault_run(struct pass *pass, span payload, span position, size_t at, const char *why)
{
    char reason[ERR_TEXT_MAX + 32];
    snprintf(reason, sizeof reason, "column %zu: %s", at + 1, why);
    return dead_run(pass, payload, position, reason);
}

/* What the signal is keyed by: as its `entity`. */
static span entity_name(const struct flow *flow, const struct state_signal *row,
                        char ret[ENTITY_BYTES_MAX])
{
    span own = detect_entity(flow->detect);
    int len = own.data ? snprintf(ret, ENTITY_BYTES_MAX, PRI_SPAN, ARG_SPAN(own))
              : row->container.data
                  ? snprintf(ret, ENTITY_BYTES_MAX, "container:" PRI_SPAN, ARG_SPAN(row->container))
                  : snprintf(ret, ENTITY_BYTES_MAX, "host:%s", flow->options.hostname);
    return span_of(ret, len < ENTITY_BYTES_MAX ? (size_t)len : ENTITY_BYTES_MAX - 1);
}

static bool matches_run(struct pass *pass, span payload, span position, const uint32_t *matches,
                        size_t count)
{
    struct flow *flow = pass->flow;
    struct err_ctx err;
    for (size_t index = 0; index < count; index++) {
        char entity[ENTITY_BYTES_MAX];
        writer_reset(&flow->output);
        detect_position(flow->detect, position);
        if (detect_signal(flow->detect, matches[index], NULL, &flow->output, &flow->row, &err) !=
            OK)
            return dead_run(pass, payload, position, err.text);
        if (!pass->put(pass->context, FLOW_SIGNAL, entity_name(flow, &flow->row, entity),
                       writer_span(&flow->output)))
            return false;
        pass->counts.signals++;
    }
    pass->counts.in++;
    pass->counts.out += count > 0;
    pass->counts.filtered += count == 0;
    return true;
}

/* source_put */
static bool event_run(void *context, const struct source_event *event)
{
    struct pass *pass = context;
    struct flow *flow = pass->flow;
    struct err_ctx err;
    const uint32_t *matches;
    size_t count, fault_at = 0;
    span position = position_shown(pass, event->position);
    if (event->fault)
        return fault_run(pass, event->json, position, event->fault_at, event->fault);
    if (detect_line(flow->detect, event->json, ++flow->number, &matches, &count, &fault_at, &err) !=
        OK)
        return fault_run(pass, event->json, position, fault_at, err.text);
    return matches_run(pass, event->json, position, matches, count);
}

/* A decoder that keeps nothing between records is emptied when one of them failed midway. */
static bool frame_run(struct pass *pass, const struct source_frame *frame)
{
    struct flow *flow = pass->flow;
    if (!flow->decoder)
        return event_run(pass,
                         &(struct source_event){.json = frame->bytes, .position = frame->position});
    bool is_done = source_decode(flow->decoder, frame, event_run, pass);
    if (flow->options.is_record_whole) {
        struct err_ctx err;
        is_done = is_done && source_flush(flow->decoder, event_run, pass);
        if (!is_done && source_load(flow->decoder, SPAN(""), &err) != OK)
            return false;
    }
    return is_done;
}

bool flow_record(struct flow *flow, span record, span position, flow_put put, void *context)
{
    struct pass pass = pass_begin(flow, put, context);
    const struct source_frame frame = {.bytes = record, .position = position};
    bool is_done =
        record.data ? frame_run(&pass, &frame)
                    : fault_run(&pass, record, position, 0, "a tombstone: the record has no value");
    return pass_end(&pass, is_done);
}

bool flow_flush(struct flow *flow, flow_put put, void *context)
{
    struct pass pass = pass_begin(flow, put, context);
    return pass_end(&pass, !flow->decoder || source_flush(flow->decoder, event_run, &pass));
}

bool flow_dead(struct flow *flow, span record, span position, const char *reason, flow_put put,
               void *context)
{
    struct pass pass = pass_begin(flow, put, context);
    return pass_end(&pass, dead_run(&pass, record, position, reason));
}
