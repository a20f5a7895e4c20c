/* Rules as wholes: conditions, collections, filters, and what is wrong with them. */
#include <stdlib.h>

#include "sigma/test_support.h"

/* ---- conditions ---- */

struct condition_case {
    const char *condition;
    const char *event; /* letters of the searches that hold */
    bool matches;
};

#define SEARCHES                                                                                   \
    "a: {A: 1}\nb: {B: 1}\nsel_c: {C: 1}\nsel_d: {D: 1}\n_h: {H: 1}\nsel-e: {E: 1}\ncondition: "

static const struct condition_case condition_cases[] = {
    {"a", "A", true},
    {"a and b", "A", false},
    {"a and b", "AB", true},
    {"a or b", "B", true},
    {"not a", "", true},
    {"not not a", "A", true},
    {"a or b and sel_c", "A", true},
    {"(a or b) and sel_c", "A", false},
    {"(a or b) and sel_c", "BC", true},
    {"not a and b", "B", true},
    {"not (a and b)", "A", true},
    {"a AND NOT b", "A", true},
    {"1 of sel_*", "D", true},
    {"1 of sel_*", "A", false},
    {"any of sel_*", "C", true},
    {"all of sel_*", "C", false},
    {"all of sel_*", "CD", true},
    {"1 of sel*", "E", true},
    {"1 of *_d", "D", true},
    {"1 of s*l*c", "C", true},
    {"1 of a", "A", true},
    {"1 of them", "H", false},
    {"1 of them", "E", true},
    {"1 of *", "H", false},
    {"1 of _*", "H", true},
    {"all of them", "ABCDE", true},
    {"all of them", "ABCDEH", true},
    {"all of them", "ABCD", false},
    {"a and not 1 of sel_*", "A", true},
    {"a and not 1 of sel_*", "AD", false},
    {"sel-e and a", "AE", true},
    {"_h", "H", true},
    {"((a))", "A", true},
    {"(a)and(b)", "AB", true},
    {"[a, b]", "B", true},
    {"[a and b, sel_c]", "C", true},
    {"[a and b, sel_c]", "A", false},
    {">-\n    a\n    and b", "AB", true},
};

static void conditions_hold_as_sigma_says(void **state)
{
    struct writer out;
    size_t wrong = 0;
    (void)state;
    writer_init(&out, 1 << 20);
    for (size_t index = 0; index < sizeof condition_cases / sizeof condition_cases[0]; index++) {
        const struct condition_case *one = &condition_cases[index];
        char detection[512];
        char event[128] = "{";
        snprintf(detection, sizeof detection, SEARCHES "%s", one->condition);
        for (const char *letter = one->event; *letter; letter++) {
            size_t used = strlen(event);
            snprintf(event + used, sizeof event - used, "%s\"%c\": 1", used > 1 ? "," : "",
                     *letter);
        }
        snprintf(event + strlen(event), sizeof event - strlen(event), "}");
        char *yaml = test_sigma_rule(detection);
        struct rule_program *program =
            test_sigma_load((const char *const[]){yaml}, 1, NULL, 0, &out, NULL);
        if (!program || test_sigma_match(program, event, NULL) != one->matches) {
            print_error("%s with %s\n", one->condition, event);
            wrong++;
        }
        rule_program_close(program);
        free(yaml);
    }
    writer_free(&out);
    assert_int_equal(wrong, 0);
}

/* ---- detection sections ---- */

struct section_case {
    const char *section;
    const char *event;
    bool matches;
};

