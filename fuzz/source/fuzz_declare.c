/* A declared pipeline: what is taken comes out whole on the other side. */
#include <stdlib.h>

#include "declare/declare.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct diagnostics diagnostics;
    struct declare_pipeline pipeline;
    struct writer pairs;
    struct err_ctx err;
    bool is_end;
    diagnostics_init(&diagnostics, 50);
    writer_init(&pairs, 1 << 20);
    declare_read(SPAN("fuzz.yaml"), span_of(data, size), &diagnostics, &pairs);
    span rest = writer_span(&pairs);
    if ((rest.len > 0) != (diagnostics.error_count == 0))
        abort();
    if (declare_next(&rest, &pipeline, &is_end, &err) != OK || rest.len ||
        is_end != (pairs.len == 0))
        abort();
    rest = span_of(data, size); /* the pairs themselves, from a compiler that was taken over */
    do {
        is_end = true;
    } while (declare_next(&rest, &pipeline, &is_end, &err) == OK && !is_end);
    writer_free(&pairs);
    diagnostics_free(&diagnostics);
    return 0;
}
