/* The choice is made by a child that has no rights; the rules with the exception are then compiled,
 * and a second child looks whether the signal is silent. */
#include "except/except.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <sys/mman.h>
#include <sys/wait.h>

#include "core/cleanup.h"
#include "rules/subcommands.h"
#include "state/state.h"

#define SIGNAL_BYTES_MAX (4u << 20)

struct except_words {
    struct option_list rules;
    struct option_list events;
    const char *source;
    const char *state;
    const char *signals;
    const char *output;
};

static const struct option_desc rows[] = {
    {"rules", OPTION_LIST, offsetof(struct except_words, rules), NULL, "PATH",
     "rule file or folder, in place of the shipped set"},
    RULES_SOURCE_OPTION(struct except_words),
    {"state", OPTION_TEXT, offsetof(struct except_words, state), STATE_DIR_DEFAULT, "DIR",
     "the state folder of picket run: where the signal and the others are looked up"},
    {"signals", OPTION_TEXT, offsetof(struct except_words, signals), NULL, "FILE",
     "look at these signals, a JSON line each, not at the store's"},
    {"events", OPTION_LIST, offsetof(struct except_words, events), NULL, "FILE",
     "look at what matches in these events, not at the store; and check the exception on them"},
    {"output", OPTION_CHOICE, offsetof(struct except_words, output), "text", "text|json",
     "text: a rule file, what was found as comments"},
};

static const struct option_table table = {
    .command = "rules except",
    .usage = "[options] SIGNAL",
    .summary =
        "The smallest exception (Falco) or filter (Sigma) that silences a signal, and what else\n"
        "it would have silenced. SIGNAL is an id in the store, a file with the signal's JSON, or\n"
        "- for stdin. Of all sets of at most four fields that the rule prints it is the one that\n"
        "silences the fewest other signals, then the one with the fewest fields; it names the\n"
        "program and what it did where the rule prints both. It is compiled together with the\n"
        "rules before it is shown; with --events it is also tried.",
    .examples = "  sudo picket rules except 5f3c… >> my-site.yml\n"
                "  picket replay --output json day.rec > signals\n"
                "  head -n 1 signals | picket rules except - --events day.rec\n",
    .rows = rows,
    .row_count = sizeof rows / sizeof *rows,
};

struct task {
    const struct except_words *words;
    const char *id;                    /* NULL: the signal is given */
    struct writer signal;              /* as JSON */
    int signals_fd;                    /* -1: none */
    const struct rules_events *events; /* may be none */
    struct compile_options options;
    int image_fd;
    int result_fd; /* memory that the child writes and the parent reads */
};

/* ---- in the child ---- */

struct gathering {
    struct except *except;
    struct writer line;
    span id; /* to look for; found is set */
    struct writer *found;
    err_kind kind;
    struct err_ctx *err;
};

static bool stored_find(void *context, const struct topic_record *record)
{
    struct gathering *gathering = context;
    if (!span_contains(record->value, gathering->id))
        return true;
    json_t *signal = json_loadb((const char *)record->value.data, record->value.len, 0, NULL);
    const char *id = json_string_value(json_object_get(signal, "id"));
    bool is_it = id && span_eq(span_str(id), gathering->id);
    if (is_it)
        writer_put(gathering->found, record->value);
    json_decref(signal);
    return !is_it;
}

static bool stored_add(void *context, const struct topic_record *record)
{
    struct gathering *gathering = context;
    gathering->kind = except_add(gathering->except, record->value, gathering->err);
    return gathering->kind == OK;
}

static err_kind lines_add(struct gathering *gathering, int fd)
{
    AUTO(auto_free) char *line = NULL;
    size_t size = 0;
    AUTO(auto_fclose) FILE *file = fdopen(dup(fd), "r");
    if (!file)
        return err_set(gathering->err, ERR_SYSTEM, "signals");
    ssize_t len;
    while (gathering->kind == OK && (len = getline(&line, &size, file)) > 0)
        gathering->kind = except_add(gathering->except, span_of(line, (size_t)len), gathering->err);
    return gathering->kind;
}

static err_kind match_add(void *context, struct replay *replay, const struct replay_event *event,
                          struct err_ctx *err)
{
    struct gathering *gathering = context;
    err_kind kind = OK;
    for (size_t index = 0; index < event->count && kind == OK; index++) {
        writer_reset(&gathering->line);
        kind = replay_signal(replay, event->rules[index], &gathering->line, err);
        if (kind == OK)
            kind = except_add(gathering->except, writer_span(&gathering->line), err);
    }
    return kind;
}

