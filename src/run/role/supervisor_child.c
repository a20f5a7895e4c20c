/* Starting the two long-lived roles, what they say, and what happens when one ends. */
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "core/cleanup.h"
#include "core/clock.h"
#include "core/log.h"
#include "role/roles.h"
#include "role/supervisor.h"

#define SECOND_NS       1000000000ull
#define QUICK_END_NS    (5 * SECOND_NS)
#define RETRY_NS_MAX    (5 * SECOND_NS)
#define SILENCE_NS_MAX  (15 * SECOND_NS)
#define START_NS_MAX    (120 * SECOND_NS) /* loading programs on a slow machine */
#define QUICK_ENDS_MAX  3                 /* then the rules before the last reload come back */
#define KEEPS_A_MESSAGE 16
#define LINES_A_TURN    64

/* Never waits: a role whose queue is full does not listen, and is ended. */
static void say(struct child *child, uint32_t type, span body, const int *fds, size_t fd_count)
{
    if (!child->pid || ipc_send(&child->channel, type, body, fds, fd_count, false) != IPC_AGAIN)
        return;
    log_event(LOG_ERROR, "role_deaf", "role=%s", role_name(child->role));
    kill(child->pid, SIGKILL);
}

/* A fresh channel between sensor and engine, whenever one of them is new. */
static void peers_join(struct supervisor *supervisor)
{
    int pair[2];
    struct err_ctx err;
    if (!supervisor->sensor.pid || !supervisor->engine.pid)
        return;
    if (ipc_pair(pair, &err) != OK) {
        log_event(LOG_ERROR, "peer_channel", "reason='%s'", err.text);
        return;
    }
    say(&supervisor->sensor, MESSAGE_PEER, SPAN(""), &pair[0], 1);
    say(&supervisor->engine, MESSAGE_PEER, SPAN(""), &pair[1], 1);
    close(pair[0]);
    close(pair[1]);
}

static void sensor_tell(struct supervisor *supervisor)
{
    struct sensor_start start = {.ring_bytes = supervisor->options->ring_bytes,
                                 .compat = supervisor->options->compat,
                                 .kept_count = (uint32_t)supervisor->kept_count};
    say(&supervisor->sensor, MESSAGE_SENSOR_START, span_of(&start, sizeof start), NULL, 0);
    for (size_t first = 0; first < supervisor->kept_count; first += KEEPS_A_MESSAGE) {
        struct keep_note notes[KEEPS_A_MESSAGE];
        int fds[KEEPS_A_MESSAGE];
        size_t count = 0;
        for (; count < KEEPS_A_MESSAGE && first + count < supervisor->kept_count; count++) {
            notes[count] = supervisor->kept[first + count].note;
            fds[count] = supervisor->kept[first + count].fd;
        }
        say(&supervisor->sensor, MESSAGE_KEEP, span_of(notes, count * sizeof *notes), fds, count);
    }
}

static void engine_tell(struct supervisor *supervisor, int lines_fd)
{
    struct engine_start start = {.store_bytes_max = supervisor->options->store_bytes_max,
                                 .line_next = supervisor->printer.line_next,
                                 .has_lines = supervisor->printer.has_lines,
                                 .is_json = supervisor->options->is_json,
                                 .is_colour = isatty(STDOUT_FILENO) == 1,
                                 .is_recording = supervisor->options->is_recording,
                                 .restarts = supervisor->engine.restarts,
                                 .shows_shadow = supervisor->options->shows_shadow};
    gethostname(start.hostname, sizeof start.hostname - 1);
    int fds[4] = {supervisor->store_fd, supervisor->crash_fd, lines_fd,
                  supervisor->options->record_fd};
    say(&supervisor->engine, MESSAGE_ENGINE_START, span_of(&start, sizeof start), fds,
        supervisor->options->is_recording ? 4 : 3);
    uint32_t number = 0;
    if (supervisor->image_fd >= 0)
        say(&supervisor->engine, MESSAGE_RULES, span_of(&number, sizeof number),
            &supervisor->image_fd, 1);
    rules_tell(supervisor);
    rules_offer(supervisor);
}

void rules_offer(struct supervisor *supervisor)
{
    uint32_t number = supervisor->reload.number;
    if (supervisor->image_next_fd < 0 || !supervisor->engine.pid)
        return;
    supervisor->reload.offers++;
    say(&supervisor->engine, MESSAGE_RULES, span_of(&number, sizeof number),
        &supervisor->image_next_fd, 1);
}

void rules_tell(struct supervisor *supervisor)
{
    const struct rules_note *note = &supervisor->reload.note;
    say(&supervisor->engine, MESSAGE_RULES_NOTE, span_of(note, sizeof *note), NULL, 0);
}

/* Those that ended first: their number may be another role's by now. */
static void own_pids_tell(struct supervisor *supervisor)
{
    int32_t pids[] = {-supervisor->sensor.ended_pid, -supervisor->engine.ended_pid, getpid(),
                      supervisor->sensor.pid, supervisor->engine.pid};
    say(&supervisor->sensor, MESSAGE_OWN_PIDS, span_of(pids, sizeof pids), NULL, 0);
}

