/* For tests of hook/: everything attached, and children that do things. */
#pragma once

#include <fcntl.h>

#include <sys/stat.h>
#include <sys/wait.h>

#include "core/clock.h"
#include "hook/test_ring.h"

#define RING_SIZE (4u << 20)

static struct hook_fixture {
    struct hook_set *set;
    struct test_ring ring;
    char folder[64]; /* where the children play; an absolute name without links */
    char link[64];   /* a symbolic link to it */
} fixture;

__attribute__((format(printf, 2, 0))) static int quiet(enum libbpf_print_level level,
                                                       const char *format, va_list args)
{
    return level == LIBBPF_WARN && getenv("HOOK_TEST_VERBOSE") ? vfprintf(stderr, format, args) : 0;
}

static void print_failed(void *context, const struct hook_description *hook)
{
    (void)context;
    if (hook->state == HOOK_FAILED)
        printf("hook: %s (%s, program %s): %s\n", hook->name, hook->kind, hook->program,
               hook->reason);
}

/* A set with everything attached and a new folder: calls by the end of all of them, or each by its
 * own tracepoint. */
static void open_set(enum hook_compat compat)
{
    uint64_t begin_ns = clock_boot_ns();
    struct err_ctx err = {0};
    bool wanted[EVENT_COUNT];
    memset(wanted, true, sizeof wanted);
    if (geteuid() != 0 || access("/sys/kernel/btf/vmlinux", R_OK) != 0) {
        printf("hook: skipped: needs root and /sys/kernel/btf/vmlinux\n");
        exit(77);
    }
    struct hook_options options = {.ring_bytes = RING_SIZE, .print = quiet, .compat = compat};
    if (hook_open(&options, &fixture.set, &err) != OK) {
        printf("hook: skipped: %s\n", err.text);
        exit(77);
    }
    assert_int_equal(hook_want(fixture.set, wanted, &err), OK);
    printf("hook: %llu ms to load and attach everything\n",
           (unsigned long long)(clock_boot_ns() - begin_ns) / 1000000);
    hook_describe(fixture.set, print_failed, NULL);
    test_ring_open(&fixture.ring, hook_ring_fd(fixture.set), RING_SIZE);
    snprintf(fixture.folder, sizeof fixture.folder, "/tmp/hook-test-%d", getpid());
    snprintf(fixture.link, sizeof fixture.link, "/tmp/hook-test-%d-link", getpid());
    assert_int_equal(mkdir(fixture.folder, 0777), 0);
    assert_int_equal(symlink(fixture.folder, fixture.link), 0);
}

static int setup(void **state)
{
    (void)state;
    open_set(HOOK_COMPAT_ON);
    return 0;
}

static void print_drops(void)
{
    struct control *control =
        mmap(NULL, sizeof *control, PROT_READ, MAP_SHARED, hook_control_fd(fixture.set), 0);
    assert_true(control != MAP_FAILED);
    for (int cpu = 0; cpu < CPU_MAX; cpu++) {
        for (int reason = 0; reason < DROP_REASON_COUNT; reason++) {
            for (int event = 0; event < EVENT_COUNT; event++) {
                if (control->cpus[cpu].drops[reason][event])
                    printf("hook: cpu %d reason %d event %d: %lu drops\n", cpu, reason, event,
                           control->cpus[cpu].drops[reason][event]);
            }
        }
    }
    munmap(control, sizeof *control);
}

static void close_set(void)
{
    char command[160];
    print_drops();
    test_ring_close(&fixture.ring);
    hook_close(fixture.set);
    snprintf(command, sizeof command, "rm -rf %s %s", fixture.folder, fixture.link);
    if (fork() == 0) {
        execl("/bin/sh", "sh", "-c", command, NULL);
        _exit(1);
    }
    wait(NULL);
}

/* A case of its own: what follows is served by the calls' own tracepoints. */
__attribute__((unused)) static void test_own_tracepoints(void **state)
{
    (void)state;
    close_set();
    open_set(HOOK_COMPAT_AUTO);
}

static int teardown(void **state)
{
    (void)state;
    close_set();
    return 0;
}

/* Does it in a child with cwd in the folder; the child's pid, its exit status must be 0. */
static int in_child(void (*work)(void))
{
    test_ring_forget(&fixture.ring);
    pid_t pid = fork();
    if (pid == 0) {
        if (chdir(fixture.folder))
            _exit(99);
        work();
        _exit(0);
    }
    int status = -1;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    return pid;
}

static const char *in_folder(const char *name)
{
    static char text[256];
    snprintf(text, sizeof text, "%s/%s", fixture.folder, name);
    return text;
}
