/* Operations through io_uring at work: by bare system calls, in a ring of a child's own. */
#include <arpa/inet.h>
#include <errno.h>
#include <sched.h>

#include <linux/io_uring.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "core/test.h"
#include "hook/test_fixture.h"

enum { ENTRIES = 4 };

struct ring {
    int fd;
    struct io_uring_params params;
    uint8_t *queues; /* submission and completion share one mapping */
    struct io_uring_sqe *sqes;
};

static void must(long result)
{
    if (result < 0) {
        perror("uring test");
        _exit(91);
    }
}

static void ring_make(struct ring *ring)
{
    memset(ring, 0, sizeof *ring);
    ring->fd = (int)syscall(SYS_io_uring_setup, ENTRIES, &ring->params);
    must(ring->fd);
    size_t size = ring->params.cq_off.cqes + ring->params.cq_entries * sizeof(struct io_uring_cqe);
    ring->queues =
        mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, ring->fd, (off_t)IORING_OFF_SQ_RING);
    must(ring->queues == MAP_FAILED ? -1 : 0);
    ring->sqes = mmap(NULL, ENTRIES * sizeof *ring->sqes, PROT_READ | PROT_WRITE, MAP_SHARED,
                      ring->fd, (off_t)IORING_OFF_SQES);
    must(ring->sqes == MAP_FAILED ? -1 : 0);
}

static uint32_t *ring_word(const struct ring *ring, uint32_t offset)
{
    return (uint32_t *)(void *)(ring->queues + offset);
}

/* Submits one operation and, `waits` being 1, waits for it. */
static void ring_submit(struct ring *ring, const struct io_uring_sqe *sqe, unsigned waits)
{
    uint32_t *tail = ring_word(ring, ring->params.sq_off.tail);
    uint32_t at = *tail & *ring_word(ring, ring->params.sq_off.ring_mask);
    ring->sqes[at] = *sqe;
    ring_word(ring, ring->params.sq_off.array)[at] = at;
    __atomic_store_n(tail, *tail + 1, __ATOMIC_RELEASE);
    must(syscall(SYS_io_uring_enter, ring->fd, 1, waits, waits ? IORING_ENTER_GETEVENTS : 0, NULL,
                 0));
}

static int ring_do(struct ring *ring, const struct io_uring_sqe *sqe)
{
    ring_submit(ring, sqe, 1);
    uint32_t *head = ring_word(ring, ring->params.cq_off.head);
    const struct io_uring_cqe *cqes = (const void *)(ring->queues + ring->params.cq_off.cqes);
    int result = cqes[*head & *ring_word(ring, ring->params.cq_off.ring_mask)].res;
    __atomic_store_n(head, *head + 1, __ATOMIC_RELEASE);
    errno = result < 0 ? -result : 0;
    return result;
}

static struct io_uring_sqe sqe_of(uint8_t opcode, const char *path)
{
    struct io_uring_sqe sqe = {.opcode = opcode, .fd = AT_FDCWD, .addr = (uint64_t)(uintptr_t)path};
    return sqe;
}

/* ---- opens ---- */

static void make_links(void)
{
    must(mkdir("real", 0755));
    must(close(open("real/file", O_CREAT | O_WRONLY, 0644)));
    must(symlink("real", "alias"));
}

static void work_open(void)
{
    struct ring ring;
    must(mkdir("open", 0755));
    must(chdir("open"));
    make_links();
    ring_make(&ring);
    struct io_uring_sqe sqe = sqe_of(IORING_OP_OPENAT, "alias/file");
    sqe.open_flags = O_RDONLY | O_CLOEXEC;
    must(ring_do(&ring, &sqe));
    sqe.flags = IOSQE_ASYNC;
    must(ring_do(&ring, &sqe));
    sqe = sqe_of(IORING_OP_OPENAT, "alias/new");
    sqe.open_flags = O_CREAT | O_WRONLY;
    sqe.len = 0600;
    must(ring_do(&ring, &sqe));
    sqe = sqe_of(IORING_OP_OPENAT, "alias/missing");
    if (ring_do(&ring, &sqe) != -ENOENT)
        _exit(92);
    uint64_t how[3] = {O_RDONLY, 0, 0};
    sqe = sqe_of(IORING_OP_OPENAT2, "alias/file");
    sqe.len = sizeof how;
    sqe.off = (uint64_t)(uintptr_t)how;
    must(ring_do(&ring, &sqe));
}

