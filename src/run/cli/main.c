#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "fleet/fleet.h"
#include "ingest/ingest.h"
#include "outlet/outlet.h"
#include "rules/rules.h"
#include "worker/worker.h"

static const struct command command_table[] = {
    {"check", cli_check, "check rule files: errors with file:line:column"},
    {"dlq", cli_dlq, "dead letters: list, show, replay"},
    {"ingest", cli_ingest, "take events over HTTP, run rules over them"},
    {"pipeline", fleet_command, "declared pipelines: new, check, list, status, run"},
    {"query", cli_query, "look signals and alerts up in the store"},
    {"record", cli_record, "write kernel events to a file"},
    {"replay", cli_replay, "run rules over recorded events or JSON lines"},
    {"rules", rules_command, "list, explain, compare rules; what they cover"},
    {"run", cli_run, "watch this host"},
    {"sink", cli_sink, "send alerts and signals to other systems"},
    {"status", cli_status, "show hooks, counters and drops"},
    {"test", rules_test, "run the rules' own events: which must fire, which must not"},
    {"worker", cli_worker, "run rules over a Kafka topic, exactly once"},
};
#define COMMAND_COUNT (sizeof command_table / sizeof *command_table)

static const role_run role_runs[ROLE_COUNT] = {[ROLE_DECODER] = decoder_run,
                                               [ROLE_INTAKE] = intake_run,
                                               [ROLE_GATEWAY] = gateway_run,
                                               [ROLE_SINK] = outlet_child_run};

static void help(FILE *out)
{
    fprintf(out,
            "picket %s: detection for Linux and containers\n\n"
            "usage: picket COMMAND [options]\n\ncommands:\n",
            PICKET_VERSION);
    for (size_t index = 0; index < COMMAND_COUNT; index++)
        fprintf(out, "  %-8s %s\n", command_table[index].name, command_table[index].summary);
    fprintf(out, "\n`picket COMMAND --help` tells more. Exit codes: 0 done, 1 failed, 2 usage.\n");
}

/* Descriptors 0 to 2 are always taken, so that nothing else is opened in their place. */
static bool standard_fds_open(void)
{
    int fd;
    do {
        fd = open("/dev/null", O_RDWR);
    } while (fd >= 0 && fd <= STDERR_FILENO);
    if (fd >= 0)
        close(fd);
    return fd >= 0;
}

/* What was printed into the void was not done. */
static int stdout_check(int code)
{
    bool has_failed = ferror(stdout); /* why is forgotten by now */
    if (fflush(stdout))
        fprintf(stderr, "picket: stdout cannot be written: %s\n", strerror(errno));
    else if (has_failed)
        fprintf(stderr, "picket: stdout cannot be written\n");
    else
        return code;
    return code == EXIT_DONE ? EXIT_WRONG : code;
}

static int command(int argc, char **argv)
{
    const char *name = argc > 1 ? argv[1] : "--help";
    if (strcmp(name, "role") == 0 && argc == 3)
        return role_main(argv[2], role_runs);
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0 || strcmp(name, "help") == 0) {
        help(stdout);
        return argc > 1 ? EXIT_DONE : EXIT_USAGE;
    }
    if (strcmp(name, "--version") == 0) {
        printf("picket %s\n", PICKET_VERSION);
        return EXIT_DONE;
    }
    for (size_t index = 0; index < COMMAND_COUNT; index++)
        if (strcmp(command_table[index].name, name) == 0)
            return command_table[index].run(argc - 2, (const char *const *)argv + 2);
    fprintf(stderr, "picket: no command '%s'; see picket --help\n", name);
    return EXIT_USAGE;
}

int main(int argc, char **argv)
{
    if (!standard_fds_open())
        return EXIT_WRONG;
    return stdout_check(command(argc, argv));
}
