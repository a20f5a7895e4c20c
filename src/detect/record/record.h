/* Records of the kernel programs (bpf/abi.h) as user space meets them: one record checked and taken
 * apart, and the ring that they arrive in. Unprivileged: works on passed descriptors only. */
#pragma once

#include <abi.h>

#include "core/error.h"
#include "core/span.h"

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
/* The parameter as a number; `missing` when it is not there. */
int64_t record_number(const struct record *record, enum param_id id, int64_t missing);
/* A copy of a struct parameter; false when it is not there. */
MUST_USE bool record_struct(const struct record *record, enum param_id id, void *ret, size_t bytes);

/* ---- the ring (ring.c) ---- */

/* Reads a BPF ring buffer by mmap of a passed fd: no bpf() call, no privilege. The position moves
 * only with ring_release, after the caller's commit. Layout: kernel/bpf/ringbuf.c. */
struct ring;
/* The fds are borrowed for the call only. */
MUST_USE err_kind ring_open(int ring_fd, int control_fd, struct ring **ret, struct err_ctx *err);
void ring_close(struct ring *ring); /* does not close the fds */

/* The next whole record at the reading cursor, borrowed until ring_release passes it. False: none
 * yet, or a program is still writing the one that is next. Discarded records are skipped. */
bool ring_next(struct ring *ring, span *ret_record);
/* A length was met that does not fit: the ring's memory cannot be believed any more, and ring_next
 * stays false. */
bool ring_is_broken(const struct ring *ring);
uint64_t ring_cursor(const struct ring *ring);   /* position behind the last record read */
uint64_t ring_position(const struct ring *ring); /* the shared consumer position */
uint64_t ring_pending_bytes(const struct ring *ring);
size_t ring_size_bytes(const struct ring *ring);
uint64_t ring_id(const struct ring *ring); /* control.ring_id */
/* Moves the cursor to a position that an earlier reader reported (after a restart); false when it
 * is not between the consumer's and the producer's or not on a record boundary of 8. */
MUST_USE bool ring_seek(struct ring *ring, uint64_t position);
/* Gives everything before `position` back to the kernel. consumer's <= position <= cursor. */
void ring_release(struct ring *ring, uint64_t position);
/* Asks for a wake-up with the next record (the ring fd becomes readable); false when records came
 * in the meantime: read on instead of sleeping. */
bool ring_arm(struct ring *ring);
struct control *ring_control(struct ring *ring);
