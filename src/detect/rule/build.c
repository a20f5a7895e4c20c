#include <assert.h>
#include <math.h>
#include <stdlib.h>

#include "core/cleanup.h"
#include "core/map.h"
#include "core/vector.h"
#include "rule/ir.h"

#define MAP_SEED 0x51u

struct rule_builder {
    const struct schema *schema;
    struct ir ir;
    struct map fields;      /* spelling -> slot */
    struct map expressions; /* hash of meaning -> index */
    struct map predicates;
    struct map nodes;
    uint32_t stages;     /* that run, a bit each */
    const char *failure; /* NULL: none yet */
};

err_kind rule_builder_open(const struct schema *schema, struct rule_builder **ret,
                           struct err_ctx *err)
{
    struct rule_builder *builder = calloc(1, sizeof *builder);
    if (!builder)
        return err_set(err, ERR_SYSTEM, "rule builder");
    builder->schema = schema;
    builder->stages = UINT32_MAX;
    ir_init(&builder->ir);
    builder->ir.source = span_str(schema->source);
    map_init(&builder->fields, IR_RECORDS_MAX, MAP_SEED);
    map_init(&builder->expressions, IR_RECORDS_MAX, MAP_SEED);
    map_init(&builder->predicates, IR_RECORDS_MAX, MAP_SEED);
    map_init(&builder->nodes, IR_RECORDS_MAX, MAP_SEED);
    if (!ir_reserve(&builder->ir)) {
        rule_builder_close(builder);
        return err_set(err, ERR_SYSTEM, "rule builder");
    }
    *ret = builder;
    return OK;
}

void rule_builder_close(struct rule_builder *builder)
{
    if (!builder)
        return;
    ir_free(&builder->ir);
    map_free(&builder->fields);
    map_free(&builder->expressions);
    map_free(&builder->predicates);
    map_free(&builder->nodes);
    free(builder);
}

void rule_builder_stages(struct rule_builder *builder, uint32_t stages)
{
    builder->stages = stages;
}

bool rule_builder_runs(const struct rule_builder *builder, enum rule_stage stage)
{
    return builder->stages >> stage & 1;
}

static const char *const stage_names[STAGE_COUNT] = {
    [STAGE_LIVE] = "live",
    [STAGE_SHADOW] = "shadow",
    [STAGE_DRAFT] = "draft",
    [STAGE_RETIRED] = "retired",
};

const char *rule_stage_name(enum rule_stage stage)
{
    return stage_names[stage];
}

bool rule_stage_parse(span word, enum rule_stage *ret)
{
    for (size_t stage = 0; stage < STAGE_COUNT; stage++) {
        if (span_eq(word, span_str(stage_names[stage]))) {
            *ret = (enum rule_stage)stage;
            return true;
        }
    }
    return false;
}

static uint32_t fail(struct rule_builder *builder, const char *failure)
{
    if (!builder->failure)
        builder->failure = failure;
    return RULE_NONE;
}

static uint32_t fail_limit(struct rule_builder *builder)
{
    return fail(builder, "the rules are over a limit, or memory ran out");
}

/* The index of an equal record found by its hash, or RULE_NONE. */
static uint32_t known(const struct map *map, uint64_t hash)
{
    uint32_t index;
    return map_get_u64(map, hash, &index) ? index : RULE_NONE;
}

static uint32_t remember(struct rule_builder *builder, struct map *map, uint64_t hash,
                         uint32_t index)
{
    uint32_t other;
    if (index == RULE_NONE)
        return fail_limit(builder);
    if (!map_get_u64(map, hash, &other) && !map_put_u64(map, hash, index))
        return fail_limit(builder);
    return index;
}

/* ---- expressions ---- */

static uint32_t add_expression(struct rule_builder *builder, struct ir_expression *expression)
{
    struct ir *ir = &builder->ir;
    if (!ir_check_expression(ir, expression))
        return fail(builder, "functions are nested too deeply");
    uint32_t index = known(&builder->expressions, expression->hash);
    if (index != RULE_NONE) {
        const struct ir_expression *other = &ir->expressions[index];
        bool is_equal = other->kind == expression->kind && other->slot == expression->slot &&
                        other->function == expression->function &&
                        other->count == expression->count && span_eq(other->text, expression->text);
        for (uint32_t link = 0; is_equal && link < expression->count; link++)
            is_equal = ir->links[other->first + link] == ir->links[expression->first + link];
        if (is_equal)
            return index;
    }
    return remember(builder, &builder->expressions, expression->hash,
                    ir_add_expression(ir, expression));
}

