#include <stdlib.h>

#include "falco/collection.h"

#define ARENA_MAX ((size_t)1 << 30)

static const char *const priority_names[] = {
    [PRIORITY_EMERGENCY] = "Emergency",
    [PRIORITY_ALERT] = "Alert",
    [PRIORITY_CRITICAL] = "Critical",
    [PRIORITY_ERROR] = "Error",
    [PRIORITY_WARNING] = "Warning",
    [PRIORITY_NOTICE] = "Notice",
    [PRIORITY_INFORMATIONAL] = "Informational",
    [PRIORITY_DEBUG] = "Debug",
};

static void collection_init(struct collection *collection, const struct schema *schema,
                            struct diagnostics *diagnostics)
{
    *collection = (struct collection){.schema = schema, .diagnostics = diagnostics};
    arena_init(&collection->arena, ARENA_MAX);
    map_init(&collection->list_names, FALCO_ITEMS_MAX, 11);
    map_init(&collection->macro_names, FALCO_ITEMS_MAX, 12);
    map_init(&collection->rule_names, FALCO_ITEMS_MAX, 13);
}

static void collection_free(struct collection *collection)
{
    arena_free(&collection->arena);
    free(collection->lists);
    free(collection->macros);
    free(collection->rules);
    map_free(&collection->list_names);
    map_free(&collection->macro_names);
    map_free(&collection->rule_names);
}

static void document_read(struct collection *collection, const struct yaml_file *file,
                          const struct yaml_node *document)
{
    struct position at = yaml_position(file, document);
    if (yaml_is_null(document))
        return;
    if (document->kind == YAML_MAPPING &&
        (yaml_get(document, "detection") || yaml_get(document, "logsource"))) {
        diagnostics_error(collection->diagnostics, &at, NULL,
                          "this is a Sigma rule: it needs a file without Falco's");
        return;
    }
    if (document->kind != YAML_SEQUENCE) {
        diagnostics_error(collection->diagnostics, &at, NULL,
                          "expected a list of rules, macros and lists");
        return;
    }
    for (const struct yaml_node *item = document->first; item; item = item->next)
        item_read(collection, file, item);
}

/* ---- building ---- */

static const struct strategy *strategy_find(const struct collection *collection, span file)
{
    static const struct strategy none = {.stage = STAGE_LIVE};
    for (size_t index = 0; index < collection->input_count; index++)
        if (collection->inputs[index].name.data == file.data && collection->inputs[index].strategy)
            return collection->inputs[index].strategy;
    return &none;
}

/* A rule of a stage that does not run is there to be listed: nobody asks what it would match. */
static uint32_t root_build(struct compile *compile, const struct falco_rule *rule,
                           enum rule_stage stage)
{
    if (!rule_builder_runs(compile->builder, stage))
        return rule_build_constant(compile->builder, false);
    struct text condition = exceptions_apply(compile->collection, rule);
    return condition.bytes.len ? condition_compile(compile, &condition, UINT32_MAX) : RULE_NONE;
}

static void rule_build(struct compile *compile, const struct falco_rule *rule)
{
    const struct strategy *strategy = strategy_find(compile->collection, rule->at.file);
    struct rule_output_part *parts = NULL;
    size_t part_count = 0;
    compile->tolerates_unknown = rule->skip_if_unknown;
    compile->met_unknown = false;
    uint32_t root = root_build(compile, rule, strategy->stage);
    bool is_output_good =
        rule->output.bytes.len > 0 && output_compile(compile, &rule->output, &parts, &part_count);
    compile->tolerates_unknown = false;
    if (compile->met_unknown && rule->skip_if_unknown)
        diagnostics_warning(compile->collection->diagnostics, &rule->at,
                            "rule '" PRI_SPAN "' names a field that is unknown here: left out, as "
                            "it asks",
                            ARG_SPAN(rule->name));
    if (root == RULE_NONE || !is_output_good || rule->is_wrong)
        return;
    if (rule->warns_of_types && rule->is_enabled &&
        rule_builder_is_unrouted(compile->builder, root))
        diagnostics_warning(compile->collection->diagnostics, &rule->at,
                            "rule '" PRI_SPAN "' looks at events of every type, which costs time: "
                            "narrow it by %s, or say 'warn_evttypes: false'",
                            ARG_SPAN(rule->name), compile->collection->schema->route);
    struct rule_definition definition = {
        .name = rule->name,
        .desc = rule->desc,
        .response = strategy->response,
        .owner = strategy->owner,
        .source = rule->source,
        .priority_name = span_str(priority_names[rule->priority]),
        .priority = rule->priority,
        .stage = strategy->stage,
        .is_enabled = rule->is_enabled,
        .tags = rule->tags,
        .tag_count = rule->tag_count,
        .file = rule->at.file,
        .line = rule->at.line,
        .root = root,
        .parts = parts,
        .part_count = part_count,
    };
    rule_build_rule(compile->builder, &definition);
}

