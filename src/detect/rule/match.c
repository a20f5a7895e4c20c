/* An event against the program: candidates first, then the conditions of those. */
#include "core/clock.h"
#include "rule/program.h"

void program_begin(struct rule_program *program)
{
    program->generation++; /* 64 bits: never wraps */
    arena_reset(&program->scratch);
}

/* ---- answers, each found once for an event ---- */

static void candidate_add(struct rule_program *program, uint32_t rule)
{
    uint32_t word = rule / 64;
    program->candidates[word] |= (uint64_t)1 << rule % 64;
    program->candidate_words[word / 64] |= (uint64_t)1 << word % 64;
}

static void candidates_of(struct rule_program *program, const struct leaf *leaf)
{
    const uint32_t *rules = program->access_rules + leaf->access_first;
    for (uint32_t index = 0; index < leaf->access_count; index++)
        candidate_add(program, rules[index]);
}

struct hit_context {
    struct rule_program *program;
    bool adds_candidates;
};

static void hit(void *pointer, uint32_t predicate)
{
    struct hit_context *context = pointer;
    struct leaf *leaf = &context->program->leaves[predicate];
    if (leaf->generation == context->program->generation)
        return;
    leaf->generation = context->program->generation;
    leaf->answer = ANSWER_YES;
    if (context->adds_candidates)
        candidates_of(context->program, leaf);
}

/* Answers all indexed predicates of an expression. */
static void expression_scan(struct rule_program *program, uint32_t id, struct event *event,
                            bool adds_candidates)
{
    struct expression_state *state = &program->expressions[id];
    struct hit_context context = {program, adds_candidates};
    char buffer[CONVERT_BYTES];
    if (state->scanned == program->generation)
        return;
    state->scanned = program->generation;
    const struct value *value = expression_value(program, id, event);
    if (value_is_empty(value))
        return;
    if (value->kind != VALUE_LIST) {
        text_index_scan(state->index, convert_text(value, buffer), &program->scratch, hit,
                        &context);
        return;
    }
    for (size_t index = 0; index < value->list.count; index++) {
        if (value->list.items[index].kind == VALUE_NULL)
            continue;
        text_index_scan(state->index, convert_text(&value->list.items[index], buffer),
                        &program->scratch, hit, &context);
    }
}

enum answer predicate_answer(struct rule_program *program, uint32_t id, struct event *event)
{
    struct leaf *leaf = &program->leaves[id];
    if (leaf->generation == program->generation)
        return leaf->answer;
    uint32_t left = program->ir.predicates[id].left;
    if (leaf->is_indexed) {
        expression_scan(program, left, event, false);
        if (leaf->generation == program->generation)
            return leaf->answer;
        leaf->answer = ANSWER_NO;
    } else {
        const struct value *value = expression_value(program, left, event);
        leaf->answer = (uint8_t)leaf_compare(program, id, value, event);
    }
    leaf->generation = program->generation;
    return leaf->answer;
}

static enum answer group_answer(struct rule_program *program, const struct ir_node *node,
                                struct event *event)
{
    const uint32_t *children = program->order + node->first;
    enum answer decides = node->kind == IR_AND ? ANSWER_NO : ANSWER_YES;
    enum answer answer = answer_not(decides);
    for (uint32_t index = 0; index < node->count; index++) {
        enum answer child = node_answer(program, children[index], event);
        if (child == decides)
            return child;
        if (child == ANSWER_UNDECIDED)
            answer = child;
    }
    return answer;
}

/* Recursion is bounded: a node's depth is below IR_DEPTH_MAX. */
enum answer node_answer(struct rule_program *program, uint32_t id, struct event *event)
{
    const struct ir_node *node = &program->ir.nodes[id];
    struct node_state *state = &program->nodes[id];
    if (node->kind == IR_LEAF)
        return predicate_answer(program, node->predicate, event);
    if (node->kind == IR_CONSTANT)
        return answer_of(node->truth);
    if (state->generation == program->generation)
        return state->answer;
    if (node->kind == IR_NOT)
        state->answer =
            (uint8_t)answer_not(node_answer(program, program->ir.links[node->first], event));
    else
        state->answer = (uint8_t)group_answer(program, node, event);
    state->generation = program->generation;
    return state->answer;
}

