/* The sensor: loads and attaches kernel programs, hands their ring over, opens files from a closed
 * list. It reads no event and no file. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "core/cleanup.h"
#include "core/clock.h"
#include "core/log.h"
#include "core/writer.h"
#include "hook/hook.h"
#include "opener/opener.h"
#include "pipeline/pipeline.h"
#include "role/protocol.h"
#include "role/role.h"
#include "role/roles.h"

#define LOOK_EVERY_MS   50
#define MISSES_EVERY_NS 1000000000ull
#define BTF_PATH        "/sys/kernel/btf/vmlinux"
#define HOOKS_BYTES_MAX (IPC_BODY_BYTES_MAX - 1024)

struct sensor {
    struct ipc_channel *supervisor;
    struct ipc_channel engine; /* fd -1: none yet */
    struct hook_set *hooks;
    struct prefilter prefilter; /* as the engine said last */
    uint64_t misses_counted_ns;
    bool is_stopping;
};

/* ---- what the supervisor holds for a successor ---- */

static void keep_all(struct sensor *sensor)
{
    static struct hook_handle handles[HOOK_HANDLES_MAX];
    size_t count = hook_hand_out(sensor->hooks, handles, HOOK_HANDLES_MAX);
    ipc_send(sensor->supervisor, MESSAGE_KEEP_BEGIN, SPAN(""), NULL, 0, true);
    for (size_t first = 0; first < count; first += IPC_FDS_MAX) {
        struct keep_note notes[IPC_FDS_MAX] = {0};
        int fds[IPC_FDS_MAX];
        size_t part = 0;
        for (; part < IPC_FDS_MAX && first + part < count; part++) {
            memcpy(notes[part].name, handles[first + part].name, sizeof notes[part].name);
            fds[part] = handles[first + part].fd;
        }
        ipc_send(sensor->supervisor, MESSAGE_KEEP, span_of(notes, part * sizeof *notes), fds, part,
                 true);
    }
    ipc_send(sensor->supervisor, MESSAGE_KEEP_END, SPAN(""), NULL, 0, true);
}

/* The predecessor's handles, as the supervisor held them. */
static bool handles_receive(struct sensor *sensor, struct hook_handle *handles, size_t count)
{
    for (size_t have = 0; have < count;) {
        struct ipc_message message;
        if (ipc_receive(sensor->supervisor, -1, &message) != IPC_DONE ||
            message.type != MESSAGE_KEEP ||
            message.body.len != message.fd_count * sizeof(struct keep_note) ||
            message.fd_count == 0 || have + message.fd_count > count)
            return false;
        for (size_t index = 0; index < message.fd_count; index++, have++) {
            struct keep_note note;
            memcpy(&note, message.body.data + index * sizeof note, sizeof note);
            memcpy(handles[have].name, note.name, sizeof handles[have].name);
            handles[have].name[sizeof handles[have].name - 1] = 0;
            handles[have].fd = ipc_take_fd(&message, index);
        }
        ipc_release(&message);
    }
    return true;
}

/* Loading takes its time: the supervisor is told that we are at it. */
static void loading_goes_on(void *context)
{
    struct ipc_channel *supervisor = context;
    ipc_send(supervisor, MESSAGE_PONG, SPAN(""), NULL, 0, false);
}

static enum hook_compat compat_choice(uint32_t choice)
{
    return choice == ROLE_COMPAT_ON    ? HOOK_COMPAT_ON
           : choice == ROLE_COMPAT_OFF ? HOOK_COMPAT_OFF
                                       : HOOK_COMPAT_AUTO;
}

