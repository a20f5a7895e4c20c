/* What a worker's parent and its decoders share: a piece of memory with two slots, so that one is
 * filled while the other is worked on. Each slot has items behind one another (records, and for a
 * stage that keeps state what is to be known before them) and, apart, what they yield. Every number
 * that the other side wrote is checked. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "core/span.h"

enum work_message {
    /* the parent to the decoder */
    MESSAGE_DECODER_START = 1, /* struct decoder_start; descriptors: memory, image */
    MESSAGE_WORK,              /* struct work_order */
    MESSAGE_RULES,             /* descriptor: image */
    /* the decoder to the parent */
    MESSAGE_READY,
    MESSAGE_WORKED,  /* struct work_report */
    MESSAGE_DAMAGED, /* text: state that cannot be taken up again */
};

#define WORK_SLOTS     2
#define WORK_IN_BYTES  (8u << 20)
#define WORK_OUT_BYTES (32u << 20)
#define WORK_BYTES     (WORK_SLOTS * ((size_t)WORK_IN_BYTES + WORK_OUT_BYTES))
#define WORK_ALIGN     8u
#define WORK_VALUE_MAX (WORK_IN_BYTES - 4096)
#define WORK_LARGE_WHY "the record is over 8 MiB"

enum work_kind {
    WORK_RECORD,
    WORK_POISON, /* a record that ended decoders: not to be looked at, a dead letter */
    WORK_LARGE,  /* one over WORK_VALUE_MAX, without its value: a dead letter */
    WORK_FORGET, /* what is known of the partition is void */
    WORK_STATE,  /* a part of what is known, as it was yielded; with a key */
    WORK_LEVEL,  /* all records of the partition have been read: what waits for the clock may end */
};

static inline bool work_is_record(uint32_t kind)
{
    return kind == WORK_RECORD || kind == WORK_POISON || kind == WORK_LARGE;
}

/* Followed by the key and the value, up to the next multiple of WORK_ALIGN. */
struct work_record {
    int64_t offset;
    int64_t time_ms; /* when it was written to its topic; -1: not known */
    int32_t partition;
    uint32_t kind; /* enum work_kind */
    uint32_t key_len;
    uint32_t len; /* of the value; WORK_TOMBSTONE: it has none */
};
#define WORK_TOMBSTONE UINT32_MAX
/* The same outside of that memory. */
struct work_item {
    enum work_kind kind;
    int32_t partition;
    int64_t offset;
    int64_t time_ms;
    span key, value; /* data NULL: none */
};
_Static_assert(sizeof(struct work_record) % WORK_ALIGN == 0, "items lie aligned");

enum work_yield {
    YIELD_OUTPUT, /* for the stage's output */
    YIELD_DEAD,   /* a dead letter */
    YIELD_STATE,  /* of the partition */
    YIELD_COUNT
};

/* Followed by key and value. */
struct work_output {
    uint32_t kind; /* enum work_yield */
    int32_t partition;
    uint32_t key_len;
    uint32_t value_len; /* WORK_TOMBSTONE: it has none */
};

/* MESSAGE_DECODER_START; descriptors: the memory, and for detect the rules' image. */
struct decoder_start {
    uint32_t stage; /* enum worker_stage */
    uint32_t reserved;
    uint64_t window_ns; /* correlate: of an alert */
    char hostname[72];
    char source[64];
    char topic[256];
    char product[128], category[128], service[128]; /* empty: not said */
    char entity_fields[512];                        /* empty: the usual ones */
};

/* MESSAGE_WORK: items from byte `at` to `end` of the slot, at most `limit` records (0: all). */
struct work_order {
    uint32_t slot;
    uint32_t at, end;
    uint32_t limit;
};

/* Of records; all are zero that a stage does not count.
 * detect: in = out + filtered + dead; correlate: in = out + deduplicated + shadow + dead. */
struct work_counts {
    uint64_t in, out, filtered, dead;
    uint64_t signals, undecided, over_matches;        /* detect, see flow.h */
    uint64_t deduplicated, shadow, versions, evicted; /* correlate, see alert.h */
};
#define WORK_COUNTS (sizeof(struct work_counts) / sizeof(uint64_t))

/* MESSAGE_WORKED: up to `at`; further when this is given again. */
struct work_report {
    uint32_t slot;
    uint32_t at;
    uint32_t out_bytes;
    uint32_t reserved;
    struct work_counts counts;
};

/* into += counts, or into -= counts. */
static inline void work_counts_add(struct work_counts *into, const struct work_counts *counts,
                                   bool is_minus)
{
    uint64_t sums[WORK_COUNTS], parts[WORK_COUNTS];
    memcpy(sums, into, sizeof sums);
    memcpy(parts, counts, sizeof parts);
    for (size_t index = 0; index < WORK_COUNTS; index++)
        sums[index] = is_minus ? sums[index] - parts[index] : sums[index] + parts[index];
    memcpy(into, sums, sizeof sums);
}

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
