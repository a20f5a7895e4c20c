#include <stdlib.h>

#include "core/test.h"
#include "split/split.h"

static void values_are_taken_whole(void **state)
{
    (void)state;
    static const struct {
        const char *text, *value, *rest;
    } table[] = {
        {" {\"a\": [1, {\"b\": \"}\"}]}, 2", "{\"a\": [1, {\"b\": \"}\"}]}", ", 2"},
        {"\"a\\\"b\\\\\" x", "\"a\\\"b\\\\\"", " x"},
        {"-1.5e3]", "-1.5e3", "]"},
        {"true,", "true", ","},
        {"[]", "[]", ""},
    };
    for (size_t index = 0; index < sizeof table / sizeof *table; index++) {
        span rest = span_str(table[index].text), value;
        assert_true(split_value(&rest, &value));
        assert_true(span_eq(value, span_str(table[index].value)));
        assert_true(span_eq(rest, span_str(table[index].rest)));
    }
}

static void what_is_not_whole_is_no_value(void **state)
{
    (void)state;
    static const char *const table[] = {"",        "  ",    "{", "[1, {}", "\"a",
                                        "\"a\\\"", "{\"a}", ",", ":"};
    for (size_t index = 0; index < sizeof table / sizeof *table; index++) {
        span rest = span_str(table[index]), value;
        assert_false(split_value(&rest, &value));
    }
}

static void lists_are_walked_to_their_end(void **state)
{
    (void)state;
    span inside = SPAN(" 1, [2], \"]\" ] x"), element;
    bool is_first = true;
    assert_int_equal(split_element(&inside, &is_first, &element), SPLIT_ITEM);
    assert_true(span_eq(element, SPAN("1")));
    assert_int_equal(split_element(&inside, &is_first, &element), SPLIT_ITEM);
    assert_true(span_eq(element, SPAN("[2]")));
    assert_int_equal(split_element(&inside, &is_first, &element), SPLIT_ITEM);
    assert_true(span_eq(element, SPAN("\"]\"")));
    assert_int_equal(split_element(&inside, &is_first, &element), SPLIT_END);
    assert_true(span_eq(inside, SPAN(" x")));
}

static void a_broken_list_says_where(void **state)
{
    (void)state;
    span inside = SPAN("1 2]"), element;
    bool is_first = true;
    assert_int_equal(split_element(&inside, &is_first, &element), SPLIT_ITEM);
    assert_int_equal(split_element(&inside, &is_first, &element), SPLIT_BAD);
    assert_true(span_eq(inside, SPAN("2]")));
    inside = SPAN("1,");
    is_first = true;
    assert_int_equal(split_element(&inside, &is_first, &element), SPLIT_ITEM);
    assert_int_equal(split_element(&inside, &is_first, &element), SPLIT_BAD);
}

static void members_are_found_by_their_key(void **state)
{
    (void)state;
    span value, object = SPAN("{\"x\": {\"a\": 0}, \"a\" : [1], \"b\":\"c\"}");
    assert_true(split_find(object, "a", &value));
    assert_true(span_eq(value, SPAN("[1]")));
    assert_true(split_find(object, "b", &value));
    assert_true(span_eq(value, SPAN("\"c\"")));
    assert_false(split_find(object, "c", &value));
    assert_false(split_find(SPAN("[\"a\", 1]"), "a", &value));
    assert_false(split_find(SPAN("{\"a\" 1}"), "a", &value));
    assert_false(split_find(SPAN(""), "a", &value));
}

/* A million brackets take no stack. */
static void depth_is_no_matter(void **state)
{
    (void)state;
    size_t len = 2000000;
    uint8_t *text = malloc(len);
    assert_non_null(text);
    memset(text, '[', len / 2);
    memset(text + len / 2, ']', len / 2);
    span rest = span_of(text, len), value;
    assert_true(split_value(&rest, &value));
    assert_int_equal(value.len, len);
    rest = span_of(text, len - 1);
    assert_false(split_value(&rest, &value));
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_are_taken_whole),
        cmocka_unit_test(what_is_not_whole_is_no_value),
        cmocka_unit_test(lists_are_walked_to_their_end),
        cmocka_unit_test(a_broken_list_says_where),
        cmocka_unit_test(members_are_found_by_their_key),
        cmocka_unit_test(depth_is_no_matter),
    };
    return cmocka_run_group_tests_name("split", tests, NULL, NULL);
}
