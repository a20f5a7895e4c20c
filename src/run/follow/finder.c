/* Which file a path leads to now. Inodes tell; a descriptor is held from the moment a file is seen,
 * so that its number cannot be given to another. */
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sys/inotify.h>

#include "core/cleanup.h"
#include "core/vector.h"
#include "follow/follow.h"

#define HELD_DEFAULT   1024
#define WANTED_MAX     4096
#define FOLDERS_MAX    1024
#define NAMES_MASK     (IN_CREATE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE)
#define INOTIFY_BUFFER 16384

struct held {
    char *path; /* that leads to it, or did last */
    bool is_there;
    dev_t dev;
    ino_t ino;
    int fd;             /* -1: the follower has closed it */
    struct stat closed; /* as it was then */
    unsigned seen;      /* the look that saw it last */
    bool is_told;
};

struct wanted {
    char *folder_pattern;
    dev_t dev;
    ino_t ino;
};

struct finder {
    struct finder_options options;
    struct held *held;
    size_t held_count, held_size;
    struct wanted *wanted;
    size_t wanted_count, wanted_size;
    char **folders; /* that are watched */
    size_t folder_count, folder_size;
    int names_fd, growth_fd;
    size_t fd_count;
    unsigned look;
    struct finder_counts counts;
    finder_tell tell; /* of the look at hand */
    void *context;
};

/* ---- this host ---- */

static err_kind host_find(void *context, const char *pattern,
                          void (*found)(void *context, const char *path, const struct stat *status),
                          void *found_context, struct err_ctx *err)
{
    (void)context;
    glob_t paths = {0};
    int outcome = glob(pattern, GLOB_BRACE | GLOB_NOSORT, NULL, &paths);
    if (outcome && outcome != GLOB_NOMATCH) {
        globfree(&paths);
        return err_set(err, ERR_SYSTEM, "'%s'", pattern);
    }
    for (size_t index = 0; outcome == 0 && index < paths.gl_pathc; index++) {
        struct stat status;
        if (stat(paths.gl_pathv[index], &status) == 0 && S_ISREG(status.st_mode))
            found(found_context, paths.gl_pathv[index], &status);
    }
    globfree(&paths);
    return OK;
}

static int host_open(void *context, const char *path)
{
    (void)context;
    return open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
}

const struct finder_place finder_host = {NULL, host_find, host_open};

/* ---- notice of changes ---- */

static void folder_watch(struct finder *finder, const char *path)
{
    const char *slash = strrchr(path, '/');
    size_t len = slash && slash != path ? (size_t)(slash - path) : 1;
    if (finder->names_fd < 0)
        return;
    for (size_t index = 0; index < finder->folder_count; index++)
        if (strlen(finder->folders[index]) == len && memcmp(finder->folders[index], path, len) == 0)
            return;
    if (!vector_grow(&finder->folders, &finder->folder_size, finder->folder_count, FOLDERS_MAX,
                     sizeof(char *)))
        return;
    AUTO(auto_free) char *folder = strndup(path, len);
    /* where there is no notice, looking from time to time finds all the same */
    if (!folder || strpbrk(folder, "*?[{") ||
        inotify_add_watch(finder->names_fd, folder, NAMES_MASK) < 0 ||
        inotify_add_watch(finder->growth_fd, folder, IN_MODIFY) < 0)
        return;
    finder->folders[finder->folder_count++] = STEAL(folder);
}

int finder_names_fd(const struct finder *finder)
{
    return finder->names_fd;
}

int finder_growth_fd(const struct finder *finder)
{
    return finder->growth_fd;
}

void finder_drain(int fd)
{
    uint8_t events[INOTIFY_BUFFER];
    ssize_t count;
    do
        count = read(fd, events, sizeof events);
    while (count > 0 || (count < 0 && errno == EINTR));
}

/* ---- open and close ---- */

err_kind finder_open(const struct finder_options *options, struct finder **ret, struct err_ctx *err)
{
    struct finder *finder = calloc(1, sizeof *finder);
    if (!finder)
        return err_set(err, ERR_SYSTEM, "finder");
    finder->options = *options;
    if (!finder->options.held_max)
        finder->options.held_max = HELD_DEFAULT;
    finder->names_fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    finder->growth_fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    if (finder->growth_fd < 0 && finder->names_fd >= 0)
        close(fd_steal(&finder->names_fd));
    for (size_t index = 0; index < options->pattern_count; index++)
        folder_watch(finder, options->patterns[index]);
    *ret = finder;
    return OK;
}

void finder_close(struct finder *finder)
{
    if (!finder)
        return;
    for (size_t index = 0; index < finder->held_count; index++) {
        if (finder->held[index].fd >= 0)
            close(finder->held[index].fd);
        free(finder->held[index].path);
    }
    for (size_t index = 0; index < finder->wanted_count; index++)
        free(finder->wanted[index].folder_pattern);
    for (size_t index = 0; index < finder->folder_count; index++)
        free(finder->folders[index]);
    if (finder->names_fd >= 0)
        close(finder->names_fd);
    if (finder->growth_fd >= 0)
        close(finder->growth_fd);
    free(finder->held);
    free(finder->wanted);
    free(finder->folders);
    free(finder);
}

