/* One predicate against one value. */
#include <stdlib.h>

#include "rule/program.h"

static bool is_number_operator(const struct ir_predicate *predicate)
{
    return predicate->compare.type == RULE_TYPE_NUMBER;
}

err_kind leaf_open(struct rule_program *program, uint32_t id, struct err_ctx *err)
{
    const struct ir_predicate *predicate = &program->ir.predicates[id];
    const struct rule_literal *literals = program->ir.literals + predicate->first;
    struct leaf *leaf = &program->leaves[id];
    enum rule_operator op = predicate->compare.op;
    if (op == RULE_PATH_PREFIX) {
        if (!path_set_init(&leaf->paths, literals, predicate->count, &program->arena))
            return err_set(err, ERR_LIMIT, "no room for path prefixes");
    } else if (op == RULE_REGEX || op == RULE_REGEX_WHOLE) {
        leaf->regexes = calloc(predicate->count + 1u, sizeof *leaf->regexes);
        if (!leaf->regexes)
            return err_set(err, ERR_SYSTEM, "regexes");
        for (uint32_t index = 0; index < predicate->count; index++) {
            err_kind kind = regex_open(literals[index].value.text, &predicate->compare,
                                       &leaf->regexes[index], err);
            if (kind != OK)
                return kind;
        }
    } else if (is_number_operator(predicate)) {
        leaf->numbers =
            arena_alloc(&program->arena, (predicate->count + 1) * sizeof *leaf->numbers);
        if (!leaf->numbers)
            return err_set(err, ERR_LIMIT, "no room for numbers");
        for (uint32_t index = 0; index < predicate->count; index++)
            if (!convert_number(&literals[index].value, &leaf->numbers[index]))
                return err_set(err, ERR_INPUT, "a number is none");
    }
    return OK;
}

void leaf_close(struct leaf *leaf)
{
    path_set_free(&leaf->paths);
    for (struct regex **regex = leaf->regexes; regex && *regex; regex++)
        regex_close(*regex);
    free(leaf->regexes);
    leaf->regexes = NULL;
}

/* ---- text ---- */

static uint8_t lower(uint8_t byte)
{
    return byte >= 'A' && byte <= 'Z' ? (uint8_t)(byte + 32) : byte;
}

static bool folded_starts(span text, span prefix)
{
    if (text.len < prefix.len)
        return false;
    for (size_t index = 0; index < prefix.len; index++)
        if (lower(text.data[index]) != lower(prefix.data[index]))
            return false;
    return true;
}

static bool folded_contains(span text, span part)
{
    for (; text.len >= part.len; text = span_after(text, 1)) {
        if (folded_starts(text, part))
            return true;
        if (text.len == 0)
            break;
    }
    return false;
}

static int text_order(span a, span b, bool is_folded)
{
    if (!is_folded)
        return span_cmp(a, b);
    for (size_t index = 0; index < a.len && index < b.len; index++)
        if (lower(a.data[index]) != lower(b.data[index]))
            return lower(a.data[index]) < lower(b.data[index]) ? -1 : 1;
    return (a.len > b.len) - (a.len < b.len);
}

static bool order_holds(enum rule_operator op, int order)
{
    return (op == RULE_LESS && order < 0) || (op == RULE_LESS_EQUAL && order <= 0) ||
           (op == RULE_GREATER && order > 0) || (op == RULE_GREATER_EQUAL && order >= 0) ||
           (op == RULE_EQUAL && order == 0);
}

static bool text_holds(enum rule_operator op, bool is_folded, span text, span literal)
{
    switch (op) {
    case RULE_EQUAL:
        return text.len == literal.len && text_order(text, literal, is_folded) == 0;
    case RULE_LESS:
    case RULE_LESS_EQUAL:
    case RULE_GREATER:
    case RULE_GREATER_EQUAL:
        return order_holds(op, text_order(text, literal, is_folded));
    case RULE_CONTAINS:
        return is_folded ? folded_contains(text, literal) : span_contains(text, literal);
    case RULE_STARTS:
        return is_folded ? folded_starts(text, literal) : span_starts(text, literal);
    case RULE_ENDS:
        if (text.len < literal.len)
            return false;
        text = span_after(text, text.len - literal.len);
        return is_folded ? folded_starts(text, literal) : span_ends(text, literal);
    case RULE_GLOB:
        return glob_match(literal, text, is_folded);
    case RULE_EXISTS:
    case RULE_REGEX:
    case RULE_REGEX_WHOLE:
    case RULE_PATH_PREFIX:
        break;
    }
    return false;
}

