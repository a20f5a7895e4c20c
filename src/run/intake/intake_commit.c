/* The turn's transaction, and the counters that are committed with what they count. */
#include <stdio.h>
#include <string.h>

#include "core/clock.h"
#include "intake/intake_state.h"

#define DROPPED_PREFIX COUNTER_PREFIX "dropped."

/* ---- counters ---- */

struct counter {
    const char *name, *help;
    size_t offset;
    bool is_stored; /* else reckoned */
    bool is_gauge;
};

/* What is counted per input record; signals apart. in = out + filtered + dead. */
static const struct counter counter_table[] = {
    {"in", "records worked on", offsetof(struct intake_counts, in), true, false},
    {"out", "records that a rule matched", offsetof(struct intake_counts, out), true, false},
    {"filtered", "records that no rule matched", offsetof(struct intake_counts, filtered), true,
     false},
    {"dead", "records that could not be read: dead letters", offsetof(struct intake_counts, dead),
     true, false},
    {"signals", "signals raised", offsetof(struct intake_counts, signals), true, false},
    {"accepted", "records acknowledged to clients", offsetof(struct intake_counts, accepted), true,
     false},
    {"expired", "records of any topic, gone for their age", offsetof(struct intake_counts, expired),
     false, false},
    {"lag_records", "records stored and not yet worked on",
     offsetof(struct intake_counts, lag_records), false, true},
    {"lag_bytes", "the same in bytes", offsetof(struct intake_counts, lag_bytes), true, true},
};
#define COUNTER_COUNT (sizeof counter_table / sizeof *counter_table)

static uint64_t counter_get(const struct intake_counts *counts, size_t index)
{
    uint64_t value;
    memcpy(&value, (const uint8_t *)counts + counter_table[index].offset, sizeof value);
    return value;
}

static void counter_set(struct intake_counts *counts, size_t index, uint64_t value)
{
    memcpy((uint8_t *)counts + counter_table[index].offset, &value, sizeof value);
}

static struct dropped *dropped_find(struct intake *intake, const char *reason)
{
    for (size_t index = 0; index < intake->dropped_count; index++)
        if (strcmp(intake->dropped[index].reason, reason) == 0)
            return &intake->dropped[index];
    if (intake->dropped_count == REASONS_MAX)
        return &intake->dropped[REASONS_MAX - 1];
    struct dropped *one = &intake->dropped[intake->dropped_count++];
    snprintf(one->reason, sizeof one->reason, "%s", reason);
    return one;
}

static void dropped_load(void *context, const char *name, uint64_t value)
{
    struct intake *intake = context;
    dropped_find(intake, name + sizeof DROPPED_PREFIX - 1)->count = value;
    intake->counts.dropped += value;
}

static void lag_reckon(struct intake *intake)
{
    struct intake_counts *counts = &intake->counts;
    counts->lag_records = intake->events_end - intake->read_committed;
    if (counts->lag_records == 0)
        counts->lag_bytes = 0; /* what was trimmed unread is gone too */
}

err_kind counters_load(struct intake *intake, struct err_ctx *err)
{
    err_kind kind = OK;
    for (size_t index = 0; index < COUNTER_COUNT && kind == OK; index++) {
        char name[STATE_COUNTER_BYTES_MAX];
        uint64_t value = 0;
        snprintf(name, sizeof name, COUNTER_PREFIX "%s", counter_table[index].name);
        if (counter_table[index].is_stored)
            kind = state_counter_get(intake->log, name, &value, err);
        counter_set(&intake->counts, index, value);
    }
    if (kind == OK)
        kind = state_counter_get(intake->log, COUNTER_EXPIRED, &intake->counts.expired, err);
    if (kind == OK)
        kind = state_counters(intake->log, DROPPED_PREFIX, dropped_load, intake, err);
    lag_reckon(intake);
    return kind;
}

err_kind intake_dropped(struct intake *intake, const char *reason, uint64_t count,
                        struct err_ctx *err)
{
    if (!intake->is_open) {
        err_kind kind = turn_begin(intake, false, err);
        if (kind != OK) {
            turn_undo(intake, err);
            return kind == ERR_STATE ? kind : OK;
        }
    }
    dropped_find(intake, reason)->pending += count;
    intake->has_changed = true;
    return OK;
}

/* What the rules made of the turn's records. */
static void flow_counts_add(struct intake *intake)
{
    struct flow_counts now = flow_counts(intake->flow), *before = &intake->flow_before;
    intake->turn.in += now.in - before->in;
    intake->turn.out += now.out - before->out;
    intake->turn.filtered += now.filtered - before->filtered;
    intake->turn.dead += now.dead - before->dead;
    intake->turn.signals += now.signals - before->signals;
    *before = now;
}

