#include "recording/recording.h"

#include <abi.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>
#include <zstd.h>

#include "core/cleanup.h"
#include "core/hash.h"

#define MAGIC           "PICKREC1"
#define MAGIC_LEN       8
#define FRAME_BYTES_MAX (80u << 20)
#define LEVEL           3

struct file_head {
    char magic[MAGIC_LEN];
    uint32_t abi;
    uint32_t hostname_len;
    uint64_t boot_to_wall_ns;
};

struct frame_head {
    uint32_t kind;
    uint32_t raw_len;
    uint32_t packed_len;
    uint32_t checksum; /* of the packed bytes */
};

_Static_assert(sizeof(struct file_head) == 24, "file layout");
_Static_assert(sizeof(struct frame_head) == 16, "file layout");

static uint32_t checksum_of(const void *data, size_t len)
{
    uint64_t hash = hash_span(span_of(data, len), 0x7069636b6574u);
    return (uint32_t)(hash ^ hash >> 32);
}

/* ---- writing ---- */

struct recording_writer {
    int fd;
    uint8_t *packed;
    size_t packed_size;
};

static err_kind write_whole(int fd, const void *data, size_t len, struct err_ctx *err)
{
    while (len) {
        ssize_t count = write(fd, data, len);
        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0)
            return err_set(err, ERR_SYSTEM, "recording");
        data = (const char *)data + count;
        len -= (size_t)count;
    }
    return OK;
}

err_kind recording_writer_open(int fd, const struct recording_info *info,
                               struct recording_writer **ret, struct err_ctx *err)
{
    struct file_head head = {.abi = ABI_VERSION,
                             .hostname_len = (uint32_t)strlen(info->hostname),
                             .boot_to_wall_ns = info->boot_to_wall_ns};
    memcpy(head.magic, MAGIC, MAGIC_LEN);
    struct recording_writer *writer = calloc(1, sizeof *writer);
    if (!writer)
        return err_set(err, ERR_SYSTEM, "recording");
    writer->fd = fd;
    if (lseek(fd, 0, SEEK_END) > 0) {
        *ret = writer;
        return OK;
    }
    err_kind kind = write_whole(fd, &head, sizeof head, err);
    if (kind == OK)
        kind = write_whole(fd, info->hostname, head.hostname_len, err);
    if (kind != OK)
        recording_writer_close(writer);
    else
        *ret = writer;
    return kind;
}

err_kind recording_write(struct recording_writer *writer, enum recording_frame kind, span bytes,
                         struct err_ctx *err)
{
    if (bytes.len > FRAME_BYTES_MAX)
        return err_set(err, ERR_LIMIT, "recording: a frame of %zu bytes", bytes.len);
    size_t bound = ZSTD_compressBound(bytes.len);
    if (bound > writer->packed_size) {
        free(writer->packed);
        writer->packed_size = 0;
        writer->packed = calloc(1, bound);
        if (!writer->packed)
            return err_set(err, ERR_SYSTEM, "recording");
        writer->packed_size = bound;
    }
    size_t len = ZSTD_compress(writer->packed, writer->packed_size, bytes.data, bytes.len, LEVEL);
    if (ZSTD_isError(len))
        return err_set(err, ERR_STATE, "recording: %s", ZSTD_getErrorName(len));
    struct frame_head head = {.kind = kind,
                              .raw_len = (uint32_t)bytes.len,
                              .packed_len = (uint32_t)len,
                              .checksum = checksum_of(writer->packed, len)};
    err_kind outcome = write_whole(writer->fd, &head, sizeof head, err);
    return outcome == OK ? write_whole(writer->fd, writer->packed, len, err) : outcome;
}

void recording_writer_close(struct recording_writer *writer)
{
    if (!writer)
        return;
    free(writer->packed);
    free(writer);
}

/* ---- reading ---- */

struct recording_reader {
    int fd;
    uint64_t offset;
    uint8_t *packed;
    uint8_t *raw;
};

bool recording_is(int fd)
{
    char magic[MAGIC_LEN];
    return pread(fd, magic, sizeof magic, 0) == MAGIC_LEN && memcmp(magic, MAGIC, MAGIC_LEN) == 0;
}