err_kind child_start(struct supervisor *supervisor, struct child *child, struct err_ctx *err)
{
    bool is_engine = child == &supervisor->engine;
    int lines[2] = {-1, -1};
    err_kind kind = is_engine ? ipc_pair(lines, err) : OK;
    AUTO(auto_close) int far_end = lines[1];
    if (kind == OK && is_engine)
        kind = ipc_open(&supervisor->lines, &lines[0], err);
    if (kind == OK)
        kind = role_spawn(child->role, &child->pid, &child->channel, err);
    if (kind != OK)
        return kind;
    child->started_ns = child->answered_ns = clock_boot_ns();
    child->has_answered = false;
    child->retry_at_ns = 0;
    if (is_engine)
        engine_tell(supervisor, far_end);
    else
        sensor_tell(supervisor);
    own_pids_tell(supervisor);
    peers_join(supervisor);
    return OK;
}

/* ---- what they say ---- */

/* Descriptors of kernel programs and maps: as long as one is open here, they stay. */
static bool keep(struct supervisor *supervisor, struct ipc_message *message)
{
    if (message->body.len != message->fd_count * sizeof(struct keep_note))
        return false;
    for (size_t index = 0; index < message->fd_count; index++) {
        struct keep_note note;
        memcpy(&note, message->body.data + index * sizeof note, sizeof note);
        note.name[sizeof note.name - 1] = 0;
        size_t place = 0;
        while (place < supervisor->kept_count &&
               strcmp(supervisor->kept[place].note.name, note.name) != 0)
            place++;
        if (place == KEPT_MAX)
            return false;
        if (place < supervisor->kept_count)
            close(supervisor->kept[place].fd);
        else
            supervisor->kept_count++;
        supervisor->kept[place] = (struct kept){ipc_take_fd(message, index), note, false};
    }
    return true;
}

static void keep_begin(struct supervisor *supervisor)
{
    for (size_t index = 0; index < supervisor->kept_count; index++)
        supervisor->kept[index].is_stale = true;
}

static void keep_end(struct supervisor *supervisor)
{
    size_t count = 0;
    for (size_t index = 0; index < supervisor->kept_count; index++) {
        if (supervisor->kept[index].is_stale)
            close(supervisor->kept[index].fd);
        else
            supervisor->kept[count++] = supervisor->kept[index];
    }
    supervisor->kept_count = count;
}

static bool ready(struct supervisor *supervisor, span body)
{
    if (body.len != sizeof supervisor->start)
        return false;
    if (supervisor->is_ready)
        return true;
    memcpy(&supervisor->start, body.data, sizeof supervisor->start);
    if (!supervisor->printer.has_lines) /* the first may have come already, on its own channel */
        supervisor->printer.line_next = supervisor->start.line_next;
    supervisor->printer.has_lines = true;
    supervisor->is_ready = true;
    if (supervisor->options->period_ns)
        supervisor->end_at_ns = clock_boot_ns() + supervisor->options->period_ns;
    fprintf(stderr, "picket: ready\n");
    return true;
}

/* False: the message makes no sense, and its sender is not to be trusted any more. */
static bool message_take(struct supervisor *supervisor, struct child *child,
                         struct ipc_message *message)
{
    bool is_engine = child == &supervisor->engine;
    switch (message->type) {
    case MESSAGE_PONG:
        child->has_answered = true;
        return true;
    case MESSAGE_KEEP_BEGIN:
        keep_begin(supervisor);
        return !is_engine;
    case MESSAGE_KEEP_END:
        keep_end(supervisor);
        return !is_engine;
    case MESSAGE_KEEP:
        return !is_engine && keep(supervisor, message);
    case MESSAGE_READY:
        return is_engine && ready(supervisor, message->body);
    case MESSAGE_RULES_RESULT:
        return is_engine && rules_answered(supervisor, message->body);
    case MESSAGE_FAILED:
        supervisor->has_failed = true;
        fprintf(stderr, "picket: " PRI_SPAN "\n", ARG_SPAN(message->body));
        return true;
    case MESSAGE_SUMMARY:
        if (!is_engine || message->body.len != sizeof supervisor->summary)
            return false;
        memcpy(&supervisor->summary, message->body.data, sizeof supervisor->summary);
        supervisor->has_summary = true;
        return true;
    default:
        return false;
    }
}

void child_receive(struct supervisor *supervisor, struct child *child)
{
    struct ipc_message message;
    enum ipc_outcome outcome = ipc_receive(&child->channel, 0, &message);
    if (outcome == IPC_AGAIN)
        return;
    if (outcome == IPC_DONE) {
        child->answered_ns = clock_boot_ns();
        bool is_sound = message_take(supervisor, child, &message);
        ipc_release(&message);
        if (is_sound)
            return;
        log_event(LOG_ERROR, "role_malformed", "role=%s type=%u", role_name(child->role),
                  message.type);
    }
    ipc_close(&child->channel);
    /* One that hung up is about to end, with a code of its own; if it lingers, its silence ends it.
     */
    if (outcome != IPC_GONE && child->pid)
        kill(child->pid, SIGKILL);
}

