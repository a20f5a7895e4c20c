/* The exchange's own state; private to this folder. */
#pragma once

#include "kafka/client.h"

#define KAFKA_RENEWALS_MAX 10

struct partition {
    bool is_assigned;
    bool is_stale;     /* its state is void, and not asked for yet */
    bool is_restoring; /* its state is coming */
    int64_t state_end; /* up to here at least */
    bool is_dirty;     /* done is not committed yet */
    int64_t taken;     /* offset of the record taken last; -1: none in this assignment */
    int64_t done;      /* the position behind what is whole; -1: nothing yet */
    int64_t end;       /* once all was taken: where the partition ended then; -1: not yet */
    bool is_placed;    /* begin has been asked for */
    int64_t begin;     /* before it there is nothing to take; -1: not known */
    int64_t lost_to;   /* what is missing before it has been counted */
    int64_t taken_ms;  /* timestamp of the record taken last; -1: none */
    uint64_t level_ns; /* when nothing was waiting last, or it was assigned */
};

/* How the owner's state comes again. */
struct changelog {
    rd_kafka_t *consumer;        /* of no group; made when it is first needed */
    rd_kafka_message_t *message; /* what peek shows */
    size_t partition_count;
    size_t left;       /* partitions whose state has not come whole */
    int32_t forgotten; /* up to here the owner has been told to forget */
    bool is_begun;     /* nothing has become void since */
    bool is_reading;   /* the consumer has its partitions */
    bool is_whole;
    uint64_t heard_ns; /* when the cluster has said something last */
};

struct exchange {
    struct exchange_options options;
    rd_kafka_t *consumer;
    rd_kafka_t *producer;
    const char *output_names[KAFKA_OUTPUTS_MAX];
    rd_kafka_topic_t *outputs[KAFKA_OUTPUTS_MAX]; /* of that producer */
    rd_kafka_queue_t *queue;                      /* the consumer's */
    int event_fds[2];                             /* a pipe: readable, written by the library */
    rd_kafka_message_t *message;                  /* what peek shows */
    struct partition *partitions;                 /* by number */
    size_t partition_count;
    size_t state_output; /* number of the state's topic among the outputs */
    struct changelog changelog;
    uint64_t epoch;
    bool is_open;     /* a transaction; at least once: outputs were put since the last commit */
    bool is_dirty;    /* there is something to commit */
    bool is_undone;   /* positions must go back before anything is taken */
    unsigned renewed; /* clients made, and rewinds that failed, since the last commit */
    bool is_unsent;   /* at least once: an output of this producer was given up */
    struct exchange_counts counts;
};

/* clients.c */
MUST_USE err_kind consumer_open(struct exchange *exchange, struct err_ctx *err);
void consumer_close(struct exchange *exchange);
MUST_USE err_kind consumer_subscribe(struct exchange *exchange, struct err_ctx *err);
/* Makes the producer; with transactions, waits until older ones of this instance are fenced. */
MUST_USE err_kind producer_open(struct exchange *exchange, struct err_ctx *err);
void producer_close(struct exchange *exchange);
MUST_USE err_kind topics_prepare(struct exchange *exchange, struct err_ctx *err);

/* transaction.c */
/* OK without is_open: it was undone instead. */
MUST_USE err_kind transaction_begin(struct exchange *exchange, struct err_ctx *err);
/* Aborts and forgets what was done since the last commit. ERR_*: the worker cannot go on. */
MUST_USE err_kind transaction_undo(struct exchange *exchange, struct err_ctx *err);
/* Where the group stands in each partition of the list. The coordinator dies and moves: whatever it
 * says instead, it is asked again for two minutes. */
MUST_USE rd_kafka_resp_err_t positions_ask(struct exchange *exchange,
                                           rd_kafka_topic_partition_list_t *list);
/* Takes the consumer back to what is committed, after an undo. OK and still is_undone: it did not
 * go this time. A rebalance that waits to be served may be why. */
MUST_USE err_kind positions_rewind(struct exchange *exchange, struct err_ctx *err);

/* exchange.c */
rd_kafka_topic_partition_list_t *partitions_list(const struct exchange *exchange);

/* gap.c */
/* A record, or the end, has come with this offset; to be told before it counts as taken. */
void gap_look(struct exchange *exchange, int32_t number, int64_t offset);

/* changelog.c */
/* Makes or checks the topic of the state, and the input if that is missing. */
MUST_USE err_kind changelog_prepare(struct exchange *exchange, struct err_ctx *err);
/* The state of all assigned partitions is void. */
void changelog_void(struct exchange *exchange);
void changelog_close(struct exchange *exchange);
