/* The commands. To add one: one file with its option table and its main, and one row in main.c. */
#pragma once

#include "command/command.h"

int cli_run(int argc, const char *const *argv);
int cli_record(int argc, const char *const *argv);
int cli_replay(int argc, const char *const *argv);
int cli_check(int argc, const char *const *argv);
int cli_dlq(int argc, const char *const *argv);
int cli_query(int argc, const char *const *argv);
int cli_status(int argc, const char *const *argv);
int cli_ingest(int argc, const char *const *argv);
int cli_sink(int argc, const char *const *argv);
int cli_worker(int argc, const char *const *argv);
