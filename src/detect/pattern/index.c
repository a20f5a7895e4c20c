/* Equal:    a hash of the text.
 * Starts:   a hash of its first bytes, as many as the longest tier that is not longer than the
 *           literal; ends likewise: as many look-ups as there are tiers, not as lengths (anchor.c).
 * Contains: Vectorscan or grams.
 * Literals of each case mode are kept apart, the text is folded once for each. */
#include "pattern/index.h"

#include <stdlib.h>

#include "core/hash.h"
#include "core/vector.h"

#define ARENA_MAX ((size_t)1 << 30)
#define CASES     (TEXT_CASE_UNICODE + 1)

struct text_index {
    struct text_part parts[CASES]; /* by enum text_case */
    struct arena arena;            /* folded literals, bitmaps */
};

static void part_init(struct text_part *part, enum text_case mode)
{
    *part = (struct text_part){.mode = mode, .always = INDEX_NONE};
    map_init(&part->known, LITERALS_MAX, 1);
    map_init(&part->equal, LITERALS_MAX, 2);
    gram_init(&part->grams);
}

static void part_free(struct text_part *part)
{
    free(part->literals);
    free(part->owners);
    map_free(&part->known);
    map_free(&part->equal);
    gram_free(&part->grams);
    vector_free(part->vectors);
}

struct text_index *text_index_new(void)
{
    struct text_index *index = calloc(1, sizeof *index);
    if (!index)
        return NULL;
    for (size_t at = 0; at < CASES; at++)
        part_init(&index->parts[at], (enum text_case)at);
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

/* ---- building ---- */

static bool owner_add(struct text_part *part, uint32_t *chain, uint32_t owner)
{
    if (!vector_grow(&part->owners, &part->owner_size, part->owner_count, LITERALS_MAX,
                     sizeof *part->owners))
        return false;
    part->owners[part->owner_count] = (struct literal_owner){owner, *chain};
    *chain = (uint32_t)part->owner_count++;
    return true;
}

/* The literal with this relation and folded text, made if it is new; INDEX_NONE: no room. */
static uint32_t literal_of(struct text_part *part, enum text_relation relation, span text)
{
    uint64_t key = hash_span(text, (uint64_t)relation + 1);
    uint32_t at;
    if (map_get_u64(&part->known, key, &at) && part->literals[at].relation == relation &&
        span_eq(part->literals[at].text, text))
        return at;
    if (!vector_grow(&part->literals, &part->size, part->count, LITERALS_MAX,
                     sizeof *part->literals))
        return INDEX_NONE;
    at = (uint32_t)part->count;
    part->literals[at] = (struct literal){
        .text = text, .owners = INDEX_NONE, .next = INDEX_NONE, .relation = (uint8_t)relation};
    if (!map_put_u64(&part->known, key, at))
        return INDEX_NONE;
    part->contains_count += relation == TEXT_CONTAINS;
    part->anchored_count += relation == TEXT_STARTS || relation == TEXT_ENDS;
    part->count++;
    return at;
}

bool text_index_add(struct text_index *index, enum text_relation relation, enum text_case mode,
                    span text, uint32_t owner)
{
    struct text_part *part = &index->parts[mode];
    text = fold_text(text, mode, &index->arena);
    if (!text.data)
        return false;
    if (text.len == 0 && relation != TEXT_EQUALS)
        return owner_add(part, &part->always, owner);
    uint32_t at = literal_of(part, relation, text);
    return at != INDEX_NONE && owner_add(part, &part->literals[at].owners, owner);
}

static bool equal_add(struct text_part *part, uint32_t at)
{
    uint32_t first;
    span text = part->literals[at].text;
    if (map_get(&part->equal, text, &first))
        part->literals[at].next = first;
    return map_put(&part->equal, text, at);
}

static void anchor_add(struct text_part *part, uint32_t at, bool is_end)
{
    uint32_t *first = anchors_place(&part->anchors, part->literals[at].text, is_end);
    part->literals[at].next = *first;
    *first = at;
}

static bool part_finish(struct text_part *part, struct arena *arena, enum text_engine engine)
{
    if (!anchors_open(&part->anchors, part->anchored_count, arena))
        return false;
    for (uint32_t at = 0; at < part->count; at++) {
        uint8_t relation = part->literals[at].relation;
        if (relation == TEXT_EQUALS && !equal_add(part, at))
            return false;
        if (relation == TEXT_STARTS || relation == TEXT_ENDS)
            anchor_add(part, at, relation == TEXT_ENDS);
    }
    map_free(&part->known);
    if (!gram_build(part, arena))
        return false;
    if (engine == TEXT_ENGINE_BEST)
        part->vectors = vector_build(part);
    return true;
}

bool text_index_finish(struct text_index *index, enum text_engine engine)
{
    for (size_t at = 0; at < CASES; at++)
        if (!part_finish(&index->parts[at], &index->arena, engine))
            return false;
    return true;
}

bool text_index_uses_vectorscan(const struct text_index *index)
{
    for (size_t at = 0; at < CASES; at++)
        if (index->parts[at].vectors)
            return true;
    return false;
}

/* ---- scanning ---- */

static void owners_hit(const struct scan *scan, uint32_t chain)
{
    for (; chain != INDEX_NONE; chain = scan->part->owners[chain].next)
        scan->hit(scan->context, scan->part->owners[chain].owner);
}

void index_literal_hit(const struct scan *scan, uint32_t literal)
{
    owners_hit(scan, scan->part->literals[literal].owners);
}

static void part_scan(const struct scan *scan)
{
    const struct text_part *part = scan->part;
    uint32_t found;
    owners_hit(scan, part->always);
    if (part->equal.count && map_get(&part->equal, scan->text, &found))
        for (; found != INDEX_NONE; found = part->literals[found].next)
            index_literal_hit(scan, found);
    anchors_scan(scan);
    if (part->vectors)
        vector_scan(scan);
    else
        gram_scan(scan);
}

bool text_index_scan(struct text_index *index, span text, struct arena *scratch, pattern_hit hit,
                     void *context)
{
    for (size_t at = 0; at < CASES; at++) {
        struct text_part *part = &index->parts[at];
        if (part->count == 0 && part->always == INDEX_NONE)
            continue;
        struct scan scan = {part, {NULL, 0}, hit, context};
        scan.text = fold_text(text, (enum text_case)at, scratch);
        if (!scan.text.data)
            return false;
        part_scan(&scan);
    }
    return true;
}
