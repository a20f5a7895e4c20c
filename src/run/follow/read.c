/* A file's bytes into a buffer, and frames out of it. A plain file is read by position, so that a
 * last line that is not whole is simply read again; a packed one as a stream, one at a time. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/cleanup.h"
#include "follow/follow_state.h"

void buffer_prints(struct buffer *buffer)
{
    if (!buffer->file || buffer->print_at >= buffer->at)
        return;
    const uint8_t *bytes = buffer->data + buffer->print_at;
    size_t len = buffer->at - buffer->print_at;
    print_extend_head(buffer->file, bytes, len);
    print_extend_tail(buffer->file, bytes, len);
    buffer->print_at = buffer->at;
}

void buffer_leave(struct buffer *buffer)
{
    buffer_prints(buffer);
    unpack_close(STEAL(buffer->unpack));
    buffer->file = NULL;
    buffer->at = buffer->len = buffer->print_at = 0;
    buffer->unpacked = 0;
    buffer->is_end = false;
}

void buffer_free(struct buffer *buffer)
{
    unpack_close(buffer->unpack);
    free(buffer->data);
}

/* Moves what is left to the front and makes room for a read behind it. */
static bool room_make(const struct follow *follow, struct buffer *buffer)
{
    buffer_prints(buffer);
    buffer->len -= buffer->at;
    if (buffer->at)
        memmove(buffer->data, buffer->data + buffer->at, buffer->len);
    buffer->at = buffer->print_at = 0;
    size_t most = follow->options.frame_bytes_max + READ_BYTES;
    if (buffer->data && buffer->size - buffer->len >= READ_BYTES / 2)
        return true;
    size_t want = buffer->size ? buffer->size * 2 : 2 * READ_BYTES;
    want = want > most && most > buffer->size ? most : want;
    uint8_t *grown = realloc(buffer->data, want);
    if (!grown)
        return buffer->size > buffer->len;
    buffer->data = grown;
    buffer->size = want;
    return true;
}

/* The file can be read no further. */
static bool read_fail(struct follow *follow, struct buffer *buffer, const char *reason)
{
    struct file *file = buffer->file;
    buffer_leave(buffer);
    follow->frame = (struct follow_frame){.fault = reason,
                                          .path = span_str(file->path),
                                          .file = file->number,
                                          .offset = file->position,
                                          .end = file->position};
    follow->has_frame = true;
    file->is_ended = true;
    file_shut(follow, file);
    return false;
}

/* ---- plain ---- */

/* Was the file cut short before those bytes were read? */
static bool is_cut(struct follow *follow, struct file *file, uint64_t read_to)
{
    struct stat status;
    if (fstat(file->fd, &status))
        return true;
    if ((uint64_t)status.st_size >= read_to && print_is_begin(file->fd, &file->head)) {
        file_look(follow, file, &status);
        return false;
    }
    file_cut(follow, file, &status);
    return true;
}

static bool plain_fill(struct follow *follow, struct buffer *buffer)
{
    struct file *file = buffer->file;
    size_t room = buffer->size - buffer->len;
    uint64_t from = file->position + buffer->len;
    ssize_t count;
    do
        count = pread(file->fd, buffer->data + buffer->len, room, (off_t)from);
    while (count < 0 && errno == EINTR);
    if (count < 0)
        return read_fail(follow, buffer, "the file cannot be read");
    if (is_cut(follow, file, from + (size_t)count))
        return false;
    buffer->len += (size_t)count;
    buffer->is_end = (size_t)count < room;
    file->read_end = from + (size_t)count;
    return true;
}

/* ---- packed ---- */

/* It may be that whoever packs it is not done. */
static bool packed_break(struct follow *follow, struct buffer *buffer)
{
    struct file *file = buffer->file;
    if (follow->now_ns >= file->changed_ns + FOLLOW_PATIENCE * follow->options.settle_ns)
        return read_fail(follow, buffer, "the packed data is broken or ends early");
    buffer_leave(buffer);
    file->is_broken = true;
    file->has_more = false;
    return false;
}

