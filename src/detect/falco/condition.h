/* The parser of conditions, shared by its files. Private to falco. */
#pragma once

#include "falco/collection.h"

#define CONDITION_DEPTH_MAX 200
#define CONDITION_TEXT_MAX  ((size_t)4 << 20)

struct parser {
    struct compile *compile;
    const struct text *text;
    span rest;
    uint32_t visibility; /* of macros */
    uint32_t depth;
    bool has_error;  /* something was reported: the result is of no use */
    bool is_aborted; /* cannot read on here: see recover */
    bool is_over;    /* a limit: cannot read on at all */
};

/* A side of a comparison. */
struct operand {
    uint32_t expression;
    enum field_type type;
    bool is_list;
    bool is_list_of_any; /* an operator holds when it holds for any item, also `in` */
    bool is_event_type;  /* evt.type itself */
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
#define UNKNOWN_ESCAPE                                                                             \
    "unknown escape: expected one of \\b \\f \\n \\r \\t \\\\ \\/ \\xNN or an escaped quote"
/* A quoted text at the start of rest, unescaped; rest is past it then. QUOTED_WRONG: *ret_wrong
 * begins with the first escape that means nothing. QUOTED_OPEN: its end is missing. */
enum quoted { QUOTED_NONE, QUOTED_GOOD, QUOTED_WRONG, QUOTED_OPEN };
enum quoted unquote(struct arena *arena, span *rest, span *ret, span *ret_wrong);
/* The same, wrong ones reported. False: no quoted text (or one without end: is_aborted). */
bool take_quoted(struct parser *parser, span *ret);
const struct operator_desc *take_operator(struct parser *parser);
/* An operator, or one that compares text with oneof, anyof or allof behind it. */
bool comparison_known(span name);
const char *hint_operator(span name);
/* Reports at an offset of the text. abort: and stops reading of this part; stop: of all. */
__attribute__((format(printf, 4, 5))) void complain(struct parser *parser, size_t offset,
                                                    const char *hint, const char *format, ...);
void abort_at(struct parser *parser, size_t offset, const char *text);
void stop_at(struct parser *parser, size_t offset, const char *text);
/* Past what cannot be read, up to the next `and`, `or` or the ')' of these brackets. */
void recover(struct parser *parser);

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
