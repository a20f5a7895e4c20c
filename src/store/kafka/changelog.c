/* The topic of the owner's state: that it is there, compacted, with as many partitions as the
 * input; and how what it holds comes again.
 *
 * A partition's state is read with read_committed up to the end of the partition, and that is where
 * its log ends, not where its last decided transaction does: the positions of a transaction may be
 * known to the group a moment before the marks of the same transaction are in all its partitions,
 * and a transaction that nobody has decided is waited for. What comes after that end is of this
 * worker alone, since whoever had the partition before can commit no more.
 *
 * Where the log ends is also asked for at the start: a broker that has just taken a partition over
 * may give out less than was committed until its followers have caught up, but does not answer that
 * question before (Kafka's KIP-207). */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/clock.h"
#include "kafka/exchange.h"

#define POLL_MS       20
#define SILENCE_NS    120000000000ull /* a transaction of a worker that ended is open for 15 s */
#define METADATA_MS   100
#define ENDS_WAIT_MS  5000
#define POLICY_NAME   "cleanup.policy"
#define POLICY_WANTED "compact"

/* ---- the topic ---- */

/* A topic just made is known a moment later. */
static err_kind partitions_await(struct exchange *exchange, const char *topic, size_t *ret_count,
                                 struct err_ctx *err)
{
    uint64_t end_ns = clock_boot_ns() + KAFKA_WAIT_MS * 1000000ull;
    for (;;) {
        err_kind kind = client_partitions(exchange->consumer, topic, ret_count, err);
        if (kind != OK || *ret_count)
            return kind;
        if (clock_boot_ns() > end_ns)
            return err_set(err, ERR_SYSTEM, "topic '%s' was made and is not there", topic);
        rd_kafka_message_t *message = rd_kafka_consumer_poll(exchange->consumer, METADATA_MS);
        if (message) /* nothing is subscribed yet: an error at most */
            rd_kafka_message_destroy(message);
    }
}

static err_kind topic_make(struct exchange *exchange, size_t partition_count, struct err_ctx *err)
{
    char text[256] = "";
    rd_kafka_NewTopic_t *topic =
        rd_kafka_NewTopic_new(exchange->options.state, (int)partition_count, -1, text, sizeof text);
    if (!topic)
        return err_set(err, ERR_INPUT, "topic '%s': %s", exchange->options.state, text);
    rd_kafka_NewTopic_set_config(topic, POLICY_NAME, POLICY_WANTED);
    err_kind kind = client_topics_make(exchange->consumer, &topic, 1, err);
    rd_kafka_NewTopic_destroy(topic);
    return kind;
}

static err_kind policy_judge(struct exchange *exchange, const rd_kafka_ConfigResource_t *resource,
                             struct err_ctx *err)
{
    size_t count;
    const rd_kafka_ConfigEntry_t **entries = rd_kafka_ConfigResource_configs(resource, &count);
    for (size_t index = 0; index < count; index++) {
        const char *value = rd_kafka_ConfigEntry_value(entries[index]);
        if (strcmp(rd_kafka_ConfigEntry_name(entries[index]), POLICY_NAME) != 0 || !value)
            continue;
        if (strcmp(value, POLICY_WANTED) != 0)
            return err_set(err, ERR_INPUT,
                           "topic '%s' has " POLICY_NAME "=%s, and state must not be deleted by "
                           "age: expected " POLICY_WANTED,
                           exchange->options.state, value);
    }
    return OK;
}

