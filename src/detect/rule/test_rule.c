/* Predicates as a front end builds them: dates, types, case, lists, logsources. */
#include <malloc.h>
#include <stdio.h>

#include "core/test.h"
#include "rule/rule.h"

static const struct field_desc open_field = {"", FIELD_ANY, ARGUMENT_KEY_OPTIONAL, false, false,
                                             "", 0};
static const struct schema schema = {.source = "json", .open = &open_field};

static void fetch(void *decoder, const struct field_ref *ref, struct arena *arena,
                  struct value *ret)
{
    (void)ref;
    (void)arena;
    *ret = **(const struct value **)decoder;
}

#define TEXT(literal)                                                                              \
    (struct value)                                                                                 \
    {                                                                                              \
        .kind = VALUE_TEXT, .text = SPAN(literal)                                                  \
    }
#define INT(number)                                                                                \
    (struct value)                                                                                 \
    {                                                                                              \
        .kind = VALUE_INT, .integer = (number)                                                     \
    }
#define REAL(number)                                                                               \
    (struct value)                                                                                 \
    {                                                                                              \
        .kind = VALUE_REAL, .real = (number)                                                       \
    }
#define BOOL(is)                                                                                   \
    (struct value)                                                                                 \
    {                                                                                              \
        .kind = VALUE_BOOL, .truth = (is)                                                          \
    }

#define NO_FUNCTION RULE_FUNCTION_COUNT

static uint32_t field_of(struct rule_builder *builder, const char *name)
{
    struct field_ref ref;
    const char *hint;
    assert_int_equal(schema_resolve(&schema, span_str(name), &ref, &hint), FIELD_FOUND);
    return rule_build_field(builder, &ref);
}

/* One rule of one predicate against one value. */
static bool holds(const struct rule_compare *compare, unsigned function,
                  const struct rule_literal *literals, size_t count, const struct value *value)
{
    struct rule_builder *builder;
    struct rule_program *program;
    struct writer image;
    struct event event;
    struct err_ctx err = {0};
    uint32_t undecided;
    writer_init(&image, 1 << 20);
    assert_int_equal(rule_builder_open(&schema, &builder, &err), OK);
    uint32_t left = field_of(builder, "a");
    if (function != NO_FUNCTION)
        left = rule_build_call(builder, (enum rule_function)function, &left, 1);
    struct rule_definition rule = {
        .name = SPAN("r"), .source = SPAN("json"), .priority_name = SPAN("low")};
    rule.is_enabled = true;
    rule.root = rule_build_predicate(builder, compare, left, literals, count, &err);
    rule_build_rule(builder, &rule);
    assert_int_equal(rule_image_write(builder, &image, &err), OK);
    assert_int_equal(rule_program_open(writer_span(&image), &schema, &program, &err), OK);
    assert_int_equal(event_open(&event, rule_program_projection(program), fetch, &value, &err), OK);
    event_begin(&event);
    size_t matches = rule_program_match(program, &event, NULL, 0, &undecided);
    assert_int_equal(undecided, 0);
    event_close(&event);
    rule_program_close(program);
    rule_builder_close(builder);
    writer_free(&image);
    return matches;
}

static const struct rule_compare sigma = {
    .op = RULE_EQUAL, .case_mode = RULE_CASE_UNICODE, .type = RULE_TYPE_VALUE};

static void values_are_typed(void **state)
{
    (void)state;
    const struct value list[] = {{.kind = VALUE_NULL}, INT(4625)};
    const struct value list_value = {.kind = VALUE_LIST, .list = {list, 2}};
    const struct {
        struct value literal, value;
        bool holds;
    } cases[] = {
        {INT(4625), INT(4625), true},
        {INT(4625), TEXT("4625"), true},
        {INT(4625), TEXT("4625.0"), true},
        {INT(4625), TEXT("0x1211"), false},
        {INT(4625), TEXT("4625x"), false},
        {INT(4625), REAL(4625.0), true},
        {INT(4625), list_value, true},
        {TEXT("4625"), INT(4625), true},
        {TEXT("0.1"), REAL(0.1), true},
        {REAL(0.1), TEXT("0.1"), true},
        {INT(1), BOOL(true), false},
        {BOOL(true), BOOL(true), true},
        {BOOL(true), TEXT("True"), true},
        {BOOL(true), INT(1), false},
        {BOOL(false), BOOL(true), false},
        {TEXT(""), TEXT(""), true},
        {TEXT(""), {.kind = VALUE_NULL}, false},
        {TEXT(""), {.kind = VALUE_ABSENT}, false},
        {INT(INT64_MAX), INT(INT64_MAX - 1), false},
        {INT(INT64_MAX), TEXT("9223372036854775807"), true},
        {INT(INT64_MAX), TEXT("9223372036854775808"), false},
        {{.kind = VALUE_UINT, .uinteger = UINT64_MAX}, TEXT("18446744073709551615"), true},
        {TEXT("STRA\xc3\x89"), TEXT("stra\xc3\xa9"), true},
    };
    for (size_t index = 0; index < sizeof cases / sizeof cases[0]; index++) {
        struct rule_literal literal = {.value = cases[index].literal};
        if (holds(&sigma, NO_FUNCTION, &literal, 1, &cases[index].value) != cases[index].holds)
            fail_msg("case %zu", index);
    }
}

