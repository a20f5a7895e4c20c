/* Conditions of transformations, on the rule, on an item, on the name of a field. */
#include <stdlib.h>

#include "pattern/pattern.h"
#include "sigma/pipeline.h"

struct condition_desc {
    const char *name;
    uint32_t levels; /* a bit each */
    const char *const *keys;
    bool (*holds)(const struct subject *subject, const struct yaml_node *node);
};

static span text_of(const struct yaml_node *node, const char *key)
{
    const struct yaml_node *value = yaml_get(node, key);
    return value && value->kind == YAML_SCALAR ? value->text : (span){NULL, 0};
}

static bool truth_of(const struct yaml_node *node)
{
    struct value value;
    return node && node->kind == YAML_SCALAR && scalar_form(node, &value) == FORM_BOOL &&
           value.truth;
}

/* ---- rules ---- */

static bool part_holds(span wanted, span part)
{
    return !wanted.data || (part.data && span_eq(wanted, part));
}

static bool logsource_holds(const struct subject *subject, const struct yaml_node *node)
{
    const struct logsource *logsource = &subject->rule->logsource;
    return part_holds(text_of(node, "product"), logsource->product) &&
           part_holds(text_of(node, "category"), logsource->category) &&
           part_holds(text_of(node, "service"), logsource->service);
}

struct item_search {
    span field;
    const struct yaml_node *value; /* NULL: any */
    bool is_found;
};

static void item_look(struct sigma_item *item, void *context)
{
    struct item_search *search = context;
    bool has_field = false;
    for (size_t index = 0; index < item->field_count; index++)
        has_field |= span_eq(item->fields[index], search->field);
    bool has_value = !search->value;
    for (size_t index = 0; search->value && index < item->value_count; index++)
        has_value |= span_eq(item->values[index].node->text, search->value->text);
    search->is_found |= has_field && has_value && !item->is_dropped;
}

static bool field_holds(const struct subject *subject, const struct yaml_node *node)
{
    struct item_search search = {text_of(node, "field"), yaml_get(node, "value"), false};
    for (struct scope *scope = subject->rule->first; scope; scope = scope->next)
        for (size_t index = 0; index < scope->count; index++)
            if (scope->searches[index].detection)
                detection_visit(scope->searches[index].detection, item_look, &search);
    return search.is_found;
}

static bool rule_holds(const struct subject *subject, const struct yaml_node *node)
{
    (void)node;
    return subject->rule->document->kind == DOCUMENT_RULE;
}

static bool correlation_holds(const struct subject *subject, const struct yaml_node *node)
{
    return !rule_holds(subject, node);
}

static bool tag_holds(const struct subject *subject, const struct yaml_node *node)
{
    const struct yaml_node *tags = yaml_get(subject->rule->document->root, "tags");
    span tag = text_of(node, "tag");
    for (const struct yaml_node *one = tags ? tags->first : NULL; one; one = one->next)
        if (one->kind == YAML_SCALAR && span_eq(one->text, tag))
            return true;
    return false;
}

/* Where a word stands among levels or states; -1: it is none of them. */
static int rank_of(span word)
{
    static const char *const words[] = {
        "informational", "low",        "medium",       "high", "critical",
        "unsupported",   "deprecated", "experimental", "test", "stable"};
    for (size_t index = 0; index < sizeof words / sizeof words[0]; index++)
        if (span_eq(word, span_str(words[index])))
            return (int)index;
    return -1;
}

static int attribute_order(const struct yaml_node *a, const struct yaml_node *b)
{
    struct value left, right;
    if (rank_of(a->text) >= 0 && rank_of(b->text) >= 0)
        return rank_of(a->text) - rank_of(b->text);
    if (scalar_form(a, &left) == FORM_NUMBER && scalar_form(b, &right) == FORM_NUMBER &&
        left.kind == VALUE_INT && right.kind == VALUE_INT)
        return (left.integer > right.integer) - (left.integer < right.integer);
    return span_cmp(a->text, b->text); /* dates too */
}

