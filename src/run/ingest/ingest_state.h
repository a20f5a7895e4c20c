/* The parent's own state; private to ingest*.c. */
#pragma once

#include "ingest/collect.h"
#include "ingest/ingest.h"
#include "ingest/messages.h"
#include "lines/lines.h"

struct helper {
    enum role_kind role;
    pid_t pid; /* 0: not running */
    struct ipc_channel channel;
    uint64_t started_ns;
    uint64_t heard_ns;
    uint64_t retry_at_ns;
    unsigned quick_ends; /* in a row, each soon after its start */
    unsigned restarts;
    bool is_ready;
};

struct ingest {
    const struct ingest_options *options;
    struct helper gateway, intake;
    struct collect collect; /* instead of a gateway */
    struct ipc_channel lines;
    struct printer printer;
    struct intake_start intake_start;
    struct gateway_start gateway_start;
    struct intake_sums before, now; /* of the store: as this run began, as it ended */
    int listeners[INTAKE_LISTENERS];
    char address[1024]; /* of all of them, as bound */
    int store_fd, crash_fd, image_fd, sinks_fd;
    int memory_fd;  /* of the gateway that runs */
    int secrets_fd; /* memfd */
    int signal_fd;
    uint64_t pinged_ns, watched_ns;
    uint64_t readers_ns; /* when it was looked who else reads the store */
    uint64_t end_at_ns;  /* 0: no end set */
    uint64_t stop_at_ns; /* when stopping: kill what is left then; 0: running */
    uint64_t gateway_end_ns;
    bool is_intake_told; /* to stop */
    bool is_ready;
    bool has_before, has_summary;
    bool has_failed;
};

/* ingest_open.c: what only the parent can open */
MUST_USE err_kind ingest_sockets_open(struct ingest *ingest, struct err_ctx *err);
MUST_USE err_kind ingest_secrets_open(struct ingest *ingest, struct err_ctx *err);
/* The folder of the sinks' own, made where it is not there yet; what cannot be is not shown. */
void ingest_sinks_open(struct ingest *ingest);
