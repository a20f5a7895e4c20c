/* The smallest exception that silences a signal, in its rule's own language: an `exceptions` item
 * for a Falco rule, a filter document for a Sigma rule.
 *
 * Smallest: of all sets of at most EXCEPT_FIELDS_MAX fields that the rule prints, with the values
 * that they have in the signal, the one that silences the fewest other signals of the rule; of
 * those the one with the fewest fields; of those the one whose fields say most (program, its file
 * or command, then parent, image, user). It ties who to what where the rule prints both: a set of
 * one field is chosen only when there is no other. Fields that never come back (pids, times,
 * descriptors, ids of one container) are left out. */
#pragma once

#include <jansson.h>

#include "core/error.h"
#include "core/span.h"
#include "core/writer.h"
#include "event/event.h"

#define EXCEPT_FIELDS_MAX  4
#define EXCEPT_SAMPLES_MAX 3
#define EXCEPT_OTHERS_MAX  1000000

enum except_language { EXCEPT_FALCO, EXCEPT_SIGMA };

struct except_rule {
    span name;
    span id;                    /* data NULL: none */
    struct logsource logsource; /* of a Sigma rule */
    enum except_language language;
};

struct except;
/* The signal to be silenced, as JSON (signal/signal.h). ERR_INPUT: it is none, or prints no field
 * that an exception could name. The rule's texts are borrowed. */
MUST_USE err_kind except_open(const struct except_rule *rule, span signal, struct except **ret,
                              struct err_ctx *err);
void except_close(struct except *except);
/* One more signal; what is not another signal of the same rule is left out. ERR_LIMIT: over
 * EXCEPT_OTHERS_MAX. */
MUST_USE err_kind except_add(struct except *except, span signal, struct err_ctx *err);
/* After all were added. */
void except_choose(struct except *except);

/* The exception as a rule file, YAML. */
void except_write(const struct except *except, struct writer *out);
/* A new reference: {"rule", "language", "signal", "fields": [{"name", "value"}], "others": {"of",
 * "silenced", "samples": [{"time", "output"}]}}; NULL: out of memory. */
MUST_USE json_t *except_report(const struct except *except);
