/* One item: `field|modifier|...: values`. Modifiers are applied from left to right. */
#include "sigma/modifier.h"

#include <assert.h>
#include <stdlib.h>

#include "sigma/compile.h"

#define MODIFIERS_MAX 16
#define VALUES_MAX    1000000u

struct reading {
    struct rule *rule;
    struct sigma_item *item;
    const struct yaml_node *key;
    const struct modifier_desc *rows[MODIFIERS_MAX];
    size_t offsets[MODIFIERS_MAX]; /* in the key */
    size_t count;
};

static struct position modifier_position(const struct reading *reading, size_t index)
{
    return yaml_position_in(reading->item->file, reading->key, reading->offsets[index]);
}

static bool no_room(const struct rule *rule, const struct sigma_item *item)
{
    struct position at = yaml_position(item->file, item->node);
    diagnostics_error(rule->compile->diagnostics, &at, NULL, "no room for this rule");
    return false;
}

struct sigma_value *item_value_add(struct rule *rule, struct sigma_item *item,
                                   const struct yaml_node *node, uint32_t group)
{
    if (item->value_count == item->values_size) {
        size_t size = item->values_size ? item->values_size * 2 : 4;
        struct sigma_value *grown =
            size > VALUES_MAX ? NULL : arena_alloc(rule->arena, size * sizeof *grown);
        if (!grown) {
            no_room(rule, item);
            return NULL;
        }
        if (item->value_count)
            memcpy(grown, item->values, item->value_count * sizeof *grown);
        item->values = grown;
        item->values_size = size;
    }
    struct sigma_value *value = &item->values[item->value_count++];
    *value = (struct sigma_value){.group = group, .node = node, .text = node->text};
    return value;
}

/* ---- the key ---- */

static bool modifier_add(struct reading *reading, span name, size_t offset)
{
    struct diagnostics *diagnostics = reading->rule->compile->diagnostics;
    struct position at = yaml_position_in(reading->item->file, reading->key, offset);
    if (reading->count == MODIFIERS_MAX) {
        diagnostics_error(diagnostics, &at, NULL, "more than %d modifiers", MODIFIERS_MAX);
        return false;
    }
    const struct modifier_desc *row = modifier_find(name);
    if (!row) {
        diagnostics_error(diagnostics, &at, modifier_hint(name), "unknown modifier '" PRI_SPAN "'",
                          ARG_SPAN(name));
        return false;
    }
    reading->rows[reading->count] = row;
    reading->offsets[reading->count++] = offset;
    return true;
}

static bool key_read(struct reading *reading)
{
    struct sigma_item *item = reading->item;
    span rest = reading->key->text;
    span field = rest;
    bool is_good = true;
    bool has_more = span_until(&rest, '|', &field);
    item->is_keyword = field.len == 0;
    item->fields = arena_alloc(reading->rule->arena, sizeof *item->fields);
    if (!item->fields)
        return no_room(reading->rule, item);
    item->fields[0] = field;
    item->field_count = !item->is_keyword;
    if (item->is_keyword && !has_more) {
        struct position at = yaml_position(item->file, reading->key);
        diagnostics_error(reading->rule->compile->diagnostics, &at, NULL,
                          "expected the name of a field");
        return false;
    }
    while (has_more) {
        size_t offset = reading->key->text.len - rest.len;
        span name = rest;
        has_more = span_until(&rest, '|', &name);
        is_good &= modifier_add(reading, name, offset);
    }
    return is_good;
}

/* ---- order ---- */

static bool order_check(const struct reading *reading, size_t index)
{
    const struct modifier_desc *row = reading->rows[index];
    struct diagnostics *diagnostics = reading->rule->compile->diagnostics;
    struct position at = modifier_position(reading, index);
    if (row->is_first && index > 0) {
        diagnostics_error(diagnostics, &at, NULL,
                          "modifier '%s' must be the first, before '%s': it takes the value as it "
                          "is written",
                          row->name, reading->rows[0]->name);
        return false;
    }
    if (row->needs_field && reading->item->is_keyword) {
        diagnostics_error(diagnostics, &at, NULL, "modifier '%s' needs a field before it",
                          row->name);
        return false;
    }
    for (size_t before = 0; before < index; before++) {
        const struct modifier_desc *other = reading->rows[before];
        bool is_late = row->is_function && other->is_order;
        if (!is_late && !(row->is_function && other->is_function) &&
            !(row->is_order && other->is_order) && row != other)
            continue;
        diagnostics_error(diagnostics, &at, NULL,
                          is_late ? "modifier '%s' belongs before '%s', whose left side it is"
                                  : "modifier '%s' cannot be combined with '%s' before it",
                          row->name, other->name);
        return false;
    }
    if (row->takes == TAKES_REGEX && (index == 0 || strcmp(reading->rows[0]->name, "re") != 0)) {
        diagnostics_error(diagnostics, &at, NULL,
                          "modifier '%s' is a flag of a regex: it belongs behind 're'", row->name);
        return false;
    }
    return true;
}

/* UTF-16 is no UTF-8: such bytes are in an event only when something encodes them. */
static void encoding_check(const struct reading *reading)
{
    for (size_t index = 0; index < reading->count; index++) {
        bool is_encoded = !reading->rows[index]->is_utf16;
        for (size_t behind = index + 1; behind < reading->count; behind++)
            is_encoded |= reading->rows[behind]->is_base64;
        struct position at = modifier_position(reading, index);
        if (!is_encoded)
            diagnostics_warning(reading->rule->compile->diagnostics, &at,
                                "'%s' without 'base64' or 'base64offset' behind it gives bytes "
                                "that no text has",
                                reading->rows[index]->name);
    }
}

