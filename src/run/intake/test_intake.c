/* The engine of a pipeline over a store in a temporary folder. Its death is played by closing and
 * opening it again, a full disk by a limit on the size of files. */
#include <signal.h>
#include <string.h>

#include <sys/mman.h>
#include <sys/resource.h>

#include "core/cleanup.h"
#include "core/clock.h"
#include "core/test_place.h"
#include "falco/falco.h"
#include "intake/intake.h"
#include "json/json.h"
#include "topic/topic.h"
#include "yaml/yaml.h"

static const char rules_text[] = "- rule: Hit\n"
                                 "  desc: begins with 7\n"
                                 "  condition: e.n startswith 7\n"
                                 "  output: \"n=%e.n\"\n"
                                 "  priority: INFO\n";

struct fixture {
    struct test_place *place;
    struct intake *intake;
    struct intake_crash crash;
    struct intake_options options;
    int image_fd;
    uint64_t lines, line_next;
    char last[256]; /* line */
};

static int image_make(void)
{
    struct falco_input input = {.name = SPAN("rules.yml"), .bytes = span_str(rules_text)};
    struct diagnostics diagnostics;
    struct rule_builder *builder;
    struct writer image;
    diagnostics_init(&diagnostics, 10);
    writer_init(&image, 1u << 24);
    MUST(rule_builder_open(&json_schema, &builder, err));
    assert_true(falco_load(&input, 1, &json_schema, builder, &diagnostics));
    MUST(rule_image_write(builder, &image, err));
    int fd = memfd_create("image", MFD_CLOEXEC);
    assert_int_equal(write(fd, image.data, image.len), (ssize_t)image.len);
    rule_builder_close(builder);
    writer_free(&image);
    diagnostics_free(&diagnostics);
    return fd;
}

static bool take_line(void *context, uint64_t offset, span line)
{
    struct fixture *fixture = context;
    assert_true(!fixture->lines || offset == fixture->line_next); /* each once, in order */
    fixture->lines++;
    fixture->line_next = offset + 1;
    snprintf(fixture->last, sizeof fixture->last, "%.*s", (int)line.len, (const char *)line.data);
    return true;
}

static void engine_start(struct fixture *fixture)
{
    fixture->options.has_lines = fixture->lines > 0;
    fixture->options.line_next = fixture->line_next;
    MUST(intake_open(&fixture->options, &fixture->intake, err));
    MUST(intake_rules(fixture->intake, fixture->image_fd, err));
}

static void engine_end(struct fixture *fixture)
{
    intake_close(fixture->intake);
    fixture->intake = NULL;
}

static int setup(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    if (!fixture || test_place_open(state))
        return -1;
    fixture->place = *state;
    fixture->image_fd = image_make();
    fixture->options = (struct intake_options){.store_fd = fixture->place->fd,
                                               .store_bytes_max = 16u << 20,
                                               .hostname = "test",
                                               .name = "app",
                                               .source = "json",
                                               .pipeline = "app",
                                               .crash = &fixture->crash,
                                               .line = take_line,
                                               .context = fixture};
    engine_start(fixture);
    *state = fixture;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;
    void *place = fixture->place;
    engine_end(fixture);
    close(fixture->image_fd);
    free(fixture);
    return test_place_close(&place);
}

static struct intake_body post(struct fixture *fixture, uint64_t number, const char *text)
{
    struct intake_body body = {.number = number, .bytes = span_str(text)};
    enum intake_next next;
    MUST(intake_turn(fixture->intake, &body, 1, &next, err));
    return body;
}

static void run(struct fixture *fixture)
{
    enum intake_next next = INTAKE_AGAIN;
    while (next == INTAKE_AGAIN)
        MUST(intake_turn(fixture->intake, NULL, 0, &next, err));
}

static void expect(const struct fixture *fixture, uint64_t in, uint64_t out, uint64_t dead)
{
    struct intake_counts counts = intake_counts(fixture->intake);
    assert_int_equal(counts.in, in);
    assert_int_equal(counts.out, out);
    assert_int_equal(counts.dead, dead);
    assert_int_equal(counts.filtered, in - out - dead);
}

static void a_body_is_stored_then_worked_on_once(void **state)
{
    struct fixture *fixture = *state;
    struct intake_body body =
        post(fixture, 1, "{\"e.n\":\"71\"}\n\n{\"e.n\":\"1\"}\r\nbroken\n{\"e.n\":\"72\"}");
    assert_int_equal(body.answer, INTAKE_STORED);
    assert_int_equal(body.records, 4);
    assert_int_equal(body.broken, 1);
    engine_end(fixture); /* before a rule has seen it */
    engine_start(fixture);
    run(fixture);
    expect(fixture, 4, 2, 1);
    assert_int_equal(fixture->lines, 2);
    assert_non_null(strstr(fixture->last, "events.app@3"));
    engine_end(fixture);
    engine_start(fixture);
    run(fixture);
    expect(fixture, 4, 2, 1);
    assert_int_equal(fixture->lines, 2);
}

