/* The loop of the first pass, for every instruction set: a file that includes this has defined
 *
 *   struct seen           what was seen of all bytes so far
 *   seen_controls(seen)   was one below 0x20?
 *   seen_high(seen)       was one above 0x7f?
 *   struct marks          of 64 bytes, a bit each: quote, backslash, letter (those that may follow
 * a backslash, but for the backslash itself and u) marks_load(at, seen)  of 64 bytes
 *   marks_load_part(at, len, seen)  of fewer: the bytes behind them are taken for blanks */
#include <string.h>

#include "json/index.h"

#define EVEN_BITS 0x5555555555555555u

/* Bits behind a run of backslashes of odd length; *carry: such a run ends the block. */
static inline uint64_t escaped_find(uint64_t backslash, uint64_t *carry)
{
    if (!backslash) {
        uint64_t escaped = *carry;
        *carry = 0;
        return escaped;
    }
    /* An escaped first backslash begins no run. What is added to a run's first bit comes out behind
     * its last: where first and end differ in parity, the length is odd. */
    uint64_t runs = backslash & ~*carry;
    uint64_t firsts = runs & ~(runs << 1);
    uint64_t even_ends, odd_ends;
    (void)__builtin_add_overflow(runs, firsts & EVEN_BITS, &even_ends);
    bool is_odd_over = __builtin_add_overflow(runs, firsts & ~EVEN_BITS, &odd_ends);
    uint64_t escaped = (even_ends & ~runs & ~EVEN_BITS) | (odd_ends & ~runs & EVEN_BITS);
    escaped |= *carry & ~backslash;
    *carry = is_odd_over; /* from an odd bit to the last, whose number is odd too */
    return escaped;
}

/* Writes the offset of the lowest bit and returns the others; any offset where there is none. */
static inline uint64_t offset_write(uint32_t *to, uint64_t bits, uint32_t base)
{
    *to = base + lowest_bit(bits);
    return bits & (bits - 1);
}

static inline uint32_t *offsets_write(uint32_t *to, uint64_t bits, uint32_t base)
{
    int count = __builtin_popcountll(bits);
    bits = offset_write(to, bits, base); /* eight are mostly enough, and need no branch */
    bits = offset_write(to + 1, bits, base);
    bits = offset_write(to + 2, bits, base);
    bits = offset_write(to + 3, bits, base);
    bits = offset_write(to + 4, bits, base);
    bits = offset_write(to + 5, bits, base);
    bits = offset_write(to + 6, bits, base);
    bits = offset_write(to + 7, bits, base);
    if (__builtin_expect(count > 8, 0))
        for (int index = 8; index < count; index++)
            bits = offset_write(to + index, bits, base);
    return to + count;
}

static inline bool escapes_check(const uint8_t *line, size_t len, size_t base, uint64_t bits)
{
    for (; bits; bits &= bits - 1)
        if (!json_escape_is_hex(line, len, base + (size_t)__builtin_ctzll(bits)))
            return false;
    return true;
}

static inline size_t index_loop(const uint8_t *line, size_t len, uint32_t *quotes,
                                struct json_indexed *ret)
{
    struct seen seen = seen_none();
    uint32_t *to = quotes;
    uint64_t carry = 0;
    uint64_t all_odd = 0;
    bool is_fine = true;
    for (size_t base = 0; base < len; base += 64) {
        struct marks marks = len - base >= 64 ? marks_load(line + base, &seen)
                                              : marks_load_part(line + base, len - base, &seen);
        uint64_t escaped = escaped_find(marks.backslash, &carry);
        uint64_t odd = escaped & ~marks.letter;
        all_odd |= odd;
        if (__builtin_expect(odd != 0, 0))
            is_fine &= escapes_check(line, len, base, odd);
        to = offsets_write(to, marks.quote & ~escaped, (uint32_t)base);
    }
    size_t count = (size_t)(to - quotes);
    is_fine &= count % 2 == 0;
    if (is_fine && seen_controls(&seen))
        is_fine = json_controls_are_outside(line, len, quotes, count);
    if (is_fine && seen_high(&seen))
        is_fine = json_is_utf8(line, len);
    *ret = (struct json_indexed){is_fine, {all_odd != 0, seen_high(&seen)}};
    return count;
}
