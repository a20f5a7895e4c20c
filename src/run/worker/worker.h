/* A member of a consumer group that runs rules over the records of a topic. The worker owns Kafka
 * and the transaction and looks into no record; its decoders do, without network or secrets. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "event/event.h"
#include "ipc/ipc.h"

struct worker_options {
    const char *brokers;
    const char *group;
    const char *source;
    const char *input;
    const char *output;
    const char *dlq;
    const char *const *properties; /* of librdkafka: NAME=VALUE */
    size_t property_count;
    struct logsource logsource;
    const char *entity_fields; /* what events are about (stage.h); NULL: the usual ones */
    const char *metrics;       /* ADDR:PORT of GET /metrics; NULL: none */
    uint64_t partitions;       /* of the input; 0: not checked */
    bool is_at_least_once;     /* else exactly once */
    uint64_t commit_ns;
    uint64_t period_ns; /* 0: until a signal */
    size_t jobs;
    int state_fd; /* folder of the instance's name, borrowed; -1: a new member each time */
    int image_fd; /* compiled rules; taken over */
    /* Compiles the rules anew: 0, or an exit code when they do not load. */
    int (*compile)(void *context, int *ret_image_fd);
    void *context;
};

/* Joins the group and works until SIGINT, SIGTERM or the period's end; returns the exit code. */
int worker_run(const struct worker_options *options);

/* What ROLE_DECODER runs. */
int decoder_run(struct ipc_channel *parent);
