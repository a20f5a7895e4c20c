/* Which of ATT&CK's techniques rules are for, by their tags: as a layer of the ATT&CK Navigator, as
 * Markdown tables by tactic, as JSON. Rules that do not run (disabled, or of a stage left out) are
 * not counted. A sub-technique counts for itself, not for its technique. */
#pragma once

#include "attack/attack.h"
#include "rule/rule.h"

struct coverage;
/* Reads the tags of the rules, which are borrowed. */
MUST_USE err_kind coverage_open(const struct rule_info *const *rules, size_t count,
                                struct coverage **ret, struct err_ctx *err);
void coverage_close(struct coverage *coverage);

/* Layer format 4.5, domain enterprise-attack: score = number of rules, comment = their names. */
void coverage_write_navigator(const struct coverage *coverage, const char *name,
                              struct writer *out);
void coverage_write_markdown(const struct coverage *coverage, struct writer *out);
void coverage_write_json(const struct coverage *coverage, struct writer *out);
