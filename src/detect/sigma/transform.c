/* What transformations of pipelines do to a rule. To add one: one row, and a row of the tests. */
#include "sigma/pipeline.h"

static bool no_room(const struct rule *rule, const struct transformation *transformation)
{
    return pipeline_complain(rule->compile, transformation->file, transformation->node, NULL,
                             "no room to apply this");
}

/* ---- every item ---- */

struct walk {
    struct rule *rule;
    const struct transformation *transformation;
    bool (*change)(struct walk *walk, struct sigma_item *item);
    bool is_wrong;
};

static void walk_item(struct sigma_item *item, void *context)
{
    struct walk *walk = context;
    const struct subject subject = {.rule = walk->rule, .item = item};
    if (item->is_dropped ||
        !pipeline_conditions_hold(walk->transformation, CONDITION_ITEM, &subject))
        return;
    if (walk->change(walk, item))
        item->applied |= walk->transformation->bit;
}

static void walk_rule(struct walk *walk)
{
    for (struct scope *scope = walk->rule->first; scope; scope = scope->next)
        for (size_t index = 0; index < scope->count; index++)
            if (scope->searches[index].detection)
                detection_visit(scope->searches[index].detection, walk_item, walk);
}

static bool field_is_meant(const struct walk *walk, const struct sigma_item *item, span field)
{
    const struct subject subject = {.rule = walk->rule, .item = item, .field = field};
    return pipeline_conditions_hold(walk->transformation, CONDITION_FIELD, &subject);
}

/* ---- names of fields ---- */

static span join(struct rule *rule, span a, span b)
{
    uint8_t *bytes = arena_alloc_raw(rule->arena, a.len + b.len + 1);
    if (!bytes)
        return (span){NULL, 0};
    if (a.len)
        memcpy(bytes, a.data, a.len);
    if (b.len)
        memcpy(bytes + a.len, b.data, b.len);
    return span_of(bytes, a.len + b.len);
}

static const struct yaml_node *param(const struct walk *walk, const char *key)
{
    return yaml_get(walk->transformation->node, key);
}

/* What a name becomes: `from` cut off its front, then each of the targets before or behind it. */
struct renaming {
    const struct yaml_node *targets; /* one, or a list; NULL: it stays */
    size_t cut;
    bool is_prefix, is_suffix;
};

static struct renaming renaming_find(const struct walk *walk, span field)
{
    const char *name = walk->transformation->desc->name;
    struct renaming renaming = {0};
    if (strcmp(name, "field_name_prefix") == 0) {
        renaming.targets = param(walk, "prefix");
        renaming.is_prefix = true;
        return renaming;
    }
    if (strcmp(name, "field_name_suffix") == 0) {
        renaming.targets = param(walk, "suffix");
        renaming.is_suffix = true;
        return renaming;
    }
    bool is_whole = strcmp(name, "field_name_mapping") == 0;
    for (const struct yaml_node *key = param(walk, "mapping")->first; key; key = key->next) {
        if (is_whole ? !span_eq(field, key->text) : !span_starts(field, key->text))
            continue;
        renaming.targets = key->value;
        renaming.cut = key->text.len;
        renaming.is_prefix = !is_whole;
        break;
    }
    return renaming;
}

static span renamed(struct rule *rule, const struct renaming *renaming, span field, span target)
{
    span rest = span_after(field, renaming->cut);
    if (renaming->is_prefix)
        return join(rule, target, rest);
    return renaming->is_suffix ? join(rule, rest, target) : target;
}

/* True: some name changed. */
static bool names_change(struct walk *walk, const struct sigma_item *item, span **names,
                         size_t *count)
{
    size_t wanted = *count;
    bool has_changed = false;
    for (size_t index = 0; index < *count; index++) {
        struct renaming renaming = renaming_find(walk, (*names)[index]);
        wanted += renaming.targets ? renaming.targets->count : 0;
    }
    span *out = arena_alloc(walk->rule->arena, (wanted + 1) * sizeof *out);
    size_t used = 0;
    walk->is_wrong |= !out;
    for (size_t index = 0; out && index < *count; index++) {
        span name = (*names)[index];
        struct renaming renaming = renaming_find(walk, name);
        if (!renaming.targets || !field_is_meant(walk, item, name)) {
            out[used++] = name;
            continue;
        }
        has_changed = true;
        const struct yaml_node *targets = renaming.targets;
        const struct yaml_node *one = targets->kind == YAML_SEQUENCE ? targets->first : targets;
        for (; one; one = one == targets ? NULL : one->next) {
            out[used] = renamed(walk->rule, &renaming, name, one->text);
            walk->is_wrong |= !out[used++].data;
        }
    }
    if (has_changed && !walk->is_wrong) {
        *names = out;
        *count = used;
    }
    return has_changed;
}

static bool fields_change(struct walk *walk, struct sigma_item *item)
{
    bool has_changed = names_change(walk, item, &item->fields, &item->field_count);
    for (size_t index = 0; index < item->value_count; index++) {
        struct sigma_value *value = &item->values[index];
        if (value->form == FORM_FIELD)
            has_changed |= names_change(walk, item, &value->fields, &value->field_count);
    }
    return has_changed;
}

