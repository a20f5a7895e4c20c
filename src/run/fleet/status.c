/* `picket pipeline list` and `status`: what the engines keep in their stores, and which run. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sys/file.h>
#include <sys/stat.h>

#include "core/cleanup.h"
#include "core/clock.h"
#include "delivery/delivery.h"
#include "fleet/pipelines.h"
#include "state/state.h"
#include "topic/topic.h"

#define LOCK_BYTES      8192
#define SINKS_BYTES_MAX ((size_t)16 << 20)
#define COUNTERS        "intake." /* as they are called in the store */

struct status_words {
    const char *state;
    const char *output;
};

static const struct option_desc rows[] = {
    {"state", OPTION_TEXT, offsetof(struct status_words, state), STATE_DIR_DEFAULT, "DIR",
     "the state folder of picket pipeline run"},
    {"output", OPTION_CHOICE, offsetof(struct status_words, output), "text", "text|json", "form"},
};

static const struct option_table list_table = {
    .command = "pipeline list",
    .usage = "[options]",
    .summary =
        "Lists the pipelines that have run with a state folder: whether they run, what they\n"
        "have done, how far behind they are, how often an engine was started again.",
    .examples = "  picket pipeline list --state ./state\n",
    .rows = rows,
    .row_count = sizeof rows / sizeof *rows,
};

static const struct option_table status_table = {
    .command = "pipeline status",
    .usage = "[options]",
    .summary = "Shows every counter of every pipeline, and the sinks that send what they hold.",
    .examples = "  picket pipeline status --state ./state --output json\n",
    .rows = rows,
    .row_count = sizeof rows / sizeof *rows,
};

/* ---- reading ---- */

/* Opened as the caller; looked into with an engine's rights. */
struct place {
    char name[NAME_MAX + 1];
    int lock_fd;   /* -1: it cannot be opened */
    int store_fd;  /* -1: none, as of a pipeline on Kafka */
    int worker_fd; /* its worker's own counters; -1: none */
};

/* The lock's file says who runs it, or did last. */
static void lock_read(int fd, json_t *into)
{
    char text[LOCK_BYTES + 1];
    static const char *const names[] = {"pid", "type", "owner", "file"};
    ssize_t len = fd < 0 ? 0 : read(fd, text, LOCK_BYTES);
    bool is_running = fd >= 0 && flock(fd, LOCK_SH | LOCK_NB) && errno == EWOULDBLOCK;
    span rest = span_of(text, len > 0 ? (size_t)len : 0), line;
    json_object_set_new(into, "running", json_boolean(is_running));
    for (size_t index = 0; index < 4 && span_until(&rest, '\n', &line); index++) {
        if (index == 0 && !is_running)
            continue;
        json_object_set_new(into, names[index],
                            index ? json_stringn((const char *)line.data, line.len)
                                  : json_integer(strtol((const char *)line.data, NULL, 10)));
    }
}

static void note_take(struct topic_log *log, const char *stage, span key, json_t *into)
{
    struct err_ctx err;
    span value;
    if (topic_state_get(log, stage, key, &value, &err) != OK || !value.data)
        return;
    json_t *note = json_loadb((const char *)value.data, value.len, JSON_DECODE_ANY, NULL);
    if (json_is_object(note))
        json_object_update(into, note);
    else if (note)
        json_object_set(into, "restarts", note);
    json_decref(note);
}

static void counter_take(void *context, const char *name, uint64_t value)
{
    if (!strchr(name + strlen(COUNTERS), '.'))
        json_object_set_new(context, name + strlen(COUNTERS), json_integer((json_int_t)value));
}

static err_kind store_read(int fd, json_t *into, struct err_ctx *err)
{
    struct topic_options options = {.is_read_only = true};
    struct topic_log *log;
    err_kind kind = topic_log_open(fd, &options, &log, err);
    if (kind != OK)
        return kind;
    note_take(log, "status", SPAN("detect"), into);
    /* the status may be a second old */
    kind = state_counters(log, COUNTERS, counter_take, into, err);
    note_take(log, "feed", SPAN("status"), into);
    note_take(log, "feed", SPAN("restarts"), into);
    topic_log_close(log);
    return kind;
}

static json_t *place_read(const struct place *place)
{
    struct err_ctx err;
    json_t *one = json_object();
    json_object_set_new(one, "restarts", json_integer(0));
    fleet_worker_counters(place->worker_fd, one);
    if (place->store_fd >= 0 && store_read(place->store_fd, one, &err) != OK) {
        json_object_set_new(one, "error", json_string(err.text));
        fprintf(stderr, "picket: pipeline '%s': %s\n", place->name, err.text);
    }
    json_object_set_new(one, "name", json_string(place->name));
    lock_read(place->lock_fd, one);
    return one;
}

static int is_lock(const struct dirent *entry)
{
    return span_ends(span_str(entry->d_name), SPAN(".lock"));
}