/* ---- one literal ---- */

static bool number_holds(enum rule_operator op, long double a, long double b)
{
    if (a != a || b != b) /* NaN is in no order */
        return false;
    return order_holds(op, (a > b) - (a < b));
}

/* By the event's own type: numbers with numbers, all else as text. */
static bool value_holds(enum rule_operator op, bool is_folded, const struct value *value,
                        const struct value *literal)
{
    char left[CONVERT_BYTES];
    char right[CONVERT_BYTES];
    long double a, b;
    if (literal->kind != VALUE_TEXT && literal->kind != VALUE_BOOL && convert_number(literal, &b) &&
        convert_number(value, &a))
        return number_holds(op, a, b);
    return text_holds(op, is_folded, convert_text(value, left), convert_text(literal, right));
}

/* Between two values of the event. */
static bool relation_holds(const struct rule_compare *compare, const struct value *left,
                           const struct value *right)
{
    char left_text[CONVERT_BYTES];
    char right_text[CONVERT_BYTES];
    bool is_folded = compare->case_mode != RULE_CASE_EXACT;
    long double a, b;
    struct address address;
    struct rule_literal other = {0};
    bool left_bool, right_bool;
    switch (compare->type) {
    case RULE_TYPE_NUMBER:
        return convert_number(left, &a) && convert_number(right, &b) &&
               number_holds(compare->op, a, b);
    case RULE_TYPE_ADDRESS:
        if (!convert_address(left, &address) || !convert_address(right, &other.value.address))
            return false;
        other.prefix_bits = address.family == AF_INET ? 32 : 128;
        return address_in(&address, &other);
    case RULE_TYPE_BOOL:
        return convert_bool(left, &left_bool) && convert_bool(right, &right_bool) &&
               left_bool == right_bool;
    case RULE_TYPE_VALUE:
        return value_holds(compare->op, is_folded, left, right);
    case RULE_TYPE_TEXT:
        break;
    }
    return text_holds(compare->op, is_folded, convert_text(left, left_text),
                      convert_text(right, right_text));
}

/* A value brought to the predicate's type, once for all literals. */
struct subject {
    const struct value *value;
    span text;
    long double number;
    struct address address;
    bool truth;
    bool is_fit; /* could be converted */
    char buffer[CONVERT_BYTES];
};

static void subject_init(struct subject *subject, enum rule_type type, const struct value *value)
{
    subject->value = value;
    subject->is_fit = true;
    switch (type) {
    case RULE_TYPE_TEXT:
        subject->text = convert_text(value, subject->buffer);
        break;
    case RULE_TYPE_NUMBER:
        subject->is_fit = convert_number(value, &subject->number);
        break;
    case RULE_TYPE_BOOL:
        subject->is_fit = convert_bool(value, &subject->truth);
        break;
    case RULE_TYPE_ADDRESS:
        subject->is_fit = convert_address(value, &subject->address);
        break;
    case RULE_TYPE_VALUE:
        break;
    }
}

static enum answer literal_answer(struct rule_program *program, uint32_t id, uint32_t index,
                                  const struct subject *subject)
{
    const struct ir_predicate *predicate = &program->ir.predicates[id];
    const struct rule_compare *compare = &predicate->compare;
    const struct rule_literal *literal = &program->ir.literals[predicate->first + index];
    const struct leaf *leaf = &program->leaves[id];
    bool is_folded = compare->case_mode != RULE_CASE_EXACT;
    if (!subject->is_fit)
        return ANSWER_NO;
    if (compare->op == RULE_REGEX || compare->op == RULE_REGEX_WHOLE) {
        enum regex_answer answer =
            regex_match(leaf->regexes[index], subject->text, &program->scratch);
        return answer == REGEX_UNDECIDED ? ANSWER_UNDECIDED : answer_of(answer == REGEX_YES);
    }
    switch (compare->type) {
    case RULE_TYPE_TEXT:
        return answer_of(text_holds(compare->op, is_folded, subject->text, literal->value.text));
    case RULE_TYPE_NUMBER:
        return answer_of(number_holds(compare->op, subject->number, leaf->numbers[index]));
    case RULE_TYPE_BOOL:
        return answer_of(subject->truth == literal->value.truth);
    case RULE_TYPE_ADDRESS:
        return answer_of(address_in(&subject->address, literal));
    case RULE_TYPE_VALUE:
        break;
    }
    return answer_of(value_holds(compare->op, is_folded, subject->value, &literal->value));
}

