/* Declarations, the feed's positions, batches and their outcomes, by a kind that a test controls.
 */
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdlib.h>
#include <unistd.h>

#include <sys/stat.h>

#include "core/test_place.h"
#include "delivery/delivery.h"

/* ---- a kind under the test's control ---- */

static struct {
    enum sink_verdict next[64]; /* the verdict of each document, in the order they are sent */
    size_t next_count, next_at;
    char sent[8192]; /* keys, a space behind each */
    size_t sends;
} told;

static err_kind told_open(struct sink_settings *settings, void **ret, struct err_ctx *err)
{
    (void)err;
    *ret = settings;
    return OK;
}

static void told_send(void *sink, struct sink_document *const *documents, size_t count,
                      struct sink_trouble *trouble)
{
    (void)sink;
    told.sends++;
    for (size_t index = 0; index < count; index++) {
        enum sink_verdict verdict =
            told.next_at < told.next_count ? told.next[told.next_at++] : SINK_SENT;
        char key[SINK_KEY_BYTES];
        assert_int_equal(documents[index]->verdict, SINK_UNSENT);
        sink_document_key(documents[index], key);
        documents[index]->verdict = verdict;
        if (verdict == SINK_SENT) {
            size_t len = strlen(told.sent);
            snprintf(told.sent + len, sizeof told.sent - len, "%s ", key + 30);
        } else {
            snprintf(documents[index]->reason, SINK_REASON_BYTES, "told so");
            snprintf(trouble->reason, sizeof trouble->reason, "told to wait");
        }
    }
}

static void told_close(void *sink)
{
    (void)sink;
}

static const struct sink_kind told_kind = {.name = "stdout",
                                           .batch = 4,
                                           .format = SIGNAL_FORMAT_PICKET,
                                           .open = told_open,
                                           .send = told_send,
                                           .close = told_close};

/* The store and the sink's own files share the test's folder. */
struct bench {
    int fd;
    struct sink_settings settings;
    struct delivery *delivery;
};

static void append(int folder, unsigned first, unsigned count)
{
    struct topic_log *log = NULL;
    MUST(topic_log_open(folder, &(struct topic_options){0}, &log, err));
    MUST(topic_begin(log, err));
    for (unsigned number = first; number < first + count; number++) {
        char text[512];
        snprintf(text, sizeof text,
                 "{\"id\":\"%032u\",\"version\":1,\"count\":1,\"rule\":\"r\",\"priority\":\"%s\","
                 "\"time\":\"2026-01-01T00:00:00.000000000Z\"}",
                 number, number % 3 ? "high" : "low");
        MUST(topic_append(log, "alerts", (span){NULL, 0}, span_str(text), NULL, err));
    }
    MUST(topic_commit(log, err));
    topic_log_close(log);
}

static void bench_start(struct bench *bench, void **state)
{
    const struct test_place *place = *state;
    int folder = dup(place->fd);
    *bench = (struct bench){
        .fd = place->fd,
        .settings = {.kind = &told_kind,
                     .name = "told",
                     .takes_alerts = true,
                     .priority_max = 7,
                     .batch_max = 4,
                     .retry_max_ns = 1000000},
    };
    memset(&told, 0, sizeof told);
    MUST(delivery_open(&bench->settings, bench->fd, &bench->delivery, err));
    MUST(delivery_connect(bench->delivery, err));
    MUST(delivery_store(bench->delivery, SPAN("store"), &folder, err));
    assert_int_equal(folder, -1);
}

static void bench_end(struct bench *bench)
{
    delivery_close(bench->delivery);
    bench->delivery = NULL;
}

/* Steps until there is nothing to do, over the pauses of retries. */
static void drain(struct bench *bench)
{
    for (unsigned steps = 0; steps < 1000; steps++) {
        uint64_t wait_ns = 0;
        MUST(delivery_step(bench->delivery, &wait_ns, err));
        if (wait_ns > 100000000)
            return;
        usleep((useconds_t)(wait_ns / 1000));
    }
    fail_msg("it never comes to an end");
}

static void records_go_once_and_in_order_over_restarts(void **state)
{
    struct bench bench;
    append(((struct test_place *)*state)->fd, 10, 6);
    bench_start(&bench, state);
    drain(&bench);
    assert_string_equal(told.sent, "10.1 11.1 12.1 13.1 14.1 15.1 ");
    assert_int_equal(told.sends, 2); /* 4 and 2 */
    bench_end(&bench);
    append(((struct test_place *)*state)->fd, 16, 1);
    bench_start(&bench, state);
    drain(&bench);
    assert_string_equal(told.sent, "16.1 ");
    const struct delivery_counters *counters = delivery_counters(bench.delivery);
    assert_true(counters->in == 7 && counters->out == 7 && counters->dead == 0);
    bench_end(&bench);
}

