/* The first pass without SIMD, a byte at a time. */
#include "json/index.h"

enum { IS_QUOTE = 1, IS_BACKSLASH = 2, IS_LETTER = 4 };

static const uint8_t class_table[256] = {
    ['"'] = IS_QUOTE | IS_LETTER,
    ['\\'] = IS_BACKSLASH,
    ['/'] = IS_LETTER,
    ['b'] = IS_LETTER,
    ['f'] = IS_LETTER,
    ['n'] = IS_LETTER,
    ['r'] = IS_LETTER,
    ['t'] = IS_LETTER,
};

struct seen {
    uint8_t least;
    uint8_t all; /* or-ed */
};

struct marks {
    uint64_t quote, backslash, letter;
};

static inline struct seen seen_none(void)
{
    return (struct seen){.least = 0xff};
}

static inline bool seen_controls(const struct seen *seen)
{
    return seen->least < 0x20;
}

static inline bool seen_high(const struct seen *seen)
{
    return seen->all > 0x7f;
}

static inline struct marks marks_load_part(const uint8_t *at, size_t len, struct seen *seen)
{
    struct marks marks = {0};
    for (size_t index = 0; index < len; index++) {
        uint8_t class = class_table[at[index]];
        seen->least = at[index] < seen->least ? at[index] : seen->least;
        seen->all |= at[index];
        marks.quote |= (uint64_t)(class & IS_QUOTE) << index;
        marks.backslash |= (uint64_t)(class >> 1 & 1) << index;
        marks.letter |= (uint64_t)(class >> 2 & 1) << index;
    }
    return marks;
}

static inline struct marks marks_load(const uint8_t *at, struct seen *seen)
{
    return marks_load_part(at, 64, seen);
}

static inline uint32_t lowest_bit(uint64_t bits)
{
    return (uint32_t)__builtin_ctzll(bits | 1ull << 63);
}

#include "json/index_loop.h"

size_t json_index_scalar(const uint8_t *line, size_t len, uint32_t *quotes,
                         struct json_indexed *ret)
{
    return index_loop(line, len, quotes, ret);
}
