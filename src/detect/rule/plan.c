/* The plan: which rules an event with a given route value can match at all, and by which of their
 * predicates they are found.
 *
 * Route: every value of the route field that some rule names, any other, and none. For each, all
 * nodes are answered in three values with the route field known and all else unknown; a rule is
 * wanted unless its condition is certainly false. This follows the logic, so `not`, `!=` and `or`
 * need no special case.
 *
 * Access: for each rule a set of predicates of which at least one holds whenever the rule matches,
 * chosen bottom up: an `and` takes its child that holds most seldom, an `or` needs all of its
 * children, a `not` gives none. */
#include <stdlib.h>

#include "rule/program.h"

#define ROUTES_MAX         1024
#define COST_SURE          1000000u /* parts of a million: it always holds */
#define COST_ACCESS_MAX    950000u
#define COST_MIN           64u /* so that the number of a rule's access predicates is bounded too */
#define INDEX_LITERALS_MIN 6

/* ---- routes ---- */

static bool is_route(const struct rule_program *program, const struct ir_predicate *predicate)
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
    bool is_same_for_all = compare->op == RULE_EQUAL || compare->op == RULE_EXISTS;
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

void plan_route_answers(struct rule_program *program, const struct value *route_value,
                        uint8_t *states)
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
            if (is_route(program, &ir->predicates[node->predicate]))
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

