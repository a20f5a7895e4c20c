/* OpenSearch and Elasticsearch, by _bulk. An alert's document has the alert's id: newer versions
 * take the place of older ones, never the other way round (external_gte). A data stream only grows,
 * so there each version is a document of its own. Both are there once, whoever is restarted. */
#include <jansson.h>

#include "core/cleanup.h"
#include "sink/http.h"

#define TEMPLATE_BYTES ((size_t)16 << 10)
#define NAME_BYTES     256

struct opensearch {
    struct sink_http http;
    char *url; /* of _bulk */
    bool is_prepared;
};

static void opensearch_close(void *sink)
{
    struct opensearch *opensearch = sink;
    sink_http_close(&opensearch->http);
    free(opensearch->url);
    free(opensearch);
}

/* The base, without slashes at its end, and a path. NULL: out of memory. */
static char *url_make(const char *base, const char *path)
{
    char *url;
    size_t len = strlen(base);
    while (len && base[len - 1] == '/')
        len--;
    return asprintf(&url, "%.*s%s", (int)len, base, path) < 0 ? NULL : url;
}

static err_kind opensearch_open(struct sink_settings *settings, void **ret, struct err_ctx *err)
{
    struct opensearch *opensearch = calloc(1, sizeof *opensearch);
    if (!opensearch)
        return err_set(err, ERR_LIMIT, "out of memory");
    err_kind kind = sink_http_open(&opensearch->http, settings, "ApiKey", err);
    if (kind == OK && !(opensearch->url = url_make(settings->url, "/_bulk")))
        kind = err_set(err, ERR_LIMIT, "out of memory");
    if (kind != OK) {
        opensearch_close(opensearch);
        return kind;
    }
    *ret = opensearch;
    return OK;
}

/* ---- the index, and its template ---- */

/* %Y, %m, %d of the alert's first event: whenever it is sent, it has one place. */
static void index_put(struct writer *out, const char *pattern, uint64_t wall_ns)
{
    time_t seconds = (time_t)(wall_ns / 1000000000u);
    struct tm parts = {0};
    gmtime_r(&seconds, &parts);
    for (const char *at = pattern; *at; at++) {
        bool is_part = at[0] == '%' && (at[1] == 'Y' || at[1] == 'm' || at[1] == 'd');
        if (!is_part)
            writer_byte(out, (uint8_t)*at);
        else if (*++at == 'Y')
            writer_format(out, "%04d", parts.tm_year + 1900);
        else
            writer_format(out, "%02d", *at == 'm' ? parts.tm_mon + 1 : parts.tm_mday);
    }
}

/* Rules print what they like, and two rules may mean different types by one name: their fields lie
 * in one flat field, whose name differs between the two products. */
static void mappings_put(struct writer *out, enum signal_format format, const char *flat)
{
    static const char *const dates[SIGNAL_FORMAT_COUNT] = {
        [SIGNAL_FORMAT_PICKET] = "time first_seen last_seen",
        [SIGNAL_FORMAT_FALCO] = "time",
        [SIGNAL_FORMAT_OCSF] = "",
        [SIGNAL_FORMAT_ECS] = "",
    };
    static const char *const texts[SIGNAL_FORMAT_COUNT] = {"output", "output", "message",
                                                           "message"};
    static const char *const flats[SIGNAL_FORMAT_COUNT] = {
        "\"output_fields\":{\"type\":\"%s\"}", "\"output_fields\":{\"type\":\"%s\"}",
        "\"evidences\":{\"properties\":{\"data\":{\"type\":\"%s\"}}}",
        "\"picket\":{\"properties\":{\"output_fields\":{\"type\":\"%s\"}}}"};
    span rest = span_str(dates[format]), name;
    writer_text(out, "{\"dynamic_templates\":[{\"texts\":{\"match_mapping_type\":\"string\","
                     "\"mapping\":{\"type\":\"keyword\",\"ignore_above\":8191}}}],"
                     "\"properties\":{\"@timestamp\":{\"type\":\"date\"},");
    while (rest.len) {
        if (!span_until(&rest, ' ', &name)) {
            name = rest;
            rest.len = 0;
        }
        writer_json_string(out, name);
        writer_text(out, ":{\"type\":\"date\"},");
    }
    writer_format(out, "\"%s\":{\"type\":\"text\"},", texts[format]);
    const char *hole = strstr(flats[format], "%s");
    writer_put(out, span_of(flats[format], (size_t)(hole - flats[format])));
    writer_text(out, flat);
    writer_text(out, hole + 2);
    writer_text(out, "}}");
}

