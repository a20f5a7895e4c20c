/* One rule: detection section and condition to a tree, the rest to what people read. */
#include <stdlib.h>

#include "sigma/pipeline.h"

#define OUTPUT_FIELDS_MAX 200
#define OUTPUT_NAMED_MAX  8 /* where the rule does not say which */

/* ---- output: "title: field=value field=value" ---- */

struct output {
    struct rule *rule;
    struct rule_output_part parts[2 * OUTPUT_FIELDS_MAX + 1];
    size_t count;
    span fields[OUTPUT_FIELDS_MAX];
    size_t field_count, field_count_max;
};

static void part_add(struct output *output, span text, uint32_t expression)
{
    output->parts[output->count++] = (struct rule_output_part){text, expression, 0};
}

static void field_add(struct output *output, span field)
{
    for (size_t index = 0; index < output->field_count; index++)
        if (span_eq(output->fields[index], field))
            return;
    if (output->field_count == output->field_count_max)
        return;
    uint32_t expressions[FIELD_EXPRESSIONS_MAX];
    struct writer label;
    if (sigma_field_build(output->rule, field, expressions) == 0)
        return;
    writer_init(&label, field.len + 3);
    writer_text(&label, output->field_count ? " " : ": ");
    writer_put(&label, field);
    writer_byte(&label, '=');
    span text = arena_dup(output->rule->arena, writer_span(&label));
    writer_free(&label);
    if (!text.data)
        return;
    output->fields[output->field_count++] = field;
    part_add(output, text, RULE_NONE);
    part_add(output, field, expressions[0]);
}

static void item_fields_add(struct sigma_item *item, void *context)
{
    for (size_t index = 0; index < item->field_count; index++)
        field_add(context, item->fields[index]);
}

/* The fields that the rule lists, else those that it looks at. */
static void output_build(struct output *output)
{
    const struct rule *rule = output->rule;
    const struct scope *scope = rule->first;
    part_add(output, rule->document->title, RULE_NONE);
    output->field_count_max = rule->field_count ? OUTPUT_FIELDS_MAX : OUTPUT_NAMED_MAX;
    for (size_t index = 0; index < rule->field_count; index++)
        field_add(output, rule->fields[index]);
    for (size_t index = 0; rule->field_count == 0 && index < scope->count; index++)
        if (scope->searches[index].is_used)
            detection_visit(scope->searches[index].detection, item_fields_add, output);
}

/* ---- the condition ---- */

static const char *const section_keys[] = {"condition", "timeframe", NULL};

struct scope *rule_scope_add(struct rule *rule)
{
    struct scope *scope = arena_alloc(rule->arena, sizeof *scope);
    struct position at = yaml_position(rule->document->file, rule->document->root);
    if (!scope) {
        diagnostics_error(rule->compile->diagnostics, &at, NULL, "no room for this rule");
        return NULL;
    }
    if (rule->last)
        rule->last->next = scope;
    else
        rule->first = scope;
    rule->last = scope;
    return scope;
}

static bool section_read(struct rule *rule, const struct yaml_node *section)
{
    const struct document *document = rule->document;
    struct diagnostics *diagnostics = rule->compile->diagnostics;
    struct position at = yaml_position(document->file, section);
    struct scope *scope = rule_scope_add(rule);
    if (!scope)
        return false;
    if (section->kind != YAML_MAPPING || section->count == 0) {
        diagnostics_error(diagnostics, &at, NULL,
                          "expected a mapping with searches and a condition");
        return false;
    }
    bool is_good = scope_read(rule, document->file, section, section_keys, scope);
    const struct yaml_node *timeframe = yaml_get(section, "timeframe");
    scope->condition = yaml_get(section, "condition");
    if (!scope->condition) {
        diagnostics_error(diagnostics, &at, NULL, "expected a 'condition'");
        is_good = false;
    }
    if (timeframe) {
        at = yaml_position(document->file, timeframe);
        diagnostics_error(diagnostics, &at, NULL,
                          "'timeframe' is no part of Sigma 2: write a correlation");
        is_good = false;
    }
    return is_good;
}

/* RULE_NONE: wrong, and reported. */
static uint32_t scope_build(struct rule *rule, struct scope *scope)
{
    uint32_t node = NODE_DROPPED;
    if (scope->condition)
        node = conditions_build(rule, scope, scope->condition);
    else if (!detection_is_dropped(scope->searches[0].detection))
        node = detection_build(rule, scope->searches[0].detection);
    if (node == RULE_NONE || node == NODE_DROPPED || !scope->is_negated)
        return node;
    return rule_build_not(rule->compile->builder, node);
}

