#include "delivery/feed.h"

#include <unistd.h>

#include "core/cleanup.h"
#include "core/clock.h"
#include "core/vector.h"

#define RETRY_NS     1000000000ull
#define TURN_RECORDS 128 /* from one store, before the next is asked */
#define CURSORS_MAX  ((size_t)DELIVERY_STORES_MAX * 2)

struct store {
    char name[SINK_NAME_BYTES_MAX + 1];
    int folder;
    struct topic_log *log;
    uint64_t retry_at_ns; /* of the boot clock */
};

struct feed {
    const char *topics[2];
    size_t topic_count;
    bool starts_newest;
    struct store stores[DELIVERY_STORES_MAX];
    size_t store_count;
    struct feed_cursor *cursors;
    size_t cursor_count, cursor_size;
    size_t turn;     /* the cursor to ask next */
    size_t taken;    /* from it, in a row */
    bool has_placed; /* a cursor that had no position has one now */
};

err_kind feed_open(bool takes_alerts, bool takes_signals, bool starts_newest, struct feed **ret,
                   struct err_ctx *err)
{
    struct feed *feed = calloc(1, sizeof *feed);
    if (!feed)
        return err_set(err, ERR_LIMIT, "out of memory");
    if (takes_alerts)
        feed->topics[feed->topic_count++] = "alerts";
    if (takes_signals)
        feed->topics[feed->topic_count++] = "signals";
    feed->starts_newest = starts_newest;
    *ret = feed;
    return OK;
}

static void store_close(struct feed *feed, struct store *store)
{
    for (size_t index = 0; index < feed->cursor_count; index++) {
        struct feed_cursor *cursor = &feed->cursors[index];
        if (strcmp(cursor->store, store->name) != 0)
            continue;
        topic_reader_close(cursor->reader);
        cursor->reader = NULL;
        cursor->is_checked = false;
    }
    topic_log_close(store->log);
    store->log = NULL;
}

void feed_close(struct feed *feed)
{
    if (!feed)
        return;
    for (size_t index = 0; index < feed->store_count; index++) {
        store_close(feed, &feed->stores[index]);
        close(feed->stores[index].folder);
    }
    free(feed->cursors);
    free(feed);
}

struct feed_cursor *feed_cursor_at(struct feed *feed, size_t index)
{
    return index < feed->cursor_count ? &feed->cursors[index] : NULL;
}

static struct feed_cursor *cursor_get(struct feed *feed, span store, const char *topic)
{
    for (size_t index = 0; index < feed->cursor_count; index++)
        if (span_eq(span_str(feed->cursors[index].store), store) &&
            strcmp(feed->cursors[index].topic, topic) == 0)
            return &feed->cursors[index];
    if (!vector_grow(&feed->cursors, &feed->cursor_size, feed->cursor_count, CURSORS_MAX,
                     sizeof *feed->cursors))
        return NULL;
    struct feed_cursor *cursor = &feed->cursors[feed->cursor_count++];
    *cursor = (struct feed_cursor){.topic = topic};
    memcpy(cursor->store, store.data, store.len);
    return cursor;
}

err_kind feed_store(struct feed *feed, span name, int *folder, struct err_ctx *err)
{
    struct store *store = NULL;
    if (name.len == 0 || name.len > SINK_NAME_BYTES_MAX)
        return err_set(err, ERR_LIMIT, "store '" PRI_SPAN "': its name has 1 to %d bytes",
                       ARG_SPAN(name), SINK_NAME_BYTES_MAX);
    for (size_t index = 0; index < feed->store_count; index++)
        if (span_eq(span_str(feed->stores[index].name), name))
            store = &feed->stores[index];
    if (store) {
        store_close(feed, store);
        close(store->folder);
    } else if (feed->store_count < DELIVERY_STORES_MAX) {
        store = &feed->stores[feed->store_count++];
        memcpy(store->name, name.data, name.len);
    } else {
        return err_set(err, ERR_LIMIT, "more than %d stores", DELIVERY_STORES_MAX);
    }
    store->folder = fd_steal(folder);
    store->retry_at_ns = 0;
    for (size_t index = 0; index < feed->topic_count; index++)
        if (!cursor_get(feed, name, feed->topics[index]))
            return err_set(err, ERR_LIMIT, "out of memory");
    return OK;
}

