/* What Falco files define, before it is resolved. Private to falco. */
#pragma once

#include "core/arena.h"
#include "core/map.h"
#include "falco/falco.h"

#define FALCO_ITEMS_MAX 200000u /* of each kind */

/* Text that was put together from several places, with the way back to each. */
struct text_piece {
    size_t start; /* in the text */
    const struct yaml_file *file;
    const struct yaml_node *node;
    size_t node_offset;
    bool is_made; /* written by us: all of it stands where the node does */
};

struct text {
    span bytes;
    struct text_piece *pieces;
    size_t piece_count;
};

struct falco_value {
    span text;
    struct position at;
};

enum item_state { ITEM_NEW, ITEM_OPEN, ITEM_DONE };

struct falco_list {
    span name;
    struct position at;
    struct falco_value *items; /* as written, then expanded */
    size_t count;
    uint32_t first_index;
    uint32_t visibility; /* index of the last definition: lists defined before it may be named */
    enum item_state state;
    bool is_used;
};

struct falco_macro {
    span name;
    struct position at;
    struct text condition;
    uint32_t first_index; /* macros defined before this one may be used, see macro_use */
    uint32_t visibility;  /* index of the last definition */
    enum item_state state;
    uint32_t node; /* RULE_NONE: wrong, and reported */
    bool is_used;
    bool is_built; /* good, and in the builder of the rules */
};

/* One set of values of an exception, from one file. */
struct exception_values {
    const struct yaml_file *file;
    const struct yaml_node *values;
    struct exception_values *next;
};

struct falco_exception {
    span name;
    const struct yaml_file *file;
    const struct yaml_node *fields; /* NULL: none given */
    const struct yaml_node *comparisons;
    struct exception_values *values;
    struct exception_values *values_last;
    struct falco_exception *next;
};

struct falco_rule {
    span name;
    struct position at;
    struct text condition;
    struct text output;
    span desc;
    span source;
    uint8_t priority;
    bool is_enabled;
    bool skip_if_unknown;
    bool is_left_out;    /* of another source */
    bool warns_of_types; /* `warn_evttypes: false`: it means to look at events of every type */
    bool is_wrong;       /* reported; its texts are still checked */
    span *tags;
    size_t tag_count;
    struct falco_exception *exceptions;
};

struct collection {
    const struct schema *schema;
    struct diagnostics *diagnostics;
    struct arena arena;
    const struct falco_input *inputs;
    size_t input_count;
    uint32_t index; /* of the item being read, over all files */

    struct falco_list *lists;
    size_t list_count, lists_size;
    struct falco_macro *macros;
    size_t macro_count, macros_size;
    struct falco_rule *rules;
    size_t rule_count, rules_size;
    struct map list_names;
    struct map macro_names;
    struct map rule_names;
};

/* items.c, rule_item.c: one item of a file into the collection. */
void item_read(struct collection *collection, const struct yaml_file *file,
               const struct yaml_node *item);
void rule_item_read(struct collection *collection, const struct yaml_file *file,
                    const struct yaml_node *item);
bool scalar_bool(struct collection *collection, const struct yaml_file *file,
                 const struct yaml_node *node, const char *key, bool *ret);
/* The name behind `rule`, `macro` or `list`; false when there is none, reported. */
bool item_name(struct collection *collection, const struct yaml_file *file,
               const struct yaml_node *item, const char *kind, span *ret);
/* What `append: true` or an `override` says of a key. */
enum change { CHANGE_NONE, CHANGE_SET, CHANGE_APPEND, CHANGE_REPLACE };
#define CHANGE_KEYS_MAX 16
struct change_key {
    const char *name;
    bool may_append;
    bool may_replace;
    bool is_appended_by_flag; /* `append: true` appends to it */
};

/* change.c. Fills changes (one a key of the table, NONE where the item lacks it). False: wrong,
 * reported. *ret_is_change: the item changes an earlier one. */
bool changes_read(struct collection *collection, const struct yaml_file *file,
                  const struct yaml_node *item, const char *kind, const struct change_key *keys,
                  size_t count, enum change *changes, bool *ret_is_change);
/* Warns of keys that are not in the table. */
void keys_warn(struct collection *collection, const struct yaml_file *file,
               const struct yaml_node *item, const char *kind, const struct change_key *keys,
               size_t count);

/* requirement.c */
void engine_version_read(struct collection *collection, const struct yaml_file *file,
                         const struct yaml_node *node);
void plugin_versions_read(struct collection *collection, const struct yaml_file *file,
                          const struct yaml_node *node);

/* hint.c: the nearest name, or NULL; valid as long as the names are. */
const char *hint_nearest(const char *const *names, size_t count, span name);
const char *hint_macro(const struct collection *collection, span name);
const char *hint_list(const struct collection *collection, span name);
const char *hint_key(const struct change_key *keys, size_t count, const char *kind, span name);

/* event_names.c */
bool event_name_known(span name);
const char *hint_event(span name);

/* text.c */
struct text text_of_node(struct collection *collection, const struct yaml_file *file,
                         const struct yaml_node *scalar);
struct text text_join(struct collection *collection, const struct text *a, const char *between,
                      const struct text *b);
struct position text_position(const struct text *text, size_t offset);

/* exception.c */
void exceptions_read(struct collection *collection, const struct yaml_file *file,
                     const struct yaml_node *node, struct falco_rule *rule, bool is_append);
/* exception_text.c */
bool is_list_comparison(span comparison);
struct text exceptions_apply(struct collection *collection, const struct falco_rule *rule);

/* condition.c */
struct compile {
    struct collection *collection;
    struct rule_builder *builder;
    bool tolerates_unknown; /* skip-if-unknown-filter: an unknown field is no error */
    bool warns_unknown;     /* of a field that nothing will ask for */
    bool met_unknown;
    bool is_quiet; /* what is compiled was compiled before: its warnings are out */
    uint32_t macro_depth;
};
/* The node of a condition; RULE_NONE when something was wrong, which was reported. visibility: of
 * the macro that it belongs to, UINT32_MAX for a rule. */
uint32_t condition_compile(struct compile *compile, const struct text *text, uint32_t visibility);

/* output.c: parts in the collection's arena; false when something was wrong, reported. */
bool output_compile(struct compile *compile, const struct text *text,
                    struct rule_output_part **ret_parts, size_t *ret_count);

/* list.c */
void lists_expand(struct collection *collection);
/* Warns of values that stand there twice, at the later one that has a place. */
void list_repeats_warn(struct collection *collection, const struct falco_value *values,
                       size_t count);
struct falco_list *list_find(struct collection *collection, span name);
