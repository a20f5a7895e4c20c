/* The exchange on librdkafka's mock cluster: no broker, no java. The mock keeps no positions that a
 * transaction commits: going on from those is for tests/kafka.sh. */
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "core/cleanup.h"
#include "core/clock.h"
#include "core/test.h"
#include "core/writer.h"
#include "kafka/exchange.h"

#define MUST(call)                                                                                 \
    do {                                                                                           \
        struct err_ctx must_err_ = {0};                                                            \
        struct err_ctx *err = &must_err_;                                                          \
        if ((call) != OK)                                                                          \
            fail_msg("%s: %s", #call, must_err_.text);                                             \
    } while (0)

#define PATIENCE_NS 30000000000ull

struct fixture {
    rd_kafka_t *owner; /* of the mock cluster */
    rd_kafka_mock_cluster_t *cluster;
    char brokers[256];
    unsigned assigned, committed, warned;
    bool is_at_least_once;
    const char *state; /* of exchange_make */
};

static int open_fixture(void **state)
{
    static struct fixture fixture;
    char text[256];
    fixture = (struct fixture){0};
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    fixture.owner = rd_kafka_new(RD_KAFKA_PRODUCER, conf, text, sizeof text);
    if (!fixture.owner)
        return -1;
    fixture.cluster = rd_kafka_mock_cluster_new(fixture.owner, 1);
    if (!fixture.cluster || rd_kafka_mock_topic_create(fixture.cluster, "in", 1, 1) ||
        rd_kafka_mock_topic_create(fixture.cluster, "out", 1, 1))
        return -1;
    snprintf(fixture.brokers, sizeof fixture.brokers, "%s",
             rd_kafka_mock_cluster_bootstraps(fixture.cluster));
    *state = &fixture;
    return 0;
}

static int close_fixture(void **state)
{
    struct fixture *fixture = *state;
    rd_kafka_mock_cluster_destroy(fixture->cluster);
    rd_kafka_destroy(fixture->owner);
    return 0;
}

static void assigned(void *context, size_t count)
{
    (void)count;
    ((struct fixture *)context)->assigned++;
}

static void committed(void *context)
{
    ((struct fixture *)context)->committed++;
}

static void warned(void *context, const char *event, const char *text)
{
    (void)event;
    (void)text;
    ((struct fixture *)context)->warned++;
}

/* Numbers as texts, from 0. */
static void feed(const struct fixture *fixture, unsigned count)
{
    char text[256];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    assert_int_equal(
        rd_kafka_conf_set(conf, "bootstrap.servers", fixture->brokers, text, sizeof text),
        RD_KAFKA_CONF_OK);
    rd_kafka_t *producer = rd_kafka_new(RD_KAFKA_PRODUCER, conf, text, sizeof text);
    assert_non_null(producer);
    for (unsigned number = 0; number < count; number++) {
        int len = snprintf(text, sizeof text, "%u", number);
        assert_int_equal(rd_kafka_producev(producer, RD_KAFKA_V_TOPIC("in"),
                                           RD_KAFKA_V_PARTITION(0),
                                           RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
                                           RD_KAFKA_V_VALUE(text, (size_t)len), RD_KAFKA_V_END),
                         0);
    }
    assert_int_equal(rd_kafka_flush(producer, 10000), 0);
    rd_kafka_destroy(producer);
}

static struct exchange *exchange_make(struct fixture *fixture)
{
    static const char *const outputs[] = {"out"};
    /* the mock never says what a topic's policy is: it is not waited for long */
    static const char *const properties[] = {"socket.timeout.ms=2000"};
    const struct exchange_options options = {.brokers = fixture->brokers,
                                             .group = "g",
                                             .input = "in",
                                             .outputs = outputs,
                                             .output_count = 1,
                                             .properties = properties,
                                             .property_count = 1,
                                             .is_at_least_once = fixture->is_at_least_once,
                                             .state = fixture->state,
                                             .assigned = assigned,
                                             .committed = committed,
                                             .warn = warned,
                                             .context = fixture};
    struct exchange *exchange = NULL;
    MUST(exchange_open(&options, &exchange, err));
    return exchange;
}

/* The next record's offset, as long as it takes; the record is taken. */
static int64_t take(struct exchange *exchange)
{
    uint64_t end_ns = clock_boot_ns() + PATIENCE_NS;
    struct exchange_record record;
    for (bool is_there = false; !is_there;) {
        MUST(exchange_peek(exchange, &record, &is_there, err));
        struct pollfd waited = {.fd = exchange_fd(exchange), .events = POLLIN};
        if (!is_there)
            poll(&waited, 1, 50);
        assert_true(clock_boot_ns() < end_ns);
    }
    exchange_next(exchange);
    return record.offset;
}

static void work(struct exchange *exchange, int64_t offset)
{
    MUST(exchange_put(exchange, 0, SPAN("k"), SPAN("v"), err));
    exchange_done(exchange, 0, offset);
}

static bool commit(struct exchange *exchange)
{
    bool is_committed;
    MUST(exchange_commit(exchange, &is_committed, err));
    return is_committed;
}

/* ---- cases ---- */

static err_kind record_count(void *context, const struct kafka_record *record, struct err_ctx *err)
{
    (void)record;
    (void)err;
    ++*(unsigned *)context;
    return OK;
}

static void an_undone_transaction_is_taken_again(void **state)
{
    struct fixture *fixture = *state;
    feed(fixture, 4);
    struct exchange *exchange = exchange_make(fixture);
    work(exchange, take(exchange));
    work(exchange, take(exchange));
    uint64_t epoch = exchange_epoch(exchange);
    MUST(transaction_undo(exchange, err));
    assert_int_not_equal(exchange_epoch(exchange), epoch);
    assert_int_equal(take(exchange), 0);
    assert_int_equal(exchange_counts(exchange).rewinds, 1);
    assert_int_equal(exchange_counts(exchange).refused, 0);
    exchange_close(exchange);
}

static void a_commit_that_fails_is_given_up_as_a_whole(void **state)
{
    struct fixture *fixture = *state;
    feed(fixture, 3);
    struct exchange *exchange = exchange_make(fixture);
    work(exchange, take(exchange));
    work(exchange, take(exchange));
    rd_kafka_mock_push_request_errors(fixture->cluster, 28 /* TxnOffsetCommit */, 1,
                                      RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED);
    assert_false(commit(exchange));
    assert_int_equal(take(exchange), 0);
    work(exchange, 0);
    assert_true(commit(exchange));
    exchange_close(exchange);
}

/* At least once; the mock keeps positions that a group commits. */
static void positions_move_behind_acknowledged_outputs(void **state)
{
    struct fixture *fixture = *state;
    const struct kafka_cluster cluster = {.brokers = fixture->brokers};
    unsigned count = 0;
    fixture->is_at_least_once = true;
    feed(fixture, 4);
    struct exchange *exchange = exchange_make(fixture);
    work(exchange, take(exchange));
    work(exchange, take(exchange));
    assert_true(commit(exchange));
    work(exchange, take(exchange)); /* put, and never committed */
    exchange_close(exchange);
    MUST(kafka_scan(&cluster, "out", record_count, &count, err));
    assert_true(count >= 2);
    exchange = exchange_make(fixture);
    assert_int_equal(take(exchange), 2);
    exchange_close(exchange);
}

static void an_output_that_is_refused_holds_the_positions(void **state)
{
    struct fixture *fixture = *state;
    const struct kafka_cluster cluster = {.brokers = fixture->brokers};
    unsigned count = 0;
    fixture->is_at_least_once = true;
    feed(fixture, 3);
    struct exchange *exchange = exchange_make(fixture);
    rd_kafka_mock_push_request_errors(fixture->cluster, 0 /* Produce */, 1,
                                      RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED);
    work(exchange, take(exchange));
    exchange_done(exchange, 0, take(exchange));
    assert_false(commit(exchange));
    assert_true(fixture->warned > 0);
    assert_int_equal(exchange_counts(exchange).rewinds, 1);
    assert_int_equal(take(exchange), 0);
    work(exchange, 0);
    assert_true(commit(exchange));
    exchange_close(exchange);
    MUST(kafka_scan(&cluster, "out", record_count, &count, err));
    assert_int_equal(count, 1);
    exchange = exchange_make(fixture);
    assert_int_equal(take(exchange), 1);
    exchange_close(exchange);
}

static void records_that_come_again_are_refused_and_counted(void **state)
{
    struct fixture *fixture = *state;
    feed(fixture, 5);
    struct exchange *exchange = exchange_make(fixture);
    for (int64_t offset = 0; offset < 3; offset++)
        assert_int_equal(take(exchange), offset);
    rd_kafka_topic_partition_list_t *list = partitions_list(exchange);
    assert_int_equal(list->cnt, 1);
    list->elems[0].offset = 0; /* behind our back, as a faulty fetch would */
    assert_null(rd_kafka_seek_partitions(exchange->consumer, list, 10000));
    rd_kafka_topic_partition_list_destroy(list);
    assert_int_equal(take(exchange), 3);
    assert_int_equal(exchange_counts(exchange).refused, 3);
    exchange_close(exchange);
}

static void the_lag_counts_what_is_not_done(void **state)
{
    struct fixture *fixture = *state;
    feed(fixture, 10);
    struct exchange *exchange = exchange_make(fixture);
    for (int64_t offset = 0; offset < 10; offset++)
        assert_int_equal(take(exchange), offset);
    uint64_t now_ns = clock_boot_ns();
    struct exchange_lag lag = exchange_lag(exchange, now_ns, INT64_MAX);
    assert_true(lag.is_known);
    assert_int_equal(lag.messages, 10);
    exchange_done(exchange, 0, 6);
    lag = exchange_lag(exchange, now_ns + 2000000000, INT64_MAX);
    assert_true(lag.is_known);
    assert_int_equal(lag.messages, 3);
    assert_true(lag.wait_ms >= 2000 && lag.wait_ms < 60000);
    exchange_done(exchange, 0, 9);
    lag = exchange_lag(exchange, now_ns + 3000000000, INT64_MAX);
    assert_true(lag.is_known);
    assert_int_equal(lag.messages, 0);
    assert_int_equal(lag.wait_ms, 0);
    assert_int_equal(exchange_partitions(exchange), 1);
    exchange_close(exchange);
}

/* ---- state ---- */

/* A record into a partition of the topic; value NULL: a tombstone. */
static void state_feed(const struct fixture *fixture, int32_t partition, const char *key,
                       const char *value)
{
    const char *const topics[] = {"state"};
    const struct kafka_cluster cluster = {.brokers = fixture->brokers};
    struct kafka_writer *writer;
    MUST(kafka_writer_open(&cluster, "test", topics, 1, &writer, err));
    MUST(kafka_writer_put(writer, "state", partition, span_str(key),
                          value ? span_str(value) : (span){NULL, 0}, err));
    MUST(kafka_writer_commit(writer, err));
    kafka_writer_close(writer);
}

/* Where the group of exchange_make stands in its input; the mock keeps that of a plain commit. */
static void position_commit(const struct fixture *fixture, int64_t offset)
{
    char text[256];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_conf_set(conf, "bootstrap.servers", fixture->brokers, text, sizeof text);
    rd_kafka_conf_set(conf, "group.id", "g", text, sizeof text);
    rd_kafka_t *consumer = rd_kafka_new(RD_KAFKA_CONSUMER, conf, text, sizeof text);
    assert_non_null(consumer);
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, "in", 0)->offset = offset;
    assert_int_equal(rd_kafka_commit(consumer, list, false), 0);
    rd_kafka_topic_partition_list_destroy(list);
    rd_kafka_consumer_close(consumer);
    rd_kafka_destroy(consumer);
}

