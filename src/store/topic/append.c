/* Appending: records gather in memory per topic and become rows when 1 MiB is full and at commit.
 * Before a row is written, room is made for it: the oldest batches of all topics go, counted. */
#include <assert.h>

#include "core/clock.h"
#include "topic/log.h"

/* Kept free for what is not a batch: positions, state, indexes. */
#define RESERVE_PAGES_MIN 64
#define RESERVE_DIVISOR   32

static uint64_t pages_max(const struct topic_log *log)
{
    return log->size_bytes_max / PAGE_BYTES;
}

static uint64_t reserve_pages(const struct topic_log *log)
{
    uint64_t share = pages_max(log) / RESERVE_DIVISOR;
    return share > RESERVE_PAGES_MIN ? share : RESERVE_PAGES_MIN;
}

err_kind append_batch_drop(struct topic_log *log, int64_t id, struct err_ctx *err)
{
    static const char sql[] = "DELETE FROM batch WHERE id = ?1";
    sqlite3_stmt *statement;
    err_kind kind = topic_log_statement(log, sql, &statement, err);
    if (kind != OK)
        return kind;
    sqlite3_bind_int64(statement, 1, id);
    return topic_log_step(log, statement, NULL, err);
}

static err_kind pages_used(struct topic_log *log, uint64_t *ret, struct err_ctx *err)
{
    static const char sql_count[] = "PRAGMA page_count";
    static const char sql_free[] = "PRAGMA freelist_count";
    int64_t count = 0, free_count = 0;
    err_kind kind = database_number(log, sql_count, &count, err);
    if (kind == OK)
        kind = database_number(log, sql_free, &free_count, err);
    if (kind == OK)
        *ret = (uint64_t)(count - free_count);
    return kind;
}

/* ---- trimming ---- */

/* Removes the oldest batch. *ret_is_empty: there is none. */
static err_kind trim_one(struct topic_log *log, bool *ret_is_empty, struct err_ctx *err)
{
    static const char sql_oldest[] =
        "SELECT id, topic, end_offset, count FROM batch ORDER BY id LIMIT 1";
    static const char sql_count[] =
        "UPDATE topic SET first_offset = ?2, trimmed_records = trimmed_records + ?3,"
        " trimmed_batches = trimmed_batches + 1 WHERE id = ?1";
    sqlite3_stmt *oldest, *count;
    bool has_row = false;
    err_kind kind = topic_log_statement(log, sql_oldest, &oldest, err);
    if (kind == OK)
        kind = topic_log_step(log, oldest, &has_row, err);
    if (kind != OK)
        return kind;
    *ret_is_empty = !has_row;
    if (!has_row)
        return OK;
    int64_t id = sqlite3_column_int64(oldest, 0), topic = sqlite3_column_int64(oldest, 1);
    int64_t end = sqlite3_column_int64(oldest, 2), records = sqlite3_column_int64(oldest, 3);
    sqlite3_reset(oldest);
    kind = append_batch_drop(log, id, err);
    if (kind == OK)
        kind = topic_log_statement(log, sql_count, &count, err);
    if (kind == OK) {
        sqlite3_bind_int64(count, 1, topic);
        sqlite3_bind_int64(count, 2, end);
        sqlite3_bind_int64(count, 3, records);
        kind = topic_log_step(log, count, NULL, err);
    }
    return kind;
}

/* Until `need` pages and the reserve are free, or no batch is left. */
static err_kind trim_until(struct topic_log *log, uint64_t need, struct err_ctx *err)
{
    need += reserve_pages(log);
    for (;;) {
        uint64_t used = 0;
        bool is_empty = false;
        err_kind kind = pages_used(log, &used, err);
        if (kind != OK || used + need <= pages_max(log))
            return kind;
        kind = trim_one(log, &is_empty, err);
        if (kind != OK || is_empty)
            return kind;
    }
}

err_kind append_bound(struct topic_log *log, struct err_ctx *err)
{
    static const char sql_count[] = "PRAGMA page_count";
    char text[64];
    int64_t count = 0;
    err_kind kind = database_number(log, sql_count, &count, err);
    if (kind == OK && (uint64_t)count > pages_max(log)) {
        kind = topic_begin(log, err);
        if (kind == OK)
            kind = trim_until(log, 0, err);
        if (kind == OK)
            kind = database_run(log, "PRAGMA incremental_vacuum", err);
        if (kind == OK)
            kind = topic_commit(log, err);
        if (kind == OK)
            kind = database_run(log, "PRAGMA wal_checkpoint(TRUNCATE)", err);
    }
    /* What has no batches to give (state, positions) meets SQLite's own limit instead. */
    snprintf(text, sizeof text, "PRAGMA max_page_count = %llu", (unsigned long long)pages_max(log));
    return kind == OK ? database_run(log, text, err) : kind;
}

/* ---- topics ---- */

static err_kind topic_load(struct topic_log *log, struct topic_entry *entry, struct err_ctx *err)
{
    static const char sql_make[] = "INSERT OR IGNORE INTO topic (name) VALUES (?1)";
    static const char sql_read[] = "SELECT id, next_offset FROM topic WHERE name = ?1";
    sqlite3_stmt *make, *read;
    bool has_row = false;
    err_kind kind = topic_log_statement(log, sql_make, &make, err);
    if (kind == OK) {
        statement_bind_text(make, 1, entry->name);
        kind = topic_log_step(log, make, NULL, err);
    }
    if (kind == OK)
        kind = topic_log_statement(log, sql_read, &read, err);
    if (kind == OK) {
        statement_bind_text(read, 1, entry->name);
        kind = topic_log_step(log, read, &has_row, err);
    }
    if (kind != OK)
        return kind;
    assert(has_row);
    entry->id = sqlite3_column_int64(read, 0);
    entry->end = (uint64_t)sqlite3_column_int64(read, 1);
    sqlite3_reset(read);
    return OK;
}

