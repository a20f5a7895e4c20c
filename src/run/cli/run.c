#include <stdio.h>
#include <string.h>

#include "cli/cli.h"

struct run_options {
    const char *config;
    struct option_list rules;
    struct option_list pipelines;
    const char *state;
    const char *console;
    const char *output;
    uint64_t period_ns;
    uint64_t store_bytes;
    uint64_t ring_bytes;
    const char *compat;
    bool shadow;
    const char *reload;
};

static const struct option_desc rows[] = {
    {"config", OPTION_TEXT, offsetof(struct run_options, config), NULL, "FILE",
     "options as `name: value` lines; the command line wins"},
    {"rules", OPTION_LIST, offsetof(struct run_options, rules), NULL, "PATH",
     "rule file or folder, in place of the shipped set"},
    PIPELINE_OPTION(struct run_options),
    {"state", OPTION_TEXT, offsetof(struct run_options, state), STATE_DIR_DEFAULT, "DIR",
     "where signals and state are kept"},
    {"console", OPTION_TEXT, offsetof(struct run_options, console), "none", "ADDR:PORT|none",
     "where the console listens"},
    {"output", OPTION_CHOICE, offsetof(struct run_options, output), "text", "text|json",
     "one line a signal on stdout"},
    {"for", OPTION_DURATION, offsetof(struct run_options, period_ns), NULL, NULL,
     "end after this time"},
    {"store-size", OPTION_SIZE, offsetof(struct run_options, store_bytes), "1G", NULL,
     "bound of the store; the oldest goes first, counted"},
    {"ring-size", OPTION_SIZE, offsetof(struct run_options, ring_bytes), "16M", NULL,
     "kernel's buffer of events, a power of two"},
    {"compat", OPTION_CHOICE, offsetof(struct run_options, compat), "on", "on|auto|off",
     "watch 32-bit system calls, which costs every call of the host about 0.1 us; auto: only from "
     "when a 32-bit program shows up"},
    {"shadow", OPTION_FLAG, offsetof(struct run_options, shadow), NULL, NULL,
     "print the signals of rules in stage shadow too; they are kept in any case"},
    {"reload", OPTION_CHOICE, offsetof(struct run_options, reload), "auto", "auto|signal",
     "load the rules anew when their files change, or only on SIGHUP"},
};

static const struct option_table table = {
    .command = "run",
    .usage = "[options]",
    .summary =
        "Watches this host: loads the kernel programs that the rules need, prints a line for\n"
        "every match, keeps signals with the process history around them. Needs root.\n"
        "Changed rules are loaded beside the running set; a set that does not load leaves it\n"
        "running. SIGINT or SIGTERM end it with a summary, a second one at once.",
    .examples = "  sudo picket run\n"
                "  sudo picket run --rules ./rules --output json --for 10m\n",
    .rows = rows,
    .row_count = sizeof rows / sizeof *rows,
};

int cli_run(int argc, const char *const *argv)
{
    struct run_options options = {0};
    int code;
    if (!cli_options(&table, argc, argv, &options, NULL, &code))
        return code;
    if (strcmp(options.console, "none") != 0) {
        fprintf(stderr, "picket: this version has no console; use --console none\n");
        return EXIT_USAGE;
    }
    const char *shipped = content_path("rules");
    if (!options.rules.count && shipped)
        options.rules.items[options.rules.count++] = shipped;
    if (!options.rules.count) {
        fprintf(stderr, "picket: no shipped rules found; name some by --rules\n");
        return EXIT_WRONG;
    }
    return supervisor_run(&(struct supervisor_options){
        .rules = options.rules.items,
        .rule_count = options.rules.count,
        .pipelines = options.pipelines.items,
        .pipeline_count = options.pipelines.count,
        .state_dir = options.state,
        .is_json = strcmp(options.output, "json") == 0,
        .record_fd = -1,
        .period_ns = options.period_ns,
        .store_bytes_max = options.store_bytes,
        .ring_bytes = options.ring_bytes,
        .shows_shadow = options.shadow,
        .compat = strcmp(options.compat, "off") == 0  ? ROLE_COMPAT_OFF
                  : strcmp(options.compat, "on") == 0 ? ROLE_COMPAT_ON
                                                      : ROLE_COMPAT_AUTO,
        .is_watching = strcmp(options.reload, "auto") == 0,
    });
}
