/* Hanging a loaded program on a tracepoint. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <linux/perf_event.h>
#include <sys/mount.h>
#include <sys/syscall.h>

#include "core/cleanup.h"
#include "hook/set.h"
#include "hook/table.h"

/* A tracefs that is mounted nowhere: only this process can reach it, by the descriptor. */
static int tracefs_detached(void)
{
    AUTO(auto_close) int context = (int)syscall(SYS_fsopen, "tracefs", 1 /* FSOPEN_CLOEXEC */);
    if (context < 0)
        return -errno;
    if (syscall(SYS_fsconfig, context, 6 /* FSCONFIG_CMD_CREATE */, NULL, NULL, 0) < 0)
        return -errno;
    int mount = (int)syscall(SYS_fsmount, context, 1 /* FSMOUNT_CLOEXEC */, 0);
    return mount < 0 ? -errno : mount;
}

void tracefs_open(struct hook_set *set)
{
    static const char *const places[] = {"/sys/kernel/tracing/events",
                                         "/sys/kernel/debug/tracing/events"};
    for (size_t i = 0; i < 2; i++) {
        set->tracefs_fd = open(places[i], O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (set->tracefs_fd >= 0)
            return;
    }
    AUTO(auto_close) int mount = tracefs_detached();
    if (mount >= 0)
        set->tracefs_fd = openat(mount, "events", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (set->tracefs_fd < 0)
        snprintf(set->tracefs_reason, sizeof set->tracefs_reason,
                 "tracefs is not mounted and can't be: %s", strerror(mount < 0 ? -mount : errno));
}

static int tracepoint_id(struct hook_set *set, const char *folder, const char *name)
{
    char path[160], text[24];
    snprintf(path, sizeof path, "%s/%s/id", folder, name);
    AUTO(auto_close) int fd = openat(set->tracefs_fd, path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    ssize_t len = read(fd, text, sizeof text - 1);
    if (len <= 0)
        return len < 0 ? -errno : -EIO;
    text[len] = 0;
    return (int)strtol(text, NULL, 10);
}

/* One event on one processor runs the program on all: it hangs on the tracepoint, not there. So the
 * event itself need not count anything. */
static int perf_event_open(struct hook_set *set, const char *folder, const char *name)
{
    int id = tracepoint_id(set, folder, name);
    if (id < 0)
        return id;
    struct perf_event_attr attr = {
        .type = PERF_TYPE_TRACEPOINT, .size = sizeof attr, .config = (uint64_t)id, .disabled = 1};
    int event = (int)syscall(SYS_perf_event_open, &attr, -1, 0, -1, PERF_FLAG_FD_CLOEXEC);
    return event < 0 ? -errno : event;
}

/* kernel.perf_event_paranoid above 2 is no value of the kernel's own, but of distributions that ask
 * for CAP_SYS_ADMIN then, which the sensor gives up. */
static bool perf_is_for_root(void)
{
    char text[16] = {0};
    AUTO(auto_close) int fd = open("/proc/sys/kernel/perf_event_paranoid", O_RDONLY | O_CLOEXEC);
    return fd >= 0 && read(fd, text, sizeof text - 1) > 0 && strtol(text, NULL, 10) > 2;
}

static void perf_event_keep(struct hook_set *set, const char *way, const char *call)
{
    if (set->perf_event_count == PERF_EVENTS_MAX)
        return;
    struct hook_perf_event *event = &set->perf_events[set->perf_event_count];
    snprintf(event->name, sizeof event->name, "sys_%s_%s", way, call);
    event->fd = perf_event_open(set, "syscalls", event->name);
    if (event->fd >= 0)
        set->perf_event_count++;
}

void hook_perf_events_open(struct hook_set *set)
{
    if (set->tracefs_fd < 0 || !perf_is_for_root())
        return;
    for (int i = 0; i < call_table_len; i++) {
        const struct call_program_row *program = &call_programs[call_table[i].program];
        if (call_table[i].nr < 0)
            continue;
        if (program->exit && set->options.compat != HOOK_COMPAT_ON)
            perf_event_keep(set, "exit", call_table[i].name);
        if (program->enter)
            perf_event_keep(set, "enter", call_table[i].name);
    }
}

int attach_tracepoint(struct hook_set *set, const char *folder, const char *name, int program_fd)
{
    AUTO(auto_close) int own = -1;
    int event = -1;
    for (size_t i = 0; i < set->perf_event_count && event < 0; i++) {
        if (strcmp(set->perf_events[i].name, name) == 0)
            event = set->perf_events[i].fd;
    }
    if (event < 0) {
        own = perf_event_open(set, folder, name);
        event = own;
    }
    if (event < 0)
        return event;
    int link = bpf_link_create(program_fd, event, BPF_PERF_EVENT, NULL);
    return link < 0 ? -errno : link;
}

int attach_trace(const char *name, int program_fd)
{
    int link = bpf_raw_tracepoint_open(name, program_fd);
    return link < 0 ? -errno : link;
}

int attach_iterator(int program_fd)
{
    int link = bpf_link_create(program_fd, 0, BPF_TRACE_ITER, NULL);
    return link < 0 ? -errno : link;
}