/* ---- looking ---- */

static struct held *held_of_inode(struct finder *finder, dev_t dev, ino_t ino)
{
    for (size_t index = 0; index < finder->held_count; index++)
        if (finder->held[index].dev == dev && finder->held[index].ino == ino)
            return &finder->held[index];
    return NULL;
}

static struct held *held_of_path(struct finder *finder, const char *path)
{
    for (size_t index = 0; index < finder->held_count; index++)
        if (finder->held[index].is_there && strcmp(finder->held[index].path, path) == 0)
            return &finder->held[index];
    return NULL;
}

static void held_remove(struct finder *finder, struct held *held)
{
    if (held->fd >= 0) {
        close(held->fd);
        finder->fd_count--;
    }
    free(held->path);
    *held = finder->held[--finder->held_count];
}

/* Opens it; another file may have taken its place since it was found. */
static bool held_open(struct finder *finder, const char *path, struct held *held)
{
    struct stat status;
    if (finder->fd_count >= finder->options.held_max) {
        finder->counts.over_room++;
        return false;
    }
    AUTO(auto_close) int fd = finder->options.place->open(finder->options.place->context, path);
    if (fd < 0 || fstat(fd, &status) || !S_ISREG(status.st_mode)) {
        finder->counts.unopened++;
        return false;
    }
    if (held->ino && (held->dev != status.st_dev || held->ino != status.st_ino))
        return false; /* the next look finds that one */
    held->dev = status.st_dev;
    held->ino = status.st_ino;
    held->fd = fd_steal(&fd);
    finder->fd_count++;
    return true;
}

/* No path leads to it any more; nobody needs it when the follower has closed it. */
static void held_unpath(struct finder *finder, struct held *held)
{
    held->is_there = false;
    if (held->fd < 0)
        held_remove(finder, held);
}

static void found_new(struct finder *finder, const char *path)
{
    struct held held = {.fd = -1, .seen = finder->look, .is_there = true};
    if (!vector_grow(&finder->held, &finder->held_size, finder->held_count, FINDER_PATHS_MAX,
                     sizeof held)) {
        finder->counts.over_room++;
        return;
    }
    held.path = strdup(path);
    if (!held.path || !held_open(finder, path, &held)) {
        free(held.path);
        return;
    }
    if (held_of_inode(finder, held.dev, held.ino)) { /* came between listing and opening */
        close(held.fd);
        finder->fd_count--;
        free(held.path);
        return;
    }
    finder->held[finder->held_count++] = held;
    folder_watch(finder, path);
}

static bool has_changed(const struct stat *before, const struct stat *now)
{
    return before->st_size != now->st_size || before->st_mtim.tv_sec != now->st_mtim.tv_sec ||
           before->st_mtim.tv_nsec != now->st_mtim.tv_nsec;
}

static void found(void *context, const char *path, const struct stat *status)
{
    struct finder *finder = context;
    struct held *before = held_of_path(finder, path);
    finder->counts.paths++;
    if (before && (before->dev != status->st_dev || before->ino != status->st_ino))
        held_unpath(finder, before);
    struct held *held = held_of_inode(finder, status->st_dev, status->st_ino);
    if (!held) {
        found_new(finder, path);
        return;
    }
    if (held->seen == finder->look && held->is_there)
        return; /* by two names, or two patterns */
    held->seen = finder->look;
    if (!held->is_there || strcmp(held->path, path) != 0) {
        char *copy = strdup(path);
        if (!copy)
            return;
        free(held->path);
        held->path = copy;
        held->is_there = true;
        held->is_told = false;
    }
    if (held->fd < 0 && has_changed(&held->closed, status) && held_open(finder, path, held))
        held->is_told = false;
}

static void wanted_found(void *context, const char *path, const struct stat *status)
{
    struct finder *finder = context;
    for (size_t index = 0; index < finder->wanted_count; index++) {
        const struct wanted *wanted = &finder->wanted[index];
        if (wanted->dev == status->st_dev && wanted->ino == status->st_ino &&
            !held_of_inode(finder, status->st_dev, status->st_ino)) {
            found_new(finder, path);
            return;
        }
    }
}

/* Files that were renamed while nobody looked. */
static err_kind wanted_look(struct finder *finder, struct err_ctx *err)
{
    const struct finder_place *place = finder->options.place;
    err_kind kind = OK;
    for (size_t index = 0; index < finder->wanted_count && kind == OK; index++) {
        const struct wanted *wanted = &finder->wanted[index];
        if (!held_of_inode(finder, wanted->dev, wanted->ino))
            kind = place->find(place->context, wanted->folder_pattern, wanted_found, finder, err);
    }
    for (size_t index = 0; index < finder->wanted_count; index++)
        free(finder->wanted[index].folder_pattern);
    finder->wanted_count = 0;
    return kind;
}

