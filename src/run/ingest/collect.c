#include "ingest/collect.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/wait.h>

#include "core/cleanup.h"
#include "core/clock.h"
#include "core/log.h"

#define LOOK_NS       250000000ull
#define SPOOL_MAX     ((uint64_t)64 << 20) /* unread: then the writer waits */
#define PUNCH_BYTES   ((uint64_t)4 << 20)
#define PIPE_BYTES    ((size_t)256 << 10)
#define PIPE_READS    16
#define QUEUE_BYTES   (64 << 10) /* of those that a socket holds */
#define JOURNAL_NS    2000000000ull
#define JOURNAL_WORDS 8

/* ---- open and close ---- */

/* A name of its own for each run: what a former one has read tells nothing about this. */
static err_kind spool_open(struct collect *collect, struct err_ctx *err)
{
    uint64_t random;
    char path[32];
    if (getrandom(&random, sizeof random, 0) != sizeof random)
        return err_set(err, ERR_SYSTEM, "random numbers");
    snprintf(collect->spool_name, sizeof collect->spool_name, "%s/%016llx",
             collect->options->kind == FEED_JOURNAL ? "journal" : "stdin",
             (unsigned long long)random);
    collect->spool_fd = memfd_create("picket-spool", MFD_CLOEXEC);
    if (collect->spool_fd < 0)
        return err_set(err, ERR_SYSTEM, "memory for the input");
    snprintf(path, sizeof path, "/proc/self/fd/%d", collect->spool_fd);
    collect->spool_read_fd = open(path, O_RDONLY | O_CLOEXEC);
    return collect->spool_read_fd < 0 ? err_set(err, ERR_SYSTEM, "memory for the input") : OK;
}

static err_kind stdin_open(struct collect *collect, struct err_ctx *err)
{
    collect->pipe_fd = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3);
    return collect->pipe_fd < 0 ? err_set(err, ERR_SYSTEM, "stdin") : OK;
}

err_kind collect_open(struct collect *collect, const struct ingest_feed *options,
                      struct err_ctx *err)
{
    *collect =
        (struct collect){.options = options, .pipe_fd = -1, .spool_fd = -1, .spool_read_fd = -1};
    if (!options)
        return OK;
    if (options->kind == FEED_FILES) {
        const struct finder_options finder = {.patterns = options->patterns,
                                              .pattern_count = options->pattern_count,
                                              .place = &finder_host};
        return finder_open(&finder, &collect->finder, err);
    }
    err_kind kind = spool_open(collect, err);
    if (kind == OK && options->kind == FEED_STDIN)
        kind = stdin_open(collect, err);
    return kind;
}

void collect_close(struct collect *collect)
{
    int fds[] = {collect->pipe_fd, collect->spool_fd, collect->spool_read_fd};
    if (!collect->options)
        return;
    if (collect->journal_pid) {
        kill(collect->journal_pid, SIGKILL);
        while (waitpid(collect->journal_pid, NULL, 0) < 0 && errno == EINTR) {
        }
    }
    for (size_t index = 0; index < sizeof fds / sizeof *fds; index++)
        if (fds[index] >= 0)
            close(fds[index]);
    finder_close(collect->finder);
    free(collect->cursor);
}

void collect_start(const struct collect *collect, struct feed_start *ret, int *ret_growth_fd)
{
    const struct ingest_feed *options = collect->options;
    *ret_growth_fd = collect->finder ? finder_growth_fd(collect->finder) : -1;
    *ret = (struct feed_start){0};
    if (options)
        *ret = (struct feed_start){.kind = options->kind,
                                   .line_bytes_max = options->line_bytes_max,
                                   .files_max = options->files_max,
                                   .is_document = options->is_document,
                                   .has_growth = *ret_growth_fd >= 0};
}

void collect_intake_gone(struct collect *collect)
{
    collect->is_offering = collect->is_owing = collect->owes_end = false;
}

/* ---- files ---- */

struct telling {
    struct ipc_channel *intake;
    bool is_full;
};

/* The intake, too, has much to say, and waits until it is heard: this half never waits for it with
 * files, and leaves room for the few other things that are to be said. */
