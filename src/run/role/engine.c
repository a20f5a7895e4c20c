/* The engine: holds nothing but its descriptors. Reads the ring, runs the rules, is the one writer
 * of the store. */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include <sys/mman.h>

#include "core/cleanup.h"
#include "core/clock.h"
#include "core/log.h"
#include "lines/lines.h"
#include "pipeline/pipeline.h"
#include "role/protocol.h"
#include "role/role.h"
#include "role/roles.h"

#define TICK_MS          2    /* while records come: the reader goes by its timer */
#define IDLE_MS          1000 /* the ring wakes it before */
#define OPEN_TIMEOUT_MS  500
#define TASKS_TIMEOUT_MS 10000
#define DRAIN_NS         2000000000ull
#define STOP_NS          8000000000ull /* with the lines that wait; the supervisor waits longer */

struct engine {
    struct ipc_channel *supervisor;
    struct line_channel lines; /* to the supervisor; full while nobody reads stdout */
    struct ipc_channel sensor; /* fd -1: none */
    struct live *live;
    struct engine_start start;
    uint64_t open_number;
    int store_fd, crash_fd, record_fd;
    int ring_fd;
    bool is_sensor_silent; /* it did not answer in time; asked again when it is heard of */
    bool is_want_sent;     /* and not answered: meanwhile the ring is read on */
    bool has_rules;
    bool is_ready;
    bool is_stopping;
};

/* ---- the sensor's answers ---- */

/* Waits for the answer of one type; others are late ones and dropped, but for news of hooks. */
static enum ipc_outcome sensor_await(struct engine *engine, uint32_t type, int timeout_ms,
                                     struct ipc_message *ret)
{
    for (;;) {
        enum ipc_outcome outcome = ipc_receive(&engine->sensor, timeout_ms, ret);
        if (outcome == IPC_GONE || outcome == IPC_FAILED)
            ipc_close(&engine->sensor);
        if (outcome != IPC_DONE || ret->type == type)
            return outcome;
        if (ret->type == MESSAGE_HOOKS)
            live_note_hooks(engine->live, ret->body);
        ipc_release(ret);
    }
}

static int open_through_sensor(void *context, const struct open_request *request)
{
    struct engine *engine = context;
    struct open_call call = {.number = ++engine->open_number, .request = *request};
    if (engine->sensor.fd < 0 || engine->is_sensor_silent || engine->is_want_sent)
        return -EAGAIN;
    enum ipc_outcome outcome =
        ipc_send(&engine->sensor, MESSAGE_OPEN, span_of(&call, sizeof call), NULL, 0, false);
    while (outcome == IPC_DONE) {
        struct ipc_message message;
        struct open_answer answer = {0};
        outcome = sensor_await(engine, MESSAGE_OPENED, OPEN_TIMEOUT_MS, &message);
        if (outcome != IPC_DONE)
            break;
        if (message.body.len == sizeof answer)
            memcpy(&answer, message.body.data, sizeof answer);
        int fd = answer.number == call.number ? ipc_take_fd(&message, 0) : -1;
        ipc_release(&message);
        if (answer.number == call.number)
            return fd >= 0 ? fd : answer.outcome ? answer.outcome : -EIO;
    }
    engine->is_sensor_silent = true;
    log_event(LOG_WARN, "sensor_silent", "what=open");
    return -EAGAIN;
}

static err_kind tasks_take(struct engine *engine, struct err_ctx *err)
{
    struct ipc_message message;
    ipc_send(&engine->sensor, MESSAGE_TASKS, SPAN(""), NULL, 0, true);
    if (sensor_await(engine, MESSAGE_TASKS_FD, TASKS_TIMEOUT_MS, &message) != IPC_DONE)
        return OK; /* the next sensor is asked again */
    AUTO(auto_close) int fd = ipc_take_fd(&message, 0);
    ipc_release(&message);
    return fd < 0 ? OK : live_tasks(engine->live, fd, err);
}

#define NAMES_A_MESSAGE (IPC_BODY_BYTES_MAX / sizeof(struct prefilter_name))

