/* Items that define or change a rule. */
#include <ctype.h>
#include <stdlib.h>
#include <strings.h>

#include "core/vector.h"
#include "falco/collection.h"

enum key {
    KEY_CONDITION,
    KEY_OUTPUT,
    KEY_DESC,
    KEY_PRIORITY,
    KEY_SOURCE,
    KEY_ENABLED,
    KEY_CAPTURE,
    KEY_CAPTURE_DURATION,
    KEY_WARN_EVTTYPES,
    KEY_SKIP_UNKNOWN,
    KEY_TAGS,
    KEY_EXCEPTIONS,
    KEY_COUNT,
};

static const struct change_key keys[KEY_COUNT] = {
    [KEY_CONDITION] = {"condition", true, true, true},
    [KEY_OUTPUT] = {"output", true, true, false},
    [KEY_DESC] = {"desc", true, true, false},
    [KEY_PRIORITY] = {"priority", false, true, false},
    [KEY_SOURCE] = {"source", false, false, false},
    [KEY_ENABLED] = {"enabled", false, true, false},
    [KEY_CAPTURE] = {"capture", false, true, false},
    [KEY_CAPTURE_DURATION] = {"capture_duration", false, true, false},
    [KEY_WARN_EVTTYPES] = {"warn_evttypes", false, true, false},
    [KEY_SKIP_UNKNOWN] = {"skip-if-unknown-filter", false, true, false},
    [KEY_TAGS] = {"tags", true, true, false},
    [KEY_EXCEPTIONS] = {"exceptions", true, true, true},
};
_Static_assert(KEY_COUNT <= CHANGE_KEYS_MAX, "hints name every key");

static const char *const priorities[] = {
    [PRIORITY_EMERGENCY] = "EMERGENCY",
    [PRIORITY_ALERT] = "ALERT",
    [PRIORITY_CRITICAL] = "CRITICAL",
    [PRIORITY_ERROR] = "ERROR",
    [PRIORITY_WARNING] = "WARNING",
    [PRIORITY_NOTICE] = "NOTICE",
    [PRIORITY_INFORMATIONAL] = "INFORMATIONAL",
    [PRIORITY_DEBUG] = "DEBUG",
};

static bool priority_parse(span text, uint8_t *ret)
{
    if (text.len == 4 && strncasecmp((const char *)text.data, "INFO", 4) == 0) {
        *ret = PRIORITY_INFORMATIONAL;
        return true;
    }
    for (unsigned index = 0; index <= PRIORITY_DEBUG; index++) {
        span name = span_str(priorities[index]);
        if (name.len == text.len &&
            strncasecmp((const char *)text.data, priorities[index], name.len) == 0) {
            *ret = (uint8_t)index;
            return true;
        }
    }
    return false;
}

struct rule_reader {
    struct collection *collection;
    const struct yaml_file *file;
    const struct yaml_node *item;
    struct falco_rule *rule;
};

static bool fail_at(const struct rule_reader *reader, const struct yaml_node *node, const char *key,
                    const char *expected)
{
    struct position at = yaml_position(reader->file, node);
    diagnostics_error(reader->collection->diagnostics, &at, NULL,
                      "rule '" PRI_SPAN "': '%s': expected %s", ARG_SPAN(reader->rule->name), key,
                      expected);
    return false;
}

static bool set_text(const struct rule_reader *reader, const struct yaml_node *node, enum key key,
                     bool is_append, struct text *ret)
{
    if (node->kind != YAML_SCALAR || yaml_is_null(node) || node->text.len == 0)
        return fail_at(reader, node, keys[key].name, "text");
    struct text text = text_of_node(reader->collection, reader->file, node);
    *ret = is_append ? text_join(reader->collection, ret, " ", &text) : text;
    return true;
}

static bool set_desc(const struct rule_reader *reader, const struct yaml_node *node, bool is_append)
{
    if (node->kind != YAML_SCALAR || yaml_is_null(node) || node->text.len == 0)
        return fail_at(reader, node, "desc", "text");
    struct text old = {.bytes = reader->rule->desc};
    struct text text = {.bytes = node->text};
    reader->rule->desc =
        is_append ? text_join(reader->collection, &old, " ", &text).bytes : node->text;
    return true;
}

static bool has_tag(const span *tags, size_t count, span tag)
{
    for (size_t index = 0; index < count; index++)
        if (span_eq(tags[index], tag))
            return true;
    return false;
}

static bool set_tags(const struct rule_reader *reader, const struct yaml_node *node, bool is_append)
{
    struct falco_rule *rule = reader->rule;
    size_t before = is_append ? rule->tag_count : 0;
    if (node->kind != YAML_SEQUENCE)
        return yaml_is_null(node) || fail_at(reader, node, "tags", "a list of words");
    span *tags = arena_alloc(&reader->collection->arena, (before + node->count + 1) * sizeof *tags);
    if (!tags || before + node->count > 256)
        return fail_at(reader, node, "tags", "at most 256 tags");
    if (before)
        memcpy(tags, rule->tags, before * sizeof *tags);
    size_t count = before;
    bool is_good = true;
    for (const struct yaml_node *tag = node->first; tag; tag = tag->next) {
        if (tag->kind != YAML_SCALAR || yaml_is_null(tag))
            is_good = fail_at(reader, tag, "tags", "a word");
        else if (!has_tag(tags, count, tag->text))
            tags[count++] = tag->text;
    }
    rule->tags = tags;
    rule->tag_count = count;
    return is_good;
}

