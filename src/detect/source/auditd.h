/* Private to auditd*.c. */
#pragma once

#include "core/map.h"
#include "source/decoder.h"

#define AUDIT_EVENT_MAX  (1u << 20) /* bytes of its records; one with more comes in parts */
#define AUDIT_FIELDS_MAX (AUDIT_EVENT_MAX + 64) /* a field has two bytes at least */

struct audit_id {
    span node; /* data NULL: not said */
    uint64_t seconds;
    uint32_t milliseconds;
    uint64_t serial;
};

/* type=SYSCALL msg=audit(1364481363.243:24287): arch=c000003e … */
struct audit_record {
    struct audit_id id;
    span type;
    span msg;  /* audit(…) */
    span rest; /* the fields */
};
/* False: *ret_reason. */
bool audit_record_read(span line, struct audit_record *ret, const char **ret_reason);

/* May other records have the same id? */
bool audit_record_is_joined(span type);
/* The last of an event: EOE has no fields, before PROCTITLE come all others. */
bool audit_record_is_last(span type);

struct audit_field {
    span key, value;
    uint32_t next; /* with the same key; 0: none */
    uint32_t last; /* of the first with a key: the last one; else 0 */
};

struct audit_fields {
    struct audit_field *items;
    size_t count, size;
    struct map first; /* key to index */
    struct arena *arena;
    bool is_over;
};

void audit_fields_init(struct audit_fields *fields, struct arena *arena);
void audit_fields_reset(struct audit_fields *fields);
void audit_fields_free(struct audit_fields *fields);
/* Adds the fields of a record, which stays until they are written. */
void audit_fields_add(struct audit_fields *fields, const struct audit_record *record);
void audit_fields_write(struct audit_fields *fields, struct writer *out);