/* NODE_DROPPED: the rule is of another source than this one. */
static uint32_t root_build(struct rule *rule, const struct yaml_node *section)
{
    struct rule_builder *builder = rule->compile->builder;
    bool is_good = section_read(rule, section);
    is_good &= filters_read(rule);
    is_good &= correlations_names_read(rule);
    is_good = is_good && pipelines_apply(rule) && correlations_names_check(rule);
    if (is_good && !logsource_find(rule))
        return NODE_DROPPED;
    is_good = is_good && source_map(rule);
    uint32_t root = NODE_DROPPED;
    for (struct scope *scope = rule->first; scope; scope = scope->next) {
        if (!scope->condition && !scope->is_added)
            continue; /* wrong, and reported */
        uint32_t node = scope_build(rule, scope);
        if (node == RULE_NONE)
            is_good = false;
        else if (is_good && node != NODE_DROPPED)
            root =
                root == NODE_DROPPED ? node : rule_build_all(builder, (uint32_t[]){root, node}, 2);
    }
    if (is_good && root == NODE_DROPPED) {
        struct position at = yaml_position(rule->document->file, section);
        diagnostics_error(rule->compile->diagnostics, &at, NULL,
                          "pipelines dropped all that the rule looks for: it would match every "
                          "event");
        return RULE_NONE;
    }
    if (!is_good || !rule->category)
        return is_good ? root : RULE_NONE;
    uint32_t events = source_build(rule);
    return events == RULE_NONE ? events : rule_build_all(builder, (uint32_t[]){events, root}, 2);
}

static void unused_warn(const struct rule *rule, const struct scope *scope)
{
    for (size_t index = 0; index < scope->count; index++) {
        const struct search *search = &scope->searches[index];
        struct position at = yaml_position(scope->file, search->key);
        if (!search->is_used)
            diagnostics_warning(rule->compile->diagnostics, &at,
                                "search '" PRI_SPAN "' is used by no condition",
                                ARG_SPAN(search->name));
    }
}

/* ---- the rule ---- */

/* The key `stage`, ours, which goes before the strategy's. */
static bool stage_read(struct compile *compile, const struct document *document,
                       enum rule_stage *ret)
{
    span word = {NULL, 0};
    if (!document_text(compile, document, "stage", &word))
        return false;
    if (!word.data || rule_stage_parse(word, ret))
        return true;
    struct position at = yaml_position(document->file, yaml_get(document->root, "stage"));
    diagnostics_error(compile->diagnostics, &at, NULL,
                      "'stage': expected draft, shadow, live or retired");
    return false;
}

void sigma_rule_build(struct compile *compile, const struct document *document, struct arena *arena)
{
    struct rule rule = {
        .compile = compile, .document = document, .arena = arena, .logsource = document->logsource};
    static const struct strategy none = {.stage = STAGE_LIVE};
    const struct strategy *strategy = document->input->strategy ? document->input->strategy : &none;
    struct rule_definition definition = {
        .name = document->title,
        .id = document->id,
        .response = strategy->response,
        .owner = strategy->owner,
        .stage = strategy->stage,
        .source = span_str(compile->schema->source),
        .file = document->file->name,
        .line = document->root->line,
        .is_enabled = true,
    };
    span *tags = NULL;
    size_t errors_before = compile->diagnostics->error_count;
    bool is_good = document_text(compile, document, "description", &definition.desc);
    is_good &= document_level(compile, document, &definition.priority_name, &definition.priority);
    is_good &= document_texts(compile, document, yaml_get(document->root, "tags"), "tags", arena,
                              &tags, &definition.tag_count);
    is_good &= document_texts(compile, document, yaml_get(document->root, "fields"), "fields",
                              arena, &rule.fields, &rule.field_count);
    is_good &= stage_read(compile, document, &definition.stage);
    span owner = {NULL, 0};
    is_good &= document_text(compile, document, "owner", &owner);
    definition.owner = owner.data ? owner : definition.owner;
    /* a rule of a stage that does not run is there to be listed */
    bool runs = rule_builder_runs(compile->builder, definition.stage);
    definition.root = runs ? root_build(&rule, yaml_get(document->root, "detection"))
                           : rule_build_constant(compile->builder, false);
    if (definition.root == RULE_NONE && compile->diagnostics->error_count == errors_before) {
        struct position at = yaml_position(document->file, document->root);
        diagnostics_error(compile->diagnostics, &at, NULL, "no room for this rule");
    }
    if (definition.root == NODE_DROPPED) {
        compile->counts.other_source++;
        return;
    }
    struct output *output = arena_alloc(arena, sizeof *output);
    if (!is_good || !output || definition.root == RULE_NONE)
        return;
    if (runs) {
        output->rule = &rule;
        output_build(output);
        unused_warn(&rule, rule.first);
    }
    definition.logsource = rule.logsource;
    definition.tags = tags;
    definition.parts = output->parts;
    definition.part_count = output->count;
    rule_build_rule(compile->builder, &definition);
    compile->counts.rules++;
}
