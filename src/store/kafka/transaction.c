/* One transaction after the other. Three ways out of an error, as the library tells them apart: ask
 * again; abort and go back; or a producer anew, which also settles a commit of which nobody knows
 * whether it came through. At least once: the same turn without transactions. */
#include <unistd.h>

#include "core/clock.h"
#include "kafka/exchange.h"

#define RETRIES_MAX  5
#define SEEK_TRIES   100
#define SEEK_WAIT_US 100000
#define ASK_WAIT_US  100000
#define ASK_NS       120000000000ull

enum verdict { VERDICT_DONE, VERDICT_AGAIN, VERDICT_ABORT, VERDICT_RENEW };

/* Takes the error over. */
static enum verdict judge(struct exchange *exchange, const char *what, rd_kafka_error_t *error)
{
    if (!error)
        return VERDICT_DONE;
    enum verdict verdict = VERDICT_RENEW;
    if (rd_kafka_error_is_fatal(error))
        verdict = VERDICT_RENEW;
    else if (rd_kafka_error_txn_requires_abort(error))
        verdict = VERDICT_ABORT;
    else if (rd_kafka_error_is_retriable(error))
        verdict = VERDICT_AGAIN;
    if (verdict != VERDICT_AGAIN)
        exchange->options.warn(exchange->options.context, what, rd_kafka_error_string(error));
    rd_kafka_error_destroy(error);
    return verdict;
}

static err_kind producer_renew(struct exchange *exchange, struct err_ctx *err)
{
    if (++exchange->renewed > KAFKA_RENEWALS_MAX)
        return err_set(err, ERR_STATE, "Kafka refused %u producers one after the other",
                       KAFKA_RENEWALS_MAX);
    producer_close(exchange);
    return producer_open(exchange, err);
}

err_kind transaction_undo(struct exchange *exchange, struct err_ctx *err)
{
    enum verdict verdict = VERDICT_DONE;
    unsigned attempt = 0;
    bool had_work = exchange->is_dirty || exchange->is_open;
    if (exchange->is_open && !exchange->options.is_at_least_once) {
        do
            verdict = judge(exchange, "abort",
                            rd_kafka_abort_transaction(exchange->producer, KAFKA_WAIT_MS));
        while (verdict == VERDICT_AGAIN && ++attempt < RETRIES_MAX);
    }
    exchange->is_open = false;
    exchange->is_dirty = false;
    exchange->epoch++;
    exchange->is_undone = true;
    exchange->counts.rewinds += had_work;
    for (size_t index = 0; index < exchange->partition_count; index++)
        exchange->partitions[index].is_dirty = false;
    changelog_void(exchange);
    return verdict == VERDICT_DONE ? OK : producer_renew(exchange, err);
}

/* After a verdict other than done: undone, by a new producer if need be. */
static err_kind give_up(struct exchange *exchange, enum verdict verdict, struct err_ctx *err)
{
    if (verdict != VERDICT_RENEW && verdict != VERDICT_AGAIN)
        return transaction_undo(exchange, err);
    exchange->is_open = false; /* the new producer's start ends it, one way or the other */
    err_kind kind = transaction_undo(exchange, err);
    return kind == OK ? producer_renew(exchange, err) : kind;
}

err_kind transaction_begin(struct exchange *exchange, struct err_ctx *err)
{
    if (exchange->is_open)
        return OK;
    enum verdict verdict = VERDICT_DONE;
    if (!exchange->options.is_at_least_once)
        verdict = judge(exchange, "begin", rd_kafka_begin_transaction(exchange->producer));
    if (verdict == VERDICT_DONE) {
        exchange->is_open = true;
        return OK;
    }
    return give_up(exchange, verdict, err);
}

/* What is done and not committed; the caller's. */
static rd_kafka_topic_partition_list_t *positions_list(const struct exchange *exchange)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(8);
    for (size_t index = 0; index < exchange->partition_count; index++) {
        const struct partition *partition = &exchange->partitions[index];
        if (partition->is_dirty && partition->is_assigned)
            rd_kafka_topic_partition_list_add(list, exchange->options.input, (int32_t)index)
                ->offset = partition->done;
    }
    return list;
}

/* The transaction's end. */
static enum verdict offsets_send(struct exchange *exchange)
{
    rd_kafka_topic_partition_list_t *list = positions_list(exchange);
    rd_kafka_consumer_group_metadata_t *group =
        rd_kafka_consumer_group_metadata(exchange->consumer);
    enum verdict verdict = VERDICT_DONE;
    unsigned attempt = 0;
    if (list->cnt) {
        do
            verdict = judge(exchange, "offsets",
                            rd_kafka_send_offsets_to_transaction(exchange->producer, list, group,
                                                                 KAFKA_WAIT_MS));
        while (verdict == VERDICT_AGAIN && ++attempt < RETRIES_MAX);
    }
    rd_kafka_consumer_group_metadata_destroy(group);
    rd_kafka_topic_partition_list_destroy(list);
    return verdict;
}

