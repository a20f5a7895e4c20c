#include "rule/lookup.h"

#include <stdlib.h>

#include "core/vector.h"
#include "rule/program.h"

#define OPS (RULE_GREATER_EQUAL + 1)

struct bound {
    long double number;
    uint32_t predicate;
};

struct lookup {
    struct text_index *texts;
    bool has_texts;
    struct networks *networks; /* NULL: none */
    struct bound *bounds[OPS]; /* by operator, ascending */
    size_t bound_count[OPS], bound_size[OPS];
    uint32_t *asked;
    size_t asked_count, asked_size;
    size_t weight;
};

struct lookup *lookup_new(void)
{
    struct lookup *lookup = calloc(1, sizeof *lookup);
    if (!lookup)
        return NULL;
    lookup->texts = text_index_new();
    if (!lookup->texts) {
        lookup_free(lookup);
        return NULL;
    }
    return lookup;
}

void lookup_free(struct lookup *lookup)
{
    if (!lookup)
        return;
    text_index_free(lookup->texts);
    networks_free(lookup->networks);
    for (size_t op = 0; op < OPS; op++)
        free(lookup->bounds[op]);
    free(lookup->asked);
    free(lookup);
}

size_t lookup_weight(const struct lookup *lookup)
{
    return lookup->weight;
}

bool lookup_uses_vectorscan(const struct lookup *lookup)
{
    return text_index_uses_vectorscan(lookup->texts);
}

/* ---- building ---- */

static bool is_anchor(enum rule_operator op)
{
    return op == RULE_EQUAL || op == RULE_STARTS || op == RULE_ENDS || op == RULE_CONTAINS;
}

static bool is_pattern(enum rule_operator op)
{
    return op == RULE_GLOB || op == RULE_REGEX;
}

/* False: no room. ret->count 0: the literal has no factor. */
static bool factors_of(const struct ir_predicate *predicate, span pattern, struct arena *arena,
                       struct factors *ret)
{
    bool is_caseless = predicate->compare.case_mode != RULE_CASE_EXACT;
    if (predicate->compare.op != RULE_GLOB)
        return factor_of_regex(pattern, is_caseless, arena, ret);
    bool is_made = factor_of_glob(pattern, arena, ret);
    ret->is_caseless = is_caseless;
    return is_made;
}

static bool has_factors(const struct rule_program *program, const struct ir_predicate *predicate)
{
    struct arena arena;
    bool has_all = predicate->count > 0;
    arena_init(&arena, 1 << 20);
    for (uint32_t index = 0; has_all && index < predicate->count; index++) {
        span pattern = program->ir.literals[predicate->first + index].value.text;
        struct factors factors;
        arena_reset(&arena);
        has_all = factors_of(predicate, pattern, &arena, &factors) && factors.count;
    }
    arena_free(&arena);
    return has_all;
}

bool lookup_takes(const struct rule_program *program, uint32_t id)
{
    const struct ir_predicate *predicate = &program->ir.predicates[id];
    const struct rule_compare *compare = &predicate->compare;
    if (predicate->right != RULE_NONE || compare->items != RULE_ANY || compare->is_negated ||
        compare->when_absent || (compare->literals != RULE_ANY && predicate->count != 1))
        return false;
    switch (compare->type) {
    case RULE_TYPE_TEXT:
        return is_anchor(compare->op) ||
               (is_pattern(compare->op) && has_factors(program, predicate));
    case RULE_TYPE_VALUE:
        return compare->op == RULE_EQUAL;
    case RULE_TYPE_NUMBER:
        return compare->op >= RULE_EQUAL && compare->op <= RULE_GREATER_EQUAL;
    case RULE_TYPE_ADDRESS:
        return compare->op == RULE_EQUAL;
    case RULE_TYPE_BOOL:
        break;
    }
    return false;
}

static bool bound_add(struct lookup *lookup, enum rule_operator op, long double number, uint32_t id)
{
    if (!vector_grow(&lookup->bounds[op], &lookup->bound_size[op], lookup->bound_count[op],
                     IR_RECORDS_MAX, sizeof *lookup->bounds[op]))
        return false;
    lookup->bounds[op][lookup->bound_count[op]++] = (struct bound){number, id};
    return true;
}

