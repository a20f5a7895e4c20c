/* Receivers outside: what a sink is declared to be, and how each kind of receiver takes documents.
 * Where documents come from, and what has been sent, is delivery's (delivery/delivery.h).
 *
 * To add a kind: one file kind_NAME.c, one row in kind.c, its options in option.c, one test. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/error.h"
#include "core/span.h"
#include "core/writer.h"
#include "signal/signal.h"
#include "yaml/yaml.h"

#define SINK_NAME_BYTES_MAX  63
#define SINK_BATCH_MAX       1000
#define SINK_BATCH_BYTES_MAX ((size_t)4 << 20)
#define SINK_PAIRS_MAX       32
#define SINK_REASON_BYTES    256

/* ---- declarations: one YAML file a sink ---- */

/* Reads a declaration, whose name is its file's; appends it as a JSON object with every default
 * filled in. What is wrong goes to the diagnostics, all of it. */
void sink_declare(span file_name, span bytes, struct diagnostics *diagnostics, struct writer *out);

struct sink_pair {
    const char *name;
    const char *value;
};

enum sink_versions { SINK_VERSIONS_ALL, SINK_VERSIONS_FIRST, SINK_VERSIONS_FINAL };

/* Of a file that a declaration names; the parent opens it. */
struct sink_file {
    const char *path; /* NULL: not named */
    int fd;           /* owned by the settings; -1: not open */
};

struct sink_settings {
    const struct sink_kind *kind;
    const char *name;
    const char *url;
    enum signal_format format;
    bool takes_alerts, takes_signals;
    uint8_t priority_max;
    enum sink_versions versions;
    bool starts_newest;
    uint64_t batch_max;
    uint64_t timeout_ns;
    uint64_t retry_max_ns; /* the longest pause between two tries */
    uint64_t age_max_ns;   /* older records are given up; 0: never */
    uint64_t rate_count;   /* documents in rate_ns; 0: no limit */
    uint64_t rate_ns;
    struct sink_file token_file, secret_file, ca_file, cert_file, key_file, path;
    bool is_verified; /* the receiver's certificate */
    struct sink_pair headers[SINK_PAIRS_MAX];
    size_t header_count;
    struct sink_pair properties[SINK_PAIRS_MAX]; /* of librdkafka */
    size_t property_count;
    const char *topic; /* kafka */
    const char *index; /* opensearch, splunk-hec */
    bool is_data_stream;
    bool has_template;
    const char *user;     /* opensearch: with the token file's content as password */
    const char *facility; /* syslog */
    const char *source;   /* splunk-hec */
    struct json_t *json;  /* owns the texts */
};

/* From what sink_declare wrote. ERR_STATE: it is not that. */
MUST_USE err_kind sink_settings_open(struct sink_settings *settings, span json,
                                     struct err_ctx *err);
void sink_settings_close(struct sink_settings *settings);

/* The files that a sink needs, by the name of their option; false behind the last. */
bool sink_settings_file(struct sink_settings *settings, size_t index, const char **ret_option,
                        struct sink_file **ret);

/* ---- kinds ---- */

enum sink_verdict {
    SINK_UNSENT,   /* to be tried again */
    SINK_SENT,     /* the receiver has it */
    SINK_REFUSED,  /* the receiver will never take it */
    SINK_FILTERED, /* not for this receiver */
    SINK_EXPIRED,  /* too old to be sent; no kind says this */
};

struct sink_document {
    span id; /* data NULL: filtered */
    span rule;
    span hostname;
    span output;
    span body; /* rendered */
    bool is_alert;
    bool is_final;
    uint64_t version; /* of an alert; 0: a signal */
    uint8_t priority;
    uint64_t time_wall_ns;  /* of its last event */
    uint64_t first_wall_ns; /* of its first one */
    enum sink_verdict verdict;
    char reason[SINK_REASON_BYTES]; /* why it was refused */
};

/* Why documents are left unsent. */
struct sink_trouble {
    char reason[SINK_REASON_BYTES];
    uint64_t wait_ns; /* what the receiver asked for; 0: nothing */
};

struct sink_kind {
    const char *name;
    const char *summary;
    uint32_t batch; /* documents at once, unless declared */
    enum signal_format format;
    /* The settings are borrowed until close. */
    err_kind (*open)(struct sink_settings *settings, void **ret, struct err_ctx *err);
    /* Sends documents in order and sets their verdicts; blocks for at most about the timeout.
     * Those left unsent have their reason in `trouble`. */
    void (*send)(void *sink, struct sink_document *const *documents, size_t count,
                 struct sink_trouble *trouble);
    void (*close)(void *sink);
};

const struct sink_kind *sink_kind_find(span name);
/* NULL behind the last. */
const struct sink_kind *sink_kind_at(size_t index);

/* ---- documents ---- */

#define SINK_KEY_BYTES 64

/* Tells a document from all others: the id, and behind a dot the version where it is an alert. */
void sink_document_key(const struct sink_document *document, char ret[SINK_KEY_BYTES]);
