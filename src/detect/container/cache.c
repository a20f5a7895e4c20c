/* Containers by id: found, not found yet, given up; the least recently looked at goes first. */
#include <assert.h>
#include <stdlib.h>

#include "container/internal.h"
#include "core/cleanup.h"

#define CONTAINERS_MAX_DEFAULT 4096
#define KEY_BYTES_MAX          (OPENER_NAME_BYTES + OPENER_ID_BYTES)
#define NONE                   UINT32_MAX

#define MS 1000000u

/* Pauses before the second, third … look. A runtime writes its files before it starts the first
 * program, so the first look almost always finds them. */
static const uint64_t retry_pause_ns[] = {20 * MS, 100 * MS, 500 * MS, 2000ull * MS, 10000ull * MS};
#define RETRY_COUNT (sizeof retry_pause_ns / sizeof *retry_pause_ns)

/* What docker writes only once the container runs (address, start time) is read again this much
 * later. */
static const uint64_t refresh_pause_ns[] = {1000ull * MS, 10000ull * MS};
#define REFRESH_COUNT (sizeof refresh_pause_ns / sizeof *refresh_pause_ns)

struct entry {
    struct container_info info;
    struct arena arena; /* of info */
    enum container_state state;
    uint32_t round;      /* looks done in this state */
    uint32_t generation; /* of the roots at the last look */
    uint64_t due_boot_ns;
    uint32_t newer, older; /* by last use */
    size_t key_length;
    char key[KEY_BYTES_MAX]; /* id; ctr's: namespace/id */
};

struct container_cache {
    struct sources sources;
    struct map map; /* key to index */
    struct entry *entries;
    uint32_t count, count_max;
    uint32_t newest, oldest;
};

err_kind container_cache_open(const struct container_options *options, struct container_cache **ret,
                              struct err_ctx *err)
{
    assert(options->open);
    struct container_cache *cache = calloc(1, sizeof *cache);
    if (!cache)
        return err_set(err, ERR_SYSTEM, "container cache");
    size_t count_max = options->containers_max ? options->containers_max : CONTAINERS_MAX_DEFAULT;
    assert(count_max < NONE);
    cache->entries = calloc(count_max, sizeof *cache->entries);
    if (!cache->entries) {
        free(cache);
        return err_set(err, ERR_SYSTEM, "container cache");
    }
    cache->count_max = (uint32_t)count_max;
    cache->newest = cache->oldest = NONE;
    map_init(&cache->map, count_max, options->seed);
    cache->sources.open = options->open;
    cache->sources.context = options->context;
    roots_init(&cache->sources.roots);
    *ret = cache;
    return OK;
}

void container_cache_close(struct container_cache *cache)
{
    if (!cache)
        return;
    for (uint32_t index = 0; index < cache->count; index++)
        arena_free(&cache->entries[index].arena);
    map_free(&cache->map);
    free(cache->entries);
    free(cache);
}

const struct container_stats *container_cache_stats(const struct container_cache *cache)
{
    return &cache->sources.stats;
}

bool container_daemon_seen(struct container_cache *cache, span exe, span argv, span cwd)
{
    return sources_daemon(&cache->sources, exe, argv, cwd);
}

/* ---- order of use ---- */

static void entry_unlink(struct container_cache *cache, uint32_t index)
{
    struct entry *entry = &cache->entries[index];
    if (entry->newer == NONE)
        cache->newest = entry->older;
    else
        cache->entries[entry->newer].older = entry->older;
    if (entry->older == NONE)
        cache->oldest = entry->newer;
    else
        cache->entries[entry->older].newer = entry->newer;
}

static void entry_link(struct container_cache *cache, uint32_t index)
{
    struct entry *entry = &cache->entries[index];
    entry->newer = NONE;
    entry->older = cache->newest;
    if (cache->newest != NONE)
        cache->entries[cache->newest].newer = index;
    cache->newest = index;
    if (cache->oldest == NONE)
        cache->oldest = index;
}

