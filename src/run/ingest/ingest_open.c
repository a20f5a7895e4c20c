/* Sockets and secrets of ingest: opened by the parent, handed to the gateway. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "core/cleanup.h"
#include "core/log.h"
#include "ingest/ingest_state.h"

#define BACKLOG         512
#define TOKEN_BYTES_MAX 4096
#define FILE_BYTES_MAX  (256u << 10)

/* ---- sockets ---- */

/* ADDR:PORT, [ADDR]:PORT or :PORT, numbers only. */
static err_kind address_find(const char *text, int type, struct addrinfo **ret, struct err_ctx *err)
{
    char host[128] = "";
    const char *colon = strrchr(text, ':');
    const struct addrinfo hints = {.ai_socktype = type,
                                   .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE};
    size_t len = colon ? (size_t)(colon - text) : 0;
    if (!colon || len >= sizeof host)
        return err_set(err, ERR_INPUT, "address '%s': expected ADDR:PORT, as in 127.0.0.1:8088",
                       text);
    memcpy(host, text, len);
    const char *start = host;
    if (len >= 2 && host[0] == '[' && host[len - 1] == ']') {
        host[len - 1] = 0;
        start++;
    }
    int outcome = getaddrinfo(start[0] ? start : NULL, colon + 1, &hints, ret);
    if (outcome)
        return err_set(err, ERR_INPUT, "address '%s': %s; expected ADDR:PORT in numbers", text,
                       gai_strerror(outcome));
    return OK;
}

static void address_print(int fd, char *into, size_t size)
{
    struct sockaddr_storage address = {0};
    socklen_t len = sizeof address;
    char host[64], port[16];
    if (getsockname(fd, (struct sockaddr *)&address, &len) ||
        getnameinfo((struct sockaddr *)&address, len, host, sizeof host, port, sizeof port,
                    NI_NUMERICHOST | NI_NUMERICSERV))
        snprintf(into, size, "?");
    else
        snprintf(into, size, address.ss_family == AF_INET6 ? "[%s]:%s" : "%s:%s", host, port);
}

static err_kind socket_open(const char *text, int type, int *ret, struct err_ctx *err)
{
    struct addrinfo *found;
    const int on = 1;
    err_kind kind = address_find(text, type, &found, err);
    if (kind != OK)
        return kind;
    AUTO(auto_close)
    int fd = socket(found->ai_family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) ||
        bind(fd, found->ai_addr, found->ai_addrlen) || (type == SOCK_STREAM && listen(fd, BACKLOG)))
        kind = err_set(err, ERR_SYSTEM, "listening on '%s'", text);
    freeaddrinfo(found);
    if (kind == OK)
        *ret = fd_steal(&fd);
    return kind;
}

/* A datagram socket with a name in the file system, which anybody may write to, as /dev/log. One
 * that an earlier run left is replaced. */
static err_kind unix_open(const char *path, int *ret, struct err_ctx *err)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct stat status;
    if (!path[0] || strlen(path) >= sizeof address.sun_path)
        return err_set(err, ERR_INPUT, "'unix://%s': expected a path of at most %zu bytes", path,
                       sizeof address.sun_path - 1);
    memcpy(address.sun_path, path, strlen(path));
    if (lstat(path, &status) == 0 && S_ISSOCK(status.st_mode))
        unlink(path);
    AUTO(auto_close) int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) || chmod(path, 0666))
        return err_set(err, ERR_SYSTEM, "'unix://%s'", path);
    *ret = fd_steal(&fd);
    return OK;
}

static const struct {
    const char *scheme;
    enum listener_kind kind;
    int type;
} scheme_table[] = {{"tcp://", LISTENER_TCP, SOCK_STREAM},
                    {"tls://", LISTENER_TLS, SOCK_STREAM},
                    {"udp://", LISTENER_UDP, SOCK_DGRAM},
                    {"unix://", LISTENER_UNIX, SOCK_DGRAM}};
#define SCHEME_COUNT (sizeof scheme_table / sizeof *scheme_table)