static bool pattern_add(struct rule_program *program, struct lookup *lookup, uint32_t id,
                        span pattern)
{
    const struct ir_predicate *predicate = &program->ir.predicates[id];
    struct factors factors;
    if (!factors_of(predicate, pattern, &program->arena, &factors))
        return false;
    /* the predicate is asked anyway: where most literals are folded one pass serves for these too
     */
    bool is_folded = factors.is_caseless || program->schema->open;
    for (size_t index = 0; index < factors.count; index++)
        if (!text_index_add(lookup->texts, TEXT_CONTAINS,
                            is_folded ? TEXT_CASE_UNICODE : TEXT_CASE_EXACT, factors.texts[index],
                            hit_of(id, true)))
            return false;
    lookup->has_texts = true;
    return true;
}

static bool network_add(struct lookup *lookup, const struct rule_literal *literal, uint32_t id)
{
    const struct address *address = &literal->value.address;
    if (!lookup->networks)
        lookup->networks = networks_new();
    return lookup->networks &&
           networks_add(lookup->networks, address->bytes, address->family == AF_INET ? 4 : 16,
                        literal->prefix_bits, id);
}

static bool literal_add(struct rule_program *program, struct lookup *lookup, uint32_t id,
                        uint32_t index)
{
    static const enum text_relation relations[] = {[RULE_EQUAL] = TEXT_EQUALS,
                                                   [RULE_STARTS] = TEXT_STARTS,
                                                   [RULE_ENDS] = TEXT_ENDS,
                                                   [RULE_CONTAINS] = TEXT_CONTAINS};
    const struct ir_predicate *predicate = &program->ir.predicates[id];
    const struct rule_compare *compare = &predicate->compare;
    const struct rule_literal *literal = &program->ir.literals[predicate->first + index];
    enum value_kind kind = literal->value.kind;
    char buffer[CONVERT_BYTES];
    lookup->weight++;
    if (is_pattern(compare->op))
        return pattern_add(program, lookup, id, literal->value.text);
    if (kind == VALUE_ADDRESS)
        return network_add(lookup, literal, id);
    if (kind != VALUE_TEXT && kind != VALUE_BOOL)
        return bound_add(lookup, compare->op, program->leaves[id].numbers[index], id);
    lookup->has_texts = true;
    return text_index_add(lookup->texts, relations[compare->op], (enum text_case)compare->case_mode,
                          convert_text(&literal->value, buffer), hit_of(id, false));
}

bool lookup_add(struct rule_program *program, struct lookup *lookup, uint32_t id)
{
    for (uint32_t index = 0; index < program->ir.predicates[id].count; index++)
        if (!literal_add(program, lookup, id, index))
            return false;
    return true;
}

bool lookup_add_asked(struct lookup *lookup, uint32_t predicate)
{
    if (!vector_grow(&lookup->asked, &lookup->asked_size, lookup->asked_count, IR_RECORDS_MAX,
                     sizeof *lookup->asked))
        return false;
    lookup->asked[lookup->asked_count++] = predicate;
    return true;
}

static int bound_order(const void *a_pointer, const void *b_pointer)
{
    const struct bound *a = a_pointer;
    const struct bound *b = b_pointer;
    return (a->number > b->number) - (a->number < b->number);
}

bool lookup_finish(struct rule_program *program, struct lookup *lookup)
{
    for (size_t op = 0; op < OPS; op++) {
        size_t kept = 0;
        for (size_t at = 0; at < lookup->bound_count[op]; at++)
            if (lookup->bounds[op][at].number == lookup->bounds[op][at].number) /* NaN: never */
                lookup->bounds[op][kept++] = lookup->bounds[op][at];
        lookup->bound_count[op] = kept;
        if (kept)
            qsort(lookup->bounds[op], kept, sizeof(struct bound), bound_order);
    }
    return text_index_finish(lookup->texts, program->engine);
}

/* ---- finding ---- */

struct find {
    struct rule_program *program;
    const struct value *value; /* whole */
    struct event *event;
    struct hits *hits;
};

static void hit_add(struct find *find, uint32_t predicate, bool is_undecided)
{
    struct hits *hits = find->hits;
    if (!vector_grow(&hits->items, &hits->size, hits->count, IR_RECORDS_MAX, sizeof *hits->items)) {
        hits->is_failed = true;
        return;
    }
    hits->items[hits->count++] = hit_of(predicate, is_undecided);
}

