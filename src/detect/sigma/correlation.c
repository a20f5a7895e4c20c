/* Correlations: read and checked in full. What they mean over time is not for this folder. */

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/vector.h"
#include "sigma/compile.h"

#define DEPTH_MAX 32 /* of correlations over correlations */
#define ASKED_MAX 1000000u

struct reading {
    struct compile *compile;
    const struct document *document;
    const struct yaml_node *section;
    struct arena *arena;
    const struct type_desc *type;
    span *rules;
    size_t rule_count;
    bool is_wrong;
};

enum condition_form {
    COUNT,    /* operators */
    FIELD,    /* a field, and operators */
    FIELDS,   /* one field or several, and operators */
    TEMPORAL, /* nothing, operators, or a condition over the rules */
};

static const struct type_desc {
    const char *name;
    enum condition_form form;
    bool has_percentile;
} types[] = {
    {"event_count", COUNT, false},         {"temporal", TEMPORAL, false},
    {"temporal_ordered", TEMPORAL, false}, {"value_avg", FIELD, false},
    {"value_count", FIELDS, false},        {"value_median", FIELD, false},
    {"value_percentile", FIELD, true},     {"value_sum", FIELD, false},
};
#define TYPE_COUNT (sizeof types / sizeof types[0])

__attribute__((format(printf, 4, 5))) static void complain(struct reading *reading,
                                                           const struct yaml_node *node,
                                                           const char *hint, const char *format,
                                                           ...)
{
    struct position at = yaml_position(reading->document->file, node ? node : reading->section);
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    diagnostics_error(reading->compile->diagnostics, &at, hint, "%s", text);
    reading->is_wrong = true;
}

static const struct yaml_node *get(const struct reading *reading, const char *key)
{
    return yaml_get(reading->section, key);
}

/* ---- type, rules ---- */

static void keys_check(struct reading *reading)
{
    static const char *const names[] = {"aliases", "condition", "generate", "group-by",
                                        "rules",   "timespan",  "type"};
    const size_t count = sizeof names / sizeof names[0];
    for (const struct yaml_node *key = reading->section->first; key; key = key->next) {
        bool is_known = false;
        for (size_t index = 0; index < count; index++)
            is_known |= span_eq(key->text, span_str(names[index]));
        if (!is_known)
            complain(reading, key, sigma_hint(names, count, key->text),
                     "unknown key of a correlation");
    }
}

static void type_read(struct reading *reading)
{
    const struct yaml_node *node = get(reading, "type");
    const char *names[TYPE_COUNT];
    for (size_t index = 0; index < TYPE_COUNT; index++)
        names[index] = types[index].name;
    if (!node || node->kind != YAML_SCALAR) {
        complain(reading, node, NULL, "expected a 'type' such as event_count");
        return;
    }
    for (size_t index = 0; index < TYPE_COUNT; index++)
        if (span_eq(node->text, span_str(names[index])))
            reading->type = &types[index];
    if (!reading->type)
        complain(reading, node, sigma_hint(names, TYPE_COUNT, node->text),
                 "unknown type of correlation '" PRI_SPAN "'", ARG_SPAN(node->text));
}

static void reference_check(struct reading *reading, const struct yaml_node *node, span reference)
{
    const struct document *document = document_find(reading->compile, reference);
    if (!document)
        complain(reading, node, NULL, "no rule has the id or name '" PRI_SPAN "'",
                 ARG_SPAN(reference));
    else if (document->kind == DOCUMENT_FILTER)
        complain(reading, node, NULL, "'" PRI_SPAN "' is a filter: correlations are over rules",
                 ARG_SPAN(reference));
}

