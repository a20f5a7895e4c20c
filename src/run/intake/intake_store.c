/* The durable way in, and the rules' way from records to outputs. */
#include <stdio.h>
#include <string.h>

#include "core/clock.h"
#include "intake/intake_state.h"
#include "source/source.h"

#define CRASHES_MAX      3
#define PAYLOAD_CUT      (256u << 10)
#define RECORDS_A_LOOK   64 /* between looks at the clock */
#define POSITION_BYTES   128
#define RECORD_BYTES_MAX (TOPIC_RECORD_BYTES_MAX - sizeof KEY_CONTINUED)
#define LAG_SHARE        4 /* of the store: records that wait to be worked on */

/* ---- outputs ---- */

err_kind intake_letter_put(struct intake *intake, const char *reason, span position, span payload,
                           struct err_ctx *err)
{
    writer_reset(&intake->text);
    dead_letter_write_part(&intake->text, reason, "detect", intake->options.name, position, payload,
                           PAYLOAD_CUT);
    return topic_append(intake->log, TOPIC_DEAD, position, writer_span(&intake->text), NULL, err);
}

/* What is too large for a record is cut rather than lost: the position tells where the whole of it
 * stands. */
static err_kind output_cut(struct intake *intake, span key, struct err_ctx *err)
{
    return intake_letter_put(
        intake, "the record, or what it yields, is too large for a record of the store", key,
        (span){NULL, 0}, err);
}

/* flow_put. False: the transaction has failed. */
static bool output_put(void *context, enum flow_kind what, span key, span value)
{
    struct intake *intake = context;
    struct err_ctx *err = &intake->put_err;
    uint64_t offset;
    if (key.len + value.len > TOPIC_RECORD_BYTES_MAX) {
        intake->put_kind = output_cut(intake, key, err);
    } else if (what == FLOW_DEAD) {
        intake->put_kind = topic_append(intake->log, TOPIC_DEAD, key, value, NULL, err);
    } else {
        intake->put_kind = topic_append(intake->log, TOPIC_SIGNALS, key, value, &offset, err);
        struct state_signal row = *flow_row(intake->flow);
        row.offset = offset;
        if (!row.time_wall_ns) /* the event says none: when it came */
            row.time_wall_ns = intake->record_time_ns ? intake->record_time_ns : clock_wall_ns();
        if (intake->put_kind == OK)
            intake->put_kind = state_signal_put(intake->log, &row, err);
    }
    return intake->put_kind == OK;
}

static bool is_poison(const struct intake_crash *page, uint64_t id)
{
    return page->count >= CRASHES_MAX && page->crashed_position == id;
}

err_kind record_work(struct intake *intake, span record, span position, uint64_t id,
                     const char *fault, struct err_ctx *err)
{
    struct intake_crash *page = intake->options.crash;
    bool is_put;
    intake->has_changed = true;
    intake->worked_ns = clock_boot_ns();
    if (fault) {
        is_put = flow_dead(intake->flow, record, position, fault, output_put, intake);
    } else if (is_poison(page, id)) {
        is_put = flow_dead(intake->flow, record, position, "the record ended the engine 3 times",
                           output_put, intake);
    } else {
        page->position = id;
        page->is_inside = 1;
        is_put = flow_record(intake->flow, record, position, output_put, intake);
        page->is_inside = 0;
    }
    if (is_put)
        return OK;
    *err = intake->put_err;
    return intake->put_kind;
}

err_kind kept_flush(struct intake *intake, struct err_ctx *err)
{
    intake->has_changed = true;
    intake->worked_ns = clock_boot_ns();
    if (flow_flush(intake->flow, output_put, intake))
        return OK;
    *err = intake->put_err;
    return intake->put_kind;
}

/* ---- bodies to the topic of events ---- */

static err_kind record_store(struct intake *intake, span key, span record, struct err_ctx *err)
{
    intake->turn.accepted++;
    intake->turn.lag_bytes += record.len;
    return topic_append(intake->log, intake->topic, key, record, NULL, err);
}

static err_kind document_store(struct intake *intake, span rest, struct err_ctx *err)
{
    err_kind kind = OK;
    while (kind == OK && rest.len > RECORD_BYTES_MAX) {
        kind = record_store(intake, SPAN(KEY_CONTINUED), span_first(rest, RECORD_BYTES_MAX), err);
        rest = span_after(rest, RECORD_BYTES_MAX);
        intake->turn.accepted--;
    }
    return kind == OK ? record_store(intake, (span){NULL, 0}, rest, err) : kind;
}

/* One that no topic takes is a dead letter at once, under the number of its body. */
static err_kind large_bury(struct intake *intake, const struct intake_body *body, span record,
                           struct err_ctx *err)
{
    char position[POSITION_BYTES];
    snprintf(position, sizeof position, "http/%llx@%llu", (unsigned long long)intake->gateway,
             (unsigned long long)body->number);
    intake->turn.in++;
    intake->turn.dead++;
    return intake_letter_put(intake, "the record is larger than 1 MiB", span_str(position), record,
                             err);
}