static const struct section_case section_cases[] = {
    /* mappings are all, lists any */
    {"s: {A: 1, B: 2}\ncondition: s", "{\"A\": 1}", false},
    {"s: {A: 1, B: 2}\ncondition: s", "{\"A\": 1, \"B\": 2}", true},
    {"s:\n- {A: 1, B: 2}\n- {C: 3}\ncondition: s", "{\"C\": 3}", true},
    {"s:\n- {A: 1, B: 2}\n- {C: 3}\ncondition: s", "{\"A\": 1}", false},
    {"s:\n- {A: 1, B: 2}\n- {C: 3}\ncondition: s", "{\"B\": 2, \"A\": 1}", true},
    {"s:\n- - {A: 1}\n  - {B: 2}\n- {C: 3}\ncondition: s", "{\"B\": 2}", true},
    /* keywords: anywhere, in any case, with numbers and in lists */
    {"k: [foo, bar]\ncondition: k", "{\"X\": \"a FOO b\"}", true},
    {"k: [foo, bar]\ncondition: k", "{\"foo\": \"x\"}", false},
    {"k: foo\ncondition: k", "{\"X\": [\"a\", \"foo\"]}", true},
    {"k: foo\ncondition: k", "{\"X\": {\"Y\": \"foo\"}}", true},
    {"k: ['f*o']\ncondition: k", "{\"X\": \"a fxxo b\"}", true},
    {"k: ['f\\*o']\ncondition: k", "{\"X\": \"a fxxo b\"}", false},
    {"k: [4625]\ncondition: k", "{\"X\": \"id 4625.\"}", true},
    {"k: [4625]\ncondition: k", "{\"X\": 4625}", true},
    {"k: [foo]\ncondition: not k", "{\"X\": \"bar\"}", true},
    {"k:\n- foo\n- {A: 1}\ncondition: k", "{\"A\": 1}", true},
    {"k:\n- foo\n- {A: 1}\ncondition: k", "{\"B\": \"foo\"}", true},
    {"k:\n- foo\n- {A: 1}\ncondition: k", "{\"A\": 2}", false},
    {"k: {'|all': [foo, bar], A: 1}\ncondition: k", "{\"A\": 1, \"X\": \"bar foo\"}", true},
    /* absence under not */
    {"s: {A: 1}\nf: {B: 2}\ncondition: s and not f", "{\"A\": 1}", true},
    {"s: {A: 1}\nf: {B: null}\ncondition: s and not f", "{\"A\": 1}", false},
    {"s: {A: 1}\nf: {B|startswith: x}\ncondition: s and not f", "{\"A\": 1, \"B\": null}", true},
};

static void sections_hold_as_sigma_says(void **state)
{
    struct writer out;
    size_t wrong = 0;
    (void)state;
    writer_init(&out, 1 << 20);
    for (size_t index = 0; index < sizeof section_cases / sizeof section_cases[0]; index++) {
        const struct section_case *one = &section_cases[index];
        char *yaml = test_sigma_rule(one->section);
        struct rule_program *program =
            test_sigma_load((const char *const[]){yaml}, 1, NULL, 0, &out, NULL);
        if (!program || test_sigma_match(program, one->event, NULL) != one->matches) {
            print_error("%s with %s\n", one->section, one->event);
            wrong++;
        }
        rule_program_close(program);
        free(yaml);
    }
    writer_free(&out);
    assert_int_equal(wrong, 0);
}

/* ---- errors, by line and column ---- */

#define HEAD "title: t\nlogsource: {category: c}\n"
#define RULE HEAD "detection:\n"

struct error_case {
    const char *yaml;
    const char *expected; /* a part of what is said */
};

