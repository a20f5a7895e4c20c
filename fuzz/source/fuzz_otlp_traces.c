/* A frame of the source 'otlp-traces'. */
#include "frames.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return source_fuzz("otlp-traces", span_of(data, size));
}
