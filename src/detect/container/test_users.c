/* passwd and group files, user namespaces, and the cache over them. */
#include <sys/stat.h>

#include "container/test_disk.h"

static struct user_table table_of(const void *text, size_t length, bool is_group)
{
    struct user_table table = {.text = {malloc(length + 1), length}};
    assert_non_null(table.text.data);
    memcpy(table.text.data, text, length);
    user_table_parse(&table, is_group);
    return table;
}

static void assert_row(const struct user_table *table, uint32_t id, const char *name)
{
    const struct user_row *row = user_table_find(table, id);
    if (!name)
        assert_null(row);
    else if (!row)
        fail_msg("no entry %u, expected '%s'", id, name);
    else
        assert_span(row->name, name);
}

static void reads_users_and_leaves_out_what_is_none(void **state)
{
    (void)state;
    static const char text[] = "root:x:0:0:root:/root:/bin/bash\n"
                               "toor:x:0:0::/:/bin/sh\n"
                               "web:x:33:33:web:/var/www:/usr/sbin/nologin\n"
                               "\n:x:1:1::/:/\n+nis:x:2:2::/:\n-x:x:3:3::/:\n#c:x:4:4::/:\n"
                               "neg:x:-5:5::/:\nbig:x:4294967296:1::/:\nlast:x:4294967295:1::/:\n"
                               "word:x:abc:1::/:\nempty:x::1::/:\nshort:x:6\nshorter:x\nnone\n"
                               "nul\0byte:x:7:7::/:\nodd\x1b[31m\xff:x:8:8::/h\n"
                               "cut:x:9:9::/no/new/line";
    struct user_table table = table_of(text, sizeof text - 1, false);
    assert_row(&table, 0, "root"); /* the first of two */
    assert_row(&table, 33, "web");
    assert_row(&table, 6, "short");
    assert_row(&table, 8, "odd\x1b[31m\xff");
    assert_row(&table, 9, "cut");
    assert_row(&table, 4294967295u, "last");
    assert_int_equal(table.count, 7);
    static const uint32_t absent[] = {1, 2, 3, 4, 5, 7, 10, 1000};
    for (size_t index = 0; index < sizeof absent / sizeof *absent; index++)
        assert_row(&table, absent[index], NULL);
    assert_span(user_table_find(&table, 33)->home, "/var/www");
    assert_span(user_table_find(&table, 33)->shell, "/usr/sbin/nologin");
    assert_span(user_table_find(&table, 8)->home, "/h");
    assert_null(user_table_find(&table, 6)->home.data);
    user_table_free(&table);

    struct user_table groups = table_of("adm:x:4:syslog,a\nx:y:5\n", 24, true);
    assert_row(&groups, 4, "adm");
    assert_row(&groups, 5, "x");
    user_table_free(&groups);
}

static void every_truncation_of_users_is_read_within_its_bytes(void **state)
{
    (void)state;
    static const char text[] = "root:x:0:0:root:/root:/bin/bash\nweb:x:33:33:web:/var/www:/x\n";
    for (size_t length = 0; length < sizeof text; length++) {
        struct user_table table = {.text = {malloc(length), length}};
        memcpy(table.text.data, text, length);
        user_table_parse(&table, false);
        assert_true(table.count <= 2);
        user_table_free(&table);
    }
}

static void a_huge_file_keeps_a_bounded_number_of_users(void **state)
{
    (void)state;
    struct writer out;
    writer_init(&out, 8 << 20);
    for (int number = 0; number < USER_ROWS_MAX + 100; number++)
        writer_format(&out, "u%d:x:%d:1::/:\n", number, number);
    struct user_table table = table_of(out.data, out.len, false);
    assert_int_equal(table.count, USER_ROWS_MAX);
    assert_row(&table, USER_ROWS_MAX - 1, "u16383");
    user_table_free(&table);
    writer_free(&out);
}

