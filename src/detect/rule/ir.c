#include "rule/ir.h"

#include <stdlib.h>

#include "core/hash.h"
#include "core/vector.h"

#define SEED 0x7069636b65742e31u

/* Room for `more` elements behind `count`, at once. */
static bool grow(void *items, size_t *size, size_t count, size_t more, size_t element_bytes)
{
    while (*size < count + more)
        if (!vector_grow(items, size, *size, IR_RECORDS_MAX, element_bytes))
            return false;
    return true;
}

void ir_init(struct ir *ir)
{
    *ir = (struct ir){0};
    arena_init(&ir->arena, IR_ARENA_MAX);
}

bool ir_reserve(struct ir *ir)
{
    return grow(&ir->field_names, &ir->field_names_size, 0, 1, sizeof *ir->field_names) &&
           grow(&ir->refs, &ir->refs_size, 0, 1, sizeof *ir->refs) &&
           grow(&ir->expressions, &ir->expressions_size, 0, 1, sizeof *ir->expressions) &&
           grow(&ir->literals, &ir->literals_size, 0, 1, sizeof *ir->literals) &&
           grow(&ir->predicates, &ir->predicates_size, 0, 1, sizeof *ir->predicates) &&
           grow(&ir->nodes, &ir->nodes_size, 0, 1, sizeof *ir->nodes) &&
           grow(&ir->links, &ir->links_size, 0, 1, sizeof *ir->links) &&
           grow(&ir->parts, &ir->parts_size, 0, 1, sizeof *ir->parts) &&
           grow(&ir->rules, &ir->rules_size, 0, 1, sizeof *ir->rules);
}

void ir_free(struct ir *ir)
{
    arena_free(&ir->arena);
    free(ir->field_names);
    free(ir->refs);
    free(ir->expressions);
    free(ir->literals);
    free(ir->predicates);
    free(ir->nodes);
    free(ir->links);
    free(ir->parts);
    free(ir->rules);
    *ir = (struct ir){0};
}

uint32_t ir_add_field(struct ir *ir, span name, const struct field_ref *ref)
{
    if (!grow(&ir->field_names, &ir->field_names_size, ir->field_count, 1, sizeof(span)) ||
        !grow(&ir->refs, &ir->refs_size, ir->field_count, 1, sizeof(struct field_ref)))
        return RULE_NONE;
    ir->field_names[ir->field_count] = name;
    ir->refs[ir->field_count] = *ref;
    return (uint32_t)ir->field_count++;
}

