/* All predicates of rules on one expression, looked up at once: which of them hold for a value?
 *
 *   text equal, starts, ends, contains   text_index
 *   numbers                              sorted bounds
 *   networks                             a trie
 *   globs, regexes                       their necessary literal in the text_index, then the
 *                                        predicate itself
 *   others that rules are found by       asked for every value (once, where the memo knows it)
 *
 * Private to rule. */
#pragma once

#include "event/event.h"

struct rule_program;
struct lookup;

/* Sorted by number. */
struct hits {
    uint32_t *items; /* predicate << 1, and 1 where it is undecided; ascending */
    size_t count, size;
    bool is_failed; /* memory was not enough: nothing is known */
};

static inline uint32_t hit_of(uint32_t predicate, bool is_undecided)
{
    return predicate << 1 | is_undecided;
}

/* NULL: out of memory. */
MUST_USE struct lookup *lookup_new(void);
void lookup_free(struct lookup *lookup);
/* Can a value be looked up for this predicate without asking it? */
bool lookup_takes(const struct rule_program *program, uint32_t predicate);
MUST_USE bool lookup_add(struct rule_program *program, struct lookup *lookup, uint32_t predicate);
/* The predicate is asked for every value. */
MUST_USE bool lookup_add_asked(struct lookup *lookup, uint32_t predicate);
/* After the last add. */
MUST_USE bool lookup_finish(struct rule_program *program, struct lookup *lookup);
/* How many literals and networks are in it. */
size_t lookup_weight(const struct lookup *lookup);
bool lookup_uses_vectorscan(const struct lookup *lookup);
/* The predicates that hold for a value that is not empty. */
void lookup_find(struct rule_program *program, struct lookup *lookup, const struct value *value,
                 struct event *event, struct hits *ret);
