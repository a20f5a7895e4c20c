#include <stdlib.h>

#include "falco/test_support.h"

/* ---- errors ---- */

struct error_case {
    const char *yaml;
    const char *message;
};

#define RULE(condition)                                                                            \
    "- rule: r\n  desc: d\n  output: o\n  priority: INFO\n  condition: " condition "\n"

/* clang-format off */
static const struct error_case error_cases[] = {
    {RULE("proc.nmae = a"),
     "f0.yaml:5:14: error: unknown field 'proc.nmae'; did you mean 'proc.name'?\n"},
    {RULE("evt.num = 1 and proc.nmae = a and proc.naem = b"),
     "f0.yaml:5:30: error: unknown field 'proc.nmae'; did you mean 'proc.name'?\n"
     "f0.yaml:5:48: error: unknown field 'proc.naem'; did you mean 'proc.name'?\n"},
    {RULE(">\n    evt.num = 1\n    and proc.nmae = a"),
     "f0.yaml:7:9: error: unknown field 'proc.nmae'; did you mean 'proc.name'?\n"},
    {RULE("|\n    evt.num = 1\n\n    and proc.nmae = a"),
     "f0.yaml:8:9: error: unknown field 'proc.nmae'; did you mean 'proc.name'?\n"},
    {RULE("'proc.name = ''x'' and proc.nmae = a'"),
     "f0.yaml:5:37: error: unknown field 'proc.nmae'; did you mean 'proc.name'?\n"},
    {RULE("\"proc.name = \\\"\\x41\\u00e4\\\" and proc.nmae = a\""),
     "f0.yaml:5:46: error: unknown field 'proc.nmae'; did you mean 'proc.name'?\n"},
    {RULE("proc.name = \xc3\xa4\xc3\xb6 and proc.nmae = a"),
     "f0.yaml:5:33: error: unknown field 'proc.nmae'; did you mean 'proc.name'?\n"},
    {RULE("proc.aname[x] = a"),
     "f0.yaml:5:14: error: field 'proc.aname[x]': this argument means nothing here\n"},
    {RULE("evt.arg = a"), "f0.yaml:5:14: error: field 'evt.arg' needs an argument in brackets\n"},
    {RULE("evt.num contains 5"),
     "f0.yaml:5:14: error: operator 'contains' does not work on a number\n"},
    {RULE("evt.failed < 5"), "f0.yaml:5:14: error: operator '<' does not work on true or false\n"},
    {RULE("fd.sip startswith 10"),
     "f0.yaml:5:14: error: operator 'startswith' does not work on an IP address\n"},
    {RULE("proc.name bcontains ff"),
     "f0.yaml:5:14: error: operator 'bcontains' does not work on text\n"},
    {RULE("evt.num = abc"), "f0.yaml:5:24: error: expected a number, found 'abc'\n"},
    {RULE("evt.num in (1, x, y)"), "f0.yaml:5:29: error: expected a number, found 'x'\n"
     "f0.yaml:5:32: error: expected a number, found 'y'\n"},
    {RULE("evt.failed = yes"), "f0.yaml:5:27: error: expected true or false, found 'yes'\n"},
    {RULE("fd.sip = 10.0.0.0/8"),
     "f0.yaml:5:23: error: expected an IP address, found '10.0.0.0/8'\n"},
    {RULE("fd.snet = 10.0.0.0/33"),
     "f0.yaml:5:24: error: expected an IP network, found '10.0.0.0/33'\n"},
    {RULE("evt.buffer bcontains xyz"),
     "f0.yaml:5:35: error: expected bytes as pairs of hex digits, found 'xyz'\n"},
    {RULE("proc.name regex 'a('"),
     "f0.yaml:5:30: error: bad regex at byte 3: missing closing parenthesis\n"},
    {RULE("proc.name > abc"), "f0.yaml:5:26: error: expected a number\n"},
    {RULE("proc.name ="), "f0.yaml:5:25: error: expected a value\n"},
    {RULE("proc.name in bash"), "f0.yaml:5:27: error: unknown list 'bash'\n"},
    {RULE("proc.name in (a b)"), "f0.yaml:5:30: error: expected ',' or ')' in the list\n"},
    {RULE("proc.name in (a,)"), "f0.yaml:5:30: error: expected a value\n"},
    {RULE("(proc.name = a"), "f0.yaml:5:28: error: expected ')', 'and' or 'or'\n"},
    {RULE("proc.name = a)"), "f0.yaml:5:27: error: expected 'and', 'or' or the end\n"},
    {RULE("proc.name = a proc.name = b"), "f0.yaml:5:28: error: expected 'and', 'or' or the end\n"},
    {RULE("proc.name = a and"),
     "f0.yaml:5:31: error: expected a blank or '(' behind 'and' or 'or'\n"},
    {RULE("proc.name = 'a"), "f0.yaml:5:26: error: the quote is not closed\n"},
    {RULE("proc.name = 'a\\q'"), "f0.yaml:5:28: error: unknown escape: expected one of \\b \\f \\n "
     "\\r \\t \\\\ \\/ \\xNN or an "
     "escaped quote\n"},
    {RULE("nothing"), "f0.yaml:5:14: error: unknown macro 'nothing'\n"},
    {"- macro: spawned\n  condition: evt.num = 1\n" RULE("spwaned and spawned"),
     "f0.yaml:7:14: error: unknown macro 'spwaned'; did you mean 'spawned'?\n"},
    {"- macro: a\n  condition: b\n- macro: b\n  condition: evt.num = 1\n" RULE("a and b"),
     "f0.yaml:2:14: error: macro 'b' is defined behind its use\n"},
    {"- macro: a\n  condition: evt.num = 1\n- macro: b\n  condition: a\n"
     "- macro: a\n  condition: b\n" RULE("a"),
     "f0.yaml:4:14: error: macro 'a' uses itself\n"},
    {"- macro: a\n  condition: proc.nmae = 1\n" RULE("a and a"),
     "f0.yaml:2:14: error: unknown field 'proc.nmae'; did you mean 'proc.name'?\n"},
    {RULE("len(evt.num) = 1"), "f0.yaml:5:18: error: len(): this argument has the wrong type\n"},
    {RULE("concat(proc.name) = a"),
     "f0.yaml:5:14: error: concat(): expected at least 2 arguments, found 1\n"},
    {RULE("evt.num = val(proc.name)"),
     "f0.yaml:5:24: error: expected a number as on the left, found text\n"},
    {RULE("proc.name pmatch val(proc.pname)"),
     "f0.yaml:5:31: error: operator 'pmatch' does not take a field on its right here\n"},
    {"- rule: r\n  desc: d\n  output: a %proc.nmae b %proc.name. %bogus\n  priority: INFO\n"
     "  condition: evt.num = 1\n",
     "f0.yaml:3:14: error: unknown field 'proc.nmae'; did you mean 'proc.name'?\n"
     "f0.yaml:3:38: error: expected a field behind '%'\n"},
    {"- rule: r\n  desc: d\n  condition: evt.num = 1\n",
     "f0.yaml:1:3: error: rule 'r' lacks 'output'\n"
     "f0.yaml:1:3: error: rule 'r' lacks 'priority'\n"},
    {"- rule: r\n  desc: d\n  output: o\n  priority: high\n  condition: evt.num = 1\n",
     "f0.yaml:4:13: error: rule 'r': 'priority': expected emergency, alert, critical, error, "
     "warning, notice, informational or debug\n"},
    {"- rule: r\n  condition: and proc.name = b\n  append: true\n",
     "f0.yaml:1:3: error: rule 'r' is not defined: nothing to change\n"},
    {RULE("evt.num = 1") "- rule: r\n  tags: [x]\n  desc: e\n  override: {tags: append}\n",
     "f0.yaml:8:9: error: unexpected key 'desc': 'override' does not name it\n"},
    {RULE("evt.num = 1") "- rule: r\n  priority: INFO\n  override: {priority: append}\n",
     "f0.yaml:8:14: error: override: 'priority' cannot be appended to\n"},
    {RULE("evt.num = 1") "  exceptions:\n    - name: e\n      fields: [proc.name, fd.name]\n"
     "      values:\n        - [a]\n",
     "f0.yaml:10:11: error: rule 'r': exception 'values': expected as many values as fields\n"},
    {RULE("evt.num = 1") "  exceptions:\n    - name: e\n      fields: [proc.nmae]\n"
     "      values:\n        - [a]\n",
     "f0.yaml:10:11: error: unknown field 'proc.nmae'; did you mean 'proc.name'?\n"},
    {"- required_engine_version: 0.999.0\n",
     "f0.yaml:1:28: error: the file needs engine version 0.999.0, this one reads 0.60.0\n"},
    {"title: x\nlogsource: {product: linux}\ndetection: {}\n",
     "f0.yaml:1:1: error: this is a Sigma rule: this version reads Falco's language only\n"},
    {"a: b\n", "f0.yaml:1:1: error: expected a list of rules, macros and lists\n"},
    {"- list: l\n", "f0.yaml:1:3: error: a list needs 'items'\n"},
    {"- macro: m\n  condition: evt.num = 1\n  condition: evt.num = 2\n",
     "f0.yaml:3:3: error: key 'condition' is already given in line 2\n"},
    {"- macro: [\n", "f0.yaml:2:1: error: did not find expected node content\n"},
};
/* clang-format on */

