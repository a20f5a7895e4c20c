/* How rules are found: for each a set of predicates of which at least one holds whenever the rule
 * matches, chosen bottom up: an `and` takes its child that holds most seldom, an `or` needs all of
 * its children, a `not` gives none. */
#include <stdlib.h>

#include "rule/program.h"

#define COST_SURE       1000000u /* parts of a million: it always holds */
#define COST_ACCESS_MAX 950000u
#define COST_MIN        64u /* so that the number of a rule's access predicates is bounded too */

/* How often a text of this length is found in a value, guessed: halves with every byte. */
static uint32_t literal_cost(enum rule_operator op, size_t length)
{
    uint32_t base = op == RULE_EQUAL ? 200000 : op == RULE_CONTAINS ? COST_SURE * 2 : COST_SURE;
    uint32_t cost = base >> (length < 11 ? length : 11);
    return cost > COST_SURE ? COST_SURE : cost;
}

/* How often the predicate holds, guessed, in parts of a million. Only the order counts: a wrong
 * guess costs time, never a match. */
uint32_t access_guess(const struct rule_program *program, uint32_t id)
{
    const struct ir_predicate *predicate = &program->ir.predicates[id];
    const struct rule_compare *compare = &predicate->compare;
    const struct rule_literal *literals = program->ir.literals + predicate->first;
    uint64_t cost = 0;
    if (route_is_of(program, predicate) || compare->when_absent)
        return ACCESS_NONE;
    if (compare->is_negated || compare->op == RULE_EXISTS)
        return COST_SURE * 9 / 10;
    if (predicate->right != RULE_NONE)
        return COST_SURE / 4;
    for (uint32_t index = 0; index < predicate->count; index++) {
        const struct value *literal = &literals[index].value;
        if (compare->op == RULE_GLOB || compare->op == RULE_REGEX ||
            compare->op == RULE_REGEX_WHOLE)
            cost += COST_SURE / 20;
        else if (literal->kind == VALUE_TEXT)
            cost += literal_cost(compare->op, literal->text.len);
        else if (literal->kind == VALUE_ADDRESS)
            cost +=
                COST_SURE >> (literals[index].prefix_bits < 10 ? literals[index].prefix_bits : 10);
        else
            cost += compare->op == RULE_EQUAL && literal->kind == VALUE_INT &&
                            (literal->integer < 0 || literal->integer > 9)
                        ? COST_SURE / 100
                        : COST_SURE / 2;
    }
    /* what many rules share is what is common, not what is rare */
    unsigned shared = program->leaves[id].rule_count | 1u;
    cost += cost * (31u - (unsigned)__builtin_clz(shared)) / 2;
    cost += COST_MIN;
    return cost < COST_SURE ? (uint32_t)cost : COST_SURE - 1;
}

/* What looking a value up costs, shared by all rules that are found by it: better one field more
 * often than many fields, and all texts of a record only where nothing else does. */
static uint32_t look_up_cost(const struct rule_program *program, uint32_t predicate)
{
    uint32_t left = program->ir.predicates[predicate].left;
    const struct ir_expression *expression = &program->ir.expressions[left];
    const struct lookup *lookup = program->expressions[left].lookup;
    bool is_whole = program->schema->open && expression->kind == IR_FIELD &&
                    program->ir.field_names[expression->slot].len == 0;
    if (is_whole)
        return COST_SURE / 4;
    return lookup ? COST_SURE / (8 + (uint32_t)lookup_weight(lookup)) : COST_SURE / 8;
}

/* The child that the rule is found by. extra: what each node's look-ups cost. */
static uint32_t cheapest(const struct rule_program *program, const struct ir_node *node,
                         const uint32_t *extra)
{
    uint64_t least = UINT64_MAX;
    uint32_t best = RULE_NONE;
    for (uint32_t index = 0; index < node->count; index++) {
        uint32_t child = program->ir.links[node->first + index];
        uint64_t cost = (uint64_t)program->access_cost[child] + extra[child];
        if (program->access_cost[child] != ACCESS_NONE && cost < least) {
            least = cost;
            best = child;
        }
    }
    return best;
}