static const struct error_case error_cases[] = {
    /* modifiers */
    {RULE "  s:\n    F|contians: a\n  condition: s",
     "f0.yml:5:7: error: unknown modifier 'contians'; did you mean 'contains'?"},
    {RULE "  s:\n    F|contains|re: a\n  condition: s",
     "f0.yml:5:16: error: modifier 're' must be the first, before 'contains'"},
    {RULE "  s:\n    F|contains|fieldref: a\n  condition: s",
     "f0.yml:5:16: error: modifier 'fieldref' must be the first"},
    {RULE "  s:\n    F|i: a\n  condition: s", "f0.yml:5:7: error: modifier 'i' is a flag of a"},
    {RULE "  s:\n    F|re|cased: a\n  condition: s",
     "f0.yml:5:17: error: modifier 'cased' takes a text (regexes mind case anyway), found a regex"},
    {RULE "  s:\n    F|lt: a\n  condition: s",
     "f0.yml:5:11: error: modifier 'lt' takes a number, unquoted, found a text"},
    {RULE "  s:\n    F|lt: '5'\n  condition: s", "modifier 'lt' takes a number"},
    {RULE "  s:\n    F|lt|hour: 5\n  condition: s", "modifier 'hour' belongs before 'lt'"},
    {RULE "  s:\n    F|lt|gt: 5\n  condition: s",
     "modifier 'gt' cannot be combined with 'lt' before it"},
    {RULE "  s:\n    F|contains|contains: a\n  condition: s", "cannot be combined"},
    {RULE "  s:\n    F|exists: 1\n  condition: s",
     "modifier 'exists' takes true or false, found a number"},
    {RULE "  s:\n    F|contains: null\n  condition: s",
     "modifier 'contains' takes a text, found null"},
    {RULE "  s:\n    F|cidr: 10.0.0.1/8\n  condition: s",
     "the address has bits behind its network's prefix: write '10.0.0.0/8'"},
    {RULE "  s:\n    F|cidr: 10.0.0.0/33\n  condition: s",
     "f0.yml:5:13: error: expected an IP network such as 10.0.0.0/8, found '10.0.0.0/33'"},
    {RULE "  s:\n    F|contains|cidr: 10.0.0.0/8\n  condition: s", "'cidr' must be the first"},
    {RULE "  s:\n    F|base64: 'a*'\n  condition: s", "'base64' cannot encode a wildcard"},
    {RULE "  s:\n    F|contains|base64offset: abc\n  condition: s",
     "'base64offset' cannot encode a wildcard"},
    {RULE "  s:\n    F|base64offset|contains: a\n  condition: s", "needs two bytes or more"},
    {RULE "  s:\n    F|re: '(a'\n  condition: s", "f0.yml:5:11: error: bad regex"},
    {RULE "  s:\n    F|re: [a, '(b']\n  condition: s", "f0.yml:5:15: error: bad regex"},
    {RULE "  s:\n    F|: a\n  condition: s", "f0.yml:5:7: error: unknown modifier ''"},
    {RULE "  s:\n    F: {G: 1}\n  condition: s",
     "f0.yml:5:8: error: expected a value, found a map"},
    {RULE "  s:\n    F: [[a]]\n  condition: s", "expected a value, found a list in a list"},
    {RULE "  s:\n    '|exists': true\n  condition: s", "modifier 'exists' needs a field before it"},
    {RULE "  s: [null]\n  condition: s", "a keyword must be a text or a number"},
    {RULE "  s:\n    '': a\n  condition: s", "expected the name of a field"},
    {RULE "  s:\n    F|expand: '%x%'\n  condition: s",
     "f0.yml:5:15: error: placeholder '%x%' has no values"},
    {RULE "  s: {}\n  condition: s", "f0.yml:4:6: error: expected something to look for"},
    {RULE "  s:\n  condition: s", "'s' looks for nothing"},
    /* conditions */
    {RULE "  sel: {A: 1}\n  condition: sal",
     "f0.yml:5:14: error: no search is named 'sal'; did you mean 'sel'?"},
    {RULE "  sel: {A: 1}\n  condition: sel and 1 of filter*",
     "f0.yml:5:27: error: no search matches 'filter*'"},
    {RULE "  sel: {A: 1}\n  condition: 2 of sel*",
     "f0.yml:5:14: error: expected 1, any or all before 'of', found '2'"},
    {RULE "  sel: {A: 1}\n  condition: sel and", "f0.yml:5:21: error: expected the name of a"},
    {RULE "  sel: {A: 1}\n  condition: (sel", "f0.yml:5:18: error: expected ')', but the"},
    {RULE "  sel: {A: 1}\n  condition: sel)",
     "f0.yml:5:17: error: expected 'and', 'or' or the end"},
    {RULE "  sel: {A: 1}\n  condition: sel sel", "f0.yml:5:18: error: expected 'and', 'or'"},
    {RULE "  sel: {A: 1}\n  condition: sel | count() > 5",
     "f0.yml:5:18: error: aggregations behind '|' are no part of Sigma 2"},
    {RULE "  sel: {A: 1}\n  timeframe: 5m\n  condition: sel",
     "f0.yml:5:14: error: 'timeframe' is no part of Sigma 2"},
    {RULE "  sel: {A: 1}\n  condition: >-\n    sel\n    and sal",
     "f0.yml:7:9: error: no search is named 'sal'"},
    {RULE "  sel: {A: 1}\n  condition: [sel, sal]", "f0.yml:5:20: error: no search is named"},
    {RULE "  sel: {A: 1}", "expected a 'condition'"},
    {RULE "  sel: {A: 1}\n  condition: ''", "expected the name of a search, but the condition"},
    {RULE "  sel: {A: 1}\n  condition: {a: b}", "expected a condition"},
    {HEAD "detection: {}", "expected a mapping with searches and a condition"},
    /* documents */
    {"title: t\ndetection: {s: {A: 1}, condition: s}", "expected a 'logsource'"},
    {"title: t\nlogsource: {definition: x}\ndetection: {s: {A: 1}, condition: s}",
     "f0.yml:2:12: error: the logsource names none of product, category and service"},
    {"logsource: {category: c}\ndetection: {s: {A: 1}, condition: s}", "expected a 'title'"},
    {HEAD "level: hgh\ndetection: {s: {A: 1}, condition: s}",
     "f0.yml:3:8: error: 'level': expected one of informational, low, medium, high, critical, "
     "found 'hgh'; did you mean 'high'?"},
    {HEAD "status: new\ndetection: {s: {A: 1}, condition: s}", "'status': expected one of"},
    {HEAD "tags: {a: b}\ndetection: {s: {A: 1}, condition: s}", "'tags': expected a list"},
    {HEAD "id: x\ndetection: {s: {A: 1}, condition: s}\n---\n" HEAD
          "id: x\ndetection: {s: {A: 1}, condition: s}",
     "f0.yml:8:5: error: the id 'x' is already that of f0.yml:3"},
    {HEAD "name: x\ndetection: {s: {A: 1}, condition: s}\n---\n" HEAD
          "name: x\ndetection: {s: {A: 1}, condition: s}",
     "the name 'x' is already that of"},
    {HEAD "detection: {s: {A: 1, A: 2}, condition: s}", "key 'A' is already given"},
    {"title: t", "expected a rule with 'detection', a 'filter' or a 'correlation'"},
    {"name: p\ntransformations: []", "name it by --pipeline"},
    {"a", "expected a Sigma rule, which is a mapping"},
    {"action: globel\ntitle: t", "did you mean 'global'?"},
    {"action: repeat\ntitle: t", "nothing to repeat before this"},
    /* filters */
    {"title: f\nlogsource: {category: c}\nfilter: {s: {A: 1}, condition: s}",
     "expected 'rules' with ids and names, or any"},
    {"title: f\nlogsource: {category: c}\nfilter: {rules: any, s: {A: 1}}",
     "expected a 'condition', which is one text"},
    {"title: f\nlogsource: {category: c}\nfilter: {rules: any, s: {A: 1}, condition: x}",
     "no search is named 'x'"},
};

