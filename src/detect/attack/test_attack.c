#include "attack/attack.h"
#include "core/test.h"

static void finds_techniques_and_no_others(void **state)
{
    (void)state;
    const struct attack_technique *found = attack_technique_find(SPAN("t1003.008"));
    assert_non_null(found);
    assert_string_equal(found->id, "T1003.008");
    assert_int_equal(found->tactics, 1 << ATTACK_CREDENTIAL_ACCESS);
    assert_non_null(attack_technique_find(SPAN("T1003")));
    assert_null(attack_technique_find(SPAN("T1003.0")));
    assert_null(attack_technique_find(SPAN("T1003.0088")));
    assert_null(attack_technique_find(SPAN("T0000")));
    assert_null(attack_technique_find(SPAN("T9999.999")));
    assert_null(attack_technique_find(SPAN("")));
}

static void finds_each_row_where_it_stands(void **state)
{
    (void)state;
    assert_in_range(attack_technique_count(), 600, 2000);
    for (size_t index = 0; index < attack_technique_count(); index++) {
        const struct attack_technique *row = attack_technique_at(index);
        assert_ptr_equal(attack_technique_find(span_str(row->id)), row);
        assert_in_range(row->tactics, 1, (1 << ATTACK_TACTIC_COUNT) - 1);
        /* a sub-technique belongs to a technique */
        assert_non_null(attack_technique_find(span_of(row->id, 5)));
        if (index)
            assert_true(span_cmp(span_str(attack_technique_at(index - 1)->id), span_str(row->id)) <
                        0);
    }
}

static void reads_the_tags_of_both_languages(void **state)
{
    (void)state;
    span id;
    enum attack_tactic tactic;
    assert_true(attack_tag_technique(SPAN("attack.t1059.004"), &id));
    assert_true(span_eq(id, SPAN("t1059.004")));
    assert_true(attack_tag_technique(SPAN("T1059"), &id));
    assert_true(span_eq(id, SPAN("T1059")));
    static const char *const others[] = {"T105",      "T1059.",  "T1059.4", "T1059.0044", "TA0001",
                                         "attack.g1", "attack.", "",        "container"};
    for (size_t index = 0; index < sizeof others / sizeof *others; index++)
        assert_false(attack_tag_technique(span_str(others[index]), &id));
    assert_true(attack_tag_tactic(SPAN("mitre_credential_access"), &tactic));
    assert_int_equal(tactic, ATTACK_CREDENTIAL_ACCESS);
    assert_true(attack_tag_tactic(SPAN("attack.command-and-control"), &tactic));
    assert_int_equal(tactic, ATTACK_COMMAND_AND_CONTROL);
    assert_true(attack_tag_tactic(SPAN("attack.command_and_control"), &tactic));
    assert_false(attack_tag_tactic(SPAN("execution"), &tactic));
    assert_false(attack_tag_tactic(SPAN("mitre_t1059"), &tactic));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_techniques_and_no_others),
        cmocka_unit_test(finds_each_row_where_it_stands),
        cmocka_unit_test(reads_the_tags_of_both_languages),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
