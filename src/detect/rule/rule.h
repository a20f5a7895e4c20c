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
    span source;        /* "syscall" */
    span priority_name; /* as JSON shows it: Falco's word, or Sigma's level */
    enum rule_priority priority;
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
/* The fields that the rule's output names, in order, spelt as there. */
struct rule_output_field {
    span name;
    uint32_t slot;
};
size_t rule_program_output_fields(const struct rule_program *program, uint32_t index,
                                  const struct rule_output_field **ret_fields);
