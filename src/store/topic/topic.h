/* The log of topics, local implementation: SQLite (WAL), one file. A topic is a sequence of records
 * numbered from 0; a row holds a batch of them (at most 1 MiB, zstd, with its offset range).
 * Outputs, state and input position of a stage are committed in one transaction, or none of them.
 * One writer process; readers open it read-only by themselves. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "core/error.h"
#include "core/span.h"

struct topic_log;
struct topic_reader;

struct topic_options {
    bool is_read_only;
    uint64_t size_bytes_max; /* of the store; 0: 1 GiB. Over it the oldest batches go, counted */
};

/* Opens DIR/picket.db, where DIR is a directory descriptor (borrowed; the caller need not be able
 * to reach it by path). Makes and migrates the schema unless read-only. */
MUST_USE err_kind topic_log_open(int dir_fd, const struct topic_options *options,
                                 struct topic_log **ret, struct err_ctx *err);
void topic_log_close(struct topic_log *log);

/* ---- one transaction at a time ---- */
MUST_USE err_kind topic_begin(struct topic_log *log, struct err_ctx *err);
/* Appends; ret_offset is the record's number in its topic. */
MUST_USE err_kind topic_append(struct topic_log *log, const char *topic, span key, span value,
                               uint64_t *ret_offset, struct err_ctx *err);
/* Where a consumer (a stage) stands on an input: any 64-bit number and a tag that says what it is a
 * position of (a topic, a ring's id, a file's inode). */
MUST_USE err_kind topic_position_put(struct topic_log *log, const char *consumer, span input,
                                     uint64_t position, struct err_ctx *err);
/* Keyed state of a stage; value.data NULL deletes. */
MUST_USE err_kind topic_state_put(struct topic_log *log, const char *stage, span key, span value,
                                  struct err_ctx *err);
MUST_USE err_kind topic_commit(struct topic_log *log, struct err_ctx *err);
void topic_abort(struct topic_log *log);

/* ---- reading ---- */
bool topic_position_get(struct topic_log *log, const char *consumer, span input,
                        uint64_t *ret_position);
/* The value is copied into a buffer that the log owns, valid until the next call. */
bool topic_state_get(struct topic_log *log, const char *stage, span key, span *ret_value);
struct topic_record {
    uint64_t offset;
    span key, value; /* borrowed until the next topic_reader_next */
};
/* Reads from `offset` on (or from the oldest that is left, whichever is later). */
MUST_USE err_kind topic_reader_open(struct topic_log *log, const char *topic, uint64_t offset,
                                    struct topic_reader **ret, struct err_ctx *err);
/* OK with ret->key.data and value.data NULL at the end: call again later. */
MUST_USE err_kind topic_reader_next(struct topic_reader *reader, struct topic_record *ret,
                                    bool *ret_is_end, struct err_ctx *err);
void topic_reader_close(struct topic_reader *reader);
uint64_t topic_end(struct topic_log *log, const char *topic); /* the next offset to be given */