uint32_t rule_build_field(struct rule_builder *builder, const struct field_ref *ref)
{
    if (builder->failure)
        return RULE_NONE;
    /* one spelling a slot: evt.arg.flags and evt.arg[flags] are the same */
    AUTO(writer_free) struct writer spelt;
    writer_init(&spelt, IR_TEXT_MAX);
    if (ref->field == builder->schema->open) {
        writer_put(&spelt, ref->argument);
    } else {
        writer_text(&spelt, ref->field->name);
    }
    if (ref->argument.data && ref->field != builder->schema->open) {
        writer_byte(&spelt, '[');
        writer_put(&spelt, ref->argument);
        writer_byte(&spelt, ']');
    }
    uint32_t slot;
    span spelling = spelt.len ? writer_span(&spelt) : SPAN(""); /* FIELD_WHOLE */
    if (spelt.is_full)
        return fail_limit(builder);
    if (!map_get(&builder->fields, spelling, &slot)) {
        span name = arena_dup(&builder->ir.arena, spelling);
        struct field_ref own;
        const char *hint;
        if (!name.data)
            return fail_limit(builder);
        if (schema_resolve(builder->schema, name, &own, &hint) != FIELD_FOUND)
            return fail(builder, "a field is not of this schema");
        slot = ir_add_field(&builder->ir, name, &own);
        if (slot == RULE_NONE || !map_put(&builder->fields, name, slot))
            return fail_limit(builder);
    }
    struct ir_expression expression = {.kind = IR_FIELD, .slot = slot};
    return add_expression(builder, &expression);
}

uint32_t rule_build_text(struct rule_builder *builder, span text)
{
    if (builder->failure)
        return RULE_NONE;
    struct ir_expression expression = {.kind = IR_TEXT};
    expression.text = arena_dup(&builder->ir.arena, text);
    if (!expression.text.data)
        return fail_limit(builder);
    return add_expression(builder, &expression);
}

uint32_t rule_build_call(struct rule_builder *builder, enum rule_function function,
                         const uint32_t *arguments, size_t count)
{
    if (builder->failure)
        return RULE_NONE;
    for (size_t index = 0; index < count; index++)
        assert(arguments[index] < builder->ir.expression_count);
    if (count > IR_ARGUMENTS_MAX)
        return fail(builder, "a function has too many arguments");
    struct ir_expression expression = {.kind = IR_CALL, .function = (uint8_t)function};
    expression.count = (uint32_t)count;
    expression.first = ir_add_links(&builder->ir, arguments, count);
    if (expression.first == RULE_NONE)
        return fail_limit(builder);
    return add_expression(builder, &expression);
}

/* ---- predicates ---- */

static int literal_order(const void *a_pointer, const void *b_pointer)
{
    const struct rule_literal *a = a_pointer;
    const struct rule_literal *b = b_pointer;
    if (a->value.kind != b->value.kind)
        return a->value.kind < b->value.kind ? -1 : 1;
    if (a->value.kind == VALUE_TEXT)
        return span_cmp(a->value.text, b->value.text);
    if (a->value.kind == VALUE_ADDRESS) {
        int order = memcmp(&a->value.address, &b->value.address, sizeof a->value.address);
        return order ? order : (int)a->prefix_bits - (int)b->prefix_bits;
    }
    if (a->value.kind == VALUE_REAL)
        return (a->value.real > b->value.real) - (a->value.real < b->value.real);
    if (a->value.kind == VALUE_BOOL)
        return (int)a->value.truth - (int)b->value.truth;
    return (a->value.integer > b->value.integer) - (a->value.integer < b->value.integer);
}

static bool literals_equal(const struct ir *ir, uint32_t a, uint32_t b, uint32_t count)
{
    for (uint32_t index = 0; index < count; index++)
        if (literal_order(&ir->literals[a + index], &ir->literals[b + index]) != 0)
            return false;
    return true;
}

