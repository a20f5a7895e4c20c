/* Conditions: text to nodes in one pass.
 *
 *   expression = and ("or" and)*          and = not ("and" not)*
 *   not        = "not"* check             check = "(" expression ")" | comparison | macro
 *
 * Words are matched as Falco matches them: `and`, `or` want a blank or a bracket behind them. */
#include "falco/condition.h"

#include <stdlib.h>

#include "core/cleanup.h"
#include "core/vector.h"

#define NODES_MAX  100000u
#define VALUES_MAX 1000000u

static uint32_t parse_or(struct parser *parser);

struct node_list {
    uint32_t *ids;
    size_t count, size;
};

static void node_list_free(struct node_list *list)
{
    free(list->ids);
}

static void node_list_add(struct parser *parser, struct node_list *list, uint32_t node)
{
    if (!vector_grow(&list->ids, &list->size, list->count, NODES_MAX, sizeof *list->ids)) {
        stop_at(parser, parser_offset(parser), "the condition has too many parts");
        return;
    }
    list->ids[list->count++] = node;
}

/* Wrong parts were reported; the rest is still read to report what else is wrong. */
static uint32_t group(struct parser *parser, const struct node_list *list, bool is_and)
{
    struct rule_builder *builder = parser->compile->builder;
    for (size_t index = 0; index < list->count; index++)
        if (list->ids[index] == RULE_NONE)
            return RULE_NONE;
    return is_and ? rule_build_all(builder, list->ids, list->count)
                  : rule_build_any(builder, list->ids, list->count);
}

/* ---- values ---- */

struct value_list {
    struct falco_value *values;
    size_t *offsets;
    size_t count, size, offsets_size;
};

static void value_list_free(struct value_list *list)
{
    free(list->values);
    free(list->offsets);
}

static void value_add(struct parser *parser, struct value_list *list, span text, size_t offset)
{
    if (!vector_grow(&list->values, &list->size, list->count, VALUES_MAX, sizeof *list->values) ||
        !vector_grow(&list->offsets, &list->offsets_size, list->count, VALUES_MAX,
                     sizeof *list->offsets)) {
        stop_at(parser, offset, "too many values");
        return;
    }
    list->values[list->count] = (struct falco_value){.text = text};
    list->offsets[list->count++] = offset;
}

/* A list's item is text of the condition once it is put in: quotes are the language's. */
static void item_add(struct parser *parser, struct value_list *list, const struct falco_list *named,
                     const struct falco_value *item, size_t offset)
{
    span text = item->text;
    span rest = text;
    span wrong;
    enum quoted quoted = unquote(&parser->compile->collection->arena, &rest, &text, &wrong);
    if (quoted == QUOTED_NONE || (quoted != QUOTED_WRONG && rest.len))
        text = item->text;
    else if (quoted != QUOTED_GOOD)
        complain(parser, offset, NULL, "list '" PRI_SPAN "': item '" PRI_SPAN "': %s",
                 ARG_SPAN(named->name), ARG_SPAN(item->text),
                 quoted == QUOTED_WRONG ? UNKNOWN_ESCAPE : "the quote is not closed");
    value_add(parser, list, text, offset);
}

static bool list_put(struct parser *parser, struct value_list *list, span name, size_t offset)
{
    struct falco_list *named = list_find(parser->compile->collection, name);
    if (!named)
        return false;
    named->is_used = true;
    for (size_t index = 0; index < named->count && !parser->is_aborted; index++)
        item_add(parser, list, named, &named->items[index], offset);
    return true;
}

static bool value_parse(struct parser *parser, struct value_list *list)
{
    size_t offset = parser_offset(parser);
    span text;
    if (take_quoted(parser, &text)) {
        value_add(parser, list, text, offset);
        return true;
    }
    if (parser->is_aborted || !take_bare(parser, &text))
        return false;
    if (!list_put(parser, list, text, offset))
        value_add(parser, list, text, offset);
    return true;
}

