/* Building rules: what a front end calls. Included by rule.h.
 *
 * A rule is a tree of nodes (and, or, not, constant) over predicates. A predicate compares the
 * value of an expression (a field, or a function of fields) with literals or with another
 * expression. All of them are shared: building the same thing twice returns the same id.
 *
 * Ids are RULE_NONE after a failure; a failure sticks, every later call returns RULE_NONE and
 * rule_image_write reports it. So a front end checks once at the end, or at the predicate whose
 * values may be wrong. */
#pragma once

#include "core/error.h"
#include "core/span.h"
#include "core/writer.h"
#include "event/event.h"

#define RULE_NONE UINT32_MAX

/* How far a rule got. live: for people to see. shadow: matches are kept, marked, shown to nobody
 * unasked. draft: being written. retired: kept as text alone. */
enum rule_stage { STAGE_LIVE, STAGE_SHADOW, STAGE_DRAFT, STAGE_RETIRED };
#define STAGE_COUNT 4
#define STAGES_RUN  (1u << STAGE_LIVE | 1u << STAGE_SHADOW) /* what watches a host */
#define STAGES_TEST (STAGES_RUN | 1u << STAGE_DRAFT)        /* what is checked and tested */

const char *rule_stage_name(enum rule_stage stage);
MUST_USE bool rule_stage_parse(span word, enum rule_stage *ret);

struct rule_builder;

enum rule_operator {
    RULE_EXISTS, /* a JSON null is there; all other operators answer when_absent for it */
    RULE_EQUAL,  /* without a literal: never, so that with when_absent it is "null or absent" */
    RULE_LESS,
    RULE_LESS_EQUAL,
    RULE_GREATER,
    RULE_GREATER_EQUAL,
    RULE_CONTAINS,
    RULE_STARTS,
    RULE_ENDS,
    RULE_GLOB,        /* the whole value: * ? [...] and backslash, see pattern.h */
    RULE_REGEX,       /* somewhere in the value */
    RULE_REGEX_WHOLE, /* the whole value */
    RULE_PATH_PREFIX, /* the literal's path components come first; components may be globs */
};
#define RULE_OPERATOR_COUNT (RULE_PATH_PREFIX + 1)

enum rule_case {
    RULE_CASE_EXACT,
    RULE_CASE_ASCII,
    RULE_CASE_UNICODE, /* simple folding */
};
#define RULE_CASE_COUNT 3

/* How a value and a literal are brought to one type before they are compared. */
enum rule_type {
    RULE_TYPE_TEXT,   /* bytes; other values as they are printed */
    RULE_TYPE_NUMBER, /* exact; text that is a decimal number counts as one, all else never holds */
    RULE_TYPE_BOOL,   /* text `true` and `false` too */
    RULE_TYPE_ADDRESS, /* addresses against addresses and networks */
    RULE_TYPE_VALUE, /* a number literal against a number, or text that is one, as NUMBER; all else
                      * as TEXT, a bool as `true` or `false` */
};
#define RULE_TYPE_COUNT 5

enum rule_quantifier { RULE_ANY, RULE_ALL, RULE_ONE };
#define RULE_QUANTIFIER_COUNT 3

/* Two predicates are equal only when all of this is: languages differ in every one of them. */
struct rule_compare {
    enum rule_operator op;
    enum rule_case case_mode;
    enum rule_type type;
    enum rule_quantifier items;    /* how many items of a list value; ANY for lists marked so */
    enum rule_quantifier literals; /* how many of the literals */
    bool is_negated;               /* a literal counts where the operator does not hold */
    bool when_absent;              /* the answer without a value */
};

/* A literal: text, number, bool, or an address with the length of its network's prefix. */
struct rule_literal {
    struct value value;
    uint8_t prefix_bits; /* VALUE_ADDRESS: 32 or 128 for a single address */
};

