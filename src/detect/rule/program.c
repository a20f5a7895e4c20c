#include "rule/program.h"

#include <stdlib.h>

#define SCRATCH_BYTES                                                                              \
    ((size_t)64 << 20) /* the longest text, folded or with its bad bytes replaced */
#define MEMO_BYTES      ((size_t)4 << 20)
#define MEMO_BYTES_JSON ((size_t)16 << 20) /* where values are longer, and all are remembered */

err_kind rule_program_open(span image, const struct schema *schema, struct rule_program **ret,
                           struct err_ctx *err)
{
    const struct rule_program_options options = {0};
    return rule_program_open_with(image, schema, &options, ret, err);
}

err_kind rule_program_open_with(span image, const struct schema *schema,
                                const struct rule_program_options *options,
                                struct rule_program **ret, struct err_ctx *err)
{
    struct rule_program *program = calloc(1, sizeof *program);
    if (!program)
        return err_set(err, ERR_SYSTEM, "rule program");
    ir_init(&program->ir);
    arena_init(&program->arena, IR_ARENA_MAX);
    arena_init(&program->scratch, SCRATCH_BYTES);
    arena_init(&program->folding, SCRATCH_BYTES);
    program->engine = options->without_vectorscan ? TEXT_ENGINE_SCALAR : TEXT_ENGINE_BEST;
    size_t memo_bytes = schema->raw_is_json ? MEMO_BYTES_JSON : MEMO_BYTES;
    program->memo = options->without_memo ? NULL : memo_new(memo_bytes);
    map_init(&program->routes, IR_RECORDS_MAX, 0x60u);
    program->schema = schema;
    program->generation = 1;
    bool has_memo = program->memo || options->without_memo;
    err_kind kind = has_memo && ir_reserve(&program->ir)
                        ? ir_image_get(&program->ir, image, schema, err)
                        : err_set(err, ERR_SYSTEM, "rule program");
    if (kind == OK) {
        program->projection = (struct projection){
            .schema = schema, .refs = program->ir.refs, .count = program->ir.field_count};
        kind = plan_open(program, err);
    }
    if (kind == OK)
        kind = output_open(program, err);
    if (kind != OK) {
        rule_program_close(program);
        return err_wrap(err, "rules");
    }
    *ret = program;
    return OK;
}

void rule_program_close(struct rule_program *program)
{
    if (!program)
        return;
    plan_close(program);
    map_free(&program->routes);
    arena_free(&program->arena);
    arena_free(&program->scratch);
    arena_free(&program->folding);
    memo_free(program->memo);
    ir_free(&program->ir);
    free(program);
}

const struct projection *rule_program_projection(const struct rule_program *program)
{
    return &program->projection;
}

size_t rule_program_count(const struct rule_program *program)
{
    return program->ir.rule_count;
}

const struct rule_info *rule_program_rule(const struct rule_program *program, uint32_t index)
{
    return &program->ir.rules[index].info;
}

void rule_program_stats(const struct rule_program *program, struct rule_program_stats *ret)
{
    *ret = (struct rule_program_stats){
        .rules = program->ir.rule_count,
        .predicates = program->ir.predicate_count,
        .nodes = program->ir.node_count,
        .rules_without_access = program->rules_without_access,
    };
    for (size_t index = 0; index < program->ir.rule_count; index++)
        ret->enabled += program->ir.rules[index].info.is_enabled;
    for (size_t index = 0; index < program->ir.predicate_count; index++)
        ret->indexed_predicates += program->leaves[index].is_looked_up;
    for (size_t index = 0; index < program->ir.expression_count; index++)
        ret->vectorscan_fields += program->expressions[index].lookup &&
                                  lookup_uses_vectorscan(program->expressions[index].lookup);
}

const struct rule_program_counters *rule_program_counters(const struct rule_program *program)
{
    return &program->counters;
}
