/* GET /metrics and /health of a worker, on the worker's own loop: each request is answered at once,
 * from memory, and a connection that says nothing is closed. */
#include <microhttpd.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>

#include "core/cleanup.h"
#include "worker/worker_state.h"

#define CONNECTIONS_MAX   16u
#define CONNECTION_MEMORY (8u << 10)
#define TIMEOUT_SECONDS   5u

static enum MHD_Result answer(struct MHD_Connection *connection, unsigned code, span text)
{
    struct MHD_Response *response = MHD_create_response_from_buffer(
        text.len, (void *)(uintptr_t)text.data, MHD_RESPMEM_MUST_COPY);
    if (!response)
        return MHD_NO;
    MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE,
                            "text/plain; version=0.0.4; charset=utf-8");
    enum MHD_Result result = MHD_queue_response(connection, code, response);
    MHD_destroy_response(response);
    return result;
}

static enum MHD_Result request_take(void *context, struct MHD_Connection *connection,
                                    const char *path, const char *method, const char *version,
                                    const char *body, size_t *body_len, void **request)
{
    struct worker *worker = context;
    (void)version;
    (void)body;
    (void)request;
    if (*body_len) {
        *body_len = 0; /* read and left */
        return MHD_YES;
    }
    if (strcmp(method, MHD_HTTP_METHOD_GET) != 0)
        return answer(connection, MHD_HTTP_METHOD_NOT_ALLOWED, SPAN("expected GET\n"));
    if (strcmp(path, "/health") == 0)
        return worker->is_ready
                   ? answer(connection, MHD_HTTP_OK, SPAN("ready\n"))
                   : answer(connection, MHD_HTTP_SERVICE_UNAVAILABLE, SPAN("not assigned yet\n"));
    if (strcmp(path, "/metrics") != 0)
        return answer(connection, MHD_HTTP_NOT_FOUND, SPAN("there are /metrics and /health\n"));
    AUTO(writer_free) struct writer text;
    writer_init(&text, METRICS_BYTES_MAX);
    worker_metrics(worker, &text);
    return answer(connection, MHD_HTTP_OK, writer_span(&text));
}

/* ADDR:PORT, [ADDR]:PORT or :PORT, in numbers. */
static err_kind address_find(const char *text, struct addrinfo **ret, struct err_ctx *err)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM,
                                   .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE};
    char host[64] = "";
    const char *colon = strrchr(text, ':');
    const char *begin = text + (text[0] == '[');
    size_t len = colon ? (size_t)(colon - begin) : sizeof host;
    if (len && begin > text && begin[len - 1] == ']')
        len--;
    if (len >= sizeof host)
        return err_set(err, ERR_INPUT, "--metrics '%s': expected ADDR:PORT, as in 127.0.0.1:9464",
                       text);
    memcpy(host, begin, len);
    int outcome = getaddrinfo(host[0] ? host : NULL, colon + 1, &hints, ret);
    return outcome ? err_set(err, ERR_INPUT, "--metrics '%s': %s; expected ADDR:PORT in numbers",
                             text, gai_strerror(outcome))
                   : OK;
}

err_kind metrics_open(struct worker *worker, struct err_ctx *err)
{
    struct addrinfo *address;
    worker->metrics_fd = -1;
    if (!worker->options->metrics)
        return OK;
    err_kind kind = address_find(worker->options->metrics, &address, err);
    if (kind != OK)
        return kind;
    unsigned flags = MHD_USE_EPOLL | (address->ai_family == AF_INET6 ? MHD_USE_IPv6 : 0u);
    worker->metrics_daemon = MHD_start_daemon(
        flags, 0, NULL, NULL, request_take, worker, MHD_OPTION_SOCK_ADDR, address->ai_addr,
        MHD_OPTION_CONNECTION_LIMIT, CONNECTIONS_MAX, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
        (size_t)CONNECTION_MEMORY, MHD_OPTION_CONNECTION_TIMEOUT, TIMEOUT_SECONDS, MHD_OPTION_END);
    freeaddrinfo(address);
    const union MHD_DaemonInfo *info =
        worker->metrics_daemon
            ? MHD_get_daemon_info(worker->metrics_daemon, MHD_DAEMON_INFO_EPOLL_FD)
            : NULL;
    if (!info)
        return err_set(err, ERR_SYSTEM, "--metrics: listening on '%s'", worker->options->metrics);
    worker->metrics_fd = info->epoll_fd;
    return OK;
}

void metrics_serve(struct worker *worker)
{
    if (worker->metrics_daemon)
        MHD_run(worker->metrics_daemon);
}

void metrics_close(struct worker *worker)
{
    if (worker->metrics_daemon)
        MHD_stop_daemon(worker->metrics_daemon);
    worker->metrics_daemon = NULL;
}
