/* The detect stage over records with positions: a record is a frame of a source (source/source.h);
 * each of its events goes through the rules, and what that yields is JSON to be put into a topic.
 * Knows neither topics nor transactions.
 *
 * Every event is one of: out (a rule matched), filtered (none did), dead (it could not be read). A
 * record may have no event: an empty list, or a line of an event that is not yet whole.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "core/arena.h"
#include "core/error.h"
#include "core/span.h"
#include "core/writer.h"
#include "event/event.h"

struct flow_options {
    const char *hostname;
    const char *source;         /* of the registry; kernel: JSON lines with flat Falco keys */
    const char *name;           /* as dead letters name it; NULL: source */
    struct logsource logsource; /* of all events; every part NULL: what the source says */
    const char *entity_fields;  /* what events are about (stage.h); NULL: the usual ones */
    /* A record stands for itself: nothing of it is kept for the next. Else the caller keeps
     * flow_save's bytes with its position, or loses events of which a part was read. */
    bool is_record_whole;
};

struct flow_counts {
    uint64_t in, out, filtered, dead;
    uint64_t signals;
    uint64_t undecided;    /* rules whose regex limit was hit */
    uint64_t over_matches; /* signals beyond those that one event may make: not written */
};

enum flow_kind { FLOW_SIGNAL, FLOW_DEAD };
/* key: what the output is about. False: no room for it now. */
typedef bool (*flow_put)(void *context, enum flow_kind kind, span key, span value);

struct flow;
struct state_signal;
/* ERR_INPUT: there is no such source. */
MUST_USE err_kind flow_open(const struct flow_options *options, struct flow **ret,
                            struct err_ctx *err);
void flow_close(struct flow *flow); /* takes NULL */
/* Swaps the rules; the old set stays on failure. The descriptor stays the caller's. */
MUST_USE err_kind flow_rules(struct flow *flow, int image_fd, struct err_ctx *err);

/* One record; position is shown as the `event` of its first event's signals, with #2, #3 behind it
 * for further events of the record. An event that came in several records has the first one's.
 * False: put had no room; what it took of this record is void, and the record is to be given again.
 */
bool flow_record(struct flow *flow, span record, span position, flow_put put, void *context);
/* What is kept of events that came in part is given out as it is: the source has ended, or has said
 * nothing for long. False as above. */
bool flow_flush(struct flow *flow, flow_put put, void *context);
/* What is kept (appended), to be stored with the position behind it; nothing for most sources. */
void flow_save(const struct flow *flow, struct writer *out);
MUST_USE err_kind flow_load(struct flow *flow, span bytes, struct err_ctx *err);
/* A record that is not to be looked at: a dead letter for this reason. */
bool flow_dead(struct flow *flow, span record, span position, const char *reason, flow_put put,
               void *context);
struct flow_counts flow_counts(const struct flow *flow);
/* Inside flow_put, for FLOW_SIGNAL: its row in the index of signals, but for the offset. */
const struct state_signal *flow_row(const struct flow *flow);

/* A dead letter: {"reason", "stage", "source", "position", "payload"}; bytes that are not UTF-8 are
 * shown as \xNN in `payload` and kept exactly in `payload_base64`. */
void dead_letter_write(struct writer *out, const char *reason, const char *stage,
                       const char *source, span position, span payload);

/* The same; of a payload over `max` bytes only its first ones, and "payload_is_part" says so. */
void dead_letter_write_part(struct writer *out, const char *reason, const char *stage,
                            const char *source, span position, span payload, size_t max);

struct dead_letter {
    span reason, stage, source, position;
    span payload; /* the bytes as they came; data NULL: the letter has none */
    bool is_part; /* only the first bytes of it */
};
/* Copies into the arena. ERR_INPUT: not a dead letter; ERR_LIMIT: no room. */
MUST_USE err_kind dead_letter_read(span json, struct arena *arena, struct dead_letter *ret,
                                   struct err_ctx *err);
