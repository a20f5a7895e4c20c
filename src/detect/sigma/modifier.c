/* One item: `field|modifier|...: values`. Modifiers are applied from left to right. To add one: one
 * row of the table, and a row of the tests. */
#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "sigma/compile.h"

#define MODIFIERS_MAX 16
#define VALUES_MAX    1000000u

#define TAKES_REGEX (1u << FORM_REGEX)

struct modifier_desc {
    const char *name;
    const char *wants; /* what it takes, for errors */
    uint32_t takes;    /* forms of values, a bit each */
    size_t flag;       /* offset of a bool in struct sigma_item; 0: none */
    int argument;
    bool is_first;    /* takes the value as written, before escapes */
    bool needs_field; /* means nothing for keywords */
    bool is_order;    /* argument is an operator on numbers */
    bool is_function; /* argument is a function of the field */
    bool is_utf16;
    bool is_base64;
    bool (*on_value)(struct rule *rule, struct sigma_item *item, struct sigma_value *value,
                     const struct modifier_desc *row);
    bool (*on_item)(struct rule *rule, struct sigma_item *item);
};

__attribute__((format(printf, 4, 5))) static bool refuse(const struct rule *rule,
                                                         const struct sigma_item *item,
                                                         const struct sigma_value *value,
                                                         const char *format, ...)
{
    struct position at = yaml_position(item->file, value->node);
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    diagnostics_error(rule->compile->diagnostics, &at, NULL, "%s", text);
    return false;
}

static bool value_no_room(const struct rule *rule, const struct sigma_item *item,
                          const struct sigma_value *value)
{
    return refuse(rule, item, value, "no room for this rule");
}

/* ---- parts of a text ---- */

enum part { PART_CONTAINS, PART_STARTS, PART_ENDS };

static bool part_apply(struct rule *rule, struct sigma_item *item, struct sigma_value *value,
                       const struct modifier_desc *row)
{
    static const enum rule_operator operators[] = {RULE_CONTAINS, RULE_STARTS, RULE_ENDS};
    enum part part = (enum part)row->argument;
    if (value->form == FORM_REGEX) { /* what is searched for is contained anyway */
        item->is_bound_start |= part == PART_STARTS;
        item->is_bound_end |= part == PART_ENDS;
        return true;
    }
    if (value->form == FORM_FIELD) {
        item->op = operators[part];
        return true;
    }
    value->pattern =
        pattern_open(rule->arena, value->pattern, part != PART_STARTS, part != PART_ENDS);
    return value->pattern.tokens || value_no_room(rule, item, value);
}

/* ---- encodings ---- */

static bool wildcard_check(const struct rule *rule, const struct sigma_item *item,
                           const struct sigma_value *value, const char *name)
{
    if (!pattern_has_wildcard(value->pattern))
        return true;
    return refuse(
        rule, item, value,
        "'%s' cannot encode a wildcard or placeholder: write '\\*' for a star, and put 'contains', "
        "'startswith' or 'endswith' behind '%s'",
        name, name);
}

static bool utf16_apply(struct rule *rule, struct sigma_item *item, struct sigma_value *value,
                        const struct modifier_desc *row)
{
    value->pattern = pattern_utf16(rule->arena, value->pattern, (enum utf16)row->argument);
    return value->pattern.tokens ||
           refuse(rule, item, value, "'%s' takes text, but this is encoded already", row->name);
}

static bool base64_apply(struct rule *rule, struct sigma_item *item, struct sigma_value *value,
                         const struct modifier_desc *row)
{
    if (!wildcard_check(rule, item, value, row->name))
        return false;
    if (value->pattern.count == 0)
        return refuse(rule, item, value, "nothing to encode");
    value->pattern = pattern_base64(rule->arena, value->pattern, false, 0);
    return value->pattern.tokens || value_no_room(rule, item, value);
}

static bool base64offset_apply(struct rule *rule, struct sigma_item *item)
{
    struct sigma_item from = *item;
    item->values = NULL;
    item->value_count = item->values_size = 0;
    for (size_t index = 0; index < from.value_count; index++) {
        const struct sigma_value *old = &from.values[index];
        if (!wildcard_check(rule, item, old, "base64offset"))
            return false;
        if (old->pattern.count < 2)
            return refuse(
                rule, item, old,
                "'base64offset' needs two bytes or more: of less, no whole digit is sure");
        for (size_t shift = 0; shift < 3; shift++) {
            struct sigma_value *value = item_value_add(rule, item, old->node, old->group);
            if (!value)
                return false;
            value->form = FORM_TEXT;
            value->pattern = pattern_base64(rule->arena, old->pattern, true, shift);
            if (!value->pattern.tokens)
                return value_no_room(rule, item, value);
        }
    }
    return true;
}

static bool windash_apply(struct rule *rule, struct sigma_item *item, struct sigma_value *value,
                          const struct modifier_desc *row)
{
    (void)row;
    value->pattern = pattern_windash(rule->arena, value->pattern);
    return value->pattern.tokens || value_no_room(rule, item, value);
}

/* ---- values as they are written ---- */

static bool regex_apply(struct rule *rule, struct sigma_item *item, struct sigma_value *value,
                        const struct modifier_desc *row)
{
    (void)rule;
    (void)item;
    (void)row;
    value->form = FORM_REGEX;
    return true;
}

