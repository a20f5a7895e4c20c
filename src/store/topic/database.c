/* Thin helpers over SQLite: errors, cached statements, bindings. */
#include <assert.h>
#include <errno.h>

#include "topic/log.h"

err_kind database_error(struct topic_log *log, const char *doing, struct err_ctx *err)
{
    int extended = sqlite3_extended_errcode(log->db);
    const char *text = sqlite3_errmsg(log->db);
    log->has_failed = true;
    switch (extended & 0xff) {
    case SQLITE_FULL:
        return err_set(err, ERR_LIMIT, "%s: the disk is full, or the store is at its bound", doing);
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return err_set(err, ERR_STATE, "%s: 'picket.db' is damaged or not a store: %s", doing,
                       text);
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return err_set(err, ERR_STATE, "%s: 'picket.db' is locked by another process", doing);
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_AUTH:
        return err_set(err, ERR_DENIED, "%s: 'picket.db' may not be written: %s", doing, text);
    case SQLITE_CONSTRAINT:
        return err_set(err, ERR_STATE, "%s: %s", doing, text);
    default:
        break;
    }
    errno = sqlite3_system_errno(log->db);
    if (errno == EACCES || errno == EPERM || errno == EROFS)
        return err_set(err, ERR_DENIED, "%s: 'picket.db': %s: %s", doing, text, strerror(errno));
    return err_set(err, ERR_SYSTEM, "%s: 'picket.db': %s", doing, text);
}

err_kind database_run(struct topic_log *log, const char *sql, struct err_ctx *err)
{
    if (sqlite3_exec(log->db, sql, NULL, NULL, NULL) != SQLITE_OK)
        return database_error(log, sql, err);
    return OK;
}

err_kind database_number(struct topic_log *log, const char *sql, int64_t *ret, struct err_ctx *err)
{
    sqlite3_stmt *statement = NULL;
    bool has_row = false;
    err_kind kind = topic_log_statement(log, sql, &statement, err);
    if (kind == OK)
        kind = topic_log_step(log, statement, &has_row, err);
    if (kind != OK)
        return kind;
    int64_t number = has_row ? sqlite3_column_int64(statement, 0) : 0;
    sqlite3_reset(statement);
    *ret = number;
    return OK;
}

sqlite3 *topic_log_database(struct topic_log *log)
{
    return log->db;
}

err_kind topic_log_statement(struct topic_log *log, const char *sql, sqlite3_stmt **ret,
                             struct err_ctx *err)
{
    for (size_t index = 0; index < log->statement_count; index++) {
        if (log->statement_sql[index] == sql) {
            sqlite3_reset(log->statements[index]);
            *ret = log->statements[index];
            return OK;
        }
    }
    assert(log->statement_count < STATEMENT_COUNT_MAX);
    sqlite3_stmt *made = NULL;
    if (sqlite3_prepare_v3(log->db, sql, -1, SQLITE_PREPARE_PERSISTENT, &made, NULL) != SQLITE_OK)
        return database_error(log, "prepare", err);
    log->statement_sql[log->statement_count] = sql;
    log->statements[log->statement_count++] = made;
    *ret = made;
    return OK;
}

err_kind topic_log_step(struct topic_log *log, sqlite3_stmt *statement, bool *ret_has_row,
                        struct err_ctx *err)
{
    int result = sqlite3_step(statement);
    if (ret_has_row)
        *ret_has_row = result == SQLITE_ROW;
    if (result == SQLITE_ROW && ret_has_row)
        return OK;
    if (result == SQLITE_ROW || result == SQLITE_DONE) {
        sqlite3_reset(statement);
        return OK;
    }
    err_kind kind = database_error(log, sqlite3_sql(statement), err);
    sqlite3_reset(statement);
    return kind;
}

bool topic_log_is_in_transaction(const struct topic_log *log)
{
    return log->is_in_transaction;
}

void statement_bind_text(sqlite3_stmt *statement, int index, const char *text)
{
    sqlite3_bind_text(statement, index, text, -1, SQLITE_STATIC);
}

void statement_bind_span(sqlite3_stmt *statement, int index, span bytes)
{
    if (!bytes.data)
        sqlite3_bind_null(statement, index);
    else /* SQLite takes a NULL pointer as NULL, and an empty blob needs one that is not */
        sqlite3_bind_blob64(statement, index, bytes.data, bytes.len, SQLITE_STATIC);
}

span statement_span(sqlite3_stmt *statement, int column)
{
    if (sqlite3_column_type(statement, column) == SQLITE_NULL)
        return (span){NULL, 0};
    const void *data = sqlite3_column_blob(statement, column);
    size_t len = (size_t)sqlite3_column_bytes(statement, column);
    return span_of(data ? data : "", data ? len : 0);
}
