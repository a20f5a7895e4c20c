/* The kernel programs at work, second part: credentials, namespaces, memory, sockets, 32-bit calls,
 * names in a container's root. */
#include <arpa/inet.h>
#include <errno.h>
#include <sched.h>
#include <signal.h>

#include <linux/capability.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>

#include "core/test.h"
#include "hook/test_fixture.h"

static void must(long result)
{
    if (result < 0) {
        perror("hook test");
        _exit(91);
    }
}

/* ---- credentials and control ---- */

static void work_credentials(void)
{
    int fd = memfd_create("ghost", MFD_CLOEXEC);
    must(fd);
    must(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
    must(unshare(CLONE_NEWUTS | CLONE_NEWNS));
    must(mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL));
    must(mount("source", fixture.folder, "tmpfs", MS_NOSUID, "size=1m"));
    must(umount2(fixture.folder, MNT_DETACH));
    must(syscall(SYS_setresgid, 7, 8, 9));
    must(syscall(SYS_setuid, 65534));
}

/* A chroot's root is no mount, so what is mounted there cannot be kept from the host. */
static void need_private_mounts(void)
{
    struct statx root;
    assert_int_equal(statx(AT_FDCWD, "/", 0, STATX_BASIC_STATS, &root), 0);
    if (!(root.stx_attributes & STATX_ATTR_MOUNT_ROOT)) {
        print_message("# the root folder is no mount (a plain chroot?)\n");
        skip();
    }
}

static void test_credentials(void **state)
{
    (void)state;
    struct test_record record;
    need_private_mounts();
    int pid = in_child(work_credentials);
    assert_true(test_ring_find(&fixture.ring, EVENT_MEMFD_CREATE, pid, &record));
    assert_string_equal(test_text(&record, PARAM_NAME), "ghost");
    assert_int_equal(test_number(&record, PARAM_FLAGS), MFD_CLOEXEC);
    assert_true(test_ring_find(&fixture.ring, EVENT_PRCTL, pid, &record));
    assert_int_equal(test_number(&record, PARAM_REQUEST), PR_SET_NO_NEW_PRIVS);
    assert_true(test_ring_find(&fixture.ring, EVENT_UNSHARE, pid, &record));
    assert_int_equal(test_number(&record, PARAM_NS_TYPE), CLONE_NEWUTS | CLONE_NEWNS);
    assert_true(test_ring_find_nth(&fixture.ring, EVENT_MOUNT, pid, 1, &record));
    assert_string_equal(test_text(&record, PARAM_DEVICE), "source");
    assert_string_equal(test_text(&record, PARAM_FS_TYPE), "tmpfs");
    assert_string_equal(test_text(&record, PARAM_PATH_RAW), fixture.folder);
    assert_int_equal(record.head->flags, RECORD_NAME_UNVERIFIED);
    assert_true(test_ring_find(&fixture.ring, EVENT_UMOUNT2, pid, &record));
    assert_int_equal(test_number(&record, PARAM_FLAGS), MNT_DETACH);
    assert_true(test_ring_find(&fixture.ring, EVENT_SETRESGID, pid, &record));
    assert_int_equal(test_number(&record, PARAM_GID), 7);
    assert_int_equal(test_number(&record, PARAM_EGID), 8);
    assert_int_equal(test_number(&record, PARAM_SGID), 9);
    assert_int_equal(record.head->gid, 8);
    assert_true(test_ring_find(&fixture.ring, EVENT_SETUID, pid, &record));
    assert_int_equal(test_number(&record, PARAM_UID), 65534);
    assert_int_equal(record.head->uid, 65534);
    assert_int_equal(record.head->cap_effective, 0);
}

/* ---- memory and other processes ---- */

static void work_memory(void)
{
    char path[64];
    void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    must(page == MAP_FAILED ? -1 : 0);
    must(mprotect(page, 4096, PROT_READ | PROT_EXEC));
    must(mprotect(page, 4096, PROT_READ));
    pid_t other = fork();
    if (other == 0) {
        pause();
        _exit(0);
    }
    must(ptrace(PTRACE_SEIZE, other, 0, 0));
    snprintf(path, sizeof path, "/proc/%d/mem", other);
    must(open(path, O_RDWR));
    must(open("/proc/self/mem", O_RDWR));
    must(kill(getpid(), SIGCONT));
    must(kill(other, SIGKILL));
    must(waitpid(other, NULL, 0));
}

