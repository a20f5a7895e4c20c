#include "alert/dedup.h"

#include "core/cleanup.h"

#define OVERHEAD_BYTES 64 /* of an owner, for each that is kept */

void dedup_init(struct dedup *dedup, const struct alert_options *options,
                const struct dedup_owner *owner, void *context)
{
    *dedup = (struct dedup){.options = *options, .owner = owner, .context = context};
    if (!dedup->options.window_ns)
        dedup->options.window_ns = ALERT_WINDOW_NS;
    if (!dedup->options.open_max)
        dedup->options.open_max = ALERT_OPEN_MAX;
    if (!dedup->options.batch_max)
        dedup->options.batch_max = ALERT_BATCH_MAX;
    if (!dedup->options.text_bytes_max)
        dedup->options.text_bytes_max = UINT64_MAX;
    alert_table_init(&dedup->table);
}

void dedup_free(struct dedup *dedup)
{
    alert_table_free(&dedup->table);
    dedup->dirty_bytes = 0;
}

/* ---- versions ---- */

/* A version from the signal that has just been counted. */
static err_kind version_from_signal(struct dedup *dedup, struct alert *alert,
                                    const struct signal_view *signal, struct err_ctx *err)
{
    alert->version++;
    alert->version_count = alert->count;
    AUTO(auto_free) char *json = version_make(alert, signal);
    if (!json)
        return err_set(err, ERR_LIMIT, "out of memory");
    dedup->counted.versions++;
    return dedup->owner->version(dedup->context, alert, span_str(json), false, err);
}

static err_kind version_final(struct dedup *dedup, struct alert *alert, struct err_ctx *err)
{
    span text = {NULL, 0};
    err_kind kind = dedup->owner->newest(dedup->context, alert, &text, err);
    if (kind != OK)
        return kind;
    alert->version++;
    AUTO(auto_free) char *json = version_end(alert, text);
    if (!json)
        return err_set(err, ERR_STATE, "damaged text of alert '%.*s'", ALERT_ID_BYTES, alert->id);
    dedup->counted.versions++;
    return dedup->owner->version(dedup->context, alert, span_str(json), true, err);
}

static err_kind alert_end(struct dedup *dedup, struct alert *alert, struct err_ctx *err)
{
    err_kind kind = OK;
    if (alert->count > alert->version_count)
        kind = version_final(dedup, alert, err);
    if (kind == OK)
        kind = dedup->owner->drop(dedup->context, alert, err);
    if (kind == OK)
        alert_table_remove(&dedup->table, alert);
    return kind;
}

err_kind dedup_end(struct dedup *dedup, struct err_ctx *err)
{
    return alert_end(dedup, dedup->table.oldest, err);
}

/* ---- signals ---- */

static bool has_no_room(const struct dedup *dedup)
{
    return dedup->table.count >= dedup->options.open_max ||
           (dedup->table.count && dedup->table.text_bytes > dedup->options.text_bytes_max);
}

static err_kind alert_raise(struct dedup *dedup, const struct signal_view *signal,
                            struct alert **ret, struct err_ctx *err)
{
    while (has_no_room(dedup)) {
        dedup->counted.evicted++;
        err_kind kind = dedup_end(dedup, err);
        if (kind != OK)
            return kind;
    }
    struct alert fresh = {.first_wall_ns = signal->time_wall_ns,
                          .last_wall_ns = signal->time_wall_ns};
    memcpy(fresh.id, signal->id, ALERT_ID_BYTES);
    struct alert *alert = alert_table_add(&dedup->table, signal->key, &fresh);
    if (!alert)
        return err_set(err, ERR_LIMIT, "out of memory for an alert");
    alert_table_place(&dedup->table, alert);
    *ret = alert;
    return OK;
}

static err_kind signal_count(struct dedup *dedup, const struct signal_view *signal,
                             struct err_ctx *err)
{
    struct alert *alert = alert_table_find(&dedup->table, signal->key);
    err_kind kind = OK;
    if (alert && signal->time_wall_ns >= alert->first_wall_ns &&
        signal->time_wall_ns - alert->first_wall_ns >= dedup->options.window_ns) {
        kind = alert_end(dedup, alert, err);
        alert = NULL;
    }
    if (alert)
        dedup->counted.deduplicated++;
    else
        dedup->counted.out++;
    if (kind == OK && !alert)
        kind = alert_raise(dedup, signal, &alert, err);
    if (kind != OK)
        return kind;
    bool was_dirty = alert->is_dirty;
    alert->count++;
    alert->is_dirty = true;
    if (signal->time_wall_ns > alert->last_wall_ns)
        alert->last_wall_ns = signal->time_wall_ns;
    if (signal->time_wall_ns < alert->first_wall_ns) {
        alert->first_wall_ns = signal->time_wall_ns;
        alert_table_place(&dedup->table, alert);
    }
    bool is_power_of_two = (alert->count & (alert->count - 1)) == 0;
    if (is_power_of_two)
        kind = version_from_signal(dedup, alert, signal, err);
    if (is_power_of_two || !was_dirty)
        dedup->dirty_bytes +=
            OVERHEAD_BYTES + alert->key.len + ALERT_PACKED_BYTES + alert->text_len;
    return kind;
}

err_kind dedup_record(struct dedup *dedup, span record, uint64_t written_wall_ns,
                      const char **ret_reason, struct err_ctx *err)
{
    struct signal_view signal;
    err_kind kind = OK;
    *ret_reason = signal_view_open(&signal, record, written_wall_ns);
    dedup->counted.in++;
    if (*ret_reason)
        dedup->counted.dead++;
    else if (signal.is_shadow)
        dedup->counted.shadow++;
    else
        kind = signal_count(dedup, &signal, err);
    signal_view_close(&signal);
    return kind;
}

bool dedup_is_over(const struct dedup *dedup, uint64_t now_wall_ns)
{
    const struct alert *oldest = dedup->table.oldest;
    return oldest && now_wall_ns > oldest->first_wall_ns &&
           now_wall_ns - oldest->first_wall_ns >= dedup->options.window_ns;
}

err_kind dedup_flush(struct dedup *dedup, struct err_ctx *err)
{
    err_kind kind = OK;
    if (!dedup->dirty_bytes)
        return OK;
    for (struct alert *alert = dedup->table.oldest; kind == OK && alert; alert = alert->younger) {
        if (!alert->is_dirty)
            continue;
        kind = dedup->owner->keep(dedup->context, alert, err);
        alert->is_dirty = false;
    }
    dedup->dirty_bytes = 0;
    return kind;
}
