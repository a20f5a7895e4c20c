#include "core/test.h"
#include "source/test_frames.h"

static void the_registry_is_in_order_and_complete(void **state)
{
    (void)state;
    const struct source *source;
    for (size_t index = 0; (source = source_at(index)); index++) {
        assert_true(source->name[0] && source->summary[0]);
        assert_non_null(source->decode);
        assert_int_equal(source->is_joining, source->flush != NULL);
        assert_int_equal(source->is_joining, source->save != NULL);
        assert_int_equal(source->is_joining, source->load != NULL);
        assert_ptr_equal(source_find(span_str(source->name)), source);
        if (index)
            assert_true(strcmp(source_at(index - 1)->name, source->name) < 0);
    }
    assert_null(source_find(SPAN("")));
    assert_null(source_find(SPAN("kernel")));
    assert_null(source_find(SPAN("jsonx")));
}

static void a_wrong_name_has_a_nearest_one(void **state)
{
    (void)state;
    struct err_ctx err;
    assert_int_equal(source_unknown(SPAN("sylog"), &err), ERR_INPUT);
    assert_non_null(
        strstr(err.text, "no source 'sylog'; did you mean 'syslog'? there are kernel, "));
    assert_int_equal(source_unknown(SPAN("something else"), &err), ERR_INPUT);
    assert_non_null(strstr(err.text, "no source 'something else'; there are kernel, "));
    for (size_t index = 0; source_at(index); index++)
        assert_non_null(strstr(err.text, source_at(index)->name));
}

static bool is_the_frame(void *context, const struct source_event *event)
{
    const struct source_frame *frame = context;
    return event->json.data == frame->bytes.data && event->json.len == frame->bytes.len &&
           !event->fault && span_eq(event->position, frame->position);
}

static void json_is_handed_on_without_a_copy(void **state)
{
    (void)state;
    struct source_frame frame = {.bytes = SPAN("{\"a\": 1}"), .position = SPAN("app/0@7")};
    struct frames frames;
    frames_open(&frames, "json");
    assert_true(source_decode(frames.decoder, &frame, is_the_frame, &frame));
    frames_close(&frames);
}

static void no_room_is_said(void **state)
{
    (void)state;
    struct frames frames;
    frames_open(&frames, "json");
    frames.room = 0;
    assert_false(frames_give(&frames, SPAN("{}")));
    frames.room = 1;
    assert_true(frames_give(&frames, SPAN("{}")));
    frames_close(&frames);
}

static void a_source_that_keeps_nothing_loads_nothing(void **state)
{
    (void)state;
    struct err_ctx err;
    struct frames frames;
    frames_open(&frames, "json");
    source_save(frames.decoder, &frames.text);
    assert_int_equal(frames.text.len, 0);
    assert_int_equal(source_load(frames.decoder, SPAN(""), &err), OK);
    assert_int_equal(source_load(frames.decoder, SPAN("x"), &err), ERR_INPUT);
    frames_close(&frames);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_registry_is_in_order_and_complete),
        cmocka_unit_test(a_wrong_name_has_a_nearest_one),
        cmocka_unit_test(json_is_handed_on_without_a_copy),
        cmocka_unit_test(no_room_is_said),
        cmocka_unit_test(a_source_that_keeps_nothing_loads_nothing),
    };
    return cmocka_run_group_tests_name("source", tests, NULL, NULL);
}
