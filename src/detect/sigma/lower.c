/* Detections to nodes and predicates of the IR. Sigma's logic is two-valued: a comparison with a
 * field that is absent does not hold, and its negation does. */
#include "sigma/lower.h"

#include <stdlib.h>

#include "core/vector.h"

#define NODES_MAX 4000000u

struct nodes {
    uint32_t *items;
    size_t count, size;
};

static bool nodes_add(struct nodes *nodes, uint32_t node)
{
    if (node == RULE_NONE ||
        !vector_grow(&nodes->items, &nodes->size, nodes->count, NODES_MAX, sizeof *nodes->items))
        return false;
    nodes->items[nodes->count++] = node;
    return true;
}

/* A field after pipelines can be several: what holds for one of them holds for it. */
struct left {
    struct rule *rule;
    const struct sigma_item *item;
    uint32_t *expressions;
    size_t count;
};

static uint32_t complain(const struct left *left, const struct yaml_node *node, const char *text)
{
    struct position at = yaml_position(left->item->file, node);
    diagnostics_error(left->rule->compile->diagnostics, &at, NULL, "%s", text);
    return RULE_NONE;
}

uint32_t sigma_field_build(struct rule *rule, span name)
{
    struct field_ref ref;
    const char *hint;
    if (schema_resolve(rule->compile->schema, name, &ref, &hint) != FIELD_FOUND)
        return RULE_NONE;
    return rule_build_field(rule->compile->builder, &ref);
}

/* ---- predicates ---- */

static bool predicates_add(const struct left *left, const struct rule_compare *compare,
                           const struct rule_literal *literals, size_t count,
                           const struct yaml_node *node, struct nodes *nodes)
{
    struct rule_builder *builder = left->rule->compile->builder;
    for (size_t index = 0; index < left->count; index++) {
        struct err_ctx err = {0};
        uint32_t predicate =
            rule_build_predicate(builder, compare, left->expressions[index], literals, count, &err);
        if (predicate == RULE_NONE)
            complain(left, node, err.text);
        if (!nodes_add(nodes, predicate))
            return false;
    }
    return true;
}

/* Has the field a value, be it an empty one? */
static uint32_t value_build(const struct left *left, enum rule_operator op,
                            const struct yaml_node *node)
{
    struct nodes nodes = {0};
    struct rule_compare compare = {.op = op};
    struct rule_literal empty = {.value = {.kind = VALUE_TEXT, .text = SPAN("")}};
    bool is_good = predicates_add(left, &compare, &empty, op != RULE_EXISTS, node, &nodes);
    uint32_t any = is_good ? rule_build_any(left->rule->compile->builder, nodes.items, nodes.count)
                           : RULE_NONE;
    free(nodes.items);
    return any;
}

static uint32_t negate_build(const struct left *left, uint32_t node)
{
    return node == RULE_NONE ? node : rule_build_not(left->rule->compile->builder, node);
}

/* Against other fields of the event. */
static bool relations_add(const struct left *left, const struct sigma_value *value,
                          struct nodes *nodes)
{
    const struct sigma_item *item = left->item;
    enum rule_operator op = item->op == RULE_EXISTS ? RULE_EQUAL : item->op;
    struct rule_compare compare = {
        .op = op,
        .case_mode = item->is_cased ? RULE_CASE_EXACT : RULE_CASE_UNICODE,
        .type = op == RULE_EQUAL ? RULE_TYPE_VALUE : RULE_TYPE_TEXT,
    };
    bool is_good = true;
    for (size_t field = 0; field < value->field_count; field++) {
        uint32_t right = sigma_field_build(left->rule, value->fields[field]);
        for (size_t index = 0; right != RULE_NONE && index < left->count; index++)
            is_good &= nodes_add(nodes, rule_build_relation(left->rule->compile->builder, &compare,
                                                            left->expressions[index], right));
    }
    return is_good;
}

/* Values that differ in nothing but the literal are one predicate; regexes stay apart, so that
 * what is wrong with one is told at its place. */
static bool lowered_build(const struct left *left, struct lowered_list *list, struct nodes *nodes)
{
    struct rule_literal *literals = calloc(list->count + 1, sizeof *literals);
    bool is_good = literals;
    for (size_t first = 0; literals && first < list->count; first++) {
        struct rule_compare *compare = &list->items[first].compare;
        size_t count = 0;
        for (size_t index = first; index < list->count; index++) {
            struct lowered *other = &list->items[index];
            if (other->is_taken || other->compare.op != compare->op ||
                other->compare.case_mode != compare->case_mode ||
                other->compare.type != compare->type || (count && compare->op == RULE_REGEX))
                continue;
            other->is_taken = true;
            literals[count++] = other->literal;
        }
        if (count)
            is_good &=
                predicates_add(left, compare, literals, count, list->items[first].node, nodes);
    }
    free(literals);
    return is_good;
}

