/* Events as JSON objects (RFC 8259), whose own keys are their fields.
 *
 * A line is read in two passes: the first finds quotes, escapes and odd bytes 64 at a time with
 * SIMD, the second walks the object from quote to quote, checks the grammar of all of it, and notes
 * where the values of wanted fields lie. Nothing is unescaped or converted before a rule asks.
 *
 * What is refused: what RFC 8259 refuses, bytes that are not UTF-8, nesting over JSON_DEPTH_MAX,
 * and a top level that is no object. What RFC 8259 leaves open is decided in README.md. */
#pragma once

#include "core/error.h"
#include "core/span.h"
#include "event/event.h"

#define JSON_DEPTH_MAX 1024
#define JSON_BYTES_MAX (16u << 20) /* of one object */
#define JSON_PADDING   64          /* readable bytes behind a line given to json_decode_padded */

/* Every name is a field: its key, or its keys joined by dots. */
extern const struct schema json_schema;

struct json_fault {
    size_t at;          /* bytes before the first that is wrong */
    const char *reason; /* static */
};

/* Where the events of a source have their time. */
struct json_time {
    const char *names[2]; /* fields; the first that holds one. NULL: none */
    uint64_t unit_ns;     /* of a number since 1970, or a text that is one; 0: RFC 3339 */
};

struct json_decoder;
/* The projection is borrowed. */
MUST_USE err_kind json_decoder_open(const struct projection *projection, struct json_decoder **ret,
                                    struct err_ctx *err);
void json_decoder_close(struct json_decoder *decoder);

/* Makes the line the current event. False: it is refused, and the event has no fields. */
MUST_USE bool json_decode(struct json_decoder *decoder, span line, struct json_fault *ret_fault);
/* The same without a copy: the line is borrowed until the next, JSON_PADDING bytes behind it are
 * readable, and the first of them is 0. */
MUST_USE bool json_decode_padded(struct json_decoder *decoder, span line,
                                 struct json_fault *ret_fault);

/* event_fetch; decoder is a struct json_decoder. */
void json_fetch(void *decoder, const struct field_ref *ref, struct arena *arena, struct value *ret);
/* For struct event, by slot; the array stays, its content is the current event's. */
const span *json_raw(const struct json_decoder *decoder);
/* The same: stays, its content is the current event's. */
const struct raw_traits *json_raw_traits(const struct json_decoder *decoder);
/* The event's own text fields product, category and service; NULL: it has none of them. */
const struct logsource *json_logsource(const struct json_decoder *decoder);
/* Static. */
void json_decoder_time(struct json_decoder *decoder, const struct json_time *time);
/* The event's own time: where its source has it, else RFC 3339 text under the first of @timestamp,
 * timestamp, time, evt.time, eventTime and TimeCreated that holds one; 0: it has none. */
uint64_t json_time_ns(struct json_decoder *decoder);
span json_line(const struct json_decoder *decoder);
/* Values that memory was not enough for: each was taken for absent. */
uint64_t json_over_limit(const struct json_decoder *decoder);

/* Resolves the escapes of a string's inside into `to`, which has room for 8 bytes more; returns how
 * many it wrote. Surrogates that stand alone become U+FFFD. */
size_t json_unescape(span inside, uint8_t *to);

/* Checks a line byte by byte: what is wrong first, and where. */
bool json_check(span line, struct json_fault *ret_fault);
/* Checks the JSON text, of any kind, that a stream begins with; *ret_len: its bytes. */
bool json_first(span stream, size_t *ret_len, struct json_fault *ret_fault);
