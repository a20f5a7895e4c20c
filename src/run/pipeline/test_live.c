/* The live loop over a ring in ordinary memory and a store in a temporary folder. An engine's end
 * is played by closing the loop and opening it again on the same ring and store. */
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <linux/bpf.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include "core/cleanup.h"
#include "core/clock.h"
#include "core/test.h"
#include "falco/falco.h"
#include "kernel/kernel.h"
#include "pipeline/pipeline.h"
#include "record/test_record.h"
#include "state/state.h"
#include "topic/topic.h"
#include "yaml/yaml.h"

#define DATA_BYTES (256u << 10)
#define LINES_MAX  64
#define RING_ID    7
#define SECOND_NS  1000000000ull

static const char rules_text[] = "- rule: Hit\n"
                                 "  desc: a program of the test\n"
                                 "  condition: evt.type = execve and proc.name startswith hit\n"
                                 "  output: \"%proc.name of %proc.pname\"\n"
                                 "  priority: INFO\n";

struct fixture {
    char folder[64];
    int store_fd, ring_fd, control_fd, image_fd;
    size_t page_bytes, ring_bytes;
    uint8_t *memory; /* consumer page, producer page, data twice */
    struct control *control;
    struct crash_page crash;
    struct live *live;
    /* the taker of lines */
    char *lines[LINES_MAX];
    size_t line_count;
    uint64_t line_next;
    bool has_lines, is_busy, is_new;
};

static uint64_t *consumer(struct fixture *fixture)
{
    return (uint64_t *)(void *)fixture->memory;
}

static uint64_t *producer(struct fixture *fixture)
{
    return (uint64_t *)(void *)(fixture->memory + fixture->page_bytes);
}

/* A file has no second mapping of its data: what is put is written twice. Returns its position. */
static uint64_t put(struct fixture *fixture, span record)
{
    uint64_t at = *producer(fixture);
    uint8_t *data = fixture->memory + 2 * fixture->page_bytes;
    uint32_t head[2] = {(uint32_t)record.len, 0};
    for (size_t index = 0; index < sizeof head + record.len; index++) {
        size_t place = (at + index) & (DATA_BYTES - 1);
        data[place] = data[place + DATA_BYTES] =
            index < sizeof head ? ((uint8_t *)head)[index] : record.data[index - sizeof head];
    }
    *producer(fixture) = at + ((sizeof head + record.len + 7) & ~(size_t)7);
    return at;
}

static uint64_t put_exec(struct fixture *fixture, int32_t pid, int32_t parent, const char *name)
{
    static struct test_record record;
    test_exec(&record, pid, parent, name, name);
    return put(fixture, test_span(&record));
}

/* ---- the taker of lines ---- */

static bool take_line(void *context, uint64_t offset, span line)
{
    struct fixture *fixture = context;
    if (fixture->is_busy)
        return false;
    assert_true(fixture->line_count < LINES_MAX);
    assert_true(offset == fixture->line_next || fixture->line_count == 0);
    fixture->lines[fixture->line_count] = strndup((const char *)line.data, line.len);
    assert_non_null(fixture->lines[fixture->line_count++]);
    fixture->line_next = offset + 1;
    fixture->has_lines = true;
    return true;
}

static void expect_line(const struct fixture *fixture, size_t index, const char *output)
{
    char wanted[128];
    snprintf(wanted, sizeof wanted, "\"output\":\"%s\"", output);
    assert_true(index < fixture->line_count);
    if (!strstr(fixture->lines[index], wanted))
        fail_msg("line %zu: expected %s in %s", index, wanted, fixture->lines[index]);
}

/* ---- life ---- */

static int image_make(void)
{
    struct falco_input input = {.name = SPAN("rules.yml"), .bytes = span_str(rules_text)};
    struct err_ctx err;
    struct diagnostics diagnostics;
    struct rule_builder *builder;
    struct writer image;
    diagnostics_init(&diagnostics, 10);
    writer_init(&image, 1u << 24);
    assert_int_equal(rule_builder_open(&kernel_schema, &builder, &err), OK);
    assert_true(falco_load(&input, 1, &kernel_schema, builder, &diagnostics));
    assert_int_equal(rule_image_write(builder, &image, &err), OK);
    int fd = memfd_create("image", MFD_CLOEXEC);
    assert_int_equal(write(fd, image.data, image.len), (ssize_t)image.len);
    rule_builder_close(builder);
    writer_free(&image);
    diagnostics_free(&diagnostics);
    return fd;
}