/* A cluster that does not tell is taken at its word. */
static err_kind policy_check(struct exchange *exchange, struct err_ctx *err)
{
    rd_kafka_queue_t *queue = rd_kafka_queue_new(exchange->consumer);
    rd_kafka_AdminOptions_t *admin =
        rd_kafka_AdminOptions_new(exchange->consumer, RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS);
    rd_kafka_ConfigResource_t *asked =
        rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, exchange->options.state);
    rd_kafka_DescribeConfigs(exchange->consumer, &asked, 1, admin, queue);
    rd_kafka_event_t *event = rd_kafka_queue_poll(queue, KAFKA_WAIT_MS);
    const rd_kafka_ConfigResource_t **told = NULL;
    const char *why = event ? rd_kafka_event_error_string(event) : "no answer";
    size_t count = 0;
    err_kind kind = OK;
    if (event && !rd_kafka_event_error(event))
        told = rd_kafka_DescribeConfigs_result_resources(
            rd_kafka_event_DescribeConfigs_result(event), &count);
    if (told && count == 1 && rd_kafka_ConfigResource_error(told[0])) {
        why = rd_kafka_ConfigResource_error_string(told[0]);
        told = NULL;
    }
    if (told && count == 1)
        kind = policy_judge(exchange, told[0], err);
    else
        exchange->options.warn(exchange->options.context, "state_policy_unknown", why);
    if (event)
        rd_kafka_event_destroy(event);
    rd_kafka_ConfigResource_destroy(asked);
    rd_kafka_AdminOptions_destroy(admin);
    rd_kafka_queue_destroy(queue);
    return kind;
}

err_kind changelog_prepare(struct exchange *exchange, struct err_ctx *err)
{
    const char *input = exchange->options.input, *state = exchange->options.state;
    size_t wanted = 0, count = 0;
    /* an input that is missing is made, as its writer would make it */
    err_kind kind = client_topics(exchange->consumer, &input, 1, err);
    if (kind == OK)
        kind = partitions_await(exchange, input, &wanted, err);
    if (kind == OK)
        kind = client_partitions(exchange->consumer, state, &count, err);
    if (kind == OK && !count)
        kind = topic_make(exchange, wanted, err);
    if (kind == OK && !count)
        kind = partitions_await(exchange, state, &count, err);
    if (kind == OK && count != wanted)
        kind = err_set(err, ERR_INPUT,
                       "topic '%s' has %zu partitions and its input '%s' has %zu: what is known of "
                       "a key would lie elsewhere than its records",
                       state, count, input, wanted);
    exchange->changelog.partition_count = count;
    return kind == OK ? policy_check(exchange, err) : kind;
}

/* ---- coming again ---- */

void changelog_void(struct exchange *exchange)
{
    for (size_t index = 0; index < exchange->partition_count; index++)
        if (exchange->partitions[index].is_assigned)
            exchange->partitions[index].is_stale = true;
    exchange->changelog.is_begun = exchange->changelog.is_whole = false;
}

static void message_drop(struct changelog *changelog)
{
    if (changelog->message)
        rd_kafka_message_destroy(changelog->message);
    changelog->message = NULL;
}

void changelog_close(struct exchange *exchange)
{
    struct changelog *changelog = &exchange->changelog;
    message_drop(changelog);
    if (changelog->consumer) {
        rd_kafka_consumer_close(changelog->consumer);
        rd_kafka_destroy(changelog->consumer);
    }
    changelog->consumer = NULL;
}

static err_kind reader_open(struct exchange *exchange, struct err_ctx *err)
{
    const struct property own[] = {
        {"bootstrap.servers", exchange->options.brokers},
        {"client.id", "picket"},
        {"group.id", "picket-state"}, /* asked for by the library; nothing is joined */
        {"enable.auto.commit", "false"},
        {"enable.auto.offset.store", "false"},
        {"isolation.level", "read_committed"},
        {"auto.offset.reset", "earliest"},
        {"enable.partition.eof", "true"},
        {"allow.auto.create.topics", "false"},
    };
    rd_kafka_conf_t *conf;
    err_kind kind = client_conf(own, sizeof own / sizeof *own, exchange->options.properties,
                                exchange->options.property_count, &conf, err);
    if (kind == OK)
        kind = client_make(RD_KAFKA_CONSUMER, conf, &exchange->changelog.consumer, err);
    if (kind == OK)
        rd_kafka_poll_set_consumer(exchange->changelog.consumer);
    return kind;
}

