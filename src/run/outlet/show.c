/* What `picket sink` prints: kinds, declarations, and what the sinks have done. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "core/cleanup.h"
#include "core/writer.h"
#include "outlet/outlet.h"
#include "role/role.h"
#include "sink/sink.h"

#define STATUS_BYTES_MAX ((size_t)1 << 20)

static void text_print(const char *text)
{
    struct writer out;
    writer_init(&out, STATUS_BYTES_MAX);
    writer_terminal(&out, span_str(text ? text : "-"));
    fwrite(out.data, 1, out.len, stdout);
    writer_free(&out);
}

void outlet_kinds_print(enum outlet_form form)
{
    const struct sink_kind *kind;
    for (size_t index = 0; (kind = sink_kind_at(index)); index++) {
        if (form == OUTLET_FORM_JSON)
            printf("{\"kind\":\"%s\",\"summary\":\"%s\",\"format\":\"%s\",\"batch\":%u}\n",
                   kind->name, kind->summary, signal_format_name(kind->format), kind->batch);
        else
            printf("%-14s %s\n", kind->name, kind->summary);
    }
}

static const char *member(const json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

void outlet_list_print(span declarations, enum outlet_form form)
{
    size_t index;
    json_t *one;
    json_t *all = json_loadb((const char *)declarations.data, declarations.len, 0, NULL);
    json_array_foreach(all, index, one)
    {
        if (form == OUTLET_FORM_JSON) {
            char *text = json_dumps(one, JSON_COMPACT);
            printf("%s\n", text ? text : "");
            free(text);
            continue;
        }
        const char *url = member(one, "url"), *format = member(one, "format");
        const struct sink_kind *kind = sink_kind_find(span_str(member(one, "kind")));
        printf("%-20s %-14s %-7s %-15s ", member(one, "name"), member(one, "kind"),
               format ? format
               : kind ? signal_format_name(kind->format)
                      : "",
               member(one, "topics"));
        text_print(url ? url : member(one, "path"));
        printf("\n");
    }
    json_decref(all);
}

/* ---- status ---- */

/* Names as `picket sink status --output prometheus` and /metrics have them. */
static const struct {
    const char *metric, *type, *key, *reason, *help;
} metric_table[] = {
    {"picket_sink_in_total", "counter", "in", NULL, "records read"},
    {"picket_sink_out_total", "counter", "out", NULL, "records that the receiver took"},
    {"picket_sink_filtered_total", "counter", "filtered", NULL, "records not for this sink"},
    {"picket_sink_dead_total", "counter", "dead", NULL, "records that the receiver refused"},
    {"picket_sink_dropped_total", "counter", "trimmed", "trimmed",
     "records that left the store unread, and dead letters that gave way"},
    {"picket_sink_dropped_total", "counter", "dead_letters", "dead_letters", NULL},
    {"picket_sink_retried_total", "counter", "retried", NULL, "records tried again"},
    {"picket_sink_lag_records", "gauge", "lag", NULL, "records not sent yet"},
    {"picket_sink_lag_seconds", "gauge", "lag_seconds", NULL, "age of the oldest on its way"},
};

static double number(const json_t *status, size_t metric)
{
    const json_t *from = metric_table[metric].reason ? json_object_get(status, "dropped") : status;
    return json_number_value(json_object_get(from, metric_table[metric].key));
}

static void prometheus_print(const json_t *all)
{
    for (size_t metric = 0; metric < sizeof metric_table / sizeof *metric_table; metric++) {
        size_t index;
        json_t *status;
        if (metric_table[metric].help)
            printf("# HELP %s %s\n# TYPE %s %s\n", metric_table[metric].metric,
                   metric_table[metric].help, metric_table[metric].metric,
                   metric_table[metric].type);
        json_array_foreach(all, index, status)
        {
            printf("%s{sink=\"%s\",kind=\"%s\"", metric_table[metric].metric,
                   member(status, "sink"), member(status, "kind"));
            if (metric_table[metric].reason)
                printf(",reason=\"%s\"", metric_table[metric].reason);
            printf("} %.15g\n", number(status, metric));
        }
    }
}