static void start(struct fixture *fixture)
{
    struct err_ctx err = {0};
    struct live_options options = {.store_fd = fixture->store_fd,
                                   .hostname = "test",
                                   .is_json = true,
                                   .has_lines = fixture->has_lines,
                                   .line_next = fixture->line_next,
                                   .crash = &fixture->crash,
                                   .line = take_line,
                                   .context = fixture,
                                   .record_fd = -1};
    assert_int_equal(live_open(&options, &fixture->live, &err), OK);
    assert_int_equal(live_rules(fixture->live, fixture->image_fd, &err), OK);
    assert_int_equal(
        live_attach(fixture->live, fixture->ring_fd, fixture->control_fd, &fixture->is_new, &err),
        OK);
}

static void end(struct fixture *fixture)
{
    live_close(fixture->live);
    fixture->live = NULL;
}

static void turn(struct fixture *fixture)
{
    struct err_ctx err = {0};
    enum live_next next;
    assert_int_equal(live_turn(fixture->live, &next, &err), OK);
}

/* Turns until so many lines have come. */
static void turn_until(struct fixture *fixture, size_t line_count)
{
    uint64_t end_ns = clock_boot_ns() + 10 * SECOND_NS;
    while (fixture->line_count < line_count && clock_boot_ns() < end_ns)
        turn(fixture);
    assert_int_equal(fixture->line_count, line_count);
}

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    assert_non_null(fixture);
    snprintf(fixture->folder, sizeof fixture->folder, "/tmp/picket-live-XXXXXX");
    assert_non_null(mkdtemp(fixture->folder));
    fixture->store_fd = open(fixture->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    fixture->page_bytes = (size_t)sysconf(_SC_PAGESIZE);
    fixture->ring_bytes = 2 * fixture->page_bytes + 2 * DATA_BYTES;
    fixture->ring_fd = memfd_create("ring", MFD_CLOEXEC);
    fixture->control_fd = memfd_create("control", MFD_CLOEXEC);
    assert_int_equal(ftruncate(fixture->ring_fd, (off_t)fixture->ring_bytes), 0);
    assert_int_equal(ftruncate(fixture->control_fd, sizeof(struct control) + 4096), 0);
    fixture->memory =
        mmap(NULL, fixture->ring_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fixture->ring_fd, 0);
    fixture->control = mmap(NULL, sizeof *fixture->control, PROT_READ | PROT_WRITE, MAP_SHARED,
                            fixture->control_fd, 0);
    assert_ptr_not_equal(fixture->memory, MAP_FAILED);
    assert_ptr_not_equal(fixture->control, MAP_FAILED);
    fixture->control->ring_id = RING_ID;
    fixture->image_fd = image_make();
    *state = fixture;
    return 0;
}

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *walk)
{
    (void)status;
    (void)type;
    (void)walk;
    return remove(path);
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    end(fixture);
    munmap(fixture->memory, fixture->ring_bytes);
    munmap(fixture->control, sizeof *fixture->control);
    int fds[] = {fixture->store_fd, fixture->ring_fd, fixture->control_fd, fixture->image_fd};
    for (size_t index = 0; index < sizeof fds / sizeof *fds; index++)
        close(fds[index]);
    for (size_t index = 0; index < fixture->line_count; index++)
        free(fixture->lines[index]);
    nftw(fixture->folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
    free(fixture);
    return 0;
}

/* ---- the store, from outside ---- */

/* No write of this process lengthens a file: what a full disk does. */
static void disk_fill(bool is_full)
{
    struct rlimit limit;
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = is_full ? 0 : limit.rlim_max;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

/* The record of a topic at the offset, or "" when there is none; and how many there are. */
static void stored(const struct fixture *fixture, const char *topic, uint64_t offset, char *ret,
                   size_t size, uint64_t *ret_count)
{
    struct err_ctx err = {0};
    struct topic_options options = {.is_read_only = true};
    struct topic_log *log;
    struct topic_reader *reader;
    struct topic_record record;
    struct topic_info info;
    bool is_end = true;
    assert_int_equal(topic_log_open(fixture->store_fd, &options, &log, &err), OK);
    assert_int_equal(topic_info_get(log, topic, &info, &err), OK);
    assert_int_equal(topic_reader_open(log, topic, offset, &reader, &err), OK);
    assert_int_equal(topic_reader_next(reader, &record, &is_end, &err), OK);
    snprintf(ret, size, "%.*s", is_end ? 0 : (int)record.value.len,
             is_end ? "" : (const char *)record.value.data);
    *ret_count = info.end - info.first;
    topic_reader_close(reader);
    topic_log_close(log);
}

/* ---- tests ---- */

static void signals_reach_the_taker_in_order_and_once(void **state)
{
    struct fixture *fixture = *state;
    start(fixture);
    assert_true(fixture->is_new);
    put_exec(fixture, 100, 1, "keeper");
    put_exec(fixture, 101, 100, "hit1");
    put_exec(fixture, 102, 100, "miss");
    put_exec(fixture, 103, 100, "hit2");
    turn_until(fixture, 2);
    for (int count = 0; count < 10; count++)
        turn(fixture);
    assert_int_equal(fixture->line_count, 2);
    expect_line(fixture, 0, "hit1 of keeper");
    expect_line(fixture, 1, "hit2 of keeper");
    assert_int_equal(live_counts(fixture->live).events, 4);
    assert_int_equal(live_counts(fixture->live).signals, 2);
    assert_int_equal(*consumer(fixture), *producer(fixture));
}

static void records_without_a_signal_wait_for_others(void **state)
{
    struct fixture *fixture = *state;
    start(fixture);
    put_exec(fixture, 101, 1, "keeper");
    turn(fixture); /* the first one writes the status too */
    uint64_t released = *consumer(fixture), end_ns = clock_boot_ns() + 10 * SECOND_NS;
    put_exec(fixture, 102, 1, "keeper");
    turn(fixture);
    assert_int_equal(*consumer(fixture), released);
    while (*consumer(fixture) != *producer(fixture) && clock_boot_ns() < end_ns)
        turn(fixture);
    assert_int_equal(*consumer(fixture), *producer(fixture));
    released = *consumer(fixture);
    put_exec(fixture, 103, 1, "keeper");
    put_exec(fixture, 104, 1, "hit1"); /* a signal takes them along */
    turn(fixture);
    assert_int_equal(*consumer(fixture), *producer(fixture));
    assert_true(*consumer(fixture) > released);
}

static void a_busy_taker_gets_them_from_the_store_later(void **state)
{
    struct fixture *fixture = *state;
    start(fixture);
    fixture->is_busy = true;
    put_exec(fixture, 101, 100, "hit1");
    turn(fixture);
    put_exec(fixture, 102, 100, "hit2");
    turn(fixture);
    assert_int_equal(fixture->line_count, 0);
    assert_int_equal(*consumer(fixture), *producer(fixture)); /* the ring does not wait for it */
    fixture->is_busy = false;
    put_exec(fixture, 103, 100, "hit3");
    turn_until(fixture, 3);
    expect_line(fixture, 0, "hit1 of <NA>");
    expect_line(fixture, 1, "hit2 of <NA>");
    expect_line(fixture, 2, "hit3 of <NA>");
}

static void a_store_that_refuses_gets_the_batch_later(void **state)
{
    struct fixture *fixture = *state;
    start(fixture);
    put_exec(fixture, 100, 1, "old");
    turn(fixture);
    put_exec(fixture, 100, 1, "older");
    turn(fixture);
    uint64_t committed = *consumer(fixture);
    put_exec(fixture, 100, 1, "keeper");
    put_exec(fixture, 101, 100, "hit1");
    disk_fill(true);
    /* long enough for a second attempt */
    for (uint64_t end_ns = clock_boot_ns() + 7 * SECOND_NS / 10; clock_boot_ns() < end_ns;)
        turn(fixture);
    disk_fill(false);
    assert_int_equal(fixture->line_count, 0);
    assert_int_equal(*consumer(fixture), committed); /* nothing is let go that is not stored */
    put_exec(fixture, 102, 100, "hit2");
    turn_until(fixture, 2);
    expect_line(fixture, 0, "hit1 of keeper");
    expect_line(fixture, 1, "hit2 of keeper");
    assert_int_equal(*consumer(fixture), *producer(fixture));
    /* and what was stored of the processes is what was last known */
    end(fixture);
    start(fixture);
    put_exec(fixture, 103, 100, "hit3");
    turn_until(fixture, 3);
    expect_line(fixture, 2, "hit3 of keeper");
}

static void a_restart_goes_on_at_the_committed_position(void **state)
{
    struct fixture *fixture = *state;
    start(fixture);
    put_exec(fixture, 100, 1, "keeper");
    uint64_t first = put_exec(fixture, 101, 100, "hit1");
    turn_until(fixture, 1);
    *consumer(fixture) = first; /* ended between the commit and the release */
    end(fixture);
    start(fixture);
    assert_false(fixture->is_new);
    assert_int_equal(*consumer(fixture), *producer(fixture));
    put_exec(fixture, 102, 100, "hit2");
    turn_until(fixture, 2);
    expect_line(fixture, 1, "hit2 of keeper");

    put_exec(fixture, 103, 100, "hit3");
    disk_fill(true);
    turn(fixture); /* processed, not committed */
    end(fixture);
    disk_fill(false);
    assert_int_equal(fixture->line_count, 2);
    start(fixture);
    turn_until(fixture, 3);
    for (int count = 0; count < 5; count++)
        turn(fixture);
    assert_int_equal(fixture->line_count, 3);
    expect_line(fixture, 2, "hit3 of keeper");
    assert_int_equal(live_counts(fixture->live).events, 4);
}

static void lines_that_the_taker_has_are_not_offered_again(void **state)
{
    struct fixture *fixture = *state;
    start(fixture);
    put_exec(fixture, 101, 100, "hit1");
    turn_until(fixture, 1);
    fixture->is_busy = true;
    put_exec(fixture, 102, 100, "hit2");
    turn(fixture);
    end(fixture);
    fixture->is_busy = false;
    start(fixture);
    turn_until(fixture, 2);
    expect_line(fixture, 1, "hit2 of <NA>");
    end(fixture);
    fixture->has_lines = false; /* another run: the store's signals are not of it */
    start(fixture);
    turn(fixture);
    assert_int_equal(fixture->line_count, 2);
}

static void a_record_that_ended_three_engines_is_left_out(void **state)
{
    struct fixture *fixture = *state;
    char letter[8192], position[64];
    uint64_t count;
    uint64_t poison = put_exec(fixture, 101, 100, "hit1");
    put_exec(fixture, 102, 100, "hit2");
    for (int ends = 1; ends <= CRASHES_MAX; ends++) { /* in its first batch: nothing committed */
        fixture->crash.ring_id = RING_ID;
        fixture->crash.position = poison;
        fixture->crash.is_inside = 1;
        start(fixture);
        assert_true(fixture->is_new);
        assert_int_equal(fixture->crash.count, ends);
        if (ends < CRASHES_MAX)
            end(fixture);
    }
    turn_until(fixture, 1);
    expect_line(fixture, 0, "hit2 of <NA>");
    end(fixture);
    stored(fixture, "dead", 0, letter, sizeof letter, &count);
    assert_int_equal(count, 1);
    snprintf(position, sizeof position, "\"position\":\"ring/%d@%llu\"", RING_ID,
             (unsigned long long)poison);
    assert_non_null(strstr(letter, "\"reason\":\"ended the engine three times\""));
    assert_non_null(strstr(letter, position));
}

static void a_record_that_ended_two_engines_is_tried_again(void **state)
{
    struct fixture *fixture = *state;
    uint64_t suspect = put_exec(fixture, 101, 100, "hit1");
    fixture->crash = (struct crash_page){.is_inside = 1,
                                         .ring_id = RING_ID,
                                         .position = suspect,
                                         .crashed_position = suspect,
                                         .count = CRASHES_MAX - 2};
    start(fixture);
    turn_until(fixture, 1);
    expect_line(fixture, 0, "hit1 of <NA>");
    assert_int_equal(fixture->crash.is_inside, 0);
}

static void a_malformed_record_goes_to_the_dead_letters(void **state)
{
    struct fixture *fixture = *state;
    char letter[8192];
    uint64_t count;
    start(fixture);
    put(fixture, SPAN("no record"));
    put_exec(fixture, 101, 100, "hit1");
    turn_until(fixture, 1);
    expect_line(fixture, 0, "hit1 of <NA>");
    end(fixture);
    stored(fixture, "dead", 0, letter, sizeof letter, &count);
    assert_int_equal(count, 1);
    assert_non_null(strstr(letter, "\"position\":\"ring/7@0\""));
    assert_non_null(strstr(letter, "\"payload\":\"6e6f207265636f7264\""));
}

static void losses_are_told_once(void **state)
{
    struct fixture *fixture = *state;
    struct err_ctx err = {0};
    start(fixture);
    fixture->control->cpus[0].seq = 6;
    fixture->control->cpus[0].drops[DROP_RING_FULL][EVENT_EXECVE] = 5;
    turn_until(fixture, 1);
    assert_non_null(strstr(fixture->lines[0], "\"rule\":\"Events were lost\""));
    assert_non_null(strstr(fixture->lines[0], "5 kernel events were lost"));
    assert_int_equal(live_drain(fixture->live, SECOND_NS, &err), OK);
    assert_int_equal(fixture->line_count, 1);
    end(fixture);
    start(fixture); /* another engine knows that it is told */
    assert_int_equal(live_drain(fixture->live, SECOND_NS, &err), OK);
    assert_int_equal(fixture->line_count, 1);
    fixture->control->cpus[1].seq = 1;
    fixture->control->cpus[1].drops[DROP_TOO_LARGE][EVENT_EXECVE] = 2;
    assert_int_equal(live_drain(fixture->live, SECOND_NS, &err),
                     OK); /* an end tells the last ones */
    assert_int_equal(fixture->line_count, 2);
    assert_non_null(strstr(fixture->lines[1], "2 kernel events were lost"));
    assert_int_equal(live_counts(fixture->live).drops, 7);
}

static void evidence_is_the_record_itself(void **state)
{
    struct fixture *fixture = *state;
    static struct test_record record;
    struct err_ctx err = {0};
    struct topic_options options = {.is_read_only = true};
    struct topic_log *log;
    struct writer evidence;
    bool is_known;
    start(fixture);
    put_exec(fixture, 100, 1, "keeper");
    test_exec(&record, 101, 100, "hit\n\x1b[2J\xff", "hit\n\x1b[2J\xff a");
    put(fixture, test_span(&record));
    turn_until(fixture, 1);
    end(fixture);
    assert_non_null(strstr(fixture->lines[0], "\"output\":\"hit\\n"));
    writer_init(&evidence, 1u << 20);
    assert_int_equal(topic_log_open(fixture->store_fd, &options, &log, &err), OK);
    assert_int_equal(state_record_get(log, "evidence", 0, &evidence, &is_known, &err), OK);
    assert_true(is_known);
    assert_true(span_eq(writer_span(&evidence), test_span(&record)));
    topic_log_close(log);
    writer_free(&evidence);
}

static bool visit(void *context, const struct topic_record *record)
{
    (void)record;
    ++*(size_t *)context;
    return true;
}

static void signals_are_found_by_rule_and_time(void **state)
{
    struct fixture *fixture = *state;
    struct err_ctx err = {0};
    struct topic_options options = {.is_read_only = true};
    struct topic_log *log;
    struct {
        struct state_filter filter;
        size_t count;
    } const cases[] = {
        {{.rule = SPAN("Hit"), .priority_max = STATE_PRIORITY_ANY}, 2},
        {{.rule = SPAN("Miss"), .priority_max = STATE_PRIORITY_ANY}, 0},
        {{.from_wall_ns = 1, .priority_max = 6}, 2}, /* 6: informational */
        {{.to_wall_ns = 1, .priority_max = STATE_PRIORITY_ANY}, 0},
        {{.priority_max = 5}, 0},
    };
    start(fixture);
    put_exec(fixture, 101, 100, "hit1");
    put_exec(fixture, 102, 100, "hit2");
    turn_until(fixture, 2);
    end(fixture);
    assert_int_equal(topic_log_open(fixture->store_fd, &options, &log, &err), OK);
    for (size_t index = 0; index < sizeof cases / sizeof *cases; index++) {
        size_t count = 0;
        assert_int_equal(state_query_signals(log, &cases[index].filter, visit, &count, &err), OK);
        assert_int_equal(count, cases[index].count);
    }
    topic_log_close(log);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(signals_reach_the_taker_in_order_and_once),
        TEST(records_without_a_signal_wait_for_others),
        TEST(a_busy_taker_gets_them_from_the_store_later),
        TEST(a_store_that_refuses_gets_the_batch_later),
        TEST(a_restart_goes_on_at_the_committed_position),
        TEST(lines_that_the_taker_has_are_not_offered_again),
        TEST(a_record_that_ended_three_engines_is_left_out),
        TEST(a_record_that_ended_two_engines_is_tried_again),
        TEST(a_malformed_record_goes_to_the_dead_letters),
        TEST(losses_are_told_once),
        TEST(evidence_is_the_record_itself),
        TEST(signals_are_found_by_rule_and_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
