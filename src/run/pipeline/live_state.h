/* The live loop's own state; private to live*.c. */
#pragma once

#include "alert/alert.h"
#include "core/writer.h"
#include "lines/lines.h"
#include "pipeline/outbox.h"
#include "pipeline/pipeline.h"
#include "stage/stage.h"
#include "topic/topic.h"

struct live {
    struct live_options options;
    struct topic_log *log;
    struct detect *detect;
    struct alert_stage *alerts;
    struct recording_writer *recording; /* NULL: rules are run instead */
    struct writer recorded;             /* of this batch */
    uint64_t recorded_end;              /* behind the last whole frame of the file */
    bool is_record_seekable;            /* so a torn end can be cut off */
    bool has_recording_failed;
    bool has_new_facts;
    struct ring *ring;
    struct outbox outbox;
    struct line_tail lines;
    struct writer scratch;  /* one rendered signal, one delta */
    uint64_t number;        /* of the last record read: evt.num */
    uint64_t cursor;        /* in the ring, behind that record */
    uint64_t signal_end;    /* behind the last committed signal */
    uint64_t evidence_next; /* the offset that the next evidence will have */
    uint64_t signals;
    uint64_t drops;
    uint64_t drops_shown; /* of which a signal has told */
    uint64_t lost;        /* of the drops: here, for want of room in the outbox */
    uint64_t drops_looked_ns;
    struct rules_note rules_note;
    uint64_t refused_shown; /* of the sets that were refused */
    struct writer world;    /* as it goes to the store */
    uint8_t *packed;        /* the same, packed */
    size_t packed_len, packed_size;
    struct arena arena;        /* a part, while the one before is taken in */
    uint64_t delta_count;      /* process deltas since the last whole table */
    uint64_t commit_failed_ns; /* when a commit failed last; 0: the last one succeeded */
    uint64_t committed_ns;     /* when one succeeded last */
    bool is_draining;          /* the end has come: everything is committed */
    uint64_t status_ns;
    uint64_t correlated_ns;  /* when the correlate stage ran last */
    uint64_t correlated_end; /* it has read the signals before this one */
    struct writer hooks;
    bool has_filter;      /* the kernel leaves out opens that no rule can match */
    uint32_t filter_rule; /* why not: this rule; UINT32_MAX: none */
    bool is_world_lost;   /* the stored world misses a change: write it whole */
    bool has_new_state;   /* something to commit though no record was read */
};

/* live_commit.c: the outbox, the world's changes and the position, in one transaction */
MUST_USE err_kind batch_commit(struct live *live, struct err_ctx *err);

bool status_is_due(const struct live *live, uint64_t now_ns);

/* live_record.c: `picket record`: the batch's records go to a file before they are let go */
MUST_USE err_kind recording_start(struct live *live, struct err_ctx *err);
/* Goes on where the last commit was: what an engine wrote after it is written again. */
MUST_USE err_kind recording_resume(struct live *live, struct err_ctx *err);
/* Inside the transaction: how far the file goes with the position in the ring. */
MUST_USE err_kind recording_commit(struct live *live, struct err_ctx *err);
void recording_add(struct live *live, span record);
bool recording_is_full(const struct live *live);
MUST_USE err_kind recording_flush(struct live *live, struct err_ctx *err);
void recording_end(struct live *live);

/* live_world.c: what the next engine must know, in the batch's transaction */
void world_open(struct live *live);
void world_close(struct live *live);
MUST_USE err_kind world_put(struct live *live, struct err_ctx *err);
MUST_USE err_kind world_load(struct live *live, struct err_ctx *err);
/* For a new ring: what is stored is forgotten. */
MUST_USE err_kind world_restart(struct live *live, struct err_ctx *err);

/* live_own.c: what happens to Picket itself, made signals: losses, and rules that were refused.
 * Each is told once, whatever happens to the engine. */
MUST_USE err_kind own_load(struct live *live, struct err_ctx *err);
void own_look(struct live *live, uint64_t now_ns);
/* Inside the transaction: what has been told. */
MUST_USE err_kind own_commit(struct live *live, struct err_ctx *err);

void status_render(const struct live *live, struct writer *out);
