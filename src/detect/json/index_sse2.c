/* The first pass with SSE2, which every x86-64 has. */
#include "json/index.h"

#if defined(__x86_64__)
#include <emmintrin.h>
#include <string.h>

struct seen {
    __m128i least;
    __m128i all; /* or-ed */
};

struct marks {
    uint64_t quote, backslash, letter;
};

static inline struct seen seen_none(void)
{
    return (struct seen){.least = _mm_set1_epi8(-1), .all = _mm_setzero_si128()};
}

static inline bool seen_controls(const struct seen *seen)
{
    __m128i limit = _mm_set1_epi8(0x1f);
    return _mm_movemask_epi8(_mm_cmpeq_epi8(_mm_min_epu8(seen->least, limit), seen->least));
}

static inline bool seen_high(const struct seen *seen)
{
    return _mm_movemask_epi8(seen->all);
}

static inline uint64_t equal(__m128i bytes, char to)
{
    return (uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(bytes, _mm_set1_epi8(to)));
}

static inline uint64_t letters(__m128i bytes)
{
    return equal(bytes, '"') | equal(bytes, '/') | equal(bytes, 'b') | equal(bytes, 'f') |
           equal(bytes, 'n') | equal(bytes, 'r') | equal(bytes, 't');
}

static inline void part_mark(__m128i bytes, unsigned shift, struct marks *marks, struct seen *seen)
{
    seen->least = _mm_min_epu8(seen->least, bytes);
    seen->all = _mm_or_si128(seen->all, bytes);
    marks->quote |= equal(bytes, '"') << shift;
    marks->backslash |= equal(bytes, '\\') << shift;
}

static inline struct marks marks_load(const uint8_t *at, struct seen *seen)
{
    struct marks marks = {0};
    for (unsigned shift = 0; shift < 64; shift += 16)
        part_mark(_mm_loadu_si128((const __m128i *)(const void *)(at + shift)), shift, &marks,
                  seen);
    /* A letter counts behind a backslash only; one that ends the block before reaches bit 0. */
    for (unsigned shift = 0; shift < (marks.backslash ? 64u : 16u); shift += 16)
        marks.letter |= letters(_mm_loadu_si128((const __m128i *)(const void *)(at + shift)))
                        << shift;
    return marks;
}

static inline struct marks marks_load_part(const uint8_t *at, size_t len, struct seen *seen)
{
    uint8_t bytes[64];
    memset(bytes, ' ', sizeof bytes);
    memcpy(bytes, at, len);
    return marks_load(bytes, seen);
}

static inline uint32_t lowest_bit(uint64_t bits)
{
    return (uint32_t)__builtin_ctzll(bits | 1ull << 63);
}

#include "json/index_loop.h"

size_t json_index_sse2(const uint8_t *line, size_t len, uint32_t *quotes, struct json_indexed *ret)
{
    return index_loop(line, len, quotes, ret);
}
#endif