/* Reports, and goes on behind the list where its end can be found. */
static void list_abort(struct parser *parser, const char *text)
{
    complain(parser, parser_offset(parser), NULL, "%s", text);
    for (size_t index = 0; index < parser->rest.len; index++) {
        if (strchr("(\"'=<>", parser->rest.data[index]))
            break; /* more than the rest of a list */
        if (parser->rest.data[index] != ')')
            continue;
        parser->rest = span_after(parser->rest, index + 1);
        return;
    }
    parser->is_aborted = true;
}

/* For authors: a value that the brackets hold already. Those of a named list have no place here. */
static void repeats_check(struct parser *parser, struct value_list *list)
{
    const size_t *offsets = list->offsets;
    if (!parser->compile->collection->diagnostics->is_strict || parser->compile->is_quiet)
        return;
    for (size_t index = 0; index < list->count; index++) {
        bool is_named = (index > 0 && offsets[index - 1] == offsets[index]) ||
                        (index + 1 < list->count && offsets[index + 1] == offsets[index]);
        if (!is_named)
            list->values[index].at = text_position(parser->text, offsets[index]);
    }
    list_repeats_warn(parser->compile->collection, list->values, list->count);
}

/* (a, b, list) or a list's name. */
static void list_parse(struct parser *parser, struct value_list *list)
{
    size_t offset = parser_offset(parser);
    span name;
    if (!take_text(parser, "(")) {
        if (!take_bare(parser, &name))
            abort_at(parser, offset, "expected a list in brackets or the name of a list");
        else if (!list_put(parser, list, name, offset))
            complain(parser, offset, hint_list(parser->compile->collection, name),
                     "unknown list '" PRI_SPAN "'", ARG_SPAN(name));
        return;
    }
    skip_blanks(parser);
    if (take_text(parser, ")"))
        return;
    do {
        skip_blanks(parser);
        if (!value_parse(parser, list)) {
            if (!parser->is_aborted)
                list_abort(parser, "expected a value");
            return;
        }
        skip_blanks(parser);
    } while (take_text(parser, ","));
    if (!take_text(parser, ")"))
        list_abort(parser, "expected ',' or ')' in the list");
    else
        repeats_check(parser, list);
}

/* ---- comparisons ---- */

static bool has_word(const struct parser *parser, const char *word)
{
    span wanted = span_str(word);
    if (!span_starts(parser->rest, wanted))
        return false;
    span behind = span_after(parser->rest, wanted.len);
    return behind.len == 0 || strchr(" \t\r\n(", behind.data[0]);
}

/* oneof, anyof, allof with a list behind it; else nothing is taken. */
static bool quantifier_parse(struct parser *parser, enum rule_quantifier *ret)
{
    static const struct {
        const char *word;
        enum rule_quantifier quantifier;
    } words[] = {
        {"oneof", RULE_ONE},
        {"anyof", RULE_ANY},
        {"allof", RULE_ALL},
    };
    span before = parser->rest;
    for (size_t index = 0; index < sizeof words / sizeof words[0]; index++) {
        if (!take_text(parser, words[index].word))
            continue;
        bool has_blank = skip_blanks(parser);
        span name;
        span list = parser->rest;
        bool is_list = has_blank && span_starts(list, SPAN("("));
        if (has_blank && !is_list && !has_word(parser, "and") && !has_word(parser, "or") &&
            !has_word(parser, "not") && take_identifier(parser, &name))
            is_list = true;
        parser->rest = list;
        *ret = words[index].quantifier;
        if (is_list)
            return true;
        parser->rest = before;
        return false;
    }
    return false;
}

static void number_value(struct parser *parser, struct value_list *list)
{
    size_t offset = parser_offset(parser);
    span text;
    if (take_number(parser, &text))
        value_add(parser, list, text, offset);
    else
        abort_at(parser, offset, "expected a number");
}