static bool priority_set(const struct rule_reader *reader, const struct yaml_node *node)
{
    struct position at = yaml_position(reader->file, node);
    if (node->kind == YAML_SCALAR && priority_parse(node->text, &reader->rule->priority))
        return true;
    const char *hint = NULL;
    char upper[16] = {0};
    for (size_t index = 0; index < node->text.len && index < sizeof upper - 1; index++)
        upper[index] = (char)toupper(node->text.data[index]);
    if (node->kind == YAML_SCALAR)
        hint = hint_nearest(priorities, PRIORITY_DEBUG + 1, span_str(upper));
    diagnostics_error(reader->collection->diagnostics, &at, hint,
                      "rule '" PRI_SPAN "': 'priority': expected emergency, alert, critical, "
                      "error, warning, notice, informational or debug",
                      ARG_SPAN(reader->rule->name));
    return false;
}

static bool is_count(span text)
{
    for (size_t index = 0; index < text.len; index++)
        if (text.data[index] < '0' || text.data[index] > '9')
            return false;
    return text.len > 0 && text.len < 11;
}

static bool set_key(const struct rule_reader *reader, enum key key, enum change change)
{
    const struct yaml_node *node = yaml_get(reader->item, keys[key].name);
    struct falco_rule *rule = reader->rule;
    struct collection *collection = reader->collection;
    bool is_append = change == CHANGE_APPEND;
    bool ignored;
    switch (key) {
    case KEY_CONDITION:
        return set_text(reader, node, key, is_append, &rule->condition);
    case KEY_OUTPUT:
        return set_text(reader, node, key, is_append, &rule->output);
    case KEY_DESC:
        return set_desc(reader, node, is_append);
    case KEY_PRIORITY:
        return priority_set(reader, node);
    case KEY_SOURCE:
        return node->kind == YAML_SCALAR || fail_at(reader, node, "source", "a word");
    case KEY_ENABLED:
        return scalar_bool(collection, reader->file, node, "enabled", &rule->is_enabled);
    case KEY_SKIP_UNKNOWN:
        return scalar_bool(collection, reader->file, node, keys[key].name, &rule->skip_if_unknown);
    case KEY_WARN_EVTTYPES:
        return scalar_bool(collection, reader->file, node, keys[key].name, &rule->warns_of_types);
    case KEY_CAPTURE:
        return scalar_bool(collection, reader->file, node, keys[key].name, &ignored);
    case KEY_CAPTURE_DURATION:
        return (node->kind == YAML_SCALAR && is_count(node->text)) ||
               fail_at(reader, node, "capture_duration", "milliseconds");
    case KEY_TAGS:
        return set_tags(reader, node, is_append);
    case KEY_EXCEPTIONS:
        exceptions_read(collection, reader->file, node, rule, is_append);
        return true;
    case KEY_COUNT:
        break;
    }
    return true;
}

static void set_keys(const struct rule_reader *reader, const enum change *changes)
{
    for (enum key key = 0; key < KEY_COUNT; key++)
        if (changes[key] != CHANGE_NONE && !set_key(reader, key, changes[key]))
            reader->rule->is_wrong = true;
}

/* `rule` and `enabled` alone switch an earlier rule on or off. */
static bool is_switch(const enum change *changes)
{
    return changes[KEY_CONDITION] == CHANGE_NONE && changes[KEY_OUTPUT] == CHANGE_NONE &&
           changes[KEY_DESC] == CHANGE_NONE && changes[KEY_PRIORITY] == CHANGE_NONE;
}

static bool has_all_keys(const struct rule_reader *reader, const enum change *changes, span name)
{
    bool has_all = true;
    struct position at = yaml_position(reader->file, reader->item);
    for (enum key key = KEY_CONDITION; key <= KEY_PRIORITY; key++) {
        if (changes[key] != CHANGE_NONE)
            continue;
        diagnostics_error(reader->collection->diagnostics, &at, NULL,
                          "rule '" PRI_SPAN "' lacks '%s'", ARG_SPAN(name), keys[key].name);
        has_all = false;
    }
    return has_all;
}

static struct falco_rule *rule_add(struct collection *collection, span name)
{
    uint32_t index;
    if (map_get(&collection->rule_names, name, &index))
        return &collection->rules[index];
    index = (uint32_t)collection->rule_count;
    if (!vector_grow(&collection->rules, &collection->rules_size, collection->rule_count,
                     FALCO_ITEMS_MAX, sizeof *collection->rules) ||
        !map_put(&collection->rule_names, name, index))
        return NULL;
    collection->rules[collection->rule_count++] = (struct falco_rule){.name = name};
    return &collection->rules[index];
}