static err_kind routes_name(struct rule_program *program, struct err_ctx *err)
{
    struct ir *ir = &program->ir;
    program->route_slot = RULE_NONE;
    for (uint32_t slot = 0; program->schema->route && slot < ir->field_count; slot++)
        if (span_eq(ir->field_names[slot], span_str(program->schema->route)))
            program->route_slot = slot;
    for (size_t id = 0; id < ir->predicate_count; id++) {
        const struct ir_predicate *predicate = &ir->predicates[id];
        if (!is_route(program, predicate))
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

/* ---- access ---- */

static bool is_indexable(const struct rule_program *program, const struct ir_predicate *predicate)
{
    const struct rule_compare *compare = &predicate->compare;
    bool is_text_search = compare->op == RULE_EQUAL || compare->op == RULE_STARTS ||
                          compare->op == RULE_ENDS || compare->op == RULE_CONTAINS;
    return is_text_search && compare->type == RULE_TYPE_TEXT && compare->items == RULE_ANY &&
           compare->literals == RULE_ANY && !compare->is_negated && !compare->when_absent &&
           predicate->right == RULE_NONE && !is_route(program, predicate);
}

/* How often a text of this length is found in a value, guessed: halves with every byte. */
static uint32_t literal_cost(enum rule_operator op, size_t length)
{
    uint32_t base = op == RULE_EQUAL ? 200000 : op == RULE_CONTAINS ? COST_SURE * 2 : COST_SURE;
    uint32_t cost = base >> (length < 11 ? length : 11);
    return cost > COST_SURE ? COST_SURE : cost;
}

/* How often the predicate holds, guessed, in parts of a million. Only the order counts: a wrong
 * guess costs time, never a match. */
static uint32_t predicate_cost(const struct rule_program *program, uint32_t id)
{
    const struct ir_predicate *predicate = &program->ir.predicates[id];
    const struct rule_compare *compare = &predicate->compare;
    const struct rule_literal *literals = program->ir.literals + predicate->first;
    uint64_t cost = 0;
    if (is_route(program, predicate) || compare->when_absent)
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

static void access_choose(struct rule_program *program)
{
    const struct ir *ir = &program->ir;
    for (size_t id = 0; id < ir->node_count; id++) {
        const struct ir_node *node = &ir->nodes[id];
        uint64_t cost = ACCESS_NONE;
        program->choice[id] = RULE_NONE;
        if (node->kind == IR_LEAF) {
            cost = predicate_cost(program, node->predicate);
        } else if (node->kind == IR_CONSTANT && !node->truth) {
            cost = COST_MIN;
        } else if (node->kind == IR_AND) {
            for (uint32_t index = 0; index < node->count; index++) {
                uint32_t child = ir->links[node->first + index];
                if (program->access_cost[child] < cost) {
                    cost = program->access_cost[child];
                    program->choice[id] = child;
                }
            }
        } else if (node->kind == IR_OR) {
            cost = 0;
            for (uint32_t index = 0; index < node->count; index++)
                cost += program->access_cost[ir->links[node->first + index]];
        }
        program->access_cost[id] = cost < COST_ACCESS_MAX ? (uint32_t)cost : ACCESS_NONE;
    }
}

/* Recursion is bounded: a node's depth is below IR_DEPTH_MAX. */
void plan_access_visit(const struct rule_program *program, uint32_t id, access_visit visit,
                       void *context)
{
    const struct ir_node *node = &program->ir.nodes[id];
    if (program->access_cost[id] == ACCESS_NONE)
        return;
    if (node->kind == IR_LEAF)
        visit(context, node->predicate);
    else if (node->kind == IR_AND)
        plan_access_visit(program, program->choice[id], visit, context);
    else if (node->kind == IR_OR)
        for (uint32_t index = 0; index < node->count; index++)
            plan_access_visit(program, program->ir.links[node->first + index], visit, context);
}

/* Stamps what was seen last by whom, so that a shared thing is taken once. */
struct stamps {
    uint32_t *seen;
    uint32_t stamp;
};

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
    if (count->stamps->seen[predicate] == count->stamps->stamp)
        return;
    count->stamps->seen[predicate] = count->stamps->stamp;
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
        plan_access_visit(program, program->ir.rules[rule].root, access_note, &count);
    }
}

static bool access_lists(struct rule_program *program, struct stamps *stamps)
{
    uint32_t total = 0;
    access_pass(program, stamps, false);
    for (size_t id = 0; id < program->ir.predicate_count; id++) {
        struct leaf *leaf = &program->leaves[id];
        leaf->access_first = total;
        total += leaf->access_count;
        leaf->access_count = 0;
    }
    program->access_rules =
        arena_alloc(&program->arena, (total + 1u) * sizeof *program->access_rules);
    if (!program->access_rules)
        return false;
    access_pass(program, stamps, true);
    return true;
}

/* ---- counts and order ---- */

/* In how many rules each predicate occurs. Nodes are seen once a rule. */
static void rules_count(struct rule_program *program, uint32_t id, struct stamps *stamps)
{
    const struct ir_node *node = &program->ir.nodes[id];
    if (stamps->seen[id] == stamps->stamp)
        return;
    stamps->seen[id] = stamps->stamp;
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
        total = is_route(program, predicate)                  ? 1
                : program->leaves[node->predicate].is_indexed ? 4
                : op >= RULE_REGEX                            ? 50
                : op >= RULE_CONTAINS                         ? 6 + predicate->count
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

/* ---- indexes ---- */

static bool index_fill(struct rule_program *program, uint32_t id)
{
    static const enum text_relation relations[] = {[RULE_EQUAL] = TEXT_EQUALS,
                                                   [RULE_STARTS] = TEXT_STARTS,
                                                   [RULE_ENDS] = TEXT_ENDS,
                                                   [RULE_CONTAINS] = TEXT_CONTAINS};
    const struct ir_predicate *predicate = &program->ir.predicates[id];
    struct expression_state *state = &program->expressions[predicate->left];
    if (!state->index)
        state->index = text_index_new();
    for (uint32_t index = 0; state->index && index < predicate->count; index++)
        if (!text_index_add(state->index, relations[predicate->compare.op],
                            (enum text_case)predicate->compare.case_mode,
                            program->ir.literals[predicate->first + index].value.text, id))
            return false;
    program->leaves[id].is_indexed = true;
    return state->index;
}

/* Texts that many predicates look for in one value are looked for together. */
static bool indexes_make(struct rule_program *program)
{
    const struct ir *ir = &program->ir;
    uint32_t *literals = calloc(ir->expression_count + 1, sizeof *literals);
    bool is_made = literals;
    for (uint32_t id = 0; is_made && id < ir->predicate_count; id++)
        if (is_indexable(program, &ir->predicates[id]))
            literals[ir->predicates[id].left] += ir->predicates[id].count;
    for (uint32_t id = 0; is_made && id < ir->predicate_count; id++)
        if (is_indexable(program, &ir->predicates[id]) &&
            literals[ir->predicates[id].left] >= INDEX_LITERALS_MIN)
            is_made = index_fill(program, id);
    for (uint32_t id = 0; is_made && id < ir->expression_count; id++)
        if (program->expressions[id].index)
            is_made = text_index_finish(program->expressions[id].index);
    free(literals);
    return is_made;
}

/* ---- what each route asks ---- */

struct route_fill {
    struct rule_program *program;
    struct route *route;
    struct stamps *expressions;
    struct stamps *predicates;
};

static void route_ask(void *pointer, uint32_t predicate)
{
    struct route_fill *fill = pointer;
    struct route *route = fill->route;
    uint32_t left = fill->program->ir.predicates[predicate].left;
    if (!fill->program->leaves[predicate].is_indexed) {
        if (fill->predicates->seen[predicate] != fill->predicates->stamp)
            route->predicates[route->predicate_count++] = predicate;
        fill->predicates->seen[predicate] = fill->predicates->stamp;
        return;
    }
    if (fill->expressions->seen[left] != fill->expressions->stamp)
        route->expressions[route->expression_count++] = left;
    fill->expressions->seen[left] = fill->expressions->stamp;
}

static void route_rules(struct route_fill *fill, const uint8_t *states)
{
    const struct ir *ir = &fill->program->ir;
    struct route *route = fill->route;
    for (uint32_t rule = 0; rule < ir->rule_count; rule++) {
        uint32_t root = ir->rules[rule].root;
        if (!ir->rules[rule].info.is_enabled || states[root] == ANSWER_NO)
            continue;
        route->wanted[rule / 64] |= (uint64_t)1 << rule % 64;
        route->wanted_count++;
        if (fill->program->access_cost[root] == ACCESS_NONE)
            route->rules[route->rule_count++] = rule;
        else
            plan_access_visit(fill->program, root, route_ask, fill);
    }
}

/* Lists are gathered in buffers as large as they can get and then cut to size. */
static bool cut(struct arena *arena, uint32_t **list, uint32_t count)
{
    uint32_t *own = arena_alloc(arena, (count + 1u) * sizeof *own);
    if (own && count)
        memcpy(own, *list, count * sizeof *own);
    *list = own;
    return own;
}

static bool routes_fill(struct rule_program *program, struct stamps *expressions,
                        struct stamps *predicates)
{
    const struct ir *ir = &program->ir;
    uint8_t *states = calloc(ir->node_count + 1, 1);
    uint32_t *buffer =
        calloc(ir->expression_count + ir->predicate_count + ir->rule_count + 1, sizeof *buffer);
    bool is_filled = states && buffer;
    for (uint32_t index = 0; is_filled && index < program->route_count; index++) {
        struct route *route = &program->route_list[index];
        struct route_fill fill = {program, route, expressions, predicates};
        expressions->stamp++;
        predicates->stamp++;
        route->expressions = buffer;
        route->predicates = buffer + ir->expression_count;
        route->rules = route->predicates + ir->predicate_count;
        route->wanted = arena_alloc(&program->arena, (ir->rule_count / 64 + 1) * 8);
        if (!route->wanted) {
            is_filled = false;
            break;
        }
        const struct value value = {.kind = route->value.data ? VALUE_TEXT : VALUE_ABSENT,
                                    .text = route->value};
        plan_route_answers(program, index == route_other(program) ? NULL : &value, states);
        route_rules(&fill, states);
        is_filled = cut(&program->arena, &route->expressions, route->expression_count) &&
                    cut(&program->arena, &route->predicates, route->predicate_count) &&
                    cut(&program->arena, &route->rules, route->rule_count);
    }
    free(states);
    free(buffer);
    return is_filled;
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
    program->candidates = arena_alloc(arena, words * 8);
    program->candidate_words = arena_alloc(arena, (words / 64 + 1) * 8);
    return program->leaves && program->expressions && program->nodes && program->order &&
           program->choice && program->access_cost && program->candidates &&
           program->candidate_words;
}

static bool plan_make(struct rule_program *program, struct stamps *nodes, struct stamps *predicates,
                      struct stamps *expressions)
{
    const struct ir *ir = &program->ir;
    if (!nodes->seen || !predicates->seen || !expressions->seen)
        return false;
    for (uint32_t rule = 0; rule < ir->rule_count; rule++) {
        nodes->stamp++;
        rules_count(program, ir->rules[rule].root, nodes);
    }
    access_choose(program);
    for (uint32_t rule = 0; rule < ir->rule_count; rule++)
        program->rules_without_access += ir->rules[rule].info.is_enabled &&
                                         program->access_cost[ir->rules[rule].root] == ACCESS_NONE;
    return indexes_make(program) && order_make(program) && access_lists(program, predicates) &&
           routes_fill(program, expressions, predicates);
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
    err_kind kind = routes_name(program, err);
    if (kind != OK)
        return kind;
    struct stamps nodes = {calloc(ir->node_count + 1, sizeof(uint32_t)), 0};
    struct stamps predicates = {calloc(ir->predicate_count + 1, sizeof(uint32_t)), 0};
    struct stamps expressions = {calloc(ir->expression_count + 1, sizeof(uint32_t)), 0};
    bool is_made = plan_make(program, &nodes, &predicates, &expressions);
    free(nodes.seen);
    free(predicates.seen);
    free(expressions.seen);
    return is_made ? OK : err_set(err, ERR_LIMIT, "no room for the plan");
}

void plan_close(struct rule_program *program)
{
    for (size_t id = 0; program->leaves && id < program->ir.predicate_count; id++)
        leaf_close(&program->leaves[id]);
    for (size_t id = 0; program->expressions && id < program->ir.expression_count; id++)
        text_index_free(program->expressions[id].index);
}