/* The mock keeps 5 MiB of a partition: the oldest batch goes first. */
static void feed_large(const struct fixture *fixture, unsigned count)
{
    static const char large[900000];
    char text[256];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    assert_int_equal(
        rd_kafka_conf_set(conf, "bootstrap.servers", fixture->brokers, text, sizeof text),
        RD_KAFKA_CONF_OK);
    rd_kafka_t *producer = rd_kafka_new(RD_KAFKA_PRODUCER, conf, text, sizeof text);
    assert_non_null(producer);
    for (unsigned number = 0; number < count; number++) {
        assert_int_equal(rd_kafka_producev(producer, RD_KAFKA_V_TOPIC("in"),
                                           RD_KAFKA_V_PARTITION(0),
                                           RD_KAFKA_V_VALUE((void *)(uintptr_t)large, sizeof large),
                                           RD_KAFKA_V_END),
                         0);
        assert_int_equal(rd_kafka_flush(producer, 10000), 0); /* a batch each */
    }
    rd_kafka_destroy(producer);
}

static void records_that_retention_took_are_counted_once(void **state)
{
    struct fixture *fixture = *state;
    fixture->is_at_least_once = true;
    feed(fixture, 10);
    position_commit(fixture, 3);
    feed_large(fixture, 8);
    struct exchange *exchange = exchange_make(fixture);
    int64_t offset = take(exchange);
    assert_true(offset >= 10);
    assert_int_equal(exchange_counts(exchange).lost, offset - 3);
    assert_int_equal(fixture->warned, 1);
    exchange_done(exchange, 0, offset);
    assert_int_equal(take(exchange), offset + 1);
    assert_int_equal(exchange_counts(exchange).lost, offset - 3);
    MUST(exchange_undo(exchange, err)); /* what is seen again is not counted again */
    assert_int_equal(take(exchange), offset);
    assert_int_equal(exchange_counts(exchange).lost, offset - 3);
    exchange_close(exchange);
}

