/* A Sigma file, and behind a NUL a pipeline: read, built, written as an image, opened, matched. */
#include "sigma_rules.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    span rest = span_of(data, size);
    span yaml;
    if (!span_until(&rest, 0, &yaml)) {
        yaml = rest;
        rest = SPAN("");
    }
    fuzz_sigma(yaml, rest);
    return 0;
}
