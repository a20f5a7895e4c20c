/* Reading a topic batch by batch. */
#include <assert.h>

#include "topic/log.h"

struct topic_reader {
    struct topic_log *log;
    char topic[TOPIC_NAME_BYTES_MAX + 1];
    uint64_t offset; /* of the next record to be given */
    ZSTD_DCtx *decompressor;
    uint8_t *buffer;      /* BATCH_BYTES_MAX */
    span batch;           /* unpacked, in buffer */
    span rest;            /* of batch, from batch_offset on */
    uint64_t batch_first; /* offset of the batch's first record */
    uint64_t batch_end;   /* and behind its last; 0: no batch yet */
    uint64_t rest_offset; /* of the record that `rest` begins with */
    uint64_t time_wall_ns;
};

err_kind topic_reader_open(struct topic_log *log, const char *topic, uint64_t offset,
                           struct topic_reader **ret, struct err_ctx *err)
{
    if (!topic[0] || strlen(topic) > TOPIC_NAME_BYTES_MAX)
        return err_set(err, ERR_LIMIT, "store: a topic's name has 1 to %d bytes",
                       TOPIC_NAME_BYTES_MAX);
    struct topic_reader *reader = calloc(1, sizeof *reader);
    if (!reader)
        return err_set(err, ERR_LIMIT, "store: out of memory");
    reader->log = log;
    reader->offset = offset;
    snprintf(reader->topic, sizeof reader->topic, "%s", topic);
    reader->decompressor = ZSTD_createDCtx();
    reader->buffer = malloc(BATCH_BYTES_MAX);
    if (!reader->decompressor || !reader->buffer) {
        topic_reader_close(reader);
        return err_set(err, ERR_LIMIT, "store: out of memory");
    }
    *ret = reader;
    return OK;
}

void topic_reader_close(struct topic_reader *reader)
{
    if (!reader)
        return;
    ZSTD_freeDCtx(reader->decompressor);
    free(reader->buffer);
    free(reader);
}

void topic_reader_seek(struct topic_reader *reader, uint64_t offset)
{
    reader->offset = offset;
    if (offset < reader->rest_offset) {
        reader->rest = reader->batch;
        reader->rest_offset = reader->batch_first;
    }
}

/* Loads the batch that holds reader->offset or the first one behind it. */
static err_kind batch_load(struct topic_reader *reader, bool *ret_is_end, struct err_ctx *err)
{
    /* next_offset is written at commit: rows of the open transaction lie behind it. */
    static const char sql[] =
        "SELECT b.end_offset, b.count, b.time_wall_ns, b.body FROM batch b, topic t"
        " WHERE t.name = ?1 AND b.topic = t.id AND b.end_offset > ?2"
        " AND b.end_offset <= t.next_offset ORDER BY b.end_offset LIMIT 1";
    struct topic_log *log = reader->log;
    sqlite3_stmt *statement;
    bool has_row = false;
    err_kind kind = topic_log_statement(log, sql, &statement, err);
    if (kind != OK)
        return kind;
    statement_bind_text(statement, 1, reader->topic);
    sqlite3_bind_int64(statement, 2, (int64_t)reader->offset);
    kind = topic_log_step(log, statement, &has_row, err);
    if (kind != OK)
        return kind;
    *ret_is_end = !has_row;
    if (!has_row)
        return OK;
    uint64_t end = (uint64_t)sqlite3_column_int64(statement, 0);
    uint64_t count = (uint64_t)sqlite3_column_int64(statement, 1);
    uint64_t time_wall_ns = (uint64_t)sqlite3_column_int64(statement, 2);
    reader->batch_end = 0;
    kind = batch_unpack(statement_span(statement, 3), reader->decompressor, reader->buffer,
                        &reader->batch, err);
    sqlite3_reset(statement);
    if (kind == OK && (count == 0 || count > end))
        kind = err_set(err, ERR_STATE, "damaged batch: %llu records before offset %llu",
                       (unsigned long long)count, (unsigned long long)end);
    if (kind != OK)
        return kind;
    reader->batch_end = end;
    reader->batch_first = end - count;
    reader->time_wall_ns = time_wall_ns;
    reader->rest = reader->batch;
    reader->rest_offset = reader->batch_first;
    if (reader->offset < reader->batch_first)
        reader->offset = reader->batch_first;
    return OK;
}

