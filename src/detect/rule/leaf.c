/* One predicate against one value. */
#include <stdlib.h>

#include "rule/program.h"

_Static_assert((int)RULE_CASE_ASCII == (int)TEXT_CASE_ASCII &&
                   (int)RULE_CASE_UNICODE == (int)TEXT_CASE_UNICODE,
               "case modes are cast");

static enum text_case case_of(const struct rule_compare *compare)
{
    return (enum text_case)compare->case_mode;
}

static struct regex_options regex_options_of(const struct rule_compare *compare)
{
    return (struct regex_options){.is_whole = compare->op == RULE_REGEX_WHOLE,
                                  .is_caseless = compare->case_mode != RULE_CASE_EXACT};
}

err_kind leaf_check_regex(span pattern, const struct rule_compare *compare, struct err_ctx *err)
{
    return regex_check(pattern, regex_options_of(compare), err);
}

static err_kind regexes_open(struct leaf *leaf, const struct ir_predicate *predicate,
                             const struct rule_literal *literals, struct err_ctx *err)
{
    leaf->regexes = calloc(predicate->count + 1u, sizeof(struct regex *));
    if (!leaf->regexes)
        return err_set(err, ERR_SYSTEM, "regexes");
    for (uint32_t index = 0; index < predicate->count; index++) {
        err_kind kind =
            regex_open(literals[index].value.text, regex_options_of(&predicate->compare),
                       &leaf->regexes[index], err);
        if (kind != OK)
            return kind;
    }
    return OK;
}

static bool paths_open(struct leaf *leaf, const struct ir_predicate *predicate,
                       const struct rule_literal *literals, struct arena *arena)
{
    if (!path_set_init(&leaf->paths, predicate->count, arena))
        return false;
    for (uint32_t index = 0; index < predicate->count; index++)
        if (!path_set_add(&leaf->paths, literals[index].value.text, arena))
            return false;
    return true;
}

static bool is_number(const struct value *value)
{
    return value->kind == VALUE_INT || value->kind == VALUE_UINT || value->kind == VALUE_REAL;
}

/* The literals as numbers and as folded texts, each where its kind has one. */
static bool literals_open(struct leaf *leaf, const struct ir_predicate *predicate,
                          const struct rule_literal *literals, struct arena *arena)
{
    leaf->numbers = arena_alloc(arena, (predicate->count + 1) * sizeof *leaf->numbers);
    leaf->texts = arena_alloc(arena, (predicate->count + 1) * sizeof *leaf->texts);
    if (!leaf->numbers || !leaf->texts)
        return false;
    for (uint32_t index = 0; index < predicate->count; index++) {
        const struct value *literal = &literals[index].value;
        char buffer[CONVERT_BYTES];
        if (is_number(literal))
            (void)convert_number(literal, &leaf->numbers[index]);
        span text = convert_text(literal, buffer);
        if (predicate->compare.case_mode != RULE_CASE_EXACT && predicate->compare.op != RULE_GLOB)
            text = fold_text(text, case_of(&predicate->compare), arena);
        else if (text.data == (const uint8_t *)buffer)
            text = arena_dup(arena, text);
        if (!text.data)
            return false;
        leaf->texts[index] = text;
    }
    return true;
}

