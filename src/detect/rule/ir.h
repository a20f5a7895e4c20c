/* The intermediate representation, as the builder makes it and as an image holds it. Records refer
 * only to records before them, so the graph has no cycle. Private to rule. */
#pragma once

#include "core/arena.h"
#include "core/span.h"
#include "event/event.h"
#include "rule/rule.h"

#define IR_RULES_MAX     100000u
#define IR_RECORDS_MAX   4000000u /* of each kind */
#define IR_DEPTH_MAX     250      /* of nodes, and of expressions */
#define IR_ARENA_MAX     ((size_t)1 << 30)
#define IR_TEXT_MAX      (1u << 20)
#define IR_ARGUMENTS_MAX 64
#define IR_PARTS_MAX     1024 /* of one rule's output */

enum ir_expression_kind { IR_FIELD, IR_TEXT, IR_CALL };

struct ir_expression {
    uint8_t kind;
    uint8_t function; /* IR_CALL */
    uint8_t depth;
    uint32_t slot;  /* IR_FIELD */
    span text;      /* IR_TEXT */
    uint32_t first; /* IR_CALL: its arguments in links */
    uint32_t count;
    uint64_t hash; /* of what it says; stable over images */
};

struct ir_predicate {
    struct rule_compare compare;
    uint32_t left;
    uint32_t right; /* RULE_NONE: literals */
    uint32_t first; /* in literals */
    uint32_t count;
    uint64_t hash;
};

enum ir_node_kind { IR_CONSTANT, IR_LEAF, IR_NOT, IR_AND, IR_OR };

struct ir_node {
    uint8_t kind;
    uint8_t depth;
    bool truth;         /* IR_CONSTANT */
    uint32_t predicate; /* IR_LEAF */
    uint32_t first;     /* IR_NOT, IR_AND, IR_OR: children in links */
    uint32_t count;
    uint64_t hash;
};

struct ir_rule {
    struct rule_info info;
    uint32_t root;
    uint32_t part_first;
    uint32_t part_count;
};

struct ir {
    struct arena arena; /* texts and arrays that do not grow */
    span source;

    span *field_names; /* by slot: "proc.aname[2]" */
    struct field_ref *refs;
    size_t field_count, field_names_size, refs_size;
    struct ir_expression *expressions;
    size_t expression_count, expressions_size;
    struct rule_literal *literals;
    size_t literal_count, literals_size;
    size_t literal_uses; /* by predicates, counted each time */
    struct ir_predicate *predicates;
    size_t predicate_count, predicates_size;
    struct ir_node *nodes;
    size_t node_count, nodes_size;
    uint32_t *links;
    size_t link_count, links_size;
    struct rule_output_part *parts;
    size_t part_count, parts_size;
    struct ir_rule *rules;
    size_t rule_count, rules_size;
};

void ir_init(struct ir *ir);
/* Room for a first record of each kind, so that no array is NULL. False: out of memory. */
MUST_USE bool ir_reserve(struct ir *ir);
void ir_free(struct ir *ir);
/* Appends one record; the index, or RULE_NONE when a limit or memory ends. */
uint32_t ir_add_field(struct ir *ir, span name, const struct field_ref *ref);
uint32_t ir_add_expression(struct ir *ir, const struct ir_expression *expression);
uint32_t ir_add_literals(struct ir *ir, const struct rule_literal *literals, size_t count);
uint32_t ir_add_predicate(struct ir *ir, const struct ir_predicate *predicate);
uint32_t ir_add_node(struct ir *ir, const struct ir_node *node);
uint32_t ir_add_links(struct ir *ir, const uint32_t *links, size_t count);
uint32_t ir_add_parts(struct ir *ir, const struct rule_output_part *parts, size_t count);
uint32_t ir_add_rule(struct ir *ir, const struct ir_rule *rule);

/* A record is well formed and refers only to earlier ones: asked of every record that an image
 * brings, and asserted of every one that the builder makes. Fills depth and hash. */
bool ir_check_expression(const struct ir *ir, struct ir_expression *expression);
bool ir_check_predicate(const struct ir *ir, struct ir_predicate *predicate);
bool ir_check_node(const struct ir *ir, struct ir_node *node);
bool ir_check_literal(const struct rule_literal *literal);
/* leaf.c: does the regex of such a predicate compile? */
err_kind leaf_check_regex(span pattern, const struct rule_compare *compare, struct err_ctx *err);

/* image */
void ir_image_put(const struct ir *ir, struct writer *out);
MUST_USE err_kind ir_image_get(struct ir *ir, span image, const struct schema *schema,
                               struct err_ctx *err);
