#include <stdio.h>

#include "falco/condition.h"

#define TEXT_TYPES  (1u << FIELD_TEXT | 1u << FIELD_PATH | 1u << FIELD_ANY)
#define BYTES_TYPES (TEXT_TYPES | 1u << FIELD_BYTES)
#define ORDER_TYPES (TEXT_TYPES | 1u << FIELD_INT | 1u << FIELD_TIME | 1u << FIELD_DURATION)
#define ALL_TYPES   (~0u)

/* A name that begins with another stands before it. */
/* clang-format off */
static const struct operator_desc operators[] = {
    {"exists", OPERATOR_UNARY, RULE_EXISTS, RULE_CASE_EXACT, false, false, ALL_TYPES},
    {"<=", OPERATOR_NUMBER, RULE_LESS_EQUAL, RULE_CASE_EXACT, false, false, ORDER_TYPES},
    {"<", OPERATOR_NUMBER, RULE_LESS, RULE_CASE_EXACT, false, false, ORDER_TYPES},
    {">=", OPERATOR_NUMBER, RULE_GREATER_EQUAL, RULE_CASE_EXACT, false, false, ORDER_TYPES},
    {">", OPERATOR_NUMBER, RULE_GREATER, RULE_CASE_EXACT, false, false, ORDER_TYPES},
    {"==", OPERATOR_TEXT, RULE_EQUAL, RULE_CASE_EXACT, false, false, ALL_TYPES},
    {"=", OPERATOR_TEXT, RULE_EQUAL, RULE_CASE_EXACT, false, false, ALL_TYPES},
    {"!=", OPERATOR_TEXT, RULE_EQUAL, RULE_CASE_EXACT, true, false, ALL_TYPES},
    {"glob", OPERATOR_TEXT, RULE_GLOB, RULE_CASE_EXACT, false, false, TEXT_TYPES},
    {"iglob", OPERATOR_TEXT, RULE_GLOB, RULE_CASE_ASCII, false, false, TEXT_TYPES},
    {"contains", OPERATOR_TEXT, RULE_CONTAINS, RULE_CASE_EXACT, false, false, BYTES_TYPES},
    {"icontains", OPERATOR_TEXT, RULE_CONTAINS, RULE_CASE_ASCII, false, false, TEXT_TYPES},
    {"bcontains", OPERATOR_TEXT, RULE_CONTAINS, RULE_CASE_EXACT, false, true, 1u << FIELD_BYTES},
    {"startswith", OPERATOR_TEXT, RULE_STARTS, RULE_CASE_EXACT, false, false, BYTES_TYPES},
    {"bstartswith", OPERATOR_TEXT, RULE_STARTS, RULE_CASE_EXACT, false, true, 1u << FIELD_BYTES},
    {"endswith", OPERATOR_TEXT, RULE_ENDS, RULE_CASE_EXACT, false, false, BYTES_TYPES},
    {"regex", OPERATOR_TEXT, RULE_REGEX_WHOLE, RULE_CASE_EXACT, false, false, TEXT_TYPES},
    {"intersects", OPERATOR_LIST, RULE_EQUAL, RULE_CASE_EXACT, false, false, ALL_TYPES},
    {"in", OPERATOR_LIST, RULE_EQUAL, RULE_CASE_EXACT, false, false, ALL_TYPES},
    {"pmatch", OPERATOR_LIST, RULE_PATH_PREFIX, RULE_CASE_EXACT, false, false, TEXT_TYPES},
};
/* clang-format on */

size_t parser_offset(const struct parser *parser)
{
    return parser->text->bytes.len - parser->rest.len;
}

void complain(struct parser *parser, size_t offset, const char *hint, const char *format, ...)
{
    char text[512];
    struct position at = text_position(parser->text, offset);
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    parser->has_error = true;
    diagnostics_error(parser->compile->collection->diagnostics, &at, hint, "%s", text);
}

void abort_at(struct parser *parser, size_t offset, const char *text)
{
    if (!parser->is_aborted)
        complain(parser, offset, NULL, "%s", text);
    parser->is_aborted = true;
}

void stop_at(struct parser *parser, size_t offset, const char *text)
{
    if (!parser->is_over)
        complain(parser, offset, NULL, "%s", text);
    parser->is_over = parser->is_aborted = true;
}

static bool is_blank(uint8_t byte)
{
    return byte == ' ' || byte == '\t' || byte == '\n' || byte == '\r' || byte == '\b';
}

static bool is_letter(uint8_t byte)
{
    return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z');
}

