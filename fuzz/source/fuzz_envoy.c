/* A frame of the source 'envoy'. */
#include "frames.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return source_fuzz("envoy", event_check, span_of(data, size));
}
