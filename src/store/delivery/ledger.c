#include "delivery/ledger.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <unistd.h>

#include <sys/stat.h>

#include "core/cleanup.h"
#include "core/clock.h"

#define POSITION_FILE    "position.json"
#define POSITION_BYTES   ((size_t)1 << 20)
#define LETTERS_FILE     "dead.ndjson"
#define OLDER_FILE       "dead.1.ndjson"
#define LETTER_BYTES_MAX ((size_t)4 << 20)

static const struct {
    const char *name;
    size_t offset;
} counter_table[] = {
    {"in", offsetof(struct delivery_counters, in)},
    {"out", offsetof(struct delivery_counters, out)},
    {"filtered", offsetof(struct delivery_counters, filtered)},
    {"dead", offsetof(struct delivery_counters, dead)},
    {"dropped_trimmed", offsetof(struct delivery_counters, dropped_trimmed)},
    {"dropped_expired", offsetof(struct delivery_counters, dropped_expired)},
    {"dropped_letters", offsetof(struct delivery_counters, dropped_letters)},
    {"retried", offsetof(struct delivery_counters, retried)},
};
#define COUNTER_COUNT (sizeof counter_table / sizeof *counter_table)
_Static_assert(COUNTER_COUNT * sizeof(uint64_t) == sizeof(struct delivery_counters),
               "every counter");

static uint64_t *counter_at(struct delivery_counters *counters, size_t index)
{
    return (uint64_t *)(void *)((char *)counters + counter_table[index].offset);
}

/* ---- files ---- */

static err_kind write_all(int fd, span bytes, struct err_ctx *err)
{
    while (bytes.len) {
        ssize_t count = write(fd, bytes.data, bytes.len);
        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0)
            return err_set(err, ERR_SYSTEM, "writing");
        bytes = span_after(bytes, (size_t)count);
    }
    return OK;
}

