#include "command/command.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "core/cleanup.h"
#include "source/source.h"
#include "topic/topic.h"

int cli_fail(const struct err_ctx *err)
{
    fprintf(stderr, "picket: %s\n", err->text);
    return EXIT_WRONG;
}

/* Lists that the command line names do not add to the file's. */
static void lists_clear(const struct option_table *table, int argc, const char *const *argv,
                        void *options)
{
    for (size_t index = 0; index < table->row_count; index++) {
        const struct option_desc *row = &table->rows[index];
        size_t length = strlen(row->name);
        for (int word = 0; row->kind == OPTION_LIST && word < argc; word++)
            if (strncmp(argv[word], "--", 2) == 0 &&
                strncmp(argv[word] + 2, row->name, length) == 0)
                ((struct option_list *)((char *)options + row->offset))->count = 0;
    }
}

static err_kind file_apply(const struct option_table *table, span pairs, void *options,
                           struct err_ctx *err)
{
    span name, value;
    while (pairs.len) {
        if (!span_until(&pairs, 0, &name) || !span_until(&pairs, 0, &value))
            return err_set(err, ERR_STATE, "the compiler's answer is cut short");
        err_kind kind =
            option_set(table, options, (const char *)name.data, (const char *)value.data, err);
        if (kind != OK)
            return kind;
    }
    return OK;
}

/* Starts again from the defaults: then the file, then the words. */
static err_kind config_apply(const struct option_table *table, const char *path, int argc,
                             const char *const *argv, void *options, struct err_ctx *err)
{
    static struct writer pairs; /* options keep pointers into it for good */
    struct option_list operands = {0};
    bool is_help;
    err_kind kind = config_compile(path, &pairs, err);
    for (size_t index = 0; index < table->row_count; index++)
        if (table->rows[index].kind == OPTION_LIST)
            ((struct option_list *)((char *)options + table->rows[index].offset))->count = 0;
    if (kind == OK)
        kind = options_preset(table, options, err);
    if (kind == OK) {
        kind = file_apply(table, writer_span(&pairs), options, err);
        if (kind != OK)
            (void)err_wrap(err, "%s", path);
    }
    lists_clear(table, argc, argv, options);
    return kind == OK ? options_parse(table, argc, argv, options, &operands, &is_help, err) : kind;
}

static const char *config_of(const struct option_table *table, const void *options)
{
    for (size_t index = 0; index < table->row_count; index++)
        if (strcmp(table->rows[index].name, "config") == 0)
            return *(const char *const *)((const char *)options + table->rows[index].offset);
    return NULL;
}

bool cli_options(const struct option_table *table, int argc, const char *const *argv, void *options,
                 struct option_list *operands, int *ret_code)
{
    struct err_ctx err;
    struct option_list none = {0};
    bool is_help = false;
    err_kind kind = options_preset(table, options, &err);
    if (kind == OK)
        kind =
            options_parse(table, argc, argv, options, operands ? operands : &none, &is_help, &err);
    if (kind == OK && is_help) {
        options_help(table, stdout);
        *ret_code = EXIT_DONE;
        return false;
    }
    if (kind == OK && none.count)
        kind = err_set(&err, ERR_INPUT, "%s takes no operand, found '%s'", table->command,
                       none.items[0]);
    *ret_code = EXIT_USAGE;
    const char *path = kind == OK ? config_of(table, options) : NULL;
    if (path) {
        kind = config_apply(table, path, argc, argv, options, &err);
        *ret_code = EXIT_WRONG;
    }
    if (kind != OK)
        (void)cli_fail(&err);
    return kind == OK;
}

