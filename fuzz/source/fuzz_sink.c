/* Declarations of sinks: what is read without an error can be made settings of. */
#include <assert.h>

#include "sink/sink.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct diagnostics diagnostics;
    struct writer out;
    struct sink_settings settings;
    struct err_ctx err;
    diagnostics_init(&diagnostics, 50);
    writer_init(&out, 16u << 20);
    sink_declare(SPAN("sinks/fuzz.yml"), span_of(data, size), &diagnostics, &out);
    if (diagnostics.error_count == 0 && !out.is_full) {
        err_kind kind = sink_settings_open(&settings, writer_span(&out), &err);
        assert(kind == OK);
        sink_settings_close(&settings);
    }
    writer_free(&out);
    diagnostics_free(&diagnostics);
    return 0;
}