static bool packed_begin(struct buffer *buffer)
{
    struct err_ctx err;
    if (lseek(buffer->file->fd, 0, SEEK_SET) != 0 ||
        unpack_open(buffer->file->fd, &buffer->unpack, &err) != OK)
        return false;
    while (buffer->unpacked < buffer->file->position) {
        uint64_t left = buffer->file->position - buffer->unpacked;
        size_t count;
        if (unpack_read(buffer->unpack, buffer->data, left < buffer->size ? left : buffer->size,
                        &count, &err) != OK ||
            count == 0)
            return false;
        buffer->unpacked += count;
    }
    return true;
}

static bool packed_fill(struct follow *follow, struct buffer *buffer)
{
    struct err_ctx err;
    size_t count;
    if (!buffer->unpack && !packed_begin(buffer))
        return packed_break(follow, buffer);
    if (unpack_read(buffer->unpack, buffer->data + buffer->len, buffer->size - buffer->len, &count,
                    &err) != OK)
        return packed_break(follow, buffer);
    buffer->len += count;
    buffer->unpacked += count;
    if (count == 0)
        buffer->is_end = buffer->file->is_ended = true;
    return true;
}

bool buffer_fill(struct follow *follow, struct buffer *buffer)
{
    if (!room_make(follow, buffer))
        return false;
    return buffer->file->packing == PACKING_PACKED ? packed_fill(follow, buffer)
                                                   : plain_fill(follow, buffer);
}

/* ---- frames ---- */

static void frame_set(struct follow *follow, const struct buffer *buffer, size_t len, size_t whole)
{
    const struct file *file = buffer->file;
    follow->frame = (struct follow_frame){.bytes = span_of(buffer->data + buffer->at, len),
                                          .path = span_str(file->path),
                                          .file = file->number,
                                          .offset = file->position,
                                          .end = file->position + whole};
    follow->has_frame = true;
    follow->skips = false;
}

/* A line or document over the limit: its begin is shown, the rest passed over. */
static void frame_over(struct follow *follow, const struct buffer *buffer, size_t len, bool is_part)
{
    frame_set(follow, buffer, len < FAULT_SHOWN ? len : FAULT_SHOWN, len);
    follow->frame.fault = follow->options.is_document ? "the document is over the limit"
                                                      : "the line is over the limit";
    follow->skips = is_part;
}

static void drop(struct buffer *buffer, size_t count)
{
    buffer->at += count;
    buffer->file->position += count;
    buffer->file->is_changed = true;
}

static bool document(struct follow *follow, struct buffer *buffer)
{
    struct file *file = buffer->file;
    size_t left = buffer->len - buffer->at;
    if (file->is_skipping) {
        drop(buffer, left);
        file->is_skipping = !buffer->is_end;
        return false;
    }
    if (left > follow->options.frame_bytes_max)
        frame_over(follow, buffer, left, !buffer->is_end);
    else if (buffer->is_end && left)
        frame_set(follow, buffer, left, left);
    return follow->has_frame;
}

bool buffer_frame(struct follow *follow, struct buffer *buffer)
{
    struct file *file = buffer->file;
    size_t most = follow->options.frame_bytes_max;
    if (follow->options.is_document)
        return document(follow, buffer);
    for (;;) {
        const uint8_t *rest = buffer->data + buffer->at;
        size_t left = buffer->len - buffer->at;
        const uint8_t *newline = left ? memchr(rest, '\n', left) : NULL;
        size_t len = newline ? (size_t)(newline - rest) : left;
        if (file->is_skipping) {
            drop(buffer, newline ? len + 1 : len);
            if (!newline)
                return false;
            file->is_skipping = false;
            continue;
        }
        if (newline && len <= most)
            frame_set(follow, buffer, len, len + 1);
        else if (len > most)
            frame_over(follow, buffer, newline ? len + 1 : len, !newline);
        else if (len && buffer->is_end && file->is_ended) /* nothing will end it */
            frame_set(follow, buffer, len, len);
        return follow->has_frame;
    }
}

void buffer_take(struct follow *follow, struct buffer *buffer)
{
    drop(buffer, (size_t)(follow->frame.end - follow->frame.offset));
    buffer->file->is_skipping = follow->skips;
}