static bool is_digit(uint8_t byte)
{
    return byte >= '0' && byte <= '9';
}

bool skip_blanks(struct parser *parser)
{
    size_t before = parser->rest.len;
    while (parser->rest.len && is_blank(parser->rest.data[0]))
        parser->rest = span_after(parser->rest, 1);
    return parser->rest.len != before;
}

bool take_text(struct parser *parser, const char *text)
{
    span wanted = span_str(text);
    if (!span_starts(parser->rest, wanted))
        return false;
    parser->rest = span_after(parser->rest, wanted.len);
    return true;
}

static bool is_connective(span text, span before)
{
    bool has_edge = before.len == 0 || is_blank(before.data[before.len - 1]) ||
                    before.data[before.len - 1] == ')';
    for (size_t length = 2; length < 4 && has_edge; length++) {
        span word = length == 2 ? SPAN("or") : SPAN("and");
        if (span_starts(text, word) &&
            (text.len == length || is_blank(text.data[length]) || text.data[length] == '('))
            return true;
    }
    return false;
}

void recover(struct parser *parser)
{
    size_t depth = 0;
    uint8_t quote = 0;
    if (!parser->is_aborted || parser->is_over)
        return;
    parser->is_aborted = false;
    for (; parser->rest.len; parser->rest = span_after(parser->rest, 1)) {
        uint8_t byte = parser->rest.data[0];
        span before = span_first(parser->text->bytes, parser_offset(parser));
        if (quote) {
            quote = byte == quote ? 0 : quote;
        } else if (byte == '"' || byte == '\'') {
            quote = byte;
        } else if (byte == '(') {
            depth++;
        } else if (depth == 0 && (byte == ')' || is_connective(parser->rest, before))) {
            return;
        } else if (byte == ')') {
            depth--;
        }
    }
}

/* The length of [a-zA-Z]+[a-zA-Z0-9_]* at the start, 0 if there is none. */
static size_t identifier_length(span text)
{
    size_t length = 0;
    if (text.len == 0 || !is_letter(text.data[0]))
        return 0;
    while (length < text.len && (is_letter(text.data[length]) || is_digit(text.data[length]) ||
                                 text.data[length] == '_'))
        length++;
    return length;
}

bool take_identifier(struct parser *parser, span *ret)
{
    size_t length = identifier_length(parser->rest);
    return length && span_take(&parser->rest, length, ret);
}

bool take_field_name(struct parser *parser, span *ret)
{
    size_t length = identifier_length(parser->rest);
    bool has_dot = false;
    while (length && length < parser->rest.len && parser->rest.data[length] == '.') {
        size_t more = identifier_length(span_after(parser->rest, length + 1));
        if (more == 0)
            break;
        length += 1 + more;
        has_dot = true;
    }
    return has_dot && span_take(&parser->rest, length, ret);
}

static bool is_hex_digit(uint8_t byte)
{
    return is_digit(byte) || ((byte | 0x20) >= 'a' && (byte | 0x20) <= 'f');
}

bool take_number(struct parser *parser, span *ret)
{
    span text = parser->rest;
    size_t length = 0;
    if (text.len > 2 && text.data[0] == '0' && (text.data[1] | 0x20) == 'x' &&
        is_hex_digit(text.data[2])) {
        for (length = 2; length < text.len && is_hex_digit(text.data[length]);)
            length++;
        return span_take(&parser->rest, length, ret);
    }
    if (text.len && (text.data[0] == '+' || text.data[0] == '-'))
        length = 1;
    size_t digits = length;
    while (length < text.len && is_digit(text.data[length]))
        length++;
    if (length == digits)
        return false;
    if (length < text.len && text.data[length] == '.')
        length++;
    while (length < text.len && is_digit(text.data[length]))
        length++;
    if (length + 2 < text.len && (text.data[length] | 0x20) == 'e' &&
        (text.data[length + 1] == '+' || text.data[length + 1] == '-') &&
        is_digit(text.data[length + 2]))
        for (length += 3; length < text.len && is_digit(text.data[length]);)
            length++;
    return span_take(&parser->rest, length, ret);
}

bool take_bare(struct parser *parser, span *ret)
{
    size_t length = 0;
    while (length < parser->rest.len && !is_blank(parser->rest.data[length]) &&
           !(parser->rest.data[length] && strchr("()\"'=,\v\f", parser->rest.data[length])))
        length++;
    return length && span_take(&parser->rest, length, ret);
}

static int hex_value(uint8_t byte)
{
    return is_digit(byte) ? byte - '0' : (byte | 0x20) - 'a' + 10;
}

