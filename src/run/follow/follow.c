#include "follow/follow.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/cleanup.h"
#include "core/vector.h"
#include "follow/follow_state.h"

#define FILES_DEFAULT   256
#define FRAME_DEFAULT   ((size_t)1 << 20)
#define SETTLE_DEFAULT  1000000000ull
#define LINGER_DEFAULT  60000000000ull
#define UNPACKING_BYTES 4 /* by which packed files are told */

err_kind follow_open(const struct follow_options *options, struct follow **ret, struct err_ctx *err)
{
    struct follow *follow = calloc(1, sizeof *follow);
    if (!follow)
        return err_set(err, ERR_SYSTEM, "follower");
    follow->options = *options;
    follow->number_next = 1;
    struct follow_options *set = &follow->options;
    set->file_count_max = set->file_count_max ? set->file_count_max : FILES_DEFAULT;
    if (set->file_count_max > KNOWN_MAX / 2)
        set->file_count_max = KNOWN_MAX / 2;
    set->frame_bytes_max = set->frame_bytes_max ? set->frame_bytes_max : FRAME_DEFAULT;
    set->settle_ns = set->settle_ns ? set->settle_ns : SETTLE_DEFAULT;
    set->linger_ns = set->linger_ns ? set->linger_ns : LINGER_DEFAULT;
    *ret = follow;
    return OK;
}

void follow_close(struct follow *follow)
{
    if (!follow)
        return;
    buffer_free(&follow->plain);
    buffer_free(&follow->packed);
    for (size_t index = 0; index < follow->file_count; index++)
        file_free(follow->files[index]);
    free(follow->files);
    free(follow->forgotten);
    free(follow->closed);
    free(follow);
}

/* ---- positions ---- */

err_kind follow_restore(struct follow *follow, uint64_t number, span text, struct err_ctx *err)
{
    struct file read = {0};
    span path;
    char name[FOLLOW_PATH_BYTES_MAX + 1];
    if (number == 0 || number == UINT64_MAX || !print_read(text, &read, &path) ||
        file_of_number(follow, number))
        return err_set(err, ERR_STATE, "the position of file %llu cannot be read",
                       (unsigned long long)number);
    memcpy(name, path.data, path.len);
    name[path.len] = 0;
    struct file *file = file_add(follow, name, NULL);
    if (!file)
        return err_set(err, ERR_SYSTEM, "positions");
    read.number = number;
    read.fd = -1;
    read.path = file->path;
    read.is_judged = true;
    *file = read;
    if (number >= follow->number_next)
        follow->number_next = number + 1;
    return OK;
}

err_kind follow_save(struct follow *follow, follow_put put, void *context, struct err_ctx *err)
{
    AUTO(writer_free) struct writer text;
    writer_init(&text, ENTRY_BYTES);
    buffer_prints(&follow->plain);
    buffer_prints(&follow->packed);
    while (follow->forgotten_count) {
        uint64_t number = follow->forgotten[follow->forgotten_count - 1];
        err_kind kind = put(context, number, (span){NULL, 0}, err);
        if (kind != OK)
            return kind;
        follow->forgotten_count--;
    }
    for (size_t index = 0; index < follow->file_count; index++) {
        struct file *file = follow->files[index];
        if (!file->is_changed || !file->is_judged)
            continue;
        writer_reset(&text);
        err_kind kind = print_write(file, &text, err);
        if (kind == OK)
            kind = put(context, file->number, writer_span(&text), err);
        if (kind != OK)
            return kind;
        file->is_changed = false;
    }
    follow->closed_saved = follow->closed_count;
    return OK;
}

/* ---- which file a path leads to ---- */

/* The least recently changed file that has nothing to give makes room. */
static bool park_one(struct follow *follow)
{
    struct file *best = NULL;
    for (size_t index = 0; index < follow->file_count; index++) {
        struct file *file = follow->files[index];
        if (file->fd < 0 || file->has_more || file->position < file->size || !file->is_judged ||
            file->packing == PACKING_PACKED)
            continue;
        if (!best || file->changed_ns < best->changed_ns)
            best = file;
    }
    if (best)
        file_shut(follow, best);
    return best != NULL;
}

