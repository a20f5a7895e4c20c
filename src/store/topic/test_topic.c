#include <time.h>

#include "core/clock.h"
#include "core/writer.h"
#include "topic/batch.h"
#include "topic/test_store.h"

static void append_number(struct topic_log *log, const char *topic, uint64_t number)
{
    uint64_t offset;
    MUST(topic_append(log, topic, (span){NULL, 0}, span_of(&number, sizeof number), &offset, err));
    assert_int_equal(offset, number);
}

/* Requires records first to end - 1, each holding its own number. */
static void check_numbers(struct topic_log *log, const char *topic, uint64_t first, uint64_t end)
{
    struct topic_reader *reader;
    struct topic_record record;
    bool is_end = false;
    MUST(topic_reader_open(log, topic, 0, &reader, err));
    for (uint64_t offset = first; offset < end; offset++) {
        uint64_t number;
        MUST(topic_reader_next(reader, &record, &is_end, err));
        assert_false(is_end);
        assert_int_equal(record.offset, offset);
        assert_null(record.key.data);
        assert_int_equal(record.value.len, sizeof number);
        memcpy(&number, record.value.data, sizeof number);
        assert_int_equal(number, offset);
    }
    MUST(topic_reader_next(reader, &record, &is_end, err));
    assert_true(is_end);
    topic_reader_close(reader);
}

static void reads_back_what_was_committed_across_reopening(void **state)
{
    struct test_place *place = *state;
    struct topic_log *log = log_open(place->fd, false, 0);
    for (uint64_t batch = 0; batch < 10; batch++) {
        MUST(topic_begin(log, err));
        for (uint64_t number = batch * 100; number < batch * 100 + 100; number++)
            append_number(log, "signals", number);
        MUST(topic_commit(log, err));
    }
    check_numbers(log, "signals", 0, 1000);
    topic_log_close(log);
    log = log_open(place->fd, false, 0);
    check_numbers(log, "signals", 0, 1000);
    assert_int_equal(info_get(log, "signals").end, 1000);
    assert_int_equal(info_get(log, "never").end, 0);
    topic_log_close(log);
}

static void keeps_keys_values_and_their_absence(void **state)
{
    static const span texts[] = {{NULL, 0}, SPAN(""), SPAN("a\0b"), SPAN("\xff")};
    struct test_place *place = *state;
    struct topic_log *log = log_open(place->fd, false, 0);
    MUST(topic_begin(log, err));
    for (size_t key = 0; key < 4; key++)
        for (size_t value = 0; value < 4; value++)
            MUST(topic_append(log, "t", texts[key], texts[value], NULL, err));
    MUST(topic_commit(log, err));
    struct topic_reader *reader;
    MUST(topic_reader_open(log, "t", 0, &reader, err));
    for (size_t key = 0; key < 4; key++) {
        for (size_t value = 0; value < 4; value++) {
            struct topic_record record;
            bool is_end;
            MUST(topic_reader_next(reader, &record, &is_end, err));
            assert_true(span_eq(record.key, texts[key]));
            assert_true(span_eq(record.value, texts[value]));
            assert_int_equal(!record.key.data, !texts[key].data);
            assert_int_equal(!record.value.data, !texts[value].data);
        }
    }
    topic_reader_close(reader);
    topic_log_close(log);
}

static void splits_large_transactions_and_seeks_in_them(void **state)
{
    struct test_place *place = *state;
    struct topic_log *log = log_open(place->fd, false, 0);
    uint8_t *bytes = malloc(TOPIC_RECORD_BYTES_MAX + 1);
    for (size_t index = 0; index <= TOPIC_RECORD_BYTES_MAX; index++)
        bytes[index] = (uint8_t)(index * index >> 7);
    MUST(topic_begin(log, err));
    for (uint64_t index = 0; index < 30; index++)
        MUST(topic_append(log, "big", SPAN("k"), span_of(bytes, 100000 + index), NULL, err));
    MUST(topic_append(log, "big", (span){NULL, 0}, span_of(bytes, TOPIC_RECORD_BYTES_MAX), NULL,
                      err));
    MUST(topic_commit(log, err));
    struct topic_reader *reader;
    struct topic_record record;
    bool is_end;
    MUST(topic_reader_open(log, "big", 7, &reader, err));
    static const uint64_t order[] = {7, 8, 29, 3, 2, 30, 0, 9, 10};
    for (size_t index = 0; index < sizeof order / sizeof *order; index++) {
        topic_reader_seek(reader, order[index]);
        MUST(topic_reader_next(reader, &record, &is_end, err));
        assert_int_equal(record.offset, order[index]);
        size_t len = order[index] == 30 ? TOPIC_RECORD_BYTES_MAX : 100000 + order[index];
        assert_true(span_eq(record.value, span_of(bytes, len)));
    }
    topic_reader_close(reader);
    struct err_ctx fault;
    MUST(topic_begin(log, err));
    assert_int_equal(topic_append(log, "big", SPAN(""), span_of(bytes, TOPIC_RECORD_BYTES_MAX + 1),
                                  NULL, &fault),
                     ERR_LIMIT);
    assert_int_equal(topic_commit(log, &fault), ERR_STATE);
    assert_int_equal(info_get(log, "big").end, 31);
    topic_log_close(log);
    free(bytes);
}

