/* From a rule that matched to its signal. Output text and output fields are computed by the rule
 * program as ever, but on a second event behind the first one, whose values come out masked: so a
 * secret cannot get into either, whatever the rule's author does with the field. */
#include <stdlib.h>

#include "core/vector.h"
#include "signal/signal.h"

#define OUTPUT_BYTES_MAX (256 * 1024)
#define FIELD_COUNT_MAX  1024

struct signal_renderer {
    struct rule_program *program;
    struct event masked;
    struct event *original; /* of the call under way */
    struct writer output;
    struct writer scratch;
    struct signal_field *fields;
    size_t field_size;
};

static span masked_copy(struct signal_renderer *renderer, struct arena *arena, span text)
{
    if (span_eq(writer_span(&renderer->scratch), text))
        return text;
    span copy = renderer->scratch.is_full ? (span){NULL, 0}
                                          : arena_dup(arena, writer_span(&renderer->scratch));
    return copy.data ? copy : SPAN("****");
}

static bool is_text(const struct value *value)
{
    return (value->kind == VALUE_TEXT || value->kind == VALUE_BYTES) && value->text.len;
}

/* A list is argv or the environment: each item is one argument, and may be the value of the one in
 * front of it. */
static void list_mask(struct signal_renderer *renderer, struct arena *arena, struct value *list)
{
    struct value *items = arena_alloc(arena, list->list.count * sizeof *items);
    bool is_value = false;
    if (!items) {
        list->kind = VALUE_ABSENT;
        return;
    }
    for (size_t index = 0; index < list->list.count; index++) {
        items[index] = list->list.items[index];
        if (!is_text(&items[index]))
            continue;
        writer_reset(&renderer->scratch);
        mask_argument(&renderer->scratch, items[index].text, &is_value);
        items[index].text = masked_copy(renderer, arena, items[index].text);
    }
    list->list.items = items;
}

/* event_fetch over the original event. File names are left as they are: they hold no values, and
 * must be exact. */
static void masked_fetch(void *decoder, const struct field_ref *ref, struct arena *arena,
                         struct value *ret)
{
    struct signal_renderer *renderer = decoder;
    struct value value = event_fetch_once(renderer->original, ref);
    bool is_named = ref->argument.data && ref->index < 0 && mask_is_secret(ref->argument);
    if (is_text(&value) && is_named) {
        value.text = SPAN("****");
    } else if (ref->field->type == FIELD_PATH && !ref->field->is_secret) {
        *ret = value;
        return;
    } else if (is_text(&value)) {
        writer_reset(&renderer->scratch);
        mask_text(&renderer->scratch, value.text);
        value.text = masked_copy(renderer, arena, value.text);
    } else if (value.kind == VALUE_LIST && value.list.count) {
        list_mask(renderer, arena, &value);
    }
    *ret = value;
}

err_kind signal_renderer_open(struct rule_program *program, struct signal_renderer **ret,
                              struct err_ctx *err)
{
    struct signal_renderer *renderer = calloc(1, sizeof *renderer);
    if (!renderer)
        return err_set(err, ERR_LIMIT, "signals: out of memory");
    renderer->program = program;
    writer_init(&renderer->output, OUTPUT_BYTES_MAX);
    writer_init(&renderer->scratch, OUTPUT_BYTES_MAX);
    err_kind kind = event_open(&renderer->masked, rule_program_projection(program), masked_fetch,
                               renderer, err);
    if (kind != OK) {
        signal_renderer_close(renderer);
        return kind;
    }
    *ret = renderer;
    return OK;
}

void signal_renderer_close(struct signal_renderer *renderer)
{
    if (!renderer)
        return;
    event_close(&renderer->masked);
    writer_free(&renderer->output);
    writer_free(&renderer->scratch);
    free(renderer->fields);
    free(renderer);
}

/* The values of the rule's output fields; false: too many, or out of memory. */
static bool fields_read(struct signal_renderer *renderer, uint32_t rule, size_t *ret_count)
{
    const struct rule_output_field *names;
    size_t count = rule_program_output_fields(renderer->program, rule, &names);
    for (size_t index = 0; index < count; index++) {
        if (!vector_grow(&renderer->fields, &renderer->field_size, index, FIELD_COUNT_MAX,
                         sizeof *renderer->fields))
            return false;
        renderer->fields[index] = (struct signal_field){
            .name = names[index].name,
            .value = rule_program_output_value(renderer->program, rule, index, &renderer->masked),
        };
    }
    *ret_count = count;
    return true;
}

err_kind signal_render_json(struct signal_renderer *renderer, uint32_t rule, struct event *event,
                            const struct signal_context *context, struct writer *out,
                            struct err_ctx *err)
{
    const struct rule_info *info = rule_program_rule(renderer->program, rule);
    struct signal_match match = {.rule = info};
    renderer->original = event;
    event_begin(&renderer->masked);
    writer_reset(&renderer->output);
    rule_program_output(renderer->program, rule, &renderer->masked, &renderer->output);
    if (renderer->output.is_full || !fields_read(renderer, rule, &match.field_count))
        return err_set(err, ERR_LIMIT, "signal of rule '" PRI_SPAN "': its output is too large",
                       ARG_SPAN(info->name));
    match.output = writer_span(&renderer->output);
    match.fields = renderer->fields;
    return signal_write(&match, context, out, err);
}
