/* Sources whose frames hold many events: Zipkin, OTLP, CloudTrail, the journal. */
#include "core/test.h"
#include "source/test_frames.h"

#define TRACES(spans)                                                                              \
    "{\"resourceSpans\":[{\"resource\":{\"attributes\":[{\"key\":\"service.name\",\"value\":{"     \
    "\"stringValue\":\"shop\"}}]},\"scopeSpans\":[{\"scope\":{\"name\":\"http\"},\"spans\":"       \
    "[" spans "]}]}]}"
#define SHOP                                                                                       \
    "{\"resource\":{\"attributes\":{\"service.name\":\"shop\"}},\"scope\":{\"name\":\"http\"}"

/* ---- zipkin ---- */

static void spans_of_an_array_are_events(void **state)
{
    (void)state;
    frames_expect("zipkin", SPAN(" [{\"id\":\"a\"}, {\"id\":\"b\"}]\n"),
                  "{\"id\":\"a\"}\n{\"id\":\"b\"}\n");
    frames_expect("zipkin", SPAN("[]"), "");
    frames_expect("zipkin", SPAN("\n[{\"id\":\"a\"}]\n[{\"id\":\"b\"}]{\"id\":\"c\"}"),
                  "{\"id\":\"a\"}\n{\"id\":\"b\"}\n{\"id\":\"c\"}\n");
}

static void an_array_that_breaks_off_has_the_events_before(void **state)
{
    (void)state;
    frames_expect("zipkin", SPAN("[{\"id\":\"a\"}, {\"id\":"),
                  "{\"id\":\"a\"}\n!0 expected ',' or ']' behind a whole value\n");
    frames_expect("zipkin", SPAN("[{}] x"), "{}\n!0 expected an array of spans, or a span\n");
    frames_expect("zipkin", SPAN("x"), "!0 expected an array of spans, or a span\n");
}

static void a_list_in_protobuf_is_read(void **state)
{
    (void)state;
    frames_expect("zipkin",
                  SPAN("\x0a\x1e\x0a\x02\x0f\xa0\x20\x02\x2a\x03get\x42\x0c\x0a\x04shop\x12\x04\x7f"
                       "\0\0\x01\x5a\x03\x0a\x01k\x0a\x02\x38\x07"),
                  "{\"traceId\":\"0fa0\",\"kind\":\"SERVER\",\"name\":\"get\",\"localEndpoint\":{"
                  "\"serviceName\":\"shop\",\"ipv4\":\"127.0.0.1\"},\"tags\":{\"k\":\"\"}}\n"
                  "{\"duration\":7}\n");
    frames_expect("zipkin", SPAN("\x0a\x02\x0a\x05"),
                  "!1 protobuf: a length goes beyond the end\n");
}

/* ---- OTLP ---- */

static void a_span_carries_its_resource_and_scope(void **state)
{
    (void)state;
    frames_expect(
        "otlp-traces",
        SPAN(
            TRACES("{\"name\":\"a\",\"attributes\":[{\"key\":\"n\",\"value\":{\"intValue\":\"7\"}},"
                   "{\"key\":\"l\",\"value\":{\"arrayValue\":{\"values\":[{\"boolValue\":true}]}}},"
                   "{\"key\":\"m\",\"value\":{\"kvlistValue\":{\"values\":[{\"key\":\"x\"}]}}},"
                   "{\"key\":\"e\",\"value\":{}}],\"events\":[{\"name\":\"x\",\"attributes\":[]}]},"
                   "{\"name\":\"b\"}")),
        SHOP ",\"name\":\"a\",\"attributes\":{\"n\":7,\"l\":[true],\"m\":{\"x\":null},\"e\":null},"
             "\"events\":[{\"name\":\"x\",\"attributes\":{}}]}\n" SHOP ",\"name\":\"b\"}\n");
}

static void integers_that_are_none_stay_texts(void **state)
{
    (void)state;
    frames_expect("otlp-traces",
                  SPAN(TRACES("{\"attributes\":[{\"key\":\"n\",\"value\":{\"intValue\":\"07\"}},"
                              "{\"key\":\"m\",\"value\":{\"intValue\":\"-1\"}},{\"key\":\"o\","
                              "\"value\":{\"intValue\":\"x\"}}]}")),
                  SHOP ",\"attributes\":{\"n\":\"07\",\"m\":-1,\"o\":\"x\"}}\n");
}