static err_kind events_run(const struct task *task, replay_visit visit, void *context,
                           struct err_ctx *err)
{
    struct replay *replay;
    struct replay_options options = {.image_fd = task->image_fd,
                                     .hostname = "rules",
                                     .source = task->events->source,
                                     .visit = visit,
                                     .context = context};
    err_kind kind = replay_open(&options, &replay, err);
    if (kind != OK)
        return kind;
    for (size_t index = 0; index < task->events->count && kind == OK; index++) {
        const struct lab_file *file = &task->events->files[index];
        if (lseek(file->fd, 0, SEEK_SET) < 0)
            kind = err_set(err, ERR_SYSTEM, "%s: it is read twice", file->name);
        if (kind == OK)
            kind = replay_file(replay, file->fd, file->name, err);
    }
    replay_close(replay);
    return kind;
}

/* The rule that made the signal, by id or name. */
static err_kind rule_find(const struct rule_program *program, span signal, struct except_rule *ret,
                          struct err_ctx *err)
{
    json_error_t reason;
    json_t *json = json_loadb((const char *)signal.data, signal.len, JSON_ALLOW_NUL, &reason);
    const char *name = json_string_value(json_object_get(json, "rule"));
    const char *id = json_string_value(json_object_get(json, "rule_id"));
    err_kind kind = !json   ? err_set(err, ERR_INPUT, "not a signal: %s", reason.text)
                    : !name ? err_set(err, ERR_INPUT, "not a signal: expected `rule`, a text")
                            : OK;
    const struct rule_info *found = NULL;
    for (uint32_t index = 0; kind == OK && index < rule_program_count(program); index++) {
        const struct rule_info *info = rule_program_rule(program, index);
        if (id && info->id.data ? span_eq(info->id, span_str(id))
                                : span_eq(info->name, span_str(name)))
            found = info;
    }
    if (kind == OK && !found)
        kind = err_set(err, ERR_INPUT, "no rule '%s' is loaded", name);
    json_decref(json);
    if (kind != OK)
        return kind;
    const struct logsource *logsource = &found->logsource;
    bool is_sigma = logsource->product.data || logsource->category.data || logsource->service.data;
    *ret = (struct except_rule){.name = found->name,
                                .id = found->id,
                                .logsource = *logsource,
                                .language = is_sigma ? EXCEPT_SIGMA : EXCEPT_FALCO};
    if (is_sigma && !found->id.data)
        return err_set(err, ERR_INPUT, "rule '" PRI_SPAN "' has no id for a filter to name",
                       ARG_SPAN(found->name));
    return OK;
}

static err_kind others_add(const struct task *task, struct topic_log *log,
                           struct gathering *gathering, const struct except_rule *rule,
                           struct err_ctx *err)
{
    struct state_filter filter = {.rule = rule->name, .priority_max = STATE_PRIORITY_ANY};
    if (task->events->count)
        return events_run(task, match_add, gathering, err);
    if (task->signals_fd >= 0)
        return lines_add(gathering, task->signals_fd);
    if (!log)
        return OK;
    err_kind kind = state_query_signals(log, &filter, stored_add, gathering, err);
    return kind == OK ? gathering->kind : kind;
}

static err_kind result_write(const struct task *task, const struct except *except,
                             struct err_ctx *err)
{
    AUTO(writer_free) struct writer text;
    writer_init(&text, SIGNAL_BYTES_MAX);
    except_write(except, &text);
    json_t *report = except_report(except);
    json_object_set_new(report, "exception", json_stringn((const char *)text.data, text.len));
    bool is_whole = report && !text.is_full && json_object_get(report, "exception") &&
                    json_dumpfd(report, task->result_fd, JSON_COMPACT) == 0;
    json_decref(report);
    return is_whole ? OK : err_set(err, ERR_LIMIT, "out of memory for the exception");
}

static err_kind signal_find(const struct task *task, struct topic_log *log,
                            struct gathering *gathering, struct writer *ret, struct err_ctx *err)
{
    struct state_filter filter = {.priority_max = STATE_PRIORITY_ANY, .is_newest_first = true};
    if (!task->id) {
        writer_put(ret, writer_span(&task->signal));
        return OK;
    }
    gathering->id = span_str(task->id);
    gathering->found = ret;
    err_kind kind = state_query_signals(log, &filter, stored_find, gathering, err);
    if (kind == OK && ret->len == 0)
        kind = err_set(err, ERR_INPUT, "no signal '%s' in the store, and no such file", task->id);
    return kind;
}