err_kind ledger_replace(int folder, const char *name, span content, bool is_durable,
                        struct err_ctx *err)
{
    char fresh[64];
    snprintf(fresh, sizeof fresh, "%s.new", name);
    AUTO(auto_close)
    int fd = openat(folder, fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return err_set(err, ERR_SYSTEM, "%s", fresh);
    err_kind kind = write_all(fd, content, err);
    if (kind == OK && is_durable && fsync(fd))
        kind = err_set(err, ERR_SYSTEM, "sync");
    if (kind == OK && renameat(folder, fresh, folder, name))
        kind = err_set(err, ERR_SYSTEM, "rename");
    if (kind == OK && is_durable && fsync(folder))
        kind = err_set(err, ERR_SYSTEM, "sync of the folder");
    return kind == OK ? OK : err_wrap(err, "%s", name);
}

/* *ret NULL: there is no such file. */
static err_kind json_read(int folder, const char *name, json_t **ret, struct err_ctx *err)
{
    AUTO(auto_close) int fd = openat(folder, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    *ret = NULL;
    if (fd < 0)
        return errno == ENOENT ? OK : err_set(err, ERR_SYSTEM, "%s", name);
    AUTO(auto_free) char *text = malloc(POSITION_BYTES);
    size_t len = 0;
    ssize_t count = text ? 1 : -1;
    while (count > 0 && len < POSITION_BYTES) {
        count = read(fd, text + len, POSITION_BYTES - len);
        len += count > 0 ? (size_t)count : 0;
    }
    if (count < 0)
        return err_set(err, ERR_SYSTEM, "%s", name);
    *ret = json_loadb(text, len, 0, NULL);
    if (!json_is_object(*ret)) {
        json_decref(*ret);
        *ret = NULL;
        return err_set(err, ERR_STATE, "%s is damaged; without it all is sent once more", name);
    }
    return OK;
}

static uint64_t lines_count(int fd)
{
    char chunk[16384];
    uint64_t lines = 0;
    off_t at = 0;
    for (;;) {
        ssize_t count = pread(fd, chunk, sizeof chunk, at);
        if (count <= 0)
            return lines;
        for (ssize_t index = 0; index < count; index++)
            lines += chunk[index] == '\n';
        at += count;
    }
}

static err_kind letters_open(struct ledger *ledger, struct err_ctx *err)
{
    struct stat status;
    ledger->letters_fd = openat(ledger->folder, LETTERS_FILE,
                                O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (ledger->letters_fd < 0 || fstat(ledger->letters_fd, &status))
        return err_set(err, ERR_SYSTEM, LETTERS_FILE);
    ledger->letters_bytes = (uint64_t)status.st_size;
    ledger->letters_count = lines_count(ledger->letters_fd);
    return OK;
}

/* ---- the ledger ---- */

err_kind ledger_open(struct ledger *ledger, int folder, struct feed *feed, struct err_ctx *err)
{
    json_t *saved;
    *ledger = (struct ledger){.folder = folder, .letters_fd = -1};
    err_kind kind = json_read(folder, POSITION_FILE, &saved, err);
    if (kind != OK)
        return kind;
    const json_t *counters = json_object_get(saved, "counters");
    for (size_t index = 0; index < COUNTER_COUNT; index++)
        *counter_at(&ledger->counters, index) =
            (uint64_t)json_integer_value(json_object_get(counters, counter_table[index].name));
    kind = feed_restore(feed, json_object_get(saved, "positions"), err);
    json_decref(saved);
    if (kind == OK)
        kind = letters_open(ledger, err);
    AUTO(auto_close) int older = openat(folder, OLDER_FILE, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    ledger->older_count = older < 0 ? 0 : lines_count(older);
    if (kind != OK)
        ledger_close(ledger);
    return kind;
}

void ledger_close(struct ledger *ledger)
{
    if (ledger->letters_fd >= 0)
        close(ledger->letters_fd);
    ledger->letters_fd = -1;
}

err_kind ledger_save(struct ledger *ledger, const struct feed *feed, struct err_ctx *err)
{
    json_t *counters = json_object();
    for (size_t index = 0; index < COUNTER_COUNT; index++)
        json_object_set_new(counters, counter_table[index].name,
                            json_integer((json_int_t)*counter_at(&ledger->counters, index)));
    json_t *all = json_pack("{s:i, s:o, s:o}", "version", 1, "positions", feed_save(feed),
                            "counters", counters);
    AUTO(auto_free) char *text = all ? json_dumps(all, JSON_COMPACT) : NULL;
    json_decref(all);
    if (!text)
        return err_set(err, ERR_LIMIT, "out of memory");
    return ledger_replace(ledger->folder, POSITION_FILE, span_str(text), true, err);
}

/* ---- dead letters ---- */

/* Makes room: the older half goes. */
static err_kind letters_turn(struct ledger *ledger, struct err_ctx *err)
{
    ledger_close(ledger);
    if (renameat(ledger->folder, LETTERS_FILE, ledger->folder, OLDER_FILE))
        return err_set(err, ERR_SYSTEM, LETTERS_FILE);
    ledger->counters.dropped_letters += ledger->older_count;
    ledger->older_count = ledger->letters_count;
    return letters_open(ledger, err);
}

err_kind ledger_letter(struct ledger *ledger, const struct feed_cursor *cursor, uint64_t offset,
                       const char *sink, const char *reason, span payload, struct err_ctx *err)
{
    AUTO(writer_free) struct writer line;
    char position[256];
    writer_init(&line, LETTER_BYTES_MAX);
    snprintf(position, sizeof position, "%s/%s@%llu", cursor->store, cursor->topic,
             (unsigned long long)offset);
    writer_text(&line, "{\"time\":\"");
    writer_time(&line, clock_wall_ns());
    writer_text(&line, "\",\"reason\":");
    writer_json_string(&line, span_str(reason));
    writer_text(&line, ",\"stage\":\"sink\",\"source\":");
    writer_json_string(&line, span_str(sink));
    writer_text(&line, ",\"position\":");
    writer_json_string(&line, span_str(position));
    writer_text(&line, ",\"payload\":");
    writer_json_string(&line, payload);
    writer_text(&line, "}\n");
    if (line.is_full)
        return err_set(err, ERR_LIMIT, LETTERS_FILE ": a letter over %zu bytes", line.size_max);
    err_kind kind = OK;
    if (ledger->letters_bytes + line.len > LEDGER_LETTERS_BYTES_MAX)
        kind = letters_turn(ledger, err);
    if (kind == OK)
        kind = write_all(ledger->letters_fd, writer_span(&line), err);
    if (kind == OK && fdatasync(ledger->letters_fd))
        kind = err_set(err, ERR_SYSTEM, "sync");
    if (kind != OK)
        return err_wrap(err, LETTERS_FILE);
    ledger->letters_bytes += line.len;
    ledger->letters_count++;
    return OK;
}
