/* The two clients of an exchange, and the topics that they need. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/cleanup.h"
#include "kafka/exchange.h"

/* Below it, cooperative assignment can hang or lose partitions. */
#define VERSION_COOPERATIVE 0x020a01ff
#define PROPERTY_BYTES_MAX  4096

struct property {
    const char *key;
    const char *value;
};

static bool is_cooperative(void)
{
    return rd_kafka_version() >= VERSION_COOPERATIVE;
}

const char *kafka_version(const char **ret_advice)
{
    *ret_advice = is_cooperative() ? NULL
                                   : "librdkafka below 2.10.1 has known faults in cooperative "
                                     "rebalancing: partitions are assigned by range";
    return rd_kafka_version_str();
}

/* ---- properties ---- */

static err_kind property_set(rd_kafka_conf_t *conf, const char *key, const char *value,
                             struct err_ctx *err)
{
    char text[256];
    if (rd_kafka_conf_set(conf, key, value, text, sizeof text) == RD_KAFKA_CONF_OK)
        return OK;
    return err_set(err, ERR_INPUT, "Kafka property %s: %s", key, text);
}

static err_kind properties_set(rd_kafka_conf_t *conf, const struct property *properties,
                               size_t count, struct err_ctx *err)
{
    err_kind kind = OK;
    for (size_t index = 0; index < count && kind == OK; index++)
        if (properties[index].value)
            kind = property_set(conf, properties[index].key, properties[index].value, err);
    return kind;
}

/* What the guarantees rest on is not the user's to set. */
static bool is_ours(const char *key)
{
    static const char *const names[] = {"bootstrap.servers",
                                        "group.id",
                                        "group.instance.id",
                                        "enable.auto.commit",
                                        "isolation.level",
                                        "enable.idempotence",
                                        "transactional.id",
                                        "enable.auto.offset.store",
                                        "acks",
                                        "auto.offset.reset",
                                        "request.required.acks"};
    for (size_t index = 0; index < sizeof names / sizeof *names; index++)
        if (strcmp(names[index], key) == 0)
            return true;
    return false;
}

/* A property that only the other client knows is none of this one's business. */
static err_kind user_property_set(rd_kafka_conf_t *conf, const char *text, struct err_ctx *err)
{
    char key[PROPERTY_BYTES_MAX], why[256];
    const char *equals = strchr(text, '=');
    size_t len = equals ? (size_t)(equals - text) : 0;
    if (len == 0 || len >= sizeof key)
        return err_set(err, ERR_INPUT, "Kafka property '%s': expected NAME=VALUE", text);
    memcpy(key, text, len);
    key[len] = 0;
    if (is_ours(key))
        return err_set(err, ERR_INPUT,
                       "Kafka property %s is fixed: exactly-once delivery depends on it", key);
    if (rd_kafka_conf_set(conf, key, equals + 1, why, sizeof why) == RD_KAFKA_CONF_OK)
        return OK;
    return err_set(err, ERR_INPUT, "Kafka property %s: %s", key, why);
}

/* Called from rd_kafka_poll and consumer_poll only, so on the owner's thread. */
static void error_seen(rd_kafka_t *client, int code, const char *reason, void *opaque)
{
    const struct exchange *exchange = opaque;
    (void)client;
    exchange->options.warn(exchange->options.context, rd_kafka_err2name(code), reason);
}

static void log_seen(const rd_kafka_t *client, int level, const char *facility, const char *text)
{
    (void)client;
    (void)level;
    (void)facility;
    (void)text; /* from the library's own threads; what matters comes through error_seen */
}

static err_kind conf_make(struct exchange *exchange, const struct property *own, size_t count,
                          rd_kafka_conf_t **ret, struct err_ctx *err)
{
    const struct exchange_options *options = &exchange->options;
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_conf_set_opaque(conf, exchange);
    rd_kafka_conf_set_error_cb(conf, error_seen);
    rd_kafka_conf_set_log_cb(conf, log_seen);
    err_kind kind = properties_set(conf, own, count, err);
    for (size_t index = 0; index < options->property_count && kind == OK; index++)
        kind = user_property_set(conf, options->properties[index], err);
    if (kind != OK)
        rd_kafka_conf_destroy(conf);
    else
        *ret = conf;
    return kind;
}

