/* `picket pipeline`: declared pipelines, each run as a process with its own engine and store. */
#pragma once

/* The command, with its subcommands; returns the exit code. */
int fleet_command(int argc, const char *const *argv);
