/* Private to store/topic: the log's inside. */
#pragma once

#include <sqlite3.h>
#include <zstd.h>

#include "core/writer.h"
#include "topic/batch.h"
#include "topic/topic.h"

#define PAGE_BYTES          4096
#define SCHEMA_VERSION      1
#define STATEMENT_COUNT_MAX 64
#define APPLICATION_ID      0x50434b54 /* "PCKT" */

struct topic_entry {
    char name[TOPIC_NAME_BYTES_MAX + 1];
    int64_t id;
    uint64_t end;           /* with what the open transaction has appended */
    struct writer pending;  /* packed records, not yet a row */
    uint32_t pending_count; /* in `pending` */
    bool is_touched;        /* by the open transaction */
};

struct topic_log {
    sqlite3 *db;
    int dir_fd;
    int lock_fd;
    bool is_read_only;
    bool is_in_transaction;
    bool is_durable; /* each commit is on the disk */
    bool has_failed; /* in the open transaction */
    uint64_t size_bytes_max;
    ZSTD_CCtx *compressor;
    uint8_t *packed;          /* BATCH_PACKED_BYTES_MAX, made with the first batch */
    struct writer state;      /* what topic_state_get and _next hand out */
    struct writer state_next; /* the same, so that `after` may lie in `state` */
    struct topic_entry topics[TOPIC_COUNT_MAX];
    size_t topic_count;
    const char *statement_sql[STATEMENT_COUNT_MAX];
    sqlite3_stmt *statements[STATEMENT_COUNT_MAX];
    size_t statement_count;
};

/* ---- dirfd.c ---- */
#define DIRFD_PATH_BYTES 64
/* Teaches SQLite's own VFS names that are relative to a descriptor. May be called again. */
MUST_USE err_kind dirfd_register(struct err_ctx *err);
/* The name under which SQLite opens `file` in the directory dir_fd. */
void dirfd_path(char path[static DIRFD_PATH_BYTES], int dir_fd, const char *file);

/* ---- schema.c ---- */
/* Checks that the file is ours and brings it to SCHEMA_VERSION; read-only: checks alone. */
MUST_USE err_kind schema_open(struct topic_log *log, struct err_ctx *err);

/* ---- database.c ---- */
/* Turns SQLite's last failure into ours. `doing` is put in front: "commit". */
err_kind database_error(struct topic_log *log, const char *doing, struct err_ctx *err);
MUST_USE err_kind database_run(struct topic_log *log, const char *sql, struct err_ctx *err);
/* The single whole number that `sql` (a constant) gives. */
MUST_USE err_kind database_number(struct topic_log *log, const char *sql, int64_t *ret,
                                  struct err_ctx *err);
void statement_bind_text(sqlite3_stmt *statement, int index, const char *text);
/* data NULL binds NULL. The bytes must live until the statement is reset. */
void statement_bind_span(sqlite3_stmt *statement, int index, span bytes);
/* Borrowed until the statement is stepped or reset; data NULL for NULL. */
span statement_span(sqlite3_stmt *statement, int column);

/* ---- append.c ---- */
/* Packs and writes what the transaction has appended, and makes room for it. */
MUST_USE err_kind append_flush(struct topic_log *log, struct err_ctx *err);
/* Removes one row; its topic's first offset is the caller's to move. */
MUST_USE err_kind append_batch_drop(struct topic_log *log, int64_t id, struct err_ctx *err);
/* Forgets it, after the commit or the rollback. */
void append_reset(struct topic_log *log, bool is_committed);
/* Brings a store that is over a lowered bound back under it, and sets SQLite's hard limit. */
MUST_USE err_kind append_bound(struct topic_log *log, struct err_ctx *err);