/* The right side of an operator that is no field. */
static bool values_parse(struct parser *parser, const struct operator_desc *operator_,
                         struct value_list *list, enum rule_quantifier *ret_quantifier)
{
    size_t offset = parser_offset(parser);
    *ret_quantifier = RULE_ANY;
    if (operator_->kind == OPERATOR_NUMBER) {
        number_value(parser, list);
    } else if (operator_->kind == OPERATOR_LIST || quantifier_parse(parser, ret_quantifier)) {
        list_parse(parser, list);
    } else if (!value_parse(parser, list)) {
        abort_at(parser, offset, "expected a value");
    } else if (list->count != 1) {
        complain(parser, offset, NULL, "operator '%s' takes one value, this list has %zu",
                 operator_->name, list->count);
        return false;
    }
    return !parser->is_aborted;
}

static uint32_t comparison_values(struct parser *parser, const struct operand *left,
                                  const struct operator_desc *operator_)
{
    AUTO(value_list_free) struct value_list list = {0};
    enum rule_quantifier quantifier;
    if (!values_parse(parser, operator_, &list, &quantifier))
        return RULE_NONE;
    return check_literals(parser, left, operator_, quantifier, list.values, list.offsets,
                          list.count);
}

/* ---- evt.dir ---- */

/* Is "<" what the operator and the values ask for? *ret is only written when they can be. */
static bool direction_answer(const struct operator_desc *operator_, const struct value_list *list,
                             bool *ret)
{
    bool is_named = false;
    if (operator_->op != RULE_EQUAL)
        return false;
    for (size_t index = 0; index < list->count; index++)
        is_named |= span_eq(list->values[index].text, SPAN("<"));
    *ret = is_named != operator_->is_negated;
    return true;
}

/* Only events at their end are recorded, so `evt.dir` says nothing; files still ask for it. */
static uint32_t direction_node(struct parser *parser, size_t offset)
{
    AUTO(value_list_free) struct value_list list = {0};
    struct compile *compile = parser->compile;
    struct position at = text_position(parser->text, offset);
    const struct operator_desc *operator_ = take_operator(parser);
    enum rule_quantifier quantifier;
    bool truth = true;
    bool is_exists = operator_ && operator_->kind == OPERATOR_UNARY;
    skip_blanks(parser);
    if (operator_ && !is_exists && !values_parse(parser, operator_, &list, &quantifier))
        return RULE_NONE;
    if (!operator_ || (!is_exists && !direction_answer(operator_, &list, &truth))) {
        abort_at(parser, offset, "evt.dir is always '<': expected =, !=, in or exists");
        return RULE_NONE;
    }
    if (!compile->is_quiet)
        diagnostics_warning(compile->collection->diagnostics, &at,
                            "evt.dir is out of use: every event is one at its end ('<')");
    return rule_build_constant(compile->builder, truth);
}

static bool direction_parse(struct parser *parser, uint32_t *ret)
{
    span before = parser->rest;
    size_t offset = parser_offset(parser);
    struct field_ref ref;
    const char *hint;
    span name;
    bool is_direction =
        take_field_name(parser, &name) && span_eq(name, SPAN("evt.dir")) &&
        schema_resolve(parser->compile->collection->schema, name, &ref, &hint) != FIELD_FOUND;
    if (is_direction) {
        skip_blanks(parser);
        *ret = direction_node(parser, offset);
    } else {
        parser->rest = before;
    }
    return is_direction;
}

static uint32_t marked(struct parser *parser, const struct operand *left, uint32_t node)
{
    struct diagnostics *diagnostics = parser->compile->collection->diagnostics;
    if (node != RULE_NONE && diagnostics->is_strict) {
        struct position at = text_position(parser->text, left->offset);
        diagnostics_mark(diagnostics, node, &at);
    }
    return node;
}

