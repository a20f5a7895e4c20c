/* Pipelines, placeholders, correlations: what they do to rules, and what is wrong with them. */
#include <stdlib.h>

#include "sigma/test_support.h"

#define HEAD "title: t\nlogsource: {category: c, product: p}\n"
#define RULE HEAD "detection: "
#define LIST "transformations:\n"

struct pipeline_case {
    const char *rule;
    const char *pipeline;
    const char *event;
    bool matches;
};

/* clang-format off */
static const struct pipeline_case pipeline_cases[] = {
    /* names of fields */
    {RULE "{s: {A: 1, B: 2}, condition: s}", LIST "- {type: field_name_mapping, mapping: {A: x.a}}",
     "{\"x.a\": 1, \"B\": 2}", true},
    {RULE "{s: {A: 1}, condition: s}", LIST "- {type: field_name_mapping, mapping: {A: [x, y]}}",
     "{\"y\": 1}", true},
    {RULE "{s: {A|neq: 1}, condition: s}",
     LIST "- {type: field_name_mapping, mapping: {A: [x, y]}}",
     "{\"x\": 2, \"y\": 1}", false},
    {RULE "{s: {A: null}, condition: s}", LIST "- {type: field_name_mapping, mapping: {A: [x, y]}}",
     "{\"x\": 2}", false},
    {RULE "{s: {A|contains|all: [a, b]}, condition: s}",
     LIST "- {type: field_name_mapping, mapping: {A: [x, y]}}",
     "{\"x\": \"a\", \"y\": \"b\"}", false},
    {RULE "{s: {A|contains|all: [a, b]}, condition: s}",
     LIST "- {type: field_name_mapping, mapping: {A: [x, y]}}",
     "{\"x\": \"c\", \"y\": \"ab\"}", true},
    {RULE "{s: {A|fieldref: B}, condition: s}",
     LIST "- {type: field_name_mapping, mapping: {A: x, B: y}}",
     "{\"x\": 1, \"y\": 1}", true},
    {RULE "{s: {A: 1}, condition: s}", LIST "- {type: field_name_prefix, prefix: w.}",
     "{\"w.A\": 1}", true},
    {RULE "{s: {A: 1}, condition: s}", LIST "- {type: field_name_suffix, suffix: .k}",
     "{\"A.k\": 1}", true},
    {RULE "{s: {w.A: 1}, condition: s}",
     LIST "- {type: field_name_prefix_mapping, mapping: {w.: l.w.}}", "{\"l.w.A\": 1}", true},
    {RULE "{k: [foo], condition: k}", LIST "- {type: field_name_prefix, prefix: w.}",
     "{\"A\": \"foo\"}", true},
    {RULE "{s: {A: 1}, condition: s}",
     LIST "- {type: field_name_mapping, mapping: {A: x}}\n"
          "- {type: field_name_prefix, prefix: w.}", "{\"w.x\": 1}", true},
    /* by field */
    {RULE "{s: {A: 1, B: 2}, condition: s}",
     LIST "- type: field_name_prefix\n  prefix: w.\n"
          "  field_name_conditions: [{type: include_fields, fields: [A]}]",
     "{\"w.A\": 1, \"B\": 2}", true},
    {RULE "{s: {A: 1, B: 2}, condition: s}",
     LIST "- type: field_name_prefix\n  prefix: w.\n"
          "  field_name_conditions: [{type: exclude_fields, fields: [A]}]",
     "{\"A\": 1, \"w.B\": 2}", true},
    {RULE "{s: {A1: 1, B: 2}, condition: s}",
     LIST "- type: field_name_prefix\n  prefix: w.\n"
          "  field_name_conditions: [{type: include_fields, fields: ['A.'], mode: re}]",
     "{\"w.A1\": 1, \"B\": 2}", true},
    /* by rule */
    {RULE "{s: {A: 1}, condition: s}",
     LIST "- type: field_name_prefix\n  prefix: w.\n"
          "  rule_conditions: [{type: logsource, category: c}]", "{\"w.A\": 1}", true},
    {RULE "{s: {A: 1}, condition: s}",
     LIST "- type: field_name_prefix\n  prefix: w.\n"
          "  rule_conditions: [{type: logsource, category: d}]", "{\"A\": 1}", true},
    {RULE "{s: {A: 1}, condition: s}",
     LIST "- type: field_name_prefix\n  prefix: w.\n  rule_cond_op: or\n"
          "  rule_conditions: [{type: logsource, category: d}, {type: contains_field, field: A}]",
     "{\"w.A\": 1}", true},
    {RULE "{s: {A: 1}, condition: s}",
     LIST "- type: field_name_prefix\n  prefix: w.\n  rule_cond_not: true\n"
          "  rule_conditions: [{type: logsource, category: d}]", "{\"w.A\": 1}", true},
    {HEAD "level: high\ntags: [attack.t1]\ndetection: {s: {A: 1}, condition: s}",
     LIST "- type: field_name_prefix\n  prefix: w.\n"
          "  rule_conditions: [{type: tag, tag: attack.t1}, {type: is_sigma_rule},\n"
          "    {type: rule_attribute, attribute: level, value: medium, op: gte}]",
     "{\"w.A\": 1}", true},
    {HEAD "level: low\ndetection: {s: {A: 1}, condition: s}",
     LIST "- type: field_name_prefix\n  prefix: w.\n"
          "  rule_conditions: [{type: rule_attribute, attribute: level, value: medium, op: gte}]",
     "{\"A\": 1}", true},
    {RULE "{s: {A: 1}, condition: s}",
     LIST "- {id: one, type: change_logsource, category: d}\n"
          "- type: field_name_prefix\n  prefix: w.\n"
          "  rule_conditions: [{type: logsource, category: d},\n"
          "    {type: processing_item_applied, processing_item_id: one}]", "{\"w.A\": 1}", true},
    /* by item */
    {RULE "{s: {A: 1, B: 'x*'}, condition: s}",
     LIST "- type: field_name_prefix\n  prefix: w.\n"
          "  detection_item_conditions: [{type: contains_wildcard, cond: any}]",
     "{\"A\": 1, \"w.B\": \"xy\"}", true},
    {RULE "{s: {A: foo, B: bar}, condition: s}",
     LIST "- type: field_name_prefix\n  prefix: w.\n"
          "  detection_item_conditions: [{type: match_string, cond: any, pattern: 'f.o'}]",
     "{\"w.A\": \"foo\", \"B\": \"bar\"}", true},
    /* dropping */
    {RULE "{s: {A: 1, B: 2}, condition: s}",
     LIST "- type: drop_detection_item\n"
          "  field_name_conditions: [{type: include_fields, fields: [B]}]", "{\"A\": 1}", true},
    {RULE "{s: {A: 1}, f: {B: 2}, condition: s and not f}",
     LIST "- type: drop_detection_item\n"
          "  field_name_conditions: [{type: include_fields, fields: [B]}]", "{\"A\": 1}", true},
    {RULE "{s: {A: 1}, f_a: {B: 2}, f_b: {C: 3}, condition: s and not 1 of f_*}",
     LIST "- type: drop_detection_item\n"
          "  field_name_conditions: [{type: include_fields, fields: [B]}]",
     "{\"A\": 1, \"B\": 2, \"C\": 3}", false},
    {RULE "{s: [{A: 1}, {B: 2}], condition: s}",
     LIST "- type: drop_detection_item\n"
          "  field_name_conditions: [{type: include_fields, fields: [B]}]", "{\"B\": 2}", false},
    /* adding */
    {RULE "{s: {A: 1}, condition: s}", LIST "- {type: add_condition, conditions: {E: [7, 8]}}",
     "{\"A\": 1}", false},
    {RULE "{s: {A: 1}, condition: s}", LIST "- {type: add_condition, conditions: {E: [7, 8]}}",
     "{\"A\": 1, \"E\": 8}", true},
    {RULE "{s: {A: 1}, condition: s}",
     LIST "- {type: add_condition, negated: true, conditions: {E: 7}}",
     "{\"A\": 1, \"E\": 7}", false},
    {RULE "{s: {A: 1}, condition: s}",
     LIST "- {type: add_condition, template: true, conditions: {E: 'x-$category-${product}'}}",
     "{\"A\": 1, \"E\": \"x-c-p\"}", true},
    {RULE "{s: {A: 1}, condition: s}",
     LIST "- {type: add_condition, conditions: {E|contains: 7}}\n"
          "- {type: field_name_prefix, prefix: w.}", "{\"w.A\": 1, \"w.E\": \"a7\"}", true},
    /* placeholders */
    {RULE "{s: {A|expand: '%x%'}, condition: s}",
     "vars: {x: [a, 'b*']}\n" LIST "- {type: value_placeholders}", "{\"A\": \"bc\"}", true},
    {RULE "{s: {A|expand: '%x%'}, condition: s}",
     "vars: {x: [a, 'b*']}\n" LIST "- {type: value_placeholders}", "{\"A\": \"ab\"}", false},
    {RULE "{s: {A|expand: '%x%-%y%'}, condition: s}",
     "vars: {x: [a, b], y: 5}\n" LIST "- {type: value_placeholders}", "{\"A\": \"B-5\"}", true},
    {RULE "{s: {A|contains|expand: '%x%'}, condition: s}",
     "vars: {x: [a, b]}\n" LIST "- {type: value_placeholders}", "{\"A\": \"xby\"}", true},
    {RULE "{s: {A|expand|endswith: '%x%'}, condition: s}",
     "vars: {x: [a, b]}\n" LIST "- {type: value_placeholders}", "{\"A\": \"xb\"}", true},
    {RULE "{s: {A|expand|contains|all: ['%x%', c]}, condition: s}",
     "vars: {x: [a, b]}\n" LIST "- {type: value_placeholders}", "{\"A\": \"bc\"}", true},
    {RULE "{s: {A|expand: '\\%x\\%'}, condition: s}", "vars: {x: a}\n" LIST,
     "{\"A\": \"%x%\"}", true},
    {RULE "{s: {A: '%x%'}, condition: s}", "vars: {x: a}\n" LIST "- {type: value_placeholders}",
     "{\"A\": \"%x%\"}", true},
    {RULE "{s: {A|re|expand: '^%x%$'}, condition: s}",
     "vars: {x: [a.b]}\n" LIST "- {type: value_placeholders}", "{\"A\": \"a.b\"}", true},
    {RULE "{s: {A|re|expand: '^%x%$'}, condition: s}",
     "vars: {x: [a.b]}\n" LIST "- {type: value_placeholders}", "{\"A\": \"acb\"}", false},
    {RULE "{s: {A|expand: '%x%', B|expand: '%y%'}, condition: s}",
     "vars: {x: a, y: b}\n" LIST "- {type: value_placeholders, include: [x]}\n"
     "- {type: value_placeholders, exclude: [x]}", "{\"A\": \"a\", \"B\": \"b\"}", true},
    /* filters are mapped with the rules that they are put to */
    {RULE "{s: {A: 1}, condition: s}\n---\ntitle: f\nlogsource: {category: c}\n"
     "filter: {rules: any, f: {B|expand: '%x%'}, condition: not f}",
     "vars: {x: b}\n" LIST "- {type: value_placeholders}\n- {type: field_name_prefix, prefix: w.}",
     "{\"w.A\": 1, \"w.B\": \"b\"}", false},
};

