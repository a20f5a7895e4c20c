#include "alert/alert.h"

#include <assert.h>
#include <stddef.h>

#include "alert/dedup.h"
#include "core/writer.h"
#include "state/state.h"

#define CONSUMER   "correlate"
#define STATE      "correlate.alert"      /* key -> numbers */
#define STATE_TEXT "correlate.alert.text" /* key -> the newest version */

struct alert_stage {
    struct topic_log *log;
    struct topic_reader *reader;
    struct dedup dedup; /* counted: in the open transaction */
    uint64_t position;  /* of the next signal, as committed */
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
    dedup_free(&stage->dedup);
    stage->dedup.counted = (struct alert_counters){0};
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
        if (!alert_table_add(&stage->dedup.table, key, &alert))
            return err_set(err, ERR_LIMIT, "out of memory for the open alerts");
    }
    if (kind == OK && !alert_table_sort(&stage->dedup.table))
        kind = err_set(err, ERR_LIMIT, "out of memory for the open alerts");
    return kind;
}

/* ---- what the signals do ---- */

static err_kind version_put(void *context, struct alert *alert, span json, bool is_final,
                            struct err_ctx *err)
{
    struct alert_stage *stage = context;
    err_kind kind =
        topic_append(stage->log, ALERT_TOPIC, span_of(alert->id, ALERT_ID_BYTES), json, NULL, err);
    if (kind == OK && !is_final)
        kind = topic_state_put(stage->log, STATE_TEXT, alert->key, json, err);
    return kind;
}

static err_kind version_get(void *context, const struct alert *alert, span *ret,
                            struct err_ctx *err)
{
    struct alert_stage *stage = context;
    return topic_state_get(stage->log, STATE_TEXT, alert->key, ret, err);
}

static err_kind alert_keep(void *context, const struct alert *alert, struct err_ctx *err)
{
    struct alert_stage *stage = context;
    uint8_t packed[ALERT_PACKED_BYTES];
    alert_pack(alert, packed);
    return topic_state_put(stage->log, STATE, alert->key, span_of(packed, sizeof packed), err);
}

static err_kind alert_drop(void *context, const struct alert *alert, struct err_ctx *err)
{
    struct alert_stage *stage = context;
    static const span nothing = {NULL, 0};
    err_kind kind = topic_state_put(stage->log, STATE_TEXT, alert->key, nothing, err);
    return kind == OK ? topic_state_put(stage->log, STATE, alert->key, nothing, err) : kind;
}

static const struct dedup_owner stage_owner = {
    .version = version_put, .newest = version_get, .keep = alert_keep, .drop = alert_drop};

/* ---- open and close ---- */

err_kind alert_stage_open(struct topic_log *log, const struct alert_options *options,
                          struct alert_stage **ret, struct err_ctx *err)
{
    struct alert_stage *stage = calloc(1, sizeof *stage);
    if (!stage)
        return err_set(err, ERR_LIMIT, "correlate: out of memory");
    stage->log = log;
    dedup_init(&stage->dedup, options, &stage_owner, stage);
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
    dedup_free(&stage->dedup);
    free(stage);
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
    err_kind kind =
        topic_append(stage->log, ALERT_TOPIC_DEAD, (span){NULL, 0}, writer_span(&note), NULL, err);
    writer_free(&note);
    return kind;
}

static err_kind record_take(struct alert_stage *stage, const struct topic_record *record,
                            struct err_ctx *err)
{
    const char *reason;
    stage->dedup.counted.missed += record->offset - stage->position;
    stage->position = record->offset + 1;
    err_kind kind = dedup_record(&stage->dedup, record->value, record->time_wall_ns, &reason, err);
    return kind == OK && reason ? dead_append(stage, record->offset, reason, err) : kind;
}

/* ---- the transaction ---- */

static err_kind windows_end(struct alert_stage *stage, uint64_t now_wall_ns, struct err_ctx *err)
{
    err_kind kind = OK;
    while (kind == OK && dedup_is_over(&stage->dedup, now_wall_ns))
        kind = dedup_end(&stage->dedup, err);
    return kind;
}

static err_kind changes_store(struct alert_stage *stage, struct err_ctx *err)
{
    err_kind kind = dedup_flush(&stage->dedup, err);
    for (size_t index = 0; kind == OK && index < COUNTER_COUNT; index++) {
        uint64_t count = *counter_at(&stage->dedup.counted, index);
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
        if (count == stage->dedup.options.batch_max)
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
    stage->dedup.counted = (struct alert_counters){0};
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
    if (kind == OK && is_end && !dedup_is_over(&stage->dedup, now_wall_ns)) {
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
