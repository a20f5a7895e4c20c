/* `picket ingest`: opens sockets, secrets and the store's folder, starts gateway and intake, prints
 * lines, restarts what ends. Parses nothing that comes from outside. */
#include "ingest/ingest.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/signalfd.h>
#include <sys/wait.h>

#include "core/cleanup.h"
#include "core/clock.h"
#include "core/log.h"
#include "ingest/ingest_state.h"
#include "ingest/readers.h"
#include "intake/intake.h"

#define TICK_MS        200
#define STOP_NS        12000000000ull /* longer than the intake takes: intake.c */
#define GATEWAY_NS     3000000000ull  /* of these: answers that are under way */
#define SILENCE_NS_MAX 30000000000ull
#define PING_NS        2000000000ull
#define RETRY_NS_MAX   5000000000ull
#define QUICK_NS       2000000000ull
#define LINES_A_TURN   256
#define HEARD_A_TURN   1024
#define REQUEST_NS     60000000000ull
#define READERS_NS     1000000000ull

/* ---- starting a role ---- */

static void say(struct helper *helper, uint32_t type, span body, const int *fds, size_t count)
{
    ipc_send(&helper->channel, type, body, fds, count, true);
}

static err_kind helper_spawn(struct helper *helper, struct err_ctx *err)
{
    err_kind kind = role_spawn(helper->role, &helper->pid, &helper->channel, err);
    if (kind != OK)
        return kind;
    helper->started_ns = helper->heard_ns = clock_boot_ns();
    helper->retry_at_ns = 0;
    helper->is_ready = false;
    return OK;
}

/* A channel between the two, and the gateway's memory for the intake. */
static err_kind helpers_join(struct ingest *ingest, struct err_ctx *err)
{
    int pair[2];
    if (!ingest->intake.pid || !ingest->gateway.pid)
        return OK;
    err_kind kind = ipc_pair(pair, err);
    if (kind != OK)
        return kind;
    AUTO(auto_close) int gateway_end = pair[0];
    AUTO(auto_close) int intake_end = pair[1];
    int fds[] = {intake_end, ingest->memory_fd};
    say(&ingest->intake, MESSAGE_GATEWAY,
        span_of(&ingest->gateway_start.id, sizeof ingest->gateway_start.id), fds, 2);
    say(&ingest->gateway, MESSAGE_PEER, SPAN(""), &gateway_end, 1);
    return OK;
}

static err_kind intake_start(struct ingest *ingest, struct err_ctx *err)
{
    int pair[2];
    ipc_close(&ingest->lines);
    printer_drop_part(&ingest->printer);
    ingest->intake_start.line_next = ingest->printer.line_next;
    ingest->intake_start.has_lines = ingest->printer.has_lines;
    err_kind kind = ipc_pair(pair, err);
    if (kind != OK)
        return kind;
    AUTO(auto_close) int theirs = pair[1];
    kind = ipc_open(&ingest->lines, &pair[0], err);
    if (kind == OK)
        kind = helper_spawn(&ingest->intake, err);
    if (kind != OK)
        return kind;
    int growth = -1;
    collect_start(&ingest->collect, &ingest->intake_start.feed, &growth);
    int fds[6] = {ingest->store_fd, ingest->crash_fd, theirs, ingest->image_fd};
    size_t count = 4;
    if (ingest->sinks_fd >= 0)
        fds[count++] = ingest->sinks_fd;
    if (growth >= 0)
        fds[count++] = growth;
    say(&ingest->intake, MESSAGE_INTAKE_START,
        span_of(&ingest->intake_start, sizeof ingest->intake_start), fds, count);
    return helpers_join(ingest, err);
}

static err_kind gateway_start(struct ingest *ingest, struct err_ctx *err)
{
    struct gateway_start *start = &ingest->gateway_start;
    if (getrandom(&start->id, sizeof start->id, 0) != sizeof start->id)
        return err_set(err, ERR_SYSTEM, "random numbers");
    if (ingest->memory_fd >= 0)
        close(ingest->memory_fd);
    ingest->memory_fd = memfd_create("picket-bodies", MFD_CLOEXEC);
    if (ingest->memory_fd < 0 || ftruncate(ingest->memory_fd, INTAKE_MEMORY_BYTES))
        return err_set(err, ERR_SYSTEM, "memory between gateway and engine");
    if (lseek(ingest->secrets_fd, 0, SEEK_SET))
        return err_set(err, ERR_SYSTEM, "secrets");
    err_kind kind = helper_spawn(&ingest->gateway, err);
    if (kind != OK)
        return kind;
    int fds[2 + INTAKE_LISTENERS] = {ingest->memory_fd, ingest->secrets_fd};
    memcpy(fds + 2, ingest->listeners, sizeof ingest->listeners);
    say(&ingest->gateway, MESSAGE_GATEWAY_START, span_of(start, sizeof *start), fds,
        2 + start->listener_count);
    return helpers_join(ingest, err);
}