struct error_case {
    const char *rule;
    const char *pipeline;
    const char *expected;
};

#define GOOD RULE "{s: {A: 1}, condition: s}"
#define TWO                                                                                        \
    "title: one\nname: one\nlogsource: {category: c}\ndetection: {s: {A: 1}, condition: s}\n---\n" \
    "title: two\nid: 2\nlogsource: {category: c}\ndetection: {s: {A: 1}, condition: s}\n---\n"
#define COUNTED                                                                                    \
    "  type: event_count\n  rules: [one]\n  timespan: 5m\n  condition: {gte: 1}\n"
#define SPLIT       "- {type: field_name_mapping, mapping: {A: [B, C]}}"
#define CORRELATION TWO "title: both\nname: both\ncorrelation:\n"

static const struct error_case error_cases[] = {
    /* pipelines */
    {GOOD, LIST "- {type: field_name_maping}",
     "p.yml:2:10: error: transformation 'field_name_maping' is not known here; did you mean "
     "'field_name_mapping'?"},
    {GOOD, LIST "- {type: field_name_mapping}", "expected a 'mapping' of names to names"},
    {GOOD, LIST "- {type: field_name_mapping, mapping: {A: {B: C}}}",
     "expected the name of a field"},
    {GOOD, LIST "- {type: field_name_prefix, prefix: w., prefixx: 1}",
     "p.yml:2:41: error: unknown key of a transformation; did you mean 'prefix'?"},
    {GOOD, LIST "- {type: field_name_prefix}", "expected 'prefix' with a text"},
    {GOOD, LIST "- {type: change_logsource}", "names none of product, category and service"},
    {GOOD, LIST "- {type: add_condition}", "expected 'conditions'"},
    {GOOD, LIST "- {type: add_condition, conditions: {A|x: 1}}",
     "p.yml:2:40: error: unknown modifier 'x'"},
    {GOOD, LIST "- type: drop_detection_item\n  rule_conditions: [{type: logsoruce}]",
     "condition of this type is not known here; did you mean 'logsource'?"},
    {GOOD, LIST "- type: drop_detection_item\n  rule_conditions: [{type: include_fields}]",
     "a condition of this type has no place here"},
    {GOOD, LIST "- type: drop_detection_item\n  field_name_conditions: [{type: include_fields}]",
     "expected 'fields', a list of names"},
    {GOOD, LIST "- type: drop_detection_item\n  rule_conditions: [{type: contains_field}]",
     "expected 'field' with a text"},
    {GOOD, LIST "- type: drop_detection_item\n  rule_conditions: [{type: processing_item_applied, "
                "processing_item_id: x}]", "no transformation has this id"},
    {GOOD, LIST "- type: drop_detection_item\n  detection_item_conditions: [{type: match_string, "
                "pattern: '(a'}]", "bad regex"},
    {GOOD, LIST "- type: drop_detection_item\n  rule_cond_op: xor", "expected 'and' or 'or'"},
    {GOOD, LIST "- {type: drop_detection_item}", "pipelines dropped all that the rule looks for"},
    {GOOD, "transformation: []", "unknown key of a pipeline; did you mean 'transformations'?"},
    {GOOD, "[]", "expected one pipeline"},
    {GOOD, "vars: [a]", "expected a mapping of names to values"},
    {GOOD, "vars: {a: {b: c}}", "expected a value"},
    {RULE "{s: {A|expand: '%x%'}, condition: s}", LIST "- {type: value_placeholders}",
     "placeholder '%x%' has no values"},
    {RULE "{s: {A|expand: '%x%'}, condition: s}", "vars: {x: a}\n" LIST,
     "placeholder '%x%' has no values"},
    /* correlations */
    {CORRELATION "  type: event_cuont\n  rules: [one]\n  timespan: 5m\n  condition: {gte: 1}", NULL,
     "f0.yml:14:9: error: unknown type of correlation 'event_cuont'"},
    {CORRELATION "  rules: [one]\n  timespan: 5m\n  condition: {gte: 1}", NULL,
     "expected a 'type'"},
    {CORRELATION "  type: event_count\n  rules: [one, three]\n  timespan: 5m\n"
                 "  condition: {gte: 1}", NULL,
     "f0.yml:15:16: error: no rule has the id or name 'three'"},
    {CORRELATION "  type: event_count\n  timespan: 5m\n  condition: {gte: 1}", NULL,
     "expected 'rules', a list of ids or names"},
    {CORRELATION "  type: event_count\n  rules: [one]\n  condition: {gte: 1}", NULL,
     "expected a 'timespan' such as 5m"},
    {CORRELATION "  type: event_count\n  rules: [one]\n  timespan: 5x\n  condition: {gte: 1}", NULL,
     "f0.yml:16:13: error: expected a number and one of s, m, h, d, w, M, y, found '5x'"},
    {CORRELATION "  type: event_count\n  rules: [one]\n  timespan: 0m\n  condition: {gte: 1}", NULL,
     "a timespan of nothing"},
    {CORRELATION "  type: event_count\n  rules: [one]\n  timespan: 5m", NULL,
     "expected a 'condition' such as {gte: 10}"},
    {CORRELATION "  type: event_count\n  rules: [one]\n  timespan: 5m\n  condition: {gte: x}", NULL,
     "'gte': expected a number"},
    {CORRELATION "  type: event_count\n  rules: [one]\n  timespan: 5m\n  condition: {ge: 5}", NULL,
     "unknown key of a condition"},
    {CORRELATION "  type: event_count\n  rules: [one]\n  timespan: 5m\n  condition: {}", NULL,
     "expected one of gt, gte, lt, lte, eq, neq"},
    {CORRELATION "  type: event_count\n  rules: [one]\n  timespan: 5m\n"
                 "  condition: {gt: 5, gte: 6}", NULL, "two operators must be a range"},
    {CORRELATION "  type: event_count\n  rules: [one]\n  timespan: 5m\n"
                 "  condition: {gt: 5, lt: 5}", NULL, "no number lies in this range"},
    {CORRELATION "  type: event_count\n  rules: [one]\n  timespan: 5m\n"
                 "  condition: {gte: 5, field: F}", NULL, "it takes no field"},
    {CORRELATION "  type: value_count\n  rules: [one]\n  timespan: 5m\n  condition: {gte: 5}", NULL,
     "expected a 'field'"},
    {CORRELATION "  type: value_avg\n  rules: [one]\n  timespan: 5m\n"
                 "  condition: {gte: 5, field: [A, B]}", NULL, "expected a 'field' with one name"},
    {CORRELATION "  type: value_percentile\n  rules: [one]\n  timespan: 5m\n"
                 "  condition: {gte: 5, field: A, percentile: 101}", NULL, "from 0 to 100"},
    {CORRELATION "  type: temporal\n  rules: [one, '2']\n  timespan: 5m\n"
                 "  condition: one and three", NULL,
     "f0.yml:17:22: error: no search is named 'three'"},
    {CORRELATION "  type: event_count\n  rules: [one]\n  timespan: 5m\n  condition: {gte: 1}\n"
                 "  aliases: {a: {three: F}}", NULL, "'three' is none of this correlation's rules"},
    {CORRELATION "  type: event_count\n  rules: [one, '2']\n  timespan: 5m\n"
                 "  condition: {gte: 1}\n  aliases: {a: {one: F}}", NULL,
     "alias 'a' names no field for the rule '2'"},
    {CORRELATION "  type: event_count\n  rules: [both]\n  timespan: 5m\n  condition: {gte: 1}",
     NULL,
     "correlations refer to each other in a circle"},
    {CORRELATION "  type: event_count\n  rules: [one]\n  timespan: 5m\n  condition: {gte: 1}\n"
                 "  group_by: [A]", NULL, "unknown key of a correlation; did you mean 'group-by'?"},
    {CORRELATION "  type: event_count\n  rules: [one]\n  timespan: 5m\n  condition: {gte: 1}\n"
                 "  generate: maybe", NULL, "'generate': expected true or false"},
    /* names that pipelines change */
    {CORRELATION COUNTED "  group-by: [A]", LIST SPLIT,
     "f0.yml:18:14: error: a pipeline makes 2 fields of 'A' for the rule 'one': name one of them"},
    {CORRELATION COUNTED "  group-by: u\n  aliases: {u: {one: A}}", LIST SPLIT,
     "f0.yml:18:13: error: a pipeline makes 2 fields of 'A' for the rule 'one'"},
    {CORRELATION "  type: value_count\n  rules: [one]\n  timespan: 5m\n"
                 "  condition: {field: [D, A], gte: 1}", LIST SPLIT,
     "f0.yml:17:26: error: a pipeline makes 2 fields of 'A' for the rule 'one'"},
};
/* clang-format on */