static err_kind counters_put(struct intake *intake, struct err_ctx *err)
{
    err_kind kind = OK;
    char name[STATE_COUNTER_BYTES_MAX];
    flow_counts_add(intake);
    for (size_t index = 0; index < COUNTER_COUNT && kind == OK; index++) {
        uint64_t more = counter_get(&intake->turn, index);
        snprintf(name, sizeof name, COUNTER_PREFIX "%s", counter_table[index].name);
        if (counter_table[index].is_stored && more)
            kind = state_counter_add(intake->log, name, more, err);
    }
    for (size_t index = 0; index < intake->dropped_count && kind == OK; index++) {
        struct dropped *one = &intake->dropped[index];
        snprintf(name, sizeof name, DROPPED_PREFIX "%s", one->reason);
        if (one->pending)
            kind = state_counter_add(intake->log, name, one->pending, err);
    }
    return kind;
}

static void counters_commit(struct intake *intake)
{
    for (size_t index = 0; index < COUNTER_COUNT; index++)
        counter_set(&intake->counts, index,
                    counter_get(&intake->counts, index) + counter_get(&intake->turn, index));
    for (size_t index = 0; index < intake->dropped_count; index++) {
        struct dropped *one = &intake->dropped[index];
        one->count += one->pending;
        intake->counts.dropped += one->pending;
        one->pending = 0;
    }
    lag_reckon(intake);
}

struct intake_counts intake_counts(const struct intake *intake)
{
    struct intake_counts counts = intake->counts;
    uint64_t now_ns = clock_wall_ns();
    bool is_late = counts.lag_records && intake->record_time_ns && now_ns > intake->record_time_ns;
    counts.lag_ns = is_late ? now_ns - intake->record_time_ns : 0;
    return counts;
}

/* ---- what a decoder keeps between records ---- */

err_kind kept_load(struct intake *intake, struct err_ctx *err)
{
    span kept;
    err_kind kind = topic_state_get(intake->log, "flow", SPAN("decoder"), &kept, err);
    if (kind != OK || !intake->is_joining || !kept.data)
        return kind;
    writer_put(&intake->kept, kept);
    return flow_load(intake->flow, kept, err);
}

static err_kind kept_put(struct intake *intake, struct err_ctx *err)
{
    writer_reset(&intake->kept_next);
    flow_save(intake->flow, &intake->kept_next);
    span next = writer_span(&intake->kept_next);
    if (intake->kept_next.is_full)
        return err_set(err, ERR_LIMIT, "parts of events: too many");
    if (span_eq(next, writer_span(&intake->kept)))
        return OK;
    return topic_state_put(intake->log, "flow", SPAN("decoder"), next.len ? next : (span){NULL, 0},
                           err);
}

static void kept_commit(struct intake *intake)
{
    struct writer committed = intake->kept_next;
    intake->kept_next = intake->kept;
    intake->kept = committed;
}

/* ---- the transaction ---- */

err_kind turn_begin(struct intake *intake, bool is_durable, struct err_ctx *err)
{
    intake->turn = (struct intake_counts){0};
    for (size_t index = 0; index < intake->dropped_count; index++)
        intake->dropped[index].pending = 0;
    intake->flow_before = flow_counts(intake->flow);
    intake->body_last = intake->body_committed;
    intake->has_changed = intake->has_told = false;
    err_kind kind = topic_durable(intake->log, is_durable, err);
    if (kind == OK)
        kind = topic_begin(intake->log, err);
    intake->is_open = kind == OK;
    return kind;
}

void turn_undo(struct intake *intake, const struct err_ctx *why)
{
    topic_abort(intake->log);
    intake->is_open = false;
    intake->epoch++;
    intake->read_next = intake->read_seen = intake->read_committed;
    writer_reset(&intake->record);
    topic_reader_seek(intake->events, intake->read_next);
    struct err_ctx err;
    if (intake->is_joining && flow_load(intake->flow, writer_span(&intake->kept), &err) != OK)
        writer_reset(&intake->kept); /* these bytes are its own: only memory can have run out */
    intake->refused_ns = clock_boot_ns();
    snprintf(intake->trouble, sizeof intake->trouble, "%s", why->text);
}

static err_kind positions_put(struct intake *intake, struct err_ctx *err)
{
    err_kind kind = OK;
    if (intake->read_next != intake->read_committed)
        kind = topic_position_put(intake->log, "detect", span_str(intake->topic), intake->read_next,
                                  err);
    if (kind == OK && intake->body_last != intake->body_committed) {
        uint64_t last[2] = {intake->gateway, intake->body_last};
        kind =
            topic_state_put(intake->log, "gateway", SPAN("last"), span_of(last, sizeof last), err);
    }
    return kind;
}

static err_kind ends_read(struct intake *intake, struct err_ctx *err)
{
    struct topic_info events, signals;
    err_kind kind = topic_info_get(intake->log, intake->topic, &events, err);
    if (kind == OK)
        kind = topic_info_get(intake->log, TOPIC_SIGNALS, &signals, err);
    if (kind == OK) {
        intake->events_end = events.end;
        intake->signal_end = signals.end;
    }
    return kind;
}

