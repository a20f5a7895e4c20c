/* For tests of roles: what becomes of one that is started with a message. */
#pragma once

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <sys/wait.h>

#include "core/test.h"
#include "role/role.h"

/* The role's exit code after this first message; of one that a signal ended, its number negated. */
static inline int code_after(enum role_kind role, const role_run *runs, uint32_t type, span body)
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
        _exit(role_main(role_name(role), runs));
    }
    close(pair[1]);
    assert_int_equal(ipc_open(&channel, &pair[0], &err), OK);
    ipc_send(&channel, type, body, NULL, 0, true);
    assert_int_equal(waitpid(child, &status, 0), child);
    ipc_close(&channel);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}