static void pipelines_change_rules(void **state)
{
    struct writer out;
    size_t wrong = 0;
    (void)state;
    writer_init(&out, 1 << 20);
    for (size_t index = 0; index < sizeof pipeline_cases / sizeof pipeline_cases[0]; index++) {
        const struct pipeline_case *one = &pipeline_cases[index];
        struct rule_program *program =
            test_sigma_load(&one->rule, 1, &one->pipeline, 1, &out, NULL);
        if (!program || test_sigma_match(program, one->event, NULL) != one->matches) {
            print_error("%s\n%s\n%s\n", one->rule, one->pipeline, one->event);
            wrong++;
        }
        if (!program)
            print_error("%.*s\n", (int)out.len, (const char *)out.data);
        rule_program_close(program);
    }
    writer_free(&out);
    assert_int_equal(wrong, 0);
}

static void what_is_wrong_is_said_at_its_place(void **state)
{
    struct writer out;
    size_t wrong = 0;
    (void)state;
    writer_init(&out, 1 << 20);
    for (size_t index = 0; index < sizeof error_cases / sizeof error_cases[0]; index++) {
        const struct error_case *one = &error_cases[index];
        struct rule_program *program =
            test_sigma_load(&one->rule, 1, &one->pipeline, one->pipeline != NULL, &out, NULL);
        writer_byte(&out, 0);
        if (program || !strstr((const char *)out.data, one->expected)) {
            print_error("%s\n%s\nexpected: %s\nfound: %s\n", one->rule,
                        one->pipeline ? one->pipeline : "", one->expected,
                        program ? "no error" : (const char *)out.data);
            wrong++;
        }
        rule_program_close(program);
    }
    writer_free(&out);
    assert_int_equal(wrong, 0);
}

