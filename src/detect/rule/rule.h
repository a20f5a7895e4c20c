/* Rules after their front ends: predicates, logic above them, and the program that runs them.
 *
 *   front end (falco, sigma) -> struct rule_builder (IR) -> rule_image_write -> sealed bytes
 *   bytes -> rule_program_open -> plan: rules indexed by route and by their rarest necessary
 *   predicate, predicates shared and remembered per event -> rule_program_match
 *
 * The image is position independent and is checked in full when opened: the compiler that made it
 * is not trusted. Building lives in the compiler role, matching in the engine. */
#pragma once

#include "core/error.h"
#include "core/span.h"
#include "core/writer.h"
#include "event/event.h"
#include "rule/build.h"
#include "rule/inspect.h"

/* Falco's priorities, most severe first; Sigma's levels map onto them. */
enum rule_priority {
    PRIORITY_EMERGENCY,
    PRIORITY_ALERT,
    PRIORITY_CRITICAL,
    PRIORITY_ERROR,
    PRIORITY_WARNING,
    PRIORITY_NOTICE,
    PRIORITY_INFORMATIONAL,
    PRIORITY_DEBUG,
};

struct rule_info {
    span name;
    span id; /* Sigma's id; data NULL: none */
    span desc;
    span response;              /* what to do, from the rule's strategy; data NULL: not said */
    span owner;                 /* data NULL: not said */
    span source;                /* "syscall" */
    struct logsource logsource; /* parts that the rule names */
    span priority_name;         /* as JSON shows it: Falco's word, or Sigma's level */
    enum rule_priority priority;
    enum rule_stage stage;
    bool is_enabled;
    const span *tags;
    size_t tag_count;
    span file; /* where it was defined */
    uint32_t line;
    uint64_t hash; /* of its meaning: state is carried over reloads by name + hash */
};

struct rule_program;

/* Checks the image and builds the plan. `image` is borrowed until rule_program_close. */
MUST_USE err_kind rule_program_open(span image, const struct schema *schema,
                                    struct rule_program **ret, struct err_ctx *err);
void rule_program_close(struct rule_program *program);

const struct projection *rule_program_projection(const struct rule_program *program);
size_t rule_program_count(const struct rule_program *program);
/* index < rule_program_count */
const struct rule_info *rule_program_rule(const struct rule_program *program, uint32_t index);
/* May some enabled rule match an event whose route field (evt.type) has this value? */
bool rule_program_wants(const struct rule_program *program, span route_value);

/* Indexes of all enabled rules that match, ascending, at most `max`; returns how many match (may be
 * over max). ret_undecided counts rules whose regex limit was hit. */
size_t rule_program_match(struct rule_program *program, struct event *event, uint32_t *ret_rules,
                          size_t max, uint32_t *ret_undecided);

/* The rule's output text for this event, "<NA>" where a field is missing. */
void rule_program_output(struct rule_program *program, uint32_t index, struct event *event,
                         struct writer *out);
/* The fields that the rule's output names, in order, spelt as there, each once. */
struct rule_output_field {
    span name;
    uint32_t slot; /* UINT32_MAX: a function of fields, see rule_program_output_value */
};
size_t rule_program_output_fields(const struct rule_program *program, uint32_t index,
                                  const struct rule_output_field **ret_fields);
/* The value of output field number `field`; it lives until the next event_begin. */
struct value rule_program_output_value(struct rule_program *program, uint32_t index, size_t field,
                                       struct event *event);
/* A value as rules and output text see it ("true", "127.0.0.1", items joined by ","); nothing for
 * an absent one. */
void rule_value_write(struct writer *out, const struct value *value);

/* ---- what a sensor may leave out ---- */

/* One predicate on a named field: the operator holds for any of the texts. Negated: it holds for
 * none of them, or the field is absent. */
struct rule_need {
    span field; /* "fd.name", "evt.is_open_write" */
    enum rule_operator op;
    enum rule_case case_mode;
    bool is_negated;
    const span *texts;
    size_t count;
};
/* Where one clause has to be chosen, it is on the field that was asked for first.
 * At least one of these holds in every event that the rule matches. */
struct rule_need_clause {
    const struct rule_need *any_of;
    size_t count;
};
typedef void (*rule_need_visit)(void *context, uint32_t rule,
                                const struct rule_need_clause *clauses, size_t count);
/* For each enabled rule that may match an event with this route value: conditions on the given
 * fields that all must hold where the rule matches. No clause: nothing is known, the rule needs
 * every such event. What visit is given lives for the call. */
MUST_USE err_kind rule_program_needs(struct rule_program *program, span route_value,
                                     const span *fields, size_t field_count, rule_need_visit visit,
                                     void *context, struct err_ctx *err);

/* ---- explaining ---- */

/* The rule's condition after macros and lists, the route values it is looked at for, what it is
 * found by, and with how many rules its predicates are shared. */
void rule_explain(const struct rule_program *program, uint32_t index, struct writer *out);
/* Which of the rule's predicates hold for this event, and whether the rule matches. */
void rule_explain_event(struct rule_program *program, uint32_t index, struct event *event,
                        struct writer *out);

/* What a rule's condition cost since it was measured. */
struct rule_cost {
    uint64_t asked; /* events for which the condition was looked at */
    uint64_t matched;
    uint64_t ns; /* that it took, two readings of the clock each time included */
};
/* From now on every look at a rule's condition is timed and added to costs[rule] (borrowed); NULL
 * ends that. A predicate that rules share is paid by the first of them that asks. */
void rule_program_measure(struct rule_program *program, struct rule_cost *costs);
/* How many predicates the rule has, and how many of them other rules have too. */
void rule_program_sharing(const struct rule_program *program, uint32_t index,
                          size_t *ret_predicates, size_t *ret_shared);

/* How the rules are found: for status and benches. */
struct rule_program_stats {
    size_t rules;
    size_t enabled;
    size_t predicates;
    size_t nodes;
    size_t indexed_predicates;   /* answered by a look-up of the value */
    size_t vectorscan_fields;    /* looked up with Vectorscan's help */
    size_t rules_without_access; /* looked at for every event of their routes */
};
void rule_program_stats(const struct rule_program *program, struct rule_program_stats *ret);

/* What matching did since the program was opened. */
struct rule_program_counters {
    uint64_t events;
    uint64_t lookups;    /* of a value for all predicates on it */
    uint64_t remembered; /* of those: answered by the memo */
    uint64_t candidates; /* rules whose conditions were asked */
    uint64_t undecided;  /* of those: a regex's limit was hit, it may have matched */
};
const struct rule_program_counters *rule_program_counters(const struct rule_program *program);

/* ---- for tests and benches ---- */

struct rule_program_options {
    bool without_vectorscan;
    bool without_memo;
};
MUST_USE err_kind rule_program_open_with(span image, const struct schema *schema,
                                         const struct rule_program_options *options,
                                         struct rule_program **ret, struct err_ctx *err);
/* Does this rule match, by its condition alone: no route, no access predicate, no memo, nothing
 * shared? What rule_program_match must agree with. */
bool rule_program_match_plainly(struct rule_program *program, struct event *event, uint32_t rule,
                                bool *ret_undecided);
