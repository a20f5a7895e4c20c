/* A frame of the source 'cloudtrail'. */
#include "frames.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return source_fuzz("cloudtrail", event_any, span_of(data, size));
}