static void test_memory(void **state)
{
    (void)state;
    struct test_record record, kill_record;
    int pid = in_child(work_memory);
    assert_true(test_ring_find(&fixture.ring, EVENT_MPROTECT, pid, &record));
    assert_int_equal(test_number(&record, PARAM_PROTECTION), PROT_READ | PROT_EXEC);
    assert_int_equal(test_number(&record, PARAM_SIZE), 4096);
    assert_false(test_ring_find_nth(&fixture.ring, EVENT_MPROTECT, pid, 1, &record));
    assert_true(test_ring_find(&fixture.ring, EVENT_KILL, pid, &kill_record));
    assert_int_equal(test_number(&kill_record, PARAM_SIGNAL), SIGKILL);
    assert_true(test_ring_find(&fixture.ring, EVENT_PTRACE, pid, &record));
    assert_int_equal(test_number(&record, PARAM_REQUEST), PTRACE_SEIZE);
    assert_int_equal(test_number(&record, PARAM_PEER_PID),
                     test_number(&kill_record, PARAM_PEER_PID));
    assert_true(test_ring_find(&fixture.ring, EVENT_PROC_MEM_WRITE, pid, &record));
    assert_int_equal(test_number(&record, PARAM_PEER_PID),
                     test_number(&kill_record, PARAM_PEER_PID));
    assert_false(test_ring_find_nth(&fixture.ring, EVENT_PROC_MEM_WRITE, pid, 1, &record));
}

static void work_memfd_exec(void)
{
    char buffer[65536];
    ssize_t got;
    int from = open("/bin/true", O_RDONLY), to = memfd_create("hidden", 0);
    must(from);
    must(to);
    while ((got = read(from, buffer, sizeof buffer)) > 0)
        must(write(to, buffer, (size_t)got));
    must(dup2(to, 1));
    must(syscall(SYS_execveat, to, "", (char *[]){(char[]){"x"}, NULL}, (char *[]){NULL},
                 AT_EMPTY_PATH));
}

static void test_memfd_exec(void **state)
{
    (void)state;
    struct test_record record;
    int pid = in_child(work_memfd_exec);
    assert_true(test_ring_find(&fixture.ring, EVENT_EXECVEAT, pid, &record));
    assert_string_equal(test_text(&record, PARAM_EXE_PATH), "/memfd:hidden");
    assert_true(test_number(&record, PARAM_EXE_FLAGS) & EXE_MEMFD);
    assert_true(test_ring_find(&fixture.ring, EVENT_DUP2, pid, &record));
    assert_int_equal(test_number(&record, PARAM_FD), 1);
}

/* ---- sockets ---- */

static const char dns_question[] = "\x12\x34\x01\0\0\1\0\0\0\0\0\0\3www\7example\3org\0\0\1\0\1";

static void work_sockets(void)
{
    struct sockaddr_in server = {.sin_family = AF_INET, .sin_port = htons(53)};
    server.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int udp = socket(AF_INET, SOCK_DGRAM, 0), listener = socket(AF_UNIX, SOCK_STREAM, 0);
    must(sendto(udp, dns_question, sizeof dns_question - 1, 0, (void *)&server, sizeof server));
    server.sin_port = htons(9999);
    must(sendto(udp, "first", 5, 0, (void *)&server, sizeof server));
    must(sendto(udp, "second", 6, 0, (void *)&server, sizeof server));
    struct sockaddr_un name = {.sun_family = AF_UNIX, .sun_path = "socket"};
    must(bind(listener, (void *)&name, sizeof name));
    must(listen(listener, 3));
    int client = socket(AF_UNIX, SOCK_STREAM, 0);
    must(connect(client, (void *)&name, sizeof name));
    must(accept4(listener, NULL, NULL, SOCK_CLOEXEC));
}

