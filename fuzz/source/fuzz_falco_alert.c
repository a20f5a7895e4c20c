/* A frame of the source 'falco'. */
#include "frames.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return source_fuzz("falco", event_check, span_of(data, size));
}