static uint32_t parse_comparison(struct parser *parser, const struct operand *left)
{
    skip_blanks(parser);
    size_t offset = parser_offset(parser);
    const struct operator_desc *operator_ = take_operator(parser);
    if (!operator_) {
        span word;
        span before = parser->rest;
        bool has_word = take_identifier(parser, &word);
        parser->rest = before;
        parser->is_aborted = true;
        complain(parser, offset, has_word ? hint_operator(word) : NULL, "%s",
                 "expected an operator: exists, =, !=, <, <=, >, >=, in, intersects, pmatch, "
                 "contains, icontains, bcontains, startswith, bstartswith, endswith, glob, iglob "
                 "or regex");
        return RULE_NONE;
    }
    if (operator_->kind == OPERATOR_UNARY)
        return marked(parser, left, check_exists(parser, left));
    skip_blanks(parser);
    struct operand right;
    if (right_parse(parser, &right))
        return marked(parser, left, check_relation(parser, left, operator_, &right));
    if (parser->is_aborted)
        return RULE_NONE;
    return marked(parser, left, comparison_values(parser, left, operator_));
}

/* ---- macros ---- */

static uint32_t macro_compile(struct parser *parser, struct falco_macro *macro, size_t offset)
{
    struct compile *compile = parser->compile;
    if (compile->macro_depth >= CONDITION_DEPTH_MAX) {
        complain(parser, offset, NULL, "macros are nested too deeply");
        return RULE_NONE;
    }
    bool was_quiet = compile->is_quiet;
    compile->is_quiet |= macro->is_built;
    compile->macro_depth++;
    macro->state = ITEM_OPEN;
    macro->node = condition_compile(compile, &macro->condition, macro->visibility);
    /* what one rule tolerates must be reported to the next */
    bool is_left_open = macro->node == RULE_NONE && compile->tolerates_unknown;
    macro->state = is_left_open ? ITEM_NEW : ITEM_DONE;
    compile->macro_depth--;
    compile->is_quiet = was_quiet;
    return macro->node;
}

static uint32_t macro_use(struct parser *parser, span name, size_t offset)
{
    struct collection *collection = parser->compile->collection;
    uint32_t index;
    if (!map_get(&collection->macro_names, name, &index)) {
        complain(parser, offset, hint_macro(collection, name), "unknown macro '" PRI_SPAN "'",
                 ARG_SPAN(name));
        return RULE_NONE;
    }
    struct falco_macro *macro = &collection->macros[index];
    macro->is_used = true;
    if (macro->state == ITEM_OPEN) {
        complain(parser, offset, NULL, "macro '" PRI_SPAN "' uses itself", ARG_SPAN(name));
        return RULE_NONE;
    }
    if (macro->first_index >= parser->visibility) {
        complain(parser, offset, NULL, "macro '" PRI_SPAN "' is defined behind its use",
                 ARG_SPAN(name));
        return RULE_NONE;
    }
    uint32_t node = macro->node;
    if (macro->state == ITEM_NEW)
        node = macro_compile(parser, macro, offset);
    if (node == RULE_NONE)
        parser->has_error = true; /* reported where the macro is */
    return node;
}

/* ---- logic ---- */

static bool deeper(struct parser *parser)
{
    if (parser->depth >= CONDITION_DEPTH_MAX)
        stop_at(parser, parser_offset(parser), "nested too deeply");
    else
        parser->depth++;
    return !parser->is_aborted;
}

/* What stands where `and` or `or` should: read as a part of its own where it looks like one, so
 * that what is wrong in it is reported too. */
static void parse_stray(struct parser *parser)
{
    span before = parser->rest;
    span name;
    bool is_part = take_field_name(parser, &name) || has_word(parser, "not") ||
                   span_starts(parser->rest, SPAN("("));
    parser->rest = before;
    if (is_part) {
        (void)parse_or(parser);
        return;
    }
    parser->is_aborted = true;
    recover(parser);
    if (take_text(parser, "and") || take_text(parser, "or"))
        (void)parse_or(parser);
}

