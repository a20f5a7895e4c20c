/* Literals by the bytes that a text must begin or end with, as many as their tier: one table for
 * all tiers and both ends. Most look-ups find nothing, so each slot has a byte of its hash beside
 * it. */
#include "core/hash.h"
#include "pattern/index.h"

static const uint8_t tier_bytes[TIERS] = {1, 2, 3, 4, 6, 8, 12, 16};

struct anchor_slot {
    uint64_t word;
    uint32_t literal; /* the first of a chain */
    uint32_t kind;
};

static uint64_t eight(const uint8_t *at)
{
    uint64_t word;
    memcpy(&word, at, 8);
    return word;
}

/* The first and the last eight bytes; of a shorter text zeros lie behind the first, and before the
 * last. */
static void ends_of(span text, uint64_t *ret_first, uint64_t *ret_last)
{
    if (text.len >= 8) {
        *ret_first = eight(text.data);
        *ret_last = eight(text.data + text.len - 8);
        return;
    }
    *ret_first = 0;
    memcpy(ret_first, text.data, text.len);
    *ret_last = *ret_first << 8 * (8 - text.len);
}

/* All bytes of a tier in one word: exact up to eight of them. */
static inline uint64_t word_of(span text, uint64_t first, uint64_t last, size_t tier, bool is_end)
{
    size_t bytes = tier_bytes[tier];
    if (bytes <= 8)
        return is_end ? last >> 8 * (8 - bytes) : first & ~(uint64_t)0 >> 8 * (8 - bytes);
    if (is_end)
        return eight(text.data + text.len - bytes) ^ hash_u64(last, bytes);
    return first ^ hash_u64(eight(text.data + bytes - 8), bytes);
}

static inline uint64_t hash_of(uint64_t word, uint32_t kind)
{
    return (word ^ kind * 0x8ebc6af09c88c6e3u) * 0x9e3779b97f4a7c15u;
}

static inline uint8_t tag_of(uint64_t hash)
{
    return (uint8_t)(hash >> 24) | 1;
}

/* The slot of the word, or the free one where it belongs. The table is never full. */
static inline size_t slot_of(const struct anchors *anchors, uint64_t word, uint32_t kind)
{
    uint64_t hash = hash_of(word, kind);
    size_t at = hash >> anchors->shift;
    for (;; at = (at + 1) & anchors->mask) {
        if (anchors->tags[at] == 0)
            return at;
        const struct anchor_slot *slot = &anchors->slots[at];
        if (anchors->tags[at] == tag_of(hash) && slot->word == word && slot->kind == kind)
            return at;
    }
}

bool anchors_open(struct anchors *anchors, size_t count, struct arena *arena)
{
    size_t size = 16;
    *anchors = (struct anchors){.shift = 60};
    if (count == 0)
        return true;
    while (size < count * 4) {
        size *= 2;
        anchors->shift--;
    }
    anchors->mask = size - 1;
    anchors->tags = arena_alloc(arena, size);
    anchors->slots = arena_alloc(arena, size * sizeof *anchors->slots);
    return anchors->tags && anchors->slots;
}

uint32_t *anchors_place(struct anchors *anchors, span literal, bool is_end)
{
    uint64_t first, last;
    size_t tier = 0;
    while (tier + 1 < TIERS && tier_bytes[tier + 1] <= literal.len)
        tier++;
    uint32_t kind = (uint32_t)tier * 2 + is_end;
    ends_of(literal, &first, &last);
    uint64_t word = word_of(literal, first, last, tier, is_end);
    size_t at = slot_of(anchors, word, kind);
    if (anchors->tags[at] == 0) {
        anchors->tags[at] = tag_of(hash_of(word, kind));
        anchors->slots[at] = (struct anchor_slot){word, INDEX_NONE, kind};
        anchors->kinds |= 1u << kind;
    }
    return &anchors->slots[at].literal;
}

static void chain_hit(const struct scan *scan, uint32_t literal, bool is_end)
{
    for (; literal != INDEX_NONE; literal = scan->part->literals[literal].next) {
        span text = scan->part->literals[literal].text;
        if (is_end ? span_ends(scan->text, text) : span_starts(scan->text, text))
            index_literal_hit(scan, literal);
    }
}

void anchors_scan(const struct scan *scan)
{
    const struct anchors *anchors = &scan->part->anchors;
    uint64_t first, last;
    if (!anchors->kinds || scan->text.len == 0)
        return;
    ends_of(scan->text, &first, &last);
    for (uint32_t kind = 0; kind < 2 * TIERS; kind++) {
        bool is_end = kind & 1;
        size_t tier = kind / 2;
        if (tier_bytes[tier] > scan->text.len)
            return;
        if (!(anchors->kinds >> kind & 1))
            continue;
        size_t at = slot_of(anchors, word_of(scan->text, first, last, tier, is_end), kind);
        if (anchors->tags[at])
            chain_hit(scan, anchors->slots[at].literal, is_end);
    }
}
