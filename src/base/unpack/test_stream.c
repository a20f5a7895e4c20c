#include <stdlib.h>
#include <zlib.h>
#include <zstd.h>

#include "core/test.h"
#include "unpack/unpack.h"

#define PIECE_BYTES 32768 /* of stream.c: what is unpacked in one step */

static span gzip_make(span text, struct writer *out)
{
    z_stream stream = {0};
    assert_int_equal(deflateInit2(&stream, 9, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
    size_t size = deflateBound(&stream, text.len), before = out->len;
    uint8_t *to = malloc(size);
    assert_non_null(to);
    stream.next_in = (uint8_t *)(uintptr_t)text.data;
    stream.avail_in = (uInt)text.len;
    stream.next_out = to;
    stream.avail_out = (uInt)size;
    assert_int_equal(deflate(&stream, Z_FINISH), Z_STREAM_END);
    writer_put(out, span_of(to, size - stream.avail_out));
    deflateEnd(&stream);
    free(to);
    return span_after(writer_span(out), before);
}

static span zstd_make(span text, struct writer *out)
{
    size_t size = ZSTD_compressBound(text.len), before = out->len;
    uint8_t *to = malloc(size);
    assert_non_null(to);
    size = ZSTD_compress(to, size, text.data, text.len, 3);
    assert_false(ZSTD_isError(size));
    writer_put(out, span_of(to, size));
    free(to);
    return span_after(writer_span(out), before);
}

static const struct form {
    const char *encoding;
    span (*make)(span text, struct writer *out);
} forms[] = {{"gzip", gzip_make}, {"zstd", zstd_make}};

/* In pieces of this size; *ret_is_whole false too when the bytes are broken. */
static bool unpack_all(const char *encoding, span packed, size_t piece, struct writer *out,
                       bool *ret_is_whole)
{
    struct unpack_stream *stream;
    bool is_sound = true;
    assert_true(unpack_stream_open(encoding, &stream));
    while (packed.len && is_sound) {
        size_t len = packed.len < piece ? packed.len : piece;
        is_sound = unpack_stream_put(stream, span_first(packed, len), out);
        packed = span_after(packed, len);
    }
    *ret_is_whole = is_sound && unpack_stream_is_whole(stream);
    assert_true(unpack_stream_bytes(stream) > PIECE_BYTES);
    unpack_stream_close(stream);
    return is_sound;
}

static void any_length_comes_back_whole_in_any_pieces(void **state)
{
    (void)state;
    static const size_t lengths[] = {
        0, 1, PIECE_BYTES - 1, PIECE_BYTES, PIECE_BYTES + 1, 4ul * PIECE_BYTES, 100000};
    static const size_t pieces[] = {1, 7, 4096, SIZE_MAX};
    struct writer text, packed, out;
    writer_init(&text, 1 << 20);
    writer_init(&packed, 1 << 20);
    writer_init(&out, 1 << 20);
    for (size_t n = 0; n < 2 * sizeof lengths / sizeof *lengths; n++) {
        const struct form *form = &forms[n % 2];
        writer_reset(&text);
        writer_reset(&packed);
        for (size_t index = 0; index < lengths[n / 2]; index++)
            writer_byte(&text, (uint8_t)("{}\n"[index % 3] + index / 50000));
        form->make(writer_span(&text), &packed);
        form->make(SPAN("second"), &packed); /* members and frames follow one another */
        writer_text(&text, "second");
        for (size_t index = 0; index < sizeof pieces / sizeof *pieces; index++) {
            bool is_whole;
            writer_reset(&out);
            assert_true(
                unpack_all(form->encoding, writer_span(&packed), pieces[index], &out, &is_whole));
            assert_true(is_whole);
            assert_true(span_eq(writer_span(&out), writer_span(&text)));
        }
    }
    writer_free(&text);
    writer_free(&packed);
    writer_free(&out);
}

static void a_beginning_is_not_whole_and_other_bytes_are_broken(void **state)
{
    (void)state;
    struct writer packed, out;
    bool is_whole;
    writer_init(&packed, 4096);
    writer_init(&out, 4096);
    for (size_t n = 0; n < 2; n++) {
        writer_reset(&packed);
        span bytes = forms[n].make(SPAN("{\"a\":1}\n{\"b\":2}\n"), &packed);
        for (size_t cut = 0; cut < bytes.len; cut++) {
            writer_reset(&out);
            unpack_all(forms[n].encoding, span_first(bytes, cut), 3, &out, &is_whole);
            assert_false(is_whole);
        }
        assert_false(unpack_all(forms[n].encoding, SPAN("{\"a\":1}\n{\"b\":2}\n"), SIZE_MAX, &out,
                                &is_whole));
    }
    writer_free(&packed);
    writer_free(&out);
}

static void a_bomb_stops_at_the_ceiling(void **state)
{
    (void)state;
    enum { BOMB = 8 << 20, CEILING = 100000 };
    struct writer packed, out;
    bool is_whole;
    uint8_t *zeros = calloc(1, BOMB);
    assert_non_null(zeros);
    writer_init(&packed, 1 << 20);
    for (size_t n = 0; n < 2; n++) {
        writer_reset(&packed);
        writer_init(&out, CEILING);
        span bytes = forms[n].make(span_of(zeros, BOMB), &packed);
        assert_true(bytes.len < BOMB / 100);
        assert_true(unpack_all(forms[n].encoding, bytes, SIZE_MAX, &out, &is_whole));
        assert_true(out.is_full && out.len <= CEILING);
        writer_free(&out);
    }
    writer_free(&packed);
    free(zeros);
}

static void other_encodings_are_refused(void **state)
{
    (void)state;
    struct unpack_stream *stream;
    static const char *const names[] = {"", "br", "gzip, zstd", "gzipp"};
    for (size_t index = 0; index < sizeof names / sizeof *names; index++)
        assert_false(unpack_stream_open(names[index], &stream));
    assert_true(unpack_stream_open("X-GZIP", &stream));
    unpack_stream_close(stream);
    unpack_stream_close(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_length_comes_back_whole_in_any_pieces),
        cmocka_unit_test(a_beginning_is_not_whole_and_other_bytes_are_broken),
        cmocka_unit_test(a_bomb_stops_at_the_ceiling),
        cmocka_unit_test(other_encodings_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
