/* A decoder ends at what is not in its protocol. */
#include <fcntl.h>
#include <unistd.h>

#include <sys/wait.h>

#include "core/test.h"
#include "role/role.h"
#include "worker/work.h"
#include "worker/worker.h"

static const role_run runs[ROLE_COUNT] = {[ROLE_DECODER] = decoder_run};

/* The exit code of a decoder that is started with this message. */
static int code_after(uint32_t type, span body)
{
    int pair[2], status;
    struct err_ctx err;
    struct ipc_channel channel;
    assert_int_equal(ipc_pair(pair, &err), OK);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        dup2(pair[1], 3);
        close_range(4, ~0u, 0);
        dup2(open("/dev/null", O_WRONLY), STDERR_FILENO);
        _exit(role_main(role_name(ROLE_DECODER), runs));
    }
    close(pair[1]);
    assert_int_equal(ipc_open(&channel, &pair[0], &err), OK);
    ipc_send(&channel, type, body, NULL, 0, true);
    assert_int_equal(waitpid(child, &status, 0), child);
    ipc_close(&channel);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static void a_decoder_ends_at_what_it_does_not_know(void **state)
{
    static const struct decoder_start start = {0};
    (void)state;
    assert_int_equal(code_after(9999, SPAN("what is this")), 1);
    assert_int_equal(code_after(MESSAGE_DECODER_START, SPAN("short")), 1);
    /* whole, but without image and memory */
    assert_int_equal(code_after(MESSAGE_DECODER_START, span_of(&start, sizeof start)), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_decoder_ends_at_what_it_does_not_know),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
