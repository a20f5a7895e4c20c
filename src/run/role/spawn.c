/* The table of roles, and how a child of one is started and shut in. */
#include <errno.h>
#include <fcntl.h>
#include <seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <linux/bpf.h>
#include <linux/capability.h>
#include <sys/prctl.h>

#include "core/cleanup.h"
#include "core/log.h"
#include "role/role.h"
#include "role/roles.h"
#include "sandbox/sandbox.h"

#define CHANNEL_FD 3
#define CAP(name)  (1ull << (name))

/* Loading and attaching; and looking at processes through descriptors of their /proc folders. */
static const int sensor_syscalls[] = {
    SCMP_SYS(dup3),          SCMP_SYS(perf_event_open),
    SCMP_SYS(ioctl),         SCMP_SYS(pidfd_open),
    SCMP_SYS(epoll_create1), SCMP_SYS(epoll_ctl),
    SCMP_SYS(epoll_wait),    SCMP_SYS(sched_getaffinity),
    SCMP_SYS(fchdir),        SCMP_SYS(pidfd_send_signal),
};

/* libbpf lists the modules' BTF when a kernel lacks a type that we may do without; that needs
 * CAP_SYS_ADMIN, and it gives the program up when refused. It is told that there are none. */
static const struct sandbox_refusal no_module_btf = {SCMP_SYS(bpf), BPF_BTF_GET_NEXT_ID, ENOENT};

/* Taking connections and datagrams on sockets that it was given; it makes none of its own. */
static const int gateway_syscalls[] = {
    SCMP_SYS(accept4),     SCMP_SYS(epoll_ctl),   SCMP_SYS(epoll_wait), SCMP_SYS(epoll_pwait),
    SCMP_SYS(eventfd2),    SCMP_SYS(shutdown),    SCMP_SYS(getsockopt), SCMP_SYS(setsockopt),
    SCMP_SYS(getpeername), SCMP_SYS(getsockname),
};

/* Talking to others: sockets, names, and the threads of curl's resolver and of librdkafka. */
static const int network_syscalls[] = {
    SCMP_SYS(socket),
    SCMP_SYS(connect),
    SCMP_SYS(bind),
    SCMP_SYS(getsockname),
    SCMP_SYS(getpeername),
    SCMP_SYS(setsockopt),
    SCMP_SYS(getsockopt),
    SCMP_SYS(shutdown),
    SCMP_SYS(socketpair),
    SCMP_SYS(sendmmsg),
    SCMP_SYS(ioctl),
    SCMP_SYS(pipe2),
    SCMP_SYS(pipe),
    SCMP_SYS(eventfd2),
    SCMP_SYS(clone),
    SCMP_SYS(clone3),
    SCMP_SYS(set_robust_list),
    SCMP_SYS(rseq),
    SCMP_SYS(sched_getaffinity),
    SCMP_SYS(sched_getparam),
    SCMP_SYS(sched_getscheduler),
    SCMP_SYS(prctl),
    SCMP_SYS(clock_getres),
    SCMP_SYS(sysinfo),
    SCMP_SYS(renameat),
    SCMP_SYS(renameat2),
};

struct role_desc {
    const char *name;
    role_run run; /* NULL: of a module above */
    struct sandbox_policy policy;
};

static const struct role_desc role_table[ROLE_COUNT] = {
    [ROLE_SENSOR] = {"sensor",
                     sensor_run,
                     {.role = "sensor",
                      .caps = CAP(CAP_BPF) | CAP(CAP_PERFMON) | CAP(CAP_DAC_READ_SEARCH) |
                              CAP(CAP_SYS_PTRACE),
                      .syscalls = sensor_syscalls,
                      .syscall_count = sizeof sensor_syscalls / sizeof *sensor_syscalls,
                      .refusal = &no_module_btf,
                      .may_read_files = true,
                      .without_landlock = true,
                      .dir_fd = -1}},
    [ROLE_ENGINE] = {"engine",
                     engine_run,
                     {.role = "engine", .may_write_files = true, .dir_fd = -1}},
    [ROLE_COMPILER] = {"compiler",
                       compiler_run,
                       {.role = "compiler",
                        .dir_fd = -1,
                        .memory_bytes_max = 4ull << 30,
                        .cpu_seconds_max = 120}},
    [ROLE_DECODER] = {"decoder", NULL, {.role = "decoder", .dir_fd = -1}},
    [ROLE_INTAKE] = {"intake", NULL, {.role = "intake", .may_write_files = true, .dir_fd = -1}},
    [ROLE_GATEWAY] = {"gateway",
                      NULL,
                      {.role = "gateway",
                       .dir_fd = -1,
                       .syscalls = gateway_syscalls,
                       .syscall_count = sizeof gateway_syscalls / sizeof *gateway_syscalls}},
    [ROLE_SINK] = {"sink",
                   NULL,
                   {.role = "sink",
                    .syscalls = network_syscalls,
                    .syscall_count = sizeof network_syscalls / sizeof *network_syscalls,
                    .may_write_files = true,
                    .dir_fd = -1}},
};