err_kind leaf_open(struct rule_program *program, uint32_t id, struct err_ctx *err)
{
    const struct ir_predicate *predicate = &program->ir.predicates[id];
    const struct rule_literal *literals = program->ir.literals + predicate->first;
    struct leaf *leaf = &program->leaves[id];
    enum rule_operator op = predicate->compare.op;
    bool is_open = true;
    if (op == RULE_REGEX || op == RULE_REGEX_WHOLE)
        return regexes_open(leaf, predicate, literals, err);
    if (op == RULE_PATH_PREFIX)
        is_open = paths_open(leaf, predicate, literals, &program->arena);
    else if (predicate->compare.type != RULE_TYPE_ADDRESS)
        is_open = literals_open(leaf, predicate, literals, &program->arena);
    return is_open ? OK : err_set(err, ERR_LIMIT, "no room for values of rules");
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

static bool order_holds(enum rule_operator op, int order)
{
    return (op == RULE_LESS && order < 0) || (op == RULE_LESS_EQUAL && order <= 0) ||
           (op == RULE_GREATER && order > 0) || (op == RULE_GREATER_EQUAL && order >= 0) ||
           (op == RULE_EQUAL && order == 0);
}

/* Both are folded already, but for GLOB. */
static bool text_holds(const struct rule_compare *compare, span text, span literal)
{
    switch (compare->op) {
    case RULE_EQUAL:
        return span_eq(text, literal);
    case RULE_LESS:
    case RULE_LESS_EQUAL:
    case RULE_GREATER:
    case RULE_GREATER_EQUAL:
        return order_holds(compare->op, span_cmp(text, literal));
    case RULE_CONTAINS:
        return span_contains(text, literal);
    case RULE_STARTS:
        return span_starts(text, literal);
    case RULE_ENDS:
        return span_ends(text, literal);
    case RULE_GLOB:
        return glob_match(literal, text, case_of(compare));
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

/* As folded text; data NULL: no room. */
static span value_text(const struct rule_compare *compare, const struct value *value,
                       char buffer[static CONVERT_BYTES], struct arena *scratch)
{
    span text = convert_text(value, buffer);
    return compare->op == RULE_GLOB ? text : fold_text(text, case_of(compare), scratch);
}

/* Between two values of the event. */
static enum answer relation_answer(const struct rule_compare *compare, const struct value *left,
                                   const struct value *right, struct arena *scratch)
{
    long double a, b;
    struct address address;
    struct rule_literal other = {0};
    bool left_bool, right_bool;
    switch (compare->type) {
    case RULE_TYPE_NUMBER:
        return answer_of(convert_number(left, &a) && convert_number(right, &b) &&
                         number_holds(compare->op, a, b));
    case RULE_TYPE_ADDRESS:
        if (!convert_address(left, &address) || !convert_address(right, &other.value.address))
            return ANSWER_NO;
        other.prefix_bits = address.family == AF_INET ? 32 : 128;
        return answer_of(convert_address_in(&address, &other.value.address, other.prefix_bits));
    case RULE_TYPE_BOOL:
        return answer_of(convert_bool(left, &left_bool) && convert_bool(right, &right_bool) &&
                         left_bool == right_bool);
    case RULE_TYPE_VALUE:
        if (is_number(right) && convert_number(right, &b) && convert_number(left, &a))
            return answer_of(number_holds(compare->op, a, b));
        break;
    case RULE_TYPE_TEXT:
        break;
    }
    char left_buffer[CONVERT_BYTES];
    char right_buffer[CONVERT_BYTES];
    span left_text = value_text(compare, left, left_buffer, scratch);
    span right_text = value_text(compare, right, right_buffer, scratch);
    if (!left_text.data || !right_text.data)
        return ANSWER_UNDECIDED;
    return answer_of(text_holds(compare, left_text, right_text));
}

/* A value brought to the predicate's type, once for all literals. */
struct subject {
    span text;
    long double number;
    struct address address;
    bool truth;
    bool is_fit; /* NUMBER, BOOL, ADDRESS, VALUE: there is a number, bool or address */
    char buffer[CONVERT_BYTES];
};

/* False: no room. */
static bool subject_init(struct subject *subject, const struct rule_compare *compare,
                         const struct value *value, struct arena *scratch)
{
    subject->is_fit = false;
    switch (compare->type) {
    case RULE_TYPE_VALUE:
        subject->is_fit = convert_number(value, &subject->number);
        __attribute__((fallthrough));
    case RULE_TYPE_TEXT:
        subject->text = compare->op == RULE_REGEX || compare->op == RULE_REGEX_WHOLE
                            ? convert_text(value, subject->buffer)
                            : value_text(compare, value, subject->buffer, scratch);
        return subject->text.data;
    case RULE_TYPE_NUMBER:
        subject->is_fit = convert_number(value, &subject->number);
        return true;
    case RULE_TYPE_BOOL:
        subject->is_fit = convert_bool(value, &subject->truth);
        return true;
    case RULE_TYPE_ADDRESS:
        subject->is_fit = convert_address(value, &subject->address);
        return true;
    }
    return true;
}

static enum answer literal_answer(struct rule_program *program, uint32_t id, uint32_t index,
                                  const struct subject *subject)
{
    const struct ir_predicate *predicate = &program->ir.predicates[id];
    const struct rule_compare *compare = &predicate->compare;
    const struct rule_literal *literal = &program->ir.literals[predicate->first + index];
    const struct leaf *leaf = &program->leaves[id];
    if (compare->op == RULE_REGEX || compare->op == RULE_REGEX_WHOLE) {
        enum regex_answer answer =
            regex_match(leaf->regexes[index], subject->text, &program->scratch);
        return answer == REGEX_UNDECIDED ? ANSWER_UNDECIDED : answer_of(answer == REGEX_YES);
    }
    switch (compare->type) {
    case RULE_TYPE_NUMBER:
        return answer_of(subject->is_fit &&
                         number_holds(compare->op, subject->number, leaf->numbers[index]));
    case RULE_TYPE_BOOL:
        return answer_of(subject->is_fit && subject->truth == literal->value.truth);
    case RULE_TYPE_ADDRESS:
        return answer_of(
            subject->is_fit &&
            convert_address_in(&subject->address, &literal->value.address, literal->prefix_bits));
    case RULE_TYPE_VALUE:
        if (subject->is_fit && is_number(&literal->value))
            return answer_of(number_holds(compare->op, subject->number, leaf->numbers[index]));
        break;
    case RULE_TYPE_TEXT:
        break;
    }
    return answer_of(text_holds(compare, subject->text, leaf->texts[index]));
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
    if (value_is_empty(item))
        return answer_of(compare->when_absent);
    if (predicate->right != RULE_NONE) {
        const struct value *right = expression_value(program, predicate->right, event);
        struct tally tally = {.quantifier = RULE_ANY};
        if (value_is_empty(right))
            return answer_of(compare->when_absent);
        size_t count = right->kind == VALUE_LIST ? right->list.count : 1;
        for (size_t index = 0; index < count; index++) {
            const struct value *one = right->kind == VALUE_LIST ? &right->list.items[index] : right;
            enum answer answer = value_is_empty(one)
                                     ? answer_of(compare->when_absent)
                                     : relation_answer(compare, item, one, &program->scratch);
            if (tally_add(&tally, compare->is_negated ? answer_not(answer) : answer))
                break;
        }
        return tally_answer(&tally);
    }
    struct subject subject;
    if (!subject_init(&subject, compare, item, &program->scratch))
        return ANSWER_UNDECIDED;
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
    if (compare->op == RULE_EXISTS)
        return answer_of((value_is_empty(value) && value->kind != VALUE_NULL) ==
                         compare->is_negated);
    if (value_is_empty(value))
        return answer_of(compare->when_absent);
    if (value->kind != VALUE_LIST)
        return item_answer(program, id, value, event);
    struct tally tally = {.quantifier = value->any ? RULE_ANY : compare->items};
    for (size_t index = 0; index < value->list.count; index++)
        if (tally_add(&tally, item_answer(program, id, &value->list.items[index], event)))
            break;
    return tally_answer(&tally);
}
