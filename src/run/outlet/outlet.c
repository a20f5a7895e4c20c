/* The parent of sinks: opens what their declarations name, starts a child for each, finds stores
 * for them, and starts anew what ended. It reads nothing but declarations. */
#include "outlet/outlet.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <sys/file.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "core/cleanup.h"
#include "core/clock.h"
#include "core/log.h"
#include "outlet/messages.h"
#include "outlet/stores.h"
#include "role/role.h"
#include "sandbox/sandbox.h"

#define SINKS_MAX        64
#define TICK_MS          500
#define STOP_NS          5000000000ull /* beside a sink's own timeouts */
#define RESTART_NS       2000000000ull
#define RESTARTS_DOUBLED 5

struct sink_child {
    struct sink_settings settings;
    char *text; /* its declaration */
    int folder, lock_fd;
    pid_t pid; /* 0: not running */
    struct ipc_channel channel;
    uint64_t sent[DELIVERY_STORES_MAX]; /* generations of stores */
    uint64_t restart_at_ns;
    unsigned restarts;
    bool is_ready;
};

struct outlet {
    const struct outlet_options *options;
    int state_fd, signal_fd;
    struct sink_child *children;
    size_t count;
    struct outlet_stores stores;
    bool has_said_ready;
    bool has_failed;
};

/* ---- what a sink is given ---- */

/* A file to be written is made; what is not a plain file is not opened. */
static err_kind output_open(const char *path, int *ret, struct err_ctx *err)
{
    struct stat status;
    AUTO(auto_close)
    int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0640);
    if (fd < 0 || fstat(fd, &status))
        return err_set(err, ERR_SYSTEM, "%s", path);
    if (!S_ISREG(status.st_mode))
        return err_set(err, ERR_INPUT, "%s: not a plain file", path);
    *ret = fd_steal(&fd);
    return OK;
}

static err_kind file_give(struct sink_child *child, const char *option, const char *path,
                          struct err_ctx *err)
{
    AUTO(auto_close) int fd = -1;
    err_kind kind = OK;
    if (strcmp(option, "path") == 0)
        kind = output_open(path, &fd, err);
    else if ((fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY)) < 0)
        kind = err_set(err, ERR_SYSTEM, "%s: %s", option, path);
    if (kind != OK)
        return kind;
    ipc_send(&child->channel, MESSAGE_SINK_FILE, span_str(option), &fd, 1, true);
    return OK;
}

/* All files anew, then the word to use them. */
static err_kind files_give(struct sink_child *child, struct err_ctx *err)
{
    const char *option;
    struct sink_file *file;
    err_kind kind = OK;
    for (size_t index = 0;
         kind == OK && sink_settings_file(&child->settings, index, &option, &file); index++)
        if (file->path)
            kind = file_give(child, option, file->path, err);
    if (kind == OK && strcmp(child->settings.kind->name, "stdout") == 0) {
        int fd = STDOUT_FILENO;
        ipc_send(&child->channel, MESSAGE_SINK_FILE, SPAN("path"), &fd, 1, true);
    }
    if (kind == OK)
        ipc_send(&child->channel, MESSAGE_SINK_GO, SPAN(""), NULL, 0, true);
    return kind == OK ? OK : err_wrap(err, "sink '%s'", child->settings.name);
}

static void stores_give(struct outlet *outlet, struct sink_child *child)
{
    for (size_t index = 0; index < outlet->stores.count; index++) {
        const struct stored *store = &outlet->stores.items[index];
        if (child->sent[index] == store->generation)
            continue;
        AUTO(auto_close) int fd = outlet_stores_open(&outlet->stores, store);
        if (fd >= 0 && ipc_send(&child->channel, MESSAGE_SINK_STORE, span_str(store->name), &fd, 1,
                                false) == IPC_DONE)
            child->sent[index] = store->generation;
    }
}

static err_kind child_start(struct outlet *outlet, struct sink_child *child, struct err_ctx *err)
{
    int fds[] = {child->folder, outlet->state_fd};
    memset(child->sent, 0, sizeof child->sent);
    child->is_ready = false;
    err_kind kind = role_spawn(ROLE_SINK, &child->pid, &child->channel, err);
    if (kind != OK)
        return kind;
    ipc_send(&child->channel, MESSAGE_SINK_START, span_str(child->text), fds, 2, true);
    return files_give(child, err);
}

/* ---- what a sink does ---- */

static void child_end(struct sink_child *child)
{
    if (!child->pid)
        return;
    kill(child->pid, SIGKILL);
    while (waitpid(child->pid, NULL, 0) < 0 && errno == EINTR) {
    }
    child->pid = 0;
    ipc_close(&child->channel);
}

static void ready_say(struct outlet *outlet)
{
    for (size_t index = 0; index < outlet->count; index++)
        if (!outlet->children[index].is_ready)
            return;
    if (!outlet->has_said_ready)
        fprintf(stderr, "picket: ready\n");
    outlet->has_said_ready = true;
}

