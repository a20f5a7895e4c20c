/* HTTP: which requests there are, who may send them, what is answered. */
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "core/log.h"
#include "ingest/gateway_state.h"

#define BODIES_BYTES_MAX (96u << 20) /* of all requests together, with their unpackers */
#define DISCARD_BYTES_MAX                                                                          \
    (32u << 20)                      /* of a body that is refused, before its connection is cut    \
                                      */
#define DISCARD_AT_ONCE   (1u << 20) /* announced: over it the answer does not wait for the body */
#define CONNECTIONS_SLACK 32u        /* cut off, and the library has not heard yet */
#define CONNECTION_MEMORY (32u << 10)
#define ANSWER_BYTES_MAX  (256u << 10)
#define LAST_ANSWERS_NS   500000000ull

/* ---- answers ---- */

static void code_count(struct gateway *gateway, unsigned code)
{
    size_t index = 0;
    while (index < gateway->code_count && gateway->codes[index].code != code)
        index++;
    if (index == CODES_MAX)
        return;
    if (index == gateway->code_count)
        gateway->codes[gateway->code_count++].code = code;
    gateway->codes[index].count++;
}

void codes_render(const struct gateway *gateway, struct writer *out)
{
    writer_text(out, "# HELP picket_http_requests_total requests answered\n"
                     "# TYPE picket_http_requests_total counter\n");
    for (size_t index = 0; index < gateway->code_count; index++)
        writer_format(out, "picket_http_requests_total{pipeline=\"%s\",code=\"%u\"} %llu\n",
                      gateway->start.name, gateway->codes[index].code,
                      (unsigned long long)gateway->codes[index].count);
    writer_format(out,
                  "# HELP picket_http_waiting_bytes bodies that are read or wait for the engine\n"
                  "# TYPE picket_http_waiting_bytes gauge\n"
                  "picket_http_waiting_bytes{pipeline=\"%s\"} %zu\n",
                  gateway->start.name, gateway->body_bytes);
    cuts_render(gateway, out);
    syslog_render(gateway, out);
}

void gateway_done(struct gateway *gateway, struct request *request, unsigned code)
{
    (void)gateway;
    bool is_suspended = request->state == REQUEST_WAITING;
    request->state = REQUEST_DONE;
    request->code = code;
    if (is_suspended)
        MHD_resume_connection(request->connection);
}

void gateway_refuse(struct gateway *gateway, struct request *request, unsigned code,
                    unsigned retry_seconds, const char *reason)
{
    writer_reset(&request->answer);
    writer_text(&request->answer, "{\"error\":");
    writer_json_string(&request->answer, span_str(reason));
    writer_text(&request->answer, "}\n");
    request->is_text = false;
    request->retry_seconds = retry_seconds;
    request->is_refused = true;
    if (request->state == REQUEST_READING)
        request->code = code;
    else
        gateway_done(gateway, request, code);
}

static enum MHD_Result respond(struct gateway *gateway, struct request *request)
{
    char seconds[16];
    struct MHD_Response *response = MHD_create_response_from_buffer(
        request->answer.len, request->answer.data ? (void *)request->answer.data : (void *)"",
        MHD_RESPMEM_MUST_COPY);
    if (!response)
        return MHD_NO;
    MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE,
                            request->is_text ? "text/plain; version=0.0.4; charset=utf-8"
                                             : "application/json");
    snprintf(seconds, sizeof seconds, "%u", request->retry_seconds);
    if (request->retry_seconds)
        MHD_add_response_header(response, MHD_HTTP_HEADER_RETRY_AFTER, seconds);
    if (request->code == MHD_HTTP_UNAUTHORIZED)
        MHD_add_response_header(response, MHD_HTTP_HEADER_WWW_AUTHENTICATE, "Bearer");
    if (request->code == MHD_HTTP_METHOD_NOT_ALLOWED)
        MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW,
                                request->ask >= 0 ? "GET" : "POST");
    code_count(gateway, request->code);
    http_wait(request->connection, gateway->start.request_ns); /* to take the answer */
    enum MHD_Result result = MHD_queue_response(request->connection, request->code, response);
    MHD_destroy_response(response);
    return result;
}

