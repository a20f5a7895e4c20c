/* Rule files gathered from files and folders, and read back from bytes that may be cut anywhere. */
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <sys/mman.h>
#include <sys/stat.h>

#include "core/cleanup.h"
#include "core/test.h"
#include "role/role.h"

#define MIB (1u << 20)

static char folder[64];

/* FOLDER/name, good until the next call but one. */
static const char *place(const char *name)
{
    static char paths[2][256];
    static int turn;
    turn ^= 1;
    snprintf(paths[turn], sizeof paths[turn], "%s/%s", folder, name);
    return paths[turn];
}

static void put(const char *name, const char *content)
{
    AUTO(auto_close) int fd = open(place(name), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, content, strlen(content)), (ssize_t)strlen(content));
}

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *walk)
{
    (void)status;
    (void)type;
    (void)walk;
    return remove(path);
}

static int set_up(void **state)
{
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/picket-bundle-XXXXXX");
    return mkdtemp(folder) ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    return nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static span map(const struct bundle *bundle)
{
    void *data = mmap(NULL, bundle->size_bytes, PROT_READ, MAP_PRIVATE, bundle->fd, 0);
    assert_ptr_not_equal(data, MAP_FAILED);
    return span_of(data, bundle->size_bytes);
}

/* Names below the folder, each with its content: "a.yml=A b/c.yml=C ". */
static void expect(const struct bundle *bundle, const char *wanted)
{
    char found[1024] = "";
    span all = map(bundle), rest = all, name, content;
    struct err_ctx err;
    bool is_end;
    while (bundle_next(&rest, &name, &content, &is_end, &err) == OK && !is_end) {
        size_t len = strlen(found);
        name = span_after(name, strlen(folder) + 1);
        snprintf(found + len, sizeof found - len, PRI_SPAN "=" PRI_SPAN " ", ARG_SPAN(name),
                 ARG_SPAN(content));
    }
    munmap((void *)(uintptr_t)all.data, all.len);
    assert_string_equal(found, wanted);
}

static void a_folder_gives_its_rule_files_by_name_with_strategies(void **state)
{
    (void)state;
    struct bundle bundle;
    struct err_ctx err;
    mkdir(place("b"), 0700);
    mkdir(place("b/deep"), 0700);
    put("z.yml", "Z");
    put("a.yaml", "A");
    put("a.md", "strategy");
    put("alone.md", "none");
    put("readme.txt", "none");
    put("yml", "none");
    put("b/deep/c.yml", "C");
    put("b/d.yml", "");
    assert_int_equal(bundle_open(&bundle, &err), OK);
    assert_int_equal(bundle_add(&bundle, folder, &err), OK);
    assert_int_equal(bundle.file_count, 4);
    expect(&bundle, "a.yaml=A a.md=strategy b/d.yml= b/deep/c.yml=C z.yml=Z ");
    bundle_close(&bundle);
}

static void a_file_is_taken_by_any_name(void **state)
{
    (void)state;
    struct bundle bundle;
    struct err_ctx err;
    put("rules.txt", "R");
    put("noextension", "N");
    assert_int_equal(bundle_open(&bundle, &err), OK);
    assert_int_equal(bundle_add(&bundle, place("rules.txt"), &err), OK);
    assert_int_equal(bundle_add(&bundle, place("noextension"), &err), OK);
    expect(&bundle, "rules.txt=R noextension=N ");
    bundle_close(&bundle);
}

static void loops_fifos_and_dangling_links_in_a_folder_are_passed_by(void **state)
{
    (void)state;
    struct bundle bundle;
    struct err_ctx err;
    mkdir(place("b"), 0700);
    put("b/a.yml", "A");
    assert_int_equal(symlink("..", place("b/loop")), 0);
    assert_int_equal(symlink("loop.yml", place("b/loop.yml")), 0);
    assert_int_equal(symlink("nowhere", place("b/nowhere.yml")), 0);
    assert_int_equal(symlink("b/a.yml", place("link.yml")), 0);
    assert_int_equal(mkfifo(place("b/fifo.yml"), 0600), 0);
    assert_int_equal(bundle_open(&bundle, &err), OK);
    assert_int_equal(bundle_add(&bundle, folder, &err), OK);
    expect(&bundle, "b/a.yml=A link.yml=A ");
    bundle_close(&bundle);
}

static void what_cannot_be_read_is_named(void **state)
{
    (void)state;
    struct bundle bundle;
    struct err_ctx err;
    assert_int_equal(bundle_open(&bundle, &err), OK);
    assert_int_equal(bundle_add(&bundle, place("missing.yml"), &err), ERR_SYSTEM);
    assert_non_null(strstr(err.text, "missing.yml: No such file"));
    assert_int_equal(mkfifo(place("fifo.yml"), 0600), 0);
    assert_int_equal(bundle_add(&bundle, place("fifo.yml"), &err), ERR_INPUT);
    assert_non_null(strstr(err.text, "fifo.yml: not a regular file"));
    put("large.yml", "");
    assert_int_equal(truncate(place("large.yml"), 17 * MIB), 0);
    assert_int_equal(bundle_add(&bundle, folder, &err), ERR_LIMIT);
    assert_non_null(strstr(err.text, "large.yml: 17825792 bytes, limit 16777216"));
    if (geteuid() != 0) { /* root reads everything */
        put("secret.yml", "S");
        chmod(place("secret.yml"), 0);
        assert_int_equal(bundle_add(&bundle, place("secret.yml"), &err), ERR_SYSTEM);
        assert_non_null(strstr(err.text, "secret.yml: Permission denied"));
    }
    bundle_close(&bundle);
}

static void all_files_together_have_a_limit(void **state)
{
    (void)state;
    struct bundle bundle;
    struct err_ctx err;
    err_kind kind = OK;
    int count = 0;
    put("large.yml", "");
    assert_int_equal(truncate(place("large.yml"), 16 * MIB), 0);
    assert_int_equal(bundle_open(&bundle, &err), OK);
    while (count < 20 && kind == OK) {
        kind = bundle_add(&bundle, place("large.yml"), &err);
        count += kind == OK;
    }
    assert_int_equal(kind, ERR_LIMIT);
    assert_int_equal(count, 15); /* names count too */
    bundle_close(&bundle);
}

static void every_cut_of_a_bundle_is_refused_or_ends_between_files(void **state)
{
    (void)state;
    struct bundle bundle;
    struct err_ctx err;
    put("a.yml", "content of a");
    put("b.yml", "");
    assert_int_equal(bundle_open(&bundle, &err), OK);
    assert_int_equal(bundle_add(&bundle, folder, &err), OK);
    span all = map(&bundle);
    size_t first = 8 + strlen(folder) + strlen("/a.yml") + strlen("content of a");
    for (size_t len = 0; len <= all.len; len++) {
        AUTO(auto_free) uint8_t *copy = malloc(len + 1); /* its own, so that a read behind shows */
        memcpy(copy, all.data, len);
        span rest = span_of(copy, len), name, content;
        bool is_end = false;
        size_t count = 0;
        err_kind kind;
        while ((kind = bundle_next(&rest, &name, &content, &is_end, &err)) == OK && !is_end)
            count++;
        bool is_whole = len == 0 || len == first || len == all.len;
        assert_int_equal(kind, is_whole ? OK : ERR_INPUT);
        assert_int_equal(count, len == all.len ? 2 : len >= first ? 1 : 0);
    }
    uint8_t lie[] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 'a'};
    span rest = span_of(lie, sizeof lie), name, content;
    bool is_end;
    assert_int_equal(bundle_next(&rest, &name, &content, &is_end, &err), ERR_INPUT);
    munmap((void *)(uintptr_t)all.data, all.len);
    bundle_close(&bundle);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_folder_gives_its_rule_files_by_name_with_strategies),
        TEST(a_file_is_taken_by_any_name),
        TEST(loops_fifos_and_dangling_links_in_a_folder_are_passed_by),
        TEST(what_cannot_be_read_is_named),
        TEST(all_files_together_have_a_limit),
        TEST(every_cut_of_a_bundle_is_refused_or_ends_between_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