/* ---- hearing them ---- */

static void ready_look(struct ingest *ingest)
{
    bool has_gateway = !ingest->options->feed;
    if (ingest->is_ready || !ingest->intake.is_ready || (has_gateway && !ingest->gateway.is_ready))
        return;
    ingest->is_ready = true;
    if (has_gateway)
        fprintf(stderr, "picket: ready, listening on %s\n", ingest->address);
    else
        fprintf(stderr, "picket: ready\n");
}

static bool message_take(struct ingest *ingest, struct helper *helper,
                         const struct ipc_message *message)
{
    bool is_intake = helper == &ingest->intake;
    switch (message->type) {
    case MESSAGE_PONG:
        return true;
    case MESSAGE_FAILED:
        fprintf(stderr, "picket: " PRI_SPAN "\n", ARG_SPAN(message->body));
        return true;
    case MESSAGE_READY:
        helper->is_ready = true;
        if (is_intake && message->body.len != sizeof ingest->now)
            return false;
        if (is_intake && !ingest->has_before)
            memcpy(&ingest->before, message->body.data, sizeof ingest->before);
        if (is_intake && !ingest->printer.has_lines) {
            ingest->printer.has_lines = true;
            ingest->printer.line_next = ingest->before.line_next;
        }
        ingest->has_before |= is_intake;
        ready_look(ingest);
        return true;
    case MESSAGE_SUMMARY:
        if (!is_intake || message->body.len != sizeof ingest->now)
            return false;
        memcpy(&ingest->now, message->body.data, sizeof ingest->now);
        ingest->has_summary = true;
        return true;
    default:
        return is_intake &&
               collect_hear(&ingest->collect, &helper->channel, message->type, message->body);
    }
}

static void helper_hear(struct ingest *ingest, struct helper *helper)
{
    struct ipc_message message;
    enum ipc_outcome outcome = ipc_receive(&helper->channel, 0, &message);
    if (outcome == IPC_AGAIN)
        return;
    if (outcome == IPC_DONE) {
        helper->heard_ns = clock_boot_ns();
        bool is_sound = message_take(ingest, helper, &message);
        ipc_release(&message);
        if (is_sound)
            return;
        log_event(LOG_ERROR, "role_malformed", "role=%s", role_name(helper->role));
    }
    ipc_close(&helper->channel);
    if (outcome != IPC_GONE && helper->pid)
        kill(helper->pid, SIGKILL);
}

/* What it has said by now; each turn looks for files, so one message a turn is too few. */
static void intake_hear(struct ingest *ingest)
{
    struct helper *intake = &ingest->intake;
    for (int count = 0; count < HEARD_A_TURN && intake->channel.fd >= 0; count++) {
        struct pollfd waited = {.fd = intake->channel.fd, .events = POLLIN};
        if (poll(&waited, 1, 0) <= 0)
            return;
        helper_hear(ingest, intake);
    }
}

static void lines_hear(struct ingest *ingest)
{
    for (int count = 0; count < LINES_A_TURN && !printer_is_full(&ingest->printer); count++) {
        struct ipc_message message;
        enum ipc_outcome outcome = ipc_receive(&ingest->lines, 0, &message);
        if (outcome == IPC_AGAIN)
            return;
        bool is_sound = outcome == IPC_DONE && message.type == LINE_MESSAGE &&
                        printer_take(&ingest->printer, message.body);
        if (outcome == IPC_DONE)
            ipc_release(&message);
        if (is_sound)
            continue;
        ipc_close(&ingest->lines);
        if (outcome != IPC_GONE && ingest->intake.pid)
            kill(ingest->intake.pid, SIGKILL);
        return;
    }
}

/* ---- their end ---- */

