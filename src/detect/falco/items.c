/* One item of a file: which kind it is, and the kinds that are not rules. */
#include <strings.h>

#include "core/vector.h"
#include "falco/collection.h"

static void error_at(struct collection *collection, const struct yaml_file *file,
                     const struct yaml_node *node, const char *text)
{
    struct position at = yaml_position(file, node);
    diagnostics_error(collection->diagnostics, &at, NULL, "%s", text);
}

/* As yaml-cpp has them: all lower, all upper, or one capital in front. */
static bool is_word(span text, const char *word)
{
    size_t capitals = 0;
    if (text.len != strlen(word) || strncasecmp((const char *)text.data, word, text.len) != 0)
        return false;
    for (size_t index = 0; index < text.len; index++)
        capitals += text.data[index] < 'a';
    return capitals == 0 || capitals == text.len || (capitals == 1 && text.data[0] < 'a');
}

bool scalar_bool(struct collection *collection, const struct yaml_file *file,
                 const struct yaml_node *node, const char *key, bool *ret)
{
    static const char *const yes[] = {"true", "yes", "on", "y"};
    static const char *const no[] = {"false", "no", "off", "n"};
    struct position at = yaml_position(file, node);
    for (size_t index = 0; node->kind == YAML_SCALAR && index < 4; index++) {
        *ret = is_word(node->text, yes[index]);
        if (*ret || is_word(node->text, no[index]))
            return true;
    }
    diagnostics_error(collection->diagnostics, &at, NULL, "'%s': expected true or false", key);
    return false;
}

bool item_name(struct collection *collection, const struct yaml_file *file,
               const struct yaml_node *item, const char *kind, span *ret)
{
    const struct yaml_node *name = yaml_get(item, kind);
    if (name->kind != YAML_SCALAR || name->text.len == 0 || yaml_is_null(name)) {
        struct position at = yaml_position(file, name);
        diagnostics_error(collection->diagnostics, &at, NULL, "'%s': expected a name", kind);
        return false;
    }
    *ret = name->text;
    return true;
}

/* ---- lists ---- */

static bool is_list_name(span name)
{
    for (size_t index = 0; index < name.len; index++)
        if (name.data[index] <= ' ' || strchr("()\"'=,", name.data[index]))
            return false;
    return true;
}

static bool is_macro_name(span name)
{
    for (size_t index = 0; index < name.len; index++) {
        uint8_t byte = name.data[index];
        bool is_letter = (byte | 0x20) >= 'a' && (byte | 0x20) <= 'z';
        if (!is_letter && (index == 0 || (byte != '_' && (byte < '0' || byte > '9'))))
            return false;
    }
    return true;
}

static void list_items(struct collection *collection, const struct yaml_file *file,
                       const struct yaml_node *node, struct falco_list *list, bool is_append)
{
    size_t before = is_append ? list->count : 0;
    if (node->kind != YAML_SEQUENCE) {
        error_at(collection, file, node, "'items': expected a list of values");
        return;
    }
    struct falco_value *items =
        arena_alloc(&collection->arena, (before + node->count + 1) * sizeof *items);
    if (!items)
        return;
    if (before)
        memcpy(items, list->items, before * sizeof *items);
    size_t used = before;
    for (const struct yaml_node *item = node->first; item; item = item->next) {
        if (item->kind != YAML_SCALAR)
            error_at(collection, file, item, "expected a value, found a collection");
        else if (yaml_is_null(item))
            error_at(collection, file, item, "expected a value, found nothing");
        else
            items[used++] = (struct falco_value){item->text, yaml_position(file, item)};
    }
    list->items = items;
    list->count = used;
}

static void name_warn(struct collection *collection, const struct yaml_file *file,
                      const struct yaml_node *item, const char *kind, bool is_good)
{
    struct position at = yaml_position(file, yaml_get(item, kind));
    if (!is_good)
        diagnostics_warning(collection->diagnostics, &at,
                            "no condition can name this %s: expected letters, digits and '_'",
                            kind);
}

/* Where an item replaces one of the same file, one of the two is most likely a slip. */
static void twice_warn(struct collection *collection, const struct position *at,
                       const struct position *earlier, const char *kind, span name)
{
    if (span_eq(at->file, earlier->file))
        diagnostics_warning(collection->diagnostics, at,
                            "%s '" PRI_SPAN "' replaces the one in line %u", kind, ARG_SPAN(name),
                            earlier->line);
}

