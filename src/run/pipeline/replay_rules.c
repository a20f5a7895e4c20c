/* Rules one by one: an event by itself, how a rule runs, what there is. */
#include <string.h>

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

err_kind replay_line(struct replay *replay, span line, struct replay_event *ret,
                     struct err_ctx *err)
{
    *ret = (struct replay_event){.number = 1};
    return detect_line(replay->detect, line, 1, &ret->rules, &ret->count, err);
}

err_kind replay_signal(struct replay *replay, uint32_t rule, struct writer *out,
                       struct err_ctx *err)
{
    struct state_signal row;
    return detect_signal(replay->detect, rule, NULL, out, &row, err);
}

void replay_why(struct replay *replay, uint32_t rule, struct writer *out)
{
    detect_explain(replay->detect, rule, out);
}

struct rule_program *replay_program(const struct replay *replay)
{
    return detect_program(replay->detect);
}

err_kind replay_explain(struct replay *replay, const char *rule, span event, struct writer *out,
                        struct err_ctx *err)
{
    uint32_t index;
    struct replay_event seen;
    if (!rule_find(detect_program(replay->detect), span_str(rule), &index))
        return err_set(err, ERR_INPUT, "no rule '%s'; see picket rules list", rule);
    rule_explain(detect_program(replay->detect), index, out);
    if (event.len == 0)
        return OK;
    err_kind kind = replay_line(replay, event, &seen, err);
    if (kind == OK)
        replay_why(replay, index, out);
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
