/* From a syscall to the printed line: opens COUNT files that a rule watches, one every PAUSE_MS,
 * reads the signals from stdin (`picket run --output json` in a pipe) and prints p50, p99 and max
 * in microseconds. The rule must fire for opens of DIR/N. */
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define COUNT_MAX 100000

static uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static int compare(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

/* Reads what is there until `needle` came; false after the deadline. */
static int wait_for(const char *needle, uint64_t deadline_ns)
{
    static char buffer[1 << 20];
    static size_t len;
    for (;;) {
        if (len && memmem(buffer, len, needle, strlen(needle))) {
            len = 0;
            return 1;
        }
        if (now_ns() > deadline_ns)
            return 0;
        struct pollfd waited = {.fd = STDIN_FILENO, .events = POLLIN};
        if (poll(&waited, 1, 100) <= 0)
            continue;
        if (len > sizeof buffer / 2)
            len = 0;
        ssize_t count = read(STDIN_FILENO, buffer + len, sizeof buffer - len);
        if (count <= 0)
            return 0;
        len += (size_t)count;
    }
}

int main(int argc, char **argv)
{
    static uint64_t taken[COUNT_MAX];
    if (argc != 4) {
        fprintf(stderr, "usage: latency DIR COUNT PAUSE_MS < signals\n");
        return 2;
    }
    unsigned long count = strtoul(argv[2], NULL, 10);
    unsigned long pause_ms = strtoul(argv[3], NULL, 10);
    unsigned long lost = 0, seen = 0;
    for (unsigned long number = 0; number < count && number < COUNT_MAX; number++) {
        char path[512], needle[600];
        snprintf(path, sizeof path, "%s/latency-%lu", argv[1], number);
        snprintf(needle, sizeof needle, "%s\"", path);
        uint64_t start_ns = now_ns();
        int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
        if (fd < 0)
            return 1;
        if (wait_for(needle, start_ns + 2000000000u))
            taken[seen++] = now_ns() - start_ns;
        else
            lost++;
        close(fd);
        unlink(path);
        struct timespec pause = {.tv_nsec = (long)(pause_ms * 1000000)};
        nanosleep(&pause, NULL);
    }
    if (!seen)
        return 1;
    qsort(taken, seen, sizeof *taken, compare);
    printf("lines=%lu lost=%lu p50_us=%llu p99_us=%llu max_us=%llu\n", seen, lost,
           (unsigned long long)(taken[seen / 2] / 1000),
           (unsigned long long)(taken[seen * 99 / 100] / 1000),
           (unsigned long long)(taken[seen - 1] / 1000));
    return lost != 0;
}
