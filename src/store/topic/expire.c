/* Age: batches that are older than was asked for go, unless somebody has yet to read them. */
#include <assert.h>

#include "topic/log.h"

struct oldest {
    int64_t id, topic, end, records;
    char name[TOPIC_NAME_BYTES_MAX + 1];
};

/* The oldest batch of the next topic behind `after`, if that batch is older than the time and its
 * topic has no consumer that stands before its end. *ret_is_there false: no such topic is left. */
static err_kind oldest_find(struct topic_log *log, int64_t after, int64_t before_wall_ns,
                            struct oldest *ret, bool *ret_is_there, struct err_ctx *err)
{
    static const char sql[] =
        "SELECT topic.id, topic.name, batch.id, batch.end_offset, batch.count FROM topic, batch"
        " WHERE topic.id > ?1 AND batch.topic = topic.id AND batch.time_wall_ns < ?2"
        " AND batch.end_offset = (SELECT min(end_offset) FROM batch WHERE topic = topic.id)"
        " AND NOT EXISTS (SELECT 1 FROM position WHERE input = CAST(topic.name AS BLOB)"
        "   AND position < batch.end_offset)"
        " ORDER BY topic.id LIMIT 1";
    sqlite3_stmt *statement;
    err_kind kind = topic_log_statement(log, sql, &statement, err);
    if (kind != OK)
        return kind;
    sqlite3_bind_int64(statement, 1, after);
    sqlite3_bind_int64(statement, 2, before_wall_ns);
    kind = topic_log_step(log, statement, ret_is_there, err);
    if (kind != OK || !*ret_is_there)
        return kind;
    *ret = (struct oldest){.topic = sqlite3_column_int64(statement, 0),
                           .id = sqlite3_column_int64(statement, 2),
                           .end = sqlite3_column_int64(statement, 3),
                           .records = sqlite3_column_int64(statement, 4)};
    snprintf(ret->name, sizeof ret->name, "%s", (const char *)sqlite3_column_text(statement, 1));
    sqlite3_reset(statement);
    return OK;
}

static bool is_read(const struct oldest *oldest, const struct topic_floor *floors, size_t count)
{
    for (size_t index = 0; index < count; index++)
        if (strcmp(floors[index].topic, oldest->name) == 0 &&
            floors[index].position < (uint64_t)oldest->end)
            return false;
    return true;
}

static err_kind oldest_drop(struct topic_log *log, const struct oldest *oldest, struct err_ctx *err)
{
    static const char sql[] = "UPDATE topic SET first_offset = ?2 WHERE id = ?1";
    sqlite3_stmt *statement;
    err_kind kind = append_batch_drop(log, oldest->id, err);
    if (kind == OK)
        kind = topic_log_statement(log, sql, &statement, err);
    if (kind != OK)
        return kind;
    sqlite3_bind_int64(statement, 1, oldest->topic);
    sqlite3_bind_int64(statement, 2, oldest->end);
    return topic_log_step(log, statement, NULL, err);
}

err_kind topic_expire(struct topic_log *log, uint64_t before_wall_ns,
                      const struct topic_floor *floors, size_t floor_count, uint32_t batch_max,
                      uint64_t *ret_records, struct err_ctx *err)
{
    assert(log->is_in_transaction);
    int64_t topic = 0;
    *ret_records = 0;
    for (uint32_t count = 0; count < batch_max;) {
        struct oldest oldest;
        bool is_there = false;
        err_kind kind = oldest_find(log, topic, (int64_t)before_wall_ns, &oldest, &is_there, err);
        if (kind == OK && is_there && is_read(&oldest, floors, floor_count)) {
            kind = oldest_drop(log, &oldest, err);
            *ret_records += (uint64_t)oldest.records;
            topic = oldest.topic - 1; /* its next one */
            count++;
        } else if (kind == OK && is_there) {
            topic = oldest.topic;
        }
        if (kind != OK)
            return err_wrap(err, "store: age");
        if (!is_there)
            break;
    }
    return OK;
}
