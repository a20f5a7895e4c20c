/* Functions of fields. Each takes an absent argument as "no value". */
#include "rule/program.h"

_Static_assert(RULE_YEAR - RULE_MINUTE == DATE_YEAR, "parts of dates are cast");

static const struct value absent = {.kind = VALUE_ABSENT};

static struct value text_value(span text)
{
    return (struct value){.kind = text.data ? VALUE_TEXT : VALUE_ABSENT, .text = text};
}

/* The value's text in the arena, where it outlives this call; data NULL: no room. */
static span text_of(const struct value *value, struct arena *arena)
{
    char buffer[CONVERT_BYTES];
    span text = convert_text(value, buffer);
    return text.data == (const uint8_t *)buffer ? arena_dup(arena, text) : text;
}

static span change_case(span text, bool is_upper, struct arena *arena)
{
    uint8_t *out = arena_alloc_raw(arena, text.len + 1);
    if (!out)
        return (span){NULL, 0};
    for (size_t index = 0; index < text.len; index++) {
        uint8_t byte = text.data[index];
        if (is_upper && byte >= 'a' && byte <= 'z')
            byte = (uint8_t)(byte - 32);
        else if (!is_upper && byte >= 'A' && byte <= 'Z')
            byte = (uint8_t)(byte + 32);
        out[index] = byte;
    }
    return span_of(out, text.len);
}

static int base64_digit(uint8_t byte)
{
    if (byte >= 'A' && byte <= 'Z')
        return byte - 'A';
    if (byte >= 'a' && byte <= 'z')
        return byte - 'a' + 26;
    if (byte >= '0' && byte <= '9')
        return byte - '0' + 52;
    return byte == '+' ? 62 : byte == '/' ? 63 : -1;
}

/* RFC 4648 section 4; padding may be missing. */
static span base64_decode(span text, struct arena *arena)
{
    while (text.len && text.data[text.len - 1] == '=')
        text.len--;
    uint8_t *out = arena_alloc_raw(arena, text.len + 1);
    size_t used = 0;
    uint32_t bits = 0;
    unsigned have = 0;
    if (!out || text.len % 4 == 1)
        return (span){NULL, 0};
    for (size_t index = 0; index < text.len; index++) {
        int digit = base64_digit(text.data[index]);
        if (digit < 0)
            return (span){NULL, 0};
        bits = bits << 6 | (uint32_t)digit;
        have += 6;
        if (have >= 8) {
            have -= 8;
            out[used++] = (uint8_t)(bits >> have);
        }
    }
    return span_of(out, used);
}

static span basename_of(span text)
{
    const uint8_t *slash = text.len ? memrchr(text.data, '/', text.len) : NULL;
    return slash ? span_after(text, (size_t)(slash - text.data) + 1) : text;
}

static struct value map_one(enum rule_function function, const struct value *value,
                            struct arena *arena)
{
    span text = text_of(value, arena);
    if (!text.data || value->kind == VALUE_NULL)
        return absent;
    switch (function) {
    case RULE_LOWER:
    case RULE_UPPER:
        return text_value(change_case(text, function == RULE_UPPER, arena));
    case RULE_BASE64:
        return text_value(base64_decode(text, arena));
    case RULE_BASENAME:
        return text_value(basename_of(text));
    case RULE_LENGTH:
        return (struct value){.kind = VALUE_INT, .integer = (int64_t)text.len};
    case RULE_MINUTE:
    case RULE_HOUR:
    case RULE_DAY:
    case RULE_WEEK:
    case RULE_MONTH:
    case RULE_YEAR: {
        struct value part = {.kind = VALUE_INT};
        return date_part_of(text, (enum date_part)(function - RULE_MINUTE), &part.integer) ? part
                                                                                           : absent;
    }
    case RULE_JOIN:
    case RULE_CONCAT:
    case RULE_GETOPT:
        break;
    }
    return absent;
}

/* Functions of one value; over each item of a list, except its length. */
static struct value map_value(enum rule_function function, const struct value *value,
                              struct arena *arena)
{
    if (value->kind != VALUE_LIST)
        return map_one(function, value, arena);
    if (function == RULE_LENGTH)
        return (struct value){.kind = VALUE_INT, .integer = (int64_t)value->list.count};
    struct value *items = arena_alloc(arena, (value->list.count + 1) * sizeof *items);
    size_t count = 0;
    if (!items)
        return absent;
    for (size_t index = 0; index < value->list.count; index++) {
        items[count] = map_one(function, &value->list.items[index], arena);
        count += items[count].kind != VALUE_ABSENT;
    }
    struct value mapped = {.kind = VALUE_LIST, .any = value->any};
    mapped.list.items = items;
    mapped.list.count = count;
    return mapped;
}

/* Bytes gathered in the arena: measured in a first pass, put in a second. */
struct gather {
    uint8_t *out; /* NULL: measuring */
    size_t len;
};

static void gather_put(struct gather *gather, span text)
{
    if (gather->out && text.len)
        memcpy(gather->out + gather->len, text.data, text.len);
    gather->len += text.len;
}

