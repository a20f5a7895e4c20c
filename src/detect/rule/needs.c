/* What must hold of an event for a rule to match, as far as some fields can say: what a sensor may
 * use to leave events out. Everything here errs to the side of fewer conditions. */
#include <stdlib.h>

#include "rule/program.h"

#define CLAUSES_MAX 16
#define CLAUSE_MAX  512     /* predicates in one clause */
#define VISITS_MAX  100000u /* nodes looked at for one rule */
#define FIELD_MIXED UINT32_MAX
#define NEGATED     0x80000000u /* with a predicate's number: it does not hold */
#define ARENA_MAX   ((size_t)64 << 20)

/* Any of these predicates holds. */
struct clause {
    uint32_t field; /* index into the asked fields if all are on one, else FIELD_MIXED */
    uint32_t *predicates;
    size_t count;
};

/* All of these clauses hold. */
struct clauses {
    struct clause items[CLAUSES_MAX];
    size_t count;
};

struct search {
    struct rule_program *program;
    const span *fields;
    size_t field_count;
    const uint8_t *states;
    struct arena arena; /* of one rule */
    uint32_t visits;
};

static bool clause_put(struct clauses *clauses, const struct clause *clause)
{
    if (clauses->count == CLAUSES_MAX)
        return false;
    clauses->items[clauses->count++] = *clause;
    return true;
}

/* The asked field that the predicate is on, or FIELD_MIXED if it cannot be used. */
static uint32_t usable_field(const struct search *search, const struct ir_predicate *predicate)
{
    const struct ir *ir = &search->program->ir;
    const struct rule_compare *compare = &predicate->compare;
    const struct ir_expression *left = &ir->expressions[predicate->left];
    bool is_known = compare->op == RULE_EQUAL || compare->op == RULE_STARTS ||
                    compare->op == RULE_ENDS || compare->op == RULE_CONTAINS ||
                    compare->op == RULE_GLOB || compare->op == RULE_PATH_PREFIX ||
                    compare->op == RULE_GREATER_EQUAL;
    bool is_any = compare->literals == RULE_ANY || predicate->count == 1;
    if (!is_known || !is_any || compare->when_absent || predicate->right != RULE_NONE ||
        (compare->is_negated && predicate->count != 1) || predicate->count == 0 ||
        compare->type == RULE_TYPE_VALUE || left->kind != IR_FIELD)
        return FIELD_MIXED;
    for (uint32_t index = 0; index < predicate->count; index++)
        if (ir->literals[predicate->first + index].value.kind == VALUE_ADDRESS)
            return FIELD_MIXED;
    for (uint32_t field = 0; field < search->field_count; field++)
        if (span_eq(search->fields[field], ir->field_names[left->slot]))
            return field;
    return FIELD_MIXED;
}

static void leaf_clauses(struct search *search, uint32_t predicate, bool is_negated,
                         struct clauses *out)
{
    struct clause clause = {.count = 1};
    const struct ir_predicate *what = &search->program->ir.predicates[predicate];
    clause.field = usable_field(search, what);
    if (clause.field == FIELD_MIXED || (is_negated && what->compare.is_negated))
        return;
    clause.predicates = arena_alloc(&search->arena, sizeof(uint32_t));
    if (!clause.predicates)
        return;
    clause.predicates[0] = predicate | (is_negated ? NEGATED : 0);
    (void)clause_put(out, &clause);
}

/* The child's clause on this field; for FIELD_MIXED the one on the field that was asked for first.
 * NULL: none. */
static const struct clause *clause_on(const struct clauses *clauses, uint32_t field)
{
    const struct clause *found = NULL;
    for (size_t index = 0; index < clauses->count; index++) {
        const struct clause *clause = &clauses->items[index];
        if (field == FIELD_MIXED ? !found || clause->field < found->field : clause->field == field)
            found = clause;
    }
    return found;
}

/* One clause of each child, taken together; only if each child has one. */
static bool clause_unite(struct search *search, const struct clauses *children, size_t count,
                         uint32_t field, struct clauses *out)
{
    struct clause united = {.field = field};
    for (size_t index = 0; index < count; index++) {
        const struct clause *clause = clause_on(&children[index], field);
        if (!clause)
            return false;
        united.count += clause->count;
    }
    if (united.count > CLAUSE_MAX)
        return false;
    united.predicates = arena_alloc(&search->arena, (united.count + 1) * sizeof(uint32_t));
    if (!united.predicates)
        return false;
    united.count = 0;
    for (size_t index = 0; index < count; index++) {
        const struct clause *clause = clause_on(&children[index], field);
        memcpy(united.predicates + united.count, clause->predicates,
               clause->count * sizeof(uint32_t));
        united.count += clause->count;
    }
    return clause_put(out, &united);
}

