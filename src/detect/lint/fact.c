#include "lint/fact.h"

#include <math.h>

#define SHOWN_MAX 3
#define TEXT_MAX  160

void fact_init(const struct lint *lint, uint32_t node, uint32_t predicate, bool truth,
               struct fact *ret)
{
    *ret = (struct fact){.node = node, .predicate = predicate, .truth = truth};
    rule_program_predicate(lint->program, predicate, &ret->on);
    const struct rule_compare *compare = ret->on.compare;
    bool is_exists = compare->op == RULE_EXISTS;
    ret->is_positive = truth != compare->is_negated;
    ret->is_plain =
        !ret->on.is_relation && !is_exists && ret->on.count > 0 &&
        (ret->on.count == 1 || compare->literals == (compare->is_negated ? RULE_ALL : RULE_ANY));
    /* not (all of them): at least one may fail, which says nothing about the others */
    ret->needs_a_value = is_exists ? ret->is_positive : truth != compare->when_absent;
}

/* ---- texts ---- */

static uint8_t lower(uint8_t byte)
{
    return byte >= 'A' && byte <= 'Z' ? (uint8_t)(byte + 32) : byte;
}

static bool starts(span text, span with, bool is_folded)
{
    if (text.len < with.len)
        return false;
    for (size_t index = 0; index < with.len; index++)
        if (is_folded ? lower(text.data[index]) != lower(with.data[index])
                      : text.data[index] != with.data[index])
            return false;
    return true;
}

static bool ends(span text, span with, bool is_folded)
{
    return text.len >= with.len && starts(span_after(text, text.len - with.len), with, is_folded);
}

static bool contains(span text, span part, bool is_folded)
{
    for (; text.len >= part.len; text = span_after(text, 1)) {
        if (starts(text, part, is_folded))
            return true;
        if (text.len == 0)
            break;
    }
    return false;
}

static bool is_folded(const struct fact *fact)
{
    return fact->on.compare->case_mode != RULE_CASE_EXACT;
}

/* `startswith` and `endswith` on one value: one text has to begin (end) with the other. */
static bool edges_agree(const struct fact *a, const struct fact *b)
{
    enum rule_operator op = a->on.compare->op;
    bool folded = is_folded(a) || is_folded(b);
    if (op != b->on.compare->op || (op != RULE_STARTS && op != RULE_ENDS) || !a->is_positive ||
        !b->is_positive)
        return true;
    for (uint32_t i = 0; i < a->on.count; i++) {
        for (uint32_t j = 0; j < b->on.count; j++) {
            span x = a->on.literals[i].value.text;
            span y = b->on.literals[j].value.text;
            if (op == RULE_STARTS ? starts(x, y, folded) || starts(y, x, folded)
                                  : ends(x, y, folded) || ends(y, x, folded))
                return true;
        }
    }
    return false;
}

/* Does every value that passes `have x` also pass `op y`? */
static bool covers(enum rule_operator op, span y, enum rule_operator have, span x, bool folded)
{
    bool is_text = have == RULE_STARTS || have == RULE_ENDS || have == RULE_CONTAINS;
    if (op == RULE_CONTAINS)
        return is_text && contains(x, y, folded);
    if (op == RULE_STARTS)
        return have == RULE_STARTS && starts(x, y, folded);
    return op == RULE_ENDS && have == RULE_ENDS && ends(x, y, folded);
}

/* A positive fact against one that forbids: what all its texts imply must not be forbidden. */
static bool texts_agree(const struct fact *yes, const struct fact *no)
{
    if (!yes->is_positive || no->is_positive || (is_folded(yes) && !is_folded(no)))
        return true;
    for (uint32_t i = 0; i < yes->on.count; i++) {
        bool is_forbidden = false;
        for (uint32_t j = 0; j < no->on.count && !is_forbidden; j++)
            is_forbidden =
                covers(no->on.compare->op, no->on.literals[j].value.text, yes->on.compare->op,
                       yes->on.literals[i].value.text, is_folded(no));
        if (!is_forbidden)
            return true;
    }
    return false;
}