static void rules_read(struct reading *reading)
{
    const struct yaml_node *node = get(reading, "rules");
    const struct yaml_node *condition = get(reading, "condition");
    bool is_optional = reading->type && reading->type->form == TEMPORAL && condition &&
                       condition->kind == YAML_SCALAR;
    if (!document_texts(reading->compile, reading->document, node, "rules", reading->arena,
                        &reading->rules, &reading->rule_count)) {
        reading->is_wrong = true;
        return;
    }
    if (reading->rule_count == 0 && !is_optional)
        complain(reading, node, NULL, "expected 'rules', a list of ids or names");
    const struct yaml_node *one = node && node->kind == YAML_SEQUENCE ? node->first : node;
    for (size_t index = 0; one && index < reading->rule_count; index++, one = one->next)
        reference_check(reading, one, reading->rules[index]);
}

/* ---- time, groups ---- */

static void timespan_check(struct reading *reading)
{
    const struct yaml_node *node = get(reading, "timespan");
    if (!node || node->kind != YAML_SCALAR) {
        complain(reading, node, NULL, "expected a 'timespan' such as 5m");
        return;
    }
    span text = node->text;
    uint64_t number = 0;
    size_t count = 0;
    for (; count < text.len && count < 9 && text.data[count] >= '0' && text.data[count] <= '9';
         count++)
        number = number * 10 + (uint64_t)(text.data[count] - '0');
    if (count == 0 || count + 1 != text.len || !memchr("smhdwMy", text.data[count], 7))
        complain(reading, node, NULL,
                 "expected a number and one of s, m, h, d, w, M, y, found '" PRI_SPAN "'",
                 ARG_SPAN(text));
    else if (number == 0)
        complain(reading, node, NULL, "a timespan of nothing");
}

static void groups_check(struct reading *reading)
{
    span *groups;
    size_t count;
    const struct yaml_node *node = get(reading, "group-by");
    const struct yaml_node *generate = get(reading, "generate");
    struct value value;
    if (!document_texts(reading->compile, reading->document, node, "group-by", reading->arena,
                        &groups, &count))
        reading->is_wrong = true;
    if (generate && (generate->kind != YAML_SCALAR || scalar_form(generate, &value) != FORM_BOOL))
        complain(reading, generate, NULL, "'generate': expected true or false");
}

static bool is_rule(const struct reading *reading, span name)
{
    for (size_t index = 0; index < reading->rule_count; index++)
        if (span_eq(reading->rules[index], name))
            return true;
    return false;
}

/* alias: {rule: field}; a rule without the alias would never be in a group. */
static void alias_check(struct reading *reading, const struct yaml_node *alias)
{
    if (alias->value->kind != YAML_MAPPING || alias->value->count == 0) {
        complain(reading, alias->value, NULL, "expected a mapping of rules to fields");
        return;
    }
    for (const struct yaml_node *rule = alias->value->first; rule; rule = rule->next) {
        if (!is_rule(reading, rule->text))
            complain(reading, rule, NULL, "'" PRI_SPAN "' is none of this correlation's rules",
                     ARG_SPAN(rule->text));
        if (rule->value->kind != YAML_SCALAR || rule->value->text.len == 0)
            complain(reading, rule->value, NULL, "expected the name of a field");
    }
    for (size_t index = 0; index < reading->rule_count; index++) {
        bool has_rule = false;
        for (const struct yaml_node *rule = alias->value->first; rule; rule = rule->next)
            has_rule |= span_eq(rule->text, reading->rules[index]);
        if (!has_rule)
            complain(reading, alias, NULL,
                     "alias '" PRI_SPAN "' names no field for the rule '" PRI_SPAN "'",
                     ARG_SPAN(alias->text), ARG_SPAN(reading->rules[index]));
    }
}

static void aliases_check(struct reading *reading)
{
    const struct yaml_node *node = get(reading, "aliases");
    if (!node || yaml_is_null(node))
        return;
    if (node->kind != YAML_MAPPING) {
        complain(reading, node, NULL, "expected a mapping of aliases");
        return;
    }
    for (const struct yaml_node *alias = node->first; alias; alias = alias->next)
        alias_check(reading, alias);
}

/* ---- conditions ---- */

struct bounds {
    long double low, high;
    bool has_low, has_high, has_exact;
    bool is_low_open, is_high_open;
    size_t count;
};

