/* The audit log of Linux, as auditd writes it. The records of an event are lines of their own,
 * other events' lines between them, and come together by msg=audit(TIME:SERIAL).
 *
 * An event is whole with its EOE or PROCTITLE record (auditd writes no EOE into its file), or when
 * another record is AUDIT_SECONDS later than it. At most AUDIT_OPEN_MAX are kept open: the oldest
 * has to go then, as it is. Its fields are those of all its records; a key that several have is an
 * array, in their order. */
#include "source/auditd.h"

#include <stdlib.h>

#include "core/cleanup.h"

#define AUDIT_OPEN_MAX 64
#define AUDIT_SECONDS  2
#define POSITION_MAX   512
#define NODE_MAX       256
#define TYPES_MAX      64

struct audit_event {
    struct writer records; /* lines; is_full: some are missing */
    struct audit_id id;    /* its node: the next */
    uint8_t node[NODE_MAX];
    uint8_t position[POSITION_MAX];
    size_t position_len;
};

struct audit_state {
    struct audit_event events[AUDIT_OPEN_MAX]; /* oldest first */
    size_t count;
    struct audit_fields fields;
};

/* ---- events ---- */

static bool id_eq(const struct audit_event *event, const struct audit_id *id)
{
    return event->id.serial == id->serial && event->id.seconds == id->seconds &&
           event->id.milliseconds == id->milliseconds &&
           span_eq(span_of(event->node, event->id.node.len), id->node);
}

/* Takes a line without its end; false: there is none. */
static bool line_take(span *rest, span *ret)
{
    if (!rest->len)
        return false;
    if (!span_until(rest, '\n', ret)) {
        *ret = *rest;
        *rest = span_after(*rest, rest->len);
    }
    if (span_ends(*ret, SPAN("\r")))
        ret->len--;
    return true;
}

static void head_write(struct writer *out, const struct audit_record *record)
{
    if (record->id.node.data)
        member_text(out, "node", record->id.node);
    member_text(out, "msg", record->msg);
    member_begin(out, SPAN("timestamp"));
    writer_byte(out, '"');
    writer_time(out, record->id.seconds * 1000000000u + record->id.milliseconds * 1000000u);
    writer_byte(out, '"');
    member_number(out, "serial", record->id.serial);
}

/* Each type once, in the order of their first records. */
static void type_write(struct writer *out, span types[TYPES_MAX], size_t *count, span type)
{
    for (size_t index = 0; index < *count; index++)
        if (span_eq(types[index], type))
            return;
    writer_text(out, *count ? "," : "");
    if (*count < TYPES_MAX)
        types[(*count)++] = type;
    writer_json_string(out, type);
}

static void records_write(struct audit_fields *fields, struct writer *out, span records)
{
    struct audit_record record;
    const char *reason;
    span types[TYPES_MAX], line, rest = records;
    size_t type_count = 0;
    writer_byte(out, '{');
    for (bool is_first = true; line_take(&rest, &line); is_first = false) {
        if (!audit_record_read(line, &record, &reason))
            continue;
        if (is_first) {
            head_write(out, &record);
            writer_text(out, ",\"type\":[");
        }
        type_write(out, types, &type_count, record.type);
        audit_fields_add(fields, &record);
    }
    writer_byte(out, ']');
    audit_fields_write(fields, out);
    writer_byte(out, '}');
}

/* records: at least one, all of which can be read. */
static bool event_put(struct source_decoder *decoder, span records, span position, source_put put,
                      void *context)
{
    struct audit_state *state = decoder->state;
    const struct source_frame frame = {.bytes = records, .position = position};
    arena_reset(&decoder->arena);
    writer_reset(&decoder->out);
    audit_fields_reset(&state->fields);
    records_write(&state->fields, &decoder->out, records);
    if (state->fields.is_over)
        return fault_put(&frame, records, 0, "out of memory", put, context);
    return written_put(decoder, &frame, records, put, context);
}

static bool open_put(struct source_decoder *decoder, const struct audit_event *event,
                     source_put put, void *context)
{
    span position = span_of(event->position, event->position_len);
    span records = writer_span(&event->records);
    const struct source_frame frame = {.bytes = records, .position = position};
    if (event->records.is_full)
        return fault_put(&frame, records, 0, "out of memory", put, context);
    return event_put(decoder, records, position, put, context);
}

/* ---- what is kept ---- */

