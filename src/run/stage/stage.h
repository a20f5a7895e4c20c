/* The detect stage: keeps the world (processes, containers, users), runs the rules over records,
 * flat JSON lines or JSON events, makes signals of matches. Knows no store and prints nothing. */
#pragma once

#include "core/error.h"
#include "core/writer.h"
#include "event/event.h"
#include "json/json.h"
#include "kernel/kernel.h"
#include "opener/opener.h"
#include "rule/rule.h"
#include "state/state.h"

#define MATCHES_MAX 1024 /* rules that may match one event; more are counted, not signalled */

struct detect_options {
    const char *hostname;
    /* The rules and the lines are of this source's JSON events, and their signals say so; NULL: of
     * the kernel's. */
    const char *source;
    /* JSON: of all events; every part NULL: what each event says itself. */
    struct logsource logsource;
    struct json_time time; /* JSON: where the events have theirs */
    /* JSON: fields that say what an event is about, separated by commas, the first that is there
     * before the others; NULL: those of entity.c. Borrowed. */
    const char *entity_fields;
    /* Opens a runtime's or a container's file; NULL: nothing is opened (replay). */
    int (*open)(void *context, const struct open_request *request);
    void *context;
};

struct detect_counts {
    uint64_t undecided;    /* rules whose regex limit was hit */
    uint64_t over_matches; /* matches beyond MATCHES_MAX */
};

struct detect;
MUST_USE err_kind detect_open(const struct detect_options *options, struct detect **ret,
                              struct err_ctx *err);
void detect_close(struct detect *detect);
/* Maps the image and swaps the program; the old one stays on failure. The fd stays the caller's. */
MUST_USE err_kind detect_rules(struct detect *detect, int image_fd, struct err_ctx *err);
struct rule_program *detect_program(const struct detect *detect); /* NULL before the first rules */
struct detect_counts detect_counts(const struct detect *detect);

/* Feeds one record of the kernel. ret_matches: indexes of the rules that match, valid until the
 * next call. ERR_INPUT: the record is malformed. */
MUST_USE err_kind detect_record(struct detect *detect, span record, uint64_t number,
                                const uint32_t **ret_matches, size_t *ret_count,
                                struct err_ctx *err);
/* The same for one line: JSON with flat Falco keys, or a JSON event. *ret_fault_at, on ERR_INPUT:
 * bytes of the line before the first that is wrong. */
MUST_USE err_kind detect_line(struct detect *detect, span line, uint64_t number,
                              const uint32_t **ret_matches, size_t *ret_count, size_t *ret_fault_at,
                              struct err_ctx *err);
/* The same, JSON_PADDING bytes behind the line being readable and the first of them 0. */
MUST_USE err_kind detect_padded_line(struct detect *detect, span line, uint64_t number,
                                     const uint32_t **ret_matches, size_t *ret_count,
                                     size_t *ret_fault_at, struct err_ctx *err);
/* The signal of a matching rule and the event fed last, as JSON without a newline, and its row in
 * the index (texts borrowed until the next event). evidence: where its raw record is kept, or NULL.
 */
MUST_USE err_kind detect_signal(struct detect *detect, uint32_t rule, const uint64_t *evidence,
                                struct writer *out, struct state_signal *ret_row,
                                struct err_ctx *err);
/* The entity of the signal made last, as its `entity` says; data NULL: the host or the container.
 * Borrowed until the next signal. */
span detect_entity(const struct detect *detect);
/* Where the event fed last stands, for its signals in place of its number; borrowed until the next
 * event. */
void detect_position(struct detect *detect, span position);
/* Which predicates of a rule hold for the event fed last, as text. */
void detect_explain(struct detect *detect, uint32_t rule, struct writer *out);

/* The processes that ran already: records from a task iterator. */
MUST_USE err_kind detect_tasks(struct detect *detect, int tasks_fd, struct err_ctx *err);

/* The world, for a restart or a recording (kernel/kernel.h, container/container.h). */
void detect_world_save(struct detect *detect, struct writer *out);
void detect_world_delta(struct detect *detect, struct writer *out);
MUST_USE err_kind detect_world_load(struct detect *detect, span bytes, struct err_ctx *err);
MUST_USE err_kind detect_world_apply(struct detect *detect, span bytes, struct err_ctx *err);
/* Containers and users only: what a recording's later records need. Load adds. */
void detect_facts_save(struct detect *detect, struct writer *out);
MUST_USE err_kind detect_facts_load(struct detect *detect, span bytes, struct err_ctx *err);
/* Looks up what the current record's fields could ask of containers and users; true when that made
 * anything new known. For recordings, where no rule asks. */
bool detect_facts_touch(struct detect *detect);
/* Boot to wall clock of the machine that made the records. */
void detect_clock(struct detect *detect, uint64_t boot_to_wall_ns, const char *hostname);

/* `"processes":…` and kin for `picket status`, without braces. */
void detect_status_render(const struct detect *detect, struct writer *out);