static void an_abort_leaves_nothing_behind(void **state)
{
    struct test_place *place = *state;
    struct topic_log *log = log_open(place->fd, false, 0);
    uint64_t position;
    bool is_known;
    span value;
    for (int round = 0; round < 3; round++) {
        MUST(topic_begin(log, err));
        append_number(log, "signals", 0);
        MUST(topic_position_put(log, "detect", SPAN("ring"), 7, err));
        MUST(topic_state_put(log, "detect", SPAN("k"), SPAN("v"), err));
        check_numbers(log, "signals", 0, 0); /* not before the commit */
        topic_abort(log);
        assert_int_equal(info_get(log, "signals").end, 0);
        MUST(topic_position_get(log, "detect", SPAN("ring"), &position, &is_known, err));
        assert_false(is_known);
        MUST(topic_state_get(log, "detect", SPAN("k"), &value, err));
        assert_null(value.data);
    }
    MUST(topic_begin(log, err));
    append_number(log, "signals", 0);
    MUST(topic_commit(log, err));
    check_numbers(log, "signals", 0, 1);
    topic_log_close(log);
}

static void positions_hold_any_number_per_consumer_and_input(void **state)
{
    struct test_place *place = *state;
    struct topic_log *log = log_open(place->fd, false, 0);
    uint64_t position;
    bool is_known;
    MUST(topic_begin(log, err));
    MUST(topic_position_put(log, "a", SPAN("x"), UINT64_MAX, err));
    MUST(topic_position_put(log, "a", (span){NULL, 0}, 1, err));
    MUST(topic_position_put(log, "b", SPAN("x"), 1, err));
    MUST(topic_position_put(log, "b", SPAN("x"), 2, err));
    MUST(topic_commit(log, err));
    MUST(topic_position_get(log, "a", SPAN("x"), &position, &is_known, err));
    assert_true(is_known && position == UINT64_MAX);
    MUST(topic_position_get(log, "a", SPAN(""), &position, &is_known, err));
    assert_true(is_known && position == 1);
    MUST(topic_position_get(log, "b", SPAN("x"), &position, &is_known, err));
    assert_true(is_known && position == 2);
    MUST(topic_position_get(log, "b", SPAN("y"), &position, &is_known, err));
    assert_true(!is_known && position == 0);
    topic_log_close(log);
}

static void state_is_walked_in_key_order_and_deleted(void **state)
{
    struct test_place *place = *state;
    struct topic_log *log = log_open(place->fd, false, 0);
    MUST(topic_begin(log, err));
    MUST(topic_state_put(log, "s", SPAN("b"), SPAN("2"), err));
    MUST(topic_state_put(log, "s", SPAN("a"), SPAN(""), err));
    MUST(topic_state_put(log, "s", SPAN("c"), SPAN("3"), err));
    MUST(topic_state_put(log, "other", SPAN("a"), SPAN("no"), err));
    MUST(topic_state_put(log, "s", SPAN("c"), (span){NULL, 0}, err));
    MUST(topic_commit(log, err));
    span key, value;
    MUST(topic_state_next(log, "s", (span){NULL, 0}, &key, &value, err));
    assert_true(span_eq(key, SPAN("a")) && value.data && value.len == 0);
    MUST(topic_state_next(log, "s", key, &key, &value, err));
    assert_true(span_eq(key, SPAN("b")) && span_eq(value, SPAN("2")));
    MUST(topic_state_next(log, "s", key, &key, &value, err));
    assert_null(key.data);
    topic_log_close(log);
}