static const char *const good_correlations[] = {
    "  type: event_count\n  rules: [one, '2']\n  group-by: [A]\n  timespan: 5m\n"
    "  condition: {gt: 5, lte: 10}\n  generate: true",
    "  type: value_count\n  rules: one\n  group-by: A\n  timespan: 1d\n"
    "  condition: {field: [A, B], gte: 5}",
    "  type: value_percentile\n  rules: [one]\n  timespan: 90s\n"
    "  condition: {field: A, gt: 1.5, percentile: 99}",
    "  type: value_sum\n  rules: [one]\n  timespan: 1w\n  condition: {field: A, gt: 5}",
    "  type: value_avg\n  rules: [one]\n  timespan: 1M\n  condition: {field: A, lt: 5}",
    "  type: value_median\n  rules: [one]\n  timespan: 1y\n  condition: {field: A, eq: 5}",
    "  type: temporal\n  rules: [one, '2']\n  timespan: 1h\n  group-by: [u]\n"
    "  aliases: {u: {one: A, '2': B}}",
    "  type: temporal\n  timespan: 1h\n  condition: one and not both",
    "  type: temporal_ordered\n  rules: [one, '2']\n  timespan: 1h\n  condition: {gte: 2}",
};

static void one_field_for_a_name_of_a_correlation_is_fine(void **state)
{
    static const char *const files[] = {
        CORRELATION COUNTED "  group-by: [D, u]\n  aliases: {u: {one: C}}",
        CORRELATION "  type: event_count\n  rules: ['2']\n  timespan: 5m\n  condition: {gte: 1}\n"
                    "  group-by: [A]"};
    static const char *const pipelines[] = {
        LIST SPLIT,
        LIST "- type: field_name_mapping\n  mapping: {A: [B, C]}\n"
             "  rule_conditions: [{type: rule_attribute, attribute: title, value: one}]"};
    struct writer out;
    (void)state;
    writer_init(&out, 1 << 20);
    for (size_t index = 0; index < 2; index++) {
        struct rule_program *program =
            test_sigma_load(&files[index], 1, &pipelines[index], 1, &out, NULL);
        if (!program)
            fail_msg("%.*s", (int)out.len, (const char *)out.data);
        rule_program_close(program);
    }
    writer_free(&out);
}

