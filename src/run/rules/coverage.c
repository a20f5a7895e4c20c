#include "coverage/coverage.h"

#include <stdio.h>

#include "core/cleanup.h"
#include "rules/subcommands.h"

struct coverage_words {
    const char *output;
    const char *name;
    const char *stage;
};

static const struct option_desc rows[] = {
    {"output", OPTION_CHOICE, offsetof(struct coverage_words, output), "markdown",
     "navigator|markdown|json", "form"},
    {"name", OPTION_TEXT, offsetof(struct coverage_words, name), "picket", "TEXT",
     "the name of the Navigator's layer"},
    RULES_STAGE_OPTION(struct coverage_words),
};

static const struct option_table table = {
    .command = "rules coverage",
    .usage = "[options] [PATH...]",
    .summary =
        "Which of ATT&CK's techniques the rules are for, by their tags (T1003.008 or\n"
        "attack.t1003.008). navigator: a layer in format 4.5 for the ATT&CK Navigator, score =\n"
        "number of rules; markdown: a table for each tactic. Disabled rules do not count.",
    .examples = "  picket rules coverage rules/ --output navigator > layer.json\n"
                "  picket rules coverage rules/ > COVERAGE.md\n",
    .rows = rows,
    .row_count = sizeof rows / sizeof *rows,
};

static err_kind coverage_make(const struct coverage_words *words, const struct compiled_sets *sets,
                              struct writer *out, struct err_ctx *err)
{
    struct rules_replays replays;
    const struct rule_info **rules = NULL;
    size_t count;
    struct coverage *coverage = NULL;
    err_kind kind = rules_replays_open(sets, &replays, err);
    if (kind != OK)
        return kind;
    kind = rules_all(&replays, &rules, &count, err);
    if (kind == OK)
        kind = coverage_open(rules, count, &coverage, err);
    if (kind == OK && words->output[0] == 'n')
        coverage_write_navigator(coverage, words->name, out);
    else if (kind == OK && words->output[0] == 'm')
        coverage_write_markdown(coverage, out);
    else if (kind == OK)
        coverage_write_json(coverage, out);
    coverage_close(coverage);
    free(rules);
    rules_replays_close(&replays);
    return kind;
}

int rules_coverage(int argc, const char *const *argv)
{
    struct coverage_words words = {0};
    struct option_list paths = {0};
    struct compile_options options = {0};
    struct compiled_sets sets;
    struct err_ctx err;
    AUTO(writer_free) struct writer out;
    int code;
    writer_init(&out, RULES_BYTES_MAX);
    if (!cli_options(&table, argc, argv, &words, &paths, &code))
        return code;
    if (!cli_stages(words.stage, &options.stages))
        return EXIT_USAGE;
    code = cli_compile_sets(&paths, NULL, &options, &sets);
    if (code != EXIT_DONE)
        return code;
    err_kind kind = coverage_make(&words, &sets, &out, &err);
    cli_sets_close(&sets);
    return kind == OK ? rules_print(&out) : cli_fail(&err);
}