/* Neither is answered: they take effect with the WANT that follows. */
static err_kind filter_send(struct engine *engine, struct err_ctx *err)
{
    AUTO(auto_free) struct prefilter *prefilter = calloc(1, sizeof *prefilter);
    if (!prefilter)
        return err_set(err, ERR_SYSTEM, "prefilter");
    err_kind kind = live_prefilter(engine->live, prefilter, err);
    if (kind != OK)
        return kind;
    ipc_send(&engine->sensor, MESSAGE_FILTER, span_of(&prefilter->filter, sizeof prefilter->filter),
             NULL, 0, true);
    for (size_t first = 0; first < prefilter->count; first += NAMES_A_MESSAGE) {
        size_t count = prefilter->count - first;
        if (count > NAMES_A_MESSAGE)
            count = NAMES_A_MESSAGE;
        ipc_send(&engine->sensor, MESSAGE_FILTER_NAMES,
                 span_of(&prefilter->names[first], count * sizeof prefilter->names[0]), NULL, 0,
                 true);
    }
    return OK;
}

/* Says what the rules need. Does nothing before there are both. */
static err_kind sensor_use(struct engine *engine, struct err_ctx *err)
{
    uint8_t wants[128];
    if (engine->sensor.fd < 0 || (!engine->has_rules && !engine->start.is_recording))
        return OK;
    err_kind kind = filter_send(engine, err);
    if (kind != OK)
        return kind;
    live_wants(engine->live, wants);
    engine->is_want_sent = ipc_send(&engine->sensor, MESSAGE_WANT, span_of(wants, sizeof wants),
                                    NULL, 0, true) == IPC_DONE;
    return OK;
}

/* The answer: takes the ring. */
static err_kind ring_take(struct engine *engine, struct ipc_message *message, struct err_ctx *err)
{
    int ring_fd = ipc_take_fd(message, 0);
    AUTO(auto_close) int control_fd = ipc_take_fd(message, 1);
    live_note_hooks(engine->live, message->body);
    engine->is_want_sent = false;
    bool is_new;
    err_kind kind = live_attach(engine->live, ring_fd, control_fd, &is_new, err);
    if (kind == OK && is_new)
        kind = tasks_take(engine, err);
    if (engine->ring_fd >= 0)
        close(engine->ring_fd);
    engine->ring_fd = ring_fd;
    if (kind == OK && !engine->is_ready) {
        struct run_start start = {.line_next = live_line_next(engine->live),
                                  .events = live_counts(engine->live).events};
        engine->is_ready = true;
        ipc_send(engine->supervisor, MESSAGE_READY, span_of(&start, sizeof start), NULL, 0, true);
    }
    return kind;
}

/* ---- lines ---- */

static bool line_hand_on(void *context, uint64_t offset, span line)
{
    struct engine *engine = context;
    return line_channel_send(&engine->lines, offset, line);
}

/* ---- the supervisor's orders ---- */

static err_kind rules_take(struct engine *engine, struct ipc_message *message, struct err_ctx *err)
{
    struct err_ctx why = {0};
    struct rules_answer answer = {0};
    AUTO(auto_close) int image = ipc_take_fd(message, 0);
    if (!span_u32le(&message->body, &answer.number))
        return err_set(err, ERR_STATE, "malformed offer of rules");
    err_kind kind = live_rules(engine->live, image, &why);
    answer.kind = (uint32_t)kind;
    uint8_t body[sizeof answer + sizeof why.text];
    size_t len = kind == OK ? 0 : strlen(why.text);
    memcpy(body, &answer, sizeof answer);
    memcpy(body + sizeof answer, why.text, len);
    ipc_send(engine->supervisor, MESSAGE_RULES_RESULT, span_of(body, sizeof answer + len), NULL, 0,
             true);
    engine->has_rules |= kind == OK;
    if (!engine->has_rules)
        return err_set(err, ERR_INPUT, "rules: %s", why.text);
    return kind == OK ? sensor_use(engine, err) : OK;
}