static void what_is_unsent_is_tried_again_alone(void **state)
{
    static const enum sink_verdict verdicts[] = {SINK_SENT, SINK_UNSENT, SINK_REFUSED, SINK_SENT,
                                                 SINK_UNSENT};
    struct bench bench;
    append(((struct test_place *)*state)->fd, 10, 5);
    bench_start(&bench, state);
    memcpy(told.next, verdicts, sizeof verdicts);
    told.next_count = 5;
    drain(&bench);
    assert_string_equal(told.sent, "10.1 13.1 11.1 14.1 ");
    const struct delivery_counters *counters = delivery_counters(bench.delivery);
    assert_true(counters->in == 5 && counters->out == 4 && counters->dead == 1);
    assert_int_equal(counters->retried, 2);
    char letter[1024] = "";
    int fd = openat(bench.fd, "dead.ndjson", O_RDONLY | O_CLOEXEC);
    assert_true(read(fd, letter, sizeof letter - 1) > 0);
    close(fd);
    assert_non_null(strstr(letter, "\"reason\":\"told so\",\"stage\":\"sink\",\"source\":\"told\","
                                   "\"position\":\"store/alerts@2\",\"payload\":\"{\\\"id\\\""));
    bench_end(&bench);
}

/* A position is saved behind what is settled, and not behind what waits. */
static void a_restart_in_between_sends_what_was_not_settled(void **state)
{
    static const enum sink_verdict verdicts[] = {SINK_SENT, SINK_SENT, SINK_UNSENT, SINK_SENT};
    struct bench bench;
    uint64_t wait_ns;
    append(((struct test_place *)*state)->fd, 10, 4);
    bench_start(&bench, state);
    memcpy(told.next, verdicts, sizeof verdicts);
    told.next_count = 4;
    MUST(delivery_step(bench.delivery, &wait_ns, err));
    MUST(delivery_status(bench.delivery, false, err));
    bench_end(&bench);
    bench_start(&bench, state);
    drain(&bench);
    assert_string_equal(told.sent, "12.1 13.1 ");
    assert_int_equal(delivery_counters(bench.delivery)->in, 4);
    bench_end(&bench);
}

static void what_is_not_for_the_receiver_is_counted(void **state)
{
    struct bench bench;
    append(((struct test_place *)*state)->fd, 10, 9);
    bench_start(&bench, state);
    bench.settings.priority_max = 3;
    drain(&bench);
    assert_string_equal(told.sent, "10.1 11.1 13.1 14.1 16.1 17.1 ");
    const struct delivery_counters *counters = delivery_counters(bench.delivery);
    assert_true(counters->in == 9 && counters->out == 6 && counters->filtered == 3);
    bench_end(&bench);
}

static void a_rate_holds_back_and_drops_nothing(void **state)
{
    struct bench bench;
    append(((struct test_place *)*state)->fd, 10, 9);
    bench_start(&bench, state);
    bench_end(&bench);
    bench.settings.rate_count = 4;
    bench.settings.rate_ns = 3600000000000ull;
    int folder = dup(bench.fd);
    MUST(delivery_open(&bench.settings, bench.fd, &bench.delivery, err));
    MUST(delivery_connect(bench.delivery, err));
    MUST(delivery_store(bench.delivery, SPAN("store"), &folder, err));
    drain(&bench);
    assert_string_equal(told.sent, "10.1 11.1 12.1 13.1 ");
    assert_int_equal(delivery_counters(bench.delivery)->in, 4);
    bench_end(&bench);
}

/* Another store in the place of the first: it is read from its start. */
static void a_store_made_anew_is_read_from_its_start(void **state)
{
    struct bench bench;
    int fd = ((struct test_place *)*state)->fd;
    append(fd, 10, 3);
    bench_start(&bench, state);
    drain(&bench);
    bench_end(&bench);
    unlinkat(fd, "picket.db", 0);
    unlinkat(fd, "picket.db-wal", 0);
    unlinkat(fd, "picket.db-shm", 0);
    append(fd, 20, 4);
    bench_start(&bench, state);
    drain(&bench);
    assert_string_equal(told.sent, "20.1 21.1 22.1 23.1 ");
    bench_end(&bench);
}

