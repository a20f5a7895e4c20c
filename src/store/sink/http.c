#include "sink/http.h"

#include "core/cleanup.h"

#define REQUEST_BYTES_MAX  (SINK_BATCH_BYTES_MAX * 3)
#define RESPONSE_BYTES_MAX ((size_t)8 << 20)
#define SECRET_BYTES_MAX   ((size_t)64 << 10)

err_kind secret_read(const struct sink_file *file, struct writer *ret, struct err_ctx *err)
{
    char chunk[4096];
    off_t at = 0;
    writer_init(ret, SECRET_BYTES_MAX);
    for (;;) {
        ssize_t count = pread(file->fd, chunk, sizeof chunk, at);
        if (count < 0)
            return err_set(err, ERR_SYSTEM, "%s", file->path);
        if (count == 0)
            break;
        writer_put(ret, span_of(chunk, (size_t)count));
        at += count;
    }
    while (ret->len && ret->data[ret->len - 1] <= ' ')
        ret->len--;
    if (ret->len == 0)
        return err_set(err, ERR_INPUT, "%s: the file is empty", file->path);
    writer_byte(ret, 0);
    ret->len -= !ret->is_full;
    return ret->is_full ? err_set(err, ERR_LIMIT, "%s: over %zu bytes", file->path, ret->size_max)
                        : OK;
}

/* ---- set-up ---- */

static err_kind header_add(struct sink_http *http, const char *line, struct err_ctx *err)
{
    struct curl_slist *grown = curl_slist_append(http->headers, line);
    if (!grown)
        return err_set(err, ERR_LIMIT, "out of memory");
    http->headers = grown;
    return OK;
}

static err_kind token_add(struct sink_http *http, const char *scheme, struct err_ctx *err)
{
    AUTO(writer_free) struct writer token;
    AUTO(writer_free) struct writer line;
    const struct sink_settings *settings = http->settings;
    writer_init(&line, SECRET_BYTES_MAX + 64);
    writer_init(&token, SECRET_BYTES_MAX);
    if (settings->token_file.fd < 0)
        return OK;
    err_kind kind = secret_read(&settings->token_file, &token, err);
    if (kind != OK)
        return kind;
    if (settings->user) {
        curl_easy_setopt(http->easy, CURLOPT_HTTPAUTH, CURLAUTH_BASIC);
        curl_easy_setopt(http->easy, CURLOPT_USERNAME, settings->user);
        curl_easy_setopt(http->easy, CURLOPT_PASSWORD, (const char *)token.data);
        return OK;
    }
    if (memchr(token.data, '\n', token.len) || memchr(token.data, '\r', token.len))
        return err_set(err, ERR_INPUT, "%s: expected a token on one line",
                       settings->token_file.path);
    writer_format(&line, "Authorization: %s ", scheme);
    writer_put(&line, writer_span(&token));
    writer_byte(&line, 0);
    return header_add(http, (const char *)line.data, err);
}

static err_kind blob_set(struct sink_http *http, CURLoption option, const struct sink_file *file,
                         struct err_ctx *err)
{
    AUTO(writer_free) struct writer content;
    writer_init(&content, SECRET_BYTES_MAX);
    if (file->fd < 0)
        return OK;
    err_kind kind = secret_read(file, &content, err);
    if (kind != OK)
        return kind;
    struct curl_blob blob = {content.data, content.len, CURL_BLOB_COPY};
    return curl_easy_setopt(http->easy, option, &blob) == CURLE_OK
               ? OK
               : err_set(err, ERR_INPUT, "%s: this libcurl does not take it", file->path);
}

static size_t response_take(char *data, size_t size, size_t count, void *context)
{
    struct sink_http *http = context;
    writer_put(&http->response, span_of(data, size * count));
    return http->response.is_full ? 0 : count;
}

