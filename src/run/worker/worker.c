/* The worker: a member of a consumer group that runs a stage over the records of a topic. Takes
 * records, has decoders work on them, puts what they yield and the positions behind them into one
 * transaction after the other. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/signalfd.h>

#include "core/cleanup.h"
#include "core/clock.h"
#include "core/log.h"
#include "flow/flow.h"
#include "worker/worker_state.h"

#define TICK_MS        50
#define STOP_NS        10000000000ull
#define INSTANCES_MAX  64
#define INSTANCE_BYTES 16
#define PAYLOAD_CUT    (256u << 10)
#define OUTPUT_MAIN    0
#define OUTPUT_DEAD    1

/* ---- outputs ---- */

const char *worker_stage_name(const struct worker *worker)
{
    return worker->options->stage == WORKER_DETECT ? "detect" : "correlate";
}

/* A dead letter that is too large for the broker is cut rather than lost: the position tells where
 * the whole of it stands. */
static err_kind dead_cut(struct worker *worker, span key, struct err_ctx *err)
{
    AUTO(writer_free) struct writer letter;
    char reason[128];
    writer_init(&letter, PAYLOAD_CUT);
    snprintf(reason, sizeof reason, "the record, or what it yields, is too large for a message");
    dead_letter_write(&letter, reason, worker_stage_name(worker), worker->start.source, key,
                      (span){NULL, 0});
    return exchange_put(worker->exchange, OUTPUT_DEAD, key, writer_span(&letter), err);
}

err_kind worker_put(struct worker *worker, enum work_yield kind, int32_t partition, span key,
                    span value, struct err_ctx *err)
{
    if (kind == YIELD_STATE)
        return exchange_state_put(worker->exchange, partition, key, value, err);
    size_t output = kind == YIELD_OUTPUT ? OUTPUT_MAIN : OUTPUT_DEAD;
    err_kind outcome = exchange_put(worker->exchange, output, key, value, err);
    if (outcome != ERR_LIMIT)
        return outcome;
    log_event(LOG_WARN, "too_large", "key='" PRI_SPAN "' bytes=%zu", ARG_SPAN(key), value.len);
    return dead_cut(worker, key, err);
}

/* ---- counts: what was undone does not count ---- */

static void pending_check(struct worker *worker)
{
    if (worker->pending_epoch == exchange_epoch(worker->exchange))
        return;
    worker->pending = (struct work_counts){0};
    worker->pending_epoch = exchange_epoch(worker->exchange);
}

static void committed(void *context)
{
    struct worker *worker = context;
    pending_check(worker);
    work_counts_add(&worker->total, &worker->pending, false);
    worker->pending = (struct work_counts){0};
}

static err_kind commit(struct worker *worker, struct err_ctx *err)
{
    bool is_committed;
    pending_check(worker);
    err_kind kind = exchange_commit(worker->exchange, &is_committed, err);
    worker->committed_ns = clock_boot_ns();
    pending_check(worker);
    return kind;
}

/* ---- what the exchange says ---- */

/* Said to whoever started this worker. */
static void report(const struct worker *worker, const char *text)
{
    int fd = worker->options->report_fd;
    dprintf(fd ? fd : STDERR_FILENO, "picket: %s\n", text);
}

static void assigned(void *context, size_t count)
{
    struct worker *worker = context;
    log_event(LOG_INFO, "assigned", "partitions=%zu", count);
    if (!worker->is_ready)
        report(worker, "ready");
    worker->is_ready = true;
}

static void warned(void *context, const char *event, const char *text)
{
    (void)context;
    log_event(LOG_WARN, "kafka", "what=%s reason='%s'", event, text);
}

/* ---- who this worker is ---- */

/* A number that lasts as long as the state folder, and is held by one process at a time. *ret_fd
 * keeps it. */
