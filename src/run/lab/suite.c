#include <string.h>

#include "core/cleanup.h"
#include "core/clock.h"
#include "core/vector.h"
#include "lab/suite_state.h"

#define EVENTS_MAX       100000 /* of one test */
#define WHY_BYTES_MAX    (1u << 20)
#define MESSAGE_LINE_MAX 400 /* of an explanation's line */

err_kind suite_open(struct suite **ret, struct err_ctx *err)
{
    *ret = calloc(1, sizeof **ret);
    return *ret ? OK : err_set(err, ERR_SYSTEM, "tests");
}

void suite_close(struct suite *suite)
{
    if (!suite)
        return;
    for (size_t index = 0; index < suite->count; index++) {
        struct suite_test *test = &suite->tests[index];
        for (size_t event = 0; event < test->event_count; event++)
            free(test->events[event].text);
        free(test->events);
        free(test->file);
        free(test->rule);
        free(test->why);
        free(test->wrong);
        free(test->message);
    }
    free(suite->tests);
    free(suite);
}

struct suite_test *suite_test_add(struct suite *suite, const char *file)
{
    if (!vector_grow(&suite->tests, &suite->size, suite->count, SUITE_TESTS_MAX,
                     sizeof *suite->tests))
        return NULL;
    struct suite_test *test = &suite->tests[suite->count];
    *test = (struct suite_test){.file = strdup(file)};
    if (!test->file)
        return NULL;
    suite->count++;
    return test;
}

bool suite_event_add(struct suite_test *test, const json_t *json, uint64_t line)
{
    if (!vector_grow(&test->events, &test->event_size, test->event_count, EVENTS_MAX,
                     sizeof *test->events))
        return false;
    char *text = json_dumps(json, JSON_COMPACT | JSON_ENCODE_ANY);
    if (!text)
        return false;
    test->events[test->event_count++] = (struct suite_event){text, line};
    return true;
}

/* ---- lines ---- */

static char *text_copy(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text ? strdup(text) : NULL;
}

static bool line_read(struct suite_test *test, span text)
{
    json_error_t reason;
    json_t *line = json_loadb((const char *)text.data, text.len, JSON_REJECT_DUPLICATES, &reason);
    const json_t *expected = json_object_get(line, "match");
    const json_t *event = json_object_get(line, "event");
    bool is_kept = true;
    test->rule = text_copy(line, "rule");
    test->why = text_copy(line, "why");
    test->is_kernel = json_object_get(event, "evt.type");
    test->expected = json_is_true(expected) ? 1 : 0;
    if (!line)
        test->wrong = lab_text("column %d: %s", reason.column, reason.text);
    else if (!test->rule || !json_is_boolean(expected) || !json_is_object(event))
        test->wrong = lab_text("needs `rule` (text), `match` (true or false) and `event` (object)");
    else
        is_kept = suite_event_add(test, event, test->line);
    json_decref(line);
    return is_kept;
}

err_kind suite_add_lines(struct suite *suite, const char *file, span content, struct err_ctx *err)
{
    for (uint64_t number = 1; content.len; number++) {
        span line;
        if (!span_until(&content, '\n', &line)) {
            line = content;
            content.len = 0;
        }
        if (line.len == 0)
            continue;
        struct suite_test *test = suite_test_add(suite, file);
        if (!test)
            return err_set(err, ERR_LIMIT, "%s: more than %d tests", file, SUITE_TESTS_MAX);
        test->line = number;
        if (!line_read(test, line))
            return err_set(err, ERR_LIMIT, "%s:%llu: out of memory", file,
                           (unsigned long long)number);
    }
    return OK;
}

/* ---- running ---- */

static bool rule_is(const struct rule_info *rule, const char *word)
{
    span text = span_str(word);
    return span_eq(rule->name, text) || (rule->id.data && span_eq(rule->id, text));
}

struct targets {
    struct replay *const *replays;
    size_t count;
};

static bool rule_find_in(struct replay *replay, const char *word, uint32_t *ret)
{
    const struct rule_program *program = replay_program(replay);
    for (uint32_t index = 0; index < rule_program_count(program); index++) {
        if (rule_is(rule_program_rule(program, index), word)) {
            *ret = index;
            return true;
        }
    }
    return false;
}

/* A rule may be in several sets: the one that reads such events goes first. */
static bool rule_find(const struct targets *targets, const char *word, bool is_kernel,
                      struct replay **ret_replay, uint32_t *ret)
{
    for (int turn = 0; turn < 2; turn++) {
        for (size_t at = 0; at < targets->count; at++) {
            bool is_first_choice = replay_is_json(targets->replays[at]) != is_kernel;
            if (is_first_choice != (turn == 0) || !rule_find_in(targets->replays[at], word, ret))
                continue;
            *ret_replay = targets->replays[at];
            return true;
        }
    }
    return false;
}

size_t suite_count_of(const struct suite *suite, const struct rule_info *rule)
{
    size_t count = 0;
    for (size_t index = 0; index < suite->count; index++)
        count += suite->tests[index].rule && rule_is(rule, suite->tests[index].rule);
    return count;
}

