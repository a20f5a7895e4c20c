/* Alerts: of each one the newest version, in the order in which they changed last. */
#include <jansson.h>
#include <string.h>

#include "alert/alert.h"
#include "cli/query.h"
#include "core/hash.h"
#include "core/map.h"
#include "core/vector.h"
#include "signal/signal.h"

#define ALERTS_MAX       4000000
#define LINE_BYTES_MAX   (16u << 20)
#define RECORD_BYTES_MAX (1u << 20)

/* Where the newest version of each alert lies. */
struct newest {
    struct map places; /* hash of the id -> index into offsets */
    uint64_t *offsets; /* UINT64_MAX: a newer one took its place */
    size_t count, size;
};

static err_kind newest_note(struct newest *newest, const struct topic_record *record,
                            struct err_ctx *err)
{
    uint32_t place;
    uint64_t id = hash_span(record->key, 1);
    if (map_get_u64(&newest->places, id, &place))
        newest->offsets[place] = UINT64_MAX;
    if (!vector_grow(&newest->offsets, &newest->size, newest->count, ALERTS_MAX,
                     sizeof *newest->offsets) ||
        !map_put_u64(&newest->places, id, (uint32_t)newest->count))
        return err_set(err, ERR_LIMIT, "more than %d versions of alerts", ALERTS_MAX);
    newest->offsets[newest->count++] = record->offset;
    return OK;
}

static err_kind newest_find(struct topic_log *log, struct newest *newest, struct err_ctx *err)
{
    struct topic_reader *reader;
    err_kind kind = topic_reader_open(log, ALERT_TOPIC, 0, &reader, err);
    if (kind != OK)
        return kind;
    for (;;) {
        struct topic_record record;
        bool is_end;
        kind = topic_reader_next(reader, &record, &is_end, err);
        if (kind != OK || is_end)
            break;
        kind = newest_note(newest, &record, err);
        if (kind != OK)
            break;
    }
    topic_reader_close(reader);
    return kind;
}

/* ---- the filter ---- */

static span member(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    return json_is_string(value) ? span_of(json_string_value(value), json_string_length(value))
                                 : SPAN("");
}

/* Times of one form sort as texts. */
static bool is_before(span time, uint64_t wall_ns)
{
    struct writer text;
    writer_init(&text, 64);
    writer_time(&text, wall_ns);
    bool is_less = text.len == time.len && memcmp(time.data, text.data, text.len) < 0;
    writer_free(&text);
    return is_less;
}

static bool is_in_time(const json_t *alert, const struct state_filter *filter)
{
    return !is_before(member(alert, "last_seen"), filter->from_wall_ns) &&
           (!filter->to_wall_ns || is_before(member(alert, "first_seen"), filter->to_wall_ns));
}

static bool passes(const json_t *alert, const struct state_filter *filter)
{
    const json_t *container = json_object_get(alert, "container");
    uint8_t priority = 7;
    (void)signal_priority_parse(member(alert, "priority"), &priority);
    if (filter->rule.data && !span_eq(member(alert, "rule"), filter->rule))
        return false;
    if (filter->container.data && !span_eq(member(container, "name"), filter->container) &&
        !span_starts(member(container, "id"), filter->container))
        return false;
    if (filter->priority_max != STATE_PRIORITY_ANY && priority > filter->priority_max)
        return false;
    return is_in_time(alert, filter);
}

/* ---- printing ---- */

static void csv_render(const json_t *alert, struct writer *out)
{
    static const char *const columns[] = {"first_seen", "last_seen", "priority", "rule",
                                          "hostname",   "output",    "id"};
    writer_format(out, "%lld", (long long)json_integer_value(json_object_get(alert, "count")));
    for (size_t index = 0; index < sizeof columns / sizeof *columns; index++) {
        writer_byte(out, ',');
        query_csv_put(out, member(alert, columns[index]));
    }
    writer_byte(out, ',');
    query_csv_put(out, member(json_object_get(alert, "container"), "id"));
    writer_text(out, "\r\n");
}

static err_kind text_render(const json_t *alert, span json, bool is_colour, struct writer *out,
                            struct err_ctx *err)
{
    err_kind kind = signal_render_text(json, is_colour, out, err);
    if (kind != OK)
        return kind;
    writer_format(out, "    signals  %lld, from ",
                  (long long)json_integer_value(json_object_get(alert, "count")));
    writer_terminal(out, member(alert, "first_seen"));
    writer_text(out, " to ");
    writer_terminal(out, member(alert, "last_seen"));
    writer_text(out, json_is_true(json_object_get(alert, "final")) ? "\n" : ", still counting\n");
    query_id_put(out, json);
    return OK;
}

static err_kind print(const struct query_alerts *how, span json, bool *ret_is_printed,
                      struct err_ctx *err)
{
    struct writer line;
    json_t *alert = json_loadb((const char *)json.data, json.len, JSON_ALLOW_NUL, NULL);
    err_kind kind = OK;
    *ret_is_printed = passes(alert, how->filter);
    writer_init(&line, LINE_BYTES_MAX);
    if (*ret_is_printed && how->output == 'c') {
        csv_render(alert, &line);
    } else if (*ret_is_printed && how->output == 'j') {
        writer_put(&line, json);
        writer_byte(&line, '\n');
    } else if (*ret_is_printed) {
        kind = text_render(alert, json, how->is_colour, &line, err);
    }
    if (kind == OK)
        fwrite(line.data, 1, line.len, stdout);
    writer_free(&line);
    json_decref(alert);
    return kind;
}

err_kind query_alerts(struct topic_log *log, const struct query_alerts *how, struct err_ctx *err)
{
    struct newest newest = {0};
    struct writer bytes;
    uint64_t printed = 0;
    map_init(&newest.places, ALERTS_MAX, 1);
    writer_init(&bytes, RECORD_BYTES_MAX);
    err_kind kind = newest_find(log, &newest, err);
    if (kind == OK && how->output == 'c')
        printf("count,first_seen,last_seen,priority,rule,hostname,output,id,container\r\n");
    for (size_t index = 0; index < newest.count && kind == OK && !ferror(stdout); index++) {
        size_t place = how->filter->is_newest_first ? newest.count - 1 - index : index;
        bool is_known, is_printed = false;
        if (newest.offsets[place] == UINT64_MAX)
            continue;
        writer_reset(&bytes);
        kind = state_record_get(log, ALERT_TOPIC, newest.offsets[place], &bytes, &is_known, err);
        if (kind == OK && is_known)
            kind = print(how, writer_span(&bytes), &is_printed, err);
        printed += is_printed;
        if (how->filter->limit && printed == how->filter->limit)
            break;
    }
    map_free(&newest.places);
    free(newest.offsets);
    writer_free(&bytes);
    return kind;
}
