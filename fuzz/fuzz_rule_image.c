/* An image of compiled rules as the engine gets it. */
#include "rules.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_image(span_of(data, size));
    return 0;
}
