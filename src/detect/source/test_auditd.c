#include "core/test.h"
#include "source/test_frames.h"

#define AT(serial)    "msg=audit(1364481363.243:" #serial "): "
#define LATER(serial) "msg=audit(1364481366.000:" #serial "): "
#define HEAD(serial, types)                                                                        \
    "{\"msg\":\"audit(1364481363.243:" #serial                                                     \
    ")\",\"timestamp\":\"2013-03-28T14:36:03.243000000Z\",\"serial\":" #serial ",\"type\":[" types \
    "]"

/* Lines, each a frame, and the end; a line of the text for each event. */
static void expect(const char *lines, const char *events)
{
    struct frames frames;
    span rest = span_str(lines), line;
    frames_open(&frames, "auditd");
    while (span_until(&rest, '\n', &line))
        assert_true(frames_give(&frames, line));
    assert_true(source_flush(frames.decoder, frames_put, &frames));
    writer_byte(&frames.text, 0);
    assert_string_equal((const char *)frames.text.data, events);
    frames_close(&frames);
}

static void records_of_an_event_are_joined(void **state)
{
    (void)state;
    expect(
        "type=SYSCALL " AT(7) "arch=c000003e exit=0 a0=7ff comm=\"cat\" key=(null)\n"
                              "type=EXECVE " AT(
                                  7) "argc=2 a0=\"cat\" a1=2F657463\n"
                                     "type=PATH " AT(7) "item=0 name=\"/bin/cat\"\n"
                                                        "type=PATH " AT(
                                                            7) "item=1 name=\"/lib\"\n"
                                                               "type=PROCTITLE " AT(
                                                                   7) "proctitle=636174002F657463\n"
                                                                      "type=EOE " AT(7) "\n",
        HEAD(7, "\"SYSCALL\",\"EXECVE\",\"PATH\",\"PROCTITLE\"") ",\"arch\":\"c000003e\",\"exit\":"
                                                                 "\"0\",\"a0\":[\"7ff\",\"cat\"],"
                                                                 "\"comm\":\"cat\","
                                                                 "\"key\":\"(null)\",\"argc\":"
                                                                 "\"2\",\"a1\":\"/"
                                                                 "etc\",\"item\":[\"0\",\"1\"],"
                                                                 "\"name\":[\"/bin/cat\",\"/"
                                                                 "lib\"],\"proctitle\":\"cat "
                                                                 "/etc\"}\n");
}

static void interleaved_events_come_apart(void **state)
{
    (void)state;
    expect("type=SYSCALL " AT(1) "pid=1\ntype=SYSCALL " AT(
               2) "pid=2\n"
                  "type=EOE " AT(1) "\ntype=CWD " AT(2) "cwd=\"/\"\ntype=EOE " AT(2) "\n",
           HEAD(1, "\"SYSCALL\"") ",\"pid\":\"1\"}\n" HEAD(
               2, "\"SYSCALL\",\"CWD\"") ",\"pid\":\"2\",\"cwd\":\"/\"}\n");
}

static void a_record_of_a_program_is_an_event(void **state)
{
    (void)state;
    expect("node=web type=USER_AUTH " AT(
               3) "pid=9 uid=0 msg='op=PAM:authentication acct=\"root\" "
                  "exe=\"/usr/bin/su\" res=failed'\x1dUID=\"root\" AUID=\"unset\"\n",
           "{\"node\":\"web\",\"msg\":\"audit(1364481363.243:3)\",\"timestamp\":"
           "\"2013-03-28T14:36:03.243000000Z\",\"serial\":3,\"type\":[\"USER_AUTH\"],"
           "\"pid\":\"9\",\"uid\":\"0\",\"op\":\"PAM:authentication\",\"acct\":\"root\",\"exe\":"
           "\"/usr/bin/su\",\"res\":\"failed\",\"UID\":\"root\",\"AUID\":\"unset\"}\n");
}