static void a_log_record_has_its_body_as_a_value(void **state)
{
    (void)state;
    frames_expect("otlp-logs",
                  SPAN("{\"resourceLogs\":[{\"schemaUrl\":\"u\",\"scopeLogs\":[{\"logRecords\":[{"
                       "\"severityNumber\":9,\"body\":{\"stringValue\":\"hi\"}}]}]}]}\n"
                       "{\"resourceLogs\":[]}"),
                  "{\"resource\":{\"schemaUrl\":\"u\"},\"severityNumber\":9,\"body\":\"hi\"}\n");
}

static void both_forms_give_the_same_event(void **state)
{
    (void)state;
    static const char event[] =
        "{\"resource\":{\"attributes\":{\"a\":1}},\"scope\":{\"name\":\"s\"},\"traceId\":\"0fa0\","
        "\"name\":\"n\",\"kind\":2,\"startTimeUnixNano\":\"1\",\"attributes\":{\"k\":\"v\"}}\n";
    frames_expect(
        "otlp-traces",
        SPAN("{\"resourceSpans\":[{\"resource\":{\"attributes\":[{\"key\":\"a\",\"value\":{"
             "\"intValue\":1}}]},\"scopeSpans\":[{\"scope\":{\"name\":\"s\"},\"spans\":[{"
             "\"traceId\":\"0fa0\",\"name\":\"n\",\"kind\":2,\"startTimeUnixNano\":\"1\","
             "\"attributes\":[{\"key\":\"k\",\"value\":{\"stringValue\":\"v\"}}]}]}]}]}"),
        event);
    frames_expect("otlp-traces",
                  SPAN("\x0a\x30\x0a\x09\x0a\x07\x0a\x01"
                       "a\x12\x02\x18\x01\x12\x23\x0a\x03\x0a\x01s\x12\x1c\x0a\x02\x0f\xa0\x2a\x01n"
                       "\x30\x02\x39\x01\0\0\0\0\0\0\0\x4a\x08\x0a\x01k\x12\x03\x0a\x02v"),
                  "!26 protobuf: a length goes beyond the end\n");
    frames_expect("otlp-traces",
                  SPAN("\x0a\x30\x0a\x09\x0a\x07\x0a\x01"
                       "a\x12\x02\x18\x01\x12\x23\x0a\x03\x0a\x01s\x12\x1c\x0a\x02\x0f\xa0\x2a\x01n"
                       "\x30\x02\x39\x01\0\0\0\0\0\0\0\x4a\x08\x0a\x01k\x12\x03\x0a\x01v"),
                  event);
}

static void what_is_no_request_is_a_fault(void **state)
{
    (void)state;
    static const char wanted[] = "!0 expected an object with resourceSpans, or resourceLogs\n";
    frames_expect("otlp-traces", SPAN("{}"), "");
    frames_expect("otlp-traces", SPAN("{\"a\":1}"), wanted);
    frames_expect("otlp-traces", SPAN("[1]"), wanted);
    frames_expect("otlp-traces", SPAN("{\"resourceSpans\":[{]}"),
                  "!19 expected a key in double quotes\n");
    frames_expect("otlp-traces", SPAN(TRACES("{\"attributes\":[1]}")),
                  "!0 expected a record with attributes as a list of key and value, not over 32 "
                  "deep\n");
    frames_expect("otlp-traces", SPAN("\x0a\x03\x12\x05x"),
                  "!1 protobuf: a length goes beyond the end\n");
}

static void values_do_not_nest_without_end(void **state)
{
    (void)state;
    struct writer text;
    struct frames frames;
    writer_init(&text, 1 << 16);
    writer_text(&text, "{\"resourceSpans\":[{\"scopeSpans\":[{\"spans\":[{\"attributes\":[{\"key\":"
                       "\"k\",\"value\":");
    for (size_t depth = 0; depth < 40; depth++)
        writer_text(&text, "{\"arrayValue\":{\"values\":[");
    for (size_t depth = 0; depth < 40; depth++)
        writer_text(&text, "]}}");
    writer_text(&text, "}]}]}]}]}");
    frames_open(&frames, "otlp-traces");
    assert_true(frames_give(&frames, writer_span(&text)));
    assert_int_equal(frames.faults, 1);
    assert_int_equal(frames.events, 0);
    frames_close(&frames);
    writer_free(&text);
}

