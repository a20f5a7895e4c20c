/* The live loop. A turn reads what the ring holds (bounded), puts what it yields into the outbox,
 * commits, gives the ring's space back, and hands the lines on. */
#include <poll.h>
#include <string.h>

#include "core/cleanup.h"
#include "core/clock.h"
#include "core/log.h"
#include "pipeline/live_state.h"
#include "pipeline/prefilter.h"

#define BATCH_RECORDS_MAX 8192
#define BATCH_NS_MAX      50000000ull
#define RETRY_NS          500000000ull /* between attempts to commit on a full disk */
#define SCRATCH_BYTES_MAX (4u << 20)
#define CORRELATE_NS      20000000ull
#define CORRELATE_IDLE_NS 1000000000ull
#define DRAIN_PAUSE_MS    2
#define QUIET_NS          250000000ull /* records without a signal wait for so long */
#define HELD_BYTES_MAX    (1u << 20)   /* or until there are so many */

/* Where to go on: after what the supervisor has printed, or, for a first engine, after what earlier
 * runs left in the store. */
static err_kind ends_read(struct live *live, struct err_ctx *err)
{
    struct topic_info signals, evidence;
    err_kind kind = topic_info_get(live->log, "signals", &signals, err);
    if (kind == OK)
        kind = topic_info_get(live->log, "evidence", &evidence, err);
    if (kind != OK)
        return kind;
    live->evidence_next = evidence.end;
    live->signal_end = signals.end;
    live->lines.next = live->options.has_lines ? live->options.line_next : signals.end;
    return OK;
}

err_kind live_open(const struct live_options *options, struct live **ret, struct err_ctx *err)
{
    struct live *live = calloc(1, sizeof *live);
    if (!live)
        return err_set(err, ERR_SYSTEM, "pipeline");
    live->options = *options;
    outbox_init(&live->outbox);
    live->lines = (struct line_tail){.is_json = options->is_json,
                                     .is_colour = options->is_colour,
                                     .shows_shadow = options->shows_shadow,
                                     .take = options->line,
                                     .context = options->context};
    line_tail_open(&live->lines);
    writer_init(&live->scratch, SCRATCH_BYTES_MAX);
    writer_init(&live->hooks, 1u << 20);
    world_open(live);
    struct alert_options alerts = {0}; /* defaults */
    struct topic_options store = {.size_bytes_max = options->store_bytes_max};
    struct detect_options detect = {
        .hostname = options->hostname, .open = options->open, .context = options->context};
    err_kind kind = detect_open(&detect, &live->detect, err);
    if (kind == OK)
        kind = topic_log_open(options->store_fd, &store, &live->log, err);
    if (kind == OK)
        kind = ends_read(live, err);
    if (kind == OK)
        kind = alert_stage_open(live->log, &alerts, &live->alerts, err);
    if (kind != OK)
        live_close(live);
    else
        *ret = live;
    return kind;
}

void live_close(struct live *live)
{
    if (!live)
        return;
    recording_end(live);
    ring_close(live->ring);
    alert_stage_close(live->alerts);
    topic_log_close(live->log);
    detect_close(live->detect);
    outbox_free(&live->outbox);
    line_tail_close(&live->lines);
    writer_free(&live->scratch);
    writer_free(&live->hooks);
    world_close(live);
    free(live);
}

err_kind live_rules(struct live *live, int image_fd, struct err_ctx *err)
{
    return detect_rules(live->detect, image_fd, err);
}

void live_wants(const struct live *live, uint8_t ret_wants[128])
{
    const struct rule_program *program = detect_program(live->detect);
    for (uint16_t type = 0; type < 128; type++) {
        const char *name = event_type_name(type);
        bool is_wanted = live->options.record_fd >= 0 ||
                         (program && name && rule_program_wants(program, span_str(name)));
        ret_wants[type] = name && is_wanted;
    }
}

