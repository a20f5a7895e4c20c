/* Exceptions: tables of values under which a rule does not match. They become text behind the
 * rule's condition, as the language defines them, each tuple with the place that it came from. */
#include "falco/collection.h"

#define TEXT_MAX ((size_t)1 << 20)

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

static struct falco_exception *exception_find(const struct falco_rule *rule, span name)
{
    for (struct falco_exception *at = rule->exceptions; at; at = at->next)
        if (span_eq(at->name, name))
            return at;
    return NULL;
}

static bool is_list_comparison(span comparison)
{
    return span_eq(comparison, SPAN("in")) || span_eq(comparison, SPAN("pmatch")) ||
           span_eq(comparison, SPAN("intersects")) || span_ends(comparison, SPAN(" oneof")) ||
           span_ends(comparison, SPAN(" anyof")) || span_ends(comparison, SPAN(" allof"));
}

static bool shape_check(const struct exception_reader *reader, const struct yaml_node *item,
                        const struct yaml_node *fields, const struct yaml_node *comparisons)
{
    if (fields->kind == YAML_MAPPING || (fields->kind == YAML_SEQUENCE && fields->count == 0))
        return fail_at(reader, fields, "exception 'fields': expected a field or a list of fields");
    for (const struct yaml_node *field = fields->first; field; field = field->next)
        if (field->kind != YAML_SCALAR)
            return fail_at(reader, field, "exception 'fields': expected a field");
    if (!comparisons)
        return true;
    if (comparisons->kind != fields->kind || comparisons->count != fields->count)
        return fail_at(reader, comparisons,
                       "exception 'comps': expected one comparison for each field");
    for (const struct yaml_node *one = comparisons->first; one; one = one->next)
        if (one->kind != YAML_SCALAR)
            return fail_at(reader, one, "exception 'comps': expected an operator");
    if (fields->kind == YAML_SCALAR && !is_list_comparison(comparisons->text))
        return fail_at(reader, comparisons,
                       "exception 'comps': expected in, pmatch or intersects for a single field");
    (void)item;
    return true;
}

static bool values_add(const struct exception_reader *reader, struct falco_exception *exception,
                       const struct yaml_node *values)
{
    if (!values || yaml_is_null(values))
        return true;
    if (values->kind != YAML_SEQUENCE)
        return fail_at(reader, values, "exception 'values': expected a list");
    if (exception->fields->kind == YAML_SEQUENCE)
        for (const struct yaml_node *tuple = values->first; tuple; tuple = tuple->next)
            if (tuple->kind != YAML_SEQUENCE || tuple->count != exception->fields->count)
                return fail_at(reader, tuple,
                               "exception 'values': expected as many values as fields");
    struct exception_values *more = arena_alloc(&reader->collection->arena, sizeof *more);
    if (!more)
        return false;
    *more = (struct exception_values){.file = reader->file, .values = values};
    if (exception->values_last)
        exception->values_last->next = more;
    else
        exception->values = more;
    exception->values_last = more;
    return true;
}

static bool exception_read(const struct exception_reader *reader, const struct yaml_node *item,
                           bool is_append)
{
    const struct yaml_node *name = yaml_get(item, "name");
    const struct yaml_node *fields = yaml_get(item, "fields");
    const struct yaml_node *comparisons = yaml_get(item, "comps");
    if (!name || name->kind != YAML_SCALAR || name->text.len == 0)
        return fail_at(reader, item, "an exception needs a 'name'");
    struct falco_exception *known = exception_find(reader->rule, name->text);
    if (known && is_append) {
        if (fields || comparisons)
            return fail_at(reader, item,
                           "appended values of an exception come without 'fields' and "
                           "'comps'");
        return values_add(reader, known, yaml_get(item, "values"));
    }
    if (known) {
        struct position at = yaml_position(reader->file, name);
        diagnostics_warning(reader->collection->diagnostics, &at,
                            "exception '" PRI_SPAN "' is defined twice", ARG_SPAN(name->text));
    }
    if (!fields)
        return fail_at(reader, item, "a new exception needs 'fields'");
    if (!shape_check(reader, item, fields, comparisons))
        return false;
    struct falco_exception *own = arena_alloc(&reader->collection->arena, sizeof *own);
    if (!own)
        return false;
    *own = (struct falco_exception){
        .name = name->text, .file = reader->file, .fields = fields, .comparisons = comparisons};
    struct falco_exception **end = &reader->rule->exceptions;
    while (*end)
        end = &(*end)->next;
    *end = own;
    return values_add(reader, own, yaml_get(item, "values"));
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
            (void)exception_read(&reader, item, is_append);
    }
}