static void errors_say_where_and_what(void **state)
{
    (void)state;
    struct writer out;
    writer_init(&out, 1 << 20);
    size_t wrong = 0;
    for (size_t index = 0; index < sizeof error_cases / sizeof error_cases[0]; index++) {
        const struct error_case *one = &error_cases[index];
        struct rule_program *program = test_load(one->yaml, &out);
        writer_byte(&out, 0);
        const char *found = program ? "it loads" : (const char *)out.data;
        /* warnings may come behind */
        if (strncmp(found, one->message, strlen(one->message)) != 0 ||
            strstr(found + strlen(one->message), "error:")) {
            print_error("%s  expected: %s  found: %s", one->yaml, one->message, found);
            wrong++;
        }
        rule_program_close(program);
    }
    writer_free(&out);
    assert_int_equal(wrong, 0);
}

/* ---- items ---- */

struct item_case {
    const char *files[3];
    const char *event;
    const char *matching; /* names of rules */
};

/* clang-format off */
static const struct item_case item_cases[] = {
  /* condition append is append of text */
    {{RULE("proc.name = a"), "- rule: r\n  condition: or proc.name = b\n  append: true\n"},
     "proc.name=b", "r"},
    {{RULE("proc.name = a"),
      "- rule: r\n  condition: and evt.num = 2\n  override: {condition: append}\n"},
     "proc.name=a;evt.num=#1", ""},
    {{RULE("proc.name = a"),
      "- rule: r\n  condition: evt.num = 2\n  override: {condition: replace}\n"},
     "evt.num=#2", "r"},
    {{RULE("proc.name = a"), RULE("proc.name = b")}, "proc.name=a", ""},
    {{RULE("proc.name = a"), RULE("proc.name = b")}, "proc.name=b", "r"},
    {{RULE("proc.name = a"), "- rule: r\n  enabled: false\n"}, "proc.name=a", ""},
    {{RULE("proc.name = a") "  enabled: false\n",
      "- rule: r\n  enabled: true\n  override: {enabled: replace}\n"},
     "proc.name=a", "r"},
 /* lists: in lists, appended, in macros */
    {{"- list: a\n  items: [x]\n- list: b\n  items: [a, y]\n" RULE("proc.name in (b)"),
      "- list: a\n  items: [z]\n  append: true\n"},
     "proc.name=z", "r"},
    {{"- list: a\n  items: [x]\n- macro: m\n  condition: proc.name in (a)\n" RULE("m"),
      "- list: a\n  items: [z]\n"},
     "proc.name=x", ""},
    {{"- macro: m\n  condition: proc.name = x\n" RULE("m"),
      "- macro: m\n  condition: or proc.name = y\n  override: {condition: append}\n"},
     "proc.name=y", "r"},
    {{"- list: a\n  items: ['\"q\"', p]\n" RULE("proc.name in (a)")}, "proc.name=q", "r"},
    {{"- list: e\n  items: []\n" RULE("proc.name in (e, x)")}, "proc.name=x", "r"},
 /* exceptions */
    {{RULE("proc.name = a or proc.name = b") "  exceptions:\n    - name: e\n      fields: "
     "[proc.name, fd.name]\n"
     "      comps: [=, startswith]\n      values:\n        "
     "- [a, /tmp/x y]\n"},
     "proc.name=a;fd.name=/tmp/x y/z", ""},
    {{RULE("proc.name = a or proc.name = b") "  exceptions:\n    - name: e\n      fields: "
     "[proc.name, fd.name]\n"
     "      comps: [=, startswith]\n      values:\n        "
     "- [a, /tmp]\n"},
     "proc.name=b;fd.name=/tmp/z", "r"},
    {{RULE("proc.name exists") "  exceptions:\n    - name: e\n      fields: proc.name\n"
     "      values: [a, b]\n"},
     "proc.name=b", ""},
    {{RULE("proc.name exists") "  exceptions:\n    - name: e\n      fields: [proc.name, evt.num]\n"
     "      comps: [in, =]\n      values:\n        - [[a, b], 1]\n"},
     "proc.name=b;evt.num=#1", ""},
    {{RULE("proc.name exists") "  exceptions:\n    - name: e\n      fields: [proc.name]\n",
      "- rule: r\n  exceptions:\n    - name: e\n      values:\n        - [c]\n"
      "  override: {exceptions: append}\n"},
     "proc.name=c", ""},
 /* what is for others is left out */
    {{"- rule: k\n  desc: d\n  output: o\n  priority: INFO\n  source: k8s_audit\n"
      "  condition: ka.verb = create\n" RULE("proc.name = a")},
     "proc.name=a", "r"},
    {{"- rule: u\n  desc: d\n  output: o\n  priority: INFO\n  skip-if-unknown-filter: true\n"
      "  condition: no.field = create\n" RULE("proc.name = a")},
     "proc.name=a", "r"},
 /* documents, empty items, requirements */
    {{"---\n- required_engine_version: 15\n-\n- required_plugin_versions:\n    - name: container\n"
      "      version: 0.4.0\n---\n" RULE("proc.name = a")},
     "proc.name=a", "r"},
    {{"- rule: one\n  desc: d\n  output: o\n  priority: INFO\n  condition: proc.name = a\n"
      "- rule: two\n  desc: d\n  output: o\n  priority: INFO\n  condition: evt.num = 1\n"
      "- rule: three\n  desc: d\n  output: o\n  priority: INFO\n  condition: proc.name = b\n"},
     "proc.name=a;evt.num=#1", "one,two"},
};
/* clang-format on */

