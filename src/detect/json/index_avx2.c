/* The first pass with AVX2. */
#include "json/index.h"

#if defined(__x86_64__)
#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx2,bmi,popcnt"))), apply_to = function)
#else
#pragma GCC target("avx2,bmi,popcnt")
#endif
#include <immintrin.h>

struct seen {
    __m256i least;
    __m256i all; /* or-ed */
};

struct marks {
    uint64_t quote, backslash, letter;
};

static inline struct seen seen_none(void)
{
    return (struct seen){.least = _mm256_set1_epi8(-1), .all = _mm256_setzero_si256()};
}

static inline bool seen_controls(const struct seen *seen)
{
    __m256i limit = _mm256_set1_epi8(0x1f);
    return _mm256_movemask_epi8(
        _mm256_cmpeq_epi8(_mm256_min_epu8(seen->least, limit), seen->least));
}

static inline bool seen_high(const struct seen *seen)
{
    return _mm256_movemask_epi8(seen->all);
}

static inline uint64_t bits(__m256i low, __m256i high)
{
    return (uint64_t)(uint32_t)_mm256_movemask_epi8(high) << 32 |
           (uint32_t)_mm256_movemask_epi8(low);
}

static inline __m256i equal(__m256i bytes, char to)
{
    return _mm256_cmpeq_epi8(bytes, _mm256_set1_epi8(to));
}

/* Each letter is told by its two halves: bit 0 of a row is for those that begin with 2, bit 1 with
 * 6, bit 2 with 7. Not zero: it is one. */
static inline __m256i letters_not(__m256i bytes)
{
    const __m256i low = _mm256_setr_epi8(
        /* 0  1  2  3  4  5  6  7  8  9  a  b  c  d  e  f: "br t f n / */
        0, 0, 7, 0, 4, 0, 2, 0, 0, 0, 0, 0, 0, 0, 2, 1, 0, 0, 7, 0, 4, 0, 2, 0, 0, 0, 0, 0, 0, 0, 2,
        1);
    const __m256i high = _mm256_setr_epi8(0, 0, 1, 0, 0, 0, 2, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1,
                                          0, 0, 0, 2, 4, 0, 0, 0, 0, 0, 0, 0, 0);
    __m256i halves = _mm256_and_si256(_mm256_srli_epi16(bytes, 4), _mm256_set1_epi8(0x0f));
    __m256i both =
        _mm256_and_si256(_mm256_shuffle_epi8(low, bytes), _mm256_shuffle_epi8(high, halves));
    return _mm256_cmpeq_epi8(both, _mm256_setzero_si256());
}

static inline struct marks marks_make(__m256i low, __m256i high, struct seen *seen)
{
    seen->least = _mm256_min_epu8(seen->least, _mm256_min_epu8(low, high));
    seen->all = _mm256_or_si256(seen->all, _mm256_or_si256(low, high));
    return (struct marks){.quote = bits(equal(low, '"'), equal(high, '"')),
                          .backslash = bits(equal(low, '\\'), equal(high, '\\')),
                          .letter = ~bits(letters_not(low), letters_not(high))};
}

static inline __m256i load(const uint8_t *at)
{
    return _mm256_loadu_si256((const __m256i *)(const void *)at);
}

static inline struct marks marks_load(const uint8_t *at, struct seen *seen)
{
    return marks_make(load(at), load(at + 32), seen);
}

static const uint8_t is_inside_table[128] = {
#define EIGHT 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff
    EIGHT, EIGHT, EIGHT, EIGHT, EIGHT, EIGHT, EIGHT, EIGHT,
#undef EIGHT
};

static inline struct marks marks_load_part(const uint8_t *at, size_t len, struct seen *seen)
{
    const uint8_t *inside = is_inside_table + 64 - len;
    __m256i blank = _mm256_set1_epi8(' ');
    return marks_make(_mm256_blendv_epi8(blank, load(at), load(inside)),
                      _mm256_blendv_epi8(blank, load(at + 32), load(inside + 32)), seen);
}

static inline uint32_t lowest_bit(uint64_t bits)
{
    return (uint32_t)_tzcnt_u64(bits);
}

#include "json/index_loop.h"

size_t json_index_avx2(const uint8_t *line, size_t len, uint32_t *quotes, struct json_indexed *ret)
{
    return index_loop(line, len, quotes, ret);
}

#if defined(__clang__)
#pragma clang attribute pop
#endif
#endif
