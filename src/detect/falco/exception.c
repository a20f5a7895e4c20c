/* Exceptions: tables of values under which a rule does not match. Here they are read and checked;
 * exception_text.c turns them into text behind the rule's condition. */
#include "falco/condition.h"

struct exception_reader {
    struct collection *collection;
    const struct yaml_file *file;
    struct falco_rule *rule;
};

static bool fail_at(const struct exception_reader *reader, const struct yaml_node *node,
                    const char *text)
{
    struct position at = yaml_position(reader->file, node);
    diagnostics_error(reader->collection->diagnostics, &at, NULL, "rule '" PRI_SPAN "': %s",
                      ARG_SPAN(reader->rule->name), text);
    return false;
}

static void warn_at(const struct exception_reader *reader, const struct yaml_node *node,
                    const char *text)
{
    struct position at = yaml_position(reader->file, node);
    diagnostics_warning(reader->collection->diagnostics, &at,
                        "rule '" PRI_SPAN "': exception '" PRI_SPAN "' %s",
                        ARG_SPAN(reader->rule->name), ARG_SPAN(node->text), text);
}

static struct falco_exception *exception_find(const struct falco_rule *rule, span name)
{
    for (struct falco_exception *at = rule->exceptions; at; at = at->next)
        if (span_eq(at->name, name))
            return at;
    return NULL;
}

/* ---- fields and comparisons ---- */

/* A function of fields is checked where it is compiled. A rule of another source has fields that
 * are not known here. */
static bool field_check(const struct exception_reader *reader, const struct yaml_node *field)
{
    const struct schema *schema = reader->collection->schema;
    struct position at = yaml_position(reader->file, field);
    struct field_ref ref;
    const char *hint = NULL;
    if (field->kind != YAML_SCALAR || field->text.len == 0)
        return fail_at(reader, field, "exception 'fields': expected a field");
    if (memchr(field->text.data, '(', field->text.len) || reader->rule->is_left_out ||
        schema_resolve(schema, field->text, &ref, &hint) == FIELD_FOUND)
        return true;
    diagnostics_error(reader->collection->diagnostics, &at, hint,
                      "exception: unknown field '" PRI_SPAN "'", ARG_SPAN(field->text));
    return false;
}

static bool comparison_check(const struct exception_reader *reader, const struct yaml_node *node,
                             bool is_single)
{
    struct position at = yaml_position(reader->file, node);
    if (node->kind != YAML_SCALAR)
        return fail_at(reader, node, "exception 'comps': expected an operator");
    if (is_single && !is_list_comparison(node->text))
        return fail_at(reader, node,
                       "exception 'comps': expected in, pmatch or intersects for a single field");
    if (comparison_known(node->text))
        return true;
    diagnostics_error(reader->collection->diagnostics, &at, hint_operator(node->text),
                      "exception 'comps': unknown operator '" PRI_SPAN "'", ARG_SPAN(node->text));
    return false;
}

static bool shape_check(const struct exception_reader *reader, const struct yaml_node *fields,
                        const struct yaml_node *comparisons)
{
    bool is_good = true;
    if (fields->kind == YAML_MAPPING || (fields->kind == YAML_SEQUENCE && fields->count == 0))
        return fail_at(reader, fields, "exception 'fields': expected a field or a list of fields");
    if (fields->kind == YAML_SCALAR)
        is_good = field_check(reader, fields);
    for (const struct yaml_node *field = fields->first; field; field = field->next)
        is_good &= field_check(reader, field);
    if (!comparisons)
        return is_good;
    if (comparisons->kind != fields->kind || comparisons->count != fields->count)
        return fail_at(reader, comparisons,
                       "exception 'comps': expected one comparison for each field");
    if (comparisons->kind == YAML_SCALAR)
        return comparison_check(reader, comparisons, true) && is_good;
    for (const struct yaml_node *one = comparisons->first; one; one = one->next)
        is_good &= comparison_check(reader, one, false);
    return is_good;
}

/* ---- values ---- */

/* A value of a tuple: a scalar, or a list of them. */
static bool value_check(const struct exception_reader *reader, const struct yaml_node *value)
{
    bool is_good = true;
    if (value->kind == YAML_MAPPING)
        return fail_at(reader, value, "exception 'values': expected a value or a list of them");
    for (const struct yaml_node *item = value->first; item; item = item->next)
        if (item->kind != YAML_SCALAR)
            is_good = fail_at(reader, item, "exception 'values': expected a value");
    return is_good;
}

