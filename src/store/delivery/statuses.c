/* What sinks say of themselves, for those who look on: `picket sink status`, `picket status`,
 * /metrics. A sink's own folder is written by a process that talks to the network: its file is
 * bounded, checked, and never more than shown. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include <sys/stat.h>

#include "core/cleanup.h"
#include "core/clock.h"
#include "delivery/delivery.h"

#define STATUS_BYTES_MAX (256 << 10)
#define LOST_NS          10000000000ull /* it says something every second */

static const char *member(const json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

static long long count_of(const json_t *object, const char *key)
{
    return json_integer_value(json_object_get(object, key));
}

/* ---- reading ---- */

/* What keeps its word and is silent has been killed, or hangs. */
static void lost_mark(json_t *status)
{
    const char *updated = member(status, "updated");
    uint64_t then_ns, now_ns = clock_wall_ns();
    bool is_silent = !updated || !clock_parse(updated, &then_ns) ||
                     (now_ns > then_ns && now_ns - then_ns > LOST_NS);
    if (is_silent && strcmp(member(status, "state"), "stopped") != 0)
        json_object_set_new(status, "state", json_string("lost"));
}

/* False: it has none yet, or it is not one. */
static bool status_read(int sinks_fd, const char *name, json_t **ret)
{
    char path[NAME_MAX + 16];
    struct stat info;
    snprintf(path, sizeof path, "%s/status.json", name);
    AUTO(auto_close)
    int fd = openat(sinks_fd, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0 || fstat(fd, &info) || !S_ISREG(info.st_mode) || info.st_size > STATUS_BYTES_MAX)
        return false;
    *ret = json_loadfd(fd, 0, NULL);
    const char *sink = member(*ret, "sink"), *kind = member(*ret, "kind");
    if (sink && strcmp(sink, name) == 0 && kind && sink_kind_find(span_str(kind)) &&
        member(*ret, "state")) {
        lost_mark(*ret);
        return true;
    }
    json_decref(*ret);
    return false;
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

err_kind delivery_statuses_read(int sinks_fd, json_t **ret, struct err_ctx *err)
{
    struct dirent **entries = NULL;
    json_t *all = json_array();
    int count = sinks_fd < 0 ? 0 : scandirat(sinks_fd, ".", &entries, NULL, by_name);
    if (!all || count < 0) {
        json_decref(all);
        return err_set(err, ERR_SYSTEM, "state folder: sinks");
    }
    for (int index = 0; index < count; index++) {
        json_t *status;
        if (entries[index]->d_name[0] != '.' &&
            status_read(sinks_fd, entries[index]->d_name, &status))
            json_array_append_new(all, status);
        free(entries[index]);
    }
    free(entries);
    *ret = all;
    return OK;
}

/* ---- metrics ---- */

static const struct {
    const char *metric, *type, *key, *reason, *help;
} metric_table[] = {
    {"picket_sink_in_total", "counter", "in", NULL, "records read"},
    {"picket_sink_out_total", "counter", "out", NULL, "records that the receiver took"},
    {"picket_sink_filtered_total", "counter", "filtered", NULL, "records not for this sink"},
    {"picket_sink_dead_total", "counter", "dead", NULL, "records that the receiver refused"},
    {"picket_sink_dropped_total", "counter", "trimmed", "trimmed",
     "records that were never sent, and dead letters that gave way"},
    {"picket_sink_dropped_total", "counter", "expired", "expired", NULL},
    {"picket_sink_dropped_total", "counter", "dead_letters", "dead_letters", NULL},
    {"picket_sink_retried_total", "counter", "retried", NULL, "records tried again"},
    {"picket_sink_lag_records", "gauge", "lag", NULL, "records not sent yet"},
    {"picket_sink_lag_bytes", "gauge", "lag_bytes", NULL, "their batches, as stored"},
    {"picket_sink_lag_seconds", "gauge", "lag_seconds", NULL, "age of the oldest of them"},
};

static double number(const json_t *status, size_t metric)
{
    const json_t *from = metric_table[metric].reason ? json_object_get(status, "dropped") : status;
    return json_number_value(json_object_get(from, metric_table[metric].key));
}

static void labels_write(const json_t *status, struct writer *out)
{
    writer_format(out, "{sink=\"%s\",kind=\"%s\"", member(status, "sink"), member(status, "kind"));
}

/* 1: it works; 0: its receiver is down, or it is itself, since the time beside it. */
static void up_write(const json_t *all, struct writer *out)
{
    size_t index;
    json_t *status;
    writer_text(out, "# HELP picket_sink_up 0: the receiver takes nothing, or the sink is lost\n"
                     "# TYPE picket_sink_up gauge\n");
    json_array_foreach(all, index, status)
    {
        bool is_up = !member(status, "down_since") && strcmp(member(status, "state"), "lost") != 0;
        writer_text(out, "picket_sink_up");
        labels_write(status, out);
        writer_format(out, "} %d\n", is_up);
    }
    writer_text(out,
                "# HELP picket_sink_down_since_seconds since when it takes nothing, Unix time\n"
                "# TYPE picket_sink_down_since_seconds gauge\n");
    json_array_foreach(all, index, status)
    {
        uint64_t since_ns;
        const char *since = member(status, "down_since");
        if (!since || !clock_parse(since, &since_ns))
            continue;
        writer_text(out, "picket_sink_down_since_seconds");
        labels_write(status, out);
        writer_format(out, "} %.3f\n", (double)since_ns / 1e9);
    }
}

void delivery_statuses_metrics(const json_t *all, struct writer *out)
{
    for (size_t metric = 0; metric < sizeof metric_table / sizeof *metric_table; metric++) {
        size_t index;
        json_t *status;
        if (metric_table[metric].help)
            writer_format(out, "# HELP %s %s\n# TYPE %s %s\n", metric_table[metric].metric,
                          metric_table[metric].help, metric_table[metric].metric,
                          metric_table[metric].type);
        json_array_foreach(all, index, status)
        {
            writer_text(out, metric_table[metric].metric);
            labels_write(status, out);
            if (metric_table[metric].reason)
                writer_format(out, ",reason=\"%s\"", metric_table[metric].reason);
            writer_format(out, "} %.15g\n", number(status, metric));
        }
    }
    up_write(all, out);
}

/* ---- for people ---- */

static void line_write(struct writer *out, const char *what, const char *text)
{
    if (!text)
        return;
    writer_format(out, "    %s", what);
    writer_terminal(out, span_str(text));
    writer_text(out, "\n");
}

void delivery_statuses_text(const json_t *all, struct writer *out)
{
    size_t index;
    json_t *status;
    writer_format(out, "%-20s %-14s %-9s %10s %10s %8s %8s %8s %8s %10s %8s\n", "sink", "kind",
                  "state", "in", "out", "filtered", "dead", "dropped", "lag", "lag-bytes",
                  "oldest");
    json_array_foreach(all, index, status)
    {
        const json_t *dropped = json_object_get(status, "dropped");
        long long lost = count_of(dropped, "trimmed") + count_of(dropped, "expired") +
                         count_of(dropped, "dead_letters");
        writer_format(out, "%-20s %-14s %-9s %10lld %10lld %8lld %8lld %8lld %8lld %10lld %7.0fs\n",
                      member(status, "sink"), member(status, "kind"), member(status, "state"),
                      count_of(status, "in"), count_of(status, "out"), count_of(status, "filtered"),
                      count_of(status, "dead"), lost, count_of(status, "lag"),
                      count_of(status, "lag_bytes"),
                      json_number_value(json_object_get(status, "lag_seconds")));
        line_write(out, "down since ", member(status, "down_since"));
        const char *trouble = member(status, "trouble");
        line_write(out, "", trouble);
        if (!trouble)
            line_write(out, "last error: ", member(status, "last_error"));
    }
}
