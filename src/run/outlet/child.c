/* A sink: reads stores, talks to one receiver, with that receiver's secrets and no others. Its
 * parent opens what lies elsewhere and hands it over. */

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <unistd.h>

#include "core/cleanup.h"
#include "core/clock.h"
#include "core/log.h"
#include "delivery/delivery.h"
#include "outlet/messages.h"
#include "outlet/outlet.h"
#include "role/role.h"

#define STATUS_NS 1000000000ull

struct sink {
    struct ipc_channel *parent;
    struct sink_settings settings;
    struct delivery *delivery;
    int folder;
    bool is_connected;
    bool is_stopped;
    char said[SINK_REASON_BYTES]; /* the trouble that was logged last */
};

/* What finding a host by its name and proving a certificate need: read-only, for everybody to read
 * anyway. What this host lacks is left out. */
static const char *const host_folders[] = {"/etc", "/run/systemd/resolve", "/usr/lib/ssl",
                                           "/usr/share/ca-certificates",
                                           "/usr/local/share/ca-certificates"};
#define HOST_FOLDERS (sizeof host_folders / sizeof *host_folders)

static err_kind confine(struct sink *sink, int state_fd, struct err_ctx *err)
{
    int fds[HOST_FOLDERS + 1] = {state_fd};
    size_t count = 1;
    for (size_t index = 0; index < HOST_FOLDERS; index++) {
        int fd = open(host_folders[index], O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (fd >= 0)
            fds[count++] = fd;
    }
    err_kind kind = role_confine_reading(ROLE_SINK, sink->folder, fds, count, err);
    for (size_t index = 1; index < count; index++)
        close(fds[index]);
    return kind;
}

/* ---- messages ---- */

static err_kind start(struct sink *sink, struct ipc_message *message, struct err_ctx *err)
{
    AUTO(auto_close) int state_fd = ipc_take_fd(message, 1);
    if (sink->folder >= 0 || state_fd < 0)
        return err_set(err, ERR_STATE, "the parent sent an unknown message");
    sink->folder = ipc_take_fd(message, 0);
    err_kind kind = confine(sink, state_fd, err);
    return kind == OK ? sink_settings_open(&sink->settings, message->body, err) : kind;
}

static err_kind file_take(struct sink *sink, struct ipc_message *message, struct err_ctx *err)
{
    const char *option;
    struct sink_file *file;
    for (size_t index = 0; sink_settings_file(&sink->settings, index, &option, &file); index++) {
        if (!span_eq(span_str(option), message->body))
            continue;
        if (file->fd >= 0)
            close(file->fd);
        file->fd = ipc_take_fd(message, 0);
        return OK;
    }
    return err_set(err, ERR_STATE, "the parent sent an unknown file");
}

static err_kind connect_anew(struct sink *sink, struct err_ctx *err)
{
    err_kind kind = OK;
    if (!sink->delivery)
        kind = delivery_open(&sink->settings, sink->folder, &sink->delivery, err);
    if (kind == OK)
        kind = delivery_connect(sink->delivery, err);
    if (kind == OK && !sink->is_connected)
        ipc_send(sink->parent, MESSAGE_SINK_READY, SPAN(""), NULL, 0, true);
    sink->is_connected |= kind == OK;
    return kind;
}

static err_kind message_take(struct sink *sink, struct ipc_message *message, struct err_ctx *err)
{
    bool is_started = sink->settings.json != NULL;
    if (message->type == MESSAGE_SINK_START)
        return start(sink, message, err);
    if (message->type == MESSAGE_SINK_FILE && is_started)
        return file_take(sink, message, err);
    if (message->type == MESSAGE_SINK_GO && is_started)
        return connect_anew(sink, err);
    if (message->type == MESSAGE_SINK_STORE && sink->delivery) {
        AUTO(auto_close) int folder = ipc_take_fd(message, 0);
        return delivery_store(sink->delivery, message->body, &folder, err);
    }
    if (message->type != MESSAGE_SINK_STOP)
        return err_set(err, ERR_STATE, "the parent sent an unknown message");
    sink->is_stopped = true;
    return OK;
}

/* Waits for at most so long, then takes all that is there. */
static err_kind messages_take(struct sink *sink, int timeout_ms, struct err_ctx *err)
{
    struct ipc_message message;
    err_kind kind = OK;
    for (int wait_ms = timeout_ms; kind == OK && !sink->is_stopped; wait_ms = 0) {
        enum ipc_outcome outcome = ipc_receive(sink->parent, wait_ms, &message);
        if (outcome == IPC_AGAIN)
            return OK;
        if (outcome != IPC_DONE) {
            sink->is_stopped = true; /* the parent has ended */
            return OK;
        }
        kind = message_take(sink, &message, err);
        ipc_release(&message);
    }
    return kind;
}

/* ---- the loop ---- */

static void trouble_log(struct sink *sink)
{
    const char *trouble = delivery_trouble(sink->delivery);
    if (trouble[0] && strcmp(trouble, sink->said) != 0)
        log_event(LOG_WARN, "sink_waits", "sink=%s reason='%s'", sink->settings.name, trouble);
    snprintf(sink->said, sizeof sink->said, "%s", trouble);
}

static err_kind loop(struct sink *sink, struct err_ctx *err)
{
    uint64_t status_ns = 0, wait_ns = 0;
    err_kind kind = OK;
    while (kind == OK && !sink->is_stopped) {
        uint64_t now_ns = clock_boot_ns();
        kind = delivery_step(sink->delivery, &wait_ns, err);
        trouble_log(sink);
        if (kind == OK && now_ns - status_ns >= STATUS_NS) {
            kind = delivery_status(sink->delivery, false, err);
            status_ns = now_ns;
        }
        if (wait_ns > STATUS_NS)
            wait_ns = STATUS_NS;
        if (kind == OK)
            kind = messages_take(sink, (int)((wait_ns + 999999) / 1000000), err);
    }
    return kind == OK ? delivery_status(sink->delivery, true, err) : kind;
}

static void summary(const struct sink *sink)
{
    const struct delivery_counters *counters = delivery_counters(sink->delivery);
    unsigned long long dropped = counters->dropped_trimmed + counters->dropped_letters;
    fprintf(stderr,
            "picket: sink %s in=%llu out=%llu filtered=%llu dead=%llu dropped=%llu retried=%llu\n",
            sink->settings.name, (unsigned long long)counters->in,
            (unsigned long long)counters->out, (unsigned long long)counters->filtered,
            (unsigned long long)counters->dead, dropped, (unsigned long long)counters->retried);
}

int outlet_child_run(struct ipc_channel *parent)
{
    struct err_ctx err;
    struct sink sink = {.parent = parent, .folder = -1};
    err_kind kind = OK;
    while (kind == OK && !sink.is_connected && !sink.is_stopped)
        kind = messages_take(&sink, -1, &err);
    bool is_impossible = kind != OK;
    if (kind == OK && sink.is_connected)
        kind = loop(&sink, &err);
    if (sink.is_connected)
        summary(&sink);
    if (kind != OK)
        log_event(LOG_ERROR, "sink_ended", "sink=%s reason='%s'",
                  sink.settings.name ? sink.settings.name : "?", err.text);
    delivery_close(sink.delivery);
    if (sink.settings.json)
        sink_settings_close(&sink.settings);
    if (sink.folder >= 0)
        close(sink.folder);
    return kind == OK ? 0 : is_impossible ? EXIT_SINK_IMPOSSIBLE : 1;
}
