#include "config/config.h"
#include "core/test.h"

struct options {
    bool quiet;
    const char *output;
    struct option_list rules;
    uint64_t period_ns;
    uint64_t size_bytes;
};

static const struct option_desc rows[] = {
    {"quiet", OPTION_FLAG, offsetof(struct options, quiet), NULL, NULL, "say less"},
    {"output", OPTION_CHOICE, offsetof(struct options, output), "text", "text|json", "form"},
    {"rules", OPTION_LIST, offsetof(struct options, rules), NULL, "PATH", "rules"},
    {"for", OPTION_DURATION, offsetof(struct options, period_ns), NULL, NULL, "how long"},
    {"size", OPTION_SIZE, offsetof(struct options, size_bytes), "1G", NULL, "how much"},
};
static const struct option_table table = {"run", "", "", NULL, rows, sizeof rows / sizeof *rows};

static err_kind parse(struct options *options, struct option_list *operands,
                      const char *const *argv, struct err_ctx *err)
{
    int argc = 0;
    while (argv[argc])
        argc++;
    bool is_help;
    *options = (struct options){0};
    *operands = (struct option_list){0};
    err_kind kind = options_preset(&table, options, err);
    return kind ? kind : options_parse(&table, argc, argv, options, operands, &is_help, err);
}

static void words_become_values_and_defaults_hold(void **state)
{
    (void)state;
    struct options options;
    struct option_list operands;
    struct err_ctx err;
    const char *const argv[] = {"--rules",   "a",  "--rules=b", "--quiet", "file",
                                "--for=10s", "--", "--x",       NULL};
    assert_int_equal(parse(&options, &operands, argv, &err), OK);
    assert_true(options.quiet);
    assert_string_equal(options.output, "text");
    assert_int_equal(options.rules.count, 2);
    assert_string_equal(options.rules.items[1], "b");
    assert_int_equal(options.period_ns, 10000000000);
    assert_int_equal(options.size_bytes, 1 << 30);
    assert_int_equal(operands.count, 2);
    assert_string_equal(operands.items[1], "--x");
}

static void wrong_words_say_what_was_expected(void **state)
{
    (void)state;
    struct options options;
    struct option_list operands;
    struct err_ctx err;
    const char *const bad_choice[] = {"--output", "xml", NULL};
    assert_int_equal(parse(&options, &operands, bad_choice, &err), ERR_INPUT);
    assert_string_equal(err.text, "option '--output': expected text|json, found 'xml'");
    const char *const bad_time[] = {"--for", "10parsecs", NULL};
    assert_int_equal(parse(&options, &operands, bad_time, &err), ERR_INPUT);
    const char *const no_value[] = {"--for", NULL};
    assert_int_equal(parse(&options, &operands, no_value, &err), ERR_INPUT);
    assert_string_equal(err.text, "option '--for' needs a value");
    const char *const unknown[] = {"--fro", NULL};
    assert_int_equal(parse(&options, &operands, unknown, &err), ERR_INPUT);
}

static void numbers_with_units_are_exact_or_refused(void **state)
{
    (void)state;
    uint64_t number;
    assert_true(duration_parse("500ms", &number));
    assert_int_equal(number, 500000000);
    assert_false(duration_parse("10", &number));
    assert_false(duration_parse("", &number));
    assert_false(duration_parse("s", &number));
    assert_false(duration_parse("99999999999999999999s", &number));
    assert_false(duration_parse("18446744073709551615s", &number));
    assert_true(size_parse("512k", &number));
    assert_int_equal(number, 524288);
    assert_false(size_parse("1T", &number));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_become_values_and_defaults_hold),
        cmocka_unit_test(wrong_words_say_what_was_expected),
        cmocka_unit_test(numbers_with_units_are_exact_or_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
