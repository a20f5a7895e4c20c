/* Comparisons against the types of their sides. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "falco/condition.h"
#include "value/value.h"

#define NUMBER_BYTES_MAX 128

static const char *type_name(enum field_type type)
{
    switch (type) {
    case FIELD_TEXT:
        return "text";
    case FIELD_PATH:
        return "a path";
    case FIELD_INT:
        return "a number";
    case FIELD_BOOL:
        return "true or false";
    case FIELD_ADDRESS:
        return "an IP address";
    case FIELD_NET:
        return "an IP network";
    case FIELD_BYTES:
        return "bytes";
    case FIELD_TIME:
        return "a time in ns";
    case FIELD_DURATION:
        return "a duration in ns";
    case FIELD_ANY:
        return "any value";
    }
    return "a value";
}

static enum rule_type rule_type_of(enum field_type type, enum rule_operator op)
{
    switch (type) {
    case FIELD_INT:
    case FIELD_TIME:
    case FIELD_DURATION:
        return RULE_TYPE_NUMBER;
    case FIELD_BOOL:
        return RULE_TYPE_BOOL;
    case FIELD_ADDRESS:
    case FIELD_NET:
        return RULE_TYPE_ADDRESS;
    case FIELD_ANY:
        return op <= RULE_GREATER_EQUAL ? RULE_TYPE_VALUE : RULE_TYPE_TEXT;
    case FIELD_TEXT:
    case FIELD_PATH:
    case FIELD_BYTES:
        break;
    }
    return RULE_TYPE_TEXT;
}

/* ---- literals ---- */

static bool number_parse(span text, struct value *ret)
{
    char copy[NUMBER_BYTES_MAX];
    char *end;
    if (text.len == 0 || text.len >= sizeof copy || !strchr("+-0123456789", text.data[0]))
        return false;
    memcpy(copy, text.data, text.len);
    copy[text.len] = 0;
    bool is_hex = copy[0] == '0' && (copy[1] == 'x' || copy[1] == 'X');
    int base = is_hex ? 16 : 10;
    errno = 0;
    long long integer = strtoll(copy, &end, base);
    *ret = (struct value){.kind = VALUE_INT, .integer = integer};
    if (!*end && errno == 0)
        return true;
    errno = 0;
    unsigned long long large = strtoull(copy, &end, base);
    *ret = (struct value){.kind = VALUE_UINT, .uinteger = large};
    if (!*end && errno == 0 && copy[0] != '-')
        return true;
    errno = 0;
    double real = strtod(copy, &end);
    *ret = (struct value){.kind = VALUE_REAL, .real = real};
    return !*end && errno == 0 && isfinite(real);
}

static bool bool_parse(span text, struct value *ret)
{
    *ret = (struct value){.kind = VALUE_BOOL, .truth = span_eq(text, SPAN("true"))};
    return ret->truth || span_eq(text, SPAN("false"));
}

/* With /bits where a network may stand. */
static bool address_parse(span text, bool may_be_network, struct rule_literal *ret)
{
    *ret = (struct rule_literal){.value.kind = VALUE_ADDRESS};
    return convert_network(text, may_be_network, &ret->value.address, &ret->prefix_bits);
}

static int hex_digit(uint8_t byte)
{
    if (byte >= '0' && byte <= '9')
        return byte - '0';
    byte |= 0x20;
    return byte >= 'a' && byte <= 'f' ? byte - 'a' + 10 : -1;
}

static bool hex_parse(struct parser *parser, span text, struct value *ret)
{
    uint8_t *bytes = arena_alloc(&parser->compile->collection->arena, text.len / 2 + 1);
    if (!bytes || text.len % 2 || text.len == 0)
        return false;
    for (size_t index = 0; index < text.len; index += 2) {
        int high = hex_digit(text.data[index]);
        int low = hex_digit(text.data[index + 1]);
        if (high < 0 || low < 0)
            return false;
        bytes[index / 2] = (uint8_t)(high << 4 | low);
    }
    *ret = (struct value){.kind = VALUE_TEXT, .text = span_of(bytes, text.len / 2)};
    return true;
}

