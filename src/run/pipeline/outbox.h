/* What a batch has produced and not yet committed. Processing never waits for the store: when a
 * commit fails (a full disk) the outbox keeps the batch, and it is written later as it is. Private
 * to this folder. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/error.h"
#include "core/span.h"
#include "core/writer.h"
#include "state/state.h"

/* Over it no more records are read: then the ring fills, and what it cannot take is counted. */
#define OUTBOX_BYTES_FULL (16u << 20)
#define OUTBOX_BYTES_MAX  (24u << 20)
#define OUTBOX_COUNT_MAX  100000

enum outbox_kind { OUTBOX_SIGNAL, OUTBOX_EVIDENCE, OUTBOX_DEAD };

struct outbox_entry {
    enum outbox_kind kind;
    size_t at; /* into bytes: key, value, then the row's texts */
    size_t key_len;
    size_t value_len;
    struct state_signal row; /* OUTBOX_SIGNAL: its index; texts by length only */
};

struct outbox {
    struct writer bytes;
    struct outbox_entry *entries;
    size_t count, size;
    size_t signal_count;
};

void outbox_init(struct outbox *outbox);
void outbox_free(struct outbox *outbox);
void outbox_reset(struct outbox *outbox);
/* Copies all; row is for OUTBOX_SIGNAL, else NULL. False: full. */
MUST_USE bool outbox_put(struct outbox *outbox, enum outbox_kind kind, span key, span value,
                         const struct state_signal *row);
bool outbox_is_full(const struct outbox *outbox);
span outbox_key(const struct outbox *outbox, size_t index);
span outbox_value(const struct outbox *outbox, size_t index);
struct state_signal outbox_row(const struct outbox *outbox, size_t index);