static err_kind options_set(struct sink_http *http, struct err_ctx *err)
{
    const struct sink_settings *settings = http->settings;
    CURL *easy = http->easy;
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)(settings->timeout_ns / 1000000));
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, http->error);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, response_take);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, http);
    curl_easy_setopt(easy, CURLOPT_USERAGENT, "picket/" PICKET_VERSION);
    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, settings->is_verified ? 1L : 0L);
    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, settings->is_verified ? 2L : 0L);
    err_kind kind = blob_set(http, CURLOPT_CAINFO_BLOB, &settings->ca_file, err);
    if (kind == OK)
        kind = blob_set(http, CURLOPT_SSLCERT_BLOB, &settings->cert_file, err);
    if (kind == OK)
        kind = blob_set(http, CURLOPT_SSLKEY_BLOB, &settings->key_file, err);
    return kind;
}

err_kind sink_http_open(struct sink_http *http, const struct sink_settings *settings,
                        const char *scheme, struct err_ctx *err)
{
    *http = (struct sink_http){.settings = settings};
    writer_init(&http->request, REQUEST_BYTES_MAX);
    writer_init(&http->response, RESPONSE_BYTES_MAX);
    http->easy = curl_easy_init();
    if (!http->easy)
        return err_set(err, ERR_LIMIT, "out of memory");
    err_kind kind = options_set(http, err);
    if (kind == OK)
        kind = header_add(http, "Expect:", err); /* no asking before each body */
    if (kind == OK && scheme)
        kind = token_add(http, scheme, err);
    for (size_t index = 0; index < settings->header_count && kind == OK; index++) {
        AUTO(writer_free) struct writer line;
        writer_init(&line, SECRET_BYTES_MAX);
        writer_format(&line, "%s: %s", settings->headers[index].name,
                      settings->headers[index].value);
        writer_byte(&line, 0);
        kind = line.is_full ? err_set(err, ERR_LIMIT, "a header is too long")
                            : header_add(http, (const char *)line.data, err);
    }
    if (kind != OK)
        sink_http_close(http);
    return kind;
}

void sink_http_close(struct sink_http *http)
{
    curl_slist_free_all(http->headers);
    if (http->easy)
        curl_easy_cleanup(http->easy);
    writer_free(&http->request);
    writer_free(&http->response);
    *http = (struct sink_http){0};
}

err_kind sink_http_new(const struct sink_settings *settings, const char *scheme, void **ret,
                       struct err_ctx *err)
{
    struct sink_http *http = calloc(1, sizeof *http);
    if (!http)
        return err_set(err, ERR_LIMIT, "out of memory");
    err_kind kind = sink_http_open(http, settings, scheme, err);
    if (kind == OK)
        *ret = http;
    else
        free(http);
    return kind;
}

void sink_http_delete(void *sink)
{
    sink_http_close(sink);
    free(sink);
}

/* ---- one request ---- */

/* The lines of this request in front of those of every one, whose list is only borrowed. *ret_last
 * joins the two; NULL: there are none. */
static struct curl_slist *headers_join(struct sink_http *http, const char *const *extra,
                                       size_t count, struct curl_slist **ret_last)
{
    struct curl_slist *own = NULL;
    *ret_last = NULL;
    for (size_t index = 0; index < count; index++) {
        struct curl_slist *grown = curl_slist_append(own, extra[index]);
        if (!grown)
            break;
        own = grown;
    }
    for (struct curl_slist *at = own; at; at = at->next)
        *ret_last = at;
    if (*ret_last)
        (*ret_last)->next = http->headers;
    return own ? own : http->headers;
}

void sink_http_request(struct sink_http *http, const char *method, const char *url, span body,
                       const char *const *extra, size_t extra_count, struct sink_http_answer *ret)
{
    struct curl_slist *last;
    struct curl_slist *headers = headers_join(http, extra, extra_count, &last);
    curl_off_t wait_s = 0;
    *ret = (struct sink_http_answer){.text = http->error};
    http->error[0] = 0;
    writer_reset(&http->response);
    curl_easy_setopt(http->easy, CURLOPT_URL, url);
    curl_easy_setopt(http->easy, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(http->easy, CURLOPT_POSTFIELDS, NULL);
    if (body.data) {
        curl_easy_setopt(http->easy, CURLOPT_POST, 1L);
        curl_easy_setopt(http->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)body.len);
        curl_easy_setopt(http->easy, CURLOPT_POSTFIELDS, body.data);
    } else {
        curl_easy_setopt(http->easy, CURLOPT_HTTPGET, 1L);
    }
    curl_easy_setopt(http->easy, CURLOPT_CUSTOMREQUEST, method);
    CURLcode code = curl_easy_perform(http->easy);
    if (code == CURLE_OK) {
        curl_easy_getinfo(http->easy, CURLINFO_RESPONSE_CODE, &ret->status);
        curl_easy_getinfo(http->easy, CURLINFO_RETRY_AFTER, &wait_s);
        ret->wait_ns = wait_s > 0 && wait_s < 1000000 ? (uint64_t)wait_s * 1000000000u : 0;
        ret->body = writer_span(&http->response);
    } else if (!http->error[0]) {
        ret->text = curl_easy_strerror(code);
    }
    if (last) {
        last->next = NULL;
        curl_easy_setopt(http->easy, CURLOPT_HTTPHEADER, NULL);
        curl_slist_free_all(headers);
    }
}

