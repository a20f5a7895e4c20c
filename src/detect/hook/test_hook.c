/* The kernel programs at work: each case does the real thing in a child and looks at the records.
 * Needs root and BTF; says so and passes over otherwise. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>

#include <linux/openat2.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "core/clock.h"
#include "core/test.h"
#include "hook/test_fixture.h"

/* ---- processes ---- */

static void work_exec(void)
{
    execle("/bin/true", "true", "one", "", "two", NULL, (char *[]){(char[]){"A=b"}, NULL});
    _exit(1);
}

static void test_exec(void **state)
{
    (void)state;
    struct test_record record;
    char real[4096];
    int pid = in_child(work_exec);
    assert_true(test_ring_find(&fixture.ring, EVENT_EXECVE, pid, &record));
    assert_string_equal(test_text(&record, PARAM_EXE_PATH), realpath("/bin/true", real));
    assert_string_equal(test_text(&record, PARAM_PATH_RAW), "/bin/true");
    assert_string_equal(test_text(&record, PARAM_CWD), fixture.folder);
    assert_string_equal(test_text(&record, PARAM_COMM), "true");
    assert_int_equal(record.lens[PARAM_ARGV], 14);
    assert_memory_equal(record.params[PARAM_ARGV], "true\0one\0\0two\0", 14);
    assert_int_equal(record.lens[PARAM_ENV], 4);
    assert_memory_equal(record.params[PARAM_ENV], "A=b", 4);
    assert_null(record.params[PARAM_INTERPRETER]);
    const struct process_identity *process = record.params[PARAM_PROCESS];
    assert_int_equal(process->pid, pid);
    assert_int_equal(process->tid, pid);
    assert_int_equal(process->vpid, pid);
    assert_int_equal(process->parent_pid, getpid());
    assert_int_equal(process->session, getsid(0));
    assert_int_equal(process->group, getpgrp());
    struct stat file;
    assert_int_equal(stat("/bin/true", &file), 0);
    const struct file_identity *exe = record.params[PARAM_EXE_FILE];
    assert_int_equal(exe->inode, file.st_ino);
    assert_int_equal(exe->mode, file.st_mode);
    assert_int_equal(exe->ctime_ns, file.st_ctim.tv_sec * 1000000000ll + file.st_ctim.tv_nsec);
    const struct file_identity *stdio = record.params[PARAM_STDIO];
    assert_int_equal(fstat(1, &file), 0);
    assert_int_equal(record.lens[PARAM_STDIO], 3 * sizeof *stdio);
    assert_int_equal(stdio[1].inode, file.st_ino);
    assert_non_null(record.params[PARAM_CGROUPS]);
    assert_int_equal(record.head->uid, 0);
    assert_true(record.head->cap_effective & 1);
    assert_true(test_ring_find(&fixture.ring, EVENT_PROCEXIT, pid, &record));
    assert_int_equal(test_number(&record, PARAM_STATUS), 0);
}

static void test_fork(void **state)
{
    (void)state;
    struct test_record record;
    int pid = in_child(work_exec);
    for (unsigned i = 0; test_ring_find_nth(&fixture.ring, EVENT_CLONE, getpid(), i, &record);
         i++) {
        const struct process_identity *child = record.params[PARAM_PROCESS];
        if (child->pid != pid)
            continue;
        assert_int_equal(child->parent_pid, getpid());
        assert_int_equal(child->is_thread, 0);
        assert_int_equal(record.head->result, pid);
        return;
    }
    fail_msg("no record of the fork");
}

static void work_exec_missing(void)
{
    execl("/no/such/program", "x", NULL);
}

static void test_exec_failed(void **state)
{
    (void)state;
    struct test_record record;
    int pid = in_child(work_exec_missing);
    assert_true(test_ring_find(&fixture.ring, EVENT_EXECVE, pid, &record));
    assert_int_equal(record.head->result, -ENOENT);
    assert_true(record.head->flags & RECORD_NAME_UNVERIFIED);
    assert_string_equal(test_text(&record, PARAM_PATH_RAW), "/no/such/program");
}