/* A small body with a large resource and many records must not fill the machine. */
static bool count_put(void *context, const struct source_event *event)
{
    size_t *counts = context;
    counts[event->fault != NULL]++;
    return true;
}

static void what_a_frame_comes_to_is_limited(void **state)
{
    (void)state;
    struct err_ctx err;
    struct source_decoder *decoder;
    struct writer text;
    size_t counts[2] = {0};
    writer_init(&text, 4 << 20);
    writer_text(&text, "{\"resourceSpans\":[{\"resource\":{\"a\":\"");
    for (size_t count = 0; count < 1 << 20; count++)
        writer_byte(&text, 'x');
    writer_text(&text, "\"},\"scopeSpans\":[{\"spans\":[{}");
    for (size_t count = 0; count < 100000; count++)
        writer_text(&text, ",{}");
    writer_text(&text, "]}]}]}");
    const struct source_frame frame = {.bytes = writer_span(&text)};
    assert_int_equal(source_decoder_open(source_find(SPAN("otlp-traces")), &decoder, &err), OK);
    assert_true(source_decode(decoder, &frame, count_put, counts));
    assert_int_equal(counts[1], 1);
    assert_true(counts[0] > 200 && counts[0] < 300);
    source_decoder_close(decoder);
    writer_free(&text);
}

/* ---- CloudTrail ---- */

#define RECORD "{\"eventName\":\"DeleteTrail\"}"
#define PACKED /* the same by gzip and base64 */                                                   \
    "H4sIAAAAAAACA6tWCkpNzi9KKVayiq5WSi1LzSvxS8xNVbJScknNSS1JDSlKzMxRqo2tBQA69j6e"                 \
    "KQAAAA=="
#define PACKED_LOG /* of CloudWatch Logs */                                                        \
    "H4sIAAAAAAACAzWMsQrDIABE/+Vml6xuQqRTsugWSxByBEHbECVQxH+vGbK+e/cqEnP2O+3vICRG"                 \
    "ZdU6aWPUS0Mgfnd98VMy5FIRtm4MHZfQX8WnA3IQT6Fv1YG3PvtEB+kwMrLQnj5Eh4b2bn+dk8Zd"                 \
    "cQAAAA=="
#define ESCAPED "{\\\"Records\\\":[{\\\"eventName\\\":\\\"DeleteTrail\\\"}]}"

static void records_are_found_in_what_carries_them(void **state)
{
    (void)state;
    static const char *const table[] = {
        "{\"Records\":[" RECORD "]}",
        RECORD,
        "{\"Type\":\"Notification\",\"Message\":\"" ESCAPED "\"}",
        "{\"Messages\":[{\"MessageId\":\"1\",\"Body\":\"" ESCAPED "\"}]}",
        "{\"Records\":[{\"messageId\":\"1\",\"body\":\"" ESCAPED
        "\",\"eventSource\":\"aws:sqs\"}]}",
        "{\"Records\":[{\"EventSource\":\"aws:sns\",\"Sns\":{\"Message\":\"" ESCAPED "\"}}]}",
        "{\"detail-type\":\"AWS API Call via CloudTrail\",\"detail\":" RECORD "}",
        "{\"Type\":\"Notification\",\"Message\":\"" PACKED "\"}",
        "{\"Records\":[{\"messageId\":\"1\",\"body\":\"" PACKED "\"}]}",
        "{\"awslogs\":{\"data\":\"" PACKED_LOG "\"}}",
        "{\"Events\":[{\"EventName\":\"n\",\"CloudTrailEvent\":\"" ESCAPED
        "\"}],\"NextToken\":\"t\"}",
    };
    for (size_t index = 0; index < sizeof table / sizeof *table; index++)
        frames_expect("cloudtrail", span_str(table[index]), RECORD "\n");
    frames_expect("cloudtrail", SPAN("{\"Records\":[" RECORD "," RECORD "]}\n" RECORD),
                  RECORD "\n" RECORD "\n" RECORD "\n");
}

