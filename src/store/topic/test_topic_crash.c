/* SIGKILL at random moments: a child commits outputs, state and position in a loop. */
#include <poll.h>
#include <signal.h>

#include <sys/wait.h>

#include "core/clock.h"
#include "topic/test_store.h"

#define KILL_COUNT 120

static uint32_t random_next(uint32_t *random)
{
    *random = *random * 1664525u + 1013904223u;
    return *random >> 8;
}

static uint64_t position_get(struct topic_log *log)
{
    uint64_t position;
    bool is_known;
    MUST(topic_position_get(log, "stage", SPAN("input"), &position, &is_known, err));
    return position;
}

static void record_append(struct topic_log *log, const char *topic, uint64_t number)
{
    char text[400];
    int length = snprintf(text, sizeof text, "%llu %0*d", (unsigned long long)number,
                          (int)(number % 300), 0);
    MUST(topic_append(log, topic, (span){NULL, 0}, span_of(text, (size_t)length), NULL, err));
}

/* Goes on from the stored position for ever, and tells what it has committed. */
static void child_run(int dir_fd, int report_fd, uint32_t random)
{
    *test_is_child() = true;
    struct topic_log *log = log_open(dir_fd, false, 0);
    uint64_t position = position_get(log);
    for (;;) {
        uint64_t end = position + 1 + random_next(&random) % 200;
        MUST(topic_begin(log, err));
        for (; position < end; position++) {
            record_append(log, "signals", position);
            if (position % 3 == 0)
                record_append(log, "alerts", position / 3);
        }
        MUST(topic_state_put(log, "stage", SPAN("sum"), span_of(&position, 8), err));
        MUST(topic_position_put(log, "stage", SPAN("input"), position, err));
        if (random_next(&random) % 8 == 0) { /* also what an abort leaves must be right */
            topic_abort(log);
            position = position_get(log);
            continue;
        }
        MUST(topic_commit(log, err));
        if (write(report_fd, &position, sizeof position) != sizeof position)
            _exit(1);
    }
}

/* The last position the child said it had committed; it is dead, so the pipe ends. */
static uint64_t report_last(int report_fd, uint64_t last)
{
    uint64_t position;
    while (read(report_fd, &position, sizeof position) == sizeof position)
        last = position;
    return last;
}

static void check_topic(struct topic_log *log, const char *topic, uint64_t from, uint64_t end)
{
    struct topic_reader *reader;
    struct topic_record record;
    bool is_end;
    MUST(topic_reader_open(log, topic, from, &reader, err));
    for (uint64_t offset = from; offset < end; offset++) {
        MUST(topic_reader_next(reader, &record, &is_end, err));
        assert_false(is_end);
        assert_int_equal(record.offset, offset);
        char text[32];
        int length = snprintf(text, sizeof text, "%llu ", (unsigned long long)offset);
        assert_true(span_starts(record.value, span_of(text, (size_t)length)));
    }
    MUST(topic_reader_next(reader, &record, &is_end, err));
    assert_true(is_end);
    topic_reader_close(reader);
}

static void sigkill_loses_nothing_and_doubles_nothing(void **state)
{
    struct test_place *place = *state;
    uint32_t random = 12345;
    uint64_t checked = 0;
    size_t kills_with_progress = 0;
    for (int round = 0; round < KILL_COUNT; round++) {
        int pipe_fds[2];
        assert_int_equal(pipe2(pipe_fds, O_CLOEXEC), 0);
        pid_t child = fork();
        if (child == 0)
            child_run(place->fd, pipe_fds[1], random + (uint32_t)round);
        close(pipe_fds[1]);
        /* The first commit, then up to 20 ms, so that kills fall on every step of the loop; every
         * eighth falls into the opening. */
        struct pollfd ready = {.fd = pipe_fds[0], .events = POLLIN};
        if (round % 8)
            poll(&ready, 1, 10000);
        usleep(random_next(&random) % (round % 8 ? 20000 : 3000));
        kill(child, SIGKILL);
        int status;
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
        uint64_t told = report_last(pipe_fds[0], checked);
        close(pipe_fds[0]);

        struct topic_log *log = log_open(place->fd, false, 0);
        uint64_t position = position_get(log);
        assert_true(position >= told);
        assert_int_equal(info_get(log, "signals").end, position);
        check_topic(log, "signals", checked, position);
        check_topic(log, "alerts", (checked + 2) / 3, (position + 2) / 3);
        span sum;
        MUST(topic_state_get(log, "stage", SPAN("sum"), &sum, err));
        if (position)
            assert_memory_equal(sum.data, &position, sizeof position);
        topic_log_close(log);
        kills_with_progress += position > checked;
        checked = position;
    }
    assert_true(kills_with_progress >= 100);
    struct topic_log *log = log_open(place->fd, true, 0);
    check_topic(log, "signals", 0, checked);
    topic_log_close(log);
    print_message("%d kills, %zu with progress, %llu records, none missing or doubled\n",
                  KILL_COUNT, kills_with_progress, (unsigned long long)checked);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_PLACE(sigkill_loses_nothing_and_doubles_nothing),
    };
    return cmocka_run_group_tests_name("topic_crash", tests, NULL, NULL);
}
