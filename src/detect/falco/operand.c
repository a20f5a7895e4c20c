/* Fields and functions of fields. */
#include "falco/condition.h"

#define ARGUMENTS_MAX 32

struct function_desc {
    const char *name; /* with its bracket */
    enum rule_function function;
    size_t arguments_min, arguments_max;
};

static const struct function_desc functions[] = {
    {"tolower(", RULE_LOWER, 1, 1},
    {"toupper(", RULE_UPPER, 1, 1},
    {"b64(", RULE_BASE64, 1, 1},
    {"basename(", RULE_BASENAME, 1, 1},
    {"len(", RULE_LENGTH, 1, 1},
    {"join(", RULE_JOIN, 2, 2},
    {"concat(", RULE_CONCAT, 2, ARGUMENTS_MAX},
    {"getopt(", RULE_GETOPT, 2, 2},
};

static bool is_text(enum field_type type)
{
    return type == FIELD_TEXT || type == FIELD_PATH || type == FIELD_ANY;
}

/* ---- fields ---- */

static void unknown_field(struct parser *parser, span name, size_t offset, enum field_lookup lookup,
                          const char *hint)
{
    struct compile *compile = parser->compile;
    compile->met_unknown = true;
    if (compile->warns_unknown) {
        struct position at = text_position(parser->text, offset);
        diagnostics_warning_hint(compile->collection->diagnostics, &at, hint,
                                 "unknown field '" PRI_SPAN "'", ARG_SPAN(name));
    }
    if (compile->tolerates_unknown || compile->warns_unknown) {
        parser->has_error = true;
        return;
    }
    if (lookup == FIELD_NEEDS_ARGUMENT)
        complain(parser, offset, NULL, "field '" PRI_SPAN "' needs an argument in brackets",
                 ARG_SPAN(name));
    else if (lookup == FIELD_BAD_ARGUMENT)
        complain(parser, offset, hint, "field '" PRI_SPAN "': this argument means nothing here",
                 ARG_SPAN(name));
    else
        complain(parser, offset, hint, "unknown field '" PRI_SPAN "'", ARG_SPAN(name));
}

struct operand field_operand(struct parser *parser, span name, size_t offset)
{
    struct operand operand = {.expression = RULE_NONE, .offset = offset, .is_unknown = true};
    struct field_ref ref;
    const char *hint;
    enum field_lookup lookup =
        schema_resolve(parser->compile->collection->schema, name, &ref, &hint);
    if (lookup != FIELD_FOUND) {
        unknown_field(parser, name, offset, lookup, hint);
        return operand;
    }
    operand.is_unknown = false;
    operand.expression = rule_build_field(parser->compile->builder, &ref);
    operand.type = ref.field->type;
    operand.is_event_type = span_eq(span_str(ref.field->name), SPAN("evt.type"));
    operand.is_list = ref.field->is_list && !ref.argument.data;
    operand.is_list_of_any = operand.is_list && ref.field->argument == ARGUMENT_INDEX_OPTIONAL;
    return operand;
}

/* Behind '[': up to and past ']'. */
static bool take_argument(struct parser *parser, span *ret)
{
    size_t offset = parser_offset(parser);
    if (take_quoted(parser, ret)) {
        if (!take_text(parser, "]"))
            abort_at(parser, parser_offset(parser), "expected ']'");
        return !parser->is_aborted;
    }
    size_t length = 0;
    while (length < parser->rest.len && !strchr("][\"' \t\r\n", parser->rest.data[length]))
        length++;
    if (length == 0 || !span_take(&parser->rest, length, ret)) {
        abort_at(parser, offset, "expected an argument between the brackets");
        return false;
    }
    if (!take_text(parser, "]"))
        abort_at(parser, parser_offset(parser), "expected ']'");
    return !parser->is_aborted;
}

