/* One item of a file: which kind it is, and the kinds that are not rules. */
#include <stdio.h>

#include "core/vector.h"
#include "falco/collection.h"

static void error_at(struct collection *collection, const struct yaml_file *file,
                     const struct yaml_node *node, const char *text)
{
    struct position at = yaml_position(file, node);
    diagnostics_error(collection->diagnostics, &at, NULL, "%s", text);
}

bool scalar_bool(struct collection *collection, const struct yaml_file *file,
                 const struct yaml_node *node, const char *key, bool *ret)
{
    static const char *const yes[] = {"true", "True", "TRUE", "yes", "on", "y"};
    static const char *const no[] = {"false", "False", "FALSE", "no", "off", "n"};
    struct position at = yaml_position(file, node);
    for (size_t index = 0; node->kind == YAML_SCALAR && index < 6; index++) {
        *ret = span_eq(node->text, span_str(yes[index]));
        if (*ret || span_eq(node->text, span_str(no[index])))
            return true;
    }
    diagnostics_error(collection->diagnostics, &at, NULL, "'%s': expected true or false", key);
    return false;
}

bool item_name(struct collection *collection, const struct yaml_file *file,
               const struct yaml_node *item, const char *kind, span *ret)
{
    const struct yaml_node *name = yaml_get(item, kind);
    if (name->kind != YAML_SCALAR || name->text.len == 0) {
        struct position at = yaml_position(file, name);
        diagnostics_error(collection->diagnostics, &at, NULL, "'%s': expected a name", kind);
        return false;
    }
    *ret = name->text;
    return true;
}

/* ---- append and override ---- */

static const struct change_key *key_find(const struct change_key *keys, size_t count, span name)
{
    for (size_t index = 0; index < count; index++)
        if (span_eq(name, span_str(keys[index].name)))
            return &keys[index];
    return NULL;
}

void keys_warn(struct collection *collection, const struct yaml_file *file,
               const struct yaml_node *item, const char *kind, const struct change_key *keys,
               size_t count)
{
    for (const struct yaml_node *key = item->first; key; key = key->next) {
        struct position at = yaml_position(file, key);
        if (!key_find(keys, count, key->text) && !span_eq(key->text, span_str(kind)) &&
            !span_eq(key->text, SPAN("append")) && !span_eq(key->text, SPAN("override")))
            diagnostics_warning(collection->diagnostics, &at, "unknown key '" PRI_SPAN "' in a %s",
                                ARG_SPAN(key->text), kind);
    }
}

static bool override_key(struct collection *collection, const struct yaml_file *file,
                         const struct yaml_node *item, const struct yaml_node *key,
                         const struct change_key *known, enum change *ret)
{
    struct position at = yaml_position(file, key);
    bool is_append = key->value->kind == YAML_SCALAR && span_eq(key->value->text, SPAN("append"));
    bool is_replace = key->value->kind == YAML_SCALAR && span_eq(key->value->text, SPAN("replace"));
    if (!is_append && !is_replace)
        diagnostics_error(collection->diagnostics, &at, NULL,
                          "override '" PRI_SPAN "': expected append or replace",
                          ARG_SPAN(key->text));
    else if (!known || (is_append && !known->may_append) || (is_replace && !known->may_replace))
        diagnostics_error(collection->diagnostics, &at, NULL,
                          "override: '" PRI_SPAN "' cannot be %s", ARG_SPAN(key->text),
                          is_append ? "appended to" : "replaced");
    else if (!yaml_get(item, known->name))
        diagnostics_error(collection->diagnostics, &at, NULL,
                          "override names '%s', which the item does not give", known->name);
    else {
        *ret = is_append ? CHANGE_APPEND : CHANGE_REPLACE;
        return true;
    }
    return false;
}

static bool override_read(struct collection *collection, const struct yaml_file *file,
                          const struct yaml_node *item, const struct yaml_node *override,
                          const struct change_key *keys, size_t count, enum change *changes)
{
    bool is_good = true;
    if (override->kind != YAML_MAPPING || override->count == 0) {
        error_at(collection, file, override, "'override': expected keys with append or replace");
        return false;
    }
    for (const struct yaml_node *key = override->first; key; key = key->next) {
        const struct change_key *known = key_find(keys, count, key->text);
        enum change change;
        if (override_key(collection, file, item, key, known, &change))
            changes[known - keys] = change;
        else
            is_good = false;
    }
    for (size_t index = 0; is_good && index < count; index++) {
        const struct yaml_node *value = yaml_get(item, keys[index].name);
        if (!value || changes[index] != CHANGE_NONE)
            continue;
        struct position at = yaml_position(file, value);
        diagnostics_error(collection->diagnostics, &at, NULL,
                          "unexpected key '%s': 'override' does not name it", keys[index].name);
        is_good = false;
    }
    return is_good;
}