static err_kind note_take(struct engine *engine, span body, struct err_ctx *err)
{
    struct rules_note note;
    if (body.len != sizeof note)
        return err_set(err, ERR_STATE, "malformed note on the rules");
    memcpy(&note, body.data, sizeof note);
    note.reason[sizeof note.reason - 1] = 0;
    live_note_rules(engine->live, &note);
    return OK;
}

static err_kind peer_take(struct engine *engine, struct ipc_message *message, struct err_ctx *err)
{
    int peer = ipc_take_fd(message, 0);
    ipc_close(&engine->sensor);
    engine->is_sensor_silent = false;
    engine->is_want_sent = false;
    err_kind kind = ipc_open(&engine->sensor, &peer, err);
    return kind == OK ? sensor_use(engine, err) : kind;
}

static err_kind supervisor_obey(struct engine *engine, struct err_ctx *err)
{
    struct ipc_message message;
    enum ipc_outcome outcome = ipc_receive(engine->supervisor, 0, &message);
    err_kind kind = OK;
    if (outcome == IPC_AGAIN)
        return OK;
    if (outcome != IPC_DONE)
        return err_set(err, ERR_STATE, "the supervisor is gone");
    switch (message.type) {
    case MESSAGE_PING:
        ipc_send(engine->supervisor, MESSAGE_PONG, SPAN(""), NULL, 0, false);
        break;
    case MESSAGE_RULES:
        kind = rules_take(engine, &message, err);
        break;
    case MESSAGE_RULES_NOTE:
        kind = note_take(engine, message.body, err);
        break;
    case MESSAGE_PEER:
        kind = peer_take(engine, &message, err);
        break;
    case MESSAGE_STOP:
        engine->is_stopping = true;
        break;
    default:
        kind = err_set(err, ERR_STATE, "unknown order %u", message.type);
    }
    ipc_release(&message);
    return kind;
}

/* ---- start and loop ---- */

static err_kind start_take(struct engine *engine, struct err_ctx *err)
{
    struct ipc_message message;
    if (ipc_receive(engine->supervisor, -1, &message) != IPC_DONE ||
        message.type != MESSAGE_ENGINE_START || message.body.len != sizeof engine->start)
        return err_set(err, ERR_STATE, "the supervisor did not say how to start");
    memcpy(&engine->start, message.body.data, sizeof engine->start);
    engine->start.hostname[sizeof engine->start.hostname - 1] = 0;
    engine->store_fd = ipc_take_fd(&message, 0);
    engine->crash_fd = ipc_take_fd(&message, 1);
    int lines_fd = ipc_take_fd(&message, 2);
    engine->record_fd = ipc_take_fd(&message, 3);
    ipc_release(&message);
    return ipc_open(&engine->lines.channel, &lines_fd, err);
}

static err_kind engine_start(struct engine *engine, struct err_ctx *err)
{
    err_kind kind = start_take(engine, err);
    if (kind == OK)
        kind = role_confine(ROLE_ENGINE, engine->store_fd, err);
    if (kind != OK)
        return kind;
    struct crash_page *crash =
        mmap(NULL, sizeof *crash, PROT_READ | PROT_WRITE, MAP_SHARED, engine->crash_fd, 0);
    if (crash == MAP_FAILED)
        return err_set(err, ERR_SYSTEM, "crash page");
    struct live_options options = {.store_fd = engine->store_fd,
                                   .store_bytes_max = engine->start.store_bytes_max,
                                   .hostname = engine->start.hostname,
                                   .is_json = engine->start.is_json,
                                   .is_colour = engine->start.is_colour,
                                   .shows_shadow = engine->start.shows_shadow,
                                   .has_lines = engine->start.has_lines,
                                   .line_next = engine->start.line_next,
                                   .restarts = engine->start.restarts,
                                   .crash = crash,
                                   .open = open_through_sensor,
                                   .line = line_hand_on,
                                   .context = engine,
                                   .record_fd = engine->record_fd};
    return live_open(&options, &engine->live, err);
}