static void expect_open(int pid, uint16_t type, unsigned nth, const char *path, const char *raw)
{
    struct test_record record;
    if (!test_ring_find_nth(&fixture.ring, type, pid, nth, &record))
        fail_msg("no record %u of type %d", nth, type);
    assert_string_equal(test_text(&record, PARAM_PATH), path);
    assert_string_equal(test_text(&record, PARAM_PATH_RAW), raw);
    assert_int_equal(test_number(&record, PARAM_DIRFD), AT_FDCWD);
    assert_int_equal(record.head->flags & ~RECORD_FILE_MADE, RECORD_IO_URING);
    assert_true(record.head->result > 2);
    assert_int_equal(test_number(&record, PARAM_FD), record.head->result);
}

static void test_open(void **state)
{
    (void)state;
    struct test_record record;
    int pid = in_child(work_open);
    /* the first is the plain open of the preparation */
    expect_open(pid, EVENT_OPENAT, 1, in_folder("open/real/file"), "alias/file");
    assert_true(test_ring_find_nth(&fixture.ring, EVENT_OPENAT, pid, 1, &record));
    assert_int_equal(test_number(&record, PARAM_FLAGS), O_RDONLY | O_CLOEXEC);
    assert_int_equal(record.head->tid, pid);
    /* by a worker thread, still the work of the thread that asked */
    expect_open(pid, EVENT_OPENAT, 2, in_folder("open/real/file"), "alias/file");
    assert_true(test_ring_find_nth(&fixture.ring, EVENT_OPENAT, pid, 2, &record));
    assert_int_equal(record.head->tid, pid);
    expect_open(pid, EVENT_OPENAT, 3, in_folder("open/real/new"), "alias/new");
    assert_true(test_ring_find_nth(&fixture.ring, EVENT_OPENAT, pid, 3, &record));
    assert_true(record.head->flags & RECORD_FILE_MADE);
    assert_int_equal(test_number(&record, PARAM_MODE), 0600);
    assert_true(test_ring_find_nth(&fixture.ring, EVENT_OPENAT, pid, 4, &record));
    assert_int_equal(record.head->result, -ENOENT);
    assert_int_equal(record.head->flags, RECORD_IO_URING | RECORD_NAME_UNVERIFIED);
    assert_string_equal(test_text(&record, PARAM_PATH_RAW), "alias/missing");
    assert_string_equal(test_text(&record, PARAM_CWD), in_folder("open"));
    expect_open(pid, EVENT_OPENAT2, 0, in_folder("open/real/file"), "alias/file");
}

static void work_direct(void)
{
    struct ring ring;
    int slots[2] = {-1, -1};
    must(mkdir("direct", 0755));
    must(chdir("direct"));
    make_links();
    ring_make(&ring);
    must(syscall(SYS_io_uring_register, ring.fd, IORING_REGISTER_FILES, slots, 2));
    struct io_uring_sqe sqe = sqe_of(IORING_OP_OPENAT, "alias/file");
    sqe.file_index = 2;
    must(ring_do(&ring, &sqe));
    sqe.file_index = IORING_FILE_INDEX_ALLOC;
    must(ring_do(&ring, &sqe));
}

static void test_direct(void **state)
{
    (void)state;
    struct test_record record;
    int pid = in_child(work_direct);
    for (unsigned i = 1; i < 3; i++) {
        assert_true(test_ring_find_nth(&fixture.ring, EVENT_OPENAT, pid, i, &record));
        assert_string_equal(test_text(&record, PARAM_PATH), in_folder("direct/real/file"));
        assert_int_equal(record.head->flags, RECORD_IO_URING);
        assert_int_equal(record.head->result, 0);
        assert_null(record.params[PARAM_FD]);
    }
}

/* ---- completions that nobody sees ---- */

static void work_silent(void)
{
    struct ring ring;
    struct io_uring_sqe sqe = sqe_of(IORING_OP_OPENAT, "/etc/passwd");
    ring_make(&ring);
    sqe.flags = IOSQE_CQE_SKIP_SUCCESS;
    ring_submit(&ring, &sqe, 0);
    struct io_uring_sqe nothing = {.opcode = IORING_OP_NOP, .user_data = 7};
    for (unsigned i = 0; i < ring.params.cq_entries; i++)
        ring_submit(&ring, &nothing, 0);
    sqe.flags = 0;
    sqe.user_data = 8;
    ring_submit(&ring, &sqe, 0);
    uint64_t end_ns = clock_boot_ns() + 5000000000u;
    while (!(__atomic_load_n(ring_word(&ring, ring.params.sq_off.flags), __ATOMIC_ACQUIRE) &
             IORING_SQ_CQ_OVERFLOW))
        must(clock_boot_ns() < end_ns ? sched_yield() : -1);
}