/* ---- values ---- */

static bool value_read(struct rule *rule, struct sigma_item *item, const struct yaml_node *node,
                       bool is_raw)
{
    struct position at = yaml_position(item->file, node);
    if (node->kind != YAML_SCALAR) {
        diagnostics_error(rule->compile->diagnostics, &at, NULL, "expected a value, found a %s",
                          node->kind == YAML_MAPPING ? "mapping" : "list in a list");
        return false;
    }
    struct sigma_value *value = item_value_add(rule, item, node, item->group_count++);
    if (!value)
        return false;
    value->form = scalar_form(node, &value->literal.value);
    if (value->form != FORM_TEXT || is_raw)
        return true;
    value->pattern = pattern_parse(rule->arena, node->text);
    return value->pattern.tokens || no_room(rule, item);
}

static bool values_read(struct rule *rule, struct sigma_item *item, const struct yaml_node *node,
                        bool is_raw)
{
    if (node->kind != YAML_SEQUENCE)
        return value_read(rule, item, node, is_raw);
    bool is_good = true;
    for (const struct yaml_node *one = node->first; one; one = one->next)
        is_good &= value_read(rule, item, one, is_raw);
    if (node->count > 0)
        return is_good;
    struct sigma_value *value = item_value_add(rule, item, node, item->group_count++);
    if (value)
        value->form = FORM_NULL; /* an empty list asks for an absent field */
    return value;
}

static const char *form_name(enum form form)
{
    static const char *const names[] = {
        [FORM_NULL] = "null",          [FORM_TEXT] = "a text",
        [FORM_NUMBER] = "a number",    [FORM_BOOL] = "true or false",
        [FORM_REGEX] = "a regex",      [FORM_NETWORK] = "a network",
        [FORM_FIELD] = "a field name", [FORM_EXISTS] = "true or false",
    };
    return names[form];
}

/* The form that the modifier takes; a number or bool is the text that was written where a text is
 * wanted. */
static bool form_check(const struct reading *reading, const struct modifier_desc *row,
                       struct sigma_value *value)
{
    if (row->takes >> value->form & 1)
        return true;
    bool is_scalar = value->form == FORM_NUMBER || value->form == FORM_BOOL;
    if (is_scalar && row->takes >> FORM_TEXT & 1) {
        value->form = FORM_TEXT;
        value->text = value->node->text;
        value->pattern = pattern_parse(reading->rule->arena, value->text);
        return value->pattern.tokens || no_room(reading->rule, reading->item);
    }
    struct position at = yaml_position(reading->item->file, value->node);
    diagnostics_error(reading->rule->compile->diagnostics, &at, NULL,
                      "modifier '%s' takes %s, found %s", row->name, row->wants,
                      form_name(value->form));
    return false;
}

static bool modifier_apply(struct reading *reading, const struct modifier_desc *row)
{
    struct sigma_item *item = reading->item;
    bool is_good = true;
    for (size_t index = 0; index < item->value_count; index++)
        is_good &= form_check(reading, row, &item->values[index]);
    if (!is_good)
        return false;
    if (row->flag)
        *(bool *)((char *)item + row->flag) = true;
    if (row->is_function) {
        item->has_function = true;
        item->function = (enum rule_function)row->argument;
    }
    if (row->is_order) {
        item->has_op = true;
        item->op = (enum rule_operator)row->argument;
    }
    for (size_t index = 0; row->on_value && index < item->value_count; index++)
        is_good &= row->on_value(reading->rule, item, &item->values[index], row);
    return row->on_item && is_good ? row->on_item(reading->rule, item) : is_good;
}

/* ---- items ---- */

/* A keyword is looked for in texts: null and the like ask for a field. */
static bool keyword_check(const struct rule *rule, const struct sigma_item *item)
{
    bool is_good = true;
    for (size_t index = 0; item->is_keyword && index < item->value_count; index++) {
        if (item->values[index].form != FORM_NULL)
            continue;
        struct position at = yaml_position(item->file, item->values[index].node);
        diagnostics_error(rule->compile->diagnostics, &at, NULL,
                          "a keyword must be a text or a number, found null");
        is_good = false;
    }
    return is_good;
}

bool sigma_item_read(struct rule *rule, const struct yaml_file *file, const struct yaml_node *key,
                     const struct yaml_node *value, struct sigma_item *ret)
{
    *ret = (struct sigma_item){.file = file, .node = key ? key : value, .is_keyword = !key};
    struct reading reading = {.rule = rule, .item = ret, .key = key};
    bool is_good = !key || key_read(&reading);
    bool is_raw = reading.count && reading.rows[0]->is_first;
    for (size_t index = 0; is_good && index < reading.count; index++)
        is_good = order_check(&reading, index);
    is_good &= values_read(rule, ret, value, is_raw);
    for (size_t index = 0; is_good && index < reading.count; index++)
        is_good = modifier_apply(&reading, reading.rows[index]);
    if (is_good)
        encoding_check(&reading);
    return is_good && keyword_check(rule, ret);
}
