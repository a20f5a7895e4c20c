/* Which opens no rule in force can match, said in the terms that the kernel programs understand
 * (struct open_filter in bpf/abi.h). Errs to the side of keeping. */
#pragma once

#include "core/error.h"
#include "pipeline/pipeline.h"
#include "rule/rule.h"

/* filter.excludes is 0 when some rule could match any open. */
MUST_USE err_kind prefilter_make(struct rule_program *program, struct prefilter *ret,
                                 struct err_ctx *err);