static err_kind choose_with(const struct task *task, struct topic_log *log, struct replay *replay,
                            struct err_ctx *err)
{
    AUTO(writer_free) struct writer signal;
    struct gathering gathering = {.err = err};
    struct except_rule rule;
    writer_init(&signal, SIGNAL_BYTES_MAX);
    writer_init(&gathering.line, SIGNAL_BYTES_MAX);
    err_kind kind = signal_find(task, log, &gathering, &signal, err);
    if (kind == OK)
        kind = rule_find(replay_program(replay), writer_span(&signal), &rule, err);
    if (kind == OK)
        kind = except_open(&rule, writer_span(&signal), &gathering.except, err);
    if (kind == OK)
        kind = others_add(task, log, &gathering, &rule, err);
    if (kind == OK) {
        except_choose(gathering.except);
        kind = result_write(task, gathering.except, err);
    }
    except_close(gathering.except);
    writer_free(&gathering.line);
    return kind;
}

static err_kind choose(const struct task *task, struct err_ctx *err)
{
    AUTO(auto_close) int store_fd = -1;
    struct topic_log *log = NULL;
    struct replay *replay = NULL;
    struct replay_options options = {
        .image_fd = task->image_fd, .hostname = "rules", .source = task->events->source};
    bool needs_store = task->id || (task->signals_fd < 0 && !task->events->count &&
                                    access(task->words->state, F_OK) == 0);
    err_kind kind = needs_store ? cli_store_open(task->words->state, &store_fd, &log, err)
                                : role_confine(ROLE_ENGINE, -1, err);
    if (kind == OK)
        kind = replay_open(&options, &replay, err);
    if (kind == OK)
        kind = choose_with(task, log, replay, err);
    replay_close(replay);
    topic_log_close(log);
    return kind;
}

struct trial {
    span id;
    bool is_seen;
    struct writer line;
};

static err_kind trial_look(void *context, struct replay *replay, const struct replay_event *event,
                           struct err_ctx *err)
{
    struct trial *trial = context;
    err_kind kind = OK;
    for (size_t index = 0; index < event->count && kind == OK; index++) {
        writer_reset(&trial->line);
        kind = replay_signal(replay, event->rules[index], &trial->line, err);
        trial->is_seen |= span_contains(writer_span(&trial->line), trial->id);
    }
    return kind;
}

/* Does the signal come of these events with this image? Writes y or n. */
static err_kind try_events(const struct task *task, struct err_ctx *err)
{
    struct trial trial = {.id = span_str(task->id)};
    writer_init(&trial.line, SIGNAL_BYTES_MAX);
    err_kind kind = role_confine(ROLE_ENGINE, -1, err);
    if (kind == OK)
        kind = events_run(task, trial_look, &trial, err);
    writer_free(&trial.line);
    if (kind == OK && write(task->result_fd, trial.is_seen ? "y" : "n", 1) != 1)
        kind = err_set(err, ERR_SYSTEM, "result");
    return kind;
}

/* ---- in the parent ---- */

/* Runs the work in a child and reads what it wrote; the child has said what went wrong. */
static bool child_run(struct task *task, err_kind (*work)(const struct task *, struct err_ctx *),
                      struct writer *ret)
{
    struct err_ctx err;
    char chunk[16384];
    int status = 0;
    ssize_t count;
    AUTO(auto_close) int fd = memfd_create("picket-answer", MFD_CLOEXEC);
    task->result_fd = fd;
    fflush(stdout);
    pid_t pid = fd < 0 ? -1 : fork();
    if (pid < 0) {
        fprintf(stderr, "picket: cannot start a child: %s\n", strerror(errno));
        return false;
    }
    if (pid == 0)
        _exit(work(task, &err) == OK ? EXIT_DONE : cli_fail(&err));
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    if (!WIFEXITED(status) || WEXITSTATUS(status) != EXIT_DONE)
        return false;
    for (off_t at = 0; (count = pread(fd, chunk, sizeof chunk, at)) > 0; at += count)
        writer_put(ret, span_of(chunk, (size_t)count));
    return !ret->is_full;
}

/* "verified": true, false, or null where the signal is not of these events. */
static bool verify(struct task *task, json_t *report, int image_fd)
{
    AUTO(writer_free) struct writer before, after;
    const char *id = json_string_value(json_object_get(report, "signal"));
    writer_init(&before, 16);
    writer_init(&after, 16);
    json_t *verdict = json_null();
    if (id && task->events->count) {
        struct task trial = *task;
        trial.id = id;
        if (!child_run(&trial, try_events, &before))
            return false;
        trial.image_fd = image_fd;
        if (!child_run(&trial, try_events, &after))
            return false;
        if (before.len && before.data[0] == 'y')
            verdict = json_boolean(after.len && after.data[0] == 'n');
    }
    return json_object_set(report, "verified", verdict) == 0;
}