static bool fields_apply(struct rule *rule, const struct transformation *transformation)
{
    struct walk walk = {rule, transformation, fields_change, false};
    walk_rule(&walk);
    names_change(&walk, NULL, &rule->fields, &rule->field_count);
    for (size_t index = 0; index < rule->asked_count; index++)
        names_change(&walk, NULL, &rule->asked[index].fields, &rule->asked[index].count);
    return !walk.is_wrong || no_room(rule, transformation);
}

/* A text, or a list of them that is not empty. */
static bool target_check(struct compile *compile, const struct transformation *transformation,
                         const struct yaml_node *node)
{
    const struct yaml_node *first = node->kind == YAML_SEQUENCE ? node->first : node;
    bool is_good = first != NULL;
    for (const struct yaml_node *one = first; one; one = one == node ? NULL : one->next)
        is_good &= one->kind == YAML_SCALAR && one->text.len > 0;
    return is_good || pipeline_complain(compile, transformation->file, node, NULL,
                                        "expected the name of a field, or a list of names");
}

static bool mapping_check(struct compile *compile, const struct transformation *transformation)
{
    const struct yaml_node *mapping = yaml_get(transformation->node, "mapping");
    bool is_good = true;
    if (!mapping || mapping->kind != YAML_MAPPING)
        return pipeline_complain(compile, transformation->file,
                                 mapping ? mapping : transformation->node, NULL,
                                 "expected a 'mapping' of names to names");
    for (const struct yaml_node *key = mapping->first; key; key = key->next)
        is_good &= target_check(compile, transformation, key->value);
    return is_good;
}

static bool text_check(struct compile *compile, const struct transformation *transformation,
                       const char *key)
{
    const struct yaml_node *node = yaml_get(transformation->node, key);
    if (node && node->kind == YAML_SCALAR)
        return true;
    struct position at = yaml_position(transformation->file, node ? node : transformation->node);
    diagnostics_error(compile->diagnostics, &at, NULL, "expected '%s' with a text", key);
    return false;
}

static bool prefix_check(struct compile *compile, const struct transformation *transformation)
{
    return text_check(compile, transformation, "prefix");
}

static bool suffix_check(struct compile *compile, const struct transformation *transformation)
{
    return text_check(compile, transformation, "suffix");
}

/* ---- change_logsource ---- */

static bool logsource_check(struct compile *compile, const struct transformation *transformation)
{
    struct logsource logsource;
    return logsource_read(compile, transformation->file, transformation->node, &logsource);
}

static bool logsource_apply(struct rule *rule, const struct transformation *transformation)
{
    return logsource_read(rule->compile, transformation->file, transformation->node,
                          &rule->logsource);
}

/* ---- drop_detection_item ---- */

static bool item_drop(struct walk *walk, struct sigma_item *item)
{
    size_t left = 0;
    if (item->is_keyword) {
        item->is_dropped = field_is_meant(walk, item, SPAN(""));
        return item->is_dropped;
    }
    for (size_t index = 0; index < item->field_count; index++)
        if (!field_is_meant(walk, item, item->fields[index]))
            item->fields[left++] = item->fields[index];
    bool has_changed = left < item->field_count;
    item->field_count = left;
    item->is_dropped = left == 0;
    return has_changed;
}

static bool drop_apply(struct rule *rule, const struct transformation *transformation)
{
    struct walk walk = {rule, transformation, item_drop, false};
    walk_rule(&walk);
    return true;
}

static bool nothing_check(struct compile *compile, const struct transformation *transformation)
{
    (void)compile;
    (void)transformation;
    return true;
}

/* ---- value_placeholders ---- */

static bool is_in(const struct yaml_node *list, span name)
{
    if (list->kind == YAML_SCALAR)
        return span_eq(list->text, name);
    for (const struct yaml_node *one = list->first; one; one = one->next)
        if (span_eq(one->text, name))
            return true;
    return false;
}

static bool var_find(void *context, span name, const struct yaml_node **ret)
{
    const struct walk *walk = context;
    const struct pipelines *pipelines = walk->rule->compile->pipelines;
    const struct yaml_node *include = param(walk, "include");
    const struct yaml_node *exclude = param(walk, "exclude");
    if ((include && !is_in(include, name)) || (exclude && is_in(exclude, name)))
        return false;
    for (size_t file = pipelines->vars_count; file-- > 0;) {
        for (const struct yaml_node *key = pipelines->vars[file]->first; key; key = key->next) {
            if (!span_eq(key->text, name))
                continue;
            *ret = key->value;
            return true;
        }
    }
    return false;
}

static bool item_fill(struct walk *walk, struct sigma_item *item)
{
    span field = item->field_count ? item->fields[0] : SPAN("");
    if (!item->is_expanded || !field_is_meant(walk, item, field))
        return false;
    walk->is_wrong |= !placeholders_replace(walk->rule, item, var_find, walk);
    return true;
}