static err_kind syslog_socket_open(struct ingest *ingest, const char *text, struct err_ctx *err)
{
    struct gateway_start *start = &ingest->gateway_start;
    int *fd = &ingest->listeners[start->listener_count];
    size_t index = 0;
    while (index < SCHEME_COUNT &&
           !span_starts(span_str(text), span_str(scheme_table[index].scheme)))
        index++;
    if (index == SCHEME_COUNT)
        return err_set(err, ERR_INPUT,
                       "'%s': expected tcp://, tls:// or udp:// and ADDR:PORT, or "
                       "unix:// and a path",
                       text);
    enum listener_kind kind = scheme_table[index].kind;
    const char *place = text + strlen(scheme_table[index].scheme);
    if (kind == LISTENER_TLS && !start->cert_bytes)
        return err_set(err, ERR_INPUT, "'%s': needs --tls-cert and --tls-key", text);
    err_kind outcome = kind == LISTENER_UNIX
                           ? unix_open(place, fd, err)
                           : socket_open(place, scheme_table[index].type, fd, err);
    if (outcome != OK)
        return outcome;
    char bound[108];
    snprintf(bound, sizeof bound, "%s", place);
    if (kind != LISTENER_UNIX)
        address_print(*fd, bound, sizeof bound);
    size_t len = strlen(ingest->address);
    snprintf(ingest->address + len, sizeof ingest->address - len, "%s%s%s", len ? ", " : "",
             scheme_table[index].scheme, bound);
    start->listeners[start->listener_count++] = kind;
    return OK;
}

err_kind ingest_sockets_open(struct ingest *ingest, struct err_ctx *err)
{
    const struct ingest_options *options = ingest->options;
    struct gateway_start *start = &ingest->gateway_start;
    err_kind kind = OK;
    if (options->listen) {
        kind = socket_open(options->listen, SOCK_STREAM, &ingest->listeners[0], err);
        if (kind != OK)
            return err_wrap(err, "--listen");
        address_print(ingest->listeners[0], ingest->address, sizeof ingest->address);
        start->listeners[start->listener_count++] = LISTENER_HTTP;
    }
    for (size_t index = 0; index < options->syslog_count && kind == OK; index++)
        kind = start->listener_count == INTAKE_LISTENERS
                   ? err_set(err, ERR_LIMIT, "at most %d sockets", INTAKE_LISTENERS)
                   : syslog_socket_open(ingest, options->syslog[index], err);
    return kind == OK ? OK : err_wrap(err, "--syslog");
}

/* ---- secrets ---- */

/* A small file's bytes, appended. */
static err_kind file_read(const char *path, struct writer *out, struct err_ctx *err)
{
    uint8_t buffer[4096];
    AUTO(auto_close) int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return err_set(err, ERR_SYSTEM, "'%s'", path);
    for (;;) {
        ssize_t count = read(fd, buffer, sizeof buffer);
        if (count < 0)
            return err_set(err, ERR_SYSTEM, "'%s'", path);
        if (count == 0)
            break;
        writer_put(out, span_of(buffer, (size_t)count));
    }
    explicit_bzero(buffer, sizeof buffer);
    return out->is_full ? err_set(err, ERR_LIMIT, "'%s': over %u bytes", path, FILE_BYTES_MAX) : OK;
}

/* A token a line; blank lines and those that begin with # do not count. */
static err_kind tokens_read(const char *path, struct writer *out, struct err_ctx *err)
{
    AUTO(writer_free) struct writer text;
    struct stat status;
    writer_init(&text, FILE_BYTES_MAX);
    err_kind kind = file_read(path, &text, err);
    if (kind != OK)
        return kind;
    if (stat(path, &status) == 0 && status.st_mode & (S_IRWXG | S_IRWXO))
        log_event(LOG_WARN, "token_file", "path='%s' what='others than its owner may use it'",
                  path);
    span rest = writer_span(&text), line;
    while (rest.len) {
        if (!span_until(&rest, '\n', &line)) {
            line = rest;
            rest.len = 0;
        }
        while (line.len && strchr(" \t\r", line.data[line.len - 1]))
            line.len--;
        while (line.len && strchr(" \t", line.data[0]))
            line = span_after(line, 1);
        if (!line.len || line.data[0] == '#')
            continue;
        if (line.len > TOKEN_BYTES_MAX)
            return err_set(err, ERR_LIMIT, "'%s': a token has at most %d bytes", path,
                           TOKEN_BYTES_MAX);
        writer_put(out, line);
        writer_byte(out, '\n');
    }
    explicit_bzero(text.data, text.len);
    return out->len ? OK
                    : err_set(err, ERR_INPUT, "'%s': expected a token a line, found none", path);
}

