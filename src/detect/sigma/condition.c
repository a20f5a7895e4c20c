/* Conditions:
 *
 *   or   = and ("or" and)*      and  = not ("and" not)*
 *   not  = "not" not | prim     prim = "(" or ")" | ("1" | "any" | "all") "of" pattern | name
 *
 * Keywords are known in any case; a pattern is `them` or a name with stars. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "sigma/compile.h"

#define DEPTH_MAX 64 /* three nodes each at most: below the depth of the IR */
#define TERMS_MAX 10000u

struct parser {
    struct rule *rule;
    struct scope *scope;
    const struct yaml_node *node; /* of the condition */
    span rest;
    uint32_t depth;
    bool is_wrong;
};

enum token_kind { TOKEN_END, TOKEN_OPEN, TOKEN_CLOSE, TOKEN_PIPE, TOKEN_WORD };

struct token {
    enum token_kind kind;
    span text;
    size_t offset;
};

static bool is_blank(uint8_t byte)
{
    return byte == ' ' || byte == '\t' || byte == '\n' || byte == '\r';
}

static struct token token_peek(struct parser *parser)
{
    while (parser->rest.len && is_blank(parser->rest.data[0]))
        parser->rest = span_after(parser->rest, 1);
    span rest = parser->rest;
    struct token token = {.text = {rest.data, 1}, .offset = parser->node->text.len - rest.len};
    if (rest.len == 0) {
        token.text.len = 0;
        token.kind = TOKEN_END;
    } else if (rest.data[0] == '(') {
        token.kind = TOKEN_OPEN;
    } else if (rest.data[0] == ')') {
        token.kind = TOKEN_CLOSE;
    } else if (rest.data[0] == '|') {
        token.kind = TOKEN_PIPE;
    } else {
        token.kind = TOKEN_WORD;
        while (token.text.len < rest.len && !is_blank(rest.data[token.text.len]) &&
               !memchr("()|", rest.data[token.text.len], 3))
            token.text.len++;
    }
    return token;
}

static struct token token_take(struct parser *parser)
{
    struct token token = token_peek(parser);
    parser->rest = span_after(parser->rest, token.text.len);
    return token;
}

static bool token_is(const struct token *token, const char *word)
{
    return token->kind == TOKEN_WORD && token->text.len == strlen(word) &&
           strncasecmp((const char *)token->text.data, word, token->text.len) == 0;
}

/* ---- errors ---- */

__attribute__((format(printf, 4, 5))) static uint32_t
complain(struct parser *parser, size_t offset, const char *hint, const char *format, ...)
{
    struct position at = yaml_position_in(parser->scope->file, parser->node, offset);
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    diagnostics_error(parser->rule->compile->diagnostics, &at, hint, "%s", text);
    parser->is_wrong = true;
    return RULE_NONE;
}

static uint32_t complain_token(struct parser *parser, const struct token *token,
                               const char *expected)
{
    switch (token->kind) {
    case TOKEN_END:
        return complain(parser, token->offset, NULL, "expected %s, but the condition ends",
                        expected);
    case TOKEN_PIPE:
        return complain(parser, token->offset, NULL,
                        "aggregations behind '|' are no part of Sigma 2: write a correlation");
    case TOKEN_OPEN:
    case TOKEN_CLOSE:
    case TOKEN_WORD:
        break;
    }
    return complain(parser, token->offset, NULL, "expected %s, found '" PRI_SPAN "'", expected,
                    ARG_SPAN(token->text));
}

static const char *search_hint(const struct scope *scope, span name)
{
    const char **names = calloc(scope->count + 1, sizeof *names);
    const char *hint = NULL;
    for (size_t index = 0; names && index < scope->count; index++)
        names[index] = (const char *)scope->searches[index].name.data;
    if (names)
        hint = sigma_hint(names, scope->count, name);
    free(names);
    return hint;
}

/* ---- searches ---- */

static uint32_t search_build(struct parser *parser, struct search *search)
{
    search->is_used = true;
    if (search->node == RULE_NONE && search->detection)
        search->node = detection_is_dropped(search->detection)
                           ? NODE_DROPPED
                           : detection_build(parser->rule, search->detection);
    if (search->node == RULE_NONE)
        parser->is_wrong = true; /* reported where it stands */
    return search->node;
}

