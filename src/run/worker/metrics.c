/* What a worker tells of itself: Prometheus text, renewed once a second in its state folder. */
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "core/cleanup.h"
#include "core/clock.h"
#include "core/log.h"
#include "worker/worker_state.h"

#define METRICS_EVERY_NS 1000000000ull

static void metric_head(struct writer *out, const char *name, const char *kind, const char *help)
{
    writer_format(out, "# HELP picket_%s %s\n# TYPE picket_%s %s\n", name, help, name, kind);
}

static void metric_put(const struct worker *worker, struct writer *out, const char *name,
                       const char *kind, const char *help, double value)
{
    metric_head(out, name, kind, help);
    writer_format(out, "picket_%s{pipeline=", name);
    writer_json_string(out, span_str(worker->options->group));
    writer_format(out, ",stage=\"%s\"} %.15g\n", worker_stage_name(worker), value);
}

static void dropped_put(const struct worker *worker, struct writer *out, uint64_t lost)
{
    const struct {
        const char *reason;
        uint64_t value;
    } rows[] = {{"retention", lost}, {"signals_over_limit", worker->total.over_matches}};
    metric_head(out, "dropped_total", "counter", "lost, by reason");
    for (size_t index = 0; index < sizeof rows / sizeof *rows; index++) {
        writer_text(out, "picket_dropped_total{pipeline=");
        writer_json_string(out, span_str(worker->options->group));
        writer_format(out, ",stage=\"%s\",reason=\"%s\"} %llu\n", worker_stage_name(worker),
                      rows[index].reason, (unsigned long long)rows[index].value);
    }
}

struct count_row {
    const char *name, *help;
    uint64_t value;
};

static void counts_put(const struct worker *worker, struct writer *out,
                       const struct count_row *rows, size_t count)
{
    for (size_t index = 0; index < count; index++)
        metric_put(worker, out, rows[index].name, "counter", rows[index].help,
                   (double)rows[index].value);
}

static void detect_put(const struct worker *worker, struct writer *out)
{
    const struct work_counts *total = &worker->total;
    const struct count_row rows[] = {
        {"in_total", "events taken and committed: out + filtered + dead", total->in},
        {"out_total", "events that a rule matched", total->out},
        {"filtered_total", "events that no rule matched", total->filtered},
        {"dead_total", "events that could not be read", total->dead},
        {"signals_total", "signals written", total->signals},
        {"undecided_total", "rules whose limit was hit", total->undecided},
    };
    counts_put(worker, out, rows, sizeof rows / sizeof *rows);
}

static void correlate_put(const struct worker *worker, struct writer *out)
{
    const struct work_counts *total = &worker->total;
    const struct count_row rows[] = {
        {"in_total", "signals taken and committed: out + deduplicated + shadow + dead", total->in},
        {"out_total", "alerts raised", total->out},
        {"deduplicated_total", "signals counted into an open alert", total->deduplicated},
        {"shadow_total", "signals of rules in stage shadow: no alert", total->shadow},
        {"dead_total", "records that are no signals", total->dead},
        {"versions_total", "versions of alerts written", total->versions},
        {"evicted_total", "alerts closed early to bound the open ones", total->evicted},
    };
    counts_put(worker, out, rows, sizeof rows / sizeof *rows);
}

void worker_metrics(struct worker *worker, struct writer *out)
{
    const struct exchange_counts counts = exchange_counts(worker->exchange);
    const struct exchange_lag lag =
        exchange_lag(worker->exchange, clock_boot_ns(), (int64_t)(clock_wall_ns() / 1000000));
    uint64_t restarts = 0;
    for (size_t index = 0; index < worker->child_count; index++)
        restarts += worker->children[index].restarts;
    const struct {
        const char *name, *kind, *help;
        double value;
    } rows[] = {
        {"commits_total", "counter", "transactions committed", (double)counts.commits},
        {"rewinds_total", "counter", "times that work was given up and taken again",
         (double)counts.rewinds},
        {"refused_total", "counter", "records at or below an offset taken before: not taken again",
         (double)counts.refused},
        {"rebalances_total", "counter", "assignments of partitions", (double)counts.rebalances},
        {"decoder_restarts_total", "counter", "decoders started anew", (double)restarts},
        {"partitions", "gauge", "partitions assigned",
         (double)exchange_partitions(worker->exchange)},
    };
    if (worker->options->stage == WORKER_DETECT)
        detect_put(worker, out);
    else
        correlate_put(worker, out);
    dropped_put(worker, out, counts.lost);
    for (size_t index = 0; index < sizeof rows / sizeof *rows; index++)
        metric_put(worker, out, rows[index].name, rows[index].kind, rows[index].help,
                   rows[index].value);
    if (!lag.is_known)
        return;
    metric_put(worker, out, "lag_messages", "gauge", "records that wait in the assigned partitions",
               (double)lag.messages);
    metric_put(worker, out, "lag_seconds", "gauge", "at most so long waits the oldest of them",
               (double)lag.wait_ms / 1000);
}

/* Readers see the old text or the new one. */
static err_kind file_renew(int folder, const char *name, span text, struct err_ctx *err)
{
    char fresh[48];
    snprintf(fresh, sizeof fresh, "%s.new", name);
    AUTO(auto_close)
    int fd = openat(folder, fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);
    if (fd < 0 || write(fd, text.data, text.len) != (ssize_t)text.len ||
        renameat(folder, fresh, folder, name))
        return err_set(err, ERR_SYSTEM, "state folder: %s", name);
    return OK;
}

void worker_metrics_look(struct worker *worker, uint64_t now_ns)
{
    AUTO(writer_free) struct writer text;
    struct err_ctx err;
    if (now_ns - worker->metrics_ns < METRICS_EVERY_NS)
        return;
    worker->metrics_ns = now_ns;
    writer_init(&text, METRICS_BYTES_MAX);
    worker_metrics(worker, &text); /* also without a folder: the lag is to be looked at */
    if (worker->options->state_fd < 0)
        return;
    bool has_failed =
        file_renew(worker->options->state_fd, worker->metrics_name, writer_span(&text), &err) != OK;
    if (has_failed && !worker->has_metrics_failed)
        log_event(LOG_WARN, "metrics", "reason='%s'", err.text);
    worker->has_metrics_failed = has_failed;
}