static void what_carries_nothing_is_an_event(void **state)
{
    (void)state;
    static const char *const table[] = {
        "{\"Type\":\"Notification\",\"Message\":\"hello\"}",
        "{\"Type\":\"SubscriptionConfirmation\",\"Token\":\"t\"}",
        "{\"eventSource\":\"s3.amazonaws.com\",\"eventName\":\"PutObject\"}",
        "{\"Type\":\"Notification\",\"Message\":\"H4\"}",
    };
    for (size_t index = 0; index < sizeof table / sizeof *table; index++) {
        char line[256];
        snprintf(line, sizeof line, "%s\n", table[index]);
        frames_expect("cloudtrail", span_str(table[index]), line);
    }
}

static void what_tells_of_records_elsewhere_is_a_fault(void **state)
{
    (void)state;
    static const char file[] = "!0 a notification of a file in S3 carries no records: the file is "
                               "to be fetched and sent\n";
    static const char broken[] = "!0 a text of base64 and gzip that is broken, or too large "
                                 "unpacked (16 MiB)\n";
    static const struct {
        const char *text, *expected;
    } table[] = {
        {"{\"Records\":[{\"eventSource\":\"aws:s3\",\"s3\":{\"object\":{\"key\":\"k\"}}}]}", file},
        {"{\"Type\":\"Notification\",\"Message\":\"{\\\"s3Bucket\\\":\\\"b\\\",\\\"s3ObjectKey\\\":"
         "[\\\"k\\\"]}\"}",
         file},
        {"{\"detail-type\":\"Object Created\",\"source\":\"aws.s3\",\"detail\":{\"bucket\":{}}}",
         file},
        {"{\"Service\":\"Amazon S3\",\"Event\":\"s3:TestEvent\"}",
         "!0 a test notification of S3 carries no records\n"},
        {"{\"Type\":\"SubscriptionConfirmation\",\"Message\":\"You have\",\"SubscribeURL\":\"u\"}",
         "!0 SNS asks to confirm a subscription: its SubscribeURL is to be visited\n"},
        {"{\"Message\":\"H4sIAAAAAAAA\"}", broken},
        {"{\"Message\":\"H4sI!\"}", broken},
        {"{\"Message\":\"H4sIA\"}", broken},
    };
    for (size_t index = 0; index < sizeof table / sizeof *table; index++)
        frames_expect("cloudtrail", span_str(table[index].text), table[index].expected);
}

static void a_file_that_breaks_off_has_the_records_before(void **state)
{
    (void)state;
    frames_expect("cloudtrail", SPAN("{\"Records\":[" RECORD ",{\"event"),
                  RECORD "\n!0 expected ',' or ']' behind a whole record\n");
    frames_expect("cloudtrail", SPAN("[1]"), "!0 expected a whole JSON object\n");
}

static void texts_do_not_nest_without_end(void **state)
{
    (void)state;
    struct writer text, next;
    struct frames frames;
    writer_init(&text, 1 << 20);
    writer_init(&next, 1 << 20);
    writer_text(&text, RECORD);
    for (size_t depth = 0; depth < 6; depth++) {
        writer_reset(&next);
        writer_text(&next, "{\"Message\":");
        writer_json_string(&next, writer_span(&text));
        writer_text(&next, "}");
        writer_reset(&text);
        writer_put(&text, writer_span(&next));
    }
    frames_open(&frames, "cloudtrail");
    assert_true(frames_give(&frames, writer_span(&text)));
    assert_int_equal(frames.faults, 1);
    assert_int_equal(frames.events, 0);
    frames_close(&frames);
    writer_free(&text);
    writer_free(&next);
}

/* ---- the journal ---- */

static void entries_are_read_with_binary_fields(void **state)
{
    (void)state;
    frames_expect("journald",
                  SPAN("_PID=1\nMESSAGE\n\x05\0\0\0\0\0\0\0a\n\n\xff"
                       "b\nX=\nX=2\n\n\n_PID=2\n"),
                  "{\"_PID\":\"1\",\"MESSAGE\":\"a\\n\\n\\\\xffb\",\"X\":[\"\",\"2\"]}\n"
                  "{\"_PID\":\"2\"}\n");
}