static bool has_room(const struct ipc_channel *intake)
{
    int waiting;
    return ioctl(intake->fd, SIOCOUTQ, &waiting) == 0 && waiting < QUEUE_BYTES;
}

static bool file_tell(void *context, const struct finder_found *found)
{
    struct telling *telling = context;
    uint8_t body[sizeof(uint32_t) + FOLLOW_PATH_BYTES_MAX];
    uint32_t is_there = found->is_there;
    size_t len = strlen(found->path);
    if (len > FOLLOW_PATH_BYTES_MAX)
        return true;
    if (telling->is_full || !has_room(telling->intake)) {
        telling->is_full = true;
        return false;
    }
    memcpy(body, &is_there, sizeof is_there);
    memcpy(body + sizeof is_there, found->path, len);
    return ipc_send(telling->intake, MESSAGE_FILE, span_of(body, sizeof is_there + len), &found->fd,
                    found->fd >= 0, true) == IPC_DONE;
}

static void files_look(struct collect *collect, struct ipc_channel *intake)
{
    struct err_ctx err;
    struct telling telling = {.intake = intake};
    if (finder_look(collect->finder, file_tell, &telling, &err) != OK)
        log_event(LOG_ERROR, "files_look", "reason='%s'", err.text);
    collect->is_owing = telling.is_full;
    struct finder_counts counts = finder_counts(collect->finder);
    if (counts.unopened || counts.over_room)
        log_event(LOG_WARN, "files_left_out", "unopened=%llu over_room=%llu",
                  (unsigned long long)counts.unopened, (unsigned long long)counts.over_room);
}

/* What there was no room to tell. */
static void rest_tell(struct collect *collect, struct ipc_channel *intake)
{
    struct err_ctx err;
    struct telling telling = {.intake = intake};
    if (collect->is_owing && has_room(intake)) {
        if (finder_tell_rest(collect->finder, file_tell, &telling, &err) != OK)
            log_event(LOG_ERROR, "files_look", "reason='%s'", err.text);
        collect->is_owing = telling.is_full;
    }
    if (collect->is_owing || !collect->owes_end)
        return;
    collect->owes_end = false;
    ipc_send(intake, MESSAGE_OFFERED, SPAN(""), NULL, 0, true);
}

/* ---- pipes ---- */

static void spool_offer(const struct collect *collect, struct ipc_channel *intake)
{
    const struct finder_found found = {collect->spool_name, collect->spool_read_fd, true};
    struct telling telling = {.intake = intake};
    (void)file_tell(&telling, &found);
}

static bool spool_write(struct collect *collect, const uint8_t *bytes, size_t len)
{
    while (len) {
        ssize_t count = pwrite(collect->spool_fd, bytes, len, (off_t)collect->written);
        if (count < 0 && errno == EINTR)
            continue;
        if (count <= 0)
            return false;
        collect->written += (size_t)count;
        collect->last = bytes[count - 1];
        bytes += count;
        len -= (size_t)count;
    }
    return true;
}

/* Its last line is whole now. */
static void pipe_end(struct collect *collect)
{
    if (collect->written && collect->last != '\n')
        (void)spool_write(collect, (const uint8_t *)"\n", 1);
    close(fd_steal(&collect->pipe_fd));
    collect->is_ended = collect->options->kind == FEED_STDIN;
}

static void pipe_read(struct collect *collect)
{
    uint8_t bytes[PIPE_BYTES];
    for (unsigned turn = 0; turn < PIPE_READS; turn++) {
        struct pollfd waited = {.fd = collect_fd(collect), .events = POLLIN};
        if (waited.fd < 0 || poll(&waited, 1, 0) <= 0)
            return;
        ssize_t count = read(collect->pipe_fd, bytes, sizeof bytes);
        if (count < 0 && (errno == EINTR || errno == EAGAIN))
            return;
        if (count < 0)
            log_event(LOG_ERROR, "input", "reason='%s'", strerror(errno));
        if (count <= 0) {
            pipe_end(collect);
            return;
        }
        if (!spool_write(collect, bytes, (size_t)count))
            log_event(LOG_ERROR, "input", "reason='no memory for the input'");
    }
}