static void child_hear(struct outlet *outlet, struct sink_child *child)
{
    struct ipc_message message;
    while (child->pid && ipc_receive(&child->channel, 0, &message) == IPC_DONE) {
        if (message.type == MESSAGE_SINK_READY) {
            child->is_ready = true;
            child->restarts = 0;
        }
        ipc_release(&message);
    }
    ready_say(outlet);
}

/* One that never got ready has a declaration that cannot work: that is for its author, now. One
 * that ends later is started again, later each time. */
static void child_reap(struct outlet *outlet, struct sink_child *child, bool is_stopping)
{
    int status;
    if (!child->pid || waitpid(child->pid, &status, WNOHANG) != child->pid)
        return;
    child_hear(outlet, child);
    child->pid = 0;
    ipc_close(&child->channel);
    bool is_good = WIFEXITED(status) && WEXITSTATUS(status) == 0;
    if (is_stopping) {
        outlet->has_failed |= !is_good;
        return;
    }
    if (!outlet->has_said_ready && WIFEXITED(status) &&
        WEXITSTATUS(status) == EXIT_SINK_IMPOSSIBLE) {
        outlet->has_failed = true;
        return;
    }
    uint64_t pause_ns =
        RESTART_NS << (child->restarts < RESTARTS_DOUBLED ? child->restarts : RESTARTS_DOUBLED);
    child->restarts++;
    child->restart_at_ns = clock_boot_ns() + pause_ns;
    log_event(LOG_ERROR, "sink_restarts", "sink=%s in_seconds=%llu", child->settings.name,
              (unsigned long long)(pause_ns / 1000000000u));
}

static void children_tend(struct outlet *outlet)
{
    struct err_ctx err;
    outlet_stores_scan(&outlet->stores);
    for (size_t index = 0; index < outlet->count; index++) {
        struct sink_child *child = &outlet->children[index];
        child_reap(outlet, child, false);
        if (!child->pid && child->restart_at_ns && child->restart_at_ns <= clock_boot_ns() &&
            child_start(outlet, child, &err) != OK) {
            log_event(LOG_ERROR, "sink_restart", "reason='%s'", err.text);
            child_end(child);
            child->restart_at_ns = clock_boot_ns() + RESTART_NS;
        }
        if (child->pid && child->is_ready)
            stores_give(outlet, child);
    }
}

static void files_renew(struct outlet *outlet)
{
    struct err_ctx err;
    for (size_t index = 0; index < outlet->count; index++) {
        struct sink_child *child = &outlet->children[index];
        if (child->pid && files_give(child, &err) != OK)
            log_event(LOG_ERROR, "files_renew", "reason='%s'", err.text);
    }
}

/* ---- the loop ---- */

static uint32_t wait_and_hear(struct outlet *outlet)
{
    struct pollfd waited[SINKS_MAX + 1];
    struct signalfd_siginfo info;
    for (size_t index = 0; index < outlet->count; index++)
        waited[index] = (struct pollfd){
            .fd = outlet->children[index].pid ? outlet->children[index].channel.fd : -1,
            .events = POLLIN};
    waited[outlet->count] = (struct pollfd){.fd = outlet->signal_fd, .events = POLLIN};
    if (poll(waited, outlet->count + 1, TICK_MS) <= 0)
        return 0;
    bool has_ended = false;
    for (size_t index = 0; index < outlet->count; index++) {
        if (waited[index].revents & POLLIN)
            child_hear(outlet, &outlet->children[index]);
        has_ended |= waited[index].revents & POLLHUP;
    }
    if (has_ended)
        poll(NULL, 0, 1); /* its end is near: not a busy wait */
    if (waited[outlet->count].revents && read(outlet->signal_fd, &info, sizeof info) == sizeof info)
        return info.ssi_signo;
    return 0;
}

static void children_stop(struct outlet *outlet)
{
    uint64_t longest_ns = 0;
    size_t running = 0;
    for (size_t index = 0; index < outlet->count; index++) {
        struct sink_child *child = &outlet->children[index];
        if (child->pid)
            ipc_send(&child->channel, MESSAGE_SINK_STOP, SPAN(""), NULL, 0, false);
        running += child->pid != 0;
        if (child->settings.timeout_ns > longest_ns)
            longest_ns = child->settings.timeout_ns;
    }
    uint64_t end_ns = clock_boot_ns() + 2 * longest_ns + STOP_NS;
    while (running && clock_boot_ns() < end_ns) {
        uint32_t signal_number = wait_and_hear(outlet);
        if (signal_number == SIGTERM || signal_number == SIGINT)
            break; /* asked a second time */
        running = 0;
        for (size_t index = 0; index < outlet->count; index++) {
            child_reap(outlet, &outlet->children[index], true);
            running += outlet->children[index].pid != 0;
        }
    }
    for (size_t index = 0; index < outlet->count; index++)
        child_end(&outlet->children[index]);
}