static bool field_parse(struct parser *parser, struct operand *ret)
{
    size_t offset = parser_offset(parser);
    span name;
    span argument;
    if (!take_field_name(parser, &name))
        return false;
    if (take_text(parser, "[")) {
        struct writer spelt;
        if (!take_argument(parser, &argument))
            return false;
        writer_init(&spelt, CONDITION_TEXT_MAX);
        writer_put(&spelt, name);
        writer_byte(&spelt, '[');
        writer_put(&spelt, argument);
        writer_byte(&spelt, ']');
        name = arena_dup(&parser->compile->collection->arena, writer_span(&spelt));
        writer_free(&spelt);
    }
    *ret = field_operand(parser, name, offset);
    return true;
}

/* ---- functions ---- */

struct arguments {
    struct operand items[ARGUMENTS_MAX];
    size_t count;
    size_t given;  /* as written: a list in brackets is one */
    bool has_list; /* in brackets, behind the first */
    bool has_list_first;
};

static bool argument_add(struct parser *parser, struct arguments *arguments,
                         const struct operand *operand)
{
    if (arguments->count == ARGUMENTS_MAX) {
        abort_at(parser, operand->offset, "a function has too many arguments");
        return false;
    }
    arguments->items[arguments->count++] = *operand;
    return true;
}

/* A field, a function, a quoted text, a number, or a list of those in brackets. */
static bool argument_parse(struct parser *parser, struct arguments *arguments, bool may_be_list)
{
    struct operand operand = {.type = FIELD_TEXT, .offset = parser_offset(parser)};
    span text;
    skip_blanks(parser);
    arguments->given += may_be_list;
    if (may_be_list && take_text(parser, "(")) {
        arguments->has_list_first |= arguments->given == 1;
        arguments->has_list |= arguments->given > 1;
        skip_blanks(parser);
        if (take_text(parser, ")"))
            return true;
        do {
            if (!argument_parse(parser, arguments, false))
                return false;
            skip_blanks(parser);
        } while (take_text(parser, ","));
        if (take_text(parser, ")"))
            return true;
        abort_at(parser, parser_offset(parser), "expected ')' behind the list");
        return false;
    }
    if (take_number(parser, &text) || take_quoted(parser, &text)) {
        operand.expression = rule_build_text(parser->compile->builder, text);
        return argument_add(parser, arguments, &operand);
    }
    if (!parser->is_aborted && operand_parse(parser, &operand))
        return argument_add(parser, arguments, &operand);
    abort_at(parser, parser_offset(parser),
             "expected a field, a function, a quoted text or a number");
    return false;
}

/* join(separator, list), concat(text, text, ...): lists in brackets have been put in one by one. */
static bool lists_fit(const struct function_desc *function, const struct arguments *arguments)
{
    if (function->function != RULE_JOIN)
        return !arguments->has_list && !arguments->has_list_first;
    return !arguments->has_list_first &&
           (arguments->has_list || (arguments->count == 2 && (arguments->items[1].is_list ||
                                                              arguments->items[1].is_unknown)));
}

static bool arguments_fit(struct parser *parser, const struct function_desc *function,
                          const struct arguments *arguments, size_t offset)
{
    int name_length = (int)strlen(function->name) - 1;
    if (arguments->given < function->arguments_min || arguments->given > function->arguments_max) {
        complain(
            parser, offset, NULL, "%.*s(): expected %s%zu argument%s, found %zu", name_length,
            function->name, function->arguments_min == function->arguments_max ? "" : "at least ",
            function->arguments_min, function->arguments_min == 1 ? "" : "s", arguments->given);
        return false;
    }
    if (!lists_fit(function, arguments)) {
        complain(parser, offset, NULL, "%.*s(): expected %s", name_length, function->name,
                 function->function == RULE_JOIN ? "a separator and a list"
                                                 : "no list in brackets");
        return false;
    }
    for (size_t index = 0; index < arguments->count; index++) {
        const struct operand *argument = &arguments->items[index];
        bool is_fit = is_text(argument->type);
        if (function->function == RULE_LENGTH || function->function == RULE_BASE64)
            is_fit |= argument->type == FIELD_BYTES;
        if (function->function == RULE_LENGTH)
            is_fit |= argument->is_list;
        if (function->function == RULE_GETOPT && index == 0)
            is_fit &= argument->is_list;
        if (is_fit || argument->is_unknown)
            continue;
        complain(parser, argument->offset, NULL, "%.*s(): this argument has the wrong type",
                 name_length, function->name);
        return false;
    }
    return true;
}

