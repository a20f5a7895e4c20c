#include "alert/alert.h"

#include <assert.h>
#include <stddef.h>

#include "alert/table.h"
#include "alert/version.h"
#include "core/cleanup.h"
#include "core/writer.h"
#include "state/state.h"

#define CONSUMER   "correlate"
#define STATE      "correlate.alert"      /* key -> numbers */
#define STATE_TEXT "correlate.alert.text" /* key -> the newest version */

struct alert_stage {
    struct topic_log *log;
    struct topic_reader *reader;
    struct alert_options options;
    struct alert_table table;
    uint64_t position;             /* of the next signal, as committed */
    struct alert_counters counted; /* in the open transaction */
};

static const struct {
    const char *name;
    size_t offset;
} counter_table[] = {
    {"correlate.in", offsetof(struct alert_counters, in)},
    {"correlate.out", offsetof(struct alert_counters, out)},
    {"correlate.deduplicated", offsetof(struct alert_counters, deduplicated)},
    {"correlate.shadow", offsetof(struct alert_counters, shadow)},
    {"correlate.dead", offsetof(struct alert_counters, dead)},
    {"correlate.versions", offsetof(struct alert_counters, versions)},
    {"correlate.evicted", offsetof(struct alert_counters, evicted)},
    {"correlate.missed", offsetof(struct alert_counters, missed)},
};
#define COUNTER_COUNT (sizeof counter_table / sizeof *counter_table)
_Static_assert(COUNTER_COUNT * sizeof(uint64_t) == sizeof(struct alert_counters), "every counter");

static uint64_t *counter_at(struct alert_counters *counters, size_t index)
{
    return (uint64_t *)(void *)((char *)counters + counter_table[index].offset);
}

/* ---- what is stored ---- */

/* Forgets what an aborted transaction has changed in memory and reads it again. */
static err_kind stage_load(struct alert_stage *stage, struct err_ctx *err)
{
    bool is_known;
    alert_table_free(&stage->table);
    stage->counted = (struct alert_counters){0};
    err_kind kind = topic_position_get(stage->log, CONSUMER, span_str(STATE_TOPIC_SIGNALS),
                                       &stage->position, &is_known, err);
    span key = {NULL, 0}, value;
    while (kind == OK) {
        kind = topic_state_next(stage->log, STATE, key, &key, &value, err);
        if (kind != OK || !key.data)
            break;
        struct alert alert = {0};
        if (!alert_unpack(value, &alert))
            return err_set(err, ERR_STATE, "damaged state of an alert");
        if (!alert_table_add(&stage->table, key, &alert))
            return err_set(err, ERR_LIMIT, "out of memory for the open alerts");
    }
    if (kind == OK && !alert_table_sort(&stage->table))
        kind = err_set(err, ERR_LIMIT, "out of memory for the open alerts");
    return kind;
}

err_kind alert_stage_open(struct topic_log *log, const struct alert_options *options,
                          struct alert_stage **ret, struct err_ctx *err)
{
    struct alert_stage *stage = calloc(1, sizeof *stage);
    if (!stage)
        return err_set(err, ERR_LIMIT, "correlate: out of memory");
    stage->log = log;
    stage->options = *options;
    if (!stage->options.window_ns)
        stage->options.window_ns = ALERT_WINDOW_NS;
    if (!stage->options.open_max)
        stage->options.open_max = ALERT_OPEN_MAX;
    if (!stage->options.batch_max)
        stage->options.batch_max = ALERT_BATCH_MAX;
    alert_table_init(&stage->table);
    err_kind kind = topic_reader_open(log, STATE_TOPIC_SIGNALS, 0, &stage->reader, err);
    if (kind == OK)
        kind = stage_load(stage, err);
    if (kind != OK) {
        alert_stage_close(stage);
        return err_wrap(err, "correlate");
    }
    *ret = stage;
    return OK;
}

void alert_stage_close(struct alert_stage *stage)
{
    if (!stage)
        return;
    topic_reader_close(stage->reader);
    alert_table_free(&stage->table);
    free(stage);
}

/* ---- versions ---- */

static err_kind version_append(struct alert_stage *stage, struct alert *alert, span json,
                               struct err_ctx *err)
{
    stage->counted.versions++;
    return topic_append(stage->log, ALERT_TOPIC, span_of(alert->id, ALERT_ID_BYTES), json, NULL,
                        err);
}

