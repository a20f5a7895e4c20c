/* Splunk's HTTP Event Collector: events one behind the other in one request. The answer's `code`
 * tells what became of it:
 * https://docs.splunk.com/Documentation/Splunk/latest/Data/TroubleshootHTTPEventCollector */
#include <jansson.h>

#include "sink/http.h"

#define CODE_DATA_MISSING   5
#define CODE_DATA_INVALID   6
#define CODE_EVENT_REQUIRED 12
#define CODE_EVENT_BLANK    13
#define CODE_FIELDS_INVALID 15

static err_kind hec_open(struct sink_settings *settings, void **ret, struct err_ctx *err)
{
    return sink_http_new(settings, "Splunk", ret, err);
}

/* What a document does not say is left out: Splunk then takes the time of arrival, its own host. */
static void event_write(const struct sink_settings *settings, const struct sink_document *document,
                        struct writer *body)
{
    char key[SINK_KEY_BYTES];
    sink_document_key(document, key);
    writer_format(
        body, "{\"sourcetype\":\"picket:%s\",\"source\":", document->is_alert ? "alert" : "signal");
    writer_json_string(body, span_str(settings->source));
    if (document->time_wall_ns)
        writer_format(body, ",\"time\":%llu.%03u",
                      (unsigned long long)(document->time_wall_ns / 1000000000u),
                      (unsigned)(document->time_wall_ns / 1000000u % 1000u));
    if (document->hostname.len) {
        writer_text(body, ",\"host\":");
        writer_json_string(body, document->hostname);
    }
    if (settings->index) {
        writer_text(body, ",\"index\":");
        writer_json_string(body, span_str(settings->index));
    }
    writer_format(body, ",\"fields\":{\"picket_id\":\"%s\"},\"event\":", key);
    writer_put(body, document->body);
    writer_text(body, "}\n");
}

static size_t hec_write(void *context, struct sink_document *const *documents, size_t count,
                        struct writer *body, char (*extra)[SINK_REASON_BYTES])
{
    const struct sink_http *http = context;
    for (size_t index = 0; index < count; index++)
        event_write(http->settings, documents[index], body);
    snprintf(extra[0], SINK_REASON_BYTES, "Content-Type: application/json");
    return 1;
}

static bool is_about_event(json_int_t code)
{
    return code == CODE_DATA_MISSING || code == CODE_DATA_INVALID || code == CODE_EVENT_REQUIRED ||
           code == CODE_EVENT_BLANK || code == CODE_FIELDS_INVALID;
}

/* 200 with code 0 took all. A 400 that is not about an event (a token without an index, a missing
 * channel) is for the operator to mend. */
static enum sink_http_outcome hec_read(void *context, const struct sink_http_answer *answer,
                                       struct sink_document *const *documents, size_t count,
                                       struct sink_trouble *trouble)
{
    (void)context;
    json_t *json = json_loadb((const char *)answer->body.data, answer->body.len, 0, NULL);
    const json_t *number = json_object_get(json, "code");
    json_int_t code = json_is_integer(number) ? json_integer_value(number) : -1;
    json_decref(json);
    if (answer->status == 200 && code != 0) {
        sink_http_reason(answer, trouble->reason);
        return HTTP_LATER;
    }
    enum sink_http_outcome outcome = sink_http_judge(answer, documents, count, trouble);
    if (outcome == HTTP_REFUSED && answer->status == 400 && !is_about_event(code))
        return HTTP_LATER;
    return outcome;
}

static void hec_send(void *sink, struct sink_document *const *documents, size_t count,
                     struct sink_trouble *trouble)
{
    static const struct sink_http_dialect dialect = {.write = hec_write, .read = hec_read};
    struct sink_http *http = sink;
    sink_http_post(http, http->settings->url, &dialect, http, documents, count, trouble);
}

const struct sink_kind sink_kind_splunk_hec = {
    .name = "splunk-hec",
    .summary = "Splunk's HTTP Event Collector",
    .batch = 100,
    .format = SIGNAL_FORMAT_PICKET,
    .open = hec_open,
    .send = hec_send,
    .close = sink_http_delete,
};