/* One escape behind its backslash into out; how many bytes of the text it took, 0: wrong. */
static size_t unescape(span text, uint8_t quote, struct writer *out)
{
    static const char from[] = "bfnrt\\/";
    static const char to[] = "\b\f\n\r\t\\/";
    uint8_t letter = text.len ? text.data[0] : 0;
    const char *known = letter ? strchr(from, letter) : NULL;
    if (known) {
        writer_byte(out, (uint8_t)to[known - from]);
        return 1;
    }
    if (letter == ' ') { /* stays as it is: files in use have it */
        writer_text(out, "\\");
        return 1;
    }
    if (letter == quote && letter) {
        writer_byte(out, letter);
        return 1;
    }
    if (letter == 'x' && text.len > 2 && is_hex_digit(text.data[1]) && is_hex_digit(text.data[2])) {
        writer_byte(out, (uint8_t)(hex_value(text.data[1]) << 4 | hex_value(text.data[2])));
        return 3;
    }
    return 0;
}

enum quoted unquote(struct arena *arena, span *rest, span *ret, span *ret_wrong)
{
    if (rest->len == 0 || (rest->data[0] != '"' && rest->data[0] != '\''))
        return QUOTED_NONE;
    uint8_t quote = rest->data[0];
    span text = span_after(*rest, 1);
    enum quoted outcome = QUOTED_OPEN;
    struct writer out;
    writer_init(&out, CONDITION_TEXT_MAX);
    *ret_wrong = (span){NULL, 0};
    while (text.len && outcome == QUOTED_OPEN) {
        span before = text;
        uint8_t byte = text.data[0];
        text = span_after(text, 1);
        if (byte == quote) {
            outcome = QUOTED_GOOD;
        } else if (byte != '\\') {
            writer_byte(&out, byte);
        } else {
            size_t taken = unescape(text, quote, &out);
            if (taken == 0 && !ret_wrong->data)
                *ret_wrong = before;
            text = span_after(text, taken ? taken : text.len > 0);
        }
    }
    if (outcome == QUOTED_GOOD && ret_wrong->data)
        outcome = QUOTED_WRONG;
    *ret = arena_dup(arena, writer_span(&out));
    writer_free(&out);
    *rest = text;
    return ret->data ? outcome : QUOTED_OPEN;
}

bool take_quoted(struct parser *parser, span *ret)
{
    size_t start = parser_offset(parser);
    span wrong;
    switch (unquote(&parser->compile->collection->arena, &parser->rest, ret, &wrong)) {
    case QUOTED_NONE:
        return false;
    case QUOTED_OPEN:
        abort_at(parser, start, "the quote is not closed");
        return false;
    case QUOTED_WRONG:
        complain(parser, parser->text->bytes.len - wrong.len, NULL, UNKNOWN_ESCAPE);
        return true;
    case QUOTED_GOOD:
        break;
    }
    return true;
}

const struct operator_desc *take_operator(struct parser *parser)
{
    for (size_t index = 0; index < sizeof operators / sizeof operators[0]; index++) {
        const struct operator_desc *operator_ = &operators[index];
        span before = parser->rest;
        if (!take_text(parser, operator_->name))
            continue;
        /* words that take a value want a blank behind them; `in` and its kin may have a bracket */
        if (operator_->kind != OPERATOR_TEXT || !is_letter((uint8_t)operator_->name[0]) ||
            skip_blanks(parser))
            return operator_;
        parser->rest = before;
    }
    return NULL;
}

bool comparison_known(span name)
{
    static const char *const quantifiers[] = {" oneof", " anyof", " allof"};
    span base = name;
    while (base.len && is_blank(base.data[0]))
        base = span_after(base, 1);
    while (base.len && is_blank(base.data[base.len - 1]))
        base.len--;
    bool is_quantified = false;
    for (size_t index = 0; index < 3 && !is_quantified; index++) {
        is_quantified = span_ends(base, span_str(quantifiers[index]));
        if (is_quantified)
            base.len -= 6;
    }
    for (size_t index = 0; index < sizeof operators / sizeof operators[0]; index++)
        if (span_eq(base, span_str(operators[index].name)))
            return !is_quantified || operators[index].kind == OPERATOR_TEXT;
    return false;
}

const char *hint_operator(span name)
{
    const char *names[sizeof operators / sizeof operators[0]];
    for (size_t index = 0; index < sizeof operators / sizeof operators[0]; index++)
        names[index] = operators[index].name;
    return hint_nearest(names, sizeof operators / sizeof operators[0], name);
}
