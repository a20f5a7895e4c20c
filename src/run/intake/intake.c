/* Opening, and the turn: bodies, records, commit, lines, alerts. */
#include <stdio.h>
#include <stdlib.h>

#include "core/clock.h"
#include "intake/intake_state.h"
#include "source/source.h"

#define TEXT_BYTES_MAX     (8u << 20)
#define DOCUMENT_BYTES_MAX (32u << 20)
#define WORK_NS            10000000ull  /* on records, while nobody waits for an answer longer */
#define RETRY_NS           300000000ull /* between attempts on a store that refuses */
#define CORRELATE_NS       20000000ull
#define CORRELATE_IDLE_NS  1000000000ull
#define STATUS_NS          1000000000ull
#define FLUSH_NS           5000000000ull /* an event in parts waits so long for the next one */
#define KEPT_BYTES_MAX     (64u << 20)

/* Was the last engine inside a record when it ended? Then that record is suspect. */
static void crash_look(struct intake_crash *page)
{
    if (!page->is_inside)
        return;
    bool is_same = page->count > 0 && page->crashed_position == page->position;
    page->count = is_same ? page->count + 1 : 1;
    page->crashed_position = page->position;
    page->is_inside = 0;
}

static err_kind positions_load(struct intake *intake, struct err_ctx *err)
{
    struct topic_info events, signals;
    bool is_known;
    err_kind kind = topic_info_get(intake->log, intake->topic, &events, err);
    if (kind == OK)
        kind = topic_info_get(intake->log, TOPIC_SIGNALS, &signals, err);
    if (kind == OK)
        kind = topic_position_get(intake->log, "detect", span_str(intake->topic),
                                  &intake->read_committed, &is_known, err);
    if (kind != OK)
        return kind;
    intake->read_next = intake->read_seen = intake->read_committed;
    intake->events_end = events.end;
    intake->signal_end = signals.end;
    intake->lines.next = intake->options.has_lines ? intake->options.line_next : signals.end;
    return topic_reader_open(intake->log, intake->topic, intake->read_next, &intake->events, err);
}

err_kind intake_open(const struct intake_options *options, struct intake **ret, struct err_ctx *err)
{
    struct intake *intake = calloc(1, sizeof *intake);
    *ret = NULL;
    if (!intake)
        return err_set(err, ERR_SYSTEM, "intake");
    intake->options = *options;
    snprintf(intake->topic, sizeof intake->topic, "events.%s", options->name);
    writer_init(&intake->text, TEXT_BYTES_MAX);
    intake->lines = (struct line_tail){.is_json = !options->is_text,
                                       .shows_shadow = options->shows_shadow,
                                       .take = options->line,
                                       .context = options->context};
    line_tail_open(&intake->lines);
    writer_init(&intake->record, DOCUMENT_BYTES_MAX);
    writer_init(&intake->kept, KEPT_BYTES_MAX);
    writer_init(&intake->kept_next, KEPT_BYTES_MAX);
    const struct source *source = source_find(span_str(options->source));
    intake->is_document = source && source->framing == SOURCE_DOCUMENT;
    intake->is_joining = source && source->is_joining;
    crash_look(options->crash);
    const struct flow_options flow = {.hostname = options->hostname,
                                      .source = options->source,
                                      .name = options->name,
                                      .logsource = options->logsource};
    const struct topic_options store = {.size_bytes_max = options->store_bytes_max};
    const struct alert_options alerts = {0}; /* defaults */
    err_kind kind = flow_open(&flow, &intake->flow, err);
    if (kind == OK && source && source->is_plain)
        kind = json_decoder_open(&intake->look_at, &intake->look, err);
    if (kind == OK)
        kind = topic_log_open(options->store_fd, &store, &intake->log, err);
    if (kind == OK)
        kind = positions_load(intake, err);
    if (kind == OK)
        kind = counters_load(intake, err);
    if (kind == OK)
        kind = kept_load(intake, err);
    if (kind == OK)
        kind = silence_load(intake, err);
    if (kind == OK)
        kind = alert_stage_open(intake->log, &alerts, &intake->alerts, err);
    if (kind != OK)
        intake_close(intake);
    else
        *ret = intake;
    return kind;
}

void intake_close(struct intake *intake)
{
    if (!intake)
        return;
    alert_stage_close(intake->alerts);
    topic_reader_close(intake->events);
    topic_log_close(intake->log);
    flow_close(intake->flow);
    json_decoder_close(intake->look);
    writer_free(&intake->text);
    line_tail_close(&intake->lines);
    writer_free(&intake->record);
    writer_free(&intake->kept);
    writer_free(&intake->kept_next);
    free(intake);
}

err_kind intake_rules(struct intake *intake, int image_fd, struct err_ctx *err)
{
    return flow_rules(intake->flow, image_fd, err);
}

/* ---- in place ---- */

uint64_t intake_epoch(const struct intake *intake)
{
    return intake->epoch;
}

/* A failure inside the turn's transaction undoes it; it is no failure of the caller's. */
static err_kind settled(struct intake *intake, err_kind kind, const struct err_ctx *err)
{
    if (kind == OK || kind == ERR_STATE)
        return kind;
    turn_undo(intake, err);
    return OK;
}

static bool is_waiting(const struct intake *intake)
{
    return intake->refused_ns && clock_boot_ns() - intake->refused_ns < RETRY_NS;
}

/* Opens the turn's transaction; not while the store is left alone: then the epoch ends. */
static err_kind turn_join(struct intake *intake, bool *ret_is_open, struct err_ctx *err)
{
    err_kind kind = OK;
    if (!intake->is_open && is_waiting(intake))
        intake->epoch++;
    else if (!intake->is_open)
        kind = settled(intake, turn_begin(intake, false, err), err);
    *ret_is_open = intake->is_open;
    return kind;
}