static err_kind client_make(rd_kafka_type_t type, rd_kafka_conf_t *conf, rd_kafka_t **ret,
                            struct err_ctx *err)
{
    char text[512];
    *ret = rd_kafka_new(type, conf, text, sizeof text);
    if (*ret)
        return OK;
    rd_kafka_conf_destroy(conf);
    return err_set(err, ERR_INPUT, "Kafka: %s", text);
}

/* ---- consumer ---- */

static void assignment_mark(struct exchange *exchange, const rd_kafka_topic_partition_list_t *list,
                            bool is_assigned)
{
    for (int index = 0; index < list->cnt; index++) {
        int32_t number = list->elems[index].partition;
        if (number < 0 || (size_t)number >= exchange->partition_count)
            continue;
        exchange->partitions[number] =
            (struct partition){.is_assigned = is_assigned, .taken = -1, .done = -1};
    }
}

/* Partitions go: what is whole is committed, unless they have gone to another already. Work on
 * them that is under way is dropped by the new epoch, and done by whoever gets them. */
static void partitions_revoked(struct exchange *exchange, rd_kafka_t *consumer,
                               const rd_kafka_topic_partition_list_t *list)
{
    struct err_ctx err;
    bool is_committed = false;
    err_kind kind = OK;
    if (!rd_kafka_assignment_lost(consumer))
        kind = exchange_commit(exchange, &is_committed, &err);
    else
        exchange->options.warn(exchange->options.context, "assignment_lost",
                               "what was not committed is left to the new owner");
    if (kind == OK && !is_committed)
        kind = transaction_undo(exchange, &err);
    if (kind != OK)
        exchange->options.warn(exchange->options.context, "revoke", err.text);
    exchange->epoch++;
    assignment_mark(exchange, list, false);
}

static void rebalanced(rd_kafka_t *consumer, rd_kafka_resp_err_t what,
                       rd_kafka_topic_partition_list_t *list, void *opaque)
{
    struct exchange *exchange = opaque;
    bool is_incremental = is_cooperative();
    rd_kafka_error_t *error = NULL;
    if (what == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS) {
        assignment_mark(exchange, list, true);
        if (is_incremental)
            error = rd_kafka_incremental_assign(consumer, list);
        else
            rd_kafka_assign(consumer, list);
        exchange->counts.rebalances++;
        exchange->options.assigned(exchange->options.context, (size_t)list->cnt);
    } else {
        partitions_revoked(exchange, consumer, list);
        if (is_incremental)
            error = rd_kafka_incremental_unassign(consumer, list);
        else
            rd_kafka_assign(consumer, NULL);
    }
    if (error)
        exchange->options.warn(exchange->options.context, "assign", rd_kafka_error_string(error));
    if (error)
        rd_kafka_error_destroy(error);
}

static err_kind queue_open(struct exchange *exchange, struct err_ctx *err)
{
    if (exchange->event_fds[0] < 0 && pipe2(exchange->event_fds, O_NONBLOCK | O_CLOEXEC))
        return err_set(err, ERR_SYSTEM, "pipe");
    exchange->queue = rd_kafka_queue_get_consumer(exchange->consumer);
    rd_kafka_queue_io_event_enable(exchange->queue, exchange->event_fds[1], "1", 1);
    return OK;
}

void consumer_close(struct exchange *exchange)
{
    if (exchange->queue)
        rd_kafka_queue_destroy(exchange->queue);
    exchange->queue = NULL;
    if (exchange->consumer) {
        rd_kafka_consumer_close(exchange->consumer);
        rd_kafka_destroy(exchange->consumer);
    }
    exchange->consumer = NULL;
}