/* ---- who may ---- */

/* Takes as long whatever the words are; how long they are is no secret. */
static bool is_same(span a, span b)
{
    uint8_t difference = a.len != b.len;
    for (size_t index = 0; index < a.len && index < b.len; index++)
        difference |= a.data[index] ^ b.data[index];
    return difference == 0;
}

/* With a list of whose certificates count, a client must have shown one of them. */
static bool is_certified(const struct gateway *gateway, struct MHD_Connection *connection)
{
    unsigned status = 0;
    if (!gateway->ca.len)
        return true;
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_GNUTLS_SESSION);
    if (!info || !info->tls_session)
        return false;
    gnutls_session_t session = info->tls_session;
    return gnutls_certificate_verify_peers3(session, NULL, &status) == GNUTLS_E_SUCCESS &&
           status == 0;
}

static bool is_allowed(const struct gateway *gateway, struct MHD_Connection *connection)
{
    span tokens = writer_span(&gateway->tokens), token;
    if (!is_certified(gateway, connection))
        return false;
    const char *value =
        MHD_lookup_connection_value(connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_AUTHORIZATION);
    span given = span_str(value ? value : "");
    bool is_found = false;
    if (!tokens.len)
        return true;
    if (given.len < 7 || strncasecmp((const char *)given.data, "bearer ", 7) != 0)
        return false;
    given = span_after(given, 7);
    while (span_until(&tokens, '\n', &token))
        is_found |= is_same(given, token);
    return is_found;
}

/* ---- requests ---- */

static struct request *request_new(struct gateway *gateway, struct MHD_Connection *connection)
{
    struct request *request = calloc(1, sizeof *request);
    if (!request)
        return NULL;
    request->connection = connection;
    request->ask = -1;
    writer_init(&request->body, gateway->start.body_bytes_max);
    writer_init(&request->answer, ANSWER_BYTES_MAX);
    gateway->request_count++;
    return request;
}

static void request_free(struct gateway *gateway, struct request *request)
{
    struct request_list *lists[] = {&gateway->queue, &gateway->line, &gateway->asks};
    for (size_t index = 0; index < 3; index++)
        for (struct request *other = lists[index]->first; other; other = other->next)
            if (other == request) {
                queue_drop(lists[index], request);
                break;
            }
    gateway->body_bytes -= request->counted;
    gateway->request_count--;
    writer_free(&request->body);
    writer_free(&request->answer);
    unpack_stream_close(request->unpacker);
    free(request);
}

static uint64_t length_announced(struct MHD_Connection *connection)
{
    const char *value =
        MHD_lookup_connection_value(connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_CONTENT_LENGTH);
    return value ? strtoull(value, NULL, 10) : 0;
}

static enum MHD_Result length_count(void *context, enum MHD_ValueKind kind, const char *name,
                                    const char *value)
{
    unsigned *count = context;
    (void)kind, (void)value;
    *count += strcasecmp(name, MHD_HTTP_HEADER_CONTENT_LENGTH) == 0 ||
              strcasecmp(name, MHD_HTTP_HEADER_TRANSFER_ENCODING) == 0;
    return MHD_YES;
}

/* Two lengths, or a length and chunks: somebody on the way may have read the other one. */
static bool is_ambiguous(struct MHD_Connection *connection)
{
    unsigned count = 0;
    MHD_get_connection_values(connection, MHD_HEADER_KIND, length_count, &count);
    return count > 1;
}

/* How a request says where its body ends. Without a length a body of HTTP/1.0 would be passed over;
 * other codings than chunks the library does not read. */
static bool is_framed(struct MHD_Connection *connection, bool *ret_is_known)
{
    const char *coding =
        MHD_lookup_connection_value(connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_TRANSFER_ENCODING);
    *ret_is_known = !coding || strcasecmp(coding, "chunked") == 0;
    return coding ||
           MHD_lookup_connection_value(connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_CONTENT_LENGTH);
}

