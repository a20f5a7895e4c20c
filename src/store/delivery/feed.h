/* The stores that a sink reads, as one sequence of records. Private to this folder. */
#pragma once

#include <jansson.h>

#include "delivery/delivery.h"

struct feed;

/* Where a sink stands on one topic of one store. */
struct feed_cursor {
    char store[SINK_NAME_BYTES_MAX + 1];
    const char *topic;
    uint64_t next;         /* the offset to be read next */
    uint64_t position;     /* all before it is settled */
    uint64_t mark_wall_ns; /* the time of the batch of the record before `position` */
    uint64_t gap;          /* records that were trimmed before `next` was read */
    bool is_placed;        /* position says something */
    bool is_checked;       /* against the store as it is now */
    struct topic_reader *reader;
};

struct feed_record {
    size_t cursor;
    uint64_t offset;
    uint64_t time_wall_ns; /* of its batch */
    uint64_t gap;          /* records lost in front of it */
    span value;            /* borrowed until the next call */
};

MUST_USE err_kind feed_open(bool takes_alerts, bool takes_signals, bool starts_newest,
                            struct feed **ret, struct err_ctx *err);
void feed_close(struct feed *feed);
/* Adds a store, or takes the new folder for one that is known. Takes over the descriptor. */
MUST_USE err_kind feed_store(struct feed *feed, span name, int *folder, struct err_ctx *err);
/* The next record of any store, from one after the other. False: nothing more for now. A store that
 * cannot be read is left alone for a second; *ret_trouble then tells why, else it is empty. */
bool feed_next(struct feed *feed, struct feed_record *ret, char ret_trouble[SINK_REASON_BYTES]);
struct feed_cursor *feed_cursor_at(struct feed *feed, size_t index); /* NULL behind the last */
/* Once: a topic was seen for the first time. Its position is to be saved before anything is sent,
 * so that what is trimmed from now on counts as dropped. */
bool feed_has_placed(struct feed *feed);
/* What lies behind the positions, in the stores that can be read. */
struct feed_waiting {
    uint64_t records;
    uint64_t bytes;          /* of their batches, as stored */
    uint64_t oldest_wall_ns; /* 0: nothing waits */
};
struct feed_waiting feed_waiting(struct feed *feed);

/* Positions, to be kept and given back before the first feed_store. */
json_t *feed_save(const struct feed *feed);
MUST_USE err_kind feed_restore(struct feed *feed, const json_t *saved, struct err_ctx *err);