static void what_is_wrong_is_said_at_its_place(void **state)
{
    struct writer out;
    size_t wrong = 0;
    (void)state;
    writer_init(&out, 1 << 20);
    for (size_t index = 0; index < sizeof error_cases / sizeof error_cases[0]; index++) {
        const struct error_case *one = &error_cases[index];
        struct rule_program *program =
            test_sigma_load((const char *const[]){one->yaml}, 1, NULL, 0, &out, NULL);
        writer_byte(&out, 0);
        if (program || !strstr((const char *)out.data, one->expected)) {
            print_error("%s\nexpected: %s\nfound: %s\n", one->yaml, one->expected,
                        program ? "no error" : (const char *)out.data);
            wrong++;
        }
        rule_program_close(program);
    }
    writer_free(&out);
    assert_int_equal(wrong, 0);
}

static void all_errors_are_said_in_one_run(void **state)
{
    static const char *const files[] = {
        RULE "  s: {A|x: 1, B|y: 2}\n  t: {C|z: 3}\n  condition: s and u or v",
        "title: second\nlogsource: {category: c}\nlevel: x\ndetection: {s: {A|w: 1}, condition: q}",
    };
    static const char *const expected[] = {"'x'", "'y'", "'z'", "'u'",
                                           "'v'", "'w'", "'q'", "'level'"};
    struct writer out;
    (void)state;
    writer_init(&out, 1 << 20);
    assert_null(test_sigma_load(files, 2, NULL, 0, &out, NULL));
    writer_byte(&out, 0);
    for (size_t index = 0; index < sizeof expected / sizeof expected[0]; index++)
        if (!strstr((const char *)out.data, expected[index]))
            fail_msg("%s is missing in:\n%s", expected[index], (const char *)out.data);
    writer_free(&out);
}

