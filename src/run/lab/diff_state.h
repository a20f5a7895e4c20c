/* Private to diff*.c. */
#pragma once

#include "lab/lab.h"
#include "lab/text.h"

#define DIFF_SAMPLES_MAX 3
#define DIFF_SIDES       2 /* before, after */

struct diff_event {
    uint32_t file;
    uint64_t number; /* in the file */
};

struct diff_match {
    uint32_t rule; /* of its side */
    struct diff_event event;
};

struct diff_sample {
    struct diff_event event;
    char *output; /* the match's text; NULL: it could not be made */
};

struct diff_change {
    uint64_t count;
    struct diff_sample samples[DIFF_SAMPLES_MAX];
    size_t sample_count;
};

/* A rule of either version. */
struct diff_rule {
    char *name, *id, *place[DIFF_SIDES]; /* file:line; NULL: not in that version */
    enum diff_status status;
    uint32_t index[DIFF_SIDES]; /* in its version's program, RULE_NONE: not there */
    uint64_t matches[DIFF_SIDES];
    struct diff_change lost, gained;
};

struct diff_side {
    struct replay *replay;
    struct diff_match *matches; /* by event, then rule; after sorting by rule, then event */
    size_t count, size;
    uint32_t file; /* that is being read */
    uint64_t events;
    uint64_t undecided;
};

struct diff {
    char **files;
    size_t file_count;
    struct diff_side sides[DIFF_SIDES];
    struct diff_rule *rules; /* by name */
    size_t rule_count;
    uint64_t lost, gained; /* of all rules */
    size_t status_counts[DIFF_CHANGED + 1];
};
