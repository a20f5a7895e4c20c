#include <ctype.h>

#include "pattern/pattern.h"

/* What is no character stands apart from all of them. */
#define STRAY_BYTE 0x110000u

static uint32_t take_code(span *text)
{
    uint32_t code = text->data[0];
    size_t length = code < 0x80 ? 1 : utf8_length(*text, &code);
    if (length == 0)
        code = STRAY_BYTE + text->data[0];
    *text = span_after(*text, length ? length : 1);
    return code;
}

static bool in_class(span name, uint32_t code)
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
            return code < 0x80 && classes[index].holds((int)code) != 0;
    return false;
}

/* One character of a class or of the pattern, a backslash before it left out. */
static bool take_literal(span *pattern, uint32_t *ret)
{
    if (pattern->len && pattern->data[0] == '\\')
        *pattern = span_after(*pattern, 1);
    if (pattern->len == 0)
        return false;
    *ret = take_code(pattern);
    return true;
}

/* The forms of a character that count as it. */
struct forms {
    uint32_t codes[3];
    size_t count;
};

static struct forms forms_of(uint32_t code, enum text_case mode)
{
    struct forms forms = {{code, fold_code(code, mode), code}, 1};
    if (mode == TEXT_CASE_EXACT)
        return forms;
    if (forms.codes[1] >= 'a' && forms.codes[1] <= 'z')
        forms.codes[2] = forms.codes[1] - 32;
    forms.count = 3;
    return forms;
}

/* [...] behind its bracket. False: it never closes, so that the bracket stands for itself. */
static bool bracket_match(span *pattern, const struct forms *forms, bool *ret_holds)
{
    span rest = *pattern;
    bool is_inverted = rest.len && (rest.data[0] == '!' || rest.data[0] == '^');
    bool holds = false;
    if (is_inverted)
        rest = span_after(rest, 1);
    for (bool is_first = true;; is_first = false) {
        uint32_t low;
        if (rest.len && rest.data[0] == ']' && !is_first)
            break;
        if (span_starts(rest, SPAN("[:"))) {
            span name = span_after(rest, 2);
            const uint8_t *end = name.len ? memmem(name.data, name.len, ":]", 2) : NULL;
            if (end) {
                name.len = (size_t)(end - name.data);
                rest = span_after(rest, name.len + 4);
                for (size_t index = 0; index < forms->count; index++)
                    holds |= in_class(name, forms->codes[index]);
                continue;
            }
        }
        if (!take_literal(&rest, &low))
            return false;
        uint32_t high = low;
        if (rest.len >= 2 && rest.data[0] == '-' && rest.data[1] != ']') {
            rest = span_after(rest, 1);
            if (!take_literal(&rest, &high))
                return false;
        }
        for (size_t index = 0; index < forms->count; index++)
            holds |= forms->codes[index] >= low && forms->codes[index] <= high;
    }
    *pattern = span_after(rest, 1);
    *ret_holds = holds != is_inverted;
    return true;
}

/* One element of the pattern that is not a star against one character; moves past the element. */
static bool element_match(span *pattern, uint32_t code, enum text_case mode)
{
    uint8_t first = pattern->data[0];
    if (first == '?' || first == '[')
        *pattern = span_after(*pattern, 1);
    if (first == '?')
        return true;
    if (first == '[') {
        struct forms forms = forms_of(code, mode);
        bool holds;
        return bracket_match(pattern, &forms, &holds) ? holds : code == '[';
    }
    uint32_t literal;
    return take_literal(pattern, &literal) && fold_code(literal, mode) == fold_code(code, mode);
}

bool glob_match(span pattern, span text, enum text_case mode)
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
        span next = text;
        uint32_t code = take_code(&next);
        if (pattern.len && element_match(&pattern, code, mode)) {
            text = next;
            continue;
        }
        if (!star.data)
            return false;
        pattern = star;
        (void)take_code(&retry);
        text = retry;
    }
    while (pattern.len && pattern.data[0] == '*')
        pattern = span_after(pattern, 1);
    return pattern.len == 0;
}
