/* A full disk, missing rights, damage, other programs' files, a second writer. */
#include <errno.h>
#include <grp.h>
#include <sched.h>
#include <sqlite3.h>

#include <sys/mount.h>
#include <sys/wait.h>

#include "topic/test_store.h"

static const uid_t nobody = 65534;

static void commit_one(struct topic_log *log)
{
    MUST(topic_begin(log, err));
    MUST(topic_append(log, "t", SPAN("key"), SPAN("value"), NULL, err));
    MUST(topic_commit(log, err));
}

/* Runs `run` in a child, as `user`; what the child prints on failure goes to stderr. */
static void in_child(void (*run)(int dir_fd), int dir_fd, uid_t user)
{
    pid_t child = fork();
    if (child == 0) {
        if (user &&
            (setgroups(0, NULL) || setresgid(user, user, user) || setresuid(user, user, user)))
            _exit(2);
        *test_is_child() = true;
        run(dir_fd);
        _exit(0);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

static err_kind open_kind(int dir_fd, bool is_read_only, struct err_ctx *err)
{
    struct topic_options options = {.is_read_only = is_read_only};
    struct topic_log *log = NULL;
    err_kind kind = topic_log_open(dir_fd, &options, &log, err);
    topic_log_close(log);
    return kind;
}

/* ---- other users ---- */

static void write_and_reopen(int dir_fd)
{
    for (uint64_t round = 0; round < 3; round++) {
        struct topic_log *log = log_open(dir_fd, false, 0);
        /* Enough for checkpoints, which open files and sync folders by name. */
        for (int batch = 0; batch < 600; batch++)
            commit_one(log);
        struct topic_log *reader = log_open(dir_fd, true, 0);
        assert_int_equal(info_get(reader, "t").end, (round + 1) * 600);
        topic_log_close(reader);
        topic_log_close(log);
    }
}

static void append_one(int dir_fd)
{
    struct topic_log *log = log_open(dir_fd, false, 0);
    commit_one(log);
    topic_log_close(log);
}

static void works_in_a_folder_that_cannot_be_reached_by_path(void **state)
{
    struct test_place *place = *state;
    if (geteuid() != 0)
        skip();
    assert_int_equal(mkdirat(place->fd, "inner", 0700), 0); /* place itself is root's, 0700 */
    int inner = openat(place->fd, "inner", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_int_equal(fchown(inner, nobody, nobody), 0);
    in_child(write_and_reopen, inner, nobody);
    struct stat file;
    assert_int_equal(fstatat(inner, "picket.db", &file, 0), 0);
    assert_int_equal(file.st_mode & 0777, 0600); /* the store holds evidence */
    assert_int_equal(fstatat(inner, "picket.db-wal", &file, 0), 0);
    assert_int_equal(file.st_mode & 0777, 0600);
    struct topic_log *log = log_open(inner, true, 0); /* root queries without a writer */
    assert_int_equal(info_get(log, "t").end, 1800);
    topic_log_close(log);
    in_child(append_one, inner, nobody);
    test_place_empty(inner);
    close(inner);
    unlinkat(place->fd, "inner", AT_REMOVEDIR);
}

static void read_one(int dir_fd)
{
    struct topic_log *log = log_open(dir_fd, true, 0);
    assert_int_equal(info_get(log, "t").end, 1);
    topic_log_close(log);
}

static void readers_need_no_right_to_write(void **state)
{
    struct test_place *place = *state;
    if (geteuid() != 0)
        skip();
    struct topic_log *log = log_open(place->fd, false, 0);
    commit_one(log);
    assert_int_equal(fchmod(place->fd, 0755), 0);
    static const char *const files[] = {"picket.db", "picket.db-wal", "picket.db-shm"};
    for (size_t index = 0; index < 3; index++)
        assert_int_equal(fchmodat(place->fd, files[index], 0644, 0), 0);
    in_child(read_one, place->fd, nobody); /* beside the writer */
    topic_log_close(log);
    in_child(read_one, place->fd, nobody); /* and without one */
}

static void expect_denied(int dir_fd)
{
    struct err_ctx fault = {0};
    assert_int_equal(open_kind(dir_fd, false, &fault), ERR_DENIED);
    assert_int_equal(open_kind(dir_fd, true, &fault), ERR_DENIED);
}

static void missing_rights_are_told_as_such(void **state)
{
    struct test_place *place = *state;
    if (geteuid() != 0)
        skip();
    append_one(place->fd);
    in_child(expect_denied, place->fd, nobody);
}

/* ---- other writers, other files ---- */

static void expect_in_use(int dir_fd)
{
    struct err_ctx fault = {0};
    char holder[48];
    snprintf(holder, sizeof holder, "in use: process %d ", getppid());
    assert_int_equal(open_kind(dir_fd, false, &fault), ERR_STATE);
    assert_non_null(strstr(fault.text, holder));
    assert_int_equal(open_kind(dir_fd, true, &fault), OK);
}

static void a_second_writer_is_refused_by_name(void **state)
{
    struct test_place *place = *state;
    struct err_ctx fault = {0};
    struct topic_log *log = log_open(place->fd, false, 0);
    commit_one(log);
    in_child(expect_in_use, place->fd, 0);
    assert_int_equal(open_kind(place->fd, false, &fault), ERR_STATE);
    commit_one(log); /* and the first one goes on */
    topic_log_close(log);
    assert_int_equal(open_kind(place->fd, false, &fault), OK);
}

static void nothing_to_read_is_told_as_such(void **state)
{
    struct test_place *place = *state;
    struct err_ctx fault = {0};
    assert_int_equal(open_kind(place->fd, true, &fault), ERR_STATE);
    assert_non_null(strstr(fault.text, "no store in this directory yet"));
    int fd = openat(place->fd, "picket.db", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    close(fd);
    assert_int_equal(open_kind(place->fd, true, &fault), ERR_STATE);
    assert_int_equal(open_kind(place->fd, false, &fault), OK);
}

static void links_are_not_followed(void **state)
{
    struct test_place *place = *state;
    struct err_ctx fault = {0};
    append_one(place->fd);
    assert_int_equal(renameat(place->fd, "picket.db", place->fd, "elsewhere"), 0);
    assert_int_equal(symlinkat("elsewhere", place->fd, "picket.db"), 0);
    assert_int_not_equal(open_kind(place->fd, false, &fault), OK);
    assert_int_not_equal(open_kind(place->fd, true, &fault), OK);
}

static void run_sql(struct test_place *place, const char *sql)
{
    char path[96];
    sqlite3 *db;
    snprintf(path, sizeof path, "%s/picket.db", place->path);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
}

static void newer_and_foreign_files_are_refused_untouched(void **state)
{
    struct test_place *place = *state;
    struct err_ctx fault = {0};
    run_sql(place, "CREATE TABLE other (a)");
    for (int is_read_only = 0; is_read_only < 2; is_read_only++) {
        assert_int_equal(open_kind(place->fd, is_read_only, &fault), ERR_STATE);
        assert_non_null(strstr(fault.text, "belongs to another program"));
    }
    run_sql(place, "SELECT a FROM other");
    test_place_empty(place->fd);
    append_one(place->fd);
    run_sql(place, "PRAGMA user_version = 99");
    for (int is_read_only = 0; is_read_only < 2; is_read_only++) {
        assert_int_equal(open_kind(place->fd, is_read_only, &fault), ERR_STATE);
        assert_non_null(strstr(fault.text, "newer Picket: its version is 99"));
    }
}

static void damage_is_an_error_wherever_it_lies(void **state)
{
    struct test_place *place = *state;
    uint8_t garbage[4096];
    memset(garbage, 0xa5, sizeof garbage);
    size_t refused = 0;
    for (int page = 0; page < 24; page++) {
        test_place_empty(place->fd);
        struct topic_log *log = log_open(place->fd, false, 0);
        for (int batch = 0; batch < 300; batch++)
            commit_one(log);
        topic_log_close(log);
        log = NULL;
        int fd = openat(place->fd, "picket.db", O_RDWR | O_CLOEXEC);
        assert_int_equal(pwrite(fd, garbage, sizeof garbage, page * 4096), sizeof garbage);
        close(fd);
        struct err_ctx fault = {0};
        struct topic_options options = {0};
        err_kind kind = topic_log_open(place->fd, &options, &log, &fault);
        struct topic_reader *reader = NULL;
        if (kind == OK && topic_reader_open(log, "t", 0, &reader, &fault) == OK) {
            struct topic_record record;
            bool is_end = false;
            while (kind == OK && !is_end)
                kind = topic_reader_next(reader, &record, &is_end, &fault);
            topic_reader_close(reader);
        }
        if (kind == OK) {
            MUST(topic_begin(log, err));
            kind = topic_append(log, "t", SPAN(""), SPAN(""), NULL, &fault);
            err_kind commit_kind = topic_commit(log, &fault);
            kind = kind == OK ? commit_kind : kind;
        }
        refused += kind != OK;
        if (page == 0)
            assert_int_equal(kind, ERR_STATE);
        if (kind == ERR_STATE)
            assert_true(strstr(fault.text, "damaged") || strstr(fault.text, "earlier step"));
        topic_log_close(log);
    }
    assert_true(refused >= 8); /* pages of indexes that nobody read stay unseen */
}

/* ---- a full disk ---- */

static void noise_append(struct topic_log *log, uint32_t *random, err_kind *ret,
                         struct err_ctx *err)
{
    static uint32_t noise[50000];
    for (size_t index = 0; index < 50000; index++)
        noise[index] = *random = *random * 1664525u + 1013904223u;
    *ret = topic_begin(log, err);
    if (*ret != OK)
        return;
    *ret = topic_append(log, "t", (span){NULL, 0}, span_of(noise, sizeof noise), NULL, err);
    struct err_ctx other = {0};
    err_kind position = topic_position_put(log, "c", SPAN("i"), *random, &other);
    err_kind committed = topic_commit(log, *ret == OK ? err : &other);
    *ret = *ret != OK ? *ret : position != OK ? position : committed;
}

static void check_full_disk(int disk, const char *path)
{
    char filler[128];
    snprintf(filler, sizeof filler, "%s/filler", path);
    int fd = open(filler, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_int_equal(posix_fallocate(fd, 0, 6 << 20), 0);
    close(fd);
    struct topic_log *log = log_open(disk, false, 0);
    uint32_t random = 1, random_committed = 0;
    uint64_t committed = 0;
    size_t failures = 0;
    struct err_ctx fault = {0};
    for (int round = 0; round < 80; round++) {
        err_kind kind;
        noise_append(log, &random, &kind, &fault);
        if (kind == OK) {
            committed++;
            random_committed = random;
        } else {
            failures++;
            assert_int_equal(kind, ERR_LIMIT);
            assert_non_null(strstr(fault.text, "full"));
        }
        uint64_t position;
        bool is_known;
        assert_int_equal(info_get(log, "t").end, committed);
        MUST(topic_position_get(log, "c", SPAN("i"), &position, &is_known, err));
        assert_int_equal(position, random_committed);
        if (round == 60)
            unlink(filler);
    }
    assert_true(failures > 10);
    assert_true(committed > 10);
    err_kind kind;
    noise_append(log, &random, &kind, &fault);
    assert_int_equal(kind, OK); /* works again since there is space */
    topic_log_close(log);
    log = log_open(disk, false, 0);
    assert_int_equal(info_get(log, "t").end, committed + 1);
    topic_log_close(log);
}

static void a_full_disk_rolls_back_whole_and_is_left_behind(void **state)
{
    struct test_place *place = *state;
    if (geteuid() != 0 || unshare(CLONE_NEWNS) != 0 ||
        mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0) {
        print_message("skipped: needs root and a mount namespace of its own\n");
        skip();
    }
    assert_int_equal(mount("tmpfs", place->path, "tmpfs", 0, "size=15m"), 0);
    int disk = open(place->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    check_full_disk(disk, place->path);
    close(disk);
    assert_int_equal(umount(place->path), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_PLACE(works_in_a_folder_that_cannot_be_reached_by_path),
        IN_PLACE(readers_need_no_right_to_write),
        IN_PLACE(missing_rights_are_told_as_such),
        IN_PLACE(a_second_writer_is_refused_by_name),
        IN_PLACE(nothing_to_read_is_told_as_such),
        IN_PLACE(links_are_not_followed),
        IN_PLACE(newer_and_foreign_files_are_refused_untouched),
        IN_PLACE(damage_is_an_error_wherever_it_lies),
        IN_PLACE(a_full_disk_rolls_back_whole_and_is_left_behind),
    };
    return cmocka_run_group_tests_name("topic_fault", tests, NULL, NULL);
}
