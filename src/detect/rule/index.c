#include "rule/index.h"

#include <stdlib.h>

#include "core/hash.h"
#include "core/vector.h"
#include "rule/ir.h"

#define GRAM        4
#define LENGTHS_MAX 4096 /* distinct lengths of prefixes; longer ones share the last */
#define BITMAP_BITS 16

struct entry {
    span text;
    uint32_t owner;
    uint32_t next; /* in the chain of the same key, or RULE_NONE */
    uint32_t gram_at;
    uint8_t op;
};

/* Literals of one case mode. */
struct half {
    struct entry *entries;
    size_t count, size;
    struct map equal; /* text -> first of chain */
    struct map starts;
    struct map ends;
    struct map grams;      /* gram -> first of chain */
    size_t *start_lengths; /* ascending */
    size_t start_count;
    size_t *end_lengths;
    size_t end_count;
    uint32_t short_first; /* chain of literals under GRAM bytes */
    uint64_t *bitmap;     /* of gram hashes; NULL: no grams */
};

struct text_index {
    struct half exact;
    struct half folded;
    struct arena arena; /* folded literals, lengths, bitmaps */
};

static void half_init(struct half *half)
{
    *half = (struct half){.short_first = RULE_NONE};
    map_init(&half->equal, IR_RECORDS_MAX, 1);
    map_init(&half->starts, IR_RECORDS_MAX, 2);
    map_init(&half->ends, IR_RECORDS_MAX, 3);
    map_init(&half->grams, IR_RECORDS_MAX, 4);
}

static void half_free(struct half *half)
{
    free(half->entries);
    map_free(&half->equal);
    map_free(&half->starts);
    map_free(&half->ends);
    map_free(&half->grams);
}

struct text_index *text_index_new(void)
{
    struct text_index *index = calloc(1, sizeof *index);
    if (!index)
        return NULL;
    half_init(&index->exact);
    half_init(&index->folded);
    arena_init(&index->arena, IR_ARENA_MAX);
    return index;
}

void text_index_free(struct text_index *index)
{
    if (!index)
        return;
    half_free(&index->exact);
    half_free(&index->folded);
    arena_free(&index->arena);
    free(index);
}

static span fold(span text, struct arena *arena)
{
    uint8_t *out = arena_alloc_raw(arena, text.len + 1);
    if (!out)
        return (span){NULL, 0};
    for (size_t at = 0; at < text.len; at++) {
        uint8_t byte = text.data[at];
        out[at] = byte >= 'A' && byte <= 'Z' ? (uint8_t)(byte + 32) : byte;
    }
    return span_of(out, text.len);
}

bool text_index_add(struct text_index *index, enum rule_operator op, enum rule_case case_mode,
                    span text, uint32_t owner)
{
    struct half *half = case_mode == RULE_CASE_EXACT ? &index->exact : &index->folded;
    if (case_mode != RULE_CASE_EXACT)
        text = fold(text, &index->arena);
    if (!text.data || !vector_grow(&half->entries, &half->size, half->count, IR_RECORDS_MAX,
                                   sizeof *half->entries))
        return false;
    half->entries[half->count++] =
        (struct entry){.text = text, .owner = owner, .next = RULE_NONE, .op = (uint8_t)op};
    return true;
}

static uint32_t gram_of(const uint8_t *data)
{
    uint32_t gram;
    memcpy(&gram, data, sizeof gram);
    return gram;
}

static uint32_t gram_bit(uint32_t gram)
{
    return (gram * 2654435761u) >> (32 - BITMAP_BITS);
}

static bool chain(struct half *half, struct map *map, span key, uint32_t at)
{
    uint32_t first;
    if (map_get(map, key, &first))
        half->entries[at].next = first;
    return map_put(map, key, at);
}

/* Hangs a literal at the gram that the fewest others contain. */
static bool chain_gram(struct half *half, const struct map *counts, uint32_t at)
{
    struct entry *entry = &half->entries[at];
    uint32_t best = UINT32_MAX;
    for (size_t offset = 0; offset + GRAM <= entry->text.len; offset++) {
        uint32_t count = 0;
        map_get_u64(counts, gram_of(entry->text.data + offset), &count);
        if (count < best) {
            best = count;
            entry->gram_at = (uint32_t)offset;
        }
    }
    uint32_t gram = gram_of(entry->text.data + entry->gram_at);
    uint32_t bit = gram_bit(gram);
    half->bitmap[bit / 64] |= (uint64_t)1 << bit % 64;
    uint32_t first;
    if (map_get_u64(&half->grams, gram, &first))
        entry->next = first;
    return map_put_u64(&half->grams, gram, at);
}

static bool count_grams(const struct half *half, struct map *counts)
{
    for (size_t at = 0; at < half->count; at++) {
        const struct entry *entry = &half->entries[at];
        if (entry->op != RULE_CONTAINS)
            continue;
        for (size_t offset = 0; offset + GRAM <= entry->text.len; offset++) {
            uint32_t count = 0;
            map_get_u64(counts, gram_of(entry->text.data + offset), &count);
            if (!map_put_u64(counts, gram_of(entry->text.data + offset), count + 1))
                return false;
        }
    }
    return true;
}

