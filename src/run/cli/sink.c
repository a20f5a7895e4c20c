#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <sys/mman.h>

#include "cli/cli.h"
#include "outlet/outlet.h"

struct sink_words {
    const char *state;
    const char *output;
    uint64_t period_ns;
};

static const struct option_desc rows[] = {
    {"state", OPTION_TEXT, offsetof(struct sink_words, state), STATE_DIR_DEFAULT, "DIR",
     "the state folder whose stores are read, and where positions are kept"},
    {"for", OPTION_DURATION, offsetof(struct sink_words, period_ns), NULL, NULL,
     "run: end after this time"},
    {"output", OPTION_CHOICE, offsetof(struct sink_words, output), "text", "text|json|prometheus",
     "list, status, kinds: form"},
};

static const struct option_table table = {
    .command = "sink",
    .usage = "run|check|list FILE|DIR... [options], or status|kinds [options]",
    .summary =
        "Sends alerts and signals to other systems, as declared in a YAML file for each. A sink\n"
        "reads the stores below the state folder at a position of its own: one that is down costs\n"
        "nothing but the stores' room. SIGTERM finishes the batch in flight; SIGHUP opens files\n"
        "and secrets anew.",
    .examples = "  picket sink kinds\n"
                "  picket sink check /etc/picket/sinks\n"
                "  sudo picket sink run /etc/picket/sinks --state /var/lib/picket\n"
                "  sudo picket sink status --output prometheus\n",
    .rows = rows,
    .row_count = sizeof rows / sizeof *rows,
};

/* Reads declarations; what is wrong goes to stderr. EXIT_DONE with their JSON, else the code. */
static int declarations_read(const struct option_list *operands, struct compiled *ret)
{
    struct err_ctx err;
    struct bundle bundle;
    err_kind kind = bundle_open(&bundle, &err);
    for (size_t index = 1; index < operands->count && kind == OK; index++)
        kind = bundle_add(&bundle, operands->items[index], &err);
    if (kind == OK && bundle.file_count == 0)
        kind = err_set(&err, ERR_INPUT, "there is no declaration of a sink (*.yml)");
    if (kind == OK)
        kind = sinks_compile(&bundle, ret, &err);
    bundle_close(&bundle);
    if (kind != OK)
        return cli_fail(&err);
    if (ret->diagnostics.len)
        fwrite(ret->diagnostics.data, 1, ret->diagnostics.len, stderr);
    if (ret->error_count == 0)
        return EXIT_DONE;
    compiled_close(ret);
    return EXIT_WRONG;
}

static int declared_do(const char *action, const struct sink_words *words, enum outlet_form form,
                       span declarations)
{
    if (strcmp(action, "list") == 0)
        outlet_list_print(declarations, form);
    if (strcmp(action, "run") != 0)
        return EXIT_DONE;
    return outlet_run(&(struct outlet_options){
        .state_dir = words->state, .declarations = declarations, .period_ns = words->period_ns});
}

static int with_declarations(const char *action, const struct option_list *operands,
                             const struct sink_words *words, enum outlet_form form)
{
    struct compiled compiled = {.image_fd = -1};
    int code = declarations_read(operands, &compiled);
    if (code != EXIT_DONE)
        return code;
    off_t size = lseek(compiled.image_fd, 0, SEEK_END);
    void *data = size > 0 ? mmap(NULL, (size_t)size, PROT_READ, MAP_PRIVATE, compiled.image_fd, 0)
                          : MAP_FAILED;
    compiled_close(&compiled);
    if (data == MAP_FAILED) {
        struct err_ctx err;
        err_set(&err, ERR_SYSTEM, "the declarations");
        return cli_fail(&err);
    }
    code = declared_do(action, words, form, span_of(data, (size_t)size));
    munmap(data, (size_t)size);
    return code;
}

int cli_sink(int argc, const char *const *argv)
{
    struct sink_words words = {0};
    struct option_list operands = {0};
    struct err_ctx err;
    int code = EXIT_USAGE;
    if (!cli_options(&table, argc, argv, &words, &operands, &code))
        return code;
    const char *action = operands.count ? operands.items[0] : "";
    enum outlet_form form = words.output[0] == 'j'   ? OUTLET_FORM_JSON
                            : words.output[0] == 'p' ? OUTLET_FORM_PROMETHEUS
                                                     : OUTLET_FORM_TEXT;
    bool is_declared =
        strcmp(action, "run") == 0 || strcmp(action, "check") == 0 || strcmp(action, "list") == 0;
    if (is_declared && operands.count > 1)
        return with_declarations(action, &operands, &words, form);
    if (strcmp(action, "status") == 0 && operands.count == 1)
        return outlet_status_print(words.state, form, &err) == OK ? EXIT_DONE : cli_fail(&err);
    if (strcmp(action, "kinds") == 0 && operands.count == 1) {
        outlet_kinds_print(form);
        return EXIT_DONE;
    }
    if (is_declared)
        fprintf(stderr, "picket: sink %s needs a declaration: a YAML file, or a folder of them\n",
                action);
    else
        fprintf(stderr, "picket: sink: expected run, check, list, status or kinds\n");
    return EXIT_USAGE;
}
