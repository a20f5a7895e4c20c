/* Names of users and groups, per container and for the host, read through a process of it. */
#include <assert.h>
#include <errno.h>

#include <sys/stat.h>

#include "container/internal.h"
#include "core/cleanup.h"
#include "core/vector.h"

#define SCOPES_MAX_DEFAULT 256
#define TABLES_BYTES_MAX   ((size_t)16 * 1024 * 1024) /* of all scopes together */
#define KEY_BYTES_MAX      (OPENER_NAME_BYTES + OPENER_ID_BYTES)
#define NONE               UINT32_MAX

#define MS              1000000u
#define CHECK_PAUSE_NS  (2000ull * MS) /* between two looks at a file that was read */
#define RETRY_FIRST_NS  (10ull * MS)   /* after a look that failed; doubles */
#define RETRY_SHIFT_MAX 8

enum table_kind { TABLE_PASSWD, TABLE_GROUP, TABLE_COUNT };

/* One file of one scope. */
struct watched {
    struct user_table table;
    struct stat seen; /* the file as it was read; st_ino 0: never */
    struct id_map map;
    uint64_t due_boot_ns;
    uint32_t failures;
    /* The last process of a container that turned out to have the host's root, as a runtime's own
     * start-up steps do; 0: none. What it executes next is the container's. */
    int32_t host_pid;
    uint64_t host_start_boot_ns;
    uint64_t host_exec_boot_ns;
};

struct scope {
    struct watched watched[TABLE_COUNT];
    uint64_t used; /* a counter's value at the last use */
    size_t key_length;
    char key[KEY_BYTES_MAX]; /* empty: the host */
};

struct user_cache {
    struct sources sources; /* open and stats are used */
    struct map map;
    struct scope *scopes;
    size_t count, count_max;
    size_t bytes; /* of all texts and rows */
    uint64_t uses;
};

err_kind user_cache_open(const struct container_options *options, struct user_cache **ret,
                         struct err_ctx *err)
{
    assert(options->open);
    struct user_cache *cache = calloc(1, sizeof *cache);
    if (!cache)
        return err_set(err, ERR_SYSTEM, "user cache");
    cache->count_max = options->containers_max ? options->containers_max : SCOPES_MAX_DEFAULT;
    cache->scopes = calloc(cache->count_max, sizeof *cache->scopes);
    if (!cache->scopes) {
        free(cache);
        return err_set(err, ERR_SYSTEM, "user cache");
    }
    cache->sources.open = options->open;
    cache->sources.context = options->context;
    map_init(&cache->map, cache->count_max, options->seed);
    *ret = cache;
    return OK;
}

static size_t table_bytes(const struct user_table *table)
{
    return table->text.len + table->count * sizeof *table->rows;
}

static void watched_clear(struct user_cache *cache, struct watched *watched)
{
    cache->bytes -= table_bytes(&watched->table);
    user_table_free(&watched->table);
}

void user_cache_close(struct user_cache *cache)
{
    if (!cache)
        return;
    for (size_t index = 0; index < cache->count; index++) {
        for (size_t kind = 0; kind < TABLE_COUNT; kind++)
            watched_clear(cache, &cache->scopes[index].watched[kind]);
    }
    map_free(&cache->map);
    free(cache->scopes);
    free(cache);
}

/* ---- scopes ---- */

static size_t scope_bytes(const struct scope *scope)
{
    return table_bytes(&scope->watched[TABLE_PASSWD].table) +
           table_bytes(&scope->watched[TABLE_GROUP].table);
}

/* The least recently used scope of at least bytes_min other than `keep`; SIZE_MAX: none. Few are
 * made, so a walk is cheap enough. */
static size_t scope_oldest(const struct user_cache *cache, size_t keep, size_t bytes_min)
{
    size_t oldest = SIZE_MAX;
    for (size_t index = 0; index < cache->count; index++) {
        if (index != keep && scope_bytes(&cache->scopes[index]) >= bytes_min &&
            (oldest == SIZE_MAX || cache->scopes[index].used < cache->scopes[oldest].used))
            oldest = index;
    }
    return oldest;
}

static struct scope *scope_make(struct user_cache *cache, span key)
{
    size_t index = cache->count;
    if (cache->count < cache->count_max) {
        cache->count++;
    } else {
        index = scope_oldest(cache, SIZE_MAX, 0);
        struct scope *old = &cache->scopes[index];
        map_remove(&cache->map, span_of(old->key, old->key_length));
        for (size_t kind = 0; kind < TABLE_COUNT; kind++)
            watched_clear(cache, &old->watched[kind]);
    }
    struct scope *scope = &cache->scopes[index];
    *scope = (struct scope){.key_length = key.len};
    if (key.len)
        memcpy(scope->key, key.data, key.len);
    /* without memory for the map the scope just is not found again, until it is evicted */
    (void)!map_put(&cache->map, span_of(scope->key, scope->key_length), (uint32_t)index);
    return scope;
}