static void items_change_each_other_in_order(void **state)
{
    (void)state;
    struct writer out, names;
    writer_init(&out, 1 << 20);
    writer_init(&names, 1 << 16);
    size_t wrong = 0;
    for (size_t index = 0; index < sizeof item_cases / sizeof item_cases[0]; index++) {
        const struct item_case *one = &item_cases[index];
        size_t files = 0;
        while (files < 3 && one->files[files])
            files++;
        struct rule_program *program = test_load_files(one->files, files, &out);
        writer_reset(&names);
        if (program)
            test_match(program, one->event, &names);
        else
            writer_put(&names, writer_span(&out));
        if (!span_eq(writer_span(&names), span_str(one->matching))) {
            print_error("case %zu: expected '%s', found '%.*s'\n", index, one->matching,
                        (int)names.len, names.data);
            wrong++;
        }
        rule_program_close(program);
    }
    writer_free(&out);
    writer_free(&names);
    assert_int_equal(wrong, 0);
}

static void warnings_do_not_fail_a_load(void **state)
{
    (void)state;
    const char *yaml = "- macro: unused\n  condition: evt.num = 1\n- list: unused\n  items: [a]\n"
                       "- bogus: 1\n" RULE("proc.name = proc.pname") "  conditoin: x\n";
    struct falco_input input = {SPAN("w.yaml"), span_str(yaml)};
    struct rule_builder *builder;
    struct diagnostics diagnostics;
    struct err_ctx err = {0};
    struct writer out;
    writer_init(&out, 1 << 16);
    diagnostics_init(&diagnostics, 100);
    assert_int_equal(rule_builder_open(&test_schema, &builder, &err), OK);
    assert_true(falco_load(&input, 1, &test_schema, builder, &diagnostics));
    diagnostics_write(&diagnostics, &out);
    writer_byte(&out, 0);
    assert_string_equal(
        (const char *)out.data,
        "w.yaml:5:3: warning: unknown item: expected rule, macro, list, required_engine_version or "
        "required_plugin_versions\n"
        "w.yaml:11:3: warning: unknown key 'conditoin' in a rule\n"
        "w.yaml:10:26: warning: 'proc.pname' is compared as text; for the field write "
        "val(proc.pname)\n"
        "w.yaml:1:3: warning: macro 'unused' is used by nothing\n"
        "w.yaml:3:3: warning: list 'unused' is used by nothing\n");
    rule_builder_close(builder);
    diagnostics_free(&diagnostics);
    writer_free(&out);
}