/* Once for a value. */
static bool is_new(struct find *find, uint32_t predicate)
{
    uint64_t *seen = &find->program->found[predicate];
    bool is_first = *seen != find->program->find_stamp;
    *seen = find->program->find_stamp;
    return is_first;
}

static void ask(struct find *find, uint32_t predicate)
{
    if (!is_new(find, predicate))
        return;
    enum answer answer = leaf_compare(find->program, predicate, find->value, find->event);
    if (answer != ANSWER_NO)
        hit_add(find, predicate, answer == ANSWER_UNDECIDED);
}

static void text_found(void *context, uint32_t owner)
{
    struct find *find = context;
    if (owner & 1) /* only a necessary literal */
        ask(find, owner >> 1);
    else if (is_new(find, owner >> 1))
        hit_add(find, owner >> 1, false);
}

static void network_found(void *context, uint32_t predicate)
{
    struct find *find = context;
    if (is_new(find, predicate))
        hit_add(find, predicate, false);
}

/* The first bound that is not below the number. */
static size_t bound_at(const struct bound *bounds, size_t count, long double number)
{
    size_t low = 0;
    while (low < count) {
        size_t middle = (low + count) / 2;
        if (bounds[middle].number < number)
            low = middle + 1;
        else
            count = middle;
    }
    return low;
}

/* The bounds that a number meets lie side by side: below it, at it or above it. */
static void numbers_find(struct find *find, const struct lookup *lookup, long double number)
{
    for (size_t op = RULE_EQUAL; op < OPS; op++) {
        const struct bound *bounds = lookup->bounds[op];
        size_t count = lookup->bound_count[op];
        size_t first = bound_at(bounds, count, number);
        size_t behind = first;
        while (behind < count && bounds[behind].number == number)
            behind++;
        size_t from = op == RULE_GREATER || op == RULE_GREATER_EQUAL ? 0
                      : op == RULE_LESS                              ? behind
                                                                     : first;
        size_t to = op == RULE_GREATER                             ? first
                    : op == RULE_GREATER_EQUAL || op == RULE_EQUAL ? behind
                                                                   : count;
        for (size_t at = from; at < to; at++)
            if (is_new(find, bounds[at].predicate))
                hit_add(find, bounds[at].predicate, false);
    }
}

static bool has_bounds(const struct lookup *lookup)
{
    size_t count = 0;
    for (size_t op = 0; op < OPS; op++)
        count += lookup->bound_count[op];
    return count;
}

static void item_find(struct find *find, struct lookup *lookup, const struct value *item)
{
    struct rule_program *program = find->program;
    char buffer[CONVERT_BYTES];
    long double number;
    struct address address;
    if (value_is_empty(item))
        return;
    if (lookup->has_texts) {
        arena_reset(&program->folding);
        if (!text_index_scan(lookup->texts, convert_text(item, buffer), &program->folding,
                             text_found, find))
            find->hits->is_failed = true;
    }
    if (has_bounds(lookup) && convert_number(item, &number) && number == number)
        numbers_find(find, lookup, number);
    if (lookup->networks && convert_address(item, &address))
        networks_find(lookup->networks, address.bytes, address.family == AF_INET ? 4 : 16,
                      network_found, find);
}

/* Shell's sort: qsort may allocate. */
static void hits_sort(struct hits *hits)
{
    static const size_t gaps[] = {701, 301, 132, 57, 23, 10, 4, 1};
    for (size_t step = 0; step < sizeof gaps / sizeof gaps[0]; step++) {
        size_t gap = gaps[step];
        for (size_t at = gap; at < hits->count; at++) {
            uint32_t item = hits->items[at];
            size_t to = at;
            for (; to >= gap && hits->items[to - gap] > item; to -= gap)
                hits->items[to] = hits->items[to - gap];
            hits->items[to] = item;
        }
    }
}

void lookup_find(struct rule_program *program, struct lookup *lookup, const struct value *value,
                 struct event *event, struct hits *ret)
{
    struct find find = {program, value, event, ret};
    ret->count = 0;
    ret->is_failed = false;
    program->find_stamp++;
    if (value->kind != VALUE_LIST)
        item_find(&find, lookup, value);
    for (size_t index = 0; value->kind == VALUE_LIST && index < value->list.count; index++)
        item_find(&find, lookup, &value->list.items[index]);
    for (size_t index = 0; index < lookup->asked_count; index++)
        ask(&find, lookup->asked[index]);
    hits_sort(ret);
}
