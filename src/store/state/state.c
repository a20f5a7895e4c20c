#include "state/state.h"

#include <assert.h>
#include <sqlite3.h>

#define PAGE_ROWS 256

static void bind_text(sqlite3_stmt *statement, int index, span text)
{
    if (text.data)
        sqlite3_bind_text64(statement, index, (const char *)text.data, text.len, SQLITE_STATIC,
                            SQLITE_UTF8);
    else
        sqlite3_bind_null(statement, index);
}

err_kind state_signal_put(struct topic_log *log, const struct state_signal *signal,
                          struct err_ctx *err)
{
    assert(topic_log_is_in_transaction(log));
    static const char sql[] = "INSERT OR REPLACE INTO signal_index"
                              " (offset, time_wall_ns, rule, priority, container, container_name,"
                              " pid) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
    sqlite3_stmt *statement;
    err_kind kind = topic_log_statement(log, sql, &statement, err);
    if (kind == OK) {
        sqlite3_bind_int64(statement, 1, (int64_t)signal->offset);
        sqlite3_bind_int64(statement, 2, (int64_t)signal->time_wall_ns);
        bind_text(statement, 3, signal->rule.data ? signal->rule : SPAN(""));
        sqlite3_bind_int(statement, 4, signal->priority);
        bind_text(statement, 5, signal->container);
        bind_text(statement, 6, signal->container_name);
        sqlite3_bind_int64(statement, 7, signal->pid);
        kind = topic_log_step(log, statement, NULL, err);
    }
    return kind == OK ? OK : err_wrap(err, "store: index of signals");
}

/* ---- queries ---- */

/* ?1 ?2 behind this time and offset, ?3 up to this time, ?4 priority, ?5 container, ?6 rule. The
 * row value must be the only bound on its side, or SQLite would start each page at the other one.
 */
#define SELECT_ROWS                                                                                \
    "SELECT offset, time_wall_ns FROM signal_index WHERE priority <= ?4"                           \
    " AND (?5 IS NULL OR container_name = ?5 OR substr(container, 1, length(?5)) = ?5)"
#define WHERE_RULE " AND rule = ?6"
#define ASCENDING                                                                                  \
    " AND (time_wall_ns, offset) > (?1, ?2) AND time_wall_ns <= ?3"                                \
    " ORDER BY time_wall_ns, offset LIMIT 256"
#define DESCENDING                                                                                 \
    " AND (time_wall_ns, offset) < (?1, ?2) AND time_wall_ns >= ?3"                                \
    " ORDER BY time_wall_ns DESC, offset DESC LIMIT 256"

static const char query_all[] = SELECT_ROWS ASCENDING;
static const char query_all_newest[] = SELECT_ROWS DESCENDING;
static const char query_rule[] = SELECT_ROWS WHERE_RULE ASCENDING;
static const char query_rule_newest[] = SELECT_ROWS WHERE_RULE DESCENDING;
_Static_assert(PAGE_ROWS == 256, "as in the statements");

struct page {
    int64_t offsets[PAGE_ROWS];
    size_t count;
    int64_t time_wall_ns; /* of the last row of the page before, or where to begin */
    int64_t offset;
};

static int64_t clamp(uint64_t value)
{
    return value > INT64_MAX ? INT64_MAX : (int64_t)value;
}

static int64_t time_end(const struct state_filter *filter)
{
    return filter->to_wall_ns ? clamp(filter->to_wall_ns) : INT64_MAX;
}

static void page_start(struct page *page, const struct state_filter *filter)
{
    page->time_wall_ns = filter->is_newest_first ? time_end(filter) : clamp(filter->from_wall_ns);
    page->offset = filter->is_newest_first ? INT64_MAX : -1;
}

static err_kind page_read(struct topic_log *log, const struct state_filter *filter,
                          struct page *page, struct err_ctx *err)
{
    const char *sql = filter->rule.data ? (filter->is_newest_first ? query_rule_newest : query_rule)
                                        : (filter->is_newest_first ? query_all_newest : query_all);
    sqlite3_stmt *statement;
    err_kind kind = topic_log_statement(log, sql, &statement, err);
    if (kind != OK)
        return kind;
    sqlite3_bind_int64(statement, 1, page->time_wall_ns);
    sqlite3_bind_int64(statement, 2, page->offset);
    sqlite3_bind_int64(statement, 3,
                       filter->is_newest_first ? clamp(filter->from_wall_ns) : time_end(filter));
    sqlite3_bind_int(statement, 4, filter->priority_max);
    bind_text(statement, 5, filter->container);
    if (filter->rule.data)
        bind_text(statement, 6, filter->rule);
    page->count = 0;
    for (bool has_row = true; kind == OK;) {
        kind = topic_log_step(log, statement, &has_row, err);
        if (kind != OK || !has_row)
            break;
        assert(page->count < PAGE_ROWS);
        page->offset = sqlite3_column_int64(statement, 0);
        page->time_wall_ns = sqlite3_column_int64(statement, 1);
        page->offsets[page->count++] = page->offset;
    }
    return kind;
}

