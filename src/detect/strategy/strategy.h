/* The strategy beside a rule file (x.md beside x.yml): Markdown with the nine sections of an
 * alerting and detection strategy, under front matter that says whose it is and how far it got:
 *
 *   ---
 *   owner: detection
 *   stage: shadow
 *   attack: [T1003.008]
 *   ---
 *
 * Runs in the compiler role. */
#pragma once

#include "core/span.h"
#include "rule/rule.h"
#include "yaml/yaml.h"

struct strategy {
    span name;     /* of the file; data NULL: there is no strategy */
    span bytes;    /* all of it */
    span owner;    /* data NULL: not said */
    span response; /* the text of the section Response; data NULL: none */
    enum rule_stage stage;
};

/* The texts are borrowed from `bytes`. What is wrong with the front matter goes to the diagnostics;
 * without front matter the stage is live. */
void strategy_read(struct strategy *ret, span name, span bytes, struct diagnostics *diagnostics);

/* The text below `## <heading>`, to the next heading of any depth; data NULL: there is none. */
span strategy_section(const struct strategy *strategy, span heading);
