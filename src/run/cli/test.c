#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <stdio.h>
#include <string.h>

#include <sys/stat.h>

#include "cli/cli.h"
#include "core/cleanup.h"
#include "pipeline/pipeline.h"

#define TEST_SUFFIX    ".test.ndjson"
#define FILE_BYTES_MAX (64u << 20)
#define TEST_FILES_MAX 10000

struct test_words {
    struct option_list rules;
};

static const struct option_desc rows[] = {
    {"rules", OPTION_LIST, offsetof(struct test_words, rules), NULL, "PATH",
     "further rule files that these need, such as shared macros"},
};

static const struct option_table table = {
    .command = "test",
    .usage = "[options] PATH...",
    .summary = "Runs the rules' own events: beside x.yml lies x.test.ndjson, a line an event:\n"
               "  {\"rule\": \"name\", \"match\": true, \"why\": \"…\", \"event\": {\"evt.type\": "
               "\"execve\", …}}\n"
               "Prints `N passed, N failed`; exit code 1 when one failed or there was none.",
    .examples = "  picket test rules/\n"
                "  picket test --rules rules/macros.yml rules/execution/memfd.yml\n",
    .rows = rows,
    .row_count = sizeof rows / sizeof *rows,
};

struct test_file {
    char *name;
    uint8_t *content;
    size_t len;
};

struct test_files {
    struct test_file items[TEST_FILES_MAX];
    size_t count;
};

static err_kind test_read(struct test_files *files, const char *path, struct err_ctx *err)
{
    struct stat status;
    AUTO(auto_close) int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &status))
        return err_set(err, ERR_SYSTEM, "%s", path);
    if (!S_ISREG(status.st_mode) || (uint64_t)status.st_size > FILE_BYTES_MAX ||
        files->count == TEST_FILES_MAX)
        return err_set(err, ERR_LIMIT, "%s: not a file, too large, or one too many", path);
    struct test_file *file = &files->items[files->count];
    file->name = strdup(path);
    file->content = malloc((size_t)status.st_size + 1);
    if (!file->name || !file->content)
        return err_set(err, ERR_SYSTEM, "%s", path);
    while (file->len < (size_t)status.st_size) {
        ssize_t count = read(fd, file->content + file->len, (size_t)status.st_size - file->len);
        if (count <= 0)
            return err_set(err, ERR_SYSTEM, "%s", path);
        file->len += (size_t)count;
    }
    files->count++;
    return OK;
}

static int by_name(const FTSENT **a, const FTSENT **b)
{
    return strcmp((*a)->fts_name, (*b)->fts_name);
}

static err_kind folder_read(struct test_files *files, const char *path, struct err_ctx *err)
{
    AUTO(auto_free) char *root = strdup(path);
    char *const roots[] = {root, NULL};
    FTS *walk = root ? fts_open(roots, FTS_LOGICAL | FTS_NOCHDIR, by_name) : NULL;
    if (!walk)
        return err_set(err, ERR_SYSTEM, "%s", path);
    err_kind kind = OK;
    const FTSENT *entry;
    while (kind == OK && (entry = fts_read(walk)))
        if (entry->fts_info == FTS_F && span_ends(span_str(entry->fts_name), SPAN(TEST_SUFFIX)))
            kind = test_read(files, entry->fts_path, err);
    fts_close(walk);
    return kind;
}

/* A folder: all tests below it. x.yml: x.test.ndjson beside it. */
static err_kind tests_find(struct test_files *files, const char *path, struct err_ctx *err)
{
    struct stat status;
    if (stat(path, &status))
        return err_set(err, ERR_SYSTEM, "%s", path);
    if (S_ISDIR(status.st_mode))
        return folder_read(files, path, err);
    const char *dot = strrchr(path, '.');
    AUTO(auto_free) char *beside = NULL;
    if (!dot || asprintf(&beside, "%.*s" TEST_SUFFIX, (int)(dot - path), path) < 0)
        return err_set(err, ERR_INPUT, "%s: no rule file", path);
    return access(beside, F_OK) ? OK : test_read(files, beside, err);
}

static err_kind tests_run(const struct test_files *files, int image_fd, struct test_counts *counts,
                          struct err_ctx *err)
{
    struct replay *replay = NULL;
    struct replay_options options = {.image_fd = image_fd, .hostname = "test"};
    err_kind kind = role_confine(ROLE_ENGINE, -1, err);
    if (kind == OK)
        kind = replay_open(&options, &replay, err);
    for (size_t index = 0; index < files->count && kind == OK; index++)
        replay_test(replay, span_of(files->items[index].content, files->items[index].len),
                    files->items[index].name, counts);
    replay_close(replay);
    return kind;
}

int cli_test(int argc, const char *const *argv)
{
    static struct test_files files; /* large; one command a process */
    struct test_words words = {0};
    struct option_list paths = {0};
    struct compiled compiled;
    struct test_counts counts = {0};
    struct err_ctx err;
    int code;
    if (!cli_options(&table, argc, argv, &words, &paths, &code))
        return code;
    if (paths.count == 0) {
        fprintf(stderr, "picket: test what? Name a rule file or a folder\n");
        return EXIT_USAGE;
    }
    err_kind kind = OK;
    for (size_t index = 0; index < paths.count && kind == OK; index++) {
        kind = tests_find(&files, paths.items[index], &err);
        if (words.rules.count < OPTION_LIST_MAX)
            words.rules.items[words.rules.count++] = paths.items[index];
    }
    if (kind != OK)
        return cli_fail(&err);
    code = cli_compile(&words.rules, &(struct compile_options){STAGES_TEST}, &compiled);
    if (code != EXIT_DONE)
        return code;
    kind = tests_run(&files, compiled.image_fd, &counts, &err);
    compiled_close(&compiled);
    if (kind != OK)
        return cli_fail(&err);
    printf("%llu passed, %llu failed\n", (unsigned long long)counts.passed,
           (unsigned long long)counts.failed);
    return counts.failed || !counts.passed ? EXIT_WRONG : EXIT_DONE;
}
