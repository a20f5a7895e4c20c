/* Golden values of fields, by name, over made records. */
#include "kernel/test_fields.h"

/* sshd 10 -> bash 11 -> curl 12 */
static void feed_tree(struct fixture *fixture)
{
    test_exec(&made, 10, 1, "sshd", "sshd: alice");
    feed(fixture);
    test_fork(&made, 10, 11);
    feed(fixture);
    test_exec(&made, 11, 10, "bash", "-bash");
    feed(fixture);
    test_fork(&made, 11, 12);
    feed(fixture);
    test_exec(&made, 12, 11, "curl", "curl -s http://x/a");
    feed(fixture);
}

static void a_process_and_its_ancestors(void **state)
{
    struct fixture *fixture = *state;
    feed_tree(fixture);
    is_text(fixture, "evt.type", "execve");
    is_text(fixture, "proc.name", "curl");
    is_text(fixture, "proc.exe", "curl");
    is_text(fixture, "proc.exepath", "/usr/bin/curl");
    is_text(fixture, "proc.cmdline", "curl -s http://x/a");
    is_text(fixture, "proc.args", "-s http://x/a");
    is_text(fixture, "proc.args[1]", "http://x/a");
    is_text(fixture, "proc.args[9]", "");
    is_text(fixture, "proc.exeline", "curl -s http://x/a");
    is_number(fixture, "proc.cmdnargs", 2);
    is_number(fixture, "proc.cmdlenargs", 12);
    is_text(fixture, "proc.pname", "bash");
    is_text(fixture, "proc.pexe", "-bash");
    is_text(fixture, "proc.pcmdline", "bash");
    is_text(fixture, "proc.pexepath", "/usr/bin/bash");
    is_text(fixture, "proc.aname[0]", "curl");
    is_text(fixture, "proc.aname[2]", "sshd");
    is_text(fixture, "proc.acmdline[2]", "sshd alice");
    is_absent(fixture, "proc.aname[3]");
    is_number(fixture, "proc.apid[2]", 10);
    is_number(fixture, "proc.ppid", 11);
    is_text(fixture, "proc.cwd", "/home/user/");
    is_text(fixture, "proc.env[LD_PRELOAD]", "/tmp/x.so");
    is_text(fixture, "proc.env[EMPTY]", "");
    is_absent(fixture, "proc.env[LD]");
    is_text(fixture, "proc.env", "HOME=/root LD_PRELOAD=/tmp/x.so EMPTY=");
    is_text(fixture, "proc.aenv[2]", "HOME=/root LD_PRELOAD=/tmp/x.so EMPTY=");
    is_text(fixture, "proc.aenv[HOME]", "/root");
    is_number(fixture, "proc.tty", 34816);
    is_truth(fixture, "proc.is_exe_writable", true);
    is_truth(fixture, "proc.is_exe_from_memfd", false);
    is_number(fixture, "proc.exe_ino", 42);
    is_text(fixture, "proc.stdin.type", "file");
    is_text(fixture, "proc.stdout.type", "pipe");
    is_absent(fixture, "proc.stderr.type");
    is_text(fixture, "proc.sname", "bash");
    is_number(fixture, "proc.loginshellid", 11);
    is_number(fixture, "proc.duration", (int64_t)(TEST_BOOT_NS - test_start(12)));
    is_text(fixture, "evt.arg.exe", "curl");
    is_text(fixture, "evt.arg.filename", "/home/user/curl");
    is_text(fixture, "evt.arg.flags", "EXE_WRITABLE");
    struct value names = fetch(fixture, "proc.aname");
    assert_int_equal(names.kind, VALUE_LIST);
    assert_true(names.any);
    assert_int_equal(names.list.count, 2);
    assert_true(span_eq(names.list.items[1].text, SPAN("sshd")));
}

