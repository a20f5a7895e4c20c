#include <stdio.h>

#include "cli/cli.h"

static const struct option_table table = {
    .command = "check",
    .usage = "PATH...",
    .summary =
        "Loads rule files, or folders of them, and says what is wrong: `file:line:col: error:`\n"
        "lines on stderr and exit code 1. Warnings do not change exit code 0.",
    .examples = "  picket check rules/\n",
};

int cli_check(int argc, const char *const *argv)
{
    struct option_list paths = {0};
    struct compiled compiled;
    int code;
    if (!cli_options(&table, argc, argv, NULL, &paths, &code))
        return code;
    if (paths.count == 0) {
        fprintf(stderr, "picket: check what? Name a rule file or a folder\n");
        return EXIT_USAGE;
    }
    code = cli_compile(&paths, &(struct compile_options){STAGES_TEST}, &compiled);
    if (code == EXIT_DONE)
        compiled_close(&compiled);
    return code;
}
