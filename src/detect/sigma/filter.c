/* Filters: conditions that are put to other rules. A filter is for the rules that it names, or for
 * any, whose logsource lies within its own; its condition has to hold as it is written. */

#include <stdlib.h>

#include "sigma/compile.h"

static const char *const section_keys[] = {"rules", "condition", NULL};

static const struct yaml_node *section_of(const struct document *filter)
{
    return yaml_get(filter->root, "filter");
}

/* `rules: any`, or an empty list: all that the logsource takes in. */
static bool is_for_any(const struct yaml_node *rules)
{
    if (rules->kind == YAML_SEQUENCE)
        return rules->count == 0 || (rules->count == 1 && rules->first->kind == YAML_SCALAR &&
                                     span_eq(rules->first->text, SPAN("any")));
    return span_eq(rules->text, SPAN("any"));
}

static bool is_named(const struct document *rule, span reference)
{
    return (rule->id.data && span_eq(rule->id, reference)) ||
           (rule->name.data && span_eq(rule->name, reference));
}

static bool is_for(const struct document *filter, const struct document *rule)
{
    const struct yaml_node *rules = yaml_get(section_of(filter), "rules");
    if (!logsource_contains(&filter->logsource, &rule->logsource))
        return false;
    if (is_for_any(rules))
        return true;
    if (rules->kind == YAML_SCALAR)
        return is_named(rule, rules->text);
    for (const struct yaml_node *one = rules->first; one; one = one->next)
        if (is_named(rule, one->text))
            return true;
    return false;
}

/* ---- checking ---- */

static bool complain(struct compile *compile, const struct document *filter,
                     const struct yaml_node *node, const char *text)
{
    struct position at = yaml_position(filter->file, node);
    diagnostics_error(compile->diagnostics, &at, NULL, "%s", text);
    return false;
}

/* A name that nothing has may be that of a rule in a file that was not given. */
static bool reference_check(struct compile *compile, const struct document *filter,
                            const struct yaml_node *reference)
{
    if (reference->kind != YAML_SCALAR)
        return complain(compile, filter, reference, "expected the id or the name of a rule");
    const struct document *rule = document_find(compile, reference->text);
    struct position at = yaml_position(filter->file, reference);
    if (!rule)
        diagnostics_warning(compile->diagnostics, &at,
                            "no rule here has the id or name '" PRI_SPAN "'",
                            ARG_SPAN(reference->text));
    else if (rule->kind != DOCUMENT_RULE)
        return complain(compile, filter, reference, "filters are for rules with a detection only");
    else if (!logsource_contains(&filter->logsource, &rule->logsource))
        diagnostics_warning(compile->diagnostics, &at,
                            "the rule '" PRI_SPAN "' is of another logsource than the filter, "
                            "which changes nothing of it",
                            ARG_SPAN(reference->text));
    return true;
}

static bool section_check(struct compile *compile, const struct document *filter)
{
    const struct yaml_node *section = section_of(filter);
    if (section->kind != YAML_MAPPING)
        return complain(compile, filter, section, "expected a mapping with rules and a condition");
    const struct yaml_node *rules = yaml_get(section, "rules");
    const struct yaml_node *condition = yaml_get(section, "condition");
    bool is_good = true;
    if (!rules || yaml_is_null(rules) || rules->kind == YAML_MAPPING)
        is_good = complain(compile, filter, rules ? rules : section,
                           "expected 'rules' with ids and names, or any");
    else if (rules->kind == YAML_SCALAR && !is_for_any(rules))
        is_good = reference_check(compile, filter, rules);
    if (is_good && rules->kind == YAML_SEQUENCE && !is_for_any(rules))
        for (const struct yaml_node *one = rules->first; one; one = one->next)
            is_good &= reference_check(compile, filter, one);
    if (!condition || condition->kind != YAML_SCALAR)
        is_good = complain(compile, filter, condition ? condition : section,
                           "expected a 'condition', which is one text");
    return is_good;
}

static bool filter_read(struct rule *rule, const struct document *filter, struct scope *ret)
{
    return scope_read(rule, filter->file, section_of(filter), section_keys, ret);
}

/* Searches and condition, in a builder that is thrown away. */
static bool searches_check(struct compile *compile, struct document *filter, struct arena *arena)
{
    struct compile own = *compile;
    struct err_ctx err;
    struct scope scope;
    if (rule_builder_open(compile->schema, &own.builder, &err) != OK)
        return false;
    struct rule rule = {.compile = &own,
                        .document = filter,
                        .arena = arena,
                        .logsource = filter->logsource,
                        .is_trial = true};
    bool is_good = filter_read(&rule, filter, &scope);
    const struct yaml_node *condition = yaml_get(section_of(filter), "condition");
    if (logsource_find(&rule))
        is_good &= conditions_build(&rule, &scope, condition) != RULE_NONE;
    rule_builder_close(own.builder);
    return is_good;
}

void filters_check(struct compile *compile, struct arena *arena)
{
    for (size_t index = 0; index < compile->document_count; index++) {
        struct document *filter = &compile->documents[index];
        if (filter->kind != DOCUMENT_FILTER || filter->is_wrong)
            continue;
        filter->is_wrong = !section_check(compile, filter);
        if (!filter->is_wrong)
            filter->is_wrong = !searches_check(compile, filter, arena);
        compile->counts.filters++;
        arena_reset(arena);
    }
}

/* ---- for a rule ---- */

bool filters_read(struct rule *rule)
{
    const struct compile *compile = rule->compile;
    bool is_good = true;
    for (size_t index = 0; compile->counts.filters && index < compile->document_count; index++) {
        const struct document *filter = &compile->documents[index];
        if (filter->kind != DOCUMENT_FILTER || filter->is_wrong || !is_for(filter, rule->document))
            continue;
        struct scope *scope = rule_scope_add(rule);
        is_good = scope && filter_read(rule, filter, scope) && is_good;
        if (scope)
            scope->condition = yaml_get(section_of(filter), "condition");
    }
    return is_good;
}