/* A macro that no rule uses is checked all the same, in a builder of its own, so that its fields
 * are not asked of events. Fields of other sources in it are no error: its rules were left out. */
static void unused_check(struct collection *collection)
{
    struct err_ctx err = {0};
    struct compile compile = {.collection = collection, .warns_unknown = true};
    if (rule_builder_open(collection->schema, &compile.builder, &err) != OK)
        return;
    for (size_t index = 0; index < collection->macro_count; index++) {
        struct falco_macro *macro = &collection->macros[index];
        macro->is_built = macro->state == ITEM_DONE && macro->node != RULE_NONE;
        if (macro->is_built) /* its nodes are of the other builder */
            macro->state = ITEM_NEW;
    }
    bool is_strict = collection->diagnostics->is_strict;
    collection->diagnostics->is_strict = false; /* marks are of the builder's nodes */
    for (size_t index = 0; index < collection->macro_count; index++) {
        struct falco_macro *macro = &collection->macros[index];
        if (macro->is_used || macro->state != ITEM_NEW)
            continue;
        diagnostics_warning(collection->diagnostics, &macro->at,
                            "macro '" PRI_SPAN "' is used by nothing", ARG_SPAN(macro->name));
        macro->state = ITEM_OPEN;
        macro->node = condition_compile(&compile, &macro->condition, macro->visibility);
        macro->state = ITEM_DONE;
    }
    for (size_t index = 0; index < collection->list_count; index++)
        if (!collection->lists[index].is_used)
            diagnostics_warning(collection->diagnostics, &collection->lists[index].at,
                                "list '" PRI_SPAN "' is used by nothing",
                                ARG_SPAN(collection->lists[index].name));
    collection->diagnostics->is_strict = is_strict;
    rule_builder_close(compile.builder);
}

static void collection_build(struct collection *collection, struct rule_builder *builder)
{
    struct compile compile = {.collection = collection, .builder = builder};
    lists_expand(collection);
    for (size_t index = 0; index < collection->rule_count; index++)
        if (!collection->rules[index].is_left_out)
            rule_build(&compile, &collection->rules[index]);
    unused_check(collection);
}

bool falco_load(const struct falco_input *inputs, size_t count, const struct schema *schema,
                struct rule_builder *builder, struct diagnostics *diagnostics)
{
    struct collection collection;
    size_t errors_before = diagnostics->error_count;
    struct yaml_file *files = calloc(count + 1, sizeof *files);
    if (!files)
        return false;
    collection_init(&collection, schema, diagnostics);
    collection.inputs = inputs;
    collection.input_count = count;
    for (size_t index = 0; index < count; index++) {
        (void)yaml_open(&files[index], inputs[index].name, inputs[index].bytes, diagnostics);
        for (size_t document = 0; document < files[index].document_count; document++)
            document_read(&collection, &files[index], files[index].documents[document]);
    }
    collection_build(&collection, builder);
    collection_free(&collection);
    for (size_t index = 0; index < count; index++)
        yaml_close(&files[index]);
    free(files);
    return diagnostics->error_count == errors_before;
}
