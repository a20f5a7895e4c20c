/* The rules themselves: their own events, how they run, what there is. */
#include <jansson.h>
#include <string.h>

#include "core/cleanup.h"
#include "pipeline/replay_state.h"

static bool rule_find(const struct rule_program *program, span name, uint32_t *ret)
{
    for (uint32_t index = 0; index < rule_program_count(program); index++) {
        if (span_eq(rule_program_rule(program, index)->name, name)) {
            *ret = index;
            return true;
        }
    }
    return false;
}

/* NULL: as expected; else what is wrong. */
static const char *line_test(struct replay *replay, json_t *line, struct err_ctx *err)
{
    const char *rule = json_string_value(json_object_get(line, "rule"));
    const json_t *expected = json_object_get(line, "match");
    json_t *event = json_object_get(line, "event");
    uint32_t wanted;
    const uint32_t *matches;
    size_t count;
    if (!rule || !json_is_boolean(expected) || !json_is_object(event))
        return "needs `rule` (text), `match` (true or false) and `event` (object)";
    if (!rule_find(detect_program(replay->detect), span_str(rule), &wanted))
        return "no such rule is loaded";
    AUTO(auto_free) char *text = json_dumps(event, JSON_COMPACT);
    if (!text)
        return "out of memory";
    if (detect_line(replay->detect, span_str(text), 1, &matches, &count, err) != OK)
        return err->text;
    bool has_matched = false;
    for (size_t index = 0; index < count; index++)
        has_matched |= matches[index] == wanted;
    if (has_matched == json_is_true(expected))
        return NULL;
    return has_matched ? "must not match, but does" : "must match, but does not";
}

void replay_test(struct replay *replay, span content, const char *name, struct test_counts *counts)
{
    uint64_t number = 0;
    while (content.len) {
        span text;
        if (!span_until(&content, '\n', &text)) {
            text = content;
            content.len = 0;
        }
        number++;
        if (text.len == 0)
            continue;
        struct err_ctx err;
        json_error_t reason;
        json_t *line =
            json_loadb((const char *)text.data, text.len, JSON_REJECT_DUPLICATES, &reason);
        const char *wrong = line ? line_test(replay, line, &err) : reason.text;
        if (!wrong) {
            counts->passed++;
        } else {
            const char *rule = json_string_value(json_object_get(line, "rule"));
            const char *why = json_string_value(json_object_get(line, "why"));
            counts->failed++;
            fprintf(stderr, "%s:%llu: rule '%s': %s%s%s\n", name, (unsigned long long)number,
                    rule ? rule : "?", wrong, why ? ": " : "", why ? why : "");
        }
        json_decref(line);
    }
}

err_kind replay_explain(struct replay *replay, const char *rule, span event, struct writer *out,
                        struct err_ctx *err)
{
    uint32_t index;
    const uint32_t *matches;
    size_t count;
    if (!rule_find(detect_program(replay->detect), span_str(rule), &index))
        return err_set(err, ERR_INPUT, "no rule '%s'; see picket rules list", rule);
    rule_explain(detect_program(replay->detect), index, out);
    if (event.len == 0)
        return OK;
    err_kind kind = detect_line(replay->detect, event, 1, &matches, &count, err);
    if (kind == OK)
        detect_explain(replay->detect, index, out);
    return kind;
}

void replay_list(struct replay *replay, bool is_json, struct writer *out)
{
    const struct rule_program *program = detect_program(replay->detect);
    for (uint32_t index = 0; index < rule_program_count(program); index++) {
        const struct rule_info *rule = rule_program_rule(program, index);
        if (!is_json) {
            writer_format(out, "%-7s %-13.*s ", rule_stage_name(rule->stage),
                          (int)rule->priority_name.len, rule->priority_name.data);
            writer_terminal(out, rule->name);
            writer_format(out, "%s  (", rule->is_enabled ? "" : " [disabled]");
            writer_terminal(out, rule->file);
            writer_format(out, ":%u)\n", rule->line);
            continue;
        }
        writer_text(out, "{\"rule\":");
        writer_json_string(out, rule->name);
        writer_text(out, ",\"priority\":");
        writer_json_string(out, rule->priority_name);
        writer_text(out, ",\"source\":");
        writer_json_string(out, rule->source);
        writer_format(out, ",\"enabled\":%s,\"tags\":[", rule->is_enabled ? "true" : "false");
        for (size_t tag = 0; tag < rule->tag_count; tag++) {
            writer_text(out, tag ? "," : "");
            writer_json_string(out, rule->tags[tag]);
        }
        writer_text(out, "],\"file\":");
        writer_json_string(out, rule->file);
        writer_format(out, ",\"line\":%u}\n", rule->line);
    }
}