static void test_silent(void **state)
{
    (void)state;
    struct test_record record;
    int pid = in_child(work_silent);
    assert_true(test_ring_find(&fixture.ring, EVENT_OPENAT, pid, &record));
    assert_string_equal(test_text(&record, PARAM_PATH_RAW), "/etc/passwd");
    assert_string_equal(test_text(&record, PARAM_PATH), "(none)");
    assert_int_equal(record.head->flags, RECORD_IO_URING | RECORD_NAME_UNVERIFIED);
    assert_true(test_ring_find_nth(&fixture.ring, EVENT_OPENAT, pid, 1, &record));
    assert_string_equal(test_text(&record, PARAM_PATH), "/etc/passwd");
    assert_int_equal(record.head->flags, RECORD_IO_URING);
}

/* ---- names ---- */

static void work_change(void)
{
    struct ring ring;
    must(mkdir("change", 0755));
    must(chdir("change"));
    make_links();
    ring_make(&ring);
    struct io_uring_sqe sqe = sqe_of(IORING_OP_MKDIRAT, "alias/made");
    sqe.len = 0750;
    must(ring_do(&ring, &sqe));
    sqe = sqe_of(IORING_OP_LINKAT, "alias/file");
    sqe.addr2 = (uint64_t)(uintptr_t) "alias/linked";
    sqe.len = (uint32_t)AT_FDCWD;
    must(ring_do(&ring, &sqe));
    sqe = sqe_of(IORING_OP_RENAMEAT, "alias/linked");
    sqe.addr2 = (uint64_t)(uintptr_t) "alias/moved";
    sqe.len = (uint32_t)AT_FDCWD;
    must(ring_do(&ring, &sqe));
    sqe = sqe_of(IORING_OP_SYMLINKAT, "anything");
    sqe.addr2 = (uint64_t)(uintptr_t) "alias/pointer";
    must(ring_do(&ring, &sqe));
    sqe = sqe_of(IORING_OP_UNLINKAT, "alias/moved");
    must(ring_do(&ring, &sqe));
    sqe = sqe_of(IORING_OP_UNLINKAT, "alias/made");
    sqe.unlink_flags = AT_REMOVEDIR;
    must(ring_do(&ring, &sqe));
}

static void expect_change(int pid, uint16_t type, unsigned nth, const char *path,
                          const char *target)
{
    struct test_record record;
    char full[2][256];
    snprintf(full[0], sizeof full[0], "%s/change/real/%s", fixture.folder, path ? path : "");
    snprintf(full[1], sizeof full[1], "%s/change/real/%s", fixture.folder, target ? target : "");
    if (!test_ring_find_nth(&fixture.ring, type, pid, nth, &record))
        fail_msg("no record %u of type %d", nth, type);
    assert_int_equal(record.head->result, 0);
    assert_int_equal(record.head->tid, pid);
    assert_int_equal(record.head->flags, RECORD_IO_URING);
    assert_string_equal(test_text(&record, PARAM_PATH), path ? full[0] : "(none)");
    assert_string_equal(test_text(&record, PARAM_TARGET), target ? full[1] : "(none)");
}

static void test_change(void **state)
{
    (void)state;
    struct test_record record;
    int pid = in_child(work_change);
    expect_change(pid, EVENT_MKDIRAT, 0, "made", NULL);
    assert_true(test_ring_find(&fixture.ring, EVENT_MKDIRAT, pid, &record));
    assert_int_equal(test_number(&record, PARAM_MODE), 0750);
    expect_change(pid, EVENT_LINKAT, 0, "file", "linked");
    expect_change(pid, EVENT_RENAMEAT2, 0, "linked", "moved");
    expect_change(pid, EVENT_SYMLINKAT, 0, NULL, "pointer");
    assert_true(test_ring_find(&fixture.ring, EVENT_SYMLINKAT, pid, &record));
    assert_string_equal(test_text(&record, PARAM_PATH_RAW), "anything");
    expect_change(pid, EVENT_UNLINKAT, 0, "moved", NULL);
    assert_true(test_ring_find(&fixture.ring, EVENT_UNLINKAT, pid, &record));
    assert_string_equal(test_text(&record, PARAM_PATH_RAW), "alias/moved");
    expect_change(pid, EVENT_UNLINKAT, 1, "made", NULL);
    assert_true(test_ring_find_nth(&fixture.ring, EVENT_UNLINKAT, pid, 1, &record));
    assert_int_equal(test_number(&record, PARAM_FLAGS), AT_REMOVEDIR);
}