/* A value that reads like a field was probably meant as one. */
static void field_warn(struct parser *parser, span text, size_t offset)
{
    struct field_ref ref;
    const char *hint;
    struct collection *collection = parser->compile->collection;
    if (parser->compile->is_quiet || collection->schema->open || text.len > 256 ||
        !memchr(text.data, '.', text.len) ||
        schema_resolve(collection->schema, text, &ref, &hint) != FIELD_FOUND)
        return;
    struct position at = text_position(parser->text, offset);
    diagnostics_warning(collection->diagnostics, &at,
                        "'" PRI_SPAN "' is compared as text; for the field write val(" PRI_SPAN ")",
                        ARG_SPAN(text), ARG_SPAN(text));
}

static bool literal_parse(struct parser *parser, const struct operand *left,
                          const struct operator_desc *operator_, span text, size_t offset,
                          struct rule_literal *ret)
{
    *ret = (struct rule_literal){0};
    bool is_parsed = true;
    const char *expected = type_name(left->type);
    if (operator_->is_hex) {
        expected = "bytes as pairs of hex digits";
        is_parsed = hex_parse(parser, text, &ret->value);
    } else if (left->type == FIELD_ADDRESS || left->type == FIELD_NET) {
        is_parsed = address_parse(text, left->type == FIELD_NET, ret);
    } else if (left->type == FIELD_BOOL) {
        is_parsed = bool_parse(text, &ret->value);
    } else if (rule_type_of(left->type, operator_->op) == RULE_TYPE_NUMBER) {
        is_parsed = number_parse(text, &ret->value);
    } else if (rule_type_of(left->type, operator_->op) == RULE_TYPE_TEXT ||
               !number_parse(text, &ret->value)) {
        ret->value = (struct value){.kind = VALUE_TEXT, .text = text};
        field_warn(parser, text, offset);
    }
    if (!is_parsed)
        complain(parser, offset, NULL, "expected %s, found '" PRI_SPAN "'", expected,
                 ARG_SPAN(text));
    return is_parsed;
}

/* An event type must be one of the language's or one that is recorded here; one that is not
 * recorded here is only warned of. */
static bool event_type_check(struct parser *parser, span name, size_t offset)
{
    const struct schema *schema = parser->compile->collection->schema;
    struct position at = text_position(parser->text, offset);
    struct field_ref ref;
    const char *hint;
    char recorded[64];
    snprintf(recorded, sizeof recorded, "evt.type.is[%.*s]", (int)name.len, name.data);
    enum field_lookup found = schema_resolve(schema, span_str(recorded), &ref, &hint);
    bool is_recorded = schema->argument_check && found == FIELD_FOUND;
    if (!is_recorded && !event_name_known(name)) {
        parser->compile->met_unknown = true;
        if (parser->compile->tolerates_unknown)
            parser->has_error = true;
        else
            complain(parser, offset, hint_event(name), "unknown event type '" PRI_SPAN "'",
                     ARG_SPAN(name));
        return false;
    }
    if (!parser->compile->is_quiet && found == FIELD_BAD_ARGUMENT)
        diagnostics_warning(parser->compile->collection->diagnostics, &at,
                            "events of type '" PRI_SPAN "' are not recorded here", ARG_SPAN(name));
    return true;
}

static bool event_types_check(struct parser *parser, const struct operand *left,
                              const struct operator_desc *operator_,
                              const struct falco_value *values, const size_t *offsets, size_t count)
{
    bool is_good = true;
    bool is_whole = operator_->op == RULE_EQUAL && left->is_event_type;
    for (size_t index = 0; is_whole && index < count; index++)
        is_good &= event_type_check(parser, values[index].text, offsets[index]);
    return is_good;
}

/* ---- comparisons ---- */

static bool operator_fits(struct parser *parser, const struct operand *left,
                          const struct operator_desc *operator_)
{
    if (operator_->types >> left->type & 1)
        return true;
    complain(parser, left->offset, NULL, "operator '%s' does not work on %s", operator_->name,
             type_name(left->type));
    return false;
}

