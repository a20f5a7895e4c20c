/* A small schema, events written as text, and rules loaded from text: for this folder's tests, its
 * bench and its fuzz targets. */
#pragma once

#include "core/test.h"
#include "falco/falco.h"

extern const struct schema test_schema;

/* "proc.name=bash;evt.num=#5;evt.failed=!true;fd.sip=@10.0.0.1;proc.aname=[sh,bash]": # number,
 * ! bool, @ address (a list of any of them too: @[1.2.3.4,::1]), [..] list for any. \; is a
 * semicolon. Fields that are not there are absent. */
void test_fetch(void *decoder, const struct field_ref *ref, struct arena *arena, struct value *ret);

/* Loads the text; the program and its image (in out), or NULL and the diagnostics as text in out.
 */
struct rule_program *test_load(const char *yaml, struct writer *out);
/* The same with several files, f0.yaml, f1.yaml, … */
struct rule_program *test_load_files(const char *const *yaml, size_t count, struct writer *out);
/* How many rules of the program match; names of them joined by "," in out if it is not NULL. */
size_t test_match(struct rule_program *program, const char *event, struct writer *out);