enum rule_function {
    RULE_LOWER,
    RULE_UPPER,
    RULE_BASE64, /* decodes; absent when the text is not base64 */
    RULE_BASENAME,
    RULE_LENGTH, /* bytes, or items of a list */
    RULE_JOIN,   /* separator, then values or one list */
    RULE_CONCAT,
    RULE_GETOPT, /* list of arguments, option string, option letter (or none: all as a list) */
    /* of an ISO 8601 date or an RFC 3339 time as written, no zone is converted; absent where the
     * text is none or does not say that part */
    RULE_MINUTE,
    RULE_HOUR,
    RULE_DAY,
    RULE_WEEK, /* of ISO 8601, 1 to 53 */
    RULE_MONTH,
    RULE_YEAR,
};
#define RULE_FUNCTION_COUNT (RULE_YEAR + 1)

/* A part of the output text: fixed text, or an expression's value. */
struct rule_output_part {
    span text;           /* fixed text, or how the rule spells the field */
    uint32_t expression; /* RULE_NONE: fixed text */
    uint16_t width;      /* pad or cut to so many bytes; 0: as it is */
};

struct rule_definition {
    span name;
    span id; /* data NULL: none */
    span desc;
    span response; /* data NULL: none */
    span source;
    span owner;                 /* data NULL: not said */
    struct logsource logsource; /* parts that the rule names */
    span priority_name;
    uint8_t priority;
    enum rule_stage stage;
    bool is_enabled;
    const span *tags;
    size_t tag_count;
    span file;
    uint32_t line;
    uint32_t root; /* node */
    const struct rule_output_part *parts;
    size_t part_count;
};

/* The schema is borrowed until rule_builder_close. */
MUST_USE err_kind rule_builder_open(const struct schema *schema, struct rule_builder **ret,
                                    struct err_ctx *err);
void rule_builder_close(struct rule_builder *builder);
/* Which stages run, a bit each (all when not told). A rule of another one is built disabled and
 * with no condition, so that it is listed; its front end does not look at its condition. */
void rule_builder_stages(struct rule_builder *builder, uint32_t stages);
bool rule_builder_runs(const struct rule_builder *builder, enum rule_stage stage);

/* ---- expressions ---- */
uint32_t rule_build_field(struct rule_builder *builder, const struct field_ref *ref);
uint32_t rule_build_text(struct rule_builder *builder, span text);
uint32_t rule_build_call(struct rule_builder *builder, enum rule_function function,
                         const uint32_t *arguments, size_t count);

/* ---- nodes ---- */
/* RULE_NONE with a text in err when a literal does not fit its operator (a regex that does not
 * compile); that failure does not stick. */
uint32_t rule_build_predicate(struct rule_builder *builder, const struct rule_compare *compare,
                              uint32_t left, const struct rule_literal *literals, size_t count,
                              struct err_ctx *err);
/* left against the value of right; absent when either is. */
uint32_t rule_build_relation(struct rule_builder *builder, const struct rule_compare *compare,
                             uint32_t left, uint32_t right);
/* One child is returned as it is; children of the same kind are merged; none: all is true, any
 * false. */
uint32_t rule_build_all(struct rule_builder *builder, const uint32_t *nodes, size_t count);
uint32_t rule_build_any(struct rule_builder *builder, const uint32_t *nodes, size_t count);
uint32_t rule_build_not(struct rule_builder *builder, uint32_t node);
uint32_t rule_build_constant(struct rule_builder *builder, bool truth);
/* May the node hold in an event whose route field has a value that no comparison names? False too
 * where the schema has no such field, or the condition is too long to tell. */
bool rule_builder_is_unrouted(const struct rule_builder *builder, uint32_t node);

/* All spans are copied. */
void rule_build_rule(struct rule_builder *builder, const struct rule_definition *definition);

/* The finished image. The builder may be used on. */
MUST_USE err_kind rule_image_write(struct rule_builder *builder, struct writer *out,
                                   struct err_ctx *err);
