#include "cli/query.h"

#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "cli/cli.h"
#include "core/cleanup.h"
#include "core/clock.h"
#include "pipeline/pipeline.h"
#include "signal/signal.h"
#include "state/state.h"

struct query_words {
    const char *state;
    const char *from;
    const char *to;
    const char *rule;
    const char *container;
    const char *priority;
    const char *output;
    uint64_t limit;
    bool newest;
    const char *signal;
    const char *evidence;
    bool is_alerts;
};

static const struct option_desc rows[] = {
    {"state", OPTION_TEXT, offsetof(struct query_words, state), STATE_DIR_DEFAULT, "DIR",
     "the state folder of picket run"},
    {"from", OPTION_TEXT, offsetof(struct query_words, from), NULL, "TIME",
     "not before: RFC 3339, or how long ago (10m, 2h, 1d)"},
    {"to", OPTION_TEXT, offsetof(struct query_words, to), NULL, "TIME", "not after, likewise"},
    {"rule", OPTION_TEXT, offsetof(struct query_words, rule), NULL, "NAME",
     "the rule's whole name"},
    {"container", OPTION_TEXT, offsetof(struct query_words, container), NULL, "ID|NAME",
     "the container's name, or how its id begins"},
    {"priority", OPTION_CHOICE, offsetof(struct query_words, priority), "debug",
     "emergency|alert|critical|error|warning|notice|informational|debug", "at least this severe"},
    {"limit", OPTION_COUNT, offsetof(struct query_words, limit), "1000", NULL, "at most so many"},
    {"signal", OPTION_TEXT, offsetof(struct query_words, signal), NULL, "ID",
     "one signal with its process history and the kernel's record; secrets masked"},
    {"evidence", OPTION_TEXT, offsetof(struct query_words, evidence), NULL, "ID",
     "the same with the record exactly as it is kept, secrets included"},
    {"newest", OPTION_FLAG, offsetof(struct query_words, newest), NULL, NULL, "newest first"},
    {"output", OPTION_CHOICE, offsetof(struct query_words, output), "text", "text|json|csv",
     "form"},
};

static const struct option_table table = {
    .command = "query",
    .usage = "[alerts] [options]",
    .summary =
        "Looks signals up in the store, by time, rule, container and priority; or alerts, which\n"
        "count the signals of one rule about one thing.",
    .examples = "  sudo picket query --from 1h --priority warning\n"
                "  sudo picket query --container web --output csv\n"
                "  sudo picket query alerts --newest --limit 10\n"
                "  sudo picket query --signal 5ac1d94e --output json\n",
    .rows = rows,
    .row_count = sizeof rows / sizeof *rows,
};

/* "2h": so long ago; else RFC 3339 in UTC. */
static bool time_parse(const char *text, uint64_t *ret_wall_ns)
{
    uint64_t ago_ns;
    struct tm parts = {0};
    if (duration_parse(text, &ago_ns)) {
        uint64_t now_ns = clock_wall_ns();
        *ret_wall_ns = ago_ns < now_ns ? now_ns - ago_ns : 0;
        return true;
    }
    const char *rest = strptime(text, "%Y-%m-%dT%H:%M:%S", &parts);
    if (!rest || (rest[0] != 'Z' && rest[0] != '.' && rest[0] != 0))
        return false;
    *ret_wall_ns = (uint64_t)timegm(&parts) * 1000000000u;
    return true;
}

void query_csv_put(struct writer *out, span value)
{
    span part;
    writer_byte(out, '"');
    while (span_until(&value, '"', &part)) {
        writer_terminal(out, part);
        writer_text(out, "\"\"");
    }
    writer_terminal(out, value);
    writer_byte(out, '"');
}

static void csv_put(struct writer *out, const json_t *value)
{
    query_csv_put(out, span_of(json_string_value(value), json_string_length(value)));
}

void query_id_put(struct writer *out, span signal)
{
    json_t *object = json_loadb((const char *)signal.data, signal.len, JSON_ALLOW_NUL, NULL);
    const char *id = json_string_value(json_object_get(object, "id"));
    writer_text(out, "    id       ");
    writer_terminal(out, span_str(id ? id : "?"));
    writer_byte(out, '\n');
    json_decref(object);
}