static bool attribute_holds(const struct subject *subject, const struct yaml_node *node)
{
    span name = text_of(node, "attribute");
    span op = text_of(node, "op");
    const struct yaml_node *wanted = yaml_get(node, "value");
    const struct yaml_node *value = NULL;
    for (const struct yaml_node *key = subject->rule->document->root->first; key; key = key->next)
        if (span_eq(key->text, name))
            value = key->value;
    if (!value || value->kind != YAML_SCALAR)
        return false;
    int order = attribute_order(value, wanted);
    if (span_eq(op, SPAN("ne")))
        return order != 0;
    if (span_eq(op, SPAN("gt")) || span_eq(op, SPAN("gte")))
        return order > 0 || (order == 0 && op.len == 3);
    if (span_eq(op, SPAN("lt")) || span_eq(op, SPAN("lte")))
        return order < 0 || (order == 0 && op.len == 3);
    return order == 0;
}

static bool applied_holds(const struct subject *subject, const struct yaml_node *node)
{
    uint64_t bit =
        pipelines_bit(subject->rule->compile->pipelines, text_of(node, "processing_item_id"));
    return ((subject->item ? subject->item->applied : subject->rule->applied) & bit) != 0;
}

/* ---- items and fields ---- */

static bool regex_holds(const struct subject *subject, const struct yaml_node *node, span text)
{
    const struct pipelines *pipelines = subject->rule->compile->pipelines;
    for (size_t index = 0; index < pipelines->regex_count; index++)
        if (pipelines->regexes[index].node == node)
            return regex_match(pipelines->regexes[index].regex, text, subject->rule->arena) ==
                   REGEX_YES;
    return false;
}

/* `cond: all` asks all values, else any of them. */
static bool values_hold(const struct subject *subject, const struct yaml_node *node,
                        bool (*holds)(const struct subject *subject, const struct yaml_node *node,
                                      const struct sigma_value *value))
{
    bool is_all = span_eq(text_of(node, "cond"), SPAN("all"));
    size_t count = 0;
    for (size_t index = 0; index < subject->item->value_count; index++)
        count += holds(subject, node, &subject->item->values[index]);
    return is_all ? count == subject->item->value_count : count > 0;
}

static bool value_is_null(const struct subject *subject, const struct yaml_node *node,
                          const struct sigma_value *value)
{
    (void)subject;
    (void)node;
    return value->form == FORM_NULL;
}

static bool value_has_wildcard(const struct subject *subject, const struct yaml_node *node,
                               const struct sigma_value *value)
{
    (void)subject;
    (void)node;
    return value->form == FORM_TEXT && pattern_has_wildcard(value->pattern);
}

static bool value_matches(const struct subject *subject, const struct yaml_node *node,
                          const struct sigma_value *value)
{
    bool is_text = value->form == FORM_TEXT || value->form == FORM_REGEX;
    bool holds = is_text && regex_holds(subject, yaml_get(node, "pattern"), value->node->text);
    return holds != truth_of(yaml_get(node, "negate"));
}

static bool null_holds(const struct subject *subject, const struct yaml_node *node)
{
    return values_hold(subject, node, value_is_null);
}

static bool wildcard_holds(const struct subject *subject, const struct yaml_node *node)
{
    return values_hold(subject, node, value_has_wildcard);
}

static bool match_holds(const struct subject *subject, const struct yaml_node *node)
{
    return values_hold(subject, node, value_matches);
}

static bool is_by_regex(const struct yaml_node *node)
{
    return span_eq(text_of(node, "mode"), SPAN("re")) ||
           span_eq(text_of(node, "match_type"), SPAN("re"));
}

static bool include_holds(const struct subject *subject, const struct yaml_node *node)
{
    const struct yaml_node *fields = yaml_get(node, "fields");
    for (const struct yaml_node *one = fields->first; one; one = one->next)
        if (is_by_regex(node) ? regex_holds(subject, one, subject->field)
                              : span_eq(one->text, subject->field))
            return true;
    return false;
}

static bool exclude_holds(const struct subject *subject, const struct yaml_node *node)
{
    return !include_holds(subject, node);
}

/* ---- the table, by name ---- */

#define KEYS(...) ((const char *const[]){__VA_ARGS__, NULL})
#define ON_RULE   (1u << CONDITION_RULE)
#define ON_ITEM   (1u << CONDITION_ITEM)
#define ON_FIELD  (1u << CONDITION_FIELD)
#define ON_ALL    (ON_RULE | ON_ITEM | ON_FIELD)

