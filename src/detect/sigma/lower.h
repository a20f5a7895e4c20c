/* Between items and predicates. Private to sigma. */
#pragma once

#include "sigma/compile.h"

struct lowered {
    struct rule_compare compare;
    struct rule_literal literal;
    const struct yaml_node *node;
    bool is_taken; /* in a predicate */
};

struct lowered_list {
    struct arena *arena;
    struct lowered *items;
    size_t count, size;
};

/* Adds what the value is compared with. Null, exists and fields add nothing. False: no room. */
bool item_value_lower(struct rule *rule, const struct sigma_item *item,
                      const struct sigma_value *value, struct lowered_list *list);
