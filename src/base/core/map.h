/* A hash table from bytes or from a 64-bit number to a 32-bit value (an index into the owner's
 * array). Open addressing, linear probing, backward-shift deletion. Keys of bytes are borrowed:
 * they must live as long as the entry. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/error.h"
#include "core/span.h"

struct map_entry {
    span key; /* data NULL: key.len is the number */
    uint32_t hash;
    uint32_t value;
};

struct map {
    struct map_entry *entries;
    size_t count;
    size_t size; /* power of two, or 0 */
    size_t count_max;
    uint64_t seed;
};

/* Cannot fail; allocates with the first put. */
void map_init(struct map *map, size_t count_max, uint64_t seed);
void map_free(struct map *map);
/* Removes every entry, keeps the memory. */
void map_reset(struct map *map);

/* False: not there. */
bool map_get(const struct map *map, span key, uint32_t *ret_value);
/* Inserts or overwrites. False when count_max is reached or memory is out. */
MUST_USE bool map_put(struct map *map, span key, uint32_t value);
/* False: was not there. */
bool map_remove(struct map *map, span key);

bool map_get_u64(const struct map *map, uint64_t key, uint32_t *ret_value);
MUST_USE bool map_put_u64(struct map *map, uint64_t key, uint32_t value);
bool map_remove_u64(struct map *map, uint64_t key);
