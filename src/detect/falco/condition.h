/* The parser of conditions, shared by its files. Private to falco. */
#pragma once

#include "falco/collection.h"

#define CONDITION_DEPTH_MAX 64
#define CONDITION_TEXT_MAX  ((size_t)4 << 20)

struct parser {
    struct compile *compile;
    const struct text *text;
    span rest;
    uint32_t visibility; /* of macros */
    uint32_t depth;
    bool has_error;  /* something was reported: the result is of no use */
    bool is_aborted; /* the text cannot be read on */
};

/* A side of a comparison. */
struct operand {
    uint32_t expression;
    enum field_type type;
    bool is_list;
    bool is_list_of_any; /* an operator holds when it holds for any item, also `in` */
    bool is_unknown;     /* a field that does not exist, reported */
    size_t offset;
};

enum operator_kind { OPERATOR_UNARY, OPERATOR_NUMBER, OPERATOR_TEXT, OPERATOR_LIST };

struct operator_desc {
    const char *name;
    enum operator_kind kind;
    enum rule_operator op;
    enum rule_case case_mode;
    bool is_negated;
    bool is_hex;    /* the literal is bytes in hex */
    unsigned types; /* bit per field_type */
};

/* lexer.c */
size_t parser_offset(const struct parser *parser);
bool skip_blanks(struct parser *parser);
bool take_text(struct parser *parser, const char *text);
/* ident(.ident)+ */
bool take_field_name(struct parser *parser, span *ret);
bool take_identifier(struct parser *parser, span *ret);
bool take_number(struct parser *parser, span *ret);
bool take_bare(struct parser *parser, span *ret);
/* Unescaped, in the collection's arena. False: not a quoted text (or a wrong one: is_aborted). */
bool take_quoted(struct parser *parser, span *ret);
const struct operator_desc *take_operator(struct parser *parser);
/* Reports at an offset of the text. abort: and stops reading. */
__attribute__((format(printf, 4, 5))) void complain(struct parser *parser, size_t offset,
                                                    const char *hint, const char *format, ...);
void abort_at(struct parser *parser, size_t offset, const char *text);

/* operand.c: a field, or a function of fields. */
bool operand_parse(struct parser *parser, struct operand *ret);
/* `val(field)` or a function, on the right of an operator; false and nothing taken when the text is
 * neither. */
bool right_parse(struct parser *parser, struct operand *ret);
struct operand field_operand(struct parser *parser, span name, size_t offset);

/* check.c: a comparison as a node; RULE_NONE and reported when it makes no sense. */
uint32_t check_literals(struct parser *parser, const struct operand *left,
                        const struct operator_desc *operator_, enum rule_quantifier quantifier,
                        const struct falco_value *values, const size_t *offsets, size_t count);
uint32_t check_relation(struct parser *parser, const struct operand *left,
                        const struct operator_desc *operator_, const struct operand *right);
uint32_t check_exists(struct parser *parser, const struct operand *left);
