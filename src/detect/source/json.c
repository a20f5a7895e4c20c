/* JSON objects with any keys, one a frame. They are checked where they are matched. */
#include "source/decoder.h"

static bool decode(struct source_decoder *decoder, const struct source_frame *frame, source_put put,
                   void *context)
{
    (void)decoder;
    const struct source_event event = {.json = frame->bytes, .position = frame->position};
    return put(context, &event);
}

const struct source source_json = {
    .name = "json",
    .summary = "JSON objects with their own keys",
    .framing = SOURCE_LINES,
    .is_plain = true,
    .decode = decode,
};
