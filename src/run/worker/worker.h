/* A member of a consumer group that runs a stage over the records of a topic: rules over events
 * (detect), or alerts out of signals (correlate). The worker owns Kafka and the transaction and
 * looks into no record; its decoders do, without network or secrets. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "event/event.h"
#include "ipc/ipc.h"

enum worker_stage { WORKER_DETECT, WORKER_CORRELATE, WORKER_STAGES };

struct worker_options {
    enum worker_stage stage;
    const char *brokers;
    const char *group;
    const char *source;
    const char *input;
    const char *output;
    const char *dlq;
    const char *state_topic;       /* correlate: what it knows, compacted */
    uint64_t window_ns;            /* correlate: of an alert; 0: the default */
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
    int image_fd; /* detect: compiled rules; taken over. Else -1 */
    /* Compiles the rules anew: 0, or an exit code when they do not load. */
    int (*compile)(void *context, int *ret_image_fd);
    void *context;
    int report_fd; /* `ready` and the summary go there, borrowed; 0: stderr */
};

/* Joins the group and works until SIGINT, SIGTERM or the period's end; returns the exit code. */
int worker_run(const struct worker_options *options);
/* Runs a worker for each, as a child of its own: ready when all are; ends when all have ended, or
 * when one has failed. Their summaries come in the reverse order. */
int worker_run_stages(const struct worker_options *options, size_t count);

/* What ROLE_DECODER runs. */
int decoder_run(struct ipc_channel *parent);
