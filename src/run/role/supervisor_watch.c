/* Notices that rule files may have changed: inotify on their folders and on the folders above. What
 * is noticed is only a reason to look: whether anything is different is told by the bytes. */
#include <errno.h>
#include <fts.h>
#include <string.h>
#include <unistd.h>

#include <sys/inotify.h>
#include <sys/stat.h>

#include "core/cleanup.h"
#include "core/log.h"
#include "role/supervisor.h"

#define WATCHES_MAX 8192
#define READS_MAX   16
#define EVENTS                                                                                     \
    (IN_CLOSE_WRITE | IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_DELETE_SELF |       \
     IN_MOVE_SELF)

struct walk {
    struct watch *watch;
    size_t count;
    int failed; /* errno of the first place that could not be watched */
};

static int place_add(struct walk *walk, const char *path)
{
    if (walk->count == WATCHES_MAX) {
        walk->failed = ENOSPC;
        return -1;
    }
    int number = inotify_add_watch(walk->watch->fd, path, EVENTS);
    if (number >= 0)
        walk->count++;
    else if (errno != ENOENT && errno != ENOTDIR && !walk->failed)
        walk->failed = errno;
    return number;
}

/* The folder that holds it, in which it may be replaced. */
static void parent_add(struct walk *walk, const char *path)
{
    struct watch *watch = walk->watch;
    size_t len = strlen(path);
    while (len > 1 && path[len - 1] == '/')
        len--;
    size_t name = len;
    while (name && path[name - 1] != '/')
        name--;
    AUTO(auto_free) char *parent = name ? strndup(path, name) : strdup(".");
    int number = parent ? place_add(walk, parent) : -1;
    if (number < 0 || watch->parent_count == WATCH_PARENTS_MAX)
        return;
    watch->parents[watch->parent_count++] =
        (struct watch_parent){number, span_of(path + name, len - name)};
}

/* A folder that is watched for itself is no mere parent. */
static void parents_tidy(struct watch *watch, int number)
{
    for (size_t index = 0; index < watch->parent_count; index++)
        if (watch->parents[index].number == number)
            watch->parents[index].name = (span){NULL, 0};
}

static void folders_add(struct walk *walk, const char *path)
{
    AUTO(auto_free) char *root = strdup(path);
    char *const roots[] = {root, NULL};
    FTS *tree = root ? fts_open(roots, FTS_LOGICAL | FTS_NOCHDIR, NULL) : NULL;
    FTSENT *entry;
    while (tree && (entry = fts_read(tree))) {
        bool is_hidden = entry->fts_level > 0 && entry->fts_name[0] == '.';
        if (is_hidden)
            fts_set(tree, entry, FTS_SKIP);
        else if (entry->fts_info == FTS_D)
            parents_tidy(walk->watch, place_add(walk, entry->fts_path));
    }
    if (tree)
        fts_close(tree);
}

void watch_open(struct watch *watch, const char *const *paths, size_t count)
{
    struct stat status;
    struct walk walk = {.watch = watch};
    watch_close(watch);
    watch->fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    if (watch->fd < 0) {
        log_event(LOG_WARN, "rules_not_watched", "reason='%s'", strerror(errno));
        return;
    }
    for (size_t index = 0; index < count; index++)
        parent_add(&walk, paths[index]);
    for (size_t index = 0; index < count; index++) {
        if (stat(paths[index], &status))
            continue; /* its parent tells when it is there again */
        if (S_ISDIR(status.st_mode))
            folders_add(&walk, paths[index]);
        else
            place_add(&walk, paths[index]);
    }
    if (walk.failed)
        log_event(LOG_WARN, "rules_not_watched", "reason='%s' watched=%zu", strerror(walk.failed),
                  walk.count);
}

void watch_close(struct watch *watch)
{
    if (watch->fd >= 0)
        close(watch->fd);
    watch->fd = -1;
    watch->parent_count = 0;
}

static bool concerns(const struct watch *watch, const struct inotify_event *event)
{
    bool is_parent = false;
    span name = event->len ? span_str(event->name) : (span){NULL, 0};
    for (size_t index = 0; index < watch->parent_count; index++) {
        const struct watch_parent *parent = &watch->parents[index];
        if (parent->number != event->wd)
            continue;
        if (!parent->name.data || span_eq(parent->name, name))
            return true;
        is_parent = true;
    }
    return !is_parent;
}

bool watch_take(struct watch *watch)
{
    _Alignas(struct inotify_event) char buffer[16384];
    bool has_changed = false;
    for (int round = 0; round < READS_MAX; round++) {
        ssize_t len = read(watch->fd, buffer, sizeof buffer);
        if (len <= 0)
            break;
        for (ssize_t at = 0; at < len;) {
            const struct inotify_event *event = (const void *)(buffer + at);
            has_changed |= !(event->mask & IN_IGNORED) && concerns(watch, event);
            at += (ssize_t)(sizeof *event + event->len);
        }
    }
    return has_changed;
}