/* ---- as text ---- */

static bool is_bare(span text)
{
    for (size_t index = 0; index < text.len; index++)
        if (text.data[index] <= ' ' || strchr("()\"'=,", text.data[index]))
            return false;
    return text.len > 0;
}

static bool is_quoted(span text)
{
    return text.len >= 2 && (text.data[0] == '"' || text.data[0] == '\'') &&
           text.data[text.len - 1] == text.data[0];
}

static void put_value(struct writer *out, span text)
{
    if (is_bare(text) || is_quoted(text)) {
        writer_put(out, text);
        return;
    }
    writer_byte(out, '"');
    for (size_t index = 0; index < text.len; index++) {
        if (text.data[index] == '"' || text.data[index] == '\\')
            writer_byte(out, '\\');
        writer_byte(out, text.data[index]);
    }
    writer_byte(out, '"');
}

static void put_operand(struct writer *out, const struct yaml_node *value, bool is_list)
{
    if (value->kind == YAML_SEQUENCE) {
        writer_byte(out, '(');
        for (const struct yaml_node *item = value->first; item; item = item->next) {
            writer_text(out, item == value->first ? "" : ", ");
            put_value(out, item->text);
        }
        writer_byte(out, ')');
    } else if (is_list && !(value->text.len && value->text.data[0] == '(')) {
        writer_byte(out, '(');
        put_value(out, value->text);
        writer_byte(out, ')');
    } else if (is_list) {
        writer_put(out, value->text);
    } else {
        put_value(out, value->text);
    }
}

static void put_tuple(struct writer *out, const struct falco_exception *exception,
                      const struct yaml_node *tuple)
{
    const struct yaml_node *field = exception->fields->first;
    const struct yaml_node *comparison =
        exception->comparisons ? exception->comparisons->first : NULL;
    writer_byte(out, '(');
    for (const struct yaml_node *value = tuple->first; value; value = value->next) {
        span comp = comparison ? comparison->text : SPAN("=");
        if (field != exception->fields->first)
            writer_text(out, " and ");
        writer_put(out, field->text);
        writer_byte(out, ' ');
        writer_put(out, comp);
        writer_byte(out, ' ');
        put_operand(out, value, is_list_comparison(comp));
        field = field->next;
        comparison = comparison ? comparison->next : NULL;
    }
    writer_byte(out, ')');
}

static void put_single(struct writer *out, const struct falco_exception *exception,
                       const struct yaml_node *values)
{
    writer_put(out, exception->fields->text);
    writer_byte(out, ' ');
    writer_put(out, exception->comparisons ? exception->comparisons->text : SPAN("in"));
    writer_text(out, " (");
    for (const struct yaml_node *value = values->first; value; value = value->next) {
        writer_text(out, value == values->first ? "" : ", ");
        put_value(out, value->text);
    }
    writer_byte(out, ')');
}

static struct text exception_apply(struct collection *collection, struct text text,
                                   const struct falco_exception *exception)
{
    const char *between = " and not (";
    bool has_any = false;
    for (const struct exception_values *set = exception->values; set; set = set->next) {
        bool is_single = exception->fields->kind == YAML_SCALAR;
        const struct yaml_node *tuple = is_single ? set->values : set->values->first;
        if (set->values->count == 0)
            continue;
        for (; tuple; tuple = is_single ? NULL : tuple->next) {
            struct writer out;
            writer_init(&out, TEXT_MAX);
            if (is_single)
                put_single(&out, exception, tuple);
            else
                put_tuple(&out, exception, tuple);
            struct text made = text_made(collection, set->file, tuple, writer_span(&out));
            text = text_join(collection, &text, between, &made);
            writer_free(&out);
            between = " or ";
            has_any = true;
        }
    }
    const struct text nothing = {.bytes = SPAN("")};
    return has_any ? text_join(collection, &text, ")", &nothing) : text;
}

struct text exceptions_apply(struct collection *collection, const struct falco_rule *rule)
{
    const struct text nothing = {.bytes = SPAN("")};
    struct text text = rule->condition;
    if (!rule->exceptions)
        return text;
    text = text_join(collection, &nothing, "(", &text);
    text = text_join(collection, &text, ")", &nothing);
    for (const struct falco_exception *at = rule->exceptions; at; at = at->next)
        text = exception_apply(collection, text, at);
    return text;
}
