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
    const char *alerts;
    uint64_t window_ns;
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
    {"stages", OPTION_TEXT, offsetof(struct worker_words, stages), "detect", "STAGE,...",
     "detect: events to signals; correlate: signals to alerts; or both, one process each"},
    {"brokers", OPTION_TEXT, offsetof(struct worker_words, brokers), NULL, "HOST:PORT,...",
     "where the cluster is met first"},
    {"group", OPTION_TEXT, offsetof(struct worker_words, group), NULL, "NAME",
     "consumer group: its members share the partitions; that of correlate is NAME.correlate"},
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
     "signals, keyed by entity (of correlate alone: alerts); made where it is missing"},
    {"alerts", OPTION_TEXT, offsetof(struct worker_words, alerts), NULL, "TOPIC",
     "alerts, keyed by their id, where detect works too (default: the output's name and .alerts)"},
    {"window", OPTION_DURATION, offsetof(struct worker_words, window_ns), "10m", NULL,
     "correlate: for so long signals of one rule and entity are one alert"},
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
     "counters and lag for Prometheus: GET /metrics, /health; also in the state folder; of two "
     "stages the second has the next port"},
    {"jobs", OPTION_COUNT, offsetof(struct worker_words, jobs), "1", "N",
     "decoders that work side by side"},
    {"for", OPTION_DURATION, offsetof(struct worker_words, period_ns), NULL, NULL,
     "end after this time"},
};

static const struct option_table table = {
    .command = "worker",
    .usage = "--brokers HOST:PORT --group NAME --input TOPIC --output TOPIC [options]",
    .summary =
        "Runs rules over the records of a Kafka topic, as a member of a consumer group, or makes\n"
        "alerts of signals. Outputs, state and positions are committed in one transaction: "
        "readers\n"
        "with read_committed see every one once. Says ready on stderr once it is assigned; "
        "SIGTERM\n"
        "commits and ends.",
    .examples = "  picket worker --brokers k1:9092 --group detect --input events.app \\\n"
                "    --rules ./rules --output signals --dlq dead\n"
                "  picket worker --stages detect,correlate --brokers k1:9092 --group app \\\n"
                "    --input events.app --rules ./rules --output signals --alerts alerts\n",
    .rows = rows,
    .row_count = sizeof rows / sizeof *rows,
};

static bool words_check(const struct worker_words *words, unsigned stages)
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
    if (stages & 1u << WORKER_CORRELATE && strcmp(words->guarantee, "at-least-once") == 0) {
        fprintf(stderr, "picket: --guarantee at-least-once: a signal done anew would be counted "
                        "twice; correlate works exactly once\n");
        return false;
    }
    if (words->jobs < 1 || words->jobs > JOBS_MAX) {
        fprintf(stderr, "picket: --jobs: expected 1 to %d\n", JOBS_MAX);
        return false;
    }
    return true;
}

/* What a worker writes it must not read again. */
static bool topics_check(const struct worker_options *options)
{
    const struct {
        const char *name, *other_name, *topic, *other;
    } pairs[] = {{"--output", "--input", options->output, options->input},
                 {"--dlq", "--input", options->dlq, options->input},
                 {"--dlq", "--output", options->dlq, options->output}};
    for (size_t index = 0; index < sizeof pairs / sizeof *pairs; index++) {
        if (strcmp(pairs[index].topic, pairs[index].other) != 0)
            continue;
        fprintf(stderr, "picket: topic '%s' is that of %s and of %s: expected another one\n",
                pairs[index].topic, pairs[index].other_name, pairs[index].name);
        return false;
    }
    return true;
}

/* "detect,correlate" in any order, a bit each (enum worker_stage). */
static bool stages_read(const char *words, unsigned *ret)
{
    static const char *const names[WORKER_STAGES] = {
        [WORKER_DETECT] = "detect", [WORKER_CORRELATE] = "correlate"};
    unsigned stages = 0;
    while (words) {
        size_t len = strcspn(words, ","), number = 0;
        while (number < WORKER_STAGES &&
               (strlen(names[number]) != len || memcmp(names[number], words, len) != 0))
            number++;
        if (len == strlen("triage") && memcmp(words, "triage", len) == 0) {
            fprintf(stderr, "picket: --stages triage: this version has no playbooks for it to run; "
                            "there are detect and correlate\n");
            return false;
        }
        if (number == WORKER_STAGES) {
            fprintf(stderr, "picket: --stages '%.*s': expected detect, correlate, or both\n",
                    (int)len, words);
            return false;
        }
        stages |= 1u << number;
        words = words[len] ? words + len + 1 : NULL;
    }
    *ret = stages;
    return true;
}

static int compile(void *context, int *ret_image_fd)
{
    const struct worker_words *words = context;
    return cli_image(&words->rules, NULL, words->source, ret_image_fd);
}

/* Names that are made from other names, and what else must live as long as the worker. */
struct worker_names {
    char dlq[256], alerts[256], alerts_dlq[256];
    char group[256], state_topic[300];
    char metrics[128];
    int detect_fd, correlate_fd; /* state folders; -1: none */
};