static bool call_parse(struct parser *parser, const struct function_desc *function, size_t offset,
                       struct operand *ret)
{
    struct arguments arguments = {.count = 0};
    struct rule_builder *builder = parser->compile->builder;
    *ret = (struct operand){.offset = offset, .expression = RULE_NONE, .is_unknown = true};
    do {
        if (!argument_parse(parser, &arguments, true))
            return false;
        skip_blanks(parser);
    } while (take_text(parser, ","));
    if (!take_text(parser, ")")) {
        abort_at(parser, parser_offset(parser), "expected ')' behind the arguments");
        return false;
    }
    if (!arguments_fit(parser, function, &arguments, offset))
        return true;
    const struct operand *first = &arguments.items[0];
    bool is_length = function->function == RULE_LENGTH;
    ret->type = is_length ? FIELD_INT : function->arguments_max == 1 ? first->type : FIELD_TEXT;
    ret->is_list = function->arguments_max == 1 && !is_length && first->is_list;
    ret->is_list_of_any = ret->is_list && first->is_list_of_any;
    span letter;
    size_t bracket = parser_offset(parser);
    if (function->function == RULE_GETOPT) {
        ret->is_list = !take_text(parser, "[");
        if (!ret->is_list) {
            if (!take_argument(parser, &letter))
                return false;
            if (letter.len != 1)
                complain(parser, bracket, NULL, "getopt(): expected one option letter in brackets");
            struct operand selector = {.expression = rule_build_text(builder, letter)};
            if (!argument_add(parser, &arguments, &selector))
                return false;
        }
    }
    uint32_t ids[ARGUMENTS_MAX];
    bool is_unknown = false;
    for (size_t index = 0; index < arguments.count; index++) {
        ids[index] = arguments.items[index].expression;
        is_unknown |= ids[index] == RULE_NONE;
    }
    ret->is_unknown = is_unknown;
    if (!is_unknown)
        ret->expression = rule_build_call(builder, function->function, ids, arguments.count);
    return true;
}

bool operand_parse(struct parser *parser, struct operand *ret)
{
    size_t offset = parser_offset(parser);
    if (field_parse(parser, ret))
        return true;
    if (parser->is_aborted)
        return false;
    for (size_t index = 0; index < sizeof functions / sizeof functions[0]; index++) {
        if (!take_text(parser, functions[index].name))
            continue;
        if (parser->depth >= CONDITION_DEPTH_MAX) {
            stop_at(parser, offset, "nested too deeply");
            return false;
        }
        parser->depth++;
        bool is_parsed = call_parse(parser, &functions[index], offset, ret);
        parser->depth--;
        return is_parsed;
    }
    return false;
}

bool right_parse(struct parser *parser, struct operand *ret)
{
    size_t offset = parser_offset(parser);
    if (!take_text(parser, "val(")) {
        for (size_t index = 0; index < sizeof functions / sizeof functions[0]; index++)
            if (span_starts(parser->rest, span_str(functions[index].name)))
                return operand_parse(parser, ret);
        return false;
    }
    skip_blanks(parser);
    if (!field_parse(parser, ret)) {
        abort_at(parser, parser_offset(parser), "expected a field in val()");
        return false;
    }
    skip_blanks(parser);
    ret->offset = offset;
    if (!take_text(parser, ")"))
        abort_at(parser, parser_offset(parser), "expected ')' behind the field");
    return !parser->is_aborted;
}