/* ---- values ---- */

static bool is_network(const struct rule_literal *literal)
{
    unsigned whole = literal->value.address.family == AF_INET ? 32 : 128;
    return literal->value.kind == VALUE_ADDRESS && literal->prefix_bits < whole;
}

static bool is_answer(struct lint *lint, const struct fact *fact, const struct value *value)
{
    return rule_program_holds(lint->program, fact->predicate, value) == fact->truth;
}

/* A fact that names all values that may pass: one of them has to pass the others too. */
static bool names_agree(struct lint *lint, const struct fact *facts, size_t count,
                        const struct fact *names)
{
    for (uint32_t literal = 0; literal < names->on.count; literal++) {
        bool is_alive = true;
        if (is_network(&names->on.literals[literal]))
            return true;
        for (size_t index = 0; index < count && is_alive; index++) {
            const struct fact *fact = &facts[index];
            if (fact == names || fact->on.left != names->on.left || fact->on.is_relation ||
                (is_folded(names) && !is_folded(fact)))
                continue;
            is_alive = is_answer(lint, fact, &names->on.literals[literal].value);
        }
        if (is_alive)
            return true;
    }
    return false;
}

/* The same for a field that has few values. */
static bool domain_agrees(struct lint *lint, const struct fact *facts, size_t count,
                          const struct fact *last)
{
    size_t value_count;
    const char *const *values = lint_domain(lint, &last->on, &value_count);
    for (size_t at = 0; values && at < value_count; at++) {
        const struct value value = {.kind = VALUE_TEXT, .text = span_str(values[at])};
        bool is_alive = true;
        for (size_t index = 0; index < count && is_alive; index++)
            if (facts[index].on.left == last->on.left && !facts[index].on.is_relation)
                is_alive = is_answer(lint, &facts[index], &value);
        if (is_alive)
            return true;
    }
    return !values;
}

/* ---- numbers ---- */

struct range {
    long double low, high;
    bool is_low_open, is_high_open;
    bool is_whole; /* numbers without a fraction */
};

static long double number_of(const struct value *value)
{
    return value->kind == VALUE_UINT   ? (long double)value->uinteger
           : value->kind == VALUE_REAL ? (long double)value->real
                                       : (long double)value->integer;
}

static void low_set(struct range *range, long double low, bool is_open)
{
    if (low > range->low || (low == range->low && is_open)) {
        range->low = low;
        range->is_low_open = is_open;
    }
}

static void high_set(struct range *range, long double high, bool is_open)
{
    if (high < range->high || (high == range->high && is_open)) {
        range->high = high;
        range->is_high_open = is_open;
    }
}

static void range_cut(struct range *range, const struct fact *fact)
{
    if (!fact->is_plain || fact->on.count != 1 || fact->on.compare->type != RULE_TYPE_NUMBER)
        return;
    long double number = number_of(&fact->on.literals[0].value);
    switch (fact->on.compare->op) {
    case RULE_LESS:
        fact->is_positive ? high_set(range, number, true) : low_set(range, number, false);
        break;
    case RULE_LESS_EQUAL:
        fact->is_positive ? high_set(range, number, false) : low_set(range, number, true);
        break;
    case RULE_GREATER:
        fact->is_positive ? low_set(range, number, true) : high_set(range, number, false);
        break;
    case RULE_GREATER_EQUAL:
        fact->is_positive ? low_set(range, number, false) : high_set(range, number, true);
        break;
    default:
        break;
    }
}

static bool range_is_empty(struct range range)
{
    if (range.is_whole) {
        long double low = range.is_low_open ? floorl(range.low) + 1 : ceill(range.low);
        long double high = range.is_high_open ? ceill(range.high) - 1 : floorl(range.high);
        return low > high;
    }
    return range.low > range.high ||
           (range.low == range.high && (range.is_low_open || range.is_high_open));
}

