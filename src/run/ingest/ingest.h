/* `picket ingest`: a parent, and below it a gateway with the network and the secrets, and an intake
 * (intake/intake.h) that is the engine and the one writer of the store.
 *
 *   clients ─> gateway ─ shared memory ─> intake ─> store; lines ─> parent ─> stdout
 *
 * The parent opens sockets, secrets and the folder, restarts what ends, and parses nothing that
 * comes from outside. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "event/event.h"
#include "role/role.h"

/* A source that is read in place, instead of one that is listened for. */
#define INGEST_PATTERNS_MAX 64
enum feed_kind { FEED_NONE, FEED_FILES, FEED_STDIN, FEED_JOURNAL };
struct ingest_feed {
    enum feed_kind kind;
    const char *const *patterns; /* of files; of the journal: units */
    size_t pattern_count;
    uint64_t line_bytes_max; /* 0: 1 MiB */
    uint64_t files_max;      /* open at a time; 0: 256 */
    bool is_document;        /* a file is one record */
};

struct ingest_options {
    const char *name;               /* of the source: /v1/events/NAME */
    const char *source;             /* its decoder: of the registry, or kernel */
    const struct ingest_feed *feed; /* NULL: HTTP */
    const char *pipeline;           /* label; NULL: the name */
    const char *const *syslog;      /* tcp://, tls://, udp:// ADDR:PORT, unix://PATH */
    size_t syslog_count;
    uint64_t silence_ns;            /* a source silent for so long is a signal; 0: never */
    const char *listen;             /* ADDR:PORT of HTTP */
    const char *token_file;         /* NULL: no token is asked for */
    const char *tls_cert, *tls_key; /* PEM; both or none */
    const char *client_ca;          /* PEM; NULL: no client certificate is asked for */
    const char *state_dir;
    struct logsource logsource;
    bool is_text; /* lines for people */
    bool shows_shadow;
    uint64_t store_bytes_max;
    uint64_t retention_ns;  /* 0: nothing goes for its age */
    const char *sinks_dir;  /* of those that read the store; NULL: `sinks` in the state folder */
    const char *store_name; /* as they call it */
    uint64_t body_bytes_max;
    uint64_t request_ns; /* for a request of HTTP to be whole; 0: a minute */
    uint64_t period_ns;  /* 0: until a signal */
    int image_fd;        /* compiled rules; taken over */
    /* Compiles the rules anew: 0, or an exit code when they do not load. */
    int (*compile)(void *context, int *ret_image_fd);
    void *context;
};

/* Listens and works until SIGINT, SIGTERM or the period's end; returns the exit code. */
int ingest_run(const struct ingest_options *options);

/* What ROLE_INTAKE and ROLE_GATEWAY run. */
int intake_run(struct ipc_channel *parent);
int gateway_run(struct ipc_channel *parent);