/* What is committed is given back. */
static void spool_trim(struct collect *collect)
{
    uint64_t to = collect->reached & ~(PUNCH_BYTES - 1);
    if (to <= collect->punched + PUNCH_BYTES) /* a stretch stays, by which the file is known */
        return;
    to -= PUNCH_BYTES;
    uint64_t from = collect->punched ? collect->punched : PUNCH_BYTES;
    if (to > from)
        (void)fallocate(collect->spool_fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)from,
                        (off_t)(to - from));
    collect->punched = to;
}

/* ---- the journal ---- */

/* In the child, before exec: only async-signal-safe calls. */
static void journal_become(int out, char *const argv[])
{
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    sigset_t none;
    if (null < 0 || dup2(null, STDIN_FILENO) < 0 || dup2(out, STDOUT_FILENO) < 0)
        _exit(126);
    close_range(STDERR_FILENO + 1, ~0u, CLOSE_RANGE_CLOEXEC);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    execvp(argv[0], argv);
    _exit(127);
}

static void journal_spawn(struct collect *collect, uint64_t now_ns)
{
    const struct ingest_feed *options = collect->options;
    char words[JOURNAL_WORDS][640] = {"journalctl", "--output=json", "--all",     "--follow",
                                      "--no-tail",  "--quiet",       "--no-pager"};
    char *argv[JOURNAL_WORDS + 2 * INGEST_PATTERNS_MAX + 2] = {0};
    char units[INGEST_PATTERNS_MAX][256];
    size_t count = 0;
    int ends[2];
    for (; count < 7; count++)
        argv[count] = words[count];
    if (collect->cursor) {
        snprintf(words[7], sizeof words[7], "--after-cursor=%s", collect->cursor);
        argv[count++] = words[7];
    }
    for (size_t index = 0; index < options->pattern_count; index++) {
        snprintf(units[index], sizeof units[index], "--unit=%s", options->patterns[index]);
        argv[count++] = units[index];
    }
    collect->journal_ns = now_ns + JOURNAL_NS;
    if (pipe2(ends, O_CLOEXEC | O_NONBLOCK)) {
        log_event(LOG_ERROR, "journal", "reason='%s'", strerror(errno));
        return;
    }
    (void)fcntl(ends[1], F_SETFL, 0); /* the writer waits */
    pid_t pid = fork();
    if (pid == 0)
        journal_become(ends[1], argv);
    close(ends[1]);
    if (pid < 0) {
        close(ends[0]);
        log_event(LOG_ERROR, "journal", "reason='%s'", strerror(errno));
        return;
    }
    collect->journal_pid = pid;
    collect->pipe_fd = ends[0];
}

bool collect_reaped(struct collect *collect, pid_t pid, int status, uint64_t now_ns)
{
    if (!collect->options || !pid || pid != collect->journal_pid)
        return false;
    collect->journal_pid = 0;
    collect->journal_ns = now_ns + JOURNAL_NS;
    log_event(LOG_WARN, "journal_ended", "status=%d", status);
    return true;
}

/* It goes on behind what it has written, which is not what is committed: entries come with their
 * cursor, and the last one that came whole is the place. */
static void cursor_renew(struct collect *collect)
{
    static const char name[] = "\"__CURSOR\":\"";
    static const size_t most = (size_t)1 << 20;
    size_t len = collect->written < most ? (size_t)collect->written : most;
    AUTO(auto_free) uint8_t *bytes = malloc(len + 1);
    if (!bytes ||
        pread(collect->spool_fd, bytes, len, (off_t)(collect->written - len)) != (ssize_t)len)
        return;
    const uint8_t *end = memrchr(bytes, '\n', len);
    size_t whole = end ? (size_t)(end - bytes) : 0;
    const uint8_t *found = NULL;
    for (const uint8_t *at = bytes;
         (at = memmem(at, whole - (size_t)(at - bytes), name, sizeof name - 1)); at++)
        found = at;
    if (!found)
        return;
    span rest = span_after(span_of(bytes, whole), (size_t)(found - bytes) + sizeof name - 1), text;
    if (!span_until(&rest, '"', &text))
        return;
    free(collect->cursor);
    collect->cursor = strndup((const char *)text.data, text.len);
    collect->written -= len - whole - 1; /* an entry that was cut off */
}