static void a_full_store_drops_its_oldest_batches_and_counts_them(void **state)
{
    struct test_place *place = *state;
    struct topic_log *log = log_open(place->fd, false, TOPIC_SIZE_BYTES_MIN);
    uint32_t random = 1;
    static uint32_t noise[2048]; /* 8 KiB that zstd cannot shrink */
    for (int round = 0; round < 300; round++) {
        MUST(topic_begin(log, err));
        for (int record = 0; record < 10; record++) {
            for (size_t index = 0; index < 2048; index++)
                noise[index] = random = random * 1664525u + 1013904223u;
            const char *topic = record % 2 ? "alerts" : "signals";
            MUST(
                topic_append(log, topic, (span){NULL, 0}, span_of(noise, sizeof noise), NULL, err));
        }
        MUST(topic_state_put(log, "s", span_of(&round, sizeof round), SPAN("value"), err));
        MUST(topic_commit(log, err));
        struct topic_size size;
        MUST(topic_size_get(log, &size, err));
        assert_true(size.file_bytes <= TOPIC_SIZE_BYTES_MIN);
    }
    struct topic_info info = info_get(log, "signals");
    assert_int_equal(info.end, 1500);
    assert_int_equal(info.trimmed_records, info.first);
    assert_int_equal(info.trimmed_records, info.trimmed_batches * 5);
    assert_true(info.first > 1000 && info.first < 1500);
    struct stat file;
    assert_int_equal(fstatat(place->fd, "picket.db", &file, 0), 0);
    assert_true(file.st_size <= TOPIC_SIZE_BYTES_MIN);
    assert_int_equal(fstatat(place->fd, "picket.db-wal", &file, 0), 0);
    assert_true(file.st_size <= 9 * 1024 * 1024);
    struct topic_reader *reader;
    struct topic_record record;
    bool is_end;
    MUST(topic_reader_open(log, "signals", 3, &reader, err)); /* goes on at the oldest left */
    MUST(topic_reader_next(reader, &record, &is_end, err));
    assert_false(is_end);
    assert_int_equal(record.offset, info.first);
    topic_reader_close(reader);
    topic_log_close(log);
}

/* Three batches of two records, the last one not old. */
static void batches_make(struct topic_log *log, const char *topic, uint64_t *ret_before_ns)
{
    for (uint64_t batch = 0; batch < 3; batch++) {
        struct timespec pause = {.tv_nsec = 2000000};
        if (batch == 2) {
            nanosleep(&pause, NULL);
            *ret_before_ns = clock_wall_ns();
            nanosleep(&pause, NULL);
        }
        MUST(topic_begin(log, err));
        append_number(log, topic, batch * 2);
        append_number(log, topic, batch * 2 + 1);
        MUST(topic_commit(log, err));
    }
}

static uint64_t expire(struct topic_log *log, uint64_t before_ns, const struct topic_floor *floor,
                       uint32_t batch_max)
{
    uint64_t records;
    MUST(topic_begin(log, err));
    MUST(topic_expire(log, before_ns, floor, floor ? 1 : 0, batch_max, &records, err));
    MUST(topic_commit(log, err));
    return records;
}

static void what_is_old_goes_unless_it_is_yet_to_be_read(void **state)
{
    struct test_place *place = *state;
    struct topic_log *log = log_open(place->fd, false, 0);
    uint64_t before_ns, since_ns;
    batches_make(log, "a", &since_ns);
    batches_make(log, "b", &before_ns);
    MUST(topic_begin(log, err));
    MUST(topic_position_put(log, "reader", SPAN("a"), 3, err)); /* in the middle of a batch */
    MUST(topic_commit(log, err));
    const struct topic_floor floor = {"b", 2};
    assert_int_equal(expire(log, 0, NULL, 100), 0);
    assert_int_equal(expire(log, before_ns, &floor, 1), 2);
    assert_int_equal(expire(log, before_ns, &floor, 100), 2);
    assert_int_equal(expire(log, before_ns, &floor, 100), 0);
    check_numbers(log, "a", 2, 6);
    check_numbers(log, "b", 2, 6);
    assert_int_equal(info_get(log, "a").trimmed_records, 0);
    MUST(topic_begin(log, err));
    MUST(topic_position_put(log, "reader", SPAN("a"), 6, err));
    MUST(topic_commit(log, err));
    assert_int_equal(expire(log, since_ns, NULL, 100), 2);
    check_numbers(log, "a", 4, 6);
    assert_int_equal(expire(log, before_ns, NULL, 100), 4);
    check_numbers(log, "a", 6, 6);
    check_numbers(log, "b", 4, 6);
    topic_log_close(log);
    log = log_open(place->fd, false, 0);
    assert_int_equal(info_get(log, "a").first, 6);
    assert_int_equal(info_get(log, "a").end, 6);
    topic_log_close(log);
}

