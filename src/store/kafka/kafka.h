/* Topics on Apache Kafka: one consumer and one transactional producer that take records, and put
 * what they yield together with the position behind them in one transaction. What is committed is
 * seen once by every reader with isolation.level=read_committed.
 *
 *   exchange_peek / exchange_next   records as they come; nothing is committed by taking them
 *   exchange_put                    an output, in the transaction that is open
 *   exchange_done                   the record and its outputs are whole
 *   exchange_commit                 outputs and positions, or none of them
 *
 * Whatever goes wrong between commits is undone as a whole: the epoch changes, positions go back to
 * what is committed, and the owner forgets all that it derived since. One thread.
 *
 * With is_at_least_once there are no transactions: positions are committed once every output before
 * them has been acknowledged. What is undone is then put a second time, and readers see both. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/error.h"
#include "core/span.h"

#define KAFKA_PROPERTIES_MAX 64
#define KAFKA_PARTITIONS_MAX 10000

struct exchange;

/* All texts, and the list of properties, are borrowed until exchange_close. */
struct exchange_options {
    const char *brokers; /* HOST:PORT[,…] */
    const char *group;
    /* Who this worker is over restarts: it gets its partitions back at once, and whoever pretends
     * to be the same is fenced. NULL: a new member each time. */
    const char *instance;
    const char *input;
    const char *const *outputs; /* made with the broker's defaults where they are missing */
    size_t output_count;
    const char *const *properties; /* of librdkafka, "security.protocol=ssl" */
    size_t property_count;
    int32_t partitions; /* the input must have so many; 0: not checked */
    bool is_at_least_once;
    /* Topic of the owner's state, of as many partitions as the input; made, compacted, where it is
     * missing. NULL: the owner keeps none. */
    const char *state;
    /* Called on the owner's thread: assigned from exchange_peek, committed also from there, when
     * partitions are about to go. */
    void (*assigned)(void *context, size_t partition_count);
    void (*committed)(void *context);
    void (*warn)(void *context, const char *event, const char *text);
    void *context;
};

struct exchange_record {
    int32_t partition;
    int64_t offset;
    int64_t time_ms; /* the record's timestamp; -1: none */
    span payload;    /* data NULL: a tombstone; borrowed until exchange_next or exchange_peek */
};

struct exchange_counts {
    uint64_t commits;
    uint64_t rewinds;    /* times that work was undone and taken again */
    uint64_t refused;    /* records at or below an offset that was taken already */
    uint64_t rebalances; /* assignments seen */
    uint64_t lost;       /* records that retention took before they were taken */
};

/* Connects, makes missing outputs, fences an older worker of the same instance, joins the group.
 * ERR_INPUT: a property, or a partition count, that does not fit; ERR_SYSTEM: no broker. */
MUST_USE err_kind exchange_open(const struct exchange_options *options, struct exchange **ret,
                                struct err_ctx *err);
/* Leaves what is not committed undone. Takes NULL. */
void exchange_close(struct exchange *exchange);

/* Readable when exchange_peek has something to do. */
int exchange_fd(const struct exchange *exchange);
/* Which state of affairs records and work belong to: work of an older one is to be dropped. */
uint64_t exchange_epoch(const struct exchange *exchange);

/* The next record, if any has come; the same again until exchange_next. Rebalances happen in here.
 * ERR_STATE: the worker cannot go on (it was fenced, or the group refused it). */
MUST_USE err_kind exchange_peek(struct exchange *exchange, struct exchange_record *ret,
                                bool *ret_is_there, struct err_ctx *err);
void exchange_next(struct exchange *exchange);

/* An output; copied. OK with another exchange_epoch than before: the transaction was undone.
 * ERR_LIMIT: the message is too large, nothing was put. Other errors: the worker cannot go on. */
MUST_USE err_kind exchange_put(struct exchange *exchange, size_t output, span key, span value,
                               struct err_ctx *err);
/* All up to this record of the partition is whole. */
void exchange_done(struct exchange *exchange, int32_t partition, int64_t offset);
/* *ret_is_committed false: undone, and to be taken again. ERR_*: the worker cannot go on. */
MUST_USE err_kind exchange_commit(struct exchange *exchange, bool *ret_is_committed,
                                  struct err_ctx *err);

