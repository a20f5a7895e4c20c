/* The front end for Sigma 2: rules, filters, correlations and processing pipelines -> IR.
 *
 * All documents of all files are read first, as filters and correlations refer to rules by id or
 * name; then every rule is built. All errors are reported in one run, each with its place; a rule
 * that is wrong is left out and the next one read. Runs in the compiler role. */
#pragma once

#include "core/span.h"
#include "rule/rule.h"
#include "strategy/strategy.h"
#include "yaml/yaml.h"

struct sigma_input {
    span name; /* as errors show it */
    span bytes;
    const struct strategy *strategy; /* of all its rules; NULL: none */
};

struct sigma_counts {
    size_t rules;        /* built */
    size_t other_source; /* left out: of a logsource that the schema's source does not have */
    size_t filters;
    size_t correlations;
};

/* Builds the rules of all files. The inputs are borrowed for the call; pipelines are in the form of
 * pySigma and are applied in order of their priority. True when nothing was wrong; the builder then
 * holds all rules. False: what was wrong is in the diagnostics, and the builder is of no use.
 * Warnings do not make it false. */
bool sigma_load(const struct sigma_input *inputs, size_t count, const struct sigma_input *pipelines,
                size_t pipeline_count, const struct schema *schema, struct rule_builder *builder,
                struct diagnostics *diagnostics, struct sigma_counts *ret_counts);

/* Is the file in this language? Falco's files are YAML lists, Sigma's are mappings. */
bool sigma_is_source(span bytes);
