/* Substrings: each literal hangs at its rarest gram of 4 bytes (of fewer if it is shorter); a
 * bitmap of grams turns away nearly every position of the text, a hash finds the literals of the
 * others, each compared in full. */
#include "pattern/index.h"

#define BITMAP_BITS 17

void gram_init(struct gram_index *grams)
{
    for (size_t at = 0; at < GRAMS; at++) {
        map_init(&grams->keys[at], LITERALS_MAX, at + 1);
        grams->bitmaps[at] = NULL;
    }
}

void gram_free(struct gram_index *grams)
{
    for (size_t at = 0; at < GRAMS; at++)
        map_free(&grams->keys[at]);
}

static size_t gram_length(size_t text_len)
{
    return text_len < GRAMS ? text_len : GRAMS;
}

static uint32_t gram_of(const uint8_t *data, size_t length)
{
    uint32_t gram = 0;
    memcpy(&gram, data, length);
    return gram;
}

static uint32_t bit_of(uint32_t gram)
{
    return (gram * 2654435761u) >> (32 - BITMAP_BITS);
}

static bool count_grams(const struct text_part *part, struct map *counts)
{
    for (size_t at = 0; at < part->count; at++) {
        span text = part->literals[at].text;
        if (part->literals[at].relation != TEXT_CONTAINS)
            continue;
        for (size_t offset = 0; offset + GRAMS <= text.len; offset++) {
            uint32_t count = 0;
            uint32_t gram = gram_of(text.data + offset, GRAMS);
            map_get_u64(counts, gram, &count);
            if (!map_put_u64(counts, gram, count + 1))
                return false;
        }
    }
    return true;
}

/* Where its rarest gram starts. */
static uint32_t rarest(span text, const struct map *counts)
{
    uint32_t best = UINT32_MAX;
    uint32_t best_at = 0;
    for (size_t offset = 0; offset + GRAMS <= text.len; offset++) {
        uint32_t count = 0;
        map_get_u64(counts, gram_of(text.data + offset, GRAMS), &count);
        if (count < best) {
            best = count;
            best_at = (uint32_t)offset;
        }
    }
    return best_at;
}

static bool hang(struct text_part *part, uint32_t at, const struct map *counts, struct arena *arena)
{
    struct literal *literal = &part->literals[at];
    size_t length = gram_length(literal->text.len);
    size_t tier = length - 1;
    struct gram_index *grams = &part->grams;
    if (!grams->bitmaps[tier])
        grams->bitmaps[tier] = arena_alloc(arena, ((size_t)1 << BITMAP_BITS) / 8);
    if (!grams->bitmaps[tier])
        return false;
    literal->gram_at = rarest(literal->text, counts);
    uint32_t gram = gram_of(literal->text.data + literal->gram_at, length);
    uint32_t bit = bit_of(gram);
    uint32_t first;
    grams->bitmaps[tier][bit / 64] |= (uint64_t)1 << bit % 64;
    if (map_get_u64(&grams->keys[tier], gram, &first))
        literal->next = first;
    return map_put_u64(&grams->keys[tier], gram, at);
}

bool gram_build(struct text_part *part, struct arena *arena)
{
    struct map counts;
    map_init(&counts, LITERALS_MAX, 5);
    bool is_built = count_grams(part, &counts);
    for (uint32_t at = 0; is_built && at < part->count; at++)
        if (part->literals[at].relation == TEXT_CONTAINS)
            is_built = hang(part, at, &counts, arena);
    map_free(&counts);
    return is_built;
}

static void chain_scan(const struct scan *scan, uint32_t gram, size_t tier, size_t at)
{
    uint32_t found;
    if (!map_get_u64(&scan->part->grams.keys[tier], gram, &found))
        return;
    while (found != INDEX_NONE) {
        const struct literal *literal = &scan->part->literals[found];
        if (literal->gram_at <= at &&
            literal->text.len <= scan->text.len - (at - literal->gram_at) &&
            memcmp(scan->text.data + at - literal->gram_at, literal->text.data,
                   literal->text.len) == 0)
            index_literal_hit(scan, found);
        found = literal->next;
    }
}

void gram_scan(const struct scan *scan)
{
    for (size_t tier = 0; tier < GRAMS; tier++) {
        const uint64_t *bitmap = scan->part->grams.bitmaps[tier];
        if (!bitmap)
            continue;
        for (size_t at = 0; at + tier + 1 <= scan->text.len; at++) {
            uint32_t gram = gram_of(scan->text.data + at, tier + 1);
            uint32_t bit = bit_of(gram);
            if (bitmap[bit / 64] >> bit % 64 & 1)
                chain_scan(scan, gram, tier, at);
        }
    }
}
