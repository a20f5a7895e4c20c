/* Private to this folder: what decoders have in common. */
#pragma once

#include "core/arena.h"
#include "json/json.h"
#include "source/source.h"
#include "split/split.h"

#define EVENT_BYTES_MAX JSON_BYTES_MAX
/* What events that share a head may come to for one frame: a small frame must not make much of it.
 */
#define WRITTEN_BYTES_MAX (256u << 20)

struct source_decoder {
    const struct source *source;
    struct writer out;  /* the event that is written */
    struct writer head; /* what several events of a frame begin with */
    size_t written;     /* bytes of the frame's events up to now */
    struct arena arena; /* for one frame */
    void *state;        /* of a joining source */
};

extern const struct source source_auditd, source_cloudtrail, source_envoy, source_falco,
    source_json, source_journald, source_kubernetes_audit, source_osquery, source_otlp_logs,
    source_otlp_traces, source_syslog, source_zipkin;

/* The bytes are no event. */
MUST_USE bool fault_put(const struct source_frame *frame, span bytes, size_t at, const char *reason,
                        source_put put, void *context);
/* Begins an event with decoder->head. False: the frame has come to too much, which has been told.
 */
bool written_begin(struct source_decoder *decoder);
/* What stands in decoder->out is one; bytes: what it was made of, for the case that it is too
 * large. */
MUST_USE bool written_put(struct source_decoder *decoder, const struct source_frame *frame,
                          span bytes, source_put put, void *context);

/* A part of the frame, or of what was made of it, is one as it stands. */
MUST_USE bool part_put(const struct source_frame *frame, span part, source_put put, void *context);

/* A JSON string's text, unescaped in the arena where it must be. False: not a string, or no room.
 */
bool text_take(struct source_decoder *decoder, span value, span *ret);
/* Is a body protobuf whose first field is a message of number 1, not JSON? */
bool body_is_protobuf(span body);
/* Takes an array off the front and gives each element as an event; from where it is wrong on, all
 * of the rest is a fault. */
MUST_USE bool list_put(const struct source_frame *frame, span *rest, source_put put, void *context);

/* ---- a JSON object, written member by member ---- */

static inline void member_begin(struct writer *out, span name)
{
    bool is_first = out->len == 0 || out->data[out->len - 1] == '{';
    writer_text(out, is_first ? "" : ",");
    writer_json_string(out, name);
    writer_byte(out, ':');
}

static inline void member_text(struct writer *out, const char *name, span text)
{
    member_begin(out, span_str(name));
    writer_json_string(out, text);
}

static inline void member_number(struct writer *out, const char *name, uint64_t number)
{
    member_begin(out, span_str(name));
    writer_format(out, "%llu", (unsigned long long)number);
}