/* ---- sockets ---- */

static void work_connect(void)
{
    struct ring ring;
    struct sockaddr_in server = {.sin_family = AF_INET};
    socklen_t len = sizeof server;
    server.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int listener = socket(AF_INET, SOCK_STREAM, 0), client = socket(AF_INET, SOCK_STREAM, 0);
    must(bind(listener, (void *)&server, sizeof server));
    must(listen(listener, 1));
    must(getsockname(listener, (void *)&server, &len));
    ring_make(&ring);
    struct io_uring_sqe sqe = {.opcode = IORING_OP_CONNECT,
                               .fd = client,
                               .addr = (uint64_t)(uintptr_t)&server,
                               .off = sizeof server};
    must(ring_do(&ring, &sqe));
    must(close(listener));
    sqe.fd = socket(AF_INET, SOCK_STREAM, 0);
    if (ring_do(&ring, &sqe) != -ECONNREFUSED)
        _exit(92);
}

static void test_connect(void **state)
{
    (void)state;
    struct test_record record, bound;
    int pid = in_child(work_connect);
    assert_true(test_ring_find(&fixture.ring, EVENT_LISTEN, pid, &bound));
    uint16_t port = ((const struct socket_tuple *)bound.params[PARAM_SOCKET])->local_port;
    for (unsigned i = 0; i < 2; i++) {
        assert_true(test_ring_find_nth(&fixture.ring, EVENT_CONNECT, pid, i, &record));
        const struct socket_tuple *tuple = record.params[PARAM_SOCKET];
        assert_int_equal(tuple->remote_port, port);
        assert_memory_equal(tuple->remote, "\x7f\0\0\1", 4);
        assert_int_equal(tuple->type, SOCK_STREAM);
        assert_int_equal(record.head->result, i == 0 ? 0 : -ECONNREFUSED);
        assert_true(record.head->flags & RECORD_IO_URING);
        assert_true(test_number(&record, PARAM_FD) > 2);
    }
}

/* Opcodes that the headers of Debian 12 do not have; kernels since 6.11 know them. */
enum { OP_BIND = 56, OP_LISTEN = 57 };

static uint64_t address_of(const void *pointer)
{
    return (uint64_t)(uintptr_t)pointer;
}

/* A server and its client, all by io_uring but for what this kernel lacks. */
static void work_server(void)
{
    struct ring ring;
    struct sockaddr_in name = {.sin_family = AF_INET};
    socklen_t len = sizeof name;
    name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int listener = socket(AF_INET, SOCK_STREAM, 0), client = socket(AF_INET, SOCK_STREAM, 0);
    ring_make(&ring);
    struct io_uring_sqe sqe = {
        .opcode = OP_BIND, .fd = listener, .addr = address_of(&name), .addr2 = sizeof name};
    if (ring_do(&ring, &sqe) == -EINVAL)
        must(bind(listener, (void *)&name, sizeof name));
    sqe = (struct io_uring_sqe){.opcode = OP_LISTEN, .fd = listener, .len = 3};
    if (ring_do(&ring, &sqe) == -EINVAL)
        must(listen(listener, 3));
    must(getsockname(listener, (void *)&name, &len));
    must(connect(client, (void *)&name, sizeof name));
    sqe = (struct io_uring_sqe){.opcode = IORING_OP_ACCEPT, .fd = listener};
    must(ring_do(&ring, &sqe));
    sqe = (struct io_uring_sqe){
        .opcode = IORING_OP_SEND, .fd = client, .addr = address_of("first"), .len = 5};
    must(ring_do(&ring, &sqe));
    sqe.addr = address_of("again"); /* of the same flow */
    must(ring_do(&ring, &sqe));
    /* a datagram, its end given by the message */
    struct iovec part = {.iov_base = (char[]){"packet"}, .iov_len = 6};
    name.sin_port = htons(9);
    struct msghdr message = {
        .msg_name = &name, .msg_namelen = sizeof name, .msg_iov = &part, .msg_iovlen = 1};
    sqe = (struct io_uring_sqe){.opcode = IORING_OP_SENDMSG,
                                .fd = socket(AF_INET, SOCK_DGRAM, 0),
                                .addr = address_of(&message),
                                .len = 1};
    must(ring_do(&ring, &sqe));
    name.sin_port = htons(53);
    sqe.flags = IOSQE_CQE_SKIP_SUCCESS; /* no completion tells of it */
    ring_submit(&ring, &sqe, 0);
}

