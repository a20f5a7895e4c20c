/* The alerts of one partition. */
#include "alert/table.h"
#include "alert/test_stage.h"

#define OUTPUTS_MAX 4096

struct output {
    enum alert_output kind;
    struct writer key, value;
    bool is_gone;
};

struct partition {
    struct alert_set *set;
    struct output *outputs;
    size_t count;
};

static err_kind output_take(void *context, enum alert_output kind, span key, span value,
                            struct err_ctx *err)
{
    struct partition *partition = context;
    struct output *output = &partition->outputs[partition->count];
    if (partition->count == OUTPUTS_MAX)
        return err_set(err, ERR_LIMIT, "too many outputs");
    *output = (struct output){.kind = kind, .is_gone = !value.data};
    writer_init(&output->key, ALERT_VALUE_BYTES_MAX);
    writer_init(&output->value, ALERT_VALUE_BYTES_MAX);
    partition->count++;
    writer_put(&output->key, key);
    writer_put(&output->value, value);
    return output->key.is_full || output->value.is_full ? err_set(err, ERR_LIMIT, "memory") : OK;
}

static struct partition partition_open(void)
{
    struct partition partition = {.outputs = calloc(OUTPUTS_MAX, sizeof(struct output))};
    MUST(partition.outputs ? OK : ERR_LIMIT);
    return partition;
}

static void set_open(struct partition *partition, uint32_t open_max)
{
    const struct alert_options options = {.window_ns = WINDOW, .open_max = open_max};
    MUST(alert_set_open(&options, output_take, partition, &partition->set, err));
}

static void partition_close(struct partition *partition)
{
    for (size_t index = 0; index < partition->count; index++) {
        writer_free(&partition->outputs[index].key);
        writer_free(&partition->outputs[index].value);
    }
    free(partition->outputs);
    alert_set_close(partition->set);
}

/* The set anew, from what was put. */
static void set_again(struct partition *partition, uint32_t open_max)
{
    alert_set_close(partition->set);
    set_open(partition, open_max);
    for (size_t index = 0; index < partition->count; index++) {
        const struct output *output = &partition->outputs[index];
        span value = output->is_gone ? (span){NULL, 0} : writer_span(&output->value);
        if (output->kind == ALERT_OUTPUT_STATE)
            MUST(alert_set_load(partition->set, writer_span(&output->key), value, err));
    }
}

static const char *set_take(struct partition *partition, span record, uint64_t written_wall_ns)
{
    const char *reason;
    MUST(alert_set_signal(partition->set, record, written_wall_ns, &reason, err));
    return reason;
}

/* The same signals through the store's stage and through a set, which is made anew now and then,
 * make the same versions in the same order. */
static void a_set_says_what_the_stage_says(void **state)
{
    struct topic_log *log = log_open(*state);
    struct alert_stage *stage = stage_open(log, 6, 0);
    struct partition partition = partition_open();
    struct topic_reader *reader;
    struct topic_record record;
    bool is_end = false;
    uint32_t random = 7;
    set_open(&partition, 6);
    MUST(topic_begin(log, err));
    for (unsigned number = 0; number < 400; number++) {
        random = random * 1664525u + 1013904223u;
        if (number % 50 == 0)
            record_append(log, "{}");
        /* now and then one whose event said no time */
        signal_append(log, random >> 30, random >> 28 & 3,
                      number % 70 == 69 ? 0 : (1000 + number) * SECOND);
    }
    MUST(topic_commit(log, err));
    while (step(stage, 0)) {
    }
    MUST(topic_reader_open(log, "signals", 0, &reader, err));
    struct alert_counters sum = {0};
    for (unsigned number = 1; !is_end; number++) {
        MUST(topic_reader_next(reader, &record, &is_end, err));
        if (!is_end)
            set_take(&partition, record.value, record.time_wall_ns);
        if (number % 37 && !is_end)
            continue;
        MUST(alert_set_flush(partition.set, err));
        assert_int_equal(alert_set_pending_bytes(partition.set), 0);
        struct alert_counters counters = alert_set_counters(partition.set);
        sum.in += counters.in;
        sum.out += counters.out;
        sum.deduplicated += counters.deduplicated;
        sum.dead += counters.dead;
        sum.evicted += counters.evicted;
        set_again(&partition, 6);
    }
    topic_reader_close(reader);
    struct alert_counters wanted = counters_get(log);
    assert_int_equal(sum.in, wanted.in);
    assert_int_equal(sum.out, wanted.out);
    assert_int_equal(sum.deduplicated, wanted.deduplicated);
    assert_int_equal(sum.dead, wanted.dead);
    assert_int_equal(sum.evicted, wanted.evicted);
    assert_true(wanted.evicted > 0 && wanted.deduplicated > 0 && wanted.dead == 8);
    uint64_t offset = 0;
    for (size_t index = 0; index < partition.count; index++) {
        const struct output *output = &partition.outputs[index];
        if (output->kind != ALERT_OUTPUT_VERSION)
            continue;
        json_t *one = alert_at(log, offset++);
        char *text = json_dumps(one, JSON_COMPACT);
        assert_true(span_eq(writer_span(&output->value), span_str(text)));
        free(text);
        json_decref(one);
    }
    assert_int_equal(offset, topic_end(log, ALERT_TOPIC));
    partition_close(&partition);
    alert_stage_close(stage);
    topic_log_close(log);
}