int cli_subcommand(const char *of, const struct command *table, size_t count, int argc,
                   const char *const *argv)
{
    const char *name = argc ? argv[0] : "";
    bool is_help = strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0;
    FILE *out = is_help ? stdout : stderr;
    for (size_t index = 0; index < count; index++)
        if (strcmp(table[index].name, name) == 0)
            return table[index].run(argc - 1, argv + 1);
    if (!is_help && name[0] == '-')
        fprintf(out, "picket: unknown option '%s'\n", name);
    else if (!is_help && argc)
        fprintf(out, "picket: no subcommand of %s: '%s'\n", of, name);
    fprintf(out, "usage: picket %s SUBCOMMAND [options]\n\nsubcommands:\n", of);
    for (size_t index = 0; index < count; index++)
        fprintf(out, "  %-9s %s\n", table[index].name, table[index].summary);
    fprintf(out, "\n`picket %s SUBCOMMAND --help` tells more.\n", of);
    return is_help ? EXIT_DONE : EXIT_USAGE;
}

/* What is said: all, what is wrong but no notes, or nothing unless there are errors. */
enum tell { TELL_ALL, TELL_WRONG, TELL_ERRORS };

static int compile(const struct option_list *paths, const struct option_list *pipelines,
                   const struct compile_options *options, const char *name, span text,
                   enum tell tell, struct compiled *ret)
{
    struct err_ctx err;
    struct bundle bundle;
    const char *shipped = content_path("rules");
    err_kind kind = bundle_open(&bundle, &err);
    bundle.has_tests = options->is_strict;
    for (size_t index = 0; pipelines && index < pipelines->count && kind == OK; index++)
        kind = bundle_add_pipeline(&bundle, pipelines->items[index], &err);
    if (kind == OK && paths->count == 0)
        kind = shipped ? bundle_add(&bundle, shipped, &err)
                       : err_set(&err, ERR_STATE, "no shipped rules found; name some by --rules");
    for (size_t index = 0; index < paths->count && kind == OK; index++)
        kind = bundle_add(&bundle, paths->items[index], &err);
    if (kind == OK && name)
        kind = bundle_put(&bundle, name, text, &err);
    if (kind == OK)
        kind = rules_compile(&bundle, options, ret, &err);
    bundle_close(&bundle);
    if (kind != OK)
        return cli_fail(&err);
    size_t from = tell == TELL_ALL ? 0 : ret->note_bytes;
    if ((tell != TELL_ERRORS || ret->error_count) && from < ret->diagnostics.len)
        fwrite(ret->diagnostics.data + from, 1, ret->diagnostics.len - from, stderr);
    if (ret->error_count == 0 && (ret->warning_count == 0 || !options->is_strict))
        return EXIT_DONE;
    compiled_close(ret);
    return EXIT_WRONG;
}

int cli_compile(const struct option_list *paths, const struct compile_options *options,
                struct compiled *ret)
{
    return compile(paths, NULL, options, NULL, (span){NULL, 0}, TELL_ALL, ret);
}

int cli_compile_mapped(const struct option_list *paths, const struct option_list *pipelines,
                       const struct compile_options *options, struct compiled *ret)
{
    return compile(paths, pipelines, options, NULL, (span){NULL, 0}, TELL_ALL, ret);
}

int cli_image(const struct option_list *paths, const struct option_list *pipelines,
              const char *source, int *ret_image_fd)
{
    struct compile_options options = {.stages = STAGES_RUN,
                                      .is_json = strcmp(source, "kernel") != 0};
    struct compiled compiled;
    int code = cli_compile_mapped(paths, pipelines, &options, &compiled);
    if (code != EXIT_DONE)
        return code;
    *ret_image_fd = fd_steal(&compiled.image_fd);
    compiled_close(&compiled);
    return EXIT_DONE;
}

int cli_compile_with(const struct option_list *paths, const struct compile_options *options,
                     const char *name, span text, struct compiled *ret)
{
    return compile(paths, NULL, options, name, text, TELL_ALL, ret);
}

