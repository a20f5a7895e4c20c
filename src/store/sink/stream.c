#include "sink/stream.h"

#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <unistd.h>

#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "core/cleanup.h"
#include "core/clock.h"

#define FLUSH_POLL_MS 5

static const struct {
    const char *scheme;
    enum stream_form form;
    const char *port;
} scheme_table[] = {
    {"udp://", STREAM_UDP, "514"},
    {"tcp://", STREAM_TCP, "601"},
    {"tls://", STREAM_TLS, "6514"},
    {"unix://", STREAM_UNIX, ""},
};

/* ---- set-up ---- */

static bool text_take(char *into, size_t size, span text)
{
    if (text.len == 0 || text.len >= size)
        return false;
    memcpy(into, text.data, text.len);
    into[text.len] = 0;
    return true;
}

/* HOST, HOST:PORT, [ADDRESS], [ADDRESS]:PORT */
static bool place_parse(struct stream *stream, span text, const char *port)
{
    span host = text;
    const uint8_t *colon;
    if (text.len && text.data[0] == '[') {
        text = span_after(text, 1);
        if (!span_until(&text, ']', &host))
            return false;
        colon = text.len ? text.data : NULL;
        if (colon && *colon != ':')
            return false;
    } else {
        colon = memrchr(text.data, ':', text.len);
        if (colon)
            host.len = (size_t)(colon - text.data);
    }
    span number = colon ? span_after(text, (size_t)(colon - text.data) + 1) : span_str(port);
    return text_take(stream->host, sizeof stream->host, host) &&
           text_take(stream->port, sizeof stream->port, number);
}

static err_kind tls_fail(const char *doing, struct err_ctx *err)
{
    char text[160];
    ERR_error_string_n(ERR_get_error(), text, sizeof text);
    ERR_clear_error();
    return err_set(err, ERR_INPUT, "%s: %s", doing, text);
}

/* Certificates in PEM: of the CA, or our own followed by its chain. */
static err_kind certificates_load(struct stream *stream, const struct sink_file *file, bool is_ca,
                                  struct err_ctx *err)
{
    AUTO(writer_free) struct writer content;
    err_kind kind = secret_read(file, &content, err);
    if (kind != OK)
        return kind;
    BIO *bio = BIO_new_mem_buf(content.data, (int)content.len);
    size_t count = 0;
    bool is_good = bio != NULL;
    for (X509 *one; is_good && (one = PEM_read_bio_X509(bio, NULL, NULL, NULL)); count++) {
        if (is_ca)
            is_good = X509_STORE_add_cert(SSL_CTX_get_cert_store(stream->context), one) == 1;
        else if (count == 0)
            is_good = SSL_CTX_use_certificate(stream->context, one) == 1;
        else
            is_good = SSL_CTX_add1_chain_cert(stream->context, one) == 1;
        X509_free(one);
    }
    BIO_free(bio);
    if (!is_good || count == 0)
        return tls_fail(file->path, err);
    ERR_clear_error(); /* the end of the file is one */
    return OK;
}

static err_kind key_load(struct stream *stream, const struct sink_file *file, struct err_ctx *err)
{
    AUTO(writer_free) struct writer content;
    err_kind kind = secret_read(file, &content, err);
    if (kind != OK)
        return kind;
    BIO *bio = BIO_new_mem_buf(content.data, (int)content.len);
    EVP_PKEY *key = bio ? PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL) : NULL;
    bool is_good = key && SSL_CTX_use_PrivateKey(stream->context, key) == 1 &&
                   SSL_CTX_check_private_key(stream->context) == 1;
    EVP_PKEY_free(key);
    BIO_free(bio);
    return is_good ? OK : tls_fail(file->path, err);
}

