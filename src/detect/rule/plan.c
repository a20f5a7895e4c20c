/* The plan: what is looked up together, how rules are found (access.c), what an event of a route
 * has to be asked (route.c, sector.c), and in which order. */
#include <stdlib.h>

#include "rule/program.h"

/* ---- counts and order ---- */

/* In how many rules each predicate occurs. Nodes are seen once a rule. */
static void rules_count(struct rule_program *program, uint32_t id, struct stamps *stamps)
{
    const struct ir_node *node = &program->ir.nodes[id];
    if (!stamps_take(stamps, id))
        return;
    if (node->kind == IR_LEAF) {
        program->leaves[node->predicate].rule_count++;
    } else if (node->kind != IR_CONSTANT) {
        for (uint32_t index = 0; index < node->count; index++)
            rules_count(program, program->ir.links[node->first + index], stamps);
    }
}

static uint32_t work_of(const struct rule_program *program, const uint32_t *work, uint32_t id)
{
    const struct ir_node *node = &program->ir.nodes[id];
    uint64_t total = 0;
    if (node->kind == IR_CONSTANT)
        return 0;
    if (node->kind == IR_LEAF) {
        const struct ir_predicate *predicate = &program->ir.predicates[node->predicate];
        enum rule_operator op = predicate->compare.op;
        total = route_is_of(program, predicate)                 ? 1
                : program->leaves[node->predicate].is_looked_up ? 4
                : op >= RULE_REGEX                              ? 50
                : op >= RULE_CONTAINS                           ? 6 + predicate->count
                                                                : 2 + predicate->count / 4;
        return (uint32_t)total + 8u * program->ir.expressions[predicate->left].depth;
    }
    for (uint32_t index = 0; index < node->count; index++)
        total += work[program->ir.links[node->first + index]];
    return total < UINT32_MAX ? (uint32_t)total : UINT32_MAX;
}

/* Cheap children first: the answer does not depend on the order. Insertion sort, stable; groups
 * over 64 children stay as they are. */
static bool order_make(struct rule_program *program)
{
    const struct ir *ir = &program->ir;
    uint32_t *work = calloc(ir->node_count + 1, sizeof *work);
    if (!work)
        return false;
    memcpy(program->order, ir->links, ir->link_count * sizeof *ir->links);
    for (uint32_t id = 0; id < ir->node_count; id++) {
        const struct ir_node *node = &ir->nodes[id];
        work[id] = work_of(program, work, id);
        if ((node->kind != IR_AND && node->kind != IR_OR) || node->count > 64)
            continue;
        uint32_t *children = program->order + node->first;
        for (uint32_t index = 1; index < node->count; index++) {
            uint32_t child = children[index];
            uint32_t to = index;
            for (; to > 0 && work[children[to - 1]] > work[child]; to--)
                children[to] = children[to - 1];
            children[to] = child;
        }
    }
    free(work);
    return true;
}

/* ---- lookups ---- */

#define LITERALS_MIN 6 /* on one expression: with fewer, asking one by one is as quick */
#define MEMO_MIN     8 /* literals: with fewer, looking up is as quick as remembering */

static bool lookup_of(struct rule_program *program, uint32_t id, struct lookup **ret)
{
    struct expression_state *state = &program->expressions[id];
    if (!state->lookup)
        state->lookup = lookup_new();
    *ret = state->lookup;
    return state->lookup;
}

/* Predicates on one value are looked up together where that is worth it; in a source whose raw
 * bytes are remembered it always is. */
static bool lookups_make(struct rule_program *program)
{
    const struct ir *ir = &program->ir;
    size_t least = program->schema->open ? 1 : LITERALS_MIN;
    uint32_t *literals = calloc(ir->expression_count + 1, sizeof *literals);
    bool *is_taken = calloc(ir->predicate_count + 1, sizeof *is_taken);
    bool is_made = literals && is_taken;
    for (uint32_t id = 0; is_made && id < ir->predicate_count; id++) {
        is_taken[id] = !route_is_of(program, &ir->predicates[id]) && lookup_takes(program, id);
        if (is_taken[id])
            literals[ir->predicates[id].left] += ir->predicates[id].count;
    }
    for (uint32_t id = 0; is_made && id < ir->predicate_count; id++) {
        struct lookup *lookup;
        uint32_t left = ir->predicates[id].left;
        if (!is_taken[id] || literals[left] < least)
            continue;
        is_made = lookup_of(program, left, &lookup) && lookup_add(program, lookup, id);
        program->leaves[id].is_looked_up = true;
    }
    free(literals);
    free(is_taken);
    return is_made;
}

/* Where values are remembered by their raw bytes, a predicate that rules are found by is asked once
 * for each value, not once for each event. */