static void a_position_behind_the_end_is_said_and_all_is_read(void **state)
{
    struct fixture *fixture = *state;
    fixture->is_at_least_once = true;
    feed(fixture, 4);
    position_commit(fixture, 40);
    struct exchange *exchange = exchange_make(fixture);
    for (int64_t offset = 0; offset < 4; offset++)
        assert_int_equal(take(exchange), offset);
    assert_int_equal(fixture->warned, 1);
    assert_int_equal(exchange_counts(exchange).lost, 0);
    assert_int_equal(exchange_counts(exchange).refused, 0);
    exchange_close(exchange);
}

/* "forget 0, a=1, b=, …": all that is to be known, as long as it takes. */
static err_kind restored(struct exchange *exchange, struct writer *ret, struct err_ctx *err)
{
    uint64_t end_ns = clock_boot_ns() + PATIENCE_NS;
    bool is_whole = false;
    err_kind kind = OK;
    while (kind == OK && !is_whole) {
        struct exchange_record record;
        struct exchange_state state;
        bool is_there;
        kind = exchange_peek(exchange, &record, &is_there, err);
        if (kind == OK && !exchange_partitions(exchange)) {
            assert_true(clock_boot_ns() < end_ns);
            continue;
        }
        if (kind == OK)
            kind = exchange_state_peek(exchange, &state, &is_there, &is_whole, err);
        if (kind != OK || !is_there)
            continue;
        if (state.key.data)
            writer_format(ret, PRI_SPAN "=" PRI_SPAN " ", ARG_SPAN(state.key),
                          ARG_SPAN(state.value));
        else
            writer_format(ret, "forget %d ", (int)state.partition);
        exchange_state_next(exchange);
    }
    return kind;
}