/* One event, and why it did or did not match, each line of it indented. */
static void event_explain(const struct suite_test *test, const struct suite_event *event,
                          struct replay *replay, uint32_t rule, struct writer *out)
{
    AUTO(writer_free) struct writer why;
    writer_init(&why, WHY_BYTES_MAX);
    replay_why(replay, rule, &why);
    writer_format(out, "%s:%llu:\n", test->file, (unsigned long long)event->line);
    span rest = writer_span(&why), line;
    while (span_until(&rest, '\n', &line)) {
        writer_text(out, "    ");
        writer_terminal(out, span_first(line, MESSAGE_LINE_MAX));
        writer_text(out, line.len > MESSAGE_LINE_MAX ? " …\n" : "\n");
    }
}

/* How many of the test's events match; each that is not as the test wants is explained. */
static err_kind events_run(const struct suite_test *test, struct replay *replay, uint32_t rule,
                           int64_t *ret_count, struct writer *why, struct err_ctx *err)
{
    *ret_count = 0;
    for (size_t index = 0; index < test->event_count; index++) {
        struct replay_event seen;
        const struct suite_event *event = &test->events[index];
        bool has_matched = false;
        if (replay_line(replay, span_str(event->text), &seen, err) != OK)
            return err_wrap(err, "%s:%llu", test->file, (unsigned long long)event->line);
        for (size_t match = 0; match < seen.count; match++)
            has_matched |= seen.rules[match] == rule;
        *ret_count += has_matched;
        if (has_matched != (test->expected != 0))
            event_explain(test, event, replay, rule, why);
    }
    return OK;
}

static void test_judge(struct suite_test *test, const struct targets *targets, struct writer *why)
{
    struct replay *replay;
    uint32_t rule;
    int64_t count;
    struct err_ctx err;
    if (test->wrong) {
        test->status = test->is_skipped ? TEST_SKIPPED : TEST_FAILED;
        test->message = strdup(test->wrong);
        return;
    }
    test->status = TEST_FAILED;
    if (!rule_find(targets, test->rule, test->is_kernel, &replay, &rule)) {
        test->message = lab_text("no such rule is loaded");
        return;
    }
    const struct rule_info *info = rule_program_rule(replay_program(replay), rule);
    if (info->stage == STAGE_RETIRED) {
        test->status = TEST_SKIPPED;
        test->message = lab_text("the rule is retired");
    } else if (events_run(test, replay, rule, &count, why, &err) != OK) {
        test->message = strdup(err.text);
    } else if (test->expected ? count >= test->expected : count == 0) {
        test->status = TEST_PASSED;
    } else if (test->event_count == 1 && test->expected <= 1) {
        test->message = lab_text(count ? "must not match, but does" : "must match, but does not");
    } else if (test->expected) {
        test->message = lab_text("must match %lld or more of %zu events, but matches %lld",
                                 (long long)test->expected, test->event_count, (long long)count);
    } else {
        test->message = lab_text("must match none of %zu events, but matches %lld",
                                 test->event_count, (long long)count);
    }
}

static void failure_write(struct suite_test *test, span why, struct writer *out)
{
    size_t first = out->len;
    writer_terminal(out, span_str(test->file));
    writer_format(out, ":%llu: rule '", (unsigned long long)test->line);
    writer_terminal(out, span_str(test->rule ? test->rule : "?"));
    writer_format(out, "': %s", test->message ? test->message : "out of memory");
    if (test->why) {
        writer_text(out, ": ");
        writer_terminal(out, span_str(test->why));
    }
    writer_byte(out, '\n');
    writer_put(out, why);
    char *whole = strndup((const char *)out->data + first, out->len - first);
    if (whole) {
        free(test->message);
        test->message = whole;
    }
}

err_kind suite_run(struct suite *suite, struct replay *const *replays, size_t replay_count,
                   const char *only, struct writer *text, struct suite_counts *ret,
                   struct err_ctx *err)
{
    AUTO(writer_free) struct writer why;
    struct targets targets = {replays, replay_count};
    struct replay *replay = NULL;
    uint32_t rule = 0;
    *ret = (struct suite_counts){0};
    if (only && !rule_find(&targets, only, true, &replay, &rule))
        return err_set(err, ERR_INPUT, "no rule '%s'; see picket rules list", only);
    const struct rule_info *wanted = only ? rule_program_rule(replay_program(replay), rule) : NULL;
    writer_init(&why, WHY_BYTES_MAX);
    for (size_t index = 0; index < suite->count; index++) {
        struct suite_test *test = &suite->tests[index];
        if (only && !(test->rule && rule_is(wanted, test->rule)))
            continue;
        uint64_t start_ns = clock_boot_ns();
        writer_reset(&why);
        test_judge(test, &targets, &why);
        test->ns = clock_boot_ns() - start_ns;
        ret->passed += test->status == TEST_PASSED;
        ret->failed += test->status == TEST_FAILED;
        ret->skipped += test->status == TEST_SKIPPED;
        if (test->status == TEST_FAILED)
            failure_write(test, writer_span(&why), text);
    }
    return OK;
}
