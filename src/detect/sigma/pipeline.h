/* Processing pipelines, in pySigma's form. Private to sigma. */
#pragma once

#include "sigma/compile.h"

struct transformation;

/* What a condition of a pipeline is asked of. */
struct subject {
    struct rule *rule;
    const struct sigma_item *item; /* NULL: not of an item */
    span field;                    /* data NULL: not of a field */
};

enum condition_level { CONDITION_RULE, CONDITION_ITEM, CONDITION_FIELD };

struct transformation_desc {
    const char *name;
    const char *const *keys; /* of its own, ends with NULL */
    /* False: wrong, and reported. */
    bool (*check)(struct compile *compile, const struct transformation *transformation);
    bool (*apply)(struct rule *rule, const struct transformation *transformation);
};

struct transformation {
    const struct transformation_desc *desc;
    const struct yaml_file *file;
    const struct yaml_node *node;
    uint64_t bit; /* of its id; 0: it has none */
};

struct regex;
struct pipeline_regex {
    const struct yaml_node *node;
    struct regex *regex;
};

struct pipelines {
    struct yaml_file *files;
    size_t file_count;
    struct transformation *transformations; /* in the order they are applied in */
    size_t count, size;
    const struct yaml_node **vars; /* mappings, one a file that has some */
    size_t vars_count;
    span ids[64]; /* by bit */
    size_t id_count;
    struct pipeline_regex *regexes;
    size_t regex_count;
};

/* False: no memory. What is wrong with them is in the diagnostics. */
bool pipelines_read(struct compile *compile, const struct sigma_input *inputs, size_t count);
void pipelines_free(struct pipelines *pipelines);
/* Applies all that are for the rule. False: wrong, and reported. */
bool pipelines_apply(struct rule *rule);
/* The bit of an id; 0: unknown. */
uint64_t pipelines_bit(const struct pipelines *pipelines, span id);

/* transform.c; NULL: unknown. */
const struct transformation_desc *transformation_find(span name);
const char *transformation_hint(span name);

/* pipeline_condition.c. check: false when wrong, and reported. */
bool pipeline_conditions_check(struct compile *compile,
                               const struct transformation *transformation);
bool pipeline_conditions_hold(const struct transformation *transformation,
                              enum condition_level level, const struct subject *subject);
bool pipeline_complain(struct compile *compile, const struct yaml_file *file,
                       const struct yaml_node *node, const char *hint, const char *text);
