
#include "core/clock.h"
#include "core/test_place.h"
#include "state/state.h"

struct fixture {
    void *place;
    struct topic_log *log;
};

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    if (!fixture || test_place_open(&fixture->place)) {
        free(fixture);
        return -1;
    }
    struct topic_options options = {.size_bytes_max = 16 * 1024 * 1024};
    struct test_place *place = fixture->place;
    struct err_ctx err = {0};
    *state = fixture;
    return topic_log_open(place->fd, &options, &fixture->log, &err) == OK ? 0 : -1;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    if (!fixture)
        return 0;
    topic_log_close(fixture->log);
    test_place_close(&fixture->place);
    free(fixture);
    return 0;
}

/* Signals first to end - 1; number n is of second n % 100 (so time is not the offset's order), rule
 * r(n % 4), priority n % 8, and every fifth lies in a container. */
static void signals_put(struct topic_log *log, uint64_t first, uint64_t end, size_t size)
{
    static uint8_t text[8192];
    assert_true(size <= sizeof text);
    uint32_t random = (uint32_t)first;
    MUST(topic_begin(log, err));
    for (uint64_t number = first; number < end; number++) {
        char rule[8], id[16];
        for (size_t index = 0; index < size; index++) {
            random = random * 1664525u + 1013904223u;
            text[index] = (uint8_t)(random >> 24);
        }
        memcpy(text, &number, sizeof number);
        struct state_signal signal = {
            .time_wall_ns = number % 100 * 1000000000u,
            .rule = span_of(rule, (size_t)snprintf(rule, sizeof rule, "r%d", (int)(number % 4))),
            .priority = (uint8_t)(number % 8),
            .pid = (int64_t)number,
        };
        if (number % 5 == 0) {
            signal.container =
                span_of(id, (size_t)snprintf(id, sizeof id, "%x00", 10 + (int)(number % 2)));
            signal.container_name = number % 2 ? SPAN("db") : SPAN("shop");
        }
        MUST(topic_append(log, STATE_TOPIC_SIGNALS, (span){NULL, 0}, span_of(text, size),
                          &signal.offset, err));
        assert_int_equal(signal.offset, number);
        MUST(state_signal_put(log, &signal, err));
    }
    MUST(topic_commit(log, err));
}

struct answer {
    uint64_t numbers[2000];
    size_t count, count_max;
};

static bool answer_take(void *context, const struct topic_record *record)
{
    struct answer *answer = context;
    uint64_t number;
    memcpy(&number, record->value.data, sizeof number);
    assert_int_equal(number, record->offset);
    answer->numbers[answer->count++] = number;
    return answer->count < answer->count_max;
}

static struct answer query(struct topic_log *log, struct state_filter filter)
{
    struct answer answer = {.count_max = 2000};
    MUST(state_query_signals(log, &filter, answer_take, &answer, err));
    return answer;
}

static void finds_by_time_rule_priority_and_container(void **state)
{
    struct fixture *fixture = *state;
    signals_put(fixture->log, 0, 1000, 64);
    struct state_filter any = {.priority_max = STATE_PRIORITY_ANY};
    struct answer answer = query(fixture->log, any);
    assert_int_equal(answer.count, 1000);
    for (size_t index = 1; index < 1000; index++) /* by time, then by offset */
        assert_true(answer.numbers[index - 1] % 100 * 1000 + answer.numbers[index - 1] / 100 <
                    answer.numbers[index] % 100 * 1000 + answer.numbers[index] / 100);
    struct state_filter filter = any;
    filter.from_wall_ns = 10000000000u;
    filter.to_wall_ns = 19000000000u;
    assert_int_equal(query(fixture->log, filter).count, 100);
    filter.rule = SPAN("r3");
    answer = query(fixture->log, filter);
    assert_int_equal(answer.count, 30); /* 11, 15 and 19 of each hundred */
    for (size_t index = 0; index < answer.count; index++)
        assert_int_equal(answer.numbers[index] % 4, 3);
    filter = any;
    filter.priority_max = 1;
    assert_int_equal(query(fixture->log, filter).count, 250);
    filter.priority_max = 0;
    filter.rule = SPAN("r1"); /* odd numbers are never of priority 0 */
    assert_int_equal(query(fixture->log, filter).count, 0);
    filter = any;
    filter.container = SPAN("shop");
    assert_int_equal(query(fixture->log, filter).count, 100);
    filter.container = SPAN("b0");
    assert_int_equal(query(fixture->log, filter).count, 100);
    filter.container = SPAN("none");
    assert_int_equal(query(fixture->log, filter).count, 0);
}

