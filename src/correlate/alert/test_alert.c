#include <jansson.h>
#include <poll.h>
#include <signal.h>

#include <sys/wait.h>

#include "alert/test_stage.h"
#include "alert/version.h"

static void check_alert(struct topic_log *log, uint64_t offset, uint64_t count, uint64_t version,
                        bool is_final)
{
    json_t *json = alert_at(log, offset);
    assert_int_equal(json_integer_value(json_object_get(json, "count")), count);
    assert_int_equal(json_integer_value(json_object_get(json, "version")), version);
    assert_int_equal(json_is_true(json_object_get(json, "final")), is_final);
    json_decref(json);
}

static void a_flood_makes_one_alert_in_few_versions(void **state)
{
    struct topic_log *log = log_open(*state);
    struct alert_stage *stage = stage_open(log, 0, 0);
    assert_int_equal(step(stage, 0), 0);
    MUST(topic_begin(log, err));
    for (unsigned number = 0; number < 100; number++)
        signal_append(log, 1, 1, 1000 * SECOND + number);
    signal_append(log, 2, 1, 1000 * SECOND);
    signal_append(log, 1, 2, 1000 * SECOND);
    MUST(topic_commit(log, err));
    assert_int_equal(step(stage, 1001 * SECOND), 102);
    assert_int_equal(step(stage, 1001 * SECOND), 0);
    /* 1, 2, 4, … 64 of the first, one each of the others */
    assert_int_equal(topic_end(log, ALERT_TOPIC), 9);
    check_alert(log, 6, 64, 7, false);
    check_alert(log, 7, 1, 1, false);
    assert_int_equal(step(stage, 1000 * SECOND + WINDOW), 0); /* the window ends */
    assert_int_equal(topic_end(log, ALERT_TOPIC), 10);
    check_alert(log, 9, 100, 8, true);
    struct alert_counters counters = counters_get(log);
    assert_int_equal(counters.in, 102);
    assert_int_equal(counters.out, 3);
    assert_int_equal(counters.deduplicated, 99);
    assert_int_equal(counters.versions, 10);
    json_t *json = alert_at(log, 9);
    assert_string_equal(json_string_value(json_object_get(json, "first_seen")),
                        "1970-01-01T00:16:40.000000000Z");
    assert_string_equal(json_string_value(json_object_get(json, "last_seen")),
                        "1970-01-01T00:16:40.000000099Z");
    assert_string_equal(json_string_value(json_object_get(json, "rule")), "rule 1");
    assert_string_equal(json_string_value(json_object_get(json, "priority")), "Error");
    json_decref(json);
    alert_stage_close(stage);
    topic_log_close(log);
}

static void a_new_window_makes_a_new_alert(void **state)
{
    struct topic_log *log = log_open(*state);
    struct alert_stage *stage = stage_open(log, 0, 0);
    MUST(topic_begin(log, err));
    signal_append(log, 1, 1, 1000 * SECOND);
    signal_append(log, 1, 1, 1000 * SECOND + WINDOW - 1);
    signal_append(log, 1, 1, 1001 * SECOND);
    signal_append(log, 1, 1, 1000 * SECOND + WINDOW);
    signal_append(log, 1, 1, 999 * SECOND); /* late ones count too */
    MUST(topic_commit(log, err));
    assert_int_equal(step(stage, 0), 5);
    struct alert_counters counters = counters_get(log);
    assert_int_equal(counters.out, 2);
    assert_int_equal(counters.deduplicated, 3);
    check_alert(log, 2, 3, 3, true);
    check_alert(log, 3, 1, 1, false);
    check_alert(log, 4, 2, 2, false);
    alert_stage_close(stage);
    topic_log_close(log);
}

static void what_is_no_signal_is_dead_with_its_offset(void **state)
{
    static const char *const dead_table[] = {
        "",
        "[]",
        "{",
        "{}",
        "{\"rule\":\"r\",\"entity\":\"e\",\"id\":\"short\",\"time\":\"1970-01-01T00:00:00Z\"}",
        "{\"rule\":\"r\",\"entity\":\"e\",\"id\":\"00000000000000000000000000000000\"}",
        "{\"rule\":\"r\",\"entity\":\"\",\"id\":\"00000000000000000000000000000000\","
        "\"time\":\"1970-01-01T00:00:00Z\"}",
        "{\"rule\":1,\"entity\":\"e\",\"id\":\"00000000000000000000000000000000\","
        "\"time\":\"1970-01-01T00:00:00Z\"}",
    };
    struct topic_log *log = log_open(*state);
    struct alert_stage *stage = stage_open(log, 0, 3);
    MUST(topic_begin(log, err));
    for (size_t index = 0; index < 8; index++)
        record_append(log, dead_table[index]);
    signal_append(log, 1, 1, SECOND);
    MUST(topic_commit(log, err));
    while (step(stage, 0)) {
    }
    struct alert_counters counters = counters_get(log);
    assert_int_equal(counters.dead, 8);
    assert_int_equal(counters.out, 1);
    assert_int_equal(topic_end(log, ALERT_TOPIC_DEAD), 8);
    alert_stage_close(stage);
    topic_log_close(log);
}