static void maps_ids_into_user_namespaces(void **state)
{
    (void)state;
    struct id_map map;
    uint32_t inside;
    assert_true(id_map_parse(SPAN("         0     231072      65536\n     70000 1000 1\n"), &map));
    assert_true(id_map_inside(&map, 231072, &inside));
    assert_int_equal(inside, 0);
    assert_true(id_map_inside(&map, 231072 + 65535, &inside));
    assert_int_equal(inside, 65535);
    assert_true(id_map_inside(&map, 1000, &inside));
    assert_int_equal(inside, 70000);
    assert_false(id_map_inside(&map, 231072 + 65536, &inside));
    assert_false(id_map_inside(&map, 0, &inside));
    static const char *const wrong[] = {"", "\n", "0 0", "0 0 1 2", "a 0 1", "0 0 99999999999"};
    for (size_t index = 0; index < sizeof wrong / sizeof *wrong; index++)
        assert_false(id_map_parse(span_str(wrong[index]), &map));
}

/* ---- the cache ---- */

static struct user_cache *users_on(container_open_fn open, void *context, size_t count_max)
{
    struct user_cache *cache = NULL;
    struct err_ctx err;
    struct container_options options = {
        .open = open, .context = context, .containers_max = count_max, .seed = 3};
    assert_int_equal(user_cache_open(&options, &cache, &err), OK);
    return cache;
}

static struct user_scope scope_at(const char *container, uint64_t now)
{
    return (struct user_scope){
        .container = span_str(container), .pid = 7, .start_boot_ns = 1, .now_boot_ns = now};
}

static void assert_user(struct user_cache *cache, const struct user_scope *scope, uint32_t uid,
                        const char *name)
{
    span found = {0};
    assert_int_equal(user_name(cache, scope, uid, &found), name != NULL);
    if (name)
        assert_span(found, name);
}

/* clang-format off */
static const struct disk_file user_files[] = {
    {OPEN_HOST_PASSWD, "", "", "", "root:x:0:0::/root:/bin/bash\nann:x:1000:1::/:/bin/zsh\n", 0},
    {OPEN_HOST_GROUP, "", "", "", "wheel:x:0:\n", 0},
    {OPEN_PROCESS_PASSWD, "", "", "", "captain:x:0:0::/:/bin/sh\n", 0},
    {OPEN_PROCESS_GROUP, "", "", "", "crew:x:0:\n", 0},
    {OPEN_PROCESS_UID_MAP, "", "", "", "0 100000 65536\n", 0},
};
/* clang-format on */

static void tells_a_containers_users_from_the_hosts(void **state)
{
    (void)state;
    struct disk disk = {user_files, 4, 0};
    struct user_cache *cache = users_on(disk_open, &disk, 4);
    struct user_scope host = scope_at("", 0), inside = scope_at("abc", 0);
    span name;
    assert_user(cache, &host, 0, "root");
    assert_user(cache, &host, 1000, "ann");
    assert_user(cache, &host, 5, NULL);
    assert_user(cache, &inside, 0, "captain");
    assert_user(cache, &inside, 1000, NULL);
    assert_true(group_name(cache, &host, 0, &name));
    assert_span(name, "wheel");
    assert_true(group_name(cache, &inside, 0, &name));
    assert_span(name, "crew");
    assert_true(user_home(cache, &host, 0, &name));
    assert_span(name, "/root");
    assert_true(user_shell(cache, &host, 1000, &name));
    assert_span(name, "/bin/zsh");
    user_cache_close(cache);
}

static void maps_the_users_of_a_container_with_a_namespace_of_its_own(void **state)
{
    (void)state;
    struct disk disk = {user_files, 5, 0};
    struct user_cache *cache = users_on(disk_open, &disk, 4);
    struct user_scope inside = scope_at("abc", 0), host = scope_at("", 0);
    assert_user(cache, &inside, 100000, "captain");
    assert_user(cache, &inside, 0, NULL);
    assert_user(cache, &host, 0, "root");
    user_cache_close(cache);
}

