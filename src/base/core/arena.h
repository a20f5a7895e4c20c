/* Memory that ends all at once: for a configuration generation, a batch, a request. Blocks grow by
 * doubling up to the limit given at init; reset keeps the largest block, so that a warmed-up arena
 * allocates nothing. */
#pragma once

#include <stddef.h>

#include "core/error.h"
#include "core/span.h"

struct arena_block;

struct arena {
    struct arena_block *blocks; /* newest first */
    size_t size_bytes;          /* of all blocks */
    size_t size_bytes_max;
};

/* Cannot fail; the first block comes with the first arena_alloc. */
void arena_init(struct arena *arena, size_t size_bytes_max);
/* Zeroed memory aligned to 16 bytes, or NULL when the limit is reached or memory is out. */
MUST_USE void *arena_alloc(struct arena *arena, size_t size_bytes);
/* As arena_alloc, not zeroed. */
MUST_USE void *arena_alloc_raw(struct arena *arena, size_t size_bytes);
/* A copy of s with a NUL behind it (not counted in len); data is NULL on failure. */
MUST_USE span arena_dup(struct arena *arena, span s);
/* All pointers into the arena end here. */
void arena_reset(struct arena *arena);
/* Frees all; the arena may be used again. Takes an arena that was never used. */
void arena_free(struct arena *arena);
