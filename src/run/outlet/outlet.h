/* Sinks at work: a parent, and a process for each sink. The parent opens what declarations name and
 * finds the stores; a child holds its receiver's secrets and no others, reads stores read-only and
 * writes to its own folder alone, STATE/sinks/NAME. */
#pragma once

#include <stdint.h>

#include "core/error.h"
#include "core/span.h"
#include "ipc/ipc.h"

struct outlet_options {
    const char *state_dir;
    span declarations;  /* JSON, from sinks_compile (role/role.h) */
    uint64_t period_ns; /* 0: until a signal */
};

/* Until SIGINT, SIGTERM or the period's end; SIGHUP opens files and secrets anew. Returns the exit
 * code. */
int outlet_run(const struct outlet_options *options);

/* The role: one sink. Returns its exit code. */
int outlet_child_run(struct ipc_channel *parent);

/* ---- for people; on stdout ---- */

enum outlet_form { OUTLET_FORM_TEXT, OUTLET_FORM_JSON, OUTLET_FORM_PROMETHEUS };

void outlet_kinds_print(enum outlet_form form);
/* What is declared, as sinks_compile made it. */
void outlet_list_print(span declarations, enum outlet_form form);
/* What each sink has done. Gives up all rights but reading there. ERR_STATE: none has run yet. */
MUST_USE err_kind outlet_status_print(const char *state_dir, enum outlet_form form,
                                      struct err_ctx *err);