static bool compare_equal(const struct rule_compare *a, const struct rule_compare *b)
{
    return a->op == b->op && a->case_mode == b->case_mode && a->type == b->type &&
           a->items == b->items && a->literals == b->literals && a->is_negated == b->is_negated &&
           a->when_absent == b->when_absent;
}

static uint32_t add_node(struct rule_builder *builder, struct ir_node *node)
{
    struct ir *ir = &builder->ir;
    if (!ir_check_node(ir, node))
        return fail(builder, "a condition is nested too deeply");
    uint32_t index = known(&builder->nodes, node->hash);
    if (index != RULE_NONE) {
        const struct ir_node *other = &ir->nodes[index];
        bool is_equal = other->kind == node->kind && other->truth == node->truth &&
                        other->predicate == node->predicate && other->count == node->count;
        for (uint32_t link = 0; is_equal && link < node->count; link++)
            is_equal = ir->links[other->first + link] == ir->links[node->first + link];
        if (is_equal)
            return index;
    }
    return remember(builder, &builder->nodes, node->hash, ir_add_node(ir, node));
}

static uint32_t add_predicate(struct rule_builder *builder, struct ir_predicate *predicate)
{
    struct ir *ir = &builder->ir;
    bool is_fit = ir_check_predicate(ir, predicate);
    assert(is_fit);
    uint32_t index = known(&builder->predicates, predicate->hash);
    if (index != RULE_NONE) {
        const struct ir_predicate *other = &ir->predicates[index];
        if (other->left != predicate->left || other->right != predicate->right ||
            other->count != predicate->count ||
            !compare_equal(&other->compare, &predicate->compare) ||
            !literals_equal(ir, other->first, predicate->first, predicate->count))
            index = RULE_NONE;
    }
    if (index == RULE_NONE)
        index = remember(builder, &builder->predicates, predicate->hash,
                         ir_add_predicate(ir, predicate));
    struct ir_node leaf = {.kind = IR_LEAF, .predicate = index};
    return index == RULE_NONE ? RULE_NONE : add_node(builder, &leaf);
}

/* Copies the literals in one order without repeats, so that equal sets are equal predicates. */
static uint32_t copy_literals(struct rule_builder *builder, const struct rule_compare *compare,
                              const struct rule_literal *literals, size_t *count)
{
    struct ir *ir = &builder->ir;
    uint32_t first = ir_add_literals(ir, literals, *count);
    if (first == RULE_NONE)
        return fail_limit(builder);
    struct rule_literal *own = ir->literals + first;
    for (size_t index = 0; index < *count; index++) {
        if (own[index].value.kind != VALUE_TEXT)
            continue;
        own[index].value.text = arena_dup(&ir->arena, own[index].value.text);
        if (!own[index].value.text.data)
            return fail_limit(builder);
    }
    if (compare->literals == RULE_ONE || *count < 2)
        return first;
    qsort(own, *count, sizeof *own, literal_order);
    size_t kept = 1;
    for (size_t index = 1; index < *count; index++)
        if (literal_order(&own[kept - 1], &own[index]) != 0)
            own[kept++] = own[index];
    ir->literal_count -= *count - kept;
    *count = kept;
    return first;
}

uint32_t rule_build_predicate(struct rule_builder *builder, const struct rule_compare *compare,
                              uint32_t left, const struct rule_literal *literals, size_t count,
                              struct err_ctx *err)
{
    if (builder->failure) {
        err_set(err, ERR_LIMIT, "%s", builder->failure);
        return RULE_NONE;
    }
    assert(left < builder->ir.expression_count);
    for (size_t index = 0; index < count; index++) {
        if (literals[index].value.kind == VALUE_TEXT &&
            literals[index].value.text.len > IR_TEXT_MAX) {
            err_set(err, ERR_LIMIT, "a value is over %u bytes", IR_TEXT_MAX);
            return RULE_NONE;
        }
        if ((compare->op == RULE_REGEX || compare->op == RULE_REGEX_WHOLE) &&
            leaf_check_regex(literals[index].value.text, compare, err) != OK)
            return RULE_NONE;
    }
    struct ir_predicate predicate = {.compare = *compare, .left = left, .right = RULE_NONE};
    predicate.first = copy_literals(builder, compare, literals, &count);
    predicate.count = (uint32_t)count;
    if (predicate.first == RULE_NONE) {
        err_set(err, ERR_LIMIT, "%s", builder->failure);
        return RULE_NONE;
    }
    return add_predicate(builder, &predicate);
}

