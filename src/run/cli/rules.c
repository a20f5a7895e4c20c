#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "core/cleanup.h"
#include "kernel/kernel.h"
#include "pipeline/pipeline.h"

struct rules_words {
    struct option_list rules;
    const char *event;
    const char *output;
};

static const struct option_desc rows[] = {
    {"rules", OPTION_LIST, offsetof(struct rules_words, rules), NULL, "PATH",
     "rule file or folder, in place of the shipped set"},
    {"event", OPTION_TEXT, offsetof(struct rules_words, event), NULL, "FILE",
     "explain: one JSON line with flat keys; says why the rule matches it or not"},
    {"output", OPTION_CHOICE, offsetof(struct rules_words, output), "text", "text|json", "form"},
};

static const struct option_table table = {
    .command = "rules",
    .usage = "list | explain NAME | fields",
    .summary =
        "list: every rule. explain: a rule's condition after macros, how it is found, what it\n"
        "shares. fields: what conditions and outputs may name.",
    .examples = "  picket rules list --rules ./rules\n"
                "  picket rules explain 'Shadow file read' --event event.json\n",
    .rows = rows,
    .row_count = sizeof rows / sizeof *rows,
};

static int fields_print(void)
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
    for (size_t index = 0; index < kernel_schema.field_count; index++) {
        const struct field_desc *field = &kernel_schema.fields[index];
        char name[64];
        snprintf(name, sizeof name, "%s%s", field->name, arguments[field->argument]);
        printf("%-34s %-9s %s\n", name, types[field->type], field->summary);
    }
    return EXIT_DONE;
}

static err_kind event_read(const char *path, char *buffer, size_t size, size_t *ret_len,
                           struct err_ctx *err)
{
    *ret_len = 0;
    if (!path)
        return OK;
    AUTO(auto_close) int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t count = fd < 0 ? -1 : read(fd, buffer, size);
    if (count < 0)
        return err_set(err, ERR_SYSTEM, "%s", path);
    *ret_len = (size_t)count;
    return OK;
}

static err_kind answer(const struct rules_words *words, const char *rule, int image_fd,
                       struct writer *out, struct err_ctx *err)
{
    static char event[1 << 20];
    size_t len;
    struct replay *replay = NULL;
    struct replay_options options = {.image_fd = image_fd, .hostname = "explain"};
    err_kind kind = event_read(words->event, event, sizeof event, &len, err);
    if (kind == OK)
        kind = role_confine(ROLE_ENGINE, -1, err);
    if (kind == OK)
        kind = replay_open(&options, &replay, err);
    if (kind == OK && rule)
        kind = replay_explain(replay, rule, span_of(event, len), out, err);
    else if (kind == OK)
        replay_list(replay, words->output[0] == 'j', out);
    replay_close(replay);
    return kind;
}

int cli_rules(int argc, const char *const *argv)
{
    struct rules_words words = {0};
    struct option_list operands = {0};
    struct compiled compiled;
    struct writer out;
    struct err_ctx err;
    int code;
    if (!cli_options(&table, argc, argv, &words, &operands, &code))
        return code;
    const char *what = operands.count ? operands.items[0] : "";
    if (strcmp(what, "fields") == 0)
        return fields_print();
    bool is_explain = strcmp(what, "explain") == 0;
    if ((!is_explain && strcmp(what, "list") != 0) || operands.count != (is_explain ? 2 : 1)) {
        fprintf(stderr, "picket: rules list, rules explain NAME or rules fields\n");
        return EXIT_USAGE;
    }
    code = cli_compile(&words.rules, &(struct compile_options){STAGES_TEST}, &compiled);
    if (code != EXIT_DONE)
        return code;
    writer_init(&out, 64u << 20);
    err_kind kind =
        answer(&words, is_explain ? operands.items[1] : NULL, compiled.image_fd, &out, &err);
    compiled_close(&compiled);
    fwrite(out.data, 1, out.len, stdout);
    writer_free(&out);
    return kind == OK ? EXIT_DONE : cli_fail(&err);
}
