/* The front end for Falco's rule language: files -> lists, macros, rules -> IR.
 *
 * Files are read in order into one collection, later ones override earlier ones; then everything is
 * resolved and built. All errors of all files are reported in one run, each with its place; an item
 * that is wrong is left out and the next one read. Runs in the compiler role. */
#pragma once

#include "core/span.h"
#include "rule/rule.h"
#include "strategy/strategy.h"
#include "yaml/yaml.h"

/* The version of Falco's rule language that is read, as required_engine_version counts. */
#define FALCO_ENGINE_MAJOR 0
#define FALCO_ENGINE_MINOR 63
#define FALCO_ENGINE_PATCH 0

struct falco_input {
    span name; /* as errors show it */
    span bytes;
    const struct strategy *strategy; /* of all its rules; NULL: none */
};

/* Builds the rules of all files. The inputs are borrowed for the call. True when nothing was wrong;
 * the builder then holds all rules. False: what was wrong is in the diagnostics, and the builder is
 * of no use. Warnings do not make it false. */
bool falco_load(const struct falco_input *inputs, size_t count, const struct schema *schema,
                struct rule_builder *builder, struct diagnostics *diagnostics);

/* What evt.type may be in the language, sorted: names and how many. */
const char *const *falco_event_names(size_t *ret_count);
