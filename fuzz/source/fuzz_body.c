/* A request's body: unpacked as it arrives, then taken apart into lines. The first byte says how it
 * is packed and in which pieces it comes. Pieces change nothing: what one gives, others give. */
#include <stdlib.h>

#include "source/source.h"
#include "unpack/unpack.h"

#define BODY_BYTES_MAX 65536

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* False: it is broken, or not whole. */
static bool unpack_all(const char *encoding, span packed, size_t piece, struct writer *out)
{
    struct unpack_stream *stream;
    bool is_sound = true;
    if (!unpack_stream_open(encoding, &stream))
        abort();
    while (packed.len && is_sound && !out->is_full) {
        size_t len = packed.len < piece ? packed.len : piece;
        is_sound = unpack_stream_put(stream, span_first(packed, len), out);
        packed = span_after(packed, len);
    }
    is_sound = is_sound && unpack_stream_is_whole(stream);
    unpack_stream_close(stream);
    return is_sound;
}

static void lines_check(span body)
{
    span rest = body, line;
    size_t taken = 0;
    while (source_line_take(&rest, &line)) {
        if (!line.len || line.data < body.data ||
            line.data + line.len > body.data + body.len - rest.len)
            abort();
        for (size_t index = 0; index < line.len; index++)
            if (line.data[index] == '\n')
                abort();
        taken += line.len;
    }
    if (rest.len || taken > body.len)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct writer whole, pieces;
    if (!size)
        return 0;
    span packed = span_of(data + 1, size - 1);
    writer_init(&whole, BODY_BYTES_MAX);
    writer_init(&pieces, BODY_BYTES_MAX);
    const char *encoding = data[0] & 1 ? "gzip" : "zstd";
    if (data[0] & 2) {
        lines_check(packed);
    } else {
        bool is_sound = unpack_all(encoding, packed, SIZE_MAX, &whole);
        bool is_also = unpack_all(encoding, packed, 1 + (data[0] >> 2), &pieces);
        if (!whole.is_full && (is_sound != is_also || (is_sound && whole.len != pieces.len)))
            abort();
        if (is_sound && !span_eq(writer_span(&whole), writer_span(&pieces)))
            abort();
        lines_check(writer_span(&whole));
    }
    writer_free(&whole);
    writer_free(&pieces);
    return 0;
}