static err_kind hooks_start(struct sensor *sensor, struct err_ctx *err)
{
    struct ipc_message message;
    struct sensor_start start;
    if (ipc_receive(sensor->supervisor, -1, &message) != IPC_DONE ||
        message.type != MESSAGE_SENSOR_START || message.body.len != sizeof start)
        return err_set(err, ERR_STATE, "the supervisor did not say how to start");
    memcpy(&start, message.body.data, sizeof start);
    struct hook_options options = {.ring_bytes = start.ring_bytes,
                                   .compat = compat_choice(start.compat),
                                   .progress = loading_goes_on,
                                   .progress_context = sensor->supervisor};
    if (start.kept_count == 0)
        return hook_open(&options, &sensor->hooks, err);
    AUTO(auto_free) struct hook_handle *handles = calloc(start.kept_count, sizeof *handles);
    if (!handles)
        return err_set(err, ERR_SYSTEM, "kept handles");
    if (!handles_receive(sensor, handles, start.kept_count))
        return err_set(err, ERR_STATE, "the supervisor's kept handles do not fit");
    return hook_adopt(&options, handles, start.kept_count, &sensor->hooks, err);
}

/* ---- the engine's requests ---- */

static void describe(void *context, const struct hook_description *hook)
{
    static const char *const states[] = {"unused", "attached", "failed"};
    struct writer *out = context;
    bool is_tracepoint = strcmp(hook->kind, "tracepoint") == 0;
    if (hook->state == HOOK_UNUSED || out->len > HOOKS_BYTES_MAX - 1024)
        return;
    writer_format(out, "%s{\"hook\":\"%s/%s\",\"event\":\"%s\",\"state\":\"%s\",\"cost\":",
                  out->len > 1 ? "," : "", is_tracepoint ? "tp/syscalls" : hook->kind, hook->name,
                  hook->event, states[hook->state]);
    writer_json_string(out, span_str(hook->cost));
    writer_text(out, ",\"reason\":");
    writer_json_string(out, span_str(hook->reason));
    writer_byte(out, '}');
}

static void hooks_tell(struct sensor *sensor, uint32_t type, const int *fds, size_t fd_count)
{
    struct writer hooks;
    writer_init(&hooks, HOOKS_BYTES_MAX);
    writer_byte(&hooks, '[');
    hook_describe(sensor->hooks, describe, &hooks);
    writer_byte(&hooks, ']');
    ipc_send(&sensor->engine, type, writer_span(&hooks), fds, fd_count, true);
    writer_free(&hooks);
}

static err_kind filter_begin(struct sensor *sensor, span body, struct err_ctx *err)
{
    if (body.len != sizeof sensor->prefilter.filter)
        return err_set(err, ERR_STATE, "malformed filter");
    memcpy(&sensor->prefilter.filter, body.data, body.len);
    sensor->prefilter.count = 0;
    return OK;
}

static err_kind filter_add(struct sensor *sensor, span body, struct err_ctx *err)
{
    struct prefilter *prefilter = &sensor->prefilter;
    size_t count = body.len / sizeof prefilter->names[0];
    if (body.len != count * sizeof prefilter->names[0] || count > OPEN_NAMES_MAX - prefilter->count)
        return err_set(err, ERR_STATE, "malformed names of a filter");
    memcpy(&prefilter->names[prefilter->count], body.data, body.len);
    prefilter->count += count;
    return OK;
}

static err_kind filter_apply(struct sensor *sensor, struct err_ctx *err)
{
    const struct prefilter *prefilter = &sensor->prefilter;
    AUTO(auto_free) struct hook_open_name *names = calloc(OPEN_NAMES_MAX, sizeof *names);
    if (!names)
        return err_set(err, ERR_SYSTEM, "filter");
    for (size_t index = 0; index < prefilter->count; index++) {
        const struct prefilter_name *name = &prefilter->names[index];
        if (name->len > PREFILTER_NAME_BYTES)
            return err_set(err, ERR_STATE, "malformed name of a filter");
        names[index] =
            (struct hook_open_name){.name = span_of(name->text, name->len), .flags = name->flags};
    }
    return hook_filter_opens(sensor->hooks, &prefilter->filter, names, prefilter->count, err);
}

