/* Lines of the audit log, a frame each and all in one; and the same bytes as what was kept. */
#include "frames.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct err_ctx err;
    struct source_decoder *decoder;
    struct source_frame frame = {.position = SPAN("x")};
    span rest = span_of(data, size);
    if (source_decoder_open(source_find(SPAN("auditd")), &decoder, &err) != OK)
        return 0;
    while (span_until(&rest, '\n', &frame.bytes))
        if (!source_decode(decoder, &frame, event_check, &frame))
            abort();
    if (!source_flush(decoder, event_check, &frame))
        abort();
    if (source_load(decoder, span_of(data, size), &err) == OK &&
        !source_flush(decoder, event_check, &frame))
        abort();
    source_decoder_close(decoder);
    return source_fuzz("auditd", event_check, span_of(data, size));
}
