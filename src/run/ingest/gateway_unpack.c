/* Bodies packed by gzip or zstd, unpacked as they arrive. Several members or frames behind one
 * another are one body. Memory is bounded: by the writer's ceiling and, for zstd, by the window. */
#include <stdlib.h>
#include <strings.h>
#include <zlib.h>
#include <zstd.h>

#include "ingest/gateway_state.h"

#define PIECE_BYTES    (32u << 10)
#define GZIP_ONLY      (15 + 16)
#define WINDOW_LOG_MAX 23 /* 8 MiB, what zstd asks every decoder to take */

struct unpacker {
    z_stream gzip;
    ZSTD_DStream *zstd; /* NULL: gzip */
    bool is_between;    /* members or frames */
    uint8_t piece[PIECE_BYTES];
};

bool unpacker_open(const char *encoding, struct unpacker **ret)
{
    bool is_gzip = strcasecmp(encoding, "gzip") == 0 || strcasecmp(encoding, "x-gzip") == 0;
    *ret = NULL;
    if (!is_gzip && strcasecmp(encoding, "zstd") != 0)
        return false;
    struct unpacker *unpacker = calloc(1, sizeof *unpacker);
    if (!unpacker)
        return false;
    if (is_gzip && inflateInit2(&unpacker->gzip, GZIP_ONLY) != Z_OK) {
        free(unpacker);
        return false;
    }
    if (!is_gzip)
        unpacker->zstd = ZSTD_createDStream();
    if (!is_gzip &&
        (!unpacker->zstd || ZSTD_isError(ZSTD_DCtx_setParameter(unpacker->zstd, ZSTD_d_windowLogMax,
                                                                WINDOW_LOG_MAX)))) {
        unpacker_close(unpacker);
        return false;
    }
    *ret = unpacker;
    return true;
}

void unpacker_close(struct unpacker *unpacker)
{
    if (!unpacker)
        return;
    if (unpacker->zstd)
        ZSTD_freeDStream(unpacker->zstd);
    else
        inflateEnd(&unpacker->gzip);
    free(unpacker);
}

static bool gzip_step(struct unpacker *unpacker, span *bytes, size_t *ret_count)
{
    z_stream *stream = &unpacker->gzip;
    if (unpacker->is_between && inflateReset(stream) != Z_OK)
        return false;
    stream->next_in = (Bytef *)(uintptr_t)bytes->data;
    stream->avail_in = (uInt)bytes->len;
    stream->next_out = unpacker->piece;
    stream->avail_out = PIECE_BYTES;
    int outcome = inflate(stream, Z_NO_FLUSH);
    unpacker->is_between = outcome == Z_STREAM_END;
    *bytes = span_after(*bytes, bytes->len - stream->avail_in);
    *ret_count = PIECE_BYTES - stream->avail_out;
    return outcome == Z_OK || outcome == Z_STREAM_END || outcome == Z_BUF_ERROR;
}

static bool zstd_step(struct unpacker *unpacker, span *bytes, size_t *ret_count)
{
    ZSTD_inBuffer in = {.src = bytes->data, .size = bytes->len};
    ZSTD_outBuffer out = {.dst = unpacker->piece, .size = PIECE_BYTES};
    size_t outcome = ZSTD_decompressStream(unpacker->zstd, &out, &in);
    unpacker->is_between = outcome == 0;
    *bytes = span_after(*bytes, in.pos);
    *ret_count = out.pos;
    return !ZSTD_isError(outcome);
}

bool unpacker_put(struct unpacker *unpacker, span bytes, struct writer *out)
{
    size_t count = 0;
    while ((bytes.len || count == PIECE_BYTES) && !out->is_full) {
        bool is_sound = unpacker->zstd ? zstd_step(unpacker, &bytes, &count)
                                       : gzip_step(unpacker, &bytes, &count);
        if (!is_sound)
            return false;
        writer_put(out, span_of(unpacker->piece, count));
    }
    return true;
}

bool unpacker_is_whole(const struct unpacker *unpacker)
{
    return unpacker->is_between;
}
