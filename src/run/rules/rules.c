#include "rules/rules.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "rules/subcommands.h"
#include "source/source.h"

static const struct command subcommands[] = {
    {"coverage", rules_coverage, "which of ATT&CK's techniques the rules are for"},
    {"cost", rules_cost, "what each rule costs, in ns an event"},
    {"diff", rules_diff, "what changes in matches between two versions of the rules"},
    {"except", rules_except, "the smallest exception that silences a signal"},
    {"explain", rules_explain, "how a rule runs, and why it matches an event or not"},
    {"fields", rules_fields, "what conditions and outputs may name"},
    {"list", rules_list, "every rule: stage, owner, techniques, tests"},
};

int rules_command(int argc, const char *const *argv)
{
    return cli_subcommand("rules", subcommands, sizeof subcommands / sizeof *subcommands, argc,
                          argv);
}

/* ---- shared ---- */

err_kind rules_replays_open(const struct compiled_sets *sets, struct rules_replays *ret,
                            struct err_ctx *err)
{
    const struct source *json = source_find(SPAN("json"));
    *ret = (struct rules_replays){0};
    err_kind kind = role_confine(ROLE_ENGINE, -1, err);
    for (; ret->count < sets->count && kind == OK; ret->count += kind == OK) {
        struct replay_options options = {.image_fd = sets->items[ret->count].image_fd,
                                         .hostname = "rules",
                                         .source = sets->is_json[ret->count] ? json : NULL};
        kind = replay_open(&options, &ret->items[ret->count], err);
    }
    if (kind != OK)
        rules_replays_close(ret);
    return kind;
}

void rules_replays_close(struct rules_replays *replays)
{
    while (replays->count)
        replay_close(replays->items[--replays->count]);
}

/* A rule may be in both sets: where it stands tells. */
static bool is_among(const struct rule_info *const *rules, size_t count,
                     const struct rule_info *rule)
{
    for (size_t index = 0; index < count; index++)
        if (rules[index]->line == rule->line && span_eq(rules[index]->file, rule->file) &&
            span_eq(rules[index]->name, rule->name))
            return true;
    return false;
}

err_kind rules_all(const struct rules_replays *replays, const struct rule_info ***ret,
                   size_t *ret_count, struct err_ctx *err)
{
    size_t most = 0, first;
    *ret_count = 0;
    for (size_t at = 0; at < replays->count; at++)
        most += rule_program_count(replay_program(replays->items[at]));
    *ret = calloc(most + 1, sizeof(const struct rule_info *));
    if (!*ret)
        return err_set(err, ERR_SYSTEM, "rules");
    for (size_t at = 0; at < replays->count; at++) {
        const struct rule_program *program = replay_program(replays->items[at]);
        first = *ret_count;
        for (uint32_t index = 0; index < rule_program_count(program); index++) {
            const struct rule_info *rule = rule_program_rule(program, index);
            if (!is_among(*ret, first, rule))
                (*ret)[(*ret_count)++] = rule;
        }
    }
    return OK;
}

int rules_events_open(const struct option_list *paths, const char *source, struct rules_events *ret)
{
    *ret = (struct rules_events){0};
    if (!cli_source(source, &ret->source))
        return EXIT_USAGE;
    for (; ret->count < paths->count; ret->count++) {
        const char *path = paths->items[ret->count];
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd < 0) {
            struct err_ctx err;
            (void)err_set(&err, ERR_SYSTEM, "%s", path);
            rules_events_close(ret);
            return cli_fail(&err);
        }
        ret->files[ret->count] = (struct lab_file){.fd = fd, .name = path};
    }
    return EXIT_DONE;
}

void rules_events_close(struct rules_events *events)
{
    while (events->count)
        close(events->files[--events->count].fd);
}

int rules_print(const struct writer *out)
{
    if (out->is_full || fwrite(out->data, 1, out->len, stdout) != out->len || fflush(stdout)) {
        fprintf(stderr, "picket: the answer is not whole: %s\n",
                out->is_full ? "over 256 MiB" : "it could not be printed");
        return EXIT_WRONG;
    }
    return EXIT_DONE;
}
