#include "unpack/unpack.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include "core/span.h"

#define PACKED_BYTES   (256u << 10)
#define WINDOW_LOG_MAX 27 /* 128 MiB: what zstd's own tool unpacks without being asked */

enum packing { PACKING_NONE, PACKING_GZIP, PACKING_ZSTD };

struct unpack {
    int fd;
    enum packing packing;
    uint8_t *packed; /* read, not yet taken */
    size_t start, len;
    bool is_end;    /* of the file */
    bool is_inside; /* a member or frame has begun and not ended */
    z_stream gzip;
    bool has_gzip;
    ZSTD_DStream *zstd;
};

/* ---- bytes as they lie in the file ---- */

static err_kind fill(struct unpack *input, struct err_ctx *err)
{
    memmove(input->packed, input->packed + input->start, input->len);
    input->start = 0;
    for (;;) {
        ssize_t count = read(input->fd, input->packed + input->len, PACKED_BYTES - input->len);
        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0)
            return err_set(err, ERR_SYSTEM, "read");
        input->len += (size_t)count;
        input->is_end = count == 0;
        return OK;
    }
}

static void take(struct unpack *input, size_t count)
{
    input->start += count;
    input->len -= count;
}

static err_kind packing_tell(struct unpack *input, struct err_ctx *err)
{
    static const uint8_t gzip_magic[] = {0x1f, 0x8b}, zstd_magic[] = {0x28, 0xb5, 0x2f, 0xfd};
    err_kind kind = OK;
    while (kind == OK && input->len < sizeof zstd_magic && !input->is_end)
        kind = fill(input, err);
    span begin = span_of(input->packed, input->len);
    if (span_starts(begin, span_of(gzip_magic, sizeof gzip_magic)))
        input->packing = PACKING_GZIP;
    /* a frame may be one to be skipped: 0x184d2a50 to 5f */
    else if (span_starts(begin, span_of(zstd_magic, sizeof zstd_magic)) ||
             (begin.len >= 4 && (begin.data[0] & 0xf0) == 0x50 &&
              memcmp(begin.data + 1, "\x2a\x4d\x18", 3) == 0))
        input->packing = PACKING_ZSTD;
    return kind;
}

err_kind unpack_open(int fd, struct unpack **ret, struct err_ctx *err)
{
    struct unpack *input = calloc(1, sizeof *input);
    if (!input)
        return err_set(err, ERR_SYSTEM, "input");
    input->fd = fd;
    input->packed = malloc(PACKED_BYTES);
    err_kind kind = input->packed ? packing_tell(input, err) : err_set(err, ERR_SYSTEM, "input");
    if (kind == OK && input->packing == PACKING_GZIP) {
        /* 15: the largest window; 16: gzip's header and checksum */
        input->has_gzip = inflateInit2(&input->gzip, 15 + 16) == Z_OK;
        if (!input->has_gzip)
            kind = err_set(err, ERR_SYSTEM, "zlib");
    } else if (kind == OK && input->packing == PACKING_ZSTD) {
        input->zstd = ZSTD_createDStream();
        if (!input->zstd ||
            ZSTD_isError(ZSTD_DCtx_setParameter(input->zstd, ZSTD_d_windowLogMax, WINDOW_LOG_MAX)))
            kind = err_set(err, ERR_SYSTEM, "zstd");
    }
    if (kind != OK)
        unpack_close(input);
    else
        *ret = input;
    return kind;
}

void unpack_close(struct unpack *input)
{
    if (!input)
        return;
    if (input->has_gzip)
        inflateEnd(&input->gzip);
    ZSTD_freeDStream(input->zstd);
    free(input->packed);
    free(input);
}

/* ---- unpacking ---- */

/* Behind the last member only zeros may stand, as tapes leave them. */
static err_kind gzip_next(struct unpack *input, struct err_ctx *err)
{
    while (input->len && input->packed[input->start] == 0)
        take(input, 1);
    if (input->len == 0)
        return OK;
    if (input->packed[input->start] != 0x1f || inflateReset(&input->gzip) != Z_OK)
        return err_set(err, ERR_INPUT, "bytes behind the gzip data that are not gzip");
    return OK;
}

static err_kind gzip_step(struct unpack *input, void *into, size_t size, size_t *ret_count,
                          struct err_ctx *err)
{
    z_stream *gzip = &input->gzip;
    if (!input->is_inside && gzip->total_in > 0) {
        err_kind kind = gzip_next(input, err);
        if (kind != OK || input->len == 0)
            return kind;
    }
    gzip->next_in = input->packed + input->start;
    gzip->avail_in = (unsigned)input->len;
    gzip->next_out = into;
    gzip->avail_out = (unsigned)(size > INT32_MAX ? INT32_MAX : size);
    unsigned room = gzip->avail_out;
    int status = inflate(gzip, Z_NO_FLUSH);
    take(input, input->len - gzip->avail_in);
    *ret_count = room - gzip->avail_out;
    input->is_inside = status != Z_STREAM_END;
    if (status != Z_OK && status != Z_STREAM_END && status != Z_BUF_ERROR)
        return err_set(err, ERR_INPUT, "the gzip data is broken: %s",
                       gzip->msg ? gzip->msg : "unknown reason");
    return OK;
}

static err_kind zstd_step(struct unpack *input, void *into, size_t size, size_t *ret_count,
                          struct err_ctx *err)
{
    ZSTD_inBuffer in = {input->packed + input->start, input->len, 0};
    ZSTD_outBuffer out = {into, size, 0};
    size_t status = ZSTD_decompressStream(input->zstd, &out, &in);
    take(input, in.pos);
    *ret_count = out.pos;
    input->is_inside = status != 0;
    if (ZSTD_isError(status))
        return err_set(err, ERR_INPUT, "the zstd data is broken: %s", ZSTD_getErrorName(status));
    return OK;
}

static err_kind plain_read(struct unpack *input, void *into, size_t size, size_t *ret_count,
                           struct err_ctx *err)
{
    if (input->len) { /* what the magic was looked for in */
        *ret_count = input->len < size ? input->len : size;
        memcpy(into, input->packed + input->start, *ret_count);
        take(input, *ret_count);
        return OK;
    }
    for (;;) {
        ssize_t count = input->is_end ? 0 : read(input->fd, into, size);
        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0)
            return err_set(err, ERR_SYSTEM, "read");
        *ret_count = (size_t)count;
        return OK;
    }
}

err_kind unpack_read(struct unpack *input, void *into, size_t size, size_t *ret_count,
                     struct err_ctx *err)
{
    *ret_count = 0;
    if (input->packing == PACKING_NONE)
        return plain_read(input, into, size, ret_count, err);
    for (;;) {
        err_kind kind = OK;
        if (input->len == 0 && !input->is_end)
            kind = fill(input, err);
        size_t before = input->len;
        bool may_hold_more = input->is_inside; /* unpacked, but not yet handed out */
        if (kind == OK && (before || may_hold_more))
            kind = input->packing == PACKING_GZIP ? gzip_step(input, into, size, ret_count, err)
                                                  : zstd_step(input, into, size, ret_count, err);
        if (kind != OK || *ret_count)
            return kind;
        if (input->len == before && input->is_end)
            break;
    }
    return input->is_inside ? err_set(err, ERR_INPUT, "the packed data ends early") : OK;
}
