#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <unistd.h>

#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>

#include "core/cleanup.h"
#include "core/test.h"
#include "opener/opener.h"

#define HEX_ID "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

/* A folder of root's with one docker container in it. */
struct lab {
    char root[OPENER_ROOT_BYTES];
};

static char *in_lab(const struct lab *lab, const char *path)
{
    static char text[2][512];
    static int turn;
    turn = !turn;
    snprintf(text[turn], sizeof text[turn], "%s/%s", lab->root, path);
    return text[turn];
}

static void put_file(const struct lab *lab, const char *path, const char *content)
{
    FILE *file = fopen(in_lab(lab, path), "we");
    assert_non_null(file);
    fputs(content, file);
    fclose(file);
}

static int lab_begin(void **state)
{
    struct lab *lab = calloc(1, sizeof *lab);
    snprintf(lab->root, sizeof lab->root, "/tmp/opener.XXXXXX");
    if (!mkdtemp(lab->root)) {
        free(lab);
        return -1;
    }
    mkdir(in_lab(lab, "containers"), 0700);
    mkdir(in_lab(lab, "containers/" HEX_ID), 0700);
    put_file(lab, "containers/" HEX_ID "/config.v2.json", "{}");
    *state = lab;
    return 0;
}

static int remove_one(const char *path, const struct stat *status, int kind, struct FTW *at)
{
    (void)status;
    (void)kind;
    (void)at;
    return remove(path);
}

static int lab_end(void **state)
{
    struct lab *lab = *state;
    nftw(lab->root, remove_one, 8, FTW_DEPTH | FTW_PHYS);
    free(lab);
    return 0;
}

static struct open_request docker_request(const struct lab *lab)
{
    struct open_request request = {.what = OPEN_DOCKER_CONFIG, .id = HEX_ID};
    snprintf(request.root, sizeof request.root, "%s", lab->root);
    return request;
}

static void assert_denied(const struct open_request *request, const char *reason)
{
    struct err_ctx err = {0};
    int fd = -7;
    err_kind kind = opener_serve(request, &fd, &err);
    if (kind != ERR_DENIED || !strstr(err.text, reason))
        fail_msg("kind %d, '%s', expected '%s'", kind, err.text, reason);
    assert_int_equal(fd, -7);
}

static void assert_absent(const struct open_request *request)
{
    struct err_ctx err = {0};
    int fd = -7;
    if (opener_serve(request, &fd, &err))
        fail_msg("%s", err.text);
    assert_int_equal(fd, -1);
}

