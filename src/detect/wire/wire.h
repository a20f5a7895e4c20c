/* Protobuf's wire format (protobuf.dev, "Encoding"), read by tables and written as JSON: for
 * sources that send it. Knows no .proto files; what a table does not name is passed over. Reads
 * nothing outside its bytes; nesting is at most WIRE_DEPTH_MAX. */
#pragma once

#include "core/span.h"
#include "core/writer.h"

#define WIRE_DEPTH_MAX 32

struct wire_fault {
    const uint8_t *at;
    const char *reason; /* static */
};

enum wire_type { WIRE_VARINT = 0, WIRE_8_BYTES = 1, WIRE_LENGTH = 2, WIRE_4_BYTES = 5 };

struct wire_item {
    uint32_t number;
    enum wire_type type;
    uint64_t value; /* of the three types of numbers */
    span bytes;     /* of WIRE_LENGTH */
};

/* Takes a field off the front. False: it is not whole, or of a kind that is no longer made. */
MUST_USE bool wire_next(span *rest, struct wire_item *ret, struct wire_fault *ret_fault);
/* Is all of it fields of number 1 with a length, and at least one? What text is not. */
bool wire_is_list(span bytes);

enum wire_kind {
    WIRE_TEXT = 1,
    WIRE_HEX,     /* bytes as hex digits */
    WIRE_BASE64,  /* bytes */
    WIRE_ADDRESS, /* 4 or 16 bytes, as the address is written */
    WIRE_UINT,
    WIRE_INT,
    WIRE_INT_TEXT, /* between quotes */
    WIRE_BOOL,
    WIRE_DOUBLE,
    WIRE_FIXED32,
    WIRE_FIXED64,
    WIRE_FIXED64_TEXT, /* between quotes */
    WIRE_ENUM,         /* its word; none for those without */
    WIRE_MESSAGE,
    WIRE_MAP,        /* of texts to texts, an object */
    WIRE_ATTRIBUTES, /* OpenTelemetry's KeyValue, repeated: an object */
    WIRE_ANY,        /* OpenTelemetry's AnyValue: a value */
};

/* A table ends with a row of number 0. */
struct wire_field {
    uint32_t number;
    const char *name;
    enum wire_kind kind;
    bool is_repeated;
    const struct wire_field *message;
    const char *const *words;
    size_t word_count;
};

/* An object with the members that are there, in the order of the table. Of a field that stands more
 * than once and is not repeated the last counts. */
MUST_USE bool wire_write(struct writer *out, const struct wire_field *table, span message,
                         struct wire_fault *ret_fault);
/* The same members, the object being begun by the caller. */
MUST_USE bool wire_members_write(struct writer *out, const struct wire_field *table, span message,
                                 struct wire_fault *ret_fault);