/* Behind '('. */
static uint32_t parse_brackets(struct parser *parser)
{
    if (!deeper(parser))
        return RULE_NONE;
    uint32_t node = parse_or(parser);
    for (;;) {
        skip_blanks(parser);
        if (parser->is_aborted || take_text(parser, ")"))
            break;
        complain(parser, parser_offset(parser), NULL, "expected ')', 'and' or 'or'");
        node = RULE_NONE;
        if (parser->rest.len == 0)
            break;
        parse_stray(parser);
    }
    parser->depth--;
    return node;
}

static uint32_t parse_check(struct parser *parser)
{
    struct operand left;
    span name;
    uint32_t node;
    skip_blanks(parser);
    size_t offset = parser_offset(parser);
    if (take_text(parser, "("))
        return parse_brackets(parser);
    if (direction_parse(parser, &node))
        return parser->is_aborted ? RULE_NONE : node;
    if (operand_parse(parser, &left))
        return parser->is_aborted ? RULE_NONE : parse_comparison(parser, &left);
    if (parser->is_aborted)
        return RULE_NONE;
    if (take_identifier(parser, &name))
        return macro_use(parser, name, offset);
    abort_at(parser, offset, "expected a field, a macro or '('");
    return RULE_NONE;
}

static bool take_not(struct parser *parser)
{
    span before = parser->rest;
    if (take_text(parser, "not") && skip_blanks(parser))
        return true;
    parser->rest = before;
    return false;
}

static uint32_t parse_not(struct parser *parser)
{
    bool is_not = false;
    skip_blanks(parser);
    while (take_not(parser))
        is_not = !is_not;
    uint32_t node;
    if (take_text(parser, "not(")) {
        is_not = !is_not;
        node = parse_brackets(parser);
    } else {
        node = parse_check(parser);
    }
    recover(parser);
    if (node == RULE_NONE || !is_not)
        return node;
    return rule_build_not(parser->compile->builder, node);
}

/* `word` between two parts, with a blank or a bracket behind it. */
static bool take_connective(struct parser *parser, const char *word)
{
    skip_blanks(parser);
    if (parser->is_aborted || !take_text(parser, word))
        return false;
    if (skip_blanks(parser) || span_starts(parser->rest, SPAN("(")))
        return true;
    complain(parser, parser_offset(parser), NULL, "expected a blank or '(' behind 'and' or 'or'");
    return parser->rest.len > 0;
}

static uint32_t parse_and(struct parser *parser)
{
    AUTO(node_list_free) struct node_list list = {0};
    do
        node_list_add(parser, &list, parse_not(parser));
    while (take_connective(parser, "and"));
    return parser->is_aborted ? RULE_NONE : group(parser, &list, true);
}

/* Recursion is bounded by CONDITION_DEPTH_MAX. */
static uint32_t parse_or(struct parser *parser)
{
    AUTO(node_list_free) struct node_list list = {0};
    do
        node_list_add(parser, &list, parse_and(parser));
    while (take_connective(parser, "or"));
    return parser->is_aborted ? RULE_NONE : group(parser, &list, false);
}

uint32_t condition_compile(struct compile *compile, const struct text *text, uint32_t visibility)
{
    struct parser parser = {
        .compile = compile, .text = text, .rest = text->bytes, .visibility = visibility};
    size_t errors_before = compile->collection->diagnostics->error_count;
    uint32_t node = parse_or(&parser);
    while (!parser.is_over && (skip_blanks(&parser), parser.rest.len)) {
        complain(&parser, parser_offset(&parser), NULL, "expected 'and', 'or' or the end");
        if (!take_text(&parser, ")"))
            parse_stray(&parser);
        else if (skip_blanks(&parser), parser.rest.len)
            (void)parse_or(&parser);
    }
    bool is_silent = compile->collection->diagnostics->error_count == errors_before;
    if (node == RULE_NONE && is_silent && !parser.has_error)
        complain(&parser, 0, NULL, "the condition is over a limit");
    return parser.has_error ? RULE_NONE : node;
}
