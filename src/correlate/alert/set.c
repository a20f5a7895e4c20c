/* The alerts of one partition: table and newest versions are in memory, and what changes is put out
 * as state, from which another process makes the same set again. */
#include <sys/random.h>

#include "alert/alert.h"
#include "alert/dedup.h"
#include "core/writer.h"

#define TEXT_BYTES_MAX  (64ull << 20)
#define FINAL_BYTES_MAX 4096 /* by which the last version may be longer than the one before */
#define STATE_BYTES_MAX (ALERT_PACKED_BYTES + (size_t)ALERT_VALUE_BYTES_MAX)

struct alert_set {
    struct dedup dedup;
    alert_put put;
    void *context;
    struct writer state; /* of the alert at hand */
    bool is_unordered;   /* loaded, and not sorted yet */
};

/* ---- what the signals do ---- */

static err_kind version_put(void *context, struct alert *alert, span json, bool is_final,
                            struct err_ctx *err)
{
    struct alert_set *set = context;
    size_t max = ALERT_VALUE_BYTES_MAX - ALERT_PACKED_BYTES - (is_final ? 0 : FINAL_BYTES_MAX);
    if (json.len > max)
        return err_set(err, ERR_LIMIT, "a version of %zu bytes is over %zu", json.len, max);
    if (!is_final && !alert_table_text(&set->dedup.table, alert, json))
        return err_set(err, ERR_LIMIT, "out of memory for the text of an alert");
    return set->put(set->context, ALERT_OUTPUT_VERSION, span_of(alert->id, ALERT_ID_BYTES), json,
                    err);
}

static err_kind version_get(void *context, const struct alert *alert, span *ret,
                            struct err_ctx *err)
{
    (void)context;
    (void)err;
    *ret = span_of(alert->text, alert->text_len);
    return OK;
}

static err_kind alert_keep(void *context, const struct alert *alert, struct err_ctx *err)
{
    struct alert_set *set = context;
    uint8_t packed[ALERT_PACKED_BYTES];
    alert_pack(alert, packed);
    writer_reset(&set->state);
    writer_put(&set->state, span_of(packed, sizeof packed));
    writer_put(&set->state, span_of(alert->text, alert->text_len));
    if (set->state.is_full)
        return err_set(err, ERR_LIMIT, "out of memory for the state of an alert");
    return set->put(set->context, ALERT_OUTPUT_STATE, alert->key, writer_span(&set->state), err);
}

static err_kind alert_drop(void *context, const struct alert *alert, struct err_ctx *err)
{
    struct alert_set *set = context;
    return set->put(set->context, ALERT_OUTPUT_STATE, alert->key, (span){NULL, 0}, err);
}

static const struct dedup_owner set_owner = {
    .version = version_put, .newest = version_get, .keep = alert_keep, .drop = alert_drop};

/* ---- open and close ---- */

err_kind alert_set_open(const struct alert_options *options, alert_put put, void *context,
                        struct alert_set **ret, struct err_ctx *err)
{
    size_t seed;
    struct alert_set *set = calloc(1, sizeof *set);
    *ret = NULL;
    if (!set)
        return err_set(err, ERR_LIMIT, "out of memory for the alerts of a partition");
    struct alert_options own = *options;
    if (!own.text_bytes_max)
        own.text_bytes_max = TEXT_BYTES_MAX;
    /* jansson would look for its seed in a file, which this process may not open */
    if (getrandom(&seed, sizeof seed, 0) == sizeof seed)
        json_object_seed(seed);
    set->put = put;
    set->context = context;
    writer_init(&set->state, STATE_BYTES_MAX);
    dedup_init(&set->dedup, &own, &set_owner, set);
    *ret = set;
    return OK;
}

void alert_set_close(struct alert_set *set)
{
    if (!set)
        return;
    dedup_free(&set->dedup);
    writer_free(&set->state);
    free(set);
}

static bool is_key(span key)
{
    return key.len >= 3 && key.len <= ALERT_KEY_BYTES_MAX && memchr(key.data, 0, key.len);
}

err_kind alert_set_load(struct alert_set *set, span key, span value, struct err_ctx *err)
{
    struct alert_table *table = &set->dedup.table;
    struct alert fresh = {0};
    span packed;
    if (!key.data || !is_key(key))
        return err_set(err, ERR_INPUT, "expected rule, NUL, entity as the key of an alert's state");
    struct alert *alert = alert_table_find(table, key);
    if (alert)
        alert_table_remove(table, alert);
    if (!value.data)
        return OK;
    if (!span_take(&value, ALERT_PACKED_BYTES, &packed) || !alert_unpack(packed, &fresh) ||
        !value.len || !fresh.count || fresh.version_count > fresh.count)
        return err_set(err, ERR_INPUT, "expected an alert's numbers and its newest version");
    alert = alert_table_add(table, key, &fresh);
    if (!alert || !alert_table_text(table, alert, value))
        return err_set(err, ERR_LIMIT, "out of memory for the open alerts");
    set->is_unordered = true;
    return OK;
}

static err_kind order(struct alert_set *set, struct err_ctx *err)
{
    if (set->is_unordered && !alert_table_sort(&set->dedup.table))
        return err_set(err, ERR_LIMIT, "out of memory for the open alerts");
    set->is_unordered = false;
    return OK;
}

/* ---- work ---- */

err_kind alert_set_signal(struct alert_set *set, span record, uint64_t written_wall_ns,
                          const char **ret_reason, struct err_ctx *err)
{
    err_kind kind = order(set, err);
    return kind == OK ? dedup_record(&set->dedup, record, written_wall_ns, ret_reason, err) : kind;
}

err_kind alert_set_end(struct alert_set *set, uint64_t now_wall_ns, bool *ret_has_ended,
                       struct err_ctx *err)
{
    err_kind kind = order(set, err);
    *ret_has_ended = kind == OK && dedup_is_over(&set->dedup, now_wall_ns);
    return *ret_has_ended ? dedup_end(&set->dedup, err) : kind;
}

err_kind alert_set_flush(struct alert_set *set, struct err_ctx *err)
{
    return dedup_flush(&set->dedup, err);
}

size_t alert_set_pending_bytes(const struct alert_set *set)
{
    return set->dedup.dirty_bytes;
}

struct alert_counters alert_set_counters(const struct alert_set *set)
{
    return set->dedup.counted;
}
