/* The log of topics: what stages read from and write to. A topic is a sequence of records numbered
 * from 0. Outputs, state and input position of a stage are committed in one transaction, or none
 * of them. One writer process; readers open it by themselves, read-only.
 *
 * This is the local implementation: SQLite (WAL), one file in one directory. A row holds a batch of
 * records (at most 1 MiB before zstd). See README.md for what survives what. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "core/error.h"
#include "core/span.h"

struct topic_log;
struct topic_reader;

#define TOPIC_NAME_BYTES_MAX   63
#define TOPIC_COUNT_MAX        32
#define TOPIC_RECORD_BYTES_MAX (1024 * 1024 - 16) /* key and value together */
#define TOPIC_SIZE_BYTES_MIN   (4 * 1024 * 1024)  /* the least bound of a store */

struct topic_options {
    bool is_read_only;
    uint64_t size_bytes_max; /* of the store; 0: 1 GiB. Over it the oldest batches go, counted */
};

/* Opens picket.db in the directory `dir_fd` (borrowed; only the directory itself must be open to
 * the caller, not the way to it). Unless read-only: makes and migrates the schema and takes the
 * writer's lock. ERR_STATE: a second writer, a newer version, a damaged or foreign file, nothing to
 * read yet; ERR_DENIED: missing rights; ERR_SYSTEM: disk full, I/O. */
MUST_USE err_kind topic_log_open(int dir_fd, const struct topic_options *options,
                                 struct topic_log **ret, struct err_ctx *err);
/* Takes NULL. An open transaction is aborted; readers must be closed before. */
void topic_log_close(struct topic_log *log);

/* ---- one transaction at a time ----
 * When a call between begin and commit fails, the transaction can only be aborted; topic_commit
 * does that itself when it fails. After either the log is ready for the next topic_begin. */
MUST_USE err_kind topic_begin(struct topic_log *log, struct err_ctx *err);
/* Appends; ret_offset (may be NULL) is the record's number in its topic. data NULL is kept apart
 * from empty, for key and value alike. ERR_LIMIT: over TOPIC_RECORD_BYTES_MAX. */
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
/* From now on a commit is on the disk when topic_commit returns (and with it all before it), so
 * that it outlives a power cut; or no longer. Between transactions. */
MUST_USE err_kind topic_durable(struct topic_log *log, bool is_durable, struct err_ctx *err);
/* Undoes the open transaction; none: does nothing. */
void topic_abort(struct topic_log *log);

/* ---- reading ----
 * Positions and state are seen as written, also inside the open transaction; records of a topic
 * only after their commit. */

/* *ret_is_known false, and *ret_position 0, when none was ever put. */
MUST_USE err_kind topic_position_get(struct topic_log *log, const char *consumer, span input,
                                     uint64_t *ret_position, bool *ret_is_known,
                                     struct err_ctx *err);
/* ret_value->data NULL: not there. It lies in a buffer of the log until the next topic_state_
 * call. */
MUST_USE err_kind topic_state_get(struct topic_log *log, const char *stage, span key,
                                  span *ret_value, struct err_ctx *err);
/* The first key of the stage behind `after` in byte order (data NULL: the very first) and its
 * value, in the same buffer; `after` may lie in it too. ret_key->data NULL: no more. */
MUST_USE err_kind topic_state_next(struct topic_log *log, const char *stage, span after,
                                   span *ret_key, span *ret_value, struct err_ctx *err);

struct topic_record {
    uint64_t offset;
    uint64_t time_wall_ns; /* when its batch was packed */
    span key, value;       /* borrowed until the next call on the reader */
};

/* Reads from `offset` on (or from the oldest that is left, whichever is later). Holds no snapshot
 * between calls: a slow reader does not keep the store from being checkpointed. */
MUST_USE err_kind topic_reader_open(struct topic_log *log, const char *topic, uint64_t offset,
                                    struct topic_reader **ret, struct err_ctx *err);
/* *ret_is_end true: nothing more for now, call again later; *ret is then untouched. */
MUST_USE err_kind topic_reader_next(struct topic_reader *reader, struct topic_record *ret,
                                    bool *ret_is_end, struct err_ctx *err);
/* Goes on at `offset`; quick inside the batch that was read last. */
void topic_reader_seek(struct topic_reader *reader, uint64_t offset);
void topic_reader_close(struct topic_reader *reader);

struct topic_info {
    uint64_t first;           /* the oldest offset that is left */
    uint64_t end;             /* the next offset to be given */
    uint64_t trimmed_records; /* gone to keep the store within its bound */
    uint64_t trimmed_batches;
};
/* All zero for a topic that has no record yet. */
MUST_USE err_kind topic_info_get(struct topic_log *log, const char *topic, struct topic_info *ret,
                                 struct err_ctx *err);

/* A reader that keeps its position elsewhere. */
struct topic_floor {
    const char *topic;
    uint64_t position; /* what it has not read yet */
};
/* Drops whole batches packed before a time, the oldest of each topic first, but none that a
 * consumer has not read to its end: those with a position on the topic (topic_position_put with the
 * topic as input), and `floors`. At most batch_max batches, in the open transaction. */
MUST_USE err_kind topic_expire(struct topic_log *log, uint64_t before_wall_ns,
                               const struct topic_floor *floors, size_t floor_count,
                               uint32_t batch_max, uint64_t *ret_records, struct err_ctx *err);

struct topic_backlog {
    uint64_t bytes;          /* as stored, of the batches that hold a record from there on */
    uint64_t oldest_wall_ns; /* when the first of them was packed; 0: there is none */
};
/* What a reader that stands at `offset` has before it. Grows with the batches that it looks at. */
MUST_USE err_kind topic_backlog_get(struct topic_log *log, const char *topic, uint64_t offset,
                                    struct topic_backlog *ret, struct err_ctx *err);

struct topic_size {
    uint64_t used_bytes; /* pages in use */
    uint64_t file_bytes; /* of picket.db, free pages included; the WAL comes on top */
    uint64_t size_bytes_max;
};
MUST_USE err_kind topic_size_get(struct topic_log *log, struct topic_size *ret,
                                 struct err_ctx *err);

/* ---- for store/state, which keeps tables of its own in the same file ---- */
struct sqlite3;
struct sqlite3_stmt;
struct sqlite3 *topic_log_database(struct topic_log *log);
/* A prepared statement, made once per `sql` (a constant, told by its address) and reset. */
MUST_USE err_kind topic_log_statement(struct topic_log *log, const char *sql,
                                      struct sqlite3_stmt **ret, struct err_ctx *err);
/* Steps a statement. *ret_has_row may be NULL when none is expected. Resets it unless there is a
 * row. A failure inside a transaction leaves it fit only for abort. */
MUST_USE err_kind topic_log_step(struct topic_log *log, struct sqlite3_stmt *statement,
                                 bool *ret_has_row, struct err_ctx *err);
bool topic_log_is_in_transaction(const struct topic_log *log);
