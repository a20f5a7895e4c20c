#include <string.h>

#include "core/test.h"
#include "lab/lab.h"

static json_t *load(const char *text)
{
    json_t *json = json_loads(text, 0, NULL);
    assert_non_null(json);
    return json;
}

static void windows_events_get_the_names_that_rules_use(void **state)
{
    (void)state;
    json_t *event = load(
        "{\"Event\": {\"#attributes\": {\"xmlns\": \"x\"}, \"System\": {\"Provider\": "
        "{\"#attributes\": {\"Name\": \"P\", \"Guid\": \"G\"}}, \"EventID\": {\"#attributes\": "
        "{\"Qualifiers\": 1}, \"#text\": 7045}, \"Channel\": \"System\", \"Computer\": \"c\", "
        "\"Correlation\": null}, \"EventData\": {\"#attributes\": {\"Name\": \"n\"}, \"Channel\": "
        "\"other\", \"Image\": \"C:\\\\a.exe\", \"Data\": {\"#text\": [\"a\", \"b\"]}}}}");
    json_t *flat = suite_flatten(event);
    json_t *expected = load("{\"Channel\": \"System\", \"Image\": \"C:\\\\a.exe\", \"Data\": "
                            "[\"a\", \"b\"], \"EventID\": 7045, \"Computer\": \"c\", "
                            "\"Provider_Name\": \"P\", \"Provider_Guid\": \"G\"}");
    assert_true(json_equal(flat, expected));
    json_decref(flat);
    json_decref(expected);
    json_decref(event);
}

static void user_data_is_flattened_too(void **state)
{
    (void)state;
    json_t *event = load("{\"Event\": {\"System\": {\"EventID\": 1}, \"UserData\": {\"Any\": "
                         "{\"#attributes\": {}, \"Path\": \"p\"}}}}");
    json_t *flat = suite_flatten(event);
    json_t *expected = load("{\"EventID\": 1, \"Path\": \"p\"}");
    assert_true(json_equal(flat, expected));
    json_decref(flat);
    json_decref(expected);
    json_decref(event);
}

static void other_events_stay_as_they_are(void **state)
{
    (void)state;
    static const char *const events[] = {"{\"Event\": 1}", "{\"Event\": {\"System\": []}}",
                                         "{\"a\": {\"b\": 1}}", "[]"};
    for (size_t index = 0; index < sizeof events / sizeof *events; index++) {
        json_t *event = load(events[index]);
        json_t *flat = suite_flatten(event);
        assert_ptr_equal(flat, event);
        json_decref(flat);
        json_decref(event);
    }
}

static void what_cannot_be_read_is_a_test_all_the_same(void **state)
{
    (void)state;
    struct suite *suite;
    struct err_ctx err;
    struct writer out;
    assert_int_equal(suite_open(&suite, &err), OK);
    assert_int_equal(suite_add_lines(suite, "x.test.ndjson", SPAN("{\n\n[]\n{\"rule\": 1}"), &err),
                     OK);
    struct rule_info rule = {.name = SPAN("r")};
    assert_int_equal(suite_count_of(suite, &rule), 0);
    writer_init(&out, 1 << 20);
    suite_write_tap(suite, &out); /* nothing has run yet */
    assert_true(span_eq(writer_span(&out), SPAN("TAP version 13\n1..0\n")));
    writer_free(&out);
    suite_close(suite);
}

static void refuses_a_description_without_tests(void **state)
{
    (void)state;
    static const char *const documents[] = {"{}", "[]", "null", "{\"regression_tests_info\": []}",
                                            "{\"regression_tests_info\": {}}"};
    for (size_t index = 0; index < sizeof documents / sizeof *documents; index++) {
        struct suite *suite;
        struct err_ctx err;
        json_t *document = json_loads(documents[index], JSON_DECODE_ANY, NULL);
        assert_non_null(document);
        assert_int_equal(suite_open(&suite, &err), OK);
        assert_int_equal(suite_add_regression(suite, "a/info.yml", document, &err), ERR_INPUT);
        suite_close(suite);
        json_decref(document);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(windows_events_get_the_names_that_rules_use),
        cmocka_unit_test(user_data_is_flattened_too),
        cmocka_unit_test(other_events_stay_as_they_are),
        cmocka_unit_test(what_cannot_be_read_is_a_test_all_the_same),
        cmocka_unit_test(refuses_a_description_without_tests),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