static const struct condition_desc rows[] = {
    {"contains_detection_item", ON_RULE, KEYS("field", "value"), field_holds},
    {"contains_field", ON_RULE, KEYS("field"), field_holds},
    {"contains_wildcard", ON_ITEM, KEYS("cond"), wildcard_holds},
    {"exclude_fields", ON_FIELD, KEYS("fields", "mode", "match_type"), exclude_holds},
    {"include_fields", ON_FIELD, KEYS("fields", "mode", "match_type"), include_holds},
    {"is_null", ON_ITEM, KEYS("cond"), null_holds},
    {"is_sigma_correlation_rule", ON_RULE, KEYS(NULL), correlation_holds},
    {"is_sigma_rule", ON_RULE, KEYS(NULL), rule_holds},
    {"logsource", ON_RULE, KEYS("category", "product", "service"), logsource_holds},
    {"match_string", ON_ITEM, KEYS("cond", "pattern", "negate"), match_holds},
    {"processing_item_applied", ON_ALL, KEYS("processing_item_id"), applied_holds},
    {"rule_attribute", ON_RULE, KEYS("attribute", "value", "op"), attribute_holds},
    {"tag", ON_RULE, KEYS("tag"), tag_holds},
};

#define ROW_COUNT (sizeof rows / sizeof rows[0])

static const struct condition_desc *condition_find(span name)
{
    for (size_t index = 0; index < ROW_COUNT; index++)
        if (span_eq(name, span_str(rows[index].name)))
            return &rows[index];
    return NULL;
}

static const struct {
    const char *conditions;
    const char *op;
    const char *negation;
    const char *expression;
} levels[] = {
    [CONDITION_RULE] = {"rule_conditions", "rule_cond_op", "rule_cond_not", "rule_cond_expr"},
    [CONDITION_ITEM] = {"detection_item_conditions", "detection_item_cond_op",
                        "detection_item_cond_not", "detection_item_cond_expr"},
    [CONDITION_FIELD] = {"field_name_conditions", "field_name_cond_op", "field_name_cond_not",
                         "field_name_cond_expr"},
};

/* ---- checking ---- */

struct check {
    struct compile *compile;
    const struct transformation *transformation;
    enum condition_level level;
};

static bool complain(const struct check *check, const struct yaml_node *node, const char *hint,
                     const char *text)
{
    return pipeline_complain(check->compile, check->transformation->file, node, hint, text);
}

/* Regexes match from the start of what they are held against, as in pySigma. */
static bool regex_add(const struct check *check, const struct yaml_node *node)
{
    struct pipelines *pipelines = check->compile->pipelines;
    struct err_ctx err = {0};
    struct writer text;
    if (!node || node->kind != YAML_SCALAR)
        return complain(check, node ? node : check->transformation->node, NULL, "expected a regex");
    struct pipeline_regex *grown =
        realloc(pipelines->regexes, (pipelines->regex_count + 1) * sizeof *pipelines->regexes);
    if (!grown)
        return complain(check, node, NULL, "no room for this regex");
    pipelines->regexes = grown;
    grown[pipelines->regex_count] = (struct pipeline_regex){.node = node};
    writer_init(&text, node->text.len + 16);
    writer_text(&text, "\\A(?:");
    writer_put(&text, node->text);
    writer_text(&text, ")");
    err_kind kind = regex_open(writer_span(&text), (struct regex_options){0},
                               &grown[pipelines->regex_count].regex, &err);
    writer_free(&text);
    pipelines->regex_count += kind == OK;
    return kind == OK || complain(check, node, NULL, err.text);
}

static bool fields_check(const struct check *check, const struct yaml_node *node)
{
    const struct yaml_node *fields = yaml_get(node, "fields");
    bool is_good = fields && fields->kind == YAML_SEQUENCE;
    if (!is_good)
        return complain(check, fields ? fields : node, NULL, "expected 'fields', a list of names");
    for (const struct yaml_node *one = fields->first; one; one = one->next) {
        if (one->kind != YAML_SCALAR)
            is_good = complain(check, one, NULL, "expected the name of a field");
        else if (is_by_regex(node))
            is_good &= regex_add(check, one);
    }
    return is_good;
}