static void status_read(int folder, const char *key, char *into, size_t size)
{
    json_t *status;
    int fd = openat(folder, "status.json", O_RDONLY | O_CLOEXEC);
    status = json_loadfd(fd, 0, NULL);
    close(fd);
    assert_non_null(status);
    char *text = json_dumps(json_object_get(status, key), JSON_ENCODE_ANY | JSON_COMPACT);
    snprintf(into, size, "%s", text);
    free(text);
    json_decref(status);
}

/* A receiver that takes nothing: since when, why, and what waits; then it is back. */
static void a_receiver_that_is_down_is_told_with_what_waits(void **state)
{
    struct bench bench;
    uint64_t wait_ns;
    char text[256], again[256];
    append(((struct test_place *)*state)->fd, 10, 9);
    bench_start(&bench, state);
    bench.settings.retry_max_ns = 3600000000000ull;
    static const enum sink_verdict verdicts[] = {SINK_UNSENT, SINK_UNSENT, SINK_UNSENT,
                                                 SINK_UNSENT};
    memcpy(told.next, verdicts, sizeof verdicts);
    told.next_count = 4;
    MUST(delivery_step(bench.delivery, &wait_ns, err));
    MUST(delivery_status(bench.delivery, false, err));
    status_read(bench.fd, "lag", text, sizeof text);
    assert_string_equal(text, "9");
    status_read(bench.fd, "lag_bytes", text, sizeof text);
    assert_true(strtoul(text, NULL, 10) > 100);
    status_read(bench.fd, "state", text, sizeof text);
    assert_string_equal(text, "\"retrying\"");
    status_read(bench.fd, "last_error", text, sizeof text);
    assert_string_equal(text, "\"told to wait\"");
    status_read(bench.fd, "down_since", text, sizeof text);
    assert_string_not_equal(text, "null");
    MUST(delivery_connect(bench.delivery, err)); /* no pause any more */
    told.next_at = 0;
    MUST(delivery_step(bench.delivery, &wait_ns, err));
    MUST(delivery_status(bench.delivery, false, err));
    status_read(bench.fd, "down_since", again, sizeof again);
    assert_string_equal(again, text);
    MUST(delivery_connect(bench.delivery, err));
    drain(&bench);
    MUST(delivery_status(bench.delivery, false, err));
    status_read(bench.fd, "down_since", text, sizeof text);
    assert_string_equal(text, "null");
    status_read(bench.fd, "lag_bytes", text, sizeof text);
    assert_string_equal(text, "0");
    status_read(bench.fd, "last_error", text, sizeof text);
    assert_string_equal(text, "\"told to wait\"");
    bench_end(&bench);
}

/* Over the bound of age nothing is sent, whether it waited in the store or in the sink. */
static void what_is_too_old_is_given_up_and_counted(void **state)
{
    struct bench bench;
    uint64_t wait_ns;
    append(((struct test_place *)*state)->fd, 10, 6);
    bench_start(&bench, state);
    told.next[0] = SINK_SENT;
    told.next[1] = told.next[2] = told.next[3] = SINK_UNSENT;
    told.next_count = 4;
    MUST(delivery_step(bench.delivery, &wait_ns, err));
    bench.settings.age_max_ns = 1;
    MUST(delivery_connect(bench.delivery, err));
    drain(&bench);
    assert_string_equal(told.sent, "10.1 ");
    const struct delivery_counters *counters = delivery_counters(bench.delivery);
    assert_true(counters->in == 1 && counters->out == 1 && counters->dropped_expired == 5);
    bench_end(&bench);
    bench_start(&bench, state);
    drain(&bench);
    assert_string_equal(told.sent, "");
    assert_int_equal(delivery_counters(bench.delivery)->dropped_expired, 5);
    bench_end(&bench);
}

