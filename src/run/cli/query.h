/* Private to query*.c. */
#pragma once

#include <stdbool.h>

#include "core/error.h"
#include "core/writer.h"
#include "state/state.h"

struct query_show {
    const char *id; /* of the signal, or how it begins */
    bool is_json;
    bool is_colour;
    bool is_evidence; /* secrets are not masked, and the raw bytes are there */
};
/* Prints one signal with its record. */
MUST_USE err_kind query_show(struct topic_log *log, const struct query_show *show,
                             struct err_ctx *err);

struct query_alerts {
    const struct state_filter *filter;
    char output; /* 't', 'j' or 'c' */
    bool is_colour;
};
/* Prints the newest version of each alert that the filter lets through. */
MUST_USE err_kind query_alerts(struct topic_log *log, const struct query_alerts *how,
                               struct err_ctx *err);

/* The line with a signal's id, as text for people. */
void query_id_put(struct writer *out, span signal);

/* One field of RFC 4180: quotes doubled, control bytes escaped, for a terminal may show it. */
void query_csv_put(struct writer *out, span value);
