/* The local engine of a pipeline: takes what a source gives, runs the rules over it, and writes
 * what they yield together with the position behind it. Two ways in:
 *
 *   durable:   bodies ─> topic events.NAME (committed: acknowledged) ─┐
 *   in place:  frames of a file or a journal ─────────────────────────┴─> rules ─> signals, dead
 *
 * One transaction a turn: bodies, signals, dead letters, counters and positions, or none of them.
 * The store refuses (a full disk): all of the turn is undone and done again later. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "core/error.h"
#include "core/span.h"
#include "core/writer.h"
#include "event/event.h"

#define INTAKE_SOURCE_BYTES_MAX 48

/* A page that outlives an engine, so that the record that ended it is known to the next. */
struct intake_crash {
    uint64_t is_inside; /* 1 while a record is processed */
    uint64_t position;  /* of that record */
    uint64_t crashed_position;
    uint64_t count; /* engines that ended there, one after the other */
};

struct intake_options {
    int store_fd; /* folder, borrowed until the opening */
    uint64_t store_bytes_max;
    const char *hostname;
    const char *name;     /* as dead letters and the topic of events name the source */
    const char *source;   /* what it is: of the registry (source/source.h), or kernel */
    const char *pipeline; /* label of the counters */
    struct logsource logsource;
    uint64_t retention_ns; /* what is older goes once all have read it; 0: only over the bound */
    uint64_t silence_ns;   /* a source that says nothing for so long is a signal; 0: never */
    bool is_text;          /* lines for people; else the signal's JSON */
    bool shows_shadow;     /* hands the signals of shadow rules on too; else an empty line each */
    bool has_lines;        /* line_next is known: this engine follows another */
    uint64_t line_next;
    struct intake_crash *crash;
    /* Hands a line on, in one piece; false: not now, offer it again later. */
    bool (*line)(void *context, uint64_t offset, span line);
    void *context;
};

struct intake;
MUST_USE err_kind intake_open(const struct intake_options *options, struct intake **ret,
                              struct err_ctx *err);
void intake_close(struct intake *intake); /* takes NULL */
/* Swaps the rules; the old set stays on failure. The descriptor stays the caller's. */
MUST_USE err_kind intake_rules(struct intake *intake, int image_fd, struct err_ctx *err);

/* ---- durable: bodies that wait for an answer ---- */

enum intake_answer {
    INTAKE_STORED,  /* on the disk */
    INTAKE_BUSY,    /* detection is too far behind: not taken */
    INTAKE_REFUSED, /* the store takes no more for now: not taken */
};

/* Of a source whose frames are documents a body is one; else it has one a line, blank ones left
 * out. */
struct intake_body {
    uint64_t number; /* grows with each body of one gateway */
    span bytes;
    bool is_framed; /* records, each behind its u32 length, whatever the source */
    enum intake_answer answer;
    uint32_t records; /* taken */
    uint32_t broken;  /* of these: dead letters to be, as far as a look at them tells */
};

/* Which gateway the bodies come from. ret_number: its last body that is stored; 0: none. */
MUST_USE err_kind intake_gateway(struct intake *intake, uint64_t gateway, uint64_t *ret_number,
                                 struct err_ctx *err);

/* ---- in place: frames of an input that keeps its own position ---- */

struct intake_frame {
    span bytes;
    span position;     /* shown as the signal's `event`: /var/log/app.log:1@1234 */
    const char *fault; /* NULL; else it is a dead letter for this reason */
};

/* Runs the rules over one frame, in the turn's transaction. A frame whose epoch has
 * ended (intake_epoch) is undone. */
MUST_USE err_kind intake_feed(struct intake *intake, const struct intake_frame *frame,
                              struct err_ctx *err);
/* Keeps a value (where an input stands) in the turn's transaction; value.data NULL deletes. */
MUST_USE err_kind intake_note(struct intake *intake, span key, span value, struct err_ctx *err);
/* The value that was kept last, the open turn's included; data NULL: none. Borrowed until the next
 * call with notes. */
MUST_USE err_kind intake_noted(struct intake *intake, span key, span *ret_value,
                               struct err_ctx *err);
/* The first key behind `after` (data NULL: the very first); ret_key->data NULL: no more. */
MUST_USE err_kind intake_noted_next(struct intake *intake, span after, span *ret_key,
                                    span *ret_value, struct err_ctx *err);
/* Changes when what was fed and not yet committed is undone: the feeder goes back to what it noted.
 * A turn without an error and with the same epoch has committed. */
uint64_t intake_epoch(const struct intake *intake);
/* Lost before it could be fed, in the turn's transaction: reason is a constant word. */
MUST_USE err_kind intake_dropped(struct intake *intake, const char *reason, uint64_t count,
                                 struct err_ctx *err);

/* ---- the turn ---- */

enum intake_next { INTAKE_AGAIN, INTAKE_SOON, INTAKE_IDLE };

/* Stores the bodies and answers each, works on what waits in the topic of events for a short while,
 * commits, hands lines on, lets alerts be made. An error is final; a store that refuses is not one:
 * see intake_trouble. */
MUST_USE err_kind intake_turn(struct intake *intake, struct intake_body *bodies, size_t count,
                              enum intake_next *ret_next, struct err_ctx *err);
/* How far the slowest sink has read signals and alerts; UINT64_MAX: there is none. Nothing goes for
 * its age before this was told. */
void intake_readers(struct intake *intake, uint64_t signals, uint64_t alerts);
/* All that was stored has been worked on, and its lines handed on. */
bool intake_is_done(const struct intake *intake);
/* Why the store refuses; NULL: it does not. */
const char *intake_trouble(const struct intake *intake);

struct intake_counts { /* since the store was made, as committed */
    uint64_t in, out, filtered, dead;
    uint64_t signals;
    uint64_t accepted; /* records stored in the topic of events */
    uint64_t expired;  /* records of any topic, gone for their age */
    uint64_t dropped;
    uint64_t lag_records;
    uint64_t lag_bytes;
    uint64_t lag_ns;
};
struct intake_counts intake_counts(const struct intake *intake);
uint64_t intake_line_next(const struct intake *intake);
uint64_t intake_line_end(const struct intake *intake);
/* The counters as one JSON object, and in Prometheus's text format. */
void intake_status(struct intake *intake, struct writer *out);
void intake_metrics(struct intake *intake, struct writer *out);