static void event_remove(struct audit_state *state, size_t index)
{
    struct writer records = state->events[index].records;
    for (size_t at = index; at + 1 < state->count; at++)
        state->events[at] = state->events[at + 1];
    state->count--;
    writer_reset(&records);
    state->events[state->count] = (struct audit_event){.records = records};
}

static void line_keep(struct audit_event *event, span line)
{
    writer_put(&event->records, line);
    writer_byte(&event->records, '\n');
}

static struct audit_event *event_new(struct audit_state *state, const struct audit_id *id,
                                     span position)
{
    struct audit_event *event = &state->events[state->count++];
    if (!event->records.data)
        writer_init(&event->records, 2 * AUDIT_EVENT_MAX);
    event->id = *id;
    if (id->node.len)
        memcpy(event->node, id->node.data, id->node.len);
    event->position_len = position.len < POSITION_MAX ? position.len : 0;
    if (event->position_len)
        memcpy(event->position, position.data, position.len);
    return event;
}

/* ---- lines ---- */

/* What a line does to the events that are open. All that goes out does so before any of it is
 * forgotten: when put has no room, nothing has happened. */
struct step {
    struct source_decoder *decoder;
    struct audit_state *state;
    span line, position;
    struct audit_record record;
    size_t open; /* the event that the line belongs to; the count: none */
    bool is_gone[AUDIT_OPEN_MAX];
};

static bool gone_put(struct step *step, source_put put, void *context)
{
    struct audit_state *state = step->state;
    const struct audit_id *id = &step->record.id;
    size_t kept = 0;
    for (size_t index = 0; index < state->count; index++) {
        step->is_gone[index] =
            index != step->open && id->seconds > state->events[index].id.seconds + AUDIT_SECONDS;
        kept += !step->is_gone[index];
    }
    if (step->open == state->count && kept == AUDIT_OPEN_MAX)
        step->is_gone[0] = true;
    for (size_t index = 0; index < state->count; index++)
        if (step->is_gone[index] && !open_put(step->decoder, &state->events[index], put, context))
            return false;
    return true;
}

/* The event that the line completes, if it does. */
static bool whole_put(struct step *step, bool *ret_is_whole, source_put put, void *context)
{
    struct writer *whole = &step->decoder->head;
    bool is_open = step->open < step->state->count;
    bool is_end = span_eq(step->record.type, SPAN("EOE"));
    const struct audit_event *event = is_open ? &step->state->events[step->open] : NULL;
    *ret_is_whole = is_end || audit_record_is_last(step->record.type) ||
                    !audit_record_is_joined(step->record.type) ||
                    (event && event->records.len + step->line.len > AUDIT_EVENT_MAX);
    if (!*ret_is_whole || (!is_open && is_end))
        return true;
    if (is_end)
        return open_put(step->decoder, event, put, context);
    if (!is_open)
        return event_put(step->decoder, step->line, step->position, put, context);
    if (event->records.is_full)
        return open_put(step->decoder, event, put, context);
    writer_reset(whole);
    writer_put(whole, writer_span(&event->records));
    writer_put(whole, step->line);
    return event_put(step->decoder, writer_span(whole),
                     span_of(event->position, event->position_len), put, context);
}

static void step_keep(struct step *step, bool is_whole)
{
    struct audit_state *state = step->state;
    if (step->open < state->count) {
        if (is_whole)
            step->is_gone[step->open] = true;
        else
            line_keep(&state->events[step->open], step->line);
        is_whole = true;
    }
    for (size_t index = state->count; index-- > 0;)
        if (step->is_gone[index])
            event_remove(state, index);
    if (!is_whole)
        line_keep(event_new(state, &step->record.id, step->position), step->line);
}

static bool line_run(struct source_decoder *decoder, span line, span position, source_put put,
                     void *context)
{
    const struct source_frame frame = {.bytes = line, .position = position};
    struct step step = {
        .decoder = decoder, .state = decoder->state, .line = line, .position = position};
    const char *reason;
    bool is_whole;
    if (!audit_record_read(line, &step.record, &reason))
        return fault_put(&frame, line, 0, reason, put, context);
    if (line.len > AUDIT_EVENT_MAX)
        return fault_put(&frame, line, 0, "the record is over 1 MiB", put, context);
    while (step.open < step.state->count && !id_eq(&step.state->events[step.open], &step.record.id))
        step.open++;
    if (!gone_put(&step, put, context) || !whole_put(&step, &is_whole, put, context))
        return false;
    step_keep(&step, is_whole);
    return true;
}