err_kind intake_feed(struct intake *intake, const struct intake_frame *frame, struct err_ctx *err)
{
    bool is_open;
    err_kind kind = turn_join(intake, &is_open, err);
    if (kind != OK || !is_open)
        return kind;
    uint64_t id = 14695981039346656037u; /* FNV-1a of the position's text */
    for (size_t index = 0; index < frame->position.len; index++)
        id = (id ^ frame->position.data[index]) * 1099511628211u;
    return settled(intake,
                   record_work(intake, frame->bytes, frame->position, id, frame->fault, err), err);
}

err_kind intake_note(struct intake *intake, span key, span value, struct err_ctx *err)
{
    bool is_open;
    err_kind kind = turn_join(intake, &is_open, err);
    if (kind != OK || !is_open)
        return kind;
    intake->has_changed = true;
    return settled(intake, topic_state_put(intake->log, "feed", key, value, err), err);
}

err_kind intake_noted(struct intake *intake, span key, span *ret_value, struct err_ctx *err)
{
    return topic_state_get(intake->log, "feed", key, ret_value, err);
}

err_kind intake_noted_next(struct intake *intake, span after, span *ret_key, span *ret_value,
                           struct err_ctx *err)
{
    return topic_state_next(intake->log, "feed", after, ret_key, ret_value, err);
}

/* ---- the turn ---- */

static bool is_status_due(const struct intake *intake, uint64_t now_ns)
{
    return intake->is_status_old && now_ns - intake->status_ns >= STATUS_NS;
}

static bool is_kept_old(const struct intake *intake, uint64_t now_ns)
{
    return intake->kept.len && now_ns - intake->worked_ns >= FLUSH_NS;
}

static void bodies_answer(struct intake_body *bodies, size_t count, enum intake_answer answer)
{
    for (size_t index = 0; index < count; index++)
        bodies[index].answer = answer;
}

/* The transaction. */
static err_kind work(struct intake *intake, struct intake_body *bodies, size_t count,
                     struct err_ctx *err)
{
    uint64_t now_ns = clock_boot_ns();
    bool has_records = intake->read_next < intake->events_end;
    bool is_flush_due = is_kept_old(intake, now_ns);
    bool is_silence_due = silence_is_due(intake, now_ns);
    bool is_age_due = age_is_due(intake, now_ns);
    err_kind kind = OK;
    if (!count && !has_records && !is_flush_due && !is_silence_due && !is_age_due &&
        !intake->is_open && !is_status_due(intake, now_ns))
        return OK;
    if (intake->is_open && count) /* what was fed need not wait for the disk; bodies must */
        kind = turn_commit(intake, err);
    if (kind == OK && !intake->is_open)
        kind = turn_begin(intake, count > 0, err);
    if (kind == OK && count)
        kind = bodies_store(intake, bodies, count, err);
    if (kind == OK && has_records)
        kind = events_work(intake, now_ns + WORK_NS, err);
    else if (kind == OK && is_flush_due)
        kind = kept_flush(intake, err);
    if (kind == OK && is_silence_due && !intake->has_changed)
        kind = silence_tell(intake, err);
    if (kind == OK && is_age_due)
        kind = age_apply(intake, now_ns, err);
    return kind == OK ? turn_commit(intake, err) : kind;
}

static err_kind correlate(struct intake *intake, struct err_ctx *err)
{
    uint64_t now_ns = clock_boot_ns(), end = intake->signal_end;
    uint64_t pause_ns = intake->correlated_end < end ? CORRELATE_NS : CORRELATE_IDLE_NS;
    uint32_t count;
    if (intake->refused_ns || now_ns - intake->correlated_ns < pause_ns)
        return OK;
    intake->correlated_ns = now_ns;
    err_kind kind = alert_stage_step(intake->alerts, clock_wall_ns(), &count, err);
    if (kind == OK && count == 0)
        intake->correlated_end = end;
    return kind;
}

err_kind intake_turn(struct intake *intake, struct intake_body *bodies, size_t count,
                     enum intake_next *ret_next, struct err_ctx *err)
{
    err_kind kind = OK;
    bodies_answer(bodies, count, INTAKE_REFUSED);
    if (intake->is_open || !is_waiting(intake))
        kind = settled(intake, work(intake, bodies, count, err), err);
    if (intake->refused_ns)
        bodies_answer(bodies, count, INTAKE_REFUSED);
    if (kind == OK)
        kind = settled(intake, correlate(intake, err), err);
    if (kind == OK)
        kind = line_tail_catch_up(&intake->lines, intake->log, intake->signal_end, err);
    bool has_more = intake->read_next < intake->events_end;
    if (has_more && !intake->refused_ns)
        *ret_next = INTAKE_AGAIN;
    else if (has_more || intake->refused_ns || intake->lines.next < intake->signal_end ||
             intake->correlated_end < intake->signal_end)
        *ret_next = INTAKE_SOON;
    else
        *ret_next = INTAKE_IDLE;
    return kind;
}

bool intake_is_done(const struct intake *intake)
{
    return !intake->is_open && intake->read_next >= intake->events_end &&
           intake->lines.next >= intake->signal_end && intake->correlated_end >= intake->signal_end;
}

const char *intake_trouble(const struct intake *intake)
{
    return intake->refused_ns ? intake->trouble : NULL;
}

uint64_t intake_line_next(const struct intake *intake)
{
    return intake->lines.next;
}

uint64_t intake_line_end(const struct intake *intake)
{
    return intake->signal_end;
}