static void values_are_decoded_where_the_kernel_encodes(void **state)
{
    (void)state;
    expect("type=SYSCALL " AT(1) "a0=41 comm=41 key=6101620A exe=4G ses=4142\n",
           HEAD(1, "\"SYSCALL\"") ",\"a0\":\"41\",\"comm\":\"A\",\"key\":[\"a\",\"b\\n\"],"
                                  "\"exe\":\"4G\",\"ses\":\"4142\"}\n");
    expect("type=EXECVE " AT(1) "argc=2 a0=\"x\" a1_len=4 a1[0]=4142 a1[1]=\"C\" a2=\"z\"\n",
           HEAD(1, "\"EXECVE\"") ",\"argc\":\"2\",\"a0\":\"x\",\"a1_len\":\"4\",\"a1\":\"ABC\","
                                 "\"a2\":\"z\"}\n");
    expect(
        "type=SOCKADDR " AT(1) "saddr=0200\x1dSADDR={ saddr_fam=inet laddr=127.0.0.1 lport=1 }\n",
        HEAD(1, "\"SOCKADDR\"") ",\"saddr\":\"0200\",\"saddr_fam\":\"inet\",\"laddr\":"
                                "\"127.0.0.1\",\"lport\":\"1\"}\n");
    expect("type=AVC " AT(1) "avc:  denied  { read write } for  pid=1 comm=\"x\"\n",
           HEAD(1, "\"AVC\"") ",\"seresult\":\"denied\",\"seperms\":\"read write\",\"pid\":\"1\","
                              "\"comm\":\"x\"}\n");
}

static void an_event_without_an_end_goes_out_in_time(void **state)
{
    (void)state;
    struct frames frames;
    frames_open(&frames, "auditd");
    assert_true(frames_give(&frames, SPAN("type=SYSCALL " AT(1) "pid=1")));
    assert_true(frames_give(&frames, SPAN("type=SYSCALL msg=audit(1364481365.999:2): pid=2")));
    assert_int_equal(frames.events, 0);
    assert_true(frames_give(&frames, SPAN("type=SYSCALL " LATER(3) "pid=3")));
    assert_int_equal(frames.events, 1);
    assert_true(source_flush(frames.decoder, frames_put, &frames));
    assert_int_equal(frames.events, 3);
    assert_true(source_flush(frames.decoder, frames_put, &frames));
    assert_int_equal(frames.events, 3);
    frames_close(&frames);
}

static void the_oldest_goes_when_too_many_are_open(void **state)
{
    (void)state;
    struct frames frames;
    char line[128];
    frames_open(&frames, "auditd");
    for (unsigned serial = 0; serial < 100; serial++) {
        snprintf(line, sizeof line, "type=SYSCALL msg=audit(1364481363.243:%u): pid=1", serial);
        assert_true(frames_give(&frames, span_str(line)));
    }
    assert_int_equal(frames.events, 100 - 64);
    frames_close(&frames);
}

static void an_event_without_end_comes_in_parts(void **state)
{
    (void)state;
    static char line[1 << 19];
    struct frames frames;
    frames_open(&frames, "auditd");
    frames.text.size_max = 4 << 20;
    int len = snprintf(line, sizeof line, "type=PATH " AT(1) "name=\"");
    memset(line + len, 'x', sizeof line - (size_t)len);
    for (size_t count = 0; count < 5; count++)
        assert_true(frames_give(&frames, span_of(line, sizeof line)));
    assert_int_equal(frames.events, 2);
    frames_close(&frames);
}

