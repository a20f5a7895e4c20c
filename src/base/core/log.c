#include "core/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include "core/writer.h"

static struct {
    const char *role;
    log_level max;
} log_sink = {"picket", LOG_INFO};

void log_open(const char *role, log_level max)
{
    log_sink.role = role;
    log_sink.max = max;
}

void log_event(log_level level, const char *event, const char *format, ...)
{
    static const char *const level_name[] = {"error", "warn", "info", "debug"};
    if (level > log_sink.max)
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
    writer_byte(&line, '\n');
    ssize_t written = write(STDERR_FILENO, line.data, line.len);
    (void)written; /* stderr may be gone: there is no other place to say so */
    writer_free(&line);
}
