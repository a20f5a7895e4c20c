/* Rules for a source that has names of its own: which of its events a logsource means, and which of
 * its fields a name. */
#include "sigma/compile.h"

static bool is_name(const char *name, span text)
{
    return span_eq(span_str(name), text);
}

bool logsource_find(struct rule *rule)
{
    const struct taxonomy *taxonomy = rule->compile->schema->taxonomy;
    const struct logsource *logsource = &rule->logsource;
    rule->category = NULL;
    if (!taxonomy)
        return true;
    if (!logsource->category.data || logsource->service.data ||
        (logsource->product.data && !is_name(taxonomy->product, logsource->product)))
        return false;
    for (rule->category = taxonomy->categories; rule->category->name; rule->category++)
        if (is_name(rule->category->name, logsource->category))
            return true;
    rule->category = NULL;
    return false;
}

/* ---- which events ---- */

static uint32_t text_build(struct rule *rule, span field, const struct rule_literal *literals,
                           size_t count)
{
    struct rule_builder *builder = rule->compile->builder;
    struct err_ctx err;
    struct field_ref ref;
    const char *hint;
    struct rule_compare compare = {.op = RULE_EQUAL};
    if (schema_resolve(rule->compile->schema, field, &ref, &hint) != FIELD_FOUND)
        return RULE_NONE; /* a mistake in the table, which its test finds */
    uint32_t expression = rule_build_field(builder, &ref);
    if (expression == RULE_NONE)
        return RULE_NONE;
    return rule_build_predicate(builder, &compare, expression, literals, count, &err);
}

static uint32_t types_build(struct rule *rule, const char *const *types)
{
    struct rule_literal literals[16] = {0};
    size_t count = 0;
    for (; *types && count < 16; types++)
        literals[count++].value = (struct value){.kind = VALUE_TEXT, .text = span_str(*types)};
    return text_build(rule, span_str(rule->compile->schema->route), literals, count);
}

static uint32_t both(struct rule *rule, uint32_t a, uint32_t b)
{
    if (a == RULE_NONE || b == RULE_NONE)
        return RULE_NONE;
    return rule_build_all(rule->compile->builder, (uint32_t[]){a, b}, 2);
}

uint32_t source_build(struct rule *rule)
{
    struct rule_builder *builder = rule->compile->builder;
    uint32_t any = rule_build_constant(builder, false);
    for (const struct taxonomy_case *one = rule->category->cases; one->types; one++) {
        uint32_t node = types_build(rule, one->types);
        for (const struct taxonomy_guard *guard = one->guards; guard->field; guard++) {
            struct rule_literal literal = {0};
            literal.value = (struct value){.kind = VALUE_TEXT, .text = span_str(guard->value)};
            node = both(rule, node, text_build(rule, span_str(guard->field), &literal, 1));
        }
        if (node == RULE_NONE || any == RULE_NONE)
            return RULE_NONE;
        any = rule_build_any(builder, (uint32_t[]){any, node}, 2);
    }
    return any;
}

/* ---- which fields ---- */

static const struct taxonomy_field *name_find(const struct taxonomy_field *fields, span name)
{
    for (; fields && fields->name; fields++)
        if (is_name(fields->name, name))
            return fields;
    return NULL;
}

const struct taxonomy_field *source_field(const struct rule *rule, span name)
{
    if (!rule->category)
        return NULL;
    const struct taxonomy_field *field = name_find(rule->category->fields, name);
    return field ? field : name_find(rule->compile->schema->taxonomy->fields, name);
}

/* ---- items ---- */

/* `/tmp` is written of a folder that events have as `/tmp/`. */
static bool folder_close(struct rule *rule, struct sigma_value *value)
{
    struct pattern *pattern = &value->pattern;
    uint16_t last = pattern->count ? pattern->tokens[pattern->count - 1] : 0;
    if (value->form != FORM_TEXT || pattern->count == 0 || last == '/' || last == TOKEN_ANY)
        return true;
    struct pattern closed = {arena_alloc_raw(rule->arena, (pattern->count + 1) * sizeof(uint16_t)),
                             pattern->count + 1};
    if (!closed.tokens)
        return false;
    memcpy(closed.tokens, pattern->tokens, pattern->count * sizeof(uint16_t));
    closed.tokens[pattern->count] = '/';
    *pattern = closed;
    return true;
}

static void item_map(struct sigma_item *item, void *context)
{
    struct rule *rule = context;
    for (size_t index = 0; index < item->field_count; index++) {
        const struct taxonomy_field *field = source_field(rule, item->fields[index]);
        for (size_t value = 0; field && field->is_folder && value < item->value_count; value++)
            rule->is_full |= !folder_close(rule, &item->values[value]);
    }
}

bool source_map(struct rule *rule)
{
    for (struct scope *scope = rule->first; rule->category && scope; scope = scope->next)
        for (size_t index = 0; index < scope->count; index++)
            if (scope->searches[index].detection)
                detection_visit(scope->searches[index].detection, item_map, rule);
    return !rule->is_full;
}