static uint32_t name_build(struct parser *parser, const struct token *token)
{
    struct scope *scope = parser->scope;
    for (size_t index = 0; index < scope->count; index++)
        if (span_eq(scope->searches[index].name, token->text))
            return search_build(parser, &scope->searches[index]);
    return complain(parser, token->offset, search_hint(scope, token->text),
                    "no search is named '" PRI_SPAN "'", ARG_SPAN(token->text));
}

/* Stars in a pattern are any run; it is short, and so are names. */
static bool name_matches(span pattern, span name)
{
    span star = {NULL, 0};
    span retry = name;
    while (name.len) {
        if (pattern.len && pattern.data[0] == '*') {
            star = pattern = span_after(pattern, 1);
            retry = name;
        } else if (pattern.len && pattern.data[0] == name.data[0]) {
            pattern = span_after(pattern, 1);
            name = span_after(name, 1);
        } else if (star.data) {
            pattern = star;
            name = retry = span_after(retry, 1);
        } else {
            return false;
        }
    }
    while (pattern.len && pattern.data[0] == '*')
        pattern = span_after(pattern, 1);
    return pattern.len == 0;
}

/* Names with an underscore in front are only reached by patterns that have one too. */
static bool is_meant(span pattern, bool is_them, span name)
{
    bool is_hidden = name.len && name.data[0] == '_';
    if (is_them)
        return !is_hidden;
    return (!is_hidden || (pattern.len && pattern.data[0] == '_')) && name_matches(pattern, name);
}

static uint32_t quantified_build(struct parser *parser, bool is_all)
{
    struct scope *scope = parser->scope;
    struct token pattern = token_take(parser);
    if (pattern.kind != TOKEN_WORD)
        return complain_token(parser, &pattern, "'them' or a name behind 'of'");
    bool is_them = token_is(&pattern, "them");
    uint32_t *nodes = calloc(scope->count + 1, sizeof *nodes);
    size_t count = 0;
    bool is_good = nodes;
    bool is_met = false;
    for (size_t index = 0; nodes && index < scope->count; index++) {
        struct search *search = &scope->searches[index];
        if (!is_meant(pattern.text, is_them, search->name))
            continue;
        is_met = true;
        nodes[count] = search_build(parser, search);
        is_good &= nodes[count] != RULE_NONE;
        count += nodes[count] != NODE_DROPPED;
    }
    uint32_t node = RULE_NONE;
    if (!is_met)
        complain(parser, pattern.offset, search_hint(scope, pattern.text),
                 "no search matches '" PRI_SPAN "'", ARG_SPAN(pattern.text));
    else if (is_good && count == 0)
        node = NODE_DROPPED;
    else if (is_good)
        node = is_all ? rule_build_all(parser->rule->compile->builder, nodes, count)
                      : rule_build_any(parser->rule->compile->builder, nodes, count);
    free(nodes);
    return node;
}

/* ---- the grammar ---- */

static uint32_t or_parse(struct parser *parser);

/* A word that is followed by `of` is a quantifier, whatever it says. */
static uint32_t word_parse(struct parser *parser)
{
    struct token word = token_take(parser);
    struct token next = token_peek(parser);
    if (!token_is(&next, "of"))
        return name_build(parser, &word);
    token_take(parser);
    bool is_all = token_is(&word, "all");
    if (!is_all && !token_is(&word, "1") && !token_is(&word, "any"))
        return complain(parser, word.offset, NULL,
                        "expected 1, any or all before 'of', found '" PRI_SPAN "'",
                        ARG_SPAN(word.text));
    return quantified_build(parser, is_all);
}

static uint32_t prim_parse(struct parser *parser)
{
    struct token token = token_peek(parser);
    if (token.kind == TOKEN_WORD && !token_is(&token, "and") && !token_is(&token, "or") &&
        !token_is(&token, "of"))
        return word_parse(parser);
    if (token.kind != TOKEN_OPEN)
        return complain_token(parser, &token, "the name of a search");
    token_take(parser);
    uint32_t node = or_parse(parser);
    struct token close = token_peek(parser);
    if (parser->is_wrong)
        return RULE_NONE;
    if (close.kind != TOKEN_CLOSE)
        return complain_token(parser, &close, "')'");
    token_take(parser);
    return node;
}

