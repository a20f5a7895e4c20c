/* What podman knows besides containers/storage: labels, in libpod/bolt_state.db (bbolt, bucket
 * ctr/ID, up to podman 4) or db.sql (SQLite, table ContainerConfig, from podman 5 on). Both hold
 * the same JSON (libpod ContainerConfig). */
#include <sqlite3.h>

#include "container/bolt.h"
#include "container/internal.h"
#include "core/cleanup.h"

#define ATTEMPTS      3
#define SQL_STEPS_MAX 100000 /* of SQLite's virtual machine, in thousands */

err_kind podman_config_parse(span bytes, struct facts *facts, struct err_ctx *err)
{
    AUTO(auto_json) json_t *root = NULL;
    if (json_parse(bytes, &root, err))
        return err->kind;
    struct container_info *info = facts->info;
    if (!span_eq(json_span(json_object_get(root, "id")), info->id))
        return err_set(err, ERR_INPUT, "'id' is not the container's");
    info->type = CONTAINER_PODMAN;
    facts_labels(facts, json_object_get(root, "labels"));
    facts_text(facts, &info->name, json_span(json_object_get(root, "name")));
    span image = json_span(json_object_get(root, "rootfsImageName"));
    facts_text(facts, &info->image, image);
    facts_image_name(facts, image);
    facts_text(facts, &info->image_id, json_span(json_object_get(root, "rootfsImageID")));
    return OK;
}

/* ---- bbolt ---- */

static err_kind bolt_config(struct bolt *bolt, span id, span *ret, bool *ret_found,
                            struct err_ctx *err)
{
    struct bolt_bucket bucket = bolt_root(bolt);
    const span names[] = {SPAN("ctr"), id};
    if (bolt_descend(bolt, &bucket, names, 2, ret_found, err))
        return err->kind;
    return *ret_found ? bolt_value(bolt, &bucket, SPAN("config"), ret, ret_found, err) : OK;
}

static err_kind bolt_read(int fd, struct facts *facts, bool *ret_again, struct err_ctx *err)
{
    AUTO(arena_free) struct arena pages;
    arena_init(&pages, BOLT_BYTES_MAX);
    struct bolt bolt;
    span config = {0};
    bool found = false;
    if (bolt_open(&bolt, fd, &pages, err))
        return err->kind;
    err_kind kind = bolt_config(&bolt, facts->info->id, &config, &found, err);
    *ret_again = !bolt_is_unchanged(&bolt);
    return !kind && found && !*ret_again ? podman_config_parse(config, facts, err) : kind;
}

static void read_bolt(struct sources *sources, const char *root, struct facts *facts)
{
    struct open_request request;
    if (!request_init(&request, OPEN_PODMAN_BOLT, root, (span){0}, (span){0}))
        return;
    AUTO(auto_close) int fd = sources_open(sources, &request);
    if (fd < 0)
        return;
    struct err_ctx err;
    bool again = true;
    err_kind kind = OK;
    for (int attempt = 0; again && attempt < ATTEMPTS; attempt++) {
        again = false;
        kind = bolt_read(fd, facts, &again, &err);
    }
    if (kind && !again)
        sources_complain(sources, &request, &err);
}

/* ---- SQLite ---- */

static void auto_sqlite(sqlite3 **database)
{
    sqlite3_close(*database);
}

static void auto_statement(sqlite3_stmt **statement)
{
    sqlite3_finalize(*statement);
}

static int is_too_long(void *steps)
{
    return ++*(int *)steps > SQL_STEPS_MAX / 1000;
}

/* The file's bytes as a database in memory: no file is opened, nothing is written. */
err_kind podman_sqlite_parse(struct file *file, struct facts *facts, struct err_ctx *err)
{
    AUTO(auto_sqlite) sqlite3 *database = NULL;
    AUTO(auto_statement) sqlite3_stmt *statement = NULL;
    int steps = 0;
    if (sqlite3_open_v2(":memory:", &database, SQLITE_OPEN_READWRITE | SQLITE_OPEN_MEMORY, NULL))
        return err_set(err, ERR_SYSTEM, "SQLite");
    sqlite3_db_config(database, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    sqlite3_db_config(database, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    sqlite3_progress_handler(database, 1000, is_too_long, &steps);
    if (sqlite3_deserialize(database, "main", file->data, (sqlite3_int64)file->len,
                            (sqlite3_int64)file->len, SQLITE_DESERIALIZE_READONLY) ||
        sqlite3_prepare_v2(database, "SELECT JSON FROM ContainerConfig WHERE ID = ?", -1,
                           &statement, NULL) ||
        sqlite3_bind_text(statement, 1, (const char *)facts->info->id.data,
                          (int)facts->info->id.len, SQLITE_STATIC))
        return err_set(err, ERR_INPUT, "%s", sqlite3_errmsg(database));
    int answer = sqlite3_step(statement);
    if (answer == SQLITE_DONE)
        return OK;
    if (answer != SQLITE_ROW)
        return err_set(err, ERR_INPUT, "%s", sqlite3_errmsg(database));
    const void *text = sqlite3_column_blob(statement, 0);
    int length = sqlite3_column_bytes(statement, 0);
    return text ? podman_config_parse(span_of(text, (size_t)length), facts, err) : OK;
}

static void read_sqlite(struct sources *sources, const char *root, struct facts *facts)
{
    struct open_request request;
    AUTO(auto_file) struct file file = {0};
    struct err_ctx err;
    if (request_init(&request, OPEN_PODMAN_SQLITE, root, (span){0}, (span){0}) &&
        sources_read(sources, &request, SQLITE_BYTES_MAX, &file) && file.len &&
        podman_sqlite_parse(&file, facts, &err))
        sources_complain(sources, &request, &err);
}

void podman_read(struct sources *sources, const char *root, struct facts *facts)
{
    read_bolt(sources, root, facts);
    if (!facts->info->label_count)
        read_sqlite(sources, root, facts);
}
