#include "core/arena.h"

#include <stdalign.h>
#include <stdlib.h>

#include "core/checked.h"

#define BLOCK_BYTES_MIN 4096

struct arena_block {
    struct arena_block *older;
    size_t used;
    size_t size;
    alignas(16) uint8_t data[];
};

void arena_init(struct arena *arena, size_t size_bytes_max)
{
    *arena = (struct arena){.size_bytes_max = size_bytes_max};
}

static struct arena_block *block_add(struct arena *arena, size_t need)
{
    size_t size = arena->blocks ? arena->blocks->size : BLOCK_BYTES_MIN / 2;
    if (!mul_size(size, 2, &size))
        return NULL;
    size_t room = arena->size_bytes_max - arena->size_bytes;
    if (size > room)
        size = room;
    if (size < need)
        size = need;
    if (size > room)
        return NULL;
    struct arena_block *block = malloc(sizeof *block + size);
    if (!block)
        return NULL;
    *block = (struct arena_block){.older = arena->blocks, .size = size};
    arena->blocks = block;
    arena->size_bytes += size;
    return block;
}

void *arena_alloc_raw(struct arena *arena, size_t size_bytes)
{
    size_t need;
    if (!add_size(size_bytes, 15, &need))
        return NULL;
    need &= ~(size_t)15;
    struct arena_block *block = arena->blocks;
    if (!block || block->size - block->used < need)
        block = block_add(arena, need);
    if (!block)
        return NULL;
    void *memory = block->data + block->used;
    block->used += need;
    return memory;
}

void *arena_alloc(struct arena *arena, size_t size_bytes)
{
    void *memory = arena_alloc_raw(arena, size_bytes);
    return memory ? memset(memory, 0, size_bytes) : NULL;
}

span arena_dup(struct arena *arena, span s)
{
    size_t size;
    uint8_t *copy = add_size(s.len, 1, &size) ? arena_alloc_raw(arena, size) : NULL;
    if (!copy)
        return (span){NULL, 0};
    if (s.len)
        memcpy(copy, s.data, s.len);
    copy[s.len] = 0;
    return (span){copy, s.len};
}

void arena_reset(struct arena *arena)
{
    struct arena_block *keep = arena->blocks; /* the newest is the largest, or fills the limit */
    if (!keep)
        return;
    for (struct arena_block *block = keep->older, *older; block; block = older) {
        older = block->older;
        free(block);
    }
    keep->older = NULL;
    keep->used = 0;
    arena->size_bytes = keep->size;
}

void arena_free(struct arena *arena)
{
    arena_reset(arena);
    free(arena->blocks);
    arena->blocks = NULL;
    arena->size_bytes = 0;
}
