/* What each modifier does. To add one: one row, and a row of the tests. */
#include <stdarg.h>
#include <stdio.h>

#include "sigma/modifier.h"

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

static bool no_room(const struct rule *rule, const struct sigma_item *item,
                    const struct sigma_value *value)
{
    return refuse(rule, item, value, "no room for this rule");
}

/* ---- parts of a text ---- */

enum part { PART_CONTAINS, PART_STARTS, PART_ENDS };

/* Around a regex it binds what is searched for: a search is contained anyway. */
static bool regex_bind(struct rule *rule, struct sigma_item *item, struct sigma_value *value,
                       enum part part)
{
    struct writer out;
    if (part == PART_CONTAINS)
        return true;
    writer_init(&out, value->text.len + 16);
    writer_text(&out, part == PART_STARTS ? "\\A(?:" : "(?:");
    writer_put(&out, value->text);
    writer_text(&out, part == PART_STARTS ? ")" : ")\\z");
    value->text = arena_dup(rule->arena, writer_span(&out));
    bool is_full = out.is_full || !value->text.data;
    writer_free(&out);
    return !is_full || no_room(rule, item, value);
}

static bool part_apply(struct rule *rule, struct sigma_item *item, struct sigma_value *value,
                       const struct modifier_desc *row)
{
    static const enum rule_operator operators[] = {RULE_CONTAINS, RULE_STARTS, RULE_ENDS};
    enum part part = (enum part)row->argument;
    if (value->form == FORM_REGEX)
        return regex_bind(rule, item, value, part);
    if (value->form == FORM_FIELD) {
        item->op = operators[part];
        return true;
    }
    value->pattern =
        pattern_open(rule->arena, value->pattern, part != PART_STARTS, part != PART_ENDS);
    return value->pattern.tokens || no_room(rule, item, value);
}

/* ---- encodings ---- */

static bool wildcard_check(const struct rule *rule, const struct sigma_item *item,
                           const struct sigma_value *value, const char *name)
{
    if (!pattern_has_wildcard(value->pattern))
        return true;
    return refuse(rule, item, value,
                  "'%s' cannot encode a wildcard: write '\\*' for a star, and put 'contains', "
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
    return value->pattern.tokens || no_room(rule, item, value);
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
                return no_room(rule, item, value);
        }
    }
    return true;
}

static bool windash_apply(struct rule *rule, struct sigma_item *item, struct sigma_value *value,
                          const struct modifier_desc *row)
{
    (void)row;
    value->pattern = pattern_windash(rule->arena, value->pattern);
    return value->pattern.tokens || no_room(rule, item, value);
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
        return no_room(rule, item, value);
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
#define OF_NUMBER     .takes = BIT(NUMBER), .wants = "a number without quotes", .needs_field = true
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
    {"dotall", FLAG_OF_REGEX(is_dotall)},
    {"endswith", PART(PART_ENDS)},
    {"exists", .takes = BIT(BOOL), .wants = "true or false", .is_first = true, .needs_field = true,
     .on_value = exists_apply},
    {"expand", .takes = BIT(TEXT) | TAKES_REGEX, .wants = "a text", .on_item = sigma_item_expand},
    {"fieldref", AS_WRITTEN, .needs_field = true, .on_value = fieldref_apply},
    {"gt", ORDER(RULE_GREATER)},
    {"gte", ORDER(RULE_GREATER_EQUAL)},
    {"i", FLAG_OF_REGEX(is_caseless)},
    {"ignorecase", FLAG_OF_REGEX(is_caseless)},
    {"lt", ORDER(RULE_LESS)},
    {"lte", ORDER(RULE_LESS_EQUAL)},
    {"m", FLAG_OF_REGEX(is_multiline)},
    {"multiline", FLAG_OF_REGEX(is_multiline)},
    {"neq", FLAG(is_negated)},
    {"re", AS_WRITTEN, .on_value = regex_apply},
    {"s", FLAG_OF_REGEX(is_dotall)},
    {"startswith", PART(PART_STARTS)},
    {"utf16", UTF16(UTF16_MARKED)},
    {"utf16be", UTF16(UTF16_BIG)},
    {"utf16le", UTF16(UTF16_LITTLE)},
    {"wide", UTF16(UTF16_LITTLE)},
    {"windash", OF_TEXT, .on_value = windash_apply},
};

#define ROW_COUNT (sizeof rows / sizeof rows[0])

const struct modifier_desc *modifier_row(size_t index)
{
    return index < ROW_COUNT ? &rows[index] : NULL;
}

const struct modifier_desc *modifier_find(span name)
{
    for (size_t index = 0; index < ROW_COUNT; index++)
        if (span_eq(name, span_str(rows[index].name)))
            return &rows[index];
    return NULL;
}

const char *modifier_hint(span name)
{
    const char *names[ROW_COUNT];
    for (size_t index = 0; index < ROW_COUNT; index++)
        names[index] = rows[index].name;
    return sigma_hint(names, ROW_COUNT, name);
}