#define ADD(name, array, total, record)                                                            \
    uint32_t name(struct ir *ir, const struct record *item)                                        \
    {                                                                                              \
        if (!grow(&ir->array, &ir->array##_size, ir->total, 1, sizeof *item))                      \
            return RULE_NONE;                                                                      \
        ir->array[ir->total] = *item;                                                              \
        return (uint32_t)ir->total++;                                                              \
    }

ADD(ir_add_expression, expressions, expression_count, ir_expression)
ADD(ir_add_node, nodes, node_count, ir_node)
ADD(ir_add_rule, rules, rule_count, ir_rule)

uint32_t ir_add_predicate(struct ir *ir, const struct ir_predicate *item)
{
    /* predicates may share literals: what all of them look at together is bounded too */
    if (item->count > IR_RECORDS_MAX - ir->literal_uses ||
        !grow(&ir->predicates, &ir->predicates_size, ir->predicate_count, 1, sizeof *item))
        return RULE_NONE;
    ir->literal_uses += item->count;
    ir->predicates[ir->predicate_count] = *item;
    return (uint32_t)ir->predicate_count++;
}

uint32_t ir_add_literals(struct ir *ir, const struct rule_literal *literals, size_t count)
{
    if (!grow(&ir->literals, &ir->literals_size, ir->literal_count, count, sizeof *literals))
        return RULE_NONE;
    if (count)
        memcpy(ir->literals + ir->literal_count, literals, count * sizeof *literals);
    ir->literal_count += count;
    return (uint32_t)(ir->literal_count - count);
}

uint32_t ir_add_links(struct ir *ir, const uint32_t *links, size_t count)
{
    if (!grow(&ir->links, &ir->links_size, ir->link_count, count, sizeof *links))
        return RULE_NONE;
    if (count)
        memcpy(ir->links + ir->link_count, links, count * sizeof *links);
    ir->link_count += count;
    return (uint32_t)(ir->link_count - count);
}

uint32_t ir_add_parts(struct ir *ir, const struct rule_output_part *parts, size_t count)
{
    if (!grow(&ir->parts, &ir->parts_size, ir->part_count, count, sizeof *parts))
        return RULE_NONE;
    if (count)
        memcpy(ir->parts + ir->part_count, parts, count * sizeof *parts);
    ir->part_count += count;
    return (uint32_t)(ir->part_count - count);
}

/* ---- checks ---- */

static bool has_range(uint32_t first, uint32_t count, size_t total)
{
    return (uint64_t)first + count <= total;
}

static uint64_t mix(uint64_t state, uint64_t next)
{
    return hash_mix(state ^ next, 0x8ebc6af09c88c6e3u) + 1;
}

bool ir_check_expression(const struct ir *ir, struct ir_expression *expression)
{
    uint64_t hash = mix(SEED, expression->kind);
    uint32_t depth = 0;
    switch ((enum ir_expression_kind)expression->kind) {
    case IR_FIELD:
        if (expression->slot >= ir->field_count)
            return false;
        hash = hash_span(ir->field_names[expression->slot], hash);
        break;
    case IR_TEXT:
        hash = hash_span(expression->text, hash);
        break;
    case IR_CALL:
        if (expression->function >= RULE_FUNCTION_COUNT || expression->count == 0 ||
            expression->count > IR_ARGUMENTS_MAX ||
            !has_range(expression->first, expression->count, ir->link_count))
            return false;
        hash = mix(hash, expression->function);
        for (uint32_t index = 0; index < expression->count; index++) {
            uint32_t argument = ir->links[expression->first + index];
            if (argument >= ir->expression_count)
                return false;
            const struct ir_expression *child = &ir->expressions[argument];
            depth = child->depth + 1u > depth ? child->depth + 1u : depth;
            hash = mix(hash, child->hash);
        }
        break;
    default:
        return false;
    }
    expression->depth = (uint8_t)depth;
    expression->hash = hash;
    return depth < IR_DEPTH_MAX;
}

bool ir_check_literal(const struct rule_literal *literal)
{
    switch (literal->value.kind) {
    case VALUE_TEXT:
    case VALUE_INT:
    case VALUE_UINT:
    case VALUE_REAL:
    case VALUE_BOOL:
        return literal->prefix_bits == 0;
    case VALUE_ADDRESS:
        return (literal->value.address.family == AF_INET && literal->prefix_bits <= 32) ||
               (literal->value.address.family == AF_INET6 && literal->prefix_bits <= 128);
    case VALUE_ABSENT:
    case VALUE_BYTES:
    case VALUE_LIST:
    case VALUE_NULL:
        break;
    }
    return false;
}

static uint64_t literal_hash(const struct rule_literal *literal)
{
    uint64_t hash = mix(SEED, literal->value.kind);
    uint64_t word = 0;
    switch (literal->value.kind) {
    case VALUE_TEXT:
        return hash_span(literal->value.text, hash);
    case VALUE_ADDRESS:
        hash = mix(hash, literal->prefix_bits | (uint64_t)literal->value.address.family << 8);
        return hash_span(span_of(literal->value.address.bytes, 16), hash);
    case VALUE_BOOL:
        word = literal->value.truth;
        break;
    case VALUE_INT:
    case VALUE_UINT:
    case VALUE_REAL:
    case VALUE_ABSENT:
    case VALUE_BYTES:
    case VALUE_LIST:
    case VALUE_NULL:
        memcpy(&word, &literal->value.integer, sizeof word);
        break;
    }
    return mix(hash, word);
}

static bool fits_type(const struct rule_compare *compare, const struct rule_literal *literal)
{
    enum value_kind kind = literal->value.kind;
    bool is_number = kind == VALUE_INT || kind == VALUE_UINT || kind == VALUE_REAL;
    switch (compare->type) {
    case RULE_TYPE_TEXT:
        return kind == VALUE_TEXT;
    case RULE_TYPE_NUMBER:
        return is_number;
    case RULE_TYPE_BOOL:
        return kind == VALUE_BOOL;
    case RULE_TYPE_ADDRESS:
        return kind == VALUE_ADDRESS;
    case RULE_TYPE_VALUE:
        return is_number || kind == VALUE_TEXT || kind == VALUE_BOOL;
    }
    return false;
}

/* Numbers, bools and addresses know no operators on text. */
static bool fits_operator(const struct rule_compare *compare)
{
    switch (compare->op) {
    case RULE_EXISTS:
    case RULE_EQUAL:
        return true;
    case RULE_LESS:
    case RULE_LESS_EQUAL:
    case RULE_GREATER:
    case RULE_GREATER_EQUAL:
        return compare->type != RULE_TYPE_BOOL && compare->type != RULE_TYPE_ADDRESS;
    case RULE_CONTAINS:
    case RULE_STARTS:
    case RULE_ENDS:
    case RULE_GLOB:
    case RULE_REGEX:
    case RULE_REGEX_WHOLE:
    case RULE_PATH_PREFIX:
        return compare->type == RULE_TYPE_TEXT;
    }
    return false;
}

bool ir_check_predicate(const struct ir *ir, struct ir_predicate *predicate)
{
    const struct rule_compare *compare = &predicate->compare;
    if ((unsigned)compare->op >= RULE_OPERATOR_COUNT ||
        (unsigned)compare->case_mode >= RULE_CASE_COUNT ||
        (unsigned)compare->type >= RULE_TYPE_COUNT ||
        (unsigned)compare->items >= RULE_QUANTIFIER_COUNT ||
        (unsigned)compare->literals >= RULE_QUANTIFIER_COUNT || !fits_operator(compare))
        return false;
    bool has_right = predicate->right != RULE_NONE;
    if (predicate->left >= ir->expression_count ||
        (has_right && predicate->right >= ir->expression_count) ||
        !has_range(predicate->first, predicate->count, ir->literal_count))
        return false;
    if (has_right && (predicate->count || compare->op == RULE_EXISTS || compare->op >= RULE_GLOB))
        return false;
    if (compare->op == RULE_EXISTS && predicate->count)
        return false;
    if (compare->op == RULE_PATH_PREFIX && (compare->is_negated || compare->literals != RULE_ANY))
        return false;
    uint64_t hash = mix(SEED, compare->op);
    hash = mix(hash, compare->case_mode);
    hash = mix(hash, compare->type);
    hash = mix(hash, compare->items);
    hash = mix(hash, compare->literals);
    hash = mix(hash, (uint64_t)compare->is_negated << 1 | compare->when_absent);
    hash = mix(hash, ir->expressions[predicate->left].hash);
    hash = mix(hash, has_right ? ir->expressions[predicate->right].hash : 0);
    for (uint32_t index = 0; index < predicate->count; index++) {
        const struct rule_literal *literal = &ir->literals[predicate->first + index];
        if (!fits_type(compare, literal))
            return false;
        hash = mix(hash, literal_hash(literal));
    }
    predicate->hash = hash;
    return true;
}

bool ir_check_node(const struct ir *ir, struct ir_node *node)
{
    uint64_t hash = mix(SEED, node->kind);
    uint32_t depth = 0;
    switch ((enum ir_node_kind)node->kind) {
    case IR_CONSTANT:
        hash = mix(hash, node->truth);
        break;
    case IR_LEAF:
        if (node->predicate >= ir->predicate_count)
            return false;
        hash = mix(hash, ir->predicates[node->predicate].hash);
        break;
    case IR_NOT:
    case IR_AND:
    case IR_OR:
        if ((node->kind == IR_NOT ? node->count != 1 : node->count < 2) ||
            !has_range(node->first, node->count, ir->link_count))
            return false;
        for (uint32_t index = 0; index < node->count; index++) {
            uint32_t child = ir->links[node->first + index];
            if (child >= ir->node_count)
                return false;
            uint32_t below = ir->nodes[child].depth + 1u;
            depth = below > depth ? below : depth;
            hash = mix(hash, ir->nodes[child].hash);
        }
        break;
    default:
        return false;
    }
    node->depth = (uint8_t)depth;
    node->hash = hash;
    return depth < IR_DEPTH_MAX;
}