static void list_read(struct collection *collection, const struct yaml_file *file,
                      const struct yaml_node *item)
{
    static const struct change_key keys[] = {{"items", true, true, true}};
    enum change change;
    bool is_change;
    span name;
    bool is_good = item_name(collection, file, item, "list", &name);
    is_good &= changes_read(collection, file, item, "list", keys, 1, &change, &is_change);
    if (!is_good)
        return;
    name_warn(collection, file, item, "list", is_list_name(name));
    const struct yaml_node *items = yaml_get(item, "items");
    struct falco_list *list = list_find(collection, name);
    if (!items) {
        error_at(collection, file, item, "a list needs 'items'");
        return;
    }
    if (change == CHANGE_APPEND && !list) {
        struct position at = yaml_position(file, item);
        diagnostics_error(collection->diagnostics, &at, hint_list(collection, name),
                          "list '" PRI_SPAN "' is not defined: nothing to append to",
                          ARG_SPAN(name));
        return;
    }
    if (!list) {
        if (!vector_grow(&collection->lists, &collection->lists_size, collection->list_count,
                         FALCO_ITEMS_MAX, sizeof *list) ||
            !map_put(&collection->list_names, name, (uint32_t)collection->list_count)) {
            error_at(collection, file, item, "too many lists");
            return;
        }
        list = &collection->lists[collection->list_count++];
        *list = (struct falco_list){.name = name, .first_index = collection->index};
    }
    struct position at = yaml_position(file, item);
    if (list->at.line && change == CHANGE_SET)
        twice_warn(collection, &at, &list->at, "list", name);
    list->at = at;
    list->visibility = collection->index;
    list_items(collection, file, items, list, change == CHANGE_APPEND);
}

/* ---- macros ---- */

static void macro_read(struct collection *collection, const struct yaml_file *file,
                       const struct yaml_node *item)
{
    static const struct change_key keys[] = {{"condition", true, true, true}};
    enum change change;
    bool is_change;
    span name;
    uint32_t index;
    bool is_good = item_name(collection, file, item, "macro", &name);
    is_good &= changes_read(collection, file, item, "macro", keys, 1, &change, &is_change);
    if (!is_good)
        return;
    name_warn(collection, file, item, "macro", is_macro_name(name));
    const struct yaml_node *condition = yaml_get(item, "condition");
    if (!condition || condition->kind != YAML_SCALAR || yaml_is_null(condition) ||
        condition->text.len == 0) {
        error_at(collection, file, condition ? condition : item, "a macro needs a 'condition'");
        return;
    }
    bool is_known = map_get(&collection->macro_names, name, &index);
    if (change == CHANGE_APPEND && !is_known) {
        struct position at = yaml_position(file, item);
        diagnostics_error(collection->diagnostics, &at, hint_macro(collection, name),
                          "macro '" PRI_SPAN "' is not defined: nothing to append to",
                          ARG_SPAN(name));
        return;
    }
    struct text text = text_of_node(collection, file, condition);
    if (!is_known) {
        index = (uint32_t)collection->macro_count;
        if (!vector_grow(&collection->macros, &collection->macros_size, collection->macro_count,
                         FALCO_ITEMS_MAX, sizeof *collection->macros) ||
            !map_put(&collection->macro_names, name, index)) {
            error_at(collection, file, item, "too many macros");
            return;
        }
        collection->macros[collection->macro_count++] =
            (struct falco_macro){.name = name, .first_index = collection->index, .node = RULE_NONE};
    }
    struct falco_macro *macro = &collection->macros[index];
    struct position at = yaml_position(file, item);
    if (is_known && change == CHANGE_SET)
        twice_warn(collection, &at, &macro->at, "macro", name);
    macro->at = at;
    macro->visibility = collection->index;
    macro->condition =
        change == CHANGE_APPEND ? text_join(collection, &macro->condition, " ", &text) : text;
}

/* ---- items ---- */

/* Requirements have no key but their own. */
static void lone_warn(struct collection *collection, const struct yaml_file *file,
                      const struct yaml_node *item, const char *kind)
{
    for (const struct yaml_node *key = item->first; key; key = key->next) {
        struct position at = yaml_position(file, key);
        if (!span_eq(key->text, span_str(kind)))
            diagnostics_warning(collection->diagnostics, &at,
                                "unknown key '" PRI_SPAN "' beside '%s'", ARG_SPAN(key->text),
                                kind);
    }
}

static void unknown_warn(struct collection *collection, const struct yaml_file *file,
                         const struct yaml_node *item)
{
    static const char *const kinds[] = {"rule", "macro", "list", "required_engine_version",
                                        "required_plugin_versions"};
    const struct yaml_node *key = item->first ? item->first : item;
    struct position at = yaml_position(file, key);
    diagnostics_warning_hint(collection->diagnostics, &at,
                             hint_nearest(kinds, sizeof kinds / sizeof kinds[0], key->text),
                             "unknown item: expected rule, macro, list, required_engine_version or "
                             "required_plugin_versions");
}

void item_read(struct collection *collection, const struct yaml_file *file,
               const struct yaml_node *item)
{
    const struct yaml_node *value;
    collection->index++;
    if (yaml_is_null(item))
        return;
    if (item->kind != YAML_MAPPING) {
        error_at(collection, file, item, "expected a rule, macro or list, found a plain value");
        return;
    }
    if ((value = yaml_get(item, "required_engine_version"))) {
        engine_version_read(collection, file, value);
        lone_warn(collection, file, item, "required_engine_version");
    } else if ((value = yaml_get(item, "required_plugin_versions"))) {
        plugin_versions_read(collection, file, value);
        lone_warn(collection, file, item, "required_plugin_versions");
    } else if (yaml_get(item, "list")) {
        list_read(collection, file, item);
    } else if (yaml_get(item, "macro")) {
        macro_read(collection, file, item);
    } else if (yaml_get(item, "rule")) {
        rule_item_read(collection, file, item);
    } else {
        unknown_warn(collection, file, item);
    }
}
