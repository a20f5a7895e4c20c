/* The body of a source's target: a frame and its end, read by the source's decoder; what it gives
 * is a fault or JSON. */
#pragma once

#include <stdlib.h>

#include "json/json.h"
#include "source/source.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static inline bool event_check(void *context, const struct source_event *event)
{
    const struct source_frame *frame = context;
    struct json_fault fault;
    bool is_handed_on = event->json.data >= frame->bytes.data &&
                        event->json.data <= frame->bytes.data + frame->bytes.len;
    if (event->fault ? event->fault_at > event->json.len
                     : !is_handed_on && !json_check(event->json, &fault))
        abort();
    return true;
}

/* For events out of texts inside the frame, which are handed on unchecked too. */
static inline bool event_any(void *context, const struct source_event *event)
{
    (void)context;
    if (event->fault && event->fault_at > event->json.len)
        abort();
    return true;
}

static inline int source_fuzz(const char *name, source_put check, span bytes)
{
    struct err_ctx err;
    struct source_decoder *decoder;
    struct source_frame frame = {.bytes = bytes, .position = SPAN("x")};
    if (source_decoder_open(source_find(span_str(name)), &decoder, &err) != OK)
        return 0;
    if (!source_decode(decoder, &frame, check, &frame) || !source_flush(decoder, check, &frame))
        abort();
    source_decoder_close(decoder);
    return 0;
}