/* ---- a cursor and its store ---- */

/* The time of the batch that holds a record; *ret_is_known false: it is not there. */
static err_kind time_read(struct topic_log *log, const char *topic, uint64_t offset,
                          uint64_t *ret_wall_ns, bool *ret_is_known, struct err_ctx *err)
{
    struct topic_reader *reader;
    struct topic_record record;
    bool is_end;
    *ret_is_known = false;
    err_kind kind = topic_reader_open(log, topic, offset, &reader, err);
    if (kind != OK)
        return kind;
    kind = topic_reader_next(reader, &record, &is_end, err);
    if (kind == OK && !is_end && record.offset == offset) {
        *ret_wall_ns = record.time_wall_ns;
        *ret_is_known = true;
    }
    topic_reader_close(reader);
    return kind;
}

/* Is this still the store that the position belongs to? Not when the record before the position is
 * another one, nor when the store is shorter and yet newer. One that is shorter and not newer lost
 * its end in a power cut: what comes next is new. */
static err_kind cursor_check(struct feed *feed, struct topic_log *log, struct feed_cursor *cursor,
                             struct err_ctx *err)
{
    struct topic_info info;
    uint64_t wall_ns = 0;
    bool is_known = false;
    err_kind kind = topic_info_get(log, cursor->topic, &info, err);
    if (kind != OK)
        return kind;
    if (!cursor->is_placed) {
        cursor->position = feed->starts_newest ? info.end : info.first;
        cursor->is_placed = feed->has_placed = true;
    } else if (cursor->position > info.end || cursor->position > 0) {
        bool is_short = cursor->position > info.end;
        uint64_t last = is_short ? info.end : cursor->position;
        if (last > 0)
            kind = time_read(log, cursor->topic, last - 1, &wall_ns, &is_known, err);
        bool is_other = is_known && (is_short ? wall_ns > cursor->mark_wall_ns
                                              : wall_ns != cursor->mark_wall_ns);
        if (is_other || (is_short && last == 0))
            cursor->position = info.first;
        else if (is_short)
            cursor->position = info.end;
    }
    cursor->next = cursor->position;
    cursor->gap = 0;
    cursor->is_checked = kind == OK;
    return kind;
}

static err_kind cursor_open(struct feed *feed, struct store *store, struct feed_cursor *cursor,
                            struct err_ctx *err)
{
    err_kind kind = OK;
    if (!store->log)
        kind = topic_log_open(store->folder, &(struct topic_options){.is_read_only = true},
                              &store->log, err);
    if (kind == OK && !cursor->is_checked)
        kind = cursor_check(feed, store->log, cursor, err);
    if (kind == OK && !cursor->reader)
        kind = topic_reader_open(store->log, cursor->topic, cursor->next, &cursor->reader, err);
    return kind;
}

static err_kind cursor_read(struct feed *feed, struct store *store, struct feed_cursor *cursor,
                            struct feed_record *ret, bool *ret_is_there, struct err_ctx *err)
{
    struct topic_record record;
    struct topic_info info;
    bool is_end = false;
    *ret_is_there = false;
    err_kind kind = cursor_open(feed, store, cursor, err);
    if (kind == OK)
        kind = topic_reader_next(cursor->reader, &record, &is_end, err);
    if (kind == OK && is_end) { /* all that it had not read may have been trimmed */
        kind = topic_info_get(store->log, cursor->topic, &info, err);
        if (kind == OK && info.first > cursor->next) {
            cursor->gap += info.first - cursor->next;
            cursor->next = info.first;
        }
        return kind;
    }
    if (kind != OK)
        return kind;
    *ret = (struct feed_record){
        .cursor = (size_t)(cursor - feed->cursors),
        .offset = record.offset,
        .time_wall_ns = record.time_wall_ns,
        .gap = cursor->gap + (record.offset - cursor->next),
        .value = record.value.data ? record.value : SPAN(""),
    };
    cursor->gap = 0;
    cursor->next = record.offset + 1;
    *ret_is_there = true;
    return OK;
}

static struct store *store_of(struct feed *feed, const struct feed_cursor *cursor)
{
    for (size_t index = 0; index < feed->store_count; index++)
        if (strcmp(feed->stores[index].name, cursor->store) == 0)
            return &feed->stores[index];
    return NULL; /* a position of a store that is not there now */
}