bool changes_read(struct collection *collection, const struct yaml_file *file,
                  const struct yaml_node *item, const char *kind, const struct change_key *keys,
                  size_t count, enum change *changes, bool *ret_is_change)
{
    const struct yaml_node *append = yaml_get(item, "append");
    const struct yaml_node *override = yaml_get(item, "override");
    bool is_append = false;
    if (append && !scalar_bool(collection, file, append, "append", &is_append))
        return false;
    keys_warn(collection, file, item, kind, keys, count);
    for (size_t index = 0; index < count; index++)
        changes[index] = CHANGE_NONE;
    *ret_is_change = is_append || override;
    if (append && override) {
        error_at(collection, file, override, "'append' and 'override' in one item");
        return false;
    }
    if (override)
        return override_read(collection, file, item, override, keys, count, changes);
    for (size_t index = 0; index < count; index++) {
        if (!yaml_get(item, keys[index].name))
            continue;
        changes[index] = is_append ? CHANGE_APPEND : CHANGE_SET;
        if (!is_append || keys[index].may_append)
            continue;
        changes[index] = CHANGE_NONE;
    }
    return true;
}

/* ---- lists ---- */

static bool list_items(struct collection *collection, const struct yaml_file *file,
                       const struct yaml_node *node, struct falco_list *list, bool is_append)
{
    size_t before = is_append ? list->count : 0;
    if (node->kind != YAML_SEQUENCE) {
        error_at(collection, file, node, "'items': expected a list of values");
        return false;
    }
    struct falco_value *items =
        arena_alloc(&collection->arena, (before + node->count + 1) * sizeof *items);
    if (!items)
        return false;
    if (before)
        memcpy(items, list->items, before * sizeof *items);
    size_t used = before;
    for (const struct yaml_node *item = node->first; item; item = item->next) {
        if (item->kind != YAML_SCALAR) {
            error_at(collection, file, item, "expected a value, found a collection");
            return false;
        }
        items[used++] = (struct falco_value){item->text, yaml_position(file, item)};
    }
    list->items = items;
    list->count = used;
    return true;
}