static void correlations_are_checked_and_said_not_to_run(void **state)
{
    struct writer out, warnings;
    (void)state;
    writer_init(&out, 1 << 20);
    writer_init(&warnings, 1 << 16);
    for (size_t index = 0; index < sizeof good_correlations / sizeof good_correlations[0];
         index++) {
        char file[2048];
        const char *files[] = {file};
        snprintf(file, sizeof file, "%s%s", CORRELATION, good_correlations[index]);
        writer_reset(&warnings);
        struct rule_program *program = test_sigma_load(files, 1, NULL, 0, &out, &warnings);
        if (!program)
            fail_msg("%s\n%.*s", file, (int)out.len, (const char *)out.data);
        assert_int_equal(rule_program_count(program), 2);
        writer_byte(&warnings, 0);
        assert_non_null(strstr((const char *)warnings.data, "are checked, but not run"));
        rule_program_close(program);
    }
    writer_free(&warnings);
    writer_free(&out);
}

/* Priority 10 before 20, whatever their order on the command line. */
static void pipelines_are_applied_by_priority(void **state)
{
    static const char *const rule = GOOD;
    static const char *const pipelines[] = {
        "priority: 20\n" LIST "- {type: field_name_mapping, mapping: {x: y}}",
        "priority: 10\n" LIST "- {type: field_name_mapping, mapping: {A: x}}",
    };
    struct writer out;
    (void)state;
    writer_init(&out, 1 << 20);
    struct rule_program *program = test_sigma_load(&rule, 1, pipelines, 2, &out, NULL);
    assert_non_null(program);
    assert_int_equal(test_sigma_match(program, "{\"y\": 1}", NULL), 1);
    rule_program_close(program);
    writer_free(&out);
}

