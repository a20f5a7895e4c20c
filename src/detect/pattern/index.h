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

/* By first and last bytes, see anchor.c. */
struct anchor_slot;
struct anchors {
    uint8_t *tags; /* by slot: part of its hash, 0: free */
    struct anchor_slot *slots;
    size_t mask;
    unsigned shift; /* 64 - log2 of how many there are */
    uint32_t kinds; /* a bit for each tier and end that has a literal */
};

struct vector_index; /* substrings by Vectorscan */

struct text_part {
    enum text_case mode;
    struct literal *literals;
    size_t count, size;
    struct literal_owner *owners;
    size_t owner_count, owner_size;
    struct map known;       /* by hash of relation and text: literal */
    struct map equal;       /* text -> literal */
    struct anchors anchors; /* those that a text starts or ends with */
    uint32_t always;        /* chain of owners of literals that every text has: "" */
    size_t contains_count, anchored_count;
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

/* Room for so many literals, of memory that the arena keeps. */
MUST_USE bool anchors_open(struct anchors *anchors, size_t count, struct arena *arena);
/* Where the chain of literals with the same bytes begins; INDEX_NONE there: none yet. */
uint32_t *anchors_place(struct anchors *anchors, span literal, bool is_end);
void anchors_scan(const struct scan *scan);

void gram_init(struct gram_index *grams);
void gram_free(struct gram_index *grams);
MUST_USE bool gram_build(struct text_part *part, struct arena *arena);
void gram_scan(const struct scan *scan);

/* NULL: Vectorscan does not take them, or failed its check against gram_scan. */
struct vector_index *vector_build(struct text_part *part);
void vector_free(struct vector_index *vectors);
void vector_scan(const struct scan *scan);
