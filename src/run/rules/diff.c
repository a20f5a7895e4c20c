#include <stdio.h>
#include <string.h>

#include "core/cleanup.h"
#include "rules/subcommands.h"

struct diff_words {
    struct option_list events;
    struct option_list with;
    const char *source;
    const char *output;
    const char *stage;
};

static const struct option_desc rows[] = {
    {"events", OPTION_LIST, offsetof(struct diff_words, events), NULL, "FILE",
     "a recording or JSON lines to run both versions over"},
    RULES_SOURCE_OPTION(struct diff_words),
    {"with", OPTION_LIST, offsetof(struct diff_words, with), NULL, "PATH",
     "further rule files that both versions need, such as shared macros"},
    {"output", OPTION_CHOICE, offsetof(struct diff_words, output), "text", "text|json|markdown",
     "form"},
    RULES_STAGE_OPTION(struct diff_words),
};

static const struct option_table table = {
    .command = "rules diff",
    .usage = "[options] BEFORE AFTER --events FILE",
    .summary =
        "What changes in matches between two versions of the rules (files or folders): for each\n"
        "rule that was added, removed or changed the matches gained and lost, with the numbers of\n"
        "events and samples. Exit code 0: no rule and no match differs; 1: something does, or it\n"
        "could not be done (then without the line of totals).",
    .examples = "  git worktree add ../before main\n"
                "  picket rules diff ../before/rules rules --events corpus.ndjson\n",
    .rows = rows,
    .row_count = sizeof rows / sizeof *rows,
};

static int version_compile(const struct diff_words *words, const char *path,
                           const struct compile_options *options, struct compiled *ret)
{
    struct option_list paths = words->with;
    if (paths.count == OPTION_LIST_MAX)
        paths.count--;
    paths.items[paths.count++] = path;
    return cli_compile(&paths, options, ret);
}

static err_kind diff_make(const struct diff_words *words, const int images[2],
                          const struct rules_events *events, struct writer *out, bool *ret_differs,
                          struct err_ctx *err)
{
    struct diff *diff;
    struct diff_options options = {
        .replay = {.hostname = "rules", .source = events->source},
        .before_fd = images[0],
        .after_fd = images[1],
        .files = events->files,
        .file_count = events->count,
    };
    err_kind kind = role_confine(ROLE_ENGINE, -1, err);
    if (kind == OK)
        kind = diff_run(&options, &diff, err);
    if (kind != OK)
        return kind;
    if (words->output[0] == 'j')
        diff_write_json(diff, out);
    else if (words->output[0] == 'm')
        diff_write_markdown(diff, out);
    else
        diff_write_text(diff, out);
    *ret_differs = diff_has_changes(diff);
    diff_close(diff);
    return OK;
}

static int diff_versions(const struct diff_words *words, const struct option_list *versions,
                         const struct compile_options *options, const struct rules_events *events)
{
    struct compiled before, after;
    struct err_ctx err;
    AUTO(writer_free) struct writer out;
    bool differs = false;
    writer_init(&out, RULES_BYTES_MAX);
    int code = version_compile(words, versions->items[0], options, &before);
    if (code != EXIT_DONE)
        return code;
    code = version_compile(words, versions->items[1], options, &after);
    if (code == EXIT_DONE) {
        int images[2] = {before.image_fd, after.image_fd};
        err_kind kind = diff_make(words, images, events, &out, &differs, &err);
        compiled_close(&after);
        code = kind == OK ? rules_print(&out) : cli_fail(&err);
    }
    compiled_close(&before);
    return code == EXIT_DONE && differs ? EXIT_WRONG : code;
}

int rules_diff(int argc, const char *const *argv)
{
    struct diff_words words = {0};
    struct option_list versions = {0};
    struct compile_options options = {0};
    struct rules_events events;
    int code;
    if (!cli_options(&table, argc, argv, &words, &versions, &code))
        return code;
    if (versions.count != 2 || !words.events.count) {
        fprintf(stderr, "picket: rules diff BEFORE AFTER --events FILE: two versions of the rules "
                        "and at least one file\n");
        return EXIT_USAGE;
    }
    if (!cli_stages(words.stage, &options.stages))
        return EXIT_USAGE;
    code = rules_events_open(&words.events, words.source, &events);
    if (code != EXIT_DONE)
        return code;
    options.is_json = events.source != NULL;
    code = diff_versions(&words, &versions, &options, &events);
    rules_events_close(&events);
    return code;
}
