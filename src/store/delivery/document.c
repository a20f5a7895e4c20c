#include "delivery/document.h"

#include <jansson.h>
#include <string.h>

#include "core/clock.h"

static span member_copy(const json_t *object, const char *key, struct arena *arena, bool *is_whole)
{
    const json_t *value = json_object_get(object, key);
    if (!json_is_string(value))
        return SPAN("");
    span copy = arena_dup(arena, span_of(json_string_value(value), json_string_length(value)));
    *is_whole &= copy.data != NULL;
    return copy;
}

static uint64_t time_get(const json_t *object, const char *key, uint64_t otherwise)
{
    uint64_t wall_ns;
    const char *text = json_string_value(json_object_get(object, key));
    return text && clock_parse(text, &wall_ns) ? wall_ns : otherwise;
}

static bool is_wanted(const struct sink_settings *settings, const struct sink_document *document,
                      const json_t *record)
{
    const char *stage = json_string_value(json_object_get(record, "stage"));
    if (stage && strcmp(stage, "shadow") == 0)
        return false; /* kept, but for nobody who did not ask */
    if (document->priority > settings->priority_max)
        return false;
    return !document->is_alert || settings->versions == SINK_VERSIONS_ALL ||
           (settings->versions == SINK_VERSIONS_FIRST ? document->version == 1
                                                      : document->is_final);
}

static err_kind refuse(span record, const char *reason, struct arena *arena,
                       struct sink_document *ret, struct err_ctx *err)
{
    ret->body = arena_dup(arena, record);
    ret->verdict = SINK_REFUSED;
    snprintf(ret->reason, sizeof ret->reason, "%.*s", SINK_REASON_BYTES - 1, reason);
    return ret->body.data ? OK : err_set(err, ERR_LIMIT, "a batch is too large");
}

static err_kind fill(const struct sink_settings *settings, const json_t *json, span record,
                     struct arena *arena, struct writer *scratch, struct sink_document *ret,
                     struct err_ctx *err)
{
    bool is_whole = true;
    ret->priority = 7;
    const char *priority = json_string_value(json_object_get(json, "priority"));
    if (priority)
        (void)signal_priority_parse(span_str(priority), &ret->priority);
    ret->is_alert = json_is_integer(json_object_get(json, "version"));
    ret->is_final = json_is_true(json_object_get(json, "final"));
    ret->version = (uint64_t)json_integer_value(json_object_get(json, "version"));
    ret->time_wall_ns = time_get(json, "last_seen", time_get(json, "time", 0));
    ret->first_wall_ns = time_get(json, "first_seen", ret->time_wall_ns);
    if (!is_wanted(settings, ret, json)) {
        ret->verdict = SINK_FILTERED;
        return OK;
    }
    writer_reset(scratch);
    if (signal_export(json, settings->format, scratch, err) != OK)
        return refuse(record, err->text, arena, ret, err);
    ret->id = member_copy(json, "id", arena, &is_whole);
    ret->rule = member_copy(json, "rule", arena, &is_whole);
    ret->hostname = member_copy(json, "hostname", arena, &is_whole);
    ret->output = member_copy(json, "output", arena, &is_whole);
    ret->body = arena_dup(arena, writer_span(scratch));
    return is_whole && ret->body.data ? OK : err_set(err, ERR_LIMIT, "a batch is too large");
}

err_kind document_make(const struct sink_settings *settings, span record, struct arena *arena,
                       struct writer *scratch, struct sink_document *ret, struct err_ctx *err)
{
    *ret = (struct sink_document){.verdict = SINK_UNSENT};
    json_t *json = json_loadb((const char *)record.data, record.len, JSON_ALLOW_NUL, NULL);
    err_kind kind = json_is_object(json) ? fill(settings, json, record, arena, scratch, ret, err)
                                         : refuse(record, "not a JSON object", arena, ret, err);
    json_decref(json);
    return kind;
}