/* A fresh entry under the key, the most recently used. */
static struct entry *entry_make(struct container_cache *cache, span key)
{
    uint32_t index = cache->count;
    if (cache->count < cache->count_max) {
        cache->count++;
    } else {
        index = cache->oldest;
        struct entry *old = &cache->entries[index];
        entry_unlink(cache, index);
        map_remove(&cache->map, span_of(old->key, old->key_length));
        arena_free(&old->arena);
        cache->sources.stats.evicted++;
    }
    struct entry *entry = &cache->entries[index];
    *entry = (struct entry){.key_length = key.len};
    memcpy(entry->key, key.data, key.len);
    arena_init(&entry->arena, INFO_BYTES_MAX);
    entry_link(cache, index);
    /* without memory for the map the entry just is not found again, until it is evicted */
    (void)!map_put(&cache->map, span_of(entry->key, entry->key_length), index);
    return entry;
}

/* ---- looking ---- */

/* What the path alone tells. */
static void info_begin(struct container_info *info, struct arena *arena,
                       const struct container_key *key)
{
    *info = (struct container_info){.type = key->type};
    struct facts facts = {info, arena};
    facts_text(&facts, &info->id, key->id);
    info->short_id = span_first(info->id, 12);
    if (!key->pod_uid.data || key->pod_uid.len > TEXT_BYTES_MAX)
        return;
    uint8_t *uid = arena_alloc(arena, key->pod_uid.len);
    for (size_t index = 0; uid && index < key->pod_uid.len; index++)
        uid[index] = key->pod_uid.data[index] == '_' ? '-' : key->pod_uid.data[index];
    info->pod_uid = uid ? span_of(uid, key->pod_uid.len) : (span){0};
}

/* The runtime that the path names first, then the others: a path can mislead. */
static bool find(struct sources *sources, const struct container_key *key, struct facts *facts)
{
    if (!sources->has_settings)
        sources_settings(sources);
    bool is_hex = is_hex_id(key->id);
    switch (key->type) {
    case CONTAINER_CRIO:
    case CONTAINER_PODMAN:
        return is_hex && storage_find(sources, facts);
    case CONTAINER_CONTAINERD:
        return containerd_find(sources, key->space, facts) ||
               (is_hex && (docker_find(sources, facts) || storage_find(sources, facts)));
    case CONTAINER_DOCKER:
    case CONTAINER_OTHER:
    case CONTAINER_TYPE_COUNT:
        break;
    }
    return is_hex && (docker_find(sources, facts) || containerd_find(sources, key->space, facts) ||
                      storage_find(sources, facts));
}

/* True when the facts that docker adds later are still to come. */
static bool is_early(const struct container_info *info)
{
    return info->type == CONTAINER_DOCKER && info->started_wall_ns == 0;
}

static void look(struct container_cache *cache, struct entry *entry,
                 const struct container_key *key, uint64_t now_boot_ns)
{
    struct arena arena;
    arena_init(&arena, INFO_BYTES_MAX);
    struct container_info info;
    info_begin(&info, &arena, key);
    struct facts facts = {&info, &arena};
    bool was_found = entry->state == CONTAINER_FOUND && entry->info.id.data;
    bool is_found = info.id.data && find(&cache->sources, key, &facts);
    if (is_found || !was_found) {
        arena_free(&entry->arena);
        entry->arena = arena;
        entry->info = info;
    } else {
        arena_free(&arena); /* its files are gone: what was known stays */
    }
    cache->sources.stats.found += is_found && !was_found;
    entry->round = is_found && !was_found ? 0 : entry->round + 1;
    entry->generation = cache->sources.roots.generation;
    entry->due_boot_ns = UINT64_MAX;
    if (is_found || was_found) {
        entry->state = CONTAINER_FOUND;
        if (is_early(&entry->info) && entry->round < REFRESH_COUNT)
            entry->due_boot_ns = now_boot_ns + refresh_pause_ns[entry->round];
        return;
    }
    if (entry->round <= RETRY_COUNT) {
        entry->state = CONTAINER_PENDING;
        entry->due_boot_ns = now_boot_ns + retry_pause_ns[entry->round - 1];
        return;
    }
    cache->sources.stats.given_up += entry->state == CONTAINER_PENDING;
    entry->state = CONTAINER_UNKNOWN;
}

