/* Equal:    a hash of the text.
 * Starts:   a hash of its first n bytes for each length n that occurs; ends likewise.
 * Contains: each literal hangs at its rarest 4 bytes; a bitmap of those grams turns away nearly
 *           every position of the text, a hash finds the literals of the others, each compared in
 *           full. Literals under 4 bytes are looked for one by one.
 * Literals of each case mode are kept apart, the text is folded once for each. */
#include <stdlib.h>

#include "core/hash.h"
#include "core/vector.h"
#include "pattern/pattern.h"

#define GRAM         4
#define LITERALS_MAX 4000000u
#define ARENA_MAX    ((size_t)1 << 30)
#define NONE         UINT32_MAX
#define CASES        (TEXT_CASE_UNICODE + 1)
#define LENGTHS_MAX  4096 /* distinct lengths of prefixes; longer ones share the last */
#define BITMAP_BITS  16

struct entry {
    span text;
    uint32_t owner;
    uint32_t next; /* in the chain of the same key, or NONE */
    uint32_t gram_at;
    uint8_t relation;
};

/* Literals of one case mode. */
struct part {
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
    struct part parts[CASES]; /* by enum text_case */
    struct arena arena;       /* folded literals, lengths, bitmaps */
};

static void part_init(struct part *part)
{
    *part = (struct part){.short_first = NONE};
    map_init(&part->equal, LITERALS_MAX, 1);
    map_init(&part->starts, LITERALS_MAX, 2);
    map_init(&part->ends, LITERALS_MAX, 3);
    map_init(&part->grams, LITERALS_MAX, 4);
}

static void part_free(struct part *part)
{
    free(part->entries);
    map_free(&part->equal);
    map_free(&part->starts);
    map_free(&part->ends);
    map_free(&part->grams);
}

struct text_index *text_index_new(void)
{
    struct text_index *index = calloc(1, sizeof *index);
    if (!index)
        return NULL;
    for (size_t at = 0; at < CASES; at++)
        part_init(&index->parts[at]);
    arena_init(&index->arena, ARENA_MAX);
    return index;
}

void text_index_free(struct text_index *index)
{
    if (!index)
        return;
    for (size_t at = 0; at < CASES; at++)
        part_free(&index->parts[at]);
    arena_free(&index->arena);
    free(index);
}

