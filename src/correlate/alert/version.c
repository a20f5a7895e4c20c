#include "alert/version.h"

#include <time.h>

#include "core/writer.h"

static span member(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    if (!json_is_string(value))
        return (span){NULL, 0};
    return span_of(json_string_value(value), json_string_length(value));
}

/* Takes `count` digits. */
static bool digits_take(span *text, size_t count, int *ret)
{
    span digits;
    int value = 0;
    if (!span_take(text, count, &digits))
        return false;
    for (size_t index = 0; index < count; index++) {
        if (digits.data[index] < '0' || digits.data[index] > '9')
            return false;
        value = value * 10 + (digits.data[index] - '0');
    }
    *ret = value;
    return true;
}

static bool byte_take(span *text, uint8_t expected)
{
    uint8_t byte;
    return span_u8(text, &byte) && byte == expected;
}

static bool fraction_take(span *text, uint64_t *ret_ns)
{
    uint64_t ns = 0;
    size_t count = 0;
    while (text->len && text->data[0] >= '0' && text->data[0] <= '9' && count < 9) {
        ns = ns * 10 + (uint64_t)(text->data[0] - '0');
        *text = span_after(*text, 1);
        count++;
    }
    if (!count)
        return false;
    for (; count < 9; count++)
        ns *= 10;
    *ret_ns = ns;
    return true;
}

bool alert_time_parse(span text, uint64_t *ret_wall_ns)
{
    struct tm parts = {0};
    uint64_t ns = 0;
    if (!digits_take(&text, 4, &parts.tm_year) || !byte_take(&text, '-') ||
        !digits_take(&text, 2, &parts.tm_mon) || !byte_take(&text, '-') ||
        !digits_take(&text, 2, &parts.tm_mday) || !byte_take(&text, 'T') ||
        !digits_take(&text, 2, &parts.tm_hour) || !byte_take(&text, ':') ||
        !digits_take(&text, 2, &parts.tm_min) || !byte_take(&text, ':') ||
        !digits_take(&text, 2, &parts.tm_sec))
        return false;
    if (text.len && text.data[0] == '.') {
        text = span_after(text, 1);
        if (!fraction_take(&text, &ns))
            return false;
    }
    if (!byte_take(&text, 'Z') || text.len || parts.tm_year < 1970 || parts.tm_year > 2500 ||
        parts.tm_mon < 1 || parts.tm_mon > 12 || parts.tm_mday < 1 || parts.tm_mday > 31 ||
        parts.tm_hour > 23 || parts.tm_min > 59 || parts.tm_sec > 60)
        return false;
    parts.tm_year -= 1900;
    parts.tm_mon -= 1;
    *ret_wall_ns = (uint64_t)timegm(&parts) * 1000000000u + ns;
    return true;
}

/* ---- signals ---- */

const char *signal_view_open(struct signal_view *view, span record, uint64_t written_wall_ns)
{
    json_error_t failure;
    *view = (struct signal_view){0};
    if (record.data)
        view->json = json_loadb((const char *)record.data, record.len,
                                JSON_ALLOW_NUL | JSON_REJECT_DUPLICATES, &failure);
    if (!json_is_object(view->json))
        return "not a JSON object";
    span rule = member(view->json, "rule"), entity = member(view->json, "entity");
    span id = member(view->json, "id");
    if (!rule.len || !entity.len)
        return "no rule or no entity";
    if (id.len != ALERT_ID_BYTES)
        return "no id";
    if (!alert_time_parse(member(view->json, "time"), &view->time_wall_ns))
        return "no time in RFC 3339, UTC";
    if (rule.len + entity.len + 1 > ALERT_KEY_BYTES_MAX)
        return "rule and entity are too long";
    view->is_time_ours = !view->time_wall_ns && written_wall_ns;
    if (view->is_time_ours || (written_wall_ns && view->time_wall_ns > written_wall_ns))
        view->time_wall_ns = written_wall_ns;
    view->is_shadow = span_eq(member(view->json, "stage"), SPAN("shadow"));
    memcpy(view->id, id.data, ALERT_ID_BYTES);
    memcpy(view->key_bytes, rule.data, rule.len);
    view->key_bytes[rule.len] = 0;
    memcpy(view->key_bytes + rule.len + 1, entity.data, entity.len);
    view->key = span_of(view->key_bytes, rule.len + 1 + entity.len);
    return NULL;
}

void signal_view_close(struct signal_view *view)
{
    json_decref(view->json);
    view->json = NULL;
}

/* ---- versions ---- */

static bool number_set(json_t *object, const char *key, uint64_t value)
{
    return json_object_set_new(object, key, json_integer((json_int_t)value)) == 0;
}

static bool time_set(json_t *object, const char *key, uint64_t wall_ns)
{
    struct writer text;
    writer_init(&text, 64);
    writer_time(&text, wall_ns);
    json_t *value = json_stringn((const char *)text.data, text.len);
    writer_free(&text);
    return json_object_set_new(object, key, value) == 0;
}

/* What changes from version to version. */
static bool numbers_set(json_t *object, const struct alert *alert, bool is_final)
{
    return number_set(object, "version", alert->version) &&
           number_set(object, "count", alert->count) &&
           time_set(object, "first_seen", alert->first_wall_ns) &&
           time_set(object, "last_seen", alert->last_wall_ns) &&
           json_object_set_new(object, "final", json_boolean(is_final)) == 0;
}

char *version_make(const struct alert *alert, const struct signal_view *latest)
{
    /* Taken over from the latest signal as they are. */
    static const char *const member_table[] = {
        "rule", "rule_id",  "priority",  "source", "tags", "entity",  "entities",
        "desc", "response", "container", "output", "time", "process", "hostname",
    };
    json_t *object = json_object();
    bool is_whole =
        object && json_object_set_new(object, "id", json_stringn(alert->id, ALERT_ID_BYTES)) == 0;
    is_whole = is_whole && numbers_set(object, alert, false);
    for (size_t index = 0; is_whole && index < sizeof member_table / sizeof(char *); index++) {
        json_t *value = json_object_get(latest->json, member_table[index]);
        if (value)
            is_whole = json_object_set(object, member_table[index], value) == 0;
    }
    if (latest->is_time_ours)
        is_whole = is_whole && time_set(object, "time", latest->time_wall_ns);
    is_whole = is_whole && json_object_set_new(object, "latest_signal",
                                               json_stringn(latest->id, ALERT_ID_BYTES)) == 0;
    char *text = is_whole ? json_dumps(object, JSON_COMPACT) : NULL;
    json_decref(object);
    return text;
}

char *version_end(const struct alert *alert, span before)
{
    json_error_t failure;
    json_t *object =
        before.data ? json_loadb((const char *)before.data, before.len, JSON_ALLOW_NUL, &failure)
                    : NULL;
    char *text = json_is_object(object) && numbers_set(object, alert, true)
                     ? json_dumps(object, JSON_COMPACT)
                     : NULL;
    json_decref(object);
    return text;
}
