/* OpenTelemetry logs by OTLP/HTTP in JSON (opentelemetry-proto 1.x, ExportLogsServiceRequest): one
 * log record each, its body the rendering as text. */
#include <jansson.h>

#include "core/clock.h"
#include "sink/http.h"

/* SeverityNumber by priority, as the log data model maps syslog's. */
static const struct {
    int number;
    const char *text;
} severity_table[] = {{21, "EMERGENCY"}, {19, "ALERT"},  {18, "CRITICAL"}, {17, "ERROR"},
                      {13, "WARNING"},   {10, "NOTICE"}, {9, "INFO"},      {5, "DEBUG"}};

static err_kind otlp_open(struct sink_settings *settings, void **ret, struct err_ctx *err)
{
    return sink_http_new(settings, "Bearer", ret, err);
}

static void attribute_put(struct writer *out, const char *comma, const char *key, span value)
{
    writer_format(out, "%s{\"key\":\"%s\",\"value\":{\"stringValue\":", comma, key);
    writer_json_string(out, value);
    writer_text(out, "}}");
}

static void record_put(struct writer *out, const struct sink_document *document)
{
    char key[SINK_KEY_BYTES];
    sink_document_key(document, key);
    writer_format(out,
                  "{\"timeUnixNano\":\"%llu\",\"observedTimeUnixNano\":\"%llu\","
                  "\"severityNumber\":%d,\"severityText\":\"%s\",\"body\":{\"stringValue\":",
                  (unsigned long long)document->time_wall_ns, (unsigned long long)clock_wall_ns(),
                  severity_table[document->priority].number,
                  severity_table[document->priority].text);
    writer_json_string(out, document->body);
    writer_text(out, "},\"attributes\":[");
    attribute_put(out, "", "picket.id", document->id);
    attribute_put(out, ",", "picket.key", span_str(key));
    attribute_put(out, ",", "picket.topic", document->is_alert ? SPAN("alerts") : SPAN("signals"));
    attribute_put(out, ",", "picket.rule", document->rule);
    attribute_put(out, ",", "host.name", document->hostname);
    writer_text(out, "]}");
}

static size_t otlp_write(void *context, struct sink_document *const *documents, size_t count,
                         struct writer *body, char (*extra)[SINK_REASON_BYTES])
{
    (void)context;
    writer_text(body, "{\"resourceLogs\":[{\"resource\":{\"attributes\":[");
    attribute_put(body, "", "service.name", SPAN("picket"));
    attribute_put(body, ",", "service.version", SPAN(PICKET_VERSION));
    writer_text(body,
                "]},\"scopeLogs\":[{\"scope\":{\"name\":\"picket\",\"version\":\"" PICKET_VERSION
                "\"},\"logRecords\":[");
    for (size_t index = 0; index < count; index++) {
        writer_text(body, index ? "," : "");
        record_put(body, documents[index]);
    }
    writer_text(body, "]}]}]}");
    snprintf(extra[0], SINK_REASON_BYTES, "Content-Type: application/json");
    return 1;
}

/* A 64-bit number is a text in OTLP's JSON; a plain one is allowed too. */
static long long number_of(const json_t *value)
{
    const char *text = json_string_value(value);
    return text ? strtoll(text, NULL, 10) : (long long)json_integer_value(value);
}

/* A success may be partial; it does not say which records were rejected. */
static enum sink_http_outcome otlp_read(void *context, const struct sink_http_answer *answer,
                                        struct sink_document *const *documents, size_t count,
                                        struct sink_trouble *trouble)
{
    (void)context;
    json_t *json = answer->status == 200
                       ? json_loadb((const char *)answer->body.data, answer->body.len, 0, NULL)
                       : NULL;
    const json_t *partial = json_object_get(json, "partialSuccess");
    long long rejected = number_of(json_object_get(partial, "rejectedLogRecords"));
    json_decref(json);
    if (rejected <= 0)
        return sink_http_judge(answer, documents, count, trouble);
    sink_http_reason(answer, trouble->reason);
    return HTTP_REFUSED;
}

static void otlp_send(void *sink, struct sink_document *const *documents, size_t count,
                      struct sink_trouble *trouble)
{
    static const struct sink_http_dialect dialect = {.write = otlp_write, .read = otlp_read};
    struct sink_http *http = sink;
    sink_http_post(http, http->settings->url, &dialect, http, documents, count, trouble);
}

const struct sink_kind sink_kind_otlp = {
    .name = "otlp-logs",
    .summary = "OpenTelemetry logs by OTLP/HTTP in JSON",
    .batch = 100,
    .format = SIGNAL_FORMAT_PICKET,
    .open = otlp_open,
    .send = otlp_send,
    .close = sink_http_delete,
};