/* Content-Encoding, if any. */
static bool unpacker_choose(struct request *request)
{
    const char *encoding = MHD_lookup_connection_value(request->connection, MHD_HEADER_KIND,
                                                       MHD_HTTP_HEADER_CONTENT_ENCODING);
    return !encoding || strcasecmp(encoding, "identity") == 0 ||
           unpack_stream_open(encoding, &request->unpacker);
}

static void post_admit(struct gateway *gateway, struct request *request, const char *name)
{
    bool is_known, has_end = is_framed(request->connection, &is_known);
    if (!is_allowed(gateway, request->connection))
        gateway_refuse(gateway, request, MHD_HTTP_UNAUTHORIZED, 0,
                       gateway->ca.len ? "expected a client certificate of the right issuer, and a "
                                         "token where one is asked for"
                                       : "expected the header `Authorization: Bearer TOKEN` with a "
                                         "token that is in force");
    else if (strcmp(name, gateway->start.name) != 0)
        gateway_refuse(gateway, request, MHD_HTTP_NOT_FOUND, 0,
                       "no such source; this address takes another one");
    else if (is_ambiguous(request->connection))
        gateway_refuse(gateway, request, MHD_HTTP_BAD_REQUEST, 0,
                       "expected one Content-Length, or chunks");
    else if (!has_end)
        gateway_refuse(gateway, request, MHD_HTTP_LENGTH_REQUIRED, 0,
                       "expected Content-Length, or chunks");
    else if (!is_known)
        gateway_refuse(gateway, request, MHD_HTTP_NOT_IMPLEMENTED, 0,
                       "Transfer-Encoding: expected chunked");
    else if (gateway->is_stopping)
        gateway_refuse(gateway, request, MHD_HTTP_SERVICE_UNAVAILABLE, 5, "about to end");
    else if (length_announced(request->connection) > gateway->start.body_bytes_max)
        gateway_refuse(gateway, request, MHD_HTTP_CONTENT_TOO_LARGE, 0,
                       "the body is larger than what is taken at once; send it in parts");
    else if (gateway->body_bytes + length_announced(request->connection) > BODIES_BYTES_MAX)
        gateway_refuse(gateway, request, MHD_HTTP_TOO_MANY_REQUESTS, 1,
                       "too much is on its way; send the same again");
    else if (!unpacker_choose(request))
        gateway_refuse(gateway, request, MHD_HTTP_UNSUPPORTED_MEDIA_TYPE, 0,
                       "Content-Encoding: expected gzip, zstd or identity");
}

/* Sets what the request is, or refuses it. */
static void admit(struct gateway *gateway, struct request *request, const char *url,
                  const char *method)
{
    static const char events[] = "/v1/events/";
    bool is_post = strcmp(method, MHD_HTTP_METHOD_POST) == 0;
    bool is_get = strcmp(method, MHD_HTTP_METHOD_GET) == 0;
    if (strncmp(url, events, sizeof events - 1) == 0) {
        if (is_post)
            post_admit(gateway, request, url + sizeof events - 1);
        else
            gateway_refuse(gateway, request, MHD_HTTP_METHOD_NOT_ALLOWED, 0, "expected POST");
        return;
    }
    request->ask = strcmp(url, "/metrics") == 0  ? ASK_METRICS
                   : strcmp(url, "/health") == 0 ? ASK_HEALTH
                                                 : -1;
    request->is_text = request->ask == ASK_METRICS;
    if (request->ask < 0)
        gateway_refuse(gateway, request, MHD_HTTP_NOT_FOUND, 0,
                       "there are /v1/events/SOURCE, /metrics and /health");
    else if (!is_get)
        gateway_refuse(gateway, request, MHD_HTTP_METHOD_NOT_ALLOWED, 0, "expected GET");
    else if (gateway->engine.fd < 0)
        gateway_refuse(gateway, request, MHD_HTTP_SERVICE_UNAVAILABLE, 1, "the engine starts");
}

