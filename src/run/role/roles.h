/* One main per role; private to this folder. Each returns the process's exit code. */
#pragma once

#include "ipc/ipc.h"

/* Their code for: this cannot work, and starting again is no help. */
#define EXIT_IMPOSSIBLE 3

int sensor_run(struct ipc_channel *supervisor);
int engine_run(struct ipc_channel *supervisor);
int compiler_run(struct ipc_channel *parent);
