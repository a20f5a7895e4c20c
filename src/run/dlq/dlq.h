/* Dead letters, wherever they lie: looked through, and given back to where they came from. What was
 * replayed is marked in the transaction that replays it, so each letter is replayed once. */
#pragma once

#include "core/error.h"
#include "flow/flow.h"
#include "kafka/kafka.h"

#define DLQ_LETTER_BYTES_MAX (64u << 20) /* of one letter, read and written */

struct dlq_filter {
    const char *id; /* this letter alone; NULL: all that the others let through */
    const char *reason;
    const char *source;
    const char *position;
};

struct dlq_letter {
    span id;
    bool is_replayed;
    struct dead_letter content;
};

/* OK: go on. */
typedef err_kind (*dlq_visit)(void *context, const struct dlq_letter *letter, struct err_ctx *err);

struct dlq_replayed {
    uint64_t replayed;
    uint64_t before; /* replayed earlier: left alone */
    uint64_t unfit;  /* without the record's bytes, or without a place to put them */
};

/* Takes a stored letter apart; one that cannot be read becomes a letter that says so. False: the
 * filter holds it back. */
bool dlq_letter_make(const struct dlq_filter *filter, span id, span json, struct arena *arena,
                     struct dlq_letter *ret);

/* Letters of a topic; an id is PARTITION@OFFSET. */
struct dlq_topic {
    struct kafka_cluster cluster;
    const char *topic;
    const char *to; /* NULL: each to the topic and partition that it came from */
};
MUST_USE err_kind dlq_topic_visit(const struct dlq_topic *topic, const struct dlq_filter *filter,
                                  dlq_visit visit, void *context, struct err_ctx *err);
MUST_USE err_kind dlq_topic_replay(const struct dlq_topic *topic, const struct dlq_filter *filter,
                                   struct dlq_replayed *ret, struct err_ctx *err);

/* Letters of a store; an id is an offset. to NULL: topic events.SOURCE. */
MUST_USE err_kind dlq_local_visit(const char *state_dir, const struct dlq_filter *filter,
                                  dlq_visit visit, void *context, struct err_ctx *err);
MUST_USE err_kind dlq_local_replay(const char *state_dir, const char *to,
                                   const struct dlq_filter *filter, struct dlq_replayed *ret,
                                   struct err_ctx *err);