static void state_comes_again_after_each_undoing(void **state)
{
    struct fixture *fixture = *state;
    AUTO(writer_free) struct writer text;
    struct err_ctx err_text;
    writer_init(&text, 4096);
    assert_int_equal(rd_kafka_mock_topic_create(fixture->cluster, "state", 1, 1), 0);
    fixture->state = "state";
    feed(fixture, 3);
    position_commit(fixture, 1);
    state_feed(fixture, 0, "a", "1");
    state_feed(fixture, 0, "b", NULL);
    struct exchange *exchange = exchange_make(fixture);
    assert_int_equal(restored(exchange, &text, &err_text), OK);
    assert_true(span_eq(writer_span(&text), SPAN("forget 0 a=1 b= ")));
    assert_int_equal(take(exchange), 1);
    MUST(exchange_state_put(exchange, 0, SPAN("a"), SPAN("2"), err));
    exchange_done(exchange, 0, 1);
    assert_true(commit(exchange));
    assert_int_equal(take(exchange), 2);
    assert_int_equal(exchange_state_put(exchange, 1, SPAN("a"), SPAN("3"), &err_text), ERR_STATE);
    MUST(exchange_undo(exchange, err));
    writer_reset(&text);
    assert_int_equal(restored(exchange, &text, &err_text), OK);
    assert_true(span_eq(writer_span(&text), SPAN("forget 0 a=1 b= a=2 ")));
    exchange_close(exchange);
}