/* ---- files ---- */

static void work_open(void)
{
    char through[256];
    int fd = open("made", O_CREAT | O_WRONLY, 0640);
    snprintf(through, sizeof through, "%s/./made", fixture.link);
    struct open_how how = {.flags = O_RDONLY};
    if (fd < 0 || open(through, O_RDONLY) < 0)
        _exit(1);
    if (syscall(SYS_openat2, AT_FDCWD, "../proc/self/../version", &how, sizeof how) >= 0)
        _exit(2);
    if (syscall(SYS_openat2, AT_FDCWD, "/proc/self/cwd/made", &how, sizeof how) < 0)
        _exit(3);
}

static void test_open(void **state)
{
    (void)state;
    struct test_record record;
    int pid = in_child(work_open);
    assert_true(test_ring_find(&fixture.ring, EVENT_OPENAT, pid, &record));
    assert_string_equal(test_text(&record, PARAM_PATH), in_folder("made"));
    assert_string_equal(test_text(&record, PARAM_PATH_RAW), "made");
    assert_int_equal(test_number(&record, PARAM_FLAGS) & O_ACCMODE, O_WRONLY);
    assert_int_equal(test_number(&record, PARAM_MODE), 0640);
    assert_int_equal(test_number(&record, PARAM_DIRFD), AT_FDCWD);
    assert_int_equal(record.head->flags, RECORD_FILE_MADE);
    assert_true(test_ring_find_nth(&fixture.ring, EVENT_OPENAT, pid, 1, &record));
    assert_int_equal(record.head->flags, 0);
    assert_string_equal(test_text(&record, PARAM_PATH), in_folder("made"));
    assert_true(test_ring_find(&fixture.ring, EVENT_OPENAT2, pid, &record));
    assert_int_equal(record.head->result, -ENOENT);
    assert_true(record.head->flags & RECORD_NAME_UNVERIFIED);
    assert_string_equal(test_text(&record, PARAM_PATH_RAW), "../proc/self/../version");
    assert_true(test_ring_find_nth(&fixture.ring, EVENT_OPENAT2, pid, 1, &record));
    assert_string_equal(test_text(&record, PARAM_PATH), in_folder("made"));
    assert_string_equal(test_text(&record, PARAM_PATH_RAW), "/proc/self/cwd/made");
}

/* ---- changes of names and rights ---- */

static void make(const char *name)
{
    int fd = open(name, O_CREAT | O_WRONLY, 0600);
    if (fd < 0)
        _exit(90);
    close(fd);
}

static void must(int result)
{
    if (result < 0) {
        perror("hook test");
        _exit(91);
    }
}

/* Does every kind of change in the current folder, each name told by its suffix. */
static void work_changes(void)
{
    char absolute[256];
    make("a");
    must(link("a", "hard"));
    must(unlink("hard"));
    snprintf(absolute, sizeof absolute, "%s/./hard2", fixture.link);
    must(linkat(AT_FDCWD, "a", AT_FDCWD, absolute, 0));
    must(chmod("a", 0640));
    must(fchmodat(AT_FDCWD, "hard2", 0644, 0));
    must(symlink("a", "soft"));
    must(chmod("soft", 0600));
    must(lchown("soft", 1, 2));
    must(chown("a", 3, 4));
    must(mkdir("dir", 0755));
    must(mkdirat(AT_FDCWD, "dir/sub", 0700));
    must(mknodat(AT_FDCWD, "fifo", S_IFIFO | 0600, 0));
    make("dir/a");
    must(rename("a", "dir/b"));
    must(renameat(AT_FDCWD, "dir/b", AT_FDCWD, "dir/a"));
    make("other");
    must((int)syscall(SYS_renameat2, AT_FDCWD, "other", AT_FDCWD, "dir/a", 2 /* EXCHANGE */));
    must(unlinkat(AT_FDCWD, "dir/a", 0));
    must(rmdir("dir/sub"));
    must(unlinkat(AT_FDCWD, "soft", 0));
    must(fchmod(open("hard2", O_RDONLY), 0606));
    must(unlink("fifo"));
    if (unlink("nothing") == 0)
        _exit(92);
}