static bool path_set(struct follow *follow, struct file *file, const char *path)
{
    char *copy = strdup(path);
    if (!copy)
        return false;
    for (size_t index = 0; index < follow->file_count; index++) {
        struct file *other = follow->files[index];
        if (other != file && other->path_now && strcmp(other->path_now, path) == 0)
            file_unpath(follow, other);
    }
    if (strcmp(file->path_now ? file->path_now : file->path, path) != 0 && !file->was_rotated) {
        file->was_rotated = true;
        follow->counts.rotations++;
    }
    free(file->path_now);
    file->path_now = copy;
    return true;
}

static bool is_unchanged(const struct file *file, const struct stat *status)
{
    return (uint64_t)status->st_size == file->size &&
           status->st_mtim.tv_sec == file->mtime_ns / 1000000000 &&
           status->st_mtim.tv_nsec == file->mtime_ns % 1000000000;
}

/* Is what was closed still the same file, so that its position holds? */
static bool is_resumable(struct file *file, int fd, const struct stat *status)
{
    if (file->packing == PACKING_PACKED)
        return is_unchanged(file, status);
    return file->position && (uint64_t)status->st_size >= file->position &&
           print_is_begin(fd, &file->head) && print_is_before(fd, &file->tail, file->position);
}

/* The file that is behind fd, known or new; NULL: no room. */
static struct file *file_attach(struct follow *follow, const char *path, int *fd,
                                const struct stat *status)
{
    struct file *file = file_of_inode(follow, status->st_dev, status->st_ino);
    if (file && !is_resumable(file, *fd, status)) {
        if (file->packing != PACKING_PACKED && file->position)
            follow->counts.truncated++; /* or deleted, and the number of its inode given anew */
        file->ino = 0;
        file->is_changed = true;
        file = NULL;
    }
    if (follow->open_count >= follow->options.file_count_max && !park_one(follow))
        return NULL;
    if (!file) {
        file = file_add(follow, path, status);
        if (!file)
            return NULL;
        follow->counts.files++;
    } else {
        file->is_ended = false;
        file_look(follow, file, status);
    }
    file->has_more = true;
    file->read_end = 0;
    file->changed_ns = 0;
    file->fd = fd_steal(fd);
    follow->open_count++;
    return file;
}

err_kind follow_offer(struct follow *follow, const char *path, bool is_there, int *fd,
                      bool *ret_is_taken, struct err_ctx *err)
{
    struct stat status;
    *ret_is_taken = false;
    if (fstat(*fd, &status))
        return err_set(err, ERR_SYSTEM, "'%s'", path);
    if (!S_ISREG(status.st_mode))
        return err_set(err, ERR_INPUT, "'%s' is not a regular file", path);
    if (strlen(path) > FOLLOW_PATH_BYTES_MAX)
        return err_set(err, ERR_LIMIT, "a path of more than %d bytes", FOLLOW_PATH_BYTES_MAX);
    struct file *file = file_of_inode(follow, status.st_dev, status.st_ino);
    if (file && file->fd < 0 && file->is_ended && file->packing == PACKING_PACKED &&
        is_unchanged(file, &status)) {
        file_closed_note(follow, file);
        close(fd_steal(fd));
        *ret_is_taken = true;
        return OK;
    }
    if (!file || file->fd < 0)
        file = file_attach(follow, path, fd, &status);
    else
        close(fd_steal(fd));
    if (!file) {
        follow->counts.refused++;
        return OK;
    }
    *ret_is_taken = true;
    if (!is_there) {
        if (!file->was_rotated)
            follow->counts.rotations++;
        file->was_rotated = true;
        free(STEAL(file->path_now));
        return OK;
    }
    return path_set(follow, file, path) ? OK : err_set(err, ERR_SYSTEM, "'%s'", path);
}

