#include "core/test.h"
#include "coverage/coverage.h"

static const span tags_both[] = {SPAN("T1003.008"), SPAN("attack.t1003.008"), SPAN("attack.t1059")};
static const span tags_unknown[] = {SPAN("T9999"), SPAN("host")};

static const struct rule_info rules[] = {
    {.name = SPAN("B | x"), .is_enabled = true, .tags = tags_both, .tag_count = 2},
    {.name = SPAN("A \"q\""), .is_enabled = true, .tags = tags_both, .tag_count = 3},
    {.name = SPAN("Off"), .is_enabled = false, .tags = tags_both, .tag_count = 3},
    {.name = SPAN("New"), .is_enabled = true, .tags = tags_unknown, .tag_count = 2},
};

struct fixture {
    struct coverage *coverage;
    struct writer out;
};

static void begin(struct fixture *fixture, size_t count)
{
    struct err_ctx err;
    const struct rule_info *all[] = {&rules[0], &rules[1], &rules[2], &rules[3]};
    writer_init(&fixture->out, 1 << 20);
    assert_int_equal(coverage_open(all, count, &fixture->coverage, &err), OK);
}

static void end(struct fixture *fixture)
{
    coverage_close(fixture->coverage);
    writer_free(&fixture->out);
}

static void expect(struct fixture *fixture, const char *text)
{
    if (!span_contains(writer_span(&fixture->out), span_str(text)))
        fail_msg("no '%s' in %.*s", text, (int)fixture->out.len, (const char *)fixture->out.data);
}

static void counts_a_rule_once_for_each_technique(void **state)
{
    (void)state;
    struct fixture fixture;
    begin(&fixture, 4);
    coverage_write_json(fixture.coverage, &fixture.out);
    expect(&fixture, "{\"rules\":3,\"without_technique\":1,");
    expect(&fixture, "{\"technique\":\"T1003.008\",\"name\":\"/etc/passwd and /etc/shadow\","
                     "\"tactics\":[\"credential-access\"],\"rules\":[\"A \\\"q\\\"\",\"B | x\"]}");
    expect(&fixture, "\"unknown\":[{\"tag\":\"T9999\",\"rule\":\"New\"}]");
    end(&fixture);
}

static void a_layer_opens_techniques_of_which_only_a_part_is_covered(void **state)
{
    (void)state;
    struct fixture fixture;
    begin(&fixture, 4);
    coverage_write_navigator(fixture.coverage, "n\"ame", &fixture.out);
    expect(&fixture, "\"name\": \"n\\\"ame\"");
    expect(&fixture, "{\"techniqueID\": \"T1003.008\", \"score\": 2, \"enabled\": true, "
                     "\"showSubtechniques\": false, \"comment\": \"A \\\"q\\\"\\nB | x\"}");
    expect(&fixture,
           "{\"techniqueID\": \"T1003\", \"enabled\": true, \"showSubtechniques\": true}");
    expect(&fixture, "\"maxValue\": 2");
    end(&fixture);
}

static void names_cannot_break_a_table(void **state)
{
    (void)state;
    struct fixture fixture;
    begin(&fixture, 4);
    coverage_write_markdown(fixture.coverage, &fixture.out);
    expect(&fixture, "| 2 | A \"q\", B \\| x |\n");
    expect(&fixture, "## Credential Access\n");
    expect(&fixture, "| T9999 | New |\n");
    end(&fixture);
}

static void no_rules_are_an_empty_layer(void **state)
{
    (void)state;
    struct fixture fixture;
    begin(&fixture, 0);
    coverage_write_navigator(fixture.coverage, "n", &fixture.out);
    expect(&fixture, "\"techniques\": [\n  ]");
    end(&fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_a_rule_once_for_each_technique),
        cmocka_unit_test(a_layer_opens_techniques_of_which_only_a_part_is_covered),
        cmocka_unit_test(names_cannot_break_a_table),
        cmocka_unit_test(no_rules_are_an_empty_layer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
