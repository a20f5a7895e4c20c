/* Conditions that can never hold. A conjunction's comparisons are facts; facts on one value are
 * held against each other. Of a disjunction, each part is tried with the facts around it: one that
 * cannot hold is left out, one that is alone adds its facts. What is given up (too many facts or
 * steps) counts as something that may hold. */
#include "lint/fact.h"

#define FACTS_MAX        512
#define ALTERNATIVES_MAX 256
#define DEPTH_MAX        250
#define ROUNDS_MAX       4

struct search {
    struct lint *lint;
    struct fact facts[FACTS_MAX];
    size_t count;
    size_t culprit; /* facts that exclude each other: the later one */
    bool has_culprit;
    size_t depth;
};

/* A disjunction, and the truth that is asked of it. */
struct choice {
    uint32_t node;
    bool truth;
    bool is_settled;
};

struct choices {
    struct choice items[ALTERNATIVES_MAX];
    size_t count;
};

static bool may_hold(struct search *search, uint32_t node, bool truth);

/* False: it cannot hold beside the others. */
static bool fact_add(struct search *search, uint32_t node, uint32_t predicate, bool truth)
{
    struct fact fact;
    if (search->count == FACTS_MAX)
        return true;
    fact_init(search->lint, node, predicate, truth, &fact);
    for (size_t index = 0; index < search->count; index++)
        if (search->facts[index].predicate == predicate && search->facts[index].truth == truth)
            return true;
    search->facts[search->count++] = fact;
    if (facts_agree(search->lint, search->facts, search->count))
        return true;
    search->culprit = search->count - 1;
    search->has_culprit = true;
    return false;
}

/* Facts of a conjunction; its disjunctions go to choices. */
static bool gather(struct search *search, uint32_t id, bool truth, struct choices *choices)
{
    struct rule_node node;
    if (++search->lint->steps > LINT_STEPS_MAX || search->depth >= DEPTH_MAX)
        return true;
    rule_program_node(search->lint->program, id, &node);
    if (node.kind == RULE_NODE_CONSTANT)
        return node.truth == truth;
    if (node.kind == RULE_NODE_PREDICATE)
        return fact_add(search, id, node.predicate, truth);
    search->depth++;
    bool is_good = true;
    bool is_all = (node.kind == RULE_NODE_ALL) == truth;
    if (node.kind == RULE_NODE_NOT)
        is_good = gather(search, node.children[0], !truth, choices);
    else if (is_all)
        for (uint32_t index = 0; index < node.count && is_good; index++)
            is_good = gather(search, node.children[index], truth, choices);
    else if (choices->count < ALTERNATIVES_MAX)
        choices->items[choices->count++] = (struct choice){.node = id, .truth = truth};
    search->depth--;
    return is_good;
}

/* Is there a part of the choice that may hold beside the facts? */
static bool has_part(struct search *search, const struct choice *choice)
{
    struct rule_node node;
    bool may = false;
    rule_program_node(search->lint->program, choice->node, &node);
    for (uint32_t index = 0; index < node.count && !may; index++) {
        size_t before = search->count;
        may = may_hold(search, node.children[index], choice->truth);
        search->count = before;
    }
    return may || node.count == 0;
}

/* How many parts of a choice may hold, each with a part of every other; *ret_one: one of them. */
static uint32_t parts_alive(struct search *search, const struct choices *choices, size_t number,
                            uint32_t *ret_one)
{
    struct rule_node node;
    uint32_t alive = 0;
    const struct choice *choice = &choices->items[number];
    rule_program_node(search->lint->program, choice->node, &node);
    for (uint32_t index = 0; index < node.count && alive < 2; index++) {
        size_t before = search->count;
        bool may = may_hold(search, node.children[index], choice->truth);
        for (size_t other = 0; may && other < choices->count; other++)
            if (other != number && !choices->items[other].is_settled)
                may = has_part(search, &choices->items[other]);
        if (may)
            *ret_one = node.children[index];
        alive += may;
        search->count = before;
    }
    return alive;
}

/* Tries each choice with the facts that are known; true: something was added. */
static bool choices_round(struct search *search, struct choices *choices, bool *ret_is_good)
{
    bool has_more = false;
    size_t count = choices->count;
    for (size_t index = 0; index < count && *ret_is_good; index++) {
        struct choice *choice = &choices->items[index];
        uint32_t one = RULE_NONE;
        if (choice->is_settled)
            continue;
        uint32_t alive = parts_alive(search, choices, index, &one);
        *ret_is_good = alive > 0;
        if (alive != 1)
            continue;
        choice->is_settled = true;
        *ret_is_good = gather(search, one, choice->truth, choices);
        has_more = true;
    }
    return has_more;
}

/* Leaves facts behind: the caller takes them back. Recursion is bounded by DEPTH_MAX. */
static bool may_hold(struct search *search, uint32_t node, bool truth)
{
    struct choices *choices;
    if (search->depth >= DEPTH_MAX || search->lint->steps > LINT_STEPS_MAX)
        return true;
    choices = calloc(1, sizeof *choices);
    if (!choices)
        return true;
    search->depth++;
    bool is_good = gather(search, node, truth, choices);
    for (unsigned round = 0; is_good && round < ROUNDS_MAX; round++)
        if (!choices_round(search, choices, &is_good))
            break;
    search->depth--;
    free(choices);
    return is_good;
}

/* A part of a macro may have nothing to say in one rule: it is only reported in the rule's text. */
static bool is_own(const struct lint *lint, const struct position *at)
{
    return span_eq(at->file, lint->at.file) && at->line >= lint->at.line;
}

/* The parts of disjunctions that can never hold, each where it stands. */
static void parts_report(struct search *search, uint32_t root)
{
    struct choices *choices = calloc(1, sizeof *choices);
    search->count = 0;
    bool is_good = choices && gather(search, root, true, choices);
    for (size_t index = 0; is_good && index < choices->count; index++) {
        struct rule_node node;
        rule_program_node(search->lint->program, choices->items[index].node, &node);
        for (uint32_t part = 0; part < node.count; part++) {
            size_t before = search->count;
            search->has_culprit = false;
            bool may = may_hold(search, node.children[part], choices->items[index].truth);
            if (!may && search->has_culprit) {
                const struct fact *culprit = &search->facts[search->culprit];
                struct position at = lint_position(search->lint, culprit->node);
                if (is_own(search->lint, &at) &&
                    !fact_is_alone(culprit, search->facts, search->culprit + 1))
                    fact_report(search->lint, &at, "this part of an 'or' can never hold", culprit,
                                search->facts, search->culprit + 1);
            }
            search->count = before;
        }
    }
    free(choices);
}

void lint_contradictions(struct lint *lint, uint32_t root)
{
    struct search *search = calloc(1, sizeof *search);
    struct rule_node node;
    if (!search)
        return;
    search->lint = lint;
    lint->steps = 0;
    rule_program_node(lint->program, root, &node);
    bool is_never = node.kind == RULE_NODE_CONSTANT && !node.truth;
    if (!is_never && may_hold(search, root, true)) {
        lint->steps = 0;
        parts_report(search, root);
    } else if (!is_never && search->has_culprit) {
        const struct fact *culprit = &search->facts[search->culprit];
        struct position at = lint_position(lint, culprit->node);
        if (!fact_is_alone(culprit, search->facts, search->culprit + 1))
            fact_report(lint, &at, "the condition can never hold", culprit, search->facts,
                        search->culprit + 1);
    } else {
        lint_report(lint, &lint->at, "the condition can never hold");
    }
    free(search);
}