static size_t *lengths_of(const struct half *half, enum rule_operator op, struct arena *arena,
                          size_t *ret_count)
{
    bool *has = calloc(LENGTHS_MAX + 1, sizeof *has);
    if (!has)
        return NULL;
    *ret_count = 0;
    for (size_t at = 0; at < half->count; at++) {
        const struct entry *entry = &half->entries[at];
        size_t length = entry->text.len < LENGTHS_MAX ? entry->text.len : LENGTHS_MAX;
        if (entry->op == op && !has[length]) {
            has[length] = true;
            ++*ret_count;
        }
    }
    size_t *lengths = arena_alloc(arena, (*ret_count + 1) * sizeof *lengths);
    size_t used = 0;
    for (size_t length = 0; lengths && length <= LENGTHS_MAX; length++)
        if (has[length])
            lengths[used++] = length;
    free(has);
    return lengths;
}

static span suffix(span text, size_t length)
{
    return span_after(text, text.len - length);
}

static bool half_finish(struct half *half, struct arena *arena, struct map *counts)
{
    half->start_lengths = lengths_of(half, RULE_STARTS, arena, &half->start_count);
    half->end_lengths = lengths_of(half, RULE_ENDS, arena, &half->end_count);
    half->bitmap = arena_alloc(arena, ((size_t)1 << BITMAP_BITS) / 8);
    if (!half->start_lengths || !half->end_lengths || !half->bitmap || !count_grams(half, counts))
        return false;
    for (uint32_t at = 0; at < half->count; at++) {
        struct entry *entry = &half->entries[at];
        size_t length = entry->text.len < LENGTHS_MAX ? entry->text.len : LENGTHS_MAX;
        bool is_chained = true;
        if (entry->op == RULE_EQUAL) {
            is_chained = chain(half, &half->equal, entry->text, at);
        } else if (entry->op == RULE_STARTS) {
            is_chained = chain(half, &half->starts, span_first(entry->text, length), at);
        } else if (entry->op == RULE_ENDS) {
            is_chained = chain(half, &half->ends, suffix(entry->text, length), at);
        } else if (entry->text.len < GRAM) {
            entry->next = half->short_first;
            half->short_first = at;
        } else {
            is_chained = chain_gram(half, counts, at);
        }
        if (!is_chained)
            return false;
    }
    return true;
}

bool text_index_finish(struct text_index *index)
{
    struct half *halves[] = {&index->exact, &index->folded};
    for (size_t at = 0; at < 2; at++) {
        struct map counts;
        map_init(&counts, IR_RECORDS_MAX, 5);
        bool is_done = half_finish(halves[at], &index->arena, &counts);
        map_free(&counts);
        if (!is_done)
            return false;
    }
    return true;
}

/* ---- scan ---- */

struct scan {
    const struct half *half;
    span text;
    text_hit hit;
    void *context;
};

static void chain_check(const struct scan *scan, uint32_t at)
{
    while (at != RULE_NONE) {
        const struct entry *entry = &scan->half->entries[at];
        bool holds = true; /* EQUAL: the key was the whole text */
        if (entry->op == RULE_STARTS)
            holds = span_starts(scan->text, entry->text);
        else if (entry->op == RULE_ENDS)
            holds = span_ends(scan->text, entry->text);
        else if (entry->op == RULE_CONTAINS)
            holds = span_contains(scan->text, entry->text);
        if (holds)
            scan->hit(scan->context, entry->owner);
        at = entry->next;
    }
}

static void grams_scan(const struct scan *scan)
{
    const struct half *half = scan->half;
    const uint8_t *data = scan->text.data;
    for (size_t at = 0; at + GRAM <= scan->text.len; at++) {
        uint32_t gram = gram_of(data + at);
        uint32_t bit = gram_bit(gram);
        uint32_t found;
        if (!(half->bitmap[bit / 64] >> bit % 64 & 1) || !map_get_u64(&half->grams, gram, &found))
            continue;
        for (; found != RULE_NONE; found = half->entries[found].next) {
            const struct entry *entry = &half->entries[found];
            if (entry->gram_at <= at && entry->text.len <= scan->text.len - (at - entry->gram_at) &&
                memcmp(data + at - entry->gram_at, entry->text.data, entry->text.len) == 0)
                scan->hit(scan->context, entry->owner);
        }
    }
}

static void half_scan(const struct scan *scan)
{
    const struct half *half = scan->half;
    span text = scan->text;
    uint32_t found;
    if (half->count == 0)
        return;
    if (half->equal.count && map_get(&half->equal, text, &found))
        chain_check(scan, found);
    for (size_t at = 0; at < half->start_count && half->start_lengths[at] <= text.len; at++)
        if (map_get(&half->starts, span_first(text, half->start_lengths[at]), &found))
            chain_check(scan, found);
    for (size_t at = 0; at < half->end_count && half->end_lengths[at] <= text.len; at++)
        if (map_get(&half->ends, suffix(text, half->end_lengths[at]), &found))
            chain_check(scan, found);
    chain_check(scan, half->short_first);
    if (half->grams.count)
        grams_scan(scan);
}

void text_index_scan(const struct text_index *index, span text, struct arena *scratch, text_hit hit,
                     void *context)
{
    if (!text.data)
        text = SPAN("");
    struct scan scan = {&index->exact, text, hit, context};
    half_scan(&scan);
    if (index->folded.count == 0)
        return;
    scan.half = &index->folded;
    scan.text = fold(text, scratch);
    if (scan.text.data)
        half_scan(&scan);
}