err_kind consumer_subscribe(struct exchange *exchange, struct err_ctx *err)
{
    const char *input = exchange->options.input;
    rd_kafka_topic_partition_list_t *topics = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(topics, input, RD_KAFKA_PARTITION_UA);
    rd_kafka_resp_err_t code = rd_kafka_subscribe(exchange->consumer, topics);
    rd_kafka_topic_partition_list_destroy(topics);
    return code ? err_set(err, ERR_STATE, "topic '%s': %s", input, rd_kafka_err2str(code)) : OK;
}

err_kind consumer_open(struct exchange *exchange, struct err_ctx *err)
{
    const struct exchange_options *options = &exchange->options;
    const struct property own[] = {
        {"bootstrap.servers", options->brokers},
        {"client.id", "picket"},
        {"group.id", options->group},
        {"group.instance.id", options->instance},
        {"enable.auto.commit", "false"},
        {"enable.auto.offset.store", "false"},
        {"isolation.level", "read_committed"},
        {"auto.offset.reset", "earliest"},
        {"allow.auto.create.topics", "false"},
        {"session.timeout.ms", "6000"}, /* an ended worker's partitions wait so long */
        {"heartbeat.interval.ms", "1500"},
        {"topic.metadata.refresh.interval.ms", "10000"},
        {"partition.assignment.strategy", is_cooperative() ? "cooperative-sticky" : "range"},
    };
    rd_kafka_conf_t *conf;
    err_kind kind = conf_make(exchange, own, sizeof own / sizeof *own, &conf, err);
    if (kind != OK)
        return kind;
    rd_kafka_conf_set_rebalance_cb(conf, rebalanced);
    kind = client_make(RD_KAFKA_CONSUMER, conf, &exchange->consumer, err);
    if (kind != OK)
        return kind;
    rd_kafka_poll_set_consumer(exchange->consumer);
    return queue_open(exchange, err);
}

/* ---- producer ---- */

static err_kind transactions_start(struct exchange *exchange, struct err_ctx *err)
{
    for (unsigned attempt = 1;; attempt++) {
        rd_kafka_error_t *error = rd_kafka_init_transactions(exchange->producer, KAFKA_WAIT_MS);
        if (!error)
            return OK;
        bool is_retriable = rd_kafka_error_is_retriable(error) && attempt < 4;
        err_kind kind =
            err_set(err, ERR_STATE, "Kafka transactions: %s", rd_kafka_error_string(error));
        rd_kafka_error_destroy(error);
        if (!is_retriable)
            return kind;
    }
}

err_kind producer_open(struct exchange *exchange, struct err_ctx *err)
{
    const struct exchange_options *options = &exchange->options;
    char id[256];
    snprintf(id, sizeof id, "%s-%s", options->group,
             options->instance ? options->instance : rd_kafka_memberid(exchange->consumer));
    const struct property own[] = {
        {"bootstrap.servers", options->brokers},
        {"client.id", "picket"},
        {"transactional.id", id},
        {"transaction.timeout.ms", "15000"},
        {"message.timeout.ms", "10000"},
        {"compression.codec", "zstd"},
        {"linger.ms", "5"},
    };
    rd_kafka_conf_t *conf;
    err_kind kind = conf_make(exchange, own, sizeof own / sizeof *own, &conf, err);
    if (kind == OK)
        kind = client_make(RD_KAFKA_PRODUCER, conf, &exchange->producer, err);
    if (kind == OK)
        kind = transactions_start(exchange, err);
    for (size_t index = 0; index < options->output_count && kind == OK; index++) {
        exchange->outputs[index] =
            rd_kafka_topic_new(exchange->producer, exchange->output_names[index], NULL);
        if (!exchange->outputs[index])
            kind = err_set(err, ERR_INPUT, "topic '%s': %s", exchange->output_names[index],
                           rd_kafka_err2str(rd_kafka_last_error()));
    }
    return kind;
}

void producer_close(struct exchange *exchange)
{
    for (size_t index = 0; index < KAFKA_OUTPUTS_MAX; index++) {
        if (exchange->outputs[index])
            rd_kafka_topic_destroy(exchange->outputs[index]);
        exchange->outputs[index] = NULL;
    }
    if (exchange->producer)
        rd_kafka_destroy(exchange->producer);
    exchange->producer = NULL;
    exchange->is_open = false;
}

