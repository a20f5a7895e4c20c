/* Messages to a Kafka topic by an idempotent producer: within a run the broker takes each once, in
 * order; after a kill the last batch may come again, with the same keys. */

#include <librdkafka/rdkafka.h>

#include "core/clock.h"
#include "sink/kind.h"

struct kafka {
    const struct sink_settings *settings;
    rd_kafka_t *producer;
    struct sink_trouble *trouble; /* of the send under way */
};

static void kafka_close(void *sink)
{
    struct kafka *kafka = sink;
    if (kafka->producer) {
        rd_kafka_purge(kafka->producer, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
        rd_kafka_flush(kafka->producer, 1000);
        rd_kafka_destroy(kafka->producer);
    }
    free(kafka);
}

/* Too large, or not acceptable for the topic: about the message, and no other. */
static bool is_refusal(rd_kafka_resp_err_t code)
{
    return code == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE ||
           code == RD_KAFKA_RESP_ERR_INVALID_RECORD || code == RD_KAFKA_RESP_ERR_INVALID_MSG;
}

static void outcome_note(struct kafka *kafka, struct sink_document *document,
                         rd_kafka_resp_err_t code)
{
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR) {
        document->verdict = SINK_SENT;
    } else if (is_refusal(code)) {
        document->verdict = SINK_REFUSED;
        snprintf(document->reason, sizeof document->reason, "%s", rd_kafka_err2str(code));
    } else if (kafka->trouble) {
        snprintf(kafka->trouble->reason, SINK_REASON_BYTES, "%s", rd_kafka_err2str(code));
    }
}

/* Called from rd_kafka_poll, so on the sink's own thread. */
static void delivered(rd_kafka_t *producer, const rd_kafka_message_t *message, void *opaque)
{
    (void)producer;
    if (message->_private)
        outcome_note(opaque, message->_private, message->err);
}

static void log_nothing(const rd_kafka_t *client, int level, const char *facility, const char *text)
{
    (void)client;
    (void)level;
    (void)facility;
    (void)text; /* the library's own threads; what matters comes with the deliveries */
}

static err_kind property_set(rd_kafka_conf_t *conf, const char *name, const char *value,
                             struct err_ctx *err)
{
    char why[256];
    if (rd_kafka_conf_set(conf, name, value, why, sizeof why) == RD_KAFKA_CONF_OK)
        return OK;
    return err_set(err, ERR_INPUT, "Kafka property %s: %s", name, why);
}

static err_kind conf_fill(rd_kafka_conf_t *conf, const struct sink_settings *settings,
                          struct err_ctx *err)
{
    char timeout[24];
    err_kind kind = OK;
    unsigned long long millis = settings->timeout_ns / 1000000;
    snprintf(timeout, sizeof timeout, "%llu", millis < 1000 ? 1000 : millis);
    const struct sink_pair own[] = {
        {"bootstrap.servers", settings->url + strlen("kafka://")},
        {"client.id", "picket"},
        {"enable.idempotence", "true"},
        {"message.timeout.ms", timeout},
        {"compression.codec", "zstd"},
        {"linger.ms", "5"},
    };
    for (size_t index = 0; index < settings->property_count && kind == OK; index++)
        kind = property_set(conf, settings->properties[index].name,
                            settings->properties[index].value, err);
    /* ours last: the promises rest on them */
    for (size_t index = 0; index < sizeof own / sizeof *own && kind == OK; index++)
        kind = property_set(conf, own[index].name, own[index].value, err);
    return kind;
}

static err_kind producer_make(struct kafka *kafka, struct err_ctx *err)
{
    char why[512];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_conf_set_opaque(conf, kafka);
    rd_kafka_conf_set_dr_msg_cb(conf, delivered);
    rd_kafka_conf_set_log_cb(conf, log_nothing);
    err_kind kind = conf_fill(conf, kafka->settings, err);
    if (kind == OK && !(kafka->producer = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof why)))
        kind = err_set(err, ERR_INPUT, "Kafka: %s", why);
    if (kind != OK)
        rd_kafka_conf_destroy(conf);
    return kind;
}

static err_kind kafka_open(struct sink_settings *settings, void **ret, struct err_ctx *err)
{
    struct kafka *kafka = calloc(1, sizeof *kafka);
    if (!kafka)
        return err_set(err, ERR_LIMIT, "out of memory");
    kafka->settings = settings;
    err_kind kind = producer_make(kafka, err);
    if (kind != OK) {
        kafka_close(kafka);
        return kind;
    }
    *ret = kafka;
    return OK;
}

static rd_kafka_resp_err_t produce(struct kafka *kafka, struct sink_document *document)
{
    char key[SINK_KEY_BYTES];
    sink_document_key(document, key);
    /* keyed by the id: versions of an alert stay in order on one partition */
    return rd_kafka_producev(
        kafka->producer, RD_KAFKA_V_TOPIC(kafka->settings->topic),
        RD_KAFKA_V_KEY(document->id.data, document->id.len),
        RD_KAFKA_V_VALUE((void *)(uintptr_t)document->body.data, document->body.len),
        RD_KAFKA_V_TIMESTAMP((int64_t)(document->time_wall_ns / 1000000)),
        RD_KAFKA_V_HEADER("picket-id", key, -1), RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
        RD_KAFKA_V_OPAQUE(document), RD_KAFKA_V_END);
}

/* A producer whose sequence is broken for good is made anew. */
static void renew_after_fatal(struct kafka *kafka)
{
    char why[256];
    struct err_ctx err;
    if (!rd_kafka_fatal_error(kafka->producer, why, sizeof why))
        return;
    rd_kafka_destroy_flags(kafka->producer, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
    kafka->producer = NULL;
    if (producer_make(kafka, &err) != OK)
        snprintf(kafka->trouble->reason, SINK_REASON_BYTES, "%.200s", err.text);
}

static void kafka_send(void *sink, struct sink_document *const *documents, size_t count,
                       struct sink_trouble *trouble)
{
    struct kafka *kafka = sink;
    struct err_ctx err;
    kafka->trouble = trouble;
    if (!kafka->producer && producer_make(kafka, &err) != OK) {
        snprintf(trouble->reason, sizeof trouble->reason, "%.200s", err.text);
        kafka->trouble = NULL;
        return;
    }
    for (size_t index = 0; index < count; index++) {
        rd_kafka_resp_err_t code = produce(kafka, documents[index]);
        if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
            outcome_note(kafka, documents[index], code);
    }
    int wait_ms = (int)(kafka->settings->timeout_ns / 1000000) + 2000;
    if (rd_kafka_flush(kafka->producer, wait_ms) != RD_KAFKA_RESP_ERR_NO_ERROR) {
        /* none may be heard of after this: the documents are the caller's */
        rd_kafka_purge(kafka->producer, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
        rd_kafka_flush(kafka->producer, wait_ms);
    }
    renew_after_fatal(kafka);
    kafka->trouble = NULL;
}

const struct sink_kind sink_kind_kafka = {
    .name = "kafka",
    .summary = "messages to a Kafka topic by an idempotent producer",
    .batch = 500,
    .format = SIGNAL_FORMAT_PICKET,
    .open = kafka_open,
    .send = kafka_send,
    .close = kafka_close,
};