static void output_text_names_its_fields(void **state)
{
    (void)state;
    const char *yaml = "- rule: r\n  desc: d\n  priority: INFO\n  condition: evt.num = 1\n"
                       "  output: '*a %proc.name. %proc.aname[2] (%5proc.name|%3proc.name) "
                       "%evt.arg.flags,%proc.name %tolower(proc.name) %proc.aname'\n";
    const char *event_text = "evt.num=#1;proc.name=BaSh;evt.arg[flags]=X;proc.aname=[a,b]";
    const struct rule_output_field *fields;
    struct writer out, text;
    struct event event;
    struct err_ctx err = {0};
    writer_init(&out, 1 << 16);
    writer_init(&text, 1 << 16);
    struct rule_program *program = test_load(yaml, &out);
    assert_non_null(program);
    assert_int_equal(
        event_open(&event, rule_program_projection(program), test_fetch, &event_text, &err), OK);
    event_begin(&event);
    rule_program_output(program, 0, &event, &text);
    writer_byte(&text, 0);
    assert_string_equal((const char *)text.data, "a BaSh. <NA> (BaSh |BaS) X,BaSh bash a,b");
    assert_int_equal(rule_program_output_fields(program, 0, &fields), 5);
    assert_true(span_eq(fields[1].name, SPAN("proc.aname[2]")));
    assert_true(span_eq(fields[3].name, SPAN("tolower(proc.name)")));
    assert_int_equal(fields[3].slot, UINT32_MAX);
    struct value value = rule_program_output_value(program, 0, 3, &event);
    assert_true(value.kind == VALUE_TEXT && span_eq(value.text, SPAN("bash")));
    event_close(&event);
    rule_program_close(program);
    writer_free(&out);
    writer_free(&text);
}