static void null_is_there_but_says_nothing(void **state)
{
    (void)state;
    const struct value null = {.kind = VALUE_NULL};
    const struct value absent = {.kind = VALUE_ABSENT};
    const struct value empty = TEXT("");
    const struct rule_compare exists = {.op = RULE_EXISTS};
    const struct rule_compare is_null = {.op = RULE_EQUAL, .when_absent = true};
    assert_true(holds(&exists, NO_FUNCTION, NULL, 0, &null));
    assert_true(holds(&exists, NO_FUNCTION, NULL, 0, &empty));
    assert_false(holds(&exists, NO_FUNCTION, NULL, 0, &absent));
    assert_true(holds(&is_null, NO_FUNCTION, NULL, 0, &null));
    assert_false(holds(&is_null, NO_FUNCTION, NULL, 0, &empty));
    assert_true(holds(&is_null, NO_FUNCTION, NULL, 0, &absent));
}

static void dates_are_read_as_written(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int minute, hour, day, week, month, year; /* -1: absent */
    } cases[] = {
        {"2024-02-29", -1, -1, 29, 9, 2, 2024},
        {"2023-02-29", -1, -1, -1, -1, -1, -1},
        {"2020-05-02 02:55:56.157", 55, 2, 2, 18, 5, 2020},
        {"2020-05-02T23:59:60,5+05:30", 59, 23, 2, 18, 5, 2020},
        {"2020-05-02t23:59z", 59, 23, 2, 18, 5, 2020},
        {"2021-01-03", -1, -1, 3, 53, 1, 2021},
        {"2021-01-04", -1, -1, 4, 1, 1, 2021},
        {"2018-12-31", -1, -1, 31, 1, 12, 2018},
        {"2015-12-31", -1, -1, 31, 53, 12, 2015},
        {"2000-01-01", -1, -1, 1, 52, 1, 2000},
        {"0000-01-01", -1, -1, 1, 52, 1, 0},
        {"2020-05-02T24:00", -1, -1, -1, -1, -1, -1},
        {"2020-05-02T10", -1, -1, -1, -1, -1, -1},
        {"2020-05-02T10:00:00 ", -1, -1, -1, -1, -1, -1},
        {"2020-05-02T10:00:00.", -1, -1, -1, -1, -1, -1},
        {"2020-05-02T10:00:00+", -1, -1, -1, -1, -1, -1},
        {"20200502", -1, -1, -1, -1, -1, -1},
        {"1588388156", -1, -1, -1, -1, -1, -1},
        {"", -1, -1, -1, -1, -1, -1},
    };
    const struct rule_compare equal = {.op = RULE_EQUAL, .type = RULE_TYPE_NUMBER};
    const struct rule_compare exists = {.op = RULE_EXISTS};
    for (size_t index = 0; index < sizeof cases / sizeof cases[0]; index++) {
        const int wanted[] = {cases[index].minute, cases[index].hour,  cases[index].day,
                              cases[index].week,   cases[index].month, cases[index].year};
        const struct value value = {.kind = VALUE_TEXT, .text = span_str(cases[index].text)};
        for (unsigned part = 0; part < 6; part++) {
            struct rule_literal literal = {.value = INT(wanted[part])};
            bool is_right = wanted[part] < 0
                                ? !holds(&exists, RULE_MINUTE + part, NULL, 0, &value)
                                : holds(&equal, RULE_MINUTE + part, &literal, 1, &value);
            if (!is_right)
                fail_msg("'%s' part %u", cases[index].text, part);
        }
    }
}

