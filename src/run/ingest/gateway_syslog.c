/* Syslog: messages from streams (TCP, TLS) and datagrams (UDP, unix), gathered into bodies for the
 * intake. No answer goes back: while a body waits for the disk the next one is gathered, and when
 * that is full nothing more is read, so that senders on a stream wait and datagrams queue up in the
 * kernel, which counts those that it drops. */
#include <errno.h>
#include <gnutls/gnutls.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sys/epoll.h>
#include <sys/socket.h>

#include "core/clock.h"
#include "ingest/gateway_state.h"
#include "source/source.h"

#define PEERS_MAX     512
#define READ_BYTES    (64u << 10)
#define BODY_FULL     (1u << 20)
#define BODY_MAX      (4u << 20)
#define EVENTS_A_TURN 64
#define DATAGRAMS_MAX 256 /* of one socket in a turn */
#define HANDSHAKE_NS  10000000000ull
#define AGAIN_NS      300000000ull

/* A socket: a listener's, or a connection. */
struct peer {
    enum listener_kind kind;
    bool is_listener;
    bool is_shaken; /* TLS: the handshake is done */
    int fd;
    gnutls_session_t session; /* NULL: none */
    uint64_t opened_ns;
    uint32_t lost;       /* datagrams that the kernel dropped, as it counts them */
    struct writer bytes; /* not yet a message */
    struct peer *next, *previous;
};

struct syslog {
    int epoll_fd;
    struct peer *peers; /* listeners too */
    size_t stream_count;
    struct writer filling;
    struct request body; /* what the intake has */
    bool is_waiting;     /* for its answer */
    uint64_t again_ns;   /* refused: when to give it again; 0: it was not */
    gnutls_certificate_credentials_t credentials;
    gnutls_priority_t priorities;
    uint64_t messages, refused, lost;
    uint64_t lost_told;
    uint8_t buffer[READ_BYTES];
};

/* ---- messages ---- */

static bool has_room(const struct syslog *syslog)
{
    return syslog->filling.len < BODY_FULL;
}

static void message_put(struct syslog *syslog, span message)
{
    uint32_t len = (uint32_t)message.len;
    if (!len)
        return;
    writer_put(&syslog->filling, span_of(&len, sizeof len));
    writer_put(&syslog->filling, message);
    syslog->messages++;
}

/* ---- peers ---- */

static struct peer *peer_add(struct syslog *syslog, int fd, enum listener_kind kind,
                             bool is_listener)
{
    struct peer *peer = calloc(1, sizeof *peer);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = peer};
    if (!peer || epoll_ctl(syslog->epoll_fd, EPOLL_CTL_ADD, fd, &event)) {
        free(peer);
        close(fd);
        return NULL;
    }
    *peer = (struct peer){.kind = kind,
                          .is_listener = is_listener,
                          .fd = fd,
                          .opened_ns = clock_boot_ns(),
                          .next = syslog->peers};
    writer_init(&peer->bytes, 2 * SYSLOG_BYTES_MAX + READ_BYTES);
    if (peer->next)
        peer->next->previous = peer;
    syslog->peers = peer;
    syslog->stream_count += !is_listener;
    return peer;
}

static void peer_drop(struct syslog *syslog, struct peer *peer)
{
    if (peer->previous)
        peer->previous->next = peer->next;
    else
        syslog->peers = peer->next;
    if (peer->next)
        peer->next->previous = peer->previous;
    syslog->stream_count -= !peer->is_listener;
    if (peer->session)
        gnutls_deinit(peer->session);
    close(peer->fd);
    writer_free(&peer->bytes);
    free(peer);
}

