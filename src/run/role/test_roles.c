/* From inside each role: what it must not do is refused. Each case forks, the child is confined as
 * that role and tries; its exit code names the first thing that it could do. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include <linux/bpf.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "core/cleanup.h"
#include "core/test.h"
#include "ipc/ipc.h"
#include "role/protocol.h"
#include "role/role.h"
#include "role/test_after.h"

static int store_fd = -1;

static int inside(enum role_kind role, int (*act)(void))
{
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct err_ctx err;
        if (role_confine(role, role == ROLE_ENGINE || role == ROLE_INTAKE ? store_fd : -1, &err) !=
            OK) {
            fprintf(stderr, "%s\n", err.text);
            _exit(99);
        }
        _exit(act());
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 100 + WTERMSIG(status);
}

static bool is_refused(long outcome)
{
    return outcome < 0 && (errno == EPERM || errno == EACCES);
}

/* What no role may do. */
static int try_common(void)
{
    char *const argv[] = {(char[]){"/bin/true"}, NULL};
    if (!is_refused(execv("/bin/true", argv)))
        return 1;
    if (!is_refused(fork()))
        return 2;
    if (!is_refused(socket(AF_INET, SOCK_STREAM, 0)) ||
        !is_refused(socket(AF_UNIX, SOCK_STREAM, 0)))
        return 3;
    if (!is_refused(kill(getppid(), SIGTERM)))
        return 4;
    if (!is_refused(ptrace(PTRACE_ATTACH, getppid(), NULL, NULL)))
        return 5;
    if (!is_refused(mount("none", "/tmp", "tmpfs", 0, NULL)))
        return 6;
    if (!is_refused(unshare(CLONE_NEWUSER)))
        return 7;
    if (!is_refused(syscall(SYS_setresuid, 0, 0, 0)))
        return 8;
    if (!is_refused(open("/etc/passwd", O_WRONLY)) || !is_refused(open("/tmp/x", O_CREAT, 0600)))
        return 9;
    if (!is_refused(syscall(SYS_init_module, NULL, 0, "")))
        return 10;
    if (!is_refused(syscall(SYS_process_vm_readv, getppid(), NULL, 0, NULL, 0, 0)))
        return 11;
    if (getuid() == 0 || geteuid() == 0)
        return 12;
    return 0;
}

static long bpf_try(void)
{
    union bpf_attr attributes = {
        .map_type = BPF_MAP_TYPE_ARRAY, .key_size = 4, .value_size = 4, .max_entries = 1};
    return syscall(SYS_bpf, BPF_MAP_CREATE, &attributes, sizeof attributes);
}

static int try_engine(void)
{
    if (!is_refused(bpf_try()))
        return 20;
    if (!is_refused(open("/etc/hostname", O_RDONLY)))
        return 21;
    if (!is_refused(open("/proc/1/environ", O_RDONLY)))
        return 22;
    int own = openat(store_fd, "own", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (own < 0)
        return 23; /* its one folder is there */
    return try_common();
}

static int try_compiler(void)
{
    if (!is_refused(bpf_try()))
        return 20;
    if (!is_refused(open("/etc/hostname", O_RDONLY)))
        return 21;
    return try_common();
}

static int try_sensor(void)
{
    if (bpf_try() < 0)
        return 30; /* what it is there for */
    int shadow = open("/etc/shadow", O_RDONLY | O_CLOEXEC);
    if (shadow < 0)
        return 31; /* users of containers are read like this */
    if (write(shadow, "x", 1) >= 0)
        return 32;
    return try_common();
}

/* It has connections, and nothing else: no file, no new socket of its own. */
static int try_gateway(void)
{
    struct stat status;
    if (!is_refused(open("/etc/hostname", O_RDONLY)) ||
        !is_refused(openat(store_fd, "own", O_RDONLY)))
        return 21;
    if (!is_refused(stat("/etc/hostname", &status)))
        return 22;
    if (!is_refused(connect(store_fd, NULL, 0)) || !is_refused(bind(store_fd, NULL, 0)))
        return 23;
    return try_common();
}

static void roles_cannot_do_what_they_are_not_for(void **state)
{
    (void)state;
    if (geteuid() != 0) {
        print_message("not root: a role's uid and capabilities cannot be tested\n");
        skip();
    }
    assert_int_equal(inside(ROLE_ENGINE, try_engine), 0);
    assert_int_equal(inside(ROLE_COMPILER, try_compiler), 0);
    assert_int_equal(inside(ROLE_SENSOR, try_sensor), 0);
    assert_int_equal(inside(ROLE_INTAKE, try_engine), 0);
    assert_int_equal(inside(ROLE_GATEWAY, try_gateway), 0);
}

/* A role that is asked what is not in its protocol ends instead of guessing. */
static void a_role_ends_at_a_message_it_does_not_know(void **state)
{
    (void)state;
    for (enum role_kind role = 0; role < ROLE_DECODER;
         role++) /* the rest: tests of worker, ingest */
        assert_true(code_after(role, NULL, 9999, SPAN("what is this")) > 0);
}

static int folder_make(void **state)
{
    (void)state;
    static char path[] = "/tmp/test_roles_XXXXXX";
    store_fd = mkdtemp(path) ? open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    *state = path;
    return store_fd < 0 || fchmod(store_fd, 0777);
}

static int folder_remove(void **state)
{
    unlinkat(store_fd, "own", 0);
    close(store_fd);
    return rmdir(*state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(roles_cannot_do_what_they_are_not_for),
        cmocka_unit_test(a_role_ends_at_a_message_it_does_not_know),
    };
    return cmocka_run_group_tests(tests, folder_make, folder_remove);
}