bool access_choose(struct rule_program *program)
{
    const struct ir *ir = &program->ir;
    uint32_t *extra = calloc(ir->node_count + 1, sizeof *extra);
    if (!extra)
        return false;
    for (size_t id = 0; id < ir->node_count; id++) {
        const struct ir_node *node = &ir->nodes[id];
        uint64_t cost = ACCESS_NONE;
        program->choice[id] = RULE_NONE;
        if (node->kind == IR_LEAF) {
            cost = access_guess(program, node->predicate);
            extra[id] = look_up_cost(program, node->predicate);
        } else if (node->kind == IR_CONSTANT && !node->truth) {
            cost = COST_MIN;
        } else if (node->kind == IR_AND) {
            uint32_t child = cheapest(program, node, extra);
            program->choice[id] = child;
            cost = child == RULE_NONE ? ACCESS_NONE : program->access_cost[child];
            extra[id] = child == RULE_NONE ? 0 : extra[child];
        } else if (node->kind == IR_OR) {
            cost = 0;
            for (uint32_t index = 0; index < node->count; index++) {
                uint32_t child = ir->links[node->first + index];
                cost += program->access_cost[child];
                extra[id] = extra[child] > extra[id] ? extra[child] : extra[id];
            }
        }
        program->access_cost[id] = cost < COST_ACCESS_MAX ? (uint32_t)cost : ACCESS_NONE;
    }
    free(extra);
    return true;
}

/* The one that more rules have: what blocks many is asked once for all of them. */
static uint32_t more_shared(const struct rule_program *program, uint32_t a, uint32_t b)
{
    if (a == RULE_NONE || b == RULE_NONE)
        return a == RULE_NONE ? b : a;
    return program->leaves[b].rule_count > program->leaves[a].rule_count ? b : a;
}

/* The most shared predicate that alone makes the node hold: itself, or a leaf of an `or`. */
static uint32_t sufficient(const struct rule_program *program, uint32_t id)
{
    const struct ir_node *node = &program->ir.nodes[id];
    uint32_t best = RULE_NONE;
    if (node->kind == IR_LEAF)
        return node->predicate;
    for (uint32_t index = 0; node->kind == IR_OR && index < node->count; index++) {
        const struct ir_node *child = &program->ir.nodes[program->ir.links[node->first + index]];
        if (child->kind == IR_LEAF)
            best = more_shared(program, best, child->predicate);
    }
    return best;
}

uint32_t access_blocker(const struct rule_program *program, uint32_t id)
{
    const struct ir_node *node = &program->ir.nodes[id];
    uint32_t best = RULE_NONE;
    if (node->kind == IR_NOT)
        return sufficient(program, program->ir.links[node->first]);
    for (uint32_t index = 0; node->kind == IR_AND && index < node->count; index++) {
        uint32_t child = program->ir.links[node->first + index];
        if (program->ir.nodes[child].kind == IR_NOT)
            best = more_shared(program, best, access_blocker(program, child));
    }
    return best;
}

/* Recursion is bounded: a node's depth is below IR_DEPTH_MAX. */
void access_each(const struct rule_program *program, uint32_t id, access_visit visit, void *context)
{
    const struct ir_node *node = &program->ir.nodes[id];
    if (program->access_cost[id] == ACCESS_NONE)
        return;
    if (node->kind == IR_LEAF)
        visit(context, node->predicate);
    else if (node->kind == IR_AND)
        access_each(program, program->choice[id], visit, context);
    else if (node->kind == IR_OR)
        for (uint32_t index = 0; index < node->count; index++)
            access_each(program, program->ir.links[node->first + index], visit, context);
}

struct access_count {
    struct rule_program *program;
    struct stamps *stamps;
    uint32_t rule;
    bool is_filling;
};

static void access_note(void *pointer, uint32_t predicate)
{
    struct access_count *count = pointer;
    struct leaf *leaf = &count->program->leaves[predicate];
    if (!stamps_take(count->stamps, predicate))
        return;
    if (count->is_filling)
        count->program->access_rules[leaf->access_first + leaf->access_count] = count->rule;
    leaf->access_count++;
}

static void access_pass(struct rule_program *program, struct stamps *stamps, bool is_filling)
{
    struct access_count count = {program, stamps, 0, is_filling};
    for (uint32_t rule = 0; rule < program->ir.rule_count; rule++) {
        if (!program->ir.rules[rule].info.is_enabled)
            continue;
        count.rule = rule;
        stamps->stamp++;
        access_each(program, program->ir.rules[rule].root, access_note, &count);
    }
}

bool access_lists(struct rule_program *program, struct stamps *stamps)
{
    uint32_t total = 0;
    access_pass(program, stamps, false);
    for (size_t id = 0; id < program->ir.predicate_count; id++) {
        struct leaf *leaf = &program->leaves[id];
        leaf->access_first = total;
        total += leaf->access_count;
        if (leaf->access_count)
            program->access_bits[id / 64] |= (uint64_t)1 << id % 64;
        leaf->access_count = 0;
    }
    program->access_rules =
        arena_alloc(&program->arena, (total + 1u) * sizeof *program->access_rules);
    if (!program->access_rules)
        return false;
    access_pass(program, stamps, true);
    return true;
}