static bool tuple_check(const struct exception_reader *reader,
                        const struct falco_exception *exception, const struct yaml_node *tuple)
{
    bool is_good = true;
    if (exception->fields->kind == YAML_SCALAR)
        return tuple->kind == YAML_SCALAR ||
               fail_at(reader, tuple, "exception 'values': expected a value for the single field");
    if (tuple->kind != YAML_SEQUENCE || tuple->count != exception->fields->count)
        return fail_at(reader, tuple, "exception 'values': expected as many values as fields");
    for (const struct yaml_node *value = tuple->first; value; value = value->next)
        is_good &= value_check(reader, value);
    return is_good;
}

static void values_add(const struct exception_reader *reader, struct falco_exception *exception,
                       const struct yaml_node *values)
{
    bool is_good = true;
    if (!values || yaml_is_null(values))
        return;
    if (values->kind != YAML_SEQUENCE) {
        fail_at(reader, values, "exception 'values': expected a list");
        return;
    }
    for (const struct yaml_node *tuple = values->first; tuple; tuple = tuple->next)
        is_good &= tuple_check(reader, exception, tuple);
    struct exception_values *more = arena_alloc(&reader->collection->arena, sizeof *more);
    if (!more || !is_good)
        return;
    *more = (struct exception_values){.file = reader->file, .values = values};
    if (exception->values_last)
        exception->values_last->next = more;
    else
        exception->values = more;
    exception->values_last = more;
}

/* ---- one exception ---- */

static void keys_check(const struct exception_reader *reader, const struct yaml_node *item)
{
    static const char *const keys[] = {"name", "fields", "comps", "values"};
    for (const struct yaml_node *key = item->first; key; key = key->next) {
        const char *hint = hint_nearest(keys, 4, key->text);
        struct position at = yaml_position(reader->file, key);
        if (!hint || !span_eq(span_str(hint), key->text))
            diagnostics_warning_hint(reader->collection->diagnostics, &at, hint,
                                     "unknown key '" PRI_SPAN "' in an exception",
                                     ARG_SPAN(key->text));
    }
}

static void exception_new(const struct exception_reader *reader, const struct yaml_node *item,
                          bool is_append)
{
    const struct yaml_node *fields = yaml_get(item, "fields");
    const struct yaml_node *comparisons = yaml_get(item, "comps");
    const struct yaml_node *values = yaml_get(item, "values");
    if (!fields) {
        fail_at(reader, item, "a new exception needs 'fields'");
        return;
    }
    if (is_append && (!values || values->count == 0))
        fail_at(reader, item, "a new exception of an append needs 'values'");
    if (!shape_check(reader, fields, comparisons))
        return;
    struct falco_exception *own = arena_alloc(&reader->collection->arena, sizeof *own);
    if (!own)
        return;
    *own = (struct falco_exception){.name = yaml_get(item, "name")->text,
                                    .file = reader->file,
                                    .fields = fields,
                                    .comparisons = comparisons};
    struct falco_exception **end = &reader->rule->exceptions;
    while (*end)
        end = &(*end)->next;
    *end = own;
    values_add(reader, own, values);
}

static void exception_read(const struct exception_reader *reader, const struct yaml_node *item,
                           bool is_append)
{
    const struct yaml_node *name = yaml_get(item, "name");
    keys_check(reader, item);
    if (!name || name->kind != YAML_SCALAR || name->text.len == 0) {
        fail_at(reader, item, "an exception needs a 'name'");
        return;
    }
    if (is_append && !yaml_get(item, "values"))
        warn_at(reader, name, "is appended to without 'values'");
    struct falco_exception *known = exception_find(reader->rule, name->text);
    if (!known || !is_append) {
        if (known)
            warn_at(reader, name, "is defined twice");
        exception_new(reader, item, is_append);
    } else if (yaml_get(item, "fields") || yaml_get(item, "comps")) {
        fail_at(reader, item, "appended values of an exception come without 'fields' and 'comps'");
    } else {
        values_add(reader, known, yaml_get(item, "values"));
    }
}

void exceptions_read(struct collection *collection, const struct yaml_file *file,
                     const struct yaml_node *node, struct falco_rule *rule, bool is_append)
{
    struct exception_reader reader = {collection, file, rule};
    if (!is_append)
        rule->exceptions = NULL;
    if (yaml_is_null(node))
        return;
    if (node->kind != YAML_SEQUENCE) {
        fail_at(&reader, node, "'exceptions': expected a list");
        return;
    }
    for (const struct yaml_node *item = node->first; item; item = item->next) {
        if (item->kind != YAML_MAPPING)
            fail_at(&reader, item, "expected an exception with 'name' and 'fields'");
        else
            exception_read(&reader, item, is_append);
    }
}