/* A version from the signal that has just been counted. */
static err_kind version_from_signal(struct alert_stage *stage, struct alert *alert,
                                    const struct signal_view *signal, struct err_ctx *err)
{
    alert->version++;
    alert->version_count = alert->count;
    AUTO(auto_free) char *json = version_make(alert, signal);
    if (!json)
        return err_set(err, ERR_LIMIT, "out of memory");
    err_kind kind = version_append(stage, alert, span_str(json), err);
    if (kind == OK)
        kind = topic_state_put(stage->log, STATE_TEXT, alert->key, span_str(json), err);
    return kind;
}

/* Ends an alert's window: tells what was counted since its newest version, and forgets it. */
static err_kind alert_end(struct alert_stage *stage, struct alert *alert, struct err_ctx *err)
{
    static const span nothing = {NULL, 0};
    span text = nothing;
    err_kind kind = OK;
    if (alert->count > alert->version_count) {
        kind = topic_state_get(stage->log, STATE_TEXT, alert->key, &text, err);
        alert->version++;
        AUTO(auto_free) char *json = kind == OK ? version_end(alert, text) : NULL;
        if (kind == OK && !json)
            kind =
                err_set(err, ERR_STATE, "damaged text of alert '%.*s'", ALERT_ID_BYTES, alert->id);
        if (kind == OK)
            kind = version_append(stage, alert, span_str(json), err);
    }
    if (kind == OK)
        kind = topic_state_put(stage->log, STATE_TEXT, alert->key, nothing, err);
    if (kind == OK)
        kind = topic_state_put(stage->log, STATE, alert->key, nothing, err);
    if (kind == OK)
        alert_table_remove(&stage->table, alert);
    return kind;
}

/* ---- signals ---- */

static err_kind dead_append(struct alert_stage *stage, uint64_t offset, const char *reason,
                            struct err_ctx *err)
{
    struct writer note;
    writer_init(&note, 4096);
    writer_text(&note, "{\"reason\":");
    writer_json_string(&note, span_str(reason));
    writer_format(&note,
                  ",\"stage\":\"correlate\",\"source\":\"%s\",\"position\":\"%s@%llu\","
                  "\"payload\":null}", /* the record stays in its topic */
                  STATE_TOPIC_SIGNALS, STATE_TOPIC_SIGNALS, (unsigned long long)offset);
    stage->counted.dead++;
    err_kind kind =
        topic_append(stage->log, ALERT_TOPIC_DEAD, (span){NULL, 0}, writer_span(&note), NULL, err);
    writer_free(&note);
    return kind;
}

static err_kind alert_raise(struct alert_stage *stage, const struct signal_view *signal,
                            struct alert **ret, struct err_ctx *err)
{
    while (stage->table.count >= stage->options.open_max) {
        stage->counted.evicted++;
        err_kind kind = alert_end(stage, stage->table.oldest, err);
        if (kind != OK)
            return kind;
    }
    struct alert fresh = {.first_wall_ns = signal->time_wall_ns,
                          .last_wall_ns = signal->time_wall_ns};
    memcpy(fresh.id, signal->id, ALERT_ID_BYTES);
    struct alert *alert = alert_table_add(&stage->table, signal->key, &fresh);
    if (!alert)
        return err_set(err, ERR_LIMIT, "out of memory for an alert");
    *ret = alert;
    return OK;
}

static err_kind signal_count(struct alert_stage *stage, const struct signal_view *signal,
                             struct err_ctx *err)
{
    struct alert *alert = alert_table_find(&stage->table, signal->key);
    err_kind kind = OK;
    if (alert && signal->time_wall_ns >= alert->first_wall_ns &&
        signal->time_wall_ns - alert->first_wall_ns >= stage->options.window_ns) {
        kind = alert_end(stage, alert, err);
        alert = NULL;
    }
    if (alert)
        stage->counted.deduplicated++;
    else
        stage->counted.out++;
    if (kind == OK && !alert)
        kind = alert_raise(stage, signal, &alert, err);
    if (kind != OK)
        return kind;
    alert->count++;
    alert->is_dirty = true;
    if (signal->time_wall_ns > alert->last_wall_ns)
        alert->last_wall_ns = signal->time_wall_ns;
    if (signal->time_wall_ns < alert->first_wall_ns)
        alert->first_wall_ns = signal->time_wall_ns;
    bool is_power_of_two = (alert->count & (alert->count - 1)) == 0;
    return is_power_of_two ? version_from_signal(stage, alert, signal, err) : OK;
}