static void test_sockets(void **state)
{
    (void)state;
    struct test_record record;
    int pid = in_child(work_sockets);
    assert_true(test_ring_find(&fixture.ring, EVENT_DNS, pid, &record));
    assert_int_equal(record.lens[PARAM_DNS], sizeof dns_question - 1);
    assert_memory_equal(record.params[PARAM_DNS], dns_question, sizeof dns_question - 1);
    const struct socket_tuple *tuple = record.params[PARAM_SOCKET];
    assert_int_equal(tuple->remote_port, 53);
    assert_memory_equal(tuple->remote, "\x7f\0\0\1", 4);
    assert_true(test_ring_find_nth(&fixture.ring, EVENT_SENDTO, pid, 1, &record));
    assert_string_equal(test_text(&record, PARAM_BUFFER), "first");
    assert_false(test_ring_find_nth(&fixture.ring, EVENT_SENDTO, pid, 2, &record));
    assert_true(test_ring_find(&fixture.ring, EVENT_BIND, pid, &record));
    assert_string_equal(test_text(&record, PARAM_SOCKET_PATH), "socket");
    assert_true(test_ring_find(&fixture.ring, EVENT_LISTEN, pid, &record));
    assert_int_equal(test_number(&record, PARAM_BACKLOG), 3);
    assert_true(test_ring_find(&fixture.ring, EVENT_CONNECT, pid, &record));
    assert_string_equal(test_text(&record, PARAM_SOCKET_PATH), "socket");
    assert_true(test_ring_find(&fixture.ring, EVENT_ACCEPT4, pid, &record));
    tuple = record.params[PARAM_SOCKET];
    assert_int_equal(tuple->is_server, 1);
    assert_true(test_ring_find(&fixture.ring, EVENT_SOCKET, pid, &record));
    assert_int_equal(test_number(&record, PARAM_DOMAIN), AF_INET);
}

/* ---- 32-bit calls ---- */

static long call32(long number, long first, long second, long third)
{
    long result;
    __asm__ volatile("int $0x80"
                     : "=a"(result)
                     : "a"(number), "b"(first), "c"(second), "d"(third)
                     : "memory", "r8", "r9", "r10", "r11");
    return result;
}

static void work_compat(void)
{
    char *low =
        mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
    must(low == MAP_FAILED ? -1 : 0);
    memcpy(low, "compat", 7);
    must((int)call32(8 /* creat */, (long)low, 0600, 0));
    must((int)call32(15 /* chmod */, (long)low, 0640, 0));
    must((int)call32(10 /* unlink */, (long)low, 0, 0));
}

static void test_compat(void **state)
{
    (void)state;
    struct test_record record;
    int pid = in_child(work_compat);
    static const uint16_t types[] = {EVENT_CREAT, EVENT_CHMOD, EVENT_UNLINK};
    for (size_t i = 0; i < 3; i++) {
        assert_true(test_ring_find(&fixture.ring, types[i], pid, &record));
        assert_string_equal(test_text(&record, PARAM_PATH), in_folder("compat"));
        assert_int_equal(record.head->flags & ~RECORD_FILE_MADE, RECORD_COMPAT);
    }
}

static void work_compat_chmod(void)
{
    char *low =
        mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
    must(low == MAP_FAILED ? -1 : 0);
    memcpy(low, "/tmp", 5);
    must((int)call32(15 /* chmod */, (long)low, 01777, 0));
}

