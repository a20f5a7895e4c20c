#include <stdio.h>

#include "core/cleanup.h"
#include "rules/subcommands.h"

#define ROUNDS_MAX 100

struct cost_words {
    struct option_list events;
    const char *source;
    const char *output;
    const char *stage;
    uint64_t rounds;
};

static const struct option_desc rows[] = {
    {"events", OPTION_LIST, offsetof(struct cost_words, events), NULL, "FILE",
     "a recording or JSON lines to run the rules over"},
    RULES_SOURCE_OPTION(struct cost_words),
    {"output", OPTION_CHOICE, offsetof(struct cost_words, output), "text", "text|json", "form"},
    {"rounds", OPTION_COUNT, offsetof(struct cost_words, rounds), "3", NULL,
     "run so many times each way; the quickest counts"},
    RULES_STAGE_OPTION(struct cost_words),
};

static const struct option_table table = {
    .command = "rules cost",
    .usage = "[options] [PATH...] --events FILE",
    .summary =
        "What each rule costs in ns an event, dearest first, measured with the whole set on the\n"
        "given events. CPU time of plain runs says what an event costs in all. Runs in which each\n"
        "look at a rule's condition is timed (less the clock's own cost) say what part of it each\n"
        "rule has; a predicate that rules share is paid by the first that asks. The rest, reading\n"
        "events and finding the rules to ask, no rule has for itself. `asked` is for how many of\n"
        "1000 events the condition was looked at, `shares` how many of its predicates other rules\n"
        "have too.",
    .examples = "  picket rules cost rules/ --events day.rec\n"
                "  picket rules cost sigma/rules --source json --events day.ndjson --output json\n",
    .rows = rows,
    .row_count = sizeof rows / sizeof *rows,
};

static err_kind cost_make(const struct cost_words *words, int image_fd,
                          const struct rules_events *events, struct writer *out,
                          struct err_ctx *err)
{
    struct cost *cost;
    struct cost_options options = {
        .replay = {.hostname = "rules", .source = events->source},
        .image_fd = image_fd,
        .files = events->files,
        .file_count = events->count,
        .rounds = (unsigned)words->rounds,
    };
    err_kind kind = role_confine(ROLE_ENGINE, -1, err);
    if (kind == OK)
        kind = cost_run(&options, &cost, err);
    if (kind != OK)
        return kind;
    if (words->output[0] == 'j')
        cost_write_json(cost, out);
    else
        cost_write_text(cost, out);
    cost_close(cost);
    return OK;
}

int rules_cost(int argc, const char *const *argv)
{
    struct cost_words words = {0};
    struct option_list paths = {0};
    struct compile_options options = {0};
    struct compiled compiled;
    struct rules_events events;
    struct err_ctx err;
    AUTO(writer_free) struct writer out;
    int code;
    writer_init(&out, RULES_BYTES_MAX);
    if (!cli_options(&table, argc, argv, &words, &paths, &code))
        return code;
    if (!words.events.count || words.rounds < 1 || words.rounds > ROUNDS_MAX) {
        fprintf(stderr, "picket: rules cost --events FILE: at least one file, 1 to 100 rounds\n");
        return EXIT_USAGE;
    }
    if (!cli_stages(words.stage, &options.stages))
        return EXIT_USAGE;
    code = rules_events_open(&words.events, words.source, &events);
    if (code != EXIT_DONE)
        return code;
    options.is_json = events.source != NULL;
    code = cli_compile(&paths, &options, &compiled);
    if (code == EXIT_DONE) {
        err_kind kind = cost_make(&words, compiled.image_fd, &events, &out, &err);
        compiled_close(&compiled);
        code = kind == OK ? rules_print(&out) : cli_fail(&err);
    }
    rules_events_close(&events);
    return code;
}
