/* Each case forks: the child enters the sandbox and tries what it must not do. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "core/cleanup.h"
#include "core/test.h"
#include "sandbox/sandbox.h"

/* Runs `act` in a child behind the policy; returns its exit code. */
static int inside(const struct sandbox_policy *policy, int (*act)(void))
{
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct err_ctx err;
        struct sandbox_report report;
        if (sandbox_enter(policy, &report, &err) != OK) {
            fprintf(stderr, "%s\n", err.text);
            _exit(99);
        }
        _exit(act());
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 100 + WTERMSIG(status);
}

static const struct sandbox_policy nothing = {.role = "nothing", .dir_fd = -1};

static int try_everything_forbidden(void)
{
    if (open("/etc/passwd", O_RDONLY) >= 0 || errno != EPERM)
        return 1;
    if (socket(AF_INET, SOCK_STREAM, 0) >= 0 || errno != EPERM)
        return 2;
    if (fork() >= 0 || errno != EPERM)
        return 3;
    char *const argv[] = {(char[]){"/bin/true"}, NULL};
    if (execv(argv[0], argv) == 0 || errno != EPERM)
        return 4;
    if (kill(getppid(), 0) == 0 || errno != EPERM)
        return 5;
    if (ptrace(PTRACE_ATTACH, getppid(), NULL, NULL) == 0 || errno != EPERM)
        return 6;
    if (setuid(0) == 0)
        return 7;
    if (getuid() == 0)
        return 8;
    void *memory = malloc(1 << 20); /* and it can still live */
    if (!memory)
        return 9;
    free(memory);
    return 0;
}

static void a_role_with_nothing_can_do_nothing(void **state)
{
    (void)state;
    if (geteuid() != 0) {
        print_message("not root: the uid part cannot be tested\n");
        skip();
    }
    assert_int_equal(inside(&nothing, try_everything_forbidden), 0);
}

static int store_fd;

static int try_the_store(void)
{
    int own = openat(store_fd, "file", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (own < 0)
        return 1;
    if (write(own, "x", 1) != 1)
        return 2;
    if (open("/etc/passwd", O_RDONLY | O_CLOEXEC) >= 0 || (errno != EACCES && errno != EPERM))
        return 3;
    if (openat(store_fd, "../outside", O_RDWR | O_CREAT | O_CLOEXEC, 0600) >= 0)
        return 4;
    return 0;
}

static void the_store_is_reached_by_descriptor_and_nothing_else(void **state)
{
    (void)state;
    char path[] = "/tmp/test_sandbox_XXXXXX";
    assert_non_null(mkdtemp(path));
    store_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(store_fd >= 0);
    uid_t uid;
    gid_t gid;
    sandbox_account(&uid, &gid);
    if (geteuid() == 0)
        assert_int_equal(fchown(store_fd, uid, gid), 0);
    struct sandbox_policy policy = {.role = "store", .may_write_files = true, .dir_fd = store_fd};
    int outcome = inside(&policy, try_the_store);
    unlinkat(store_fd, "file", 0);
    close(store_fd);
    rmdir(path);
    assert_int_equal(outcome, 0);
}

static int burn_time(void)
{
    volatile unsigned count = 0;
    do {
        count = count + 1;
    } while (getpid() > 0);
    return 0;
}

#ifndef SANDBOX_SANITIZED /* its shadow alone is over any limit */
static int take_memory(void)
{
    for (int count = 0; count < 64; count++)
        if (!malloc(16 << 20))
            return 0;
    return 1;
}
#endif

static void time_and_memory_are_limited(void **state)
{
    (void)state;
    struct sandbox_policy policy = nothing;
    policy.cpu_seconds_max = 1;
    assert_int_equal(inside(&policy, burn_time), 100 + SIGKILL);
#ifndef SANDBOX_SANITIZED
    policy = nothing;
    policy.memory_bytes_max = 256 << 20;
    assert_int_equal(inside(&policy, take_memory), 0);
#endif
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_role_with_nothing_can_do_nothing),
        cmocka_unit_test(the_store_is_reached_by_descriptor_and_nothing_else),
        cmocka_unit_test(time_and_memory_are_limited),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
