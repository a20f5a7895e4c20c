/* An event against the program: candidates first, then the conditions of those. */
#include "core/clock.h"
#include "rule/program.h"

void program_begin(struct rule_program *program)
{
    program->generation++; /* 64 bits: never wraps */
    arena_reset(&program->scratch);
    if (program->memo)
        memo_begin(program->memo);
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

static void hits_forget(struct expression_state *state)
{
    state->hits = (struct memo_hits){NULL, 0};
    state->is_failed = false;
}

/* The bytes that the value is remembered by; false: there are none. Absent: data NULL. */
static bool key_of(const struct rule_program *program, uint32_t id, struct event *event,
                   const struct value *value, span *ret)
{
    const struct ir_expression *expression = &program->ir.expressions[id];
    if (!program->memo)
        return false;
    if (expression->kind == IR_FIELD && event->raw) {
        *ret = event->raw[expression->slot];
        return ret->len <= MEMO_KEY_MAX && !program->expressions[id].is_whole;
    }
    if (!program->expressions[id].is_remembered || !value || value->kind != VALUE_TEXT ||
        !value->text.data)
        return false;
    *ret = value->text;
    return ret->len <= MEMO_KEY_MAX;
}

static void value_look_up(struct rule_program *program, struct expression_state *state,
                          const struct value *value, struct event *event)
{
    hits_forget(state);
    if (value->kind == VALUE_ABSENT)
        return;
    lookup_find(program, state->lookup, value, event, &state->found);
    state->hits = (struct memo_hits){state->found.items, state->found.count};
    state->is_failed = state->found.is_failed;
}

/* Answers all predicates that are looked up of an expression. */
static void expression_look_up(struct rule_program *program, uint32_t id, struct event *event)
{
    struct expression_state *state = &program->expressions[id];
    bool has_raw = program->ir.expressions[id].kind == IR_FIELD && event->raw;
    span key = {NULL, 0};
    bool is_wanted = false;
    if (state->looked_up == program->generation)
        return;
    state->looked_up = program->generation;
    program->counters.lookups++;
    const struct value *value = has_raw ? NULL : expression_value(program, id, event);
    if (!key_of(program, id, event, value, &key)) {
        value_look_up(program, state, value ? value : expression_value(program, id, event), event);
        return;
    }
    hits_forget(state);
    if (!key.data)
        return;
    uint64_t hash = state->hashed == program->generation ? state->hash : memo_hash(id, key);
    if (memo_get(program->memo, hash, id, key, &state->hits, &is_wanted)) {
        program->counters.remembered++;
        return;
    }
    value_look_up(program, state, value ? value : expression_value(program, id, event), event);
    if (is_wanted && !state->is_failed)
        memo_put(program->memo, hash, id, key, state->hits);
}

static enum answer hits_answer(const struct expression_state *state, uint32_t predicate)
{
    size_t low = 0;
    size_t high = state->hits.count;
    if (state->is_failed)
        return ANSWER_UNDECIDED;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (state->hits.items[middle] >> 1 < predicate)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == state->hits.count || state->hits.items[low] >> 1 != predicate)
        return ANSWER_NO;
    return state->hits.items[low] & 1 ? ANSWER_UNDECIDED : ANSWER_YES;
}