static err_kind topic_find(struct topic_log *log, const char *name, struct topic_entry **ret,
                           struct err_ctx *err)
{
    for (size_t index = 0; index < log->topic_count; index++) {
        if (strcmp(log->topics[index].name, name) == 0) {
            *ret = &log->topics[index];
            return OK;
        }
    }
    if (!name[0] || strlen(name) > TOPIC_NAME_BYTES_MAX || log->topic_count == TOPIC_COUNT_MAX)
        return err_set(err, ERR_LIMIT, "a topic's name has 1 to %d bytes, and there are at most %d",
                       TOPIC_NAME_BYTES_MAX, TOPIC_COUNT_MAX);
    struct topic_entry *entry = &log->topics[log->topic_count];
    snprintf(entry->name, sizeof entry->name, "%s", name);
    entry->pending.size_max = BATCH_BYTES_MAX;
    err_kind kind = topic_load(log, entry, err);
    if (kind != OK)
        return kind;
    log->topic_count++;
    *ret = entry;
    return OK;
}

/* ---- rows ---- */

static err_kind row_write(struct topic_log *log, struct topic_entry *entry, span packed,
                          struct err_ctx *err)
{
    static const char sql[] = "INSERT INTO batch (topic, end_offset, count, time_wall_ns, body)"
                              " VALUES (?1, ?2, ?3, ?4, ?5)";
    /* The chain of overflow pages, and as many again as trees may split or be rebalanced. */
    err_kind kind = trim_until(log, packed.len / (PAGE_BYTES - 64) + 16, err);
    sqlite3_stmt *statement;
    if (kind == OK)
        kind = topic_log_statement(log, sql, &statement, err);
    if (kind != OK)
        return kind;
    sqlite3_bind_int64(statement, 1, entry->id);
    sqlite3_bind_int64(statement, 2, (int64_t)entry->end);
    sqlite3_bind_int64(statement, 3, entry->pending_count);
    sqlite3_bind_int64(statement, 4, (int64_t)clock_wall_ns());
    statement_bind_span(statement, 5, packed);
    return topic_log_step(log, statement, NULL, err);
}

static err_kind topic_flush(struct topic_log *log, struct topic_entry *entry, struct err_ctx *err)
{
    if (!entry->pending_count)
        return OK;
    if (!log->compressor)
        log->compressor = ZSTD_createCCtx();
    if (!log->packed)
        log->packed = malloc(BATCH_PACKED_BYTES_MAX);
    if (!log->compressor || !log->packed)
        return err_set(err, ERR_LIMIT, "out of memory");
    span packed;
    err_kind kind =
        batch_pack(writer_span(&entry->pending), log->compressor, log->packed, &packed, err);
    if (kind == OK)
        kind = row_write(log, entry, packed, err);
    writer_reset(&entry->pending);
    entry->pending_count = 0;
    return kind;
}

err_kind topic_append(struct topic_log *log, const char *topic, span key, span value,
                      uint64_t *ret_offset, struct err_ctx *err)
{
    assert(log->is_in_transaction);
    struct topic_entry *entry = NULL;
    err_kind kind = OK;
    if (key.len > TOPIC_RECORD_BYTES_MAX || value.len > TOPIC_RECORD_BYTES_MAX ||
        key.len + value.len > TOPIC_RECORD_BYTES_MAX)
        kind = err_set(err, ERR_LIMIT, "a record of %zu bytes, at most %d", key.len + value.len,
                       TOPIC_RECORD_BYTES_MAX);
    if (kind == OK)
        kind = topic_find(log, topic, &entry, err);
    if (kind == OK &&
        entry->pending.len + key.len + value.len + BATCH_RECORD_OVERHEAD > BATCH_BYTES_MAX)
        kind = topic_flush(log, entry, err);
    if (kind == OK) {
        batch_put(&entry->pending, key, value);
        if (entry->pending.is_full)
            kind = err_set(err, ERR_LIMIT, "out of memory");
    }
    if (kind != OK) {
        log->has_failed = true;
        return err_wrap(err, "store: append to '%s'", topic);
    }
    entry->pending_count++;
    entry->is_touched = true;
    if (ret_offset)
        *ret_offset = entry->end;
    entry->end++;
    return OK;
}

err_kind append_flush(struct topic_log *log, struct err_ctx *err)
{
    static const char sql[] = "UPDATE topic SET next_offset = ?2 WHERE id = ?1";
    for (size_t index = 0; index < log->topic_count; index++) {
        struct topic_entry *entry = &log->topics[index];
        if (!entry->is_touched)
            continue;
        sqlite3_stmt *statement;
        err_kind kind = topic_flush(log, entry, err);
        if (kind == OK)
            kind = topic_log_statement(log, sql, &statement, err);
        if (kind == OK) {
            sqlite3_bind_int64(statement, 1, entry->id);
            sqlite3_bind_int64(statement, 2, (int64_t)entry->end);
            kind = topic_log_step(log, statement, NULL, err);
        }
        if (kind != OK)
            return err_wrap(err, "topic '%s'", entry->name);
    }
    return OK;
}

void append_reset(struct topic_log *log, bool is_committed)
{
    for (size_t index = 0; index < log->topic_count; index++) {
        struct topic_entry *entry = &log->topics[index];
        writer_reset(&entry->pending);
        entry->pending_count = 0;
        entry->is_touched = false;
    }
    /* After a rollback ids and offsets are read again when they are needed. */
    if (!is_committed)
        log->topic_count = 0;
}
