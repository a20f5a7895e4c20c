/* What the tests of sources share: frames in, text out. */
#pragma once

#include <stdio.h>
#include <stdlib.h>

#include "core/test.h"
#include "json/json.h"
#include "source/source.h"

#define FRAMES_TEXT_MAX (1u << 20)

struct frames {
    struct source_decoder *decoder;
    struct writer text; /* an event a line; `!AT REASON` for a fault */
    size_t events, faults;
    size_t room; /* events until put says that there is none */
};

static inline void frames_open(struct frames *frames, const char *source)
{
    struct err_ctx err;
    *frames = (struct frames){.room = SIZE_MAX};
    assert_non_null(source_find(span_str(source)));
    writer_init(&frames->text, FRAMES_TEXT_MAX);
    assert_int_equal(source_decoder_open(source_find(span_str(source)), &frames->decoder, &err),
                     OK);
}

static inline void frames_close(struct frames *frames)
{
    source_decoder_close(frames->decoder);
    writer_free(&frames->text);
}

/* An event must be what rules can read, unless it was only handed on. */
static inline bool frames_put(void *context, const struct source_event *event)
{
    struct frames *frames = context;
    if (!frames->room)
        return false;
    frames->room--;
    if (event->fault) {
        frames->faults++;
        assert_true(event->fault_at <= event->json.len);
        writer_format(&frames->text, "!%zu %s\n", event->fault_at, event->fault);
    } else {
        frames->events++;
        writer_put(&frames->text, event->json);
        writer_byte(&frames->text, '\n');
    }
    return true;
}

static inline bool frames_give(struct frames *frames, span bytes)
{
    const struct source_frame frame = {.bytes = bytes, .position = SPAN("here")};
    return source_decode(frames->decoder, &frame, frames_put, frames);
}

/* The frame yields exactly these lines. */
static inline void frames_expect(const char *source, span bytes, const char *expected)
{
    struct frames frames;
    frames_open(&frames, source);
    assert_true(frames_give(&frames, bytes));
    assert_true(source_flush(frames.decoder, frames_put, &frames));
    writer_byte(&frames.text, 0);
    assert_string_equal((const char *)frames.text.data, expected);
    frames_close(&frames);
}

struct frames_cut {
    span bytes;
    size_t count;
};

static inline bool frames_check_put(void *context, const struct source_event *event)
{
    struct json_fault fault;
    struct frames_cut *cut = context;
    bool is_handed_on =
        event->json.data >= cut->bytes.data && event->json.data <= cut->bytes.data + cut->bytes.len;
    cut->count++;
    if (!event->fault && !is_handed_on && !json_check(event->json, &fault))
        fail_msg("an event is no JSON object: %s at %zu", fault.reason, fault.at);
    return true;
}

/* Every beginning of the frame, in memory of just that size, gives events that are JSON, or faults;
 * needs_events: and at least one of the two. */
static inline void frames_cut(const char *source, span bytes, bool needs_events)
{
    for (size_t len = 0; len <= bytes.len; len++) {
        struct err_ctx err;
        struct source_decoder *decoder;
        uint8_t *copy = malloc(len + !len);
        assert_non_null(copy);
        memcpy(copy, bytes.data, len);
        const struct source_frame frame = {.bytes = span_of(copy, len)};
        struct frames_cut cut = {.bytes = frame.bytes};
        assert_int_equal(source_decoder_open(source_find(span_str(source)), &decoder, &err), OK);
        assert_true(source_decode(decoder, &frame, frames_check_put, &cut));
        assert_true(source_flush(decoder, frames_check_put, &cut));
        assert_true(cut.count > 0 || !needs_events || len == 0);
        source_decoder_close(decoder);
        free(copy);
    }
}
