#include "core/arena.h"
#include "core/map.h"
#include "core/test.h"
#include "core/vector.h"
#include "core/writer.h"

static void error_puts_causes_outermost_first(void **state)
{
    (void)state;
    struct err_ctx err = {0};
    assert_int_equal(err_set(&err, ERR_INPUT, "bad mask '/%d'", 33), ERR_INPUT);
    assert_int_equal(err_wrap(&err, "rules/%s:%d", "ssh.yaml", 12), ERR_INPUT);
    assert_string_equal(err.text, "rules/ssh.yaml:12: bad mask '/33'");
}

static void error_text_is_cut_at_its_limit(void **state)
{
    (void)state;
    struct err_ctx err = {0};
    (void)err_set(&err, ERR_INPUT, "%01000d", 1);
    for (int round = 0; round < 100; round++)
        (void)err_wrap(&err, "a prefix of some length");
    assert_true(strlen(err.text) < ERR_TEXT_MAX);
}

static void arena_refuses_more_than_its_limit(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena, 10000);
    assert_non_null(arena_alloc(&arena, 4000));
    assert_non_null(arena_alloc(&arena, 4000));
    assert_null(arena_alloc(&arena, 9000));
    assert_null(arena_alloc(&arena, SIZE_MAX));
    arena_reset(&arena);
    span copy = arena_dup(&arena, SPAN("kept"));
    assert_string_equal((const char *)copy.data, "kept");
    arena_free(&arena);
}

static void map_finds_what_was_put_through_growth_and_removal(void **state)
{
    (void)state;
    struct map map;
    map_init(&map, 5000, 7);
    uint32_t value;
    for (uint64_t key = 0; key < 5000; key++)
        assert_true(map_put_u64(&map, key * 977, (uint32_t)key));
    assert_false(map_put_u64(&map, 1, 1));
    for (uint64_t key = 0; key < 5000; key += 2)
        assert_true(map_remove_u64(&map, key * 977));
    for (uint64_t key = 0; key < 5000; key++) {
        assert_int_equal(map_get_u64(&map, key * 977, &value), key % 2 == 1);
        if (key % 2 == 1)
            assert_int_equal(value, key);
    }
    assert_int_equal(map.count, 2500);
    assert_true(map_put(&map, SPAN(""), 9));
    assert_true(map_get(&map, SPAN(""), &value));
    assert_false(map_get(&map, SPAN("x"), &value));
    map_free(&map);
}

static void vector_grows_to_its_ceiling_and_no_further(void **state)
{
    (void)state;
    int *items = NULL;
    size_t size = 0, count = 0;
    while (vector_grow(&items, &size, count, 100, sizeof *items))
        items[count++] = 1;
    assert_int_equal(count, 100);
    free(items);
}

static void json_keeps_utf8_and_shows_what_is_not(void **state)
{
    (void)state;
    struct writer out;
    writer_init(&out, 4096);
    writer_json_string(&out, SPAN("a\"\\\n\x01\xc3\xa9\xff\xed\xa0\x80"));
    writer_byte(&out, 0);
    assert_string_equal((char *)out.data,
                        "\"a\\\"\\\\\\n\\u0001\xc3\xa9\\\\xff\\\\xed\\\\xa0\\\\x80\"");
    writer_free(&out);
}

static void terminal_text_cannot_move_the_cursor_or_reorder(void **state)
{
    (void)state;
    struct writer out;
    writer_init(&out, 4096);
    writer_terminal(&out, SPAN("\x1b[2J\n\xe2\x80\xae\xc3\xa9\x80"));
    writer_byte(&out, 0);
    assert_string_equal((char *)out.data, "\\e[2J\\n\\u{202e}\xc3\xa9\\x80");
    writer_free(&out);
}

static void writer_full_sticks(void **state)
{
    (void)state;
    struct writer out;
    writer_init(&out, 8);
    writer_text(&out, "12345678");
    assert_false(out.is_full);
    writer_byte(&out, '9');
    writer_reset(&out);
    assert_false(out.is_full);
    writer_format(&out, "%s", "123456789");
    assert_true(out.is_full);
    writer_free(&out);
}

static void time_is_rfc3339_utc(void **state)
{
    (void)state;
    struct writer out;
    writer_init(&out, 64);
    writer_time(&out, 1710774910823823828u);
    writer_byte(&out, 0);
    assert_string_equal((char *)out.data, "2024-03-18T15:15:10.823823828Z");
    writer_free(&out);
}

static void span_readers_move_forward_or_fail(void **state)
{
    (void)state;
    span in = SPAN("\x01\x02\x03\x04\x05");
    uint32_t number;
    uint64_t large;
    assert_true(span_u32le(&in, &number));
    assert_int_equal(number, 0x04030201);
    assert_false(span_u64le(&in, &large));
    assert_int_equal(in.len, 1);
    span line, text = SPAN("ab\ncd");
    assert_true(span_until(&text, '\n', &line));
    assert_true(span_eq(line, SPAN("ab")));
    assert_false(span_until(&text, '\n', &line));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(error_puts_causes_outermost_first),
        cmocka_unit_test(error_text_is_cut_at_its_limit),
        cmocka_unit_test(arena_refuses_more_than_its_limit),
        cmocka_unit_test(map_finds_what_was_put_through_growth_and_removal),
        cmocka_unit_test(vector_grows_to_its_ceiling_and_no_further),
        cmocka_unit_test(json_keeps_utf8_and_shows_what_is_not),
        cmocka_unit_test(terminal_text_cannot_move_the_cursor_or_reorder),
        cmocka_unit_test(writer_full_sticks),
        cmocka_unit_test(time_is_rfc3339_utc),
        cmocka_unit_test(span_readers_move_forward_or_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