/* What the request holds of this process's memory, now. */
static void body_count(struct gateway *gateway, struct request *request)
{
    size_t held = request->unpacker ? unpack_stream_bytes(request->unpacker) : 0;
    held += request->body.len;
    gateway->body_bytes -= request->counted;
    gateway->body_bytes += held;
    request->counted = held;
}

static void unpacker_drop(struct gateway *gateway, struct request *request)
{
    unpack_stream_close(request->unpacker);
    request->unpacker = NULL;
    body_count(gateway, request);
}

/* What is refused holds no memory while the rest of it comes. */
static void body_drop(struct gateway *gateway, struct request *request)
{
    writer_free(&request->body);
    writer_init(&request->body, 0);
    unpacker_drop(gateway, request);
}

static enum MHD_Result body_append(struct gateway *gateway, struct request *request, span bytes)
{
    if (request->is_refused) {
        request->discarded += bytes.len;
        return request->discarded > DISCARD_BYTES_MAX ? MHD_NO : MHD_YES;
    }
    bool is_sound = true;
    if (request->unpacker)
        is_sound = unpack_stream_put(request->unpacker, bytes, &request->body);
    else
        writer_put(&request->body, bytes);
    body_count(gateway, request);
    if (!is_sound)
        gateway_refuse(gateway, request, MHD_HTTP_BAD_REQUEST, 0,
                       "the body is not packed as Content-Encoding says; nothing of it was taken");
    else if (request->body.is_full)
        gateway_refuse(gateway, request, MHD_HTTP_CONTENT_TOO_LARGE, 0,
                       "the body is larger than what is taken at once; send it in parts");
    else if (gateway->body_bytes > BODIES_BYTES_MAX)
        gateway_refuse(gateway, request, MHD_HTTP_TOO_MANY_REQUESTS, 1,
                       "too much is on its way; send the same again");
    if (request->is_refused)
        body_drop(gateway, request);
    return MHD_YES;
}

/* The whole request is here. */
static enum MHD_Result request_end(struct gateway *gateway, struct request *request)
{
    if (!request->is_refused && request->unpacker && !unpack_stream_is_whole(request->unpacker))
        gateway_refuse(gateway, request, MHD_HTTP_BAD_REQUEST, 0,
                       "the packed body ends early; nothing of it was taken");
    unpacker_drop(gateway, request);
    if (request->is_refused) {
        request->state = REQUEST_DONE;
    } else if (request->ask < 0 && request->body.len == 0) {
        request->state = REQUEST_DONE;
        request->code = MHD_HTTP_ACCEPTED;
        writer_text(&request->answer, "{\"accepted\":0,\"broken\":0}\n");
    } else {
        queue_submit(gateway, request);
        http_wait(request->connection, 0);
        MHD_suspend_connection(request->connection);
        return MHD_YES;
    }
    return respond(gateway, request);
}

/* Does the answer to a refused request wait for the end of its body? Not when the client itself
 * waits to be told to send it, or has more to send than is worth reading. */
static bool is_body_awaited(struct MHD_Connection *connection)
{
    bool is_known;
    return !MHD_lookup_connection_value(connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_EXPECT) &&
           !is_ambiguous(connection) && is_framed(connection, &is_known) && is_known &&
           length_announced(connection) <= DISCARD_AT_ONCE;
}

static enum MHD_Result handle(void *context, struct MHD_Connection *connection, const char *url,
                              const char *method, const char *version, const char *upload,
                              size_t *upload_bytes, void **request_at)
{
    (void)version;
    struct gateway *gateway = context;
    struct request *request = *request_at;
    if (!request) {
        *request_at = request = request_new(gateway, connection);
        if (!request)
            return MHD_NO;
        http_between(connection, false);
        http_wait(connection, gateway->start.request_ns);
        admit(gateway, request, url, method);
        if (request->is_refused && !is_body_awaited(connection))
            return respond(gateway, request);
        return MHD_YES;
    }
    if (request->state == REQUEST_DONE)
        return respond(gateway, request);
    if (*upload_bytes) {
        span bytes = span_of(upload, *upload_bytes);
        *upload_bytes = 0;
        return body_append(gateway, request, bytes);
    }
    return request_end(gateway, request);
}

