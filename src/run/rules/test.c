#include <fcntl.h>
#include <fts.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include <sys/mman.h>
#include <sys/stat.h>

#include "core/cleanup.h"
#include "rules/rules.h"
#include "rules/subcommands.h"

#define TEST_SUFFIX      ".test.ndjson"
#define REGRESSION_INFO  "info.yml"
#define FILE_BYTES_MAX   (64u << 20)
#define REPORT_BYTES_MAX (256u << 20)

struct test_words {
    struct option_list rules;
    struct option_list pipelines;
    const char *only;
    const char *junit;
    bool tap;
};

static const struct option_desc rows[] = {
    {"rules", OPTION_LIST, offsetof(struct test_words, rules), NULL, "PATH",
     "further rule files that these need, such as shared macros"},
    PIPELINE_OPTION(struct test_words),
    {"only", OPTION_TEXT, offsetof(struct test_words, only), NULL, "NAME",
     "the tests of the rule with this name or id"},
    {"junit", OPTION_TEXT, offsetof(struct test_words, junit), NULL, "FILE",
     "write the results as JUnit XML too"},
    {"tap", OPTION_FLAG, offsetof(struct test_words, tap), NULL, NULL,
     "print the results as TAP, in place of the closing line"},
};

static const struct option_table table = {
    .command = "test",
    .usage = "[options] PATH...",
    .summary = "Runs the rules' own events: beside x.yml lies x.test.ndjson, a line an event:\n"
               "  {\"rule\": \"name\", \"match\": true, \"why\": \"…\", \"event\": {\"evt.type\": "
               "\"execve\", …}}\n"
               "and below folders named regression_data the tests that SigmaHQ's info.yml files\n"
               "describe. Prints `N passed, N failed`; exit code 1 when one failed or there was\n"
               "none. What fails is told with the event's place and why.",
    .examples = "  picket test rules/\n"
                "  picket test --rules rules/macros.yml rules/execution/fileless_execution.yml\n"
                "  picket test --rules sigma/rules sigma/regression_data --junit results.xml\n",
    .rows = rows,
    .row_count = sizeof rows / sizeof *rows,
};

/* ---- finding ---- */

struct search {
    struct suite *suite;
    struct bundle infos; /* of the info.yml files */
};

static err_kind lines_add(struct suite *suite, const char *path, struct err_ctx *err)
{
    struct stat status;
    AUTO(auto_close) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0 || fstat(fd, &status))
        return err_set(err, ERR_SYSTEM, "%s", path);
    if (!S_ISREG(status.st_mode) || (uint64_t)status.st_size > FILE_BYTES_MAX)
        return err_set(err, ERR_LIMIT, "%s: no regular file, or over 64 MiB", path);
    if (status.st_size == 0)
        return OK;
    void *content = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (content == MAP_FAILED)
        return err_set(err, ERR_SYSTEM, "%s", path);
    err_kind kind = suite_add_lines(suite, path, span_of(content, (size_t)status.st_size), err);
    munmap(content, (size_t)status.st_size);
    return kind;
}

static bool is_regression(const char *path)
{
    return strncmp(path, "regression_data", 15) == 0 || strstr(path, "/regression_data");
}

static err_kind file_add(struct search *search, const char *path, struct err_ctx *err)
{
    if (span_ends(span_str(path), SPAN(TEST_SUFFIX)))
        return lines_add(search->suite, path, err);
    if (span_ends(span_str(path), SPAN("/" REGRESSION_INFO)) && is_regression(path))
        return bundle_add(&search->infos, path, err);
    return OK;
}

static int by_name(const FTSENT **a, const FTSENT **b)
{
    return strcmp((*a)->fts_name, (*b)->fts_name);
}

static err_kind folder_add(struct search *search, const char *path, struct err_ctx *err)
{
    AUTO(auto_free) char *root = strdup(path);
    char *const roots[] = {root, NULL};
    FTS *walk = root ? fts_open(roots, FTS_LOGICAL | FTS_NOCHDIR, by_name) : NULL;
    if (!walk)
        return err_set(err, ERR_SYSTEM, "%s", path);
    err_kind kind = OK;
    const FTSENT *entry;
    while (kind == OK && (entry = fts_read(walk)))
        if (entry->fts_info == FTS_F)
            kind = file_add(search, entry->fts_path, err);
    fts_close(walk);
    return kind;
}

/* A folder: all tests below it. x.yml: x.test.ndjson beside it. */
static err_kind tests_find(struct search *search, const char *path, struct err_ctx *err)
{
    struct stat status;
    if (stat(path, &status))
        return err_set(err, ERR_SYSTEM, "%s", path);
    if (S_ISDIR(status.st_mode))
        return folder_add(search, path, err);
    if (is_regression(path))
        return file_add(search, path, err);
    const char *dot = strrchr(path, '.');
    AUTO(auto_free) char *beside = NULL;
    if (!dot || asprintf(&beside, "%.*s" TEST_SUFFIX, (int)(dot - path), path) < 0)
        return err_set(err, ERR_INPUT, "%s: no rule file", path);
    return access(beside, F_OK) ? OK : lines_add(search->suite, beside, err);
}

