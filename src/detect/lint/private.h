/* Shared by the files of lint. */
#pragma once

#include "lint/lint.h"

#define LINT_STEPS_MAX 20000u /* of one rule: beyond, nothing more is said about it */

struct lint {
    struct rule_program *program;
    struct diagnostics *diagnostics;
    const struct rule_info *rule; /* in hand */
    struct position at;           /* of the rule */
    uint32_t steps;
};

/* The place of a node in the rule in hand. */
struct position lint_position(const struct lint *lint, uint32_t node);
__attribute__((format(printf, 3, 4))) void lint_report(struct lint *lint, const struct position *at,
                                                       const char *format, ...);

/* strategy.c */
void lint_strategy(struct lint *lint, const struct lint_file *file);
void lint_tests(struct lint *lint, const struct lint_file *file);

/* value.c */
void lint_values(struct lint *lint, uint32_t root, bool truth);
/* The values that a field can have, where they are few: *ret_count of them, or NULL. */
const char *const *lint_domain(const struct lint *lint, const struct rule_predicate *predicate,
                               size_t *ret_count);

/* contradiction.c */
void lint_contradictions(struct lint *lint, uint32_t root);