static void who_and_when(void **state)
{
    struct fixture *fixture = *state;
    feed_tree(fixture);
    is_number(fixture, "evt.num", 5);
    is_number(fixture, "evt.rawtime", TEST_WALL_NS + TEST_BOOT_NS);
    is_text(fixture, "evt.time.iso8601", "2023-11-14T22:30:00.000000000+0000");
    is_text(fixture, "evt.hostname", "box");
    is_text(fixture, "user.name", "alice");
    is_number(fixture, "user.uid", 1000);
    is_number(fixture, "user.loginuid", 1000);
    is_text(fixture, "group.name", "<NA>");
    is_text(fixture, "thread.cap_effective", "");
    test_begin(&made, EVENT_SETUID, 12, -1);
    test_head(&made)->login_uid = UINT32_MAX;
    test_head(&made)->uid = 0;
    test_head(&made)->cap_effective = 1u << 21 | 1;
    test_number(&made, PARAM_UID, 1000);
    feed(fixture);
    is_text(fixture, "user.name", "root");
    is_number(fixture, "user.loginuid", -1);
    is_text(fixture, "user.loginname", "<NA>");
    is_text(fixture, "thread.cap_effective", "CAP_CHOWN CAP_SYS_ADMIN");
    is_text(fixture, "evt.arg.uid", "alice");
    is_number(fixture, "evt.rawarg.uid", 1000);
    is_text(fixture, "evt.res", "EPERM");
    is_number(fixture, "evt.rawres", -1);
    is_truth(fixture, "evt.failed", true);
    is_text(fixture, "evt.args", "res=-1(EPERM) uid=1000(alice)");
}

static void an_open(void **state)
{
    struct fixture *fixture = *state;
    feed_tree(fixture);
    test_begin(&made, EVENT_OPENAT, 12, 5);
    test_head(&made)->flags = RECORD_FILE_MADE;
    test_number(&made, PARAM_FD, 5);
    test_number(&made, PARAM_DIRFD, AT_FDCWD);
    test_number(&made, PARAM_FLAGS, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC);
    test_number(&made, PARAM_MODE, 0755);
    test_file(&made, PARAM_FILE, S_IFREG | 0755);
    test_text(&made, PARAM_PATH, "/etc/shadow");
    test_text(&made, PARAM_PATH_RAW, "../etc/shadow");
    feed(fixture);
    is_number(fixture, "fd.num", 5);
    is_text(fixture, "fd.name", "/etc/shadow");
    is_text(fixture, "fd.nameraw", "../etc/shadow");
    is_text(fixture, "fd.directory", "/etc");
    is_text(fixture, "fd.filename", "shadow");
    is_text(fixture, "fd.type", "file");
    is_text(fixture, "fd.typechar", "f");
    is_text(fixture, "fd.l4proto", "<NA>");
    is_number(fixture, "fd.ino", 42);
    is_number(fixture, "fd.dev.major", 8);
    is_absent(fixture, "fd.sip");
    is_absent(fixture, "fd.sockfamily");
    is_truth(fixture, "evt.is_open_read", true);
    is_truth(fixture, "evt.is_open_write", true);
    is_truth(fixture, "evt.is_open_exec", true);
    is_truth(fixture, "evt.is_open_create", true);
    is_text(fixture, "evt.arg.fd", "<f>/etc/shadow");
    is_text(fixture, "evt.arg.dirfd", "AT_FDCWD");
    is_text(fixture, "evt.arg.name", "/etc/shadow");
    is_text(fixture, "evt.arg[2]", "/etc/shadow");
    is_text(fixture, "evt.arg.flags", "O_EXCL|O_CREAT|O_RDWR|O_CLOEXEC|O_F_CREATED");
    is_text(fixture, "evt.arg.mode", "0755");
    is_text(fixture, "evt.arg.ino", "42");
    is_text(fixture, "fs.path.name", "/etc/shadow");
    is_text(fixture, "evt.res", "SUCCESS");
    is_truth(fixture, "evt.name_unverified", false);
    is_text(fixture, "evt.category", "file");
    is_absent(fixture, "evt.arg.oldpath");
    is_absent(fixture, "evt.arg[99]");
}