static void lists_of_bytes_are_text(void **state)
{
    (void)state;
    frames_expect(
        "journald",
        SPAN("{\"MESSAGE\":[104,105],\"X\":[\"a\",[98]],\"Y\":[],\"Z\":[300]}\n"
             "{\"_PID\":\"2\"}\n"),
        "{\"MESSAGE\":\"hi\",\"X\":[\"a\",\"b\"],\"Y\":[],\"Z\":[300]}\n{\"_PID\":\"2\"}\n");
}

static void an_entry_that_breaks_off_is_a_fault(void **state)
{
    (void)state;
    frames_expect("journald", SPAN("A=1\n\nMESSAGE\n\xff\0\0\0\0\0\0\0a\n"),
                  "{\"A\":\"1\"}\n!16 a binary field is not whole\n");
    frames_expect("journald", SPAN("=x\n"), "!3 expected a field NAME=VALUE\n");
    frames_expect("journald", SPAN("{\"A\":[1}"), "!0 expected a whole JSON object\n");
}

static void every_beginning_is_events_or_a_fault(void **state)
{
    (void)state;
    frames_cut("zipkin", SPAN("[{\"id\":\"a\",\"tags\":{\"x\":\"]\"}},{}]"), false);
    frames_cut(
        "zipkin",
        SPAN("\x0a\x1e\x0a\x02\x0f\xa0\x20\x02\x2a\x03get\x42\x0c\x0a\x04shop\x12\x04\x7f\0\0"
             "\x01\x5a\x03\x0a\x01k\x0a\x02\x38\x07"),
        true);
    frames_cut("otlp-traces",
               SPAN(TRACES("{\"attributes\":[{\"key\":\"n\",\"value\":{\"intValue\":\"7\"}}]}")),
               true);
    frames_cut(
        "otlp-traces",
        SPAN("\x0a\x30\x0a\x09\x0a\x07\x0a\x01"
             "a\x12\x02\x18\x01\x12\x23\x0a\x03\x0a\x01s\x12\x1c\x0a\x02\x0f\xa0\x2a\x01n\x30"
             "\x02\x39\x01\0\0\0\0\0\0\0\x4a\x08\x0a\x01k\x12\x03\x0a\x01v"),
        true);
    frames_cut("cloudtrail", SPAN("{\"Records\":[{\"Sns\":{\"Message\":\"" ESCAPED "\"}}]}"),
               false);
    frames_cut("journald", SPAN("A=1\nB\n\x02\0\0\0\0\0\0\0xy\n\nC=1\n"), false);
    frames_cut("journald", SPAN("{\"A\":[104],\"B\":\"\\u00e9\"}{\"C\":1}"), true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(spans_of_an_array_are_events),
        cmocka_unit_test(an_array_that_breaks_off_has_the_events_before),
        cmocka_unit_test(a_list_in_protobuf_is_read),
        cmocka_unit_test(a_span_carries_its_resource_and_scope),
        cmocka_unit_test(integers_that_are_none_stay_texts),
        cmocka_unit_test(a_log_record_has_its_body_as_a_value),
        cmocka_unit_test(both_forms_give_the_same_event),
        cmocka_unit_test(what_is_no_request_is_a_fault),
        cmocka_unit_test(values_do_not_nest_without_end),
        cmocka_unit_test(what_a_frame_comes_to_is_limited),
        cmocka_unit_test(records_are_found_in_what_carries_them),
        cmocka_unit_test(what_carries_nothing_is_an_event),
        cmocka_unit_test(what_tells_of_records_elsewhere_is_a_fault),
        cmocka_unit_test(a_file_that_breaks_off_has_the_records_before),
        cmocka_unit_test(texts_do_not_nest_without_end),
        cmocka_unit_test(entries_are_read_with_binary_fields),
        cmocka_unit_test(lists_of_bytes_are_text),
        cmocka_unit_test(an_entry_that_breaks_off_is_a_fault),
        cmocka_unit_test(every_beginning_is_events_or_a_fault),
    };
    return cmocka_run_group_tests_name("source_documents", tests, NULL, NULL);
}