static void template_put(struct writer *out, const struct sink_settings *settings, const char *flat)
{
    size_t fixed = strcspn(settings->index, "%");
    writer_text(out, "{\"index_patterns\":[");
    AUTO(writer_free) struct writer pattern;
    writer_init(&pattern, NAME_BYTES);
    writer_put(&pattern, span_of(settings->index, fixed));
    if (settings->index[fixed])
        writer_byte(&pattern, '*');
    writer_json_string(out, writer_span(&pattern));
    out->is_full |= pattern.is_full;
    writer_format(out, "],\"priority\":200,%s\"template\":{\"mappings\":",
                  settings->is_data_stream ? "\"data_stream\":{}," : "");
    mappings_put(out, settings->format, flat);
    writer_text(out, "}}");
}

/* Which of the two this is. */
static const char *flat_type(span answer)
{
    json_t *json = json_loadb((const char *)answer.data, answer.len, 0, NULL);
    const char *name =
        json_string_value(json_object_get(json_object_get(json, "version"), "distribution"));
    bool is_opensearch = name && strcmp(name, "opensearch") == 0;
    json_decref(json);
    return is_opensearch ? "flat_object" : "flattened";
}

static bool is_good(const struct sink_http_answer *answer, struct sink_trouble *trouble)
{
    if (answer->status >= 200 && answer->status < 300)
        return true;
    sink_http_reason(answer, trouble->reason);
    trouble->wait_ns = answer->wait_ns;
    return false;
}

/* Puts the template, unless there is one of its name: that may have been changed on purpose. */
static bool prepare(struct opensearch *opensearch, struct sink_trouble *trouble)
{
    const struct sink_settings *settings = opensearch->http.settings;
    static const char *const json_line[] = {"Content-Type: application/json"};
    static const span none = {NULL, 0};
    struct sink_http_answer answer;
    AUTO(writer_free) struct writer body;
    char path[NAME_BYTES];
    writer_init(&body, TEMPLATE_BYTES);
    snprintf(path, sizeof path, "/_index_template/picket-%s", settings->name);
    AUTO(auto_free) char *root = url_make(settings->url, "/");
    AUTO(auto_free) char *place = url_make(settings->url, path);
    if (!root || !place)
        return false;
    sink_http_request(&opensearch->http, "GET", root, none, NULL, 0, &answer);
    if (!is_good(&answer, trouble))
        return false;
    const char *flat = flat_type(answer.body);
    sink_http_request(&opensearch->http, "GET", place, none, NULL, 0, &answer);
    if (answer.status != 404)
        return is_good(&answer, trouble);
    template_put(&body, settings, flat);
    sink_http_request(&opensearch->http, "PUT", place, writer_span(&body), json_line, 1, &answer);
    return !body.is_full && is_good(&answer, trouble);
}

/* ---- _bulk ---- */

static void action_put(struct writer *out, const struct sink_settings *settings,
                       const struct sink_document *document)
{
    char key[SINK_KEY_BYTES];
    AUTO(writer_free) struct writer index;
    writer_init(&index, NAME_BYTES);
    index_put(&index, settings->index, document->first_wall_ns);
    out->is_full |= index.is_full;
    writer_text(out,
                settings->is_data_stream ? "{\"create\":{\"_index\":" : "{\"index\":{\"_index\":");
    writer_json_string(out, writer_span(&index));
    writer_text(out, ",\"_id\":");
    if (settings->is_data_stream) {
        sink_document_key(document, key);
        writer_json_string(out, span_str(key));
    } else {
        writer_json_string(out, document->id);
        if (document->is_alert)
            writer_format(out, ",\"version\":%llu,\"version_type\":\"external_gte\"",
                          (unsigned long long)document->version);
    }
    writer_text(out, "}}\n");
}

