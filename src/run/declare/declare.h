/* Pipelines as they are declared: a YAML file says where events come from, how they are decoded,
 * which rules run over them, how much is kept, and whose it is. Runs in the compiler role; what it
 * yields crosses to the parent as pairs of texts. To add a key: one row in declare.c. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/error.h"
#include "core/span.h"
#include "core/writer.h"
#include "event/event.h"
#include "yaml/yaml.h"

#define DECLARE_LIST_MAX 64
#define DECLARE_NAME_MAX 47

enum declare_type {
    DECLARE_FILE,
    DECLARE_STDIN,
    DECLARE_JOURNAL,
    DECLARE_HTTP,
    DECLARE_SYSLOG,
    DECLARE_KAFKA,
    DECLARE_TYPES
};

struct declare_list {
    const char *items[DECLARE_LIST_MAX];
    size_t count;
};

/* Texts that were not said are NULL, numbers 0. They are borrowed from the pairs. */
struct declare_pipeline {
    const char *file;
    const char *name;
    const char *description;
    const char *owner;
    enum declare_type type;
    const char *decoder; /* a source of the registry, or kernel */
    struct logsource logsource;
    struct declare_list rules; /* as written: a relative one is seen from the file's folder */
    struct declare_list mappings;
    uint64_t store_bytes;
    uint64_t age_ns;
    uint64_t silence_ns; /* without an event for so long: a signal */
    /* file */
    struct declare_list paths;
    uint64_t line_bytes;
    uint64_t files_max;
    /* journal */
    struct declare_list units;
    /* syslog */
    struct declare_list addresses;
    /* http; its TLS for syslog too */
    const char *listen;
    const char *token_file;
    const char *tls_cert, *tls_key;
    const char *client_ca;
    /* kafka */
    const char *brokers;
    const char *topic;
    const char *group;
    const char *output;
    const char *dlq;
    const char *guarantee; /* exactly-once (also NULL) or at-least-once */
    uint64_t partitions;
    struct declare_list properties;
};

const char *declare_type_name(enum declare_type type);

/* Reads one file's bytes. Appends its pairs to `out` when nothing in it is wrong; what is goes to
 * the diagnostics. A name may be taken once in `out`. */
void declare_read(span file, span bytes, struct diagnostics *diagnostics, struct writer *out);
/* Takes the next pipeline off the front of what declare_read wrote. *ret_is_end: there was none.
 * ERR_STATE: the bytes are not such. */
MUST_USE err_kind declare_next(span *pairs, struct declare_pipeline *ret, bool *ret_is_end,
                               struct err_ctx *err);
