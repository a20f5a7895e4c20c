/* Diagnostics on stderr: one line an event, `level event key=value …`. Only role/, cli/ and
 * pipeline/ call it. Text in values is escaped for a terminal. */
#pragma once

#define LOG_BURST     10
#define LOG_WINDOW_NS 10000000000ull

typedef enum { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG } log_level;

/* Who speaks, put in front of every line ("sensor"); borrowed for good. Lines above `max` are left
 * out. */
void log_open(const char *role, log_level max);
/* At most LOG_BURST lines of one event in LOG_WINDOW_NS; the next window says how many were left
 * out. event: a constant name in snake_case; format gives the fields, `path='%s' count=%u`. */
__attribute__((format(printf, 3, 4))) void log_event(log_level level, const char *event,
                                                     const char *format, ...);
