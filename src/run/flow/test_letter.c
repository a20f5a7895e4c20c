#include <string.h>

#include "core/test.h"
#include "flow/flow.h"

#define LETTER_BYTES_MAX (1u << 20)

struct fixture {
    struct writer out;
    struct arena arena;
};

static int open_fixture(void **state)
{
    static struct fixture fixture;
    writer_init(&fixture.out, LETTER_BYTES_MAX);
    arena_init(&fixture.arena, LETTER_BYTES_MAX);
    *state = &fixture;
    return 0;
}

static int close_fixture(void **state)
{
    struct fixture *fixture = *state;
    writer_free(&fixture->out);
    arena_free(&fixture->arena);
    return 0;
}

static void round_trip(struct fixture *fixture, span payload)
{
    struct dead_letter letter;
    struct err_ctx err;
    writer_reset(&fixture->out);
    dead_letter_write(&fixture->out, "why \"this\"", "detect", "app", SPAN("in/3@17"), payload);
    assert_int_equal(dead_letter_read(writer_span(&fixture->out), &fixture->arena, &letter, &err),
                     OK);
    assert_true(span_eq(letter.reason, SPAN("why \"this\"")));
    assert_true(span_eq(letter.stage, SPAN("detect")));
    assert_true(span_eq(letter.source, SPAN("app")));
    assert_true(span_eq(letter.position, SPAN("in/3@17")));
    assert_int_equal(!letter.payload.data, !payload.data);
    assert_true(span_eq(letter.payload, payload));
    assert_false(letter.is_part);
}

static void a_payload_that_is_cut_says_so(void **state)
{
    struct fixture *fixture = *state;
    struct dead_letter letter;
    struct err_ctx err;
    for (size_t max = 3; max <= 5; max++) {
        writer_reset(&fixture->out);
        dead_letter_write_part(&fixture->out, "why", "detect", "app", SPAN("in/3@17"),
                               SPAN("\x80xyz"), max);
        assert_int_equal(
            dead_letter_read(writer_span(&fixture->out), &fixture->arena, &letter, &err), OK);
        assert_true(span_eq(letter.payload, span_first(SPAN("\x80xyz"), max)));
        assert_int_equal(letter.is_part, max < 4);
    }
}

static void what_was_written_is_read_back_exactly(void **state)
{
    uint8_t bytes[257];
    for (size_t index = 0; index < sizeof bytes; index++)
        bytes[index] = (uint8_t)index;
    round_trip(*state, SPAN("{\"n\":1}"));
    round_trip(*state, SPAN(""));
    round_trip(*state, SPAN("tab\t nul\0 quote\" backslash\\ \xc3\xa9"));
    round_trip(*state, (span){NULL, 0});
    for (size_t len = 1; len <= sizeof bytes; len++) /* from 0x80 on not UTF-8: base64 */
        round_trip(*state, span_of(bytes + sizeof bytes - len, len));
}

static void what_is_no_letter_is_refused(void **state)
{
    static const char *const texts[] = {
        "",
        "[]",
        "{}",
        "null",
        "{\"reason\":1,\"stage\":\"detect\"}",
        "{\"reason\":\"a\"}",
        "{\"reason\":\"a\",\"stage\":\"b\",\"payload_base64\":\"AAA\"}",
        "{\"reason\":\"a\",\"stage\":\"b\",\"payload_base64\":\"A===\"}",
        "{\"reason\":\"a\",\"stage\":\"b\",\"payload_base64\":\"AA==AAAA\"}",
        "{\"reason\":\"a\",\"stage\":\"b\",\"payload_base64\":\"AA=A\"}",
        "{\"reason\":\"a\",\"stage\":\"b\",\"payload_base64\":\"A!AA\"}",
    };
    struct fixture *fixture = *state;
    struct dead_letter letter;
    struct err_ctx err;
    for (size_t index = 0; index < sizeof texts / sizeof *texts; index++)
        assert_int_equal(dead_letter_read(span_str(texts[index]), &fixture->arena, &letter, &err),
                         ERR_INPUT);
}

static void every_truncation_is_refused(void **state)
{
    struct fixture *fixture = *state;
    struct dead_letter letter;
    struct err_ctx err;
    dead_letter_write(&fixture->out, "why", "detect", "app", SPAN("in/0@1"), SPAN("\xff\x00x"));
    span whole = writer_span(&fixture->out);
    for (size_t len = 0; len < whole.len; len++)
        assert_int_equal(dead_letter_read(span_first(whole, len), &fixture->arena, &letter, &err),
                         ERR_INPUT);
}

static void a_letter_without_room_is_an_error(void **state)
{
    struct fixture *fixture = *state;
    struct dead_letter letter;
    struct err_ctx err;
    struct arena small;
    arena_init(&small, 64);
    dead_letter_write(&fixture->out, "why", "detect", "app", SPAN("in/0@1"),
                      SPAN("a payload that is longer than the arena has room for, by some bytes"));
    assert_int_equal(dead_letter_read(writer_span(&fixture->out), &small, &letter, &err),
                     ERR_LIMIT);
    arena_free(&small);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, open_fixture, close_fixture)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(what_was_written_is_read_back_exactly), CASE(a_payload_that_is_cut_says_so),
        CASE(what_is_no_letter_is_refused),          CASE(every_truncation_is_refused),
        CASE(a_letter_without_room_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
