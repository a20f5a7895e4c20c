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

/* ---- Kubernetes' audit log ---- */

static void an_audit_list_is_taken_apart(void **state)
{
    (void)state;
    frames_expect("kubernetes-audit", SPAN("{\"kind\":\"Event\",\"verb\":\"get\"}"),
                  "{\"kind\":\"Event\",\"verb\":\"get\"}\n");
    frames_expect(
        "kubernetes-audit",
        SPAN(" {\"kind\":\"EventList\",\"items\":[{\"verb\":\"get\"},{\"verb\":\"list\"}]}"),
        "{\"verb\":\"get\"}\n{\"verb\":\"list\"}\n");
    frames_expect("kubernetes-audit", SPAN("{\"kind\":\"EventList\",\"items\":[]}"), "");
    frames_expect("kubernetes-audit", SPAN("{\"kind\":\"EventList\",\"items\":[{},]}"),
                  "{}\n!0 expected ',' or ']' behind a whole value\n");
    frames_expect("kubernetes-audit", SPAN("{\"kind\":\"EventList\",\"items\":[{}"),
                  "!0 an EventList without a whole list of items\n");
    frames_cut("kubernetes-audit", SPAN("{\"kind\":\"Event\"}"), true);
}

/* ---- osquery ---- */

#define BESIDE "{\"name\":\"p\",\"hostIdentifier\":\"h\""

static void rows_of_osquery_are_events(void **state)
{
    (void)state;
    frames_expect("osquery", SPAN(BESIDE ",\"columns\":{\"pid\":\"1\"},\"action\":\"added\"}"),
                  BESIDE ",\"columns\":{\"pid\":\"1\"},\"action\":\"added\"}\n");
    frames_expect("osquery",
                  SPAN("{\"snapshot\":[{\"pid\":\"1\"},{\"pid\":\"2\"}],\"action\":\"snapshot\"}"),
                  "{\"action\":\"snapshot\",\"columns\":{\"pid\":\"1\"}}\n"
                  "{\"action\":\"snapshot\",\"columns\":{\"pid\":\"2\"}}\n");
    frames_expect("osquery",
                  SPAN(BESIDE ",\"diffResults\":{\"added\":[{\"a\":1}],\"removed\":[{\"a\":2}]}}"),
                  BESIDE ",\"action\":\"added\",\"columns\":{\"a\":1}}\n" BESIDE
                         ",\"action\":\"removed\",\"columns\":{\"a\":2}}\n");
    frames_expect("osquery",
                  SPAN("{\"node_key\":\"k\",\"log_type\":\"result\",\"data\":[{\"name\":1},"
                       "{\"snapshot\":[{}],\"n\":2}]}"),
                  "{\"name\":1}\n{\"n\":2,\"columns\":{}}\n");
}

static void a_result_without_rows_is_an_event(void **state)
{
    (void)state;
    frames_expect("osquery", SPAN("{\"snapshot\":[],\"name\":\"x\"}"),
                  "{\"snapshot\":[],\"name\":\"x\"}\n");
    frames_expect("osquery", SPAN("{\"snapshot\":[{}"), "!15 expected ',' or ']'\n");
    frames_cut("osquery", SPAN("{\"snapshot\":[{\"a\":\"b\"}],\"c\":{}}"), true);
    frames_cut("osquery", SPAN("{\"diffResults\":{\"added\":[{}],\"removed\":\"\"}}"), true);
}

/* ---- Envoy ---- */

#define ENVOY(agent)                                                                               \
    "[2026-01-02T03:04:05.678Z] \"GET /a?b=c HTTP/1.1\" 200 - 0 6 4 - \"-\" \"" agent              \
    "\" \"id\" \"host:80\" \"10.0.0.1:80\""
#define OPERATORS(agent)                                                                           \
    "{\"START_TIME\":\"2026-01-02T03:04:05.678Z\",\"REQ(:METHOD)\":\"GET\","                       \
    "\"REQ(X-ENVOY-ORIGINAL-PATH?:PATH)\":\"/a?b=c\",\"PROTOCOL\":\"HTTP/1.1\",\"RESPONSE_CODE\""  \
    ":200,\"BYTES_RECEIVED\":0,\"BYTES_SENT\":6,\"DURATION\":4" agent                              \
    ",\"REQ(X-REQUEST-ID)\":\"id\",\"REQ(:AUTHORITY)\":\"host:80\",\"UPSTREAM_HOST\":"             \
    "\"10.0.0.1:80\"}\n"

static void the_default_format_of_envoy_is_read(void **state)
{
    (void)state;
    frames_expect("envoy", SPAN(ENVOY("curl")), OPERATORS(",\"REQ(USER-AGENT)\":\"curl\""));
    frames_expect("envoy", SPAN(ENVOY("-")), OPERATORS(""));
    frames_expect("envoy", SPAN(" {\"code\":1}"), " {\"code\":1}\n");
}

static void quotes_of_a_client_stay_in_the_agent(void **state)
{
    (void)state;
    frames_expect("envoy", SPAN(ENVOY("a\" \"b\" \"c")),
                  OPERATORS(",\"REQ(USER-AGENT)\":\"a\\\" \\\"b\\\" \\\"c\""));
}

static void what_envoy_would_not_write_is_a_fault(void **state)
{
    (void)state;
    frames_expect("envoy", SPAN("x"), "!0 expected '[' and the time, or a JSON object\n");
    frames_expect("envoy", SPAN("[x"), "!1 expected '] \"' behind the time\n");
    frames_expect(
        "envoy", SPAN("[t] \"GET / HTTP/1.1\" 200 -"),
        "!25 expected code, flags, bytes received, bytes sent, duration and upstream time, "
        "each followed by a space\n");
    frames_expect("envoy", SPAN("[t] \"GET / HTTP/1.1\" 200 - 0 0 0 - \"a\""),
                  "!35 expected five texts in quotes at the end\n");
    frames_cut("envoy", SPAN(ENVOY("curl")), true);
}

static void lines_are_taken_without_ends_and_blank_ones(void **state)
{
    (void)state;
    span rest = SPAN("\r\n {}\r\n\n \t\r\nb\0\nlast\r"), line;
    static const span lines[] = {
        {(const uint8_t *)" {}", 3}, {(const uint8_t *)"b\0", 2}, {(const uint8_t *)"last", 4}};
    for (size_t index = 0; index < sizeof lines / sizeof *lines; index++) {
        assert_true(source_line_take(&rest, &line));
        assert_true(span_eq(line, lines[index]));
    }
    assert_false(source_line_take(&rest, &line));
    assert_int_equal(rest.len, 0);
    rest = SPAN("\0\n"); /* a line of a zero byte is not blank */
    assert_true(source_line_take(&rest, &line));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_registry_is_in_order_and_complete),
        cmocka_unit_test(a_wrong_name_has_a_nearest_one),
        cmocka_unit_test(lines_are_taken_without_ends_and_blank_ones),
        cmocka_unit_test(json_is_handed_on_without_a_copy),
        cmocka_unit_test(no_room_is_said),
        cmocka_unit_test(a_source_that_keeps_nothing_loads_nothing),
        cmocka_unit_test(an_audit_list_is_taken_apart),
        cmocka_unit_test(rows_of_osquery_are_events),
        cmocka_unit_test(a_result_without_rows_is_an_event),
        cmocka_unit_test(the_default_format_of_envoy_is_read),
        cmocka_unit_test(quotes_of_a_client_stay_in_the_agent),
        cmocka_unit_test(what_envoy_would_not_write_is_a_fault),
    };
    return cmocka_run_group_tests_name("source", tests, NULL, NULL);
}
