/* Private to correlate/alert: the open alerts, by key and in order of their first signals. */
#pragma once

#include "core/map.h"

#define ALERT_ID_BYTES      32
#define ALERT_PACKED_BYTES  (5 * 8 + ALERT_ID_BYTES)
#define ALERT_KEY_BYTES_MAX 1024
#define ALERT_TABLE_MAX     1000000

struct alert {
    span key; /* rule, NUL, entity; owned by the table */
    char id[ALERT_ID_BYTES];
    uint64_t first_wall_ns, last_wall_ns; /* of its signals */
    uint64_t count;
    uint64_t version;       /* the newest one's number, from 1 */
    uint64_t version_count; /* what that said of count */
    bool is_dirty;          /* changed since it was stored */
    uint8_t *text;          /* the newest version, where it is kept in memory; owned by the table */
    size_t text_len;
    uint32_t slot;
    struct alert *older, *younger;
};

struct alert_table {
    struct map by_key; /* to a slot */
    struct alert **slots;
    uint32_t *free_slots;
    size_t slot_count, slot_size;
    size_t free_count, free_size;
    struct alert *oldest, *youngest;
    size_t count;
    size_t text_bytes; /* of all texts */
};

/* Cannot fail. */
void alert_table_init(struct alert_table *table);
/* Empties it and frees all memory; it may be used again. */
void alert_table_free(struct alert_table *table);
struct alert *alert_table_find(const struct alert_table *table, span key);
/* A copy of `alert` under a copy of the key, as the youngest until it is placed or all are sorted;
 * NULL: out of memory or over ALERT_TABLE_MAX. The key must be new. */
MUST_USE struct alert *alert_table_add(struct alert_table *table, span key,
                                       const struct alert *alert);
/* Keeps a copy of the text with the alert, in place of the one before. False: out of memory. */
MUST_USE bool alert_table_text(struct alert_table *table, struct alert *alert, span text);
/* Frees it. */
void alert_table_remove(struct alert_table *table, struct alert *alert);
/* Puts all in order of their first signal. False: out of memory. */
MUST_USE bool alert_table_sort(struct alert_table *table);
/* The same for one whose first signal has changed: steps over those that are younger. */
void alert_table_place(struct alert_table *table, struct alert *alert);

/* The numbers of an alert as they are stored, little endian. */
void alert_pack(const struct alert *alert, uint8_t ret[ALERT_PACKED_BYTES]);
MUST_USE bool alert_unpack(span packed, struct alert *ret);
