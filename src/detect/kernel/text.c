#include "kernel/text.h"

#include <assert.h>
#include <stdlib.h>

struct text {
    uint32_t holders; /* 0: free, and len is the next free number */
    uint32_t len;
    uint8_t data[];
};

#define TEXTS_MAX (1u << 24)

void text_pool_init(struct text_pool *pool, size_t bytes_max, uint64_t seed)
{
    *pool = (struct text_pool){.bytes_max = bytes_max, .count = 1};
    map_init(&pool->numbers, TEXTS_MAX, seed);
}

void text_pool_free(struct text_pool *pool)
{
    for (uint32_t number = 1; number < pool->count; number++)
        free(pool->texts[number]);
    free(pool->texts);
    map_free(&pool->numbers);
    text_pool_init(pool, pool->bytes_max, pool->numbers.seed);
}

static bool pool_grow(struct text_pool *pool)
{
    if (pool->count < pool->size)
        return true;
    if (pool->size >= TEXTS_MAX)
        return false;
    uint32_t size = pool->size ? pool->size * 2 : 256;
    struct text **texts = realloc(pool->texts, size * sizeof(struct text *));
    if (!texts)
        return false;
    pool->texts = texts;
    pool->size = size;
    return true;
}

static uint32_t text_new(struct text_pool *pool, span text)
{
    size_t bytes = sizeof(struct text) + text.len;
    bool reuse = pool->free_first != 0;
    if (text.len > UINT32_MAX / 2 || pool->bytes + bytes > pool->bytes_max ||
        (!reuse && !pool_grow(pool)))
        return 0;
    uint32_t number = reuse ? pool->free_first : pool->count;
    uint32_t free_next = reuse ? pool->texts[number]->len : 0;
    struct text *fresh = malloc(bytes);
    if (!fresh)
        return 0;
    *fresh = (struct text){.holders = 1, .len = (uint32_t)text.len};
    if (text.len)
        memcpy(fresh->data, text.data, text.len);
    if (!map_put(&pool->numbers, span_of(fresh->data, fresh->len), number)) {
        free(fresh);
        return 0;
    }
    if (reuse) {
        free(pool->texts[number]);
        pool->free_first = free_next;
    } else {
        pool->count++;
    }
    pool->texts[number] = fresh;
    pool->bytes += bytes;
    return number;
}

uint32_t text_keep(struct text_pool *pool, span text)
{
    uint32_t number;
    if (!text.data)
        return 0;
    if (map_get(&pool->numbers, text, &number))
        return text_share(pool, number);
    number = text_new(pool, text);
    pool->refused += number == 0;
    return number;
}

uint32_t text_share(struct text_pool *pool, uint32_t number)
{
    if (number) {
        assert(pool->texts[number]->holders > 0);
        pool->texts[number]->holders++;
    }
    return number;
}

void text_drop(struct text_pool *pool, uint32_t number)
{
    if (!number)
        return;
    struct text *text = pool->texts[number];
    assert(text->holders > 0);
    if (--text->holders > 0)
        return;
    map_remove(&pool->numbers, span_of(text->data, text->len));
    pool->bytes -= sizeof *text + text->len;
    /* The long bytes go back at once; a stump keeps the list of free numbers. */
    struct text *stump = realloc(text, sizeof *text);
    if (!stump)
        stump = text;
    stump->len = pool->free_first;
    pool->texts[number] = stump;
    pool->free_first = number;
}

span text_get(const struct text_pool *pool, uint32_t number)
{
    if (!number)
        return (span){NULL, 0};
    assert(number < pool->count && pool->texts[number]->holders > 0);
    return span_of(pool->texts[number]->data, pool->texts[number]->len);
}
