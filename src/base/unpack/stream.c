/* Packed bytes that arrive in pieces. */
#include <stdlib.h>
#include <strings.h>
#include <zlib.h>
#define ZSTD_STATIC_LINKING_ONLY /* for ZSTD_sizeof_DStream */
#include <zstd.h>

#include "unpack/unpack.h"

#define PIECE_BYTES    (32u << 10)
#define GZIP_ONLY      (15 + 16)
#define GZIP_BYTES     (48u << 10) /* of zlib's own: its window and tables */
#define WINDOW_LOG_MAX 23          /* 8 MiB, what zstd asks every decoder to take */

struct unpack_stream {
    z_stream gzip;
    ZSTD_DStream *zstd; /* NULL: gzip */
    bool is_between;    /* members or frames */
    uint8_t piece[PIECE_BYTES];
};

bool unpack_stream_open(const char *encoding, struct unpack_stream **ret)
{
    bool is_gzip = strcasecmp(encoding, "gzip") == 0 || strcasecmp(encoding, "x-gzip") == 0;
    *ret = NULL;
    if (!is_gzip && strcasecmp(encoding, "zstd") != 0)
        return false;
    struct unpack_stream *stream = calloc(1, sizeof *stream);
    if (!stream)
        return false;
    if (is_gzip && inflateInit2(&stream->gzip, GZIP_ONLY) != Z_OK) {
        free(stream);
        return false;
    }
    if (!is_gzip)
        stream->zstd = ZSTD_createDStream();
    if (!is_gzip && (!stream->zstd || ZSTD_isError(ZSTD_DCtx_setParameter(
                                          stream->zstd, ZSTD_d_windowLogMax, WINDOW_LOG_MAX)))) {
        unpack_stream_close(stream);
        return false;
    }
    *ret = stream;
    return true;
}

void unpack_stream_close(struct unpack_stream *stream)
{
    if (!stream)
        return;
    if (stream->zstd)
        ZSTD_freeDStream(stream->zstd);
    else
        inflateEnd(&stream->gzip);
    free(stream);
}

static bool gzip_step(struct unpack_stream *stream, span *bytes, size_t *ret_count)
{
    z_stream *gzip = &stream->gzip;
    if (stream->is_between && inflateReset(gzip) != Z_OK)
        return false;
    gzip->next_in = (Bytef *)(uintptr_t)bytes->data;
    gzip->avail_in = (uInt)bytes->len;
    gzip->next_out = stream->piece;
    gzip->avail_out = PIECE_BYTES;
    int outcome = inflate(gzip, Z_NO_FLUSH);
    stream->is_between = outcome == Z_STREAM_END;
    *bytes = span_after(*bytes, bytes->len - gzip->avail_in);
    *ret_count = PIECE_BYTES - gzip->avail_out;
    return outcome == Z_OK || outcome == Z_STREAM_END || outcome == Z_BUF_ERROR;
}

static bool zstd_step(struct unpack_stream *stream, span *bytes, size_t *ret_count)
{
    ZSTD_inBuffer in = {.src = bytes->data, .size = bytes->len};
    ZSTD_outBuffer out = {.dst = stream->piece, .size = PIECE_BYTES};
    size_t outcome = ZSTD_decompressStream(stream->zstd, &out, &in);
    stream->is_between = outcome == 0;
    *bytes = span_after(*bytes, in.pos);
    *ret_count = out.pos;
    return !ZSTD_isError(outcome);
}

/* A full piece may have left more inside, unless it was the end of a member or frame as well. */
bool unpack_stream_put(struct unpack_stream *stream, span bytes, struct writer *out)
{
    size_t count = 0;
    while ((bytes.len || (count == PIECE_BYTES && !stream->is_between)) && !out->is_full) {
        bool is_sound =
            stream->zstd ? zstd_step(stream, &bytes, &count) : gzip_step(stream, &bytes, &count);
        if (!is_sound)
            return false;
        writer_put(out, span_of(stream->piece, count));
    }
    return true;
}

bool unpack_stream_is_whole(const struct unpack_stream *stream)
{
    return stream->is_between;
}

size_t unpack_stream_bytes(const struct unpack_stream *stream)
{
    return sizeof *stream + (stream->zstd ? ZSTD_sizeof_DStream(stream->zstd) : GZIP_BYTES);
}
