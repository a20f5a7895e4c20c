#include <fcntl.h>
#include <unistd.h>

#include <sys/socket.h>

#include "core/test.h"
#include "ipc/ipc.h"

static struct ipc_channel left, right;

static int channels_open(void **state)
{
    (void)state;
    struct err_ctx err;
    int fds[2];
    return ipc_pair(fds, &err) || ipc_open(&left, &fds[0], &err) || ipc_open(&right, &fds[1], &err);
}

static int channels_close(void **state)
{
    (void)state;
    ipc_close(&left);
    ipc_close(&right);
    return 0;
}

static void a_message_arrives_with_its_descriptors(void **state)
{
    (void)state;
    int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    assert_int_equal(ipc_send(&left, 7, SPAN("hello"), &null, 1, true), IPC_DONE);
    close(null);
    struct ipc_message message;
    assert_int_equal(ipc_receive(&right, 1000, &message), IPC_DONE);
    assert_int_equal(message.type, 7);
    assert_true(span_eq(message.body, SPAN("hello")));
    int taken = ipc_take_fd(&message, 0);
    assert_true(taken >= 0);
    assert_int_equal(fcntl(taken, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
    close(taken);
    assert_int_equal(ipc_take_fd(&message, 1), -1);
    ipc_release(&message);
}

static void an_empty_channel_says_again_and_a_closed_one_gone(void **state)
{
    (void)state;
    struct ipc_message message;
    assert_int_equal(ipc_receive(&right, 0, &message), IPC_AGAIN);
    close(left.fd);
    left.fd = -1;
    assert_int_equal(ipc_receive(&right, 1000, &message), IPC_GONE);
    assert_int_equal(ipc_send(&right, 1, SPAN(""), NULL, 0, true), IPC_GONE);
}

static void the_last_words_of_one_that_did_not_listen_arrive(void **state)
{
    (void)state;
    struct ipc_message message;
    assert_int_equal(ipc_send(&right, 1, SPAN("unread"), NULL, 0, true), IPC_DONE);
    assert_int_equal(ipc_send(&left, 2, SPAN("why"), NULL, 0, true), IPC_DONE);
    close(left.fd);
    left.fd = -1;
    assert_int_equal(ipc_receive(&right, 1000, &message), IPC_DONE);
    assert_true(span_eq(message.body, SPAN("why")));
    ipc_release(&message);
    assert_int_equal(ipc_receive(&right, 1000, &message), IPC_GONE);
}

static void a_full_queue_says_again_to_the_impatient(void **state)
{
    (void)state;
    static uint8_t body[IPC_BODY_BYTES_MAX];
    enum ipc_outcome outcome = IPC_DONE;
    for (int count = 0; count < 10000 && outcome == IPC_DONE; count++)
        outcome = ipc_send(&left, 1, span_of(body, sizeof body), NULL, 0, false);
    assert_int_equal(outcome, IPC_AGAIN);
}

static void a_malformed_message_fails_and_leaks_no_descriptor(void **state)
{
    (void)state;
    uint32_t lie[3] = {1, 400, 0};
    assert_int_equal(send(left.fd, lie, sizeof lie, 0), (ssize_t)sizeof lie);
    struct ipc_message message;
    assert_int_equal(ipc_receive(&right, 1000, &message), IPC_FAILED);
    assert_int_equal(send(left.fd, lie, 3, 0), 3);
    assert_int_equal(ipc_receive(&right, 1000, &message), IPC_FAILED);
    assert_int_equal(message.fd_count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_message_arrives_with_its_descriptors, channels_open,
                                        channels_close),
        cmocka_unit_test_setup_teardown(an_empty_channel_says_again_and_a_closed_one_gone,
                                        channels_open, channels_close),
        cmocka_unit_test_setup_teardown(the_last_words_of_one_that_did_not_listen_arrive,
                                        channels_open, channels_close),
        cmocka_unit_test_setup_teardown(a_full_queue_says_again_to_the_impatient, channels_open,
                                        channels_close),
        cmocka_unit_test_setup_teardown(a_malformed_message_fails_and_leaks_no_descriptor,
                                        channels_open, channels_close),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
