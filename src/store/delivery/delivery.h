/* From stores to one receiver. A sink reads alerts or signals at a position of its own; a store's
 * writer never waits for it.
 *
 *   stores ─> feed ─> document: filter, rendering ─> sink kind: a batch ─> ledger: position, counts
 *
 * At least once: the position moves behind what the receiver has taken, or refused for good, and is
 * saved before more is read. Every rendering carries the record's id, and the version where it is
 * an alert, so that a receiver can tell what it has already. Nothing is kept in between: a receiver
 * that is down costs the store's room, and what the store had to give up meanwhile is counted as
 * dropped{trimmed}, what went over the sink's own bound of age as dropped{expired}. */
#pragma once

#include "sink/sink.h"
#include "topic/topic.h"

#define DELIVERY_STORES_MAX 256

/* ---- what has been done ---- */

/* in = out + filtered + dead; dropped was never read. */
struct delivery_counters {
    uint64_t in;
    uint64_t out;
    uint64_t filtered;
    uint64_t dead;
    uint64_t dropped_trimmed; /* left the store before it was read */
    uint64_t dropped_expired; /* older than the sink's max_age */
    uint64_t dropped_letters; /* dead letters that gave way to newer ones */
    uint64_t retried;         /* documents times tries after the first */
};

/* ---- one sink at work ---- */

struct delivery;
/* `folder` is the sink's own, where position, status and dead letters lie; settings and folder are
 * borrowed. Nothing is sent before delivery_connect. */
MUST_USE err_kind delivery_open(struct sink_settings *settings, int folder, struct delivery **ret,
                                struct err_ctx *err);
void delivery_close(struct delivery *delivery);
/* Makes the connection to the receiver anew, from the settings' files as they are now. */
MUST_USE err_kind delivery_connect(struct delivery *delivery, struct err_ctx *err);
/* A store to read from, or the same one anew. Takes over the folder's descriptor. */
MUST_USE err_kind delivery_store(struct delivery *delivery, span name, int *folder,
                                 struct err_ctx *err);
/* Reads a batch, or what is left of one, sends it, settles it. *ret_wait_ns: how long there is
 * nothing to do. ERR_*: the sink's own folder cannot be written. */
MUST_USE err_kind delivery_step(struct delivery *delivery, uint64_t *ret_wait_ns,
                                struct err_ctx *err);
/* Writes what `picket sink status` shows. */
MUST_USE err_kind delivery_status(struct delivery *delivery, bool is_stopped, struct err_ctx *err);
const struct delivery_counters *delivery_counters(const struct delivery *delivery);
/* Why the last try left something unsent; empty: nothing is wrong. */
const char *delivery_trouble(const struct delivery *delivery);

/* ---- for those who look on ---- */

struct json_t;
/* What each sink said last, an array by name, from the folder that holds the sinks' own; empty
 * where none has run. One that should be at work and has said nothing for 10 s is `lost`. */
MUST_USE err_kind delivery_statuses_read(int sinks_fd, struct json_t **ret, struct err_ctx *err);
void delivery_statuses_metrics(const struct json_t *all, struct writer *out);
void delivery_statuses_text(const struct json_t *all, struct writer *out);
