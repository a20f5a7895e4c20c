/* Opening and closing, transactions, positions and keyed state. */
#include "topic/log.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include <sys/file.h>
#include <sys/stat.h>

#include "core/cleanup.h"
#include "topic/topic.h"

#define SIZE_BYTES_DEFAULT    (1024ull * 1024 * 1024)
#define BUSY_MS_MAX           5000
#define STATE_VALUE_BYTES_MAX (1024 * 1024)

/* The lock lies in a file of its own: SQLite's locks on picket.db would end with any descriptor of
 * that file that this process closes (fcntl(2), "advisory record locking"). */
static err_kind writer_lock(struct topic_log *log, struct err_ctx *err)
{
    log->lock_fd =
        openat(log->dir_fd, "picket.lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (log->lock_fd < 0)
        return err_set(
            err, errno == EACCES || errno == EPERM || errno == EROFS ? ERR_DENIED : ERR_SYSTEM,
            "'picket.lock': %s", strerror(errno));
    if (flock(log->lock_fd, LOCK_EX | LOCK_NB) == 0) {
        /* For the message below only; a full disk may leave it empty. */
        if (ftruncate(log->lock_fd, 0) != 0 || dprintf(log->lock_fd, "%d\n", getpid()) < 0)
            errno = 0;
        return OK;
    }
    if (errno != EWOULDBLOCK)
        return err_set(err, ERR_SYSTEM, "lock 'picket.lock'");
    char holder[24] = "";
    ssize_t length = pread(log->lock_fd, holder, sizeof holder - 1, 0);
    if (length > 0 && holder[length - 1] == '\n')
        holder[length - 1] = 0;
    return err_set(err, ERR_STATE, "the store is in use: process %s writes it",
                   length > 0 ? holder : "(unknown)");
}

static err_kind database_open(struct topic_log *log, struct err_ctx *err)
{
    char path[DIRFD_PATH_BYTES];
    struct stat info;
    if (log->is_read_only && fstatat(log->dir_fd, "picket.db", &info, AT_SYMLINK_NOFOLLOW) != 0 &&
        errno == ENOENT)
        return err_set(err, ERR_STATE, "there is no store in this directory yet");
    dirfd_path(path, log->dir_fd, "picket.db");
    int flags =
        log->is_read_only ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
    if (sqlite3_open_v2(path, &log->db, flags | SQLITE_OPEN_EXRESCODE | SQLITE_OPEN_NOMUTEX,
                        "unix") != SQLITE_OK)
        return log->db ? database_error(log, "open", err)
                       : err_set(err, ERR_LIMIT, "out of memory");
    sqlite3_busy_timeout(log->db, BUSY_MS_MAX);
    sqlite3_db_config(log->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    sqlite3_db_config(log->db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    sqlite3_limit(log->db, SQLITE_LIMIT_ATTACHED, 0);
    return database_run(log,
                        "PRAGMA temp_store = MEMORY; PRAGMA cache_size = -4096;"
                        "PRAGMA mmap_size = 0; PRAGMA cell_size_check = ON;",
                        err);
}

/* The WAL and its index are kept when the writer ends, so that readers who may not make files can
 * open the store then too. */
static err_kind writer_prepare(struct topic_log *log, struct err_ctx *err)
{
    int persist = 1;
    sqlite3_file_control(log->db, "main", SQLITE_FCNTL_PERSIST_WAL, &persist);
    err_kind kind = database_run(log,
                                 "PRAGMA page_size = 4096; PRAGMA auto_vacuum = INCREMENTAL;"
                                 "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;"
                                 "PRAGMA wal_autocheckpoint = 1000;"
                                 "PRAGMA journal_size_limit = 8388608;",
                                 err);
    if (kind == OK)
        kind = schema_open(log, err);
    if (kind == OK)
        kind = append_bound(log, err);
    return kind;
}

err_kind topic_log_open(int dir_fd, const struct topic_options *options, struct topic_log **ret,
                        struct err_ctx *err)
{
    assert(dir_fd >= 0);
    uint64_t size = options->size_bytes_max ? options->size_bytes_max : SIZE_BYTES_DEFAULT;
    if (size < TOPIC_SIZE_BYTES_MIN)
        return err_set(err, ERR_INPUT, "a store of %llu bytes is too small: at least %d",
                       (unsigned long long)size, TOPIC_SIZE_BYTES_MIN);
    struct topic_log *log = calloc(1, sizeof *log);
    if (!log)
        return err_set(err, ERR_LIMIT, "out of memory");
    log->lock_fd = -1;
    log->size_bytes_max = size;
    log->is_read_only = options->is_read_only;
    writer_init(&log->state, STATE_VALUE_BYTES_MAX * 2);
    writer_init(&log->state_next, STATE_VALUE_BYTES_MAX * 2);
    log->dir_fd = fcntl(dir_fd, F_DUPFD_CLOEXEC, 3);
    err_kind kind =
        log->dir_fd < 0 ? err_set(err, ERR_SYSTEM, "the store's directory") : dirfd_register(err);
    if (kind == OK && !log->is_read_only)
        kind = writer_lock(log, err);
    if (kind == OK)
        kind = database_open(log, err);
    if (kind == OK)
        kind = log->is_read_only ? schema_open(log, err) : writer_prepare(log, err);
    if (kind != OK) {
        topic_log_close(log);
        return err_wrap(err, "store");
    }
    log->has_failed = false;
    *ret = log;
    return OK;
}

void topic_log_close(struct topic_log *log)
{
    if (!log)
        return;
    topic_abort(log);
    for (size_t index = 0; index < log->statement_count; index++)
        sqlite3_finalize(log->statements[index]);
    int closed = sqlite3_close(log->db);
    assert(closed == SQLITE_OK); /* a reader was left open */
    for (size_t index = 0; index < TOPIC_COUNT_MAX; index++)
        writer_free(&log->topics[index].pending);
    ZSTD_freeCCtx(log->compressor);
    free(log->packed);
    writer_free(&log->state);
    writer_free(&log->state_next);
    auto_close(&log->lock_fd);
    auto_close(&log->dir_fd);
    free(log);
}

/* ---- transactions ---- */

err_kind topic_begin(struct topic_log *log, struct err_ctx *err)
{
    assert(!log->is_in_transaction);
    if (log->is_read_only)
        return err_set(err, ERR_DENIED, "store: opened read-only");
    static const char sql[] = "BEGIN IMMEDIATE";
    sqlite3_stmt *statement;
    log->has_failed = false;
    err_kind kind = topic_log_statement(log, sql, &statement, err);
    if (kind == OK)
        kind = topic_log_step(log, statement, NULL, err);
    if (kind != OK)
        return err_wrap(err, "store");
    log->is_in_transaction = true;
    return OK;
}

err_kind topic_durable(struct topic_log *log, bool is_durable, struct err_ctx *err)
{
    assert(!log->is_in_transaction);
    if (log->is_durable == is_durable)
        return OK;
    err_kind kind = database_run(
        log, is_durable ? "PRAGMA synchronous = FULL" : "PRAGMA synchronous = NORMAL", err);
    if (kind != OK)
        return err_wrap(err, "store");
    log->is_durable = is_durable;
    return OK;
}

err_kind topic_commit(struct topic_log *log, struct err_ctx *err)
{
    assert(log->is_in_transaction);
    static const char sql[] = "COMMIT";
    sqlite3_stmt *statement;
    err_kind kind = log->has_failed
                        ? err_set(err, ERR_STATE, "an earlier step of the transaction failed")
                        : append_flush(log, err);
    if (kind == OK)
        kind = topic_log_statement(log, sql, &statement, err);
    if (kind == OK)
        kind = topic_log_step(log, statement, NULL, err);
    if (kind != OK) {
        topic_abort(log);
        return err_wrap(err, "store: nothing was committed");
    }
    log->is_in_transaction = false;
    append_reset(log, true);
    return OK;
}

void topic_abort(struct topic_log *log)
{
    if (!log->is_in_transaction)
        return;
    for (size_t index = 0; index < log->statement_count; index++)
        sqlite3_reset(log->statements[index]);
    /* After a full disk or an I/O error SQLite may have rolled back by itself. */
    if (!sqlite3_get_autocommit(log->db))
        sqlite3_exec(log->db, "ROLLBACK", NULL, NULL, NULL);
    log->is_in_transaction = false;
    log->has_failed = false;
    append_reset(log, false);
}

/* ---- positions ---- */

static span span_or_empty(span bytes)
{
    return bytes.data ? bytes : SPAN("");
}

err_kind topic_position_put(struct topic_log *log, const char *consumer, span input,
                            uint64_t position, struct err_ctx *err)
{
    assert(log->is_in_transaction);
    static const char sql[] = "INSERT INTO position VALUES (?1, ?2, ?3)"
                              " ON CONFLICT DO UPDATE SET position = excluded.position";
    sqlite3_stmt *statement;
    err_kind kind = topic_log_statement(log, sql, &statement, err);
    if (kind != OK)
        return err_wrap(err, "store: position of '%s'", consumer);
    statement_bind_text(statement, 1, consumer);
    statement_bind_span(statement, 2, span_or_empty(input));
    sqlite3_bind_int64(statement, 3, (int64_t)position);
    kind = topic_log_step(log, statement, NULL, err);
    return kind == OK ? OK : err_wrap(err, "store: position of '%s'", consumer);
}

err_kind topic_position_get(struct topic_log *log, const char *consumer, span input,
                            uint64_t *ret_position, bool *ret_is_known, struct err_ctx *err)
{
    static const char sql[] = "SELECT position FROM position WHERE consumer = ?1 AND input = ?2";
    sqlite3_stmt *statement;
    bool has_row = false;
    err_kind kind = topic_log_statement(log, sql, &statement, err);
    if (kind == OK) {
        statement_bind_text(statement, 1, consumer);
        statement_bind_span(statement, 2, span_or_empty(input));
        kind = topic_log_step(log, statement, &has_row, err);
    }
    if (kind != OK)
        return err_wrap(err, "store: position of '%s'", consumer);
    *ret_position = has_row ? (uint64_t)sqlite3_column_int64(statement, 0) : 0;
    *ret_is_known = has_row;
    sqlite3_reset(statement);
    return OK;
}

/* ---- keyed state ---- */

err_kind topic_state_put(struct topic_log *log, const char *stage, span key, span value,
                         struct err_ctx *err)
{
    assert(log->is_in_transaction);
    static const char sql_put[] = "INSERT INTO state VALUES (?1, ?2, ?3)"
                                  " ON CONFLICT DO UPDATE SET value = excluded.value";
    static const char sql_delete[] = "DELETE FROM state WHERE stage = ?1 AND key = ?2";
    if (key.len + value.len > STATE_VALUE_BYTES_MAX) {
        log->has_failed = true;
        return err_set(err, ERR_LIMIT, "store: state of '%s': %zu bytes, at most %d", stage,
                       key.len + value.len, STATE_VALUE_BYTES_MAX);
    }
    sqlite3_stmt *statement;
    err_kind kind = topic_log_statement(log, value.data ? sql_put : sql_delete, &statement, err);
    if (kind == OK) {
        statement_bind_text(statement, 1, stage);
        statement_bind_span(statement, 2, span_or_empty(key));
        if (value.data)
            statement_bind_span(statement, 3, value);
        kind = topic_log_step(log, statement, NULL, err);
    }
    return kind == OK ? OK : err_wrap(err, "store: state of '%s'", stage);
}

/* Copies key and value of the statement's row into `log->state`. */
static err_kind state_copy(struct topic_log *log, sqlite3_stmt *statement, span *ret_key,
                           span *ret_value, struct err_ctx *err)
{
    struct writer swap = log->state;
    log->state = log->state_next;
    log->state_next = swap;
    writer_reset(&log->state);
    span key = statement_span(statement, 0), value = statement_span(statement, 1);
    size_t key_len = key.len, value_len = value.len;
    writer_put(&log->state, key);
    writer_put(&log->state, value);
    writer_byte(&log->state, 0); /* so that empty values have an address too */
    sqlite3_reset(statement);
    if (log->state.is_full)
        return err_set(err, ERR_LIMIT, "a value of %zu bytes is over the limit or memory is out",
                       value_len);
    *ret_key = span_of(log->state.data, key_len);
    *ret_value = span_of(log->state.data + key_len, value_len);
    return OK;
}

static err_kind state_find(struct topic_log *log, const char *sql, const char *stage, span key,
                           span *ret_key, span *ret_value, struct err_ctx *err)
{
    sqlite3_stmt *statement;
    bool has_row = false;
    err_kind kind = topic_log_statement(log, sql, &statement, err);
    if (kind == OK) {
        statement_bind_text(statement, 1, stage);
        statement_bind_span(statement, 2, key);
        kind = topic_log_step(log, statement, &has_row, err);
    }
    if (kind == OK && has_row)
        kind = state_copy(log, statement, ret_key, ret_value, err);
    else if (kind == OK)
        *ret_key = *ret_value = (span){NULL, 0};
    return kind == OK ? OK : err_wrap(err, "store: state of '%s'", stage);
}

err_kind topic_state_get(struct topic_log *log, const char *stage, span key, span *ret_value,
                         struct err_ctx *err)
{
    static const char sql[] = "SELECT NULL, value FROM state WHERE stage = ?1 AND key = ?2";
    span no_key;
    return state_find(log, sql, stage, span_or_empty(key), &no_key, ret_value, err);
}

err_kind topic_state_next(struct topic_log *log, const char *stage, span after, span *ret_key,
                          span *ret_value, struct err_ctx *err)
{
    static const char sql_first[] =
        "SELECT key, value FROM state WHERE stage = ?1 AND ?2 IS NULL ORDER BY key LIMIT 1";
    static const char sql_next[] =
        "SELECT key, value FROM state WHERE stage = ?1 AND key > ?2 ORDER BY key LIMIT 1";
    return state_find(log, after.data ? sql_next : sql_first, stage, after, ret_key, ret_value,
                      err);
}