/* ---- the source ---- */

static bool state_need(struct source_decoder *decoder)
{
    struct audit_state *state = decoder->state;
    if (state)
        return true;
    state = calloc(1, sizeof *state);
    if (!state)
        return false;
    audit_fields_init(&state->fields, &decoder->arena);
    decoder->state = state;
    return true;
}

static void state_close(struct source_decoder *decoder)
{
    struct audit_state *state = decoder->state;
    for (size_t index = 0; state && index < AUDIT_OPEN_MAX; index++)
        writer_free(&state->events[index].records);
    if (state)
        audit_fields_free(&state->fields);
    free(state);
    decoder->state = NULL;
}

static void length_put(struct writer *out, size_t len)
{
    const uint8_t bytes[4] = {(uint8_t)len, (uint8_t)(len >> 8), (uint8_t)(len >> 16),
                              (uint8_t)(len >> 24)};
    writer_put(out, span_of(bytes, sizeof bytes));
}

static void state_save(const struct source_decoder *decoder, struct writer *out)
{
    const struct audit_state *state = decoder->state;
    for (size_t index = 0; state && index < state->count; index++) {
        const struct audit_event *event = &state->events[index];
        length_put(out, event->position_len);
        writer_put(out, span_of(event->position, event->position_len));
        length_put(out, event->records.len);
        writer_put(out, writer_span(&event->records));
    }
}

static bool part_take(span *rest, size_t len_max, span *ret)
{
    uint32_t len;
    return span_u32le(rest, &len) && len <= len_max && span_take(rest, len, ret);
}

static err_kind state_load(struct source_decoder *decoder, span bytes, struct err_ctx *err)
{
    state_close(decoder);
    if (bytes.len && !state_need(decoder))
        return err_set(err, ERR_SYSTEM, "what is kept of the audit log");
    while (bytes.len) {
        struct audit_state *state = decoder->state;
        struct audit_record record;
        const char *reason;
        span position, records, line, rest;
        bool is_right = state->count < AUDIT_OPEN_MAX &&
                        part_take(&bytes, POSITION_MAX - 1, &position) &&
                        part_take(&bytes, 2 * AUDIT_EVENT_MAX, &records);
        rest = is_right ? records : (span){NULL, 0};
        if (!line_take(&rest, &line) || !audit_record_read(line, &record, &reason)) {
            state_close(decoder);
            return err_set(err, ERR_INPUT, "not what was kept of an audit log");
        }
        writer_put(&event_new(state, &record.id, position)->records, records);
    }
    return OK;
}

static bool decode(struct source_decoder *decoder, const struct source_frame *frame, source_put put,
                   void *context)
{
    AUTO(writer_free) struct writer before;
    struct err_ctx err;
    span rest = frame->bytes, line;
    bool is_done = true, has_lines;
    if (!state_need(decoder))
        return fault_put(frame, frame->bytes, 0, "out of memory", put, context);
    writer_init(&before, AUDIT_OPEN_MAX * (2 * AUDIT_EVENT_MAX + 2 * POSITION_MAX));
    if (!rest.len)
        return fault_put(frame, rest, 0, "the line is empty", put, context);
    (void)line_take(&rest, &line);
    has_lines = rest.len > 0; /* they all count, or none */
    if (has_lines)
        state_save(decoder, &before);
    is_done = line_run(decoder, line, frame->position, put, context);
    while (is_done && line_take(&rest, &line))
        if (line.len)
            is_done = line_run(decoder, line, frame->position, put, context);
    if (!is_done && has_lines && state_load(decoder, writer_span(&before), &err) != OK)
        state_close(decoder);
    return is_done;
}

static bool flush(struct source_decoder *decoder, source_put put, void *context)
{
    struct audit_state *state = decoder->state;
    for (size_t index = 0; state && index < state->count; index++)
        if (!open_put(decoder, &state->events[index], put, context))
            return false;
    while (state && state->count)
        event_remove(state, state->count - 1);
    return true;
}

const struct source source_auditd = {
    .name = "auditd",
    .summary = "Linux's audit log: its records joined into events",
    .framing = SOURCE_LINES,
    .logsource = {.product = {(const uint8_t *)"linux", 5},
                  .service = {(const uint8_t *)"auditd", 6}},
    .is_joining = true,
    .decode = decode,
    .flush = flush,
    .close = state_close,
    .save = state_save,
    .load = state_load,
};