static void options_common(const struct worker_words *words, struct worker_options *ret)
{
    *ret = (struct worker_options){
        .brokers = words->brokers,
        .group = words->group,
        .source = words->source,
        .input = words->input,
        .output = words->output,
        .dlq = words->dlq,
        .properties = words->kafka.items,
        .property_count = words->kafka.count,
        .metrics = words->metrics,
        .partitions = words->partitions,
        .is_at_least_once = strcmp(words->guarantee, "at-least-once") == 0,
        .commit_ns = words->commit_ns,
        .period_ns = words->period_ns,
        .jobs = words->jobs,
        .state_fd = -1,
        .image_fd = -1,
    };
}

/* The port behind that of detect. */
static bool metrics_next(const char *metrics, char *ret, size_t size)
{
    const char *colon = strrchr(metrics, ':');
    char *end = NULL;
    unsigned long port = colon ? strtoul(colon + 1, &end, 10) : 0;
    if (!colon || *end || port < 1 || port >= 65535) {
        fprintf(stderr, "picket: --metrics '%s': expected ADDR:PORT, and a port behind it\n",
                metrics);
        return false;
    }
    snprintf(ret, size, "%.*s:%lu", (int)(colon - metrics), metrics, port + 1);
    return true;
}

/* is_second: detect works too, and the signals are its output. */
static bool correlate_fill(const struct worker_words *words, bool is_second,
                           struct worker_names *names, struct worker_options *options)
{
    options_common(words, options);
    snprintf(names->group, sizeof names->group, "%s.correlate", words->group);
    snprintf(names->alerts, sizeof names->alerts, "%s.alerts", words->output);
    options->stage = WORKER_CORRELATE;
    options->source = "signals";
    options->window_ns = words->window_ns;
    options->is_at_least_once = false;
    options->state_fd = names->correlate_fd;
    options->group = names->group;
    if (is_second) {
        options->input = words->output;
        options->output = words->alerts ? words->alerts : names->alerts;
        options->partitions = 0; /* of events */
    }
    snprintf(names->state_topic, sizeof names->state_topic, "%s.state", names->group);
    options->state_topic = names->state_topic;
    snprintf(names->alerts_dlq, sizeof names->alerts_dlq, "%s.dlq", options->output);
    if (!options->dlq)
        options->dlq = names->alerts_dlq;
    if (!is_second || !words->metrics)
        return true;
    options->metrics = names->metrics;
    return metrics_next(words->metrics, names->metrics, sizeof names->metrics);
}

static int detect_fill(struct worker_words *words, const struct logsource *logsource,
                       struct worker_names *names, struct worker_options *options)
{
    options_common(words, options);
    snprintf(names->dlq, sizeof names->dlq, "%s.dlq", words->output);
    options->stage = WORKER_DETECT;
    options->dlq = words->dlq ? words->dlq : names->dlq;
    options->logsource = *logsource;
    options->entity_fields = words->entity;
    options->state_fd = names->detect_fd;
    options->compile = compile;
    options->context = words;
    return compile(words, &options->image_fd);
}

/* Who a worker is, is kept by stage: each is a member of its own group. */
static err_kind folders_open(const struct worker_words *words, unsigned stages,
                             struct worker_names *names, struct err_ctx *err)
{
    char below[4096];
    const char *path = words->state;
    names->detect_fd = names->correlate_fd = -1;
    if (!path)
        return OK;
    err_kind kind = OK;
    if (stages & 1u << WORKER_DETECT) {
        kind = folder_open(path, &names->detect_fd, err);
        if (snprintf(below, sizeof below, "%s/correlate", path) >= (int)sizeof below)
            return err_set(err, ERR_INPUT, "--state: the name is too long");
        path = below;
    }
    if (kind == OK && stages & 1u << WORKER_CORRELATE)
        kind = folder_open(path, &names->correlate_fd, err);
    return kind;
}

static int stages_run(struct worker_words *words, unsigned stages,
                      const struct logsource *logsource, struct worker_names *names)
{
    struct worker_options options[WORKER_STAGES];
    bool has_detect = stages & 1u << WORKER_DETECT;
    size_t count = 0;
    int code = EXIT_DONE;
    if (has_detect)
        code = detect_fill(words, logsource, names, &options[count++]);
    if (code == EXIT_DONE && stages & 1u << WORKER_CORRELATE &&
        !correlate_fill(words, has_detect, names, &options[count++]))
        code = EXIT_USAGE;
    for (size_t index = 0; index < count && code == EXIT_DONE; index++)
        if (!topics_check(&options[index]))
            code = EXIT_USAGE;
    if (code != EXIT_DONE)
        return code;
    return count == 1 ? worker_run(&options[0]) : worker_run_stages(options, count);
}

int cli_worker(int argc, const char *const *argv)
{
    struct worker_words words = {0};
    struct worker_names names;
    struct err_ctx err;
    struct logsource logsource;
    unsigned stages;
    int code;
    if (!cli_options(&table, argc, argv, &words, NULL, &code))
        return code;
    if (!stages_read(words.stages, &stages) || !words_check(&words, stages) ||
        !cli_logsource(words.logsource, &logsource))
        return EXIT_USAGE;
    if (folders_open(&words, stages, &names, &err) != OK)
        return cli_fail(&err);
    code = stages_run(&words, stages, &logsource, &names);
    if (names.detect_fd >= 0)
        close(names.detect_fd);
    if (names.correlate_fd >= 0)
        close(names.correlate_fd);
    return code;
}