uint32_t rule_build_relation(struct rule_builder *builder, const struct rule_compare *compare,
                             uint32_t left, uint32_t right)
{
    if (builder->failure)
        return RULE_NONE;
    assert(left < builder->ir.expression_count && right < builder->ir.expression_count);
    struct ir_predicate predicate = {.compare = *compare, .left = left, .right = right};
    return add_predicate(builder, &predicate);
}

/* ---- nodes ---- */

uint32_t rule_build_constant(struct rule_builder *builder, bool truth)
{
    struct ir_node node = {.kind = IR_CONSTANT, .truth = truth};
    return builder->failure ? RULE_NONE : add_node(builder, &node);
}

uint32_t rule_build_not(struct rule_builder *builder, uint32_t child)
{
    if (builder->failure)
        return RULE_NONE;
    struct ir *ir = &builder->ir;
    assert(child < ir->node_count);
    if (ir->nodes[child].kind == IR_NOT)
        return ir->links[ir->nodes[child].first];
    if (ir->nodes[child].kind == IR_CONSTANT)
        return rule_build_constant(builder, !ir->nodes[child].truth);
    struct ir_node node = {.kind = IR_NOT, .count = 1};
    node.first = ir_add_links(ir, &child, 1);
    return node.first == RULE_NONE ? fail_limit(builder) : add_node(builder, &node);
}

struct id_list {
    uint32_t *ids;
    size_t count, size;
};

static void id_list_free(struct id_list *list)
{
    free(list->ids);
}

static bool id_list_add(struct id_list *list, uint32_t id)
{
    for (size_t index = 0; index < list->count; index++)
        if (list->ids[index] == id)
            return true;
    if (!vector_grow(&list->ids, &list->size, list->count, IR_RECORDS_MAX, sizeof *list->ids))
        return false;
    list->ids[list->count++] = id;
    return true;
}

/* and/or of the nodes: children of the same kind are taken in, constants decide or vanish. */
static uint32_t build_group(struct rule_builder *builder, enum ir_node_kind kind,
                            const uint32_t *nodes, size_t count)
{
    if (builder->failure)
        return RULE_NONE;
    struct ir *ir = &builder->ir;
    AUTO(id_list_free) struct id_list children = {0};
    bool is_and = kind == IR_AND;
    for (size_t index = 0; index < count; index++) {
        assert(nodes[index] < ir->node_count);
        const struct ir_node *node = &ir->nodes[nodes[index]];
        if (node->kind == IR_CONSTANT && node->truth == is_and)
            continue;
        if (node->kind == IR_CONSTANT)
            return rule_build_constant(builder, !is_and);
        if (node->kind != kind) {
            if (!id_list_add(&children, nodes[index]))
                return fail_limit(builder);
            continue;
        }
        for (uint32_t link = 0; link < node->count; link++)
            if (!id_list_add(&children, ir->links[node->first + link]))
                return fail_limit(builder);
    }
    if (children.count == 0)
        return rule_build_constant(builder, is_and);
    if (children.count == 1)
        return children.ids[0];
    struct ir_node node = {.kind = (uint8_t)kind, .count = (uint32_t)children.count};
    node.first = ir_add_links(ir, children.ids, children.count);
    return node.first == RULE_NONE ? fail_limit(builder) : add_node(builder, &node);
}

uint32_t rule_build_all(struct rule_builder *builder, const uint32_t *nodes, size_t count)
{
    return build_group(builder, IR_AND, nodes, count);
}

uint32_t rule_build_any(struct rule_builder *builder, const uint32_t *nodes, size_t count)
{
    return build_group(builder, IR_OR, nodes, count);
}

/* ---- rules ---- */

static span copy(struct rule_builder *builder, span text)
{
    if (!text.data)
        return text;
    span own = arena_dup(&builder->ir.arena, text);
    if (!own.data)
        fail_limit(builder);
    return own;
}

struct unrouted {
    const struct rule_builder *builder;
    uint32_t steps;
};

#define UNROUTED_STEPS_MAX 10000u

