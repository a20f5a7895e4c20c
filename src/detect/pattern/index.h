/* The literals of one case mode in a text_index, and the engines that look for those that a text
 * contains. Private to pattern. */
#pragma once

#include "core/map.h"
#include "pattern/pattern.h"

#define LITERALS_MAX 4000000u
#define INDEX_NONE   UINT32_MAX
#define GRAMS        4 /* lengths of grams: 1 to 4 bytes */
#define TIERS        8

/* One literal in one relation. */
struct literal {
    span text;       /* folded */
    uint32_t owners; /* chain */
    uint32_t next;   /* literal of the same key, or INDEX_NONE */
    uint32_t gram_at;
    uint8_t relation;
};

struct literal_owner {
    uint32_t owner;
    uint32_t next;
};

/* Substrings by our own search. */
struct gram_index {
    struct map keys[GRAMS];   /* gram of that many bytes -> first literal */
    uint64_t *bitmaps[GRAMS]; /* of hashes of those grams; NULL: none */
};

struct vector_index; /* substrings by Vectorscan */

struct text_part {
    enum text_case mode;
    struct literal *literals;
    size_t count, size;
    struct literal_owner *owners;
    size_t owner_count, owner_size;
    struct map known;         /* by hash of relation and text: literal */
    struct map equal;         /* text -> literal */
    struct map starts[TIERS]; /* first bytes, as many as the tier says -> first literal */
    struct map ends[TIERS];
    uint32_t always; /* chain of owners of literals that every text has: "" */
    size_t contains_count;
    struct gram_index grams;
    struct vector_index *vectors; /* NULL: grams are used */
};

/* What one scan is about. */
struct scan {
    struct text_part *part;
    span text;
    pattern_hit hit;
    void *context;
};

void index_literal_hit(const struct scan *scan, uint32_t literal);

void gram_init(struct gram_index *grams);
void gram_free(struct gram_index *grams);
MUST_USE bool gram_build(struct text_part *part, struct arena *arena);
void gram_scan(const struct scan *scan);

/* NULL: Vectorscan does not take them, or failed its check against gram_scan. */
struct vector_index *vector_build(struct text_part *part);
void vector_free(struct vector_index *vectors);
void vector_scan(const struct scan *scan);
