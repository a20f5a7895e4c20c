/* The kernel source: the ring and its records (bpf/abi.h), processes and containers as they live,
 * and Falco's field names over both. Unprivileged: works on passed descriptors only. */
#pragma once

#include <abi.h>

#include "core/error.h"
#include "core/span.h"
#include "event/event.h"

/* ---- one record (record.c) ---- */

struct record {
    struct record_head head;
    span bytes;               /* the whole record, head included */
    span params[PARAM_COUNT]; /* data NULL: not there */
};

/* Checks lengths, ids, kinds and paddings; spans borrow from bytes, which holds exactly one record.
 */
MUST_USE err_kind record_open(struct record *record, span bytes, struct err_ctx *err);
const char *event_type_name(uint16_t type); /* "openat"; NULL: unknown */
uint16_t event_type_find(span name);        /* EVENT_NONE: unknown */

/* ---- the ring (ring.c) ---- */

/* Reads a BPF ring buffer by mmap of a passed fd: no bpf() call, no privilege. The position moves
 * only with ring_release, after the caller's commit. Layout: kernel/bpf/ringbuf.c. */
struct ring;
MUST_USE err_kind ring_open(int ring_fd, int control_fd, struct ring **ret, struct err_ctx *err);
void ring_close(struct ring *ring); /* does not close the fds */
/* The next whole record at the reading cursor, borrowed until ring_release passes it. False: none
 * yet. Discarded records are skipped. A record whose length does not fit the ring is an error. */
bool ring_next(struct ring *ring, span *ret_record);
uint64_t ring_cursor(const struct ring *ring);   /* position behind the last record read */
uint64_t ring_position(const struct ring *ring); /* the shared consumer position */
uint64_t ring_pending_bytes(const struct ring *ring);
uint64_t ring_id(const struct ring *ring); /* control.ring_id */
/* Moves the cursor forward without reading (after a restart); false when position is not between
 * the consumer's and the producer's. */
MUST_USE bool ring_seek(struct ring *ring, uint64_t position);
/* Gives everything before `position` back to the kernel. */
void ring_release(struct ring *ring, uint64_t position);
/* Asks for a wake-up with the next record (the ring fd becomes readable); false when records came
 * in the meantime: read on instead of sleeping. */
bool ring_arm(struct ring *ring);
struct control *ring_control(struct ring *ring);
