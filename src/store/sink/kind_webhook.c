/* JSON by HTTP POST: one object a request, or an array where `batch` is more than 1. With a secret
 * each request is signed: Picket-Signature: t=SECONDS,v1=HEX, the HMAC-SHA256 of "SECONDS.BODY". */

#include "core/cleanup.h"
#include "core/clock.h"
#include "sink/http.h"
#include "sink/openssl.h"

struct webhook {
    struct sink_http http;
    struct writer secret;
    bool is_list;
};

static void webhook_close(void *sink)
{
    struct webhook *webhook = sink;
    sink_http_close(&webhook->http);
    writer_free(&webhook->secret);
    free(webhook);
}

static err_kind webhook_open(struct sink_settings *settings, void **ret, struct err_ctx *err)
{
    struct webhook *webhook = calloc(1, sizeof *webhook);
    if (!webhook)
        return err_set(err, ERR_LIMIT, "out of memory");
    webhook->is_list = settings->batch_max > 1;
    err_kind kind = sink_http_open(&webhook->http, settings, "Bearer", err);
    if (kind == OK && settings->secret_file.fd >= 0)
        kind = secret_read(&settings->secret_file, &webhook->secret, err);
    if (kind != OK) {
        webhook_close(webhook);
        return kind;
    }
    *ret = webhook;
    return OK;
}

static void sign(const struct webhook *webhook, span body, char ret[SINK_REASON_BYTES])
{
    uint8_t digest[EVP_MAX_MD_SIZE];
    unsigned length = 0;
    AUTO(writer_free) struct writer signed_text;
    writer_init(&signed_text, body.len + 64);
    unsigned long long seconds = clock_wall_ns() / 1000000000u;
    writer_format(&signed_text, "%llu.", seconds);
    writer_put(&signed_text, body);
    HMAC(EVP_sha256(), webhook->secret.data, (int)webhook->secret.len, signed_text.data,
         signed_text.len, digest, &length);
    int at = snprintf(ret, SINK_REASON_BYTES, "Picket-Signature: t=%llu,v1=", seconds);
    for (unsigned index = 0; index < length && !signed_text.is_full; index++)
        at += snprintf(ret + at, SINK_REASON_BYTES - (size_t)at, "%02x", digest[index]);
}

static size_t webhook_write(void *context, struct sink_document *const *documents, size_t count,
                            struct writer *body, char (*extra)[SINK_REASON_BYTES])
{
    const struct webhook *webhook = context;
    size_t lines = 0;
    for (size_t index = 0; index < count; index++) {
        if (webhook->is_list)
            writer_byte(body, index ? ',' : '[');
        writer_put(body, documents[index]->body);
    }
    if (webhook->is_list)
        writer_byte(body, ']');
    snprintf(extra[lines++], SINK_REASON_BYTES, "Content-Type: application/json");
    if (!webhook->is_list) {
        char key[SINK_KEY_BYTES];
        sink_document_key(documents[0], key);
        snprintf(extra[lines++], SINK_REASON_BYTES, "Picket-Id: %s", key);
    }
    if (webhook->secret.len && !body->is_full)
        sign(webhook, writer_span(body), extra[lines++]);
    return lines;
}

static void webhook_send(void *sink, struct sink_document *const *documents, size_t count,
                         struct sink_trouble *trouble)
{
    static const struct sink_http_dialect dialect = {.write = webhook_write};
    struct webhook *webhook = sink;
    size_t most = webhook->is_list ? count : 1;
    for (size_t index = 0; index < count; index += most) {
        sink_http_post(&webhook->http, webhook->http.settings->url, &dialect, webhook,
                       documents + index, most, trouble);
        if (documents[index]->verdict == SINK_UNSENT)
            return;
    }
}

const struct sink_kind sink_kind_webhook = {
    .name = "webhook",
    .summary = "POST of JSON, signed with HMAC-SHA256 where a secret is given",
    .batch = 1,
    .format = SIGNAL_FORMAT_PICKET,
    .open = webhook_open,
    .send = webhook_send,
    .close = webhook_close,
};
