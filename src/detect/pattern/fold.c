#include "pattern/fold_table.h"
#include "pattern/pattern.h"

#define RANGES (sizeof fold_ranges / sizeof fold_ranges[0])

static uint8_t lower(uint8_t byte)
{
    return byte >= 'A' && byte <= 'Z' ? (uint8_t)(byte + 32) : byte;
}

uint32_t fold_code(uint32_t code, enum text_case mode)
{
    if (mode == TEXT_CASE_EXACT)
        return code;
    if (code < 0x80)
        return lower((uint8_t)code);
    if (mode == TEXT_CASE_ASCII)
        return code;
    size_t low = 0;
    size_t high = RANGES;
    while (low < high) { /* the first range that does not end before the code */
        size_t middle = (low + high) / 2;
        if (fold_ranges[middle].last < code)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == RANGES || code < fold_ranges[low].first)
        return code;
    const struct fold_range *range = &fold_ranges[low];
    if ((code - range->first) % (uint32_t)range->step)
        return code;
    return (uint32_t)((int32_t)code + range->delta);
}

static size_t utf8_put(uint8_t *out, uint32_t code)
{
    if (code < 0x80) {
        out[0] = (uint8_t)code;
        return 1;
    }
    if (code < 0x800) {
        out[0] = (uint8_t)(0xc0 | code >> 6);
        out[1] = (uint8_t)(0x80 | (code & 0x3f));
        return 2;
    }
    if (code < 0x10000) {
        out[0] = (uint8_t)(0xe0 | code >> 12);
        out[1] = (uint8_t)(0x80 | (code >> 6 & 0x3f));
        out[2] = (uint8_t)(0x80 | (code & 0x3f));
        return 3;
    }
    out[0] = (uint8_t)(0xf0 | code >> 18);
    out[1] = (uint8_t)(0x80 | (code >> 12 & 0x3f));
    out[2] = (uint8_t)(0x80 | (code >> 6 & 0x3f));
    out[3] = (uint8_t)(0x80 | (code & 0x3f));
    return 4;
}

/* One character of more than ASCII; false when no character starts here or it folds to itself. */
static bool fold_wide(span *text, uint8_t *out, size_t *used)
{
    uint32_t code;
    size_t length = utf8_length(*text, &code);
    uint32_t folded = length ? fold_code(code, TEXT_CASE_UNICODE) : 0;
    if (length == 0 || folded == code)
        return false;
    *used += utf8_put(out + *used, folded);
    *text = span_after(*text, length);
    return true;
}

#define EACH(byte) ((uint64_t)(byte)*0x0101010101010101u)

/* Eight bytes at once: those from A to Z gain 0x20. */
static uint64_t lower_word(uint64_t word)
{
    uint64_t low = word & EACH(0x7f);
    uint64_t from_a = low + EACH(0x80 - 'A');
    uint64_t behind_z = low + EACH(0x80 - 'Z' - 1);
    return word | ((from_a ^ behind_z) & ~word & EACH(0x80)) >> 2;
}

/* The text's plain start, a word at a time. */
static size_t fold_words(span text, enum text_case mode, uint8_t *out)
{
    size_t at = 0;
    for (; at + 8 <= text.len; at += 8) {
        uint64_t word;
        memcpy(&word, text.data + at, 8);
        if (mode == TEXT_CASE_UNICODE && word & EACH(0x80))
            break;
        word = lower_word(word);
        memcpy(out + at, &word, 8);
    }
    return at;
}

span fold_text(span text, enum text_case mode, struct arena *arena)
{
    if (!text.data)
        text = SPAN("");
    if (mode == TEXT_CASE_EXACT)
        return text;
    /* no character grows by more than one byte in two */
    uint8_t *out = arena_alloc_raw(arena, text.len + text.len / 2 + 1);
    size_t used = 0;
    if (!out)
        return (span){NULL, 0};
    used = fold_words(text, mode, out);
    text = span_after(text, used);
    while (text.len) {
        if (text.data[0] >= 0x80 && mode == TEXT_CASE_UNICODE && fold_wide(&text, out, &used))
            continue;
        out[used++] = lower(text.data[0]);
        text = span_after(text, 1);
    }
    return span_of(out, used);
}