/* Collects answers until the quantifier is decided. */
struct tally {
    enum rule_quantifier quantifier;
    uint32_t yes, undecided, no;
};

static bool tally_add(struct tally *tally, enum answer answer)
{
    tally->yes += answer == ANSWER_YES;
    tally->no += answer == ANSWER_NO;
    tally->undecided += answer == ANSWER_UNDECIDED;
    return (tally->quantifier == RULE_ANY && tally->yes) ||
           (tally->quantifier == RULE_ALL && tally->no) ||
           (tally->quantifier == RULE_ONE && tally->yes > 1);
}

/* Over nothing, none of them holds. */
static enum answer tally_answer(const struct tally *tally)
{
    bool is_open = tally->undecided > 0;
    switch (tally->quantifier) {
    case RULE_ANY:
        return tally->yes ? ANSWER_YES : is_open ? ANSWER_UNDECIDED : ANSWER_NO;
    case RULE_ALL:
        if (tally->no || (tally->yes == 0 && !is_open))
            return ANSWER_NO;
        return is_open ? ANSWER_UNDECIDED : ANSWER_YES;
    case RULE_ONE:
        break;
    }
    return tally->yes > 1 ? ANSWER_NO : is_open ? ANSWER_UNDECIDED : answer_of(tally->yes == 1);
}

static enum answer item_answer(struct rule_program *program, uint32_t id, const struct value *item,
                               struct event *event)
{
    const struct ir_predicate *predicate = &program->ir.predicates[id];
    const struct rule_compare *compare = &predicate->compare;
    if (predicate->right != RULE_NONE) {
        const struct value *right = expression_value(program, predicate->right, event);
        struct tally tally = {.quantifier = RULE_ANY};
        if (right->kind == VALUE_ABSENT)
            return answer_of(compare->when_absent);
        if (right->kind != VALUE_LIST)
            return answer_of(relation_holds(compare, item, right) != compare->is_negated);
        for (size_t index = 0; index < right->list.count; index++)
            if (tally_add(&tally,
                          answer_of(relation_holds(compare, item, &right->list.items[index]) !=
                                    compare->is_negated)))
                break;
        return tally_answer(&tally);
    }
    struct subject subject;
    subject_init(&subject, compare->type, item);
    if (compare->op == RULE_PATH_PREFIX)
        return answer_of(
            path_set_match(&program->leaves[id].paths, subject.text, &program->scratch));
    struct tally tally = {.quantifier = compare->literals};
    for (uint32_t index = 0; index < predicate->count; index++) {
        enum answer answer = literal_answer(program, id, index, &subject);
        if (tally_add(&tally, compare->is_negated ? answer_not(answer) : answer))
            break;
    }
    return tally_answer(&tally);
}

enum answer leaf_compare(struct rule_program *program, uint32_t id, const struct value *value,
                         struct event *event)
{
    const struct rule_compare *compare = &program->ir.predicates[id].compare;
    bool is_empty =
        value->kind == VALUE_ABSENT || (value->kind == VALUE_LIST && value->list.count == 0);
    if (compare->op == RULE_EXISTS)
        return answer_of(is_empty == compare->is_negated);
    if (is_empty)
        return answer_of(compare->when_absent);
    if (value->kind != VALUE_LIST)
        return item_answer(program, id, value, event);
    struct tally tally = {.quantifier = value->any ? RULE_ANY : compare->items};
    for (size_t index = 0; index < value->list.count; index++)
        if (tally_add(&tally, item_answer(program, id, &value->list.items[index], event)))
            break;
    return tally_answer(&tally);
}
