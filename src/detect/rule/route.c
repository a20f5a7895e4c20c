/* Which rules an event can match at all, by the value of its route field: every value that some
 * rule names, any other, and none. For each, all nodes are answered in three values with the route
 * field known and all else unknown; a rule is wanted unless its condition is certainly false. This
 * follows the logic, so `not`, `!=` and `or` need no special case. */
#include <stdlib.h>

#include "rule/program.h"

#define ROUTES_MAX 1024

bool route_is_of(const struct rule_program *program, const struct ir_predicate *predicate)
{
    const struct ir_expression *left = &program->ir.expressions[predicate->left];
    return program->route_slot != RULE_NONE && predicate->right == RULE_NONE &&
           left->kind == IR_FIELD && left->slot == program->route_slot;
}

/* The answer for any text that no rule names. */
static enum answer other_answer(struct rule_program *program, uint32_t id)
{
    const struct rule_compare *compare = &program->ir.predicates[id].compare;
    /* no name of an event contains a control byte */
    const struct value other = {.kind = VALUE_TEXT, .text = SPAN("\1\2\3 any other")};
    bool is_same_for_all = compare->op == RULE_EXISTS ||
                           (compare->op == RULE_EQUAL && compare->type == RULE_TYPE_TEXT &&
                            compare->case_mode == RULE_CASE_EXACT);
    return is_same_for_all ? leaf_compare(program, id, &other, NULL) : ANSWER_UNDECIDED;
}

static enum answer group_known(const struct ir *ir, const struct ir_node *node,
                               const uint8_t *states)
{
    enum answer decides = node->kind == IR_AND ? ANSWER_NO : ANSWER_YES;
    enum answer answer = answer_not(decides);
    for (uint32_t index = 0; index < node->count; index++) {
        enum answer child = states[ir->links[node->first + index]];
        if (child == decides)
            return decides;
        if (child == ANSWER_UNDECIDED)
            answer = child;
    }
    return answer;
}

void route_answers(struct rule_program *program, const struct value *route_value, uint8_t *states)
{
    const struct ir *ir = &program->ir;
    for (size_t id = 0; id < ir->node_count; id++) {
        const struct ir_node *node = &ir->nodes[id];
        enum answer answer = ANSWER_UNDECIDED;
        switch ((enum ir_node_kind)node->kind) {
        case IR_CONSTANT:
            answer = answer_of(node->truth);
            break;
        case IR_LEAF:
            if (route_is_of(program, &ir->predicates[node->predicate]))
                answer = route_value ? leaf_compare(program, node->predicate, route_value, NULL)
                                     : other_answer(program, node->predicate);
            break;
        case IR_NOT:
            answer = answer_not(states[ir->links[node->first]]);
            break;
        case IR_AND:
        case IR_OR:
            answer = group_known(ir, node, states);
            break;
        }
        states[id] = (uint8_t)answer;
    }
}

err_kind route_names(struct rule_program *program, struct err_ctx *err)
{
    struct ir *ir = &program->ir;
    program->route_slot = RULE_NONE;
    for (uint32_t slot = 0; program->schema->route && slot < ir->field_count; slot++)
        if (span_eq(ir->field_names[slot], span_str(program->schema->route)))
            program->route_slot = slot;
    for (size_t id = 0; id < ir->predicate_count; id++) {
        const struct ir_predicate *predicate = &ir->predicates[id];
        if (!route_is_of(program, predicate))
            continue;
        for (uint32_t index = 0; index < predicate->count; index++) {
            const struct value *literal = &ir->literals[predicate->first + index].value;
            uint32_t known;
            if (literal->kind != VALUE_TEXT || map_get(&program->routes, literal->text, &known))
                continue;
            if (program->routes.count >= ROUTES_MAX ||
                !map_put(&program->routes, literal->text, (uint32_t)program->routes.count))
                return err_set(err, ERR_LIMIT, "rules name over %d values of '%s'", ROUTES_MAX,
                               program->schema->route);
        }
    }
    program->route_count = (uint32_t)program->routes.count + 2;
    program->route_list =
        arena_alloc(&program->arena, program->route_count * sizeof *program->route_list);
    if (!program->route_list)
        return err_set(err, ERR_LIMIT, "no room for routes");
    for (size_t index = 0; index < program->routes.size; index++)
        if (program->routes.entries[index].hash)
            program->route_list[program->routes.entries[index].value].value =
                program->routes.entries[index].key;
    return OK;
}

static void wanted_mark(const struct rule_program *program, struct route *route,
                        const uint8_t *states)
{
    const struct ir *ir = &program->ir;
    for (uint32_t rule = 0; rule < ir->rule_count; rule++)
        if (ir->rules[rule].info.is_enabled && states[ir->rules[rule].root] != ANSWER_NO)
            route->wanted[rule / 64] |= (uint64_t)1 << rule % 64;
}

bool route_fill_all(struct rule_program *program)
{
    uint8_t *states = calloc(program->ir.node_count + 1, 1);
    bool is_filled = states;
    for (uint32_t index = 0; is_filled && index < program->route_count; index++) {
        struct route *route = &program->route_list[index];
        const struct value value = {.kind = route->value.data ? VALUE_TEXT : VALUE_ABSENT,
                                    .text = route->value};
        is_filled = sector_route_new(program, &program->arena, route);
        if (!is_filled)
            break;
        route_answers(program, index == route_other(program) ? NULL : &value, states);
        wanted_mark(program, route, states);
        is_filled = sector_route_fill(program, &program->arena, route);
    }
    free(states);
    return is_filled;
}

const struct route *route_of(struct rule_program *program, struct event *event, bool *ret_is_narrow)
{
    uint32_t index = route_absent(program);
    if (program->route_slot != RULE_NONE) {
        char buffer[CONVERT_BYTES];
        const struct value *value = event_get(event, program->route_slot);
        span text = convert_text(value, buffer);
        if (!value_is_empty(value))
            index = route_other(program);
        if (!value_is_empty(value) && text.data)
            map_get(&program->routes, text, &index);
    }
    *ret_is_narrow = true;
    if (!event->logsource || program->route_list[index].wanted_count == 0)
        return &program->route_list[index];
    const struct route *narrow = sector_of(program, index, event->logsource);
    *ret_is_narrow = narrow;
    return narrow ? narrow : &program->route_list[index];
}
