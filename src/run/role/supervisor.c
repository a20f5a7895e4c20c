/* The one process with root for good. It opens what only it can open, starts the roles, prints
 * their lines, watches, restarts and ends them. */
#include "role/supervisor.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include <sys/file.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "core/cleanup.h"
#include "core/clock.h"
#include "core/log.h"
#include "sandbox/sandbox.h"

#define TICK_MS       200
#define STOP_GRACE_NS 10000000000ull /* longer than the engine takes: engine.c */

/* ---- the state folder ---- */

/* DIR is root's; DIR/store belongs to the engine, the one writer. */
static err_kind state_open(struct supervisor *supervisor, struct err_ctx *err)
{
    const char *path = supervisor->options->state_dir;
    uid_t uid;
    gid_t gid;
    err_kind kind = folder_open(path, &supervisor->state_fd, err);
    if (kind != OK)
        return kind;
    supervisor->lock_fd =
        openat(supervisor->state_fd, "lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (supervisor->lock_fd < 0)
        return err_set(err, ERR_SYSTEM, "state folder '%s': lock", path);
    if (flock(supervisor->lock_fd, LOCK_EX | LOCK_NB))
        return err_set(err, ERR_STATE, "another picket runs with state folder '%s'", path);
    if (mkdirat(supervisor->state_fd, "store", 0700) && errno != EEXIST)
        return err_set(err, ERR_SYSTEM, "state folder '%s': store", path);
    supervisor->store_fd =
        openat(supervisor->state_fd, "store", O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    sandbox_account(&uid, &gid);
    if (supervisor->store_fd < 0 || fchown(supervisor->store_fd, uid, gid))
        return err_set(err, ERR_SYSTEM, "state folder '%s': store", path);
    return OK;
}

static err_kind crash_page_open(struct supervisor *supervisor, struct err_ctx *err)
{
    supervisor->crash_fd = memfd_create("picket-crashes", MFD_CLOEXEC);
    if (supervisor->crash_fd < 0 || ftruncate(supervisor->crash_fd, sizeof(struct crash_page)))
        return err_set(err, ERR_SYSTEM, "crash page");
    return OK;
}

/* ---- the loop ---- */

/* Asked a second time, it does not wait for what is still to be printed. */
static void stop(struct supervisor *supervisor)
{
    if (supervisor->stop_at_ns) {
        supervisor->stop_at_ns = clock_boot_ns();
        return;
    }
    supervisor->stop_at_ns = clock_boot_ns() + STOP_GRACE_NS;
    supervisor->engine.retry_at_ns = supervisor->sensor.retry_at_ns = 0;
    if (supervisor->engine.pid)
        ipc_send(&supervisor->engine.channel, MESSAGE_STOP, SPAN(""), NULL, 0, false);
}

static void children_reap(struct supervisor *supervisor)
{
    struct child *children[] = {&supervisor->engine, &supervisor->sensor};
    for (size_t index = 0; index < 2; index++) {
        int status;
        struct child *child = children[index];
        if (!child->pid || waitpid(child->pid, &status, WNOHANG) != child->pid)
            continue;
        child->ended_pid = child->pid;
        child->pid = 0; /* another process may have it from now on */
        /* what it said last is still in the channel */
        while (child->channel.fd >= 0) {
            struct pollfd last = {.fd = child->channel.fd, .events = POLLIN};
            if (poll(&last, 1, 0) <= 0)
                break;
            child_receive(supervisor, child);
        }
        if (child == &supervisor->engine)
            child_lines_receive(supervisor);
        child_ended(supervisor, child, status);
    }
}

static void signals_take(struct supervisor *supervisor)
{
    struct signalfd_siginfo info;
    while (read(supervisor->signal_fd, &info, sizeof info) == (ssize_t)sizeof info) {
        if (info.ssi_signo == SIGCHLD)
            children_reap(supervisor);
        else if (info.ssi_signo == SIGHUP)
            supervisor->reload.is_asked = !supervisor->options->is_recording;
        else
            stop(supervisor);
    }
}

static bool is_over(struct supervisor *supervisor, uint64_t now_ns)
{
    if (supervisor->end_at_ns && now_ns >= supervisor->end_at_ns && !supervisor->stop_at_ns)
        stop(supervisor);
    if (supervisor->printer.is_closed && !supervisor->stop_at_ns) {
        supervisor->has_failed = true;
        stop(supervisor);
    }
    if (!supervisor->stop_at_ns)
        return false;
    /* it closes its files after the summary; its last lines may wait in their channel even then */
    bool is_engine_done = !supervisor->engine.pid && supervisor->lines.fd < 0;
    return (is_engine_done && !printer_is_busy(&supervisor->printer)) ||
           now_ns >= supervisor->stop_at_ns;
}

static int wait_ms(const struct supervisor *supervisor, uint64_t now_ns)
{
    uint64_t end_ns = supervisor->end_at_ns;
    if (!end_ns || end_ns > now_ns + TICK_MS * 1000000ull)
        return TICK_MS;
    return end_ns > now_ns ? (int)((end_ns - now_ns) / 1000000u) + 1 : 0;
}

static void turn(struct supervisor *supervisor)
{
    struct printer *printer = &supervisor->printer;
    struct reload *reload = &supervisor->reload;
    struct pollfd waited[] = {
        {.fd = supervisor->signal_fd, .events = POLLIN},
        {.fd = supervisor->sensor.pid ? supervisor->sensor.channel.fd : -1, .events = POLLIN},
        {.fd = supervisor->engine.pid ? supervisor->engine.channel.fd : -1, .events = POLLIN},
        {.fd = printer_is_full(printer) ? -1 : supervisor->lines.fd, .events = POLLIN},
        {.fd = printer_is_busy(printer) ? STDOUT_FILENO : -1, .events = POLLOUT},
        {.fd = reload->compiling.pid ? reload->compiling.channel.fd : -1, .events = POLLIN},
        {.fd = reload->watch.fd, .events = POLLIN},
    };
    uint64_t now_ns = clock_boot_ns();
    if (poll(waited, sizeof waited / sizeof *waited, wait_ms(supervisor, now_ns)) > 0) {
        if (waited[6].revents)
            rules_changed(supervisor, now_ns);
        if (waited[5].revents)
            rules_compiled(supervisor);
        if (waited[4].revents)
            printer_write(printer);
        if (waited[3].revents)
            child_lines_receive(supervisor);
        if (waited[2].revents)
            child_receive(supervisor, &supervisor->engine);
        if (waited[1].revents)
            child_receive(supervisor, &supervisor->sensor);
        if (waited[0].revents)
            signals_take(supervisor);
    }
    if (supervisor->stop_at_ns)
        return;
    rules_watch(supervisor, clock_boot_ns());
    children_watch(supervisor, clock_boot_ns());
}

static err_kind start(struct supervisor *supervisor, struct err_ctx *err)
{
    if (geteuid() != 0)
        return err_set(err, ERR_DENIED,
                       "watching this host needs root (to load kernel programs); replay, check and "
                       "test do not");
    /* first: a stop that comes while all starts ends it as any other does */
    err_kind kind = role_signals_open(true, &supervisor->signal_fd, err);
    if (kind == OK)
        kind = state_open(supervisor, err);
    /* now that no other recorder can be writing to it */
    if (kind == OK && supervisor->options->is_recording &&
        ftruncate(supervisor->options->record_fd, 0) && errno != EINVAL)
        kind = err_set(err, ERR_SYSTEM, "the recording's file");
    if (kind == OK && !supervisor->options->is_recording)
        kind = rules_first(supervisor, err);
    if (kind == OK)
        kind = crash_page_open(supervisor, err);
    if (kind == OK)
        kind = child_start(supervisor, &supervisor->sensor, err);
    if (kind == OK)
        kind = child_start(supervisor, &supervisor->engine, err);
    return kind;
}

static void child_end(struct child *child)
{
    ipc_close(&child->channel);
    if (!child->pid)
        return;
    kill(child->pid, SIGKILL);
    while (waitpid(child->pid, NULL, 0) < 0 && errno == EINTR) {
    }
}

static void finish(struct supervisor *supervisor)
{
    child_end(&supervisor->engine);
    child_end(&supervisor->sensor);
    ipc_close(&supervisor->lines);
    rules_close(supervisor);
    for (size_t index = 0; index < supervisor->kept_count; index++)
        close(supervisor->kept[index].fd);
    int fds[] = {supervisor->state_fd,      supervisor->store_fd,     supervisor->lock_fd,
                 supervisor->crash_fd,      supervisor->signal_fd,    supervisor->image_fd,
                 supervisor->image_next_fd, supervisor->image_last_fd};
    for (size_t index = 0; index < sizeof fds / sizeof *fds; index++)
        if (fds[index] >= 0)
            close(fds[index]);
    printer_close(&supervisor->printer);
}

/* An engine that was ended before it could say them leaves events and drops unknown. */
static void summary_print(const struct supervisor *supervisor)
{
    const struct run_summary *summary = &supervisor->summary;
    uint64_t printed = supervisor->printer.written;
    uint64_t signals = supervisor->printer.line_next - supervisor->start.line_next;
    if (supervisor->has_summary || !supervisor->is_ready) {
        signals = summary->line_end - supervisor->start.line_next;
        fprintf(stderr, "picket: %llu events, %llu signals, %llu drops\n",
                (unsigned long long)(summary->events - supervisor->start.events),
                (unsigned long long)signals, (unsigned long long)summary->drops);
    } else {
        log_event(LOG_ERROR, "engine_unresponsive", "%s", "summary=missing");
        fprintf(stderr, "picket: unknown events, %llu signals, unknown drops\n",
                (unsigned long long)signals);
    }
    if (signals > printed)
        fprintf(stderr, "picket: %llu of these signals were not printed; `picket query` has them\n",
                (unsigned long long)(signals - printed));
    if (summary->unstored)
        fprintf(stderr, "picket: %llu more signals are lost: the store took no more\n",
                (unsigned long long)summary->unstored);
}

int supervisor_run(const struct supervisor_options *options)
{
    struct err_ctx err;
    AUTO(auto_free) struct supervisor *supervisor = calloc(1, sizeof *supervisor);
    if (!supervisor)
        return 1;
    *supervisor = (struct supervisor){.options = options,
                                      .sensor = {.role = ROLE_SENSOR, .channel = {.fd = -1}},
                                      .engine = {.role = ROLE_ENGINE, .channel = {.fd = -1}},
                                      .state_fd = -1,
                                      .store_fd = -1,
                                      .lock_fd = -1,
                                      .crash_fd = -1,
                                      .signal_fd = -1,
                                      .image_fd = -1,
                                      .image_next_fd = -1,
                                      .lines = {.fd = -1},
                                      .reload = {.watch = {.fd = -1}},
                                      .image_last_fd = -1};
    printer_open(&supervisor->printer);
    log_open("supervisor", LOG_INFO);
    if (start(supervisor, &err) != OK) {
        fprintf(stderr, "picket: %s\n", err.text);
        finish(supervisor);
        return 1;
    }
    while (!is_over(supervisor, clock_boot_ns()))
        turn(supervisor);
    summary_print(supervisor);
    bool has_failed = supervisor->has_failed || supervisor->summary.unstored;
    finish(supervisor);
    return has_failed ? 1 : 0;
}
