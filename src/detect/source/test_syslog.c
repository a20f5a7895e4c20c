#include "core/test.h"
#include "source/test_frames.h"

#define NEW "<165>1 2003-10-11T22:14:15.003Z host.example.com evntslog - ID47 "

static void expect(const char *message, const char *event)
{
    frames_expect("syslog", span_str(message), event);
}

static void the_new_form_has_every_part(void **state)
{
    (void)state;
    expect(NEW "[exampleSDID@32473 iut=\"3\" eventSource=\"App\"][x] \xef\xbb\xbfwhat\thappened",
           "{\"facility\":20,\"severity\":5,\"version\":1,\"timestamp\":\"2003-10-11T22:14:15."
           "003Z\",\"hostname\":\"host.example.com\",\"app-name\":\"evntslog\",\"msgid\":\"ID47\","
           "\"structured-data\":{\"exampleSDID@32473\":{\"iut\":\"3\",\"eventSource\":\"App\"},"
           "\"x\":{}},\"msg\":\"what\\thappened\"}\n");
    expect("<0>1 - - - - - -", "{\"facility\":0,\"severity\":0,\"version\":1,\"msg\":\"\"}\n");
}

static void values_of_structured_data_are_unescaped(void **state)
{
    (void)state;
    expect("<1>1 - - - - - [a b=\"\\\"\\\\\\]\\n\" c=\"1\" b=\"2\"] m",
           "{\"facility\":0,\"severity\":1,\"version\":1,\"structured-data\":{\"a\":{\"b\":"
           "[\"\\\"\\\\]\\\\n\",\"2\"],\"c\":\"1\"}},\"msg\":\"m\"}\n");
}

static void the_old_form_is_read(void **state)
{
    (void)state;
    expect("<34>Oct 11 22:14:15 mymachine su[230]: 'su root' failed on /dev/pts/8",
           "{\"facility\":4,\"severity\":2,\"timestamp\":\"Oct 11 22:14:15\",\"hostname\":"
           "\"mymachine\",\"app-name\":\"su\",\"procid\":\"230\",\"msg\":\"'su root' failed on "
           "/dev/pts/8\"}\n");
    expect("<13>Feb  5 17:32:18 10.0.0.99 Use the BFG!",
           "{\"facility\":1,\"severity\":5,\"timestamp\":\"Feb  5 17:32:18\",\"hostname\":"
           "\"10.0.0.99\",\"msg\":\"Use the BFG!\"}\n");
}

static void lines_of_files_and_of_local_programs_are_read(void **state)
{
    (void)state;
    expect("Nov 21 10:00:00 host sshd[7]: Accepted publickey",
           "{\"timestamp\":\"Nov 21 10:00:00\",\"hostname\":\"host\",\"app-name\":\"sshd\","
           "\"procid\":\"7\",\"msg\":\"Accepted publickey\"}\n");
    expect("2026-11-21T10:00:00.123456+00:00 host kernel: [ 1.2] usb",
           "{\"timestamp\":\"2026-11-21T10:00:00.123456+00:00\",\"hostname\":\"host\","
           "\"app-name\":\"kernel\",\"msg\":\"[ 1.2] usb\"}\n");
    expect("<13>Nov 21 10:00:00 app[9]: no host",
           "{\"facility\":1,\"severity\":5,\"timestamp\":\"Nov 21 10:00:00\",\"app-name\":\"app\","
           "\"procid\":\"9\",\"msg\":\"no host\"}\n");
}

static void what_has_no_form_is_text(void **state)
{
    (void)state;
    expect("Use the BFG!", "{\"msg\":\"Use the BFG!\"}\n");
    expect("<191>", "{\"facility\":23,\"severity\":7,\"msg\":\"\"}\n");
    expect("<5>a\xff\x01", "{\"facility\":0,\"severity\":5,\"msg\":\"a\\\\xff\\u0001\"}\n");
}

static void what_is_wrong_is_said_with_its_place(void **state)
{
    (void)state;
    static const struct {
        const char *message, *fault;
    } table[] = {
        {"", "!0 the message is empty\n"},
        {"<192>x", "!0 the priority is over 191\n"},
        {"<>x", "!0 expected a priority of 1 to 3 digits and '>' after '<'\n"},
        {"<1x>", "!0 expected a priority of 1 to 3 digits and '>' after '<'\n"},
        {"<1>1 - - - -", "!11 expected timestamp, hostname, app-name, procid and msgid, each "
                         "followed by a space\n"},
        {"<1>1 - - - - - x", "!15 expected structured data: '-' or '['\n"},
        {"<1>1 - - - - - [", "!16 structured data: expected an id after '['\n"},
        {"<1>1 - - - - - [a b]", "!19 structured data: expected =\" after a parameter's name\n"},
        {"<1>1 - - - - - [a b=\"c\\\"]", "!21 structured data: a value does not end\n"},
        {"<1>1 - - - - - [a b=\"c\"x", "!23 structured data: expected ' ' or ']'\n"},
        {"<1>1 - - - - - -x", "!16 expected a space before the message\n"},
    };
    for (size_t index = 0; index < sizeof table / sizeof *table; index++)
        expect(table[index].message, table[index].fault);
}