static void a_pipe_is_named_by_its_number(void **state)
{
    struct fixture *fixture = *state;
    feed_tree(fixture);
    test_begin(&made, EVENT_DUP2, 12, 1);
    test_number(&made, PARAM_FD, 1);
    test_number(&made, PARAM_FD_OTHER, 4);
    test_text(&made, PARAM_PATH, "/");
    test_file(&made, PARAM_FILE, S_IFIFO | 0600);
    feed(fixture);
    is_text(fixture, "fd.name", "pipe:[42]");
    is_text(fixture, "fd.type", "pipe");
    is_text(fixture, "evt.args", "res=1(<p>pipe:[42]) oldfd=4 newfd=1");
    is_text(fixture, "proc.stdout.name", "pipe:[42]");
}

static void an_open_that_failed(void **state)
{
    struct fixture *fixture = *state;
    feed_tree(fixture);
    test_begin(&made, EVENT_OPENAT, 12, -2);
    test_head(&made)->flags = RECORD_NAME_UNVERIFIED;
    test_number(&made, PARAM_FD, -2);
    test_number(&made, PARAM_DIRFD, AT_FDCWD);
    test_number(&made, PARAM_FLAGS, O_RDONLY);
    test_number(&made, PARAM_MODE, 0);
    test_text(&made, PARAM_PATH_RAW, "../x//./y");
    feed(fixture);
    is_number(fixture, "fd.num", -1);
    is_text(fixture, "fd.name", "/home/x/y");
    is_absent(fixture, "fd.type");
    is_text(fixture, "fd.typechar", "f");
    is_text(fixture, "evt.arg.fd", "ENOENT");
    is_text(fixture, "evt.arg.flags", "O_RDONLY");
    is_truth(fixture, "evt.is_open_write", false);
    is_truth(fixture, "evt.name_unverified", true);
    is_text(fixture, "evt.res", "ENOENT");
}

static void connections(void **state)
{
    struct fixture *fixture = *state;
    feed_tree(fixture);
    struct socket_tuple tuple = {.local = {10, 0, 0, 1},
                                 .remote = {93, 184, 216, 34},
                                 .local_port = 40000,
                                 .remote_port = 443,
                                 .family = AF_INET,
                                 .type = SOCK_STREAM,
                                 .protocol = IPPROTO_TCP};
    test_begin(&made, EVENT_CONNECT, 12, 0);
    test_number(&made, PARAM_FD, 7);
    test_bytes(&made, PARAM_SOCKET, &tuple, sizeof tuple);
    feed(fixture);
    is_text(fixture, "fd.name", "10.0.0.1:40000->93.184.216.34:443");
    is_text(fixture, "fd.type", "ipv4");
    is_text(fixture, "fd.l4proto", "tcp");
    is_text(fixture, "fd.sockfamily", "ip");
    is_address(fixture, "fd.sip", 93, 184, 216, 34);
    is_address(fixture, "fd.rip", 93, 184, 216, 34);
    is_address(fixture, "fd.snet", 93, 184, 216, 34);
    is_address(fixture, "fd.cip", 10, 0, 0, 1);
    is_address(fixture, "fd.lip", 10, 0, 0, 1);
    is_number(fixture, "fd.sport", 443);
    is_number(fixture, "fd.cport", 40000);
    is_text(fixture, "fd.sproto", "443");
    is_truth(fixture, "fd.is_server", false);
    is_truth(fixture, "fd.connected", true);
    is_text(fixture, "evt.arg.fd", "<4t>10.0.0.1:40000->93.184.216.34:443");
    is_text(fixture, "evt.arg.addr", "93.184.216.34:443");
    assert_int_equal(fetch(fixture, "fd.ip").list.count, 2);
    assert_int_equal(fetch(fixture, "fd.port").list.count, 2);
    is_absent(fixture, "fd.directory");

    /* accepted, and v4 in v6 */
    static const uint8_t local[16] = {[10] = 0xff, 0xff, 10, 0, 0, 1};
    static const uint8_t remote[16] = {[10] = 0xff, 0xff, 8, 8, 8, 8};
    struct socket_tuple mapped = tuple;
    memcpy(mapped.local, local, 16);
    memcpy(mapped.remote, remote, 16);
    mapped.family = AF_INET6;
    mapped.is_server = 1;
    test_begin(&made, EVENT_ACCEPT4, 12, 9);
    test_bytes(&made, PARAM_SOCKET, &mapped, sizeof mapped);
    feed(fixture);
    is_number(fixture, "fd.num", 9);
    is_text(fixture, "fd.type", "ipv4");
    is_text(fixture, "fd.name", "8.8.8.8:443->10.0.0.1:40000");
    is_address(fixture, "fd.cip", 8, 8, 8, 8);
    is_address(fixture, "fd.sip", 10, 0, 0, 1);
    is_number(fixture, "fd.sport", 40000);
    is_truth(fixture, "fd.is_server", true);

    struct socket_tuple bound = {
        .local_port = 53, .family = AF_INET, .type = SOCK_DGRAM, .protocol = IPPROTO_UDP};
    test_begin(&made, EVENT_BIND, 12, 0);
    test_number(&made, PARAM_FD, 3);
    test_bytes(&made, PARAM_SOCKET, &bound, sizeof bound);
    feed(fixture);
    is_text(fixture, "fd.name", "0.0.0.0:53");
    is_number(fixture, "fd.sport", 53);
    is_absent(fixture, "fd.cport");
    is_text(fixture, "fd.l4proto", "udp");

    test_begin(&made, EVENT_CONNECT, 12, 0);
    test_number(&made, PARAM_FD, 3);
    test_text(&made, PARAM_SOCKET_PATH, "/run/docker.sock");
    feed(fixture);
    is_text(fixture, "fd.name", "/run/docker.sock");
    is_text(fixture, "fd.type", "unix");
}

