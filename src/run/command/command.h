/* What the commands share: their options, their configuration, rules compiled from paths. */
#pragma once

#include "config/config.h"
#include "role/role.h"

/* Exit codes of every command: 0 done, 1 it failed or something is wrong, 2 wrong usage. */
enum { EXIT_DONE = 0, EXIT_WRONG = 1, EXIT_USAGE = 2 };

/* Parses and checks the words of a command. A configuration file that they name (option `config`)
 * counts below them; a list named in the words replaces the file's. operands NULL: it takes none.
 * Returns false when the command is to end at once, with *ret_code; help or the error has been
 * printed then. */
bool cli_options(const struct option_table *table, int argc, const char *const *argv, void *options,
                 struct option_list *operands, int *ret_code);

struct command {
    const char *name;
    int (*run)(int argc, const char *const *argv);
    const char *summary;
};
/* `picket OF SUBCOMMAND ...`: runs that row, or prints them. */
int cli_subcommand(const char *of, const struct command *table, size_t count, int argc,
                   const char *const *argv);

/* Prints `picket: <text>` on stderr and returns EXIT_WRONG. */
int cli_fail(const struct err_ctx *err);

/* Gathers and compiles rules from these paths (none: the shipped set); what is wrong with them goes
 * to stderr. EXIT_DONE with a compiled image, else the exit code. */
int cli_compile(const struct option_list *paths, const struct compile_options *options,
                struct compiled *ret);

/* The same with processing pipelines for Sigma rules. */
int cli_compile_mapped(const struct option_list *paths, const struct option_list *pipelines,
                       const struct compile_options *options, struct compiled *ret);
/* The same, ready to run over events of a source. */
int cli_image(const struct option_list *paths, const struct option_list *pipelines,
              const char *source, int *ret_image_fd);
#define PIPELINE_OPTION(type)                                                                      \
    {                                                                                              \
        "pipeline", OPTION_LIST, offsetof(type, pipelines), NULL, "FILE",                          \
            "pySigma pipeline for Sigma rules: names of fields, logsources, placeholders"          \
    }
/* The same with one more text behind the files. */
int cli_compile_with(const struct option_list *paths, const struct compile_options *options,
                     const char *name, span text, struct compiled *ret);

/* Rules of both languages: Falco's over kernel events, Sigma's over JSON. An image each.
 * pipelines: NULL for none. */
struct compiled_sets {
    struct compiled items[2];
    bool is_json[2];
    size_t count;
};
int cli_compile_sets(const struct option_list *paths, const struct option_list *pipelines,
                     const struct compile_options *options, struct compiled_sets *ret);
void cli_sets_close(struct compiled_sets *sets);

/* "draft,live" as bits; false, and said on stderr: a word is no stage. */
bool cli_stages(const char *words, uint32_t *ret);

/* A name of the registry (source/source.h); kernel: NULL. False: usage, said on stderr. */
struct source;
bool cli_source(const char *name, const struct source **ret);

/* `product=windows,category=process_creation`; NULL: none. False: usage, said on stderr. */
bool cli_logsource(const char *words, struct logsource *ret);

/* Opens the store in DIR, or in DIR/store, read-only and drops all other rights. */
struct topic_log;
err_kind cli_store_open(const char *state_dir, int *ret_store_fd, struct topic_log **ret,
                        struct err_ctx *err);
/* The same, and the folder of the sinks' own (-1: there is none), to be read only. */
err_kind cli_state_open(const char *state_dir, int *ret_store_fd, int *ret_sinks_fd,
                        struct topic_log **ret, struct err_ctx *err);

#define STATE_DIR_DEFAULT "/var/lib/picket"