static void csv_render(span json, struct writer *out)
{
    static const char *const columns[] = {"time", "priority", "rule", "hostname", "output"};
    json_t *signal = json_loadb((const char *)json.data, json.len, JSON_ALLOW_NUL, NULL);
    for (size_t index = 0; index < sizeof columns / sizeof *columns; index++) {
        csv_put(out, json_object_get(signal, columns[index]));
        writer_byte(out, ',');
    }
    csv_put(out, json_object_get(json_object_get(signal, "container"), "id"));
    writer_byte(out, ',');
    csv_put(out, json_object_get(signal, "id"));
    writer_text(out, "\r\n");
    json_decref(signal);
}

struct printing {
    const char *output;
    struct writer line;
};

static bool print_one(void *context, const struct topic_record *record)
{
    struct printing *printing = context;
    struct err_ctx err;
    writer_reset(&printing->line);
    if (printing->output[0] == 'c') {
        csv_render(record->value, &printing->line);
    } else if (printing->output[0] == 'j') {
        writer_put(&printing->line, record->value);
        writer_byte(&printing->line, '\n');
    } else if (signal_render_text(record->value, isatty(STDOUT_FILENO) == 1, &printing->line,
                                  &err) != OK) {
        return true;
    } else {
        query_id_put(&printing->line, record->value);
    }
    return fwrite(printing->line.data, 1, printing->line.len, stdout) == printing->line.len;
}

static err_kind signals_print(struct topic_log *log, const struct query_words *words,
                              const struct state_filter *filter, struct err_ctx *err)
{
    struct printing printing = {.output = words->output};
    writer_init(&printing.line, 16u << 20);
    if (words->output[0] == 'c')
        printf("time,priority,rule,hostname,output,container,id\r\n");
    err_kind kind = state_query_signals(log, filter, print_one, &printing, err);
    writer_free(&printing.line);
    return kind;
}

static err_kind query(const struct query_words *words, const struct state_filter *filter,
                      struct err_ctx *err)
{
    struct topic_log *log = NULL;
    AUTO(auto_close) int store_fd = -1;
    err_kind kind = cli_store_open(words->state, &store_fd, &log, err);
    if (kind != OK)
        return kind;
    bool is_colour = isatty(STDOUT_FILENO) == 1;
    if (words->signal || words->evidence)
        kind =
            query_show(log,
                       &(struct query_show){.id = words->signal ? words->signal : words->evidence,
                                            .is_json = words->output[0] == 'j',
                                            .is_colour = is_colour,
                                            .is_evidence = words->evidence},
                       err);
    else if (words->is_alerts)
        kind =
            query_alerts(log,
                         &(struct query_alerts){
                             .filter = filter, .output = words->output[0], .is_colour = is_colour},
                         err);
    else
        kind = signals_print(log, words, filter, err);
    topic_log_close(log);
    return kind;
}

int cli_query(int argc, const char *const *argv)
{
    struct query_words words = {0};
    struct option_list operands = {0};
    struct state_filter filter = {0};
    struct err_ctx err;
    int code;
    if (!cli_options(&table, argc, argv, &words, &operands, &code))
        return code;
    if ((words.from && !time_parse(words.from, &filter.from_wall_ns)) ||
        (words.to && !time_parse(words.to, &filter.to_wall_ns))) {
        fprintf(stderr, "picket: expected a time such as 2026-01-31T12:00:00Z or 10m\n");
        return EXIT_USAGE;
    }
    words.is_alerts = operands.count && strcmp(operands.items[0], "alerts") == 0;
    if (operands.count > words.is_alerts) {
        fprintf(stderr, "picket: query takes no operand but 'alerts', found '%s'\n",
                operands.items[words.is_alerts]);
        return EXIT_USAGE;
    }
    if ((words.signal || words.evidence) && words.output[0] == 'c') {
        fprintf(stderr, "picket: one signal is shown as text or json\n");
        return EXIT_USAGE;
    }
    if (words.rule)
        filter.rule = span_str(words.rule);
    if (words.container)
        filter.container = span_str(words.container);
    (void)signal_priority_parse(span_str(words.priority), &filter.priority_max);
    filter.limit = words.limit;
    filter.is_newest_first = words.newest;
    return query(&words, &filter, &err) == OK ? EXIT_DONE : cli_fail(&err);
}