static void calls_on_paths(void **state)
{
    struct fixture *fixture = *state;
    feed_tree(fixture);
    test_begin(&made, EVENT_RENAMEAT2, 12, 0);
    test_number(&made, PARAM_DIRFD, AT_FDCWD);
    test_number(&made, PARAM_FD_OTHER, AT_FDCWD);
    test_text(&made, PARAM_PATH, "/a/old");
    test_text(&made, PARAM_TARGET, "/a/new");
    test_text(&made, PARAM_PATH_RAW, "old");
    test_text(&made, PARAM_TARGET_RAW, "new");
    test_number(&made, PARAM_FLAGS, 1);
    feed(fixture);
    is_text(fixture, "evt.arg.oldpath", "/a/old");
    is_text(fixture, "evt.arg.newpath", "/a/new");
    is_text(fixture, "evt.abspath.src", "/a/old");
    is_text(fixture, "evt.abspath.dst", "/a/new");
    is_text(fixture, "evt.arg.flags", "RENAME_NOREPLACE");
    is_text(fixture, "fs.path.source", "/a/old");
    is_text(fixture, "fs.path.target", "/a/new");
    is_text(fixture, "fs.path.targetraw", "new");
    is_absent(fixture, "fs.path.name");
    is_absent(fixture, "fd.name");

    test_begin(&made, EVENT_SYMLINKAT, 12, 0);
    test_text(&made, PARAM_PATH_RAW, "../shadow");
    test_text(&made, PARAM_TARGET, "/etc/x/link");
    feed(fixture);
    is_text(fixture, "evt.arg.target", "../shadow");
    is_text(fixture, "evt.arg.linkpath", "/etc/x/link");
    is_text(fixture, "fs.path.target", "/etc/shadow");

    test_begin(&made, EVENT_CHMOD, 12, 0);
    test_text(&made, PARAM_PATH, "/tmp/su");
    test_number(&made, PARAM_MODE, 04755);
    feed(fixture);
    is_text(fixture, "evt.arg.mode",
            "S_IXOTH|S_IROTH|S_IXGRP|S_IRGRP|S_IXUSR|S_IWUSR|S_IRUSR|S_ISUID");
    is_text(fixture, "evt.arg.filename", "/tmp/su");

    test_begin(&made, EVENT_UNLINKAT, 12, -13);
    test_text(&made, PARAM_PATH_RAW, "/x");
    test_number(&made, PARAM_FLAGS, 0x200);
    feed(fixture);
    is_text(fixture, "evt.arg.name", "/x");
    is_text(fixture, "evt.arg.flags", "AT_REMOVEDIR");
    is_absent(fixture, "fs.path.name");
}