err_kind live_prefilter(struct live *live, struct prefilter *ret, struct err_ctx *err)
{
    *ret = (struct prefilter){0};
    if (live->options.record_fd >= 0 || !detect_program(live->detect))
        return OK;
    err_kind kind = prefilter_make(detect_program(live->detect), ret, err);
    live->has_filter = ret->filter.excludes;
    live->filter_rule = ret->keeps_rule;
    return kind;
}

/* ---- the ring ---- */

/* Was the last engine inside a record of this ring when it ended? Then that record is suspect. */
static void crash_look(struct live *live)
{
    struct crash_page *page = live->options.crash;
    if (!page->is_inside)
        return;
    bool is_same = page->ring_id == ring_id(live->ring) && page->count > 0 &&
                   page->crashed_position == page->position;
    page->count = is_same ? page->count + 1 : 1;
    page->crashed_position = page->position;
    page->is_inside = 0;
    log_event(LOG_WARN, "crash_record", "position=%llu count=%llu",
              (unsigned long long)page->position, (unsigned long long)page->count);
}

err_kind live_attach(struct live *live, int ring_fd, int control_fd, bool *ret_is_new,
                     struct err_ctx *err)
{
    struct ring *ring;
    err_kind kind = ring_open(ring_fd, control_fd, &ring, err);
    if (kind != OK)
        return kind;
    if (live->ring && ring_id(live->ring) == ring_id(ring)) { /* a new sensor, the same ring */
        ring_close(ring);
        *ret_is_new = false;
        return OK;
    }
    ring_close(live->ring);
    live->ring = ring;
    live->cursor = ring_position(ring);
    uint64_t id = ring_id(ring), position = 0;
    bool is_known = false;
    kind =
        topic_position_get(live->log, "detect", span_of(&id, sizeof id), &position, &is_known, err);
    *ret_is_new = !is_known;
    crash_look(live);
    if (kind == OK)
        kind = own_load(live, err);
    if (kind == OK && is_known) {
        /* committed, though perhaps not yet given back: never processed twice */
        if (position > live->cursor && !ring_seek(ring, position))
            return err_set(err, ERR_STATE, "the store's position is not in this ring");
        live->cursor = position > live->cursor ? position : live->cursor;
        ring_release(ring, live->cursor);
        kind = world_load(live, err);
        if (kind == OK && live->options.record_fd >= 0 && !live->recording)
            kind = recording_resume(live, err);
    } else if (kind == OK) {
        kind = world_restart(live, err);
    }
    return kind;
}

err_kind live_tasks(struct live *live, int tasks_fd, struct err_ctx *err)
{
    err_kind kind = detect_tasks(live->detect, tasks_fd, err);
    if (kind == OK && live->options.record_fd >= 0 && !live->recording)
        kind = recording_start(live, err);
    return kind;
}

void live_note_hooks(struct live *live, span hooks_json)
{
    writer_reset(&live->hooks);
    writer_put(&live->hooks, hooks_json);
}

/* ---- one record ---- */

static bool is_poison(const struct live *live, uint64_t position)
{
    const struct crash_page *page = live->options.crash;
    return page->count >= CRASHES_MAX && page->crashed_position == position &&
           page->ring_id == ring_id(live->ring);
}

static void dead_letter(struct live *live, span record, uint64_t position, const char *reason)
{
    writer_reset(&live->scratch);
    writer_text(&live->scratch, "{\"reason\":");
    writer_json_string(&live->scratch, span_str(reason));
    writer_format(&live->scratch,
                  ",\"stage\":\"detect\",\"source\":\"kernel\",\"position\":\"ring/%llu@%llu\","
                  "\"payload\":\"",
                  (unsigned long long)ring_id(live->ring), (unsigned long long)position);
    for (size_t index = 0; index < record.len && index < 4096; index++)
        writer_format(&live->scratch, "%02x", record.data[index]);
    writer_text(&live->scratch, "\"}");
    if (!outbox_put(&live->outbox, OUTBOX_DEAD, SPAN("kernel"), writer_span(&live->scratch), NULL))
        live->lost++;
}

