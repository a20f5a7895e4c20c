#include "worker/worker.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "core/cleanup.h"

#define JOBS_MAX 64

struct worker_words {
    const char *config;
    const char *stages;
    const char *brokers;
    const char *group;
    const char *source;
    const char *input;
    const char *logsource;
    const char *entity;
    struct option_list rules;
    const char *output;
    const char *dlq;
    uint64_t partitions;
    struct option_list kafka;
    const char *guarantee;
    uint64_t commit_ns;
    const char *state;
    const char *metrics;
    uint64_t jobs;
    uint64_t period_ns;
};

static const struct option_desc rows[] = {
    {"config", OPTION_TEXT, offsetof(struct worker_words, config), NULL, "FILE",
     "options as `name: value` lines; the command line wins"},
    {"stages", OPTION_TEXT, offsetof(struct worker_words, stages), "detect", "STAGE",
     "what this worker does: detect"},
    {"brokers", OPTION_TEXT, offsetof(struct worker_words, brokers), NULL, "HOST:PORT,...",
     "where the cluster is met first"},
    {"group", OPTION_TEXT, offsetof(struct worker_words, group), NULL, "NAME",
     "consumer group: its members share the partitions"},
    {"source", OPTION_TEXT, offsetof(struct worker_words, source), "json", "NAME",
     "what a record is: syslog, ... (docs/sources.md); kernel: JSON with flat Falco keys; any "
     "other "
     "name is of JSON objects"},
    {"input", OPTION_TEXT, offsetof(struct worker_words, input), NULL, "TOPIC",
     "records to read; a new group starts at the earliest"},
    {"logsource", OPTION_TEXT, offsetof(struct worker_words, logsource), NULL, "K=V,...",
     "product, category, service of all events (else what the source says)"},
    {"entity", OPTION_TEXT, offsetof(struct worker_words, entity), NULL, "FIELD,...",
     "fields that say what an event is about: signals are keyed by the first that is there"},
    {"rules", OPTION_LIST, offsetof(struct worker_words, rules), NULL, "PATH",
     "rule file or folder, in place of the shipped set; SIGHUP loads them anew"},
    {"output", OPTION_TEXT, offsetof(struct worker_words, output), NULL, "TOPIC",
     "signals, keyed by entity; made where it is missing"},
    {"dlq", OPTION_TEXT, offsetof(struct worker_words, dlq), NULL, "TOPIC",
     "records that cannot be read (default: the output's name and .dlq)"},
    {"partitions", OPTION_COUNT, offsetof(struct worker_words, partitions), NULL, "N",
     "refuse to start unless the input has so many (default: not checked)"},
    {"kafka", OPTION_LIST, offsetof(struct worker_words, kafka), NULL, "NAME=VALUE",
     "property of librdkafka: security.protocol=ssl, sasl.username=..."},
    {"guarantee", OPTION_CHOICE, offsetof(struct worker_words, guarantee), "exactly-once",
     "exactly-once|at-least-once",
     "at-least-once: no transactions; what is done anew after a failure is there twice"},
    {"commit-interval", OPTION_DURATION, offsetof(struct worker_words, commit_ns), "100ms", NULL,
     "time between transactions"},
    {"state", OPTION_TEXT, offsetof(struct worker_words, state), NULL, "DIR",
     "keeps who this worker is, so that it gets its partitions back at once"},
    {"metrics", OPTION_TEXT, offsetof(struct worker_words, metrics), NULL, "ADDR:PORT",
     "counters and lag for Prometheus: GET /metrics, /health; also in the state folder"},
    {"jobs", OPTION_COUNT, offsetof(struct worker_words, jobs), "1", "N",
     "decoders that work side by side"},
    {"for", OPTION_DURATION, offsetof(struct worker_words, period_ns), NULL, NULL,
     "end after this time"},
};

static const struct option_table table = {
    .command = "worker",
    .usage = "--brokers HOST:PORT --group NAME --input TOPIC --output TOPIC [options]",
    .summary =
        "Runs rules over the records of a Kafka topic, as a member of a consumer group. Signals\n"
        "and positions are committed in one transaction: readers with read_committed see every\n"
        "signal once. Says ready on stderr once it is assigned; SIGTERM commits and ends.",
    .examples = "  picket worker --brokers k1:9092 --group detect --input events.app \\\n"
                "    --rules ./rules --output signals --dlq dead\n",
    .rows = rows,
    .row_count = sizeof rows / sizeof *rows,
};

static bool words_check(const struct worker_words *words)
{
    const struct {
        const char *name, *value;
    } needed[] = {{"brokers", words->brokers},
                  {"group", words->group},
                  {"input", words->input},
                  {"output", words->output}};
    for (size_t index = 0; index < sizeof needed / sizeof *needed; index++) {
        if (needed[index].value)
            continue;
        fprintf(stderr, "picket: worker needs --%s\n", needed[index].name);
        return false;
    }
    if (strcmp(words->stages, "detect") != 0) {
        fprintf(stderr, "picket: --stages '%s': this version's workers do detect\n", words->stages);
        return false;
    }
    if (words->jobs < 1 || words->jobs > JOBS_MAX) {
        fprintf(stderr, "picket: --jobs: expected 1 to %d\n", JOBS_MAX);
        return false;
    }
    return true;
}

static int compile(void *context, int *ret_image_fd)
{
    const struct worker_words *words = context;
    return cli_image(&words->rules, NULL, words->source, ret_image_fd);
}

int cli_worker(int argc, const char *const *argv)
{
    struct worker_words words = {0};
    struct err_ctx err;
    struct logsource logsource;
    char dlq[256];
    int code, image_fd;
    if (!cli_options(&table, argc, argv, &words, NULL, &code))
        return code;
    if (!words_check(&words) || !cli_logsource(words.logsource, &logsource))
        return EXIT_USAGE;
    snprintf(dlq, sizeof dlq, "%s.dlq", words.output);
    AUTO(auto_close) int state_fd = -1;
    if (words.state && folder_open(words.state, &state_fd, &err) != OK)
        return cli_fail(&err);
    code = compile(&words, &image_fd);
    if (code != EXIT_DONE)
        return code;
    return worker_run(&(struct worker_options){
        .brokers = words.brokers,
        .group = words.group,
        .source = words.source,
        .input = words.input,
        .output = words.output,
        .dlq = words.dlq ? words.dlq : dlq,
        .properties = words.kafka.items,
        .property_count = words.kafka.count,
        .logsource = logsource,
        .entity_fields = words.entity,
        .metrics = words.metrics,
        .partitions = words.partitions,
        .is_at_least_once = strcmp(words.guarantee, "at-least-once") == 0,
        .commit_ns = words.commit_ns,
        .period_ns = words.period_ns,
        .jobs = words.jobs,
        .state_fd = state_fd,
        .image_fd = image_fd,
        .compile = compile,
        .context = &words,
    });
}