static void helper_ended(struct ingest *ingest, struct helper *helper, int status)
{
    uint64_t now_ns = clock_boot_ns();
    helper->pid = 0;
    if (helper == &ingest->intake)
        collect_intake_gone(&ingest->collect);
    while (helper->channel.fd >= 0) { /* what it said last */
        struct pollfd last = {.fd = helper->channel.fd, .events = POLLIN};
        if (poll(&last, 1, 0) <= 0)
            break;
        helper_hear(ingest, helper);
    }
    ipc_close(&helper->channel);
    if (ingest->stop_at_ns)
        return;
    if (WIFEXITED(status) && WEXITSTATUS(status) == INTAKE_IMPOSSIBLE) {
        ingest->has_failed = true;
        ingest->stop_at_ns = now_ns;
        return;
    }
    bool is_quick = now_ns - helper->started_ns < QUICK_NS;
    bool is_killed = WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
    helper->quick_ends = is_quick && !is_killed ? helper->quick_ends + 1 : 0;
    uint64_t pause_ns = (100000000ull << (helper->quick_ends < 6 ? helper->quick_ends : 6));
    helper->retry_at_ns = now_ns + (helper->quick_ends ? pause_ns : 0);
    log_event(LOG_WARN, "role_ended", "role=%s %s=%d restarts=%u", role_name(helper->role),
              WIFSIGNALED(status) ? "signal" : "exit",
              WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status), ++helper->restarts);
}

static void helpers_reap(struct ingest *ingest)
{
    struct helper *helpers[] = {&ingest->gateway, &ingest->intake};
    for (size_t index = 0; index < 2; index++) {
        int status;
        struct helper *helper = helpers[index];
        if (helper->pid && waitpid(helper->pid, &status, WNOHANG) == helper->pid) {
            if (helper == &ingest->intake)
                lines_hear(ingest);
            helper_ended(ingest, helper, status);
        }
    }
    pid_t journal = ingest->collect.journal_pid;
    int status;
    if (journal && waitpid(journal, &status, WNOHANG) == journal)
        (void)collect_reaped(&ingest->collect, journal, status, clock_boot_ns());
}

static void helper_watch(struct ingest *ingest, struct helper *helper, bool is_ping_due,
                         uint64_t now_ns)
{
    struct err_ctx err;
    if (!helper->pid) {
        if (now_ns < helper->retry_at_ns)
            return;
        err_kind kind =
            helper == &ingest->intake ? intake_start(ingest, &err) : gateway_start(ingest, &err);
        if (kind != OK) {
            log_event(LOG_ERROR, "role_start", "reason='%s'", err.text);
            helper->retry_at_ns = now_ns + RETRY_NS_MAX;
        }
    } else if (now_ns - helper->heard_ns > SILENCE_NS_MAX) {
        log_event(LOG_ERROR, "role_silent", "role=%s", role_name(helper->role));
        kill(helper->pid, SIGKILL);
        helper->heard_ns = now_ns;
    } else if (is_ping_due) {
        ipc_send(&helper->channel, MESSAGE_PING, SPAN(""), NULL, 0, false);
    }
}

static void helpers_watch(struct ingest *ingest, uint64_t now_ns)
{
    bool is_ping_due = now_ns - ingest->pinged_ns >= PING_NS;
    if (now_ns - ingest->watched_ns > PING_NS) /* this process was stopped, or read rules */
        ingest->intake.heard_ns = ingest->gateway.heard_ns = now_ns;
    ingest->watched_ns = now_ns;
    if (is_ping_due)
        ingest->pinged_ns = now_ns;
    helper_watch(ingest, &ingest->intake, is_ping_due, now_ns);
    if (!ingest->options->feed)
        helper_watch(ingest, &ingest->gateway, is_ping_due, now_ns);
}

static void readers_watch(struct ingest *ingest, uint64_t now_ns)
{
    const struct ingest_options *options = ingest->options;
    if (!options->retention_ns || !ingest->intake.is_ready ||
        now_ns - ingest->readers_ns < READERS_NS)
        return;
    ingest->readers_ns = now_ns;
    readers_offer(&ingest->intake.channel, options->sinks_dir, options->store_name);
}

/* ---- the loop ---- */

/* The gateway first, so that all that it was given is answered; then the intake. */
static void stop(struct ingest *ingest)
{
    uint64_t now_ns = clock_boot_ns();
    if (ingest->stop_at_ns) { /* asked a second time */
        ingest->stop_at_ns = now_ns;
        return;
    }
    ingest->stop_at_ns = now_ns + STOP_NS;
    ingest->gateway_end_ns = now_ns + GATEWAY_NS;
    if (ingest->gateway.pid)
        say(&ingest->gateway, MESSAGE_STOP, SPAN(""), NULL, 0);
    if (ingest->intake.pid)
        collect_last(&ingest->collect, &ingest->intake.channel);
}

