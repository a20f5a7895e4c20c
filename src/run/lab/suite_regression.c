/* SigmaHQ's regression_data: info.yml names a rule and files of events; beside each .evtx lies its
 * text form, JSON objects one after the other over any number of lines. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include <sys/stat.h>

#include "core/cleanup.h"
#include "lab/suite_state.h"

#define FILE_BYTES_MAX (64u << 20)

static const char *text_of(const json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

/* info.yml's folder, the stem of the path's last component, .json. */
static char *events_path(const char *info, const char *path)
{
    const char *slash = strrchr(info, '/'), *name = strrchr(path, '/');
    int folder = slash ? (int)(slash + 1 - info) : 0;
    name = name ? name + 1 : path;
    const char *dot = strrchr(name, '.');
    int stem = dot ? (int)(dot - name) : (int)strlen(name);
    return lab_text("%.*s%.*s.json", folder, info, stem, name);
}

/* How many events must match at least: match_count, else one; none may where `positive` is false.
 * At least, as there are files of events that hold more than the one that match_count tells of. */
static bool expected_read(const json_t *item, int64_t *ret)
{
    const char *positive = text_of(item, "positive"), *count = text_of(item, "match_count");
    char *end = NULL;
    *ret = positive && strcmp(positive, "false") == 0 ? 0 : 1;
    if (positive && strcmp(positive, "false") != 0 && strcmp(positive, "true") != 0)
        return false;
    if (!count)
        return true;
    errno = 0;
    long long number = strtoll(count, &end, 10);
    *ret = number;
    return *end == 0 && errno == 0 && number >= 0 && *count;
}

static bool item_read(struct suite *suite, const char *info, const char *rule, const json_t *item)
{
    const char *path = text_of(item, "path"), *name = text_of(item, "name");
    AUTO(auto_free) char *file = path ? events_path(info, path) : strdup(info);
    struct suite_test *test = file ? suite_test_add(suite, file) : NULL;
    if (!test)
        return false;
    test->line = 1;
    test->rule = rule ? strdup(rule) : NULL;
    test->why = name ? strdup(name) : NULL;
    if (!rule)
        test->wrong = lab_text("%s: expected `rule_metadata` with the rule's id", info);
    else if (!path)
        test->wrong = lab_text("expected `path` in each of `regression_tests_info`");
    else if (!expected_read(item, &test->expected))
        test->wrong = lab_text("%s: expected a number as `match_count`, true or false as "
                               "`positive`",
                               info);
    return true;
}

err_kind suite_add_regression(struct suite *suite, const char *info, const json_t *document,
                              struct err_ctx *err)
{
    const json_t *items = json_object_get(document, "regression_tests_info");
    const json_t *rules = json_object_get(document, "rule_metadata");
    const char *rule = text_of(json_array_get(rules, 0), "id");
    if (json_array_size(items) == 0)
        return err_set(err, ERR_INPUT, "%s: expected `regression_tests_info`, a list of tests",
                       info);
    for (size_t index = 0; index < json_array_size(items); index++)
        if (!item_read(suite, info, rule, json_array_get(items, index)))
            return err_set(err, ERR_LIMIT, "%s: too many tests, or out of memory", info);
    return OK;
}

/* ---- events ---- */

static uint64_t lines_in(span text)
{
    uint64_t count = 0;
    span line;
    while (span_until(&text, '\n', &line))
        count++;
    return count;
}

/* JSON objects, or lists of them, one after the other. NULL: read; else what is wrong. */
static char *objects_read(struct suite_test *test, span rest)
{
    uint64_t line = 1;
    for (;;) {
        while (rest.len && strchr(" \t\r\n", rest.data[0])) {
            line += rest.data[0] == '\n';
            rest = span_after(rest, 1);
        }
        if (rest.len == 0)
            return test->event_count ? NULL : lab_text("there is no event in it");
        json_error_t reason;
        json_t *value =
            json_loadb((const char *)rest.data, rest.len, JSON_DISABLE_EOF_CHECK, &reason);
        if (!value)
            return lab_text("line %llu, column %d: %s",
                            (unsigned long long)line + (uint64_t)reason.line - 1, reason.column,
                            reason.text);
        bool is_kept = true;
        size_t count = json_is_array(value) ? json_array_size(value) : 1;
        for (size_t index = 0; index < count && is_kept; index++) {
            json_t *one = json_is_array(value) ? json_array_get(value, index) : value;
            json_t *flat = suite_flatten(one);
            is_kept = flat && suite_event_add(test, flat, line);
            json_decref(flat);
        }
        json_decref(value);
        if (!is_kept)
            return lab_text("out of memory, or too many events");
        span taken = span_first(rest, (size_t)reason.position);
        line += lines_in(taken);
        rest = span_after(rest, taken.len);
    }
}

static err_kind file_read(struct suite_test *test, int fd, size_t size, struct err_ctx *err)
{
    AUTO(auto_free) char *content = malloc(size + 1);
    size_t len = 0;
    if (!content)
        return err_set(err, ERR_SYSTEM, "%s", test->file);
    while (len < size) {
        ssize_t count = read(fd, content + len, size - len);
        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0)
            return err_set(err, ERR_SYSTEM, "%s", test->file);
        if (count == 0)
            break;
        len += (size_t)count;
    }
    test->wrong = objects_read(test, span_of(content, len));
    return OK;
}

err_kind suite_read_events(struct suite *suite, struct err_ctx *err)
{
    for (size_t index = 0; index < suite->count; index++) {
        struct suite_test *test = &suite->tests[index];
        struct stat status;
        if (test->wrong || test->event_count)
            continue;
        AUTO(auto_close) int fd = open(test->file, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
        if (fd < 0 && errno == ENOENT) {
            test->wrong = lab_text("there are no events as JSON");
            test->is_skipped = true;
            continue;
        }
        if (fd < 0 || fstat(fd, &status))
            return err_set(err, ERR_SYSTEM, "%s", test->file);
        if (!S_ISREG(status.st_mode) || (uint64_t)status.st_size > FILE_BYTES_MAX)
            return err_set(err, ERR_LIMIT, "%s: no regular file, or over 64 MiB", test->file);
        err_kind kind = file_read(test, fd, (size_t)status.st_size, err);
        if (kind != OK)
            return kind;
    }
    return OK;
}
