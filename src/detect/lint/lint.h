/* What is wrong with rules that load: the strict check.
 *
 *   strategy.c       the strategy beside a rule: nine sections, owner, techniques that exist;
 * events that must and must not fire it value.c          a comparison that no value of its field
 * can pass contradiction.c  conditions that can never hold
 *
 * Works on rules after their front ends, so it is the same for every language. Sound, not complete:
 * what it reports is wrong; not all that is wrong is found. Runs in the compiler role. */
#pragma once

#include "rule/rule.h"
#include "strategy/strategy.h"
#include "yaml/yaml.h"

/* A rule file and what lies beside it. */
struct lint_file {
    span name;
    const struct strategy *strategy; /* NULL: none */
    span tests;                      /* x.test.ndjson; data NULL: none */
};

/* Each finding is an error in the diagnostics, at the comparison (diagnostics_mark) or at the rule.
 * The program is of the image that the marked nodes were built into. */
void lint_rules(struct rule_program *program, const struct lint_file *files, size_t count,
                struct diagnostics *diagnostics);