static struct scope *scope_find(struct user_cache *cache, span container)
{
    span key = container.len ? span_first(container, KEY_BYTES_MAX) : SPAN("");
    uint32_t index;
    struct scope *scope =
        map_get(&cache->map, key, &index) ? &cache->scopes[index] : scope_make(cache, key);
    scope->used = ++cache->uses;
    return scope;
}

/* ---- files ---- */

static bool is_same_file(const struct stat *a, const struct stat *b)
{
    return a->st_ino != 0 && a->st_ino == b->st_ino && a->st_dev == b->st_dev &&
           a->st_size == b->st_size && a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
           a->st_mtim.tv_nsec == b->st_mtim.tv_nsec && a->st_ctim.tv_sec == b->st_ctim.tv_sec &&
           a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

static struct open_request request_of(const struct user_scope *scope, enum open_template host,
                                      enum open_template process)
{
    if (!scope->container.len)
        return (struct open_request){.what = host};
    return (struct open_request){
        .what = process, .pid = scope->pid, .start_boot_ns = scope->start_boot_ns};
}

static void read_map(struct user_cache *cache, const struct user_scope *who, enum table_kind kind,
                     struct id_map *ret)
{
    *ret = (struct id_map){{{0, 0, UINT32_MAX}}, 1};
    if (!who->container.len)
        return;
    struct open_request request = request_of(
        who, OPEN_NONE, kind == TABLE_PASSWD ? OPEN_PROCESS_UID_MAP : OPEN_PROCESS_GID_MAP);
    AUTO(auto_file) struct file file = {0};
    struct id_map map;
    if (sources_read(&cache->sources, &request, opener_bytes_max(request.what), &file) &&
        id_map_parse(span_of(file.data, file.len), &map))
        *ret = map;
}

/* True when the file could be looked at, read anew or not; ret_is_host: not, the process has the
 * host's root. */
static bool watched_read(struct user_cache *cache, const struct user_scope *who,
                         enum table_kind kind, struct watched *watched, bool *ret_is_host)
{
    struct open_request request = kind == TABLE_PASSWD
                                      ? request_of(who, OPEN_HOST_PASSWD, OPEN_PROCESS_PASSWD)
                                      : request_of(who, OPEN_HOST_GROUP, OPEN_PROCESS_GROUP);
    struct sources *sources = &cache->sources;
    AUTO(auto_close) int fd = sources_open(sources, &request);
    struct stat now;
    *ret_is_host = fd == -EXDEV && who->container.len;
    if (fd < 0 || fstat(fd, &now))
        return false;
    if (is_same_file(&watched->seen, &now))
        return true;
    struct user_table table = {0};
    struct err_ctx err;
    if (file_read(fd, USER_BYTES_MAX, &table.text, &err)) {
        sources_complain(sources, &request, &err);
        return false;
    }
    user_table_parse(&table, kind == TABLE_GROUP);
    if (watched->seen.st_ino == 0)
        read_map(cache, who, kind, &watched->map);
    watched_clear(cache, watched);
    watched->table = table;
    watched->seen = now;
    cache->bytes += table_bytes(&table);
    return true;
}

/* Empties scopes until the rest fits; they are read again when they are asked for. */
static void bytes_limit(struct user_cache *cache, const struct scope *keep)
{
    while (cache->bytes > TABLES_BYTES_MAX) {
        size_t index = scope_oldest(cache, (size_t)(keep - cache->scopes), 1);
        if (index == SIZE_MAX)
            return;
        struct scope *old = &cache->scopes[index];
        for (size_t kind = 0; kind < TABLE_COUNT; kind++) {
            watched_clear(cache, &old->watched[kind]);
            old->watched[kind] = (struct watched){0};
        }
    }
}

static void watched_look(struct user_cache *cache, const struct user_scope *who,
                         enum table_kind kind, struct watched *watched)
{
    bool is_host;
    bool is_read = watched_read(cache, who, kind, watched, &is_host);
    watched->host_pid = is_host ? who->pid : 0;
    watched->host_start_boot_ns = who->start_boot_ns;
    watched->host_exec_boot_ns = who->exec_boot_ns;
    if (is_host)
        return; /* tells nothing of the next process */
    uint32_t shift = watched->failures < RETRY_SHIFT_MAX ? watched->failures : RETRY_SHIFT_MAX;
    watched->failures = is_read ? 0 : watched->failures + 1;
    watched->due_boot_ns = who->now_boot_ns + (is_read ? CHECK_PAUSE_NS : RETRY_FIRST_NS << shift);
}

static bool has_host_root(const struct watched *watched, const struct user_scope *who)
{
    return watched->host_pid && watched->host_pid == who->pid &&
           watched->host_start_boot_ns == who->start_boot_ns &&
           watched->host_exec_boot_ns == who->exec_boot_ns;
}

static const struct user_row *row_find(struct user_cache *cache, const struct user_scope *who,
                                       enum table_kind kind, uint32_t id)
{
    struct scope *scope = scope_find(cache, who->container);
    struct watched *watched = &scope->watched[kind];
    bool can_read = !who->container.len || who->pid > 0;
    if (can_read && !has_host_root(watched, who) && who->now_boot_ns >= watched->due_boot_ns) {
        watched_look(cache, who, kind, watched);
        bytes_limit(cache, scope);
    }
    if (who->container.len && has_host_root(watched, who)) {
        struct user_scope host = {.now_boot_ns = who->now_boot_ns};
        return row_find(cache, &host, kind, id);
    }
    uint32_t inside;
    if (!id_map_inside(&watched->map, id, &inside))
        return NULL;
    return user_table_find(&watched->table, inside);
}

bool user_name(struct user_cache *cache, const struct user_scope *scope, uint32_t uid, span *ret)
{
    const struct user_row *row = row_find(cache, scope, TABLE_PASSWD, uid);
    if (row)
        *ret = row->name;
    return row;
}

bool group_name(struct user_cache *cache, const struct user_scope *scope, uint32_t gid, span *ret)
{
    const struct user_row *row = row_find(cache, scope, TABLE_GROUP, gid);
    if (row)
        *ret = row->name;
    return row;
}

bool user_home(struct user_cache *cache, const struct user_scope *scope, uint32_t uid, span *ret)
{
    const struct user_row *row = row_find(cache, scope, TABLE_PASSWD, uid);
    if (row && row->home.data)
        *ret = row->home;
    return row && row->home.data;
}

bool user_shell(struct user_cache *cache, const struct user_scope *scope, uint32_t uid, span *ret)
{
    const struct user_row *row = row_find(cache, scope, TABLE_PASSWD, uid);
    if (row && row->shell.data)
        *ret = row->shell;
    return row && row->shell.data;
}

/* ---- stored facts ---- */

void user_cache_save(const struct user_cache *cache, struct writer *out)
{
    size_t begin = wire_begin(out, WIRE_USERS);
    for (size_t index = 0; index < cache->count; index++) {
        const struct scope *scope = &cache->scopes[index];
        for (uint32_t kind = 0; kind < TABLE_COUNT; kind++) {
            const struct watched *watched = &scope->watched[kind];
            if (!watched->table.count)
                continue;
            wire_text(out, span_of(scope->key, scope->key_length));
            wire_u32(out, kind);
            wire_u32(out, (uint32_t)watched->map.count);
            for (size_t range = 0; range < watched->map.count; range++) {
                wire_u32(out, watched->map.ranges[range].inside);
                wire_u32(out, watched->map.ranges[range].outside);
                wire_u32(out, watched->map.ranges[range].count);
            }
            wire_text(out, span_of(watched->table.text.data, watched->table.text.len));
        }
    }
    wire_end(out, begin);
}

struct stored_table {
    span key, text;
    uint32_t kind;
    struct id_map map;
};

static bool take_stored(span *s, struct stored_table *ret)
{
    uint32_t count;
    if (!wire_take_text(s, KEY_BYTES_MAX, &ret->key) || !ret->key.data ||
        !span_u32le(s, &ret->kind) || ret->kind >= TABLE_COUNT || !span_u32le(s, &count) ||
        count > ID_RANGES_MAX)
        return false;
    ret->map.count = count;
    for (size_t index = 0; index < count; index++) {
        struct id_range *range = &ret->map.ranges[index];
        if (!span_u32le(s, &range->inside) || !span_u32le(s, &range->outside) ||
            !span_u32le(s, &range->count))
            return false;
    }
    return wire_take_text(s, USER_BYTES_MAX, &ret->text) && ret->text.len > 0;
}

static void load_one(struct user_cache *cache, const struct stored_table *stored,
                     uint64_t now_boot_ns)
{
    struct scope *scope = scope_find(cache, stored->key);
    struct watched *watched = &scope->watched[stored->kind];
    if (watched->table.count)
        return;
    struct user_table table = {.text = {malloc(stored->text.len), stored->text.len}};
    if (!table.text.data)
        return;
    memcpy(table.text.data, stored->text.data, stored->text.len);
    user_table_parse(&table, stored->kind == TABLE_GROUP);
    watched_clear(cache, watched);
    watched->table = table;
    watched->map = stored->map;
    watched->due_boot_ns = now_boot_ns;
    cache->bytes += table_bytes(&table);
    bytes_limit(cache, scope);
}

err_kind user_cache_load(struct user_cache *cache, span bytes, uint64_t now_boot_ns,
                         struct err_ctx *err)
{
    span payload;
    if (wire_open(bytes, WIRE_USERS, &payload, err))
        return err->kind;
    struct stored_table stored;
    for (span rest = payload; rest.len;) {
        if (!take_stored(&rest, &stored))
            return err_set(err, ERR_INPUT, "stored users: byte %zu: not well formed",
                           payload.len - rest.len);
    }
    while (payload.len && take_stored(&payload, &stored))
        load_one(cache, &stored, now_boot_ns);
    return OK;
}