static bool session_open(const struct gateway *gateway, struct peer *peer)
{
    struct syslog *syslog = gateway->syslog;
    if (gnutls_init(&peer->session, GNUTLS_SERVER | GNUTLS_NONBLOCK | GNUTLS_NO_SIGNAL))
        return false;
    gnutls_transport_set_int(peer->session, peer->fd);
    gnutls_certificate_server_set_request(peer->session, gateway->ca.len ? GNUTLS_CERT_REQUIRE
                                                                         : GNUTLS_CERT_IGNORE);
    return gnutls_priority_set(peer->session, syslog->priorities) == 0 &&
           gnutls_credentials_set(peer->session, GNUTLS_CRD_CERTIFICATE, syslog->credentials) == 0;
}

static void peers_accept(struct gateway *gateway, struct peer *listener)
{
    struct syslog *syslog = gateway->syslog;
    for (int count = 0; count < EVENTS_A_TURN; count++) {
        int fd = accept4(listener->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (fd < 0)
            return;
        if (syslog->stream_count >= PEERS_MAX) {
            syslog->refused++;
            close(fd);
            continue;
        }
        struct peer *peer = peer_add(syslog, fd, listener->kind, false);
        if (peer && peer->kind == LISTENER_TLS && !session_open(gateway, peer))
            peer_drop(syslog, peer);
    }
}

/* ---- reading ---- */

/* Bytes read; 0: none for now; negative: the end. */
static ssize_t tls_read(const struct gateway *gateway, struct peer *peer)
{
    struct syslog *syslog = gateway->syslog;
    unsigned status = 0;
    if (!peer->is_shaken) {
        int outcome = gnutls_handshake(peer->session);
        if (outcome < 0)
            return gnutls_error_is_fatal(outcome) ? -1 : 0;
        if (gateway->ca.len &&
            (gnutls_certificate_verify_peers3(peer->session, NULL, &status) || status))
            return -1;
        peer->is_shaken = true;
    }
    ssize_t count = gnutls_record_recv(peer->session, syslog->buffer, sizeof syslog->buffer);
    if (count == 0 || (count < 0 && gnutls_error_is_fatal((int)count)))
        return -1;
    return count < 0 ? 0 : count;
}

static ssize_t stream_read(const struct gateway *gateway, struct peer *peer)
{
    struct syslog *syslog = gateway->syslog;
    if (peer->session)
        return tls_read(gateway, peer);
    ssize_t count = read(peer->fd, syslog->buffer, sizeof syslog->buffer);
    if (count == 0 || (count < 0 && errno != EAGAIN && errno != EINTR))
        return -1;
    return count < 0 ? 0 : count;
}

/* What is left at the end, or cannot be told apart, is a message as it stands: its decoder says
 * what is wrong with it. */
static void stream_end(struct syslog *syslog, struct peer *peer)
{
    message_put(syslog, span_first(writer_span(&peer->bytes), SYSLOG_BYTES_MAX));
    peer_drop(syslog, peer);
}

static void stream_hear(struct gateway *gateway, struct peer *peer)
{
    struct syslog *syslog = gateway->syslog;
    do {
        ssize_t count = stream_read(gateway, peer);
        if (count < 0) {
            stream_end(syslog, peer);
            return;
        }
        writer_put(&peer->bytes, span_of(syslog->buffer, (size_t)count));
        span rest = writer_span(&peer->bytes), message;
        enum syslog_framing framing;
        while ((framing = syslog_frame(&rest, &message)) == SYSLOG_WHOLE)
            message_put(syslog, message);
        memmove(peer->bytes.data, rest.data, rest.len);
        peer->bytes.len = rest.len;
        if (framing == SYSLOG_BAD) {
            syslog->refused++;
            stream_end(syslog, peer);
            return;
        }
    } while (peer->session && gnutls_record_check_pending(peer->session) && has_room(syslog));
}

/* The kernel's own count of what it dropped, if the message carries it (SO_RXQ_OVFL). */
static void lost_look(struct syslog *syslog, struct peer *peer, struct msghdr *message)
{
    for (struct cmsghdr *head = CMSG_FIRSTHDR(message); head; head = CMSG_NXTHDR(message, head)) {
        uint32_t lost;
        if (head->cmsg_level != SOL_SOCKET || head->cmsg_type != SO_RXQ_OVFL)
            continue;
        memcpy(&lost, CMSG_DATA(head), sizeof lost);
        syslog->lost += (uint32_t)(lost - peer->lost);
        peer->lost = lost;
    }
}

static void datagrams_hear(struct syslog *syslog, struct peer *peer)
{
    for (int count = 0; count < DATAGRAMS_MAX && has_room(syslog); count++) {
        uint8_t control[CMSG_SPACE(sizeof(uint32_t))];
        struct iovec into = {.iov_base = syslog->buffer, .iov_len = sizeof syslog->buffer};
        struct msghdr message = {.msg_iov = &into,
                                 .msg_iovlen = 1,
                                 .msg_control = control,
                                 .msg_controllen = sizeof control};
        ssize_t len = recvmsg(peer->fd, &message, MSG_DONTWAIT);
        if (len < 0)
            return;
        lost_look(syslog, peer, &message);
        span text = span_of(syslog->buffer, (size_t)len);
        while (text.len && (text.data[text.len - 1] == '\n' || text.data[text.len - 1] == 0))
            text.len--;
        message_put(syslog, text);
    }
}

static void peers_hear(struct gateway *gateway)
{
    struct epoll_event events[EVENTS_A_TURN];
    struct syslog *syslog = gateway->syslog;
    int count = epoll_wait(syslog->epoll_fd, events, EVENTS_A_TURN, 0);
    for (int index = 0; index < count && has_room(syslog); index++) {
        struct peer *peer = events[index].data.ptr;
        if (!peer->is_listener)
            stream_hear(gateway, peer);
        else if (peer->kind == LISTENER_TCP || peer->kind == LISTENER_TLS)
            peers_accept(gateway, peer);
        else
            datagrams_hear(syslog, peer);
    }
}

static void handshakes_watch(struct syslog *syslog, uint64_t now_ns)
{
    struct peer *next;
    for (struct peer *peer = syslog->peers; peer; peer = next) {
        next = peer->next;
        if (peer->session && !peer->is_shaken && now_ns > peer->opened_ns + HANDSHAKE_NS)
            peer_drop(syslog, peer);
    }
}

/* ---- bodies ---- */

static void body_submit(struct gateway *gateway, uint64_t now_ns)
{
    struct syslog *syslog = gateway->syslog;
    if (syslog->again_ns && now_ns >= syslog->again_ns) {
        syslog->again_ns = 0;
        queue_submit(gateway, &syslog->body);
    }
    if (syslog->is_waiting || !syslog->filling.len)
        return;
    struct writer empty = syslog->body.body;
    syslog->body.body = syslog->filling;
    syslog->filling = empty;
    syslog->is_waiting = true;
    queue_submit(gateway, &syslog->body);
}

void syslog_answer(struct gateway *gateway, bool is_stored)
{
    struct syslog *syslog = gateway->syslog;
    if (!is_stored) {
        syslog->again_ns = clock_boot_ns() + AGAIN_NS;
        return;
    }
    writer_reset(&syslog->body.body);
    syslog->is_waiting = false;
}

void syslog_turn(struct gateway *gateway)
{
    struct syslog *syslog = gateway->syslog;
    uint64_t now_ns = clock_boot_ns();
    if (!syslog)
        return;
    if (!gateway->is_stopping && has_room(syslog))
        peers_hear(gateway);
    handshakes_watch(syslog, now_ns);
    body_submit(gateway, now_ns);
}

int syslog_fd(const struct gateway *gateway)
{
    const struct syslog *syslog = gateway->syslog;
    return syslog && !gateway->is_stopping && has_room(syslog) ? syslog->epoll_fd : -1;
}

bool syslog_is_done(const struct gateway *gateway)
{
    const struct syslog *syslog = gateway->syslog;
    return !syslog || (!syslog->is_waiting && !syslog->filling.len);
}

uint64_t syslog_lost_take(struct gateway *gateway)
{
    struct syslog *syslog = gateway->syslog;
    uint64_t more = syslog ? syslog->lost - syslog->lost_told : 0;
    if (more)
        syslog->lost_told = syslog->lost;
    return more;
}

void syslog_render(const struct gateway *gateway, struct writer *out)
{
    const struct syslog *syslog = gateway->syslog;
    if (!syslog)
        return;
    const struct {
        const char *name, *type, *help;
        uint64_t value;
    } rows[] = {
        {"messages_total", "counter", "messages read", syslog->messages},
        {"connections", "gauge", "streams that are open", syslog->stream_count},
        {"refused_total", "counter", "streams refused: too many, or not framed", syslog->refused},
    };
    for (size_t index = 0; index < sizeof rows / sizeof *rows; index++)
        writer_format(out,
                      "# HELP picket_syslog_%s %s\n# TYPE picket_syslog_%s %s\n"
                      "picket_syslog_%s{pipeline=\"%s\"} %llu\n",
                      rows[index].name, rows[index].help, rows[index].name, rows[index].type,
                      rows[index].name, gateway->start.name, (unsigned long long)rows[index].value);
}

/* ---- start and end ---- */

static err_kind tls_open(struct gateway *gateway, struct err_ctx *err)
{
    struct syslog *syslog = gateway->syslog;
    gnutls_datum_t cert = {gateway->cert.data, (unsigned)gateway->cert.len};
    gnutls_datum_t key = {gateway->key.data, (unsigned)gateway->key.len};
    gnutls_datum_t ca = {gateway->ca.data, (unsigned)gateway->ca.len};
    if (syslog->credentials)
        return OK;
    if (gnutls_certificate_allocate_credentials(&syslog->credentials) ||
        gnutls_priority_init(&syslog->priorities, TLS_PRIORITIES, NULL))
        return err_set(err, ERR_LIMIT, "TLS");
    int outcome =
        gnutls_certificate_set_x509_key_mem(syslog->credentials, &cert, &key, GNUTLS_X509_FMT_PEM);
    if (outcome < 0)
        return err_set(err, ERR_INPUT, "certificate and key: %s", gnutls_strerror(outcome));
    if (ca.size &&
        gnutls_certificate_set_x509_trust_mem(syslog->credentials, &ca, GNUTLS_X509_FMT_PEM) <= 0)
        return err_set(err, ERR_INPUT, "issuers of clients' certificates: none in PEM");
    return OK;
}

err_kind syslog_open(struct gateway *gateway, int fd, enum listener_kind kind, struct err_ctx *err)
{
    struct syslog *syslog = gateway->syslog;
    const int on = 1;
    if (!syslog) {
        gateway->syslog = syslog = calloc(1, sizeof *syslog);
        if (!syslog)
            return err_set(err, ERR_SYSTEM, "syslog");
        writer_init(&syslog->filling, BODY_MAX);
        writer_init(&syslog->body.body, BODY_MAX);
        syslog->body.ask = -1;
        syslog->body.is_framed = true;
        syslog->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    }
    err_kind kind_of = kind == LISTENER_TLS ? tls_open(gateway, err) : OK;
    if (kind_of != OK)
        return kind_of;
    if (kind == LISTENER_UDP || kind == LISTENER_UNIX)
        setsockopt(fd, SOL_SOCKET, SO_RXQ_OVFL, &on, sizeof on);
    if (syslog->epoll_fd < 0 || !peer_add(syslog, fd, kind, true))
        return err_set(err, ERR_SYSTEM, "syslog");
    return OK;
}

void syslog_close(struct gateway *gateway)
{
    struct syslog *syslog = gateway->syslog;
    if (!syslog)
        return;
    while (syslog->peers)
        peer_drop(syslog, syslog->peers);
    if (syslog->credentials)
        gnutls_certificate_free_credentials(syslog->credentials);
    if (syslog->priorities)
        gnutls_priority_deinit(syslog->priorities);
    writer_free(&syslog->filling);
    writer_free(&syslog->body.body);
    close(syslog->epoll_fd);
    free(syslog);
    gateway->syslog = NULL;
}