static int by_change(const void *left, const void *right)
{
    const struct held *const *a = left, *const *b = right;
    struct stat one, two;
    if ((*a)->is_there != (*b)->is_there)
        return (*a)->is_there - (*b)->is_there;
    if ((*a)->fd < 0 || (*b)->fd < 0 || fstat((*a)->fd, &one) || fstat((*b)->fd, &two))
        return 0;
    int64_t first = (int64_t)one.st_mtim.tv_sec * 1000000000 + one.st_mtim.tv_nsec;
    int64_t second = (int64_t)two.st_mtim.tv_sec * 1000000000 + two.st_mtim.tv_nsec;
    return first != second ? (first > second) - (first < second) : strcmp((*a)->path, (*b)->path);
}

static void tell_one(const struct finder *finder, struct held *held)
{
    const struct finder_found told = {held->path, held->fd, held->is_there};
    held->is_told = finder->tell(finder->context, &told);
}

/* What is new, the file first that changed longest ago. */
static err_kind tell_new(struct finder *finder, struct err_ctx *err)
{
    size_t count = 0;
    AUTO(auto_free) struct held **order = calloc(finder->held_count + 1, sizeof(struct held *));
    if (!order)
        return err_set(err, ERR_SYSTEM, "finder");
    for (size_t index = 0; index < finder->held_count; index++) {
        struct held *held = &finder->held[index];
        if (!held->is_told && held->fd >= 0)
            order[count++] = held;
    }
    qsort(order, count, sizeof(struct held *), by_change);
    for (size_t index = 0; index < count; index++)
        tell_one(finder, order[index]);
    return OK;
}

static void tell_gone(struct finder *finder)
{
    for (size_t index = finder->held_count; index-- > 0;) {
        struct held *held = &finder->held[index];
        const struct finder_found told = {held->path, -1, false};
        if (!held->is_there || held->seen == finder->look)
            continue;
        if (held->is_told && held->fd >= 0 && !finder->tell(finder->context, &told))
            continue; /* said by the next look */
        held_unpath(finder, held);
    }
}

err_kind finder_look(struct finder *finder, finder_tell tell, void *context, struct err_ctx *err)
{
    const struct finder_place *place = finder->options.place;
    err_kind kind = OK;
    finder->look++;
    finder->tell = tell;
    finder->context = context;
    finder->counts = (struct finder_counts){0};
    if (finder->names_fd >= 0)
        finder_drain(finder->names_fd);
    for (size_t index = 0; index < finder->options.pattern_count && kind == OK; index++)
        kind = place->find(place->context, finder->options.patterns[index], found, finder, err);
    if (kind == OK)
        kind = wanted_look(finder, err);
    if (kind != OK)
        return kind;
    tell_gone(finder);
    return tell_new(finder, err);
}

err_kind finder_tell_rest(struct finder *finder, finder_tell tell, void *context,
                          struct err_ctx *err)
{
    finder->tell = tell;
    finder->context = context;
    return tell_new(finder, err);
}

void finder_forget_told(struct finder *finder)
{
    for (size_t index = 0; index < finder->held_count; index++)
        finder->held[index].is_told = false;
}

void finder_release(struct finder *finder, const struct follow_closed *closed)
{
    struct held *held = held_of_inode(finder, closed->dev, closed->ino);
    if (!held || held->fd < 0)
        return;
    if (fstat(held->fd, &held->closed))
        held->closed = (struct stat){0};
    if (held->closed.st_size != closed->size)
        held->closed.st_size = -1; /* it has grown since */
    close(fd_steal(&held->fd));
    finder->fd_count--;
    if (!held->is_there)
        held_remove(finder, held);
}

void finder_want(struct finder *finder, const char *path, dev_t dev, ino_t ino)
{
    const char *slash = strrchr(path, '/');
    size_t len = slash ? (size_t)(slash - path) + 1 : 0;
    if (!len || held_of_inode(finder, dev, ino) ||
        !vector_grow(&finder->wanted, &finder->wanted_size, finder->wanted_count, WANTED_MAX,
                     sizeof *finder->wanted))
        return;
    char *pattern = malloc(2 * len + 2), *end = pattern;
    if (!pattern)
        return;
    for (size_t index = 0; index < len; index++) {
        if (strchr("*?[]{}\\~", path[index]))
            *end++ = '\\';
        *end++ = path[index];
    }
    memcpy(end, "*", 2);
    finder->wanted[finder->wanted_count++] = (struct wanted){pattern, dev, ino};
}

struct finder_counts finder_counts(const struct finder *finder)
{
    struct finder_counts counts = finder->counts;
    counts.held = finder->fd_count;
    return counts;
}