static void expect_change(int pid, uint16_t type, unsigned nth, const char *folder,
                          const char *path, const char *target)
{
    struct test_record record;
    char expected[256];
    if (!test_ring_find_nth(&fixture.ring, type, pid, nth, &record))
        fail_msg("no record %u of type %d", nth, type);
    snprintf(expected, sizeof expected, "%s/%s", folder, path);
    assert_string_equal(test_text(&record, PARAM_PATH), path[0] ? expected : "(none)");
    snprintf(expected, sizeof expected, "%s/%s", folder, target);
    assert_string_equal(test_text(&record, PARAM_TARGET), target[0] ? expected : "(none)");
    assert_int_equal(record.head->flags, 0);
    assert_int_equal(record.head->result, 0);
}

static void expect_changes(int pid, const char *folder)
{
    expect_change(pid, EVENT_LINK, 0, folder, "a", "hard");
    expect_change(pid, EVENT_UNLINK, 0, folder, "hard", "");
    expect_change(pid, EVENT_LINKAT, 0, folder, "a", "hard2");
    expect_change(pid, EVENT_CHMOD, 0, folder, "a", "");
    expect_change(pid, EVENT_FCHMODAT, 0, folder, "hard2", "");
    expect_change(pid, EVENT_SYMLINK, 0, folder, "", "soft");
    expect_change(pid, EVENT_LCHOWN, 0, folder, "soft", "");
    expect_change(pid, EVENT_CHOWN, 0, folder, "a", "");
    expect_change(pid, EVENT_MKDIR, 0, folder, "dir", "");
    expect_change(pid, EVENT_MKDIRAT, 0, folder, "dir/sub", "");
    expect_change(pid, EVENT_MKNODAT, 0, folder, "fifo", "");
    expect_change(pid, EVENT_RENAME, 0, folder, "a", "dir/b");
    expect_change(pid, EVENT_RENAMEAT, 0, folder, "dir/b", "dir/a");
    expect_change(pid, EVENT_RENAMEAT2, 0, folder, "other", "dir/a");
    expect_change(pid, EVENT_UNLINKAT, 0, folder, "dir/a", "");
    expect_change(pid, EVENT_RMDIR, 0, folder, "dir/sub", "");
    expect_change(pid, EVENT_UNLINKAT, 1, folder, "soft", "");
    expect_change(pid, EVENT_FCHMOD, 0, folder, "hard2", "");
    expect_change(pid, EVENT_UNLINK, 1, folder, "fifo", "");
}

static void test_changes(void **state)
{
    (void)state;
    struct test_record record;
    int pid = in_child(work_changes);
    expect_changes(pid, fixture.folder);
    assert_true(test_ring_find_nth(&fixture.ring, EVENT_UNLINK, pid, 2, &record));
    assert_int_equal(record.head->result, -ENOENT);
    assert_true(record.head->flags & RECORD_NAME_UNVERIFIED);
    assert_string_equal(test_text(&record, PARAM_PATH_RAW), "nothing");
    assert_string_equal(test_text(&record, PARAM_CWD), fixture.folder);
}

/* ---- network ---- */

static void work_connect(void)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(9)};
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int server = socket(AF_INET6, SOCK_STREAM, 0), client = socket(AF_INET6, SOCK_STREAM, 0);
    struct sockaddr_in6 name = {.sin6_family = AF_INET6, .sin6_addr = in6addr_loopback};
    socklen_t len = sizeof name;
    if (bind(server, (void *)&name, len) || listen(server, 1) ||
        getsockname(server, (void *)&name, &len))
        _exit(1);
    if (connect(client, (void *)&name, len))
        _exit(2);
    if (connect(socket(AF_INET, SOCK_DGRAM, 0), (void *)&to, sizeof to))
        _exit(3);
}