err_kind turn_commit(struct intake *intake, struct err_ctx *err)
{
    err_kind kind = OK;
    if (intake->has_changed) {
        kind = positions_put(intake, err);
        if (kind == OK)
            kind = counters_put(intake, err);
        if (kind == OK && intake->is_silent)
            kind = silence_end(intake, err);
        if (kind == OK && intake->is_joining)
            kind = kept_put(intake, err);
    }
    if (kind == OK && clock_boot_ns() - intake->status_ns >= 1000000000ull) {
        intake->status_ns = clock_boot_ns();
        intake->is_status_old = false;
        writer_reset(&intake->text);
        intake_status(intake, &intake->text);
        kind =
            topic_state_put(intake->log, "status", SPAN("detect"), writer_span(&intake->text), err);
    }
    if (kind == OK)
        kind = topic_commit(intake->log, err);
    if (kind != OK)
        return kind;
    intake->is_open = false;
    intake->is_status_old |= intake->has_changed || intake->turn.expired;
    if (intake->has_changed && intake->is_joining)
        kept_commit(intake);
    silence_commit(intake);
    intake->read_committed = intake->read_next;
    intake->body_committed = intake->body_last;
    intake->refused_ns = 0;
    kind = ends_read(intake, err);
    counters_commit(intake);
    intake->turn = (struct intake_counts){0};
    return kind;
}

err_kind intake_gateway(struct intake *intake, uint64_t gateway, uint64_t *ret_number,
                        struct err_ctx *err)
{
    span value;
    uint64_t last[2] = {0};
    err_kind kind = topic_state_get(intake->log, "gateway", SPAN("last"), &value, err);
    if (kind == OK && value.data && value.len == sizeof last)
        memcpy(last, value.data, sizeof last);
    intake->gateway = gateway;
    intake->body_committed = intake->body_last = last[0] == gateway ? last[1] : 0;
    *ret_number = intake->body_committed;
    return kind;
}

/* ---- shown ---- */

/* As it will be once the open turn is committed. */
static uint64_t counter_shown(const struct intake *intake, size_t index)
{
    uint64_t value = counter_get(&intake->counts, index);
    return intake->is_open ? value + counter_get(&intake->turn, index) : value;
}

void intake_status(struct intake *intake, struct writer *out)
{
    struct topic_size size = {0};
    struct err_ctx err;
    writer_text(out, "{\"time\":\"");
    writer_time(out, clock_wall_ns());
    writer_text(out, "\",\"hostname\":");
    writer_json_string(out, span_str(intake->options.hostname));
    writer_text(out, ",\"pipeline\":");
    writer_json_string(out, span_str(intake->options.pipeline));
    writer_text(out, ",\"source\":");
    writer_json_string(out, span_str(intake->options.name));
    for (size_t index = 0; index < COUNTER_COUNT; index++)
        writer_format(out, ",\"%s\":%llu", counter_table[index].name,
                      (unsigned long long)counter_shown(intake, index));
    writer_format(out, ",\"lag_seconds\":%.3f", (double)intake_counts(intake).lag_ns / 1e9);
    if (topic_size_get(intake->log, &size, &err) == OK)
        writer_format(out, ",\"store_bytes\":%llu", (unsigned long long)size.file_bytes);
    writer_text(out, ",\"dropped\":{");
    for (size_t index = 0; index < intake->dropped_count; index++)
        writer_format(out, "%s\"%s\":%llu", index ? "," : "", intake->dropped[index].reason,
                      (unsigned long long)intake->dropped[index].count +
                          (intake->is_open ? intake->dropped[index].pending : 0));
    writer_text(out, "}}");
}

static void metric_write(const struct intake *intake, struct writer *out, const char *name,
                         const char *help, bool is_gauge)
{
    writer_format(out, "# HELP picket_%s %s\n# TYPE picket_%s %s\npicket_%s{pipeline=\"%s\"", name,
                  help, name, is_gauge ? "gauge" : "counter", name, intake->options.pipeline);
}

void intake_metrics(struct intake *intake, struct writer *out)
{
    struct topic_size size = {0};
    struct err_ctx err;
    char name[64];
    for (size_t index = 0; index < COUNTER_COUNT; index++) {
        const struct counter *row = &counter_table[index];
        snprintf(name, sizeof name, "%s%s", row->name, row->is_gauge ? "" : "_total");
        metric_write(intake, out, name, row->help, row->is_gauge);
        writer_format(out, "} %llu\n", (unsigned long long)counter_get(&intake->counts, index));
    }
    metric_write(intake, out, "lag_seconds", "age of the record worked on last, while others wait",
                 true);
    writer_format(out, "} %.3f\n", (double)intake_counts(intake).lag_ns / 1e9);
    writer_text(out, "# HELP picket_dropped_total records lost\n# TYPE picket_dropped_total "
                     "counter\n");
    for (size_t index = 0; index < intake->dropped_count; index++)
        writer_format(out, "picket_dropped_total{pipeline=\"%s\",reason=\"%s\"} %llu\n",
                      intake->options.pipeline, intake->dropped[index].reason,
                      (unsigned long long)intake->dropped[index].count);
    if (topic_size_get(intake->log, &size, &err) != OK)
        return;
    metric_write(intake, out, "store_bytes", "size of the store's file", true);
    writer_format(out, "} %llu\n", (unsigned long long)size.file_bytes);
}
