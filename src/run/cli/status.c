#include <jansson.h>
#include <stdio.h>

#include "cli/cli.h"
#include "core/cleanup.h"
#include "delivery/delivery.h"
#include "topic/topic.h"

#define SINKS_BYTES_MAX ((size_t)16 << 20)

struct status_words {
    const char *state;
    const char *output;
};

static const struct option_desc rows[] = {
    {"state", OPTION_TEXT, offsetof(struct status_words, state), STATE_DIR_DEFAULT, "DIR",
     "the state folder of picket run, picket ingest or a pipeline"},
    {"output", OPTION_CHOICE, offsetof(struct status_words, output), "text", "text|json", "form"},
};

static const struct option_table table = {
    .command = "status",
    .usage = "[options]",
    .summary =
        "Shows what picket run does: events, signals, what was lost and why, which hooks are in\n"
        "use and what they cost. Of picket ingest: in, out, filtered, dead, dropped, lag. Then "
        "the\n"
        "sinks of the state folder. All numbers are renewed every second.",
    .examples = "  sudo picket status\n",
    .rows = rows,
    .row_count = sizeof rows / sizeof *rows,
};

static void counts_print(const json_t *status)
{
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)status, key, value)
    {
        if (json_is_integer(value))
            printf("%-24s %lld\n", key, (long long)json_integer_value(value));
        else if (json_is_real(value))
            printf("%-24s %.3f\n", key, json_real_value(value));
        else if (json_is_string(value))
            printf("%-24s %s\n", key, json_string_value(value));
    }
}

static const char *text(const json_t *object, const char *key)
{
    const char *value = json_string_value(json_object_get(object, key));
    return value ? value : "";
}

static void lists_print(const json_t *status)
{
    size_t index;
    json_t *one;
    json_array_foreach(json_object_get(status, "drops_by"), index, one)
        printf("lost: %-12s %-16s %lld\n", text(one, "reason"), text(one, "event"),
               (long long)json_integer_value(json_object_get(one, "count")));
    const char *reason_lost;
    json_object_foreach(json_object_get(status, "dropped"), reason_lost, one)
        printf("dropped: %-15s %lld\n", reason_lost, (long long)json_integer_value(one));
    if (!json_object_get(status, "hooks"))
        return;
    printf("\n%-40s %-10s %-18s %s\n", "hook", "state", "for", "cost, or why not");
    json_array_foreach(json_object_get(status, "hooks"), index, one)
    {
        const char *reason = text(one, "reason");
        printf("%-40s %-10s %-18s %s\n", text(one, "hook"), text(one, "state"), text(one, "event"),
               reason[0] ? reason : text(one, "cost"));
    }
}

static void text_print(span value, const json_t *sinks)
{
    AUTO(writer_free) struct writer out;
    json_t *status = json_loadb((const char *)value.data, value.len, 0, NULL);
    if (status) {
        counts_print(status);
        lists_print(status);
    }
    json_decref(status);
    writer_init(&out, SINKS_BYTES_MAX);
    if (json_array_size(sinks)) {
        delivery_statuses_text(sinks, &out);
        printf("\n%.*s", (int)out.len, (const char *)out.data);
    }
}

/* The engine's object as it stands, and in it the sinks. */
static void json_print(span value, const json_t *sinks)
{
    AUTO(auto_free) char *text = json_dumps(sinks, JSON_COMPACT);
    size_t len = value.len;
    while (len && value.data[len - 1] != '}')
        len--;
    if (len > 1 && text && json_array_size(sinks))
        printf("%.*s,\"sinks\":%s}\n", (int)len - 1, (const char *)value.data, text);
    else
        printf("%.*s\n", (int)value.len, (const char *)value.data);
}

static err_kind status_read(const struct status_words *words, struct err_ctx *err)
{
    struct topic_log *log = NULL;
    AUTO(auto_close) int store_fd = -1;
    AUTO(auto_close) int sinks_fd = -1;
    json_t *sinks = NULL;
    span value;
    err_kind kind = cli_state_open(words->state, &store_fd, &sinks_fd, &log, err);
    if (kind != OK)
        return kind;
    kind = topic_state_get(log, "status", SPAN("detect"), &value, err);
    if (kind == OK && !value.data)
        kind = err_set(err, ERR_STATE, "nothing has run with state folder '%s' yet", words->state);
    if (kind == OK)
        kind = delivery_statuses_read(sinks_fd, &sinks, err);
    if (kind == OK && words->output[0] == 'j')
        json_print(value, sinks);
    else if (kind == OK)
        text_print(value, sinks);
    json_decref(sinks);
    topic_log_close(log);
    return kind;
}

int cli_status(int argc, const char *const *argv)
{
    struct status_words words = {0};
    struct err_ctx err;
    int code;
    if (!cli_options(&table, argc, argv, &words, NULL, &code))
        return code;
    return status_read(&words, &err) == OK ? EXIT_DONE : cli_fail(&err);
}
