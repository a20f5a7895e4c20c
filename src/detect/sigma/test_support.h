/* Rules from text and events as JSON, for this folder's tests and fuzz targets. */
#pragma once

#include "core/test.h"
#include "sigma/sigma.h"

/* Any name is a field. */
extern const struct schema test_sigma_schema;

/* Loads documents; the program and its image (in out), or NULL and the diagnostics as text. Where
 * the rules load, warnings are given too when `warnings` is not NULL. */
struct rule_program *test_sigma_load(const char *const *files, size_t count,
                                     const char *const *pipelines, size_t pipeline_count,
                                     struct writer *out, struct writer *warnings);
/* How many rules match; their titles joined by "," in out if it is not NULL. */
size_t test_sigma_match(struct rule_program *program, const char *json, struct writer *out);
/* One rule around this text of a detection section: "sel: {a: b}\ncondition: sel". */
char *test_sigma_rule(const char *detection);
