/* A decoder ends at what is not in its protocol. */

#include "role/test_after.h"
#include "worker/work.h"
#include "worker/worker.h"

static const role_run runs[ROLE_COUNT] = {[ROLE_DECODER] = decoder_run};

static void a_decoder_ends_at_what_it_does_not_know(void **state)
{
    static const struct decoder_start start = {0};
    (void)state;
    assert_int_equal(code_after(ROLE_DECODER, runs, 9999, SPAN("what is this")), 1);
    assert_int_equal(code_after(ROLE_DECODER, runs, MESSAGE_DECODER_START, SPAN("short")), 1);
    /* whole, but without image and memory */
    assert_int_equal(
        code_after(ROLE_DECODER, runs, MESSAGE_DECODER_START, span_of(&start, sizeof start)), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_decoder_ends_at_what_it_does_not_know),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
