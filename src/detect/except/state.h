/* Private to except. */
#pragma once

#include "except/except.h"
#include "except/field.h"

#define CANDIDATES_MAX 24
#define SIGNALS_OUTPUT 20000 /* others whose text is kept for samples */

struct candidate {
    const char *name;
    const json_t *value;
    struct field_use use;
    uint64_t *same; /* a bit for each other signal: it has this value too */
    size_t size;    /* in words */
};

struct other {
    char *time;
    char *output;
};

struct except {
    struct except_rule rule;
    json_t *signal;
    struct candidate candidates[CANDIDATES_MAX];
    size_t candidate_count;
    struct other *others; /* the first of them */
    size_t other_size;
    size_t count;                     /* of other signals */
    size_t chosen[EXCEPT_FIELDS_MAX]; /* candidates */
    size_t chosen_count, silenced;    /* silenced: others */
};

/* The member's text, "" where it has none. */
const char *except_text(const json_t *object, const char *key);