/* Whatever of it finds no room, a frame counts as a whole or not at all. */
static void a_frame_without_room_has_not_happened(void **state)
{
    (void)state;
    static const char first[] = "type=SYSCALL " AT(1) "pid=1";
    static const char two[] =
        "type=CWD " AT(1) "cwd=\"/\"\ntype=SYSCALL " LATER(2) "pid=2\n"
                                                              "type=USER " LATER(3) "pid=3\n";
    for (size_t room = 0; room < 2; room++) {
        struct frames frames;
        struct writer before, after;
        writer_init(&before, 1 << 16);
        writer_init(&after, 1 << 16);
        frames_open(&frames, "auditd");
        assert_true(frames_give(&frames, span_str(first)));
        source_save(frames.decoder, &before);
        frames.room = room;
        assert_false(frames_give(&frames, span_str(two)));
        source_save(frames.decoder, &after);
        assert_true(span_eq(writer_span(&before), writer_span(&after)));
        frames.room = 9;
        frames.events = 0;
        assert_true(frames_give(&frames, span_str(two)));
        assert_int_equal(frames.events, 2);
        frames_close(&frames);
        writer_free(&before);
        writer_free(&after);
    }
}

static void what_is_kept_outlives_the_decoder(void **state)
{
    (void)state;
    struct err_ctx err;
    struct frames frames, later;
    struct writer kept;
    writer_init(&kept, 1 << 16);
    frames_open(&frames, "auditd");
    assert_true(frames_give(&frames, SPAN("node=a type=SYSCALL " AT(1) "pid=1")));
    assert_true(frames_give(&frames, SPAN("type=SYSCALL " AT(2) "pid=2")));
    source_save(frames.decoder, &kept);
    frames_close(&frames);
    frames_open(&later, "auditd");
    assert_int_equal(source_load(later.decoder, writer_span(&kept), &err), OK);
    assert_true(frames_give(&later, SPAN("node=a type=EOE " AT(1) "")));
    assert_int_equal(later.events, 1);
    assert_true(span_contains(writer_span(&later.text), SPAN("\"pid\":\"1\"")));
    for (size_t len = 1; len < kept.len; len++)
        if (source_load(later.decoder, span_first(writer_span(&kept), len), &err) == OK)
            assert_true(len > 20); /* the first of the two, whole */
    assert_int_equal(source_load(later.decoder, SPAN(""), &err), OK);
    assert_true(source_flush(later.decoder, frames_put, &later));
    assert_int_equal(later.events, 1);
    frames_close(&later);
    writer_free(&kept);
}

static void what_is_no_record_is_a_fault(void **state)
{
    (void)state;
    static const char *const table[] = {"x\n",
                                        "type=SYSCALL\n",
                                        "type= msg=audit(1.000:1): \n",
                                        "type=A msg=audit(1.000): \n",
                                        "type=A msg=audit(1:1): \n",
                                        "type=A msg=audit(x.0:1): \n",
                                        "node=x\n"};
    for (size_t index = 0; index < sizeof table / sizeof *table; index++)
        expect(table[index], "!0 expected type=… msg=audit(SECONDS.MILLISECONDS:SERIAL):\n");
}

static void every_beginning_is_an_event_or_a_fault(void **state)
{
    (void)state;
    frames_cut("auditd",
               SPAN("node=n type=SYSCALL " AT(1) "a=b comm=4142 key=\"k\"\x1d"
                                                 "A=\"b\""),
               true);
    frames_cut("auditd",
               SPAN("type=EXECVE " AT(1) "a0=\"x\" a1[0]=41 a1[1]=42\ntype=USER " AT(
                   2) "msg='a=\"b\" c={ d=e }'\ntype=EOE " AT(1) "\n"),
               true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(records_of_an_event_are_joined),
        cmocka_unit_test(interleaved_events_come_apart),
        cmocka_unit_test(a_record_of_a_program_is_an_event),
        cmocka_unit_test(values_are_decoded_where_the_kernel_encodes),
        cmocka_unit_test(an_event_without_an_end_goes_out_in_time),
        cmocka_unit_test(the_oldest_goes_when_too_many_are_open),
        cmocka_unit_test(an_event_without_end_comes_in_parts),
        cmocka_unit_test(a_frame_without_room_has_not_happened),
        cmocka_unit_test(what_is_kept_outlives_the_decoder),
        cmocka_unit_test(what_is_no_record_is_a_fault),
        cmocka_unit_test(every_beginning_is_an_event_or_a_fault),
    };
    return cmocka_run_group_tests_name("source_auditd", tests, NULL, NULL);
}
