#include <stdlib.h>

#include "event/event.h"

#define NAME_BYTES_MAX 64

static const struct field_desc *field_find(const struct schema *schema, span name)
{
    for (size_t index = 0; index < schema->field_count; index++)
        if (span_eq(span_str(schema->fields[index].name), name))
            return &schema->fields[index];
    return NULL;
}

/* -1: not a plain decimal number. */
static int64_t index_parse(span text)
{
    int64_t number = 0;
    if (text.len == 0 || text.len > 9)
        return -1;
    for (size_t index = 0; index < text.len; index++) {
        if (text.data[index] < '0' || text.data[index] > '9')
            return -1;
        number = number * 10 + (text.data[index] - '0');
    }
    return number;
}

static enum field_lookup argument_check(const struct schema *schema, const struct field_ref *ref,
                                        const char **ret_hint)
{
    enum field_argument wanted = ref->field->argument;
    bool has_argument = ref->argument.data;
    if (!has_argument)
        return wanted == ARGUMENT_INDEX || wanted == ARGUMENT_KEY ? FIELD_NEEDS_ARGUMENT
                                                                  : FIELD_FOUND;
    if (wanted == ARGUMENT_NONE)
        return FIELD_BAD_ARGUMENT;
    bool is_index = wanted == ARGUMENT_INDEX || wanted == ARGUMENT_INDEX_OPTIONAL;
    if (is_index && ref->index < 0)
        return FIELD_BAD_ARGUMENT;
    if (schema->argument_check && !schema->argument_check(ref->field, ref->argument, ret_hint))
        return FIELD_BAD_ARGUMENT;
    return FIELD_FOUND;
}

enum field_lookup schema_resolve(const struct schema *schema, span name, struct field_ref *ret,
                                 const char **ret_hint)
{
    *ret_hint = NULL;
    struct field_ref ref = {.index = -1};
    span base = name;
    const uint8_t *bracket = name.len ? memchr(name.data, '[', name.len) : NULL;
    if (bracket && name.data[name.len - 1] == ']') {
        base = span_of(name.data, (size_t)(bracket - name.data));
        ref.argument = span_of(bracket + 1, name.len - base.len - 2);
    }
    ref.field = field_find(schema, base);
    /* evt.arg.flags: the longest known prefix whose argument is a key */
    for (size_t cut = base.len; !ref.field && !ref.argument.data && cut-- > 1;) {
        if (base.data[cut] != '.')
            continue;
        const struct field_desc *field = field_find(schema, span_first(base, cut));
        if (field && field->argument == ARGUMENT_KEY) {
            ref.field = field;
            ref.argument = span_after(base, cut + 1);
        }
    }
    if (!ref.field && schema->open) {
        *ret = (struct field_ref){.field = schema->open, .argument = name, .index = -1};
        return FIELD_FOUND;
    }
    if (!ref.field) {
        *ret_hint = schema_nearest(schema, base);
        return FIELD_UNKNOWN;
    }
    ref.index = ref.argument.data ? index_parse(ref.argument) : -1;
    enum field_lookup outcome = argument_check(schema, &ref, ret_hint);
    if (outcome == FIELD_FOUND)
        *ret = ref;
    return outcome;
}

/* Levenshtein distance with two rows; both at most NAME_BYTES_MAX. */
static size_t edit_distance(span a, span b)
{
    size_t row[NAME_BYTES_MAX + 1];
    for (size_t column = 0; column <= b.len; column++)
        row[column] = column;
    for (size_t line = 1; line <= a.len; line++) {
        size_t diagonal = row[0];
        row[0] = line;
        for (size_t column = 1; column <= b.len; column++) {
            size_t replaced = diagonal + (a.data[line - 1] != b.data[column - 1]);
            size_t shorter = row[column] < row[column - 1] ? row[column] : row[column - 1];
            diagonal = row[column];
            row[column] = replaced < shorter + 1 ? replaced : shorter + 1;
        }
    }
    return row[b.len];
}

const char *schema_nearest(const struct schema *schema, span name)
{
    const char *nearest = NULL;
    size_t best = name.len / 3 + 1;
    if (name.len > NAME_BYTES_MAX)
        return NULL;
    for (size_t index = 0; index < schema->field_count; index++) {
        span known = span_str(schema->fields[index].name);
        if (known.len > NAME_BYTES_MAX)
            continue;
        size_t distance = edit_distance(name, known);
        if (distance < best) {
            best = distance;
            nearest = schema->fields[index].name;
        }
    }
    return nearest;
}
