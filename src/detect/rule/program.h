/* A program: the IR of an image, the plan over it, and what an event has shown so far. Private to
 * rule. */
#pragma once

#include "core/map.h"
#include "pattern/pattern.h"
#include "rule/ir.h"
#include "rule/lookup.h"
#include "value/value.h"

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
    bool is_looked_up;     /* answered by the lookup of its expression */
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
    uint64_t looked_up;  /* generation of hits */
    uint64_t hashed;     /* generation of hash */
    uint64_t hash;       /* of the raw bytes */
    struct value value;
    struct lookup *lookup; /* NULL: none */
    struct memo_hits hits; /* what holds, as in struct hits */
    bool is_failed;        /* hits are not known */
    bool is_whole;         /* all texts of a record: too long and too various to remember */
    bool is_remembered;    /* worth the memo where the source gives no raw bytes */
    struct hits found;     /* of a value that the memo did not know */
};

struct node_state {
    uint64_t generation;
    uint8_t answer;
};

/* Rules that cannot match where one predicate holds. */
struct rule_group {
    uint32_t blocker; /* RULE_NONE: none is known */
    uint32_t end;     /* behind its last rule in route.rules */
};

/* What an event with one value of the route field, and of one logsource, has to be asked. */
struct route {
    span value;            /* data NULL: of the last two, see rule_program */
    uint32_t *expressions; /* to look up */
    uint32_t expression_count;
    uint32_t *predicates; /* to ask one by one */
    uint32_t predicate_count;
    uint32_t *rules; /* without an access predicate: looked at unless their blocker holds */
    uint32_t rule_count;
    struct rule_group *groups; /* of those, by blocker */
    uint32_t group_count;
    uint64_t *wanted; /* bit per rule: may match with this route */
    size_t wanted_count;
    uint32_t whole;    /* expression of all texts of a record, if it is looked up; RULE_NONE: not */
    struct gate *gate; /* before that is done; NULL: none */
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
    struct sectors *sectors; /* routes narrowed to one logsource each */

    uint32_t *order;       /* as ir.links, children of a node cheapest first */
    uint32_t *choice;      /* by node: the child that access goes through (AND), or RULE_NONE */
    uint32_t *access_cost; /* by node: how often its access predicates hold, ACCESS_NONE: none */
    uint32_t *access_rules;
    uint64_t *candidates;      /* bit per rule */
    uint64_t *candidate_words; /* bit per word of candidates */
    uint32_t *blockers;        /* by rule without access: a predicate that must not hold */
    uint64_t *access_bits;     /* bit per predicate: some rule is found by it */
    struct arena scratch;      /* of one match */
    struct arena folding;      /* of one lookup */
    struct memo *memo;
    uint64_t *found; /* by predicate: the stamp of the lookup that found it last */
    uint64_t find_stamp;
    enum text_engine engine;
    struct rule_program_counters counters;

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

/* A rule is for an event when every part that it names is equal in the event. */
static inline bool part_applies(span rule, span event)
{
    return !rule.data || (event.data && span_eq(rule, event));
}

static inline bool logsource_applies(const struct logsource *rule, const struct logsource *event)
{
    return !event || (part_applies(rule->product, event->product) &&
                      part_applies(rule->category, event->category) &&
                      part_applies(rule->service, event->service));
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
MUST_USE err_kind plan_open(struct rule_program *program, struct err_ctx *err);
void plan_close(struct rule_program *program);
/* Stamps what was seen last by whom, so that a shared thing is taken once. */
struct stamps {
    uint32_t *seen;
    uint32_t stamp;
};
static inline bool stamps_take(struct stamps *stamps, uint32_t id)
{
    bool is_new = stamps->seen[id] != stamps->stamp;
    stamps->seen[id] = stamps->stamp;
    return is_new;
}

/* access.c */
#define ACCESS_NONE UINT32_MAX
MUST_USE bool access_choose(struct rule_program *program);
/* How often the predicate holds, guessed, in parts of a million; ACCESS_NONE: nothing is found by
 * it. */
uint32_t access_guess(const struct rule_program *program, uint32_t predicate);
/* A predicate such that the node cannot hold where it does, the most shared; RULE_NONE: none. */
uint32_t access_blocker(const struct rule_program *program, uint32_t node);
MUST_USE bool access_lists(struct rule_program *program, struct stamps *predicates);
/* Calls visit for each predicate of the rule's access set; none if it has no access predicate. */
typedef void (*access_visit)(void *context, uint32_t predicate);
void access_each(const struct rule_program *program, uint32_t node, access_visit visit,
                 void *context);

/* route.c */
bool route_is_of(const struct rule_program *program, const struct ir_predicate *predicate);
MUST_USE err_kind route_names(struct rule_program *program, struct err_ctx *err);
MUST_USE bool route_fill_all(struct rule_program *program);
/* Three-valued answer of every node when the route field has this value; NULL: any value that no
 * rule names. states: one byte a node, an enum answer. */
void route_answers(struct rule_program *program, const struct value *route_value, uint8_t *states);
static inline uint32_t route_other(const struct rule_program *program)
{
    return program->route_count - 2;
}
static inline uint32_t route_absent(const struct rule_program *program)
{
    return program->route_count - 1;
}
/* What the event has to be asked. *ret_is_narrow: only rules of its logsource are wanted. */
const struct route *route_of(struct rule_program *program, struct event *event,
                             bool *ret_is_narrow);

/* sector.c */
MUST_USE bool sector_open(struct rule_program *program);
void sector_close(struct rule_program *program);
/* Room for which rules are wanted; then, when they are marked, what is asked for them. */
MUST_USE bool sector_route_new(const struct rule_program *program, struct arena *arena,
                               struct route *route);
MUST_USE bool sector_route_fill(struct rule_program *program, struct arena *arena,
                                struct route *route);
/* NULL: there are too many. */
const struct route *sector_of(struct rule_program *program, uint32_t base,
                              const struct logsource *logsource);

/* output.c */
MUST_USE err_kind output_open(struct rule_program *program, struct err_ctx *err);

/* explain.c */
void explain_predicate(const struct rule_program *program, uint32_t predicate, struct writer *out);