/* ---- several documents ---- */

static void expect_matches(const char *const *files, size_t count, const char *const *pipelines,
                           size_t pipeline_count, const char *event, const char *expected)
{
    struct writer out, names;
    writer_init(&out, 1 << 20);
    writer_init(&names, 1 << 12);
    struct rule_program *program =
        test_sigma_load(files, count, pipelines, pipeline_count, &out, NULL);
    if (!program)
        fail_msg("%.*s", (int)out.len, (const char *)out.data);
    test_sigma_match(program, event, &names);
    writer_byte(&names, 0);
    assert_string_equal((const char *)names.data, expected);
    rule_program_close(program);
    writer_free(&names);
    writer_free(&out);
}

static void collections_share_what_is_global(void **state)
{
    static const char *const file =
        "action: global\ntitle: g\nid: 1\nlogsource: {category: c}\n"
        "detection: {f: {F: 1}, condition: s and not f}\n---\n"
        "title: one\ndetection: {s: {A: 1}}\n---\n"
        "title: two\ndetection: {s: {A: 2}}\n---\n"
        "action: repeat\ntitle: three\ndetection: {s: {B: 2}}\n---\n"
        "action: reset\n---\n" HEAD "detection: {s: {A: 3}, condition: s}";
    (void)state;
    expect_matches(&file, 1, NULL, 0, "{\"A\": 1}", "one");
    expect_matches(&file, 1, NULL, 0, "{\"A\": 1, \"F\": 1}", "");
    expect_matches(&file, 1, NULL, 0, "{\"A\": 2}", "two");
    expect_matches(&file, 1, NULL, 0, "{\"A\": 2, \"B\": 2}", "two,three");
    expect_matches(&file, 1, NULL, 0, "{\"A\": 3, \"F\": 1}", "t");
}

#define FILTERED                                                                                   \
    "title: one\nid: 1\nname: first\nlogsource: {category: c, product: p}\n"                       \
    "detection: {sel_a: {A: 1}, condition: 1 of sel_*}\n---\n"                                     \
    "title: two\nid: 2\nlogsource: {category: c, product: q}\n"                                    \
    "detection: {sel_a: {A: 1}, condition: all of them}\n"

static void filters_are_for_their_rules(void **state)
{
    static const char *const any[] = {FILTERED,
                                      "title: f\nlogsource: {category: c}\n"
                                      "filter: {rules: any, sel_b: {B: 2}, condition: not sel_b}"};
    static const char *const product[] = {FILTERED,
                                          "title: f\nlogsource: {category: c, product: p}\n"
                                          "filter: {rules: [], s: {B: 2}, condition: not s}"};
    static const char *const by_id[] = {FILTERED,
                                        "title: f\nlogsource: {category: c}\n"
                                        "filter: {rules: ['2'], s: {B: 2}, condition: not s}"};
    static const char *const by_name[] = {FILTERED,
                                          "title: f\nlogsource: {category: c}\n"
                                          "filter: {rules: [first], s: {B: 2}, condition: not s}"};
    static const char *const as_written[] = {FILTERED,
                                             "title: f\nlogsource: {category: c}\n"
                                             "filter: {rules: any, s: {B: 2}, condition: s}"};
    (void)state;
    expect_matches(any, 2, NULL, 0, "{\"A\": 1}", "one,two");
    expect_matches(any, 2, NULL, 0, "{\"A\": 1, \"B\": 2}", "");
    /* its searches are not the rules': neither `1 of sel_*` nor `them` takes them in */
    expect_matches(any, 2, NULL, 0, "{\"B\": 2}", "");
    expect_matches(product, 2, NULL, 0, "{\"A\": 1, \"B\": 2}", "two");
    expect_matches(by_id, 2, NULL, 0, "{\"A\": 1, \"B\": 2}", "one");
    expect_matches(by_name, 2, NULL, 0, "{\"A\": 1, \"B\": 2}", "two");
    expect_matches(as_written, 2, NULL, 0, "{\"A\": 1}", "");
    expect_matches(as_written, 2, NULL, 0, "{\"A\": 1, \"B\": 2}", "one,two");
}

