/* A rule between its YAML and the IR. Private to sigma. */
#pragma once

#include "core/arena.h"
#include "core/map.h"
#include "sigma/sigma.h"

/* ---- values ---- */

/* A text with wildcards: bytes, and the tokens above them. */
enum {
    TOKEN_ANY = 0x100,
    TOKEN_ONE,
    TOKEN_DASH,                /* hyphen, slash, or a dash of typography */
    TOKEN_PLACEHOLDER = 0x200, /* and the index of its name in the item */
};

struct pattern {
    uint16_t *tokens;
    size_t count;
};

enum form {
    FORM_NULL,
    FORM_TEXT,
    FORM_NUMBER,
    FORM_BOOL,
    FORM_REGEX,
    FORM_NETWORK,
    FORM_FIELD, /* the name of another field of the event */
    FORM_EXISTS,
};

struct sigma_value {
    enum form form;
    uint32_t group;         /* values of one group are alternatives of one written value */
    struct pattern pattern; /* TEXT */
    span text;              /* as written; REGEX: the regex */
    span *fields;           /* FIELD: alternatives; one before pipelines */
    size_t field_count;
    struct rule_literal literal; /* NUMBER, BOOL, NETWORK, EXISTS */
    const struct yaml_node *node;
};

/* ---- detections ---- */

struct sigma_item {
    const struct yaml_file *file;
    const struct yaml_node *node; /* key, or the value of a keyword */
    span *fields;                 /* alternatives; one before pipelines, none: keywords */
    size_t field_count;
    struct sigma_value *values;
    size_t value_count, values_size;
    uint32_t group_count;
    enum rule_operator op; /* of numbers and fields */
    bool has_op;
    bool has_function;
    enum rule_function function; /* a part of a date */
    bool is_keyword;
    bool is_cased;
    bool is_all;
    bool is_negated;
    bool is_caseless, is_multiline, is_dotall; /* of regexes */
    bool is_bound_start, is_bound_end;         /* of regexes: to the ends of the text */
    bool is_expanded;                          /* its %names% are placeholders */
    span *placeholders;                        /* their names */
    size_t placeholder_count;
    bool is_dropped;
    uint64_t applied; /* transformations of pipelines, a bit each */
};

enum detection_kind { DETECTION_ITEM, DETECTION_ALL, DETECTION_ANY };

struct detection {
    enum detection_kind kind;
    struct sigma_item *item;
    struct detection *first, *last, *next;
};

/* A named search of a rule or a filter. */
struct search {
    span name;
    const struct yaml_node *key;
    struct detection *detection; /* NULL: wrong, and reported */
    uint32_t node;               /* RULE_NONE: not built yet */
    bool is_used;
};

/* Searches and the condition over them: of a rule, of a filter that is put to it, of a pipeline.
 * Names reach no further. All scopes of a rule have to hold. */
struct scope {
    const struct yaml_file *file;
    struct search *searches;
    size_t count;
    const struct yaml_node *condition; /* NULL: none was given */
    bool is_added;                     /* by a pipeline: its one search is its condition */
    bool is_negated;
    struct scope *next;
};

/* In place of a node: pipelines took all of it away. */
#define NODE_DROPPED (RULE_NONE - 1)

/* ---- documents ---- */

enum document_kind { DOCUMENT_RULE, DOCUMENT_FILTER, DOCUMENT_CORRELATION };

struct document {
    struct yaml_file *file;
    const struct yaml_node *root; /* NULL: its file is closed until it is built */
    const struct yaml_node *own;  /* as it stands in the file, without what its collection gives */
    const struct sigma_input *input;
    enum document_kind kind;
    span title, id, name; /* data NULL: none */
    uint32_t id_line, name_line;
    struct logsource logsource;
    bool is_wrong; /* and reported: not built */
};

struct pipelines;

/* A name that a correlation groups or counts events of a rule by. */
struct asked {
    const struct document *rule;
    const struct yaml_file *file; /* of the correlation */
    const struct yaml_node *node;
    span name;
};

/* What pipelines made of it for the rule. */
struct asked_fields {
    const struct asked *asked;
    span *fields;
    size_t count;
};

struct compile {
    const struct schema *schema;
    struct rule_builder *builder;
    struct diagnostics *diagnostics;
    struct pipelines *pipelines;
    struct arena arena; /* of the load */
    struct document *documents;
    size_t document_count, documents_size;
    struct map ids;   /* -> index in documents */
    struct map names; /* likewise */
    struct asked *asked;
    size_t asked_count, asked_size;
    struct sigma_counts counts;
};

/* A rule being built. */
struct rule {
    struct compile *compile;
    const struct document *document;
    struct arena *arena;        /* of this rule */
    struct logsource logsource; /* as pipelines left it */
    uint64_t applied;           /* transformations of pipelines, a bit each */
    struct scope *first, *last; /* the rule's own is the first */
    span *fields;               /* to show, as pipelines left them */
    size_t field_count;
    struct asked_fields *asked; /* by correlations */
    size_t asked_count;
    const struct taxonomy_category *category; /* of a source with names of its own, else NULL */
    bool is_trial;                            /* only to be checked: before pipelines */
    bool is_full;                             /* memory ended */
};

/* ---- value.c ---- */

/* The type of a scalar by YAML 1.2's core schema, narrowed: null, true, false, decimal numbers; all
 * else is text. */
enum form scalar_form(const struct yaml_node *scalar, struct value *ret);
/* Sigma's wildcards and escapes; tokens NULL: no room. */
struct pattern pattern_parse(struct arena *arena, span text);
/* The pattern with a token put in front or behind, unless there is one already. */
struct pattern pattern_open(struct arena *arena, struct pattern pattern, bool at_start,
                            bool at_end);