/* Where the group stands: known once no transaction about it is undecided. */
static err_kind positions_learn(struct exchange *exchange, rd_kafka_topic_partition_list_t *list,
                                struct err_ctx *err)
{
    rd_kafka_resp_err_t code = positions_ask(exchange, list);
    for (int index = 0; index < list->cnt && !code; index++) {
        struct partition *partition = &exchange->partitions[list->elems[index].partition];
        if (partition->done < 0 && list->elems[index].offset >= 0)
            partition->done = list->elems[index].offset;
    }
    return code ? err_set(err, ERR_STATE, "asking where the group stands: %s",
                          rd_kafka_err2str(code))
                : OK;
}

/* Where each partition in the list ends. */
static rd_kafka_resp_err_t ends_ask(struct exchange *exchange,
                                    rd_kafka_topic_partition_list_t *list)
{
    for (int index = 0; index < list->cnt; index++)
        list->elems[index].offset = RD_KAFKA_OFFSET_END;
    rd_kafka_resp_err_t code =
        rd_kafka_offsets_for_times(exchange->changelog.consumer, list, ENDS_WAIT_MS);
    for (int index = 0; index < list->cnt && !code; index++) {
        const rd_kafka_topic_partition_t *place = &list->elems[index];
        code = place->err;
        exchange->partitions[place->partition].state_end = place->offset;
    }
    return code;
}

/* OK without is_reading: a partition's leader has just gone, and there is no other one yet. */
static err_kind reading_begin(struct exchange *exchange, struct err_ctx *err)
{
    struct changelog *changelog = &exchange->changelog;
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(8);
    for (size_t index = 0; index < changelog->partition_count; index++)
        if (exchange->partitions[index].is_restoring)
            rd_kafka_topic_partition_list_add(list, exchange->options.state, (int32_t)index);
    rd_kafka_resp_err_t code = ends_ask(exchange, list), failure = RD_KAFKA_RESP_ERR_NO_ERROR;
    for (int index = 0; index < list->cnt; index++) {
        list->elems[index].offset = RD_KAFKA_OFFSET_BEGINNING;
        list->elems[index].err = RD_KAFKA_RESP_ERR_NO_ERROR;
    }
    if (code)
        exchange->options.warn(exchange->options.context, "state_end", rd_kafka_err2str(code));
    else
        failure = rd_kafka_assign(changelog->consumer, list);
    rd_kafka_topic_partition_list_destroy(list);
    changelog->is_reading = !code && !failure;
    return failure ? err_set(err, ERR_SYSTEM, "topic '%s': %s", exchange->options.state,
                             rd_kafka_err2str(failure))
                   : OK;
}

static err_kind restore_begin(struct exchange *exchange, struct err_ctx *err)
{
    struct changelog *changelog = &exchange->changelog;
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(8);
    err_kind kind = OK;
    message_drop(changelog);
    for (size_t index = 0; index < exchange->partition_count; index++) {
        struct partition *partition = &exchange->partitions[index];
        partition->is_restoring =
            partition->is_assigned && (partition->is_stale || partition->is_restoring);
        partition->is_stale = false;
        if (!partition->is_restoring)
            continue;
        rd_kafka_topic_partition_list_add(list, exchange->options.input, (int32_t)index);
        if (index >= changelog->partition_count)
            kind = err_set(err, ERR_INPUT,
                           "topic '%s' has grown to more partitions than its state's topic '%s'",
                           exchange->options.input, exchange->options.state);
    }
    changelog->left = (size_t)list->cnt;
    changelog->forgotten = -1;
    changelog->is_begun = true;
    changelog->is_reading = false;
    changelog->heard_ns = clock_boot_ns();
    if (kind == OK && changelog->left)
        kind = positions_learn(exchange, list, err);
    rd_kafka_topic_partition_list_destroy(list);
    return kind == OK && !changelog->consumer ? reader_open(exchange, err) : kind;
}

/* The partition whose state the owner is to forget next; -1: all have been. */
static int32_t forget_next(const struct exchange *exchange)
{
    const struct changelog *changelog = &exchange->changelog;
    for (size_t index = (size_t)((int64_t)changelog->forgotten + 1);
         index < changelog->partition_count; index++)
        if (exchange->partitions[index].is_restoring)
            return (int32_t)index;
    return -1;
}