/* With COMPAT_AUTO nothing hangs on all calls until a 32-bit one is met by another hook. */
static void test_compat_on_demand(void **state)
{
    (void)state;
    struct err_ctx err;
    struct hook_set *set;
    struct hook_options options = {.ring_bytes = RING_SIZE, .compat = HOOK_COMPAT_AUTO};
    bool wanted[EVENT_COUNT] = {[EVENT_CHMOD] = true};
    assert_int_equal(hook_open(&options, &set, &err), OK);
    assert_int_equal(hook_want(set, wanted, &err), OK);
    assert_false(hook_compat_watch(set));
    in_child(work_compat_chmod);
    if (!hook_serves(fixture.set, EVENT_CHMOD)) /* no tracepoints on ctime: exec and fork tell */
        skip();
    assert_true(hook_compat_watch(set));
    assert_false(hook_compat_watch(set)); /* it is there now */
    struct test_ring ring;
    struct test_record record;
    test_ring_open(&ring, hook_ring_fd(set), RING_SIZE);
    int pid = in_child(work_compat_chmod);
    assert_true(test_ring_find(&ring, EVENT_CHMOD, pid, &record));
    assert_true(record.head->flags & RECORD_COMPAT);
    test_ring_close(&ring);
    hook_close(set);
}

/* ---- a container's root, on an overlay ---- */

static void work_overlay(void)
{
    char options[512];
    must(unshare(CLONE_NEWNS));
    must(mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL));
    must(mkdir("box", 0755));
    must(mount("t", "box", "tmpfs", 0, NULL));
    must(chdir("box"));
    must(mkdir("lower", 0755));
    must(mkdir("upper", 0755));
    must(mkdir("work", 0755));
    must(mkdir("root", 0755));
    must(close(open("lower/shipped", O_CREAT | O_WRONLY, 0644)));
    snprintf(options, sizeof options, "lowerdir=lower,upperdir=upper,workdir=work");
    must(mount("overlay", "root", "overlay", 0, options));
    must(chroot("root"));
    must(chdir("/"));
    must(mkdir("/d", 0755));
    must(close(open("/d/new", O_CREAT | O_WRONLY, 0644)));
    must(chmod("/d/new", 0600));
    must(chmod("/shipped", 0600));
    must(rename("/d/new", "/d/moved"));
    must(link("/d/moved", "/d/linked"));
    must(unlink("/d/moved"));
    must(unlink("/shipped"));
}

static void expect_path(int pid, uint16_t type, unsigned nth, const char *path, const char *target)
{
    struct test_record record;
    if (!test_ring_find_nth(&fixture.ring, type, pid, nth, &record))
        fail_msg("no record %u of type %d", nth, type);
    assert_string_equal(test_text(&record, PARAM_PATH), path);
    assert_string_equal(test_text(&record, PARAM_TARGET), target);
    assert_int_equal(record.head->flags & ~RECORD_NAME_UNVERIFIED, 0);
}

static void test_overlay(void **state)
{
    (void)state;
    struct test_record record;
    need_private_mounts();
    int pid = in_child(work_overlay);
    assert_true(test_ring_find(&fixture.ring, EVENT_CHROOT, pid, &record));
    /* from the top of the mount namespace, which is not our root when the test runs in a chroot */
    const char *path = test_text(&record, PARAM_PATH), *end = in_folder("box/root");
    assert_true(strlen(path) >= strlen(end));
    assert_string_equal(path + strlen(path) - strlen(end), end);
    expect_path(pid, EVENT_MKDIR, 5, "/d", "(none)");
    expect_path(pid, EVENT_CHMOD, 0, "/d/new", "(none)");
    expect_path(pid, EVENT_CHMOD, 1, "/shipped", "(none)");
    expect_path(pid, EVENT_RENAME, 0, "/d/new", "/d/moved");
    expect_path(pid, EVENT_LINK, 0, "(none)", "/d/linked");
    expect_path(pid, EVENT_UNLINK, 0, "/d/moved", "(none)");
    expect_path(pid, EVENT_UNLINK, 1, "/shipped", "(none)");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_credentials), cmocka_unit_test(test_memory),
        cmocka_unit_test(test_memfd_exec),  cmocka_unit_test(test_sockets),
        cmocka_unit_test(test_compat),      cmocka_unit_test(test_compat_on_demand),
        cmocka_unit_test(test_overlay),     cmocka_unit_test(test_own_tracepoints),
        cmocka_unit_test(test_credentials), cmocka_unit_test(test_memory),
        cmocka_unit_test(test_memfd_exec),  cmocka_unit_test(test_sockets),
        cmocka_unit_test(test_overlay),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
