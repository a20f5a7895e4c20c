/* A line of flat JSON, and every field of the schema fetched from it. */
#include "flat/flat.h"
#include "kernel/kernel.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct err_ctx err;
    struct flat_decoder *decoder;
    struct arena arena;
    if (flat_decoder_open(&decoder, &err) != OK)
        return 0;
    arena_init(&arena, 1 << 20);
    if (flat_decode(decoder, span_of(data, size), 1, &err) == OK) {
        for (size_t index = 0; index < kernel_schema.field_count; index++) {
            struct field_ref ref = {.field = &kernel_schema.fields[index], .index = -1};
            struct value value = {.kind = VALUE_ABSENT};
            flat_fetch(decoder, &ref, &arena, &value);
            ref.argument = SPAN("1");
            flat_fetch(decoder, &ref, &arena, &value);
        }
        (void)flat_time_ns(decoder);
    }
    flat_decoder_close(decoder);
    arena_free(&arena);
    return 0;
}
