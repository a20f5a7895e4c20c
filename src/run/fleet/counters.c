/* The counters of a pipeline on Kafka: what its worker keeps as Prometheus text (worker/metrics.c).
 * They count since the worker's start; the topics themselves hold the rest. */
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/cleanup.h"
#include "fleet/pipelines.h"

#define COUNTERS_FILE  "worker-0.prom" /* a pipeline has one worker a state folder */
#define COUNTERS_BYTES (64u << 10)
#define NAME_BYTES     48

static json_t *value_make(span text)
{
    char digits[32];
    snprintf(digits, sizeof digits, "%.*s", (int)text.len, (const char *)text.data);
    double value = strtod(digits, NULL);
    bool is_whole = value >= 0 && value < 9e15 && value == (double)(json_int_t)value;
    return is_whole ? json_integer((json_int_t)value) : json_real(value);
}

/* `…,reason="signals_over_limit"`: one of a group. */
static void reason_put(json_t *into, span labels, span value)
{
    static const span mark = SPAN(",reason=\"");
    const uint8_t *at = memmem(labels.data, labels.len, mark.data, mark.len);
    span rest = at ? span_after(labels, (size_t)(at - labels.data) + mark.len) : SPAN(""), reason;
    json_t *dropped = json_object_get(into, "dropped");
    if (!at || !span_until(&rest, '"', &reason))
        return;
    if (!dropped) {
        dropped = json_object();
        json_object_set_new(into, "dropped", dropped);
    }
    char name[NAME_BYTES];
    snprintf(name, sizeof name, "%.*s", (int)reason.len, (const char *)reason.data);
    json_object_set_new(dropped, name, value_make(value));
}

/* picket_in_total{pipeline="g"} 7 → "in": 7 */
static void line_take(json_t *into, span line)
{
    span rest = line, name, labels;
    char key[NAME_BYTES];
    if (!span_starts(line, SPAN("picket_")) || !span_until(&rest, '{', &name))
        return;
    const uint8_t *end = memrchr(rest.data, '}', rest.len);
    if (!end || (size_t)(end - rest.data) + 2 >= rest.len)
        return;
    labels = span_first(rest, (size_t)(end - rest.data));
    rest = span_after(rest, labels.len + 2);
    name = span_after(name, strlen("picket_"));
    if (span_ends(name, SPAN("_total")))
        name.len -= strlen("_total");
    if (span_eq(name, SPAN("dropped"))) {
        reason_put(into, labels, rest);
        return;
    }
    snprintf(key, sizeof key, "%.*s", (int)name.len, (const char *)name.data);
    json_object_set_new(into, key, value_make(rest));
}

int fleet_worker_open(int folder)
{
    return openat(folder, COUNTERS_FILE, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
}

void fleet_worker_counters(int fd, struct json_t *into)
{
    AUTO(auto_free) char *text = malloc(COUNTERS_BYTES);
    ssize_t len = text && fd >= 0 ? read(fd, text, COUNTERS_BYTES) : -1;
    span rest = span_of(text, len > 0 ? (size_t)len : 0), line;
    while (span_until(&rest, '\n', &line))
        line_take(into, line);
}
