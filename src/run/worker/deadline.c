/* An end within a bound. The library's calls wait for a cluster that does not answer, one after the
 * other for minutes, and hear no signal meanwhile: so a timer looks whether an end is asked for.
 * What was not committed by then is undone by the brokers, as after a kill. */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include <sys/time.h>

#include "worker/worker_state.h"

#define STOP_SECONDS 15 /* less than whoever started a pipeline waits for it */

/* A signal's handler can be given nothing. */
static volatile sig_atomic_t phase = DEADLINE_JOINING;
static volatile sig_atomic_t seconds;

static void say(const char *text)
{
    ssize_t written = write(STDERR_FILENO, text, strlen(text));
    (void)written;
}

static bool is_asked_to_end(void)
{
    sigset_t waiting;
    return sigpending(&waiting) == 0 &&
           (sigismember(&waiting, SIGTERM) || sigismember(&waiting, SIGINT));
}

/* Only calls that POSIX allows in a handler. */
static void tick(int number)
{
    int kept = errno;
    (void)number;
    bool is_ending = phase >= DEADLINE_ENDING || is_asked_to_end();
    if (is_ending && phase == DEADLINE_JOINING) {
        say("picket: ended before it had joined the group; nothing was taken\n");
        _exit(0);
    }
    seconds = is_ending ? seconds + 1 : 0;
    if (seconds >= STOP_SECONDS && phase == DEADLINE_LEAVING)
        _exit(0); /* all is committed and told; the group finds out by itself */
    if (seconds >= STOP_SECONDS) {
        say("picket: no answer from the cluster: ended without the last commit; what it held is "
            "taken again\n");
        _exit(1);
    }
    errno = kept;
}

void deadline_open(void)
{
    const struct sigaction action = {.sa_handler = tick, .sa_flags = SA_RESTART};
    const struct itimerval every = {.it_interval.tv_sec = 1, .it_value.tv_sec = 1};
    phase = DEADLINE_JOINING;
    seconds = 0;
    sigaction(SIGALRM, &action, NULL);
    setitimer(ITIMER_REAL, &every, NULL);
}

void deadline_phase(enum deadline_phase now)
{
    phase = now;
}
