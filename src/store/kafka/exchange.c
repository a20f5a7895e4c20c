#include "kafka/exchange.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define QUEUE_WAIT_MS 100
#define QUEUE_TRIES   600

err_kind exchange_open(const struct exchange_options *options, struct exchange **ret,
                       struct err_ctx *err)
{
    struct exchange *exchange = calloc(1, sizeof *exchange);
    *ret = NULL;
    if (!exchange || options->output_count + (options->state != NULL) > KAFKA_OUTPUTS_MAX) {
        free(exchange);
        return err_set(err, ERR_LIMIT, "no room for the exchange");
    }
    exchange->options = *options;
    for (size_t index = 0; index < options->output_count; index++)
        exchange->output_names[index] = options->outputs[index];
    exchange->options.outputs = NULL;
    if (options->state) {
        exchange->state_output = exchange->options.output_count++;
        exchange->output_names[exchange->state_output] = options->state;
    }
    exchange->event_fds[0] = exchange->event_fds[1] = -1;
    exchange->partition_count = KAFKA_PARTITIONS_MAX;
    exchange->partitions = calloc(exchange->partition_count, sizeof *exchange->partitions);
    err_kind kind = exchange->partitions ? OK : err_set(err, ERR_SYSTEM, "partitions");
    if (kind == OK)
        kind = consumer_open(exchange, err);
    if (kind == OK)
        kind = topics_prepare(exchange, err);
    if (kind == OK)
        kind = producer_open(exchange, err);
    if (kind == OK)
        kind = consumer_subscribe(exchange, err);
    if (kind != OK)
        exchange_close(exchange);
    else
        *ret = exchange;
    return kind;
}

void exchange_close(struct exchange *exchange)
{
    if (!exchange)
        return;
    if (exchange->message)
        rd_kafka_message_destroy(exchange->message);
    exchange->message = NULL;
    if (exchange->is_open && !exchange->options.is_at_least_once)
        rd_kafka_error_destroy(rd_kafka_abort_transaction(exchange->producer, KAFKA_WAIT_MS));
    exchange->is_open = exchange->is_dirty = false;
    changelog_close(exchange);
    consumer_close(exchange);
    producer_close(exchange);
    for (size_t index = 0; index < 2; index++)
        if (exchange->event_fds[index] >= 0)
            close(exchange->event_fds[index]);
    free(exchange->partitions);
    free(exchange);
}

int exchange_fd(const struct exchange *exchange)
{
    return exchange->event_fds[0];
}

uint64_t exchange_epoch(const struct exchange *exchange)
{
    return exchange->epoch;
}

struct exchange_counts exchange_counts(const struct exchange *exchange)
{
    return exchange->counts;
}

/* The assigned partitions; the caller's. */
rd_kafka_topic_partition_list_t *partitions_list(const struct exchange *exchange)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(8);
    for (size_t index = 0; index < exchange->partition_count; index++)
        if (exchange->partitions[index].is_assigned)
            rd_kafka_topic_partition_list_add(list, exchange->options.input, (int32_t)index);
    return list;
}

/* ---- taking ---- */

/* The group refuses this member for good: a broker that lost its memory of it does that, as does
 * another worker of the same name. It joins anew, as often as that may help. */
static err_kind member_renew(struct exchange *exchange, struct err_ctx *err)
{
    char text[512];
    rd_kafka_fatal_error(exchange->consumer, text, sizeof text);
    exchange->options.warn(exchange->options.context, "member", text);
    if (++exchange->renewed > KAFKA_RENEWALS_MAX)
        return err_set(err, ERR_STATE, "Kafka: %s", text);
    err_kind kind = transaction_undo(exchange, err);
    if (kind != OK)
        return kind;
    consumer_close(exchange);
    kind = consumer_open(exchange, err);
    return kind == OK ? consumer_subscribe(exchange, err) : kind;
}

