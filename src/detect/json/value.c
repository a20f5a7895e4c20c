/* Values of JSON text, for rules. */
#include <stdlib.h>

#include "json/decoder.h"

/* ---- strings ---- */

static uint32_t hex_value(const uint8_t *digits)
{
    uint32_t value = 0;
    for (size_t index = 0; index < 4; index++) {
        uint8_t digit = digits[index];
        value = value << 4 | (uint32_t)(digit <= '9' ? digit - '0' : (digit | 0x20) - 'a' + 10);
    }
    return value;
}

static size_t utf8_write(uint32_t code, uint8_t *to)
{
    if (code < 0x80) {
        to[0] = (uint8_t)code;
        return 1;
    }
    if (code < 0x800) {
        to[0] = (uint8_t)(0xc0 | code >> 6);
        to[1] = (uint8_t)(0x80 | (code & 0x3f));
        return 2;
    }
    if (code < 0x10000) {
        to[0] = (uint8_t)(0xe0 | code >> 12);
        to[1] = (uint8_t)(0x80 | (code >> 6 & 0x3f));
        to[2] = (uint8_t)(0x80 | (code & 0x3f));
        return 3;
    }
    to[0] = (uint8_t)(0xf0 | code >> 18);
    to[1] = (uint8_t)(0x80 | (code >> 12 & 0x3f));
    to[2] = (uint8_t)(0x80 | (code >> 6 & 0x3f));
    to[3] = (uint8_t)(0x80 | (code & 0x3f));
    return 4;
}

/* Takes \uXXXX, of which the rest is `*rest`, and its second half if it is one of a pair. */
static uint32_t code_take(span *rest)
{
    uint32_t code = hex_value(rest->data + 2);
    *rest = span_after(*rest, 6);
    if (code < 0xd800 || code > 0xdfff)
        return code;
    if (code > 0xdbff || rest->len < 6 || rest->data[0] != '\\' || rest->data[1] != 'u')
        return 0xfffd;
    uint32_t low = hex_value(rest->data + 2);
    if (low < 0xdc00 || low > 0xdfff)
        return 0xfffd;
    *rest = span_after(*rest, 6);
    return 0x10000 + ((code - 0xd800) << 10 | (low - 0xdc00));
}

static const uint8_t letter_table[256] = {
    ['"'] = '"',  ['\\'] = '\\', ['/'] = '/',  ['b'] = '\b',
    ['f'] = '\f', ['n'] = '\n',  ['r'] = '\r', ['t'] = '\t',
};

/* Takes one escape; the letters are known to be right. */
static uint8_t *escape_take(span *rest, uint8_t *to)
{
    if (rest->data[1] == 'u')
        return to + utf8_write(code_take(rest), to);
    *to = letter_table[rest->data[1]];
    *rest = span_after(*rest, 2);
    return to + 1;
}

size_t json_unescape(span inside, uint8_t *to)
{
    const uint64_t ones = 0x0101010101010101u;
    uint8_t *start = to;
    while (inside.len >= 8) {
        uint64_t word;
        memcpy(&word, inside.data, 8);
        memcpy(to, &word, 8);
        uint64_t other = word ^ ones * '\\';
        uint64_t found = (other - ones) & ~other & ones << 7; /* the lowest bit is the first's */
        size_t plain = found ? (size_t)__builtin_ctzll(found) / 8 : 8;
        to += plain;
        inside = span_after(inside, plain);
        if (found && inside.len >= 2)
            to = escape_take(&inside, to);
    }
    while (inside.len) {
        if (inside.data[0] == '\\' && inside.len >= 2) {
            to = escape_take(&inside, to);
        } else {
            *to++ = inside.data[0];
            inside = span_after(inside, 1);
        }
    }
    return (size_t)(to - start);
}

static void string_value(span raw, struct arena *arena, struct value *ret)
{
    span inside = span_of(raw.data + 1, raw.len - 2);
    if (inside.len && memchr(inside.data, '\\', inside.len)) {
        uint8_t *text = arena_alloc_raw(arena, inside.len + 8);
        if (!text)
            return;
        inside = span_of(text, json_unescape(inside, text));
    }
    *ret = (struct value){.kind = VALUE_TEXT, .text = inside};
}

/* ---- numbers ---- */

static bool integer_value(span raw, struct value *ret)
{
    bool is_negative = raw.data[0] == '-';
    uint64_t number = 0;
    for (size_t index = is_negative; index < raw.len; index++) {
        uint8_t digit = (uint8_t)(raw.data[index] - '0');
        if (digit > 9 || __builtin_mul_overflow(number, 10u, &number) ||
            __builtin_add_overflow(number, digit, &number))
            return false;
    }
    if (!is_negative && number > INT64_MAX)
        *ret = (struct value){.kind = VALUE_UINT, .uinteger = number};
    else if (number <= (uint64_t)INT64_MAX + is_negative)
        *ret = (struct value){.kind = VALUE_INT,
                              .integer = (int64_t)(is_negative ? 0 - number : number)};
    else
        return false;
    return true;
}

/* Integers to 64 bits are exact; all else is the nearest double, or infinite. */
static void number_value(span raw, struct arena *arena, struct value *ret)
{
    char text[64], *copy = text;
    if (integer_value(raw, ret))
        return;
    if (raw.len >= sizeof text)
        copy = arena_alloc_raw(arena, raw.len + 1);
    if (!copy)
        return;
    memcpy(copy, raw.data, raw.len);
    copy[raw.len] = 0;
    *ret = (struct value){.kind = VALUE_REAL, .real = strtod(copy, NULL)};
}

void json_value(span raw, struct arena *arena, struct value *ret)
{
    *ret = (struct value){.kind = VALUE_ABSENT};
    switch (raw.data[0]) {
    case '"':
        string_value(raw, arena, ret);
        break;
    case 't':
    case 'f':
        *ret = (struct value){.kind = VALUE_BOOL, .truth = raw.data[0] == 't'};
        break;
    case 'n':
        *ret = (struct value){.kind = VALUE_NULL};
        break;
    case '{':
        *ret = (struct value){.kind = VALUE_LIST, .any = true};
        break;
    default:
        number_value(raw, arena, ret);
    }
}
