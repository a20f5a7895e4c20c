/* Hanging a loaded program on a tracepoint. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <linux/perf_event.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/syscall.h>

#include "core/cleanup.h"
#include "hook/set.h"

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

int attach_tracepoint(struct hook_set *set, const char *folder, const char *name, int program_fd)
{
    int id = tracepoint_id(set, folder, name);
    if (id < 0)
        return id;
    struct perf_event_attr attr = {
        .type = PERF_TYPE_TRACEPOINT, .size = sizeof attr, .config = (uint64_t)id};
    /* one event on one processor runs the program on all: it hangs on the tracepoint, not there */
    AUTO(auto_close)
    int event = (int)syscall(SYS_perf_event_open, &attr, -1, 0, -1, PERF_FLAG_FD_CLOEXEC);
    if (event < 0)
        return -errno;
    int link = bpf_link_create(program_fd, event, BPF_PERF_EVENT, NULL);
    if (link < 0)
        return -errno;
    if (ioctl(event, PERF_EVENT_IOC_ENABLE, 0) < 0) {
        int sys = errno;
        close(link);
        return -sys;
    }
    return link;
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