/* One real file, so that it has an inode that stays; NULL: refused. */
struct one_file {
    const char *path;
    size_t opens;
};

static int one_open(void *context, const struct open_request *request)
{
    struct one_file *one = context;
    if (request->what != OPEN_PROCESS_PASSWD)
        return -ENOENT;
    one->opens++;
    return one->path ? open(one->path, O_RDONLY | O_CLOEXEC) : -EACCES;
}

static void file_put(const char *path, const char *text)
{
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static void reads_a_file_again_only_when_it_changed(void **state)
{
    (void)state;
    char path[] = "/tmp/users.XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
    file_put(path, "one:x:1:1::/:\n");
    struct one_file one = {path, 0};
    struct user_cache *cache = users_on(one_open, &one, 4);
    struct user_scope scope = scope_at("abc", 0);
    span first, again;
    assert_true(user_name(cache, &scope, 1, &first));
    for (scope.now_boot_ns = 0; scope.now_boot_ns < 2 * SECOND; scope.now_boot_ns += SECOND / 10)
        assert_true(user_name(cache, &scope, 1, &again));
    assert_int_equal(one.opens, 1);
    scope.now_boot_ns = 3 * SECOND;
    assert_true(user_name(cache, &scope, 1, &again));
    assert_int_equal(one.opens, 2);
    assert_ptr_equal(first.data, again.data); /* looked at, not parsed again */
    file_put(path, "other:x:1:1::/:\n");
    scope.now_boot_ns = 6 * SECOND;
    assert_user(cache, &scope, 1, "other");
    /* the process is gone: what was known stays */
    one.path = NULL;
    scope.now_boot_ns = 9 * SECOND;
    assert_user(cache, &scope, 1, "other");
    user_cache_close(cache);
    unlink(path);
}

static void asks_again_soon_when_the_first_process_could_not_be_read(void **state)
{
    (void)state;
    struct one_file one = {NULL, 0};
    struct user_cache *cache = users_on(one_open, &one, 4);
    struct user_scope scope = scope_at("abc", 0);
    for (scope.now_boot_ns = 0; scope.now_boot_ns < 60 * SECOND; scope.now_boot_ns += SECOND / 100)
        assert_user(cache, &scope, 1, NULL);
    assert_true(one.opens > 5 && one.opens < 40);
    char path[] = "/tmp/users.XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
    file_put(path, "late:x:1:1::/:\n");
    one.path = path;
    scope.now_boot_ns += 3 * SECOND;
    assert_user(cache, &scope, 1, "late");
    unlink(path);
    user_cache_close(cache);
}

/* Process 7 has the host's root, process 8 a container's. */
static int start_up_open(void *context, const struct open_request *request)
{
    struct disk *disk = context;
    return request->pid == 7 ? -EXDEV : disk_open(disk, request);
}

static void gives_a_process_with_the_hosts_root_the_hosts_users(void **state)
{
    (void)state;
    struct disk disk = {user_files, 4, 0};
    struct user_cache *cache = users_on(start_up_open, &disk, 4);
    struct user_scope start_up = scope_at("abc", 0), program = scope_at("abc", 0);
    program.pid = 8;
    assert_user(cache, &start_up, 1000, "ann");
    assert_user(cache, &program, 0, "captain"); /* at once: nothing was learned of it before */
    assert_user(cache, &program, 1000, NULL);
    assert_user(cache, &start_up, 0, "captain"); /* of the container now, until a look is due */
    user_cache_close(cache);
}

/* Process 7 has the host's root until its next program, as a runtime's first process does. */
static int entering_open(void *context, const struct open_request *request)
{
    struct disk *disk = context;
    bool is_outside = request->pid == 7 && disk->opens == 0;
    disk->opens += is_outside;
    return is_outside ? -EXDEV : disk_open(disk, request);
}

static void a_process_that_enters_its_container_has_its_users(void **state)
{
    (void)state;
    struct disk disk = {user_files, 4, 0};
    struct user_cache *cache = users_on(entering_open, &disk, 4);
    struct user_scope scope = scope_at("abc", 0);
    scope.exec_boot_ns = 5;
    assert_user(cache, &scope, 1000, "ann");
    assert_user(cache, &scope, 1000, "ann"); /* not asked again */
    scope.exec_boot_ns = 6;
    assert_user(cache, &scope, 0, "captain");
    assert_user(cache, &scope, 1000, NULL);
    user_cache_close(cache);
}

static void keeps_a_bounded_number_of_containers_and_bytes(void **state)
{
    (void)state;
    struct writer out;
    writer_init(&out, 1 << 20);
    while (out.len < 900000)
        writer_text(&out,
                    "someone:x:12345:1:a long comment so that rows are few:/home/x:/bin/sh\n");
    const struct disk_file files[] = {
        {OPEN_PROCESS_PASSWD, "", "", "", (const char *)out.data, out.len},
    };
    struct disk disk = {files, 1, 0};
    struct user_cache *cache = users_on(disk_open, &disk, 64);
    for (int number = 0; number < 100; number++) {
        char id[16];
        snprintf(id, sizeof id, "c%d", number);
        struct user_scope scope = scope_at(id, 0);
        assert_user(cache, &scope, 12345, "someone");
    }
    /* the first ones were pushed out and are read again */
    size_t opens = disk.opens;
    struct user_scope scope = scope_at("c0", 0);
    assert_user(cache, &scope, 12345, "someone");
    assert_true(disk.opens > opens);
    user_cache_close(cache);
    writer_free(&out);
}

static void stores_users_and_loads_them_again(void **state)
{
    (void)state;
    struct disk disk = {user_files, 5, 0}, empty = {NULL, 0, 0};
    struct user_cache *from = users_on(disk_open, &disk, 4), *to = users_on(disk_open, &empty, 4);
    struct user_scope host = scope_at("", 0), inside = scope_at("abc", 0);
    assert_user(from, &host, 0, "root");
    assert_user(from, &inside, 100000, "captain");
    struct writer stored;
    writer_init(&stored, 1 << 20);
    user_cache_save(from, &stored);
    struct err_ctx err;
    for (size_t length = 0; length < stored.len; length++)
        assert_int_equal(user_cache_load(to, span_of(stored.data, length), 0, &err), ERR_INPUT);
    for (size_t index = 0; index < stored.len; index++) {
        stored.data[index] ^= 0x20;
        assert_int_equal(user_cache_load(to, writer_span(&stored), 0, &err), ERR_INPUT);
        stored.data[index] ^= 0x20;
    }
    assert_user(to, &host, 0, NULL);
    assert_int_equal(user_cache_load(to, writer_span(&stored), 0, &err), OK);
    assert_user(to, &host, 0, "root");
    assert_user(to, &inside, 100000, "captain");
    writer_free(&stored);
    user_cache_close(from);
    user_cache_close(to);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_users_and_leaves_out_what_is_none),
        cmocka_unit_test(every_truncation_of_users_is_read_within_its_bytes),
        cmocka_unit_test(a_huge_file_keeps_a_bounded_number_of_users),
        cmocka_unit_test(maps_ids_into_user_namespaces),
        cmocka_unit_test(tells_a_containers_users_from_the_hosts),
        cmocka_unit_test(maps_the_users_of_a_container_with_a_namespace_of_its_own),
        cmocka_unit_test(reads_a_file_again_only_when_it_changed),
        cmocka_unit_test(asks_again_soon_when_the_first_process_could_not_be_read),
        cmocka_unit_test(gives_a_process_with_the_hosts_root_the_hosts_users),
        cmocka_unit_test(a_process_that_enters_its_container_has_its_users),
        cmocka_unit_test(keeps_a_bounded_number_of_containers_and_bytes),
        cmocka_unit_test(stores_users_and_loads_them_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
