/* A frame of the source 'journald'. */
#include "frames.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return source_fuzz("journald", event_check, span_of(data, size));
}
