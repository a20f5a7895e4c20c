/* Not a unit test: watches this host's cgroups as the kernel's cgroup_mkdir events would tell them,
 * looks each new container up the moment it appears, and prints what was found, one JSON line a
 * container:  test_live SECONDS.  Needs root; tests/containers.sh drives it. */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <unistd.h>

#include <sys/inotify.h>

#include "container/container.h"
#include "core/cleanup.h"
#include "core/clock.h"

#define WATCHES_MAX 4096
#define WAITING_MAX 256

struct waiting {
    char cgroup[512];
    uint64_t seen_boot_ns;
    bool is_done, has_users;
};

struct live {
    int inotify_fd;
    char root[64]; /* of the cgroup hierarchy that is watched */
    char *folders[WATCHES_MAX];
    struct container_cache *containers;
    struct user_cache *users;
    struct waiting waiting[WAITING_MAX];
    size_t waiting_count;
};

static int open_directly(void *context, const struct open_request *request)
{
    (void)context;
    struct err_ctx err;
    int fd = -1;
    err_kind kind = opener_serve(request, &fd, &err);
    if (kind) {
        fprintf(stderr, "refused: %s\n", err.text);
        return kind == ERR_DENIED ? -EACCES : -EIO;
    }
    return fd < 0 ? -ENOENT : fd;
}

static void watch(struct live *live, const char *folder)
{
    int number = inotify_add_watch(live->inotify_fd, folder, IN_CREATE | IN_ONLYDIR);
    if (number <= 0 || number >= WATCHES_MAX)
        return;
    free(live->folders[number]);
    live->folders[number] = strdup(folder);
}

/* The processes whose command lines tell the roots, as the engine's process table would. */
static void see_daemons(struct live *live)
{
    DIR *processes = opendir("/proc");
    for (struct dirent *entry; processes && (entry = readdir(processes));) {
        if (!isdigit((unsigned char)entry->d_name[0]))
            continue;
        char path[300], text[32768];
        snprintf(path, sizeof path, "/proc/%s/cmdline", entry->d_name);
        AUTO(auto_fclose) FILE *file = fopen(path, "re");
        size_t length = file ? fread(text, 1, sizeof text, file) : 0;
        snprintf(path, sizeof path, "/proc/%s/cwd", entry->d_name);
        char cwd[4096];
        ssize_t cwd_length = readlink(path, cwd, sizeof cwd);
        if (length && cwd_length > 0)
            container_daemon_seen(live->containers, span_of(text, strnlen(text, length)),
                                  span_of(text, length), span_of(cwd, (size_t)cwd_length));
    }
    if (processes)
        closedir(processes);
}

static uint64_t start_boot_ns(int pid)
{
    char path[64], text[1024];
    snprintf(path, sizeof path, "/proc/%d/stat", pid);
    AUTO(auto_fclose) FILE *file = fopen(path, "re");
    size_t length = file ? fread(text, 1, sizeof text - 1, file) : 0;
    text[length] = 0;
    char *at = strrchr(text, ')');
    for (int field = 2; at && field < 22; field++)
        at = strchr(at + 1, ' ');
    return at ? strtoull(at + 1, NULL, 10) * 10000000u : 0;
}

static int first_pid(const struct live *live, const char *cgroup)
{
    char path[700];
    snprintf(path, sizeof path, "%s%s/cgroup.procs", live->root, cgroup);
    AUTO(auto_fclose) FILE *file = fopen(path, "re");
    int pid = 0;
    return file && fscanf(file, "%d", &pid) == 1 ? pid : 0;
}

static void print_found(const struct live *live, const struct waiting *waiting,
                        const struct container_info *info)
{
    (void)live;
    struct writer out;
    writer_init(&out, 1 << 20);
    container_info_json(info, &out);
    printf("%.*s\t%.3f ms\n", (int)out.len, (const char *)out.data,
           (double)(clock_boot_ns() - waiting->seen_boot_ns) / 1e6);
    fflush(stdout);
    writer_free(&out);
}