enum answer predicate_answer(struct rule_program *program, uint32_t id, struct event *event)
{
    struct leaf *leaf = &program->leaves[id];
    uint32_t left = program->ir.predicates[id].left;
    if (leaf->is_looked_up) {
        expression_look_up(program, left, event);
        return hits_answer(&program->expressions[left], id);
    }
    if (leaf->generation == program->generation)
        return leaf->answer;
    leaf->answer =
        (uint8_t)leaf_compare(program, id, expression_value(program, left, event), event);
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

static bool is_access(const struct rule_program *program, uint32_t predicate)
{
    return program->access_bits[predicate / 64] >> predicate % 64 & 1;
}

/* The source says without a look-up that there is nothing. */
static bool is_absent(const struct rule_program *program, uint32_t id, const struct event *event)
{
    const struct ir_expression *expression = &program->ir.expressions[id];
    return event->raw && expression->kind == IR_FIELD && !event->raw[expression->slot].data;
}

static void expression_candidates(struct rule_program *program, uint32_t id, struct event *event)
{
    if (is_absent(program, id, event))
        return;
    const struct expression_state *state = &program->expressions[id];
    expression_look_up(program, id, event);
    for (size_t index = 0; index < state->hits.count; index++)
        if (is_access(program, state->hits.items[index] >> 1))
            candidates_of(program, &program->leaves[state->hits.items[index] >> 1]);
    /* not known: each of them may hold */
    for (uint32_t predicate = 0; state->is_failed && predicate < program->ir.predicate_count;
         predicate++)
        if (program->ir.predicates[predicate].left == id && is_access(program, predicate))
            candidates_of(program, &program->leaves[predicate]);
}

static bool whole_is_worth(struct rule_program *program, const struct route *route,
                           const struct event *event)
{
    const struct raw_traits *traits = event->raw_traits;
    if (!route->gate || !event->raw || !traits || traits->has_escapes)
        return true;
    span raw = event->raw[program->ir.expressions[route->whole].slot];
    return raw.data && gate_passes(route->gate, raw, traits->has_wide);
}

/* The memo is larger than the caches: ask for all that it will read before reading the first. */
static void memo_prepare(struct rule_program *program, const struct route *route,
                         const struct event *event)
{
    for (uint32_t index = 0; index < route->expression_count; index++) {
        uint32_t id = route->expressions[index];
        const struct ir_expression *expression = &program->ir.expressions[id];
        struct expression_state *state = &program->expressions[id];
        if (expression->kind != IR_FIELD)
            continue;
        span key = event->raw[expression->slot];
        if (!key.data || key.len > MEMO_KEY_MAX)
            continue;
        state->hash = memo_hash(id, key);
        state->hashed = program->generation;
        memo_expect(program->memo, state->hash);
    }
    for (uint32_t index = 0; index < route->expression_count; index++) {
        const struct expression_state *state = &program->expressions[route->expressions[index]];
        if (state->hashed == program->generation)
            memo_expect_entry(program->memo, state->hash);
    }
}

static void candidates_find(struct rule_program *program, const struct route *route,
                            struct event *event)
{
    if (program->memo && event->raw)
        memo_prepare(program, route, event);
    uint32_t rule = 0;
    for (uint32_t group = 0; group < route->group_count; group++) {
        uint32_t blocker = route->groups[group].blocker;
        uint32_t end = route->groups[group].end;
        if (blocker == RULE_NONE || predicate_answer(program, blocker, event) != ANSWER_YES)
            for (; rule < end; rule++)
                candidate_add(program, route->rules[rule]);
        rule = end;
    }
    for (uint32_t index = 0; index < route->expression_count; index++)
        expression_candidates(program, route->expressions[index], event);
    if (route->whole != RULE_NONE && whole_is_worth(program, route, event))
        expression_candidates(program, route->whole, event);
    for (uint32_t index = 0; index < route->predicate_count; index++)
        if (predicate_answer(program, route->predicates[index], event) != ANSWER_NO)
            candidates_of(program, &program->leaves[route->predicates[index]]);
}

struct matches {
    uint32_t *rules;
    size_t max;
    size_t count;
    uint32_t undecided;
    const struct logsource *logsource; /* to be asked of each rule; NULL: not needed */
};

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
        if (!logsource_applies(&program->ir.rules[rule].info.logsource, matches->logsource))
            continue;
        program->counters.candidates++;
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
    bool is_narrow;
    program_begin(program);
    program->counters.events++;
    const struct route *route = route_of(program, event, &is_narrow);
    matches.logsource = is_narrow ? NULL : event->logsource;
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
    program->counters.undecided += matches.undecided;
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

/* ---- the condition alone ---- */

/* Recursion is bounded: a node's depth is below IR_DEPTH_MAX. */
static enum answer node_plainly(struct rule_program *program, uint32_t id, struct event *event)
{
    const struct ir_node *node = &program->ir.nodes[id];
    enum answer decides = node->kind == IR_AND ? ANSWER_NO : ANSWER_YES;
    enum answer answer = answer_not(decides);
    if (node->kind == IR_CONSTANT)
        return answer_of(node->truth);
    if (node->kind == IR_LEAF) {
        uint32_t left = program->ir.predicates[node->predicate].left;
        return leaf_compare(program, node->predicate, expression_value(program, left, event),
                            event);
    }
    if (node->kind == IR_NOT)
        return answer_not(node_plainly(program, program->ir.links[node->first], event));
    for (uint32_t index = 0; index < node->count; index++) {
        enum answer child = node_plainly(program, program->ir.links[node->first + index], event);
        if (child == decides)
            return child;
        if (child == ANSWER_UNDECIDED)
            answer = child;
    }
    return answer;
}

bool rule_program_match_plainly(struct rule_program *program, struct event *event, uint32_t index,
                                bool *ret_undecided)
{
    const struct ir_rule *rule = &program->ir.rules[index];
    const struct logsource *own = &rule->info.logsource;
    const struct logsource *other = event->logsource;
    *ret_undecided = false;
    if (!rule->info.is_enabled || !logsource_applies(own, other))
        return false;
    program_begin(program);
    enum answer answer = node_plainly(program, rule->root, event);
    *ret_undecided = answer == ANSWER_UNDECIDED;
    return answer == ANSWER_YES;
}