static bool operator_read(struct reading *reading, const struct yaml_node *key,
                          struct bounds *bounds)
{
    static const char *const names[] = {"gt", "gte", "lt", "lte", "eq", "neq"};
    size_t index = 0;
    struct value value;
    while (index < 6 && !span_eq(key->text, span_str(names[index])))
        index++;
    if (index == 6)
        return false;
    if (key->value->kind != YAML_SCALAR || scalar_form(key->value, &value) != FORM_NUMBER) {
        complain(reading, key->value, NULL, "'%s': expected a number", names[index]);
        return true;
    }
    long double number = value.kind == VALUE_INT    ? (long double)value.integer
                         : value.kind == VALUE_UINT ? (long double)value.uinteger
                                                    : (long double)value.real;
    bounds->count++;
    if (index < 2) {
        bounds->has_low = true;
        bounds->low = number;
        bounds->is_low_open = index == 0;
    } else if (index < 4) {
        bounds->has_high = true;
        bounds->high = number;
        bounds->is_high_open = index == 2;
    } else {
        bounds->has_exact = true;
    }
    return true;
}

static void bounds_check(struct reading *reading, const struct yaml_node *node,
                         const struct bounds *bounds)
{
    if (bounds->count == 0)
        complain(reading, node, NULL, "expected one of gt, gte, lt, lte, eq, neq with a number");
    else if (bounds->count > 1 &&
             (bounds->count > 2 || bounds->has_exact || !bounds->has_low || !bounds->has_high))
        complain(reading, node, NULL, "two operators must be a range: gt or gte, and lt or lte");
    else if (bounds->has_low && bounds->has_high &&
             (bounds->low > bounds->high ||
              (bounds->low == bounds->high && (bounds->is_low_open || bounds->is_high_open))))
        complain(reading, node, NULL, "no number lies in this range");
}

static void field_check(struct reading *reading, const struct yaml_node *node)
{
    const struct yaml_node *field = yaml_get(node, "field");
    span *fields;
    size_t count;
    enum condition_form form = reading->type->form;
    if (form == COUNT || form == TEMPORAL) {
        if (field)
            complain(reading, field, NULL, "'%s' counts events: it takes no field",
                     reading->type->name);
        return;
    }
    if (!field || (form == FIELD && field->kind != YAML_SCALAR)) {
        complain(reading, field ? field : node, NULL, "expected a 'field' with one name");
        return;
    }
    if (!document_texts(reading->compile, reading->document, field, "field", reading->arena,
                        &fields, &count))
        reading->is_wrong = true;
    else if (count == 0)
        complain(reading, field, NULL, "expected the name of a field");
}

static void operators_check(struct reading *reading, const struct yaml_node *node)
{
    static const char *const names[] = {"eq", "field", "gt",  "gte",
                                        "lt", "lte",   "neq", "percentile"};
    struct bounds bounds = {0};
    for (const struct yaml_node *key = node->first; key; key = key->next) {
        struct value value;
        if (span_eq(key->text, SPAN("field")) || operator_read(reading, key, &bounds))
            continue;
        if (!span_eq(key->text, SPAN("percentile")) || !reading->type->has_percentile)
            complain(reading, key, sigma_hint(names, 8, key->text), "unknown key of a condition");
        else if (key->value->kind != YAML_SCALAR ||
                 scalar_form(key->value, &value) != FORM_NUMBER || value.kind != VALUE_INT ||
                 value.integer < 0 || value.integer > 100)
            complain(reading, key->value, NULL, "expected a percentile from 0 to 100");
    }
    field_check(reading, node);
    bounds_check(reading, node, &bounds);
}