/* A first look, for the answer: the rules' own look decides. */
static bool is_readable(struct intake *intake, span line)
{
    struct json_fault fault;
    return !intake->look || json_decode(intake->look, line, &fault);
}

static err_kind line_store(struct intake *intake, struct intake_body *body, span line,
                           struct err_ctx *err)
{
    bool is_large = line.len > TOPIC_RECORD_BYTES_MAX;
    body->records++;
    body->broken += is_large || !is_readable(intake, line);
    return is_large ? large_bury(intake, body, line, err)
                    : record_store(intake, (span){NULL, 0}, line, err);
}

static err_kind frames_store(struct intake *intake, struct intake_body *body, struct err_ctx *err)
{
    span rest = body->bytes, record;
    uint32_t len;
    err_kind kind = OK;
    while (kind == OK && rest.len) {
        if (!span_u32le(&rest, &len) || !span_take(&rest, len, &record))
            return err_set(err, ERR_STATE, "a body that is framed wrongly");
        kind = line_store(intake, body, record, err);
    }
    return kind;
}

static err_kind body_store(struct intake *intake, struct intake_body *body, struct err_ctx *err)
{
    span rest = body->bytes, line;
    err_kind kind = OK;
    body->records = body->broken = 0;
    if (body->is_framed)
        return frames_store(intake, body, err);
    if (intake->is_document) {
        body->records = 1;
        return document_store(intake, rest, err);
    }
    while (kind == OK && source_line_take(&rest, &line))
        kind = line_store(intake, body, line, err);
    return kind;
}

static bool is_behind(const struct intake *intake)
{
    uint64_t lag = intake->counts.lag_bytes + intake->turn.lag_bytes;
    uint64_t bound = intake->options.store_bytes_max / LAG_SHARE;
    return lag > bound;
}

err_kind bodies_store(struct intake *intake, struct intake_body *bodies, size_t count,
                      struct err_ctx *err)
{
    err_kind kind = OK;
    for (size_t index = 0; index < count && kind == OK; index++) {
        struct intake_body *body = &bodies[index];
        body->answer = INTAKE_BUSY;
        if (is_behind(intake))
            continue;
        kind = body_store(intake, body, err);
        body->answer = INTAKE_STORED;
        intake->body_last = body->number;
        intake->has_changed = true;
        intake->worked_ns = clock_boot_ns();
    }
    return kind;
}

/* ---- records of the topic of events ---- */

/* What the store's bound took before it was read. */
static err_kind gap_count(struct intake *intake, uint64_t offset, struct err_ctx *err)
{
    if (offset == intake->read_seen)
        return OK;
    writer_reset(&intake->record);
    return intake_dropped(intake, "trimmed", offset - intake->read_seen, err);
}

/* The record, or, of a document in parts, all of it once its last part is here. */
static bool is_whole(struct intake *intake, const struct topic_record *record, span *ret)
{
    bool is_last = !record->key.data;
    *ret = record->value;
    if (is_last && !intake->record.len)
        return true;
    if (!intake->record.len)
        intake->record_first = record->offset;
    writer_put(&intake->record, record->value);
    *ret = writer_span(&intake->record);
    return is_last;
}

/* Dead letters that were replayed into the topic were never counted as waiting. */
static void lag_bytes_take(struct intake *intake, uint64_t len)
{
    uint64_t waiting = intake->counts.lag_bytes + intake->turn.lag_bytes;
    intake->turn.lag_bytes -= len < waiting ? len : waiting;
}

static err_kind stored_work(struct intake *intake, const struct topic_record *record,
                            struct err_ctx *err)
{
    char position[POSITION_BYTES];
    span whole;
    err_kind kind = gap_count(intake, record->offset, err);
    intake->read_seen = record->offset + 1;
    lag_bytes_take(intake, record->value.len);
    if (kind != OK || !is_whole(intake, record, &whole))
        return kind;
    uint64_t offset = intake->record.len ? intake->record_first : record->offset;
    int len =
        snprintf(position, sizeof position, "%s@%llu", intake->topic, (unsigned long long)offset);
    intake->record_time_ns = record->time_wall_ns;
    kind = record_work(intake, whole, span_of(position, (size_t)len), offset, NULL, err);
    writer_reset(&intake->record);
    intake->read_next = record->offset + 1;
    return kind;
}

err_kind events_work(struct intake *intake, uint64_t until_ns, struct err_ctx *err)
{
    err_kind kind = OK;
    for (unsigned count = 1; kind == OK; count++) {
        struct topic_record record;
        bool is_end;
        kind = topic_reader_next(intake->events, &record, &is_end, err);
        if (kind != OK || is_end)
            break;
        kind = stored_work(intake, &record, err);
        bool is_between = !intake->record.len; /* documents: a turn ends behind a whole one */
        if (is_between && count % RECORDS_A_LOOK == 0 && clock_boot_ns() > until_ns)
            break;
    }
    return kind;
}
