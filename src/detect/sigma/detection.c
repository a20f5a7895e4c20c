/* Detection sections: mappings are all of their items, lists any of their members, scalars
 * keywords. */
#include "sigma/compile.h"

static void *room(struct rule *rule, const struct yaml_file *file, const struct yaml_node *node,
                  size_t size)
{
    void *memory = arena_alloc(rule->arena, size);
    struct position at = yaml_position(file, node);
    if (!memory)
        diagnostics_error(rule->compile->diagnostics, &at, NULL, "no room for this rule");
    return memory;
}

/* For authors: what a list of the rule's own file says twice. */
static void repeats_warn(const struct rule *rule, const struct yaml_file *file,
                         const struct yaml_node *list)
{
    struct diagnostics *diagnostics = rule->compile->diagnostics;
    struct map seen;
    uint32_t nothing;
    bool is_good =
        diagnostics->is_strict && list->kind == YAML_SEQUENCE && file == rule->document->file;
    map_init(&seen, list->count + 1, 15);
    for (const struct yaml_node *one = list->first; is_good && one; one = one->next) {
        if (one->kind != YAML_SCALAR || yaml_is_null(one))
            continue;
        struct position at = yaml_position(file, one);
        if (map_get(&seen, one->text, &nothing))
            diagnostics_warning(diagnostics, &at, "'" PRI_SPAN "' stands in this list twice",
                                ARG_SPAN(one->text));
        else
            is_good = map_put(&seen, one->text, 0);
    }
    map_free(&seen);
}

static struct detection *detection_item(struct rule *rule, const struct yaml_file *file,
                                        const struct yaml_node *key, const struct yaml_node *value)
{
    const struct yaml_node *at = key ? key : value;
    struct detection *detection = room(rule, file, at, sizeof *detection);
    struct sigma_item *item = detection ? room(rule, file, at, sizeof *item) : NULL;
    if (!item || !sigma_item_read(rule, file, key, value, item))
        return NULL;
    repeats_warn(rule, file, value);
    *detection = (struct detection){.kind = DETECTION_ITEM, .item = item};
    return detection;
}

static void append(struct detection *parent, struct detection *child)
{
    if (parent->last)
        parent->last->next = child;
    else
        parent->first = child;
    parent->last = child;
}

/* Depth is bounded by that of YAML. */
struct detection *detection_read(struct rule *rule, const struct yaml_file *file,
                                 const struct yaml_node *node)
{
    if (node->kind == YAML_SCALAR)
        return detection_item(rule, file, NULL, node);
    if (node->count == 0) {
        struct position at = yaml_position(file, node);
        diagnostics_error(rule->compile->diagnostics, &at, NULL, "expected something to look for");
        return NULL;
    }
    struct detection *parent = room(rule, file, node, sizeof *parent);
    bool is_good = parent;
    repeats_warn(rule, file, node);
    if (parent)
        parent->kind = node->kind == YAML_MAPPING ? DETECTION_ALL : DETECTION_ANY;
    for (const struct yaml_node *one = node->first; parent && one; one = one->next) {
        struct detection *child = node->kind == YAML_MAPPING
                                      ? detection_item(rule, file, one, one->value)
                                      : detection_read(rule, file, one);
        if (child)
            append(parent, child);
        is_good &= child != NULL;
    }
    return is_good ? parent : NULL;
}

static bool is_listed(span name, const char *const *list)
{
    for (; *list; list++)
        if (span_eq(name, span_str(*list)))
            return true;
    return false;
}

bool scope_read(struct rule *rule, const struct yaml_file *file, const struct yaml_node *mapping,
                const char *const *other, struct scope *ret)
{
    bool is_good = true;
    *ret = (struct scope){.file = file};
    ret->searches = room(rule, file, mapping, (mapping->count + 1) * sizeof *ret->searches);
    if (!ret->searches)
        return false;
    for (const struct yaml_node *key = mapping->first; key; key = key->next) {
        if (is_listed(key->text, other))
            continue;
        struct search *search = &ret->searches[ret->count++];
        *search = (struct search){.name = key->text, .key = key, .node = RULE_NONE};
        struct position at = yaml_position(file, key->value);
        if (yaml_is_null(key->value))
            diagnostics_error(rule->compile->diagnostics, &at, NULL,
                              "'" PRI_SPAN "' looks for nothing", ARG_SPAN(key->text));
        else
            search->detection = detection_read(rule, file, key->value);
        is_good &= search->detection != NULL;
    }
    return is_good;
}

bool detection_is_dropped(const struct detection *detection)
{
    if (detection->kind == DETECTION_ITEM)
        return detection->item->is_dropped;
    for (const struct detection *child = detection->first; child; child = child->next)
        if (!detection_is_dropped(child))
            return false;
    return true;
}

void detection_visit(const struct detection *detection,
                     void (*visit)(struct sigma_item *item, void *context), void *context)
{
    if (detection->kind == DETECTION_ITEM) {
        visit(detection->item, context);
        return;
    }
    for (const struct detection *child = detection->first; child; child = child->next)
        detection_visit(child, visit, context);
}
