/* A frame of the source 'zipkin'. */
#include "frames.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return source_fuzz("zipkin", event_check, span_of(data, size));
}
