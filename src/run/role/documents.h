/* YAML as JSON, for what is no rule: descriptions of tests, declarations of sinks. Private to role;
 * runs in the compiler.
 */
#pragma once

#include "role/role.h"
#include "yaml/yaml.h"

/* As documents_compile (role.h) says. What is wrong goes to the diagnostics. */
MUST_USE err_kind documents_make(span bundle, struct diagnostics *diagnostics, struct writer *out,
                                 struct err_ctx *err);
/* As sinks_compile says. */
MUST_USE err_kind documents_make_sinks(span bundle, struct diagnostics *diagnostics,
                                       struct writer *out, struct err_ctx *err);
