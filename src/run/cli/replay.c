#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <sys/stat.h>

#include "cli/cli.h"
#include "core/cleanup.h"
#include "pipeline/pipeline.h"

struct replay_words {
    const char *source;
    const char *logsource;
    const char *framing;
    struct option_list rules;
    struct option_list pipelines;
    const char *output;
    const char *stage;
};

static const struct option_desc rows[] = {
    {"source", OPTION_TEXT, offsetof(struct replay_words, source), "kernel", "NAME",
     "kernel: a recording, or JSON lines with flat Falco keys; else json, syslog, ..."},
    {"logsource", OPTION_TEXT, offsetof(struct replay_words, logsource), NULL, "K=V,...",
     "not of kernel: product, category, service of all events (else what the source says)"},
    {"framing", OPTION_CHOICE, offsetof(struct replay_words, framing), "line", "line|concat",
     "line: a line is a record; concat: JSON texts one behind the other, over any lines"},
    {"rules", OPTION_LIST, offsetof(struct replay_words, rules), NULL, "PATH",
     "rule file or folder, in place of the shipped set"},
    PIPELINE_OPTION(struct replay_words),
    {"output", OPTION_CHOICE, offsetof(struct replay_words, output), "text", "text|json|summary",
     "one line a match on stdout, or only the summary on stderr"},
    {"stage", OPTION_TEXT, offsetof(struct replay_words, stage), "live,shadow", "STAGE,...",
     "run the rules of these stages: draft, shadow, live, retired"},
};

static const struct option_table table = {
    .command = "replay",
    .usage = "[options] FILE...",
    .summary =
        "Runs rules over recorded events, in order: `event` is the 1-based number of the record\n"
        "in its file, a blank line being none but counted; of a document, the number of the\n"
        "event in it. Files packed by gzip or zstd are unpacked. Exit code 0 with or without\n"
        "matches; unreadable lines are counted on stderr.\n"
        "Needs no root and no state folder. FILE - is stdin.",
    .examples = "  picket replay attack.rec\n"
                "  picket replay --rules ./rules --output json events.ndjson\n",
    .rows = rows,
    .row_count = sizeof rows / sizeof *rows,
};

struct input {
    int fd;
    const char *name;
};

/* All are opened before rights are dropped: they may lie where only the caller can go. */
static err_kind inputs_open(const struct option_list *files, struct input *ret, struct err_ctx *err)
{
    for (size_t index = 0; index < files->count; index++) {
        const char *name = files->items[index];
        bool is_stdin = strcmp(name, "-") == 0;
        ret[index] = (struct input){.fd = is_stdin ? fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3)
                                                   : open(name, O_RDONLY | O_CLOEXEC),
                                    .name = is_stdin ? "stdin" : name};
        struct stat status;
        if (ret[index].fd < 0)
            return err_set(err, ERR_SYSTEM, "%s", name);
        if (fstat(ret[index].fd, &status) == 0 && S_ISDIR(status.st_mode)) {
            errno = EISDIR;
            return err_set(err, ERR_SYSTEM, "%s", name);
        }
    }
    return OK;
}

static err_kind replay_all(const struct replay_words *words, const struct source *source,
                           const struct logsource *logsource, int image_fd,
                           const struct option_list *files, struct replay_counts *ret,
                           struct err_ctx *err)
{
    char hostname[72] = "";
    struct input inputs[OPTION_LIST_MAX];
    struct replay *replay = NULL;
    gethostname(hostname, sizeof hostname - 1);
    struct replay_options options = {.image_fd = image_fd,
                                     .output = words->output[0] == 'j'   ? REPLAY_JSON
                                               : words->output[0] == 's' ? REPLAY_SUMMARY
                                                                         : REPLAY_TEXT,
                                     .is_colour = isatty(STDOUT_FILENO) == 1,
                                     .hostname = hostname,
                                     .source = source,
                                     .is_concat = words->framing[0] == 'c',
                                     .logsource = *logsource};
    err_kind kind = inputs_open(files, inputs, err);
    if (kind == OK)
        kind = role_confine(ROLE_ENGINE, -1, err);
    if (kind == OK)
        kind = replay_open(&options, &replay, err);
    for (size_t index = 0; index < files->count && kind == OK; index++)
        kind = replay_file(replay, inputs[index].fd, inputs[index].name, err);
    if (replay) {
        *ret = replay_counts(replay);
        replay_unreadable_rest(replay);
    }
    replay_close(replay);
    return kind;
}

int cli_replay(int argc, const char *const *argv)
{
    struct replay_words words = {0};
    struct option_list files = {0};
    struct compiled compiled;
    struct compile_options stages = {0};
    struct logsource logsource;
    const struct source *source;
    struct replay_counts counts = {0};
    struct err_ctx err;
    int code;
    if (!cli_options(&table, argc, argv, &words, &files, &code))
        return code;
    if (files.count == 0) {
        fprintf(stderr, "picket: replay what? Name a recording or a file of JSON lines\n");
        return EXIT_USAGE;
    }
    if (!cli_source(words.source, &source) || !cli_logsource(words.logsource, &logsource))
        return EXIT_USAGE;
    stages.is_json = source != NULL;
    if (!cli_stages(words.stage, &stages.stages))
        return EXIT_USAGE;
    code = cli_compile_mapped(&words.rules, &words.pipelines, &stages, &compiled);
    if (code != EXIT_DONE)
        return code;
    err_kind kind =
        replay_all(&words, source, &logsource, compiled.image_fd, &files, &counts, &err);
    compiled_close(&compiled);
    if (kind != OK)
        code = cli_fail(&err);
    fprintf(stderr, "picket: %llu events, %llu matches, %llu unreadable, %llu undecided\n",
            (unsigned long long)counts.events, (unsigned long long)counts.matches,
            (unsigned long long)counts.unreadable, (unsigned long long)counts.undecided);
    return code;
}