static err_kind answer_want(struct sensor *sensor, span body, struct err_ctx *err)
{
    bool wanted[EVENT_COUNT];
    if (body.len != 128)
        return err_set(err, ERR_STATE, "malformed want");
    for (size_t type = 0; type < EVENT_COUNT; type++)
        wanted[type] = body.data[type] != 0;
    err_kind kind = hook_want(sensor->hooks, wanted, err);
    if (kind == OK)
        kind = filter_apply(sensor, err);
    if (kind != OK)
        return kind;
    keep_all(sensor);
    int fds[] = {hook_ring_fd(sensor->hooks), hook_control_fd(sensor->hooks)};
    hooks_tell(sensor, MESSAGE_WANTED, fds, 2);
    return OK;
}

static err_kind answer_tasks(struct sensor *sensor, struct err_ctx *err)
{
    AUTO(auto_close) int fd = -1;
    err_kind kind = hook_snapshot(sensor->hooks, &fd, err);
    if (kind != OK) /* the engine goes on without; it is told by the missing descriptor */
        log_event(LOG_WARN, "no_snapshot", "reason='%s'", err->text);
    ipc_send(&sensor->engine, MESSAGE_TASKS_FD, SPAN(""), &fd, kind == OK, true);
    return OK;
}

static err_kind answer_open(struct sensor *sensor, span body, struct err_ctx *err)
{
    struct open_call call;
    AUTO(auto_close) int fd = -1;
    if (body.len != sizeof call)
        return err_set(err, ERR_STATE, "malformed open");
    memcpy(&call, body.data, sizeof call);
    struct open_answer answer = {.number = call.number};
    struct err_ctx refusal;
    err_kind kind = opener_serve(&call.request, &fd, &refusal);
    if (kind == ERR_DENIED)
        log_event(LOG_WARN, "open_refused", "reason='%s'", refusal.text);
    if (fd < 0)
        answer.outcome = kind == OK           ? -ENOENT
                         : kind == ERR_DENIED ? -EACCES
                         : kind == ERR_STATE  ? -EXDEV
                                              : -EIO;
    ipc_send(&sensor->engine, MESSAGE_OPENED, span_of(&answer, sizeof answer), &fd, fd >= 0, true);
    return OK;
}

static err_kind engine_answer(struct sensor *sensor, struct err_ctx *err)
{
    struct ipc_message message;
    enum ipc_outcome outcome = ipc_receive(&sensor->engine, 0, &message);
    err_kind kind = OK;
    if (outcome == IPC_AGAIN)
        return OK;
    if (outcome != IPC_DONE) { /* it ended; the supervisor brings the next one */
        ipc_close(&sensor->engine);
        return OK;
    }
    switch (message.type) {
    case MESSAGE_FILTER:
        kind = filter_begin(sensor, message.body, err);
        break;
    case MESSAGE_FILTER_NAMES:
        kind = filter_add(sensor, message.body, err);
        break;
    case MESSAGE_WANT:
        kind = answer_want(sensor, message.body, err);
        break;
    case MESSAGE_TASKS:
        kind = answer_tasks(sensor, err);
        break;
    case MESSAGE_OPEN:
        kind = answer_open(sensor, message.body, err);
        break;
    default:
        kind = err_set(err, ERR_STATE, "unknown request %u of the engine", message.type);
    }
    ipc_release(&message);
    return kind;
}

/* ---- the supervisor's orders ---- */

/* Ours from now on; negative: no longer. The number of a process that ended may soon be a
 * stranger's, who must be seen. */
static void own_pids(struct sensor *sensor, span body)
{
    uint32_t word;
    struct err_ctx err;
    while (span_u32le(&body, &word)) {
        int32_t pid = (int32_t)word;
        if (pid && hook_own(sensor->hooks, abs(pid), pid > 0, &err) != OK)
            log_event(LOG_WARN, "own_pid", "reason='%s'", err.text);
    }
}

