/* Which file is the copy of another that was read already, wholly or in part: made by
 * copy-and-truncate, or by packing a rotated file. A copy has the name of its family, begins as the
 * other did and has the same bytes before the position up to which that was read. It is read from
 * there on, once the other can give no more. */
#include <string.h>
#include <unistd.h>

#include <sys/stat.h>

#include "core/cleanup.h"
#include "follow/follow_state.h"

/* A file's bytes in ascending order, unpacked where it is packed. */
struct stream {
    int fd;
    struct unpack *unpack; /* NULL: plain */
    uint64_t at;
    bool is_end;
};

static void stream_close(struct stream *stream)
{
    unpack_close(stream->unpack);
}

static bool stream_read(struct stream *stream, uint8_t *into, size_t len, size_t *ret_len)
{
    struct err_ctx err;
    for (*ret_len = 0; *ret_len < len;) {
        size_t count;
        if (stream->unpack) {
            if (unpack_read(stream->unpack, into + *ret_len, len - *ret_len, &count, &err) != OK)
                count = 0;
        } else {
            ssize_t got = pread(stream->fd, into + *ret_len, len - *ret_len, (off_t)stream->at);
            count = got > 0 ? (size_t)got : 0;
        }
        if (count == 0)
            break;
        *ret_len += count;
        stream->at += count;
    }
    return *ret_len == len;
}

static bool stream_skip(struct stream *stream, uint64_t to)
{
    uint8_t bytes[16384];
    size_t count;
    if (!stream->unpack)
        stream->at = to;
    while (stream->at < to)
        if (!stream_read(stream, bytes,
                         to - stream->at < sizeof bytes ? (size_t)(to - stream->at) : sizeof bytes,
                         &count))
            return false;
    return true;
}

static bool stream_open(struct stream *stream, const struct file *file)
{
    struct err_ctx err;
    *stream = (struct stream){.fd = file->fd};
    return file->packing != PACKING_PACKED || (lseek(file->fd, 0, SEEK_SET) == 0 &&
                                               unpack_open(file->fd, &stream->unpack, &err) == OK);
}

enum likeness { UNLIKE, SHORTER, ALIKE };

/* How `file` compares to what was read of `other`. */
static enum likeness compare(const struct file *file, struct file *other)
{
    AUTO(stream_close) struct stream stream;
    uint8_t bytes[PRINT_BYTES];
    size_t len;
    if (!stream_open(&stream, file))
        return UNLIKE;
    bool is_whole = stream_read(&stream, bytes, other->head.len, &len);
    if (!is_whole)
        return len && !other->head.hash && memcmp(bytes, other->head.bytes, len) == 0 ? SHORTER
                                                                                      : UNLIKE;
    if (!print_matches(&other->head, bytes))
        return UNLIKE;
    uint64_t tail_at = other->position - other->tail.len;
    if (tail_at < stream.at) { /* the two prints overlap */
        stream_close(&stream);
        if (!stream_open(&stream, file))
            return UNLIKE;
    }
    if (!stream_skip(&stream, tail_at) || !stream_read(&stream, bytes, other->tail.len, &len))
        return SHORTER;
    return print_matches(&other->tail, bytes) ? ALIKE : UNLIKE;
}

/* Goes on where the other ended. */
static void adopt(struct follow *follow, struct file *file, struct file *other)
{
    file->position = other->position;
    file->head = other->head;
    file->tail = other->tail;
    file->is_skipping = other->is_skipping;
    file->is_changed = true;
    follow->counts.copies++;
    struct stat status; /* the copy is whole now, and may have been looked at before it was */
    uint64_t size = fstat(file->fd, &status) == 0 ? (uint64_t)status.st_size : file->size;
    uint64_t kept = file->packing == PACKING_PACKED || size <= file->position
                        ? other->lost
                        : size - file->position;
    kept = kept < other->lost ? kept : other->lost;
    follow->counts.lost_bytes -= kept;
    other->lost -= kept;
}

/* The other is closed, or was cut short. */
static void original_ended(struct follow *follow, struct file *file, struct file *other)
{
    enum likeness likeness = compare(file, other);
    if (likeness == ALIKE) {
        adopt(follow, file, other);
    } else if (likeness == SHORTER) { /* made before the other came to its end */
        follow->counts.copies++;
        file->is_ended = true;
        file->is_skipping = other->is_skipping;
        file->position = file->packing == PACKING_PACKED ? other->position : file->size;
        file->head = other->head;
        file->tail = (struct print){0};
        file_shut(follow, file);
    }
}

/* Of two files of a family the one with the shorter name is the original. */
static bool is_elder(const struct file *other, const struct file *file)
{
    size_t len = strlen(file->path), other_len = strlen(other->path);
    return other != file &&
           (other_len < len || (other_len == len && other->number < file->number)) &&
           print_is_family(file->path, other->path);
}

/* Do both begin alike, as far as the shorter one goes? */
static bool begin_alike(const struct file *file, const struct file *other)
{
    uint8_t bytes[PRINT_BYTES], other_bytes[PRINT_BYTES];
    size_t len = 0, other_len = 0;
    AUTO(stream_close) struct stream stream = {0};
    AUTO(stream_close) struct stream other_stream = {0};
    if (!stream_open(&stream, file) || !stream_open(&other_stream, other))
        return false;
    (void)stream_read(&stream, bytes, sizeof bytes, &len);
    (void)stream_read(&other_stream, other_bytes, sizeof other_bytes, &other_len);
    len = len < other_len ? len : other_len;
    return len && memcmp(bytes, other_bytes, len) == 0;
}

bool copy_judge(struct follow *follow, struct file *file)
{
    if (file->is_judged)
        return true;
    if (file->original) {
        struct file *other = file_of_number(follow, file->original);
        if (other && other->fd >= 0)
            return false;
        file->original = 0;
        file->is_judged = true;
        if (other)
            original_ended(follow, file, other);
        return file->fd >= 0;
    }
    struct file *best = NULL;
    for (size_t index = 0; index < follow->file_count; index++) {
        struct file *other = follow->files[index];
        if (!is_elder(other, file))
            continue;
        if (other->fd >= 0 && other->has_more && begin_alike(file, other))
            return false; /* that is read first */
        if (other->position == 0 || other->head.len == 0)
            continue;
        enum likeness likeness = compare(file, other);
        if (likeness == SHORTER && !file_is_settled(follow, file))
            return false; /* it may be growing into a copy */
        if (likeness == ALIKE && (!best || other->position > best->position))
            best = other;
    }
    if (best && best->fd >= 0) {
        file->original = best->number;
        file->position = best->position; /* should they differ from here on */
        file->head = best->head;
        file->tail = best->tail;
        return false;
    }
    if (best)
        adopt(follow, file, best);
    file->is_judged = true;
    return true;
}
