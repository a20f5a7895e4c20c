/* The options of a declaration: one table that declare.c checks YAML by, and settings.c reads the
 * result by. Private to this folder. */
#pragma once

#include "sink/sink.h"

enum sink_option_type {
    SINK_OPTION_TEXT,     /* const char * */
    SINK_OPTION_FILE,     /* struct sink_file */
    SINK_OPTION_FLAG,     /* bool: true, false */
    SINK_OPTION_COUNT,    /* uint64_t, 1 to SINK_BATCH_MAX */
    SINK_OPTION_DURATION, /* uint64_t ns */
    SINK_OPTION_RATE,     /* two uint64_t, count and ns: 10/s, 100/m, 1000/h */
    SINK_OPTION_CHOICE,   /* int: which of `choices` */
    SINK_OPTION_TOPICS,   /* list of alerts, signals */
    SINK_OPTION_PRIORITY, /* uint8_t */
    SINK_OPTION_PAIRS,    /* mapping of texts: struct sink_pair[], then their number */
};

struct sink_option {
    const char *name; /* "tls.ca_file" lies in the mapping `tls` */
    enum sink_option_type type;
    size_t offset;       /* into struct sink_settings */
    const char *preset;  /* NULL: not set */
    const char *choices; /* by | */
    const char *kinds;   /* that know it, by space; NULL: all */
    const char *needed;  /* kinds that need it */
};

/* NULL behind the last. */
const struct sink_option *sink_option_at(size_t index);
const struct sink_option *sink_option_find(span name);
bool sink_option_is_for(const struct sink_option *option, const struct sink_kind *kind);
bool sink_option_is_needed(const struct sink_option *option, const struct sink_kind *kind);
/* Puts a value in its place; false: it is not one of the option's type. */
bool sink_option_set(const struct sink_option *option, struct sink_settings *settings,
                     const char *text);
/* What it should have been, for people. */
const char *sink_option_expected(const struct sink_option *option);
