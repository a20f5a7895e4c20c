/* Rules and their plan as text. */
#include <stdlib.h>

#include "rule/program.h"

static const char *const operators[RULE_OPERATOR_COUNT] = {
    [RULE_EXISTS] = "exists",      [RULE_EQUAL] = "=",           [RULE_LESS] = "<",
    [RULE_LESS_EQUAL] = "<=",      [RULE_GREATER] = ">",         [RULE_GREATER_EQUAL] = ">=",
    [RULE_CONTAINS] = "contains",  [RULE_STARTS] = "startswith", [RULE_ENDS] = "endswith",
    [RULE_GLOB] = "glob",          [RULE_REGEX] = "matches",     [RULE_REGEX_WHOLE] = "regex",
    [RULE_PATH_PREFIX] = "pmatch",
};

static const char *const functions[RULE_FUNCTION_COUNT] = {
    "tolower", "toupper", "b64",  "basename", "len",  "join",  "concat",
    "getopt",  "minute",  "hour", "day",      "week", "month", "year",
};

static bool is_bare(span text)
{
    for (size_t index = 0; index < text.len; index++)
        if (text.data[index] <= ' ' || text.data[index] >= 0x7f ||
            strchr("()\"'=,\\", text.data[index]))
            return false;
    return text.len > 0;
}

static void text_explain(span text, struct writer *out)
{
    if (is_bare(text))
        writer_put(out, text);
    else
        writer_json_string(out, text);
}

static void literal_explain(const struct rule_literal *literal, struct writer *out)
{
    char buffer[CONVERT_BYTES];
    if (literal->value.kind == VALUE_TEXT) {
        text_explain(literal->value.text, out);
        return;
    }
    writer_put(out, convert_text(&literal->value, buffer));
    if (literal->value.kind == VALUE_ADDRESS &&
        literal->prefix_bits != (literal->value.address.family == AF_INET ? 32 : 128))
        writer_format(out, "/%u", literal->prefix_bits);
}

/* Recursion is bounded: an expression's depth is below IR_DEPTH_MAX. What is shared is printed each
 * time: the writer's ceiling ends it. */
static void expression_explain(const struct rule_program *program, uint32_t id, struct writer *out)
{
    const struct ir_expression *expression = &program->ir.expressions[id];
    if (out->is_full)
        return;
    if (expression->kind == IR_FIELD) {
        span name = program->ir.field_names[expression->slot];
        writer_put(out, name.len ? name : SPAN("(any text)"));
    } else if (expression->kind == IR_TEXT) {
        writer_json_string(out, expression->text);
    } else {
        writer_format(out, "%s(", functions[expression->function]);
        for (uint32_t index = 0; index < expression->count; index++) {
            writer_text(out, index ? ", " : "");
            expression_explain(program, program->ir.links[expression->first + index], out);
        }
        writer_byte(out, ')');
    }
}

static void operator_explain(const struct rule_compare *compare, bool has_list, struct writer *out)
{
    static const char *const quantifiers[] = {"anyof ", "allof ", "oneof "};
    bool is_set = compare->op == RULE_EQUAL && compare->literals == RULE_ANY &&
                  !compare->is_negated && has_list;
    if (compare->is_negated && compare->op != RULE_EQUAL)
        writer_text(out, "not-");
    if (compare->case_mode != RULE_CASE_EXACT)
        writer_byte(out, compare->case_mode == RULE_CASE_ASCII ? 'i' : 'u');
    if (is_set)
        writer_text(out, compare->items == RULE_ALL ? "in (all items)" : "in");
    else if (compare->op == RULE_EQUAL && compare->is_negated)
        writer_text(out, "!=");
    else
        writer_text(out, operators[compare->op]);
    writer_byte(out, ' ');
    if (has_list && !is_set && compare->op != RULE_PATH_PREFIX)
        writer_text(out, quantifiers[compare->literals]);
}