const char *role_name(enum role_kind role)
{
    return role_table[role].name;
}

err_kind role_confine(enum role_kind role, int dir_fd, struct err_ctx *err)
{
    return role_confine_reading(role, dir_fd, NULL, 0, err);
}

err_kind role_confine_reading(enum role_kind role, int dir_fd, const int *read_fds,
                              size_t read_count, struct err_ctx *err)
{
    struct sandbox_policy policy = role_table[role].policy;
    struct sandbox_report report;
    policy.dir_fd = dir_fd;
    policy.read_fds = read_fds;
    policy.read_count = read_count;
#ifdef SANDBOX_SANITIZED
    policy.memory_bytes_max = 0; /* the sanitizer's shadow is larger than any limit */
#endif
    return sandbox_enter(&policy, &report, err);
}

int role_main(const char *name, const role_run others[ROLE_COUNT])
{
    for (int role = 0; role < ROLE_COUNT; role++) {
        if (strcmp(role_table[role].name, name) != 0)
            continue;
        struct err_ctx err;
        struct ipc_channel channel;
        int fd = CHANNEL_FD;
        log_open(role_table[role].name, LOG_INFO);
        /* a terminal's ^C, a service manager's signal to all: for the supervisor, which says stop
         */
        signal(SIGINT, SIG_IGN);
        signal(SIGTERM, SIG_IGN);
        signal(SIGHUP, SIG_IGN);
        sigset_t none;
        sigemptyset(&none);
        sigprocmask(SIG_SETMASK, &none, NULL);
        if (ipc_open(&channel, &fd, &err) != OK)
            return 1;
        role_run run = role_table[role].run ? role_table[role].run : others[role];
        int code = run(&channel);
        ipc_close(&channel);
        return code;
    }
    fprintf(stderr, "picket: no role '%s'\n", name);
    return 2;
}

/* In the child, before exec: only async-signal-safe calls. */
static void become(int executable, int channel_fd, const char *name)
{
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (null < 0 || dup2(null, STDIN_FILENO) < 0 || dup2(null, STDOUT_FILENO) < 0)
        _exit(126);
    if (channel_fd == CHANNEL_FD ? fcntl(channel_fd, F_SETFD, 0) : dup2(channel_fd, CHANNEL_FD) < 0)
        _exit(126);
    /* whatever else the caller had open (Linux 5.11) */
    close_range(CHANNEL_FD + 1, ~0u, CLOSE_RANGE_CLOEXEC);
    /* what a terminal or a service manager sends to all waits until role_main ignores it */
    sigset_t held;
    sigemptyset(&held);
    sigaddset(&held, SIGINT);
    sigaddset(&held, SIGTERM);
    sigaddset(&held, SIGHUP);
    sigprocmask(SIG_SETMASK, &held, NULL);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    char program[] = "picket", command[] = "role", role[16] = "";
    memcpy(role, name, strlen(name));
    char *const argv[] = {program, command, role, NULL};
    fexecve(executable, argv, environ);
    _exit(126);
}

err_kind role_spawn(enum role_kind role, pid_t *ret_pid, struct ipc_channel *ret_channel,
                    struct err_ctx *err)
{
    int pair[2];
    err_kind kind = ipc_pair(pair, err);
    if (kind != OK)
        return kind;
    AUTO(auto_close) int child_end = pair[1];
    AUTO(auto_close) int parent_end = pair[0];
    /* above the channel's number, so that placing the channel cannot close it */
    AUTO(auto_close) int executable = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    AUTO(auto_close) int held = executable < 0 ? -1 : fcntl(executable, F_DUPFD_CLOEXEC, 10);
    if (held < 0)
        return err_set(err, ERR_SYSTEM, "this program's own file");
    pid_t pid = fork();
    if (pid < 0)
        return err_set(err, ERR_SYSTEM, "starting role '%s'", role_name(role));
    if (pid == 0)
        become(held, child_end, role_name(role));
    *ret_pid = pid;
    return ipc_open(ret_channel, &parent_end, err);
}
