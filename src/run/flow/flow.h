/* The detect stage over records of a topic or another source with positions: each record through
 * the rules, and what that yields as JSON to be put into a topic. Knows neither topics nor
 * transactions: workers use it behind Kafka.
 *
 * Every record is one of: out (a rule matched), filtered (none did), dead (it could not be read).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "core/error.h"
#include "core/span.h"
#include "core/writer.h"
#include "event/event.h"

struct flow_options {
    const char *hostname;
    const char *source; /* as dead letters name it */
    bool is_json;       /* JSON events; else JSON lines with flat Falco keys */
    struct logsource logsource;
};

struct flow_counts {
    uint64_t in, out, filtered, dead;
    uint64_t signals;
    uint64_t undecided; /* rules whose regex limit was hit */
};

enum flow_kind { FLOW_SIGNAL, FLOW_DEAD };
/* key: what the output is about. False: no room for it now. */
typedef bool (*flow_put)(void *context, enum flow_kind kind, span key, span value);

struct flow;
MUST_USE err_kind flow_open(const struct flow_options *options, struct flow **ret,
                            struct err_ctx *err);
void flow_close(struct flow *flow); /* takes NULL */
/* Swaps the rules; the old set stays on failure. The descriptor stays the caller's. */
MUST_USE err_kind flow_rules(struct flow *flow, int image_fd, struct err_ctx *err);

/* One record; position is shown as the signal's `event`. False: put had no room; what it took of
 * this record is void, and the record is to be given again. */
bool flow_record(struct flow *flow, span record, span position, flow_put put, void *context);
/* A record that is not to be looked at: a dead letter for this reason. */
bool flow_dead(struct flow *flow, span record, span position, const char *reason, flow_put put,
               void *context);
struct flow_counts flow_counts(const struct flow *flow);

/* A dead letter: {"reason", "stage", "source", "position", "payload"}; bytes that are not UTF-8 are
 * shown as \xNN in `payload` and kept exactly in `payload_base64`. */
void dead_letter_write(struct writer *out, const char *reason, const char *stage,
                       const char *source, span position, span payload);
