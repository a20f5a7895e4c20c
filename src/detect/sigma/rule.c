/* One rule: detection section and condition to a tree, the rest to what people read. */
#include <stdlib.h>

#include "sigma/document.h"

#define OUTPUT_FIELDS_MAX 200
#define OUTPUT_NAMED_MAX  8 /* where the rule does not say which */

static const char *const level_names[] = {"informational", "low", "medium", "high", "critical"};
static const uint8_t level_priorities[] = {PRIORITY_INFORMATIONAL, PRIORITY_NOTICE,
                                           PRIORITY_WARNING, PRIORITY_ERROR, PRIORITY_CRITICAL};
#define LEVEL_COUNT  (sizeof level_names / sizeof level_names[0])
#define LEVEL_MEDIUM 2

static const char *const status_names[] = {"stable", "test", "experimental", "deprecated",
                                           "unsupported"};
#define STATUS_COUNT (sizeof status_names / sizeof status_names[0])

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
    uint32_t expression = sigma_field_build(output->rule, field);
    struct writer label;
    if (expression == RULE_NONE)
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
    part_add(output, field, expression);
}

static void item_fields_add(struct sigma_item *item, void *context)
{
    for (size_t index = 0; index < item->field_count; index++)
        field_add(context, item->fields[index]);
}

/* The fields that the rule lists, else those that it looks at. */
static bool output_build(struct output *output, const struct scope *scope)
{
    struct rule *rule = output->rule;
    const struct document *document = rule->document;
    const struct yaml_node *node = yaml_get(document->root, "fields");
    span *fields;
    size_t count;
    if (!document_texts(rule->compile, document, node, "fields", rule->arena, &fields, &count))
        return false;
    part_add(output, document->title, RULE_NONE);
    output->field_count_max = count ? OUTPUT_FIELDS_MAX : OUTPUT_NAMED_MAX;
    for (size_t index = 0; index < count; index++)
        field_add(output, fields[index]);
    for (size_t index = 0; count == 0 && index < scope->count; index++)
        if (scope->searches[index].is_used)
            detection_visit(scope->searches[index].detection, item_fields_add, output);
    return true;
}

/* ---- the condition ---- */

static const char *const section_keys[] = {"condition", "timeframe", NULL};

static uint32_t root_build(struct rule *rule, const struct yaml_node *section,
                           struct scope *ret_scope)
{
    const struct document *document = rule->document;
    struct diagnostics *diagnostics = rule->compile->diagnostics;
    struct position at = yaml_position(document->file, section);
    if (section->kind != YAML_MAPPING || section->count == 0) {
        diagnostics_error(diagnostics, &at, NULL,
                          "expected a mapping with searches and a condition");
        return RULE_NONE;
    }
    const struct yaml_node *condition = yaml_get(section, "condition");
    const struct yaml_node *timeframe = yaml_get(section, "timeframe");
    bool is_good = scope_read(rule, document->file, section, section_keys, ret_scope);
    if (timeframe) {
        at = yaml_position(document->file, timeframe);
        diagnostics_error(diagnostics, &at, NULL,
                          "'timeframe' is no part of Sigma 2: write a correlation");
        is_good = false;
    }
    if (!condition) {
        diagnostics_error(diagnostics, &at, NULL, "expected a 'condition'");
        return RULE_NONE;
    }
    uint32_t root = conditions_build(rule, ret_scope, condition);
    return is_good ? root : RULE_NONE;
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
    size_t level, status;
    struct scope scope = {0};
    bool is_good = document_text(compile, document, "description", &definition.desc);
    is_good &= document_word(compile, document, "level", level_names, LEVEL_COUNT, &level);
    is_good &= document_word(compile, document, "status", status_names, STATUS_COUNT, &status);
    is_good &= document_texts(compile, document, yaml_get(document->root, "tags"), "tags", arena,
                              &tags, &definition.tag_count);
    is_good &= stage_read(compile, document, &definition.stage);
    span owner = {NULL, 0};
    is_good &= document_text(compile, document, "owner", &owner);
    definition.owner = owner.data ? owner : definition.owner;
    /* a rule of a stage that does not run is there to be listed */
    definition.root = rule_builder_runs(compile->builder, definition.stage)
                          ? root_build(&rule, yaml_get(document->root, "detection"), &scope)
                          : rule_build_constant(compile->builder, false);
    struct output *output = arena_alloc(arena, sizeof *output);
    if (!is_good || !output || definition.root == RULE_NONE)
        return;
    output->rule = &rule;
    level = level < LEVEL_COUNT ? level : LEVEL_MEDIUM;
    if (!output_build(output, &scope))
        return;
    unused_warn(&rule, &scope);
    definition.logsource = rule.logsource;
    definition.priority = level_priorities[level];
    definition.priority_name = span_str(level_names[level]);
    definition.tags = tags;
    definition.parts = output->parts;
    definition.part_count = output->count;
    rule_build_rule(compile->builder, &definition);
    compile->counts.rules++;
}
