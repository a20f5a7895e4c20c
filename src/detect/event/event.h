/* What a rule sees of an event: fields of the event's own source, fetched when first asked for.
 *
 *   schema      a source's field names and types; one static table a source
 *   projection  which (field, argument) pairs the rules in force read; each has a slot number
 *   event       one record behind a projection: slot -> value, each fetched at most once
 *
 * Nothing here knows a source or a rule language. */
#pragma once

#include <netinet/in.h>

#include "core/arena.h"
#include "core/error.h"
#include "core/span.h"

/* ---- values ---- */

enum value_kind {
    VALUE_ABSENT, /* the event does not have this field */
    VALUE_TEXT,   /* bytes, most often UTF-8 */
    VALUE_INT,    /* fits int64_t */
    VALUE_UINT,   /* over INT64_MAX */
    VALUE_REAL,
    VALUE_BOOL,
    VALUE_ADDRESS, /* IPv4 or IPv6; v4-mapped ones arrive as IPv4 */
    VALUE_BYTES,   /* not text: evt.buffer */
    VALUE_LIST,    /* several values: each item as above, never a list */
    VALUE_NULL,    /* JSON null: the field is there, else as if it were absent */
};

struct address {
    uint8_t bytes[16]; /* network order; IPv4 in the first four */
    uint8_t family;    /* AF_INET or AF_INET6 */
};

struct value {
    enum value_kind kind;
    bool any; /* VALUE_LIST: a scalar operator holds when it holds for any item (proc.aname) */
    union {
        span text; /* TEXT, BYTES */
        int64_t integer;
        uint64_t uinteger;
        double real;
        bool truth;
        struct address address;
        struct {
            const struct value *items;
            size_t count;
        } list;
    };
};

/* ---- schema ---- */

/* What a rule may do with a field; the compiler checks operators against it. */
enum field_type {
    FIELD_TEXT,
    FIELD_PATH, /* as TEXT; pmatch and friends make sense */
    FIELD_INT,  /* whole numbers, signed or not */
    FIELD_BOOL,
    FIELD_ADDRESS, /* one IP address */
    FIELD_NET,     /* an address compared with networks (fd.net, fd.snet) */
    FIELD_BYTES,
    FIELD_TIME,     /* ns, absolute */
    FIELD_DURATION, /* ns */
    FIELD_ANY,      /* typed by the value: JSON */
};

enum field_argument {
    ARGUMENT_NONE,
    ARGUMENT_INDEX_OPTIONAL, /* proc.aname, proc.aname[2] */
    ARGUMENT_INDEX,          /* proc.acmdline[1]: must be there */
    ARGUMENT_KEY_OPTIONAL,   /* proc.env, proc.env[HOME] */
    ARGUMENT_KEY,            /* evt.arg.flags, evt.arg[1], container.label[app] */
};

struct field_desc {
    const char *name; /* "proc.aname" */
    enum field_type type;
    enum field_argument argument;
    bool is_list;        /* with no argument the value is a VALUE_LIST */
    bool is_secret;      /* values after a name such as password are masked when printed */
    const char *summary; /* one line for `picket rules fields` and the docs */
    uint16_t code;       /* the decoder's own number */
};

/* What Sigma's names mean for a source that has names of its own. */

/* One name of the taxonomy: any of the fields, or the same text in every event. */
struct taxonomy_field {
    const char *name;          /* "Image" */
    const char *const *fields; /* ends with NULL; NULL: constant */
    const char *constant;
    bool is_folder; /* its texts end with a slash, which rules do not write */
};

/* Events of some types in which all of the guards hold. */
struct taxonomy_guard {
    const char *field;
    const char *value;
};
struct taxonomy_case {
    const char *const *types;            /* values of the route field, ends with NULL */
    const struct taxonomy_guard *guards; /* ends with field NULL */
};

struct taxonomy_category {
    const char *name;                    /* "process_creation" */
    const struct taxonomy_case *cases;   /* any of them; ends with types NULL */
    const struct taxonomy_field *fields; /* ends with name NULL; before those of the taxonomy */
};

