/* Texts held once, however many processes have them: argv and environments repeat along a tree. */
#pragma once

#include "core/map.h"
#include "core/span.h"

struct text;

struct text_pool {
    struct text **texts; /* by number; [0] is unused */
    uint32_t count;      /* numbers given out, free ones included */
    uint32_t size;
    uint32_t free_first; /* 0: none */
    size_t bytes;
    size_t bytes_max;
    uint64_t refused;
    struct map numbers;
};

void text_pool_init(struct text_pool *pool, size_t bytes_max, uint64_t seed);
void text_pool_free(struct text_pool *pool);
/* The text's number, with one more holder; 0 when data is NULL or there is no room (counted). */
uint32_t text_keep(struct text_pool *pool, span text);
/* One more holder of a number, which may be 0. */
uint32_t text_share(struct text_pool *pool, uint32_t number);
void text_drop(struct text_pool *pool, uint32_t number);
/* data NULL for 0. */
span text_get(const struct text_pool *pool, uint32_t number);
