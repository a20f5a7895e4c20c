#include <stdlib.h>

#include "core/hash.h"
#include "pattern/pattern.h"

#define RING_BYTES  (4u << 20)
#define EVENT_BYTES (RING_BYTES / 8) /* put during one event: what it read is not overwritten */
#define SLOTS       (1u << 16)
#define HITS_MAX    1024
#define NO_ENTRY    UINT64_MAX

struct slot {
    uint64_t hash; /* 0: never used */
    uint64_t at;   /* of the entry, counted since the start; NO_ENTRY: seen once */
};

/* In the ring: this, the hits, the key. */
struct entry {
    uint32_t expression;
    uint32_t key_len;
    uint32_t hit_count;
    uint32_t unused;
};

struct memo {
    struct slot *slots;
    uint8_t *ring;
    uint64_t head;     /* bytes put since the start */
    size_t event_left; /* bytes that may still be put during this event */
    unsigned turn;     /* of the two slots the next victim */
};

struct memo *memo_new(void)
{
    struct memo *memo = calloc(1, sizeof *memo);
    if (!memo)
        return NULL;
    memo->slots = calloc(SLOTS, sizeof *memo->slots);
    memo->ring = calloc(1, RING_BYTES);
    if (!memo->slots || !memo->ring) {
        memo_free(memo);
        return NULL;
    }
    return memo;
}

void memo_free(struct memo *memo)
{
    if (!memo)
        return;
    free(memo->slots);
    free(memo->ring);
    free(memo);
}

void memo_begin(struct memo *memo)
{
    memo->event_left = EVENT_BYTES;
}

uint64_t memo_hash(uint32_t expression, span key)
{
    return hash_span(key, expression) | 1;
}

static struct slot *pair_of(struct memo *memo, uint64_t hash)
{
    return &memo->slots[hash >> 32 & (SLOTS - 2)];
}

/* Neither overwritten nor about to be while this event lasts. */
static bool is_whole(const struct memo *memo, const struct slot *slot)
{
    return slot->at != NO_ENTRY && memo->head - slot->at <= RING_BYTES - EVENT_BYTES;
}

static const uint8_t *entry_at(const struct memo *memo, uint64_t at)
{
    return memo->ring + at % RING_BYTES;
}

void memo_expect(const struct memo *memo, uint64_t hash)
{
    __builtin_prefetch(&memo->slots[hash >> 32 & (SLOTS - 2)]);
}

void memo_expect_entry(const struct memo *memo, uint64_t hash)
{
    const struct slot *pair = &memo->slots[hash >> 32 & (SLOTS - 2)];
    const struct slot *slot = pair[0].hash == hash ? &pair[0] : &pair[1];
    if (slot->hash != hash || slot->at == NO_ENTRY)
        return;
    const uint8_t *entry = entry_at(memo, slot->at);
    __builtin_prefetch(entry);
    __builtin_prefetch(entry + 64);
}

bool memo_get(struct memo *memo, uint64_t hash, uint32_t expression, span key,
              struct memo_hits *ret, bool *ret_wants)
{
    struct slot *pair = pair_of(memo, hash);
    *ret_wants = false;
    for (size_t way = 0; way < 2; way++) {
        if (pair[way].hash != hash)
            continue;
        *ret_wants = true;
        if (!is_whole(memo, &pair[way]))
            return false;
        const uint8_t *bytes = entry_at(memo, pair[way].at);
        const struct entry *entry = (const struct entry *)(const void *)bytes;
        const uint32_t *hits = (const uint32_t *)(const void *)(bytes + sizeof *entry);
        if (entry->expression != expression || entry->key_len != key.len ||
            memcmp(hits + entry->hit_count, key.data, key.len) != 0)
            return false;
        *ret = (struct memo_hits){hits, entry->hit_count};
        return true;
    }
    size_t victim = is_whole(memo, &pair[0]) && !is_whole(memo, &pair[1])   ? 1
                    : is_whole(memo, &pair[1]) && !is_whole(memo, &pair[0]) ? 0
                                                                            : memo->turn++ & 1;
    pair[victim] = (struct slot){.hash = hash, .at = NO_ENTRY};
    return false;
}

void memo_put(struct memo *memo, uint64_t hash, uint32_t expression, span key,
              struct memo_hits hits)
{
    struct slot *pair = pair_of(memo, hash);
    struct slot *slot = pair[0].hash == hash ? &pair[0] : &pair[1];
    size_t bytes = sizeof(struct entry) + hits.count * sizeof *hits.items + key.len;
    bytes = (bytes + 15) & ~(size_t)15;
    size_t to_end = RING_BYTES - memo->head % RING_BYTES;
    size_t skipped = to_end < bytes ? to_end : 0; /* an entry lies in one piece */
    if (slot->hash != hash || hits.count > HITS_MAX || key.len > MEMO_KEY_MAX ||
        bytes + skipped > memo->event_left)
        return;
    memo->event_left -= bytes + skipped;
    memo->head += skipped;
    uint8_t *out = memo->ring + memo->head % RING_BYTES;
    const struct entry entry = {
        .expression = expression, .key_len = (uint32_t)key.len, .hit_count = (uint32_t)hits.count};
    slot->at = memo->head;
    memo->head += bytes;
    memcpy(out, &entry, sizeof entry);
    if (hits.count)
        memcpy(out + sizeof entry, hits.items, hits.count * sizeof *hits.items);
    memcpy(out + sizeof entry + hits.count * sizeof *hits.items, key.data, key.len);
}