bool text_index_add(struct text_index *index, enum text_relation relation, enum text_case mode,
                    span text, uint32_t owner)
{
    struct part *part = &index->parts[mode];
    text = fold_text(text, mode, &index->arena);
    if (!text.data ||
        !vector_grow(&part->entries, &part->size, part->count, LITERALS_MAX, sizeof *part->entries))
        return false;
    part->entries[part->count++] =
        (struct entry){.text = text, .owner = owner, .next = NONE, .relation = (uint8_t)relation};
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

static bool chain(struct part *part, struct map *map, span key, uint32_t at)
{
    uint32_t first;
    if (map_get(map, key, &first))
        part->entries[at].next = first;
    return map_put(map, key, at);
}

/* Hangs a literal at the gram that the fewest others contain. */
static bool chain_gram(struct part *part, const struct map *counts, uint32_t at)
{
    struct entry *entry = &part->entries[at];
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
    part->bitmap[bit / 64] |= (uint64_t)1 << bit % 64;
    uint32_t first;
    if (map_get_u64(&part->grams, gram, &first))
        entry->next = first;
    return map_put_u64(&part->grams, gram, at);
}

static bool count_grams(const struct part *part, struct map *counts)
{
    for (size_t at = 0; at < part->count; at++) {
        const struct entry *entry = &part->entries[at];
        if (entry->relation != TEXT_CONTAINS)
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

static size_t *lengths_of(const struct part *part, enum text_relation relation, struct arena *arena,
                          size_t *ret_count)
{
    bool *has = calloc(LENGTHS_MAX + 1, sizeof *has);
    if (!has)
        return NULL;
    *ret_count = 0;
    for (size_t at = 0; at < part->count; at++) {
        const struct entry *entry = &part->entries[at];
        size_t length = entry->text.len < LENGTHS_MAX ? entry->text.len : LENGTHS_MAX;
        if (entry->relation == relation && !has[length]) {
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

static bool part_finish(struct part *part, struct arena *arena, struct map *counts)
{
    part->start_lengths = lengths_of(part, TEXT_STARTS, arena, &part->start_count);
    part->end_lengths = lengths_of(part, TEXT_ENDS, arena, &part->end_count);
    part->bitmap = arena_alloc(arena, ((size_t)1 << BITMAP_BITS) / 8);
    if (!part->start_lengths || !part->end_lengths || !part->bitmap || !count_grams(part, counts))
        return false;
    for (uint32_t at = 0; at < part->count; at++) {
        struct entry *entry = &part->entries[at];
        size_t length = entry->text.len < LENGTHS_MAX ? entry->text.len : LENGTHS_MAX;
        bool is_chained = true;
        if (entry->relation == TEXT_EQUALS) {
            is_chained = chain(part, &part->equal, entry->text, at);
        } else if (entry->relation == TEXT_STARTS) {
            is_chained = chain(part, &part->starts, span_first(entry->text, length), at);
        } else if (entry->relation == TEXT_ENDS) {
            is_chained = chain(part, &part->ends, suffix(entry->text, length), at);
        } else if (entry->text.len < GRAM) {
            entry->next = part->short_first;
            part->short_first = at;
        } else {
            is_chained = chain_gram(part, counts, at);
        }
        if (!is_chained)
            return false;
    }
    return true;
}

bool text_index_finish(struct text_index *index)
{
    for (size_t at = 0; at < CASES; at++) {
        struct map counts;
        map_init(&counts, LITERALS_MAX, 5);
        bool is_done = part_finish(&index->parts[at], &index->arena, &counts);
        map_free(&counts);
        if (!is_done)
            return false;
    }
    return true;
}

/* ---- scan ---- */

struct scan {
    const struct part *part;
    span text;
    text_hit hit;
    void *context;
};

static void chain_check(const struct scan *scan, uint32_t at)
{
    while (at != NONE) {
        const struct entry *entry = &scan->part->entries[at];
        bool holds = true; /* EQUAL: the key was the whole text */
        if (entry->relation == TEXT_STARTS)
            holds = span_starts(scan->text, entry->text);
        else if (entry->relation == TEXT_ENDS)
            holds = span_ends(scan->text, entry->text);
        else if (entry->relation == TEXT_CONTAINS)
            holds = span_contains(scan->text, entry->text);
        if (holds)
            scan->hit(scan->context, entry->owner);
        at = entry->next;
    }
}

static void grams_scan(const struct scan *scan)
{
    const struct part *part = scan->part;
    const uint8_t *data = scan->text.data;
    for (size_t at = 0; at + GRAM <= scan->text.len; at++) {
        uint32_t gram = gram_of(data + at);
        uint32_t bit = gram_bit(gram);
        uint32_t found;
        if (!(part->bitmap[bit / 64] >> bit % 64 & 1) || !map_get_u64(&part->grams, gram, &found))
            continue;
        for (; found != NONE; found = part->entries[found].next) {
            const struct entry *entry = &part->entries[found];
            if (entry->gram_at <= at && entry->text.len <= scan->text.len - (at - entry->gram_at) &&
                memcmp(data + at - entry->gram_at, entry->text.data, entry->text.len) == 0)
                scan->hit(scan->context, entry->owner);
        }
    }
}

static void part_scan(const struct scan *scan)
{
    const struct part *part = scan->part;
    span text = scan->text;
    uint32_t found;
    if (part->count == 0)
        return;
    if (part->equal.count && map_get(&part->equal, text, &found))
        chain_check(scan, found);
    for (size_t at = 0; at < part->start_count && part->start_lengths[at] <= text.len; at++)
        if (map_get(&part->starts, span_first(text, part->start_lengths[at]), &found))
            chain_check(scan, found);
    for (size_t at = 0; at < part->end_count && part->end_lengths[at] <= text.len; at++)
        if (map_get(&part->ends, suffix(text, part->end_lengths[at]), &found))
            chain_check(scan, found);
    chain_check(scan, part->short_first);
    if (part->grams.count)
        grams_scan(scan);
}

void text_index_scan(const struct text_index *index, span text, struct arena *scratch, text_hit hit,
                     void *context)
{
    for (size_t at = 0; at < CASES; at++) {
        if (index->parts[at].count == 0)
            continue;
        struct scan scan = {&index->parts[at], {NULL, 0}, hit, context};
        scan.text = fold_text(text, (enum text_case)at, scratch);
        if (scan.text.data)
            part_scan(&scan);
    }
}