static void end_seen(struct exchange *exchange, const rd_kafka_message_t *message)
{
    int64_t low, high;
    struct partition *partition = &exchange->partitions[message->partition];
    if (rd_kafka_get_watermark_offsets(exchange->changelog.consumer, exchange->options.state,
                                       message->partition, &low, &high) ||
        message->offset < high || message->offset < partition->state_end)
        return; /* a transaction is undecided there: the end comes again behind it */
    exchange->changelog.left -= partition->is_restoring;
    partition->is_restoring = false;
}

/* Keeps the message when it is state. */
static err_kind message_judge(struct exchange *exchange, rd_kafka_message_t *message,
                              struct err_ctx *err)
{
    struct changelog *changelog = &exchange->changelog;
    bool is_wanted = message->partition >= 0 &&
                     (size_t)message->partition < changelog->partition_count &&
                     exchange->partitions[message->partition].is_restoring;
    err_kind kind = OK;
    if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR &&
        message->err != RD_KAFKA_RESP_ERR__PARTITION_EOF)
        exchange->options.warn(exchange->options.context, rd_kafka_err2name(message->err),
                               rd_kafka_message_errstr(message));
    else
        changelog->heard_ns = clock_boot_ns();
    if (is_wanted && message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF)
        end_seen(exchange, message);
    if (is_wanted && !message->err && exchange->partitions[message->partition].done < 0)
        kind = err_set(err, ERR_STATE,
                       "topic '%s' holds state of partition %d, where group '%s' has no position: "
                       "it would be counted twice; delete that topic, or set the position",
                       exchange->options.state, (int)message->partition, exchange->options.group);
    else if (is_wanted && !message->err && message->key)
        changelog->message = message;
    if (changelog->message != message)
        rd_kafka_message_destroy(message);
    return kind;
}

static err_kind state_read(struct exchange *exchange, struct err_ctx *err)
{
    struct changelog *changelog = &exchange->changelog;
    err_kind kind = changelog->left && !changelog->is_reading ? reading_begin(exchange, err) : OK;
    while (kind == OK && changelog->left && !changelog->message) {
        rd_kafka_message_t *message =
            changelog->is_reading ? rd_kafka_consumer_poll(changelog->consumer, POLL_MS) : NULL;
        if (message)
            kind = message_judge(exchange, message, err);
        else if (clock_boot_ns() - changelog->heard_ns > SILENCE_NS)
            return err_set(err, ERR_SYSTEM, "topic '%s': its end does not come",
                           exchange->options.state);
        else
            return OK;
    }
    if (kind == OK && !changelog->left) {
        rd_kafka_assign(changelog->consumer, NULL);
        changelog->is_whole = true;
    }
    return kind;
}

err_kind exchange_state_peek(struct exchange *exchange, struct exchange_state *ret,
                             bool *ret_is_there, bool *ret_is_whole, struct err_ctx *err)
{
    struct changelog *changelog = &exchange->changelog;
    err_kind kind = OK;
    *ret_is_there = false;
    *ret_is_whole = changelog->is_whole;
    if (changelog->is_whole)
        return OK;
    if (!changelog->is_begun)
        kind = restore_begin(exchange, err);
    if (kind != OK)
        return kind;
    int32_t forgotten = forget_next(exchange);
    if (forgotten >= 0) {
        *ret = (struct exchange_state){.partition = forgotten};
        *ret_is_there = true;
        return OK;
    }
    kind = state_read(exchange, err);
    *ret_is_whole = kind == OK && changelog->is_whole;
    if (kind != OK || !changelog->message)
        return kind;
    *ret = (struct exchange_state){
        .partition = changelog->message->partition,
        .key = span_of(changelog->message->key, changelog->message->key_len),
        .value = span_of(changelog->message->payload, changelog->message->len)};
    *ret_is_there = true;
    return OK;
}

void exchange_state_next(struct exchange *exchange)
{
    struct changelog *changelog = &exchange->changelog;
    if (changelog->message)
        message_drop(changelog);
    else
        changelog->forgotten = forget_next(exchange);
}