/* The engine's lines, as long as there is room for them. */
void child_lines_receive(struct supervisor *supervisor)
{
    for (int count = 0; count < LINES_A_TURN && !printer_is_full(&supervisor->printer); count++) {
        struct ipc_message message;
        enum ipc_outcome outcome = ipc_receive(&supervisor->lines, 0, &message);
        if (outcome == IPC_AGAIN)
            return;
        bool is_sound = outcome == IPC_DONE && message.type == LINE_MESSAGE &&
                        printer_take(&supervisor->printer, message.body);
        if (outcome == IPC_DONE)
            ipc_release(&message);
        if (is_sound)
            continue;
        /* gone or unsound */
        ipc_close(&supervisor->lines);
        if (outcome != IPC_GONE && supervisor->engine.pid)
            kill(supervisor->engine.pid, SIGKILL);
        return;
    }
}

/* ---- their end ---- */

/* A role that ends by itself soon after its start is given growing pauses; one that was killed from
 * outside comes back at once, for every pause fills the ring. */
static uint64_t retry_pause_ns(struct child *child, int status, uint64_t now_ns)
{
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL)
        return 0;
    child->quick_ends = now_ns - child->started_ns < QUICK_END_NS ? child->quick_ends + 1 : 1;
    if (child->quick_ends == 1)
        return 0;
    if (child->quick_ends > 7)
        return RETRY_NS_MAX;
    return (SECOND_NS / 10) << (child->quick_ends - 2);
}

void child_ended(struct supervisor *supervisor, struct child *child, int status)
{
    uint64_t now_ns = clock_boot_ns();
    ipc_close(&child->channel);
    child->pid = 0;
    if (supervisor->stop_at_ns)
        return; /* its last lines may still wait in their channel */
    if (child == &supervisor->engine) {
        ipc_close(&supervisor->lines);
        printer_drop_part(&supervisor->printer);
    }
    if (WIFEXITED(status) && WEXITSTATUS(status) == EXIT_IMPOSSIBLE) {
        supervisor->has_failed = true;
        supervisor->stop_at_ns = now_ns;
        return;
    }
    own_pids_tell(supervisor);
    child->restarts++;
    child->retry_at_ns = now_ns + retry_pause_ns(child, status, now_ns);
    log_event(LOG_WARN, "role_ended", "role=%s %s=%d restarts=%u", role_name(child->role),
              WIFSIGNALED(status) ? "signal" : "exit",
              WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status), child->restarts);
    if (child != &supervisor->engine)
        return;
    rules_engine_ended(supervisor);
    /* new rules that end the engine again and again are taken back */
    if (child->quick_ends >= QUICK_ENDS_MAX && supervisor->image_last_fd >= 0) {
        child->quick_ends = 0;
        rules_restore(supervisor);
    }
}

static void child_watch(struct supervisor *supervisor, struct child *child, bool is_ping_due,
                        uint64_t now_ns)
{
    if (!child->pid) {
        struct err_ctx err;
        if (child->retry_at_ns && now_ns >= child->retry_at_ns &&
            child_start(supervisor, child, &err) != OK) {
            log_event(LOG_ERROR, "role_start", "reason='%s'", err.text);
            child->retry_at_ns = now_ns + RETRY_NS_MAX;
        }
        return;
    }
    uint64_t silence_max = child->has_answered ? SILENCE_NS_MAX : START_NS_MAX;
    if (now_ns - child->answered_ns > silence_max) {
        log_event(LOG_ERROR, "role_silent", "role=%s seconds=%llu", role_name(child->role),
                  (unsigned long long)((now_ns - child->answered_ns) / SECOND_NS));
        kill(child->pid, SIGKILL);
        child->answered_ns = now_ns;
    } else if (is_ping_due) {
        ipc_send(&child->channel, MESSAGE_PING, SPAN(""), NULL, 0, false);
    }
}

void children_watch(struct supervisor *supervisor, uint64_t now_ns)
{
    bool is_ping_due = now_ns - supervisor->pinged_ns >= 2 * SECOND_NS;
    /* Silence is held against a role only while it was listened to: not while this process was
     * stopped or read rule files. */
    if (now_ns - supervisor->watched_ns > SECOND_NS)
        supervisor->engine.answered_ns = supervisor->sensor.answered_ns = now_ns;
    supervisor->watched_ns = now_ns;
    if (is_ping_due)
        supervisor->pinged_ns = now_ns;
    child_watch(supervisor, &supervisor->sensor, is_ping_due, now_ns);
    child_watch(supervisor, &supervisor->engine, is_ping_due, now_ns);
}
