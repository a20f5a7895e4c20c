#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "core/cleanup.h"

struct record_options {
    const char *output;
    const char *state;
    uint64_t period_ns;
    uint64_t ring_bytes;
};

static const struct option_desc rows[] = {
    {"output", OPTION_TEXT, offsetof(struct record_options, output), "picket.rec", "FILE",
     "where the events go, unless FILE says it"},
    {"state", OPTION_TEXT, offsetof(struct record_options, state), "/run/picket-record", "DIR",
     "scratch folder"},
    {"for", OPTION_DURATION, offsetof(struct record_options, period_ns), NULL, NULL,
     "end after this time"},
    {"ring-size", OPTION_SIZE, offsetof(struct record_options, ring_bytes), "64M", NULL,
     "kernel's buffer of events, a power of two"},
};

static const struct option_table table = {
    .command = "record",
    .usage = "[options] [FILE]",
    .summary =
        "Writes every kernel event that some rule could ask for to a file, compressed, with the\n"
        "processes and containers that were there at the start. `picket replay` reads it.",
    .examples = "  sudo picket record --output attack.rec --for 30s\n"
                "  picket replay --rules ./rules attack.rec\n",
    .rows = rows,
    .row_count = sizeof rows / sizeof *rows,
};

int cli_record(int argc, const char *const *argv)
{
    struct record_options options = {0};
    struct option_list operands = {0};
    struct err_ctx err;
    int code;
    if (!cli_options(&table, argc, argv, &options, &operands, &code))
        return code;
    if (operands.count > 1) {
        fprintf(stderr, "picket: record writes one file\n");
        return EXIT_USAGE;
    }
    const char *path = operands.count ? operands.items[0] : options.output;
    AUTO(auto_close) int file = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    if (file < 0) {
        (void)err_set(&err, ERR_SYSTEM, "%s", path);
        return cli_fail(&err);
    }
    return supervisor_run(&(struct supervisor_options){
        .state_dir = options.state,
        .is_recording = true,
        .record_fd = file,
        .period_ns = options.period_ns,
        .ring_bytes = options.ring_bytes,
    });
}