void explain_predicate(const struct rule_program *program, uint32_t id, struct writer *out)
{
    const struct ir_predicate *predicate = &program->ir.predicates[id];
    const struct rule_literal *literals = program->ir.literals + predicate->first;
    bool has_list = predicate->count != 1 && predicate->right == RULE_NONE;
    expression_explain(program, predicate->left, out);
    writer_byte(out, ' ');
    if (predicate->compare.op == RULE_EXISTS) {
        writer_text(out, predicate->compare.is_negated ? "missing" : "exists");
        return;
    }
    operator_explain(&predicate->compare, has_list, out);
    if (predicate->right != RULE_NONE) {
        writer_text(out, "val(");
        expression_explain(program, predicate->right, out);
        writer_byte(out, ')');
        return;
    }
    if (has_list)
        writer_byte(out, '(');
    for (uint32_t index = 0; index < predicate->count && !out->is_full; index++) {
        writer_text(out, index ? ", " : "");
        literal_explain(&literals[index], out);
    }
    if (has_list)
        writer_byte(out, ')');
}

/* Recursion is bounded as above. */
static void node_explain(const struct rule_program *program, uint32_t id, bool is_inner,
                         struct writer *out)
{
    const struct ir_node *node = &program->ir.nodes[id];
    if (out->is_full)
        return;
    if (node->kind == IR_CONSTANT) {
        writer_text(out, node->truth ? "always" : "never");
    } else if (node->kind == IR_LEAF) {
        explain_predicate(program, node->predicate, out);
    } else if (node->kind == IR_NOT) {
        writer_text(out, "not ");
        node_explain(program, program->ir.links[node->first], true, out);
    } else {
        if (is_inner)
            writer_byte(out, '(');
        for (uint32_t index = 0; index < node->count; index++) {
            writer_text(out, index == 0 ? "" : node->kind == IR_AND ? " and " : " or ");
            node_explain(program, program->ir.links[node->first + index], true, out);
        }
        if (is_inner)
            writer_byte(out, ')');
    }
}

/* ---- a rule's predicates ---- */

struct collected {
    uint8_t *seen; /* nodes */
    uint32_t *predicates;
    size_t count;
};

static void predicates_collect(const struct rule_program *program, uint32_t id,
                               struct collected *collected)
{
    const struct ir_node *node = &program->ir.nodes[id];
    if (collected->seen[id])
        return;
    collected->seen[id] = 1;
    if (node->kind == IR_LEAF)
        collected->predicates[collected->count++] = node->predicate;
    else if (node->kind != IR_CONSTANT)
        for (uint32_t index = 0; index < node->count; index++)
            predicates_collect(program, program->ir.links[node->first + index], collected);
}

static bool collected_init(struct collected *collected, const struct rule_program *program,
                           uint32_t rule)
{
    *collected = (struct collected){
        .seen = calloc(program->ir.node_count + 1, 1),
        .predicates = calloc(program->ir.node_count + 1, sizeof(uint32_t)),
    };
    if (!collected->seen || !collected->predicates)
        return false;
    predicates_collect(program, program->ir.rules[rule].root, collected);
    return true;
}

static void collected_free(struct collected *collected)
{
    free(collected->seen);
    free(collected->predicates);
}

/* ---- the plan ---- */

static void routes_explain(const struct rule_program *program, uint32_t rule, struct writer *out)
{
    const char *separator = "";
    if (!program->schema->route)
        return;
    writer_format(out, "looked at when %s is: ", program->schema->route);
    const struct route *other = &program->route_list[route_other(program)];
    if (other->wanted[rule / 64] >> rule % 64 & 1) {
        writer_text(out, "any value, named or not\n");
        return;
    }
    for (uint32_t index = 0; index < route_other(program); index++) {
        const struct route *route = &program->route_list[index];
        if (!(route->wanted[rule / 64] >> rule % 64 & 1))
            continue;
        writer_text(out, separator);
        text_explain(route->value, out);
        separator = ", ";
    }
    writer_text(out, *separator ? "\n" : "none: it cannot match, or is disabled\n");
}

static void logsource_explain(const struct logsource *logsource, struct writer *out)
{
    const span parts[] = {logsource->product, logsource->category, logsource->service};
    static const char *const names[] = {"product", "category", "service"};
    const char *separator = "for events of: ";
    for (size_t part = 0; part < 3; part++) {
        if (!parts[part].data)
            continue;
        writer_format(out, "%s%s ", separator, names[part]);
        text_explain(parts[part], out);
        separator = ", ";
    }
    writer_text(out, *separator == ',' ? "\n" : "");
}

