/* Falco's alerts as it writes them with json_output: an object a line, whose `output_fields` has
 * the event's fields by their names. */
#include "source/decoder.h"

static bool decode(struct source_decoder *decoder, const struct source_frame *frame, source_put put,
                   void *context)
{
    (void)decoder;
    return part_put(frame, frame->bytes, put, context);
}

const struct source source_falco = {
    .name = "falco",
    .summary = "Falco's alerts in JSON, one a line or a request",
    .framing = SOURCE_LINES,
    .logsource = {.product = {(const uint8_t *)"falco", 5}},
    .is_plain = true,
    .decode = decode,
};
