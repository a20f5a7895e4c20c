/* Facts: comparisons that must hold, or must not, for one event. Private to lint. */
#pragma once

#include <stdlib.h>

#include "lint/private.h"

struct fact {
    uint32_t node;
    uint32_t predicate;
    bool truth; /* as the condition asks it */
    struct rule_predicate on;
    /* Read without the negation inside of the comparison (`!=`): */
    bool is_positive;   /* some literal's comparison must hold; else: none may */
    bool is_plain;      /* it can be read so: literals, any or none of them */
    bool needs_a_value; /* does not hold without one */
};

void fact_init(const struct lint *lint, uint32_t node, uint32_t predicate, bool truth,
               struct fact *ret);
/* May the last fact hold beside those before it? */
bool facts_agree(struct lint *lint, const struct fact *facts, size_t count);
/* Is it the only fact on its value? Then value.c has said what is wrong with it. */
bool fact_is_alone(const struct fact *culprit, const struct fact *facts, size_t count);
/* Says so, with the comparisons that exclude each other. */
void fact_report(struct lint *lint, const struct position *at, const char *what,
                 const struct fact *culprit, const struct fact *facts, size_t count);
