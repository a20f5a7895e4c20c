#include <assert.h>
#include <stdlib.h>

#include "core/hash.h"
#include "pattern/pattern.h"

#define BYTES_OF_SLOT 64u /* of the ring, guessed: an entry with its key */
#define EVENT_SHARE   8u  /* of the ring, put during one event: what it read is not overwritten */
#define HITS_MAX      1024
#define NO_ENTRY      UINT64_MAX

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
    size_t slot_mask;  /* of the first of a pair */
    size_t ring_size;  /* a power of two */
    uint64_t head;     /* bytes put since the start */
    size_t event_left; /* bytes that may still be put during this event */
    unsigned turn;     /* of the two slots the next victim */
};

struct memo *memo_new(size_t ring_size)
{
    struct memo *memo = calloc(1, sizeof *memo);
    size_t slots = ring_size / BYTES_OF_SLOT;
    assert(slots >= 2 && (ring_size & (ring_size - 1)) == 0);
    if (!memo)
        return NULL;
    memo->slot_mask = slots - 2;
    memo->ring_size = ring_size;
    memo->slots = calloc(slots, sizeof *memo->slots);
    memo->ring = calloc(1, ring_size);
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
    memo->event_left = memo->ring_size / EVENT_SHARE;
}

static uint64_t eight(const uint8_t *at)
{
    uint64_t word;
    memcpy(&word, at, 8);
    return word;
}

static uint64_t four(const uint8_t *at)
{
    uint32_t word;
    memcpy(&word, at, 4);
    return word;
}

/* As hash_span, but sixteen bytes a step, and the rest by words that overlap. */
uint64_t memo_hash(uint32_t expression, span key)
{
    const uint64_t secret = 0xa0761d6478bd642fu;
    const uint8_t *at = key.data;
    const uint8_t *end = at + key.len;
    uint64_t state = hash_mix(expression ^ 0x8ebc6af09c88c6e3u, key.len ^ 0xe7037ed1a0b428dbu);
    uint64_t first = 0, last = 0;
    if (key.len > 16) {
        for (; end - at > 16; at += 16)
            state = hash_mix(eight(at) ^ secret, eight(at + 8) ^ state);
        first = eight(end - 16);
        last = eight(end - 8);
    } else if (key.len >= 8) {
        first = eight(at);
        last = eight(end - 8);
    } else if (key.len >= 4) {
        first = four(at);
        last = four(end - 4);
    } else if (key.len > 0) {
        first = (uint64_t)at[0] << 16 | (uint64_t)at[key.len / 2] << 8 | end[-1];
    }
    return hash_mix(first ^ secret, last ^ state) | 1;
}

static struct slot *pair_of(struct memo *memo, uint64_t hash)
{
    return &memo->slots[hash >> 32 & memo->slot_mask];
}

/* Neither overwritten nor about to be while this event lasts. */
static bool is_whole(const struct memo *memo, const struct slot *slot)
{
    return slot->at != NO_ENTRY &&
           memo->head - slot->at <= memo->ring_size - memo->ring_size / EVENT_SHARE;
}

static const uint8_t *entry_at(const struct memo *memo, uint64_t at)
{
    return memo->ring + (at & (memo->ring_size - 1));
}

void memo_expect(const struct memo *memo, uint64_t hash)
{
    __builtin_prefetch(&memo->slots[hash >> 32 & memo->slot_mask]);
}

void memo_expect_entry(const struct memo *memo, uint64_t hash)
{
    const struct slot *pair = &memo->slots[hash >> 32 & memo->slot_mask];
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
    size_t to_end = memo->ring_size - (memo->head & (memo->ring_size - 1));
    size_t skipped = to_end < bytes ? to_end : 0; /* an entry lies in one piece */
    if (slot->hash != hash || hits.count > HITS_MAX || key.len > MEMO_KEY_MAX ||
        bytes + skipped > memo->event_left)
        return;
    memo->event_left -= bytes + skipped;
    memo->head += skipped;
    uint8_t *out = memo->ring + (memo->head & (memo->ring_size - 1));
    const struct entry entry = {
        .expression = expression, .key_len = (uint32_t)key.len, .hit_count = (uint32_t)hits.count};
    slot->at = memo->head;
    memo->head += bytes;
    memcpy(out, &entry, sizeof entry);
    if (hits.count)
        memcpy(out + sizeof entry, hits.items, hits.count * sizeof *hits.items);
    memcpy(out + sizeof entry + hits.count * sizeof *hits.items, key.data, key.len);
}
