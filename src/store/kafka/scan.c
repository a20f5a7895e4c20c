/* A topic looked through from its beginning to its end, outside of any group. */
#include <stdlib.h>

#include "core/clock.h"
#include "kafka/client.h"

#define POLL_MS 200

struct scan {
    rd_kafka_t *consumer;
    const char *topic;
    int64_t *ends; /* by partition: records from there on came after the start; -1: ended */
    size_t partition_count;
    size_t left; /* partitions that have not ended */
};

static err_kind scan_open(struct scan *scan, const struct kafka_cluster *cluster,
                          struct err_ctx *err)
{
    const struct property own[] = {
        {"bootstrap.servers", cluster->brokers},
        {"client.id", "picket"},
        {"group.id", "picket-scan"}, /* asked for by the library; nothing is joined */
        {"enable.auto.commit", "false"},
        {"enable.auto.offset.store", "false"},
        {"isolation.level", "read_committed"},
        {"enable.partition.eof", "true"},
        {"allow.auto.create.topics", "false"},
    };
    rd_kafka_conf_t *conf;
    err_kind kind = client_conf(own, sizeof own / sizeof *own, cluster->properties,
                                cluster->property_count, &conf, err);
    if (kind == OK)
        kind = client_make(RD_KAFKA_CONSUMER, conf, &scan->consumer, err);
    if (kind == OK)
        rd_kafka_poll_set_consumer(scan->consumer);
    return kind;
}

static err_kind partitions_count(struct scan *scan, struct err_ctx *err)
{
    size_t count;
    err_kind kind = client_partitions(scan->consumer, scan->topic, &count, err);
    if (kind != OK)
        return kind;
    if (count == 0)
        return err_set(err, ERR_INPUT, "there is no topic '%s'", scan->topic);
    scan->partition_count = scan->left = count;
    scan->ends = calloc(count, sizeof *scan->ends);
    return scan->ends ? OK : err_set(err, ERR_LIMIT, "topic '%s': no memory", scan->topic);
}

static void partition_ended(struct scan *scan, size_t number)
{
    scan->left -= scan->ends[number] >= 0;
    scan->ends[number] = -1;
}

/* A topic just made, or one whose leader has just gone, answers a moment later. */
static rd_kafka_resp_err_t end_ask(const struct scan *scan, size_t number, int64_t *ret_low,
                                   int64_t *ret_end)
{
    uint64_t end_ns = clock_boot_ns() + KAFKA_WAIT_MS * 1000000ull;
    for (;;) {
        rd_kafka_resp_err_t code = rd_kafka_query_watermark_offsets(
            scan->consumer, scan->topic, (int32_t)number, ret_low, ret_end, KAFKA_WAIT_MS);
        if (!code || clock_boot_ns() > end_ns)
            return code;
        rd_kafka_message_t *message = rd_kafka_consumer_poll(scan->consumer, POLL_MS);
        if (message) /* nothing is assigned yet: an error at most */
            rd_kafka_message_destroy(message);
    }
}

static err_kind ends_ask(struct scan *scan, struct err_ctx *err)
{
    for (size_t index = 0; index < scan->partition_count; index++) {
        int64_t low;
        rd_kafka_resp_err_t code = end_ask(scan, index, &low, &scan->ends[index]);
        if (code)
            return err_set(err, ERR_SYSTEM, "topic '%s': %s", scan->topic, rd_kafka_err2str(code));
        if (low >= scan->ends[index])
            partition_ended(scan, index);
    }
    return OK;
}

static err_kind partitions_assign(struct scan *scan, struct err_ctx *err)
{
    rd_kafka_topic_partition_list_t *list =
        rd_kafka_topic_partition_list_new((int)scan->partition_count);
    for (size_t index = 0; index < scan->partition_count; index++)
        rd_kafka_topic_partition_list_add(list, scan->topic, (int32_t)index)->offset =
            RD_KAFKA_OFFSET_BEGINNING;
    rd_kafka_resp_err_t code = rd_kafka_assign(scan->consumer, list);
    rd_kafka_topic_partition_list_destroy(list);
    return code ? err_set(err, ERR_SYSTEM, "topic '%s': %s", scan->topic, rd_kafka_err2str(code))
                : OK;
}

static err_kind message_visit(struct scan *scan, const rd_kafka_message_t *message,
                              kafka_visit visit, void *context, struct err_ctx *err)
{
    size_t number = (size_t)message->partition;
    bool is_end = message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF;
    if ((message->err && !is_end) || number >= scan->partition_count)
        return OK; /* what does not mend itself ends by the deadline */
    if (is_end || message->offset >= scan->ends[number]) {
        partition_ended(scan, number);
        return OK;
    }
    const struct kafka_record record = {.partition = message->partition,
                                        .offset = message->offset,
                                        .key = span_of(message->key, message->key_len),
                                        .value = span_of(message->payload, message->len)};
    return visit(context, &record, err);
}

static err_kind messages_visit(struct scan *scan, kafka_visit visit, void *context,
                               struct err_ctx *err)
{
    uint64_t heard_ns = clock_boot_ns();
    err_kind kind = OK;
    while (kind == OK && scan->left) {
        rd_kafka_message_t *message = rd_kafka_consumer_poll(scan->consumer, POLL_MS);
        uint64_t now_ns = clock_boot_ns();
        if (message && (!message->err || message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF))
            heard_ns = now_ns;
        else if (now_ns - heard_ns > KAFKA_WAIT_MS * 1000000ull)
            kind = err_set(err, ERR_SYSTEM, "topic '%s': no answer from the cluster", scan->topic);
        if (message && kind == OK)
            kind = message_visit(scan, message, visit, context, err);
        if (message)
            rd_kafka_message_destroy(message);
    }
    return kind;
}

err_kind kafka_scan(const struct kafka_cluster *cluster, const char *topic, kafka_visit visit,
                    void *context, struct err_ctx *err)
{
    struct scan scan = {.topic = topic};
    err_kind kind = scan_open(&scan, cluster, err);
    if (kind == OK)
        kind = partitions_count(&scan, err);
    if (kind == OK)
        kind = ends_ask(&scan, err);
    if (kind == OK)
        kind = partitions_assign(&scan, err);
    if (kind == OK)
        kind = messages_visit(&scan, visit, context, err);
    if (scan.consumer) {
        rd_kafka_consumer_close(scan.consumer);
        rd_kafka_destroy(scan.consumer);
    }
    free(scan.ends);
    return kind;
}
