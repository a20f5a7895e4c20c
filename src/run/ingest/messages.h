/* What the three processes of ingest share: the messages' bodies, and a piece of memory through
 * which bodies of requests go from the gateway to the intake. The gateway says where each lies; it
 * stays there until the intake has answered. Every number that the other side wrote is checked. */
#pragma once

#include <stdint.h>

#define INTAKE_MEMORY_BYTES (48u << 20)
#define INTAKE_BODY_MAX     (16u << 20) /* unpacked; less than the memory */
#define INTAKE_LISTENERS    8

/* ---- sources that are read in place: inplace.h, collect.h ---- */

enum feed_message {
    /* intake to parent */
    MESSAGE_WANT = 64, /* struct feed_want, path: a file whose position is known */
    MESSAGE_OFFER,     /* the journal's cursor: tell all that there is */
    MESSAGE_CLOSED,    /* struct feed_closed: read to its end, and that is committed */
    MESSAGE_REACHED,   /* uint64_t: of what the parent keeps, committed up to here */
    /* parent to intake */
    MESSAGE_FILE,    /* uint32_t: the path leads to it now, path; descriptor, or none: to nothing */
    MESSAGE_OFFERED, /* that was all */
    /* who else reads the store (readers.h) */
    MESSAGE_READER,  /* the store's name as sinks know it; descriptor: a sink's positions */
    MESSAGE_READERS, /* those were all */
};

/* Part of MESSAGE_INTAKE_START. */
struct feed_start {
    uint64_t line_bytes_max; /* 0: as it is preset */
    uint64_t files_max;
    uint32_t kind; /* enum feed_kind (ingest.h) */
    uint32_t is_document;
    uint32_t has_growth; /* a descriptor more: readable when some file has grown */
    uint32_t reserved;
};

struct feed_want {
    uint64_t dev, ino;
};

struct feed_closed {
    uint64_t dev, ino;
    int64_t size;
};

/* MESSAGE_INTAKE_START */
struct intake_start {
    uint64_t store_bytes_max;
    uint64_t retention_ns; /* 0: nothing goes for its age */
    uint64_t silence_ns;   /* 0: a silent source is no signal */
    uint64_t line_next;    /* the first signal that the parent has not printed */
    uint32_t has_lines;    /* line_next is known: this engine follows another */
    uint32_t is_text;
    uint32_t shows_shadow;
    uint32_t has_sinks; /* a descriptor more: the folder of the sinks' own */
    char hostname[72];
    char name[64];   /* of the source */
    char source[64]; /* its decoder */
    char pipeline[64];
    char product[128], category[128], service[128]; /* empty: not said */
    struct feed_start feed;
};

/* MESSAGE_READY of the intake, and MESSAGE_SUMMARY: since the store was made. */
struct intake_sums {
    uint64_t in, out, filtered, dead, signals, dropped;
    uint64_t line_next, line_end;
    uint64_t is_whole; /* all that was acknowledged has been worked on */
};

enum ingest_message {
    /* the parent to the intake; descriptors: store, crash page, channel for lines, image, sinks,
     * growth of files */
    MESSAGE_INTAKE_START = 1, /* struct intake_start */
    MESSAGE_RULES,            /* descriptor: image */
    MESSAGE_GATEWAY,          /* uint64_t: which one; descriptors: channel, memory */
    /* the parent to the gateway */
    MESSAGE_GATEWAY_START, /* struct gateway_start; descriptors: memory, secrets, sockets */
    MESSAGE_PEER,          /* descriptor: channel to the intake */
    /* the parent to both, and back */
    MESSAGE_PING,
    MESSAGE_PONG,
    MESSAGE_STOP,
    MESSAGE_READY,   /* of the intake: struct intake_sums */
    MESSAGE_SUMMARY, /* the same */
    MESSAGE_FAILED,  /* why it cannot start, as text */
    /* gateway to intake */
    MESSAGE_BODY, /* struct intake_work */
    MESSAGE_LOST, /* uint64_t: datagrams that the kernel dropped */
    MESSAGE_ASK,  /* uint32_t enum intake_ask; answered by MESSAGE_TOLD */
    /* intake to gateway */
    MESSAGE_RESUME, /* uint64_t: the last body that is stored */
    MESSAGE_DONE,   /* struct intake_done[] */
    MESSAGE_TOLD,   /* uint32_t enum intake_ask, then the text */
};

/* Exit code of an intake that cannot start: starting again is no help. */
#define INTAKE_IMPOSSIBLE 3

enum listener_kind { LISTENER_HTTP, LISTENER_TCP, LISTENER_TLS, LISTENER_UDP, LISTENER_UNIX };

/* MESSAGE_GATEWAY_START; secrets hold, one behind the other, tokens (a line
 * each), and in PEM the certificate, its key, and whose certificates clients must have. */
struct gateway_start {
    uint64_t id; /* random: which gateway this is */
    uint64_t body_bytes_max;
    uint64_t request_ns;                                   /* for a request to be whole */
    uint32_t token_bytes, cert_bytes, key_bytes, ca_bytes; /* of the secrets */
    uint32_t listener_count;
    uint32_t listeners[INTAKE_LISTENERS]; /* enum listener_kind of each socket */
    char name[64];                        /* of the source */
};

/* MESSAGE_BODY */
struct intake_work {
    uint64_t number;
    uint32_t at, len;
    uint32_t is_framed; /* records, each behind its u32 length; else a body as it came */
    uint32_t reserved;
};

/* MESSAGE_DONE */
struct intake_done {
    uint64_t number;
    uint32_t answer; /* enum intake_answer */
    uint32_t records;
    uint32_t broken;
    uint32_t reserved;
};

enum intake_ask { ASK_METRICS, ASK_HEALTH, ASK_COUNT };
