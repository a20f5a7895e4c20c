#include "core/test.h"
#include "strategy/strategy.h"

struct fixture {
    struct diagnostics diagnostics;
    struct strategy strategy;
};

static void given(struct fixture *fixture, const char *text)
{
    diagnostics_init(&fixture->diagnostics, 100);
    strategy_read(&fixture->strategy, SPAN("x.md"), span_str(text), &fixture->diagnostics);
}

static void done(struct fixture *fixture)
{
    diagnostics_free(&fixture->diagnostics);
}

#define FRONT "---\nowner: identity team\nstage: shadow\nattack: [T1003]\n---\n"

static void reads_owner_stage_and_response(void **state)
{
    (void)state;
    struct fixture fixture;
    given(&fixture, FRONT "# Title\n\n## Priority\n\nLow.\n\n## Response\n\nFirst.\n\nThen.\n");
    assert_int_equal(fixture.diagnostics.error_count, 0);
    assert_true(span_eq(fixture.strategy.owner, SPAN("identity team")));
    assert_int_equal(fixture.strategy.stage, STAGE_SHADOW);
    assert_true(span_eq(fixture.strategy.response, SPAN("First.\n\nThen.")));
    assert_true(span_eq(strategy_section(&fixture.strategy, SPAN("Priority")), SPAN("Low.")));
    assert_null(strategy_section(&fixture.strategy, SPAN("Goal")).data);
    done(&fixture);
}

static void is_live_without_front_matter(void **state)
{
    (void)state;
    struct fixture fixture;
    given(&fixture, "# Title\n## Response\nLook.");
    assert_int_equal(fixture.diagnostics.error_count, 0);
    assert_int_equal(fixture.strategy.stage, STAGE_LIVE);
    assert_null(fixture.strategy.owner.data);
    assert_true(span_eq(fixture.strategy.response, SPAN("Look.")));
    done(&fixture);
}

static void tells_where_a_stage_is_wrong(void **state)
{
    (void)state;
    struct fixture fixture;
    given(&fixture, "---\nowner: me\nstage: alive\n---\n");
    assert_int_equal(fixture.diagnostics.error_count, 1);
    assert_int_equal(fixture.diagnostics.items[0].at.line, 3);
    assert_int_equal(fixture.diagnostics.items[0].at.column, 8);
    done(&fixture);
}

static void ends_at_every_truncation(void **state)
{
    (void)state;
    static const char text[] = FRONT "# Title\n## Response\nLook.\n";
    for (size_t len = 0; len < sizeof text; len++) {
        struct fixture fixture;
        char *copy = strndup(text, len);
        assert_non_null(copy);
        given(&fixture, copy);
        assert_true(fixture.strategy.stage <= STAGE_RETIRED);
        done(&fixture);
        free(copy);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_owner_stage_and_response),
        cmocka_unit_test(is_live_without_front_matter),
        cmocka_unit_test(tells_where_a_stage_is_wrong),
        cmocka_unit_test(ends_at_every_truncation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
