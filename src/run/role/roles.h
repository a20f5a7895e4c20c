/* One main per role; private to this folder. Each returns the process's exit code. */
#pragma once

#include "ipc/ipc.h"

int sensor_run(struct ipc_channel *supervisor);
int engine_run(struct ipc_channel *supervisor);
int compiler_run(struct ipc_channel *parent);