#define SIGNAL_ABOUT(entity, second, id, output)                                                   \
    SPAN("{\"rule\":\"r\",\"entity\":\"" entity "\",\"id\":\"0000000000000000000000000000000" id   \
         "\",\"time\":\"1970-01-01T00:00:" second "Z\",\"output\":\"" output "\"}")
#define SIGNAL_AT(second, id, output) SIGNAL_ABOUT("e", second, id, output)
#define SIGNAL(id, output)            SIGNAL_AT("01", id, output)

static void a_window_ends_in_a_set_made_anew(void **state)
{
    (void)state;
    struct partition partition = partition_open();
    bool has_ended;
    set_open(&partition, 0);
    assert_null(set_take(&partition, SIGNAL("1", "a"), 0));
    assert_null(set_take(&partition, SIGNAL("2", "b"), 0));
    assert_null(set_take(&partition, SIGNAL("3", "c"), 0));
    assert_true(alert_set_pending_bytes(partition.set) > 0);
    MUST(alert_set_flush(partition.set, err));
    assert_int_equal(partition.count, 3); /* two versions, one state */
    set_again(&partition, 0);
    MUST(alert_set_end(partition.set, SECOND + WINDOW - 1, &has_ended, err));
    assert_false(has_ended);
    MUST(alert_set_end(partition.set, SECOND + WINDOW, &has_ended, err));
    assert_true(has_ended);
    assert_int_equal(partition.count, 5);
    assert_true(
        span_contains(writer_span(&partition.outputs[3].value), SPAN("\"version\":3,\"count\":3")));
    assert_true(partition.outputs[4].kind == ALERT_OUTPUT_STATE && partition.outputs[4].is_gone);
    set_again(&partition, 0); /* nothing is left */
    MUST(alert_set_end(partition.set, UINT64_MAX, &has_ended, err));
    assert_false(has_ended);
    partition_close(&partition);
}

static void a_signal_without_a_time_has_that_of_its_record(void **state)
{
    (void)state;
    struct partition partition = partition_open();
    bool has_ended;
    set_open(&partition, 0);
    assert_null(set_take(&partition, SIGNAL_AT("00", "1", "a"), 500 * SECOND));
    assert_null(set_take(&partition, SIGNAL_AT("00.000000000", "2", "b"), 503 * SECOND));
    MUST(alert_set_end(partition.set, 500 * SECOND + WINDOW - 1, &has_ended, err));
    assert_false(has_ended);
    assert_int_equal(partition.count, 2);
    span version = writer_span(&partition.outputs[1].value);
    assert_true(span_contains(version, SPAN("\"first_seen\":\"1970-01-01T00:08:20.000000000Z\"")));
    assert_true(span_contains(version, SPAN("\"last_seen\":\"1970-01-01T00:08:23.000000000Z\"")));
    assert_true(span_contains(version, SPAN("\"time\":\"1970-01-01T00:08:23.000000000Z\"")));
    MUST(alert_set_end(partition.set, 500 * SECOND + WINDOW, &has_ended, err));
    assert_true(has_ended);
    /* nor is an alert from the future, which would keep others open that came behind it */
    assert_null(set_take(&partition, SIGNAL_AT("59", "6", "f"), 2 * SECOND));
    MUST(alert_set_end(partition.set, 2 * SECOND + WINDOW, &has_ended, err));
    assert_true(has_ended);
    /* of a record that has none either, and of an event that says one */
    assert_null(set_take(&partition, SIGNAL_AT("00", "3", "c"), 0));
    MUST(alert_set_end(partition.set, WINDOW, &has_ended, err));
    assert_true(has_ended);
    assert_null(set_take(&partition, SIGNAL("4", "d"), 500 * SECOND));
    MUST(alert_set_end(partition.set, SECOND + WINDOW, &has_ended, err));
    assert_true(has_ended);
    partition_close(&partition);
}

