/* Private to this folder: what decoders have in common. */
#pragma once

#include "core/arena.h"
#include "json/json.h"
#include "source/source.h"

#define EVENT_BYTES_MAX JSON_BYTES_MAX

struct source_decoder {
    const struct source *source;
    struct writer out;  /* the event that is written */
    struct arena arena; /* for one frame */
    void *state;        /* of a joining source */
};

extern const struct source source_json, source_syslog;

/* The bytes are no event. */
MUST_USE bool fault_put(const struct source_frame *frame, span bytes, size_t at, const char *reason,
                        source_put put, void *context);
/* What stands in decoder->out is one; bytes: what it was made of, for the case that it is too
 * large. */
MUST_USE bool written_put(struct source_decoder *decoder, const struct source_frame *frame,
                          span bytes, source_put put, void *context);

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
