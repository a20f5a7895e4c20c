#include <stdio.h>

#include "cli/cli.h"

struct check_words {
    struct option_list pipelines;
    bool is_strict;
};

static const struct option_desc rows[] = {
    PIPELINE_OPTION(struct check_words),
    {"strict", OPTION_FLAG, offsetof(struct check_words, is_strict), NULL, NULL,
     "also asks for what a rule in service needs"},
};

static const struct option_table table = {
    .command = "check",
    .usage = "[options] PATH...",
    .summary =
        "Loads rule files, or folders of them, and says what is wrong: `file:line:col: error:`\n"
        "lines on stderr and exit code 1. Warnings do not change exit code 0.\n"
        "With --strict warnings count as errors, and each rule must have its strategy (x.md\n"
        "beside x.yml, nine sections, an owner), techniques of ATT&CK that exist, events that\n"
        "must and must not fire it (x.test.ndjson), and a condition that can hold.",
    .examples = "  picket check rules/\n"
                "  picket check --strict rules/\n"
                "  picket check --pipeline ecs.yml sigma/rules\n",
    .rows = rows,
    .row_count = sizeof rows / sizeof *rows,
};

int cli_check(int argc, const char *const *argv)
{
    struct check_words words = {0};
    struct option_list paths = {0};
    struct compiled compiled;
    int code;
    if (!cli_options(&table, argc, argv, &words, &paths, &code))
        return code;
    if (paths.count == 0) {
        fprintf(stderr, "picket: check what? Name a rule file or a folder\n");
        return EXIT_USAGE;
    }
    const struct compile_options options = {
        .stages = STAGES_TEST, .is_check = true, .is_strict = words.is_strict};
    code = cli_compile_mapped(&paths, &words.pipelines, &options, &compiled);
    if (code == EXIT_DONE)
        compiled_close(&compiled);
    return code;
}