static void a_message_over_the_limit_is_refused(void **state)
{
    (void)state;
    static char text[SYSLOG_BYTES_MAX + 2];
    struct frames frames;
    memset(text, 'a', sizeof text - 1);
    frames_open(&frames, "syslog");
    assert_true(frames_give(&frames, span_of(text, SYSLOG_BYTES_MAX)));
    assert_int_equal(frames.events, 1);
    assert_true(frames_give(&frames, span_of(text, SYSLOG_BYTES_MAX + 1)));
    assert_int_equal(frames.faults, 1);
    frames_close(&frames);
}

static void too_many_parameters_are_refused(void **state)
{
    (void)state;
    struct writer text;
    writer_init(&text, 1 << 16);
    writer_text(&text, "<1>1 - - - - - [a");
    for (size_t count = 0; count < 257; count++)
        writer_format(&text, " p%zu=\"\"", count);
    writer_text(&text, "]");
    struct frames frames;
    frames_open(&frames, "syslog");
    assert_true(frames_give(&frames, writer_span(&text)));
    assert_int_equal(frames.faults, 1);
    frames_close(&frames);
    writer_free(&text);
}

static void every_beginning_is_an_event_or_a_fault(void **state)
{
    (void)state;
    frames_cut("syslog", SPAN(NEW "[a@1 b=\"\\\"c\" b=\"2\"][d] text"), true);
    frames_cut("syslog", SPAN("<34>Oct 11 22:14:15 host su[230]: text"), true);
}

static void messages_are_taken_from_a_stream(void **state)
{
    (void)state;
    span message;
    span stream = SPAN("5 <1>ab\n<2>cd\r\n3 xyz4 a");
    assert_int_equal(syslog_frame(&stream, &message), SYSLOG_WHOLE);
    assert_true(span_eq(message, SPAN("<1>ab")));
    assert_int_equal(syslog_frame(&stream, &message), SYSLOG_WHOLE);
    assert_true(span_eq(message, SPAN("<2>cd")));
    assert_int_equal(syslog_frame(&stream, &message), SYSLOG_WHOLE);
    assert_true(span_eq(message, SPAN("xyz")));
    assert_int_equal(syslog_frame(&stream, &message), SYSLOG_MORE);
    assert_true(span_eq(stream, SPAN("4 a")));
    stream = SPAN("<1>no newline yet");
    assert_int_equal(syslog_frame(&stream, &message), SYSLOG_MORE);
    stream = SPAN("12");
    assert_int_equal(syslog_frame(&stream, &message), SYSLOG_MORE);
    stream = SPAN("\n");
    assert_int_equal(syslog_frame(&stream, &message), SYSLOG_MORE);
}

static void a_stream_without_an_end_is_bad(void **state)
{
    (void)state;
    static char text[SYSLOG_BYTES_MAX + 2];
    span message, stream = SPAN("65537 x");
    assert_int_equal(syslog_frame(&stream, &message), SYSLOG_BAD);
    stream = SPAN("123456");
    assert_int_equal(syslog_frame(&stream, &message), SYSLOG_BAD);
    stream = SPAN("12x");
    assert_int_equal(syslog_frame(&stream, &message), SYSLOG_BAD);
    memset(text, 'a', sizeof text);
    stream = span_of(text, sizeof text);
    assert_int_equal(syslog_frame(&stream, &message), SYSLOG_BAD);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_new_form_has_every_part),
        cmocka_unit_test(values_of_structured_data_are_unescaped),
        cmocka_unit_test(the_old_form_is_read),
        cmocka_unit_test(lines_of_files_and_of_local_programs_are_read),
        cmocka_unit_test(what_has_no_form_is_text),
        cmocka_unit_test(what_is_wrong_is_said_with_its_place),
        cmocka_unit_test(a_message_over_the_limit_is_refused),
        cmocka_unit_test(too_many_parameters_are_refused),
        cmocka_unit_test(every_beginning_is_an_event_or_a_fault),
        cmocka_unit_test(messages_are_taken_from_a_stream),
        cmocka_unit_test(a_stream_without_an_end_is_bad),
    };
    return cmocka_run_group_tests_name("source_syslog", tests, NULL, NULL);
}
