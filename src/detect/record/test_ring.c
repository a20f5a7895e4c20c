/* The ring reader over ordinary memory laid out like a ring. */
#include <unistd.h>

#include <linux/bpf.h>
#include <sys/mman.h>

#include "core/cleanup.h"
#include "core/test.h"
#include "record/record.h"

#define DATA_BYTES 8192u

struct fixture {
    int ring_fd, control_fd;
    size_t page_bytes;
    uint8_t *memory; /* consumer page, producer page, data */
    struct ring *ring;
};

static uint64_t *producer(struct fixture *fixture)
{
    return (uint64_t *)(void *)(fixture->memory + fixture->page_bytes);
}

/* A file has no second mapping of its data: what is put is written twice. */
static void put(struct fixture *fixture, uint32_t head, uint8_t fill)
{
    uint32_t length = head & ~(BPF_RINGBUF_BUSY_BIT | BPF_RINGBUF_DISCARD_BIT);
    uint64_t at = *producer(fixture);
    uint8_t *data = fixture->memory + 2 * fixture->page_bytes;
    uint32_t sample[2] = {head, 0};
    for (size_t index = 0; index < 8 + length; index++) {
        uint8_t byte = index < 8 ? ((uint8_t *)sample)[index] : fill;
        size_t place = (at + index) & (DATA_BYTES - 1);
        data[place] = data[place + DATA_BYTES] = byte;
    }
    *producer(fixture) = at + ((8 + length + 7) & ~7u);
}

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    struct err_ctx err = {0};
    fixture->page_bytes = (size_t)sysconf(_SC_PAGESIZE);
    fixture->ring_fd = memfd_create("ring", MFD_CLOEXEC);
    fixture->control_fd = memfd_create("control", MFD_CLOEXEC);
    size_t bytes = 2 * fixture->page_bytes + 2 * DATA_BYTES;
    assert_int_equal(ftruncate(fixture->ring_fd, (off_t)bytes), 0);
    assert_int_equal(ftruncate(fixture->control_fd, sizeof(struct control) + 4096), 0);
    fixture->memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fixture->ring_fd, 0);
    assert_ptr_not_equal(fixture->memory, MAP_FAILED);
    assert_int_equal(ring_open(fixture->ring_fd, fixture->control_fd, &fixture->ring, &err), OK);
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    ring_close(fixture->ring);
    munmap(fixture->memory, 2 * fixture->page_bytes + 2 * DATA_BYTES);
    close(fixture->ring_fd);
    close(fixture->control_fd);
    free(fixture);
    return 0;
}

static void records_come_in_order_and_stay_until_released(void **state)
{
    struct fixture *fixture = *state;
    span record;
    assert_false(ring_next(fixture->ring, &record));
    put(fixture, 16, 'a');
    put(fixture, 20 | BPF_RINGBUF_DISCARD_BIT, 'b');
    put(fixture, 5, 'c');
    assert_int_equal(ring_pending_bytes(fixture->ring), 24 + 32 + 16);
    assert_true(ring_next(fixture->ring, &record));
    assert_true(span_eq(record, SPAN("aaaaaaaaaaaaaaaa")));
    assert_true(ring_next(fixture->ring, &record));
    assert_true(span_eq(record, SPAN("ccccc")));
    assert_false(ring_next(fixture->ring, &record));
    assert_int_equal(ring_position(fixture->ring), 0);
    assert_int_equal(ring_cursor(fixture->ring), 72);
    ring_release(fixture->ring, ring_cursor(fixture->ring));
    assert_int_equal(*(uint64_t *)(void *)fixture->memory, 72);
}

