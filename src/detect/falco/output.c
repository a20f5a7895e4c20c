/* Output texts: `%field`, `%function(field)`, `%20field` among other text. */
#include <stdlib.h>

#include "core/vector.h"
#include "falco/condition.h"

#define PARTS_MAX 512
#define WIDTH_MAX 4096u

struct output_parts {
    struct rule_output_part items[PARTS_MAX];
    size_t count;
};

static bool part_add(struct parser *parser, struct output_parts *parts, span text,
                     uint32_t expression, uint16_t width)
{
    if (text.len == 0)
        return true;
    if (parts->count == PARTS_MAX) {
        stop_at(parser, parser_offset(parser), "the output has too many parts");
        return false;
    }
    parts->items[parts->count++] = (struct rule_output_part){text, expression, width};
    return true;
}

/* The field that the output goes on with: with its argument where that resolves. */
static bool whole_take(struct parser *parser, struct operand *ret)
{
    span start = parser->rest;
    size_t offset = parser_offset(parser);
    span name;
    struct field_ref ref;
    const char *hint;
    if (!take_field_name(parser, &name))
        return false;
    const uint8_t *end = span_starts(parser->rest, SPAN("["))
                             ? memchr(parser->rest.data, ']', parser->rest.len)
                             : NULL;
    span whole = end ? span_first(start, (size_t)(end + 1 - start.data)) : name;
    parser->rest = start;
    if (!end ||
        schema_resolve(parser->compile->collection->schema, whole, &ref, &hint) != FIELD_FOUND)
        return false;
    *ret = field_operand(parser, whole, offset);
    parser->rest = span_after(start, whole.len);
    return true;
}

static void cut_warn(struct parser *parser, span name, size_t length, size_t offset)
{
    struct position at = text_position(parser->text, offset);
    if (length < name.len && name.data[length] != '.')
        diagnostics_warning(parser->compile->collection->diagnostics, &at,
                            "no field '" PRI_SPAN "': this prints '" PRI_SPAN
                            "' and other text behind it",
                            ARG_SPAN(name), ARG_SPAN(span_first(name, length)));
}

/* Behind a name other text may follow at once: where the whole is no field, its longest beginning
 * that is one is meant, as Falco has it ("%proc.names" prints the name and an s,
 * "%proc.name[%proc.pid]" two fields). */
static bool field_take(struct parser *parser, struct operand *ret)
{
    span start = parser->rest;
    size_t offset = parser_offset(parser);
    span name = {NULL, 0};
    if (whole_take(parser, ret))
        return true;
    bool has_name = take_field_name(parser, &name);
    bool has_argument = span_starts(parser->rest, SPAN("["));
    parser->rest = start;
    for (size_t end = has_name ? name.len : 0; end > 0; end--) {
        struct field_ref ref;
        const char *hint;
        enum field_lookup lookup =
            schema_resolve(parser->compile->collection->schema, span_first(name, end), &ref, &hint);
        bool takes_argument = lookup != FIELD_FOUND || ref.field->argument != ARGUMENT_NONE;
        if (lookup == FIELD_UNKNOWN)
            continue;
        if (has_argument && end == name.len && takes_argument)
            break; /* its argument is wrong: say so */
        cut_warn(parser, name, end, offset);
        *ret = field_operand(parser, span_first(name, end), offset);
        parser->rest = span_after(start, end);
        return true;
    }
    return operand_parse(parser, ret);
}

/* Fields of old files that print nothing, or always the same. */
static bool old_take(struct parser *parser, struct output_parts *parts, bool *ret_is_good)
{
    static const struct {
        const char *name;
        const char *text;
        const char *why;
    } old[] = {
        {"container.info", "", "%container.info is out of use and prints nothing"},
        {"evt.dir", "<", "%evt.dir is out of use: every event is one at its end ('<')"},
    };
    span start = parser->rest;
    struct position at = text_position(parser->text, parser_offset(parser));
    span name;
    struct field_ref ref;
    const char *hint;
    bool has_name = take_field_name(parser, &name);
    for (size_t index = 0; has_name && index < sizeof old / sizeof old[0]; index++) {
        if (!span_eq(name, span_str(old[index].name)) ||
            schema_resolve(parser->compile->collection->schema, name, &ref, &hint) == FIELD_FOUND)
            continue;
        diagnostics_warning(parser->compile->collection->diagnostics, &at, "%s", old[index].why);
        *ret_is_good = part_add(parser, parts, span_str(old[index].text), RULE_NONE, 0);
        return true;
    }
    parser->rest = start;
    return false;
}

static bool token_parse(struct parser *parser, struct output_parts *parts)
{
    size_t offset = parser_offset(parser) - 1;
    uint32_t width = 0;
    while (parser->rest.len && parser->rest.data[0] >= '0' && parser->rest.data[0] <= '9') {
        width = width < WIDTH_MAX ? width * 10 + (uint32_t)(parser->rest.data[0] - '0') : WIDTH_MAX;
        parser->rest = span_after(parser->rest, 1);
    }
    span start = parser->rest;
    struct operand operand;
    bool is_good;
    if (old_take(parser, parts, &is_good))
        return is_good;
    if (parser->rest.len == 0 || !field_take(parser, &operand)) {
        parser->is_aborted = false; /* what is wrong was said, or is said here */
        if (!parser->has_error || parser->rest.data == start.data)
            complain(parser, offset, NULL, "expected a field behind '%%'");
        return true;
    }
    if (operand.is_unknown || operand.expression == RULE_NONE) {
        parser->has_error = true;
        return true;
    }
    span spelt = span_first(start, start.len - parser->rest.len);
    return part_add(parser, parts, spelt, operand.expression,
                    (uint16_t)(width < WIDTH_MAX ? width : WIDTH_MAX));
}

bool output_compile(struct compile *compile, const struct text *text,
                    struct rule_output_part **ret_parts, size_t *ret_count)
{
    struct parser parser = {.compile = compile, .text = text, .rest = text->bytes};
    struct output_parts *parts = calloc(1, sizeof *parts);
    if (!parts)
        return false;
    while (parser.rest.len && strchr(" \t\n", parser.rest.data[parser.rest.len - 1]))
        parser.rest.len--; /* what a folded scalar ends with */
    (void)skip_blanks(&parser);
    (void)take_text(&parser, "*"); /* every field may be missing in any case */
    while (parser.rest.len && !parser.is_aborted) {
        const uint8_t *percent = memchr(parser.rest.data, '%', parser.rest.len);
        size_t plain = percent ? (size_t)(percent - parser.rest.data) : parser.rest.len;
        if (!part_add(&parser, parts, span_first(parser.rest, plain), RULE_NONE, 0))
            break;
        parser.rest = span_after(parser.rest, plain + 1);
        if (percent && !token_parse(&parser, parts))
            break;
    }
    size_t bytes = (parts->count + 1) * sizeof **ret_parts;
    *ret_parts = arena_alloc(&compile->collection->arena, bytes);
    *ret_count = parts->count;
    if (*ret_parts)
        memcpy(*ret_parts, parts->items, parts->count * sizeof **ret_parts);
    free(parts);
    return *ret_parts && !parser.has_error;
}
