#include "flow/flow.h"

#include <stdio.h>
#include <stdlib.h>

#include "stage/stage.h"

#define OUTPUT_BYTES_MAX (8u << 20)
#define ENTITY_BYTES_MAX 512

struct flow {
    struct flow_options options;
    struct detect *detect;
    struct writer output;
    struct flow_counts counts;
    uint64_t number;
};

err_kind flow_open(const struct flow_options *options, struct flow **ret, struct err_ctx *err)
{
    struct flow *flow = calloc(1, sizeof *flow);
    *ret = NULL;
    if (!flow)
        return err_set(err, ERR_SYSTEM, "flow");
    flow->options = *options;
    writer_init(&flow->output, OUTPUT_BYTES_MAX);
    const struct detect_options detect = {.hostname = options->hostname,
                                          .is_json = options->is_json,
                                          .logsource = options->logsource};
    err_kind kind = detect_open(&detect, &flow->detect, err);
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
    counts.undecided = detect_counts(flow->detect).undecided;
    return counts;
}

bool flow_dead(struct flow *flow, span record, span position, const char *reason, flow_put put,
               void *context)
{
    writer_reset(&flow->output);
    dead_letter_write(&flow->output, reason, "detect", flow->options.source, position, record);
    if (!put(context, FLOW_DEAD, position, writer_span(&flow->output)))
        return false;
    flow->counts.in++;
    flow->counts.dead++;
    return true;
}

/* What the signal is keyed by: as its `entity`. */
static span entity_name(const struct flow *flow, const struct state_signal *row,
                        char ret[ENTITY_BYTES_MAX])
{
    int len = row->container.data
                  ? snprintf(ret, ENTITY_BYTES_MAX, "container:" PRI_SPAN, ARG_SPAN(row->container))
                  : snprintf(ret, ENTITY_BYTES_MAX, "host:%s", flow->options.hostname);
    return span_of(ret, len < ENTITY_BYTES_MAX ? (size_t)len : ENTITY_BYTES_MAX - 1);
}

bool flow_record(struct flow *flow, span record, span position, flow_put put, void *context)
{
    struct err_ctx err;
    const uint32_t *matches;
    size_t count, fault_at;
    char reason[ERR_TEXT_MAX + 32];
    err_kind kind =
        record.data ? OK : err_set(&err, ERR_INPUT, "a tombstone: the record has no value");
    fault_at = 0;
    if (kind == OK)
        kind = detect_line(flow->detect, record, ++flow->number, &matches, &count, &fault_at, &err);
    if (kind != OK) {
        snprintf(reason, sizeof reason, "column %zu: %s", fault_at + 1, err.text);
        return flow_dead(flow, record, position, reason, put, context);
    }
    uint64_t written = 0;
    for (size_t index = 0; index < count; index++) {
        struct state_signal row;
        char entity[ENTITY_BYTES_MAX];
        writer_reset(&flow->output);
        detect_position(flow->detect, position);
        if (detect_signal(flow->detect, matches[index], NULL, &flow->output, &row, &err) != OK)
            return flow_dead(flow, record, position, err.text, put, context);
        if (!put(context, FLOW_SIGNAL, entity_name(flow, &row, entity), writer_span(&flow->output)))
            return false;
        written++;
    }
    flow->counts.in++;
    flow->counts.out += count > 0;
    flow->counts.filtered += count == 0;
    flow->counts.signals += written;
    return true;
}

/* ---- dead letters ---- */

static bool is_utf8(span text)
{
    uint32_t code;
    while (text.len) {
        size_t len = utf8_length(text, &code);
        if (len == 0)
            return false;
        text = span_after(text, len);
    }
    return true;
}

/* RFC 4648 §4. */
static void base64_write(struct writer *out, span bytes)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t at = 0; at < bytes.len; at += 3) {
        size_t left = bytes.len - at;
        uint32_t group = (uint32_t)bytes.data[at] << 16;
        group |= left > 1 ? (uint32_t)bytes.data[at + 1] << 8 : 0;
        group |= left > 2 ? bytes.data[at + 2] : 0;
        writer_byte(out, (uint8_t)digits[group >> 18]);
        writer_byte(out, (uint8_t)digits[group >> 12 & 63]);
        writer_byte(out, left > 1 ? (uint8_t)digits[group >> 6 & 63] : '=');
        writer_byte(out, left > 2 ? (uint8_t)digits[group & 63] : '=');
    }
}

void dead_letter_write(struct writer *out, const char *reason, const char *stage,
                       const char *source, span position, span payload)
{
    writer_text(out, "{\"reason\":");
    writer_json_string(out, span_str(reason));
    writer_text(out, ",\"stage\":");
    writer_json_string(out, span_str(stage));
    writer_text(out, ",\"source\":");
    writer_json_string(out, span_str(source));
    writer_text(out, ",\"position\":");
    writer_json_string(out, position);
    writer_text(out, ",\"payload\":");
    if (payload.data)
        writer_json_string(out, payload);
    else
        writer_text(out, "null");
    if (payload.data && !is_utf8(payload)) {
        writer_text(out, ",\"payload_base64\":\"");
        base64_write(out, payload);
        writer_byte(out, '"');
    }
    writer_byte(out, '}');
}