static err_kind instance_take(struct worker *worker, char *ret, size_t size, int *ret_fd,
                              struct err_ctx *err)
{
    int folder = worker->options->state_fd;
    for (unsigned number = 0; number < INSTANCES_MAX; number++) {
        char name[32], text[INSTANCE_BYTES + 1] = "";
        snprintf(name, sizeof name, "worker-%u", number);
        AUTO(auto_close)
        int fd = openat(folder, name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (fd < 0)
            return err_set(err, ERR_SYSTEM, "state folder: %s", name);
        if (flock(fd, LOCK_EX | LOCK_NB))
            continue;
        if (pread(fd, text, INSTANCE_BYTES, 0) != INSTANCE_BYTES) {
            uint64_t random;
            if (getrandom(&random, sizeof random, 0) != sizeof random)
                return err_set(err, ERR_SYSTEM, "random numbers");
            snprintf(text, sizeof text, "%016llx", (unsigned long long)random);
            if (pwrite(fd, text, INSTANCE_BYTES, 0) != INSTANCE_BYTES || fsync(fd))
                return err_set(err, ERR_SYSTEM, "state folder: %s", name);
        }
        snprintf(ret, size, "%s-%s", worker->start.hostname, text);
        snprintf(worker->metrics_name, sizeof worker->metrics_name, "worker-%u.prom", number);
        *ret_fd = fd_steal(&fd);
        return OK;
    }
    return err_set(err, ERR_STATE, "%d workers run with this state folder", INSTANCES_MAX);
}

/* ---- records ---- */

struct decoder_child *worker_child(struct worker *worker, int32_t partition)
{
    return &worker->children[worker->child_count ? (size_t)partition % worker->child_count : 0];
}

/* Rebalances happen in here. */
static err_kind fill(struct worker *worker, bool *ret_is_blocked, struct err_ctx *err)
{
    *ret_is_blocked = false;
    for (;;) {
        struct exchange_record record;
        bool is_there;
        err_kind kind = exchange_peek(worker->exchange, &record, &is_there, err);
        pending_check(worker);
        if (kind == OK && worker->careful_to) {
            kind = restore_run(worker, err);
            *ret_is_blocked = !worker->is_whole;
        }
        if (kind != OK || !is_there || *ret_is_blocked)
            return kind;
        bool is_poison =
            worker->careful_to && restore_is_poison(worker, record.partition, record.offset);
        bool is_large = record.payload.len > WORK_VALUE_MAX;
        const struct work_item item = {.kind = is_large    ? WORK_LARGE
                                               : is_poison ? WORK_POISON
                                                           : WORK_RECORD,
                                       .partition = record.partition,
                                       .offset = record.offset,
                                       .time_ms = record.time_ms,
                                       .value = is_large ? (span){NULL, 0} : record.payload};
        *ret_is_blocked = !decoder_put(worker, worker_child(worker, record.partition), &item);
        if (*ret_is_blocked)
            return OK;
        exchange_next(worker->exchange);
    }
}

static bool is_busy(const struct worker *worker)
{
    for (size_t index = 0; index < worker->child_count; index++)
        if (decoder_is_busy(&worker->children[index]))
            return true;
    return false;
}

/* Waits for a signal, records or an answer. ret_signal: a signal that came, or 0. */
static err_kind wait_and_hear(struct worker *worker, bool is_taking, uint32_t *ret_signal,
                              struct err_ctx *err)
{
    struct pollfd waited[JOBS_MAX + 3];
    nfds_t count = 0;
    *ret_signal = 0;
    for (size_t index = 0; index < worker->child_count; index++)
        waited[count++] =
            (struct pollfd){.fd = worker->children[index].channel.fd, .events = POLLIN};
    waited[count++] = (struct pollfd){.fd = worker->signal_fd, .events = POLLIN};
    waited[count++] =
        (struct pollfd){.fd = is_taking ? exchange_fd(worker->exchange) : -1, .events = POLLIN};
    waited[count++] = (struct pollfd){.fd = worker->metrics_fd, .events = POLLIN};
    if (poll(waited, count, TICK_MS) < 0 && errno != EINTR)
        return err_set(err, ERR_SYSTEM, "poll");
    err_kind kind = OK;
    for (size_t index = 0; index < worker->child_count && kind == OK; index++)
        if (waited[index].revents)
            kind = decoder_hear(worker, &worker->children[index], err);
    metrics_serve(worker);
    struct signalfd_siginfo info;
    if (kind == OK && waited[worker->child_count].revents &&
        read(worker->signal_fd, &info, sizeof info) == sizeof info)
        *ret_signal = info.ssi_signo;
    return kind;
}

/* New rules beside the running ones; a set that does not load leaves these. */
static void reload(struct worker *worker)
{
    struct err_ctx err;
    int image_fd = -1;
    if (worker->options->stage != WORKER_DETECT)
        return; /* there are no rules */
    sigset_t alarms, before;
    sigemptyset(&alarms);
    sigaddset(&alarms, SIGALRM);
    sigprocmask(SIG_BLOCK, &alarms, &before); /* the compiler has a time limit of its own */
    int failed = worker->options->compile(worker->options->context, &image_fd);
    sigprocmask(SIG_SETMASK, &before, NULL);
    if (failed) {
        log_event(LOG_ERROR, "reload_refused", "reason='the rules do not load; the old ones stay'");
        return;
    }
    for (size_t index = 0; index < worker->child_count; index++)
        if (decoder_rules(&worker->children[index], image_fd, &err) != OK)
            log_event(LOG_ERROR, "reload", "reason='%s'", err.text);
    close(worker->image_fd);
    worker->image_fd = image_fd;
    log_event(LOG_INFO, "reloaded", " ");
}

/* Until SIGINT, SIGTERM or the end of the period; then what is under way is finished. */
static err_kind loop(struct worker *worker, struct err_ctx *err)
{
    uint64_t period = worker->options->period_ns;
    uint64_t end_ns = period ? clock_boot_ns() + period : UINT64_MAX;
    uint64_t stop_ns = 0;
    err_kind kind = OK;
    while (kind == OK) {
        uint64_t now_ns = clock_boot_ns();
        uint32_t signal_number;
        bool is_blocked = false;
        if (!stop_ns && now_ns >= end_ns)
            stop_ns = now_ns;
        if (stop_ns)
            deadline_phase(DEADLINE_ENDING);
        if (stop_ns && (!is_busy(worker) || now_ns > stop_ns + STOP_NS))
            break;
        if (!stop_ns)
            kind = fill(worker, &is_blocked, err);
        if (!stop_ns && kind == OK && worker->is_whole)
            restore_level_look(worker, now_ns);
        for (size_t index = 0; index < worker->child_count; index++) {
            decoder_send(&worker->children[index], false);
            decoder_watch(&worker->children[index], now_ns);
        }
        worker_metrics_look(worker, now_ns);
        if (kind == OK && now_ns - worker->committed_ns >= worker->options->commit_ns)
            kind = commit(worker, err);
        if (kind == OK)
            kind = wait_and_hear(worker, !stop_ns && !is_blocked, &signal_number, err);
        if (kind == OK && signal_number == SIGHUP)
            reload(worker);
        else if (kind == OK && signal_number && !stop_ns)
            stop_ns = clock_boot_ns();
    }
    return kind == OK ? commit(worker, err) : kind;
}

/* ---- start and end ---- */

static bool text_set(char *into, size_t size, span text)
{
    if (text.len >= size)
        return false;
    memcpy(into, text.data ? text.data : (const uint8_t *)"", text.len);
    into[text.len] = 0;
    return true;
}

static err_kind start_fill(struct worker *worker, struct err_ctx *err)
{
    const struct worker_options *options = worker->options;
    struct decoder_start *start = &worker->start;
    if (gethostname(start->hostname, sizeof start->hostname - 1))
        return err_set(err, ERR_SYSTEM, "hostname");
    start->stage = options->stage;
    start->window_ns = options->window_ns;
    span entity_fields = span_str(options->entity_fields ? options->entity_fields : "");
    if (!text_set(start->entity_fields, sizeof start->entity_fields, entity_fields))
        return err_set(err, ERR_LIMIT, "--entity: at most %zu bytes",
                       sizeof start->entity_fields - 1);
    if (!text_set(start->source, sizeof start->source, span_str(options->source)) ||
        !text_set(start->topic, sizeof start->topic, span_str(options->input)) ||
        !text_set(start->product, sizeof start->product, options->logsource.product) ||
        !text_set(start->category, sizeof start->category, options->logsource.category) ||
        !text_set(start->service, sizeof start->service, options->logsource.service))
        return err_set(err, ERR_LIMIT, "the name of source, topic or logsource is too long");
    return OK;
}

static err_kind children_open(struct worker *worker, struct err_ctx *err)
{
    size_t count = worker->options->jobs;
    err_kind kind = OK;
    worker->children = calloc(count, sizeof *worker->children);
    if (!worker->children)
        return err_set(err, ERR_SYSTEM, "decoders");
    for (; worker->child_count < count && kind == OK; worker->child_count++)
        kind = decoder_open(worker, &worker->children[worker->child_count], err);
    return kind;
}

static err_kind exchange_start(struct worker *worker, const char *instance, struct err_ctx *err)
{
    const struct worker_options *options = worker->options;
    const char *outputs[] = {options->output, options->dlq};
    const struct exchange_options exchange = {
        .brokers = options->brokers,
        .group = options->group,
        .instance = instance,
        .input = options->input,
        .outputs = outputs,
        .output_count = 2,
        .state = options->state_topic,
        .properties = options->properties,
        .property_count = options->property_count,
        .partitions = (int32_t)options->partitions,
        .is_at_least_once = options->is_at_least_once,
        .assigned = assigned,
        .committed = committed,
        .warn = warned,
        .context = worker,
    };
    const char *advice;
    const char *version = kafka_version(&advice);
    if (advice)
        log_event(LOG_WARN, "librdkafka", "version=%s reason='%s'", version, advice);
    return exchange_open(&exchange, &worker->exchange, err);
}

static void summary(const struct worker *worker)
{
    const struct work_counts *total = &worker->total;
    const struct exchange_counts counts = exchange_counts(worker->exchange);
    char text[512];
    log_event(LOG_INFO, "kafka_counts",
              "commits=%llu rewinds=%llu refused=%llu rebalances=%llu lost=%llu",
              (unsigned long long)counts.commits, (unsigned long long)counts.rewinds,
              (unsigned long long)counts.refused, (unsigned long long)counts.rebalances,
              (unsigned long long)counts.lost);
    if (worker->options->stage == WORKER_DETECT)
        snprintf(text, sizeof text,
                 "in=%llu out=%llu filtered=%llu dead=%llu signals=%llu undecided=%llu",
                 (unsigned long long)total->in, (unsigned long long)total->out,
                 (unsigned long long)total->filtered, (unsigned long long)total->dead,
                 (unsigned long long)total->signals, (unsigned long long)total->undecided);
    else
        snprintf(text, sizeof text,
                 "correlate in=%llu out=%llu deduplicated=%llu shadow=%llu dead=%llu versions=%llu "
                 "evicted=%llu",
                 (unsigned long long)total->in, (unsigned long long)total->out,
                 (unsigned long long)total->deduplicated, (unsigned long long)total->shadow,
                 (unsigned long long)total->dead, (unsigned long long)total->versions,
                 (unsigned long long)total->evicted);
    report(worker, text);
}

int worker_run(const struct worker_options *options)
{
    struct err_ctx err;
    struct worker worker = {
        .options = options, .image_fd = options->image_fd, .signal_fd = -1, .metrics_fd = -1};
    AUTO(auto_close) int instance_fd = -1;
    char instance[128];
    log_open("worker", LOG_INFO);
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    err_kind kind = role_signals_open(false, &worker.signal_fd, &err);
    if (kind == OK)
        kind = start_fill(&worker, &err);
    if (kind == OK && options->state_fd >= 0)
        kind = instance_take(&worker, instance, sizeof instance, &instance_fd, &err);
    if (kind == OK && options->state_topic)
        kind = restore_open(&worker, &err);
    if (kind == OK)
        kind = metrics_open(&worker, &err);
    if (kind == OK)
        kind = children_open(&worker, &err);
    if (kind == OK) {
        deadline_open();
        kind = exchange_start(&worker, options->state_fd >= 0 ? instance : NULL, &err);
        deadline_phase(DEADLINE_WORKING);
    }
    if (kind == OK)
        kind = loop(&worker, &err);
    if (worker.exchange) {
        worker.metrics_ns = 0; /* once more, with the last commit */
        worker_metrics_look(&worker, clock_boot_ns());
        summary(&worker);
    }
    if (kind != OK)
        log_event(LOG_ERROR, "worker_ended", "reason='%s'", err.text);
    if (kind == OK)
        deadline_phase(DEADLINE_LEAVING);
    exchange_close(worker.exchange);
    for (size_t index = 0; index < worker.child_count; index++)
        decoder_close(&worker.children[index]);
    free(worker.children);
    restore_close(&worker);
    metrics_close(&worker);
    if (worker.signal_fd >= 0)
        close(worker.signal_fd);
    if (worker.image_fd >= 0)
        close(worker.image_fd);
    return kind == OK ? 0 : 1;
}