static void loop(struct outlet *outlet)
{
    uint64_t period_ns = outlet->options->period_ns;
    uint64_t end_ns = period_ns ? clock_boot_ns() + period_ns : UINT64_MAX;
    while (!outlet->has_failed && clock_boot_ns() < end_ns) {
        uint32_t signal_number = wait_and_hear(outlet);
        if (signal_number == SIGHUP)
            files_renew(outlet);
        else if (signal_number)
            return;
        children_tend(outlet);
    }
}

/* ---- start and end ---- */

/* The sink's own folder, which its child alone writes to; held by one parent at a time. */
static err_kind own_folder_open(struct outlet *outlet, struct sink_child *child,
                                struct err_ctx *err)
{
    uid_t uid;
    gid_t gid;
    const char *name = child->settings.name;
    if (mkdirat(outlet->state_fd, "sinks", 0755) && errno != EEXIST)
        return err_set(err, ERR_SYSTEM, "state folder: sinks");
    AUTO(auto_close)
    int all = openat(outlet->state_fd, "sinks", O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (all < 0 || (mkdirat(all, name, 0700) && errno != EEXIST))
        return err_set(err, ERR_SYSTEM, "state folder: sinks/%s", name);
    child->folder = openat(all, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (child->folder < 0)
        return err_set(err, ERR_SYSTEM, "state folder: sinks/%s", name);
    sandbox_account(&uid, &gid);
    if (geteuid() == 0 && fchown(child->folder, uid, gid))
        return err_set(err, ERR_SYSTEM, "state folder: sinks/%s", name);
    child->lock_fd = openat(child->folder, "lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (child->lock_fd < 0)
        return err_set(err, ERR_SYSTEM, "state folder: sinks/%s/lock", name);
    if (flock(child->lock_fd, LOCK_EX | LOCK_NB))
        return err_set(err, ERR_STATE, "sink '%s' runs already with this state folder", name);
    return OK;
}

static err_kind children_open(struct outlet *outlet, struct err_ctx *err)
{
    span text = outlet->options->declarations;
    json_t *all = json_loadb((const char *)text.data, text.len, 0, NULL);
    size_t count = json_array_size(all);
    err_kind kind = OK;
    if (count == 0 || count > SINKS_MAX)
        kind = err_set(err, ERR_LIMIT, "%zu sinks: expected 1 to %d", count, SINKS_MAX);
    if (kind == OK && !(outlet->children = calloc(count, sizeof *outlet->children)))
        kind = err_set(err, ERR_LIMIT, "out of memory");
    for (size_t index = 0; index < count && kind == OK; index++) {
        struct sink_child *child = &outlet->children[outlet->count++];
        child->folder = child->lock_fd = -1;
        child->text = json_dumps(json_array_get(all, index), JSON_COMPACT);
        kind = child->text ? sink_settings_open(&child->settings, span_str(child->text), err)
                           : err_set(err, ERR_LIMIT, "out of memory");
        if (kind == OK)
            kind = own_folder_open(outlet, child, err);
        if (kind == OK)
            kind = child_start(outlet, child, err);
    }
    json_decref(all);
    return kind;
}

static err_kind state_folder_open(struct outlet *outlet, struct err_ctx *err)
{
    err_kind kind = folder_open(outlet->options->state_dir, &outlet->state_fd, err);
    outlet->stores.state_fd = outlet->state_fd;
    return kind;
}

static void outlet_close(struct outlet *outlet)
{
    for (size_t index = 0; index < outlet->count; index++) {
        struct sink_child *child = &outlet->children[index];
        child_end(child);
        if (child->settings.json)
            sink_settings_close(&child->settings);
        free(child->text);
        if (child->folder >= 0)
            close(child->folder);
        if (child->lock_fd >= 0)
            close(child->lock_fd);
    }
    free(outlet->children);
    if (outlet->signal_fd >= 0)
        close(outlet->signal_fd);
    if (outlet->state_fd >= 0)
        close(outlet->state_fd);
}

int outlet_run(const struct outlet_options *options)
{
    struct err_ctx err;
    struct outlet *outlet = calloc(1, sizeof *outlet);
    if (!outlet)
        return 1;
    *outlet = (struct outlet){.options = options, .state_fd = -1, .signal_fd = -1};
    log_open("sinks", LOG_INFO);
    err_kind kind = role_signals_open(false, &outlet->signal_fd, &err);
    if (kind == OK)
        kind = state_folder_open(outlet, &err);
    if (kind == OK)
        kind = children_open(outlet, &err);
    if (kind == OK) {
        loop(outlet);
        children_stop(outlet);
    } else {
        fprintf(stderr, "picket: %s\n", err.text);
    }
    int code = kind == OK && !outlet->has_failed ? 0 : 1;
    outlet_close(outlet);
    free(outlet);
    return code;
}