static void stop_go_on(struct ingest *ingest, uint64_t now_ns)
{
    if (ingest->gateway.pid && now_ns > ingest->gateway_end_ns)
        kill(ingest->gateway.pid, SIGKILL);
    if (ingest->gateway.pid || ingest->is_intake_told || !ingest->intake.pid)
        return;
    say(&ingest->intake, MESSAGE_STOP, SPAN(""), NULL, 0);
    ingest->is_intake_told = true;
}

static void reload(struct ingest *ingest)
{
    int image_fd = -1;
    if (ingest->options->compile(ingest->options->context, &image_fd) != 0) {
        log_event(LOG_ERROR, "reload_refused", "reason='the rules do not load; the old ones stay'");
        return;
    }
    close(ingest->image_fd);
    ingest->image_fd = image_fd;
    if (ingest->intake.pid)
        say(&ingest->intake, MESSAGE_RULES, SPAN(""), &image_fd, 1);
}

static void signals_take(struct ingest *ingest)
{
    struct signalfd_siginfo info;
    while (read(ingest->signal_fd, &info, sizeof info) == (ssize_t)sizeof info) {
        if (info.ssi_signo == SIGCHLD)
            helpers_reap(ingest);
        else if (info.ssi_signo == SIGHUP)
            reload(ingest);
        else
            stop(ingest);
    }
}

static bool is_over(struct ingest *ingest, uint64_t now_ns)
{
    if (!ingest->stop_at_ns && ingest->end_at_ns && now_ns >= ingest->end_at_ns)
        stop(ingest);
    if (!ingest->stop_at_ns && collect_is_ended(&ingest->collect))
        stop(ingest);
    if (!ingest->stop_at_ns && ingest->printer.is_closed) {
        ingest->has_failed = true;
        stop(ingest);
    }
    if (!ingest->stop_at_ns)
        return false;
    bool is_done = !ingest->intake.pid && !ingest->gateway.pid && ingest->lines.fd < 0;
    return (is_done && !printer_is_busy(&ingest->printer)) || now_ns >= ingest->stop_at_ns;
}

static void turn(struct ingest *ingest)
{
    struct printer *printer = &ingest->printer;
    struct pollfd waited[] = {
        {.fd = ingest->signal_fd, .events = POLLIN},
        {.fd = ingest->gateway.channel.fd, .events = POLLIN},
        {.fd = ingest->intake.channel.fd, .events = POLLIN},
        {.fd = printer_is_full(printer) ? -1 : ingest->lines.fd, .events = POLLIN},
        {.fd = printer_is_busy(printer) ? STDOUT_FILENO : -1, .events = POLLOUT},
        {.fd = ingest->stop_at_ns ? -1 : collect_fd(&ingest->collect), .events = POLLIN},
    };
    if (poll(waited, sizeof waited / sizeof *waited, TICK_MS) > 0) {
        if (waited[4].revents)
            printer_write(printer);
        if (waited[3].revents)
            lines_hear(ingest);
        if (waited[2].revents)
            intake_hear(ingest);
        if (waited[1].revents)
            helper_hear(ingest, &ingest->gateway);
        if (waited[0].revents)
            signals_take(ingest);
    }
    uint64_t now_ns = clock_boot_ns();
    if (ingest->stop_at_ns)
        stop_go_on(ingest, now_ns);
    else
        helpers_watch(ingest, now_ns);
    if (!ingest->stop_at_ns)
        readers_watch(ingest, now_ns);
    if (!ingest->stop_at_ns && ingest->intake.pid)
        collect_turn(&ingest->collect, &ingest->intake.channel, now_ns);
}

/* ---- start and end ---- */

static void text_set(char *into, size_t size, span text)
{
    snprintf(into, size, "%.*s", (int)text.len, text.data ? (const char *)text.data : "");
}

static err_kind start_fill(struct ingest *ingest, struct err_ctx *err)
{
    const struct ingest_options *options = ingest->options;
    struct intake_start *start = &ingest->intake_start;
    *start = (struct intake_start){.store_bytes_max = options->store_bytes_max,
                                   .retention_ns = options->retention_ns,
                                   .silence_ns = options->silence_ns,
                                   .is_text = options->is_text,
                                   .shows_shadow = options->shows_shadow};
    if (gethostname(start->hostname, sizeof start->hostname - 1))
        return err_set(err, ERR_SYSTEM, "hostname");
    text_set(start->name, sizeof start->name, span_str(options->name));
    text_set(start->source, sizeof start->source, span_str(options->source));
    text_set(start->pipeline, sizeof start->pipeline,
             span_str(options->pipeline ? options->pipeline : options->name));
    text_set(start->product, sizeof start->product, options->logsource.product);
    text_set(start->category, sizeof start->category, options->logsource.category);
    text_set(start->service, sizeof start->service, options->logsource.service);
    ingest->gateway_start.body_bytes_max = options->body_bytes_max;
    ingest->gateway_start.request_ns = options->request_ns ? options->request_ns : REQUEST_NS;
    text_set(ingest->gateway_start.name, sizeof ingest->gateway_start.name,
             span_str(options->name));
    ingest->crash_fd = memfd_create("picket-crashes", MFD_CLOEXEC);
    if (ingest->crash_fd < 0 || ftruncate(ingest->crash_fd, sizeof(struct intake_crash)))
        return err_set(err, ERR_SYSTEM, "crash page");
    return OK;
}

