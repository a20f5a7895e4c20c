/* What the renderings share: the parts of a signal or alert that each of them names in its own
 * way. Private to this folder. */
#pragma once

#include <jansson.h>

#include "attack/attack.h"
#include "signal/signal.h"

#define EXPORT_ATTACKS_MAX 16

/* Members are borrowed from the record; NULL: not there, or of another type. */
struct export_view {
    const json_t *record;
    json_t *id, *rule, *rule_id, *output, *hostname, *desc, *response, *source, *tags, *entity;
    json_t *process;   /* the acting one */
    json_t *parent;    /* of it */
    json_t *container; /* NULL: none */
    json_t *fields;    /* an object; NULL: none, as in an alert */
    uint8_t priority;  /* 0: emergency … 7: debug */
    uint64_t time_wall_ns, first_wall_ns, last_wall_ns;
    bool is_alert;
    bool is_final;
    json_int_t version, count; /* of an alert; a signal: 0 and 1 */
    enum attack_tactic tactics[ATTACK_TACTIC_COUNT];
    size_t tactic_count;
    const struct attack_technique *techniques[EXPORT_ATTACKS_MAX];
    size_t technique_count;
};

/* Each returns a new reference; NULL: out of memory. */
json_t *export_falco(const struct export_view *view);
json_t *export_ocsf(const struct export_view *view);
json_t *export_ecs(const struct export_view *view);

/* A borrowed member, if it is a text. */
json_t *export_text(const json_t *object, const char *key);
/* A time as text, in RFC 3339. */
json_t *export_time(uint64_t wall_ns);
/* "T1059" of "T1059.004". */
json_t *export_technique_parent(const struct attack_technique *technique);
/* "TA0002" */
const char *export_tactic_id(enum attack_tactic tactic);