int cli_compile_sets(const struct option_list *paths, const struct option_list *pipelines,
                     const struct compile_options *options, struct compiled_sets *ret)
{
    struct compile_options json = *options;
    json.is_json = true; /* its warnings have been told then */
    *ret = (struct compiled_sets){0};
    int code =
        compile(paths, pipelines, options, NULL, (span){NULL, 0}, TELL_WRONG, &ret->items[0]);
    if (code != EXIT_DONE)
        return code;
    ret->count = 1;
    if (!ret->items[0].sigma_files)
        return EXIT_DONE;
    code = compile(paths, pipelines, &json, NULL, (span){NULL, 0}, TELL_ERRORS, &ret->items[1]);
    if (code == EXIT_DONE)
        ret->is_json[ret->count++] = true;
    else
        cli_sets_close(ret);
    return code;
}

void cli_sets_close(struct compiled_sets *sets)
{
    while (sets->count)
        compiled_close(&sets->items[--sets->count]);
}

bool cli_stages(const char *words, uint32_t *ret)
{
    span rest = span_str(words), word;
    *ret = 0;
    for (bool is_last = false; !is_last;) {
        enum rule_stage stage;
        is_last = !span_until(&rest, ',', &word);
        if (is_last)
            word = rest;
        if (!rule_stage_parse(word, &stage)) {
            fprintf(stderr,
                    "picket: stage '" PRI_SPAN "': expected draft, shadow, live or retired\n",
                    ARG_SPAN(word));
            return false;
        }
        *ret |= 1u << stage;
    }
    return true;
}

bool cli_source(const char *name, const struct source **ret)
{
    struct err_ctx err;
    *ret = source_find(span_str(name));
    if (*ret || strcmp(name, "kernel") == 0)
        return true;
    source_unknown(span_str(name), &err);
    fprintf(stderr, "picket: --source: %s\n", err.text);
    return false;
}

bool cli_logsource(const char *words, struct logsource *ret)
{
    span rest = span_str(words ? words : ""), word;
    *ret = (struct logsource){0};
    while (rest.len) {
        if (!span_until(&rest, ',', &word)) {
            word = rest;
            rest.len = 0;
        }
        span value = word, key;
        span *part = !span_until(&value, '=', &key)   ? NULL
                     : span_eq(key, SPAN("product"))  ? &ret->product
                     : span_eq(key, SPAN("category")) ? &ret->category
                     : span_eq(key, SPAN("service"))  ? &ret->service
                                                      : NULL;
        if (!part || value.len == 0 || part->data) {
            fprintf(stderr,
                    "picket: --logsource: '" PRI_SPAN "': expected product=, category= or "
                    "service= and a word, each at most once\n",
                    ARG_SPAN(word));
            return false;
        }
        *part = value;
    }
    return true;
}

/* The folder of the sinks' own; -1: there is none. */
static int sinks_open(const char *state_dir)
{
    AUTO(auto_close) int state_fd = open(state_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return state_fd < 0
               ? -1
               : openat(state_fd, "sinks", O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
}

err_kind cli_state_open(const char *state_dir, int *ret_store_fd, int *ret_sinks_fd,
                        struct topic_log **ret, struct err_ctx *err)
{
    struct topic_options options = {.is_read_only = true};
    err_kind kind = folder_store_find(state_dir, ret_store_fd, err);
    if (kind != OK)
        return kind;
    if (ret_sinks_fd)
        *ret_sinks_fd = sinks_open(state_dir);
    kind = role_confine_reading(ROLE_ENGINE, *ret_store_fd, ret_sinks_fd,
                                ret_sinks_fd && *ret_sinks_fd >= 0, err);
    if (kind == OK)
        kind = topic_log_open(*ret_store_fd, &options, ret, err);
    return kind == OK ? OK : err_wrap(err, "state folder '%s'", state_dir);
}

err_kind cli_store_open(const char *state_dir, int *ret_store_fd, struct topic_log **ret,
                        struct err_ctx *err)
{
    return cli_state_open(state_dir, ret_store_fd, NULL, ret, err);
}
