/* What an item changes: its keys, `append`, `override`. */
#include "falco/collection.h"

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
            diagnostics_warning_hint(
                collection->diagnostics, &at, hint_key(keys, count, kind, key->text),
                "unknown key '" PRI_SPAN "' in a %s", ARG_SPAN(key->text), kind);
    }
}

static bool override_key(struct collection *collection, const struct yaml_file *file,
                         const struct yaml_node *item, const struct yaml_node *key,
                         const struct change_key *keys, size_t count, enum change *ret)
{
    static const char *const operations[] = {"append", "replace"};
    const struct change_key *known = key_find(keys, count, key->text);
    struct position at = yaml_position(file, key);
    struct position value_at = yaml_position(file, key->value);
    bool is_append = key->value->kind == YAML_SCALAR && span_eq(key->value->text, SPAN("append"));
    bool is_replace = key->value->kind == YAML_SCALAR && span_eq(key->value->text, SPAN("replace"));
    if (!known)
        diagnostics_error(collection->diagnostics, &at, hint_key(keys, count, "", key->text),
                          "override: unknown key '" PRI_SPAN "'", ARG_SPAN(key->text));
    else if (!is_append && !is_replace)
        diagnostics_error(
            collection->diagnostics, &value_at, hint_nearest(operations, 2, key->value->text),
            "override '" PRI_SPAN "': expected append or replace", ARG_SPAN(key->text));
    else if ((is_append && !known->may_append) || (is_replace && !known->may_replace))
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
    for (const struct yaml_node *key = override->first; key; key = key->next) {
        const struct change_key *known = key_find(keys, count, key->text);
        enum change change;
        if (override_key(collection, file, item, key, keys, count, &change))
            changes[known - keys] = change;
        else
            is_good = false;
    }
    for (size_t index = 0; index < count; index++) {
        const struct yaml_node *value = yaml_get(item, keys[index].name);
        bool may_change = keys[index].may_append || keys[index].may_replace;
        if (!value || changes[index] != CHANGE_NONE || !may_change ||
            yaml_get(override, keys[index].name))
            continue;
        struct position at = yaml_position(file, value);
        diagnostics_error(collection->diagnostics, &at, NULL,
                          "unexpected key '%s': 'override' does not name it", keys[index].name);
        is_good = false;
    }
    return is_good;
}

/* `append: true` changes less than an override does, and leaves the rest of the item unread. */
static void append_read(struct collection *collection, const struct yaml_file *file,
                        const struct yaml_node *item, const struct change_key *keys, size_t count,
                        enum change *changes)
{
    for (size_t index = 0; index < count; index++) {
        const struct yaml_node *value = yaml_get(item, keys[index].name);
        if (!value)
            continue;
        struct position at = yaml_position(file, value);
        if (keys[index].is_appended_by_flag)
            changes[index] = CHANGE_APPEND;
        else if (keys[index].may_append || keys[index].may_replace)
            diagnostics_warning(collection->diagnostics, &at,
                                "'append: true' leaves '%s' as it was; use 'override'",
                                keys[index].name);
    }
}

bool changes_read(struct collection *collection, const struct yaml_file *file,
                  const struct yaml_node *item, const char *kind, const struct change_key *keys,
                  size_t count, enum change *changes, bool *ret_is_change)
{
    const struct yaml_node *append = yaml_get(item, "append");
    const struct yaml_node *override = yaml_get(item, "override");
    bool is_append = false;
    bool is_good = !append || scalar_bool(collection, file, append, "append", &is_append);
    keys_warn(collection, file, item, kind, keys, count);
    for (size_t index = 0; index < count; index++)
        changes[index] = CHANGE_NONE;
    if (is_append) {
        struct position at = yaml_position(file, append);
        diagnostics_warning(collection->diagnostics, &at,
                            "'append: true' is out of use: write 'override' with '%s: append'",
                            keys[0].name);
    }
    if (override && override->kind != YAML_MAPPING && !yaml_is_null(override)) {
        struct position at = yaml_position(file, override);
        diagnostics_error(collection->diagnostics, &at, NULL,
                          "'override': expected keys with append or replace");
        return false;
    }
    bool is_override = override && override->count > 0;
    *ret_is_change = is_append || is_override;
    if (is_append && is_override) {
        struct position at = yaml_position(file, override);
        diagnostics_error(collection->diagnostics, &at, NULL,
                          "'append' and 'override' in one item");
        return false;
    }
    if (is_override)
        return override_read(collection, file, item, override, keys, count, changes) && is_good;
    if (is_append)
        append_read(collection, file, item, keys, count, changes);
    for (size_t index = 0; index < count && !is_append; index++)
        if (yaml_get(item, keys[index].name))
            changes[index] = CHANGE_SET;
    return is_good;
}