/* ---- the event ---- */

static const struct route *route_find(struct rule_program *program, struct event *event)
{
    uint32_t index = route_absent(program);
    if (program->route_slot != RULE_NONE) {
        char buffer[CONVERT_BYTES];
        const struct value *value = event_get(event, program->route_slot);
        span text = convert_text(value, buffer);
        if (!value_is_empty(value))
            index = route_other(program);
        if (!value_is_empty(value) && text.data)
            map_get(&program->routes, text, &index);
    }
    return &program->route_list[index];
}

static void candidates_find(struct rule_program *program, const struct route *route,
                            struct event *event)
{
    for (uint32_t index = 0; index < route->rule_count; index++)
        candidate_add(program, route->rules[index]);
    for (uint32_t index = 0; index < route->expression_count; index++)
        expression_scan(program, route->expressions[index], event, true);
    for (uint32_t index = 0; index < route->predicate_count; index++)
        if (predicate_answer(program, route->predicates[index], event) != ANSWER_NO)
            candidates_of(program, &program->leaves[route->predicates[index]]);
}

struct matches {
    uint32_t *rules;
    size_t max;
    size_t count;
    uint32_t undecided;
};

static bool part_applies(span rule, span event)
{
    return !rule.data || (event.data && span_eq(rule, event));
}

static bool logsource_applies(const struct logsource *rule, const struct logsource *event)
{
    return !event || (part_applies(rule->product, event->product) &&
                      part_applies(rule->category, event->category) &&
                      part_applies(rule->service, event->service));
}

static enum answer rule_answer(struct rule_program *program, uint32_t rule, struct event *event)
{
    uint32_t root = program->ir.rules[rule].root;
    if (!program->costs)
        return node_answer(program, root, event);
    struct rule_cost *cost = &program->costs[rule];
    uint64_t start_ns = clock_read(CLOCK_MONOTONIC);
    enum answer answer = node_answer(program, root, event);
    cost->ns += clock_read(CLOCK_MONOTONIC) - start_ns;
    cost->asked++;
    cost->matched += answer == ANSWER_YES;
    return answer;
}

static void word_judge(struct rule_program *program, uint32_t word, uint64_t bits,
                       struct event *event, struct matches *matches)
{
    for (; bits; bits &= bits - 1) {
        uint32_t rule = word * 64 + (uint32_t)__builtin_ctzll(bits);
        if (!logsource_applies(&program->ir.rules[rule].info.logsource, event->logsource))
            continue;
        enum answer answer = rule_answer(program, rule, event);
        matches->undecided += answer == ANSWER_UNDECIDED;
        if (answer != ANSWER_YES)
            continue;
        if (matches->count < matches->max)
            matches->rules[matches->count] = rule;
        matches->count++;
    }
}

size_t rule_program_match(struct rule_program *program, struct event *event, uint32_t *ret_rules,
                          size_t max, uint32_t *ret_undecided)
{
    struct matches matches = {.rules = ret_rules, .max = max};
    program_begin(program);
    const struct route *route = route_find(program, event);
    if (route->wanted_count) {
        candidates_find(program, route, event);
        size_t words = (program->ir.rule_count + 63) / 64;
        for (size_t upper = 0; upper * 64 < words; upper++) {
            uint64_t pending = program->candidate_words[upper];
            program->candidate_words[upper] = 0;
            for (; pending; pending &= pending - 1) {
                uint32_t word = (uint32_t)(upper * 64) + (uint32_t)__builtin_ctzll(pending);
                uint64_t bits = program->candidates[word] & route->wanted[word];
                program->candidates[word] = 0;
                word_judge(program, word, bits, event, &matches);
            }
        }
    }
    *ret_undecided = matches.undecided;
    return matches.count;
}

void rule_program_measure(struct rule_program *program, struct rule_cost *costs)
{
    program->costs = costs;
}

bool rule_program_wants(const struct rule_program *program, span route_value)
{
    uint32_t index = route_other(program);
    map_get(&program->routes, route_value.data ? route_value : SPAN(""), &index);
    return program->route_list[index].wanted_count > 0;
}