static void a_filter_for_nothing_is_warned_of(void **state)
{
    static const char *const file = "title: f\nlogsource: {category: c}\n"
                                    "filter: {rules: [nobody], s: {B: 2}, condition: not s}";
    struct writer out, warnings;
    (void)state;
    writer_init(&out, 1 << 20);
    writer_init(&warnings, 1 << 12);
    struct rule_program *program = test_sigma_load(&file, 1, NULL, 0, &out, &warnings);
    assert_non_null(program);
    writer_byte(&warnings, 0);
    assert_non_null(strstr((const char *)warnings.data,
                           "f0.yml:3:18: warning: no rule here has the id or name 'nobody'"));
    rule_program_close(program);
    writer_free(&warnings);
    writer_free(&out);
}

/* ---- what people read ---- */

static void rules_say_what_they_are(void **state)
{
    static const char *const file =
        "title: Something Odd\nid: 929a690e-bef0-4204-a928-ef5e620d6fcc\ndescription: why\n"
        "level: high\nstatus: test\ntags: [attack.t1059, attack.execution]\n"
        "logsource: {category: Process_Creation, product: linux}\n"
        "custom: {kept: yes}\n"
        "detection: {s: {Image: /bin/sh}, condition: s}\nfields: [Image, User]\n";
    struct writer out;
    (void)state;
    writer_init(&out, 1 << 20);
    struct rule_program *program = test_sigma_load(&file, 1, NULL, 0, &out, NULL);
    assert_non_null(program);
    const struct rule_info *info = rule_program_rule(program, 0);
    assert_true(span_eq(info->name, SPAN("Something Odd")));
    assert_true(span_eq(info->id, SPAN("929a690e-bef0-4204-a928-ef5e620d6fcc")));
    assert_true(span_eq(info->desc, SPAN("why")));
    assert_true(span_eq(info->priority_name, SPAN("high")));
    assert_int_equal(info->priority, PRIORITY_ERROR);
    assert_int_equal(info->tag_count, 2);
    assert_true(span_eq(info->tags[0], SPAN("attack.t1059")));
    assert_true(span_eq(info->logsource.category, SPAN("process_creation")));
    assert_true(span_eq(info->logsource.product, SPAN("linux")));
    assert_null(info->logsource.service.data);
    const struct rule_output_field *fields;
    assert_int_equal(rule_program_output_fields(program, 0, &fields), 2);
    assert_true(span_eq(fields[0].name, SPAN("Image")));
    rule_program_close(program);
    writer_free(&out);
}

static void the_language_is_told_by_the_content(void **state)
{
    (void)state;
    assert_true(sigma_is_source(SPAN("title: x")));
    assert_true(sigma_is_source(SPAN("# c\n\n---\ntitle: x")));
    assert_true(sigma_is_source(SPAN("--- {title: x}")));
    assert_true(sigma_is_source(SPAN("\xef\xbb\xbftitle: x")));
    assert_false(sigma_is_source(SPAN("- rule: x")));
    assert_false(sigma_is_source(SPAN("# c\n---\n- rule: x")));
    assert_false(sigma_is_source(SPAN("--- \n- rule: x")));
    assert_false(sigma_is_source(SPAN("[{rule: x}]")));
    assert_false(sigma_is_source(SPAN("-\n  rule: x")));
    assert_false(sigma_is_source(SPAN("")));
    assert_false(sigma_is_source(SPAN("# nothing\n---\n")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(conditions_hold_as_sigma_says),
        cmocka_unit_test(sections_hold_as_sigma_says),
        cmocka_unit_test(what_is_wrong_is_said_at_its_place),
        cmocka_unit_test(all_errors_are_said_in_one_run),
        cmocka_unit_test(collections_share_what_is_global),
        cmocka_unit_test(filters_are_for_their_rules),
        cmocka_unit_test(a_filter_for_nothing_is_warned_of),
        cmocka_unit_test(rules_say_what_they_are),
        cmocka_unit_test(the_language_is_told_by_the_content),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