/* The id, behind its namespace where ids are free: two namespaces may use one name. */
static span key_text(const struct container_key *key, char *text)
{
    size_t length = 0;
    if (key->space.data && key->space.len < OPENER_NAME_BYTES && !is_hex_id(key->id)) {
        memcpy(text, key->space.data, key->space.len);
        length = key->space.len;
        text[length++] = '/';
    }
    size_t room = KEY_BYTES_MAX - length;
    size_t id_length = key->id.len < room ? key->id.len : room;
    memcpy(text + length, key->id.data, id_length);
    return span_of(text, length + id_length);
}

enum container_state container_lookup(struct container_cache *cache,
                                      const struct container_key *key, int32_t pid,
                                      uint64_t start_boot_ns, uint64_t now_boot_ns,
                                      const struct container_info **ret)
{
    (void)pid;
    (void)start_boot_ns;
    assert(key->id.data);
    cache->sources.stats.lookups++;
    char text[KEY_BYTES_MAX];
    span name = key_text(key, text);
    uint32_t index;
    struct entry *entry;
    if (map_get(&cache->map, name, &index)) {
        entry = &cache->entries[index];
        entry_unlink(cache, index);
        entry_link(cache, index);
        bool has_new_roots =
            entry->state != CONTAINER_FOUND && entry->generation != cache->sources.roots.generation;
        if (now_boot_ns >= entry->due_boot_ns || has_new_roots)
            look(cache, entry, key, now_boot_ns);
    } else {
        entry = entry_make(cache, name);
        entry->state = CONTAINER_PENDING;
        look(cache, entry, key, now_boot_ns);
    }
    *ret = &entry->info;
    return entry->state;
}

/* ---- stored facts ---- */

void container_cache_save(const struct container_cache *cache, struct writer *out)
{
    size_t begin = wire_begin(out, WIRE_CONTAINERS);
    /* oldest first, so that loading leaves the same order of use */
    for (uint32_t index = cache->oldest; index != NONE; index = cache->entries[index].newer) {
        const struct entry *entry = &cache->entries[index];
        if (entry->state != CONTAINER_FOUND)
            continue;
        wire_text(out, span_of(entry->key, entry->key_length));
        info_save(&entry->info, out);
    }
    wire_end(out, begin);
}

/* Puts one stored container into the cache, unless it is there. */
static bool load_one(struct container_cache *cache, span *payload, uint64_t now_boot_ns)
{
    span key;
    struct container_info info;
    struct arena arena;
    arena_init(&arena, 2 * INFO_BYTES_MAX); /* room for what alignment adds */
    struct facts facts = {&info, &arena};
    if (!wire_take_text(payload, KEY_BYTES_MAX, &key) || !key.len || !info_load(payload, &facts)) {
        arena_free(&arena);
        return false;
    }
    uint32_t index;
    if (!cache || map_get(&cache->map, key, &index)) {
        arena_free(&arena);
        return true;
    }
    struct entry *entry = entry_make(cache, key);
    entry->arena = arena;
    entry->info = info;
    entry->state = CONTAINER_FOUND;
    entry->due_boot_ns = is_early(&info) ? now_boot_ns : UINT64_MAX;
    return true;
}

err_kind container_cache_load(struct container_cache *cache, span bytes, uint64_t now_boot_ns,
                              struct err_ctx *err)
{
    span payload;
    if (wire_open(bytes, WIRE_CONTAINERS, &payload, err))
        return err->kind;
    /* once to check, once to add */
    for (span rest = payload; rest.len;) {
        if (!load_one(NULL, &rest, now_boot_ns))
            return err_set(err, ERR_INPUT, "stored containers: byte %zu: not well formed",
                           payload.len - rest.len);
    }
    while (payload.len) {
        if (!load_one(cache, &payload, now_boot_ns))
            return err_set(err, ERR_SYSTEM, "stored containers: memory");
    }
    return OK;
}