static err_kind start(struct ingest *ingest, struct err_ctx *err)
{
    err_kind kind = start_fill(ingest, err);
    if (kind == OK)
        kind = collect_open(&ingest->collect, ingest->options->feed, err);
    if (kind == OK && !ingest->options->feed)
        kind = ingest_secrets_open(ingest, err);
    if (kind == OK && !ingest->options->feed)
        kind = ingest_sockets_open(ingest, err);
    if (kind == OK)
        kind = folder_store_open(ingest->options->state_dir, &ingest->store_fd, err);
    if (kind == OK)
        ingest_sinks_open(ingest);
    if (kind == OK)
        kind = role_signals_open(true, &ingest->signal_fd, err);
    if (kind == OK)
        kind = intake_start(ingest, err);
    if (kind == OK && !ingest->options->feed)
        kind = gateway_start(ingest, err);
    return kind;
}

static void helper_end(struct helper *helper)
{
    ipc_close(&helper->channel);
    if (!helper->pid)
        return;
    kill(helper->pid, SIGKILL);
    while (waitpid(helper->pid, NULL, 0) < 0 && errno == EINTR) {
    }
}

static void finish(struct ingest *ingest)
{
    helper_end(&ingest->gateway);
    helper_end(&ingest->intake);
    ipc_close(&ingest->lines);
    collect_close(&ingest->collect);
    int fds[] = {ingest->store_fd,   ingest->crash_fd,  ingest->signal_fd, ingest->image_fd,
                 ingest->secrets_fd, ingest->memory_fd, ingest->sinks_fd};
    for (size_t index = 0; index < sizeof fds / sizeof *fds; index++)
        if (fds[index] >= 0)
            close(fds[index]);
    for (uint32_t index = 0; index < ingest->gateway_start.listener_count; index++)
        close(ingest->listeners[index]);
    printer_close(&ingest->printer);
}

static void summary(const struct ingest *ingest)
{
    const struct intake_sums *now = &ingest->now, *before = &ingest->before;
    if (!ingest->has_summary) {
        fprintf(stderr, "picket: the engine ended without a summary; `picket status` has it\n");
        return;
    }
    fprintf(stderr, "picket: in=%llu out=%llu filtered=%llu dead=%llu signals=%llu dropped=%llu\n",
            (unsigned long long)(now->in - before->in),
            (unsigned long long)(now->out - before->out),
            (unsigned long long)(now->filtered - before->filtered),
            (unsigned long long)(now->dead - before->dead),
            (unsigned long long)(now->signals - before->signals),
            (unsigned long long)(now->dropped - before->dropped));
    if (!now->is_whole)
        fprintf(stderr, "picket: some records wait in the store; the next start goes on there\n");
}

int ingest_run(const struct ingest_options *options)
{
    struct err_ctx err;
    struct ingest ingest = {
        .options = options,
        .gateway = {.role = ROLE_GATEWAY, .channel = {.fd = -1}},
        .intake = {.role = ROLE_INTAKE, .channel = {.fd = -1}},
        .lines = {.fd = -1},
        .store_fd = -1,
        .crash_fd = -1,
        .sinks_fd = -1,
        .signal_fd = -1,
        .memory_fd = -1,
        .secrets_fd = -1,
        .image_fd = options->image_fd,
        .end_at_ns = options->period_ns ? clock_boot_ns() + options->period_ns : 0,
    };
    printer_open(&ingest.printer);
    log_open("ingest", LOG_INFO);
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    err_kind kind = start(&ingest, &err);
    if (kind != OK)
        fprintf(stderr, "picket: %s\n", err.text);
    while (kind == OK && !is_over(&ingest, clock_boot_ns()))
        turn(&ingest);
    if (kind == OK && ingest.is_ready)
        summary(&ingest);
    bool has_failed = kind != OK || ingest.has_failed || !ingest.has_summary;
    finish(&ingest);
    return has_failed ? 1 : 0;
}