static void gather_value(struct gather *gather, const struct value *value, span separator,
                         bool *is_first)
{
    char buffer[CONVERT_BYTES];
    size_t count = value->kind == VALUE_LIST ? value->list.count : 1;
    for (size_t index = 0; index < count; index++) {
        const struct value *item = value->kind == VALUE_LIST ? &value->list.items[index] : value;
        if (!*is_first)
            gather_put(gather, separator);
        *is_first = false;
        gather_put(gather, convert_text(item, buffer));
    }
}

static struct value join(const struct value *const *arguments, size_t count, span separator,
                         struct arena *arena)
{
    struct gather gather = {0};
    for (int pass = 0; pass < 2; pass++) {
        bool is_first = true;
        for (size_t index = 0; index < count; index++)
            gather_value(&gather, arguments[index], separator, &is_first);
        if (pass == 0) {
            gather.out = arena_alloc_raw(arena, gather.len + 1);
            if (!gather.out)
                return absent;
            gather.len = 0;
        }
    }
    return text_value(span_of(gather.out, gather.len));
}

/* ---- getopt ---- */

static bool is_option(span options, uint8_t letter, bool *ret_has_value)
{
    for (size_t index = 0; index < options.len; index++) {
        if (options.data[index] != letter || letter == ':')
            continue;
        *ret_has_value = index + 1 < options.len && options.data[index + 1] == ':';
        return true;
    }
    return false;
}

/* getopt(3) over a list of arguments without permuting them. With `letter`: that option's value (or
 * its letter, when it takes none). Without: letters and values in order as a list. */
static struct value getopt_value(const struct value *list, span options, span letter,
                                 struct arena *arena)
{
    size_t total = list->list.count;
    size_t bytes = 0;
    for (size_t index = 0; index < total; index++)
        bytes += list->list.items[index].text.len;
    struct value *found = arena_alloc(arena, (2 * bytes + 1) * sizeof *found);
    size_t count = 0;
    if (!found)
        return absent;
    for (size_t at = 0; at < total; at++) {
        span word = list->list.items[at].text;
        if (word.len < 2 || word.data[0] != '-' || span_eq(word, SPAN("--")))
            break;
        for (size_t index = 1; index < word.len; index++) {
            bool has_value = false;
            bool is_known = is_option(options, word.data[index], &has_value);
            span name = is_known ? span_of(word.data + index, 1) : SPAN("?");
            span value = span_after(word, index + 1);
            if (has_value && value.len == 0)
                value = at + 1 < total ? list->list.items[++at].text : (span){NULL, 0};
            if (letter.data && span_eq(letter, name))
                return text_value(has_value ? value : name);
            found[count++] = text_value(name);
            if (has_value && value.data)
                found[count++] = text_value(value);
            if (has_value)
                break;
        }
    }
    if (letter.data || count == 0)
        return absent;
    struct value all = {.kind = VALUE_LIST};
    all.list.items = found;
    all.list.count = count;
    return all;
}

static struct value getopt_call(const struct value *const *arguments, size_t count,
                                struct arena *arena)
{
    const struct value *list = arguments[0];
    if (count < 2 || list->kind != VALUE_LIST || arguments[1]->kind != VALUE_TEXT)
        return absent;
    for (size_t index = 0; index < list->list.count; index++)
        if (list->list.items[index].kind != VALUE_TEXT)
            return absent;
    span letter = {NULL, 0};
    if (count > 2 && arguments[2]->kind == VALUE_TEXT)
        letter = arguments[2]->text;
    return getopt_value(list, arguments[1]->text, letter, arena);
}

/* ---- evaluation ---- */

static struct value call_value(struct rule_program *program, const struct ir_expression *expression,
                               struct event *event)
{
    const struct value *arguments[IR_ARGUMENTS_MAX] = {NULL};
    if (!expression->count) /* each function has one */
        return absent;
    for (uint32_t index = 0; index < expression->count; index++) {
        uint32_t argument = program->ir.links[expression->first + index];
        arguments[index] = expression_value(program, argument, event);
        if (arguments[index]->kind == VALUE_ABSENT || arguments[index]->kind == VALUE_NULL)
            return absent;
    }
    enum rule_function function = expression->function;
    switch (function) {
    case RULE_LOWER:
    case RULE_UPPER:
    case RULE_BASE64:
    case RULE_BASENAME:
    case RULE_LENGTH:
    case RULE_MINUTE:
    case RULE_HOUR:
    case RULE_DAY:
    case RULE_WEEK:
    case RULE_MONTH:
    case RULE_YEAR:
        return map_value(function, arguments[0], event->arena);
    case RULE_JOIN: {
        span separator = text_of(arguments[0], event->arena);
        return join(arguments + 1, expression->count - 1, separator, event->arena);
    }
    case RULE_CONCAT:
        return join(arguments, expression->count, SPAN(""), event->arena);
    case RULE_GETOPT:
        return getopt_call(arguments, expression->count, event->arena);
    }
    return absent;
}

/* Recursion is bounded: an expression's depth is below IR_DEPTH_MAX. */
const struct value *expression_value(struct rule_program *program, uint32_t id, struct event *event)
{
    const struct ir_expression *expression = &program->ir.expressions[id];
    struct expression_state *state = &program->expressions[id];
    if (expression->kind == IR_FIELD)
        return event_get(event, expression->slot);
    if (state->generation != program->generation) {
        state->generation = program->generation;
        state->value = expression->kind == IR_TEXT ? text_value(expression->text)
                                                   : call_value(program, expression, event);
    }
    return &state->value;
}
