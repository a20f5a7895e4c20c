/* A match made into a signal: one JSON object on one line, in the shape of Falco's alerts (output,
 * priority, rule, time, output_fields, source, tags, hostname) with more keys beside them. It is
 * the record in the topic `signals`, what `--output json` prints, and what text for people is made
 * from, so all three always agree.
 *
 * Values that follow a name such as password or token are masked here, before anything is stored
 * as JSON or printed; the raw event is kept as it was in the topic `evidence`. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/error.h"
#include "core/span.h"
#include "core/writer.h"
#include "event/event.h"
#include "rule/rule.h"

#define SIGNAL_BYTES_MAX     (512 * 1024) /* of one signal as JSON */
#define SIGNAL_ID_BYTES      32           /* hex digits */
#define SIGNAL_PROCESSES_MAX 32
#define SIGNAL_ENTITIES_MAX  8

struct signal_process {
    int64_t pid;
    uint64_t start_boot_ns; /* with pid: which process it is; 0: not known */
    span name;              /* each data NULL: not known */
    span exe;
    span argv; /* each argument ended by NUL, as the kernel keeps them */
    span user;
};

/* What the pipeline knows besides the event's fields. All borrowed for the call. */
struct signal_context {
    uint64_t time_wall_ns; /* the event's own */
    uint64_t event_number; /* of the record: 1-based */
    span event_position;   /* shown in place of the number; data NULL: none */
    span event_identity;   /* what makes the event this one event for ever, for the signal's id */
    span hostname;
    span source; /* where the event is from; data NULL: what the rule says */
    const struct signal_process *processes; /* from the acting process up to its first ancestor */
    size_t process_count;
    /* What the event itself says it is about, "kind:value", the first one what alerts are gathered
     * by; none: the container, the host and the process below. */
    span entities[SIGNAL_ENTITIES_MAX];
    size_t entity_count;
    span container_id; /* data NULL: on the host, or not known */
    span container_name;
    span container_image;
    span response; /* what to do: from the rule's strategy; data NULL: nothing given */
    bool is_name_unverified;
    bool has_name_changed;
    bool is_path_cut; /* longer than the kernel programs keep */
    bool is_argv_cut;
    bool is_env_cut;
    uint64_t dropped_before; /* events lost since the signal before this one */
    bool has_evidence;
    uint64_t evidence_offset; /* in the topic `evidence` */
};

/* One field that the rule's output names. */
struct signal_field {
    span name; /* as spelt in the rule */
    struct value value;
};

struct signal_match {
    const struct rule_info *rule;
    span output; /* text, masked already */
    const struct signal_field *fields;
    size_t field_count;
};

/* Appends the object, without a newline. ERR_LIMIT: over the writer's ceiling. */
MUST_USE err_kind signal_write(const struct signal_match *match,
                               const struct signal_context *context, struct writer *out,
                               struct err_ctx *err);

/* The rule of a signal that tells of Picket itself. Borrows both texts. */
struct rule_info signal_own_rule(const char *name, const char *desc);

/* Of a rule in stage shadow: kept, but not for people who did not ask. Such a signal begins with
 * `{"stage":"shadow",`; a live rule's has no such member. */
bool signal_is_shadow(span json);

/* Renders the signals of one program; holds buffers and no state between calls. The program is
 * borrowed. */
struct signal_renderer;
MUST_USE err_kind signal_renderer_open(struct rule_program *program, struct signal_renderer **ret,
                                       struct err_ctx *err);
void signal_renderer_close(struct signal_renderer *renderer);
/* Appends the signal of a rule that matched this event (which must be the program's own projection)
 * as signal_write does. */
MUST_USE err_kind signal_render_json(struct signal_renderer *renderer, uint32_t rule,
                                     struct event *event, const struct signal_context *context,
                                     struct writer *out, struct err_ctx *err);

/* The signal's id: the same for the same rule and event, on every machine and at every replay. */
void signal_id(const struct rule_info *rule, span event_identity, char ret[SIGNAL_ID_BYTES + 1]);

/* Lines for people from a signal's JSON: what happened, where, by whom, the process tree, why it
 * matters, what to do. Ends with a newline. ERR_INPUT: the bytes are not such an object; missing or
 * ill-typed keys are left out instead. */
MUST_USE err_kind signal_render_text(span json, bool is_colour, struct writer *out,
                                     struct err_ctx *err);

/* ---- for other programs (export*.c) ---- */

enum signal_format {
    SIGNAL_FORMAT_PICKET, /* as stored */
    SIGNAL_FORMAT_FALCO,  /* Falco's keys only, with its words for priorities */
    SIGNAL_FORMAT_OCSF,   /* Detection Finding */
    SIGNAL_FORMAT_ECS,
};
#define SIGNAL_FORMAT_COUNT 4

const char *signal_format_name(enum signal_format format);
bool signal_format_parse(span word, enum signal_format *ret);
/* Falco's words and Sigma's levels, any case: 0 (emergency) to 7 (debug). */
bool signal_priority_parse(span word, uint8_t *ret);
/* Appends a signal, or an alert made of signals (alert/alert.h), as one JSON object that carries
 * its id. ERR_INPUT: it is neither. */
struct json_t;
MUST_USE err_kind signal_export(const struct json_t *record, enum signal_format format,
                                struct writer *out, struct err_ctx *err);

/* ---- masking (mask.c) ----
 * Masked: --password x, --password=x, PASSWORD=x, token: x, "api_key": "x", Authorization: Bearer
 * x, ?token=x&, https://user:x@host. A name counts by its end: DB_PASSWORD and --api-key do,
 * --token-file, tokenizer.py and PWD do not. After a bare option the next word is its value unless
 * it begins with a dash. */

/* Appends text with such values as ****. */
void mask_text(struct writer *out, span text);
/* One argument of a list (argv, environment), where values may hold spaces. *is_value says that the
 * argument before this one was a bare option that wants a secret, and receives the same for the
 * next. */
void mask_argument(struct writer *out, span argument, bool *is_value);
/* Is the value of this name a secret? */
bool mask_is_secret(span name);