/* Gives up what was done since the last commit. */
MUST_USE err_kind exchange_undo(struct exchange *exchange, struct err_ctx *err);

/* ---- state: what the owner derives from a partition, in the same partition of another topic ----
 * Put in the transaction of the records that it comes from. Whenever a partition is assigned, or
 * work is undone, what is known of it is void and comes again, as committed; no record of it is to
 * be worked on before all of that has come. */

struct exchange_state {
    int32_t partition;
    span key;   /* data NULL: forget all that is known of the partition */
    span value; /* data NULL: the key's state is gone */
};
/* The next part of the state that is to be made anew; the same again until exchange_state_next.
 * *ret_is_whole true: there is none, records may be worked on. Waits a few ms at most. */
MUST_USE err_kind exchange_state_peek(struct exchange *exchange, struct exchange_state *ret,
                                      bool *ret_is_there, bool *ret_is_whole, struct err_ctx *err);
void exchange_state_next(struct exchange *exchange);
/* As exchange_put. What it is put for need not be a record: the transaction proves in any case that
 * the partition is still this worker's. */
MUST_USE err_kind exchange_state_put(struct exchange *exchange, int32_t partition, span key,
                                     span value, struct err_ctx *err);
/* The first assigned partition behind `after` (-1: of all) of which every record has been taken;
 * -1: none. */
int32_t exchange_level_next(const struct exchange *exchange, int32_t after);

struct exchange_lag {
    bool is_known;     /* false until the cluster has told of every assigned partition */
    uint64_t messages; /* between what is done and the end of the assigned partitions */
    /* At most so long does the oldest of them wait: since the record done last, or since nothing
     * was waiting, whichever is later. By the partition that is furthest behind. */
    uint64_t wait_ms;
};
/* now_boot_ns, now_wall_ms: the two clocks. To be asked about once a second. */
struct exchange_lag exchange_lag(struct exchange *exchange, uint64_t now_boot_ns,
                                 int64_t now_wall_ms);
size_t exchange_partitions(const struct exchange *exchange); /* that are assigned */
struct exchange_counts exchange_counts(const struct exchange *exchange);
/* The library's version, and whether it has known faults that a newer one mended (NULL: none). */
const char *kafka_version(const char **ret_advice);

/* ---- beside exchanges: a topic looked through once, a few records written once ---- */

/* All borrowed until the call, or the writer, ends. */
struct kafka_cluster {
    const char *brokers;
    const char *const *properties; /* as of an exchange */
    size_t property_count;
};

struct kafka_record {
    int32_t partition;
    int64_t offset;
    span key, value; /* data NULL: none */
};

/* OK: go on. Else kafka_scan ends with it. */
typedef err_kind (*kafka_visit)(void *context, const struct kafka_record *record,
                                struct err_ctx *err);
/* Visits every committed record that the topic held at the start, in order within a partition.
 * ERR_INPUT: no such topic; ERR_SYSTEM: no answer. */
MUST_USE err_kind kafka_scan(const struct kafka_cluster *cluster, const char *topic,
                             kafka_visit visit, void *context, struct err_ctx *err);

/* Writes in transactions. Whoever opens another one of the same id takes over: what this one has
 * not committed is void, and it can commit no more. */
struct kafka_writer;
/* Makes those of the topics that are missing. */
MUST_USE err_kind kafka_writer_open(const struct kafka_cluster *cluster, const char *id,
                                    const char *const *topics, size_t topic_count,
                                    struct kafka_writer **ret, struct err_ctx *err);
/* partition -1: by the key, or any. ERR_LIMIT: too large, the rest of the transaction stands. */
MUST_USE err_kind kafka_writer_put(struct kafka_writer *writer, const char *topic,
                                   int32_t partition, span key, span value, struct err_ctx *err);
/* On failure nothing since the last commit is there, or all of it: who wrote marks into the same
 * transaction finds out by opening a writer of the same id and looking for them. */
MUST_USE err_kind kafka_writer_commit(struct kafka_writer *writer, struct err_ctx *err);
/* Takes NULL. */
void kafka_writer_close(struct kafka_writer *writer);