static void file_put(int folder, const char *name, const char *text)
{
    assert_true(mkdirat(folder, name, 0700) == 0 || errno == EEXIST);
    int one = openat(folder, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int fd = openat(one, "status.json", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
    close(one);
}

/* What a sink's own folder holds is believed as far as it goes. */
static void statuses_are_read_by_name_and_bad_ones_left_out(void **state)
{
    int folder = ((struct test_place *)*state)->fd;
    json_t *all;
    struct writer text;
    MUST(delivery_statuses_read(-1, &all, err));
    assert_int_equal(json_array_size(all), 0);
    json_decref(all);
    file_put(folder, "b",
             "{\"sink\":\"b\",\"kind\":\"file\",\"state\":\"stopped\",\"out\":7,"
             "\"dropped\":{\"expired\":2},\"trouble\":\"x\\u001b[2J\","
             "\"down_since\":\"2026-01-01T00:00:01.5Z\"}");
    file_put(folder, "a",
             "{\"sink\":\"a\",\"kind\":\"webhook\",\"state\":\"running\","
             "\"updated\":\"2026-01-01T00:00:00Z\"}");
    file_put(folder, "c", "{\"sink\":\"d\",\"kind\":\"file\",\"state\":\"running\"}");
    file_put(folder, "e", "{\"sink\":\"e\",\"kind\":\"nothing\",\"state\":\"running\"}");
    file_put(folder, "f", "{\"sink\":\"f\",");
    MUST(delivery_statuses_read(folder, &all, err));
    assert_int_equal(json_array_size(all), 2);
    writer_init(&text, 65536);
    delivery_statuses_metrics(all, &text);
    assert_true(span_contains(writer_span(&text),
                              SPAN("picket_sink_out_total{sink=\"b\",kind=\"file\"} 7\n")));
    assert_true(span_contains(
        writer_span(&text),
        SPAN("picket_sink_dropped_total{sink=\"b\",kind=\"file\",reason=\"expired\"} 2\n")));
    assert_true(
        span_contains(writer_span(&text), SPAN("picket_sink_up{sink=\"a\",kind=\"webhook\"} 0\n")));
    assert_true(span_contains(
        writer_span(&text),
        SPAN("picket_sink_down_since_seconds{sink=\"b\",kind=\"file\"} 1767225601.500\n")));
    writer_reset(&text);
    delivery_statuses_text(all, &text);
    assert_true(span_contains(writer_span(&text), SPAN("lost")));
    assert_false(span_contains(writer_span(&text), SPAN("\033")));
    writer_free(&text);
    json_decref(all);
}

static void what_is_no_alert_is_a_dead_letter(void **state)
{
    struct bench bench;
    struct topic_log *log = NULL;
    int fd = ((struct test_place *)*state)->fd;
    MUST(topic_log_open(fd, &(struct topic_options){0}, &log, err));
    MUST(topic_begin(log, err));
    MUST(topic_append(log, "alerts", (span){NULL, 0}, SPAN("{\"id\":\"1\""), NULL, err));
    MUST(topic_append(log, "alerts", (span){NULL, 0}, SPAN("{\"id\":1}"), NULL, err));
    MUST(topic_append(log, "alerts", (span){NULL, 0}, (span){NULL, 0}, NULL, err));
    MUST(topic_commit(log, err));
    topic_log_close(log);
    append(fd, 10, 1);
    bench_start(&bench, state);
    drain(&bench);
    assert_string_equal(told.sent, "10.1 ");
    const struct delivery_counters *counters = delivery_counters(bench.delivery);
    assert_true(counters->in == 4 && counters->out == 1 && counters->dead == 3);
    bench_end(&bench);
}

static void a_damaged_position_is_an_error(void **state)
{
    struct err_ctx wrong;
    struct delivery *delivery;
    struct sink_settings settings = {.kind = &told_kind, .name = "told", .takes_alerts = true};
    int folder = ((struct test_place *)*state)->fd;
    int fd = openat(folder, "position.json", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_int_equal(write(fd, "{\"version\":1,", 13), 13);
    close(fd);
    assert_int_equal(delivery_open(&settings, folder, &delivery, &wrong), ERR_STATE);
    assert_non_null(strstr(wrong.text, "position.json is damaged"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_PLACE(records_go_once_and_in_order_over_restarts),
        IN_PLACE(what_is_unsent_is_tried_again_alone),
        IN_PLACE(a_restart_in_between_sends_what_was_not_settled),
        IN_PLACE(what_is_not_for_the_receiver_is_counted),
        IN_PLACE(a_rate_holds_back_and_drops_nothing),
        IN_PLACE(a_store_made_anew_is_read_from_its_start),
        IN_PLACE(a_receiver_that_is_down_is_told_with_what_waits),
        IN_PLACE(what_is_too_old_is_given_up_and_counted),
        IN_PLACE(statuses_are_read_by_name_and_bad_ones_left_out),
        IN_PLACE(what_is_no_alert_is_a_dead_letter),
        IN_PLACE(a_damaged_position_is_an_error),
    };
    return cmocka_run_group_tests_name("delivery", tests, NULL, NULL);
}
