/* The engine's own state; private to intake*.c. */
#pragma once

#include "alert/alert.h"
#include "flow/flow.h"
#include "intake/intake.h"
#include "json/json.h"
#include "lines/lines.h"
#include "state/state.h"
#include "topic/topic.h"

#define TOPIC_SIGNALS   "signals"
#define TOPIC_ALERTS    "alerts"
#define TOPIC_DEAD      "dead"
#define REASONS_MAX     16
#define COUNTER_PREFIX  "intake."
#define COUNTER_EXPIRED COUNTER_PREFIX "expired"
/* A document in the topic of events lies in as many records as it needs; all but the last one have
 * this key. */
#define KEY_CONTINUED "+"

struct dropped {
    char reason[32];
    uint64_t count;   /* committed */
    uint64_t pending; /* of the open turn */
};

struct intake {
    struct intake_options options;
    struct topic_log *log;
    struct flow *flow;
    struct alert_stage *alerts;
    char topic[64]; /* of events */
    struct topic_reader *events;
    uint64_t read_next;      /* of the topic of events, to be worked on */
    uint64_t read_committed; /* the same, as committed */
    uint64_t read_seen;      /* behind the record that was read last */
    uint64_t record_first;   /* of a document in parts: its first record */
    uint64_t events_end;     /* as committed */
    uint64_t record_time_ns; /* when the record read last was stored */
    uint64_t gateway, body_last, body_committed;
    struct intake_counts counts; /* committed */
    struct intake_counts turn;   /* what the open turn adds */
    struct flow_counts flow_before;
    struct dropped dropped[REASONS_MAX];
    size_t dropped_count;
    bool is_document;        /* a body is one record */
    bool is_joining;         /* the decoder keeps parts of events between records */
    struct writer kept;      /* of the decoder, as committed */
    struct writer kept_next; /* as it stands */
    uint64_t worked_ns;      /* when a record came last */
    bool is_open;            /* a transaction */
    bool has_changed;        /* records came, or were worked on */
    bool has_told;           /* of a silence */
    bool is_silent;          /* and it was told */
    uint64_t silences;
    bool has_readers; /* it was told how far the sinks are */
    uint64_t sink_signals, sink_alerts;
    uint64_t aged_ns; /* when the age was looked at last */
    uint64_t epoch;
    uint64_t signal_end; /* behind the last committed signal */
    uint64_t correlated_ns, correlated_end;
    uint64_t status_ns;
    bool is_status_old;
    uint64_t refused_ns; /* when the store refused last; 0: it took what it was given */
    char trouble[ERR_TEXT_MAX];
    err_kind put_kind; /* of the output that could not be put */
    struct err_ctx put_err;
    struct writer text; /* status, dead letters */
    struct line_tail lines;
    struct writer record;      /* a document whose parts are being read */
    struct json_decoder *look; /* NULL: records are no JSON */
    struct projection look_at; /* no field */
};

/* intake_commit.c */
MUST_USE err_kind turn_begin(struct intake *intake, bool is_durable, struct err_ctx *err);
MUST_USE err_kind turn_commit(struct intake *intake, struct err_ctx *err);
void turn_undo(struct intake *intake, const struct err_ctx *why);
/* What the decoder keeps: as committed; and gives out as it is when nothing came for long. */
MUST_USE err_kind kept_load(struct intake *intake, struct err_ctx *err);
MUST_USE err_kind counters_load(struct intake *intake, struct err_ctx *err);

/* intake_store.c: the durable way in */
MUST_USE err_kind bodies_store(struct intake *intake, struct intake_body *bodies, size_t count,
                               struct err_ctx *err);
/* Records of the topic of events through the rules, for a while. */
MUST_USE err_kind events_work(struct intake *intake, uint64_t until_ns, struct err_ctx *err);
MUST_USE err_kind kept_flush(struct intake *intake, struct err_ctx *err);
/* fault: NULL, or why it is a dead letter unread. */
MUST_USE err_kind record_work(struct intake *intake, span record, span position, uint64_t id,
                              const char *fault, struct err_ctx *err);
MUST_USE err_kind intake_letter_put(struct intake *intake, const char *reason, span position,
                                    span payload, struct err_ctx *err);

/* intake_silence.c */
MUST_USE err_kind silence_load(struct intake *intake, struct err_ctx *err);
bool silence_is_due(const struct intake *intake, uint64_t now_ns);

/* intake_age.c */
bool age_is_due(const struct intake *intake, uint64_t now_ns);
/* In the turn's transaction. */
MUST_USE err_kind age_apply(struct intake *intake, uint64_t now_ns, struct err_ctx *err);
/* Inside the transaction. */
MUST_USE err_kind silence_tell(struct intake *intake, struct err_ctx *err);
MUST_USE err_kind silence_end(struct intake *intake, struct err_ctx *err);
void silence_commit(struct intake *intake);
