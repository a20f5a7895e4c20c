#include <ctype.h>

#include "rule/pattern.h"

static uint8_t lower(uint8_t byte)
{
    return byte >= 'A' && byte <= 'Z' ? (uint8_t)(byte + 32) : byte;
}

static uint8_t upper(uint8_t byte)
{
    return byte >= 'a' && byte <= 'z' ? (uint8_t)(byte - 32) : byte;
}

static bool in_class(span name, uint8_t byte)
{
    static const struct {
        const char *name;
        int (*holds)(int);
    } classes[] = {
        {"alnum", isalnum}, {"alpha", isalpha}, {"blank", isblank}, {"cntrl", iscntrl},
        {"digit", isdigit}, {"graph", isgraph}, {"lower", islower}, {"print", isprint},
        {"punct", ispunct}, {"space", isspace}, {"upper", isupper}, {"xdigit", isxdigit},
    };
    for (size_t index = 0; index < sizeof classes / sizeof classes[0]; index++)
        if (span_eq(name, span_str(classes[index].name)))
            return byte < 0x80 && classes[index].holds(byte) != 0;
    return false;
}

static bool take_byte(span *pattern, uint8_t *ret)
{
    if (!span_u8(pattern, ret))
        return false;
    return *ret != '\\' || span_u8(pattern, ret);
}

/* [...] behind its bracket. False: it never closes, so that the bracket stands for itself. */
static bool bracket_match(span *pattern, uint8_t byte, bool is_caseless, bool *ret_holds)
{
    span rest = *pattern;
    bool is_inverted = rest.len && (rest.data[0] == '!' || rest.data[0] == '^');
    bool holds = false;
    if (is_inverted)
        rest = span_after(rest, 1);
    for (bool is_first = true;; is_first = false) {
        uint8_t low;
        if (rest.len && rest.data[0] == ']' && !is_first)
            break;
        if (span_starts(rest, SPAN("[:"))) {
            span name = span_after(rest, 2);
            const uint8_t *end = name.len ? memmem(name.data, name.len, ":]", 2) : NULL;
            if (end) {
                name.len = (size_t)(end - name.data);
                rest = span_after(rest, name.len + 4);
                holds |=
                    in_class(name, byte) ||
                    (is_caseless && (in_class(name, lower(byte)) || in_class(name, upper(byte))));
                continue;
            }
        }
        if (!take_byte(&rest, &low))
            return false;
        uint8_t high = low;
        if (rest.len >= 2 && rest.data[0] == '-' && rest.data[1] != ']') {
            rest = span_after(rest, 1);
            if (!take_byte(&rest, &high))
                return false;
        }
        holds |= (byte >= low && byte <= high) ||
                 (is_caseless && ((lower(byte) >= low && lower(byte) <= high) ||
                                  (upper(byte) >= low && upper(byte) <= high)));
    }
    *pattern = span_after(rest, 1);
    *ret_holds = holds != is_inverted;
    return true;
}

/* One element of the pattern that is not a star against one byte; moves past the element. */
static bool element_match(span *pattern, uint8_t byte, bool is_caseless)
{
    uint8_t first = pattern->data[0];
    *pattern = span_after(*pattern, 1);
    if (first == '?')
        return true;
    bool holds;
    if (first == '[' && bracket_match(pattern, byte, is_caseless, &holds))
        return holds;
    if (first == '\\' && !span_u8(pattern, &first))
        return false;
    return first == byte || (is_caseless && lower(first) == lower(byte));
}

bool glob_match(span pattern, span text, bool is_caseless)
{
    span star = {NULL, 0}; /* the pattern behind the last star, and where its text starts */
    span retry = text;
    while (text.len) {
        if (pattern.len && pattern.data[0] == '*') {
            pattern = span_after(pattern, 1);
            star = pattern;
            retry = text;
            continue;
        }
        if (pattern.len && element_match(&pattern, text.data[0], is_caseless)) {
            text = span_after(text, 1);
            continue;
        }
        if (!star.data)
            return false;
        pattern = star;
        retry = span_after(retry, 1);
        text = retry;
    }
    while (pattern.len && pattern.data[0] == '*')
        pattern = span_after(pattern, 1);
    return pattern.len == 0;
}
