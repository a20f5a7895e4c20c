/* Looking into the rules of a program, read only: for checks that ask what a condition says,
 * whatever language it came from. Included by rule.h. */
#pragma once

#include "rule/build.h"

struct rule_program;

enum rule_node_kind {
    RULE_NODE_CONSTANT,
    RULE_NODE_PREDICATE,
    RULE_NODE_NOT,
    RULE_NODE_ALL,
    RULE_NODE_ANY,
};

struct rule_node {
    enum rule_node_kind kind;
    bool truth;               /* CONSTANT */
    uint32_t predicate;       /* PREDICATE */
    const uint32_t *children; /* NOT, ALL, ANY */
    uint32_t count;
};

struct rule_predicate {
    const struct rule_compare *compare;
    uint32_t left;                 /* equal for predicates on the same value */
    const struct field_ref *field; /* NULL: a function of fields */
    enum rule_function function;   /* where field is NULL: the outermost */
    bool is_list;                  /* the value may be several */
    bool is_relation;              /* compared with another value: no literals */
    const struct rule_literal *literals;
    uint32_t count;
};

/* The ids of nodes are those that the builder of the image gave. index < rule_program_count. */
uint32_t rule_program_root(const struct rule_program *program, uint32_t index);
void rule_program_node(const struct rule_program *program, uint32_t node, struct rule_node *ret);
void rule_program_predicate(const struct rule_program *program, uint32_t predicate,
                            struct rule_predicate *ret);
/* Does the predicate, which is no relation, hold for this value? */
bool rule_program_holds(struct rule_program *program, uint32_t predicate,
                        const struct value *value);
/* As `rules explain` shows it. */
void rule_program_predicate_write(const struct rule_program *program, uint32_t predicate,
                                  struct writer *out);
