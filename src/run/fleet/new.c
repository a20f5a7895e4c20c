/* `picket pipeline new` and `check`: templates are files of the shipped content. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/cleanup.h"
#include "fleet/pipelines.h"
#include "source/source.h"

#define TEMPLATES_MAX  64
#define TEMPLATE_BYTES 65536

/* ---- new ---- */

struct new_words {
    const char *template;
    const char *output;
};

static const struct option_desc new_rows[] = {
    {"template", OPTION_TEXT, offsetof(struct new_words, template), NULL, "NAME",
     "which one; without it their names are printed"},
    {"output", OPTION_TEXT, offsetof(struct new_words, output), NULL, "FILE",
     "where to, which must not be there; else stdout"},
};

static const struct option_table new_table = {
    .command = "pipeline new",
    .usage = "[--template NAME] [--output FILE]",
    .summary =
        "Prints a pipeline for a source, to be adapted; or which templates and decoders there are.",
    .examples = "  picket pipeline new --template envoy --output envoy.yaml\n",
    .rows = new_rows,
    .row_count = sizeof new_rows / sizeof *new_rows,
};

static int is_template(const struct dirent *entry)
{
    return span_ends(span_str(entry->d_name), SPAN(".yaml"));
}

static int templates_list(const char *folder)
{
    struct dirent **entries;
    int count = scandir(folder, &entries, is_template, alphasort);
    if (count < 0) {
        fprintf(stderr, "picket: %s: %s\n", folder, strerror(errno));
        return EXIT_WRONG;
    }
    printf("templates:\n");
    for (int index = 0; index < count; index++) {
        printf("  %.*s\n", (int)(strlen(entries[index]->d_name) - strlen(".yaml")),
               entries[index]->d_name);
        free(entries[index]);
    }
    free(entries);
    printf("decoders:\n  %-16s JSON lines with flat Falco keys\n", "kernel");
    const struct source *source;
    for (size_t index = 0; (source = source_at(index)); index++)
        printf("  %-16s %s\n", source->name, source->summary);
    return EXIT_DONE;
}

static bool bytes_write(FILE *out, const char *bytes, size_t len)
{
    return fwrite(bytes, 1, len, out) == len && fflush(out) == 0;
}

static int template_write(const char *path, const char *bytes, size_t len)
{
    if (!path)
        return bytes_write(stdout, bytes, len) ? EXIT_DONE : EXIT_WRONG;
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    AUTO(auto_fclose) FILE *out = fd < 0 ? NULL : fdopen(fd, "w");
    if (!out || !bytes_write(out, bytes, len)) {
        fprintf(stderr, "picket: %s: %s\n", path, strerror(errno));
        return EXIT_WRONG;
    }
    return EXIT_DONE;
}

static bool is_plain_name(const char *name)
{
    return name[0] && name[0] != '.' && !strchr(name, '/') && strlen(name) < 64;
}

int fleet_new(int argc, const char *const *argv)
{
    struct new_words words = {0};
    char path[PATH_MAX], bytes[TEMPLATE_BYTES];
    int code;
    if (!cli_options(&new_table, argc, argv, &words, NULL, &code))
        return code;
    const char *folder = content_path("pipelines");
    if (!folder) {
        fprintf(stderr, "picket: the shipped pipelines are not found\n");
        return EXIT_WRONG;
    }
    if (!words.template)
        return templates_list(folder);
    int len = snprintf(path, sizeof path, "%s/%s.yaml", folder, words.template);
    AUTO(auto_fclose)
    FILE *in = is_plain_name(words.template) && len < PATH_MAX ? fopen(path, "re") : NULL;
    if (!in) {
        fprintf(stderr, "picket: no template '%s'; `picket pipeline new` lists them\n",
                words.template);
        return EXIT_USAGE;
    }
    size_t count = fread(bytes, 1, sizeof bytes, in);
    return template_write(words.output, bytes, count);
}

/* ---- check ---- */

struct check_words {
    bool no_rules;
};

static const struct option_desc check_rows[] = {
    {"no-rules", OPTION_FLAG, offsetof(struct check_words, no_rules), NULL, NULL,
     "leave the pipelines' rules unchecked"},
};

static const struct option_table check_table = {
    .command = "pipeline check",
    .usage = "[options] FILE|FOLDER...",
    .summary =
        "Checks declared pipelines and the rules they name. Every error is told, with file,\n"
        "line and column.",
    .examples = "  picket pipeline check pipelines/\n",
    .rows = check_rows,
    .row_count = sizeof check_rows / sizeof *check_rows,
};

int fleet_check(int argc, const char *const *argv)
{
    struct check_words words = {0};
    struct option_list operands = {0};
    struct pipelines pipelines;
    int code;
    if (!cli_options(&check_table, argc, argv, &words, &operands, &code))
        return code;
    code = fleet_load(&operands, &pipelines);
    if (code != EXIT_DONE)
        return code;
    for (size_t index = 0; index < pipelines.count && !words.no_rules; index++) {
        int image_fd;
        if (fleet_compile(&pipelines.items[index], &image_fd) == EXIT_DONE)
            close(image_fd);
        else
            code = EXIT_WRONG;
    }
    if (code == EXIT_DONE)
        printf("%zu pipeline%s, no error\n", pipelines.count, pipelines.count == 1 ? "" : "s");
    fleet_unload(&pipelines);
    return code;
}
