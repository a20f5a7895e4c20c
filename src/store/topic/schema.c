/* Every table of picket.db, those of store/state too: a file has one version. A change is a new row
 * at the end of migration_table, never an edit of an old one, and SCHEMA_VERSION in log.h. */
#include <assert.h>

#include "core/clock.h"
#include "topic/log.h"

static const char migration_1[] =
    "CREATE TABLE migration (version INTEGER PRIMARY KEY, time_wall_ns INTEGER NOT NULL);"
    /* next_offset counts committed records; [first_offset, next_offset) is left. */
    "CREATE TABLE topic (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE,"
    "  first_offset INTEGER NOT NULL DEFAULT 0, next_offset INTEGER NOT NULL DEFAULT 0,"
    "  trimmed_records INTEGER NOT NULL DEFAULT 0, trimmed_batches INTEGER NOT NULL DEFAULT 0);"
    /* id grows with age over all topics: the smallest goes first. Records end_offset - count to
     * end_offset - 1, packed as batch.h says. */
    "CREATE TABLE batch (id INTEGER PRIMARY KEY, topic INTEGER NOT NULL, end_offset INTEGER NOT "
    "NULL,"
    "  count INTEGER NOT NULL, time_wall_ns INTEGER NOT NULL, body BLOB NOT NULL);"
    "CREATE UNIQUE INDEX batch_by_end ON batch (topic, end_offset);"
    "CREATE TABLE position (consumer TEXT NOT NULL, input BLOB NOT NULL, position INTEGER NOT NULL,"
    "  PRIMARY KEY (consumer, input)) WITHOUT ROWID;"
    "CREATE TABLE state (stage TEXT NOT NULL, key BLOB NOT NULL, value BLOB NOT NULL,"
    "  PRIMARY KEY (stage, key)) WITHOUT ROWID;"
    /* store/state: what queries find signals by. */
    "CREATE TABLE signal_index (offset INTEGER PRIMARY KEY, time_wall_ns INTEGER NOT NULL,"
    "  rule TEXT NOT NULL, priority INTEGER NOT NULL, container TEXT, container_name TEXT,"
    "  pid INTEGER);"
    "CREATE INDEX signal_by_time ON signal_index (time_wall_ns);"
    "CREATE INDEX signal_by_rule ON signal_index (rule, time_wall_ns);"
    "CREATE TRIGGER signal_index_trim AFTER UPDATE OF first_offset ON topic"
    "  WHEN new.name = 'signals'"
    "  BEGIN DELETE FROM signal_index WHERE offset < new.first_offset; END;"
    "CREATE TABLE counter (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;";

static const char *const migration_table[] = {migration_1};
_Static_assert(sizeof migration_table / sizeof *migration_table == SCHEMA_VERSION,
               "one migration a version");

static err_kind migrate_one(struct topic_log *log, int64_t version, struct err_ctx *err)
{
    char text[160];
    err_kind kind = database_run(log, migration_table[version - 1], err);
    if (kind != OK)
        return kind;
    snprintf(text, sizeof text,
             "INSERT INTO migration VALUES (%lld, %llu); PRAGMA user_version = %lld;",
             (long long)version, (unsigned long long)clock_wall_ns(), (long long)version);
    return database_run(log, text, err);
}

static err_kind migrate(struct topic_log *log, int64_t from, struct err_ctx *err)
{
    char text[64];
    err_kind kind = database_run(log, "BEGIN IMMEDIATE", err);
    snprintf(text, sizeof text, "PRAGMA application_id = %d", APPLICATION_ID);
    if (kind == OK)
        kind = database_run(log, text, err);
    for (int64_t version = from + 1; kind == OK && version <= SCHEMA_VERSION; version++)
        kind = migrate_one(log, version, err);
    if (kind == OK)
        kind = database_run(log, "COMMIT", err);
    if (kind != OK && !sqlite3_get_autocommit(log->db))
        sqlite3_exec(log->db, "ROLLBACK", NULL, NULL, NULL);
    return kind == OK ? OK : err_wrap(err, "migrate the store from version %lld", (long long)from);
}

err_kind schema_open(struct topic_log *log, struct err_ctx *err)
{
    int64_t version, application, tables;
    err_kind kind = database_number(log, "PRAGMA user_version", &version, err);
    if (kind == OK)
        kind = database_number(log, "PRAGMA application_id", &application, err);
    if (kind == OK)
        kind = database_number(log, "SELECT count(*) FROM sqlite_schema", &tables, err);
    if (kind != OK)
        return kind;
    if (application != APPLICATION_ID && (application || version || tables))
        return err_set(err, ERR_STATE, "'picket.db' belongs to another program");
    if (version > SCHEMA_VERSION)
        return err_set(
            err, ERR_STATE,
            "'picket.db' was written by a newer Picket: its version is %lld, known is %d",
            (long long)version, SCHEMA_VERSION);
    if (version == SCHEMA_VERSION)
        return OK;
    if (log->is_read_only && !version)
        return err_set(err, ERR_STATE, "'picket.db' is still empty");
    if (log->is_read_only)
        return err_set(err, ERR_STATE,
                       "'picket.db' has the older version %lld: its writer must open it first",
                       (long long)version);
    return migrate(log, version, err);
}
