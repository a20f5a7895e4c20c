#include <stdlib.h>

#include "core/test.h"
#include "wire/wire.h"

static const char *const word_table[] = {NULL, "ONE", "TWO"};

static const struct wire_field inner_table[] = {
    {.number = 1, .name = "text", .kind = WIRE_TEXT},
    {0},
};

static const struct wire_field table[] = {
    {.number = 1, .name = "text", .kind = WIRE_TEXT},
    {.number = 2, .name = "hex", .kind = WIRE_HEX},
    {.number = 3, .name = "base64", .kind = WIRE_BASE64},
    {.number = 4, .name = "address", .kind = WIRE_ADDRESS},
    {.number = 5, .name = "uint", .kind = WIRE_UINT},
    {.number = 6, .name = "int", .kind = WIRE_INT},
    {.number = 7, .name = "bool", .kind = WIRE_BOOL},
    {.number = 8, .name = "double", .kind = WIRE_DOUBLE},
    {.number = 9, .name = "fixed32", .kind = WIRE_FIXED32},
    {.number = 10, .name = "fixed64", .kind = WIRE_FIXED64_TEXT},
    {.number = 11, .name = "word", .kind = WIRE_ENUM, .words = word_table, .word_count = 3},
    {.number = 12,
     .name = "inner",
     .kind = WIRE_MESSAGE,
     .message = inner_table,
     .is_repeated = true},
    {.number = 13, .name = "map", .kind = WIRE_MAP},
    {.number = 14, .name = "attributes", .kind = WIRE_ATTRIBUTES},
    {.number = 15, .name = "any", .kind = WIRE_ANY},
    {0},
};

/* What the bytes are as JSON, or the reason with its place. */
static void expect(span bytes, const char *expected)
{
    struct writer out;
    struct wire_fault fault;
    writer_init(&out, 1 << 20);
    if (!wire_write(&out, table, bytes, &fault)) {
        writer_reset(&out);
        writer_format(&out, "!%zu %s", (size_t)(fault.at - bytes.data), fault.reason);
    }
    writer_byte(&out, 0);
    assert_string_equal((const char *)out.data, expected);
    writer_free(&out);
}

static void every_kind_is_written(void **state)
{
    (void)state;
    expect(SPAN(""), "{}");
    expect(SPAN("\x0a\x02hi\x12\x02\x0f\xa0\x1a\x04\x00\x01\x02\x03"),
           "{\"text\":\"hi\",\"hex\":\"0fa0\",\"base64\":\"AAECAw==\"}");
    expect(SPAN("\x22\x04\x7f\x00\x00\x01"), "{\"address\":\"127.0.0.1\"}");
    expect(SPAN("\x22\x10\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x05"),
           "{\"address\":\"2001:db8::5\"}");
    expect(SPAN("\x22\x01\xff"), "{\"address\":\"ff\"}");
    expect(SPAN("\x28\xac\x02\x30\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x38\x01"),
           "{\"uint\":300,\"int\":-1,\"bool\":true}");
    expect(SPAN("\x41\0\0\0\0\0\0\xe0\x3f\x4d\x01\0\0\0\x51\x02\0\0\0\0\0\0\0"),
           "{\"double\":0.5,\"fixed32\":1,\"fixed64\":\"2\"}");
    expect(SPAN("\x41\0\0\0\0\0\0\xf0\x7f"), "{\"double\":\"Infinity\"}");
    expect(SPAN("\x58\x02"), "{\"word\":\"TWO\"}");
    expect(SPAN("\x58\x00"), "{}");
    expect(SPAN("\x58\x09"), "{}");
}

static void the_last_counts_unless_repeated(void **state)
{
    (void)state;
    expect(SPAN("\x0a\x01"
                "a\x62\x03\x0a\x01x\x0a\x01"
                "b\x62\x00"),
           "{\"text\":\"b\",\"inner\":[{\"text\":\"x\"},{}]}");
}

static void maps_and_values_are_members(void **state)
{
    (void)state;
    expect(SPAN("\x6a\x06\x0a\x01k\x12\x01v\x6a\x03\x0a\x01l"),
           "{\"map\":{\"k\":\"v\",\"l\":\"\"}}");
    expect(SPAN("\x72\x08\x0a\x01k\x12\x03\x0a\x01v\x72\x07\x0a\x01n\x12\x02\x18\x07"),
           "{\"attributes\":{\"k\":\"v\",\"n\":7}}");
    expect(SPAN("\x7a\x08\x2a\x06\x0a\x02\x10\x01\x0a\x00"), "{\"any\":[true,null]}");
    expect(SPAN("\x7a\x0b\x32\x09\x0a\x07\x0a\x01k\x12\x02\x18\x01"), "{\"any\":{\"k\":1}}");
    expect(SPAN("\x7a\x00"), "{\"any\":null}");
}

