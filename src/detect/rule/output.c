/* A rule's output text for an event, and the fields that it names. */
#include <stdlib.h>

#include "rule/program.h"

static bool is_named_before(const struct rule_program *program, size_t first, size_t count,
                            span name)
{
    for (size_t index = first; index < count; index++)
        if (span_eq(program->fields[index].name, name))
            return true;
    return false;
}

err_kind output_open(struct rule_program *program, struct err_ctx *err)
{
    const struct ir *ir = &program->ir;
    struct arena *arena = &program->arena;
    /* rules may share parts in a hostile image: bound what they name together */
    size_t total = 0;
    for (size_t rule = 0; rule < ir->rule_count; rule++)
        total += ir->rules[rule].part_count;
    if (total > IR_RECORDS_MAX)
        return err_set(err, ERR_LIMIT, "outputs name over %u parts", IR_RECORDS_MAX);
    program->fields = arena_alloc(arena, (total + 1) * sizeof *program->fields);
    program->field_expressions = arena_alloc(arena, (total + 1) * sizeof(uint32_t));
    program->field_first = arena_alloc(arena, (ir->rule_count + 1) * sizeof(uint32_t));
    if (!program->fields || !program->field_expressions || !program->field_first)
        return err_set(err, ERR_LIMIT, "no room for output fields");
    size_t used = 0;
    for (size_t index = 0; index < ir->rule_count; index++) {
        const struct ir_rule *rule = &ir->rules[index];
        size_t first = used;
        program->field_first[index] = (uint32_t)first;
        for (uint32_t part = 0; part < rule->part_count; part++) {
            const struct rule_output_part *from = &ir->parts[rule->part_first + part];
            if (from->expression == RULE_NONE || is_named_before(program, first, used, from->text))
                continue;
            const struct ir_expression *expression = &ir->expressions[from->expression];
            program->field_expressions[used] = from->expression;
            program->fields[used++] = (struct rule_output_field){
                .name = from->text,
                .slot = expression->kind == IR_FIELD ? expression->slot : UINT32_MAX,
            };
        }
    }
    program->field_first[ir->rule_count] = (uint32_t)used;
    return OK;
}

size_t rule_program_output_fields(const struct rule_program *program, uint32_t index,
                                  const struct rule_output_field **ret_fields)
{
    *ret_fields = program->fields + program->field_first[index];
    return program->field_first[index + 1] - program->field_first[index];
}

struct value rule_program_output_value(struct rule_program *program, uint32_t index, size_t field,
                                       struct event *event)
{
    program_begin(program);
    uint32_t expression = program->field_expressions[program->field_first[index] + field];
    return *expression_value(program, expression, event);
}

/* As Falco shows evt.time in text: the time of day, here in UTC, with nanoseconds. */
static void time_write(struct writer *out, int64_t wall_ns)
{
    uint64_t ns = wall_ns < 0 ? 0 : (uint64_t)wall_ns;
    uint64_t seconds = ns / 1000000000u;
    writer_format(out, "%02u:%02u:%02u.%09u", (unsigned)(seconds / 3600 % 24),
                  (unsigned)(seconds / 60 % 60), (unsigned)(seconds % 60),
                  (unsigned)(ns % 1000000000u));
}

static bool is_time(const struct rule_program *program, uint32_t expression)
{
    const struct ir_expression *one = &program->ir.expressions[expression];
    return one->kind == IR_FIELD && program->ir.refs[one->slot].field->type == FIELD_TIME;
}

static void part_write(struct rule_program *program, const struct rule_output_part *part,
                       struct event *event, struct writer *out)
{
    if (part->expression == RULE_NONE) {
        writer_put(out, part->text);
        return;
    }
    const struct value *value = expression_value(program, part->expression, event);
    size_t start = out->len;
    if (value_is_empty(value))
        writer_text(out, "<NA>");
    else if (value->kind == VALUE_INT && is_time(program, part->expression))
        time_write(out, value->integer);
    else
        rule_value_write(out, value);
    if (part->width == 0 || out->is_full)
        return;
    if (out->len - start > part->width)
        out->len = start + part->width;
    while (out->len - start < part->width && !out->is_full)
        writer_byte(out, ' ');
}

void rule_program_output(struct rule_program *program, uint32_t index, struct event *event,
                         struct writer *out)
{
    const struct ir_rule *rule = &program->ir.rules[index];
    program_begin(program);
    for (uint32_t part = 0; part < rule->part_count; part++)
        part_write(program, &program->ir.parts[rule->part_first + part], event, out);
}

void rule_value_write(struct writer *out, const struct value *value)
{
    char buffer[CONVERT_BYTES];
    if (value->kind != VALUE_LIST) {
        writer_put(out, convert_text(value, buffer));
        return;
    }
    for (size_t index = 0; index < value->list.count; index++) {
        if (index)
            writer_byte(out, ',');
        writer_put(out, convert_text(&value->list.items[index], buffer));
    }
}