static void list_read(struct collection *collection, const struct yaml_file *file,
                      const struct yaml_node *item)
{
    static const struct change_key keys[] = {{"items", true, true}};
    enum change change;
    bool is_change;
    span name;
    if (!item_name(collection, file, item, "list", &name) ||
        !changes_read(collection, file, item, "list", keys, 1, &change, &is_change))
        return;
    const struct yaml_node *items = yaml_get(item, "items");
    struct falco_list *list = list_find(collection, name);
    if (!items) {
        error_at(collection, file, item, "a list needs 'items'");
        return;
    }
    if (is_change && !list) {
        struct position at = yaml_position(file, item);
        diagnostics_error(collection->diagnostics, &at, NULL,
                          "list '" PRI_SPAN "' is not defined: nothing to change", ARG_SPAN(name));
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
    list->at = yaml_position(file, item);
    (void)list_items(collection, file, items, list, change == CHANGE_APPEND);
}

/* ---- macros ---- */

static void macro_read(struct collection *collection, const struct yaml_file *file,
                       const struct yaml_node *item)
{
    static const struct change_key keys[] = {{"condition", true, true}};
    enum change change;
    bool is_change;
    span name;
    uint32_t index;
    if (!item_name(collection, file, item, "macro", &name) ||
        !changes_read(collection, file, item, "macro", keys, 1, &change, &is_change))
        return;
    const struct yaml_node *condition = yaml_get(item, "condition");
    if (!condition || condition->kind != YAML_SCALAR || yaml_is_null(condition)) {
        error_at(collection, file, condition ? condition : item, "a macro needs a 'condition'");
        return;
    }
    bool is_known = map_get(&collection->macro_names, name, &index);
    if (is_change && !is_known) {
        struct position at = yaml_position(file, item);
        diagnostics_error(collection->diagnostics, &at, NULL,
                          "macro '" PRI_SPAN "' is not defined: nothing to change", ARG_SPAN(name));
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
    macro->at = yaml_position(file, item);
    macro->visibility = collection->index;
    macro->condition =
        change == CHANGE_APPEND ? text_join(collection, &macro->condition, " ", &text) : text;
}

/* ---- requirements ---- */

/* N or a.b.c; N means 0.N.0. */
static bool version_parse(span text, unsigned version[3])
{
    size_t part = 0;
    size_t digits = 0;
    version[0] = version[1] = version[2] = 0;
    for (size_t index = 0; index < text.len; index++) {
        uint8_t byte = text.data[index];
        if (byte == '.' && digits && part < 2) {
            part++;
            digits = 0;
        } else if (byte >= '0' && byte <= '9' && ++digits <= 6) {
            version[part] = version[part] * 10 + (unsigned)(byte - '0');
        } else {
            return false;
        }
    }
    if (part == 0) {
        version[1] = version[0];
        version[0] = 0;
    }
    return digits && part != 1;
}

static void engine_version_read(struct collection *collection, const struct yaml_file *file,
                                const struct yaml_node *node)
{
    struct position at = yaml_position(file, node);
    unsigned version[3];
    if (node->kind != YAML_SCALAR || !version_parse(node->text, version)) {
        error_at(collection, file, node,
                 "'required_engine_version': expected a number or three parts as 0.57.0");
        return;
    }
    bool is_newer = version[0] != FALCO_ENGINE_MAJOR || version[1] > FALCO_ENGINE_MINOR ||
                    (version[1] == FALCO_ENGINE_MINOR && version[2] > FALCO_ENGINE_PATCH);
    if (is_newer)
        diagnostics_error(collection->diagnostics, &at, NULL,
                          "the file needs engine version " PRI_SPAN ", this one reads %d.%d.%d",
                          ARG_SPAN(node->text), FALCO_ENGINE_MAJOR, FALCO_ENGINE_MINOR,
                          FALCO_ENGINE_PATCH);
}

/* What the container plugin gives is built in. */
static bool is_built_in(const struct yaml_node *plugin)
{
    const struct yaml_node *name = yaml_get(plugin, "name");
    return name && name->kind == YAML_SCALAR && span_eq(name->text, SPAN("container"));
}

static void plugin_read(struct collection *collection, const struct yaml_file *file,
                        const struct yaml_node *plugin)
{
    unsigned version[3];
    const struct yaml_node *name = yaml_get(plugin, "name");
    const struct yaml_node *wanted = yaml_get(plugin, "version");
    const struct yaml_node *others = yaml_get(plugin, "alternatives");
    if (!name || name->kind != YAML_SCALAR || !wanted || wanted->kind != YAML_SCALAR ||
        !version_parse(wanted->text, version)) {
        error_at(collection, file, plugin, "expected a plugin's name and version");
        return;
    }
    bool is_there = is_built_in(plugin);
    for (const struct yaml_node *other = others ? others->first : NULL; other; other = other->next)
        is_there |= is_built_in(other);
    struct position at = yaml_position(file, name);
    if (!is_there)
        diagnostics_warning(collection->diagnostics, &at,
                            "plugin '" PRI_SPAN "' is not here: its fields are unknown",
                            ARG_SPAN(name->text));
}

static void plugin_versions_read(struct collection *collection, const struct yaml_file *file,
                                 const struct yaml_node *node)
{
    if (node->kind != YAML_SEQUENCE) {
        error_at(collection, file, node, "'required_plugin_versions': expected a list");
        return;
    }
    for (const struct yaml_node *plugin = node->first; plugin; plugin = plugin->next)
        plugin_read(collection, file, plugin);
}

/* ---- items ---- */

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
    if ((value = yaml_get(item, "required_engine_version")))
        engine_version_read(collection, file, value);
    else if ((value = yaml_get(item, "required_plugin_versions")))
        plugin_versions_read(collection, file, value);
    else if (yaml_get(item, "list"))
        list_read(collection, file, item);
    else if (yaml_get(item, "macro"))
        macro_read(collection, file, item);
    else if (yaml_get(item, "rule"))
        rule_item_read(collection, file, item);
    else {
        struct position at = yaml_position(file, item);
        diagnostics_warning(collection->diagnostics, &at,
                            "unknown item: expected rule, macro, list, required_engine_version or "
                            "required_plugin_versions");
    }
}