static void assert_content(const struct open_request *request, const char *content)
{
    struct err_ctx err = {0};
    AUTO(auto_close) int fd = -7;
    if (opener_serve(request, &fd, &err))
        fail_msg("%s", err.text);
    assert_true(fd >= 0);
    char text[256] = "";
    assert_true(read(fd, text, sizeof text - 1) >= 0);
    assert_string_equal(text, content);
    assert_int_equal(fcntl(fd, F_GETFL) & O_ACCMODE, O_RDONLY);
    assert_int_equal(fcntl(fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
}

static void opens_a_runtimes_file(void **state)
{
    struct open_request request = docker_request(*state);
    assert_content(&request, "{}");
}

static void an_absent_file_or_root_is_an_answer(void **state)
{
    struct open_request request = docker_request(*state);
    request.id[0] = 'f';
    assert_absent(&request);
    request = docker_request(*state);
    memset(request.root, 0, sizeof request.root);
    snprintf(request.root, sizeof request.root, "/nowhere/at/all");
    assert_absent(&request);
}

static void refuses_unknown_templates(void **state)
{
    struct open_request request = docker_request(*state);
    static const uint32_t wrong[] = {OPEN_NONE, OPEN_TEMPLATE_COUNT, UINT32_MAX};
    for (size_t index = 0; index < sizeof wrong / sizeof *wrong; index++) {
        request.what = wrong[index];
        assert_denied(&request, "no template");
    }
}

static void refuses_texts_without_an_end_and_bytes_behind_it(void **state)
{
    struct open_request request = docker_request(*state);
    memset(request.root, 'a', sizeof request.root);
    assert_denied(&request, "root is not ended");
    request = docker_request(*state);
    memset(request.id, 'a', sizeof request.id);
    assert_denied(&request, "id is not ended");
    request = docker_request(*state);
    request.id[OPENER_ID_BYTES - 1] = 'x';
    assert_denied(&request, "id is not ended");
    request = docker_request(*state);
    memset(request.name, 'a', sizeof request.name);
    assert_denied(&request, "name is not ended");
}

static void refuses_ids_that_are_not_hex(void **state)
{
    static const char *const wrong[] = {
        "",
        "..",
        "../../../../etc/shadow",
        "0123",
        "0123456789ABCDEF0123456789abcdef0123456789abcdef0123456789abcdef",
        "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcde/",
        "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0",
        "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcd\n\n",
    };
    for (size_t index = 0; index < sizeof wrong / sizeof *wrong; index++) {
        struct open_request request = docker_request(*state);
        memset(request.id, 0, sizeof request.id);
        snprintf(request.id, sizeof request.id, "%s", wrong[index]);
        assert_denied(&request, "64 lower-case hex digits");
    }
}

static void refuses_words_that_lead_elsewhere(void **state)
{
    (void)state;
    static const char *const wrong[] = {"",     ".",   "..",   ".x",    "a..b", "a/b",
                                        "/etc", "a b", "a\nb", "a\x80", "a%I"};
    for (size_t index = 0; index < sizeof wrong / sizeof *wrong; index++) {
        struct open_request request = {.what = OPEN_CONTAINERD_BUNDLE, .name = "default"};
        snprintf(request.id, sizeof request.id, "%s", wrong[index]);
        assert_denied(&request, "id has other bytes");
        request = (struct open_request){.what = OPEN_CONTAINERD_BUNDLE, .id = "web"};
        snprintf(request.name, sizeof request.name, "%s", wrong[index]);
        assert_denied(&request, "name has other bytes");
    }
}

static void refuses_roots_that_are_not_normal(void **state)
{
    static const char *const wrong[] = {"/",       "relative", "//a", "/a/", "/a//b",
                                        "/a/../b", "/a/./b",   "/..", "/.",  "/var/lib/.."};
    for (size_t index = 0; index < sizeof wrong / sizeof *wrong; index++) {
        struct open_request request = docker_request(*state);
        memset(request.root, 0, sizeof request.root);
        snprintf(request.root, sizeof request.root, "%s", wrong[index]);
        assert_denied(&request, "not an absolute, normal path");
    }
}

static void refuses_roots_that_others_own_or_write(void **state)
{
    const struct lab *lab = *state;
    struct open_request request = docker_request(lab);
    assert_int_equal(chmod(lab->root, 0777), 0);
    assert_denied(&request, "written by others");
    assert_int_equal(chmod(lab->root, 01777), 0);
    assert_denied(&request, "written by others");
    assert_int_equal(chmod(lab->root, 0770), 0);
    assert_content(&request, "{}");
    assert_int_equal(chown(lab->root, 0, 1234), 0);
    assert_denied(&request, "written by others");
    assert_int_equal(chmod(lab->root, 0700), 0);
    assert_int_equal(chown(lab->root, 1234, 0), 0);
    assert_denied(&request, "owned by uid 1234");
    assert_int_equal(chown(lab->root, 0, 0), 0);
    put_file(lab, "file", "");
    snprintf(request.root, sizeof request.root, "%s", in_lab(lab, "file"));
    assert_absent(&request);
}

static void refuses_parts_that_a_template_does_not_have(void **state)
{
    struct open_request request = docker_request(*state);
    snprintf(request.name, sizeof request.name, "vfs");
    assert_denied(&request, "has a name");
    request = docker_request(*state);
    request.pid = 1;
    assert_denied(&request, "has a process");
    request = (struct open_request){.what = OPEN_HOST_PASSWD, .id = "x"};
    assert_denied(&request, "has an id");
    request = (struct open_request){.what = OPEN_PROCESS_PASSWD, .pid = 1, .start_boot_ns = 1};
    snprintf(request.root, sizeof request.root, "/etc");
    assert_denied(&request, "has a root");
}

static void refuses_links_planted_in_the_way(void **state)
{
    const struct lab *lab = *state;
    struct open_request request = docker_request(lab);
    assert_int_equal(unlink(in_lab(lab, "containers/" HEX_ID "/config.v2.json")), 0);
    assert_int_equal(symlink("/etc/shadow", in_lab(lab, "containers/" HEX_ID "/config.v2.json")),
                     0);
    assert_denied(&request, "not a regular file");
    assert_int_equal(rename(in_lab(lab, "containers/" HEX_ID), in_lab(lab, "real")), 0);
    assert_int_equal(symlink("../real", in_lab(lab, "containers/" HEX_ID)), 0);
    assert_denied(&request, "a link stands in the way");
}

static void refuses_what_is_no_regular_file_without_opening_it(void **state)
{
    const struct lab *lab = *state;
    struct open_request request = docker_request(lab);
    const char *path = "containers/" HEX_ID "/config.v2.json";
    static const mode_t kinds[] = {S_IFIFO, S_IFCHR, S_IFSOCK, S_IFDIR};
    for (size_t index = 0; index < sizeof kinds / sizeof *kinds; index++) {
        remove(in_lab(lab, path));
        if (kinds[index] == S_IFDIR)
            assert_int_equal(mkdir(in_lab(lab, path), 0700), 0);
        else if (mknod(in_lab(lab, path), kinds[index] | 0600, makedev(1, 3)))
            continue; /* no device nodes in this container */
        assert_denied(&request, "not a regular file");
    }
}

static void refuses_huge_files(void **state)
{
    const struct lab *lab = *state;
    struct open_request request = docker_request(lab);
    const char *path = in_lab(lab, "containers/" HEX_ID "/config.v2.json");
    struct err_ctx err = {0};
    int fd = -7;
    off_t most = (off_t)opener_bytes_max(OPEN_DOCKER_CONFIG);
    assert_int_equal(truncate(path, most + 1), 0);
    assert_int_equal(opener_serve(&request, &fd, &err), ERR_LIMIT);
    assert_non_null(strstr(err.text, "docker-config: containers/"));
    assert_int_equal(truncate(path, most), 0);
    assert_int_equal(opener_serve(&request, &fd, &err), OK);
    close(fd);
}

/* ---- processes ---- */

/* Field 22 of a process's stat, in the nanoseconds that a record carries. */
static uint64_t process_start_ns(int pid)
{
    char path[64], text[1024];
    snprintf(path, sizeof path, "/proc/%d/stat", pid);
    FILE *file = fopen(path, "re");
    assert_non_null(file);
    size_t length = fread(text, 1, sizeof text - 1, file);
    fclose(file);
    text[length] = 0;
    char *at = strrchr(text, ')');
    for (int field = 2; field < 22; field++)
        at = strchr(at + 1, ' ');
    return strtoull(at + 1, NULL, 10) * 10000000u;
}

static void opens_a_processs_own_files(void **state)
{
    (void)state;
    struct open_request request = {.what = OPEN_PROCESS_UID_MAP, .pid = getpid()};
    request.start_boot_ns = process_start_ns(getpid()) + 9999999; /* the kernel's is finer */
    struct err_ctx err = {0};
    AUTO(auto_close) int fd = -1;
    assert_int_equal(opener_serve(&request, &fd, &err), OK);
    assert_true(fd >= 0);
}

static void another_process_with_the_number_is_absent(void **state)
{
    (void)state;
    struct open_request request = {.what = OPEN_PROCESS_CMDLINE, .pid = getpid()};
    uint64_t start = process_start_ns(getpid());
    request.start_boot_ns = start - 1;
    assert_absent(&request);
    request.start_boot_ns = start + 10000000;
    assert_absent(&request);
    request.start_boot_ns = start;
    request.pid = 0x3fffffff;
    assert_absent(&request);
    request.start_boot_ns = 0;
    assert_denied(&request, "has no process");
    request = (struct open_request){.what = OPEN_PROCESS_CMDLINE, .pid = -1, .start_boot_ns = 1};
    assert_denied(&request, "has no process");
}

static void refuses_the_users_of_a_process_with_the_hosts_root(void **state)
{
    (void)state;
    struct open_request request = {.what = OPEN_PROCESS_PASSWD, .pid = getpid()};
    request.start_boot_ns = process_start_ns(getpid());
    struct err_ctx err = {0};
    int fd = -7;
    assert_int_equal(opener_serve(&request, &fd, &err), ERR_STATE);
    assert_non_null(strstr(err.text, "root is the host's"));
    assert_int_equal(fd, -7);
}

struct inmate {
    int pid;
    int release_fd;
};

/* A child whose root is the lab, with a name that breaks naive readers of /proc/PID/stat. */
static struct inmate inmate_start(const struct lab *lab)
{
    int ready[2], release[2];
    assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
    assert_int_equal(pipe2(release, O_CLOEXEC), 0);
    int pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        close(release[1]);
        FILE *comm = fopen("/proc/self/comm", "we");
        if (comm) {
            fputs(") R 1 1 (\n", comm);
            fclose(comm);
        }
        char byte = chroot(lab->root) || chdir("/") ? 'n' : 'y';
        if (write(ready[1], &byte, 1) == 1 && read(release[0], &byte, 1) < 0)
            _exit(1);
        _exit(0);
    }
    close(ready[1]);
    close(release[0]);
    char byte = 'n';
    assert_int_equal(read(ready[0], &byte, 1), 1);
    assert_int_equal(byte, 'y');
    close(ready[0]);
    return (struct inmate){pid, release[1]};
}

static void inmate_end(struct inmate inmate)
{
    close(inmate.release_fd);
    waitpid(inmate.pid, NULL, 0);
}

static void reads_users_within_the_processs_root_only(void **state)
{
    const struct lab *lab = *state;
    mkdir(in_lab(lab, "etc"), 0755);
    put_file(lab, "etc/passwd", "web:x:33:33::/:/bin/sh\n");
    struct inmate inmate = inmate_start(lab);
    struct open_request request = {.what = OPEN_PROCESS_PASSWD, .pid = inmate.pid};
    request.start_boot_ns = process_start_ns(inmate.pid);
    assert_content(&request, "web:x:33:33::/:/bin/sh\n");

    /* links in the way stay inside the root; one in place of the file is refused */
    put_file(lab, "group", "web:x:33:\n");
    assert_int_equal(rename(in_lab(lab, "etc"), in_lab(lab, "real")), 0);
    assert_int_equal(symlink("/../../real", in_lab(lab, "etc")), 0);
    assert_content(&request, "web:x:33:33::/:/bin/sh\n");
    unlink(in_lab(lab, "etc"));
    assert_int_equal(symlink("/proc/self/root/etc", in_lab(lab, "etc")), 0);
    assert_absent(&request);
    unlink(in_lab(lab, "etc"));
    mkdir(in_lab(lab, "etc"), 0755);
    assert_int_equal(symlink("../real/passwd", in_lab(lab, "etc/passwd")), 0);
    assert_denied(&request, "not a regular file");
    unlink(in_lab(lab, "etc/passwd"));
    assert_int_equal(mkfifo(in_lab(lab, "etc/passwd"), 0600), 0);
    assert_denied(&request, "not a regular file");
    inmate_end(inmate);
    assert_absent(&request);
}

static void every_template_has_a_name_a_limit_and_a_path(void **state)
{
    (void)state;
    for (uint32_t what = 1; what < OPEN_TEMPLATE_COUNT; what++) {
        assert_true(opener_bytes_max(what) > 0);
        assert_string_not_equal(opener_template_name(what), "unknown");
    }
    assert_int_equal(opener_bytes_max(OPEN_TEMPLATE_COUNT), 0);
    assert_string_equal(opener_template_name(OPEN_NONE), "unknown");
}

#define IN_LAB(test) cmocka_unit_test_setup_teardown(test, lab_begin, lab_end)

int main(void)
{
    if (geteuid() != 0) {
        print_message("skipped: needs root, roots must be owned by uid 0\n");
        return 77;
    }
    const struct CMUnitTest tests[] = {
        IN_LAB(opens_a_runtimes_file),
        IN_LAB(an_absent_file_or_root_is_an_answer),
        IN_LAB(refuses_unknown_templates),
        IN_LAB(refuses_texts_without_an_end_and_bytes_behind_it),
        IN_LAB(refuses_ids_that_are_not_hex),
        cmocka_unit_test(refuses_words_that_lead_elsewhere),
        IN_LAB(refuses_roots_that_are_not_normal),
        IN_LAB(refuses_roots_that_others_own_or_write),
        IN_LAB(refuses_parts_that_a_template_does_not_have),
        IN_LAB(refuses_links_planted_in_the_way),
        IN_LAB(refuses_what_is_no_regular_file_without_opening_it),
        IN_LAB(refuses_huge_files),
        cmocka_unit_test(opens_a_processs_own_files),
        cmocka_unit_test(another_process_with_the_number_is_absent),
        cmocka_unit_test(refuses_the_users_of_a_process_with_the_hosts_root),
        IN_LAB(reads_users_within_the_processs_root_only),
        cmocka_unit_test(every_template_has_a_name_a_limit_and_a_path),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