static void look(struct live *live, struct waiting *waiting)
{
    struct container_key key;
    const struct container_info *info;
    uint64_t now = clock_boot_ns();
    if (!container_from_cgroup(span_str(waiting->cgroup), &key)) {
        waiting->is_done = waiting->has_users = true;
        return;
    }
    if (!waiting->is_done &&
        container_lookup(live->containers, &key, 0, 0, now, &info) == CONTAINER_FOUND) {
        print_found(live, waiting, info);
        waiting->is_done = true;
    }
    int pid = waiting->has_users ? 0 : first_pid(live, waiting->cgroup);
    if (!pid)
        return;
    struct user_scope scope = {
        .container = key.id, .pid = pid, .start_boot_ns = start_boot_ns(pid), .now_boot_ns = now};
    span name;
    if (user_name(live->users, &scope, 0, &name)) {
        printf("user 0 of " PRI_SPAN " is " PRI_SPAN "\n", ARG_SPAN(key.id), ARG_SPAN(name));
        fflush(stdout);
        waiting->has_users = true;
    }
}

static void folder_made(struct live *live, const char *folder)
{
    watch(live, folder);
    struct container_key key;
    const char *cgroup = folder + strlen(live->root);
    if (!container_from_cgroup(span_str(cgroup), &key) || live->waiting_count == WAITING_MAX)
        return;
    struct waiting *waiting = &live->waiting[live->waiting_count++];
    snprintf(waiting->cgroup, sizeof waiting->cgroup, "%s", cgroup);
    waiting->seen_boot_ns = clock_boot_ns();
    see_daemons(live);
    look(live, waiting);
}

static void read_events(struct live *live)
{
    _Alignas(struct inotify_event) char bytes[65536];
    ssize_t length = read(live->inotify_fd, bytes, sizeof bytes);
    for (ssize_t at = 0; at < length;) {
        struct inotify_event *event = (struct inotify_event *)(bytes + at);
        at += (ssize_t)(sizeof *event + event->len);
        if (event->wd <= 0 || event->wd >= WATCHES_MAX || !live->folders[event->wd] ||
            !(event->mask & IN_ISDIR))
            continue;
        char folder[1024];
        int size = snprintf(folder, sizeof folder, "%s/%s", live->folders[event->wd], event->name);
        if (size > 0 && (size_t)size < sizeof folder)
            folder_made(live, folder);
    }
}

int main(int argc, char **argv)
{
    static struct live live;
    struct err_ctx err;
    struct container_options options = {.open = open_directly};
    uint64_t end = clock_boot_ns() + strtoull(argc > 1 ? argv[1] : "10", NULL, 10) * 1000000000u;
    live.inotify_fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    snprintf(live.root, sizeof live.root, "%s",
             access("/sys/fs/cgroup/cgroup.controllers", F_OK) == 0 ? "/sys/fs/cgroup"
             : access("/sys/fs/cgroup/pids", F_OK) == 0             ? "/sys/fs/cgroup/pids"
                                                                    : "/sys/fs/cgroup/unified");
    if (container_cache_open(&options, &live.containers, &err) ||
        user_cache_open(&options, &live.users, &err)) {
        fprintf(stderr, "%s\n", err.text);
        return 1;
    }
    watch(&live, live.root);
    DIR *top = opendir(live.root);
    for (struct dirent *entry; top && (entry = readdir(top));) {
        char folder[512];
        snprintf(folder, sizeof folder, "%s/%s", live.root, entry->d_name);
        if (entry->d_type == DT_DIR && entry->d_name[0] != '.')
            watch(&live, folder);
    }
    if (top)
        closedir(top);
    see_daemons(&live);
    printf("ready\n");
    fflush(stdout);
    while (clock_boot_ns() < end) {
        struct pollfd poller = {live.inotify_fd, POLLIN, 0};
        poll(&poller, 1, 2);
        read_events(&live);
        for (size_t index = 0; index < live.waiting_count; index++) {
            if (!live.waiting[index].is_done || !live.waiting[index].has_users)
                look(&live, &live.waiting[index]);
        }
    }
    const struct container_stats *stats = container_cache_stats(live.containers);
    printf("end: %llu opens, %llu found, %llu bad files %s\n", (unsigned long long)stats->opens,
           (unsigned long long)stats->found, (unsigned long long)stats->bad_files,
           stats->last_error);
    container_cache_close(live.containers);
    user_cache_close(live.users);
    return 0;
}