static enum verdict transaction_commit(struct exchange *exchange)
{
    enum verdict verdict = offsets_send(exchange);
    unsigned attempt = 0;
    if (verdict != VERDICT_DONE) /* outputs without their positions would be put again */
        return verdict;
    do
        verdict = judge(exchange, "commit",
                        rd_kafka_commit_transaction(exchange->producer, KAFKA_WAIT_MS));
    while (verdict == VERDICT_AGAIN && ++attempt < RETRIES_MAX);
    return verdict;
}

/* At least once: every output is acknowledged before a position moves over its record. A producer
 * that gave one up is of no more use. */
static enum verdict outputs_commit(struct exchange *exchange)
{
    rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR__TIMED_OUT;
    for (unsigned attempt = 0; code && !exchange->is_unsent && attempt < RETRIES_MAX; attempt++)
        code = rd_kafka_flush(exchange->producer, KAFKA_WAIT_MS);
    if (code || exchange->is_unsent)
        return VERDICT_RENEW;
    rd_kafka_topic_partition_list_t *list = positions_list(exchange);
    if (list->cnt)
        code = rd_kafka_commit(exchange->consumer, list, 0);
    for (int index = 0; index < list->cnt && !code; index++)
        code = list->elems[index].err;
    rd_kafka_topic_partition_list_destroy(list);
    if (code)
        exchange->options.warn(exchange->options.context, "commit", rd_kafka_err2str(code));
    return code ? VERDICT_ABORT : VERDICT_DONE;
}

err_kind exchange_commit(struct exchange *exchange, bool *ret_is_committed, struct err_ctx *err)
{
    *ret_is_committed = !exchange->is_undone;
    if (!exchange->is_dirty && !exchange->is_open)
        return OK;
    *ret_is_committed = false;
    err_kind kind = transaction_begin(exchange, err);
    if (kind != OK || !exchange->is_open)
        return kind;
    enum verdict verdict = exchange->options.is_at_least_once ? outputs_commit(exchange)
                                                              : transaction_commit(exchange);
    if (verdict != VERDICT_DONE)
        return give_up(exchange, verdict, err);
    exchange->is_open = false;
    exchange->is_dirty = false;
    exchange->renewed = 0;
    exchange->counts.commits++;
    for (size_t index = 0; index < exchange->partition_count; index++)
        exchange->partitions[index].is_dirty = false;
    *ret_is_committed = true;
    exchange->options.committed(exchange->options.context);
    return OK;
}

rd_kafka_resp_err_t positions_ask(struct exchange *exchange, rd_kafka_topic_partition_list_t *list)
{
    uint64_t end_ns = clock_boot_ns() + ASK_NS;
    rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR_NO_ERROR;
    while (list->cnt) {
        code = rd_kafka_committed(exchange->consumer, list, KAFKA_WAIT_MS);
        for (int index = 0; index < list->cnt && !code; index++)
            code = list->elems[index].err;
        if (!code || clock_boot_ns() > end_ns)
            break;
        usleep(ASK_WAIT_US);
    }
    return code;
}

err_kind positions_rewind(struct exchange *exchange, struct err_ctx *err)
{
    if (exchange->message)
        rd_kafka_message_destroy(exchange->message);
    exchange->message = NULL;
    rd_kafka_topic_partition_list_t *list = partitions_list(exchange);
    rd_kafka_resp_err_t code = positions_ask(exchange, list);
    rd_kafka_error_t *error = NULL;
    for (int index = 0; index < list->cnt && !code; index++) {
        rd_kafka_topic_partition_t *place = &list->elems[index];
        struct partition *partition = &exchange->partitions[place->partition];
        bool is_known = place->offset >= 0;
        partition->taken = is_known ? place->offset - 1 : -1;
        partition->done = is_known ? place->offset : -1;
        partition->begin = partition->done;
        partition->is_placed = true;
        partition->end = -1;
        if (!is_known)
            place->offset = RD_KAFKA_OFFSET_BEGINNING;
    }
    for (unsigned attempt = 0; list->cnt && !code && attempt < SEEK_TRIES; attempt++) {
        error = rd_kafka_seek_partitions(exchange->consumer, list, KAFKA_WAIT_MS);
        rd_kafka_resp_err_t failure = RD_KAFKA_RESP_ERR_NO_ERROR;
        for (int index = 0; index < list->cnt && !error; index++)
            failure = list->elems[index].err ? list->elems[index].err : failure;
        if (failure != RD_KAFKA_RESP_ERR__STATE || attempt + 1 == SEEK_TRIES) {
            code = failure;
            break;
        }
        usleep(SEEK_WAIT_US); /* just assigned: not fetched from yet */
    }
    rd_kafka_topic_partition_list_destroy(list);
    err_kind kind = OK;
    exchange->is_undone = code || error;
    if (exchange->is_undone) {
        const char *why = error ? rd_kafka_error_string(error) : rd_kafka_err2str(code);
        exchange->options.warn(exchange->options.context, "rewind", why);
        if (++exchange->renewed > KAFKA_RENEWALS_MAX)
            kind = err_set(err, ERR_STATE, "going back to what is committed: %s", why);
    }
    if (error)
        rd_kafka_error_destroy(error);
    return kind;
}
