/* Lines for people made from JSON that anybody may have written. */
#include <assert.h>

#include "signal/signal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct writer out;
    struct err_ctx err;
    writer_init(&out, SIGNAL_BYTES_MAX);
    if (signal_render_text(span_of(data, size), false, &out, &err) == OK) {
        assert(out.len && out.data[out.len - 1] == '\n');
        for (size_t index = 0; index < out.len; index++)
            assert(out.data[index] == '\n' || out.data[index] >= 0x20); /* no escapes get through */
    }
    writer_reset(&out);
    err_kind kind = signal_render_text(span_of(data, size), true, &out, &err);
    assert(kind == OK || kind == ERR_INPUT || kind == ERR_LIMIT);
    writer_free(&out);
    return 0;
}