static size_t opensearch_write(void *context, struct sink_document *const *documents, size_t count,
                               struct writer *body, char (*extra)[SINK_REASON_BYTES])
{
    const struct opensearch *opensearch = context;
    const struct sink_settings *settings = opensearch->http.settings;
    for (size_t index = 0; index < count; index++) {
        const struct sink_document *document = documents[index];
        action_put(body, settings, document);
        if (settings->format == SIGNAL_FORMAT_ECS) { /* it has one already */
            writer_put(body, document->body);
        } else {
            writer_text(body, "{\"@timestamp\":\"");
            writer_time(body, document->time_wall_ns);
            writer_text(body, "\",");
            writer_put(body, span_after(document->body, 1));
        }
        writer_byte(body, '\n');
    }
    snprintf(extra[0], SINK_REASON_BYTES, "Content-Type: application/x-ndjson");
    return 1;
}

/* One item: 2xx is there, 409 was there already (or a newer version); what the receiver is too busy
 * for, or does not allow, is for later; other 4xx are about the document. */
static void item_read(const json_t *item, struct sink_document *document,
                      struct sink_trouble *trouble)
{
    const json_t *outcome = json_object_iter_value(json_object_iter((json_t *)(uintptr_t)item));
    const json_t *error = json_object_get(outcome, "error");
    json_int_t status = json_integer_value(json_object_get(outcome, "status"));
    const char *type = json_string_value(json_object_get(error, "type"));
    const char *reason = json_string_value(json_object_get(error, "reason"));
    char text[SINK_REASON_BYTES];
    if ((status >= 200 && status < 300) || status == 409) {
        document->verdict = SINK_SENT;
        return;
    }
    snprintf(text, sizeof text, "%d %.60s: %.150s", (int)status, type ? type : "",
             reason ? reason : "");
    if (status < 400 || status >= 500 || status == 429 || status == 401 || status == 403 ||
        status == 404) {
        memcpy(trouble->reason, text, sizeof text);
        return;
    }
    document->verdict = SINK_REFUSED;
    memcpy(document->reason, text, sizeof text);
}

static enum sink_http_outcome opensearch_read(void *context, const struct sink_http_answer *answer,
                                              struct sink_document *const *documents, size_t count,
                                              struct sink_trouble *trouble)
{
    (void)context;
    if (answer->status != 200)
        return sink_http_judge(answer, documents, 0, trouble) == HTTP_REFUSED ? HTTP_REFUSED
                                                                              : HTTP_LATER;
    json_t *json = json_loadb((const char *)answer->body.data, answer->body.len, 0, NULL);
    const json_t *items = json_object_get(json, "items");
    bool is_whole = json_array_size(items) == count;
    for (size_t index = 0; index < count && is_whole; index++)
        item_read(json_array_get(items, index), documents[index], trouble);
    json_decref(json);
    if (is_whole)
        return HTTP_TAKEN;
    snprintf(trouble->reason, sizeof trouble->reason, "the answer to _bulk is not one");
    return HTTP_LATER;
}

static void opensearch_send(void *sink, struct sink_document *const *documents, size_t count,
                            struct sink_trouble *trouble)
{
    static const struct sink_http_dialect dialect = {.write = opensearch_write,
                                                     .read = opensearch_read};
    struct opensearch *opensearch = sink;
    if (!opensearch->is_prepared && opensearch->http.settings->has_template)
        opensearch->is_prepared = prepare(opensearch, trouble);
    if (opensearch->is_prepared || !opensearch->http.settings->has_template)
        sink_http_post(&opensearch->http, opensearch->url, &dialect, opensearch, documents, count,
                       trouble);
}

const struct sink_kind sink_kind_opensearch = {
    .name = "opensearch",
    .summary = "OpenSearch or Elasticsearch: bulk, each alert one document, index template",
    .batch = 500,
    .format = SIGNAL_FORMAT_ECS,
    .open = opensearch_open,
    .send = opensearch_send,
    .close = opensearch_close,
};