static void samples_print(const json_t *report, struct writer *out)
{
    const json_t *samples = json_object_get(json_object_get(report, "others"), "samples");
    for (size_t index = 0; index < json_array_size(samples); index++) {
        const json_t *sample = json_array_get(samples, index);
        writer_text(out, "#   ");
        writer_terminal(out, span_str(json_string_value(json_object_get(sample, "time"))));
        writer_text(out, "  ");
        writer_terminal(out, span_str(json_string_value(json_object_get(sample, "output"))));
        writer_byte(out, '\n');
    }
}

static int report_print(const json_t *report, bool is_json)
{
    AUTO(writer_free) struct writer out;
    const json_t *verdict = json_object_get(report, "verified");
    AUTO(auto_free) char *text = is_json ? json_dumps(report, JSON_COMPACT) : NULL;
    writer_init(&out, RULES_BYTES_MAX);
    if (text) {
        writer_text(&out, text);
        writer_byte(&out, '\n');
    } else {
        samples_print(report, &out);
        writer_format(&out, "# Loads together with the rules; %s.\n",
                      json_is_true(verdict)    ? "tried on the events: the signal is silent"
                      : json_is_false(verdict) ? "TRIED ON THE EVENTS: THE SIGNAL STILL COMES"
                                               : "not tried on events");
        writer_text(&out, json_string_value(json_object_get(report, "exception")));
    }
    int code = rules_print(&out);
    return json_is_false(verdict) ? EXIT_WRONG : code;
}

static int except_try(struct task *task, json_t *report, const struct except_words *words)
{
    struct compiled compiled;
    const char *text = json_string_value(json_object_get(report, "exception"));
    int code =
        cli_compile_with(&words->rules, &task->options, "exception.yml", span_str(text), &compiled);
    if (code != EXIT_DONE)
        return code;
    bool is_done = verify(task, report, compiled.image_fd);
    compiled_close(&compiled);
    return is_done ? report_print(report, words->output[0] == 'j') : EXIT_WRONG;
}

static int except_make(struct task *task, const struct except_words *words)
{
    AUTO(writer_free) struct writer answer;
    struct compiled compiled;
    writer_init(&answer, 2 * SIGNAL_BYTES_MAX);
    int code = cli_compile(&words->rules, &task->options, &compiled);
    if (code != EXIT_DONE)
        return code;
    task->image_fd = compiled.image_fd;
    code = EXIT_WRONG;
    if (child_run(task, choose, &answer)) {
        json_t *report = json_loadb((const char *)answer.data, answer.len, 0, NULL);
        code = report ? except_try(task, report, words) : EXIT_WRONG;
        json_decref(report);
    }
    compiled_close(&compiled);
    return code;
}

/* The operand: stdin, a file, else an id. */
static err_kind signal_read(const char *operand, struct task *task, struct err_ctx *err)
{
    char chunk[16384];
    ssize_t count;
    bool is_stdin = strcmp(operand, "-") == 0;
    if (!is_stdin && access(operand, F_OK)) {
        task->id = operand;
        return OK;
    }
    AUTO(auto_close) int fd = is_stdin ? dup(STDIN_FILENO) : open(operand, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return err_set(err, ERR_SYSTEM, "%s", operand);
    while ((count = read(fd, chunk, sizeof chunk)) > 0)
        writer_put(&task->signal, span_of(chunk, (size_t)count));
    if (count < 0)
        return err_set(err, ERR_SYSTEM, "%s", operand);
    return task->signal.is_full ? err_set(err, ERR_LIMIT, "%s: over 4 MiB", operand) : OK;
}

int rules_except(int argc, const char *const *argv)
{
    struct except_words words = {0};
    struct option_list operands = {0};
    struct rules_events events;
    struct err_ctx err;
    int code;
    if (!cli_options(&table, argc, argv, &words, &operands, &code))
        return code;
    if (operands.count != 1) {
        fprintf(stderr, "picket: rules except which signal? Give an id, a file or -\n");
        return EXIT_USAGE;
    }
    code = rules_events_open(&words.events, words.source, &events);
    if (code != EXIT_DONE)
        return code;
    struct task task = {.words = &words,
                        .events = &events,
                        .signals_fd = -1,
                        .options = {.stages = STAGES_TEST, .is_json = events.source != NULL}};
    writer_init(&task.signal, SIGNAL_BYTES_MAX);
    err_kind kind = signal_read(operands.items[0], &task, &err);
    if (kind == OK && words.signals &&
        (task.signals_fd = open(words.signals, O_RDONLY | O_CLOEXEC)) < 0)
        kind = err_set(&err, ERR_SYSTEM, "%s", words.signals);
    code = kind == OK ? except_make(&task, &words) : cli_fail(&err);
    rules_events_close(&events);
    if (task.signals_fd >= 0)
        close(task.signals_fd);
    writer_free(&task.signal);
    return code;
}
