/* `picket pipeline run`: a process a pipeline, each with its own engine and store. This one starts
 * them, starts those again that die, and passes their lines on whole. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>

#include "core/cleanup.h"
#include "core/clock.h"
#include "core/log.h"
#include "fleet/pipelines.h"

#define TICK_MS        200
#define STOP_NS        20000000000ull /* longer than a pipeline takes to end */
#define AGAIN_NS       1000000000ull
#define RETRY_NS       1000000000ull
#define LINE_BYTES_MAX (2u << 20)
#define READ_BYTES     65536
#define READS_A_TURN   16

struct run_words {
    const char *state;
    const char *output;
    uint64_t period_ns;
};

static const struct option_desc rows[] = {
    {"state", OPTION_TEXT, offsetof(struct run_words, state), STATE_DIR_DEFAULT, "DIR",
     "each pipeline's store is DIR/pipelines/NAME"},
    {"output", OPTION_CHOICE, offsetof(struct run_words, output), "text", "text|json",
     "one line a signal on stdout"},
    {"for", OPTION_DURATION, offsetof(struct run_words, period_ns), NULL, NULL,
     "end after this time"},
};

static const struct option_table table = {
    .command = "pipeline run",
    .usage = "[options] FILE|FOLDER...",
    .summary =
        "Runs declared pipelines, each with an engine and a store of its own. Signals are printed\n"
        "as they are committed. Says ready on stderr once all have started; SIGHUP loads the\n"
        "rules anew; SIGTERM lets every engine finish what there is, and ends.",
    .examples =
        "  picket pipeline run /etc/picket/pipelines --state /var/lib/picket --output json\n"
        "  zcat old.gz | picket pipeline run stdin.yaml --state ./state\n",
    .rows = rows,
    .row_count = sizeof rows / sizeof *rows,
};

/* What a child writes, until a line of it is whole. */
struct relay {
    int fd; /* -1: ended */
    int to;
    struct writer part;
};

struct child {
    const struct declare_pipeline *pipeline;
    pid_t pid;   /* 0: not running */
    int lock_fd; /* held while it is run by somebody */
    struct relay out, err;
    uint64_t retry_at_ns;
    unsigned restarts;
    bool is_ready, is_done;
    int code;
};

struct fleet {
    struct pipeline_place place;
    struct child *children;
    size_t count;
    int signal_fd;
    uint64_t stop_at_ns; /* 0: running */
    bool is_ready, has_failed;
};

/* ---- lines ---- */

static void whole_write(int fd, span bytes)
{
    while (bytes.len) {
        ssize_t count = write(fd, bytes.data, bytes.len);
        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0 && errno == EAGAIN) {
            struct pollfd waited = {.fd = fd, .events = POLLOUT};
            (void)poll(&waited, 1, TICK_MS);
            continue;
        }
        if (count < 0)
            return;
        bytes = span_after(bytes, (size_t)count);
    }
}

/* `picket: text` becomes `picket: NAME: text`. */
static void diagnostic_write(struct fleet *fleet, struct child *child, span line)
{
    AUTO(writer_free) struct writer out;
    bool is_own = span_starts(line, SPAN("picket: "));
    span text = is_own ? span_after(line, strlen("picket: ")) : line;
    if (is_own && span_starts(text, SPAN("ready")))
        child->is_ready = true;
    writer_init(&out, LINE_BYTES_MAX);
    writer_text(&out, is_own ? "picket: " : "");
    writer_text(&out, fleet->count > 1 || is_own ? child->pipeline->name : "");
    writer_text(&out, fleet->count > 1 || is_own ? ": " : "");
    writer_put(&out, text);
    writer_byte(&out, '\n');
    whole_write(STDERR_FILENO, writer_span(&out));
}