static void test_connect(void **state)
{
    (void)state;
    struct test_record record;
    int pid = in_child(work_connect);
    assert_true(test_ring_find(&fixture.ring, EVENT_CONNECT, pid, &record));
    const struct socket_tuple *tuple = record.params[PARAM_SOCKET];
    assert_int_equal(tuple->family, AF_INET6);
    assert_memory_equal(tuple->remote, &in6addr_loopback, 16);
    assert_memory_equal(tuple->local, &in6addr_loopback, 16);
    assert_int_not_equal(tuple->remote_port, 0);
    assert_int_not_equal(tuple->local_port, 0);
    assert_int_equal(tuple->protocol, IPPROTO_TCP);
    assert_int_equal(tuple->type, SOCK_STREAM);
    assert_true(test_ring_find_nth(&fixture.ring, EVENT_CONNECT, pid, 1, &record));
    tuple = record.params[PARAM_SOCKET];
    assert_int_equal(tuple->family, AF_INET);
    assert_int_equal(tuple->remote_port, 9);
    assert_memory_equal(tuple->remote, "\x7f\0\0\1", 4);
    assert_int_equal(tuple->protocol, IPPROTO_UDP);
    assert_int_equal(record.head->flags, 0);
}

/* ---- the set ---- */

static void test_snapshot(void **state)
{
    (void)state;
    static uint8_t bytes[1 << 22];
    struct err_ctx err = {0};
    int fd = -1;
    size_t len = 0;
    ssize_t got;
    bool has_self = false;
    assert_int_equal(hook_snapshot(fixture.set, &fd, &err), OK);
    while ((got = read(fd, bytes + len, sizeof bytes - len)) > 0)
        len += (size_t)got;
    assert_int_equal(got, 0);
    close(fd);
    for (size_t at = 0; at < len;) {
        struct test_record record;
        char exe[4096] = {0};
        test_record_read((const void *)(bytes + at), &record);
        at += record.head->len;
        assert_int_equal(record.head->type, EVENT_TASK);
        if (record.head->pid != getpid())
            continue;
        has_self = true;
        assert_true(readlink("/proc/self/exe", exe, sizeof exe - 1) > 0);
        assert_string_equal(test_text(&record, PARAM_EXE_PATH), exe);
        assert_non_null(record.params[PARAM_ARGV]);
        assert_non_null(record.params[PARAM_ENV]);
        const struct process_identity *process = record.params[PARAM_PROCESS];
        assert_int_equal(process->parent_pid, getppid());
    }
    assert_true(has_self);
}

/* Everything is handed to a second set while the first goes away: hooks stay, the ring goes on. */
static void test_adopt(void **state)
{
    (void)state;
    struct err_ctx err = {0};
    struct hook_handle handles[HOOK_HANDLES_MAX];
    struct hook_set *heir = NULL;
    struct test_record record;
    size_t count = hook_hand_out(fixture.set, handles, HOOK_HANDLES_MAX);
    assert_true(count > 10);
    for (size_t i = 0; i < count; i++)
        handles[i].fd = fcntl(handles[i].fd, F_DUPFD_CLOEXEC, 0);
    hook_close(fixture.set);
    int pid = in_child(work_open);
    struct hook_options options = {.print = quiet};
    assert_int_equal(hook_adopt(&options, handles, count, &heir, &err), OK);
    fixture.set = heir;
    assert_true(test_ring_find(&fixture.ring, EVENT_OPENAT, pid, &record));
    assert_true(hook_serves(heir, EVENT_OPENAT));
    bool wanted[EVENT_COUNT] = {[EVENT_CONNECT] = true};
    assert_int_equal(hook_want(heir, wanted, &err), OK);
    assert_false(hook_serves(heir, EVENT_OPENAT));
    pid = in_child(work_open);
    assert_false(test_ring_find(&fixture.ring, EVENT_OPENAT, pid, &record));
    wanted[EVENT_OPENAT] = true;
    assert_int_equal(hook_want(heir, wanted, &err), OK);
    pid = in_child(work_open);
    assert_true(test_ring_find(&fixture.ring, EVENT_OPENAT, pid, &record));
}