static struct rule_compare compare_of(const struct operand *left,
                                      const struct operator_desc *operator_,
                                      enum rule_quantifier quantifier)
{
    bool is_in = operator_->kind == OPERATOR_LIST && strcmp(operator_->name, "in") == 0;
    return (struct rule_compare){
        .op = operator_->op,
        .case_mode = operator_->case_mode,
        .type = rule_type_of(left->type, operator_->op),
        .items = is_in && left->is_list && !left->is_list_of_any ? RULE_ALL : RULE_ANY,
        .literals = quantifier,
        .is_negated = operator_->is_negated,
    };
}

/* Values that do not fit their operator (a wrong regex) are reported one by one. */
static uint32_t literals_build(struct parser *parser, const struct operand *left,
                               const struct operator_desc *operator_,
                               enum rule_quantifier quantifier, const struct rule_literal *literals,
                               const size_t *offsets, size_t count)
{
    struct err_ctx err = {0};
    struct rule_compare compare = compare_of(left, operator_, quantifier);
    struct rule_builder *builder = parser->compile->builder;
    if (count == 0 && quantifier == RULE_ALL) /* as Falco: no value, no match */
        return rule_build_constant(builder, false);
    uint32_t node =
        rule_build_predicate(builder, &compare, left->expression, literals, count, &err);
    for (size_t index = 0; node == RULE_NONE && index < count; index++)
        if (rule_build_predicate(builder, &compare, left->expression, &literals[index], 1, &err) ==
            RULE_NONE)
            complain(parser, offsets[index], NULL, "%s", err.text);
    if (node == RULE_NONE && !parser->has_error)
        complain(parser, left->offset, NULL, "%s", err.text);
    return node;
}

uint32_t check_literals(struct parser *parser, const struct operand *left,
                        const struct operator_desc *operator_, enum rule_quantifier quantifier,
                        const struct falco_value *values, const size_t *offsets, size_t count)
{
    if (left->is_unknown || !operator_fits(parser, left, operator_) ||
        !event_types_check(parser, left, operator_, values, offsets, count))
        return RULE_NONE;
    struct rule_literal *literals = calloc(count + 1, sizeof *literals);
    bool is_good = literals;
    for (size_t index = 0; literals && index < count; index++)
        is_good &= literal_parse(parser, left, operator_, values[index].text, offsets[index],
                                 &literals[index]);
    uint32_t node = RULE_NONE;
    if (is_good)
        node = literals_build(parser, left, operator_, quantifier, literals, offsets, count);
    free(literals);
    return node;
}

uint32_t check_relation(struct parser *parser, const struct operand *left,
                        const struct operator_desc *operator_, const struct operand *right)
{
    if (left->is_unknown || right->is_unknown || !operator_fits(parser, left, operator_))
        return RULE_NONE;
    enum rule_type type = rule_type_of(left->type, operator_->op);
    if (operator_->op >= RULE_GLOB || operator_->is_hex || left->type == FIELD_NET) {
        complain(parser, right->offset, NULL,
                 "operator '%s' does not take a field on its right here", operator_->name);
        return RULE_NONE;
    }
    if (type != rule_type_of(right->type, operator_->op)) {
        complain(parser, right->offset, NULL, "expected %s as on the left, found %s",
                 type_name(left->type), type_name(right->type));
        return RULE_NONE;
    }
    struct rule_compare compare = compare_of(left, operator_, RULE_ANY);
    return rule_build_relation(parser->compile->builder, &compare, left->expression,
                               right->expression);
}

uint32_t check_exists(struct parser *parser, const struct operand *left)
{
    struct err_ctx err = {0};
    struct rule_compare compare = {.op = RULE_EXISTS};
    if (left->is_unknown)
        return RULE_NONE;
    return rule_build_predicate(parser->compile->builder, &compare, left->expression, NULL, 0,
                                &err);
}
