/* Signals as a descriptor, for the loop of a process that runs until it is told to stop. */
#include <signal.h>

#include <sys/signalfd.h>

#include "role/role.h"

err_kind role_signals_open(bool has_children, int *ret_fd, struct err_ctx *err)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGHUP);
    if (has_children)
        sigaddset(&set, SIGCHLD);
    if (sigprocmask(SIG_BLOCK, &set, NULL))
        return err_set(err, ERR_SYSTEM, "signals");
    signal(SIGPIPE, SIG_IGN);
    *ret_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    return *ret_fd < 0 ? err_set(err, ERR_SYSTEM, "signals") : OK;
}