static bool ranges_agree(const struct fact *facts, size_t count, const struct fact *last)
{
    const struct field_desc *field = last->on.field ? last->on.field->field : NULL;
    struct range range = {.low = -INFINITY, .high = INFINITY};
    range.is_whole = !field || field->type == FIELD_INT;
    for (size_t index = 0; index < count; index++)
        if (facts[index].on.left == last->on.left)
            range_cut(&range, &facts[index]);
    return !range_is_empty(range);
}

/* ---- all of it ---- */

/* The same comparison asked for and forbidden, or a value asked for that must not be there. */
static bool pair_agrees(const struct fact *a, const struct fact *b)
{
    if (a->predicate == b->predicate && a->truth != b->truth)
        return false;
    bool is_absent = (a->on.compare->op == RULE_EXISTS && !a->is_positive && b->needs_a_value) ||
                     (b->on.compare->op == RULE_EXISTS && !b->is_positive && a->needs_a_value);
    return !is_absent;
}

/* Texts that are folded byte by byte. */
static bool is_text(const struct fact *fact)
{
    if (!fact->is_plain || fact->on.compare->op < RULE_CONTAINS || fact->on.compare->op > RULE_ENDS)
        return false;
    for (uint32_t index = 0; index < fact->on.count; index++) {
        const struct value *value = &fact->on.literals[index].value;
        if (value->kind != VALUE_TEXT)
            return false;
        for (size_t at = 0; is_folded(fact) && at < value->text.len; at++)
            if (value->text.data[at] >= 0x80)
                return false;
    }
    return true;
}

static bool texts_of_pair_agree(const struct fact *a, const struct fact *b)
{
    if (!is_text(a) || !is_text(b))
        return true;
    return edges_agree(a, b) && texts_agree(a, b) && texts_agree(b, a);
}

bool facts_agree(struct lint *lint, const struct fact *facts, size_t count)
{
    const struct fact *last = &facts[count - 1];
    bool has_value = false;
    for (size_t index = 0; index < count; index++) {
        if (facts[index].on.left != last->on.left)
            continue;
        if (!pair_agrees(&facts[index], last))
            return false;
        has_value |= facts[index].needs_a_value;
    }
    /* without a value all that is only forbidden is true; of several values each may pass one */
    if (!has_value || last->on.is_list)
        return true;
    for (size_t index = 0; index + 1 < count; index++)
        if (facts[index].on.left == last->on.left && !texts_of_pair_agree(&facts[index], last))
            return false;
    for (size_t index = 0; index < count; index++) {
        const struct fact *fact = &facts[index];
        if (fact->on.left == last->on.left && fact->is_plain && fact->is_positive &&
            fact->on.compare->op == RULE_EQUAL && !names_agree(lint, facts, count, fact))
            return false;
    }
    return domain_agrees(lint, facts, count, last) && ranges_agree(facts, count, last);
}

bool fact_is_alone(const struct fact *culprit, const struct fact *facts, size_t count)
{
    size_t beside = 0;
    for (size_t index = 0; index < count; index++)
        beside += facts[index].on.left == culprit->on.left;
    return beside <= 1;
}

void fact_report(struct lint *lint, const struct position *at, const char *what,
                 const struct fact *culprit, const struct fact *facts, size_t count)
{
    struct writer out;
    size_t shown = 0;
    writer_init(&out, 4096);
    for (size_t index = 0; index < count && shown <= SHOWN_MAX; index++) {
        const struct fact *fact = &facts[index];
        struct writer one;
        if (fact->on.left != culprit->on.left || shown++ == SHOWN_MAX)
            continue;
        writer_init(&one, 1 << 20);
        rule_program_predicate_write(lint->program, fact->predicate, &one);
        writer_format(&out, "%s%s'", shown > 1 ? ", " : "", fact->truth ? "" : "not ");
        writer_put(&out, span_first(writer_span(&one), TEXT_MAX));
        writer_text(&out, one.len > TEXT_MAX ? "…'" : "'");
        writer_free(&one);
    }
    lint_report(lint, at, "%s: " PRI_SPAN " exclude each other", what, ARG_SPAN(writer_span(&out)));
    writer_free(&out);
}