static void words_of_arguments(void **state)
{
    struct fixture *fixture = *state;
    feed_tree(fixture);
    test_begin(&made, EVENT_PTRACE, 12, 0);
    test_number(&made, PARAM_REQUEST, 16);
    test_number(&made, PARAM_PEER_PID, 11);
    feed(fixture);
    is_text(fixture, "evt.arg.request", "PTRACE_ATTACH");
    is_text(fixture, "evt.arg.pid", "bash");
    is_number(fixture, "evt.rawarg.pid", 11);

    test_begin(&made, EVENT_SOCKET, 12, 3);
    test_number(&made, PARAM_DOMAIN, AF_PACKET);
    test_number(&made, PARAM_SOCKET_TYPE, 3);
    feed(fixture);
    is_text(fixture, "evt.arg.domain", "AF_PACKET");

    test_begin(&made, EVENT_UNSHARE, 12, 0);
    test_number(&made, PARAM_NS_TYPE, 0x10020000);
    feed(fixture);
    is_text(fixture, "evt.arg.flags", "CLONE_NEWNS|CLONE_NEWUSER");

    test_begin(&made, EVENT_KILL, 12, 0);
    test_number(&made, PARAM_PEER_PID, 4242);
    test_number(&made, PARAM_SIGNAL, 9);
    feed(fixture);
    is_text(fixture, "evt.args", "res=0 pid=4242 sig=9(SIGKILL)");

    test_begin(&made, EVENT_MPROTECT, 12, 0);
    test_number(&made, PARAM_ADDRESS, 0x7f0000000000);
    test_number(&made, PARAM_SIZE, 4096);
    test_number(&made, PARAM_PROTECTION, 7);
    feed(fixture);
    is_text(fixture, "evt.args",
            "res=0 addr=7F0000000000 length=4096 prot=7(PROT_READ|PROT_WRITE|PROT_EXEC)");

    test_begin(&made, EVENT_PROCEXIT, 12, 0);
    test_number(&made, PARAM_STATUS, 9);
    feed(fixture);
    is_text(fixture, "evt.arg.sig", "SIGKILL");
    is_absent(fixture, "evt.res");
    is_absent(fixture, "syscall.type");

    test_begin(&made, EVENT_SENDTO, 11, 4);
    test_number(&made, PARAM_FD, 3);
    test_bytes(&made, PARAM_BUFFER, "a\0b\n", 4);
    feed(fixture);
    assert_int_equal(fetch(fixture, "evt.buffer").kind, VALUE_BYTES);
    is_text(fixture, "evt.arg.data", "a.b.");
    is_number(fixture, "evt.buflen", 4);
    is_text(fixture, "evt.io_dir", "write");
}

#define ID "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static void in_and_out_of_a_container(void **state)
{
    struct fixture *fixture = *state;
    feed_tree(fixture);
    is_text(fixture, "container.id", "host");
    is_text(fixture, "container.name", "host");
    is_text(fixture, "container.type", "host");
    is_absent(fixture, "container.image.repository");
    is_absent(fixture, "container.mount.dest[/proc*]");
    test_exec(&made, 12, 11, "sh", "sh");
    test_list(&made, PARAM_CGROUPS, ":/docker/" ID);
    feed(fixture);
    is_text(fixture, "container.id", "0123456789ab");
    is_text(fixture, "container.full_id", ID);
    is_text(fixture, "container.name", "web");
    is_text(fixture, "container.type", "docker");
    is_text(fixture, "container.image.repository", "nginx");
    is_absent(fixture, "container.image.digest");
    is_truth(fixture, "container.privileged", true);
    is_absent(fixture, "container.host_pid");
    is_text(fixture, "container.label[app]", "shop");
    is_absent(fixture, "container.label[no]");
    is_text(fixture, "container.labels", "app:shop");
    is_text(fixture, "container.mount.dest[/var/run/docker.sock]", "/docker.sock");
    is_text(fixture, "container.mount.dest[/proc*]", "N/A");
    is_text(fixture, "container.mount.source[/docker.sock]", "/var/run/docker.sock");
    is_text(fixture, "container.mount.rdwr[0]", "false");
    is_text(fixture, "container.mounts", "/var/run/docker.sock:/docker.sock:ro:false:rprivate");
    is_text(fixture, "k8s.pod.name", "shop-1");
    is_number(fixture, "container.duration", TEST_BOOT_NS);
    is_text(fixture, "thread.cgroups", "=/docker/" ID);
}

