#include <assert.h>

#include "rule/program.h"

uint32_t rule_program_root(const struct rule_program *program, uint32_t index)
{
    assert(index < program->ir.rule_count);
    return program->ir.rules[index].root;
}

void rule_program_node(const struct rule_program *program, uint32_t node, struct rule_node *ret)
{
    static const enum rule_node_kind kinds[] = {
        [IR_CONSTANT] = RULE_NODE_CONSTANT,
        [IR_LEAF] = RULE_NODE_PREDICATE,
        [IR_NOT] = RULE_NODE_NOT,
        [IR_AND] = RULE_NODE_ALL,
        [IR_OR] = RULE_NODE_ANY,
    };
    assert(node < program->ir.node_count);
    const struct ir_node *from = &program->ir.nodes[node];
    *ret = (struct rule_node){.kind = kinds[from->kind],
                              .truth = from->truth,
                              .predicate = from->predicate,
                              .children = program->ir.links + from->first};
    if (ret->kind != RULE_NODE_CONSTANT && ret->kind != RULE_NODE_PREDICATE)
        ret->count = from->count;
}

/* Functions of one value give as many values as they take; expressions are at most IR_DEPTH_MAX
 * deep. */
static bool is_list(const struct ir *ir, const struct ir_expression *expression)
{
    while (expression->kind == IR_CALL) {
        if (expression->function == RULE_GETOPT)
            return expression->count == 2;
        if (expression->function == RULE_LENGTH || expression->count != 1)
            return false;
        expression = &ir->expressions[ir->links[expression->first]];
    }
    if (expression->kind == IR_TEXT)
        return false;
    const struct field_ref *ref = &ir->refs[expression->slot];
    return ref->field->is_list && !ref->argument.data;
}

void rule_program_predicate(const struct rule_program *program, uint32_t predicate,
                            struct rule_predicate *ret)
{
    assert(predicate < program->ir.predicate_count);
    const struct ir_predicate *from = &program->ir.predicates[predicate];
    const struct ir_expression *left = &program->ir.expressions[from->left];
    *ret = (struct rule_predicate){.compare = &from->compare,
                                   .left = from->left,
                                   .function = (enum rule_function)left->function,
                                   .is_list = is_list(&program->ir, left),
                                   .is_relation = from->right != RULE_NONE,
                                   .literals = program->ir.literals + from->first,
                                   .count = from->count};
    if (left->kind == IR_FIELD)
        ret->field = &program->ir.refs[left->slot];
}

bool rule_program_holds(struct rule_program *program, uint32_t predicate, const struct value *value)
{
    assert(predicate < program->ir.predicate_count);
    assert(program->ir.predicates[predicate].right == RULE_NONE);
    arena_reset(&program->scratch);
    return leaf_compare(program, predicate, value, NULL) == ANSWER_YES;
}

void rule_program_predicate_write(const struct rule_program *program, uint32_t predicate,
                                  struct writer *out)
{
    assert(predicate < program->ir.predicate_count);
    explain_predicate(program, predicate, out);
}
