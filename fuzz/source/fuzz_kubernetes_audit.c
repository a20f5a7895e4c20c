/* A frame of the source 'kubernetes-audit'. */
#include "frames.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return source_fuzz("kubernetes-audit", event_check, span_of(data, size));
}