static void a_shadow_signal_raises_no_alert(void **state)
{
    struct topic_log *log = log_open(*state);
    struct alert_stage *stage = stage_open(log, 0, 3);
    MUST(topic_begin(log, err));
    record_append(log, "{\"stage\":\"shadow\",\"rule\":\"r\",\"entity\":\"e\",\"id\":"
                       "\"00000000000000000000000000000000\",\"time\":\"1970-01-01T00:00:00Z\"}");
    signal_append(log, 1, 1, SECOND);
    MUST(topic_commit(log, err));
    while (step(stage, 0)) {
    }
    struct alert_counters counters = counters_get(log);
    assert_int_equal(counters.in, 2);
    assert_int_equal(counters.shadow, 1);
    assert_int_equal(counters.out, 1);
    assert_int_equal(topic_end(log, ALERT_TOPIC), 1);
    alert_stage_close(stage);
    topic_log_close(log);
}

static void the_oldest_is_closed_early_at_the_cap(void **state)
{
    struct topic_log *log = log_open(*state);
    struct alert_stage *stage = stage_open(log, 10, 0);
    MUST(topic_begin(log, err));
    for (unsigned round = 0; round < 3; round++)
        for (unsigned entity = 0; entity < 25; entity++)
            signal_append(log, 1, entity, SECOND + round * 25 + entity);
    MUST(topic_commit(log, err));
    while (step(stage, 0)) {
    }
    struct alert_counters counters = counters_get(log);
    assert_int_equal(counters.out, 75); /* each had to make room before it was seen again */
    assert_int_equal(counters.evicted, 65);
    alert_stage_close(stage);
    stage = stage_open(log, 10, 0);
    MUST(topic_begin(log, err));
    signal_append(log, 1, 24, SECOND);
    MUST(topic_commit(log, err));
    assert_int_equal(step(stage, 0), 1);
    assert_int_equal(counters_get(log).deduplicated, 1); /* the youngest was kept */
    alert_stage_close(stage);
    topic_log_close(log);
}

/* The same input, cut anywhere by a restart, makes the same alerts. */
static void restarts_change_nothing(void **state)
{
    struct test_place *place = *state;
    struct topic_log *log = log_open(place);
    uint32_t random = 1;
    MUST(topic_begin(log, err));
    for (unsigned number = 0; number < 500; number++) {
        random = random * 1664525u + 1013904223u;
        signal_append(log, random >> 30, random >> 27 & 3, (1000 + number) * SECOND);
    }
    MUST(topic_commit(log, err));
    uint32_t read = 0;
    for (uint32_t batch = 1; read < 500; batch++) {
        struct alert_stage *stage = stage_open(log, 0, batch % 7 + 1);
        read += step(stage, 0);
        alert_stage_close(stage);
        if (batch % 5 == 0) {
            topic_log_close(log);
            log = log_open(place);
        }
    }
    struct alert_counters cut = counters_get(log);
    uint64_t alerts = topic_end(log, ALERT_TOPIC);
    MUST(topic_begin(log, err)); /* once more from the start, in one go */
    MUST(topic_position_put(log, "correlate", SPAN("signals"), 0, err));
    span key = {NULL, 0}, value;
    static const char *const states[] = {"correlate.alert", "correlate.alert.text"};
    for (size_t index = 0; index < 2; index++) {
        for (;;) {
            MUST(topic_state_next(log, states[index], (span){NULL, 0}, &key, &value, err));
            if (!key.data)
                break;
            MUST(topic_state_put(log, states[index], key, (span){NULL, 0}, err));
        }
    }
    MUST(topic_commit(log, err));
    struct alert_stage *stage = stage_open(log, 0, 0);
    assert_int_equal(step(stage, 0), 500);
    struct alert_counters whole = counters_get(log);
    assert_int_equal(whole.in, 2 * cut.in);
    assert_int_equal(whole.out, 2 * cut.out);
    assert_int_equal(whole.versions, 2 * cut.versions);
    assert_int_equal(topic_end(log, ALERT_TOPIC), 2 * alerts);
    for (uint64_t offset = 0; offset < alerts; offset++) {
        json_t *one = alert_at(log, offset), *two = alert_at(log, offset + alerts);
        assert_true(json_equal(one, two));
        json_decref(one);
        json_decref(two);
    }
    alert_stage_close(stage);
    topic_log_close(log);
}