/* `a and (b or not c)` over the rules, by the grammar of conditions: its nodes are thrown away. */
static void expression_check(struct reading *reading, const struct yaml_node *node)
{
    struct compile own = *reading->compile;
    struct rule rule = {.compile = &own, .document = reading->document, .arena = reading->arena};
    struct err_ctx err;
    struct scope scope = {.file = reading->document->file};
    size_t count = reading->rule_count ? reading->rule_count : own.document_count;
    scope.searches = arena_alloc(reading->arena, (count + 1) * sizeof *scope.searches);
    if (!scope.searches || rule_builder_open(own.schema, &own.builder, &err) != OK) {
        complain(reading, node, NULL, "no room for this correlation");
        return;
    }
    for (size_t index = 0; index < count; index++) {
        span name = reading->rule_count ? reading->rules[index] : own.documents[index].name;
        if (name.data)
            scope.searches[scope.count++] =
                (struct search){.name = name, .node = rule_build_constant(own.builder, true)};
    }
    if (condition_build(&rule, &scope, node) == RULE_NONE)
        reading->is_wrong = true;
    rule_builder_close(own.builder);
}

static void condition_check(struct reading *reading)
{
    const struct yaml_node *node = get(reading, "condition");
    bool is_temporal = reading->type->form == TEMPORAL;
    if (!node || yaml_is_null(node)) {
        if (!is_temporal)
            complain(reading, node, NULL, "expected a 'condition' such as {gte: 10}");
    } else if (node->kind == YAML_MAPPING) {
        operators_check(reading, node);
    } else if (node->kind == YAML_SCALAR && is_temporal) {
        expression_check(reading, node);
    } else {
        complain(reading, node, NULL, "expected a mapping such as {gte: 10}");
    }
}

/* ---- circles ---- */

struct circle {
    const struct compile *compile;
    const struct document *target;
    uint32_t *seen; /* by document: the generation it was looked at in */
    uint32_t generation;
};

/* Does the correlation lead to the target? What lies too deep is a circle or as bad as one. */
static bool leads_to(const struct circle *circle, const struct document *document, uint32_t depth)
{
    const struct compile *compile = circle->compile;
    const struct yaml_node *section = yaml_get(document->root, "correlation");
    const struct yaml_node *rules =
        section->kind == YAML_MAPPING ? yaml_get(section, "rules") : NULL;
    const struct yaml_node *one = rules && rules->kind == YAML_SEQUENCE ? rules->first : rules;
    for (; one; one = one == rules ? NULL : one->next) {
        const struct document *next =
            one->kind == YAML_SCALAR ? document_find(compile, one->text) : NULL;
        if (!next || next->kind != DOCUMENT_CORRELATION)
            continue;
        uint32_t *seen = &circle->seen[next - compile->documents];
        if (next == circle->target || depth == DEPTH_MAX)
            return true;
        if (*seen == circle->generation)
            continue;
        *seen = circle->generation;
        if (leads_to(circle, next, depth + 1))
            return true;
    }
    return false;
}

/* ---- names of fields, which pipelines change rule by rule ---- */

/* What the name is called in events of the rule. */
static span alias_of(const struct reading *reading, span name, span rule)
{
    const struct yaml_node *aliases = get(reading, "aliases");
    const struct yaml_node *alias =
        aliases && aliases->kind == YAML_MAPPING ? aliases->first : NULL;
    for (; alias; alias = alias->next)
        for (const struct yaml_node *one = alias->value->first; one && span_eq(alias->text, name);
             one = one->next)
            if (span_eq(one->text, rule))
                return one->value->text;
    return name;
}

static void name_ask(struct reading *reading, const struct yaml_node *node)
{
    struct compile *compile = reading->compile;
    for (size_t index = 0; index < reading->rule_count; index++) {
        const struct document *rule = document_find(compile, reading->rules[index]);
        if (rule->kind != DOCUMENT_RULE)
            continue; /* the names of a correlation's groups are its own */
        if (!vector_grow(&compile->asked, &compile->asked_size, compile->asked_count, ASKED_MAX,
                         sizeof *compile->asked)) {
            complain(reading, node, NULL, "no room for this correlation");
            return;
        }
        compile->asked[compile->asked_count++] =
            (struct asked){.rule = rule,
                           .file = reading->document->file,
                           .node = node,
                           .name = alias_of(reading, node->text, reading->rules[index])};
    }
}

