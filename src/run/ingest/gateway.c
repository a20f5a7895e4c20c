/* The gateway: its start and its loop. */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include <sys/mman.h>

#include "core/cleanup.h"
#include "core/clock.h"
#include "core/log.h"
#include "ingest/gateway_state.h"
#include "ingest/ingest.h"
#include "role/role.h"

#define IDLE_MS           100
#define WATCH_NS          1000000000ull
#define SECRETS_BYTES_MAX (1u << 20)

/* ---- start ---- */

static err_kind secret_read(int fd, size_t left, struct writer *into, struct err_ctx *err)
{
    uint8_t buffer[4096];
    while (left) {
        ssize_t count = read(fd, buffer, left < sizeof buffer ? left : sizeof buffer);
        if (count <= 0)
            return err_set(err, ERR_SYSTEM, "secrets");
        writer_put(into, span_of(buffer, (size_t)count));
        left -= (size_t)count;
    }
    explicit_bzero(buffer, sizeof buffer);
    return OK;
}

static err_kind secrets_read(struct gateway *gateway, int fd, struct err_ctx *err)
{
    const struct gateway_start *start = &gateway->start;
    err_kind kind = secret_read(fd, start->token_bytes, &gateway->tokens, err);
    if (kind == OK)
        kind = secret_read(fd, start->cert_bytes, &gateway->cert, err);
    if (kind == OK)
        kind = secret_read(fd, start->key_bytes, &gateway->key, err);
    if (kind == OK)
        kind = secret_read(fd, start->ca_bytes, &gateway->ca, err);
    return kind;
}

static err_kind memory_map(struct gateway *gateway, int fd, struct err_ctx *err)
{
    void *map = mmap(NULL, INTAKE_MEMORY_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (map == MAP_FAILED)
        return err_set(err, ERR_SYSTEM, "memory shared with the engine");
    gateway->memory = map;
    return OK;
}

static err_kind start(struct gateway *gateway, struct err_ctx *err)
{
    struct ipc_message message;
    if (ipc_receive(gateway->parent, -1, &message) != IPC_DONE ||
        message.type != MESSAGE_GATEWAY_START || message.body.len != sizeof gateway->start)
        return err_set(err, ERR_STATE, "the parent did not say how to start");
    memcpy(&gateway->start, message.body.data, sizeof gateway->start);
    AUTO(auto_close) int memory = ipc_take_fd(&message, 0);
    AUTO(auto_close) int secrets = ipc_take_fd(&message, 1);
    if (gateway->start.listener_count > INTAKE_LISTENERS)
        gateway->start.listener_count = INTAKE_LISTENERS;
    for (uint32_t index = 0; index < gateway->start.listener_count; index++)
        gateway->listeners[index] = ipc_take_fd(&message, 2 + index);
    ipc_release(&message);
    err_kind kind = secrets_read(gateway, secrets, err);
    if (kind == OK)
        kind = memory_map(gateway, memory, err);
    for (uint32_t index = 0; index < gateway->start.listener_count && kind == OK; index++)
        kind = gateway->start.listeners[index] == LISTENER_HTTP
                   ? http_open(gateway, gateway->listeners[index], err)
                   : syslog_open(gateway, gateway->listeners[index],
                                 (enum listener_kind)gateway->start.listeners[index], err);
    if (kind == OK)
        kind = role_confine(ROLE_GATEWAY, -1, err);
    return kind;
}

/* ---- loop ---- */

static err_kind parent_obey(struct gateway *gateway, struct err_ctx *err)
{
    struct ipc_message message;
    enum ipc_outcome outcome = ipc_receive(gateway->parent, 0, &message);
    err_kind kind = OK;
    if (outcome == IPC_AGAIN)
        return OK;
    if (outcome != IPC_DONE)
        return err_set(err, ERR_STATE, "the parent is gone");
    if (message.type == MESSAGE_PING) {
        ipc_send(gateway->parent, MESSAGE_PONG, SPAN(""), NULL, 0, false);
    } else if (message.type == MESSAGE_PEER) {
        int channel = ipc_take_fd(&message, 0);
        queue_engine_take(gateway, &channel);
    } else if (message.type == MESSAGE_STOP) {
        gateway->is_stopping = true;
        if (gateway->daemon)
            MHD_quiesce_daemon(gateway->daemon);
    } else {
        kind = err_set(err, ERR_STATE, "unknown order %u", message.type);
    }
    ipc_release(&message);
    return kind;
}

static int wait_ms(const struct gateway *gateway)
{
    MHD_UNSIGNED_LONG_LONG most;
    if (!gateway->daemon || MHD_get_timeout(gateway->daemon, &most) != MHD_YES || most > IDLE_MS)
        return IDLE_MS;
    return (int)most;
}

static err_kind turn(struct gateway *gateway, struct err_ctx *err)
{
    struct pollfd waited[] = {{.fd = gateway->parent->fd, .events = POLLIN},
                              {.fd = gateway->engine.fd, .events = POLLIN},
                              {.fd = gateway->epoll_fd, .events = POLLIN},
                              {.fd = syslog_fd(gateway), .events = POLLIN}};
    if (poll(waited, 4, wait_ms(gateway)) < 0 && errno != EINTR)
        return err_set(err, ERR_SYSTEM, "poll");
    err_kind kind = OK;
    if (waited[0].revents)
        kind = parent_obey(gateway, err);
    if (kind == OK && waited[1].revents && gateway->engine.fd >= 0 && !queue_hear(gateway))
        kind = err_set(err, ERR_STATE, "the engine sent what it may not");
    if (kind != OK)
        return kind;
    uint64_t now_ns = clock_boot_ns();
    if (now_ns - gateway->watched_ns > WATCH_NS) {
        gateway->watched_ns = now_ns;
        http_watch(gateway, now_ns);
    }
    if (gateway->daemon)
        MHD_run(gateway->daemon);
    syslog_turn(gateway);
    queue_pump(gateway);
    return OK;
}

int gateway_run(struct ipc_channel *parent)
{
    struct err_ctx err;
    struct gateway gateway = {.parent = parent, .engine = {.fd = -1}, .epoll_fd = -1};
    struct writer *secrets[] = {&gateway.tokens, &gateway.cert, &gateway.key, &gateway.ca};
    for (size_t index = 0; index < 4; index++)
        writer_init(secrets[index], SECRETS_BYTES_MAX);
    err_kind kind = start(&gateway, &err);
    if (kind == OK)
        ipc_send(parent, MESSAGE_READY, SPAN(""), NULL, 0, true);
    while (kind == OK &&
           !(gateway.is_stopping && queue_is_empty(&gateway) && syslog_is_done(&gateway)))
        kind = turn(&gateway, &err);
    if (kind == ERR_INPUT) /* another one could not do better */
        ipc_send(parent, MESSAGE_FAILED, span_str(err.text), NULL, 0, true);
    else if (kind != OK)
        log_event(LOG_ERROR, "gateway_ended", "reason='%s'", err.text);
    http_close(&gateway);
    syslog_close(&gateway);
    ipc_close(&gateway.engine);
    for (size_t index = 0; index < 4; index++)
        writer_free(secrets[index]);
    return kind == OK ? 0 : kind == ERR_INPUT ? INTAKE_IMPOSSIBLE : 1;
}