static bool fieldref_apply(struct rule *rule, struct sigma_item *item, struct sigma_value *value,
                           const struct modifier_desc *row)
{
    (void)row;
    value->form = FORM_FIELD;
    value->fields = arena_alloc(rule->arena, sizeof *value->fields);
    if (!value->fields)
        return value_no_room(rule, item, value);
    value->fields[0] = value->text;
    value->field_count = 1;
    return value->text.len > 0 || refuse(rule, item, value, "expected the name of a field");
}

static bool exists_apply(struct rule *rule, struct sigma_item *item, struct sigma_value *value,
                         const struct modifier_desc *row)
{
    (void)rule;
    (void)item;
    (void)row;
    value->form = FORM_EXISTS;
    return true;
}

static bool cidr_apply(struct rule *rule, struct sigma_item *item, struct sigma_value *value,
                       const struct modifier_desc *row)
{
    char mended[64];
    (void)row;
    value->form = FORM_NETWORK;
    switch (network_parse(value->text, &value->literal, mended)) {
    case NETWORK_GOOD:
        return true;
    case NETWORK_HOST_BITS:
        return refuse(rule, item, value,
                      "the address has bits behind its network's prefix: write '%s'", mended);
    case NETWORK_WRONG:
        break;
    }
    return refuse(rule, item, value,
                  "expected an IP network such as 10.0.0.0/8, found '" PRI_SPAN "'",
                  ARG_SPAN(value->text));
}

/* ---- the table, by name ---- */

#define BIT(form)     (1u << FORM_##form)
#define ALL_FORMS     0xffu
#define FLAG(member)  .takes = ALL_FORMS, .flag = offsetof(struct sigma_item, member)
#define OF_TEXT       .takes = BIT(TEXT), .wants = "a text"
#define OF_REGEX      .takes = TAKES_REGEX, .wants = "a regex"
#define OF_NUMBER     .takes = BIT(NUMBER), .wants = "a number, unquoted", .needs_field = true
#define AS_WRITTEN    .takes = BIT(TEXT), .wants = "a text", .is_first = true
#define ORDER(op)     OF_NUMBER, .is_order = true, .argument = (op)
#define PART_OF(func) OF_NUMBER, .is_function = true, .argument = (func)
#define PART(part)                                                                                 \
    .takes = BIT(TEXT) | TAKES_REGEX | BIT(FIELD), .wants = "a text", .on_value = part_apply,      \
    .argument = (part)
#define UTF16(form)           OF_TEXT, .on_value = utf16_apply, .argument = (form), .is_utf16 = true
#define FLAG_OF_REGEX(member) OF_REGEX, .flag = offsetof(struct sigma_item, member)

static const struct modifier_desc rows[] = {
    {"all", FLAG(is_all)},
    {"base64", OF_TEXT, .on_value = base64_apply, .is_base64 = true},
    {"base64offset", OF_TEXT, .on_item = base64offset_apply, .is_base64 = true},
    {"cased", .takes = BIT(TEXT) | BIT(FIELD), .wants = "a text (regexes mind case anyway)",
     .flag = offsetof(struct sigma_item, is_cased)},
    {"cidr", AS_WRITTEN, .on_value = cidr_apply},
    {"contains", PART(PART_CONTAINS)},
    {"day", PART_OF(RULE_DAY)},
    {"dotall", FLAG_OF_REGEX(is_dotall)},
    {"endswith", PART(PART_ENDS)},
    {"exists", .takes = BIT(BOOL), .wants = "true or false", .is_first = true, .needs_field = true,
     .on_value = exists_apply},
    {"expand", .takes = BIT(TEXT) | TAKES_REGEX, .wants = "a text", .on_item = sigma_item_expand},
    {"fieldref", AS_WRITTEN, .needs_field = true, .on_value = fieldref_apply},
    {"gt", ORDER(RULE_GREATER)},
    {"gte", ORDER(RULE_GREATER_EQUAL)},
    {"hour", PART_OF(RULE_HOUR)},
    {"i", FLAG_OF_REGEX(is_caseless)},
    {"ignorecase", FLAG_OF_REGEX(is_caseless)},
    {"lt", ORDER(RULE_LESS)},
    {"lte", ORDER(RULE_LESS_EQUAL)},
    {"m", FLAG_OF_REGEX(is_multiline)},
    {"minute", PART_OF(RULE_MINUTE)},
    {"month", PART_OF(RULE_MONTH)},
    {"multiline", FLAG_OF_REGEX(is_multiline)},
    {"neq", FLAG(is_negated)},
    {"re", AS_WRITTEN, .on_value = regex_apply},
    {"s", FLAG_OF_REGEX(is_dotall)},
    {"startswith", PART(PART_STARTS)},
    {"utf16", UTF16(UTF16_MARKED)},
    {"utf16be", UTF16(UTF16_BIG)},
    {"utf16le", UTF16(UTF16_LITTLE)},
    {"week", PART_OF(RULE_WEEK)},
    {"wide", UTF16(UTF16_LITTLE)},
    {"windash", OF_TEXT, .on_value = windash_apply},
    {"year", PART_OF(RULE_YEAR)},
};

#define ROW_COUNT (sizeof rows / sizeof rows[0])

static const struct modifier_desc *modifier_find(span name)
{
    for (size_t index = 0; index < ROW_COUNT; index++)
        if (span_eq(name, span_str(rows[index].name)))
            return &rows[index];
    return NULL;
}

static const char *modifier_hint(span name)
{
    const char *names[ROW_COUNT];
    for (size_t index = 0; index < ROW_COUNT; index++)
        names[index] = rows[index].name;
    return sigma_hint(names, ROW_COUNT, name);
}

/* ---- reading ---- */

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
