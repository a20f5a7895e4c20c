/* The image: one compiled set of rules as bytes. All numbers little endian, records one after the
 * other, texts inline, references by number of an earlier record:
 *
 *   magic "PKRULE03"  source text
 *   u32 count + fields       text
 *   u32 count + links        u32                        (children of nodes, arguments of calls)
 *   u32 count + expressions  u8 kind, then by kind
 *   u32 count + literals     u8 kind, then by kind
 *   u32 count + predicates   8 x u8, u32 left right first count
 *   u32 count + nodes        u8 kind, then by kind
 *   u32 count + parts        u32 expression, u16 width, text
 *   u32 count + rules        ...
 *
 * Reading checks each record before it is added. */
#include "rule/ir.h"

static const uint8_t magic[8] = "PKRULE03";

/* ---- out ---- */

static void put_u8(struct writer *out, unsigned number)
{
    writer_byte(out, (uint8_t)number);
}

static void put_u16(struct writer *out, uint16_t number)
{
    put_u8(out, number & 0xff);
    put_u8(out, number >> 8);
}

static void put_u32(struct writer *out, uint32_t number)
{
    put_u16(out, (uint16_t)number);
    put_u16(out, (uint16_t)(number >> 16));
}

static void put_u64(struct writer *out, uint64_t number)
{
    put_u32(out, (uint32_t)number);
    put_u32(out, (uint32_t)(number >> 32));
}

/* A length, then bytes; one more than the length, so that 0 is "none". */
static void put_text(struct writer *out, span text)
{
    put_u32(out, text.data ? (uint32_t)text.len + 1 : 0);
    writer_put(out, text);
}

static void put_expression(struct writer *out, const struct ir_expression *expression)
{
    put_u8(out, expression->kind);
    if (expression->kind == IR_FIELD)
        put_u32(out, expression->slot);
    else if (expression->kind == IR_TEXT)
        put_text(out, expression->text);
    else {
        put_u8(out, expression->function);
        put_u32(out, expression->first);
        put_u32(out, expression->count);
    }
}

static void put_literal(struct writer *out, const struct rule_literal *literal)
{
    const struct value *value = &literal->value;
    uint64_t word;
    put_u8(out, value->kind);
    if (value->kind == VALUE_TEXT) {
        put_text(out, value->text);
    } else if (value->kind == VALUE_ADDRESS) {
        put_u8(out, value->address.family == AF_INET ? 4 : 6);
        put_u8(out, literal->prefix_bits);
        writer_put(out, span_of(value->address.bytes, sizeof value->address.bytes));
    } else if (value->kind == VALUE_BOOL) {
        put_u8(out, value->truth);
    } else {
        memcpy(&word, &value->integer, sizeof word);
        put_u64(out, word);
    }
}

static void put_predicate(struct writer *out, const struct ir_predicate *predicate)
{
    const struct rule_compare *compare = &predicate->compare;
    put_u8(out, compare->op);
    put_u8(out, compare->case_mode);
    put_u8(out, compare->type);
    put_u8(out, compare->items);
    put_u8(out, compare->literals);
    put_u8(out, compare->is_negated);
    put_u8(out, compare->when_absent);
    put_u32(out, predicate->left);
    put_u32(out, predicate->right);
    put_u32(out, predicate->first);
    put_u32(out, predicate->count);
}

static void put_node(struct writer *out, const struct ir_node *node)
{
    put_u8(out, node->kind);
    if (node->kind == IR_CONSTANT)
        put_u8(out, node->truth);
    else if (node->kind == IR_LEAF)
        put_u32(out, node->predicate);
    else {
        put_u32(out, node->first);
        put_u32(out, node->count);
    }
}

static void put_part(struct writer *out, const struct rule_output_part *part)
{
    put_u32(out, part->expression);
    put_u16(out, part->width);
    put_text(out, part->text);
}

static void put_rule(struct writer *out, const struct ir_rule *rule)
{
    const struct rule_info *info = &rule->info;
    put_text(out, info->name);
    put_text(out, info->id);
    put_text(out, info->desc);
    put_text(out, info->response);
    put_text(out, info->owner);
    put_text(out, info->source);
    put_text(out, info->logsource.product);
    put_text(out, info->logsource.category);
    put_text(out, info->logsource.service);
    put_text(out, info->priority_name);
    put_u8(out, info->priority);
    put_u8(out, info->stage);
    put_u8(out, info->is_enabled);
    put_text(out, info->file);
    put_u32(out, info->line);
    put_u64(out, info->hash);
    put_u32(out, (uint32_t)info->tag_count);
    for (size_t index = 0; index < info->tag_count; index++)
        put_text(out, info->tags[index]);
    put_u32(out, rule->root);
    put_u32(out, rule->part_first);
    put_u32(out, rule->part_count);
}

