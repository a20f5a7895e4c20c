/* Gateway and intake end at what is not in their protocol; what is understood of a sink's
 * positions. */

#include "ingest/ingest.h"
#include "ingest/messages.h"
#include "ingest/readers.h"
#include "role/test_after.h"

static const role_run runs[ROLE_COUNT] = {[ROLE_INTAKE] = intake_run, [ROLE_GATEWAY] = gateway_run};

static void a_role_ends_at_a_message_it_does_not_know(void **state)
{
    (void)state;
    assert_int_equal(code_after(ROLE_INTAKE, runs, 9999, SPAN("what is this")), INTAKE_IMPOSSIBLE);
    assert_int_equal(code_after(ROLE_GATEWAY, runs, 9999, SPAN("what is this")), 1);
}

static void a_role_ends_at_a_start_that_is_cut_short(void **state)
{
    (void)state;
    assert_int_equal(code_after(ROLE_INTAKE, runs, MESSAGE_INTAKE_START, SPAN("short")),
                     INTAKE_IMPOSSIBLE);
    assert_int_equal(code_after(ROLE_GATEWAY, runs, MESSAGE_GATEWAY_START, SPAN("short")), 1);
}

/* What sinks keep (store/delivery): the slowest one counts, and what is damaged holds all. */
static void the_slowest_sink_counts(void **state)
{
    static const char fast[] =
        "{\"version\":1,\"positions\":["
        "{\"store\":\"pipelines/app\",\"topic\":\"signals\",\"position\":90,\"mark\":1},"
        "{\"store\":\"pipelines/app\",\"topic\":\"alerts\",\"position\":7,\"mark\":1},"
        "{\"store\":\"pipelines/other\",\"topic\":\"signals\",\"position\":1,\"mark\":1}]}";
    static const char slow[] =
        "{\"positions\":[{\"store\":\"pipelines/app\",\"topic\":\"signals\",\"position\":5}]}";
    struct readers readers;
    (void)state;
    readers_begin(&readers);
    assert_int_equal(readers.signals, UINT64_MAX);
    readers_add(&readers, SPAN("pipelines/none"), span_str(fast));
    assert_int_equal(readers.signals, UINT64_MAX);
    readers_add(&readers, SPAN("pipelines/app"), span_str(fast));
    assert_int_equal(readers.signals, 90);
    assert_int_equal(readers.alerts, 7);
    readers_add(&readers, SPAN("pipelines/app"), span_str(slow));
    assert_int_equal(readers.signals, 5);
    assert_int_equal(readers.alerts, 7);
    for (size_t len = 0; len < sizeof slow - 1; len++) {
        readers_begin(&readers);
        readers_add(&readers, SPAN("pipelines/app"), span_of(slow, len));
        assert_int_equal(readers.signals, 0);
        assert_int_equal(readers.alerts, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_role_ends_at_a_message_it_does_not_know),
        cmocka_unit_test(a_role_ends_at_a_start_that_is_cut_short),
        cmocka_unit_test(the_slowest_sink_counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
