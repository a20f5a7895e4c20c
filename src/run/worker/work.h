/* What a worker's parent and its decoders share: a piece of memory with two slots, so that one is
 * filled while the other is worked on. Each slot has records behind one another and, apart, what
 * they yield. Every number that the other side wrote is checked. */
#pragma once

#include <stdint.h>

enum work_message {
    /* the parent to the decoder */
    MESSAGE_DECODER_START = 1, /* struct decoder_start; descriptors: image, memory */
    MESSAGE_WORK,              /* struct work_order */
    MESSAGE_RULES,             /* descriptor: image */
    /* the decoder to the parent */
    MESSAGE_READY,
    MESSAGE_WORKED, /* struct work_report */
};

#define WORK_SLOTS     2
#define WORK_IN_BYTES  (8u << 20)
#define WORK_OUT_BYTES (32u << 20)
#define WORK_BYTES     (WORK_SLOTS * ((size_t)WORK_IN_BYTES + WORK_OUT_BYTES))
#define WORK_ALIGN     8u

/* Followed by the record's bytes, up to the next multiple of WORK_ALIGN. */
struct work_record {
    int64_t offset;
    int32_t partition;
    uint32_t len; /* UINT32_MAX: a tombstone */
};
#define WORK_TOMBSTONE UINT32_MAX

/* Followed by key and value. */
struct work_output {
    uint32_t kind; /* enum flow_kind */
    uint32_t key_len;
    uint32_t value_len;
    uint32_t reserved;
};

/* MESSAGE_DECODER_START; descriptors: the rules' image, the memory. */
struct decoder_start {
    char hostname[72];
    char source[64];
    char topic[256];
    char product[128], category[128], service[128]; /* empty: not said */
    char entity_fields[512];                        /* empty: the usual ones */
};

/* MESSAGE_WORK: records from byte `at` to `end` of the slot, at most `limit` of them (0: all). */
struct work_order {
    uint32_t slot;
    uint32_t at, end;
    uint32_t limit;
};

/* MESSAGE_WORKED: up to `at`; further when this is given again. */
struct work_report {
    uint32_t slot;
    uint32_t at;
    uint32_t out_bytes;
    uint32_t reserved;
    uint64_t in, out, filtered, dead, signals, undecided, over_matches;
};

static inline uint32_t work_padded(uint32_t len)
{
    return (len + WORK_ALIGN - 1) & ~(WORK_ALIGN - 1);
}
static inline size_t work_in_at(uint32_t slot)
{
    return slot * ((size_t)WORK_IN_BYTES + WORK_OUT_BYTES);
}
static inline size_t work_out_at(uint32_t slot)
{
    return work_in_at(slot) + WORK_IN_BYTES;
}