struct taxonomy {
    const char *product;                        /* "linux" */
    const struct taxonomy_category *categories; /* ends with name NULL */
    const struct taxonomy_field *fields;        /* of all categories; ends with name NULL */
};

struct schema {
    const char *source; /* "syscall" */
    const struct field_desc *fields;
    size_t field_count;
    const char *route; /* the field that rules are routed by, "evt.type": always a text or absent */
    /* Sources without a fixed set of fields (JSON): any other name, brackets and dots included, is
     * this field with the whole name as its argument. FIELD_WHOLE is a list of every leaf's value,
     * for keywords. NULL: the fields are all there are. */
    const struct field_desc *open;
    bool raw_is_json; /* raw bytes, see struct event, are those of a JSON text */
    /* Refuses a wrong argument of a known field ("evt.arg.flgs"): false, and *ret_hint may name
     * what was meant (static). NULL: every argument of the right kind is fine. */
    bool (*argument_check)(const struct field_desc *field, span argument, const char **ret_hint);
    const struct taxonomy *taxonomy; /* NULL: the names are those of the events */
};

#define FIELD_WHOLE ""

/* A field with its argument, as a rule names it. argument.data is NULL without one. */
struct field_ref {
    const struct field_desc *field;
    span argument;
    int64_t index; /* the argument as a number where it is one, else -1 */
};

enum field_lookup { FIELD_FOUND, FIELD_UNKNOWN, FIELD_BAD_ARGUMENT, FIELD_NEEDS_ARGUMENT };

/* Resolves `proc.aname[2]`, `evt.arg.flags`, `proc.env[HOME]`. On failure *ret_hint is the nearest
 * known name or NULL. ret borrows from name. */
enum field_lookup schema_resolve(const struct schema *schema, span name, struct field_ref *ret,
                                 const char **ret_hint);
/* The known name nearest to `name` by edit distance (at most a third of its length), or NULL. */
const char *schema_nearest(const struct schema *schema, span name);

/* ---- projection ---- */

struct projection {
    const struct schema *schema;
    const struct field_ref *refs; /* by slot */
    size_t count;
};

/* ---- event ---- */

/* Where a log comes from, in Sigma's three parts; data NULL: not said. A rule is for an event when
 * every part that the rule names is equal in the event. */
struct logsource {
    span product;
    span category;
    span service;
};

static inline bool logsource_is_said(const struct logsource *logsource)
{
    return logsource->product.data || logsource->category.data || logsource->service.data;
}

/* Fetches one field of the decoder's current record. Text may point into the record or into the
 * arena; both live until event_begin. Absent: leave ret->kind VALUE_ABSENT. */
typedef void (*event_fetch)(void *decoder, const struct field_ref *ref, struct arena *arena,
                            struct value *ret);

/* What of a JSON record keeps a text of it from standing in its raw bytes. */
struct raw_traits {
    bool has_escapes; /* a character written \uXXXX */
    bool has_wide;    /* bytes over 0x7f */
};

struct event {
    const struct projection *projection;
    event_fetch fetch;
    void *decoder;
    const struct logsource *logsource; /* NULL: not known; rules of any logsource are for it */
    /* By slot, set by the decoder with each record: bytes that determine the slot's value, its kind
     * included; data NULL: absent. NULL: the source has none. */
    const span *raw;
    const struct raw_traits *raw_traits; /* of this record; NULL: not known */
    struct arena *arena;                 /* of this event; reset by event_begin */
    struct value *values;
    uint32_t *fetched; /* per slot: the generation it was fetched in */
    uint32_t generation;
};

/* Allocates the slots. The projection and the decoder are borrowed and must outlive the event. */
MUST_USE err_kind event_open(struct event *event, const struct projection *projection,
                             event_fetch fetch, void *decoder, struct err_ctx *err);
void event_close(struct event *event);
/* The decoder holds a new record: forget all values. */
void event_begin(struct event *event);
/* Never NULL; valid until the next event_begin. slot < projection->count. */
const struct value *event_get(struct event *event, uint32_t slot);
/* A field outside the projection, fetched without memo (renderers). */
struct value event_fetch_once(struct event *event, const struct field_ref *ref);