static void completed(void *context, struct MHD_Connection *connection, void **request_at,
                      enum MHD_RequestTerminationCode how)
{
    struct gateway *gateway = context;
    if (how != MHD_REQUEST_TERMINATED_COMPLETED_OK && how != MHD_REQUEST_TERMINATED_DAEMON_SHUTDOWN)
        http_gone(gateway, connection);
    http_between(connection, true);
    http_wait(connection, gateway->start.request_ns); /* for the next one */
    if (*request_at)
        request_free(gateway, *request_at);
    *request_at = NULL;
}

__attribute__((format(printf, 2, 0))) static void library_says(void *context, const char *format,
                                                               va_list arguments)
{
    char text[256];
    (void)context;
    vsnprintf(text, sizeof text, format, arguments);
    text[strcspn(text, "\n")] = 0;
    log_event(LOG_WARN, "http", "what='%s'", text);
}

static span with_nul(struct writer *text)
{
    if (text->len)
        writer_byte(text, 0);
    return writer_span(text);
}

err_kind http_open(struct gateway *gateway, int listener, struct err_ctx *err)
{
    unsigned flags = MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG;
    span cert = with_nul(&gateway->cert), key = with_nul(&gateway->key),
         ca = with_nul(&gateway->ca);
    const struct MHD_OptionItem plain[] = {{MHD_OPTION_END, 0, NULL}};
    const struct MHD_OptionItem tls[] = {
        {MHD_OPTION_HTTPS_MEM_CERT, 0, (void *)(uintptr_t)cert.data},
        {MHD_OPTION_HTTPS_MEM_KEY, 0, (void *)(uintptr_t)key.data},
        {MHD_OPTION_HTTPS_PRIORITIES, 0, (void *)(uintptr_t)TLS_PRIORITIES},
        {ca.len ? MHD_OPTION_HTTPS_MEM_TRUST : MHD_OPTION_END, 0, (void *)(uintptr_t)ca.data},
        {MHD_OPTION_END, 0, NULL}};
    gateway->daemon = MHD_start_daemon(
        cert.len ? flags | MHD_USE_TLS : flags, 0, http_accept, gateway, handle, gateway,
        MHD_OPTION_EXTERNAL_LOGGER, library_says, gateway, MHD_OPTION_LISTEN_SOCKET, listener,
        MHD_OPTION_NOTIFY_COMPLETED, completed, gateway, MHD_OPTION_NOTIFY_CONNECTION,
        http_connected, gateway, MHD_OPTION_CONNECTION_LIMIT, CONNECTIONS_MAX + CONNECTIONS_SLACK,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_MEMORY, MHD_OPTION_STRICT_FOR_CLIENT,
        1, MHD_OPTION_ARRAY, cert.len ? tls : plain, MHD_OPTION_END);
    const union MHD_DaemonInfo *info =
        gateway->daemon ? MHD_get_daemon_info(gateway->daemon, MHD_DAEMON_INFO_EPOLL_FD) : NULL;
    if (!info)
        return err_set(err, ERR_INPUT, "the HTTP server does not start%s",
                       cert.len ? ": are certificate and key PEM, and do they belong together?"
                                : "");
    gateway->epoll_fd = info->epoll_fd;
    return OK;
}

void http_close(struct gateway *gateway)
{
    struct request_list *lists[] = {&gateway->queue, &gateway->line, &gateway->asks};
    for (size_t index = 0; index < 3; index++)
        while (lists[index]->first) {
            struct request *request = lists[index]->first;
            queue_drop(lists[index], request);
            gateway_refuse(gateway, request, MHD_HTTP_SERVICE_UNAVAILABLE, 5, "about to end");
        }
    if (!gateway->daemon)
        return;
    uint64_t end_ns = clock_boot_ns() + LAST_ANSWERS_NS;
    while (gateway->request_count && clock_boot_ns() < end_ns) {
        MHD_run(gateway->daemon);
        poll(NULL, 0, 1);
    }
    MHD_stop_daemon(gateway->daemon);
    gateway->daemon = NULL;
}
