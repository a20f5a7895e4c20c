/* Falco's JSON by HTTP POST, one alert a request, as falcosidekick (and any other receiver of
 * Falco's http_output) takes it. It answers 400 to what it cannot read. */
#include "sink/http.h"

static err_kind sidekick_open(struct sink_settings *settings, void **ret, struct err_ctx *err)
{
    return sink_http_new(settings, "Bearer", ret, err);
}

static size_t sidekick_write(void *context, struct sink_document *const *documents, size_t count,
                             struct writer *body, char (*extra)[SINK_REASON_BYTES])
{
    (void)context;
    (void)count;
    writer_put(body, documents[0]->body);
    snprintf(extra[0], SINK_REASON_BYTES, "Content-Type: application/json");
    return 1;
}

static void sidekick_send(void *sink, struct sink_document *const *documents, size_t count,
                          struct sink_trouble *trouble)
{
    static const struct sink_http_dialect dialect = {.write = sidekick_write};
    struct sink_http *http = sink;
    for (size_t index = 0; index < count; index++) {
        sink_http_post(http, http->settings->url, &dialect, NULL, documents + index, 1, trouble);
        if (documents[index]->verdict == SINK_UNSENT)
            return;
    }
}

const struct sink_kind sink_kind_falcosidekick = {
    .name = "falcosidekick",
    .summary = "POST of Falco's JSON, as falcosidekick takes it",
    .batch = 100,
    .format = SIGNAL_FORMAT_FALCO,
    .open = sidekick_open,
    .send = sidekick_send,
    .close = sink_http_delete,
};