static void honours_limit_order_and_the_visitor(void **state)
{
    struct fixture *fixture = *state;
    signals_put(fixture->log, 0, 1000, 64);
    struct state_filter filter = {.priority_max = STATE_PRIORITY_ANY, .limit = 700};
    assert_int_equal(query(fixture->log, filter).count, 700);
    filter.is_newest_first = true;
    filter.limit = 12;
    struct answer answer = query(fixture->log, filter);
    assert_int_equal(answer.count, 12);
    assert_int_equal(answer.numbers[0], 999);
    assert_int_equal(answer.numbers[9], 99);
    assert_int_equal(answer.numbers[10], 998);
    filter.limit = 0;
    answer = (struct answer){.count_max = 300};
    MUST(state_query_signals(fixture->log, &filter, answer_take, &answer, err));
    assert_int_equal(answer.count, 300);
}

static void the_index_forgets_what_was_trimmed_or_aborted(void **state)
{
    struct fixture *fixture = *state;
    for (uint64_t first = 0; first < 4000; first += 100)
        signals_put(fixture->log, first, first + 100, 8192); /* 32 MiB through 16 */
    struct topic_info info;
    MUST(topic_info_get(fixture->log, STATE_TOPIC_SIGNALS, &info, err));
    assert_true(info.first > 1900 && info.end == 4000);
    struct state_filter filter = {.priority_max = STATE_PRIORITY_ANY};
    assert_int_equal(query(fixture->log, filter).count, 4000 - info.first);
    MUST(topic_begin(fixture->log, err));
    struct state_signal signal = {.offset = 4000, .rule = SPAN("aborted")};
    MUST(state_signal_put(fixture->log, &signal, err));
    topic_abort(fixture->log);
    assert_int_equal(query(fixture->log, filter).count, 4000 - info.first);
    struct writer out;
    bool is_known;
    writer_init(&out, 10000);
    MUST(state_record_get(fixture->log, STATE_TOPIC_SIGNALS, 3999, &out, &is_known, err));
    assert_true(is_known && out.len == 8192);
    MUST(state_record_get(fixture->log, STATE_TOPIC_SIGNALS, 0, &out, &is_known, err));
    assert_false(is_known);
    MUST(state_record_get(fixture->log, "evidence", 0, &out, &is_known, err));
    assert_false(is_known);
    writer_free(&out);
}

static void counter_append(void *context, const char *name, uint64_t value)
{
    writer_format(context, "%s=%llu ", name, (unsigned long long)value);
}

static void counters_add_up_and_roll_back(void **state)
{
    struct fixture *fixture = *state;
    uint64_t value;
    MUST(topic_begin(fixture->log, err));
    MUST(state_counter_add(fixture->log, "drops.ring", 5, err));
    MUST(state_counter_add(fixture->log, "drops.ring", 6, err));
    MUST(state_counter_add(fixture->log, "drops.full", 1, err));
    MUST(state_counter_add(fixture->log, "restarts.engine", 1, err));
    MUST(topic_commit(fixture->log, err));
    MUST(topic_begin(fixture->log, err));
    MUST(state_counter_add(fixture->log, "drops.ring", 100, err));
    topic_abort(fixture->log);
    MUST(state_counter_get(fixture->log, "drops.ring", &value, err));
    assert_int_equal(value, 11);
    MUST(state_counter_get(fixture->log, "never", &value, err));
    assert_int_equal(value, 0);
    struct writer out;
    writer_init(&out, 1000);
    MUST(state_counters(fixture->log, "drops.", counter_append, &out, err));
    assert_true(span_eq(writer_span(&out), SPAN("drops.full=1 drops.ring=11 ")));
    writer_free(&out);
}

#define IN_STORE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_STORE(finds_by_time_rule_priority_and_container),
        IN_STORE(honours_limit_order_and_the_visitor),
        IN_STORE(the_index_forgets_what_was_trimmed_or_aborted),
        IN_STORE(counters_add_up_and_roll_back),
    };
    return cmocka_run_group_tests_name("state", tests, NULL, NULL);
}