/* *ret_is_known false: the record is gone. */
static err_kind record_at(struct topic_reader *reader, uint64_t offset, struct topic_record *ret,
                          bool *ret_is_known, struct err_ctx *err)
{
    bool is_end = false;
    topic_reader_seek(reader, offset);
    err_kind kind = topic_reader_next(reader, ret, &is_end, err);
    if (kind == OK)
        *ret_is_known = !is_end && ret->offset == offset;
    return kind;
}

static err_kind query_run(struct topic_log *log, const struct state_filter *filter,
                          struct topic_reader *reader, state_signal_visit visit, void *context,
                          struct err_ctx *err)
{
    struct page page = {0};
    uint64_t left = filter->limit ? filter->limit : UINT64_MAX;
    page_start(&page, filter);
    do {
        err_kind kind = page_read(log, filter, &page, err);
        if (kind != OK)
            return kind;
        for (size_t index = 0; index < page.count; index++) {
            struct topic_record record;
            bool is_known = false;
            kind = record_at(reader, (uint64_t)page.offsets[index], &record, &is_known, err);
            if (kind != OK)
                return kind;
            if (!is_known) /* trimmed since the page was read */
                continue;
            if (!visit(context, &record) || --left == 0)
                return OK;
        }
    } while (page.count == PAGE_ROWS);
    return OK;
}

err_kind state_query_signals(struct topic_log *log, const struct state_filter *filter,
                             state_signal_visit visit, void *context, struct err_ctx *err)
{
    struct topic_reader *reader = NULL;
    err_kind kind = topic_reader_open(log, STATE_TOPIC_SIGNALS, 0, &reader, err);
    if (kind != OK)
        return kind;
    kind = query_run(log, filter, reader, visit, context, err);
    topic_reader_close(reader);
    return kind == OK ? OK : err_wrap(err, "query");
}

err_kind state_record_get(struct topic_log *log, const char *topic, uint64_t offset,
                          struct writer *ret, bool *ret_is_known, struct err_ctx *err)
{
    struct topic_reader *reader = NULL;
    struct topic_record record = {0};
    bool is_known = false;
    err_kind kind = topic_reader_open(log, topic, offset, &reader, err);
    if (kind == OK)
        kind = record_at(reader, offset, &record, &is_known, err);
    if (kind == OK && is_known)
        writer_put(ret, record.value);
    topic_reader_close(reader);
    if (kind == OK && ret->is_full)
        kind = err_set(err, ERR_LIMIT, "a record of '%s' is over %zu bytes", topic, ret->size_max);
    if (kind == OK)
        *ret_is_known = is_known;
    return kind;
}

/* ---- counters ---- */

err_kind state_counter_add(struct topic_log *log, const char *name, uint64_t count,
                           struct err_ctx *err)
{
    assert(topic_log_is_in_transaction(log));
    assert(strlen(name) <= STATE_COUNTER_BYTES_MAX);
    static const char sql[] = "INSERT INTO counter VALUES (?1, ?2)"
                              " ON CONFLICT DO UPDATE SET value = value + excluded.value";
    sqlite3_stmt *statement;
    err_kind kind = topic_log_statement(log, sql, &statement, err);
    if (kind == OK) {
        bind_text(statement, 1, span_str(name));
        sqlite3_bind_int64(statement, 2, clamp(count));
        kind = topic_log_step(log, statement, NULL, err);
    }
    return kind == OK ? OK : err_wrap(err, "store: counter '%s'", name);
}

err_kind state_counter_get(struct topic_log *log, const char *name, uint64_t *ret,
                           struct err_ctx *err)
{
    static const char sql[] = "SELECT value FROM counter WHERE name = ?1";
    sqlite3_stmt *statement;
    bool has_row = false;
    err_kind kind = topic_log_statement(log, sql, &statement, err);
    if (kind == OK) {
        bind_text(statement, 1, span_str(name));
        kind = topic_log_step(log, statement, &has_row, err);
    }
    if (kind != OK)
        return err_wrap(err, "store: counter '%s'", name);
    *ret = has_row ? (uint64_t)sqlite3_column_int64(statement, 0) : 0;
    sqlite3_reset(statement);
    return OK;
}

err_kind state_counters(struct topic_log *log, const char *prefix, state_counter_visit visit,
                        void *context, struct err_ctx *err)
{
    static const char sql[] =
        "SELECT name, value FROM counter WHERE substr(name, 1, length(?1)) = ?1 ORDER BY name";
    sqlite3_stmt *statement;
    err_kind kind = topic_log_statement(log, sql, &statement, err);
    if (kind == OK)
        bind_text(statement, 1, span_str(prefix));
    for (bool has_row = true; kind == OK;) {
        kind = topic_log_step(log, statement, &has_row, err);
        if (kind != OK || !has_row)
            break;
        visit(context, (const char *)sqlite3_column_text(statement, 0),
              (uint64_t)sqlite3_column_int64(statement, 1));
    }
    return kind == OK ? OK : err_wrap(err, "store: counters");
}
