/* The stage loop: a batch is read, processed, and committed with its outputs, state and input
 * position in one transaction. live: the kernel's ring to signals, alerts and lines. replay: files
 * to lines. Unprivileged: all descriptors are passed in. */
#pragma once

#include <abi.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "core/error.h"
#include "core/span.h"
#include "core/writer.h"
#include "event/event.h"
#include "opener/opener.h"
#include "rule/rule.h"

/* ---- live ---- */

/* Shared with the supervisor and so outlives an engine: which record it was at. A record that ends
 * CRASHES_MAX engines is left out and goes to the dead letters. */
#define CRASHES_MAX 3
struct crash_page {
    uint64_t is_inside; /* 1 while a record is processed */
    uint64_t ring_id;
    uint64_t position;         /* of that record */
    uint64_t crashed_position; /* where the last engine ended */
    uint64_t count;            /* engines that ended there */
};

struct live_options {
    int store_fd; /* folder */
    uint64_t store_bytes_max;
    const char *hostname;
    bool is_json;
    bool is_colour;
    bool shows_shadow; /* hands the signals of shadow rules on too; else an empty line each */
    bool has_lines;    /* line_next is known */
    uint64_t line_next;
    uint32_t restarts;
    struct crash_page *crash;
    /* Opens a file (opener.h): a descriptor or a negative errno. */
    int (*open)(void *context, const struct open_request *request);
    /* Hands a line on, in one piece; false: not now, offer it again later. */
    bool (*line)(void *context, uint64_t offset, span line);
    void *context;
    int record_fd; /* write the records there instead of matching; -1: match */
};

struct live_counts {
    uint64_t events;
    uint64_t signals;
    uint64_t drops;
    uint64_t line_end; /* behind the last committed signal */
    uint64_t unstored; /* signals that wait for the store to take them */
};

struct live;
MUST_USE err_kind live_open(const struct live_options *options, struct live **ret,
                            struct err_ctx *err);
void live_close(struct live *live);
/* Takes new rules between batches; the descriptor stays the caller's. The old set runs on when this
 * fails. */
MUST_USE err_kind live_rules(struct live *live, int image_fd, struct err_ctx *err);
/* What became of loading rules anew in this run: for the status, and for a signal each time that a
 * set was refused. */
struct rules_note {
    uint64_t loaded_wall_ns; /* when the set in force was taken */
    uint32_t reloaded;
    uint32_t refused;
    char reason[512]; /* why the newest was refused; empty: it was not */
};
void live_note_rules(struct live *live, const struct rules_note *note);
/* The event types that the rules in force need, by enum event_type. */
void live_wants(const struct live *live, uint8_t ret_wants[128]);
/* Which opens no rule in force can match, in the terms of the kernel programs (bpf/abi.h). */
#define PREFILTER_NAME_BYTES 64

struct prefilter_name {
    uint8_t len;
    uint8_t flags; /* enum open_name_flag */
    char text[PREFILTER_NAME_BYTES];
};

struct prefilter {
    struct open_filter filter;
    struct prefilter_name names[OPEN_NAMES_MAX];
    size_t count;
    uint32_t keeps_rule; /* excludes 0: a rule that could match any open; UINT32_MAX: none */
};
/* Errs to keeping; filter.excludes is 0 when some rule could match any open. */
MUST_USE err_kind live_prefilter(struct live *live, struct prefilter *ret, struct err_ctx *err);
/* The ring of a sensor: the same one again (known by its id) goes on at the committed position. */
MUST_USE err_kind live_attach(struct live *live, int ring_fd, int control_fd, bool *ret_is_new,
                              struct err_ctx *err);
/* The processes that run, from a task iterator; for a new ring. */
MUST_USE err_kind live_tasks(struct live *live, int tasks_fd, struct err_ctx *err);
/* What only the sensor knows, shown by `picket status`. */
void live_note_hooks(struct live *live, span hooks_json);

enum live_next { LIVE_BUSY, LIVE_SOON, LIVE_IDLE };
/* One batch. *ret_next: come again at once, on the timer, or when the ring fd is readable (a
 * wake-up has been asked for). */
MUST_USE err_kind live_turn(struct live *live, enum live_next *ret_next, struct err_ctx *err);
/* Reads what the ring holds now and commits it, for at most `limit_ns`. */
MUST_USE err_kind live_drain(struct live *live, uint64_t limit_ns, struct err_ctx *err);
/* Hands on some of the lines that wait in the store. */
MUST_USE err_kind live_hand_on(struct live *live, struct err_ctx *err);
/* The file of the records cannot be written on; what is whole in it stays. */
bool live_recording_failed(const struct live *live);
struct live_counts live_counts(const struct live *live);
/* The number of the next signal to be handed on. */
uint64_t live_line_next(const struct live *live);

/* ---- replay ---- */

struct replay;

/* One event of a file and the rules that match it, by index into the program. */
struct replay_event {
    uint64_t number; /* 1-based, in its file */
    const uint32_t *rules;
    size_t count;
};
/* A failure ends the file. */
typedef err_kind (*replay_visit)(void *context, struct replay *replay,
                                 const struct replay_event *event, struct err_ctx *err);

enum replay_output { REPLAY_TEXT, REPLAY_JSON, REPLAY_SUMMARY };

struct replay_options {
    int image_fd;
    enum replay_output output;
    bool is_colour;
    const char *hostname;
    replay_visit visit; /* gets every readable event, and nothing is printed; NULL: print */
    void *context;
    const struct source *source; /* of JSON events; NULL: recordings and flat lines */
    bool is_concat;              /* JSON texts may span lines; else a line is a record */
    struct logsource logsource;  /* of all JSON events; every part NULL: what each says itself */
};

struct replay_counts {
    uint64_t events;
    uint64_t matches;
    uint64_t unreadable; /* lines and records, each reported on stderr */
    uint64_t undecided;
};

MUST_USE err_kind replay_open(const struct replay_options *options, struct replay **ret,
                              struct err_ctx *err);
void replay_close(struct replay *replay);
/* A recording or JSON lines, told by content; lines may be packed by gzip or zstd. Matches go to
 * stdout, a line each, flushed at once; the first unreadable lines to stderr as name:line:column.
 * ERR_*: the file cannot be read on; what came before counts. */
MUST_USE err_kind replay_file(struct replay *replay, int fd, const char *name, struct err_ctx *err);
struct replay_counts replay_counts(const struct replay *replay);
/* How many unreadable ones were not printed. */
void replay_unreadable_rest(const struct replay *replay);

/* One event by itself, a line of JSON; visit is not called. ERR_INPUT: it is malformed. */
MUST_USE err_kind replay_line(struct replay *replay, span line, struct replay_event *ret,
                              struct err_ctx *err);
/* The match of a rule with the event seen last, as a signal (appended). */
MUST_USE err_kind replay_signal(struct replay *replay, uint32_t rule, struct writer *out,
                                struct err_ctx *err);
/* Which predicates of a rule hold for the event seen last, as text (appended). */
void replay_why(struct replay *replay, uint32_t rule, struct writer *out);
struct rule_program *replay_program(const struct replay *replay);
/* Does it read JSON events, not the kernel's? */
bool replay_is_json(const struct replay *replay);
/* Is there a rule with this name or id? */
bool replay_has(const struct replay *replay, const char *rule);
/* How a rule runs; with an event (one flat JSON line): why it does or does not match. ERR_INPUT: no
 * such rule, or the event is malformed. */
MUST_USE err_kind replay_explain(struct replay *replay, const char *rule, span event,
                                 struct writer *out, struct err_ctx *err);
