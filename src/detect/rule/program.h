/* A program: the IR of an image, the plan over it, and what an event has shown so far. Private to
 * rule. */
#pragma once

#include "core/map.h"
#include "pattern/pattern.h"
#include "rule/convert.h"
#include "rule/ir.h"

enum answer { ANSWER_NO, ANSWER_YES, ANSWER_UNDECIDED };

static inline enum answer answer_of(bool truth)
{
    return truth ? ANSWER_YES : ANSWER_NO;
}

static inline enum answer answer_not(enum answer answer)
{
    return answer == ANSWER_UNDECIDED ? answer : answer_of(answer == ANSWER_NO);
}

/* A predicate made ready, and its answer for the event of `generation`. */
struct leaf {
    uint64_t generation;
    uint8_t answer;
    bool is_indexed;       /* answered by the index of its expression */
    uint32_t rule_count;   /* rules whose conditions contain it */
    uint32_t access_first; /* rules that are found by it, in program->access_rules */
    uint32_t access_count;
    long double *numbers;   /* of literals that are numbers */
    span *texts;            /* the literals as text, folded */
    struct regex **regexes; /* REGEX: the literals */
    struct path_set paths;  /* PATH_PREFIX */
};

struct expression_state {
    uint64_t generation; /* of value */
    uint64_t scanned;    /* generation in which index was scanned */
    struct value value;
    struct text_index *index; /* NULL: none */
};

struct node_state {
    uint64_t generation;
    uint8_t answer;
};

/* What an event with one value of the route field has to be asked. */
struct route {
    span value;            /* data NULL: of the last two, see rule_program */
    uint32_t *expressions; /* indexes to scan */
    uint32_t expression_count;
    uint32_t *predicates; /* to ask one by one */
    uint32_t predicate_count;
    uint32_t *rules; /* without an access predicate: always looked at */
    uint32_t rule_count;
    uint64_t *wanted; /* bit per rule: may match with this route */
    size_t wanted_count;
};

struct rule_program {
    struct ir ir;
    const struct schema *schema;
    struct projection projection;
    struct arena arena;
    uint64_t generation;

    struct leaf *leaves;
    struct expression_state *expressions;
    struct node_state *nodes;

    uint32_t route_slot;      /* RULE_NONE: no rule reads the route field */
    struct map routes;        /* value -> route */
    struct route *route_list; /* the last two are for any other value and for none */
    uint32_t route_count;

    uint32_t *order;       /* as ir.links, children of a node cheapest first */
    uint32_t *choice;      /* by node: the child that access goes through (AND), or RULE_NONE */
    uint32_t *access_cost; /* by node: how often its access predicates hold, ACCESS_NONE: none */
    uint32_t *access_rules;
    uint64_t *candidates;      /* bit per rule */
    uint64_t *candidate_words; /* bit per word of candidates */
    struct arena scratch;      /* of one match */

    struct rule_output_field *fields; /* of all rules */
    uint32_t *field_expressions;
    uint32_t *field_first; /* by rule; one more at the end */
    size_t rules_without_access;
    struct rule_cost *costs; /* by rule, while it is measured; else NULL */
};

static inline bool value_is_empty(const struct value *value)
{
    return value->kind == VALUE_ABSENT || value->kind == VALUE_NULL ||
           (value->kind == VALUE_LIST && value->list.count == 0);
}

/* leaf.c */
MUST_USE err_kind leaf_open(struct rule_program *program, uint32_t predicate, struct err_ctx *err);
void leaf_close(struct leaf *leaf);
/* One predicate against one value, without memo. */
enum answer leaf_compare(struct rule_program *program, uint32_t predicate,
                         const struct value *value, struct event *event);

/* expression.c: valid until the next match or event_begin. Never NULL. */
const struct value *expression_value(struct rule_program *program, uint32_t expression,
                                     struct event *event);

/* match.c */
void program_begin(struct rule_program *program);
enum answer predicate_answer(struct rule_program *program, uint32_t predicate, struct event *event);
enum answer node_answer(struct rule_program *program, uint32_t node, struct event *event);

/* plan.c */
#define ACCESS_NONE UINT32_MAX
MUST_USE err_kind plan_open(struct rule_program *program, struct err_ctx *err);
void plan_close(struct rule_program *program);
/* Three-valued answer of every node when the route field has this value; NULL: any value that no
 * rule names. states: one byte a node, an enum answer. */
void plan_route_answers(struct rule_program *program, const struct value *route_value,
                        uint8_t *states);
static inline uint32_t route_other(const struct rule_program *program)
{
    return program->route_count - 2;
}
static inline uint32_t route_absent(const struct rule_program *program)
{
    return program->route_count - 1;
}
/* Calls visit for each predicate of the rule's access set; none if it has no access predicate. */
typedef void (*access_visit)(void *context, uint32_t predicate);
void plan_access_visit(const struct rule_program *program, uint32_t node, access_visit visit,
                       void *context);

/* output.c */
MUST_USE err_kind output_open(struct rule_program *program, struct err_ctx *err);

/* explain.c */
void explain_predicate(const struct rule_program *program, uint32_t predicate, struct writer *out);
