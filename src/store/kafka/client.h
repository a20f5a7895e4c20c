/* What the clients of a cluster have in common; private to this folder. */
#pragma once

#include <librdkafka/rdkafka.h>

#include "kafka/kafka.h"

#define KAFKA_WAIT_MS     30000 /* for one answer of the cluster */
#define KAFKA_OUTPUTS_MAX 8

struct property {
    const char *key;
    const char *value; /* NULL: left at its default */
};

/* Our own properties, then the user's; those that the guarantees rest on are refused there. */
MUST_USE err_kind client_conf(const struct property *own, size_t own_count,
                              const char *const *properties, size_t property_count,
                              rd_kafka_conf_t **ret, struct err_ctx *err);
/* Takes the configuration over. */
MUST_USE err_kind client_make(rd_kafka_type_t type, rd_kafka_conf_t *conf, rd_kafka_t **ret,
                              struct err_ctx *err);
/* Of a topic; 0: there is none of this name. */
MUST_USE err_kind client_partitions(rd_kafka_t *client, const char *name, size_t *ret_count,
                                    struct err_ctx *err);
/* Makes those that are missing, with the broker's defaults; at most KAFKA_OUTPUTS_MAX. */
MUST_USE err_kind client_topics(rd_kafka_t *client, const char *const *names, size_t name_count,
                                struct err_ctx *err);
/* Makes topics; those that are there already are left as they are. The array stays the caller's. */
MUST_USE err_kind client_topics_make(rd_kafka_t *client, rd_kafka_NewTopic_t **topics, size_t count,
                                     struct err_ctx *err);
