/* Exceptions as text behind the rule's condition, as the language defines them, each tuple with the
 * place that it came from. */
#include <stdlib.h>

#include "core/vector.h"
#include "falco/collection.h"

#define TEXT_MAX ((size_t)16 << 20)

static span trimmed(span text)
{
    while (text.len && strchr(" \t\r\n", text.data[0]))
        text = span_after(text, 1);
    while (text.len && strchr(" \t\r\n", text.data[text.len - 1]))
        text.len--;
    return text;
}

bool is_list_comparison(span comparison)
{
    comparison = trimmed(comparison);
    return span_eq(comparison, SPAN("in")) || span_eq(comparison, SPAN("pmatch")) ||
           span_eq(comparison, SPAN("intersects")) || span_ends(comparison, SPAN(" oneof")) ||
           span_ends(comparison, SPAN(" anyof")) || span_ends(comparison, SPAN(" allof"));
}

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

/* ---- the whole ---- */

struct text_maker {
    struct writer out;
    struct text_piece *pieces;
    size_t count, size;
    bool is_over; /* a limit */
};

/* What is written from here on stands at the node. */
static void piece_start(struct text_maker *maker, const struct yaml_file *file,
                        const struct yaml_node *node)
{
    if (!vector_grow(&maker->pieces, &maker->size, maker->count, TEXT_MAX, sizeof *maker->pieces)) {
        maker->is_over = true;
        return;
    }
    maker->pieces[maker->count++] =
        (struct text_piece){.start = maker->out.len, .file = file, .node = node, .is_made = true};
}

static void put_condition(struct text_maker *maker, const struct text *condition)
{
    writer_byte(&maker->out, '(');
    for (size_t index = 0; index < condition->piece_count; index++) {
        piece_start(maker, NULL, NULL);
        if (maker->is_over)
            return;
        struct text_piece *piece = &maker->pieces[maker->count - 1];
        *piece = condition->pieces[index];
        piece->start += maker->out.len;
    }
    writer_put(&maker->out, condition->bytes);
    writer_byte(&maker->out, ')');
}

static void put_single_head(struct text_maker *maker, const struct falco_exception *exception)
{
    piece_start(maker, exception->file, exception->fields);
    writer_put(&maker->out, exception->fields->text);
    writer_byte(&maker->out, ' ');
    writer_put(&maker->out, exception->comparisons ? exception->comparisons->text : SPAN("in"));
    writer_text(&maker->out, " (");
}

static void put_exception(struct text_maker *maker, const struct falco_exception *exception)
{
    bool is_single = exception->fields->kind == YAML_SCALAR;
    size_t count = 0;
    for (const struct exception_values *set = exception->values; set; set = set->next) {
        for (const struct yaml_node *value = set->values->first; value; value = value->next) {
            if (count == 0)
                writer_text(&maker->out, " and not (");
            if (count == 0 && is_single)
                put_single_head(maker, exception);
            else if (count > 0)
                writer_text(&maker->out, is_single ? ", " : " or ");
            count++;
            piece_start(maker, set->file, value);
            if (is_single)
                put_value(&maker->out, value->text);
            else
                put_tuple(&maker->out, exception, value);
        }
    }
    if (count)
        writer_text(&maker->out, is_single ? "))" : ")");
}

static struct text made_text(struct collection *collection, const struct falco_rule *rule,
                             const struct text_maker *maker)
{
    struct text text = {.bytes = arena_dup(&collection->arena, writer_span(&maker->out)),
                        .piece_count = maker->count};
    text.pieces = arena_alloc(&collection->arena, (maker->count + 1) * sizeof *text.pieces);
    if (maker->is_over || maker->out.is_full || !text.bytes.data || !text.pieces) {
        diagnostics_error(collection->diagnostics, &rule->at, NULL,
                          "rule '" PRI_SPAN "': its exceptions are over %zu bytes",
                          ARG_SPAN(rule->name), TEXT_MAX);
        return (struct text){0};
    }
    if (maker->count)
        memcpy(text.pieces, maker->pieces, maker->count * sizeof *text.pieces);
    return text;
}

struct text exceptions_apply(struct collection *collection, const struct falco_rule *rule)
{
    struct text_maker maker = {0};
    if (!rule->exceptions || !rule->condition.bytes.len)
        return rule->condition;
    writer_init(&maker.out, TEXT_MAX);
    put_condition(&maker, &rule->condition);
    for (const struct falco_exception *at = rule->exceptions; at; at = at->next)
        put_exception(&maker, at);
    struct text text = made_text(collection, rule, &maker);
    writer_free(&maker.out);
    free(maker.pieces);
    return text;
}
