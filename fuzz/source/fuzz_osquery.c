/* A frame of the source 'osquery'. */
#include "frames.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return source_fuzz("osquery", event_check, span_of(data, size));
}
