/* Detections to nodes and predicates of the IR. Sigma's logic is two-valued: a comparison with a
 * field that is absent does not hold, and its negation does. */

#include <stdlib.h>

#include "core/vector.h"
#include "sigma/compile.h"

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

static bool expression_add(struct rule *rule, span name, uint32_t *ret, size_t *count)
{
    struct field_ref ref;
    const char *hint;
    if (schema_resolve(rule->compile->schema, name, &ref, &hint) != FIELD_FOUND)
        return false;
    ret[*count] = rule_build_field(rule->compile->builder, &ref);
    *count += ret[*count] != RULE_NONE;
    return true;
}

size_t sigma_field_build(struct rule *rule, span name, uint32_t *ret)
{
    const struct taxonomy_field *field = source_field(rule, name);
    size_t count = 0;
    if (!field) {
        expression_add(rule, name, ret, &count);
    } else if (!field->fields) {
        ret[0] = rule_build_text(rule->compile->builder, span_str(field->constant));
        count = ret[0] != RULE_NONE;
    }
    for (size_t index = 0; field && field->fields && field->fields[index]; index++)
        if (count < FIELD_EXPRESSIONS_MAX)
            expression_add(rule, span_str(field->fields[index]), ret, &count);
    return count;
}

/* ---- values to literals ---- */

struct lowered {
    struct rule_compare compare;
    struct rule_literal literal;
    const struct yaml_node *node;
    bool is_taken; /* in a predicate */
};

struct lowered_list {
    struct arena *arena;
    struct lowered *items;
    size_t count, size;
};

static bool lowered_add(struct lowered_list *list, const struct lowered *lowered)
{
    if (list->count == list->size) {
        size_t size = list->size ? list->size * 2 : 8;
        struct lowered *grown = arena_alloc(list->arena, size * sizeof *grown);
        if (!grown)
            return false;
        if (list->count)
            memcpy(grown, list->items, list->count * sizeof *grown);
        list->items = grown;
        list->size = size;
    }
    list->items[list->count++] = *lowered;
    return true;
}

static uint16_t token_first(struct pattern pattern)
{
    return pattern.count ? pattern.tokens[0] : 0;
}

static uint16_t token_last(struct pattern pattern)
{
    return pattern.count ? pattern.tokens[pattern.count - 1] : 0;
}

/* The pattern for RULE_GLOB, where brackets mean something too. */
static span glob_text(struct arena *arena, struct pattern pattern)
{
    static const char dashes[] = "[-/\xe2\x80\x93\xe2\x80\x94\xe2\x80\x95]";
    struct writer out;
    writer_init(&out, pattern.count * sizeof dashes + 1);
    for (size_t at = 0; at < pattern.count; at++) {
        uint16_t token = pattern.tokens[at];
        if (token == TOKEN_ANY)
            writer_byte(&out, '*');
        else if (token == TOKEN_ONE)
            writer_byte(&out, '?');
        else if (token == TOKEN_DASH)
            writer_text(&out, dashes);
        else if (token == '*' || token == '?' || token == '[' || token == '\\')
            writer_format(&out, "\\%c", (char)token);
        else
            writer_byte(&out, (uint8_t)token);
    }
    span text = arena_dup(arena, writer_span(&out));
    writer_free(&out);
    return text;
}

/* Takes stars from the ends and says what they make of the comparison. */
static enum rule_operator ends_take(struct pattern *pattern)
{
    bool is_open_start = token_first(*pattern) == TOKEN_ANY;
    bool is_open_end = token_last(*pattern) == TOKEN_ANY;
    while (token_first(*pattern) == TOKEN_ANY) {
        pattern->tokens++;
        pattern->count--;
    }
    while (token_last(*pattern) == TOKEN_ANY)
        pattern->count--;
    if (is_open_start && is_open_end)
        return RULE_CONTAINS;
    return is_open_start ? RULE_ENDS : is_open_end ? RULE_STARTS : RULE_EQUAL;
}

/* One dash is five literals, which are found together with all others; more of them would be 25
 * and so on, and become a pattern. */
