/* Rules one by one: an event by itself, how a rule runs, what there is. */
#include <string.h>

#include "pipeline/replay_state.h"

static bool rule_find(const struct rule_program *program, span name, uint32_t *ret)
{
    for (uint32_t index = 0; index < rule_program_count(program); index++) {
        const struct rule_info *rule = rule_program_rule(program, index);
        if (span_eq(rule->name, name) || (rule->id.data && span_eq(rule->id, name))) {
            *ret = index;
            return true;
        }
    }
    return false;
}

err_kind replay_line(struct replay *replay, span line, struct replay_event *ret,
                     struct err_ctx *err)
{
    size_t fault_at;
    *ret = (struct replay_event){.number = 1};
    return detect_line(replay->detect, line, 1, &ret->rules, &ret->count, &fault_at, err);
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

bool replay_is_json(const struct replay *replay)
{
    return replay->options.source;
}

bool replay_has(const struct replay *replay, const char *rule)
{
    uint32_t index;
    return rule_find(detect_program(replay->detect), span_str(rule), &index);
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
