/* A rule between its YAML and the IR. Private to sigma. */
#pragma once

#include "core/arena.h"
#include "core/map.h"
#include "sigma/sigma.h"

/* ---- values ---- */

/* A text with wildcards: bytes, and the tokens above them. */
enum { TOKEN_ANY = 0x100, TOKEN_ONE, TOKEN_DASH /* hyphen, slash, or a dash of typography */ };

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

/* The detection section of a rule, or a filter's part of one: names reach no further. */
struct scope {
    const struct yaml_file *file;
    struct search *searches;
    size_t count;
};

/* ---- documents ---- */

enum document_kind { DOCUMENT_RULE, DOCUMENT_FILTER, DOCUMENT_CORRELATION };

struct document {
    const struct yaml_file *file;
    const struct yaml_node *root;
    const struct sigma_input *input;
    enum document_kind kind;
    span title, id, name; /* data NULL: none */
    struct logsource logsource;
    bool is_id_shared; /* taken from a document that several others are made from */
    bool is_wrong;     /* and reported: not built */
    bool is_used;      /* filter: some rule took it */
};

struct pipelines;

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
    struct sigma_counts counts;
};

/* A rule being built. */
struct rule {
    struct compile *compile;
    const struct document *document;
    struct arena *arena;        /* of this rule */
    struct logsource logsource; /* as pipelines left it */
    uint64_t applied;           /* transformations of pipelines, a bit each */
    bool is_wrong;
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

/* ---- network.c ---- */

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

/* Puts values in the place of %names%. False: wrong, and reported. */
bool sigma_item_expand(struct rule *rule, struct sigma_item *item);

/* ---- detection.c ---- */

struct detection *detection_read(struct rule *rule, const struct yaml_file *file,
                                 const struct yaml_node *node);
/* Searches of a mapping but for the keys in `other`, which ends with NULL. */
bool scope_read(struct rule *rule, const struct yaml_file *file, const struct yaml_node *mapping,
                const char *const *other, struct scope *ret);
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
/* The expression of a field; RULE_NONE: the source does not have it. */
uint32_t sigma_field_build(struct rule *rule, span name);

/* ---- rule.c ---- */

/* Reads what all kinds of documents have, and registers id and name. */
void document_read(struct compile *compile, struct document *document);
bool logsource_read(struct compile *compile, const struct yaml_file *file,
                    const struct yaml_node *node, struct logsource *ret);
void sigma_rule_build(struct compile *compile, const struct document *document,
                      struct arena *arena);

/* ---- hint.c ---- */

/* The nearest of count names, or NULL. */
const char *sigma_hint(const char *const *names, size_t count, span name);