static void node_clauses(struct search *search, uint32_t id, struct clauses *out);

static void or_clauses(struct search *search, const struct ir_node *node, struct clauses *out)
{
    size_t count = 0;
    struct clauses *children = arena_alloc(&search->arena, node->count * sizeof *children);
    if (!children)
        return;
    for (uint32_t index = 0; index < node->count; index++) {
        uint32_t child = search->program->ir.links[node->first + index];
        if (search->states[child] == ANSWER_NO)
            continue;
        node_clauses(search, child, &children[count]);
        if (children[count++].count == 0)
            return;
    }
    bool is_united = false;
    for (uint32_t field = 0; field < search->field_count; field++)
        is_united |= clause_unite(search, children, count, field, out);
    if (!is_united)
        (void)clause_unite(search, children, count, FIELD_MIXED, out);
}

/* Recursion is bounded: a node's depth is below IR_DEPTH_MAX. */
static void node_clauses(struct search *search, uint32_t id, struct clauses *out)
{
    const struct ir_node *node = &search->program->ir.nodes[id];
    if (search->states[id] == ANSWER_YES || ++search->visits > VISITS_MAX)
        return;
    if (node->kind == IR_LEAF) {
        leaf_clauses(search, node->predicate, false, out);
    } else if (node->kind == IR_NOT) {
        const struct ir_node *child =
            &search->program->ir.nodes[search->program->ir.links[node->first]];
        if (child->kind == IR_LEAF)
            leaf_clauses(search, child->predicate, true, out);
    } else if (node->kind == IR_AND) {
        for (uint32_t index = 0; index < node->count; index++)
            node_clauses(search, search->program->ir.links[node->first + index], out);
    } else if (node->kind == IR_OR) {
        or_clauses(search, node, out);
    }
}

/* ---- handing over ---- */

static bool need_make(struct search *search, uint32_t id, struct rule_need *ret)
{
    const struct ir *ir = &search->program->ir;
    const struct ir_predicate *predicate = &ir->predicates[id & ~NEGATED];
    span *texts = arena_alloc(&search->arena, predicate->count * sizeof *texts);
    if (!texts)
        return false;
    for (uint32_t index = 0; index < predicate->count; index++) {
        char buffer[CONVERT_BYTES];
        const struct value *literal = &ir->literals[predicate->first + index].value;
        texts[index] = arena_dup(&search->arena, convert_text(literal, buffer));
        if (!texts[index].data)
            return false;
    }
    *ret = (struct rule_need){
        .field = ir->field_names[ir->expressions[predicate->left].slot],
        .op = predicate->compare.op,
        .case_mode = predicate->compare.case_mode,
        .is_negated = predicate->compare.is_negated || (id & NEGATED),
        .texts = texts,
        .count = predicate->count,
    };
    return true;
}

static bool rule_visit(struct search *search, uint32_t rule, rule_need_visit visit, void *context)
{
    struct clauses found = {0};
    struct rule_need_clause clauses[CLAUSES_MAX];
    arena_reset(&search->arena);
    search->visits = 0;
    node_clauses(search, search->program->ir.rules[rule].root, &found);
    for (size_t index = 0; index < found.count; index++) {
        const struct clause *clause = &found.items[index];
        struct rule_need *needs = arena_alloc(&search->arena, clause->count * sizeof *needs);
        if (!needs)
            return false;
        for (size_t at = 0; at < clause->count; at++)
            if (!need_make(search, clause->predicates[at], &needs[at]))
                return false;
        clauses[index] = (struct rule_need_clause){needs, clause->count};
    }
    visit(context, rule, clauses, found.count);
    return true;
}

err_kind rule_program_needs(struct rule_program *program, span route_value, const span *fields,
                            size_t field_count, rule_need_visit visit, void *context,
                            struct err_ctx *err)
{
    const struct ir *ir = &program->ir;
    uint8_t *states = calloc(ir->node_count + 1, 1);
    if (!states)
        return err_set(err, ERR_SYSTEM, "needs of rules");
    const struct value value = {.kind = VALUE_TEXT, .text = route_value};
    uint32_t known;
    bool is_named = map_get(&program->routes, route_value, &known);
    route_answers(program, is_named ? &value : NULL, states);
    struct search search = {
        .program = program, .fields = fields, .field_count = field_count, .states = states};
    arena_init(&search.arena, ARENA_MAX);
    bool is_done = true;
    for (uint32_t rule = 0; is_done && rule < ir->rule_count; rule++)
        if (ir->rules[rule].info.is_enabled && states[ir->rules[rule].root] != ANSWER_NO)
            is_done = rule_visit(&search, rule, visit, context);
    arena_free(&search.arena);
    free(states);
    return is_done ? OK : err_set(err, ERR_LIMIT, "needs of rules are over %zu bytes", ARENA_MAX);
}