static void trouble_put(char into[SINK_REASON_BYTES], const struct store *store,
                        const struct err_ctx *err)
{
    snprintf(into, SINK_REASON_BYTES, "store '%s': %.*s", store->name, SINK_REASON_BYTES - 80,
             err->text);
}

bool feed_next(struct feed *feed, struct feed_record *ret, char ret_trouble[SINK_REASON_BYTES])
{
    uint64_t now_ns = clock_boot_ns();
    ret_trouble[0] = 0;
    for (size_t tries = 0; tries < feed->cursor_count; tries++) {
        struct err_ctx err;
        struct feed_cursor *cursor = &feed->cursors[feed->turn];
        struct store *store = store_of(feed, cursor);
        bool is_there = false;
        if (store && store->retry_at_ns <= now_ns &&
            cursor_read(feed, store, cursor, ret, &is_there, &err) != OK) {
            trouble_put(ret_trouble, store, &err);
            store_close(feed, store);
            store->retry_at_ns = now_ns + RETRY_NS;
        }
        bool is_over = !is_there || ++feed->taken >= TURN_RECORDS;
        if (is_over) {
            feed->turn = (feed->turn + 1) % feed->cursor_count;
            feed->taken = 0;
        }
        if (is_there)
            return true;
    }
    return false;
}

bool feed_has_placed(struct feed *feed)
{
    bool has_placed = feed->has_placed;
    feed->has_placed = false;
    return has_placed;
}

static void waiting_add(struct feed_waiting *waiting, struct topic_log *log,
                        const struct feed_cursor *cursor)
{
    struct topic_info info;
    struct topic_backlog backlog;
    struct err_ctx err;
    if (topic_info_get(log, cursor->topic, &info, &err) != OK || info.end <= cursor->position ||
        topic_backlog_get(log, cursor->topic, cursor->position, &backlog, &err) != OK)
        return;
    waiting->records += info.end - cursor->position;
    waiting->bytes += backlog.bytes;
    if (backlog.oldest_wall_ns &&
        (!waiting->oldest_wall_ns || backlog.oldest_wall_ns < waiting->oldest_wall_ns))
        waiting->oldest_wall_ns = backlog.oldest_wall_ns;
}

struct feed_waiting feed_waiting(struct feed *feed)
{
    struct feed_waiting waiting = {0};
    for (size_t index = 0; index < feed->cursor_count; index++) {
        const struct feed_cursor *cursor = &feed->cursors[index];
        const struct store *store = store_of(feed, cursor);
        if (store && store->log && cursor->is_checked)
            waiting_add(&waiting, store->log, cursor);
    }
    return waiting;
}

/* ---- positions ---- */

json_t *feed_save(const struct feed *feed)
{
    json_t *list = json_array();
    for (size_t index = 0; index < feed->cursor_count; index++) {
        const struct feed_cursor *cursor = &feed->cursors[index];
        if (cursor->is_placed)
            json_array_append_new(list,
                                  json_pack("{s:s, s:s, s:I, s:I}", "store", cursor->store, "topic",
                                            cursor->topic, "position", (json_int_t)cursor->position,
                                            "mark", (json_int_t)cursor->mark_wall_ns));
    }
    return list;
}

err_kind feed_restore(struct feed *feed, const json_t *saved, struct err_ctx *err)
{
    size_t index;
    json_t *one;
    json_array_foreach(saved, index, one)
    {
        const char *store = json_string_value(json_object_get(one, "store"));
        const char *topic = json_string_value(json_object_get(one, "topic"));
        if (!store || !topic || strlen(store) > SINK_NAME_BYTES_MAX)
            return err_set(err, ERR_STATE, "position %zu is damaged", index);
        for (size_t place = 0; place < feed->topic_count; place++) {
            if (strcmp(feed->topics[place], topic) != 0)
                continue;
            struct feed_cursor *cursor = cursor_get(feed, span_str(store), feed->topics[place]);
            if (!cursor)
                return err_set(err, ERR_LIMIT, "more than %zu positions", CURSORS_MAX);
            cursor->position = (uint64_t)json_integer_value(json_object_get(one, "position"));
            cursor->mark_wall_ns = (uint64_t)json_integer_value(json_object_get(one, "mark"));
            cursor->is_placed = true;
        }
    }
    return OK;
}