static void pipelines_reach_logsource_and_shown_fields(void **state)
{
    static const char *const rule = GOOD "\nfields: [A, B]";
    static const char *const pipeline = LIST "- {type: change_logsource, product: q, service: s}\n"
                                             "- {type: field_name_mapping, mapping: {B: [x, y]}}";
    const struct rule_output_field *fields;
    struct writer out;
    (void)state;
    writer_init(&out, 1 << 20);
    struct rule_program *program = test_sigma_load(&rule, 1, &pipeline, 1, &out, NULL);
    assert_non_null(program);
    const struct rule_info *info = rule_program_rule(program, 0);
    assert_null(info->logsource.category.data);
    assert_true(span_eq(info->logsource.product, SPAN("q")));
    assert_true(span_eq(info->logsource.service, SPAN("s")));
    assert_int_equal(rule_program_output_fields(program, 0, &fields), 3);
    assert_true(span_eq(fields[1].name, SPAN("x")));
    rule_program_close(program);
    writer_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pipelines_change_rules),
        cmocka_unit_test(what_is_wrong_is_said_at_its_place),
        cmocka_unit_test(one_field_for_a_name_of_a_correlation_is_fine),
        cmocka_unit_test(correlations_are_checked_and_said_not_to_run),
        cmocka_unit_test(pipelines_are_applied_by_priority),
        cmocka_unit_test(pipelines_reach_logsource_and_shown_fields),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