static err_kind tls_prepare(struct stream *stream, struct err_ctx *err)
{
    const struct sink_settings *settings = stream->settings;
    stream->context = SSL_CTX_new(TLS_client_method());
    if (!stream->context)
        return tls_fail("TLS", err);
    SSL_CTX_set_min_proto_version(stream->context, TLS1_2_VERSION);
    SSL_CTX_set_verify(stream->context, settings->is_verified ? SSL_VERIFY_PEER : SSL_VERIFY_NONE,
                       NULL);
    err_kind kind = OK;
    if (settings->ca_file.fd >= 0)
        kind = certificates_load(stream, &settings->ca_file, true, err);
    else if (SSL_CTX_set_default_verify_paths(stream->context) != 1)
        kind = tls_fail("the host's certificates", err);
    if (kind == OK && settings->cert_file.fd >= 0)
        kind = certificates_load(stream, &settings->cert_file, false, err);
    if (kind == OK && settings->key_file.fd >= 0)
        kind = key_load(stream, &settings->key_file, err);
    return kind;
}

err_kind stream_open(struct stream *stream, const struct sink_settings *settings,
                     struct err_ctx *err)
{
    span rest = span_str(settings->url);
    *stream = (struct stream){.settings = settings, .fd = -1};
    bool is_good = false;
    for (size_t index = 0; index < sizeof scheme_table / sizeof *scheme_table; index++) {
        span scheme = span_str(scheme_table[index].scheme);
        if (!span_starts(rest, scheme))
            continue;
        rest = span_after(rest, scheme.len);
        stream->form = scheme_table[index].form;
        is_good = stream->form == STREAM_UNIX
                      ? rest.len < sizeof((struct sockaddr_un *)0)->sun_path &&
                            text_take(stream->host, sizeof stream->host, rest)
                      : place_parse(stream, rest, scheme_table[index].port);
        break;
    }
    if (!is_good)
        return err_set(err, ERR_INPUT,
                       "url '%s': expected udp://, tcp:// or tls:// and HOST:PORT, "
                       "or unix:// and a path",
                       settings->url);
    err_kind kind = stream->form == STREAM_TLS ? tls_prepare(stream, err) : OK;
    if (kind != OK)
        stream_close(stream);
    return kind;
}

static void disconnect(struct stream *stream)
{
    SSL_free(stream->tls);
    stream->tls = NULL;
    if (stream->fd >= 0)
        close(stream->fd);
    stream->fd = -1;
}

void stream_close(struct stream *stream)
{
    if (stream->tls)
        SSL_shutdown(stream->tls);
    disconnect(stream);
    SSL_CTX_free(stream->context);
    stream->context = NULL;
}

/* ---- connecting ---- */

static bool fail(struct stream *stream, const char *doing, const char *why,
                 struct sink_trouble *trouble)
{
    snprintf(trouble->reason, sizeof trouble->reason, "%s: %.180s", doing, why);
    disconnect(stream);
    return false;
}

/* Sending and receiving, and on Linux connecting too, end after the timeout. */
static void timeouts_set(const struct stream *stream, int fd)
{
    uint64_t ns = stream->settings->timeout_ns;
    struct timeval limit = {(time_t)(ns / 1000000000u), (suseconds_t)(ns % 1000000000u / 1000u)};
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
}

static int socket_connect(const struct stream *stream, int family, int type,
                          const struct sockaddr *address, socklen_t size)
{
    AUTO(auto_close) int fd = socket(family, type | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    timeouts_set(stream, fd);
    return connect(fd, address, size) ? -1 : fd_steal(&fd);
}

static bool unix_connect(struct stream *stream, struct sink_trouble *trouble)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    memcpy(address.sun_path, stream->host, strlen(stream->host) + 1);
    const struct sockaddr *any = (const struct sockaddr *)(const void *)&address;
    stream->is_datagram = true;
    stream->fd = socket_connect(stream, AF_UNIX, SOCK_DGRAM, any, sizeof address);
    if (stream->fd < 0 && errno == EPROTOTYPE) {
        stream->is_datagram = false;
        stream->fd = socket_connect(stream, AF_UNIX, SOCK_STREAM, any, sizeof address);
    }
    return stream->fd >= 0 || fail(stream, stream->host, strerror(errno), trouble);
}

