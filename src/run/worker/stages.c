/* Several stages in one command: a worker process for each, which meet only through their topics,
 * and this parent, which starts them, hands signals on, and tells what they say in one voice. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>

#include "core/cleanup.h"
#include "core/log.h"
#include "role/role.h"
#include "worker/worker.h"

#define STAGES_MAX   WORKER_STAGES
#define REPORT_BYTES 1024
#define READY        "picket: ready\n"

struct stage_worker {
    pid_t pid;     /* 0: it has ended */
    int report_fd; /* what it says; -1: all has been read */
    char report[REPORT_BYTES];
    size_t report_len;
};

struct stages {
    struct stage_worker workers[STAGES_MAX];
    size_t count;
    int signal_fd;
    bool is_ready;
    bool has_failed;
    bool is_stopping;
};

static _Noreturn void stage_become(const struct stages *stages,
                                   const struct worker_options *options, size_t count,
                                   int report_fd, pid_t parent)
{
    size_t number = stages->count;
    struct worker_options own = options[number];
    own.report_fd = report_fd;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(1);
    close(stages->signal_fd);
    for (size_t index = 0; index < number; index++)
        close(stages->workers[index].report_fd);
    for (size_t index = 0; index < count; index++)
        if (index != number && options[index].image_fd >= 0)
            close(options[index].image_fd);
    int code = worker_run(&own);
    fflush(stdout);
    _exit(code);
}

/* The next of `count` stages. */
static err_kind stage_start(struct stages *stages, const struct worker_options *options,
                            size_t count, struct err_ctx *err)
{
    struct stage_worker *worker = &stages->workers[stages->count];
    int ends[2];
    pid_t parent = getpid();
    if (pipe2(ends, O_CLOEXEC))
        return err_set(err, ERR_SYSTEM, "pipe");
    pid_t pid = fork();
    if (pid == 0) {
        close(ends[0]);
        stage_become(stages, options, count, ends[1], parent);
    }
    close(ends[1]);
    worker->report_fd = ends[0];
    if (pid < 0)
        return err_set(err, ERR_SYSTEM, "starting a stage");
    worker->pid = pid;
    stages->count++;
    return OK;
}

static void signal_all(struct stages *stages, int number)
{
    for (size_t index = 0; index < stages->count; index++)
        if (stages->workers[index].pid > 0)
            kill(stages->workers[index].pid, number);
}

/* Its first line is that it is ready; the others are its summary. */
static void report_read(struct stage_worker *worker)
{
    size_t room = sizeof worker->report - 1 - worker->report_len;
    ssize_t len = room ? read(worker->report_fd, worker->report + worker->report_len, room) : 0;
    if (len < 0 && errno == EINTR)
        return;
    if (len > 0) {
        worker->report_len += (size_t)len;
        return;
    }
    close(worker->report_fd);
    worker->report_fd = -1;
}

static bool is_ready(const struct stage_worker *worker)
{
    return strncmp(worker->report, READY, strlen(READY)) == 0;
}

static void ready_look(struct stages *stages)
{
    for (size_t index = 0; index < stages->count; index++)
        if (!is_ready(&stages->workers[index]))
            return;
    if (!stages->is_ready)
        fputs(READY, stderr);
    stages->is_ready = true;
}

/* Takes note of stages that have ended. One that failed ends the others. */
static void ended_look(struct stages *stages)
{
    for (size_t index = 0; index < stages->count; index++) {
        struct stage_worker *worker = &stages->workers[index];
        int status;
        if (worker->pid <= 0 || waitpid(worker->pid, &status, WNOHANG) != worker->pid)
            continue;
        worker->pid = 0;
        if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
            continue;
        stages->has_failed = true;
        log_event(LOG_ERROR, "stage_ended", "stage=%zu %s=%d", index + 1,
                  WIFEXITED(status) ? "code" : "signal",
                  WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status));
        if (!stages->is_stopping)
            signal_all(stages, SIGTERM);
        stages->is_stopping = true;
    }
}

static void signals_take(struct stages *stages)
{
    struct signalfd_siginfo info;
    while (read(stages->signal_fd, &info, sizeof info) == sizeof info) {
        if (info.ssi_signo == SIGHUP)
            signal_all(stages, SIGHUP);
        else if (info.ssi_signo != SIGCHLD && !stages->is_stopping) {
            stages->is_stopping = true;
            signal_all(stages, SIGTERM);
        }
    }
}

static bool is_any_left(const struct stages *stages)
{
    for (size_t index = 0; index < stages->count; index++)
        if (stages->workers[index].pid > 0 || stages->workers[index].report_fd >= 0)
            return true;
    return false;
}

static void stages_wait(struct stages *stages)
{
    while (is_any_left(stages)) {
        struct pollfd waited[STAGES_MAX + 1];
        for (size_t index = 0; index < stages->count; index++)
            waited[index] =
                (struct pollfd){.fd = stages->workers[index].report_fd, .events = POLLIN};
        waited[stages->count] = (struct pollfd){.fd = stages->signal_fd, .events = POLLIN};
        if (poll(waited, stages->count + 1, -1) < 0)
            continue;
        for (size_t index = 0; index < stages->count; index++)
            if (waited[index].revents)
                report_read(&stages->workers[index]);
        ready_look(stages);
        signals_take(stages);
        ended_look(stages);
    }
}

int worker_run_stages(const struct worker_options *options, size_t count)
{
    struct err_ctx err;
    struct stages stages = {.signal_fd = -1};
    log_open("worker", LOG_INFO);
    err_kind kind = role_signals_open(true, &stages.signal_fd, &err);
    while (stages.count < count && stages.count < STAGES_MAX && kind == OK)
        kind = stage_start(&stages, options, count, &err);
    if (kind != OK) {
        log_event(LOG_ERROR, "worker_ended", "reason='%s'", err.text);
        signal_all(&stages, SIGTERM);
        stages.is_stopping = stages.has_failed = true;
    }
    stages_wait(&stages);
    for (size_t index = stages.count; index-- > 0;) {
        const struct stage_worker *worker = &stages.workers[index];
        fputs(worker->report + (is_ready(worker) ? strlen(READY) : 0), stderr);
    }
    if (stages.signal_fd >= 0)
        close(stages.signal_fd);
    for (size_t index = 0; index < count; index++)
        if (options[index].image_fd >= 0)
            close(options[index].image_fd);
    return stages.has_failed ? 1 : 0;
}
