#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/cleanup.h"
#include "kernel/kernel.h"
#include "rules/subcommands.h"

struct explain_words {
    struct option_list rules;
    const char *event;
};

static const struct option_desc rows[] = {
    {"rules", OPTION_LIST, offsetof(struct explain_words, rules), NULL, "PATH",
     "rule file or folder, in place of the shipped set"},
    {"event", OPTION_TEXT, offsetof(struct explain_words, event), NULL, "FILE|FILE:N|JSON",
     "one JSON line, the N-th of a file, or the event itself; says why the rule matches it or not"},
};

static const struct option_table table = {
    .command = "rules explain",
    .usage = "[options] NAME",
    .summary = "A rule's condition after macros and lists, how it is found, what it shares.",
    .examples = "  picket rules explain 'Password hashes read' --event event.json\n",
    .rows = rows,
    .row_count = sizeof rows / sizeof *rows,
};

/* FILE:N; without a number it is the first line. */
static unsigned long line_number(const char *path, char *name, size_t size)
{
    const char *colon = strrchr(path, ':');
    char *end = NULL;
    unsigned long number = colon ? strtoul(colon + 1, &end, 10) : 0;
    bool has_number = number && end && *end == 0 && access(path, F_OK) != 0;
    size_t len = has_number ? (size_t)(colon - path) : strlen(path);
    snprintf(name, size, "%.*s", (int)(len < size ? len : size - 1), path);
    return has_number ? number : 1;
}

static err_kind event_read(const char *from, char *buffer, size_t size, size_t *ret_len,
                           struct err_ctx *err)
{
    char name[PATH_MAX];
    *ret_len = 0;
    if (!from)
        return OK;
    if (*from == '{') {
        *ret_len = strlen(from);
        if (*ret_len >= size)
            return err_set(err, ERR_LIMIT, "the event is over %zu bytes", size);
        memcpy(buffer, from, *ret_len);
        return OK;
    }
    unsigned long number = line_number(from, name, sizeof name);
    AUTO(auto_fclose) FILE *file = fopen(name, "re");
    if (!file)
        return err_set(err, ERR_SYSTEM, "%s", name);
    for (unsigned long line = 1; line <= number; line++)
        if (!fgets(buffer, (int)size, file))
            return err_set(err, ERR_INPUT, "%s: has no line %lu", name, number);
    *ret_len = strcspn(buffer, "\n");
    return OK;
}

static err_kind explain(const char *event_path, const char *rule, const struct compiled_sets *sets,
                        struct writer *out, struct err_ctx *err)
{
    static char event[1 << 20];
    size_t len;
    struct rules_replays replays = {0};
    err_kind kind = event_read(event_path, event, sizeof event, &len, err);
    if (kind == OK)
        kind = rules_replays_open(sets, &replays, err);
    if (kind != OK)
        return kind;
    /* where no set has it, the last one says so */
    size_t at = 0;
    while (at + 1 < replays.count && !replay_has(replays.items[at], rule))
        at++;
    kind = replay_explain(replays.items[at], rule, span_of(event, len), out, err);
    rules_replays_close(&replays);
    return kind;
}

int rules_explain(int argc, const char *const *argv)
{
    struct explain_words words = {0};
    struct option_list operands = {0};
    struct compiled_sets sets;
    AUTO(writer_free) struct writer out;
    struct err_ctx err;
    int code;
    writer_init(&out, RULES_BYTES_MAX);
    if (!cli_options(&table, argc, argv, &words, &operands, &code))
        return code;
    if (operands.count != 1) {
        fprintf(stderr, "picket: rules explain which rule? Name one; see picket rules list\n");
        return EXIT_USAGE;
    }
    code = cli_compile_sets(&words.rules, NULL, &(struct compile_options){.stages = STAGES_TEST},
                            &sets);
    if (code != EXIT_DONE)
        return code;
    err_kind kind = explain(words.event, operands.items[0], &sets, &out, &err);
    cli_sets_close(&sets);
    code = rules_print(&out);
    return kind == OK ? code : cli_fail(&err);
}

int rules_fields(int argc, const char *const *argv)
{
    static const char *const types[] = {
        [FIELD_TEXT] = "text",   [FIELD_PATH] = "path",       [FIELD_INT] = "int",
        [FIELD_BOOL] = "bool",   [FIELD_ADDRESS] = "address", [FIELD_NET] = "net",
        [FIELD_BYTES] = "bytes", [FIELD_TIME] = "time",       [FIELD_DURATION] = "duration",
        [FIELD_ANY] = "any",
    };
    static const char *const arguments[] = {
        [ARGUMENT_NONE] = "",     [ARGUMENT_INDEX_OPTIONAL] = "[n]?",
        [ARGUMENT_INDEX] = "[n]", [ARGUMENT_KEY_OPTIONAL] = "[key]?",
        [ARGUMENT_KEY] = "[key]",
    };
    static const struct option_table fields_table = {
        .command = "rules fields",
        .usage = "",
        .summary = "What the conditions and outputs of Falco rules may name.",
    };
    int code;
    if (!cli_options(&fields_table, argc, argv, NULL, NULL, &code))
        return code;
    for (size_t index = 0; index < kernel_schema.field_count; index++) {
        const struct field_desc *field = &kernel_schema.fields[index];
        char name[64];
        snprintf(name, sizeof name, "%s%s", field->name, arguments[field->argument]);
        printf("%-34s %-9s %s\n", name, types[field->type], field->summary);
    }
    return EXIT_DONE;
}
