/* What a sink has done, in files of its own folder. Private to this folder.
 *
 *   position.json   positions and counters, saved together; replaced as a whole
 *   status.json     the same for people, with the last trouble; every second
 *   dead.ndjson     what the receiver refused, one object a line; the older half in dead.1.ndjson
 */
#pragma once

#include "delivery/feed.h"

#define LEDGER_LETTERS_BYTES_MAX ((uint64_t)32 << 20) /* of each of the two files */

struct ledger {
    int folder; /* borrowed */
    int letters_fd;
    uint64_t letters_bytes;
    uint64_t letters_count; /* lines in dead.ndjson */
    uint64_t older_count;   /* lines in dead.1.ndjson */
    struct delivery_counters counters;
};

/* Reads what is there; nothing is a start from zero. */
MUST_USE err_kind ledger_open(struct ledger *ledger, int folder, struct feed *feed,
                              struct err_ctx *err);
void ledger_close(struct ledger *ledger);
MUST_USE err_kind ledger_save(struct ledger *ledger, const struct feed *feed, struct err_ctx *err);
/* On disk when it returns. */
MUST_USE err_kind ledger_letter(struct ledger *ledger, const struct feed_cursor *cursor,
                                uint64_t offset, const char *sink, const char *reason, span payload,
                                struct err_ctx *err);
/* Replaces a file of the folder. */
MUST_USE err_kind ledger_replace(int folder, const char *name, span content, bool is_durable,
                                 struct err_ctx *err);