static void a_new_engine_knows_what_the_gateway_was_promised(void **state)
{
    struct fixture *fixture = *state;
    uint64_t last;
    MUST(intake_gateway(fixture->intake, 5, &last, err));
    assert_int_equal(last, 0);
    post(fixture, 8, "{\"e.n\":\"7\"}");
    post(fixture, 9, "");
    engine_end(fixture);
    engine_start(fixture);
    MUST(intake_gateway(fixture->intake, 5, &last, err));
    assert_int_equal(last, 9);
    MUST(intake_gateway(fixture->intake, 6, &last, err));
    assert_int_equal(last, 0);
}

static void records_with_their_length_may_hold_newlines(void **state)
{
    struct fixture *fixture = *state;
    static const uint8_t bytes[] = "\x0c\0\0\0{\"e.n\":\n\"7\"}";
    struct intake_body body = {
        .number = 1, .is_framed = true, .bytes = span_of(bytes, sizeof bytes - 1)};
    enum intake_next next;
    MUST(intake_turn(fixture->intake, &body, 1, &next, err));
    assert_int_equal(body.answer, INTAKE_STORED);
    run(fixture);
    expect(fixture, 1, 1, 0);
}

static void files_limit(rlim_t bytes)
{
    const struct rlimit limit = {bytes, RLIM_INFINITY};
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static void a_store_that_refuses_undoes_the_turn_and_takes_it_later(void **state)
{
    struct fixture *fixture = *state;
    post(fixture, 1, "{\"e.n\":\"7\"}");
    run(fixture);
    uint64_t epoch = intake_epoch(fixture->intake);
    files_limit(4096);
    assert_int_equal(post(fixture, 2, "{\"e.n\":\"70\"}").answer, INTAKE_REFUSED);
    assert_non_null(intake_trouble(fixture->intake));
    assert_int_not_equal(intake_epoch(fixture->intake), epoch);
    files_limit(RLIM_INFINITY);
    struct intake_body body;
    for (int tries = 0; tries < 100; tries++) {
        body = post(fixture, 3, "{\"e.n\":\"70\"}");
        if (body.answer == INTAKE_STORED)
            break;
        usleep(20000);
    }
    assert_int_equal(body.answer, INTAKE_STORED);
    assert_null(intake_trouble(fixture->intake));
    run(fixture);
    expect(fixture, 2, 2, 0);
    assert_int_equal(fixture->lines, 2);
}

static void frames_are_fed_in_place_with_notes(void **state)
{
    struct fixture *fixture = *state;
    const struct intake_frame frames[] = {{SPAN("{\"e.n\":\"7\"}"), SPAN("file/a.log@0")},
                                          {SPAN("{\"e.n\":\"8\"}"), SPAN("file/a.log@10")}};
    span value;
    for (size_t index = 0; index < 2; index++)
        MUST(intake_feed(fixture->intake, &frames[index], err));
    MUST(intake_note(fixture->intake, SPAN("a.log"), SPAN("20"), err));
    run(fixture);
    expect(fixture, 2, 1, 0);
    assert_non_null(strstr(fixture->last, "file/a.log@0"));
    /* what was not committed is gone with the engine, and its note with it */
    MUST(intake_feed(fixture->intake, &frames[0], err));
    MUST(intake_note(fixture->intake, SPAN("a.log"), SPAN("30"), err));
    engine_end(fixture);
    engine_start(fixture);
    MUST(intake_noted(fixture->intake, SPAN("a.log"), &value, err));
    assert_true(span_eq(value, SPAN("20")));
    run(fixture);
    expect(fixture, 2, 1, 0);
}

static void a_record_that_ends_the_engine_three_times_is_a_dead_letter(void **state)
{
    struct fixture *fixture = *state;
    post(fixture, 1, "{\"e.n\":\"7\"}\n{\"e.n\":\"71\"}");
    for (int ends = 0; ends < 3; ends++) {
        engine_end(fixture);
        fixture->crash.is_inside = 1;
        fixture->crash.position = 1;
        engine_start(fixture);
    }
    run(fixture);
    expect(fixture, 2, 1, 1);
}

static void what_is_trimmed_unread_is_counted(void **state)
{
    struct fixture *fixture = *state;
    struct intake_body body = {.number = 1, .is_framed = true};
    enum intake_next next;
    AUTO(writer_free) struct writer bytes;
    writer_init(&bytes, 4u << 20);
    uint32_t len = 1000000, random = 1;
    for (int record = 0; record < 3; record++) { /* that does not pack */
        writer_put(&bytes, span_of(&len, sizeof len));
        for (uint32_t index = 0; index < len; index++) {
            random = random * 1664525 + 1013904223;
            writer_byte(&bytes, (uint8_t)(random >> 24));
        }
    }
    body.bytes = writer_span(&bytes);
    assert_false(bytes.is_full);
    engine_end(fixture);
    fixture->options.store_bytes_max = 16u << 20;
    engine_start(fixture);
    uint64_t refused = 0;
    for (body.number = 1; body.number <= 8; body.number++) {
        MUST(intake_turn(fixture->intake, &body, 1, &next, err));
        refused += body.answer == INTAKE_BUSY;
    }
    run(fixture);
    struct intake_counts counts = intake_counts(fixture->intake);
    assert_int_equal(counts.accepted, (8 - refused) * 3);
    assert_int_equal(counts.in + counts.dropped, counts.accepted);
    assert_int_equal(counts.lag_records, 0);
    assert_int_equal(counts.lag_bytes, 0);
}

static void a_silence_is_told_once(void **state)
{
    struct fixture *fixture = *state;
    engine_end(fixture);
    fixture->options.silence_ns = 1;
    engine_start(fixture);
    run(fixture);
    run(fixture);
    assert_int_equal(fixture->lines, 1);
    assert_non_null(strstr(fixture->last, "fell silent"));
    engine_end(fixture);
    engine_start(fixture);
    run(fixture);
    assert_int_equal(fixture->lines, 1);
    post(fixture, 1, "{\"e.n\":\"1\"}");
    run(fixture);
    run(fixture);
    assert_int_equal(fixture->lines, 2);
}

/* Until all is worked on, handed on and correlated, and the age was looked at. */
static void settle(struct fixture *fixture)
{
    for (unsigned count = 0; count < 500 && !intake_is_done(fixture->intake); count++) {
        run(fixture);
        usleep(10000);
    }
    assert_true(intake_is_done(fixture->intake));
    engine_end(fixture); /* the next one looks at once */
    engine_start(fixture);
}

static struct topic_info info_of(const struct fixture *fixture, const char *topic)
{
    const struct topic_options options = {.is_read_only = true};
    struct topic_log *log;
    struct topic_info info;
    MUST(topic_log_open(fixture->place->fd, &options, &log, err));
    MUST(topic_info_get(log, topic, &info, err));
    topic_log_close(log);
    return info;
}

static void what_is_old_goes_once_all_have_read_it(void **state)
{
    struct fixture *fixture = *state;
    fixture->options.retention_ns = 1;
    post(fixture, 1, "{\"e.n\":\"7\"}\n{\"e.n\":\"8\"}\nbroken");
    settle(fixture);
    run(fixture);
    assert_int_equal(info_of(fixture, "events.app").first, 0); /* who reads is not known */
    intake_readers(fixture->intake, 0, 0);
    run(fixture);
    assert_int_equal(info_of(fixture, "events.app").first, 3);
    assert_int_equal(info_of(fixture, "dead").first, 1);
    assert_int_equal(info_of(fixture, "signals").first, 0); /* a sink has yet to send it */
    assert_int_equal(intake_counts(fixture->intake).expired, 4);
    engine_end(fixture);
    engine_start(fixture);
    assert_int_equal(intake_counts(fixture->intake).expired, 4);
    intake_readers(fixture->intake, 1, UINT64_MAX);
    run(fixture);
    struct topic_info signals = info_of(fixture, "signals"), alerts = info_of(fixture, "alerts");
    assert_int_equal(signals.first, 1);
    assert_int_equal(signals.trimmed_records, 0);
    assert_int_equal(alerts.first, alerts.end);
    assert_int_equal(intake_counts(fixture->intake).expired, 5 + alerts.end);
    assert_int_equal(intake_counts(fixture->intake).dropped, 0);
    post(fixture, 2, "{\"e.n\":\"7\"}"); /* and it goes on */
    settle(fixture);
    expect(fixture, 4, 2, 1);
}

static void counters_are_shown(void **state)
{
    struct fixture *fixture = *state;
    AUTO(writer_free) struct writer out;
    writer_init(&out, 1u << 20);
    post(fixture, 1, "{\"e.n\":\"7\"}\n{\"e.n\":\"8\"}\nbroken");
    run(fixture);
    intake_metrics(fixture->intake, &out);
    assert_true(span_contains(writer_span(&out), SPAN("picket_in_total{pipeline=\"app\"} 3\n")));
    assert_true(span_contains(writer_span(&out), SPAN("picket_dead_total{pipeline=\"app\"} 1\n")));
    writer_reset(&out);
    intake_status(fixture->intake, &out);
    assert_true(
        span_contains(writer_span(&out), SPAN("\"in\":3,\"out\":1,\"filtered\":1,\"dead\":1")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_body_is_stored_then_worked_on_once, setup, teardown),
        cmocka_unit_test_setup_teardown(a_new_engine_knows_what_the_gateway_was_promised, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(records_with_their_length_may_hold_newlines, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_store_that_refuses_undoes_the_turn_and_takes_it_later,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(frames_are_fed_in_place_with_notes, setup, teardown),
        cmocka_unit_test_setup_teardown(a_record_that_ends_the_engine_three_times_is_a_dead_letter,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_trimmed_unread_is_counted, setup, teardown),
        cmocka_unit_test_setup_teardown(a_silence_is_told_once, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_old_goes_once_all_have_read_it, setup, teardown),
        cmocka_unit_test_setup_teardown(counters_are_shown, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