static err_kind record_take(struct alert_stage *stage, const struct topic_record *record,
                            struct err_ctx *err)
{
    stage->counted.in++;
    stage->counted.missed += record->offset - stage->position;
    stage->position = record->offset + 1;
    struct signal_view signal;
    const char *reason = signal_view_open(&signal, record->value);
    err_kind kind = OK;
    if (reason)
        kind = dead_append(stage, record->offset, reason, err);
    else if (signal.is_shadow)
        stage->counted.shadow++;
    else
        kind = signal_count(stage, &signal, err);
    signal_view_close(&signal);
    return kind;
}

/* ---- the transaction ---- */

static bool is_over(const struct alert_stage *stage, const struct alert *alert, uint64_t now)
{
    return alert && now > alert->first_wall_ns &&
           now - alert->first_wall_ns >= stage->options.window_ns;
}

static err_kind windows_end(struct alert_stage *stage, uint64_t now_wall_ns, struct err_ctx *err)
{
    err_kind kind = OK;
    for (;;) {
        struct alert *alert = stage->table.oldest;
        if (kind != OK || !is_over(stage, alert, now_wall_ns))
            return kind;
        kind = alert_end(stage, alert, err);
    }
}

static err_kind changes_store(struct alert_stage *stage, struct err_ctx *err)
{
    err_kind kind = OK;
    for (struct alert *alert = stage->table.oldest; kind == OK && alert; alert = alert->younger) {
        if (!alert->is_dirty)
            continue;
        uint8_t packed[ALERT_PACKED_BYTES];
        alert_pack(alert, packed);
        alert->is_dirty = false;
        kind = topic_state_put(stage->log, STATE, alert->key, span_of(packed, sizeof packed), err);
    }
    for (size_t index = 0; kind == OK && index < COUNTER_COUNT; index++) {
        uint64_t count = *counter_at(&stage->counted, index);
        if (count)
            kind = state_counter_add(stage->log, counter_table[index].name, count, err);
    }
    if (kind == OK)
        kind = topic_position_put(stage->log, CONSUMER, span_str(STATE_TOPIC_SIGNALS),
                                  stage->position, err);
    return kind;
}

/* `record`: the first one, read already; has_record false: there is none. */
static err_kind batch_run(struct alert_stage *stage, struct topic_record record, bool has_record,
                          uint64_t now_wall_ns, uint32_t *ret_count, struct err_ctx *err)
{
    err_kind kind = topic_begin(stage->log, err);
    if (kind != OK)
        return kind;
    bool is_end = !has_record;
    uint32_t count = 0;
    while (kind == OK && !is_end) {
        kind = record_take(stage, &record, err);
        count++;
        if (count == stage->options.batch_max)
            break;
        if (kind == OK)
            kind = topic_reader_next(stage->reader, &record, &is_end, err);
    }
    if (kind == OK && is_end)
        kind = windows_end(stage, now_wall_ns, err);
    if (kind == OK)
        kind = changes_store(stage, err);
    if (kind == OK)
        kind = topic_commit(stage->log, err);
    if (kind != OK) {
        topic_abort(stage->log);
        return kind;
    }
    stage->counted = (struct alert_counters){0};
    *ret_count = count;
    return OK;
}

err_kind alert_stage_step(struct alert_stage *stage, uint64_t now_wall_ns, uint32_t *ret_count,
                          struct err_ctx *err)
{
    struct topic_record record = {0};
    bool is_end = false;
    uint32_t count = 0;
    topic_reader_seek(stage->reader, stage->position);
    err_kind kind = topic_reader_next(stage->reader, &record, &is_end, err);
    if (kind == OK && is_end && !is_over(stage, stage->table.oldest, now_wall_ns)) {
        *ret_count = 0;
        return OK;
    }
    if (kind == OK)
        kind = batch_run(stage, record, !is_end, now_wall_ns, &count, err);
    if (kind == OK) {
        *ret_count = count;
        return OK;
    }
    struct err_ctx other = {0};
    if (stage_load(stage, &other) != OK)
        return err_wrap(err, "correlate: %s, after", other.text);
    return err_wrap(err, "correlate");
}

err_kind alert_counters_get(struct topic_log *log, struct alert_counters *ret, struct err_ctx *err)
{
    struct alert_counters counters = {0};
    for (size_t index = 0; index < COUNTER_COUNT; index++) {
        err_kind kind =
            state_counter_get(log, counter_table[index].name, counter_at(&counters, index), err);
        if (kind != OK)
            return kind;
    }
    *ret = counters;
    return OK;
}