/* ---- what it means ---- */

void sink_http_reason(const struct sink_http_answer *answer, char ret[SINK_REASON_BYTES])
{
    if (answer->status)
        snprintf(ret, SINK_REASON_BYTES, "the receiver answers %ld: %.*s", answer->status,
                 (int)(answer->body.len < 150 ? answer->body.len : 150),
                 answer->body.data ? (const char *)answer->body.data : "");
    else
        snprintf(ret, SINK_REASON_BYTES, "no answer: %.*s", SINK_REASON_BYTES - 32, answer->text);
}

enum sink_http_outcome sink_http_judge(const struct sink_http_answer *answer,
                                       struct sink_document *const *documents, size_t count,
                                       struct sink_trouble *trouble)
{
    /* Of the 4xx: not allowed, not found, too slow, too early, too many. A wrong token or path is
     * for the operator to mend, and costs no documents meanwhile. */
    static const long later_table[] = {401, 402, 403, 404, 405, 407, 408, 410, 421, 425, 429};
    if (answer->status >= 200 && answer->status < 300) {
        sink_documents_settle(documents, count, SINK_SENT, NULL);
        return HTTP_TAKEN;
    }
    sink_http_reason(answer, trouble->reason);
    trouble->wait_ns = answer->wait_ns;
    if (answer->status < 400 || answer->status >= 500)
        return HTTP_LATER;
    for (size_t index = 0; index < sizeof later_table / sizeof *later_table; index++)
        if (answer->status == later_table[index])
            return HTTP_LATER;
    return HTTP_REFUSED;
}

static enum sink_http_outcome slice_post(struct sink_http *http, const char *url,
                                         const struct sink_http_dialect *dialect, void *context,
                                         struct sink_document *const *documents, size_t count,
                                         struct sink_trouble *trouble)
{
    char lines[HTTP_HEADERS_MAX][SINK_REASON_BYTES];
    const char *extra[HTTP_HEADERS_MAX] = {lines[0], lines[1], lines[2], lines[3]};
    struct sink_http_answer answer;
    writer_reset(&http->request);
    size_t extra_count = dialect->write(context, documents, count, &http->request, lines);
    if (http->request.is_full) {
        snprintf(trouble->reason, sizeof trouble->reason, "the request is over %zu bytes",
                 REQUEST_BYTES_MAX);
        return HTTP_REFUSED;
    }
    sink_http_request(http, "POST", url, writer_span(&http->request), extra, extra_count, &answer);
    return dialect->read ? dialect->read(context, &answer, documents, count, trouble)
                         : sink_http_judge(&answer, documents, count, trouble);
}

void sink_http_post(struct sink_http *http, const char *url,
                    const struct sink_http_dialect *dialect, void *context,
                    struct sink_document *const *documents, size_t count,
                    struct sink_trouble *trouble)
{
    size_t first = 0, size = count;
    while (first < count) {
        if (size > count - first)
            size = count - first;
        enum sink_http_outcome outcome =
            slice_post(http, url, dialect, context, documents + first, size, trouble);
        if (outcome == HTTP_LATER)
            return;
        if (outcome == HTTP_REFUSED && size > 1) {
            size = (size + 1) / 2; /* to find the one that is not acceptable */
            continue;
        }
        if (outcome == HTTP_REFUSED)
            sink_documents_settle(documents + first, 1, SINK_REFUSED, trouble->reason);
        first += size;
        size *= 2;
    }
}
