/* Texts as they look when they were encoded: UTF-16, base64; and other dashes. */
#include "sigma/compile.h"

/* ---- UTF-16 ---- */

struct units {
    uint16_t *tokens;
    size_t count;
    enum utf16 form;
};

static void unit_put(struct units *units, uint16_t unit)
{
    uint16_t low = unit & 0xff;
    uint16_t high = unit >> 8;
    bool is_big = units->form == UTF16_BIG;
    units->tokens[units->count++] = is_big ? high : low;
    units->tokens[units->count++] = is_big ? low : high;
}

struct pattern pattern_utf16(struct arena *arena, struct pattern pattern, enum utf16 form)
{
    struct pattern none = {NULL, 0};
    span text = pattern_text(arena, pattern); /* wildcards have no place in it that is looked at */
    struct units units = {.form = form};
    units.tokens = arena_alloc_raw(arena, (pattern.count * 2 + 2) * sizeof(uint16_t));
    if (!units.tokens || !text.data)
        return none;
    if (form == UTF16_MARKED)
        unit_put(&units, 0xfeff);
    for (size_t at = 0; at < pattern.count;) {
        if (pattern.tokens[at] > UINT8_MAX) {
            units.tokens[units.count++] = pattern.tokens[at++];
            continue;
        }
        uint32_t code;
        size_t length = utf8_length(span_after(text, at), &code);
        if (length == 0)
            return none;
        if (code >= 0x10000) {
            unit_put(&units, (uint16_t)(0xd800 + ((code - 0x10000) >> 10)));
            unit_put(&units, (uint16_t)(0xdc00 + ((code - 0x10000) & 0x3ff)));
        } else {
            unit_put(&units, (uint16_t)code);
        }
        at += length;
    }
    return (struct pattern){units.tokens, units.count};
}

/* ---- base64 (RFC 4648) ---- */

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

struct pattern pattern_base64(struct arena *arena, struct pattern pattern, bool is_part,
                              size_t shift)
{
    static const size_t starts[] = {0, 2, 3};
    static const size_t ends[] = {0, 3, 2};
    size_t length = pattern.count + shift;
    struct pattern out = {NULL, 0};
    uint16_t *text = arena_alloc_raw(arena, (length + 2) / 3 * 4 * sizeof *text + sizeof *text);
    if (!text || pattern_has_wildcard(pattern))
        return out;
    size_t count = 0;
    for (size_t at = 0; at < length; at += 3) {
        uint32_t bits = 0;
        for (size_t byte = at; byte < at + 3; byte++) {
            uint32_t value = 0; /* what stands before does not matter: its digits are cut off */
            if (byte >= shift && byte < length)
                value = pattern.tokens[byte - shift];
            bits = bits << 8 | value;
        }
        size_t left = length - at;
        text[count++] = (uint8_t)digits[bits >> 18];
        text[count++] = (uint8_t)digits[bits >> 12 & 63];
        text[count++] = left > 1 ? (uint8_t)digits[bits >> 6 & 63] : '=';
        text[count++] = left > 2 ? (uint8_t)digits[bits & 63] : '=';
    }
    size_t start = is_part ? starts[shift] : 0;
    size_t cut = is_part ? ends[length % 3] : 0;
    if (start + cut < count)
        out = (struct pattern){text + start, count - start - cut};
    return out;
}

/* ---- dashes ---- */

/* Letters, digits and the underscore; of what is not ASCII all but blanks and punctuation. */
static bool is_word(struct pattern pattern, size_t at)
{
    uint16_t token = pattern.tokens[at];
    if (token < 0x80)
        return (token >= '0' && token <= '9') || ((token | 0x20) >= 'a' && (token | 0x20) <= 'z') ||
               token == '_';
    if (token > UINT8_MAX)
        return false;
    while (at > 0 && (pattern.tokens[at] & 0xc0) == 0x80)
        at--;
    uint8_t bytes[4] = {0};
    for (size_t byte = 0; byte < 4 && at + byte < pattern.count; byte++)
        bytes[byte] = (uint8_t)pattern.tokens[at + byte];
    uint32_t code = 0;
    (void)utf8_length(span_of(bytes, sizeof bytes), &code);
    return code >= 0xc0 && !(code >= 0x2000 && code <= 0x206f) &&
           !(code >= 0x3000 && code <= 0x303f);
}

/* A hyphen or slash that starts a word and ends none: `-x`, not `a-x`. */
struct pattern pattern_windash(struct arena *arena, struct pattern pattern)
{
    struct pattern out = {arena_alloc_raw(arena, (pattern.count + 1) * sizeof(uint16_t)),
                          pattern.count};
    if (!out.tokens)
        return out;
    for (size_t at = 0; at < pattern.count; at++) {
        uint16_t token = pattern.tokens[at];
        bool is_option = (token == '-' || token == '/') && (at == 0 || !is_word(pattern, at - 1)) &&
                         at + 1 < pattern.count && is_word(pattern, at + 1);
        out.tokens[at] = is_option ? TOKEN_DASH : token;
    }
    return out;
}