static struct place place_open(int folder, const char *lock)
{
    struct place place;
    int len = (int)(strlen(lock) - strlen(".lock"));
    snprintf(place.name, sizeof place.name, "%.*s", len, lock);
    place.lock_fd = openat(folder, lock, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    place.store_fd = openat(folder, place.name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    place.worker_fd = place.store_fd < 0 ? -1 : fleet_worker_open(place.store_fd);
    if (place.store_fd >= 0 && faccessat(place.store_fd, "picket.db", F_OK, AT_SYMLINK_NOFOLLOW))
        close(fd_steal(&place.store_fd));
    return place;
}

/* Owned: *ret_count places in the order of their names; they stay open. */
static struct place *places_open(int folder, int *ret_count)
{
    struct dirent **entries;
    *ret_count = scandirat(folder, ".", &entries, is_lock, alphasort);
    if (*ret_count < 0)
        return NULL;
    struct place *places = calloc((size_t)*ret_count + 1, sizeof *places);
    for (int index = 0; index < *ret_count; index++) {
        if (places)
            places[index] = place_open(folder, entries[index]->d_name);
        free(entries[index]);
    }
    free(entries);
    return places;
}

static json_t *pipelines_read(const char *state, struct err_ctx *err)
{
    char path[PATH_MAX];
    int count;
    snprintf(path, sizeof path, "%s/%s", state, PIPELINES_FOLDER);
    AUTO(auto_close) int folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    AUTO(auto_free) struct place *places = folder < 0 ? NULL : places_open(folder, &count);
    if (!places) {
        err_set(err, ERR_SYSTEM, "no pipeline has run with state folder '%s'", state);
        return NULL;
    }
    if (role_confine(ROLE_ENGINE, folder, err) != OK)
        return NULL;
    json_t *list = json_array();
    for (int index = 0; index < count; index++)
        json_array_append_new(list, place_read(&places[index]));
    return list;
}

/* ---- printing ---- */

static long long number_of(const json_t *object, const char *key)
{
    return json_integer_value(json_object_get(object, key));
}

static const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "-";
}

static void age_write(const json_t *one, char ret[static 32])
{
    uint64_t then_ns, now_ns = clock_wall_ns();
    const char *time = json_string_value(json_object_get(one, "last_event"));
    if (!time || !clock_parse(time, &then_ns))
        snprintf(ret, 32, "-");
    else
        snprintf(ret, 32, "%llus",
                 (unsigned long long)(now_ns > then_ns ? (now_ns - then_ns) / 1000000000 : 0));
}

static void list_print(const json_t *list)
{
    size_t index;
    json_t *one;
    printf("%-20s %-8s %-8s %10s %10s %10s %8s %10s %8s %8s %s\n", "NAME", "TYPE", "STATE", "IN",
           "OUT", "FILTERED", "DEAD", "LAG", "LAST", "RESTARTS", "OWNER");
    json_array_foreach(list, index, one)
    {
        char age[32];
        bool is_kafka = strcmp(text_of(one, "type"), "kafka") == 0;
        age_write(one, age);
        printf("%-20s %-8s %-8s %10lld %10lld %10lld %8lld %10lld %8s %8lld %s\n",
               text_of(one, "name"), text_of(one, "type"),
               json_is_true(json_object_get(one, "running")) ? "running" : "stopped",
               number_of(one, "in"), number_of(one, "out"), number_of(one, "filtered"),
               number_of(one, "dead"), number_of(one, is_kafka ? "lag_messages" : "lag_bytes"), age,
               number_of(one, "restarts"), text_of(one, "owner"));
    }
}

static void status_print(const json_t *list)
{
    size_t index;
    json_t *one, *value;
    const char *key;
    json_array_foreach(list, index, one)
    {
        printf("%s%s\n", index ? "\n" : "", text_of(one, "name"));
        json_object_foreach(one, key, value)
        {
            AUTO(auto_free) char *text = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);
            if (strcmp(key, "name") != 0)
                printf("  %-12s %s\n", key, text ? text : "");
        }
    }
}

/* The sinks of the state folder: those whose stores the pipelines' are among. */
static json_t *sinks_read(const char *state)
{
    char path[PATH_MAX];
    struct err_ctx err;
    json_t *sinks = NULL;
    snprintf(path, sizeof path, "%s/sinks", state);
    AUTO(auto_close) int folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return delivery_statuses_read(folder, &sinks, &err) == OK ? sinks : json_array();
}

static void sinks_print(const json_t *sinks)
{
    AUTO(writer_free) struct writer out;
    writer_init(&out, SINKS_BYTES_MAX);
    if (!json_array_size(sinks))
        return;
    delivery_statuses_text(sinks, &out);
    printf("\n%.*s", (int)out.len, (const char *)out.data);
}

static int show(const struct option_table *table, int argc, const char *const *argv,
                void (*print)(const json_t *list))
{
    struct status_words words = {0};
    struct err_ctx err;
    int code;
    if (!cli_options(table, argc, argv, &words, NULL, &code))
        return code;
    json_t *list = pipelines_read(words.state, &err);
    if (!list)
        return cli_fail(&err);
    json_t *sinks = table == &status_table ? sinks_read(words.state) : json_array();
    json_t *one;
    size_t index;
    bool is_json = strcmp(words.output, "json") == 0;
    json_array_foreach(list, index, one)
    {
        if (is_json && json_array_size(sinks))
            json_object_set(one, "sinks", sinks);
    }
    if (is_json) {
        AUTO(auto_free) char *text = json_dumps(list, JSON_COMPACT);
        printf("%s\n", text ? text : "[]");
    } else {
        print(list);
        sinks_print(sinks);
    }
    json_decref(sinks);
    json_decref(list);
    return EXIT_DONE;
}

int fleet_list(int argc, const char *const *argv)
{
    return show(&list_table, argc, argv, list_print);
}

int fleet_status(int argc, const char *const *argv)
{
    return show(&status_table, argc, argv, status_print);
}