/* ---- topics ---- */

static err_kind outputs_create(struct exchange *exchange, struct err_ctx *err)
{
    const struct exchange_options *options = &exchange->options;
    rd_kafka_NewTopic_t *topics[KAFKA_OUTPUTS_MAX];
    rd_kafka_queue_t *queue = rd_kafka_queue_new(exchange->consumer);
    rd_kafka_AdminOptions_t *admin =
        rd_kafka_AdminOptions_new(exchange->consumer, RD_KAFKA_ADMIN_OP_CREATETOPICS);
    char text[256] = "";
    size_t count = 0;
    err_kind kind = OK;
    rd_kafka_AdminOptions_set_request_timeout(admin, KAFKA_WAIT_MS, text, sizeof text);
    rd_kafka_AdminOptions_set_operation_timeout(admin, KAFKA_WAIT_MS, text, sizeof text);
    for (; count < options->output_count && kind == OK; count++) {
        topics[count] =
            rd_kafka_NewTopic_new(exchange->output_names[count], -1, -1, text, sizeof text);
        if (!topics[count]) {
            kind = err_set(err, ERR_INPUT, "topic '%s': %s", exchange->output_names[count], text);
            break;
        }
    }
    if (kind == OK)
        rd_kafka_CreateTopics(exchange->consumer, topics, count, admin, queue);
    rd_kafka_event_t *event = kind == OK ? rd_kafka_queue_poll(queue, KAFKA_WAIT_MS + 1000) : NULL;
    if (kind == OK && (!event || rd_kafka_event_error(event)))
        kind = err_set(err, ERR_SYSTEM, "Kafka at %s: %s", options->brokers,
                       event ? rd_kafka_event_error_string(event) : "no answer");
    size_t result_count = 0;
    const rd_kafka_topic_result_t **results =
        kind == OK ? rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(event),
                                                         &result_count)
                   : NULL;
    for (size_t index = 0; index < result_count && kind == OK; index++) {
        rd_kafka_resp_err_t code = rd_kafka_topic_result_error(results[index]);
        if (code && code != RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS)
            kind = err_set(err, ERR_DENIED, "topic '%s' is missing and cannot be made: %s",
                           rd_kafka_topic_result_name(results[index]), rd_kafka_err2str(code));
    }
    if (event)
        rd_kafka_event_destroy(event);
    rd_kafka_NewTopic_destroy_array(topics, count);
    rd_kafka_AdminOptions_destroy(admin);
    rd_kafka_queue_destroy(queue);
    return kind;
}

static err_kind input_check(struct exchange *exchange, struct err_ctx *err)
{
    const struct exchange_options *options = &exchange->options;
    const struct rd_kafka_metadata *metadata;
    rd_kafka_topic_t *topic = rd_kafka_topic_new(exchange->consumer, options->input, NULL);
    if (!topic)
        return err_set(err, ERR_INPUT, "topic '%s'", options->input);
    rd_kafka_resp_err_t code =
        rd_kafka_metadata(exchange->consumer, 0, topic, &metadata, KAFKA_WAIT_MS);
    rd_kafka_topic_destroy(topic);
    if (code)
        return err_set(err, ERR_STATE, "Kafka at %s: %s", options->brokers, rd_kafka_err2str(code));
    int count = metadata->topic_cnt == 1 ? metadata->topics[0].partition_cnt : 0;
    rd_kafka_metadata_destroy(metadata);
    if (options->partitions && count != options->partitions)
        return err_set(err, ERR_INPUT,
                       "topic '%s' has %d partitions, not the %d that are configured: keys would "
                       "change their places",
                       options->input, count, (int)options->partitions);
    if (count == 0)
        options->warn(options->context, "no_input", "the input topic does not exist yet");
    return OK;
}

err_kind topics_prepare(struct exchange *exchange, struct err_ctx *err)
{
    err_kind kind = input_check(exchange, err);
    return kind == OK ? outputs_create(exchange, err) : kind;
}