static void times_are_parsed_strictly(void **state)
{
    (void)state;
    uint64_t time;
    assert_true(alert_time_parse(SPAN("2023-11-14T22:13:20.123456789Z"), &time));
    assert_true(time == 1700000000123456789u);
    assert_true(alert_time_parse(SPAN("2023-11-14T22:13:20.1Z"), &time));
    assert_true(time == 1700000000100000000u);
    assert_true(alert_time_parse(SPAN("1970-01-01T00:00:00Z"), &time));
    assert_true(time == 0);
    static const char whole[] = "2023-11-14T22:13:20.123456789Z";
    for (size_t len = 0; len < sizeof whole - 1; len++)
        assert_false(alert_time_parse(span_of(whole, len), &time));
    static const char *const bad[] = {
        "1969-12-31T23:59:59Z",  "2023-13-14T22:13:20Z",      "2023-11-14 22:13:20Z",
        "2023-11-14T22:13:20.Z", "2023-11-14T22:13:20+00:00", "2023-11-14T22:13:20.1234567891Z",
        "2023-11-14T24:13:20Z",  "-023-11-14T22:13:20Z"};
    for (size_t index = 0; index < sizeof bad / sizeof *bad; index++)
        assert_false(alert_time_parse(span_str(bad[index]), &time));
}

/* ---- SIGKILL ---- */

/* Writes a byte to the pipe for each batch that is through. */
static void child_run(struct test_place *place, int report_fd)
{
    *test_is_child() = true;
    struct topic_log *log = log_open(place);
    struct alert_stage *stage = stage_open(log, 3, 7);
    for (unsigned number = 0;; number++) {
        struct topic_info info;
        MUST(topic_info_get(log, "signals", &info, err));
        MUST(topic_begin(log, err));
        for (unsigned signal = 0; signal < 20; signal++)
            signal_append(log, (unsigned)(info.end % 5), 1, (info.end + signal) * SECOND);
        MUST(topic_commit(log, err));
        while (step(stage, 0)) {
        }
        if (write(report_fd, "", 1) != 1)
            _exit(1);
    }
}

static void sigkill_keeps_every_count_exact(void **state)
{
    struct test_place *place = *state;
    uint64_t total = 0;
    for (int round = 0; round < 30; round++) {
        int pipe_fds[2], status;
        assert_int_equal(pipe2(pipe_fds, O_CLOEXEC), 0);
        pid_t child = fork();
        if (child == 0)
            child_run(place, pipe_fds[1]);
        close(pipe_fds[1]);
        /* after the first batch, at any step of the next ones */
        struct pollfd ready = {.fd = pipe_fds[0], .events = POLLIN};
        poll(&ready, 1, 30000);
        usleep((unsigned)(round * 1733 % 20000));
        kill(child, SIGKILL);
        assert_int_equal(waitpid(child, &status, 0), child);
        close(pipe_fds[0]);
        assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
        struct topic_log *log = log_open(place);
        struct alert_stage *stage = stage_open(log, 3, 1000);
        while (step(stage, 0)) {
        }
        total = topic_end(log, "signals");
        struct alert_counters counters = counters_get(log);
        assert_int_equal(counters.in, total);
        assert_int_equal(counters.versions, topic_end(log, ALERT_TOPIC));
        assert_int_equal(counters.dead + counters.missed, 0);
        alert_stage_close(stage);
        topic_log_close(log);
    }
    assert_true(total >= 30 * 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_PLACE(a_flood_makes_one_alert_in_few_versions),
        IN_PLACE(a_new_window_makes_a_new_alert),
        IN_PLACE(what_is_no_signal_is_dead_with_its_offset),
        IN_PLACE(a_shadow_signal_raises_no_alert),
        IN_PLACE(the_oldest_is_closed_early_at_the_cap),
        IN_PLACE(restarts_change_nothing),
        cmocka_unit_test(times_are_parsed_strictly),
        IN_PLACE(sigkill_keeps_every_count_exact),
    };
    return cmocka_run_group_tests_name("alert", tests, NULL, NULL);
}