static void a_lowered_bound_shrinks_the_file(void **state)
{
    struct test_place *place = *state;
    struct topic_log *log = log_open(place->fd, false, 0);
    uint32_t random = 1;
    static uint32_t noise[65536];
    for (int round = 0; round < 60; round++) {
        for (size_t index = 0; index < 65536; index++)
            noise[index] = random = random * 1664525u + 1013904223u;
        MUST(topic_begin(log, err));
        MUST(topic_append(log, "t", (span){NULL, 0}, span_of(noise, sizeof noise), NULL, err));
        MUST(topic_commit(log, err));
    }
    topic_log_close(log);
    struct stat file;
    assert_int_equal(fstatat(place->fd, "picket.db", &file, 0), 0);
    assert_true(file.st_size > 15 * 1024 * 1024);
    log = log_open(place->fd, false, TOPIC_SIZE_BYTES_MIN);
    assert_int_equal(fstatat(place->fd, "picket.db", &file, 0), 0);
    assert_true(file.st_size <= TOPIC_SIZE_BYTES_MIN);
    struct topic_info info = info_get(log, "t");
    assert_true(info.end == 60 && info.first > 40 && info.first < 60);
    topic_log_close(log);
}

static void readers_follow_the_writer_and_hold_nothing(void **state)
{
    struct test_place *place = *state;
    struct topic_log *log = log_open(place->fd, false, 0);
    struct topic_log *other = log_open(place->fd, true, 0);
    struct topic_reader *reader;
    MUST(topic_reader_open(other, "signals", 0, &reader, err));
    for (uint64_t number = 0; number < 50; number++) {
        struct topic_record record;
        bool is_end;
        MUST(topic_reader_next(reader, &record, &is_end, err));
        assert_true(is_end);
        MUST(topic_begin(log, err));
        append_number(log, "signals", number);
        MUST(topic_reader_next(reader, &record, &is_end, err));
        assert_true(is_end);
        MUST(topic_commit(log, err));
        MUST(topic_reader_next(reader, &record, &is_end, err));
        assert_false(is_end);
        assert_int_equal(record.offset, number);
    }
    struct err_ctx fault;
    assert_int_equal(topic_begin(other, &fault), ERR_DENIED);
    topic_reader_close(reader);
    topic_log_close(other);
    topic_log_close(log);
}

/* ---- batches ---- */

static void batch_rejects_every_truncation(void **state)
{
    (void)state;
    struct writer batch;
    writer_init(&batch, BATCH_BYTES_MAX);
    batch_put(&batch, SPAN("key"), SPAN("value"));
    batch_put(&batch, (span){NULL, 0}, SPAN(""));
    span key, value;
    for (size_t len = 0; len < batch.len; len++) {
        span rest = span_first(writer_span(&batch), len);
        size_t records = 0;
        while (batch_take(&rest, &key, &value))
            records++;
        assert_int_equal(records, len >= 10);
    }
    ZSTD_CCtx *compressor = ZSTD_createCCtx();
    ZSTD_DCtx *decompressor = ZSTD_createDCtx();
    uint8_t *packed = malloc(BATCH_PACKED_BYTES_MAX), *plain = malloc(BATCH_BYTES_MAX);
    span whole, back;
    MUST(batch_pack(writer_span(&batch), compressor, packed, &whole, err));
    MUST(batch_unpack(whole, decompressor, plain, &back, err));
    assert_true(span_eq(back, writer_span(&batch)));
    struct err_ctx fault;
    for (size_t len = 0; len < whole.len; len++) {
        span cut = span_first(whole, len);
        if (batch_unpack(cut, decompressor, plain, &back, &fault) == OK)
            assert_int_equal(back.len, 0);
    }
    for (size_t bit = 0; bit < whole.len * 8; bit++) { /* the checksum finds every flipped bit */
        packed[bit / 8] ^= (uint8_t)(1u << bit % 8);
        if (batch_unpack(whole, decompressor, plain, &back, &fault) == OK)
            assert_true(span_eq(back, writer_span(&batch)));
        packed[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    free(packed);
    free(plain);
    ZSTD_freeCCtx(compressor);
    ZSTD_freeDCtx(decompressor);
    writer_free(&batch);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_PLACE(reads_back_what_was_committed_across_reopening),
        IN_PLACE(keeps_keys_values_and_their_absence),
        IN_PLACE(splits_large_transactions_and_seeks_in_them),
        IN_PLACE(an_abort_leaves_nothing_behind),
        IN_PLACE(positions_hold_any_number_per_consumer_and_input),
        IN_PLACE(state_is_walked_in_key_order_and_deleted),
        IN_PLACE(a_full_store_drops_its_oldest_batches_and_counts_them),
        IN_PLACE(what_is_old_goes_unless_it_is_yet_to_be_read),
        IN_PLACE(a_lowered_bound_shrinks_the_file),
        IN_PLACE(readers_follow_the_writer_and_hold_nothing),
        cmocka_unit_test(batch_rejects_every_truncation),
    };
    return cmocka_run_group_tests_name("topic", tests, NULL, NULL);
}