#define PUT_ALL(total, array, put)                                                                 \
    do {                                                                                           \
        put_u32(out, (uint32_t)ir->total);                                                         \
        for (size_t index = 0; index < ir->total; index++)                                         \
            put(out, &ir->array[index]);                                                           \
    } while (0)

static void put_link(struct writer *out, const uint32_t *link)
{
    put_u32(out, *link);
}

static void put_name(struct writer *out, const span *name)
{
    put_text(out, *name);
}

void ir_image_put(const struct ir *ir, struct writer *out)
{
    writer_put(out, span_of(magic, sizeof magic));
    put_text(out, ir->source);
    PUT_ALL(field_count, field_names, put_name);
    PUT_ALL(link_count, links, put_link);
    PUT_ALL(expression_count, expressions, put_expression);
    PUT_ALL(literal_count, literals, put_literal);
    PUT_ALL(predicate_count, predicates, put_predicate);
    PUT_ALL(node_count, nodes, put_node);
    PUT_ALL(part_count, parts, put_part);
    PUT_ALL(rule_count, rules, put_rule);
}

/* ---- in ---- */

static bool get_bool(span *in, bool *ret)
{
    uint8_t byte;
    if (!span_u8(in, &byte) || byte > 1)
        return false;
    *ret = byte;
    return true;
}

static bool get_text(span *in, span *ret)
{
    uint32_t length;
    *ret = (span){NULL, 0};
    if (!span_u32le(in, &length))
        return false;
    return length == 0 || span_take(in, length - 1, ret);
}

/* A text that must be there. */
static bool get_some_text(span *in, span *ret)
{
    return get_text(in, ret) && ret->data;
}

static bool get_field(struct ir *ir, span *in, const struct schema *schema)
{
    span name;
    struct field_ref ref;
    const char *hint;
    return get_some_text(in, &name) && schema_resolve(schema, name, &ref, &hint) == FIELD_FOUND &&
           ir_add_field(ir, name, &ref) != RULE_NONE;
}

static bool get_link(struct ir *ir, span *in, const struct schema *schema)
{
    (void)schema;
    uint32_t link;
    return span_u32le(in, &link) && ir_add_links(ir, &link, 1) != RULE_NONE;
}

static bool get_expression(struct ir *ir, span *in, const struct schema *schema)
{
    (void)schema;
    struct ir_expression expression = {0};
    if (!span_u8(in, &expression.kind))
        return false;
    bool is_read;
    if (expression.kind == IR_FIELD)
        is_read = span_u32le(in, &expression.slot);
    else if (expression.kind == IR_TEXT)
        is_read = get_some_text(in, &expression.text);
    else
        is_read = span_u8(in, &expression.function) && span_u32le(in, &expression.first) &&
                  span_u32le(in, &expression.count);
    return is_read && ir_check_expression(ir, &expression) &&
           ir_add_expression(ir, &expression) != RULE_NONE;
}

static bool get_address(span *in, struct rule_literal *literal)
{
    uint8_t version;
    span bytes;
    if (!span_u8(in, &version) || !span_u8(in, &literal->prefix_bits) ||
        !span_take(in, sizeof literal->value.address.bytes, &bytes) ||
        (version != 4 && version != 6))
        return false;
    literal->value.address.family = version == 4 ? AF_INET : AF_INET6;
    memcpy(literal->value.address.bytes, bytes.data, bytes.len);
    return true;
}

static bool get_literal(struct ir *ir, span *in, const struct schema *schema)
{
    (void)schema;
    struct rule_literal literal = {0};
    uint8_t kind;
    uint64_t word;
    if (!span_u8(in, &kind))
        return false;
    literal.value.kind = kind;
    bool is_read;
    if (kind == VALUE_TEXT) {
        is_read = get_some_text(in, &literal.value.text);
    } else if (kind == VALUE_ADDRESS) {
        is_read = get_address(in, &literal);
    } else if (kind == VALUE_BOOL) {
        is_read = get_bool(in, &literal.value.truth);
    } else {
        is_read = span_u64le(in, &word);
        if (is_read)
            memcpy(&literal.value.integer, &word, sizeof word);
    }
    return is_read && ir_check_literal(&literal) && ir_add_literals(ir, &literal, 1) != RULE_NONE;
}

static bool get_predicate(struct ir *ir, span *in, const struct schema *schema)
{
    (void)schema;
    struct ir_predicate predicate = {0};
    uint8_t bytes[5];
    for (size_t index = 0; index < sizeof bytes; index++)
        if (!span_u8(in, &bytes[index]))
            return false;
    predicate.compare = (struct rule_compare){
        .op = bytes[0],
        .case_mode = bytes[1],
        .type = bytes[2],
        .items = bytes[3],
        .literals = bytes[4],
    };
    return get_bool(in, &predicate.compare.is_negated) &&
           get_bool(in, &predicate.compare.when_absent) && span_u32le(in, &predicate.left) &&
           span_u32le(in, &predicate.right) && span_u32le(in, &predicate.first) &&
           span_u32le(in, &predicate.count) && ir_check_predicate(ir, &predicate) &&
           ir_add_predicate(ir, &predicate) != RULE_NONE;
}

