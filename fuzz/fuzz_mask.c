/* Masking of free text and of arguments. */
#include <assert.h>

#include "signal/signal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void arguments_mask(struct writer *out, span argv)
{
    bool is_value = false;
    while (argv.len) {
        span argument;
        if (!span_until(&argv, 0, &argument)) {
            argument = argv;
            argv.len = 0;
        }
        mask_argument(out, argument, &is_value);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct writer out, once;
    span text = span_of(data, size);
    writer_init(&out, size * 4 + 64);
    writer_init(&once, size * 4 + 64);
    mask_text(&out, text);
    assert(!out.is_full);
    /* Whatever follows, a secret in front of it is masked. */
    writer_text(&once, "token=x ");
    writer_put(&once, text);
    span prefixed = writer_span(&once);
    writer_reset(&out);
    mask_text(&out, prefixed);
    assert(span_starts(writer_span(&out), SPAN("token=****")));
    writer_reset(&out);
    arguments_mask(&out, text);
    assert(!out.is_full);
    writer_free(&out);
    writer_free(&once);
    return 0;
}