/* Every field over every type of event, with every parameter and with none. */
static void no_field_fails_on_any_event(void **state)
{
    struct fixture *fixture = *state;
    feed_tree(fixture);
    static const uint8_t zeros[144];
    for (uint16_t type = 1; type < EVENT_COUNT; type++)
        for (int is_full = 0; is_full < 2; is_full++) {
            test_begin(&made, type, 12, 3);
            for (uint16_t id = 1; is_full && id < PARAM_COUNT; id++) {
                struct record probe;
                struct err_ctx err = {0};
                static const size_t sizes[] = {8, 5, 48, 112, 144, 24, 16};
                for (size_t index = 0; index < sizeof sizes / sizeof *sizes; index++) {
                    struct test_record *before = malloc(sizeof *before);
                    memcpy(before, &made, sizeof *before);
                    test_bytes(&made, (enum param_id)id, zeros, sizes[index]);
                    bool is_right = record_open(&probe, test_span(&made), &err) == OK;
                    if (!is_right)
                        memcpy(&made, before, sizeof *before);
                    free(before);
                    if (is_right)
                        break;
                }
            }
            feed(fixture);
            for (size_t row = 0; row < kernel_schema.field_count; row++) {
                const struct field_desc *field = &kernel_schema.fields[row];
                struct field_ref ref = {.field = field, .index = -1};
                struct value value;
                if (field->argument != ARGUMENT_NONE) {
                    ref.argument = SPAN("1");
                    ref.index = 1;
                }
                kernel_fetch(&fixture->decoder, &ref, &fixture->arena, &value);
                assert_true(value.kind <= VALUE_LIST);
            }
            arena_reset(&fixture->arena);
        }
}

static void the_schema_is_sound(void **state)
{
    (void)state;
    const char *hint;
    struct field_ref ref;
    for (size_t a = 0; a < kernel_schema.field_count; a++) {
        const struct field_desc *field = &kernel_schema.fields[a];
        assert_true(field->summary[0] != 0);
        for (size_t b = 0; b < a; b++)
            assert_string_not_equal(field->name, kernel_schema.fields[b].name);
    }
    assert_int_equal(schema_resolve(&kernel_schema, SPAN("evt.arg.flgs"), &ref, &hint),
                     FIELD_BAD_ARGUMENT);
    assert_non_null(hint);
    assert_int_equal(schema_resolve(&kernel_schema, SPAN("evt.arg.request"), &ref, &hint),
                     FIELD_FOUND);
    assert_int_equal(schema_resolve(&kernel_schema, SPAN("evt.type.is.openat"), &ref, &hint),
                     FIELD_FOUND);
    assert_int_equal(schema_resolve(&kernel_schema, SPAN("proc.nmae"), &ref, &hint), FIELD_UNKNOWN);
    assert_string_equal(hint, "proc.name");
}

int main(void)
{
#define T(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(a_process_and_its_ancestors),
        T(who_and_when),
        T(an_open),
        T(a_pipe_is_named_by_its_number),
        T(an_open_that_failed),
        T(connections),
        T(calls_on_paths),
        T(words_of_arguments),
        T(in_and_out_of_a_container),
        T(no_field_fails_on_any_event),
        cmocka_unit_test(the_schema_is_sound),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