/* Takes records until the one at reader->offset. */
static err_kind record_take(struct topic_reader *reader, struct topic_record *ret,
                            struct err_ctx *err)
{
    struct topic_record record = {.time_wall_ns = reader->time_wall_ns};
    do {
        if (!batch_take(&reader->rest, &record.key, &record.value)) {
            reader->batch_end = 0;
            return err_set(err, ERR_STATE, "damaged batch: record %llu is not whole",
                           (unsigned long long)reader->rest_offset);
        }
        record.offset = reader->rest_offset++;
    } while (record.offset < reader->offset);
    reader->offset = record.offset + 1;
    *ret = record;
    return OK;
}

err_kind topic_reader_next(struct topic_reader *reader, struct topic_record *ret, bool *ret_is_end,
                           struct err_ctx *err)
{
    bool is_end = false;
    err_kind kind = OK;
    if (reader->offset >= reader->batch_end || reader->offset < reader->batch_first)
        kind = batch_load(reader, &is_end, err);
    if (kind == OK && !is_end)
        kind = record_take(reader, ret, err);
    if (kind != OK)
        return err_wrap(err, "store: topic '%s' at %llu", reader->topic,
                        (unsigned long long)reader->offset);
    *ret_is_end = is_end;
    return OK;
}

err_kind topic_info_get(struct topic_log *log, const char *topic, struct topic_info *ret,
                        struct err_ctx *err)
{
    static const char sql[] = "SELECT first_offset, next_offset, trimmed_records, trimmed_batches"
                              " FROM topic WHERE name = ?1";
    sqlite3_stmt *statement;
    bool has_row = false;
    err_kind kind = topic_log_statement(log, sql, &statement, err);
    if (kind == OK) {
        statement_bind_text(statement, 1, topic);
        kind = topic_log_step(log, statement, &has_row, err);
    }
    if (kind != OK)
        return err_wrap(err, "store: topic '%s'", topic);
    *ret = (struct topic_info){0};
    if (has_row)
        *ret = (struct topic_info){
            .first = (uint64_t)sqlite3_column_int64(statement, 0),
            .end = (uint64_t)sqlite3_column_int64(statement, 1),
            .trimmed_records = (uint64_t)sqlite3_column_int64(statement, 2),
            .trimmed_batches = (uint64_t)sqlite3_column_int64(statement, 3),
        };
    sqlite3_reset(statement);
    return OK;
}

err_kind topic_backlog_get(struct topic_log *log, const char *topic, uint64_t offset,
                           struct topic_backlog *ret, struct err_ctx *err)
{
    static const char sql[] =
        "SELECT total(length(body)), min(time_wall_ns) FROM batch"
        " WHERE topic = (SELECT id FROM topic WHERE name = ?1) AND end_offset > ?2";
    sqlite3_stmt *statement;
    bool has_row = false;
    err_kind kind = topic_log_statement(log, sql, &statement, err);
    if (kind == OK) {
        statement_bind_text(statement, 1, topic);
        sqlite3_bind_int64(statement, 2, (sqlite3_int64)offset);
        kind = topic_log_step(log, statement, &has_row, err);
    }
    if (kind != OK)
        return err_wrap(err, "store: topic '%s'", topic);
    *ret = (struct topic_backlog){0};
    if (has_row)
        *ret = (struct topic_backlog){
            .bytes = (uint64_t)sqlite3_column_double(statement, 0),
            .oldest_wall_ns = (uint64_t)sqlite3_column_int64(statement, 1),
        };
    sqlite3_reset(statement);
    return OK;
}

err_kind topic_size_get(struct topic_log *log, struct topic_size *ret, struct err_ctx *err)
{
    static const char sql_count[] = "PRAGMA page_count";
    static const char sql_free[] = "PRAGMA freelist_count";
    int64_t count = 0, free_count = 0;
    err_kind kind = database_number(log, sql_count, &count, err);
    if (kind == OK)
        kind = database_number(log, sql_free, &free_count, err);
    if (kind != OK)
        return err_wrap(err, "store: size");
    *ret = (struct topic_size){.used_bytes = (uint64_t)(count - free_count) * PAGE_BYTES,
                               .file_bytes = (uint64_t)count * PAGE_BYTES,
                               .size_bytes_max = log->size_bytes_max};
    return OK;
}
