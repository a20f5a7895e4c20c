/* A quick 64-bit hash of bytes for tables in memory. Not for storage, not against an adversary who
 * knows the seed. Mixing step: the 128-bit multiply of wyhash (Wang Yi, public domain idea). */
#pragma once

#include <stdint.h>
#include <string.h>

#include "core/span.h"

static inline uint64_t hash_mix(uint64_t a, uint64_t b)
{
    __uint128_t product = (__uint128_t)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static inline uint64_t hash_u64(uint64_t value, uint64_t seed)
{
    return hash_mix(value ^ 0x9e3779b97f4a7c15u, seed ^ 0xe7037ed1a0b428dbu);
}

static inline uint64_t hash_span(span s, uint64_t seed)
{
    uint64_t state = seed ^ hash_mix(s.len ^ 0xa0761d6478bd642fu, 0xe7037ed1a0b428dbu);
    while (s.len >= 8) {
        uint64_t word;
        memcpy(&word, s.data, 8);
        state = hash_mix(state ^ word, 0x8ebc6af09c88c6e3u);
        s.data += 8;
        s.len -= 8;
    }
    uint64_t tail = 0;
    if (s.len)
        memcpy(&tail, s.data, s.len);
    return hash_mix(state ^ tail, 0x589965cc75374cc3u);
}