static bool text_lower(struct rule *rule, struct pattern pattern, struct lowered *lowered,
                       struct lowered_list *list)
{
    static const char *const dashes[] = {"-", "/", "\xe2\x80\x93", "\xe2\x80\x94", "\xe2\x80\x95"};
    struct pattern whole = pattern;
    enum rule_operator op = ends_take(&pattern);
    size_t special_count = 0;
    size_t dash_at = 0;
    size_t dash_count = 0;
    for (size_t at = 0; at < pattern.count; at++) {
        special_count += pattern.tokens[at] > UINT8_MAX;
        dash_count += pattern.tokens[at] == TOKEN_DASH;
        dash_at = pattern.tokens[at] == TOKEN_DASH ? at : dash_at;
    }
    lowered->compare.op = op;
    lowered->literal.value.kind = VALUE_TEXT;
    span *text = &lowered->literal.value.text;
    if (pattern.count == 0) /* no case to mind: shared with other questions for a value */
        lowered->compare.case_mode = RULE_CASE_EXACT;
    if (special_count == 0) {
        *text = pattern_text(rule->arena, pattern);
        return text->data && lowered_add(list, lowered);
    }
    if (special_count > 1 || dash_count == 0) {
        lowered->compare.op = RULE_GLOB;
        *text = glob_text(rule->arena, whole);
        return text->data && lowered_add(list, lowered);
    }
    span before = pattern_text(rule->arena, (struct pattern){pattern.tokens, dash_at});
    span behind = pattern_text(
        rule->arena, (struct pattern){pattern.tokens + dash_at + 1, pattern.count - dash_at - 1});
    for (size_t index = 0; index < sizeof dashes / sizeof dashes[0]; index++) {
        struct writer out;
        writer_init(&out, pattern.count + 4);
        writer_put(&out, before);
        writer_text(&out, dashes[index]);
        writer_put(&out, behind);
        *text = arena_dup(rule->arena, writer_span(&out));
        writer_free(&out);
        if (!before.data || !behind.data || !text->data || !lowered_add(list, lowered))
            return false;
    }
    return true;
}

static span regex_text(struct rule *rule, const struct sigma_item *item, span regex)
{
    struct writer out;
    bool is_bound = item->is_bound_start || item->is_bound_end;
    if (!item->is_multiline && !item->is_dotall && !is_bound)
        return regex;
    writer_init(&out, regex.len + 24);
    if (item->is_multiline || item->is_dotall)
        writer_format(&out, "(?%s%s)", item->is_multiline ? "m" : "", item->is_dotall ? "s" : "");
    writer_text(&out, item->is_bound_start ? "\\A" : "");
    writer_text(&out, is_bound ? "(?:" : "");
    writer_put(&out, regex);
    writer_text(&out, is_bound ? ")" : "");
    writer_text(&out, item->is_bound_end ? "\\z" : "");
    span text = arena_dup(rule->arena, writer_span(&out));
    writer_free(&out);
    return text;
}

