#include <stdio.h>

#include "attack/attack.h"
#include "core/cleanup.h"
#include "rules/subcommands.h"

struct list_words {
    struct option_list rules;
    const char *output;
};

static const struct option_desc rows[] = {
    {"rules", OPTION_LIST, offsetof(struct list_words, rules), NULL, "PATH",
     "rule file or folder, in place of the shipped set"},
    {"output", OPTION_CHOICE, offsetof(struct list_words, output), "text", "text|json", "form"},
};

static const struct option_table table = {
    .command = "rules list",
    .usage = "[options] [PATH...]",
    .summary = "Every rule, one a line: stage, priority, how many tests it has, ATT&CK's\n"
               "techniques, name, owner, where it is defined.",
    .examples = "  picket rules list ./rules\n"
                "  picket rules list --output json | jq 'select(.tests == 0) | .rule'\n",
    .rows = rows,
    .row_count = sizeof rows / sizeof *rows,
};

/* The rule's techniques, as they stand in its tags. */
static void techniques_write(const struct rule_info *rule, bool is_json, struct writer *out)
{
    bool is_first = true;
    for (size_t index = 0; index < rule->tag_count; index++) {
        span id;
        if (!attack_tag_technique(rule->tags[index], &id))
            continue;
        writer_text(out, is_first ? "" : ",");
        writer_text(out, is_json ? "\"T" : "T");
        writer_put(out, span_after(id, 1));
        writer_text(out, is_json ? "\"" : "");
        is_first = false;
    }
    if (is_first && !is_json)
        writer_byte(out, '-');
}

static void text_write(const struct rule_info *rule, size_t tests, struct writer *out)
{
    writer_format(out, "%-7s %-13.*s %3zu test%s ", rule_stage_name(rule->stage),
                  (int)rule->priority_name.len, (const char *)rule->priority_name.data, tests,
                  tests == 1 ? " " : "s");
    size_t before = out->len;
    techniques_write(rule, false, out);
    for (size_t width = out->len - before; width < 20; width++)
        writer_byte(out, ' ');
    writer_byte(out, ' ');
    writer_terminal(out, rule->name);
    if (!rule->is_enabled)
        writer_text(out, " [disabled]");
    if (rule->owner.data) {
        writer_text(out, "  owner ");
        writer_terminal(out, rule->owner);
    }
    writer_text(out, "  (");
    writer_terminal(out, rule->file);
    writer_format(out, ":%u)\n", rule->line);
}

static void json_text(struct writer *out, const char *key, span text)
{
    writer_format(out, ",\"%s\":", key);
    if (text.data)
        writer_json_string(out, text);
    else
        writer_text(out, "null");
}

static void json_write(const struct rule_info *rule, size_t tests, struct writer *out)
{
    writer_text(out, "{\"rule\":");
    writer_json_string(out, rule->name);
    json_text(out, "id", rule->id);
    json_text(out, "priority", rule->priority_name);
    json_text(out, "source", rule->source);
    writer_format(out, ",\"stage\":\"%s\",\"enabled\":%s", rule_stage_name(rule->stage),
                  rule->is_enabled ? "true" : "false");
    json_text(out, "owner", rule->owner);
    writer_text(out, ",\"attack\":[");
    techniques_write(rule, true, out);
    writer_text(out, "],\"tags\":[");
    for (size_t tag = 0; tag < rule->tag_count; tag++) {
        writer_text(out, tag ? "," : "");
        writer_json_string(out, rule->tags[tag]);
    }
    writer_format(out, "],\"tests\":%zu", tests);
    json_text(out, "file", rule->file);
    writer_format(out, ",\"line\":%u}\n", rule->line);
}

static err_kind list(const struct suite *suite, const struct compiled_sets *sets, bool is_json,
                     struct writer *out, struct err_ctx *err)
{
    struct rules_replays replays;
    const struct rule_info **rules = NULL;
    size_t count = 0;
    err_kind kind = rules_replays_open(sets, &replays, err);
    if (kind != OK)
        return kind;
    kind = rules_all(&replays, &rules, &count, err);
    for (size_t index = 0; index < count; index++) {
        size_t tests = suite_count_of(suite, rules[index]);
        if (is_json)
            json_write(rules[index], tests, out);
        else
            text_write(rules[index], tests, out);
    }
    free(rules);
    rules_replays_close(&replays);
    return kind;
}

static int list_all(const struct list_words *words, struct suite *suite)
{
    struct option_list paths = words->rules;
    struct compiled_sets sets;
    struct err_ctx err;
    AUTO(writer_free) struct writer out;
    const char *shipped = content_path("rules");
    if (!paths.count && shipped)
        paths.items[paths.count++] = shipped;
    writer_init(&out, RULES_BYTES_MAX);
    if (rules_tests_find(&paths, suite, &err) != OK)
        return cli_fail(&err);
    int code =
        cli_compile_sets(&paths, NULL, &(struct compile_options){.stages = STAGES_TEST}, &sets);
    if (code != EXIT_DONE)
        return code;
    err_kind kind = list(suite, &sets, words->output[0] == 'j', &out, &err);
    cli_sets_close(&sets);
    return kind == OK ? rules_print(&out) : cli_fail(&err);
}

int rules_list(int argc, const char *const *argv)
{
    struct list_words words = {0};
    struct option_list operands = {0};
    struct suite *suite;
    struct err_ctx err;
    int code;
    if (!cli_options(&table, argc, argv, &words, &operands, &code))
        return code;
    for (size_t index = 0; index < operands.count && words.rules.count < OPTION_LIST_MAX; index++)
        words.rules.items[words.rules.count++] = operands.items[index];
    if (suite_open(&suite, &err) != OK)
        return cli_fail(&err);
    code = list_all(&words, suite);
    suite_close(suite);
    return code;
}