bool pattern_has_wildcard(struct pattern pattern);
/* The text of a pattern without wildcards. */
span pattern_text(struct arena *arena, struct pattern pattern);

/* ---- encode.c: NULL tokens: no room, or the text does not allow it ---- */

enum utf16 { UTF16_LITTLE, UTF16_BIG, UTF16_MARKED };
struct pattern pattern_utf16(struct arena *arena, struct pattern pattern, enum utf16 form);
/* shift 0 to 2: without the digits that hang on what stands before and behind */
struct pattern pattern_base64(struct arena *arena, struct pattern pattern, bool is_part,
                              size_t shift);
struct pattern pattern_windash(struct arena *arena, struct pattern pattern);

enum network { NETWORK_GOOD, NETWORK_HOST_BITS, NETWORK_WRONG };
/* An address or a network; v4-mapped ones are IPv4. HOST_BITS: mended holds what was meant. */
enum network network_parse(span text, struct rule_literal *ret, char mended[static 64]);

/* ---- modifier.c ---- */

/* Reads `key` (field and modifiers) and its values. False: wrong, and reported. key NULL: one
 * keyword, which is `value`. */
bool sigma_item_read(struct rule *rule, const struct yaml_file *file, const struct yaml_node *key,
                     const struct yaml_node *value, struct sigma_item *ret);
struct sigma_value *item_value_add(struct rule *rule, struct sigma_item *item,
                                   const struct yaml_node *node, uint32_t group);

/* ---- placeholder.c ---- */

/* Makes tokens of the %names% in texts. False: wrong, and reported. */
bool sigma_item_expand(struct rule *rule, struct sigma_item *item);
/* Puts values in the place of placeholders that `find` knows. False: wrong, and reported. */
bool placeholders_replace(struct rule *rule, struct sigma_item *item,
                          bool (*find)(void *context, span name, const struct yaml_node **ret),
                          void *context);
/* A name that nothing took the place of, or data NULL. */
span placeholder_left(const struct sigma_item *item, const struct sigma_value *value);

/* ---- detection.c ---- */

struct detection *detection_read(struct rule *rule, const struct yaml_file *file,
                                 const struct yaml_node *node);
/* Searches of a mapping but for the keys in `other`, which ends with NULL. */
bool scope_read(struct rule *rule, const struct yaml_file *file, const struct yaml_node *mapping,
                const char *const *other, struct scope *ret);
/* Pipelines took away all of its items. */
bool detection_is_dropped(const struct detection *detection);
/* Calls visit for every item. */
void detection_visit(const struct detection *detection,
                     void (*visit)(struct sigma_item *item, void *context), void *context);

/* ---- condition.c ---- */

/* The node of a condition over the searches; RULE_NONE: wrong, and reported. */
uint32_t condition_build(struct rule *rule, struct scope *scope, const struct yaml_node *condition);
/* The same for one string or a list of them, of which any is to hold. */
uint32_t conditions_build(struct rule *rule, struct scope *scope,
                          const struct yaml_node *condition);

/* ---- lower.c ---- */

uint32_t detection_build(struct rule *rule, const struct detection *detection);
/* The expressions of a field, at most FIELD_EXPRESSIONS_MAX; 0: the source does not have it. */
#define FIELD_EXPRESSIONS_MAX 4
size_t sigma_field_build(struct rule *rule, span name, uint32_t *ret);

/* ---- source.c: sources with names of their own ---- */

/* False: the source has no events of the rule's logsource. */
bool logsource_find(struct rule *rule);
/* Which events these are. */
uint32_t source_build(struct rule *rule);
/* What a name is there; NULL: no name of the taxonomy. */
const struct taxonomy_field *source_field(const struct rule *rule, span name);
/* Brings values to the form that the source has them in. False: no room. */
bool source_map(struct rule *rule);

/* ---- rule.c ---- */

/* Reads what all kinds of documents have, and registers id and name. */
void document_read(struct compile *compile, struct document *document);
bool logsource_read(struct compile *compile, const struct yaml_file *file,
                    const struct yaml_node *node, struct logsource *ret);
/* A further scope; NULL: no room, and reported. */
struct scope *rule_scope_add(struct rule *rule);
void sigma_rule_build(struct compile *compile, const struct document *document,
                      struct arena *arena);

/* ---- document.c ---- */

/* The nearest of count names, or NULL. */
const char *sigma_hint(const char *const *names, size_t count, span name);
/* A text under a key; data NULL: none. False: something else, and reported. */
bool document_text(struct compile *compile, const struct document *document, const char *key,
                   span *ret);
/* Level and status; the level is medium where none is given. */
bool document_level(struct compile *compile, const struct document *document, span *ret_name,
                    uint8_t *ret_priority);
/* A list of texts, or a single one. */
bool document_texts(struct compile *compile, const struct document *document,
                    const struct yaml_node *node, const char *key, struct arena *arena, span **ret,
                    size_t *ret_count);
/* Every part that whole names is equal in part. */
bool logsource_contains(const struct logsource *whole, const struct logsource *part);
/* By id or name; NULL: none. */
struct document *document_find(const struct compile *compile, span reference);

/* ---- filter.c ---- */

/* Checks all filters; wrong ones are marked, and reported. */
void filters_check(struct compile *compile, struct arena *arena);
/* Adds the scopes of all filters that are for the rule. */
bool filters_read(struct rule *rule);

/* ---- correlation.c ---- */

/* Checks all of them, and says once that they do not run. What they ask of rules is in compile. */
void correlations_check(struct compile *compile, struct arena *arena);
/* Before pipelines are applied to the rule, and after. False: wrong, and reported. */
bool correlations_names_read(struct rule *rule);
bool correlations_names_check(const struct rule *rule);