/* The raw record, once for all its signals. False: no room. */
static bool evidence_put(struct live *live, span record)
{
    uint64_t number = live->number;
    if (!outbox_put(&live->outbox, OUTBOX_EVIDENCE, span_of(&number, sizeof number), record, NULL))
        return false;
    live->evidence_next++;
    return true;
}

static void matches_emit(struct live *live, const uint32_t *matches, size_t count, span record)
{
    uint64_t evidence = live->evidence_next;
    if (count == 0)
        return;
    bool has_evidence = evidence_put(live, record);
    for (size_t index = 0; index < count; index++) {
        struct state_signal row;
        struct err_ctx err = {.text = "the outbox is full"};
        writer_reset(&live->scratch);
        err_kind kind = detect_signal(live->detect, matches[index], has_evidence ? &evidence : NULL,
                                      &live->scratch, &row, &err);
        span json = writer_span(&live->scratch);
        if (kind == OK && outbox_put(&live->outbox, OUTBOX_SIGNAL, SPAN("host"), json, &row))
            live->signals++;
        else
            dead_letter(live, record, live->cursor, err.text);
    }
}

static void record_process(struct live *live, span record, uint64_t position)
{
    struct err_ctx err;
    const uint32_t *matches;
    size_t count;
    live->number++;
    if (is_poison(live, position)) {
        dead_letter(live, record, position, "ended the engine three times");
        return;
    }
    if (detect_record(live->detect, record, live->number, &matches, &count, &err) != OK) {
        dead_letter(live, record, position, err.text);
        return;
    }
    if (live->recording)
        recording_add(live, record);
    matches_emit(live, matches, count, record);
}

/* Returns how many records were read. */
static size_t batch_read(struct live *live)
{
    struct crash_page *page = live->options.crash;
    uint64_t end_ns = clock_boot_ns() + BATCH_NS_MAX;
    size_t count = 0;
    span record;
    page->ring_id = ring_id(live->ring);
    while (count < BATCH_RECORDS_MAX && !outbox_is_full(&live->outbox) &&
           !recording_is_full(live) && ring_next(live->ring, &record)) {
        page->position = live->cursor;
        page->is_inside = 1;
        record_process(live, record, live->cursor);
        page->is_inside = 0;
        live->cursor = ring_cursor(live->ring);
        count++;
        if (count % 256 == 0 && clock_boot_ns() > end_ns)
            break;
    }
    return count;
}

/* ---- a turn ---- */

static bool is_commit_due(const struct live *live, uint64_t now_ns)
{
    return !live->commit_failed_ns || now_ns - live->commit_failed_ns > RETRY_NS;
}

/* Records that gave no signal wait for others: a transaction costs as much as some hundred of them.
 * They stay in the ring meanwhile, where the next engine finds them. */
static bool is_worth_commit(const struct live *live, uint64_t now_ns)
{
    if (live->outbox.count || live->has_new_state || live->recording || live->is_draining ||
        status_is_due(live, now_ns))
        return true;
    uint64_t held = live->ring ? live->cursor - ring_position(live->ring) : 0;
    return held && (now_ns - live->committed_ns >= QUIET_NS || held >= HELD_BYTES_MAX ||
                    held >= ring_size_bytes(live->ring) / 8);
}

static bool holds_records(const struct live *live)
{
    return live->ring && live->cursor != ring_position(live->ring);
}

static void store_refuses(struct live *live, uint64_t now_ns, const char *reason)
{
    if (!live->commit_failed_ns)
        log_event(LOG_ERROR, "store_refuses", "reason='%s' kept='in memory'", reason);
    live->commit_failed_ns = now_ns;
}