/* A record of this assignment that was not taken before. */
static bool is_new(struct exchange *exchange, const rd_kafka_message_t *message)
{
    if (message->partition < 0 || (size_t)message->partition >= exchange->partition_count)
        return false;
    struct partition *partition = &exchange->partitions[message->partition];
    if (!partition->is_assigned)
        return false; /* of an assignment that has ended */
    gap_look(exchange, message->partition, message->offset);
    if (message->offset <= partition->taken) {
        exchange->counts.refused++;
        return false;
    }
    rd_kafka_timestamp_type_t type;
    partition->taken = message->offset;
    partition->taken_ms = rd_kafka_message_timestamp(message, &type);
    return true;
}

static void end_seen(struct exchange *exchange, const rd_kafka_message_t *message)
{
    if (message->partition < 0 || (size_t)message->partition >= exchange->partition_count ||
        !exchange->partitions[message->partition].is_assigned)
        return;
    if (!exchange->is_undone)
        gap_look(exchange, message->partition, message->offset);
    exchange->partitions[message->partition].end = message->offset;
}

static err_kind message_take(struct exchange *exchange, bool *ret_is_more, struct err_ctx *err)
{
    rd_kafka_message_t *message = rd_kafka_consumer_poll(exchange->consumer, 0);
    *ret_is_more = message;
    if (!message)
        return OK;
    if (message->err == RD_KAFKA_RESP_ERR__FATAL) {
        rd_kafka_message_destroy(message);
        return member_renew(exchange, err);
    }
    if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF)
        end_seen(exchange, message);
    else if (message->err)
        exchange->options.warn(exchange->options.context, rd_kafka_err2name(message->err),
                               rd_kafka_message_errstr(message));
    if (!message->err && !exchange->is_undone && is_new(exchange, message))
        exchange->message = message;
    else
        rd_kafka_message_destroy(message);
    return OK;
}

err_kind exchange_peek(struct exchange *exchange, struct exchange_record *ret, bool *ret_is_there,
                       struct err_ctx *err)
{
    char drained[64];
    bool is_more = true;
    err_kind kind = OK;
    *ret_is_there = false;
    if (!exchange->message)
        while (read(exchange->event_fds[0], drained, sizeof drained) > 0) {
        }
    while (kind == OK && is_more && (!exchange->message || exchange->is_undone)) {
        if (exchange->is_undone)
            kind = positions_rewind(exchange, err);
        if (kind == OK)
            kind = message_take(exchange, &is_more, err);
    }
    if (kind != OK || !exchange->message)
        return kind;
    const rd_kafka_message_t *message = exchange->message;
    rd_kafka_timestamp_type_t type;
    *ret = (struct exchange_record){.partition = message->partition,
                                    .offset = message->offset,
                                    .time_ms = rd_kafka_message_timestamp(message, &type),
                                    .payload = span_of(message->payload, message->len)};
    *ret_is_there = true;
    return OK;
}

void exchange_next(struct exchange *exchange)
{
    rd_kafka_message_destroy(exchange->message);
    exchange->message = NULL;
}

/* ---- giving ---- */

static err_kind output_put(struct exchange *exchange, size_t output, int32_t partition, span key,
                           span value, struct err_ctx *err)
{
    err_kind kind = transaction_begin(exchange, err);
    if (kind != OK || !exchange->is_open)
        return kind;
    for (unsigned attempt = 0; attempt < QUEUE_TRIES; attempt++) {
        if (rd_kafka_produce(exchange->outputs[output], partition, RD_KAFKA_MSG_F_COPY,
                             (void *)(uintptr_t)value.data, value.len, key.data, key.len,
                             NULL) == 0) {
            exchange->is_dirty = true;
            return OK;
        }
        rd_kafka_resp_err_t code = rd_kafka_last_error();
        if (code == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE)
            return err_set(err, ERR_LIMIT, "a message of %zu bytes is over message.max.bytes",
                           value.len);
        if (code != RD_KAFKA_RESP_ERR__QUEUE_FULL)
            break;
        rd_kafka_poll(exchange->producer, QUEUE_WAIT_MS);
    }
    exchange->options.warn(exchange->options.context, "produce",
                           rd_kafka_err2str(rd_kafka_last_error()));
    return transaction_undo(exchange, err);
}