static err_kind infos_add(struct suite *suite, int fd, struct err_ctx *err)
{
    json_error_t reason;
    lseek(fd, 0, SEEK_SET);
    json_t *files = json_loadfd(fd, JSON_REJECT_DUPLICATES, &reason);
    err_kind kind = files ? OK : err_set(err, ERR_STATE, "tests: %s", reason.text);
    for (size_t index = 0; index < json_array_size(files) && kind == OK; index++) {
        const json_t *file = json_array_get(files, index);
        const json_t *document = json_array_get(json_object_get(file, "documents"), 0);
        kind = suite_add_regression(suite, json_string_value(json_object_get(file, "file")),
                                    document, err);
    }
    json_decref(files);
    return kind;
}

static err_kind infos_read(struct search *search, struct err_ctx *err)
{
    struct compiled documents;
    if (search->infos.file_count == 0)
        return OK;
    err_kind kind = documents_compile(&search->infos, &documents, err);
    if (kind != OK)
        return kind;
    fwrite(documents.diagnostics.data, 1, documents.diagnostics.len, stderr);
    kind = documents.error_count ? err_set(err, ERR_INPUT, "the tests do not load")
                                 : infos_add(search->suite, documents.image_fd, err);
    compiled_close(&documents);
    return kind == OK ? suite_read_events(search->suite, err) : kind;
}

err_kind rules_tests_find(const struct option_list *paths, struct suite *suite, struct err_ctx *err)
{
    struct search search = {.suite = suite};
    err_kind kind = bundle_open(&search.infos, err);
    for (size_t index = 0; index < paths->count && kind == OK; index++)
        kind = tests_find(&search, paths->items[index], err);
    if (kind == OK)
        kind = infos_read(&search, err);
    bundle_close(&search.infos);
    return kind;
}

/* ---- running ---- */

static err_kind report_write(const struct suite *suite, FILE *file, bool is_junit,
                             struct err_ctx *err)
{
    AUTO(writer_free) struct writer out;
    writer_init(&out, REPORT_BYTES_MAX);
    if (is_junit)
        suite_write_junit(suite, &out);
    else
        suite_write_tap(suite, &out);
    if (out.is_full)
        return err_set(err, ERR_LIMIT, "the report is over 256 MiB");
    if (fwrite(out.data, 1, out.len, file) != out.len || fflush(file))
        return err_set(err, ERR_SYSTEM, "report");
    return OK;
}

static err_kind tests_run(struct suite *suite, const struct test_words *words,
                          const struct compiled_sets *sets, FILE *junit,
                          struct suite_counts *counts, struct err_ctx *err)
{
    AUTO(writer_free) struct writer text;
    struct rules_replays replays;
    writer_init(&text, REPORT_BYTES_MAX);
    err_kind kind = rules_replays_open(sets, &replays, err);
    if (kind != OK)
        return kind;
    kind = suite_run(suite, replays.items, replays.count, words->only, &text, counts, err);
    rules_replays_close(&replays);
    if (kind == OK && !words->tap)
        fwrite(text.data, 1, text.len, stderr);
    if (kind == OK && junit)
        kind = report_write(suite, junit, true, err);
    if (kind == OK && words->tap)
        kind = report_write(suite, stdout, false, err);
    return kind;
}

static err_kind compiled_run(struct suite *suite, const struct test_words *words,
                             const struct compiled_sets *sets, struct suite_counts *counts,
                             struct err_ctx *err)
{
    AUTO(auto_fclose) FILE *junit = words->junit ? fopen(words->junit, "we") : NULL;
    if (words->junit && !junit)
        return err_set(err, ERR_SYSTEM, "%s", words->junit);
    return tests_run(suite, words, sets, junit, counts, err);
}

static void counts_print(const struct suite_counts *counts)
{
    printf("%llu passed, %llu failed", (unsigned long long)counts->passed,
           (unsigned long long)counts->failed);
    if (counts->skipped)
        printf(", %llu skipped", (unsigned long long)counts->skipped);
    printf("\n");
}

static int test_all(struct test_words *words, const struct option_list *paths, struct suite *suite)
{
    struct compiled_sets sets;
    struct suite_counts counts;
    struct err_ctx err;
    err_kind kind = rules_tests_find(paths, suite, &err);
    for (size_t index = 0; index < paths->count && kind == OK; index++) {
        if (is_regression(paths->items[index]))
            continue; /* holds no rules */
        if (words->rules.count == OPTION_LIST_MAX)
            kind = err_set(&err, ERR_LIMIT, "more than %d paths of rules", OPTION_LIST_MAX);
        else
            words->rules.items[words->rules.count++] = paths->items[index];
    }
    if (kind != OK)
        return cli_fail(&err);
    int code = cli_compile_sets(&words->rules, &words->pipelines,
                                &(struct compile_options){.stages = STAGES_TEST}, &sets);
    if (code != EXIT_DONE)
        return code;
    kind = compiled_run(suite, words, &sets, &counts, &err);
    cli_sets_close(&sets);
    if (kind != OK)
        return cli_fail(&err);
    if (!words->tap)
        counts_print(&counts);
    return counts.failed || !counts.passed ? EXIT_WRONG : EXIT_DONE;
}

int rules_test(int argc, const char *const *argv)
{
    struct test_words words = {0};
    struct option_list paths = {0};
    struct suite *suite;
    struct err_ctx err;
    int code;
    if (!cli_options(&table, argc, argv, &words, &paths, &code))
        return code;
    if (paths.count == 0) {
        fprintf(stderr, "picket: test what? Name a rule file or a folder\n");
        return EXIT_USAGE;
    }
    if (suite_open(&suite, &err) != OK)
        return cli_fail(&err);
    code = test_all(&words, &paths, suite);
    suite_close(suite);
    return code;
}