static void the_window_that_began_first_ends_first(void **state)
{
    (void)state;
    struct partition partition = partition_open();
    bool has_ended;
    set_open(&partition, 0);
    assert_null(set_take(&partition, SIGNAL_ABOUT("e", "30", "1", "a"), 0));
    assert_null(set_take(&partition, SIGNAL_ABOUT("f", "10", "2", "b"), 0));
    assert_null(set_take(&partition, SIGNAL_ABOUT("g", "20", "3", "c"), 0));
    assert_null(set_take(&partition, SIGNAL_ABOUT("e", "05", "4", "d"), 0)); /* late */
    MUST(alert_set_flush(partition.set, err));
    for (unsigned again = 0; again < 2; again++) {
        static const uint64_t firsts[] = {5, 10, 20};
        for (size_t index = 0; index < 3; index++) {
            MUST(
                alert_set_end(partition.set, firsts[index] * SECOND + WINDOW - 1, &has_ended, err));
            assert_false(has_ended);
            MUST(alert_set_end(partition.set, firsts[index] * SECOND + WINDOW, &has_ended, err));
            assert_true(has_ended);
        }
        partition.count -= 3; /* as if that had not been committed */
        for (size_t index = 0; index < 3; index++) {
            writer_free(&partition.outputs[partition.count + index].key);
            writer_free(&partition.outputs[partition.count + index].value);
        }
        set_again(&partition, 0);
    }
    partition_close(&partition);
}

static void damaged_state_is_refused(void **state)
{
    (void)state;
    struct partition partition = partition_open();
    struct err_ctx why;
    set_open(&partition, 0);
    assert_null(set_take(&partition, SIGNAL("1", "a"), 0));
    MUST(alert_set_flush(partition.set, err));
    struct output *kept = &partition.outputs[1];
    assert_int_equal(kept->kind, ALERT_OUTPUT_STATE);
    for (size_t len = 0; len <= ALERT_PACKED_BYTES; len++)
        assert_int_equal(alert_set_load(partition.set, writer_span(&kept->key),
                                        span_of(kept->value.data, len), &why),
                         ERR_INPUT);
    static const char *const keys[] = {"", "r", "no zero"};
    for (size_t index = 0; index < sizeof keys / sizeof *keys; index++)
        assert_int_equal(
            alert_set_load(partition.set, span_str(keys[index]), writer_span(&kept->value), &why),
            ERR_INPUT);
    memset(kept->value.data + ALERT_ID_BYTES + 16, 0, 8); /* an alert without a signal */
    assert_int_equal(
        alert_set_load(partition.set, writer_span(&kept->key), writer_span(&kept->value), &why),
        ERR_INPUT);
    partition_close(&partition);
}

static void a_version_too_large_for_a_message_is_an_error(void **state)
{
    (void)state;
    struct partition partition = partition_open();
    struct err_ctx why;
    struct writer text;
    const char *reason;
    set_open(&partition, 0);
    writer_init(&text, 2 * ALERT_VALUE_BYTES_MAX);
    writer_text(&text,
                "{\"rule\":\"r\",\"entity\":\"e\",\"id\":\"00000000000000000000000000000001\","
                "\"time\":\"1970-01-01T00:00:01Z\",\"output\":\"");
    for (size_t count = 0; count < ALERT_VALUE_BYTES_MAX; count++)
        writer_byte(&text, 'x');
    writer_text(&text, "\"}");
    assert_false(text.is_full);
    assert_int_equal(alert_set_signal(partition.set, writer_span(&text), 0, &reason, &why),
                     ERR_LIMIT);
    writer_free(&text);
    partition_close(&partition);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_PLACE(a_set_says_what_the_stage_says),
        cmocka_unit_test(a_window_ends_in_a_set_made_anew),
        cmocka_unit_test(a_signal_without_a_time_has_that_of_its_record),
        cmocka_unit_test(the_window_that_began_first_ends_first),
        cmocka_unit_test(damaged_state_is_refused),
        cmocka_unit_test(a_version_too_large_for_a_message_is_an_error),
    };
    return cmocka_run_group_tests_name("alert_set", tests, NULL, NULL);
}