static void two_fields_are_compared(void **state)
{
    (void)state;
    static const struct {
        enum rule_operator op;
        enum rule_case mode;
        const char *left, *right;
        bool holds;
    } cases[] = {
        {RULE_EQUAL, RULE_CASE_UNICODE, "\xc3\x89t\xc3\xa9", "\xc3\xa9T\xc3\x89", true},
        {RULE_EQUAL, RULE_CASE_EXACT, "a", "A", false},
        {RULE_STARTS, RULE_CASE_UNICODE, "abc", "AB", true},
        {RULE_STARTS, RULE_CASE_EXACT, "abc", "AB", false},
        {RULE_ENDS, RULE_CASE_ASCII, "abc", "BC", true},
        {RULE_CONTAINS, RULE_CASE_UNICODE, "xabcx", "ABC", true},
        {RULE_CONTAINS, RULE_CASE_UNICODE, "ab", "abc", false},
    };
    for (size_t index = 0; index < sizeof cases / sizeof cases[0]; index++) {
        struct rule_builder *builder;
        struct rule_program *program;
        struct writer image;
        struct event event;
        struct err_ctx err = {0};
        uint32_t undecided;
        writer_init(&image, 1 << 20);
        assert_int_equal(rule_builder_open(&schema, &builder, &err), OK);
        struct rule_compare compare = {.op = cases[index].op, .case_mode = cases[index].mode};
        struct rule_definition rule = {.name = SPAN("r"),
                                       .source = SPAN("json"),
                                       .priority_name = SPAN("low"),
                                       .is_enabled = true};
        uint32_t left = field_of(builder, "l");
        uint32_t right = field_of(builder, "r");
        rule.root = rule_build_relation(builder, &compare, left, right);
        rule_build_rule(builder, &rule);
        assert_int_equal(rule_image_write(builder, &image, &err), OK);
        assert_int_equal(rule_program_open(writer_span(&image), &schema, &program, &err), OK);
        const struct value *value = NULL;
        assert_int_equal(event_open(&event, rule_program_projection(program), fetch, &value, &err),
                         OK);
        event_begin(&event);
        for (uint32_t slot = 0; slot < 2; slot++) {
            const struct value text = {
                .kind = VALUE_TEXT,
                .text = span_str(slot == 0 ? cases[index].left : cases[index].right)};
            value = &text;
            assert_int_equal(event_get(&event, slot)->kind, VALUE_TEXT);
        }
        if (rule_program_match(program, &event, NULL, 0, &undecided) != cases[index].holds)
            fail_msg("case %zu", index);
        event_close(&event);
        rule_program_close(program);
        rule_builder_close(builder);
        writer_free(&image);
    }
}

#define PART(text)                                                                                 \
    {                                                                                              \
        (const uint8_t *)(text), sizeof(text) - 1                                                  \
    }

static void the_whole_is_one_field(void **state)
{
    (void)state;
    struct rule_builder *builder;
    struct err_ctx err = {0};
    assert_int_equal(rule_builder_open(&schema, &builder, &err), OK);
    uint32_t first = field_of(builder, FIELD_WHOLE);
    assert_int_equal(field_of(builder, FIELD_WHOLE), first);
    assert_int_not_equal(field_of(builder, "a"), first);
    rule_builder_close(builder);
}

#define KEYWORDS 80