static uint32_t not_parse(struct parser *parser)
{
    bool is_negated = false;
    struct token token = token_peek(parser);
    for (; token_is(&token, "not"); token = token_peek(parser)) {
        token_take(parser);
        is_negated = !is_negated;
    }
    uint32_t node = prim_parse(parser);
    if (node == RULE_NONE || node == NODE_DROPPED || !is_negated)
        return node;
    return rule_build_not(parser->rule->compile->builder, node);
}

struct terms {
    uint32_t *nodes;
    size_t count;
};

/* operand (word operand)*; all operands are read, so that every wrong name is told. */
static uint32_t
chain_parse(struct parser *parser, const char *word, uint32_t (*operand)(struct parser *parser),
            uint32_t (*join)(struct rule_builder *builder, const uint32_t *nodes, size_t count))
{
    struct terms terms = {calloc(16, sizeof(uint32_t)), 0};
    size_t size = 16;
    bool is_good = terms.nodes;
    bool is_met = false; /* something that pipelines took away */
    while (terms.nodes) {
        uint32_t node = operand(parser);
        is_good &= node != RULE_NONE;
        is_met |= node == NODE_DROPPED;
        if (terms.count == size) {
            uint32_t *grown =
                size < TERMS_MAX ? realloc(terms.nodes, size * 2 * sizeof *grown) : NULL;
            if (!grown) {
                complain(parser, 0, NULL, "the condition has too many parts");
                is_good = false;
                break;
            }
            terms.nodes = grown;
            size *= 2;
        }
        terms.nodes[terms.count] = node;
        terms.count += node != NODE_DROPPED;
        struct token token = token_peek(parser);
        if (!token_is(&token, word))
            break;
        token_take(parser);
    }
    uint32_t node = RULE_NONE;
    if (is_good && is_met && terms.count == 0)
        node = NODE_DROPPED;
    else if (is_good)
        node = join(parser->rule->compile->builder, terms.nodes, terms.count);
    free(terms.nodes);
    return node;
}

static uint32_t and_parse(struct parser *parser)
{
    return chain_parse(parser, "and", not_parse, rule_build_all);
}

static uint32_t or_parse(struct parser *parser)
{
    if (++parser->depth > DEPTH_MAX)
        return complain(parser, parser->node->text.len - parser->rest.len, NULL,
                        "the condition is nested too deeply");
    uint32_t node = chain_parse(parser, "or", and_parse, rule_build_any);
    parser->depth--;
    return node;
}

uint32_t condition_build(struct rule *rule, struct scope *scope, const struct yaml_node *condition)
{
    struct parser parser = {rule, scope, condition, condition->text, 0, false};
    if (condition->kind != YAML_SCALAR) {
        struct position at = yaml_position(scope->file, condition);
        diagnostics_error(rule->compile->diagnostics, &at, NULL, "expected a condition");
        return RULE_NONE;
    }
    uint32_t node = or_parse(&parser);
    struct token end = token_peek(&parser);
    if (end.kind != TOKEN_END && !parser.is_wrong)
        return complain_token(&parser, &end, "'and', 'or' or the end");
    return parser.is_wrong ? RULE_NONE : node;
}

uint32_t conditions_build(struct rule *rule, struct scope *scope, const struct yaml_node *condition)
{
    struct rule_builder *builder = rule->compile->builder;
    if (condition->kind != YAML_SEQUENCE || condition->count == 0)
        return condition_build(rule, scope, condition);
    uint32_t any = rule_build_constant(builder, false);
    uint32_t none = any;
    bool is_good = any != RULE_NONE;
    bool is_met = false;
    for (const struct yaml_node *one = condition->first; one; one = one->next) {
        uint32_t node = condition_build(rule, scope, one);
        is_good &= node != RULE_NONE;
        is_met |= node == NODE_DROPPED;
        if (is_good && node != NODE_DROPPED)
            any = rule_build_any(builder, (const uint32_t[]){any, node}, 2);
    }
    if (is_good && is_met && any == none)
        return NODE_DROPPED;
    return is_good ? any : RULE_NONE;
}