void follow_each_wanted(const struct follow *follow,
                        void (*want)(void *context, const char *path, dev_t dev, ino_t ino),
                        void *context)
{
    for (size_t index = 0; index < follow->file_count; index++) {
        const struct file *file = follow->files[index];
        if (file->fd < 0 && file->ino && !file->is_ended)
            want(context, file->path, file->dev, file->ino);
    }
}

void follow_gone(struct follow *follow, const char *path)
{
    for (size_t index = 0; index < follow->file_count; index++) {
        struct file *file = follow->files[index];
        if (file->path_now && strcmp(file->path_now, path) == 0)
            file_unpath(follow, file);
    }
}

bool follow_closed_next(struct follow *follow, struct follow_closed *ret)
{
    if (!follow->closed_saved)
        return false;
    *ret = follow->closed[0];
    follow->closed_saved--;
    follow->closed_count--;
    memmove(follow->closed, follow->closed + 1, follow->closed_count * sizeof *follow->closed);
    return true;
}

/* ---- looking ---- */

/* What kind of file it is, as soon as there are bytes enough to tell. */
static void packing_tell(const struct follow *follow, struct file *file)
{
    static const uint8_t gzip[] = {0x1f, 0x8b}, zstd[] = {0x28, 0xb5, 0x2f, 0xfd};
    uint8_t bytes[UNPACKING_BYTES];
    ssize_t count = pread(file->fd, bytes, sizeof bytes, 0);
    bool may_be_packed = count > 0 && (strchr("\x1f\x28", bytes[0]) || (bytes[0] & 0xf0) == 0x50);
    if (count <= 0 || (count < UNPACKING_BYTES && may_be_packed && !file_is_settled(follow, file)))
        return;
    span begin = span_of(bytes, (size_t)count);
    bool is_packed =
        span_starts(begin, span_of(gzip, sizeof gzip)) ||
        span_starts(begin, span_of(zstd, sizeof zstd)) ||
        (count == UNPACKING_BYTES && (bytes[0] & 0xf0) == 0x50 &&
         memcmp(bytes + 1, "\x2a\x4d\x18", 3) == 0); /* a frame of zstd to be skipped */
    file->packing = is_packed && !follow->options.is_plain ? PACKING_PACKED : PACKING_NONE;
}

static bool is_read_whole(const struct follow *follow, const struct file *file)
{
    return file->packing == PACKING_PACKED || follow->options.is_document;
}

/* The size that it has now is then not that of what was read. */
static bool begins_otherwise(struct follow *follow, struct file *file, const struct stat *status)
{
    if (file->packing == PACKING_PACKED || file->original || is_unchanged(file, status))
        return false;
    if (follow->plain.file == file)
        buffer_prints(&follow->plain);
    if (print_is_begin(file->fd, &file->head))
        return false;
    file->has_more = true;
    return true;
}

static void look(struct follow *follow, struct file *file)
{
    struct stat status;
    if (fstat(file->fd, &status)) {
        file_shut(follow, file);
        return;
    }
    if (!file->changed_ns)
        file->changed_ns = follow->now_ns;
    if (file->packing != PACKING_PACKED && (uint64_t)status.st_size < file->position &&
        !file->original) {
        file_cut(follow, file, &status);
        return;
    }
    if (begins_otherwise(follow, file, &status))
        return; /* cut short, and longer again: the next reading finds it, behind what it holds */
    file_look(follow, file, &status);
    if (file->packing == PACKING_UNKNOWN)
        packing_tell(follow, file);
    bool is_settled = file_is_settled(follow, file);
    if (file->packing == PACKING_UNKNOWN)
        file->has_more = false;
    else if (file->packing == PACKING_PACKED)
        file->has_more =
            is_settled &&
            (!file->is_broken ||
             follow->now_ns >= file->changed_ns + FOLLOW_PATIENCE * follow->options.settle_ns);
    else
        file->has_more = (is_settled || !is_read_whole(follow, file)) &&
                         file->size > file->position && file->size > file->read_end;
    if (file->path_now || file->has_more || file->packing == PACKING_PACKED ||
        follow->now_ns < file->changed_ns + follow->options.linger_ns)
        return;
    file->is_ended = true; /* its last line will not become whole any more */
    file->has_more = true;
}