/* ---- items ---- */

/* Any of the values of a group, or of all with group UINT32_MAX. */
static uint32_t group_build(const struct left *left, uint32_t group)
{
    const struct sigma_item *item = left->item;
    struct lowered_list list = {.arena = left->rule->arena};
    struct nodes nodes = {0};
    bool is_good = true;
    for (size_t index = 0; index < item->value_count; index++) {
        const struct sigma_value *value = &item->values[index];
        if (group != UINT32_MAX && value->group != group)
            continue;
        if (value->form == FORM_FIELD) {
            is_good &= relations_add(left, value, &nodes);
        } else if (value->form == FORM_NULL) {
            uint32_t present = value_build(left, RULE_CONTAINS, value->node);
            is_good &= nodes_add(&nodes, negate_build(left, present));
        } else if (value->form == FORM_EXISTS) {
            uint32_t present = value_build(left, RULE_EXISTS, value->node);
            is_good &= nodes_add(&nodes, value->literal.value.truth ? present
                                                                    : negate_build(left, present));
        } else if (!item_value_lower(left->rule, item, value, &list)) {
            complain(left, value->node, "no room for this rule");
            is_good = false;
        }
    }
    is_good &= lowered_build(left, &list, &nodes);
    uint32_t any = is_good ? rule_build_any(left->rule->compile->builder, nodes.items, nodes.count)
                           : RULE_NONE;
    free(nodes.items);
    return any;
}

static uint32_t all_build(const struct left *left)
{
    struct nodes nodes = {0};
    bool is_good = true;
    for (uint32_t group = 0; is_good && group < left->item->group_count; group++)
        is_good = nodes_add(&nodes, group_build(left, group));
    uint32_t all = is_good ? rule_build_all(left->rule->compile->builder, nodes.items, nodes.count)
                           : RULE_NONE;
    free(nodes.items);
    return all;
}

/* With `all`, one of the fields has to hold all values. */
static uint32_t values_build(const struct left *left)
{
    struct nodes nodes = {0};
    if (!left->item->is_all)
        return group_build(left, UINT32_MAX);
    if (left->count <= 1)
        return all_build(left);
    bool is_good = true;
    for (size_t index = 0; is_good && index < left->count; index++) {
        struct left one = *left;
        one.expressions += index;
        one.count = 1;
        is_good = nodes_add(&nodes, all_build(&one));
    }
    uint32_t any = is_good ? rule_build_any(left->rule->compile->builder, nodes.items, nodes.count)
                           : RULE_NONE;
    free(nodes.items);
    return any;
}

static uint32_t expression_build(struct rule *rule, const struct sigma_item *item, span field)
{
    uint32_t expression = sigma_field_build(rule, field);
    if (expression != RULE_NONE && item->has_function)
        expression = rule_build_call(rule->compile->builder, item->function, &expression, 1);
    return expression;
}

static uint32_t item_build(struct rule *rule, const struct sigma_item *item)
{
    struct left left = {.rule = rule, .item = item};
    if (item->is_dropped)
        return rule_build_constant(rule->compile->builder, true);
    left.expressions = arena_alloc(rule->arena, (item->field_count + 1) * sizeof(uint32_t));
    if (!left.expressions)
        return complain(&left, item->node, "no room for this rule");
    for (size_t index = 0; index < item->field_count; index++) {
        uint32_t expression = expression_build(rule, item, item->fields[index]);
        if (expression != RULE_NONE)
            left.expressions[left.count++] = expression;
    }
    if (item->is_keyword) {
        left.expressions[0] = expression_build(rule, item, SPAN(FIELD_WHOLE));
        left.count = 1;
        if (left.expressions[0] == RULE_NONE)
            return complain(&left, item->node,
                            "keywords: this source has no text as a whole to look in");
    }
    uint32_t node = values_build(&left);
    return item->is_negated ? negate_build(&left, node) : node;
}

/* Depth is bounded by that of YAML. */
uint32_t detection_build(struct rule *rule, const struct detection *detection)
{
    struct nodes nodes = {0};
    bool is_good = true;
    if (detection->kind == DETECTION_ITEM)
        return item_build(rule, detection->item);
    for (const struct detection *child = detection->first; child; child = child->next)
        is_good &= nodes_add(&nodes, detection_build(rule, child));
    uint32_t node = RULE_NONE;
    if (is_good && detection->kind == DETECTION_ALL)
        node = rule_build_all(rule->compile->builder, nodes.items, nodes.count);
    else if (is_good)
        node = rule_build_any(rule->compile->builder, nodes.items, nodes.count);
    free(nodes.items);
    return node;
}