err_kind exchange_put(struct exchange *exchange, size_t output, span key, span value,
                      struct err_ctx *err)
{
    return output_put(exchange, output, RD_KAFKA_PARTITION_UA, key, value, err);
}

err_kind exchange_state_put(struct exchange *exchange, int32_t number, span key, span value,
                            struct err_ctx *err)
{
    if (number < 0 || (size_t)number >= exchange->changelog.partition_count ||
        !exchange->partitions[number].is_assigned)
        return err_set(err, ERR_STATE, "state of partition %d, which is not assigned", (int)number);
    struct partition *partition = &exchange->partitions[number];
    err_kind kind = output_put(exchange, exchange->state_output, number, key, value, err);
    if (kind == OK && exchange->is_open && partition->done >= 0)
        partition->is_dirty = true; /* its position goes along, and with it who we are */
    return kind;
}

err_kind exchange_undo(struct exchange *exchange, struct err_ctx *err)
{
    return transaction_undo(exchange, err);
}

void exchange_done(struct exchange *exchange, int32_t partition, int64_t offset)
{
    if (partition < 0 || (size_t)partition >= exchange->partition_count ||
        !exchange->partitions[partition].is_assigned)
        return;
    exchange->partitions[partition].done = offset + 1;
    exchange->partitions[partition].is_dirty = true;
    exchange->is_dirty = true;
}

int32_t exchange_level_next(const struct exchange *exchange, int32_t after)
{
    for (size_t index = (size_t)((int64_t)after + 1); index < exchange->partition_count; index++) {
        const struct partition *partition = &exchange->partitions[index];
        bool is_shown = exchange->message && exchange->message->partition == (int32_t)index;
        if (partition->is_assigned && partition->end >= 0 && partition->taken < partition->end &&
            !exchange->is_undone && !is_shown)
            return (int32_t)index;
    }
    return -1;
}

/* ---- lag ---- */

static bool partition_is_level(const struct partition *partition)
{
    return partition->done < 0 ? partition->taken < 0 : partition->taken < partition->done;
}

/* Records that wait in a partition; -1: not known yet. Offsets without a record (marks of
 * transactions) do not count once all before them has been taken. */
static int64_t partition_waiting(struct exchange *exchange, size_t number)
{
    const struct partition *partition = &exchange->partitions[number];
    int64_t position = partition->done, low, high;
    if (rd_kafka_get_watermark_offsets(exchange->consumer, exchange->options.input, (int32_t)number,
                                       &low, &high) ||
        high < 0)
        return -1;
    if (partition_is_level(partition) && partition->end > position)
        position = partition->end;
    else if (position < 0 && partition->taken >= 0) /* the first ones are under way */
        position = partition->begin >= 0 ? partition->begin : low;
    if (position < 0)
        return -1;
    return high > position ? high - position : 0;
}

struct exchange_lag exchange_lag(struct exchange *exchange, uint64_t now_boot_ns,
                                 int64_t now_wall_ms)
{
    struct exchange_lag lag = {.is_known = true};
    for (size_t index = 0; index < exchange->partition_count; index++) {
        struct partition *partition = &exchange->partitions[index];
        if (!partition->is_assigned)
            continue;
        int64_t waiting = partition_waiting(exchange, index);
        lag.is_known &= waiting >= 0;
        if (waiting <= 0) {
            partition->level_ns = now_boot_ns;
            continue;
        }
        uint64_t wait_ms = (now_boot_ns - partition->level_ns) / 1000000;
        if (partition->taken_ms >= 0 && now_wall_ms - partition->taken_ms < (int64_t)wait_ms)
            wait_ms = now_wall_ms > partition->taken_ms
                          ? (uint64_t)(now_wall_ms - partition->taken_ms)
                          : 0;
        lag.messages += (uint64_t)waiting;
        lag.wait_ms = wait_ms > lag.wait_ms ? wait_ms : lag.wait_ms;
    }
    return lag;
}

size_t exchange_partitions(const struct exchange *exchange)
{
    size_t count = 0;
    for (size_t index = 0; index < exchange->partition_count; index++)
        count += exchange->partitions[index].is_assigned;
    return count;
}
