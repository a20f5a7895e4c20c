#include "core/map.h"

#include <stdlib.h>

#include "core/hash.h"

#define MAP_SIZE_MIN 16
/* A number as a key: no bytes, the value in len. */
static span number_key(uint64_t key)
{
    return (span){NULL, key};
}

/* hash 0 marks a free entry. */
static uint32_t key_hash(const struct map *map, span key)
{
    uint64_t hash = key.data ? hash_span(key, map->seed) : hash_u64(key.len, map->seed);
    return (uint32_t)(hash >> 32) | 1u;
}

static bool key_eq(span a, span b)
{
    if (!a.data || !b.data)
        return !a.data && !b.data && a.len == b.len;
    return span_eq(a, b);
}

void map_init(struct map *map, size_t count_max, uint64_t seed)
{
    *map = (struct map){.count_max = count_max, .seed = seed};
}

void map_free(struct map *map)
{
    free(map->entries);
    map_init(map, map->count_max, map->seed);
}

void map_reset(struct map *map)
{
    if (map->entries)
        memset(map->entries, 0, map->size * sizeof *map->entries);
    map->count = 0;
}

/* The entry of the key, or the free one where it belongs. The table is never full. */
static size_t map_slot(const struct map *map, span key, uint32_t hash)
{
    size_t index = (hash >> 1) & (map->size - 1);
    while (map->entries[index].hash &&
           (map->entries[index].hash != hash || !key_eq(map->entries[index].key, key)))
        index = (index + 1) & (map->size - 1);
    return index;
}

static bool map_enlarge(struct map *map)
{
    size_t size = map->size ? map->size * 2 : MAP_SIZE_MIN;
    struct map_entry *entries = calloc(size, sizeof *entries);
    if (!entries)
        return false;
    struct map larger = *map;
    larger.entries = entries;
    larger.size = size;
    for (size_t index = 0; index < map->size; index++) {
        const struct map_entry *entry = &map->entries[index];
        if (entry->hash)
            entries[map_slot(&larger, entry->key, entry->hash)] = *entry;
    }
    free(map->entries);
    *map = larger;
    return true;
}

bool map_get(const struct map *map, span key, uint32_t *ret_value)
{
    if (!map->count)
        return false;
    size_t index = map_slot(map, key, key_hash(map, key));
    if (!map->entries[index].hash)
        return false;
    *ret_value = map->entries[index].value;
    return true;
}

bool map_put(struct map *map, span key, uint32_t value)
{
    uint32_t hash = key_hash(map, key);
    size_t index = 0;
    if (map->size) {
        index = map_slot(map, key, hash);
        if (map->entries[index].hash) {
            map->entries[index].value = value;
            return true;
        }
    }
    if (map->count >= map->count_max)
        return false;
    if (map->count * 4 >= map->size * 3) {
        if (!map_enlarge(map))
            return false;
        index = map_slot(map, key, hash);
    }
    map->entries[index] = (struct map_entry){.key = key, .hash = hash, .value = value};
    map->count++;
    return true;
}

bool map_remove(struct map *map, span key)
{
    if (!map->count)
        return false;
    size_t hole = map_slot(map, key, key_hash(map, key));
    if (!map->entries[hole].hash)
        return false;
    /* Knuth, TAOCP 3, 6.4 algorithm R: move back every entry that the hole would cut off. */
    for (size_t next = (hole + 1) & (map->size - 1); map->entries[next].hash;
         next = (next + 1) & (map->size - 1)) {
        size_t home = (map->entries[next].hash >> 1) & (map->size - 1);
        if (((next - home) & (map->size - 1)) >= ((next - hole) & (map->size - 1))) {
            map->entries[hole] = map->entries[next];
            hole = next;
        }
    }
    map->entries[hole].hash = 0;
    map->count--;
    return true;
}

/* A byte key always has data, even when it is empty. */
bool map_get_u64(const struct map *map, uint64_t key, uint32_t *ret_value)
{
    return map_get(map, number_key(key), ret_value);
}

bool map_put_u64(struct map *map, uint64_t key, uint32_t value)
{
    return map_put(map, number_key(key), value);
}

bool map_remove_u64(struct map *map, uint64_t key)
{
    return map_remove(map, number_key(key));
}