static void status_text_print(const json_t *all)
{
    size_t index;
    json_t *status;
    printf("%-20s %-14s %-9s %10s %10s %10s %8s %8s %8s\n", "sink", "kind", "state", "in", "out",
           "filtered", "dead", "dropped", "lag");
    json_array_foreach(all, index, status)
    {
        const json_t *dropped = json_object_get(status, "dropped");
        const char *trouble = member(status, "trouble");
        json_int_t lost = json_integer_value(json_object_get(dropped, "trimmed")) +
                          json_integer_value(json_object_get(dropped, "dead_letters"));
        printf("%-20s %-14s %-9s %10lld %10lld %10lld %8lld %8lld %8lld\n", member(status, "sink"),
               member(status, "kind"), member(status, "state"),
               (long long)json_integer_value(json_object_get(status, "in")),
               (long long)json_integer_value(json_object_get(status, "out")),
               (long long)json_integer_value(json_object_get(status, "filtered")),
               (long long)json_integer_value(json_object_get(status, "dead")), (long long)lost,
               (long long)json_integer_value(json_object_get(status, "lag")));
        if (trouble) {
            printf("    ");
            text_print(trouble);
            printf("\n");
        }
    }
}

/* One sink's status.json; false: it has none yet. */
static bool status_read(int sinks_fd, const char *name, json_t **ret)
{
    char path[NAME_MAX + 16];
    snprintf(path, sizeof path, "%s/status.json", name);
    AUTO(auto_close) int fd = openat(sinks_fd, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return false;
    *ret = json_loadfd(fd, 0, NULL);
    const char *sink = member(*ret, "sink"), *kind = member(*ret, "kind");
    if (sink && strcmp(sink, name) == 0 && kind && sink_kind_find(span_str(kind)) &&
        member(*ret, "state"))
        return true;
    json_decref(*ret);
    return false;
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static err_kind statuses_read(int sinks_fd, json_t *all, struct err_ctx *err)
{
    struct dirent **entries;
    int count = scandirat(sinks_fd, ".", &entries, NULL, by_name);
    if (count < 0)
        return err_set(err, ERR_SYSTEM, "state folder: sinks");
    for (int index = 0; index < count; index++) {
        json_t *status;
        if (entries[index]->d_name[0] != '.' &&
            status_read(sinks_fd, entries[index]->d_name, &status))
            json_array_append_new(all, status);
        free(entries[index]);
    }
    free(entries);
    return OK;
}

/* The folder is opened first; then this process gives up all but reading below it. */
static err_kind statuses_open(const char *state_dir, json_t *all, struct err_ctx *err)
{
    AUTO(auto_close) int state_fd = open(state_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (state_fd < 0)
        return err_set(err, ERR_SYSTEM, "state folder '%s'", state_dir);
    AUTO(auto_close)
    int sinks_fd = openat(state_fd, "sinks", O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (sinks_fd < 0 && errno == ENOENT)
        return err_set(err, ERR_STATE, "no sink has run with state folder '%s' yet", state_dir);
    if (sinks_fd < 0)
        return err_set(err, ERR_SYSTEM, "state folder '%s': sinks", state_dir);
    err_kind kind = role_confine(ROLE_ENGINE, sinks_fd, err);
    return kind == OK ? statuses_read(sinks_fd, all, err) : kind;
}

err_kind outlet_status_print(const char *state_dir, enum outlet_form form, struct err_ctx *err)
{
    json_t *all = json_array();
    err_kind kind = statuses_open(state_dir, all, err);
    if (kind == OK && form == OUTLET_FORM_JSON) {
        char *text = json_dumps(all, JSON_COMPACT);
        printf("%s\n", text ? text : "");
        free(text);
    } else if (kind == OK && form == OUTLET_FORM_PROMETHEUS) {
        prometheus_print(all);
    } else if (kind == OK) {
        status_text_print(all);
    }
    json_decref(all);
    return kind;
}
