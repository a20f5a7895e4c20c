/* The table of modifiers. Private to sigma. */
#pragma once

#include "sigma/compile.h"

#define TAKES_REGEX (1u << FORM_REGEX)

struct modifier_desc {
    const char *name;
    const char *wants; /* what it takes, for errors */
    uint32_t takes;    /* forms of values, a bit each */
    size_t flag;       /* offset of a bool in struct sigma_item; 0: none */
    int argument;
    bool is_first;    /* takes the value as written, before escapes */
    bool needs_field; /* means nothing for keywords */
    bool is_order;    /* argument is an operator on numbers */
    bool is_function; /* argument is a function of the field */
    bool is_utf16;
    bool is_base64;
    bool (*on_value)(struct rule *rule, struct sigma_item *item, struct sigma_value *value,
                     const struct modifier_desc *row);
    bool (*on_item)(struct rule *rule, struct sigma_item *item);
};

/* NULL: unknown. */
const struct modifier_desc *modifier_find(span name);
const char *modifier_hint(span name);
/* By index, NULL behind the last: for tests. */
const struct modifier_desc *modifier_row(size_t index);
