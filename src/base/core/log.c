#include "core/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/writer.h"

#define NAMES_MAX 64

struct name_rate {
    const char *event;
    uint64_t since_ns;
    uint32_t count;
};

static struct {
    const char *role;
    log_level max;
    struct name_rate rates[NAMES_MAX];
} log_sink = {.role = "picket", .max = LOG_INFO};

void log_open(const char *role, log_level max)
{
    log_sink.role = role;
    log_sink.max = max;
}

/* False: this event has had its lines for now. *ret_left_out: lines of the window before. */
static bool rate_allows(const char *event, uint32_t *ret_left_out)
{
    uint64_t now_ns = clock_boot_ns();
    *ret_left_out = 0;
    for (size_t index = 0; index < NAMES_MAX; index++) {
        struct name_rate *rate = &log_sink.rates[index];
        if (rate->event && strcmp(rate->event, event) != 0)
            continue;
        if (!rate->event || now_ns - rate->since_ns > LOG_WINDOW_NS) {
            *ret_left_out = rate->count > LOG_BURST ? rate->count - LOG_BURST : 0;
            *rate = (struct name_rate){.event = event, .since_ns = now_ns};
        }
        return ++rate->count <= LOG_BURST;
    }
    return true;
}

void log_event(log_level level, const char *event, const char *format, ...)
{
    static const char *const level_name[] = {"error", "warn", "info", "debug"};
    uint32_t left_out;
    if (level > log_sink.max || !rate_allows(event, &left_out))
        return;
    char fields[2048];
    va_list args;
    va_start(args, format);
    vsnprintf(fields, sizeof fields, format, args);
    va_end(args);
    struct writer line;
    writer_init(&line, 16384);
    writer_format(&line, "picket[%s] %s %s", log_sink.role, level_name[level], event);
    if (fields[0])
        writer_byte(&line, ' ');
    writer_terminal(&line, span_str(fields));
    if (left_out)
        writer_format(&line, " left_out=%u", left_out);
    writer_byte(&line, '\n');
    ssize_t written = write(STDERR_FILENO, line.data, line.len);
    (void)written; /* stderr may be gone: there is no other place to say so */
    writer_free(&line);
}