static char *file_read(const char *folder, const char *name, size_t *ret_len)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "re");
    if (!file)
        return NULL;
    char *bytes = malloc(1 << 20);
    assert_non_null(bytes);
    *ret_len = fread(bytes, 1, 1 << 20, file);
    fclose(file);
    return bytes;
}

static void stock_files_load(void **state)
{
    (void)state;
    static const char *const names[] = {"falco_rules.yaml", "falco-incubating_rules.yaml",
                                        "falco-sandbox_rules.yaml"};
    const char *folder = getenv("PICKET_STOCK_RULES");
    if (!folder) {
        fputs("# skipped: PICKET_STOCK_RULES does not name the folder of Falco's rules\n", stderr);
        return;
    }
    for (size_t index = 0; index < 3; index++) {
        size_t length;
        char *bytes = file_read(folder, names[index], &length);
        assert_non_null(bytes);
        struct falco_input input = {span_str(names[index]), span_of(bytes, length)};
        struct rule_builder *builder;
        struct diagnostics diagnostics;
        struct err_ctx err = {0};
        struct writer out;
        writer_init(&out, 1 << 24);
        diagnostics_init(&diagnostics, 100);
        assert_int_equal(rule_builder_open(&test_schema, &builder, &err), OK);
        if (!falco_load(&input, 1, &test_schema, builder, &diagnostics)) {
            diagnostics_write(&diagnostics, &out);
            fail_msg("%.*s", (int)out.len, out.data);
        }
        struct rule_program *program;
        assert_int_equal(rule_image_write(builder, &out, &err), OK);
        assert_int_equal(rule_program_open(writer_span(&out), &test_schema, &program, &err), OK);
        assert_true(rule_program_count(program) >= 20);
        assert_true(rule_program_wants(program, SPAN("execve")));
        rule_program_close(program);
        rule_builder_close(builder);
        diagnostics_free(&diagnostics);
        writer_free(&out);
        free(bytes);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(errors_say_where_and_what),
        cmocka_unit_test(items_change_each_other_in_order),
        cmocka_unit_test(warnings_do_not_fail_a_load),
        cmocka_unit_test(output_text_names_its_fields),
        cmocka_unit_test(stock_files_load),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