static void lines_pass(struct fleet *fleet, struct child *child, struct relay *relay)
{
    span rest = writer_span(&relay->part), line;
    const uint8_t *last = rest.len ? memrchr(rest.data, '\n', rest.len) : NULL;
    size_t whole = last ? (size_t)(last - rest.data) + 1 : 0;
    if (relay->to == STDOUT_FILENO)
        whole_write(STDOUT_FILENO, span_first(rest, whole));
    else
        while (span_until(&rest, '\n', &line))
            diagnostic_write(fleet, child, line);
    memmove(relay->part.data, relay->part.data + whole, relay->part.len - whole);
    relay->part.len -= whole;
}

static void relay_end(struct fleet *fleet, struct child *child, struct relay *relay)
{
    if (relay->fd < 0)
        return;
    if (relay->part.len) {
        writer_byte(&relay->part, '\n');
        lines_pass(fleet, child, relay);
    }
    writer_reset(&relay->part);
    close(fd_steal(&relay->fd));
}

static void relay_read(struct fleet *fleet, struct child *child, struct relay *relay)
{
    uint8_t bytes[READ_BYTES];
    for (unsigned turn = 0; turn < READS_A_TURN && relay->fd >= 0; turn++) {
        ssize_t count = read(relay->fd, bytes, sizeof bytes);
        if (count < 0 && (errno == EAGAIN || errno == EINTR))
            return;
        if (count <= 0) {
            relay_end(fleet, child, relay);
            return;
        }
        writer_put(&relay->part, span_of(bytes, (size_t)count));
        lines_pass(fleet, child, relay);
        if (relay->part.is_full) /* no line is so long */
            writer_reset(&relay->part);
    }
}

/* ---- children ---- */

static bool relay_open(struct relay *relay, int to, int *ret_theirs)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC))
        return false;
    (void)fcntl(ends[0], F_SETFL, O_NONBLOCK);
    relay->fd = ends[0];
    relay->to = to;
    *ret_theirs = ends[1];
    return true;
}

static void child_become(struct fleet *fleet, struct child *child, int out, int err)
{
    sigset_t none;
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    /* a terminal's ^C is for the parent, which says stop; who reads a terminal stays with it */
    if (child->pipeline->type != DECLARE_STDIN || !isatty(STDIN_FILENO))
        (void)setpgid(0, 0);
    if (dup2(out, STDOUT_FILENO) < 0 || dup2(err, STDERR_FILENO) < 0)
        _exit(EXIT_WRONG);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    for (size_t index = 0; index < fleet->count; index++) {
        struct child *other = &fleet->children[index];
        int fds[] = {other->out.fd, other->err.fd, other->lock_fd};
        for (size_t at = 0; at < 3; at++)
            if (fds[at] >= 0)
                close(fds[at]);
    }
    close(fleet->signal_fd);
    int code = fleet_serve(child->pipeline, &fleet->place);
    fflush(stdout);
    _exit(code);
}

static void child_start(struct fleet *fleet, struct child *child)
{
    AUTO(auto_close) int out = -1;
    AUTO(auto_close) int err = -1;
    if (!relay_open(&child->out, STDOUT_FILENO, &out) ||
        !relay_open(&child->err, STDERR_FILENO, &err)) {
        log_event(LOG_ERROR, "pipeline_start", "name=%s reason='%s'", child->pipeline->name,
                  strerror(errno));
        child->retry_at_ns = clock_boot_ns() + RETRY_NS;
        return;
    }
    fflush(stdout);
    fflush(stderr);
    pid_t pid = fork();
    if (pid == 0)
        child_become(fleet, child, out, err);
    child->pid = pid < 0 ? 0 : pid;
    child->retry_at_ns = clock_boot_ns() + RETRY_NS;
}

static void stop(struct fleet *fleet)
{
    uint64_t now_ns = clock_boot_ns();
    if (fleet->stop_at_ns) { /* asked a second time, and not by one who says it to all of a group */
        if (now_ns + STOP_NS > fleet->stop_at_ns + AGAIN_NS)
            fleet->stop_at_ns = now_ns;
        return;
    }
    fleet->stop_at_ns = now_ns + STOP_NS;
    for (size_t index = 0; index < fleet->count; index++)
        if (fleet->children[index].pid)
            kill(fleet->children[index].pid, SIGTERM);
}

