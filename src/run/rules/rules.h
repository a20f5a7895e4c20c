/* `picket rules` and `picket test`: rules looked at, measured, compared, tried on events. */
#pragma once

/* The commands; each returns its exit code. */
int rules_command(int argc, const char *const *argv);
int rules_test(int argc, const char *const *argv);