/* ---- what the intake says ---- */

static bool want_take(struct collect *collect, span body)
{
    char path[FOLLOW_PATH_BYTES_MAX + 1];
    struct feed_want want;
    if (!collect->finder || body.len < sizeof want || body.len - sizeof want >= sizeof path)
        return false;
    memcpy(&want, body.data, sizeof want);
    span name = span_after(body, sizeof want);
    memcpy(path, name.data, name.len);
    path[name.len] = 0;
    finder_want(collect->finder, path, (dev_t)want.dev, (ino_t)want.ino);
    return true;
}

static bool offer(struct collect *collect, struct ipc_channel *intake, span cursor)
{
    if (collect->options->kind == FEED_JOURNAL && !collect->cursor && cursor.len &&
        collect->written == 0)
        collect->cursor = strndup((const char *)cursor.data, cursor.len);
    if (collect->finder) {
        finder_forget_told(collect->finder);
        files_look(collect, intake);
    } else {
        spool_offer(collect, intake);
    }
    collect->owes_end = true;
    rest_tell(collect, intake);
    collect->is_offering = true;
    return true;
}

static bool closed_take(struct collect *collect, span body)
{
    struct feed_closed told;
    if (body.len != sizeof told)
        return false;
    memcpy(&told, body.data, sizeof told);
    if (collect->finder)
        finder_release(collect->finder,
                       &(struct follow_closed){(dev_t)told.dev, (ino_t)told.ino, (off_t)told.size});
    return true;
}

bool collect_hear(struct collect *collect, struct ipc_channel *intake, uint32_t type, span body)
{
    uint64_t position;
    if (!collect->options)
        return false;
    switch (type) {
    case MESSAGE_WANT:
        return want_take(collect, body);
    case MESSAGE_OFFER:
        return offer(collect, intake, body);
    case MESSAGE_CLOSED:
        return closed_take(collect, body);
    case MESSAGE_REACHED:
        if (!span_u64le(&body, &position) || position > collect->written)
            return false;
        if (position > collect->reached)
            collect->reached = position;
        spool_trim(collect);
        return true;
    default:
        return false;
    }
}

/* ---- the loop ---- */

int collect_fd(const struct collect *collect)
{
    if (!collect->options || !collect->is_offering)
        return -1;
    if (collect->finder)
        return finder_names_fd(collect->finder);
    return collect->written - collect->reached < SPOOL_MAX ? collect->pipe_fd : -1;
}

void collect_turn(struct collect *collect, struct ipc_channel *intake, uint64_t now_ns)
{
    struct pollfd waited = {.fd = collect_fd(collect), .events = POLLIN};
    if (!collect->options || !collect->is_offering)
        return;
    bool is_readable = waited.fd >= 0 && poll(&waited, 1, 0) > 0;
    if (collect->finder) {
        rest_tell(collect, intake);
        if (!is_readable && now_ns - collect->looked_ns < LOOK_NS)
            return;
        collect->looked_ns = now_ns;
        files_look(collect, intake);
        return;
    }
    if (is_readable) {
        pipe_read(collect);
        ipc_send(intake, MESSAGE_OFFERED, SPAN(""), NULL, 0, false); /* wakes it */
    }
    if (collect->options->kind == FEED_JOURNAL && !collect->journal_pid && collect->pipe_fd < 0 &&
        now_ns >= collect->journal_ns) {
        if (collect->written)
            cursor_renew(collect);
        journal_spawn(collect, now_ns);
    }
}

void collect_last(struct collect *collect, struct ipc_channel *intake)
{
    if (!collect->options || !collect->is_offering)
        return;
    if (collect->finder)
        files_look(collect, intake);
    else if (collect->journal_pid)
        kill(collect->journal_pid, SIGTERM);
}

bool collect_is_ended(const struct collect *collect)
{
    return collect->options && collect->is_ended && collect->reached >= collect->written;
}