/* What cannot start, or ends by itself, is not started again; what was killed is. */
static void child_ended(struct fleet *fleet, struct child *child, int status)
{
    child->pid = 0;
    relay_read(fleet, child, &child->out);
    relay_read(fleet, child, &child->err);
    relay_end(fleet, child, &child->out);
    relay_end(fleet, child, &child->err);
    child->code = WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_WRONG;
    bool is_over = fleet->stop_at_ns || (WIFEXITED(status) && child->code == EXIT_DONE);
    bool cannot_start = WIFEXITED(status) && !child->is_ready;
    if (is_over || cannot_start) {
        child->is_done = true;
        fleet->has_failed |= child->code != EXIT_DONE;
        if (cannot_start && !is_over)
            stop(fleet);
        return;
    }
    log_event(LOG_WARN, "pipeline_ended", "name=%s %s=%d restarts=%u", child->pipeline->name,
              WIFSIGNALED(status) ? "signal" : "exit",
              WIFSIGNALED(status) ? WTERMSIG(status) : child->code, ++child->restarts);
}

static void children_reap(struct fleet *fleet)
{
    for (size_t index = 0; index < fleet->count; index++) {
        int status;
        struct child *child = &fleet->children[index];
        if (child->pid && waitpid(child->pid, &status, WNOHANG) == child->pid)
            child_ended(fleet, child, status);
    }
}

static void children_watch(struct fleet *fleet)
{
    size_t ready = 0;
    uint64_t now_ns = clock_boot_ns();
    for (size_t index = 0; index < fleet->count; index++) {
        struct child *child = &fleet->children[index];
        ready += child->is_ready;
        if (!child->pid && !child->is_done && !fleet->stop_at_ns && now_ns >= child->retry_at_ns)
            child_start(fleet, child);
    }
    if (fleet->is_ready || ready < fleet->count)
        return;
    fleet->is_ready = true;
    fprintf(stderr, "picket: ready\n");
}

/* ---- the loop ---- */

static void signals_take(struct fleet *fleet)
{
    struct signalfd_siginfo info;
    while (read(fleet->signal_fd, &info, sizeof info) == (ssize_t)sizeof info) {
        if (info.ssi_signo == SIGCHLD)
            children_reap(fleet);
        else if (info.ssi_signo != SIGHUP)
            stop(fleet);
        else
            for (size_t index = 0; index < fleet->count; index++)
                if (fleet->children[index].pid)
                    kill(fleet->children[index].pid, SIGHUP);
    }
}

static bool is_over(struct fleet *fleet)
{
    bool is_late = fleet->stop_at_ns && clock_boot_ns() >= fleet->stop_at_ns;
    for (size_t index = 0; index < fleet->count; index++) {
        struct child *child = &fleet->children[index];
        if (child->pid && is_late)
            kill(child->pid, SIGKILL);
        if (child->pid || (!child->is_done && !fleet->stop_at_ns))
            return false;
    }
    return true;
}

static void turn(struct fleet *fleet)
{
    struct pollfd waited[2 * PIPELINES_MAX + 1];
    for (size_t index = 0; index < fleet->count; index++) {
        waited[2 * index] = (struct pollfd){.fd = fleet->children[index].out.fd, .events = POLLIN};
        waited[2 * index + 1] =
            (struct pollfd){.fd = fleet->children[index].err.fd, .events = POLLIN};
    }
    waited[2 * fleet->count] = (struct pollfd){.fd = fleet->signal_fd, .events = POLLIN};
    if (poll(waited, 2 * fleet->count + 1, TICK_MS) > 0) {
        for (size_t index = 0; index < fleet->count; index++) {
            struct child *child = &fleet->children[index];
            if (waited[2 * index].revents)
                relay_read(fleet, child, &child->out);
            if (waited[2 * index + 1].revents)
                relay_read(fleet, child, &child->err);
        }
        if (waited[2 * fleet->count].revents)
            signals_take(fleet);
    }
    children_watch(fleet);
}