static bool get_node(struct ir *ir, span *in, const struct schema *schema)
{
    (void)schema;
    struct ir_node node = {0};
    if (!span_u8(in, &node.kind))
        return false;
    bool is_read;
    if (node.kind == IR_CONSTANT)
        is_read = get_bool(in, &node.truth);
    else if (node.kind == IR_LEAF)
        is_read = span_u32le(in, &node.predicate);
    else
        is_read = span_u32le(in, &node.first) && span_u32le(in, &node.count);
    return is_read && ir_check_node(ir, &node) && ir_add_node(ir, &node) != RULE_NONE;
}

static bool get_part(struct ir *ir, span *in, const struct schema *schema)
{
    (void)schema;
    struct rule_output_part part = {0};
    return span_u32le(in, &part.expression) && span_u16le(in, &part.width) &&
           get_some_text(in, &part.text) &&
           (part.expression == RULE_NONE || part.expression < ir->expression_count) &&
           ir_add_parts(ir, &part, 1) != RULE_NONE;
}

static bool get_tags(struct ir *ir, span *in, struct rule_info *info)
{
    uint32_t count;
    if (!span_u32le(in, &count) || count > in->len / 4)
        return false;
    span *tags = arena_alloc(&ir->arena, (count + 1) * sizeof *tags);
    if (!tags)
        return false;
    for (uint32_t index = 0; index < count; index++)
        if (!get_some_text(in, &tags[index]))
            return false;
    info->tags = tags;
    info->tag_count = count;
    return true;
}

static bool get_rule(struct ir *ir, span *in, const struct schema *schema)
{
    (void)schema;
    struct ir_rule rule = {0};
    struct rule_info *info = &rule.info;
    uint8_t priority, stage;
    if (!get_some_text(in, &info->name) || !get_text(in, &info->id) || !get_text(in, &info->desc) ||
        !get_text(in, &info->response) || !get_text(in, &info->owner) ||
        !get_some_text(in, &info->source) || !get_text(in, &info->logsource.product) ||
        !get_text(in, &info->logsource.category) || !get_text(in, &info->logsource.service) ||
        !get_some_text(in, &info->priority_name) || !span_u8(in, &priority) ||
        !span_u8(in, &stage) || !get_bool(in, &info->is_enabled) || !get_text(in, &info->file) ||
        !span_u32le(in, &info->line) || !span_u64le(in, &info->hash) || !get_tags(ir, in, info) ||
        !span_u32le(in, &rule.root) || !span_u32le(in, &rule.part_first) ||
        !span_u32le(in, &rule.part_count))
        return false;
    info->priority = priority;
    info->stage = stage;
    return priority <= PRIORITY_DEBUG && stage < STAGE_COUNT && rule.root < ir->node_count &&
           rule.part_count <= IR_PARTS_MAX &&
           (uint64_t)rule.part_first + rule.part_count <= ir->part_count &&
           ir->rule_count < IR_RULES_MAX && ir_add_rule(ir, &rule) != RULE_NONE;
}

struct section {
    const char *name;
    bool (*get)(struct ir *ir, span *in, const struct schema *schema);
};

static const struct section sections[] = {
    {"field", get_field},     {"link", get_link},           {"expression", get_expression},
    {"literal", get_literal}, {"predicate", get_predicate}, {"node", get_node},
    {"part", get_part},       {"rule", get_rule},
};

err_kind ir_image_get(struct ir *ir, span image, const struct schema *schema, struct err_ctx *err)
{
    span in = image;
    span start;
    if (!span_take(&in, sizeof magic, &start) || memcmp(start.data, magic, sizeof magic) != 0)
        return err_set(err, ERR_INPUT, "not an image of rules of this version");
    if (!get_some_text(&in, &ir->source) || !span_eq(ir->source, span_str(schema->source)))
        return err_set(err, ERR_INPUT, "the image is not for source '%s'", schema->source);
    for (size_t index = 0; index < sizeof sections / sizeof sections[0]; index++) {
        uint32_t count;
        if (!span_u32le(&in, &count))
            return err_set(err, ERR_INPUT, "the image ends before its %ss", sections[index].name);
        for (uint32_t record = 0; record < count; record++)
            if (!sections[index].get(ir, &in, schema))
                return err_set(err, ERR_INPUT, "bad %s %u at byte %zu of the image",
                               sections[index].name, record, image.len - in.len);
    }
    if (in.len)
        return err_set(err, ERR_INPUT, "%zu bytes behind the end of the image", in.len);
    return OK;
}
