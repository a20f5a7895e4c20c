/* The messages between roles. Bodies are these structs, byte for byte: every end is this program.
 */
#pragma once

#include <stdint.h>

#include "opener/opener.h"

enum message_type {
    /* parent and compiler */
    MESSAGE_COMPILE = 1, /* struct compile_options; descriptor: bundle */
    MESSAGE_COMPILED,    /* struct compile_result; descriptors: diagnostics [, image] */
    MESSAGE_DOCUMENTS,   /* descriptor: bundle of YAML files; answered by COMPILED, image: JSON */
    MESSAGE_SINKS,       /* the same for declarations of sinks */
    MESSAGE_DECLARE,     /* descriptor: bundle of pipelines; answered by COMPILED, image: pairs */
    MESSAGE_CONFIG,      /* descriptor: bundle of one file */
    MESSAGE_CONFIGURED,  /* name NUL value NUL …; or, with MESSAGE_REFUSED, the error's text */
    MESSAGE_REFUSED,

    /* supervisor to sensor */
    MESSAGE_SENSOR_START, /* struct sensor_start; then the kept descriptors, if any */
    MESSAGE_OWN_PIDS,     /* int32_t[]: processes of ours, left out of all events; negative: not
                           * ours any more */
    /* sensor to supervisor */
    MESSAGE_KEEP_BEGIN, /* what is not named again before KEEP_END is let go */
    MESSAGE_KEEP,       /* struct keep_note[], descriptors: held, so that nothing detaches */
    MESSAGE_KEEP_END,

    /* supervisor to engine */
    MESSAGE_ENGINE_START, /* struct engine_start; descriptors: state folder, crash page, channel
                           * for lines [, file] */
    MESSAGE_RULES,        /* uint32_t number of the set; descriptor: image */
    MESSAGE_RULES_NOTE,   /* struct rules_note */
    /* engine to supervisor */
    MESSAGE_READY,        /* struct run_start */
    MESSAGE_RULES_RESULT, /* struct rules_answer, then the text of the error */
    MESSAGE_FAILED,       /* why the run must end, as text; from the sensor too */
    MESSAGE_SUMMARY,      /* struct run_summary */
    /* supervisor to both */
    MESSAGE_PEER, /* descriptor: channel between sensor and engine */
    MESSAGE_PING,
    MESSAGE_STOP,
    /* both to supervisor */
    MESSAGE_PONG,

    /* engine to sensor, each answered by the next */
    MESSAGE_FILTER, /* struct open_filter: which opens may be left out, from the next WANT on */
    MESSAGE_FILTER_NAMES, /* struct prefilter_name[]: belongs to the FILTER before it */
    MESSAGE_WANT,         /* uint8_t[128]: event types that some rule needs */
    MESSAGE_WANTED,       /* descriptors: ring, control; body: hooks as JSON text */
    MESSAGE_HOOKS,        /* unasked: hooks as JSON text, when one was attached later */
    MESSAGE_TASKS,        /* asks for the processes that run */
    MESSAGE_TASKS_FD,     /* descriptor: their records */
    MESSAGE_OPEN,         /* struct open_request */
    MESSAGE_OPENED,       /* int32_t: 0 or a negative errno; descriptor */
};

struct compile_result {
    uint32_t error_count;
    uint32_t warning_count;
    uint32_t note_bytes; /* at the start of the diagnostics */
    uint32_t has_image;
    uint32_t falco_files;
    uint32_t sigma_files;
};

struct sensor_start {
    uint64_t ring_bytes;
    uint32_t compat;     /* enum role_compat */
    uint32_t kept_count; /* descriptors that follow in MESSAGE_KEEP messages, to be adopted */
};

#define KEEP_NAME_BYTES 48
struct keep_note {
    char name[KEEP_NAME_BYTES];
};

struct engine_start {
    uint64_t store_bytes_max;
    uint64_t line_next; /* the first signal that the supervisor has not printed */
    uint32_t has_lines; /* line_next is known: this engine follows another */
    uint32_t is_json;
    uint32_t is_colour;
    uint32_t is_recording;
    uint32_t restarts;
    uint32_t shows_shadow;
    char hostname[72];
};

struct rules_answer {
    uint32_t number; /* of the set, as it was sent */
    uint32_t kind;   /* err_kind */
};

/* The number tells a late answer from the one that is waited for. */
struct open_call {
    uint64_t number;
    struct open_request request;
};

struct open_answer {
    uint64_t number;
    int32_t outcome; /* 0 or a negative errno */
    uint32_t reserved;
};

struct run_start {
    uint64_t line_next; /* the number of the first signal of this run */
    uint64_t events;    /* counted before it */
};

struct run_summary {
    uint64_t events; /* since the store was made */
    uint64_t drops;
    uint64_t line_next; /* the first signal that was not handed on */
    uint64_t line_end;  /* behind the last signal */
    uint64_t unstored;  /* signals that the store would not take to the end */
};

/* The page that outlives an engine lies in pipeline/pipeline.h: struct crash_page. */