void follow_poll(struct follow *follow, uint64_t now_boot_ns)
{
    follow->now_ns = now_boot_ns;
    for (size_t index = 0; index < follow->file_count; index++)
        if (follow->files[index]->fd >= 0)
            look(follow, follow->files[index]);
}

/* ---- frames ---- */

/* Must another be read first, which was at this path before? */
static bool is_behind(const struct follow *follow, const struct file *file)
{
    for (size_t index = 0; index < follow->file_count; index++) {
        const struct file *other = follow->files[index];
        if (other->number < file->number && other->fd >= 0 && other->was_rotated &&
            other->has_more && strcmp(other->path, file->path) == 0)
            return true;
    }
    return false;
}

/* The file whose turn it is, in its buffer. */
static struct buffer *turn_next(struct follow *follow)
{
    for (size_t count = 0; count < follow->file_count; count++) {
        follow->turn = (follow->turn + 1) % follow->file_count;
        struct file *file = follow->files[follow->turn];
        struct buffer *buffer = file->packing == PACKING_PACKED ? &follow->packed : &follow->plain;
        if (file->fd < 0 || !file->has_more || is_behind(follow, file))
            continue;
        if (buffer->file && buffer->file != file)
            continue; /* packed files go one at a time */
        if (!copy_judge(follow, file))
            continue;
        buffer->file = file;
        return buffer;
    }
    return NULL;
}

/* Every frame that lay in the buffer was taken. */
static void turn_end(struct follow *follow, struct buffer *buffer)
{
    struct file *file = buffer->file;
    if (!file)
        return;
    if (buffer->is_end && file->is_ended) {
        file_shut(follow, file);
        return;
    }
    if (buffer->is_end)
        file->has_more = false;
    if (buffer == &follow->plain)
        buffer_leave(buffer);
}

/* Reads until there is a frame, or the file has none for now. */
static bool turn_take(struct follow *follow, struct buffer *buffer)
{
    while (!buffer->is_end) {
        if (!buffer_fill(follow, buffer))
            return follow->has_frame;
        if (buffer_frame(follow, buffer))
            return true;
    }
    return false;
}

bool follow_peek(struct follow *follow, struct follow_frame *ret)
{
    /* a file has at most two turns before it has none left or a frame */
    for (size_t tries = 2 * follow->file_count + 2; !follow->has_frame && tries; tries--) {
        struct buffer *buffer = follow->active;
        if (buffer && buffer->file && buffer_frame(follow, buffer))
            break;
        if (buffer)
            turn_end(follow, buffer);
        follow->active = turn_next(follow);
        if (!follow->active)
            return false;
        (void)turn_take(follow, follow->active);
    }
    if (follow->has_frame)
        *ret = follow->frame;
    return follow->has_frame;
}

void follow_next(struct follow *follow)
{
    struct buffer *buffer = follow->active;
    if (!follow->has_frame)
        return;
    follow->has_frame = false;
    follow->counts.frames++;
    follow->counts.bytes += follow->frame.end - follow->frame.offset;
    follow->counts.faults += follow->frame.fault != NULL;
    if (follow->frame.end > follow->frame.offset)
        buffer_take(follow, buffer);
}

uint64_t follow_position(const struct follow *follow)
{
    const struct file *last = NULL;
    for (size_t index = 0; index < follow->file_count; index++) {
        const struct file *file = follow->files[index];
        if (file->fd >= 0 && (!last || file->number > last->number))
            last = file;
    }
    return last ? last->position : 0;
}

struct follow_counts follow_counts(const struct follow *follow)
{
    struct follow_counts counts = follow->counts;
    counts.open = follow->open_count;
    for (size_t index = 0; index < follow->file_count; index++) {
        const struct file *file = follow->files[index];
        if (file->fd >= 0 && !file->original && file->size > file->position)
            counts.lag_bytes += file->size - file->position;
    }
    return counts;
}