/* ---- start and end ---- */

/* A pipeline is run by one at a time; the lock tells others that it runs. */
static err_kind lock_take(int folder, struct child *child, struct err_ctx *err)
{
    char name[DECLARE_NAME_MAX + 8];
    snprintf(name, sizeof name, "%s.lock", child->pipeline->name);
    child->lock_fd = openat(folder, name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (child->lock_fd < 0)
        return err_set(err, ERR_SYSTEM, "pipeline '%s': lock", child->pipeline->name);
    if (flock(child->lock_fd, LOCK_EX | LOCK_NB))
        return err_set(err, ERR_STATE, "pipeline '%s' runs already with this state folder",
                       child->pipeline->name);
    const struct declare_pipeline *pipeline = child->pipeline;
    if (ftruncate(child->lock_fd, 0) ||
        dprintf(child->lock_fd, "%d\n%s\n%s\n%s\n", getpid(), declare_type_name(pipeline->type),
                pipeline->owner, pipeline->file) < 0)
        return err_set(err, ERR_SYSTEM, "pipeline '%s': lock", child->pipeline->name);
    return OK;
}

static err_kind fleet_open(struct fleet *fleet, const struct pipelines *pipelines,
                           struct err_ctx *err)
{
    char path[PATH_MAX];
    AUTO(auto_close) int folder = -1;
    unsigned stdins = 0;
    fleet->children = calloc(pipelines->count, sizeof *fleet->children);
    if (!fleet->children)
        return err_set(err, ERR_SYSTEM, "pipelines");
    int len = snprintf(path, sizeof path, "%s/%s", fleet->place.state, PIPELINES_FOLDER);
    err_kind kind = len < PATH_MAX ? folder_open(path, &folder, err)
                                   : err_set(err, ERR_LIMIT, "--state: the path is too long");
    for (; fleet->count < pipelines->count && kind == OK; fleet->count++) {
        struct child *child = &fleet->children[fleet->count];
        *child = (struct child){.pipeline = &pipelines->items[fleet->count],
                                .lock_fd = -1,
                                .out = {.fd = -1},
                                .err = {.fd = -1}};
        writer_init(&child->out.part, LINE_BYTES_MAX);
        writer_init(&child->err.part, LINE_BYTES_MAX);
        stdins += child->pipeline->type == DECLARE_STDIN;
        kind = lock_take(folder, child, err);
    }
    if (kind == OK && stdins > 1)
        kind = err_set(err, ERR_INPUT, "only one pipeline can read stdin");
    return kind == OK ? role_signals_open(true, &fleet->signal_fd, err) : kind;
}

static void fleet_close(struct fleet *fleet)
{
    for (size_t index = 0; index < fleet->count; index++) {
        struct child *child = &fleet->children[index];
        writer_free(&child->out.part);
        writer_free(&child->err.part);
        if (child->lock_fd >= 0)
            close(child->lock_fd);
    }
    free(fleet->children);
    if (fleet->signal_fd >= 0)
        close(fleet->signal_fd);
}

int fleet_run(int argc, const char *const *argv)
{
    struct run_words words = {0};
    struct option_list operands = {0};
    struct pipelines pipelines;
    struct err_ctx err;
    int code;
    if (!cli_options(&table, argc, argv, &words, &operands, &code))
        return code;
    code = fleet_load(&operands, &pipelines);
    if (code != EXIT_DONE)
        return code;
    log_open("pipelines", LOG_INFO);
    struct fleet fleet = {.place = {.state = words.state,
                                    .is_text = strcmp(words.output, "text") == 0,
                                    .period_ns = words.period_ns},
                          .signal_fd = -1};
    err_kind kind = fleet_open(&fleet, &pipelines, &err);
    if (kind == OK)
        for (children_watch(&fleet); !is_over(&fleet);)
            turn(&fleet);
    code = kind != OK ? cli_fail(&err) : fleet.has_failed ? EXIT_WRONG : EXIT_DONE;
    fleet_close(&fleet);
    fleet_unload(&pipelines);
    return code;
}