static void a_record_that_is_being_written_holds_the_rest_up(void **state)
{
    struct fixture *fixture = *state;
    span record;
    put(fixture, 8 | BPF_RINGBUF_BUSY_BIT, 'a');
    put(fixture, 8, 'b');
    assert_false(ring_next(fixture->ring, &record));
    assert_false(ring_is_broken(fixture->ring));
    fixture->memory[2 * fixture->page_bytes + 3] &= 0x7f; /* done */
    assert_true(ring_next(fixture->ring, &record));
    assert_true(ring_next(fixture->ring, &record));
}

static void records_cross_the_end(void **state)
{
    struct fixture *fixture = *state;
    span record;
    for (int round = 0; round < 100; round++) {
        put(fixture, 1000, (uint8_t)round);
        assert_true(ring_next(fixture->ring, &record));
        assert_int_equal(record.len, 1000);
        for (size_t index = 0; index < record.len; index++)
            assert_int_equal(record.data[index], round);
        ring_release(fixture->ring, ring_cursor(fixture->ring));
    }
}

static void a_length_that_does_not_fit_breaks_the_ring(void **state)
{
    struct fixture *fixture = *state;
    span record;
    put(fixture, 8, 'a');
    *(uint32_t *)(void *)(fixture->memory + 2 * fixture->page_bytes) = 4096;
    assert_false(ring_next(fixture->ring, &record));
    assert_true(ring_is_broken(fixture->ring));
    assert_false(ring_next(fixture->ring, &record));
}

static void a_new_reader_goes_on_where_the_old_one_committed(void **state)
{
    struct fixture *fixture = *state;
    struct err_ctx err = {0};
    span record;
    for (uint8_t count = 0; count < 4; count++)
        put(fixture, 8, (uint8_t)('a' + count));
    assert_true(ring_next(fixture->ring, &record));
    ring_release(fixture->ring, ring_cursor(fixture->ring));
    assert_true(ring_next(fixture->ring, &record));
    uint64_t committed = ring_cursor(fixture->ring); /* but not released: killed here */
    ring_close(fixture->ring);
    fixture->ring = NULL;
    assert_int_equal(ring_open(fixture->ring_fd, fixture->control_fd, &fixture->ring, &err), OK);
    assert_int_equal(ring_cursor(fixture->ring), 16);
    assert_false(ring_seek(fixture->ring, 8));
    assert_false(ring_seek(fixture->ring, 65));
    assert_false(ring_seek(fixture->ring, committed + 1));
    assert_true(ring_seek(fixture->ring, committed));
    assert_true(ring_next(fixture->ring, &record));
    assert_int_equal(record.data[0], 'c');
}

static void sleep_is_armed_only_when_nothing_came(void **state)
{
    struct fixture *fixture = *state;
    span record;
    ring_control(fixture->ring)->ring_id = 77;
    assert_int_equal(ring_id(fixture->ring), 77);
    assert_true(ring_arm(fixture->ring));
    assert_int_equal(ring_control(fixture->ring)->want_wakeup, 1);
    put(fixture, 8, 'a');
    assert_false(ring_arm(fixture->ring));
    assert_int_equal(ring_control(fixture->ring)->want_wakeup, 0);
    assert_true(ring_next(fixture->ring, &record));
}

static void what_is_no_ring_is_refused(void **state)
{
    (void)state;
    struct err_ctx err = {0};
    struct ring *ring = NULL;
    AUTO(auto_close) int small = memfd_create("small", MFD_CLOEXEC);
    assert_int_equal(ftruncate(small, 4096), 0);
    assert_int_equal(ring_open(small, small, &ring, &err), ERR_SYSTEM);
    assert_int_equal(ring_open(-1, -1, &ring, &err), ERR_SYSTEM);
    assert_null(ring);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(records_come_in_order_and_stay_until_released, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_record_that_is_being_written_holds_the_rest_up, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(records_cross_the_end, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_length_that_does_not_fit_breaks_the_ring, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_new_reader_goes_on_where_the_old_one_committed, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(sleep_is_armed_only_when_nothing_came, set_up, tear_down),
        cmocka_unit_test(what_is_no_ring_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
