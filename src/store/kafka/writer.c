/* A transactional producer without a consumer. */
#include <stdlib.h>

#include "kafka/client.h"

#define RETRIES_MAX 5
#define QUEUE_TRIES 300
#define QUEUE_MS    100

struct kafka_writer {
    rd_kafka_t *producer;
    bool is_open; /* a transaction */
};

/* Takes the error over; true: call again. */
static bool is_again(rd_kafka_error_t *error, unsigned *attempts, const char *what, err_kind *ret,
                     struct err_ctx *err)
{
    *ret = OK;
    if (!error)
        return false;
    bool is_retriable = rd_kafka_error_is_retriable(error) && ++*attempts < RETRIES_MAX;
    *ret = err_set(err, ERR_STATE, "Kafka: %s: %s", what, rd_kafka_error_string(error));
    rd_kafka_error_destroy(error);
    return is_retriable;
}

err_kind kafka_writer_open(const struct kafka_cluster *cluster, const char *id,
                           const char *const *topics, size_t topic_count, struct kafka_writer **ret,
                           struct err_ctx *err)
{
    const struct property own[] = {
        {"bootstrap.servers", cluster->brokers},
        {"client.id", "picket"},
        {"transactional.id", id},
        {"transaction.timeout.ms", "30000"},
        {"message.timeout.ms", "20000"},
        {"compression.codec", "zstd"},
    };
    rd_kafka_conf_t *conf;
    unsigned attempts = 0;
    struct kafka_writer *writer = calloc(1, sizeof *writer);
    *ret = NULL;
    if (!writer)
        return err_set(err, ERR_LIMIT, "Kafka: no memory");
    err_kind kind = client_conf(own, sizeof own / sizeof *own, cluster->properties,
                                cluster->property_count, &conf, err);
    if (kind == OK)
        kind = client_make(RD_KAFKA_PRODUCER, conf, &writer->producer, err);
    if (kind == OK)
        kind = client_topics(writer->producer, topics, topic_count, err);
    if (kind == OK)
        while (is_again(rd_kafka_init_transactions(writer->producer, KAFKA_WAIT_MS), &attempts,
                        "start of transactions", &kind, err)) {
        }
    if (kind != OK)
        kafka_writer_close(writer);
    else
        *ret = writer;
    return kind;
}

void kafka_writer_close(struct kafka_writer *writer)
{
    if (!writer)
        return;
    if (writer->is_open) {
        rd_kafka_error_t *error = rd_kafka_abort_transaction(writer->producer, KAFKA_WAIT_MS);
        if (error)
            rd_kafka_error_destroy(error);
    }
    if (writer->producer)
        rd_kafka_destroy(writer->producer);
    free(writer);
}

err_kind kafka_writer_put(struct kafka_writer *writer, const char *topic, int32_t partition,
                          span key, span value, struct err_ctx *err)
{
    unsigned attempts = 0;
    err_kind kind = OK;
    if (!writer->is_open)
        is_again(rd_kafka_begin_transaction(writer->producer), &attempts, "begin", &kind, err);
    if (kind != OK)
        return kind;
    writer->is_open = true;
    rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR__QUEUE_FULL;
    for (unsigned turn = 0; turn < QUEUE_TRIES && code == RD_KAFKA_RESP_ERR__QUEUE_FULL; turn++) {
        code = rd_kafka_producev(
            writer->producer, RD_KAFKA_V_TOPIC(topic),
            RD_KAFKA_V_PARTITION(partition < 0 ? RD_KAFKA_PARTITION_UA : partition),
            RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
            RD_KAFKA_V_KEY((void *)(uintptr_t)key.data, key.len),
            RD_KAFKA_V_VALUE((void *)(uintptr_t)value.data, value.len), RD_KAFKA_V_END);
        if (code == RD_KAFKA_RESP_ERR__QUEUE_FULL)
            rd_kafka_poll(writer->producer, QUEUE_MS);
    }
    if (code == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE)
        return err_set(err, ERR_LIMIT, "a message of %zu bytes is over message.max.bytes",
                       value.len);
    return code ? err_set(err, ERR_STATE, "topic '%s': %s", topic, rd_kafka_err2str(code)) : OK;
}

err_kind kafka_writer_commit(struct kafka_writer *writer, struct err_ctx *err)
{
    unsigned attempts = 0;
    err_kind kind = OK;
    if (!writer->is_open)
        return OK;
    while (is_again(rd_kafka_commit_transaction(writer->producer, KAFKA_WAIT_MS), &attempts,
                    "commit", &kind, err)) {
    }
    writer->is_open = kind != OK;
    return kind;
}
