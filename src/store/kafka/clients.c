/* The two clients of an exchange, and the topics that they need. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/clock.h"
#include "kafka/exchange.h"

/* Below it, cooperative assignment can hang or lose partitions. */
#define VERSION_COOPERATIVE 0x020a01ff

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

/* Called from rd_kafka_poll and consumer_poll only, so on the owner's thread. */
static void error_seen(rd_kafka_t *client, int code, const char *reason, void *opaque)
{
    const struct exchange *exchange = opaque;
    (void)client;
    exchange->options.warn(exchange->options.context, rd_kafka_err2name(code), reason);
}

static err_kind conf_make(struct exchange *exchange, const struct property *own, size_t count,
                          rd_kafka_conf_t **ret, struct err_ctx *err)
{
    const struct exchange_options *options = &exchange->options;
    err_kind kind = client_conf(own, count, options->properties, options->property_count, ret, err);
    if (kind != OK)
        return kind;
    rd_kafka_conf_set_opaque(*ret, exchange);
    rd_kafka_conf_set_error_cb(*ret, error_seen);
    return OK;
}

/* ---- consumer ---- */

static void assignment_mark(struct exchange *exchange, const rd_kafka_topic_partition_list_t *list,
                            bool is_assigned)
{
    for (int index = 0; index < list->cnt; index++) {
        int32_t number = list->elems[index].partition;
        if (number < 0 || (size_t)number >= exchange->partition_count)
            continue;
        exchange->partitions[number] = (struct partition){.is_assigned = is_assigned,
                                                          .is_stale = is_assigned,
                                                          .taken = -1,
                                                          .done = -1,
                                                          .end = -1,
                                                          .begin = -1,
                                                          .taken_ms = -1,
                                                          .level_ns = clock_boot_ns()};
    }
    exchange->changelog.is_begun = exchange->changelog.is_whole = false;
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
    exchange->is_undone |= is_cooperative(); /* of those that stay, too, work was under way */
    assignment_mark(exchange, list, false);
    changelog_void(exchange);
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
        {"enable.partition.eof", "true"}, /* for the lag */
        {"session.timeout.ms", "6000"},   /* an ended worker's partitions wait so long */
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

/* Called from rd_kafka_poll and rd_kafka_flush. */
static void output_acknowledged(rd_kafka_t *producer, const rd_kafka_message_t *message,
                                void *opaque)
{
    struct exchange *exchange = opaque;
    (void)producer;
    if (!message->err)
        return;
    if (!exchange->is_unsent) /* the first tells why */
        exchange->options.warn(exchange->options.context, "output", rd_kafka_err2str(message->err));
    exchange->is_unsent = true;
}

err_kind producer_open(struct exchange *exchange, struct err_ctx *err)
{
    const struct exchange_options *options = &exchange->options;
    bool is_transactional = !options->is_at_least_once;
    char id[256];
    snprintf(id, sizeof id, "%s-%s", options->group,
             options->instance ? options->instance : rd_kafka_memberid(exchange->consumer));
    const struct property own[] = {
        {"bootstrap.servers", options->brokers},
        {"client.id", "picket"},
        {"enable.idempotence", "true"}, /* which implies all acknowledgements */
        {"transactional.id", is_transactional ? id : NULL},
        {"transaction.timeout.ms", is_transactional ? "15000" : NULL},
        {"message.timeout.ms", is_transactional ? "10000" : "120000"},
        {"compression.codec", "zstd"},
        {"linger.ms", "5"},
    };
    rd_kafka_conf_t *conf;
    err_kind kind = conf_make(exchange, own, sizeof own / sizeof *own, &conf, err);
    if (kind != OK)
        return kind;
    if (!is_transactional)
        rd_kafka_conf_set_dr_msg_cb(conf, output_acknowledged);
    exchange->is_unsent = false;
    kind = client_make(RD_KAFKA_PRODUCER, conf, &exchange->producer, err);
    if (kind == OK && is_transactional)
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

static err_kind input_check(struct exchange *exchange, struct err_ctx *err)
{
    const struct exchange_options *options = &exchange->options;
    size_t count;
    err_kind kind = client_partitions(exchange->consumer, options->input, &count, err);
    if (kind != OK)
        return err_wrap(err, "%s", options->brokers);
    if (options->partitions && count != (size_t)options->partitions)
        return err_set(err, ERR_INPUT,
                       "topic '%s' has %zu partitions, not the %d that are configured: keys would "
                       "change their places",
                       options->input, count, (int)options->partitions);
    if (count == 0)
        options->warn(options->context, "no_input", "the input topic does not exist yet");
    return OK;
}

err_kind topics_prepare(struct exchange *exchange, struct err_ctx *err)
{
    err_kind kind = input_check(exchange, err);
    if (kind == OK && exchange->options.state)
        kind = changelog_prepare(exchange, err);
    return kind == OK ? client_topics(exchange->consumer, exchange->output_names,
                                      exchange->options.output_count, err)
                      : kind;
}
