/* One table of options per command: it parses the command line and the configuration file, checks,
 * sets defaults and prints --help. To add an option: one row. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "core/error.h"
#include "core/span.h"

#define OPTION_LIST_MAX 1000 /* what a shell makes of a pattern; each may be an open file */

enum option_kind {
    OPTION_FLAG,     /* bool */
    OPTION_TEXT,     /* const char * */
    OPTION_LIST,     /* struct option_list: may be repeated */
    OPTION_CHOICE,   /* const char *, one of `choices`, separated by '|' */
    OPTION_DURATION, /* uint64_t ns: 500ms, 10s, 5m, 2h, 1d */
    OPTION_SIZE,     /* uint64_t bytes: 512k, 64M, 1G */
    OPTION_COUNT,    /* uint64_t */
};

struct option_list {
    const char *items[OPTION_LIST_MAX];
    size_t count;
};

struct option_desc {
    const char *name; /* without the dashes */
    enum option_kind kind;
    size_t offset;       /* into the command's options struct */
    const char *preset;  /* default as text; NULL: zero */
    const char *choices; /* OPTION_CHOICE; for others the placeholder in --help */
    const char *summary;
};

struct option_table {
    const char *command; /* "run" */
    const char *usage;   /* "[options] FILE..." */
    const char *summary;
    const char *examples; /* lines for --help, or NULL */
    const struct option_desc *rows;
    size_t row_count;
};

/* Puts every row's default into *options. */
MUST_USE err_kind options_preset(const struct option_table *table, void *options,
                                 struct err_ctx *err);
/* Sets one option by name; text is borrowed for good. A repeated list option appends. */
MUST_USE err_kind option_set(const struct option_table *table, void *options, const char *name,
                             const char *text, struct err_ctx *err);
/* Parses `--name value`, `--name=value` and flags; the rest goes to `operands`, in order. `--` ends
 * the options; `--help` sets *ret_help. */
MUST_USE err_kind options_parse(const struct option_table *table, int argc, const char *const *argv,
                                void *options, struct option_list *operands, bool *ret_help,
                                struct err_ctx *err);
void options_help(const struct option_table *table, FILE *out);

/* "10s" and kin to nanoseconds, "64M" and kin to bytes; false when it is not one or overflows. */
MUST_USE bool duration_parse(const char *text, uint64_t *ret_ns);
MUST_USE bool size_parse(const char *text, uint64_t *ret_bytes);