static void state_waits_for_a_leader_that_knows_its_end(void **state)
{
    struct fixture *fixture = *state;
    AUTO(writer_free) struct writer text;
    struct err_ctx err_text;
    const rd_kafka_resp_err_t unknown = RD_KAFKA_RESP_ERR_OFFSET_NOT_AVAILABLE;
    writer_init(&text, 4096);
    assert_int_equal(rd_kafka_mock_topic_create(fixture->cluster, "state", 1, 1), 0);
    fixture->state = "state";
    feed(fixture, 3);
    position_commit(fixture, 1);
    state_feed(fixture, 0, "a", "1");
    struct exchange *exchange = exchange_make(fixture);
    assert_int_equal(take(exchange), 1);
    rd_kafka_mock_push_request_errors(fixture->cluster, 2 /* ListOffsets */, 4, unknown, unknown,
                                      unknown, unknown);
    unsigned warned_before = fixture->warned;
    assert_int_equal(restored(exchange, &text, &err_text), OK);
    assert_true(span_eq(writer_span(&text), SPAN("forget 0 a=1 ")));
    assert_true(fixture->warned > warned_before);
    exchange_close(exchange);
}

static void state_without_a_position_is_refused(void **state)
{
    struct fixture *fixture = *state;
    AUTO(writer_free) struct writer text;
    struct err_ctx err_text;
    writer_init(&text, 4096);
    assert_int_equal(rd_kafka_mock_topic_create(fixture->cluster, "state", 1, 1), 0);
    fixture->state = "state";
    feed(fixture, 1);
    state_feed(fixture, 0, "a", "1");
    struct exchange *exchange = exchange_make(fixture);
    assert_int_equal(restored(exchange, &text, &err_text), ERR_STATE);
    exchange_close(exchange);
}

static void state_of_another_partition_count_is_refused(void **state)
{
    struct fixture *fixture = *state;
    struct exchange *exchange = NULL;
    struct err_ctx err;
    assert_int_equal(rd_kafka_mock_topic_create(fixture->cluster, "state", 2, 1), 0);
    const struct exchange_options options = {.brokers = fixture->brokers,
                                             .group = "g",
                                             .input = "in",
                                             .state = "state",
                                             .assigned = assigned,
                                             .committed = committed,
                                             .warn = warned,
                                             .context = fixture};
    assert_int_equal(exchange_open(&options, &exchange, &err), ERR_INPUT);
    assert_null(exchange);
}

static void a_scan_ends_where_the_topic_ended_at_its_start(void **state)
{
    struct fixture *fixture = *state;
    const struct kafka_cluster cluster = {.brokers = fixture->brokers};
    unsigned count = 0;
    MUST(kafka_scan(&cluster, "in", record_count, &count, err));
    assert_int_equal(count, 0);
    feed(fixture, 7);
    MUST(kafka_scan(&cluster, "in", record_count, &count, err));
    assert_int_equal(count, 7);
}

static void fixed_properties_are_refused(void **state)
{
    static const char *const properties[][1] = {
        {"isolation.level=read_uncommitted"}, {"group.id=x"}, {"no equals"}, {"nonsense.name=1"}};
    struct fixture *fixture = *state;
    struct err_ctx err;
    unsigned count;
    for (size_t index = 0; index < sizeof properties / sizeof *properties; index++) {
        const struct kafka_cluster cluster = {
            .brokers = fixture->brokers, .properties = properties[index], .property_count = 1};
        assert_int_equal(kafka_scan(&cluster, "in", record_count, &count, &err), ERR_INPUT);
    }
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, open_fixture, close_fixture)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(an_undone_transaction_is_taken_again),
        CASE(a_commit_that_fails_is_given_up_as_a_whole),
        CASE(positions_move_behind_acknowledged_outputs),
        CASE(an_output_that_is_refused_holds_the_positions),
        CASE(records_that_come_again_are_refused_and_counted),
        CASE(the_lag_counts_what_is_not_done),
        CASE(records_that_retention_took_are_counted_once),
        CASE(a_position_behind_the_end_is_said_and_all_is_read),
        CASE(state_comes_again_after_each_undoing),
        CASE(state_waits_for_a_leader_that_knows_its_end),
        CASE(state_without_a_position_is_refused),
        CASE(state_of_another_partition_count_is_refused),
        CASE(a_scan_ends_where_the_topic_ended_at_its_start),
        CASE(fixed_properties_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
