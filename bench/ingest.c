/* Load for `picket ingest` at a fixed rate, and how long after a body was begun to be sent the
 * signal of its last event is printed.
 *   ingest ADDR PORT BODIES_A_SECOND EVENTS_A_BODY SECONDS <signals
 * Every event but a body's last one matches no rule; that one carries the time in its field `n`. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define CONNECTIONS   16
#define SAMPLES_MAX   1000000
#define BODY_MAX      (4u << 20)
#define LAST_WORDS_NS 3000000000ull

static uint64_t samples[SAMPLES_MAX], answers[SAMPLES_MAX];
static size_t sample_count, answer_count, refused;
static char body[BODY_MAX];
static int sockets[CONNECTIONS];
static uint64_t sent_at[CONNECTIONS]; /* 0: free */

static uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static size_t events_write(char *into, unsigned count, uint64_t stamp)
{
    size_t len = 0;
    for (unsigned index = 0; index < count; index++)
        len += (size_t)sprintf(
            into + len,
            "{\"ts\":\"2026-11-21T10:00:00Z\",\"host\":\"web-1\",\"user\":\"alice\","
            "\"msg\":\"GET /index.html from 10.0.0.1\",\"status\":200,"
            "\"n\":\"%s%llu\"}\n",
            index + 1 == count ? "mark-" : "", (unsigned long long)stamp);
    return len;
}

static void post(int number, unsigned events)
{
    static char text[BODY_MAX];
    sent_at[number] = now_ns();
    size_t len = events_write(text, events, sent_at[number]);
    size_t head = (size_t)sprintf(body,
                                  "POST /v1/events/app HTTP/1.1\r\nHost: x\r\n"
                                  "Content-Length: %zu\r\n\r\n",
                                  len);
    memcpy(body + head, text, len);
    for (size_t at = 0; at < head + len;) {
        ssize_t count = write(sockets[number], body + at, head + len - at);
        if (count < 0)
            exit(3);
        at += (size_t)count;
    }
}

static void answer_read(int number)
{
    char text[4096];
    ssize_t len = read(sockets[number], text, sizeof text - 1);
    if (len <= 0)
        exit(4);
    text[len] = 0;
    if (strncmp(text, "HTTP/1.1 202", 12) != 0)
        refused++;
    else if (answer_count < SAMPLES_MAX)
        answers[answer_count++] = now_ns() - sent_at[number];
    sent_at[number] = 0;
}

static void lines_read(void)
{
    static char buffer[1 << 20];
    static size_t len;
    ssize_t count = read(STDIN_FILENO, buffer + len, sizeof buffer - 1 - len);
    if (count <= 0)
        exit(5);
    len += (size_t)count;
    buffer[len] = 0;
    char *line = buffer, *end;
    while ((end = memchr(line, '\n', len - (size_t)(line - buffer)))) {
        *end = 0;
        const char *mark = strstr(line, "mark-");
        if (mark && sample_count < SAMPLES_MAX)
            samples[sample_count++] = now_ns() - strtoull(mark + 5, NULL, 10);
        line = end + 1;
    }
    len -= (size_t)(line - buffer);
    memmove(buffer, line, len);
}

static int compare(const void *a, const void *b)
{
    uint64_t one = *(const uint64_t *)a, two = *(const uint64_t *)b;
    return (one > two) - (one < two);
}

static void show(const char *name, uint64_t *values, size_t count)
{
    qsort(values, count, sizeof *values, compare);
    if (count)
        printf("%s: p50 %.1f ms, p99 %.1f ms, most %.1f ms (%zu)\n", name,
               (double)values[count / 2] / 1e6, (double)values[count * 99 / 100] / 1e6,
               (double)values[count - 1] / 1e6, count);
}

int main(int argc, char **argv)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    if (argc != 6 || inet_pton(AF_INET, argv[1], &address.sin_addr) != 1)
        return 2;
    address.sin_port = htons((uint16_t)atoi(argv[2]));
    double rate = atof(argv[3]);
    unsigned events = (unsigned)atoi(argv[4]);
    uint64_t start = now_ns(), end = start + (uint64_t)(atof(argv[5]) * 1e9), sent = 0, late = 0;
    for (int number = 0; number < CONNECTIONS; number++) {
        const int on = 1;
        sockets[number] = socket(AF_INET, SOCK_STREAM, 0);
        setsockopt(sockets[number], IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        if (connect(sockets[number], (struct sockaddr *)&address, sizeof address))
            return 3;
    }
    while (now_ns() < end || (sample_count < sent - refused && now_ns() < end + LAST_WORDS_NS)) {
        struct pollfd waited[CONNECTIONS + 1] = {{.fd = STDIN_FILENO, .events = POLLIN}};
        uint64_t due = now_ns() < end ? (uint64_t)((double)(now_ns() - start) / 1e9 * rate) : 0;
        for (int number = 0; number < CONNECTIONS; number++) {
            if (!sent_at[number] && sent < due) {
                post(number, events);
                sent++;
            }
            waited[number + 1] = (struct pollfd){.fd = sockets[number], .events = POLLIN};
        }
        late += sent < due;
        poll(waited, CONNECTIONS + 1, 1);
        for (int number = 0; number < CONNECTIONS; number++)
            if (waited[number + 1].revents)
                answer_read(number);
        if (waited[0].revents)
            lines_read();
    }
    printf("sent %llu bodies of %u events, %.0f events/s, %zu refused\n", (unsigned long long)sent,
           events, (double)sent * events / atof(argv[5]), refused);
    show("accept to acknowledgement", answers, answer_count);
    show("accept to signal", samples, sample_count);
    return 0;
}