static void test_own(void **state)
{
    (void)state;
    struct err_ctx err = {0};
    struct test_record record;
    assert_int_equal(hook_own(fixture.set, getpid(), true, &err), OK);
    test_ring_forget(&fixture.ring);
    close(open("/dev/null", O_RDONLY));
    assert_false(test_ring_find(&fixture.ring, EVENT_OPENAT, getpid(), &record));
    assert_int_equal(hook_own(fixture.set, getpid(), false, &err), OK);
    close(open("/dev/null", O_RDONLY));
    assert_true(test_ring_find(&fixture.ring, EVENT_OPENAT, getpid(), &record));
    assert_string_equal(test_text(&record, PARAM_PATH), "/dev/null");
}

/* Only names that may matter are recorded; the rest is counted as left out. */
static void test_filter(void **state)
{
    (void)state;
    struct err_ctx err = {0};
    struct test_record record;
    struct open_filter filter = {.excludes = 1};
    struct hook_open_name name = {.name = SPAN("hard2"), .flags = OPEN_NAME_ANY};
    assert_int_equal(hook_filter_opens(fixture.set, &filter, &name, 1, &err), OK);
    int pid = in_child(work_open);
    assert_false(test_ring_find(&fixture.ring, EVENT_OPENAT, pid, &record));
    assert_false(test_ring_find(&fixture.ring, EVENT_OPENAT2, pid, &record));
    name.name = SPAN("made");
    name.flags = OPEN_NAME_WRITE;
    assert_int_equal(hook_filter_opens(fixture.set, &filter, &name, 1, &err), OK);
    pid = in_child(work_open);
    assert_true(test_ring_find(&fixture.ring, EVENT_OPENAT, pid, &record));
    assert_int_equal(test_number(&record, PARAM_FLAGS) & O_ACCMODE, O_WRONLY);
    assert_false(test_ring_find_nth(&fixture.ring, EVENT_OPENAT, pid, 1, &record));
    name.name = SPAN("tmp"); /* a folder far above, across whatever mounts */
    name.flags = OPEN_NAME_ANY;
    filter.failed = 1;
    assert_int_equal(hook_filter_opens(fixture.set, &filter, &name, 1, &err), OK);
    pid = in_child(work_open);
    assert_true(test_ring_find_nth(&fixture.ring, EVENT_OPENAT, pid, 1, &record));
    assert_true(test_ring_find(&fixture.ring, EVENT_OPENAT2, pid, &record));
    assert_int_equal(record.head->result, -ENOENT);
    filter.excludes = 0;
    assert_int_equal(hook_filter_opens(fixture.set, &filter, NULL, 0, &err), OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_exec),
        cmocka_unit_test(test_fork),
        cmocka_unit_test(test_exec_failed),
        cmocka_unit_test(test_open),
        cmocka_unit_test(test_connect),
        cmocka_unit_test(test_changes),
        cmocka_unit_test(test_filter),
        cmocka_unit_test(test_snapshot),
        cmocka_unit_test(test_own),
        cmocka_unit_test(test_adopt),
        cmocka_unit_test(test_own_tracepoints),
        cmocka_unit_test(test_exec),
        cmocka_unit_test(test_exec_failed),
        cmocka_unit_test(test_open),
        cmocka_unit_test(test_connect),
        cmocka_unit_test(test_changes),
        cmocka_unit_test(test_filter),
        cmocka_unit_test(test_own),
        cmocka_unit_test(test_adopt),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