static void names_ask(struct reading *reading)
{
    const struct yaml_node *condition = get(reading, "condition");
    const struct yaml_node *lists[] = {
        get(reading, "group-by"),
        condition && condition->kind == YAML_MAPPING ? yaml_get(condition, "field") : NULL};
    for (size_t list = 0; list < 2; list++) {
        const struct yaml_node *node = lists[list];
        const struct yaml_node *one = node && node->kind == YAML_SEQUENCE ? node->first : node;
        for (; one && !yaml_is_null(one); one = one == node ? NULL : one->next)
            name_ask(reading, one);
    }
}

bool correlations_names_read(struct rule *rule)
{
    const struct compile *compile = rule->compile;
    size_t count = 0;
    for (size_t index = 0; index < compile->asked_count; index++)
        count += compile->asked[index].rule == rule->document;
    if (count == 0)
        return true;
    rule->asked = arena_alloc(rule->arena, count * sizeof *rule->asked);
    span *names = arena_alloc(rule->arena, count * sizeof *names);
    if (!rule->asked || !names)
        return false;
    for (size_t index = 0; index < compile->asked_count; index++) {
        const struct asked *asked = &compile->asked[index];
        if (asked->rule != rule->document)
            continue;
        names[rule->asked_count] = asked->name;
        rule->asked[rule->asked_count] = (struct asked_fields){asked, &names[rule->asked_count], 1};
        rule->asked_count++;
    }
    return true;
}

/* Events of a group have one value of each name. */
bool correlations_names_check(const struct rule *rule)
{
    bool is_good = true;
    for (size_t index = 0; index < rule->asked_count; index++) {
        const struct asked_fields *fields = &rule->asked[index];
        struct position at = yaml_position(fields->asked->file, fields->asked->node);
        if (fields->count == 1)
            continue;
        is_good = false;
        diagnostics_error(rule->compile->diagnostics, &at, NULL,
                          "a pipeline makes %zu fields of '" PRI_SPAN "' for the rule '" PRI_SPAN
                          "': name one of them by an alias",
                          fields->count, ARG_SPAN(fields->asked->name),
                          ARG_SPAN(rule->document->title));
    }
    return is_good;
}

static void correlation_read(struct compile *compile, const struct circle *circle,
                             struct arena *arena)
{
    const struct document *document = circle->target;
    struct reading reading = {.compile = compile,
                              .document = document,
                              .section = yaml_get(document->root, "correlation"),
                              .arena = arena};
    if (reading.section->kind != YAML_MAPPING) {
        complain(&reading, NULL, NULL, "expected a mapping with a type and rules");
        return;
    }
    span level;
    uint8_t priority;
    reading.is_wrong = !document_level(compile, document, &level, &priority);
    keys_check(&reading);
    type_read(&reading);
    rules_read(&reading);
    timespan_check(&reading);
    groups_check(&reading);
    aliases_check(&reading);
    if (reading.type)
        condition_check(&reading);
    if (!reading.is_wrong && leads_to(circle, document, 0))
        complain(&reading, get(&reading, "rules"), NULL,
                 "correlations refer to each other in a circle, or too deeply");
    if (!reading.is_wrong)
        names_ask(&reading);
}

void correlations_check(struct compile *compile, struct arena *arena)
{
    const struct document *first = NULL;
    struct circle circle = {.compile = compile};
    circle.seen = calloc(compile->document_count + 1, sizeof *circle.seen);
    for (size_t index = 0; index < compile->document_count; index++) {
        const struct document *document = &compile->documents[index];
        if (document->kind != DOCUMENT_CORRELATION)
            continue;
        first = first ? first : document;
        circle.target = document;
        circle.generation++;
        if (!document->is_wrong && circle.seen)
            correlation_read(compile, &circle, arena);
        compile->counts.correlations++;
        arena_reset(arena);
    }
    free(circle.seen);
    if (!first)
        return;
    struct position at = yaml_position(first->file, first->root);
    diagnostics_warning(compile->diagnostics, &at,
                        "correlations (%zu, this is the first) are checked, but not run",
                        compile->counts.correlations);
}
