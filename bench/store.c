/* What the store costs: appends, small commits, queries. Prints one line for each. */
#include <fcntl.h>
#include <unistd.h>

#include "core/clock.h"
#include "state/state.h"

#define RECORD_BYTES 300
#define BATCH        1000
#define BATCHES      500
#define SMALL        5000

static struct err_ctx failure;

static void must(err_kind kind)
{
    if (kind != OK) {
        fprintf(stderr, "bench: %s\n", failure.text);
        exit(1);
    }
}

/* Like a signal: mostly the same from one to the next. */
static span record_make(uint64_t number, char text[512])
{
    int length =
        snprintf(text, 512,
                 "{\"rule\":\"Shell in a container\",\"priority\":\"Critical\",\"event\":%llu,"
                 "\"output\":\"shell started pid=%llu\",\"id\":\"%016llx\",\"pad\":\"",
                 (unsigned long long)number, (unsigned long long)(number * 7),
                 (unsigned long long)(number * 0x9e3779b97f4a7c15u));
    while (length < RECORD_BYTES) {
        text[length] = (char)('a' + (number * 31 + (uint64_t)length * length) % 26);
        length++;
    }
    return span_of(text, (size_t)length);
}

static double seconds_since(uint64_t start_ns)
{
    return (double)(clock_boot_ns() - start_ns) / 1e9;
}

static void batch_write(struct topic_log *log, uint64_t first, uint64_t count, bool is_indexed)
{
    char text[512];
    must(topic_begin(log, &failure));
    for (uint64_t number = first; number < first + count; number++) {
        struct state_signal signal = {.time_wall_ns = number * 1000,
                                      .rule = SPAN("Shell in a container"),
                                      .priority = (uint8_t)(number % 8),
                                      .pid = (int64_t)number};
        must(topic_append(log, is_indexed ? "signals" : "plain", (span){NULL, 0},
                          record_make(number, text), &signal.offset, &failure));
        if (is_indexed)
            must(state_signal_put(log, &signal, &failure));
    }
    must(topic_position_put(log, "bench", SPAN("input"), first + count, &failure));
    must(topic_commit(log, &failure));
}

static void bench_appends(struct topic_log *log, bool is_indexed)
{
    uint64_t start = clock_boot_ns();
    for (uint64_t batch = 0; batch < BATCHES; batch++)
        batch_write(log, batch * BATCH, BATCH, is_indexed);
    double took = seconds_since(start);
    printf("append %s: %.0f records/s (%d B, batches of %d)\n", is_indexed ? "indexed" : "plain",
           BATCHES * BATCH / took, RECORD_BYTES, BATCH);
}

static int by_value(const void *left, const void *right)
{
    uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;
    return (a > b) - (a < b);
}

static void bench_commits(struct topic_log *log)
{
    static uint64_t took[SMALL];
    for (uint64_t number = 0; number < SMALL; number++) {
        uint64_t start = clock_boot_ns();
        batch_write(log, BATCHES * BATCH + number, 1, true);
        took[number] = clock_boot_ns() - start;
    }
    qsort(took, SMALL, sizeof *took, by_value);
    printf("commit of one indexed signal: p50 %llu us, p99 %llu us, max %llu us\n",
           (unsigned long long)took[SMALL / 2] / 1000,
           (unsigned long long)took[SMALL * 99 / 100] / 1000,
           (unsigned long long)took[SMALL - 1] / 1000);
}

static void bench_fsync(int dir_fd)
{
    int fd = openat(dir_fd, "fsync", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    uint64_t start = clock_boot_ns();
    for (int round = 0; round < 500; round++)
        if (pwrite(fd, "x", 1, round) != 1 || fdatasync(fd) != 0)
            exit(1);
    printf("fdatasync alone: %.0f us (commits do without: synchronous=NORMAL)\n",
           seconds_since(start) * 1e6 / 500);
    close(fd);
    unlinkat(dir_fd, "fsync", 0);
}

static bool visit(void *context, const struct topic_record *record)
{
    *(uint64_t *)context += record->value.len > 0;
    return true;
}

static void bench_query(struct topic_log *log, const char *what, struct state_filter filter)
{
    uint64_t found = 0, start = clock_boot_ns();
    must(state_query_signals(log, &filter, visit, &found, &failure));
    printf("query %s: %llu found in %.1f ms\n", what, (unsigned long long)found,
           seconds_since(start) * 1e3);
}

int main(int count, char **arguments)
{
    struct topic_options options = {0};
    struct topic_log *log;
    struct topic_size size;
    int dir_fd = count == 2 ? open(arguments[1], O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    if (dir_fd < 0) {
        fprintf(stderr, "usage: bench_store EMPTY-FOLDER\n");
        return 2;
    }
    must(topic_log_open(dir_fd, &options, &log, &failure));
    bench_fsync(dir_fd);
    bench_appends(log, false);
    bench_appends(log, true);
    must(topic_size_get(log, &size, &failure));
    printf("stored: %.0f bytes a record, index included\n",
           (double)size.used_bytes / (2 * BATCHES * BATCH));
    bench_commits(log);
    struct state_filter filter = {.priority_max = STATE_PRIORITY_ANY, .limit = 100000};
    bench_query(log, "100,000 of 505,000 signals", filter);
    filter.limit = 100;
    filter.is_newest_first = true;
    bench_query(log, "the newest 100", filter);
    filter.priority_max = 0;
    filter.limit = 0;
    filter.to_wall_ns = 100000 * 1000ull;
    bench_query(log, "one priority among 100,000", filter);
    filter.rule = SPAN("none");
    bench_query(log, "a rule that never fired", filter);
    topic_log_close(log);
    close(dir_fd);
    return 0;
}