static bool lookups_ask(struct rule_program *program)
{
    const struct ir *ir = &program->ir;
    for (uint32_t id = 0; program->schema->open && id < ir->predicate_count; id++) {
        const struct ir_predicate *predicate = &ir->predicates[id];
        struct leaf *leaf = &program->leaves[id];
        struct lookup *lookup;
        bool holds_for_nothing =
            predicate->compare.op == RULE_EXISTS && predicate->compare.is_negated;
        if (leaf->access_count == 0 || leaf->is_looked_up || predicate->right != RULE_NONE ||
            route_is_of(program, predicate) || holds_for_nothing || predicate->compare.when_absent)
            continue;
        if (!lookup_of(program, predicate->left, &lookup) || !lookup_add_asked(lookup, id))
            return false;
        leaf->is_looked_up = true;
    }
    return true;
}

static bool lookups_finish(struct rule_program *program)
{
    for (uint32_t id = 0; id < program->ir.expression_count; id++) {
        struct expression_state *state = &program->expressions[id];
        if (!state->lookup)
            continue;
        if (!lookup_finish(program, state->lookup))
            return false;
        state->is_remembered = lookup_weight(state->lookup) >= MEMO_MIN;
        state->is_whole = program->schema->open && program->ir.expressions[id].kind == IR_FIELD &&
                          program->ir.field_names[program->ir.expressions[id].slot].len == 0;
    }
    return true;
}

/* ---- open ---- */

static bool plan_allocate(struct rule_program *program)
{
    const struct ir *ir = &program->ir;
    size_t words = ir->rule_count / 64 + 1;
    struct arena *arena = &program->arena;
    program->leaves = arena_alloc(arena, (ir->predicate_count + 1) * sizeof *program->leaves);
    program->expressions =
        arena_alloc(arena, (ir->expression_count + 1) * sizeof *program->expressions);
    program->nodes = arena_alloc(arena, (ir->node_count + 1) * sizeof *program->nodes);
    program->order = arena_alloc(arena, (ir->link_count + 1) * sizeof *program->order);
    program->choice = arena_alloc(arena, (ir->node_count + 1) * sizeof *program->choice);
    program->access_cost = arena_alloc(arena, (ir->node_count + 1) * sizeof *program->access_cost);
    program->found = arena_alloc(arena, (ir->predicate_count + 1) * sizeof *program->found);
    program->blockers = arena_alloc(arena, (ir->rule_count + 1) * sizeof *program->blockers);
    program->access_bits = arena_alloc(arena, (ir->predicate_count / 64 + 1) * 8);
    program->candidates = arena_alloc(arena, words * 8);
    program->candidate_words = arena_alloc(arena, (words / 64 + 1) * 8);
    return program->leaves && program->expressions && program->nodes && program->order &&
           program->choice && program->access_cost && program->found && program->blockers &&
           program->access_bits && program->candidates && program->candidate_words &&
           sector_open(program);
}

static bool plan_make(struct rule_program *program, struct stamps *nodes, struct stamps *predicates)
{
    const struct ir *ir = &program->ir;
    if (!nodes->seen || !predicates->seen)
        return false;
    for (uint32_t rule = 0; rule < ir->rule_count; rule++) {
        nodes->stamp++;
        rules_count(program, ir->rules[rule].root, nodes);
    }
    if (!lookups_make(program) || !access_choose(program))
        return false;
    for (uint32_t rule = 0; rule < ir->rule_count; rule++)
        program->blockers[rule] = access_blocker(program, ir->rules[rule].root);
    for (uint32_t rule = 0; rule < ir->rule_count; rule++)
        program->rules_without_access += ir->rules[rule].info.is_enabled &&
                                         program->access_cost[ir->rules[rule].root] == ACCESS_NONE;
    return access_lists(program, predicates) && lookups_ask(program) && lookups_finish(program) &&
           order_make(program) && route_fill_all(program);
}

err_kind plan_open(struct rule_program *program, struct err_ctx *err)
{
    const struct ir *ir = &program->ir;
    if (!plan_allocate(program))
        return err_set(err, ERR_LIMIT, "no room for the plan");
    for (uint32_t id = 0; id < ir->predicate_count; id++) {
        err_kind kind = leaf_open(program, id, err);
        if (kind != OK)
            return kind;
    }
    err_kind kind = route_names(program, err);
    if (kind != OK)
        return kind;
    struct stamps nodes = {calloc(ir->node_count + 1, sizeof(uint32_t)), 0};
    struct stamps predicates = {calloc(ir->predicate_count + 1, sizeof(uint32_t)), 0};
    bool is_made = plan_make(program, &nodes, &predicates);
    free(nodes.seen);
    free(predicates.seen);
    return is_made ? OK : err_set(err, ERR_LIMIT, "no room for the plan");
}

void plan_close(struct rule_program *program)
{
    for (size_t id = 0; program->leaves && id < program->ir.predicate_count; id++)
        leaf_close(&program->leaves[id]);
    for (size_t id = 0; program->expressions && id < program->ir.expression_count; id++) {
        lookup_free(program->expressions[id].lookup);
        free(program->expressions[id].found.items);
    }
    sector_close(program);
}