static bool keys_check(const struct check *check, const struct condition_desc *desc,
                       const struct yaml_node *node)
{
    const char *names[16] = {"type", "id"};
    size_t count = 2;
    bool is_good = true;
    for (const char *const *key = desc->keys; *key; key++) {
        bool is_optional = strcmp(*key, "cond") == 0 || strcmp(*key, "negate") == 0 ||
                           strcmp(*key, "op") == 0 || strcmp(*key, "mode") == 0 ||
                           strcmp(*key, "match_type") == 0 || desc->holds == logsource_holds ||
                           strcmp(*key, "fields") == 0;
        const struct yaml_node *value = yaml_get(node, *key);
        names[count++] = *key;
        struct position at = yaml_position(check->transformation->file, value ? value : node);
        if (is_optional ? !value || value->kind == YAML_SCALAR || strcmp(*key, "fields") == 0
                        : value && value->kind == YAML_SCALAR)
            continue;
        diagnostics_error(check->compile->diagnostics, &at, NULL, "expected '%s' with a text",
                          *key);
        is_good = false;
    }
    for (const struct yaml_node *key = node->first; key; key = key->next) {
        bool is_known = false;
        for (size_t index = 0; index < count; index++)
            is_known |= span_eq(key->text, span_str(names[index]));
        if (!is_known)
            is_good = complain(check, key, sigma_hint(names, count, key->text),
                               "unknown key of a condition");
    }
    return is_good;
}

static bool condition_check(const struct check *check, const struct yaml_node *node)
{
    const struct yaml_node *type = node->kind == YAML_MAPPING ? yaml_get(node, "type") : NULL;
    if (!type || type->kind != YAML_SCALAR)
        return complain(check, node, NULL, "expected a condition with a 'type'");
    const struct condition_desc *desc = condition_find(type->text);
    if (!desc) {
        const char *names[ROW_COUNT];
        for (size_t index = 0; index < ROW_COUNT; index++)
            names[index] = rows[index].name;
        return complain(check, type, sigma_hint(names, ROW_COUNT, type->text),
                        "condition of this type is not known here");
    }
    if (!(desc->levels >> check->level & 1))
        return complain(check, type, NULL, "a condition of this type has no place here");
    bool is_good = keys_check(check, desc, node);
    if (is_good && (desc->holds == include_holds || desc->holds == exclude_holds))
        is_good = fields_check(check, node);
    if (is_good && desc->holds == match_holds)
        is_good = regex_add(check, yaml_get(node, "pattern"));
    if (is_good && desc->holds == applied_holds &&
        !pipelines_bit(check->compile->pipelines, text_of(node, "processing_item_id")))
        is_good = complain(check, yaml_get(node, "processing_item_id"), NULL,
                           "no transformation has this id");
    return is_good;
}

static bool level_check(const struct check *check)
{
    const struct yaml_node *node = check->transformation->node;
    const struct yaml_node *list = yaml_get(node, levels[check->level].conditions);
    const struct yaml_node *op = yaml_get(node, levels[check->level].op);
    bool is_good = true;
    if (op && (op->kind != YAML_SCALAR ||
               !(span_eq(op->text, SPAN("and")) || span_eq(op->text, SPAN("or")))))
        is_good = complain(check, op, NULL, "expected 'and' or 'or'");
    if (!list || yaml_is_null(list))
        return is_good;
    if (list->kind == YAML_SCALAR)
        return complain(check, list, NULL, "expected a list of conditions");
    for (const struct yaml_node *one = list->first; one; one = one->next)
        is_good &= condition_check(check, list->kind == YAML_MAPPING ? one->value : one);
    return is_good;
}

bool pipeline_conditions_check(struct compile *compile, const struct transformation *transformation)
{
    bool is_good = true;
    for (size_t level = 0; level < sizeof levels / sizeof levels[0]; level++) {
        const struct check check = {compile, transformation, (enum condition_level)level};
        is_good &= level_check(&check);
    }
    return is_good;
}

/* ---- asking ---- */

bool pipeline_conditions_hold(const struct transformation *transformation,
                              enum condition_level level, const struct subject *subject)
{
    const struct yaml_node *node = transformation->node;
    const struct yaml_node *list = yaml_get(node, levels[level].conditions);
    const struct yaml_node *negation = yaml_get(node, levels[level].negation);
    bool is_any = span_eq(text_of(node, levels[level].op), SPAN("or"));
    if (!list || list->count == 0)
        return true;
    size_t count = 0;
    for (const struct yaml_node *one = list->first; one; one = one->next) {
        const struct yaml_node *condition = list->kind == YAML_MAPPING ? one->value : one;
        const struct yaml_node *type = yaml_get(condition, "type");
        const struct condition_desc *known = type ? condition_find(type->text) : NULL;
        count += known && known->holds(subject, condition); /* checked when it was read */
    }
    bool holds = is_any ? count > 0 : count == list->count;
    return holds != truth_of(negation);
}
