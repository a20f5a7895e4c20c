/* What a file is known by beside its inode, whose number is given anew when a file is deleted: its
 * first bytes, and those before the position. As text, this is a position to be stored:
 *   1 DEV INO SIZE MTIME POSITION FLAGS HEAD-LENGTH HEAD-HASH TAIL-LENGTH TAIL-HASH PATH */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "follow/follow_state.h"

/* FNV-1a, 64 bits: defined once and for all, for it is stored. */
uint64_t print_hash(const uint8_t *bytes, size_t len)
{
    uint64_t hash = 0xcbf29ce484222325u;
    for (size_t index = 0; index < len; index++)
        hash = (hash ^ bytes[index]) * 0x100000001b3u;
    return hash;
}

void print_extend_head(struct file *file, const uint8_t *bytes, size_t len)
{
    struct print *head = &file->head;
    size_t room = PRINT_BYTES - head->len;
    size_t count = len < room ? len : room;
    memcpy(head->bytes + head->len, bytes, count);
    head->len = (uint16_t)(head->len + count);
}

void print_extend_tail(struct file *file, const uint8_t *bytes, size_t len)
{
    struct print *tail = &file->tail;
    if (len >= PRINT_BYTES) {
        memcpy(tail->bytes, bytes + (len - PRINT_BYTES), PRINT_BYTES);
        tail->len = PRINT_BYTES;
        return;
    }
    size_t room = PRINT_BYTES - len;
    size_t kept = tail->len < room ? tail->len : room;
    memmove(tail->bytes, tail->bytes + (tail->len - kept), kept);
    memcpy(tail->bytes + kept, bytes, len);
    tail->len = (uint16_t)(kept + len);
}

static bool is_there(int fd, struct print *print, uint64_t offset)
{
    uint8_t bytes[PRINT_BYTES];
    if (print->len == 0)
        return true;
    ssize_t count;
    do
        count = pread(fd, bytes, print->len, (off_t)offset);
    while (count < 0 && errno == EINTR);
    return count == print->len && print_matches(print, bytes);
}

bool print_matches(struct print *print, const uint8_t *bytes)
{
    if (!print->hash)
        return memcmp(bytes, print->bytes, print->len) == 0;
    if (print_hash(bytes, print->len) != print->hash)
        return false;
    memcpy(print->bytes, bytes, print->len);
    print->hash = 0;
    return true;
}

bool print_is_begin(int fd, struct print *head)
{
    return is_there(fd, head, 0);
}

bool print_is_before(int fd, struct print *tail, uint64_t position)
{
    return tail->len <= position && is_there(fd, tail, position - tail->len);
}

/* ---- names ---- */

static span folder_of(span path)
{
    while (path.len && path.data[path.len - 1] != '/')
        path.len--;
    return path;
}

static bool is_of_rotation(uint8_t byte)
{
    return (byte >= '0' && byte <= '9') || (byte && strchr(".-_:T", byte));
}

/* The name without what rotation puts behind it: app.log-20260101.gz is app.log. */
static span family_of(span path)
{
    static const char *const packers[] = {".gz", ".zst", ".zstd", ".bak", ".old", ".save"};
    span whole = path;
    size_t folder = folder_of(path).len;
    for (size_t index = 0; index < sizeof packers / sizeof *packers; index++)
        if (span_ends(path, span_str(packers[index])))
            path.len -= strlen(packers[index]);
    while (path.len > folder && is_of_rotation(path.data[path.len - 1]))
        path.len--;
    return path.len > folder ? path : whole;
}

bool print_is_family(const char *path, const char *other)
{
    return span_eq(family_of(span_str(path)), family_of(span_str(other)));
}

/* ---- text ---- */

static uint64_t hash_of(const struct print *print)
{
    return print->hash ? print->hash : print_hash(print->bytes, print->len);
}

err_kind print_write(const struct file *file, struct writer *out, struct err_ctx *err)
{
    writer_format(out, "1 %llu %llu %llu %lld %llu ", (unsigned long long)file->dev,
                  (unsigned long long)file->ino, (unsigned long long)file->size,
                  (long long)file->mtime_ns, (unsigned long long)file->position);
    writer_format(out, "%c%c%c %u %016llx %u %016llx ", file->is_skipping ? 's' : '-',
                  file->is_ended ? 'e' : '-', file->packing == PACKING_PACKED ? 'p' : '-',
                  file->head.len, (unsigned long long)hash_of(&file->head), file->tail.len,
                  (unsigned long long)hash_of(&file->tail));
    writer_text(out, file->path);
    return out->is_full ? err_set(err, ERR_LIMIT, "position of '%s'", file->path) : OK;
}

static bool number_read(span *text, unsigned base, uint64_t *ret)
{
    span word;
    *ret = 0;
    if (!span_until(text, ' ', &word) || word.len == 0)
        return false;
    for (size_t index = 0; index < word.len; index++) {
        uint8_t byte = word.data[index];
        unsigned digit = byte >= '0' && byte <= '9'   ? byte - 48u
                         : byte >= 'a' && byte <= 'f' ? byte - 87u
                                                      : 16;
        if (digit >= base || __builtin_mul_overflow(*ret, base, ret) ||
            __builtin_add_overflow(*ret, digit, ret))
            return false;
    }
    return true;
}

static bool print_part_read(span *text, uint64_t position, struct print *ret)
{
    uint64_t len, hash;
    if (!number_read(text, 10, &len) || len > PRINT_BYTES || len > position ||
        !number_read(text, 16, &hash))
        return false;
    ret->len = (uint16_t)len;
    ret->hash = len ? hash : 0;
    return true;
}

bool print_read(span text, struct file *file, span *ret_path)
{
    uint64_t version, dev, ino, mtime;
    span flags;
    if (!number_read(&text, 10, &version) || version != 1 || !number_read(&text, 10, &dev) ||
        !number_read(&text, 10, &ino) || !number_read(&text, 10, &file->size) ||
        !number_read(&text, 10, &mtime) || mtime > INT64_MAX ||
        !number_read(&text, 10, &file->position) || file->position > INT64_MAX ||
        !span_until(&text, ' ', &flags) || flags.len != 3)
        return false;
    if (!print_part_read(&text, file->position, &file->head) ||
        !print_part_read(&text, file->position, &file->tail) || text.len == 0 ||
        text.len > FOLLOW_PATH_BYTES_MAX || memchr(text.data, 0, text.len))
        return false;
    file->dev = (dev_t)dev;
    file->ino = (ino_t)ino;
    file->mtime_ns = (int64_t)mtime;
    file->is_skipping = flags.data[0] == 's';
    file->is_ended = flags.data[1] == 'e';
    file->packing = flags.data[2] == 'p' ? PACKING_PACKED
                    : file->position     ? PACKING_NONE
                                         : PACKING_UNKNOWN;
    *ret_path = text;
    return true;
}
