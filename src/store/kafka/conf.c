/* What every client of a cluster needs: its properties, and the topics that it writes to. */
#include <string.h>

#include "kafka/client.h"

#define PROPERTY_BYTES_MAX 4096

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

static void log_seen(const rd_kafka_t *client, int level, const char *facility, const char *text)
{
    (void)client;
    (void)level;
    (void)facility;
    (void)text; /* from the library's own threads; what matters comes through error callbacks */
}

err_kind client_conf(const struct property *own, size_t own_count, const char *const *properties,
                     size_t property_count, rd_kafka_conf_t **ret, struct err_ctx *err)
{
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_conf_set_log_cb(conf, log_seen);
    err_kind kind = properties_set(conf, own, own_count, err);
    for (size_t index = 0; index < property_count && kind == OK; index++)
        kind = user_property_set(conf, properties[index], err);
    if (kind != OK)
        rd_kafka_conf_destroy(conf);
    else
        *ret = conf;
    return kind;
}

err_kind client_make(rd_kafka_type_t type, rd_kafka_conf_t *conf, rd_kafka_t **ret,
                     struct err_ctx *err)
{
    char text[512];
    *ret = rd_kafka_new(type, conf, text, sizeof text);
    if (*ret)
        return OK;
    rd_kafka_conf_destroy(conf);
    return err_set(err, ERR_INPUT, "Kafka: %s", text);
}

/* ---- topics ---- */

static err_kind results_check(rd_kafka_event_t *event, struct err_ctx *err)
{
    size_t count;
    const rd_kafka_topic_result_t **results =
        rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(event), &count);
    for (size_t index = 0; index < count; index++) {
        rd_kafka_resp_err_t code = rd_kafka_topic_result_error(results[index]);
        if (code && code != RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS)
            return err_set(err, ERR_DENIED, "topic '%s' is missing and cannot be made: %s",
                           rd_kafka_topic_result_name(results[index]), rd_kafka_err2str(code));
    }
    return OK;
}

err_kind client_partitions(rd_kafka_t *client, const char *name, size_t *ret_count,
                           struct err_ctx *err)
{
    const struct rd_kafka_metadata *metadata;
    rd_kafka_topic_t *topic = rd_kafka_topic_new(client, name, NULL);
    if (!topic)
        return err_set(err, ERR_INPUT, "topic '%s': %s", name,
                       rd_kafka_err2str(rd_kafka_last_error()));
    rd_kafka_resp_err_t code = rd_kafka_metadata(client, 0, topic, &metadata, KAFKA_WAIT_MS);
    rd_kafka_topic_destroy(topic);
    if (code)
        return err_set(err, ERR_STATE, "Kafka: %s", rd_kafka_err2str(code));
    int count = metadata->topic_cnt == 1 ? metadata->topics[0].partition_cnt : 0;
    rd_kafka_metadata_destroy(metadata);
    if (count > KAFKA_PARTITIONS_MAX)
        return err_set(err, ERR_LIMIT, "topic '%s' has %d partitions, more than %d", name, count,
                       KAFKA_PARTITIONS_MAX);
    *ret_count = count > 0 ? (size_t)count : 0;
    return OK;
}

err_kind client_topics_make(rd_kafka_t *client, rd_kafka_NewTopic_t **topics, size_t count,
                            struct err_ctx *err)
{
    rd_kafka_queue_t *queue = rd_kafka_queue_new(client);
    rd_kafka_AdminOptions_t *admin =
        rd_kafka_AdminOptions_new(client, RD_KAFKA_ADMIN_OP_CREATETOPICS);
    char text[256];
    rd_kafka_AdminOptions_set_request_timeout(admin, KAFKA_WAIT_MS, text, sizeof text);
    rd_kafka_AdminOptions_set_operation_timeout(admin, KAFKA_WAIT_MS, text, sizeof text);
    rd_kafka_CreateTopics(client, topics, count, admin, queue);
    rd_kafka_event_t *event = rd_kafka_queue_poll(queue, KAFKA_WAIT_MS + 1000);
    err_kind kind = OK;
    if (!event || rd_kafka_event_error(event))
        kind = err_set(err, ERR_SYSTEM, "Kafka: %s",
                       event ? rd_kafka_event_error_string(event) : "no answer");
    else
        kind = results_check(event, err);
    if (event)
        rd_kafka_event_destroy(event);
    rd_kafka_AdminOptions_destroy(admin);
    rd_kafka_queue_destroy(queue);
    return kind;
}

err_kind client_topics(rd_kafka_t *client, const char *const *names, size_t name_count,
                       struct err_ctx *err)
{
    rd_kafka_NewTopic_t *topics[KAFKA_OUTPUTS_MAX];
    size_t count = 0, partitions;
    char text[256] = "";
    err_kind kind = OK;
    for (size_t index = 0; index < name_count && kind == OK; index++) {
        kind = client_partitions(client, names[index], &partitions, err);
        if (kind != OK || partitions)
            continue; /* it is there: the right to make it is not needed */
        topics[count] = rd_kafka_NewTopic_new(names[index], -1, -1, text, sizeof text);
        if (!topics[count])
            kind = err_set(err, ERR_INPUT, "topic '%s': %s", names[index], text);
        else
            count++;
    }
    if (kind == OK && count)
        kind = client_topics_make(client, topics, count, err);
    rd_kafka_NewTopic_destroy_array(topics, count);
    return kind;
}
