/* A record, into the process table and through every field. */
#include <assert.h>

#include "kernel/kernel.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct process_options options = {.processes_max = 8, .text_bytes_max = 1 << 20};
    struct process_table *table;
    struct kernel_decoder decoder;
    struct arena arena;
    struct err_ctx err = {0};
    if (process_table_open(&options, &table, &err) != OK)
        return 0;
    arena_init(&arena, 4 << 20);
    kernel_decoder_init(&decoder, table, NULL, 0, SPAN("host"));
    for (uint64_t number = 1; number < 3;
         number++) { /* twice: the second meets the first's state */
        if (kernel_decode(&decoder, span_of(data, size), number, &err) != OK) {
            assert(err.text[0] != 0);
            break;
        }
        for (size_t row = 0; row < kernel_schema.field_count; row++) {
            const struct field_desc *field = &kernel_schema.fields[row];
            struct field_ref ref = {.field = field, .index = -1};
            struct value value;
            kernel_fetch(&decoder, &ref, &arena, &value);
            ref = (struct field_ref){.field = field, .argument = SPAN("1"), .index = 1};
            if (field->argument != ARGUMENT_NONE)
                kernel_fetch(&decoder, &ref, &arena, &value);
        }
        arena_reset(&arena);
    }
    arena_free(&arena);
    process_table_close(table);
    return 0;
}