static bool network_connect(struct stream *stream, struct sink_trouble *trouble)
{
    stream->is_datagram = stream->form == STREAM_UDP;
    int type = stream->is_datagram ? SOCK_DGRAM : SOCK_STREAM;
    struct addrinfo wanted = {.ai_family = AF_UNSPEC, .ai_socktype = type}, *found;
    int code = getaddrinfo(stream->host, stream->port, &wanted, &found);
    if (code)
        return fail(stream, stream->host, gai_strerror(code), trouble);
    for (struct addrinfo *one = found; one && stream->fd < 0; one = one->ai_next)
        stream->fd = socket_connect(stream, one->ai_family, type, one->ai_addr, one->ai_addrlen);
    int saved = errno;
    freeaddrinfo(found);
    return stream->fd >= 0 || fail(stream, stream->host, strerror(saved), trouble);
}

static bool tls_connect(struct stream *stream, struct sink_trouble *trouble)
{
    char why[160];
    stream->tls = SSL_new(stream->context);
    if (!stream->tls || !SSL_set_fd(stream->tls, stream->fd))
        return fail(stream, "TLS", "out of memory", trouble);
    SSL_set_tlsext_host_name(stream->tls, stream->host);
    X509_VERIFY_PARAM *param = SSL_get0_param(stream->tls);
    if (X509_VERIFY_PARAM_set1_ip_asc(param, stream->host) != 1)
        X509_VERIFY_PARAM_set1_host(param, stream->host, 0);
    if (SSL_connect(stream->tls) == 1)
        return true;
    long verdict = SSL_get_verify_result(stream->tls);
    ERR_error_string_n(ERR_get_error(), why, sizeof why);
    ERR_clear_error();
    return fail(stream, "TLS", verdict != X509_V_OK ? X509_verify_cert_error_string(verdict) : why,
                trouble);
}

/* Nothing comes from a syslog server but its end. */
static bool has_ended(const struct stream *stream)
{
    uint8_t byte;
    if (stream->is_datagram)
        return false;
    ssize_t count = recv(stream->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    return count == 0 || (count < 0 && errno != EAGAIN && errno != EINTR);
}

bool stream_connect(struct stream *stream, struct sink_trouble *trouble)
{
    if (stream->fd >= 0 && !has_ended(stream))
        return true;
    disconnect(stream);
    if (stream->form == STREAM_UNIX)
        return unix_connect(stream, trouble);
    return network_connect(stream, trouble) &&
           (stream->form != STREAM_TLS || tls_connect(stream, trouble));
}

/* ---- writing ---- */

bool stream_write(struct stream *stream, span bytes, bool *ret_is_too_large,
                  struct sink_trouble *trouble)
{
    *ret_is_too_large = false;
    while (bytes.len) {
        ssize_t count;
        if (stream->tls)
            count = SSL_write(stream->tls, bytes.data,
                              (int)(bytes.len < 1u << 20 ? bytes.len : 1u << 20));
        else
            count = send(stream->fd, bytes.data, bytes.len, MSG_NOSIGNAL);
        if (count < 0 && errno == EINTR && !stream->tls)
            continue;
        if (count <= 0) {
            *ret_is_too_large = stream->is_datagram && errno == EMSGSIZE;
            ERR_clear_error();
            return fail(stream, "writing", stream->tls ? "TLS" : strerror(errno), trouble);
        }
        bytes = span_after(bytes, (size_t)count);
    }
    return true;
}

bool stream_flush(struct stream *stream, struct sink_trouble *trouble)
{
    uint64_t end_ns = clock_boot_ns() + stream->settings->timeout_ns;
    if (stream->is_datagram)
        return true;
    for (;;) {
        int waiting = 0;
        if (ioctl(stream->fd, SIOCOUTQ, &waiting) || waiting == 0)
            break;
        if (has_ended(stream))
            return fail(stream, "writing", "the peer has closed the connection", trouble);
        if (clock_boot_ns() >= end_ns)
            return fail(stream, "writing", "the peer takes nothing", trouble);
        poll(NULL, 0, FLUSH_POLL_MS);
    }
    return !has_ended(stream) ||
           fail(stream, "writing", "the peer has closed the connection", trouble);
}
