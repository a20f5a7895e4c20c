#include "record/test_record.h"

#include "core/test.h"

static struct test_record made;

static void record_make(void)
{
    test_exec(&made, 100, 1, "curl", "curl -s http://x");
}

static void a_record_opens_with_its_parameters(void **state)
{
    (void)state;
    struct record record;
    struct err_ctx err = {0};
    record_make();
    assert_int_equal(record_open(&record, test_span(&made), &err), OK);
    assert_int_equal(record.head.pid, 100);
    assert_true(span_eq(record.params[PARAM_COMM], SPAN("curl")));
    assert_true(span_eq(record.params[PARAM_ARGV], SPAN("curl\0-s\0http://x\0")));
    assert_null(record.params[PARAM_SOCKET].data);
    assert_int_equal(record_number(&record, PARAM_EXE_FLAGS, 0), EXE_WRITABLE);
    assert_int_equal(record_number(&record, PARAM_FD, -7), -7);
}

static void every_truncation_is_refused(void **state)
{
    (void)state;
    struct record record;
    struct err_ctx err = {0};
    record_make();
    for (size_t len = 0; len < made.len; len++) {
        uint8_t *copy = malloc(len + 1);
        assert_non_null(copy);
        memcpy(copy, made.bytes, len);
        assert_int_not_equal(record_open(&record, span_of(copy, len), &err), OK);
        if (len >= sizeof(struct record_head)) { /* and with the length mended */
            uint32_t mended = (uint32_t)len;
            struct record_head head;
            memcpy(&head, copy, sizeof head);
            head.len = mended;
            memcpy(copy, &head, sizeof head);
            err_kind kind = record_open(&record, span_of(copy, len), &err);
            /* whole only where a parameter ends */
            assert_true(kind != OK || len % 8 == 0);
        }
        free(copy);
    }
}

static void spoiled(size_t at, uint8_t byte)
{
    struct record record;
    struct err_ctx err = {0};
    record_make();
    made.bytes[at] = byte;
    assert_int_not_equal(record_open(&record, test_span(&made), &err), OK);
    assert_true(err.text[0] != 0);
}

static void what_is_not_of_the_layout_is_refused(void **state)
{
    (void)state;
    size_t first = sizeof(struct record_head);
    spoiled(offsetof(struct record_head, type), EVENT_COUNT);
    spoiled(offsetof(struct record_head, reserved), 1);
    spoiled(first, PARAM_COUNT);
    spoiled(first, PARAM_NONE);
    spoiled(first, PARAM_ARGV); /* twice */
    spoiled(first, PARAM_FD);   /* a number of 4 bytes */
    spoiled(first + 2, 1);      /* reserved */
    spoiled(first + 8 + 4, 1);  /* padding of "curl" */
    struct record record;
    struct err_ctx err = {0};
    test_begin(&made, EVENT_OPEN, 1, 0);
    char path[PATH_BYTES_MAX + 1];
    memset(path, 'a', sizeof path);
    test_bytes(&made, PARAM_PATH, path, sizeof path);
    assert_int_equal(record_open(&record, test_span(&made), &err), ERR_INPUT);
}

static void names_and_types_match(void **state)
{
    (void)state;
    assert_string_equal(event_type_name(EVENT_OPENAT), "openat");
    assert_null(event_type_name(EVENT_NONE));
    assert_null(event_type_name(EVENT_COUNT));
    for (uint16_t type = 1; type < EVENT_COUNT; type++)
        assert_int_equal(event_type_find(span_str(event_type_name(type))), type);
    assert_int_equal(event_type_find(SPAN("openatx")), EVENT_NONE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_record_opens_with_its_parameters),
        cmocka_unit_test(every_truncation_is_refused),
        cmocka_unit_test(what_is_not_of_the_layout_is_refused),
        cmocka_unit_test(names_and_types_match),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