/* How a predicate is answered; the share of events that it holds for is what the plan guesses. */
static void plan_explain(const struct rule_program *program, uint32_t predicate, struct writer *out)
{
    const struct leaf *leaf = &program->leaves[predicate];
    const struct lookup *lookup =
        program->expressions[program->ir.predicates[predicate].left].lookup;
    writer_format(out, "  [in %u rule%s, ", leaf->rule_count, leaf->rule_count == 1 ? "" : "s");
    if (!leaf->is_looked_up) {
        writer_text(out, "compared]\n");
        return;
    }
    writer_format(out, "looked up with %zu values%s]\n", lookup_weight(lookup),
                  lookup_uses_vectorscan(lookup) ? " by Vectorscan" : "");
}

struct access_explain {
    const struct rule_program *program;
    struct writer *out;
};

static void access_line(void *pointer, uint32_t predicate)
{
    struct access_explain *context = pointer;
    writer_text(context->out, "  ");
    explain_predicate(context->program, predicate, context->out);
    writer_format(context->out, "  [guessed to hold in %u of 10000 events]\n",
                  access_guess(context->program, predicate) / 100);
}

void rule_explain(const struct rule_program *program, uint32_t index, struct writer *out)
{
    const struct ir_rule *rule = &program->ir.rules[index];
    struct collected collected;
    struct access_explain access = {program, out};
    writer_format(out, PRI_SPAN " (" PRI_SPAN "%s)\n", ARG_SPAN(rule->info.name),
                  ARG_SPAN(rule->info.priority_name), rule->info.is_enabled ? "" : ", disabled");
    writer_format(out, "defined at " PRI_SPAN ":%u\n", ARG_SPAN(rule->info.file), rule->info.line);
    writer_text(out, "condition: ");
    node_explain(program, rule->root, false, out);
    writer_byte(out, '\n');
    logsource_explain(&rule->info.logsource, out);
    routes_explain(program, index, out);
    if (program->access_cost[rule->root] == ACCESS_NONE) {
        writer_text(out, "found by: nothing in particular, its condition is asked each time\n");
        if (program->blockers[index] != RULE_NONE) {
            writer_text(out, "but not where: ");
            explain_predicate(program, program->blockers[index], out);
            writer_byte(out, '\n');
        }
    } else {
        writer_text(out, "found by any of:\n");
        access_each(program, rule->root, access_line, &access);
    }
    writer_text(out, "predicates:\n");
    if (collected_init(&collected, program, index)) {
        for (size_t at = 0; at < collected.count && !out->is_full; at++) {
            writer_text(out, "  ");
            explain_predicate(program, collected.predicates[at], out);
            plan_explain(program, collected.predicates[at], out);
        }
    }
    collected_free(&collected);
}

void rule_explain_event(struct rule_program *program, uint32_t index, struct event *event,
                        struct writer *out)
{
    static const char *const answers[] = {"no", "yes", "undecided"};
    struct collected collected;
    program_begin(program);
    if (collected_init(&collected, program, index)) {
        for (size_t at = 0; at < collected.count && !out->is_full; at++) {
            uint32_t predicate = collected.predicates[at];
            const struct value *value =
                expression_value(program, program->ir.predicates[predicate].left, event);
            writer_format(out, "%-9s ", answers[predicate_answer(program, predicate, event)]);
            explain_predicate(program, predicate, out);
            writer_text(out, "  [");
            if (value->kind == VALUE_ABSENT || value->kind == VALUE_NULL)
                writer_text(out, "no value");
            else
                rule_value_write(out, value);
            writer_text(out, "]\n");
        }
    }
    if (event->logsource &&
        !logsource_applies(&program->ir.rules[index].info.logsource, event->logsource))
        writer_text(out, "matches: no, the event is of another logsource\n");
    else
        writer_format(out, "matches: %s\n",
                      answers[node_answer(program, program->ir.rules[index].root, event)]);
    collected_free(&collected);
}

void rule_program_sharing(const struct rule_program *program, uint32_t index,
                          size_t *ret_predicates, size_t *ret_shared)
{
    struct collected collected;
    *ret_predicates = *ret_shared = 0;
    if (collected_init(&collected, program, index)) {
        *ret_predicates = collected.count;
        for (size_t at = 0; at < collected.count; at++)
            *ret_shared += program->leaves[collected.predicates[at]].rule_count > 1;
    }
    collected_free(&collected);
}