/* A comparison of the route field holds there only if it says what the field is not. */
static bool leaf_may(const struct unrouted *search, uint32_t predicate_id, bool truth)
{
    const struct ir *ir = &search->builder->ir;
    const struct ir_predicate *predicate = &ir->predicates[predicate_id];
    const struct ir_expression *left = &ir->expressions[predicate->left];
    bool is_route = left->kind == IR_FIELD && predicate->right == RULE_NONE &&
                    span_eq(ir->field_names[left->slot], span_str(search->builder->schema->route));
    bool holds = predicate->compare.op == RULE_EXISTS || predicate->compare.is_negated;
    return !is_route || holds == truth;
}

/* Recursion is bounded: a node's depth is below IR_DEPTH_MAX. */
static bool node_may(struct unrouted *search, uint32_t id, bool truth)
{
    const struct ir *ir = &search->builder->ir;
    const struct ir_node *node = &ir->nodes[id];
    if (++search->steps > UNROUTED_STEPS_MAX)
        return false;
    if (node->kind == IR_CONSTANT)
        return node->truth == truth;
    if (node->kind == IR_LEAF)
        return leaf_may(search, node->predicate, truth);
    if (node->kind == IR_NOT)
        return node_may(search, ir->links[node->first], !truth);
    bool needs_all = (node->kind == IR_AND) == truth;
    for (uint32_t index = 0; index < node->count; index++)
        if (node_may(search, ir->links[node->first + index], truth) != needs_all)
            return !needs_all;
    return needs_all;
}

bool rule_builder_is_unrouted(const struct rule_builder *builder, uint32_t node)
{
    struct unrouted search = {.builder = builder};
    return builder->schema->route && node != RULE_NONE && !builder->failure &&
           node_may(&search, node, true) && search.steps <= UNROUTED_STEPS_MAX;
}

void rule_build_rule(struct rule_builder *builder, const struct rule_definition *definition)
{
    if (builder->failure)
        return;
    struct ir *ir = &builder->ir;
    assert(definition->root < ir->node_count && definition->priority <= PRIORITY_DEBUG);
    if (ir->rule_count >= IR_RULES_MAX || definition->part_count > IR_PARTS_MAX) {
        fail(builder, "too many rules, or too many parts in an output");
        return;
    }
    struct ir_rule rule = {.root = definition->root,
                           .part_count = (uint32_t)definition->part_count};
    rule.info = (struct rule_info){
        .name = copy(builder, definition->name),
        .id = copy(builder, definition->id),
        .desc = copy(builder, definition->desc),
        .response = copy(builder, definition->response),
        .owner = copy(builder, definition->owner),
        .source = copy(builder, definition->source),
        .logsource = {.product = copy(builder, definition->logsource.product),
                      .category = copy(builder, definition->logsource.category),
                      .service = copy(builder, definition->logsource.service)},
        .priority_name = copy(builder, definition->priority_name),
        .priority = definition->priority,
        .stage = definition->stage,
        .is_enabled = definition->is_enabled && rule_builder_runs(builder, definition->stage),
        .file = copy(builder, definition->file),
        .line = definition->line,
        .hash = ir->nodes[definition->root].hash,
        .tag_count = definition->tag_count,
    };
    span *tags = arena_alloc(&ir->arena, (definition->tag_count + 1) * sizeof *tags);
    if (!tags) {
        fail_limit(builder);
        return;
    }
    for (size_t index = 0; index < definition->tag_count; index++)
        tags[index] = copy(builder, definition->tags[index]);
    rule.info.tags = tags;
    rule.part_first = ir_add_parts(ir, definition->parts, definition->part_count);
    if (rule.part_first == RULE_NONE) {
        fail_limit(builder);
        return;
    }
    for (size_t index = 0; index < definition->part_count; index++) {
        struct rule_output_part *part = &ir->parts[rule.part_first + index];
        assert(part->expression == RULE_NONE || part->expression < ir->expression_count);
        part->text = copy(builder, part->text);
    }
    if (ir_add_rule(ir, &rule) == RULE_NONE)
        fail_limit(builder);
}

err_kind rule_image_write(struct rule_builder *builder, struct writer *out, struct err_ctx *err)
{
    if (builder->failure)
        return err_set(err, ERR_LIMIT, "%s", builder->failure);
    ir_image_put(&builder->ir, out);
    return out->is_full ? err_set(err, ERR_LIMIT, "the image is over %zu bytes", out->size_max)
                        : OK;
}