static void what_is_not_named_is_passed_over(void **state)
{
    (void)state;
    expect(SPAN("\xa0\x06\x01\xa2\x06\x03xyz\xa5\x06\1\1\1\1\xa1\x06\1\1\1\1\1\1\1\1\x0a\x01"
                "a"),
           "{\"text\":\"a\"}");
}

static void what_is_broken_is_said(void **state)
{
    (void)state;
    expect(SPAN("\x00"), "!0 protobuf: expected the number of a field");
    expect(SPAN("\x0a"), "!1 protobuf: a length goes beyond the end");
    expect(SPAN("\x0a\x05hi"), "!1 protobuf: a length goes beyond the end");
    expect(SPAN("\x0b"), "!1 protobuf: a field of an unknown type");
    expect(SPAN("\x28\xff"), "!1 protobuf: a number is not whole");
    expect(SPAN("\x28\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02"),
           "!1 protobuf: a number is not whole");
    expect(SPAN("\x4d\x01"), "!1 protobuf: a number is not whole");
    expect(SPAN("\x08\x01"), "!0 protobuf: a field is not of the type that it should be");
    expect(SPAN("\x62\x02\x0a\x05"), "!3 protobuf: a length goes beyond the end");
}

/* Puts a field of number 1 to 15 around what the buffer ends with. */
static size_t wrap(uint8_t bytes[1024], size_t at, uint8_t number)
{
    size_t len = 1024 - at;
    bytes[--at] = (uint8_t)(len >> 7);
    bytes[--at] = (uint8_t)(len | 0x80);
    bytes[--at] = (uint8_t)(number << 3 | 2);
    return at;
}

/* any{5: array{1: any{5: array{…}}}} */
static void nesting_has_a_limit(void **state)
{
    (void)state;
    static const struct wire_field any_table[] = {{.number = 1, .name = "any", .kind = WIRE_ANY},
                                                  {0}};
    for (size_t depth = WIRE_DEPTH_MAX - 2; depth <= WIRE_DEPTH_MAX; depth++) {
        uint8_t bytes[1024] = {0};
        size_t at = sizeof bytes;
        struct writer out;
        struct wire_fault fault;
        writer_init(&out, 1 << 20);
        for (size_t count = 0; count < depth; count++)
            at = wrap(bytes, wrap(bytes, at, 1), 5);
        at = wrap(bytes, at, 1);
        bool is_written =
            wire_write(&out, any_table, span_of(bytes + at, sizeof bytes - at), &fault);
        assert_int_equal(is_written, depth < WIRE_DEPTH_MAX - 1);
        if (!is_written)
            assert_string_equal(fault.reason, "protobuf: values nest too deeply (over 32)");
        writer_free(&out);
    }
}

static void every_beginning_is_read_or_refused(void **state)
{
    (void)state;
    const span good = SPAN("\x0a\x02hi\x28\xac\x02\x41\0\0\0\0\0\0\xe0\x3f\x62\x03\x0a\x01x"
                           "\x72\x08\x0a\x01k\x12\x03\x0a\x01v\x7a\x08\x2a\x06\x0a\x02\x10\x01");
    for (size_t len = 0; len < good.len; len++) {
        struct writer out;
        struct wire_fault fault = {0};
        uint8_t *copy = malloc(len + !len);
        assert_non_null(copy);
        memcpy(copy, good.data, len);
        writer_init(&out, 1 << 20);
        if (!wire_write(&out, table, span_of(copy, len), &fault)) {
            assert_non_null(fault.reason);
            assert_true(fault.at >= copy && fault.at <= copy + len);
        }
        writer_free(&out);
        free(copy);
    }
}

static void lists_are_told_from_text(void **state)
{
    (void)state;
    assert_true(wire_is_list(SPAN("\x0a\x01x\x0a\x00")));
    assert_false(wire_is_list(SPAN("")));
    assert_false(wire_is_list(SPAN("{\"a\": 1}")));
    assert_false(wire_is_list(SPAN("\n[{\"a\": 1}]")));
    assert_false(wire_is_list(SPAN("\n{\"resourceSpans\": []}")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_is_written),
        cmocka_unit_test(the_last_counts_unless_repeated),
        cmocka_unit_test(maps_and_values_are_members),
        cmocka_unit_test(what_is_not_named_is_passed_over),
        cmocka_unit_test(what_is_broken_is_said),
        cmocka_unit_test(nesting_has_a_limit),
        cmocka_unit_test(every_beginning_is_read_or_refused),
        cmocka_unit_test(lists_are_told_from_text),
    };
    return cmocka_run_group_tests_name("wire", tests, NULL, NULL);
}
