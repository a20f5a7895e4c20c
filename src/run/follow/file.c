/* The files a follower knows: open ones, and closed ones whose end is remembered. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/cleanup.h"
#include "core/vector.h"
#include "follow/follow_state.h"

struct file *file_of_number(struct follow *follow, uint64_t number)
{
    for (size_t index = 0; index < follow->file_count; index++)
        if (follow->files[index]->number == number)
            return follow->files[index];
    return NULL;
}

/* The latest: what had this inode before is no more. */
struct file *file_of_inode(struct follow *follow, dev_t dev, ino_t ino)
{
    struct file *best = NULL;
    for (size_t index = 0; index < follow->file_count; index++) {
        struct file *file = follow->files[index];
        if (file->dev == dev && file->ino == ino && (!best || file->number > best->number))
            best = file;
    }
    return best;
}

void file_free(struct file *file)
{
    if (!file)
        return;
    if (file->fd >= 0)
        close(file->fd);
    free(file->path);
    free(file->path_now);
    free(file);
}

/* Makes room among what is remembered. False: all are open. */
static bool forget_oldest(struct follow *follow)
{
    for (size_t index = 0; index < follow->file_count; index++) {
        struct file *file = follow->files[index];
        if (file->fd >= 0)
            continue;
        if (!vector_grow(&follow->forgotten, &follow->forgotten_size, follow->forgotten_count,
                         KNOWN_MAX * 16, sizeof *follow->forgotten))
            return false;
        follow->forgotten[follow->forgotten_count++] = file->number;
        follow->counts.forgotten++;
        file_free(file);
        follow->file_count--;
        memmove(&follow->files[index], &follow->files[index + 1],
                (follow->file_count - index) * sizeof(struct file *));
        return true;
    }
    return false;
}

static int64_t mtime_of(const struct stat *status)
{
    return (int64_t)status->st_mtim.tv_sec * 1000000000 + status->st_mtim.tv_nsec;
}

struct file *file_add(struct follow *follow, const char *path, const struct stat *status)
{
    if (follow->file_count >= KNOWN_MAX && !forget_oldest(follow))
        return NULL;
    if (!vector_grow(&follow->files, &follow->file_size, follow->file_count, KNOWN_MAX,
                     sizeof(struct file *)))
        return NULL;
    struct file *file = calloc(1, sizeof *file);
    if (!file)
        return NULL;
    file->fd = -1;
    file->path = strdup(path);
    if (!file->path) {
        file_free(file);
        return NULL;
    }
    file->number = follow->number_next++;
    if (status) {
        file->dev = status->st_dev;
        file->ino = status->st_ino;
        file->size = (uint64_t)status->st_size;
        file->mtime_ns = mtime_of(status);
        file->has_more = status->st_size > 0;
    }
    follow->files[follow->file_count++] = file;
    return file;
}

bool file_is_settled(const struct follow *follow, const struct file *file)
{
    return file->changed_ns && follow->now_ns >= file->changed_ns + follow->options.settle_ns;
}

void file_look(struct follow *follow, struct file *file, const struct stat *status)
{
    int64_t mtime_ns = mtime_of(status);
    if ((uint64_t)status->st_size == file->size && mtime_ns == file->mtime_ns)
        return;
    file->size = (uint64_t)status->st_size;
    file->mtime_ns = mtime_ns;
    file->changed_ns = follow->now_ns;
    file->is_broken = false;
}

void file_unpath(struct follow *follow, struct file *file)
{
    if (!file->path_now)
        return;
    free(STEAL(file->path_now));
    if (!file->was_rotated)
        follow->counts.rotations++;
    file->was_rotated = true;
}

void file_closed_note(struct follow *follow, const struct file *file)
{
    if (vector_grow(&follow->closed, &follow->closed_size, follow->closed_count, CLOSED_MAX,
                    sizeof *follow->closed))
        follow->closed[follow->closed_count++] =
            (struct follow_closed){file->dev, file->ino, (off_t)file->size};
}

void file_shut(struct follow *follow, struct file *file)
{
    struct buffer *buffer = follow->plain.file == file    ? &follow->plain
                            : follow->packed.file == file ? &follow->packed
                                                          : NULL;
    if (buffer)
        buffer_leave(buffer);
    file_closed_note(follow, file);
    close(file->fd);
    file->fd = -1;
    file->has_more = false;
    file->is_changed = true;
    follow->open_count--;
    free(STEAL(file->path_now));
}

void file_cut(struct follow *follow, struct file *file, const struct stat *status)
{
    struct buffer *buffer = follow->plain.file == file ? &follow->plain : NULL;
    if (buffer)
        buffer_leave(buffer);
    follow->counts.truncated++;
    struct file *fresh = file_add(follow, file->path, status);
    if (!fresh) { /* no memory: the next look tries again */
        file->has_more = false;
        return;
    }
    file->lost = file->size > file->position ? file->size - file->position : 0;
    follow->counts.lost_bytes += file->lost;
    fresh->fd = fd_steal(&file->fd);
    fresh->path_now = STEAL(file->path_now);
    fresh->is_judged = true;
    fresh->is_changed = true;
    file->ino = 0; /* this inode is the other's now */
    file->has_more = false;
    file->is_changed = true;
}