static const struct socket_tuple *expect_socket(int pid, uint16_t type, unsigned nth,
                                                struct test_record *record)
{
    if (!test_ring_find_nth(&fixture.ring, type, pid, nth, record))
        fail_msg("no record %u of type %d", nth, type);
    assert_int_equal(record->head->tid, pid);
    assert_non_null(record->params[PARAM_SOCKET]);
    return record->params[PARAM_SOCKET];
}

static void test_server(void **state)
{
    (void)state;
    struct test_record record;
    int pid = in_child(work_server);
    const struct socket_tuple *tuple = expect_socket(pid, EVENT_BIND, 0, &record);
    bool has_bind = record.head->flags & RECORD_IO_URING;
    assert_memory_equal(tuple->local, "\x7f\0\0\1", 4);
    uint16_t port = tuple->local_port;
    assert_int_not_equal(port, 0);
    tuple = expect_socket(pid, EVENT_LISTEN, 0, &record);
    assert_int_equal(!!(record.head->flags & RECORD_IO_URING), has_bind);
    assert_int_equal(tuple->local_port, port);
    assert_int_equal(test_number(&record, PARAM_BACKLOG), 3);
    tuple = expect_socket(pid, EVENT_ACCEPT4, 0, &record);
    assert_int_equal(record.head->flags, RECORD_IO_URING);
    assert_int_equal(tuple->local_port, port);
    assert_int_equal(tuple->is_server, 1);
    assert_int_equal(test_number(&record, PARAM_FD), record.head->result);
    assert_true(test_number(&record, PARAM_FD_OTHER) > 2);
    tuple = expect_socket(pid, EVENT_SENDTO, 0, &record);
    assert_int_equal(record.head->flags, RECORD_IO_URING);
    assert_int_equal(tuple->remote_port, port);
    assert_int_equal(test_number(&record, PARAM_SIZE), 5);
    assert_memory_equal(record.params[PARAM_BUFFER], "first", 5);
    assert_false(test_ring_find_nth(&fixture.ring, EVENT_SENDTO, pid, 1, &record));
    tuple = expect_socket(pid, EVENT_SENDMSG, 0, &record);
    assert_int_equal(tuple->remote_port, 9);
    assert_memory_equal(tuple->remote, "\x7f\0\0\1", 4);
    assert_memory_equal(record.params[PARAM_BUFFER], "packet", 6);
    tuple = expect_socket(pid, EVENT_SENDMSG, 1, &record);
    assert_int_equal(tuple->remote_port, 53);
    assert_true(record.head->flags & RECORD_IO_URING);
}

/* ---- need ---- */

static void count_attached(void *context, const struct hook_description *hook)
{
    int *count = context;
    if (strncmp(hook->name, "io_uring_", 9) == 0) {
        assert_int_not_equal(hook->state, HOOK_FAILED);
        *count += hook->state == HOOK_ATTACHED;
    }
}

static void work_passwd(void)
{
    struct ring ring;
    struct io_uring_sqe sqe = sqe_of(IORING_OP_OPENAT, "/etc/passwd");
    ring_make(&ring);
    must(ring_do(&ring, &sqe));
}

static void test_need(void **state)
{
    (void)state;
    struct err_ctx err = {0};
    bool wanted[EVENT_COUNT] = {[EVENT_KILL] = true};
    int count = 0;
    hook_describe(fixture.set, count_attached, &count);
    assert_int_equal(count, 3);
    assert_int_equal(hook_want(fixture.set, wanted, &err), OK);
    count = 0;
    hook_describe(fixture.set, count_attached, &count);
    assert_int_equal(count, 0);
    wanted[EVENT_CONNECT] = true;
    assert_int_equal(hook_want(fixture.set, wanted, &err), OK);
    int pid = in_child(work_passwd);
    struct test_record record;
    assert_false(test_ring_find(&fixture.ring, EVENT_OPENAT, pid, &record));
}

static int setup_uring(void **state)
{
    struct io_uring_params params = {0};
    long fd = syscall(SYS_io_uring_setup, 1, &params);
    if (fd < 0) {
        printf("uring: skipped: io_uring_setup: %s\n", strerror(errno));
        exit(77);
    }
    close((int)fd);
    return setup(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_open),    cmocka_unit_test(test_direct),
        cmocka_unit_test(test_silent),  cmocka_unit_test(test_change),
        cmocka_unit_test(test_connect), cmocka_unit_test(test_server),
        cmocka_unit_test(test_need),
    };
    return cmocka_run_group_tests(tests, setup_uring, teardown);
}