/* Values that come again, values that never do, a keyword set of Vectorscan's, a regex, lists. */
static void an_event_allocates_nothing_after_warm_up(void **state)
{
    (void)state;
    struct rule_builder *builder;
    struct rule_program *program;
    struct writer image;
    struct event event;
    struct err_ctx err = {0};
    struct rule_literal literals[KEYWORDS];
    char texts[KEYWORDS][16];
    char text[64];
    uint32_t found[4];
    uint32_t undecided;
    const struct rule_compare contains = {.op = RULE_CONTAINS, .case_mode = RULE_CASE_UNICODE};
    const struct rule_compare matches = {.op = RULE_REGEX};
    const struct rule_literal regex = {.value = TEXT("numb(er|re) [0-9]+7")};
    struct rule_definition rule = {.name = SPAN("r"),
                                   .source = SPAN("json"),
                                   .priority_name = SPAN("low"),
                                   .is_enabled = true};
    writer_init(&image, 1 << 20);
    assert_int_equal(rule_builder_open(&schema, &builder, &err), OK);
    for (size_t index = 0; index < KEYWORDS; index++) {
        snprintf(texts[index], sizeof texts[index], "Word%zu\xc3\x89", index);
        literals[index] =
            (struct rule_literal){.value = {.kind = VALUE_TEXT, .text = span_str(texts[index])}};
    }
    uint32_t nodes[2];
    nodes[0] =
        rule_build_predicate(builder, &contains, field_of(builder, "a"), literals, KEYWORDS, &err);
    nodes[1] = rule_build_predicate(builder, &matches, field_of(builder, "b"), &regex, 1, &err);
    rule.root = rule_build_any(builder, nodes, 2);
    rule_build_rule(builder, &rule);
    assert_int_equal(rule_image_write(builder, &image, &err), OK);
    assert_int_equal(rule_program_open(writer_span(&image), &schema, &program, &err), OK);
    struct value value = {.kind = VALUE_TEXT};
    const struct value *current = &value;
    assert_int_equal(event_open(&event, rule_program_projection(program), fetch, &current, &err),
                     OK);
    span raw[2];
    struct mallinfo2 before = {0};
    size_t matched = 0;
    event.raw = raw;
    for (unsigned round = 0; round < 4000; round++) {
        snprintf(text, sizeof text, "%s number %u", round % 3 ? "again" : texts[round % KEYWORDS],
                 round % 2 ? round : round % 64);
        value.text = span_str(text);
        raw[0] = raw[1] = value.text;
        event_begin(&event);
        matched += rule_program_match(program, &event, found, 4, &undecided);
        if (round == 1000)
            before = mallinfo2();
    }
    struct mallinfo2 after = mallinfo2();
    assert_in_range(matched, 1000, 4000);
    assert_int_equal(after.uordblks, before.uordblks);
    assert_int_equal(after.hblkhd, before.hblkhd);
    assert_true(rule_program_counters(program)->remembered > 1000);
    event_close(&event);
    rule_program_close(program);
    rule_builder_close(builder);
    writer_free(&image);
}

static void rules_are_for_their_logsource(void **state)
{
    (void)state;
    static const struct logsource rules[] = {
        {.product = PART("windows"), .category = PART("process_creation")},
        {.product = PART("windows")},
        {.service = PART("sshd")},
        {{NULL, 0}, {NULL, 0}, {NULL, 0}},
    };
    static const struct {
        struct logsource logsource;
        size_t count;
    } cases[] = {
        {{.product = PART("windows"), .category = PART("process_creation")}, 3},
        {{.product = PART("windows"), .category = PART("image_load")}, 2},
        {{.product = PART("Windows")}, 1},
        {{.product = PART("linux"), .service = PART("sshd")}, 2},
        {{.service = PART("")}, 1},
    };
    struct rule_builder *builder;
    struct rule_program *program;
    struct writer image;
    struct event event;
    struct err_ctx err = {0};
    uint32_t undecided;
    writer_init(&image, 1 << 20);
    assert_int_equal(rule_builder_open(&schema, &builder, &err), OK);
    struct rule_definition rule = {.name = SPAN("r"),
                                   .source = SPAN("json"),
                                   .priority_name = SPAN("low"),
                                   .is_enabled = true};
    rule.root = rule_build_constant(builder, true);
    for (size_t index = 0; index < sizeof rules / sizeof rules[0]; index++) {
        rule.logsource = rules[index];
        rule_build_rule(builder, &rule);
    }
    assert_int_equal(rule_image_write(builder, &image, &err), OK);
    assert_int_equal(rule_program_open(writer_span(&image), &schema, &program, &err), OK);
    assert_int_equal(event_open(&event, rule_program_projection(program), fetch, NULL, &err), OK);
    event_begin(&event);
    assert_int_equal(rule_program_match(program, &event, NULL, 0, &undecided), 4);
    for (size_t index = 0; index < sizeof cases / sizeof cases[0]; index++) {
        event.logsource = &cases[index].logsource;
        event_begin(&event);
        assert_int_equal(rule_program_match(program, &event, NULL, 0, &undecided),
                         cases[index].count);
    }
    event_close(&event);
    rule_program_close(program);
    rule_builder_close(builder);
    writer_free(&image);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_are_typed),
        cmocka_unit_test(null_is_there_but_says_nothing),
        cmocka_unit_test(dates_are_read_as_written),
        cmocka_unit_test(two_fields_are_compared),
        cmocka_unit_test(the_whole_is_one_field),
        cmocka_unit_test(an_event_allocates_nothing_after_warm_up),
        cmocka_unit_test(rules_are_for_their_logsource),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