static err_kind secret_keep(int fd, const struct writer *secret, struct err_ctx *err)
{
    span rest = writer_span(secret);
    while (rest.len) {
        ssize_t count = write(fd, rest.data, rest.len);
        if (count < 0)
            return err_set(err, ERR_SYSTEM, "secrets");
        rest = span_after(rest, (size_t)count);
    }
    return OK;
}

/* A file of PEM goes as it is; the gateway's library reads it. */
static err_kind pem_keep(int fd, const char *path, const char *option, uint32_t *ret_bytes,
                         struct err_ctx *err)
{
    AUTO(writer_free) struct writer text;
    writer_init(&text, FILE_BYTES_MAX);
    *ret_bytes = 0;
    if (!path)
        return OK;
    err_kind kind = file_read(path, &text, err);
    if (kind == OK && !span_contains(writer_span(&text), SPAN("-----BEGIN ")))
        kind = err_set(err, ERR_INPUT, "'%s': expected PEM", path);
    if (kind == OK)
        kind = secret_keep(fd, &text, err);
    *ret_bytes = (uint32_t)text.len;
    if (text.len)
        explicit_bzero(text.data, text.len);
    return kind == OK ? OK : err_wrap(err, "%s", option);
}

static err_kind tokens_keep(int fd, const char *path, uint32_t *ret_bytes, struct err_ctx *err)
{
    AUTO(writer_free) struct writer tokens;
    writer_init(&tokens, FILE_BYTES_MAX);
    *ret_bytes = 0;
    if (!path)
        return OK;
    err_kind kind = tokens_read(path, &tokens, err);
    if (kind == OK)
        kind = secret_keep(fd, &tokens, err);
    *ret_bytes = (uint32_t)tokens.len;
    if (tokens.len)
        explicit_bzero(tokens.data, tokens.len);
    return kind == OK ? OK : err_wrap(err, "--token-file");
}

err_kind ingest_secrets_open(struct ingest *ingest, struct err_ctx *err)
{
    const struct ingest_options *options = ingest->options;
    struct gateway_start *start = &ingest->gateway_start;
    int fd = memfd_create("picket-secrets", MFD_CLOEXEC);
    ingest->secrets_fd = fd;
    if (fd < 0)
        return err_set(err, ERR_SYSTEM, "secrets");
    err_kind kind = tokens_keep(fd, options->token_file, &start->token_bytes, err);
    if (kind == OK)
        kind = pem_keep(fd, options->tls_cert, "--tls-cert", &start->cert_bytes, err);
    if (kind == OK)
        kind = pem_keep(fd, options->tls_key, "--tls-key", &start->key_bytes, err);
    if (kind == OK)
        kind = pem_keep(fd, options->client_ca, "--client-ca", &start->ca_bytes, err);
    return kind;
}

/* ---- sinks ---- */

void ingest_sinks_open(struct ingest *ingest)
{
    const struct ingest_options *options = ingest->options;
    char path[PATH_MAX];
    int len = options->sinks_dir ? snprintf(path, sizeof path, "%s", options->sinks_dir)
                                 : snprintf(path, sizeof path, "%s/sinks", options->state_dir);
    if (len < 0 || (size_t)len >= sizeof path || (mkdir(path, 0755) && errno != EEXIST))
        return;
    ingest->sinks_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    ingest->intake_start.has_sinks = ingest->sinks_fd >= 0;
}