static err_kind commit_try(struct live *live, uint64_t now_ns, struct err_ctx *err)
{
    if (!is_commit_due(live, now_ns))
        return OK;
    err_kind kind = batch_commit(live, err);
    if (kind == OK) {
        if (live->commit_failed_ns)
            log_event(LOG_INFO, "store_back", "signals=%zu", live->outbox.signal_count);
        live->commit_failed_ns = 0;
        live->committed_ns = now_ns;
        outbox_reset(&live->outbox);
        return OK;
    }
    store_refuses(live, now_ns, err->text);
    return OK;
}

/* Behind the signals by at most this; once an idle second it ends windows. */
static bool is_correlate_due(const struct live *live, uint64_t now_ns)
{
    uint64_t pause_ns = live->correlated_end < live->signal_end ? CORRELATE_NS : CORRELATE_IDLE_NS;
    return !live->commit_failed_ns && now_ns - live->correlated_ns >= pause_ns;
}

/* What it cannot store now it reads again later. */
static void correlate(struct live *live, uint64_t now_ns, struct err_ctx *err)
{
    uint32_t count;
    uint64_t end = live->signal_end;
    live->correlated_ns = now_ns;
    if (alert_stage_step(live->alerts, clock_wall_ns(), &count, err) != OK)
        store_refuses(live, now_ns, err->text);
    else if (count == 0)
        live->correlated_end = end;
}

err_kind live_turn(struct live *live, enum live_next *ret_next, struct err_ctx *err)
{
    uint64_t now_ns = clock_boot_ns();
    size_t count = live->ring ? batch_read(live) : 0;
    err_kind kind = OK;
    if (live->ring)
        own_look(live, now_ns);
    if (live->recording)
        kind = recording_flush(live, err);
    if (kind == OK && is_worth_commit(live, now_ns))
        kind = commit_try(live, now_ns, err);
    if (kind == OK)
        kind = live_hand_on(live, err);
    if (kind == OK && is_correlate_due(live, now_ns))
        correlate(live, now_ns, err);
    if (count == BATCH_RECORDS_MAX)
        *ret_next = LIVE_BUSY;
    else if (count || live->outbox.count || holds_records(live) ||
             live->lines.next < live->signal_end || !live->ring)
        *ret_next = LIVE_SOON;
    else
        *ret_next = ring_arm(live->ring) ? LIVE_IDLE : LIVE_BUSY;
    return kind;
}

/* What comes while it drains is left: the host does not stop for this. */
err_kind live_drain(struct live *live, uint64_t limit_ns, struct err_ctx *err)
{
    uint64_t end_ns = clock_boot_ns() + limit_ns;
    enum live_next next = LIVE_BUSY;
    if (!live->ring)
        return OK;
    uint64_t target = live->cursor + ring_pending_bytes(live->ring);
    live->is_draining = true;
    live->drops_looked_ns = 0; /* the last losses are told too */
    live->status_ns = 0;
    err_kind kind = live_turn(live, &next, err);
    while (kind == OK && (live->cursor < target || live->outbox.count) &&
           clock_boot_ns() < end_ns) {
        if (next != LIVE_BUSY)
            poll(NULL, 0, DRAIN_PAUSE_MS);
        kind = live_turn(live, &next, err);
    }
    return kind;
}

err_kind live_hand_on(struct live *live, struct err_ctx *err)
{
    return line_tail_catch_up(&live->lines, live->log, live->signal_end, err);
}

uint64_t live_line_next(const struct live *live)
{
    return live->lines.next;
}

void live_note_rules(struct live *live, const struct rules_note *note)
{
    live->rules_note = *note;
    live->status_ns = 0;
}

bool live_recording_failed(const struct live *live)
{
    return live && live->has_recording_failed;
}

struct live_counts live_counts(const struct live *live)
{
    return (struct live_counts){.events = live->number,
                                .signals = live->signals,
                                .drops = live->drops,
                                .line_end = live->signal_end,
                                .unstored = live->outbox.signal_count};
}