static bool placeholders_apply(struct rule *rule, const struct transformation *transformation)
{
    struct walk walk = {rule, transformation, item_fill, false};
    walk_rule(&walk);
    return !walk.is_wrong;
}

/* ---- add_condition ---- */

static bool is_true(const struct yaml_node *mapping, const char *key)
{
    const struct yaml_node *node = yaml_get(mapping, key);
    struct value value;
    return node && node->kind == YAML_SCALAR && scalar_form(node, &value) == FORM_BOOL &&
           value.truth;
}

static bool condition_check(struct compile *compile, const struct transformation *transformation)
{
    const struct yaml_node *conditions = yaml_get(transformation->node, "conditions");
    if (conditions && conditions->kind == YAML_MAPPING && conditions->count)
        return true;
    return pipeline_complain(compile, transformation->file,
                             conditions ? conditions : transformation->node, NULL,
                             "expected 'conditions', a mapping of fields to values");
}

/* $category, $product and $service, in braces or not, in a text. */
static span template_fill(struct rule *rule, span text)
{
    const struct {
        span name;
        span value;
    } names[] = {{SPAN("category"), rule->logsource.category},
                 {SPAN("product"), rule->logsource.product},
                 {SPAN("service"), rule->logsource.service}};
    struct writer out;
    writer_init(&out, text.len + 4096);
    while (text.len) {
        span rest = span_after(text, 1);
        bool is_braced = rest.len && rest.data[0] == '{';
        size_t index = 0;
        rest = span_after(rest, is_braced);
        while (index < 3 && (text.data[0] != '$' || !span_starts(rest, names[index].name)))
            index++;
        writer_put(&out, index < 3 ? names[index].value : span_first(text, 1));
        if (index == 3) {
            text = span_after(text, 1);
            continue;
        }
        text = span_after(rest, names[index].name.len);
        if (is_braced && text.len && text.data[0] == '}')
            text = span_after(text, 1);
    }
    span filled = arena_dup(rule->arena, writer_span(&out));
    writer_free(&out);
    return filled;
}

/* Depth is bounded by that of YAML. */
static struct yaml_node *template_copy(struct rule *rule, const struct yaml_node *node)
{
    struct yaml_node *copy = arena_alloc(rule->arena, sizeof *copy);
    if (!copy)
        return NULL;
    *copy = *node;
    copy->first = copy->last = copy->next = NULL;
    if (node->kind == YAML_SCALAR)
        copy->text = template_fill(rule, node->text);
    for (const struct yaml_node *child = node->first; child; child = child->next) {
        struct yaml_node *own = template_copy(rule, child);
        if (!own || (child->value && !(own->value = template_copy(rule, child->value))))
            return NULL;
        if (copy->last)
            copy->last->next = own;
        else
            copy->first = own;
        copy->last = own;
    }
    return copy;
}

static bool condition_apply(struct rule *rule, const struct transformation *transformation)
{
    const struct yaml_node *conditions = yaml_get(transformation->node, "conditions");
    if (is_true(transformation->node, "template"))
        conditions = template_copy(rule, conditions);
    struct scope *scope = conditions ? rule_scope_add(rule) : NULL;
    struct search *search = scope ? arena_alloc(rule->arena, sizeof *search) : NULL;
    if (!search)
        return no_room(rule, transformation);
    *search = (struct search){.name = SPAN("added"), .node = RULE_NONE, .key = conditions};
    search->detection = detection_read(rule, transformation->file, conditions);
    if (!search->detection)
        return false;
    scope->file = transformation->file;
    scope->searches = search;
    scope->count = 1;
    scope->is_added = true;
    scope->is_negated = is_true(transformation->node, "negated");
    return true;
}

/* ---- the table, by name ---- */

#define KEYS(...) ((const char *const[]){__VA_ARGS__, NULL})

static const struct transformation_desc rows[] = {
    {"add_condition", KEYS("conditions", "name", "template", "negated"), condition_check,
     condition_apply},
    {"change_logsource", KEYS("category", "product", "service"), logsource_check, logsource_apply},
    {"drop_detection_item", KEYS(NULL), nothing_check, drop_apply},
    {"field_name_mapping", KEYS("mapping"), mapping_check, fields_apply},
    {"field_name_prefix", KEYS("prefix"), prefix_check, fields_apply},
    {"field_name_prefix_mapping", KEYS("mapping"), mapping_check, fields_apply},
    {"field_name_suffix", KEYS("suffix"), suffix_check, fields_apply},
    {"value_placeholders", KEYS("include", "exclude"), nothing_check, placeholders_apply},
};

#define ROW_COUNT (sizeof rows / sizeof rows[0])

const struct transformation_desc *transformation_find(span name)
{
    for (size_t index = 0; index < ROW_COUNT; index++)
        if (span_eq(name, span_str(rows[index].name)))
            return &rows[index];
    return NULL;
}

const char *transformation_hint(span name)
{
    const char *names[ROW_COUNT];
    for (size_t index = 0; index < ROW_COUNT; index++)
        names[index] = rows[index].name;
    return sigma_hint(names, ROW_COUNT, name);
}