static err_kind read_whole(struct recording_reader *reader, void *data, size_t len,
                           struct err_ctx *err)
{
    for (size_t have = 0; have < len;) {
        ssize_t count = read(reader->fd, (char *)data + have, len - have);
        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0)
            return err_set(err, ERR_SYSTEM, "recording");
        if (count == 0)
            return err_set(err, ERR_INPUT, "offset %llu: the recording is cut off here",
                           (unsigned long long)(reader->offset + have));
        have += (size_t)count;
    }
    reader->offset += len;
    return OK;
}

err_kind recording_open(int fd, struct recording_reader **ret, struct recording_info *info,
                        struct err_ctx *err)
{
    struct file_head head;
    struct recording_reader *reader = calloc(1, sizeof *reader);
    if (!reader)
        return err_set(err, ERR_SYSTEM, "recording");
    *info = (struct recording_info){0};
    reader->fd = fd;
    err_kind kind = read_whole(reader, &head, sizeof head, err);
    if (kind == OK && memcmp(head.magic, MAGIC, MAGIC_LEN) != 0)
        kind = err_set(err, ERR_INPUT, "not a recording");
    if (kind == OK && head.abi != ABI_VERSION)
        kind = err_set(err, ERR_INPUT, "recorded with version %u, this reads %d", head.abi,
                       ABI_VERSION);
    if (kind == OK && head.hostname_len >= sizeof info->hostname)
        kind = err_set(err, ERR_INPUT, "offset 12: a host name of %u bytes", head.hostname_len);
    if (kind == OK)
        kind = read_whole(reader, info->hostname, head.hostname_len, err);
    if (kind != OK) {
        recording_close(reader);
        return kind;
    }
    info->boot_to_wall_ns = head.boot_to_wall_ns;
    *ret = reader;
    return OK;
}

static err_kind frame_unpack(struct recording_reader *reader, const struct frame_head *head,
                             uint64_t at, struct err_ctx *err)
{
    free(reader->packed);
    free(reader->raw);
    reader->raw = NULL;
    reader->packed = malloc((size_t)head->packed_len + 1);
    if (!reader->packed)
        return err_set(err, ERR_SYSTEM, "recording");
    err_kind kind = read_whole(reader, reader->packed, head->packed_len, err);
    if (kind != OK)
        return kind;
    if (checksum_of(reader->packed, head->packed_len) != head->checksum)
        return err_set(err, ERR_INPUT, "offset %llu: a frame is damaged", (unsigned long long)at);
    reader->raw = malloc((size_t)head->raw_len + 1);
    if (!reader->raw)
        return err_set(err, ERR_SYSTEM, "recording");
    size_t len = ZSTD_decompress(reader->raw, head->raw_len, reader->packed, head->packed_len);
    if (ZSTD_isError(len) || len != head->raw_len)
        return err_set(err, ERR_INPUT, "offset %llu: a frame does not unpack",
                       (unsigned long long)at);
    return OK;
}

err_kind recording_next(struct recording_reader *reader, enum recording_frame *ret_kind,
                        span *ret_bytes, struct err_ctx *err)
{
    struct frame_head head;
    uint64_t at = reader->offset;
    err_kind kind = read_whole(reader, &head, sizeof head, err);
    if (kind != OK)
        return kind;
    if (head.kind < RECORDING_WORLD || head.kind > RECORDING_END ||
        head.raw_len > FRAME_BYTES_MAX || head.packed_len > ZSTD_compressBound(FRAME_BYTES_MAX))
        return err_set(err, ERR_INPUT, "offset %llu: not a frame", (unsigned long long)at);
    kind = frame_unpack(reader, &head, at, err);
    if (kind != OK)
        return kind;
    *ret_kind = head.kind;
    *ret_bytes = span_of(reader->raw, head.raw_len);
    return OK;
}

void recording_close(struct recording_reader *reader)
{
    if (!reader)
        return;
    free(reader->packed);
    free(reader->raw);
    free(reader);
}