/* Null, exists and fields add nothing. False: no room. */
static bool item_value_lower(struct rule *rule, const struct sigma_item *item,
                             const struct sigma_value *value, struct lowered_list *list)
{
    enum rule_case folding = item->is_cased ? RULE_CASE_EXACT : RULE_CASE_UNICODE;
    struct lowered lowered = {.literal = value->literal, .node = value->node};
    struct rule_compare *compare = &lowered.compare;
    span regex = value->text;
    switch (value->form) {
    case FORM_TEXT:
        compare->case_mode = folding;
        return text_lower(rule,
                          item->is_keyword ? pattern_open(rule->arena, value->pattern, true, true)
                                           : value->pattern,
                          &lowered, list);
    case FORM_NUMBER:
    case FORM_BOOL:
        if (item->is_keyword || value->form == FORM_BOOL) {
            *compare = (struct rule_compare){.op = item->is_keyword ? RULE_CONTAINS : RULE_EQUAL,
                                             .case_mode = folding};
            lowered.literal = (struct rule_literal){.value.kind = VALUE_TEXT};
            lowered.literal.value.text = value->node->text;
        } else {
            compare->op = item->has_op ? item->op : RULE_EQUAL;
            compare->type = RULE_TYPE_NUMBER;
        }
        return lowered_add(list, &lowered);
    case FORM_REGEX:
        if (item->is_expanded)
            regex = pattern_text(rule->arena, value->pattern);
        compare->op = RULE_REGEX;
        compare->case_mode = item->is_caseless ? RULE_CASE_UNICODE : RULE_CASE_EXACT;
        lowered.literal.value = (struct value){.kind = VALUE_TEXT};
        lowered.literal.value.text = regex_text(rule, item, regex);
        return lowered.literal.value.text.data && lowered_add(list, &lowered);
    case FORM_NETWORK:
        compare->op = RULE_EQUAL;
        compare->type = RULE_TYPE_ADDRESS;
        return lowered_add(list, &lowered);
    case FORM_NULL:
    case FORM_EXISTS:
    case FORM_FIELD:
        break;
    }
    return true;
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
        uint32_t rights[FIELD_EXPRESSIONS_MAX];
        size_t count = sigma_field_build(left->rule, value->fields[field], rights);
        for (size_t index = 0; index < left->count * count; index++)
            is_good &= nodes_add(nodes, rule_build_relation(left->rule->compile->builder, &compare,
                                                            left->expressions[index / count],
                                                            rights[index % count]));
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

/* True where the rule is only tried. */
static bool placeholder_complain(const struct left *left, const struct sigma_value *value,
                                 span name)
{
    struct position at = yaml_position(left->item->file, value->node);
    if (!left->rule->is_trial)
        diagnostics_error(left->rule->compile->diagnostics, &at, NULL,
                          "placeholder '%%" PRI_SPAN "%%' has no values: give them by a pipeline "
                          "with 'vars' and 'value_placeholders'",
                          ARG_SPAN(name));
    return left->rule->is_trial;
}

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
        span left_over = placeholder_left(item, value);
        if (left_over.data) {
            is_good &= placeholder_complain(left, value, left_over);
        } else if (value->form == FORM_FIELD) {
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

/* A name that the source does not have is absent from all of its events. */
static bool left_add(struct left *left, span field)
{
    struct rule *rule = left->rule;
    uint32_t *expressions = left->expressions + left->count;
    size_t count = sigma_field_build(rule, field, expressions);
    struct position at = yaml_position(left->item->file, left->item->node);
    if (count == 0)
        diagnostics_warning(rule->compile->diagnostics, &at,
                            "source '%s' has no field '" PRI_SPAN "': absent in every event",
                            rule->compile->schema->source, ARG_SPAN(field));
    for (size_t index = 0; left->item->has_function && index < count; index++)
        expressions[index] =
            rule_build_call(rule->compile->builder, left->item->function, &expressions[index], 1);
    left->count += count;
    return count > 0;
}

static uint32_t item_build(struct rule *rule, const struct sigma_item *item)
{
    struct left left = {.rule = rule, .item = item};
    left.expressions = arena_alloc(rule->arena, (item->field_count + 1) * FIELD_EXPRESSIONS_MAX *
                                                    sizeof(uint32_t));
    if (!left.expressions)
        return complain(&left, item->node, "no room for this rule");
    for (size_t index = 0; index < item->field_count; index++)
        (void)left_add(&left, item->fields[index]);
    if (item->is_keyword) {
        left.count = rule->compile->schema->open
                         ? sigma_field_build(rule, SPAN(FIELD_WHOLE), left.expressions)
                         : 0;
        if (left.count == 0)
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
        if (!detection_is_dropped(child))
            is_good &= nodes_add(&nodes, detection_build(rule, child));
    uint32_t node = RULE_NONE;
    if (is_good && detection->kind == DETECTION_ALL)
        node = rule_build_all(rule->compile->builder, nodes.items, nodes.count);
    else if (is_good)
        node = rule_build_any(rule->compile->builder, nodes.items, nodes.count);
    free(nodes.items);
    return node;
}
