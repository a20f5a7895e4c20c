#include <stdlib.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include <sys/mman.h>

#include "core/span.h"
#include "core/test.h"
#include "unpack/unpack.h"

#define TEXT_BYTES   3000
#define PACKED_BYTES 8192

static void text_make(uint8_t text[static TEXT_BYTES])
{
    uint32_t state = 1;
    for (size_t index = 0; index < TEXT_BYTES; index++) {
        state = state * 1103515245u + 12345u;
        text[index] = (uint8_t)(state >> 16 & 0x3f);
    }
}

static size_t gzip_make(const uint8_t *text, uint8_t *to)
{
    z_stream stream = {0};
    assert_int_equal(deflateInit2(&stream, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
    stream.next_in = (uint8_t *)(uintptr_t)text;
    stream.avail_in = TEXT_BYTES;
    stream.next_out = to;
    stream.avail_out = PACKED_BYTES;
    assert_int_equal(deflate(&stream, Z_FINISH), Z_STREAM_END);
    size_t len = PACKED_BYTES - stream.avail_out;
    deflateEnd(&stream);
    return len;
}

static size_t zstd_make(const uint8_t *text, uint8_t *to)
{
    ZSTD_CCtx *context = ZSTD_createCCtx();
    assert_non_null(context);
    ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, 1);
    size_t len = ZSTD_compress2(context, to, PACKED_BYTES, text, TEXT_BYTES);
    ZSTD_freeCCtx(context);
    assert_false(ZSTD_isError(len));
    return len;
}

/* Reads all, at most `step` bytes at a time; returns how the end came. */
static err_kind read_all(span file, size_t step, uint8_t *into, size_t size, size_t *ret_len)
{
    struct unpack *unpack;
    struct err_ctx err;
    int fd = memfd_create("unpack", MFD_CLOEXEC);
    assert_int_equal(write(fd, file.data, file.len), file.len);
    assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
    assert_int_equal(unpack_open(fd, &unpack, &err), OK);
    err_kind kind = OK;
    *ret_len = 0;
    for (size_t count = 1; kind == OK && count > 0; *ret_len += count) {
        size_t room = size - *ret_len;
        kind = unpack_read(unpack, into + *ret_len, room < step ? room : step, &count, &err);
    }
    unpack_close(unpack);
    close(fd);
    return kind;
}

static void reads_members_one_behind_the_other(void **state)
{
    (void)state;
    uint8_t text[TEXT_BYTES], packed[3 * PACKED_BYTES], read[3 * TEXT_BYTES + 1];
    text_make(text);
    for (int way = 0; way < 2; way++) {
        size_t len = 0, count;
        for (int part = 0; part < 3; part++)
            len += (way ? zstd_make : gzip_make)(text, packed + len);
        for (size_t step = 1; step < 5000; step += 777) {
            assert_int_equal(read_all(span_of(packed, len), step, read, sizeof read, &count), OK);
            assert_int_equal(count, 3 * TEXT_BYTES);
            for (int part = 0; part < 3; part++)
                assert_memory_equal(read + part * TEXT_BYTES, text, TEXT_BYTES);
        }
    }
}

static void what_is_cut_gives_its_beginning_and_an_error(void **state)
{
    (void)state;
    uint8_t text[TEXT_BYTES], packed[PACKED_BYTES], read[TEXT_BYTES + 1];
    text_make(text);
    for (int way = 0; way < 2; way++) {
        size_t len = (way ? zstd_make : gzip_make)(text, packed), count;
        for (size_t cut = 4; cut < len; cut++) {
            assert_int_equal(read_all(span_of(packed, cut), 512, read, sizeof read, &count),
                             ERR_INPUT);
            assert_true(count <= TEXT_BYTES);
            assert_memory_equal(read, text, count);
        }
        packed[len] = 'x';
        assert_int_equal(read_all(span_of(packed, len + 1), 512, read, sizeof read, &count),
                         ERR_INPUT);
        assert_int_equal(count, TEXT_BYTES);
        packed[len / 2] ^= 0x55;
        assert_int_equal(read_all(span_of(packed, len), 512, read, sizeof read, &count), ERR_INPUT);
    }
}

static void other_bytes_pass_as_they_are(void **state)
{
    (void)state;
    uint8_t read[16];
    size_t count;
    static const span texts[] = {{(const uint8_t *)"", 0},
                                 {(const uint8_t *)"\x1f", 1},
                                 {(const uint8_t *)"{}\n", 3},
                                 {(const uint8_t *)"a longer one", 12}};
    for (size_t index = 0; index < sizeof texts / sizeof *texts; index++) {
        assert_int_equal(read_all(texts[index], 5, read, sizeof read, &count), OK);
        assert_true(span_eq(span_of(read, count), texts[index]));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_members_one_behind_the_other),
        cmocka_unit_test(what_is_cut_gives_its_beginning_and_an_error),
        cmocka_unit_test(other_bytes_pass_as_they_are),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