static bool source_check(const struct rule_reader *reader, const struct falco_rule *earlier,
                         span source, bool is_given)
{
    struct position at = yaml_position(reader->file, reader->item);
    if (!earlier || !earlier->source.data || !is_given || span_eq(earlier->source, source))
        return true;
    diagnostics_error(reader->collection->diagnostics, &at, NULL,
                      "rule '" PRI_SPAN "' was defined with source '" PRI_SPAN "' before",
                      ARG_SPAN(earlier->name), ARG_SPAN(earlier->source));
    return false;
}

static void rule_define(struct rule_reader *reader, const enum change *changes, span name)
{
    struct collection *collection = reader->collection;
    const struct yaml_node *source_node = yaml_get(reader->item, "source");
    struct position at = yaml_position(reader->file, reader->item);
    bool has_source = source_node && source_node->kind == YAML_SCALAR && !yaml_is_null(source_node);
    span source = has_source ? source_node->text : span_str(collection->schema->source);
    uint32_t index;
    struct falco_rule *earlier =
        map_get(&collection->rule_names, name, &index) ? &collection->rules[index] : NULL;
    bool is_whole = has_all_keys(reader, changes, name);
    if (!source_check(reader, earlier, source, source_node))
        return;
    if (earlier && span_eq(earlier->at.file, at.file))
        diagnostics_warning(collection->diagnostics, &at,
                            "rule '" PRI_SPAN "' replaces the one in line %u", ARG_SPAN(name),
                            earlier->at.line);
    reader->rule = rule_add(collection, name);
    if (!reader->rule) {
        diagnostics_error(collection->diagnostics, &at, NULL, "too many rules");
        return;
    }
    *reader->rule = (struct falco_rule){.name = name,
                                        .at = at,
                                        .source = source,
                                        .is_enabled = true,
                                        .warns_of_types = true,
                                        .is_wrong = !is_whole};
    set_keys(reader, changes);
    if (span_eq(source, span_str(collection->schema->source)))
        return;
    reader->rule->is_left_out = true;
    diagnostics_warning(collection->diagnostics, &at,
                        "rule '" PRI_SPAN "' is for source '" PRI_SPAN
                        "', which this loads nothing for: left out",
                        ARG_SPAN(name), ARG_SPAN(source));
}

static bool change_check(const struct rule_reader *reader, const enum change *changes)
{
    const struct yaml_node *source = yaml_get(reader->item, "source");
    struct position at = yaml_position(reader->file, reader->item);
    bool is_empty = true;
    for (enum key key = 0; key < KEY_COUNT; key++)
        is_empty &= changes[key] == CHANGE_NONE;
    if (is_empty)
        diagnostics_error(reader->collection->diagnostics, &at, NULL,
                          "nothing to append: expected 'condition' or 'exceptions'");
    return !is_empty && (!source || source->kind != YAML_SCALAR || source->text.len == 0 ||
                         source_check(reader, reader->rule, source->text, true));
}

static const char *rule_hint(const struct collection *collection, span name)
{
    const char **names = calloc(collection->rule_count + 1, sizeof *names);
    if (!names || collection->rule_count > 10000) {
        free(names);
        return NULL;
    }
    for (size_t index = 0; index < collection->rule_count; index++)
        names[index] = (const char *)collection->rules[index].name.data;
    const char *hint = hint_nearest(names, collection->rule_count, name);
    free(names);
    return hint;
}

void rule_item_read(struct collection *collection, const struct yaml_file *file,
                    const struct yaml_node *item)
{
    struct rule_reader reader = {collection, file, item, NULL};
    struct position at = yaml_position(file, item);
    enum change changes[KEY_COUNT];
    bool is_change;
    uint32_t index;
    span name;
    bool is_good = item_name(collection, file, item, "rule", &name);
    is_good &= changes_read(collection, file, item, "rule", keys, KEY_COUNT, changes, &is_change);
    if (!is_good)
        return;
    bool is_known = map_get(&collection->rule_names, name, &index);
    bool only_switches = !is_change && is_switch(changes) && changes[KEY_ENABLED] != CHANGE_NONE;
    if (!is_change && !only_switches) {
        rule_define(&reader, changes, name);
        return;
    }
    if (!is_known) {
        diagnostics_error(collection->diagnostics, &at, rule_hint(collection, name),
                          "rule '" PRI_SPAN "' is not defined: nothing to change", ARG_SPAN(name));
        return;
    }
    reader.rule = &collection->rules[index];
    if (only_switches) {
        diagnostics_warning(collection->diagnostics, &at,
                            "'enabled' alone is out of use: write 'override' with 'enabled: "
                            "replace'");
        (void)set_key(&reader, KEY_ENABLED, CHANGE_SET);
    } else if (change_check(&reader, changes)) {
        set_keys(&reader, changes);
    }
}
