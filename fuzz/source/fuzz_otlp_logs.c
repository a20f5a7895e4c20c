/* A frame of the source 'otlp-logs'. */
#include "frames.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return source_fuzz("otlp-logs", event_check, span_of(data, size));
}
