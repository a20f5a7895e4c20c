/* A Falco file: read, built, written as an image, opened, matched. */
#include "rules.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_rules(span_of(data, size));
    return 0;
}