/* The answer to what it was told, a late answer, or its end. */
static err_kind sensor_hear(struct engine *engine, struct err_ctx *err)
{
    struct ipc_message message;
    enum ipc_outcome outcome = ipc_receive(&engine->sensor, 0, &message);
    err_kind kind = OK;
    if (outcome == IPC_DONE) {
        engine->is_sensor_silent = false;
        if (message.type == MESSAGE_WANTED)
            kind = ring_take(engine, &message, err);
        else if (message.type == MESSAGE_HOOKS)
            live_note_hooks(engine->live, message.body);
        ipc_release(&message);
    } else if (outcome != IPC_AGAIN) {
        ipc_close(&engine->sensor);
        engine->is_want_sent = false;
    }
    return kind;
}

static err_kind turn(struct engine *engine, struct err_ctx *err)
{
    static const int wait_ms[] = {[LIVE_BUSY] = 0, [LIVE_SOON] = TICK_MS, [LIVE_IDLE] = IDLE_MS};
    enum live_next next;
    err_kind kind = live_turn(engine->live, &next, err);
    if (kind != OK)
        return kind;
    struct pollfd waited[3] = {
        {.fd = engine->supervisor->fd, .events = POLLIN},
        {.fd = engine->sensor.fd, .events = POLLIN},
        {.fd = next == LIVE_IDLE ? engine->ring_fd : -1, .events = POLLIN},
    };
    if (poll(waited, 3, wait_ms[next]) <= 0)
        return OK;
    if (waited[0].revents)
        kind = supervisor_obey(engine, err);
    if (kind == OK && waited[1].revents && engine->sensor.fd >= 0)
        kind = sensor_hear(engine, err);
    return kind;
}

/* What is committed and not yet handed on. A reader that has paused may come back. */
static err_kind lines_finish(struct engine *engine, uint64_t end_ns, struct err_ctx *err)
{
    err_kind kind = OK;
    while (kind == OK && live_line_next(engine->live) < live_counts(engine->live).line_end &&
           clock_boot_ns() < end_ns) {
        struct pollfd waited[] = {{.fd = engine->lines.channel.fd, .events = POLLOUT},
                                  {.fd = engine->supervisor->fd, .events = 0}};
        poll(waited, 2, IDLE_MS / 10);
        if (waited[0].revents & ~POLLOUT || waited[1].revents)
            break; /* the supervisor is gone */
        kind = live_hand_on(engine->live, err);
    }
    return kind;
}

static err_kind finish(struct engine *engine, struct err_ctx *err)
{
    uint64_t end_ns = clock_boot_ns() + STOP_NS;
    err_kind kind = live_drain(engine->live, DRAIN_NS, err);
    return kind == OK ? lines_finish(engine, end_ns, err) : kind;
}

static void say_summary(struct engine *engine)
{
    struct live_counts counts = live_counts(engine->live);
    struct run_summary summary = {.events = counts.events,
                                  .drops = counts.drops,
                                  .line_next = live_line_next(engine->live),
                                  .line_end = counts.line_end,
                                  .unstored = counts.unstored};
    ipc_send(engine->supervisor, MESSAGE_SUMMARY, span_of(&summary, sizeof summary), NULL, 0, true);
}

int engine_run(struct ipc_channel *supervisor)
{
    struct err_ctx err;
    struct engine engine = {.supervisor = supervisor,
                            .lines = {.channel = {.fd = -1}, .offset = UINT64_MAX},
                            .sensor = {.fd = -1},
                            .store_fd = -1,
                            .crash_fd = -1,
                            .record_fd = -1,
                            .ring_fd = -1};
    err_kind kind = engine_start(&engine, &err);
    while (kind == OK && !engine.is_stopping)
        kind = turn(&engine, &err);
    if (kind == OK)
        kind = finish(&engine, &err);
    bool is_over = kind != OK && live_recording_failed(engine.live);
    if (is_over) /* another engine could not do better */
        ipc_send(supervisor, MESSAGE_FAILED, span_str(err.text), NULL, 0, true);
    else if (kind != OK)
        log_event(LOG_ERROR, "engine_ended", "reason='%s'", err.text);
    if (kind == OK || is_over)
        say_summary(&engine);
    live_close(engine.live);
    ipc_close(&engine.sensor);
    ipc_close(&engine.lines.channel);
    return is_over ? EXIT_IMPOSSIBLE : kind == OK ? 0 : 1;
}