static err_kind supervisor_obey(struct sensor *sensor, struct err_ctx *err)
{
    struct ipc_message message;
    enum ipc_outcome outcome = ipc_receive(sensor->supervisor, 0, &message);
    err_kind kind = OK;
    if (outcome == IPC_AGAIN)
        return OK;
    if (outcome == IPC_GONE) { /* its end is ours */
        sensor->is_stopping = true;
        return OK;
    }
    if (outcome != IPC_DONE)
        return err_set(err, ERR_STATE, "the supervisor sent a malformed message");
    int peer;
    switch (message.type) {
    case MESSAGE_PING:
        ipc_send(sensor->supervisor, MESSAGE_PONG, SPAN(""), NULL, 0, false);
        break;
    case MESSAGE_OWN_PIDS:
        own_pids(sensor, message.body);
        break;
    case MESSAGE_PEER:
        ipc_close(&sensor->engine);
        peer = ipc_take_fd(&message, 0);
        kind = ipc_open(&sensor->engine, &peer, err);
        break;
    case MESSAGE_STOP:
        sensor->is_stopping = true;
        break;
    default:
        kind = err_set(err, ERR_STATE, "unknown order %u", message.type);
    }
    ipc_release(&message);
    return kind;
}

/* What no message asks for, however busy the sensor is. */
static void look_after_hooks(struct sensor *sensor)
{
    uint64_t now_ns = clock_boot_ns();
    if (hook_compat_watch(sensor->hooks)) {
        log_event(LOG_INFO, "compat_watched", "reason='a 32-bit program or call was seen'");
        keep_all(sensor);
        if (sensor->engine.fd >= 0)
            hooks_tell(sensor, MESSAGE_HOOKS, NULL, 0);
    }
    if (now_ns - sensor->misses_counted_ns < MISSES_EVERY_NS)
        return;
    sensor->misses_counted_ns = now_ns;
    hook_count_misses(sensor->hooks);
}

static err_kind serve(struct sensor *sensor, struct err_ctx *err)
{
    err_kind kind = OK;
    while (kind == OK && !sensor->is_stopping) {
        struct pollfd waited[2] = {{.fd = sensor->supervisor->fd, .events = POLLIN},
                                   {.fd = sensor->engine.fd, .events = POLLIN}};
        (void)poll(waited, 2, LOOK_EVERY_MS);
        look_after_hooks(sensor);
        if (waited[0].revents)
            kind = supervisor_obey(sensor, err);
        if (kind == OK && waited[1].revents)
            kind = engine_answer(sensor, err);
    }
    return kind;
}

/* The file is there and has a content. */
static bool has_btf(void)
{
    char byte;
    AUTO(auto_close) int fd = open(BTF_PATH, O_RDONLY | O_CLOEXEC);
    return fd >= 0 && read(fd, &byte, 1) == 1;
}

int sensor_run(struct ipc_channel *supervisor)
{
    struct err_ctx err;
    static struct sensor sensor; /* the filter's names are large */
    sensor = (struct sensor){.supervisor = supervisor, .engine = {.fd = -1}};
    /* making the maps may need to mount tracefs: before the sandbox, and before any input */
    if (hooks_start(&sensor, &err) != OK) {
        if (!has_btf())
            (void)err_wrap(&err, "this kernel does not describe its types (no " BTF_PATH ")");
        (void)err_wrap(&err, "the kernel programs do not load");
        ipc_send(supervisor, MESSAGE_FAILED, span_str(err.text), NULL, 0, true);
        return EXIT_IMPOSSIBLE;
    }
    err_kind kind = role_confine(ROLE_SENSOR, -1, &err);
    if (kind == OK) {
        ipc_send(supervisor, MESSAGE_PONG, SPAN(""), NULL, 0, true);
        keep_all(&sensor);
        kind = serve(&sensor, &err);
    }
    if (kind != OK)
        log_event(LOG_ERROR, "sensor_ended", "reason='%s'", err.text);
    hook_close(sensor.hooks);
    ipc_close(&sensor.engine);
    return kind == OK ? 0 : 1;
}
