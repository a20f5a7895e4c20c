/* A saved process table or delta. The checksum is mended, so that what lies behind it is reached.
 */
#include <assert.h>
#include <stdlib.h>

#include "kernel/kernel.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct process_options options = {.processes_max = 16};
    struct process_table *table;
    struct err_ctx err = {0};
    struct writer out;
    if (size < 8 || process_table_open(&options, &table, &err) != OK)
        return 0;
    uint8_t *bytes = malloc(size);
    assert(bytes);
    memcpy(bytes, data, size);
    uint64_t sum = 0xcbf29ce484222325u; /* FNV-1a */
    for (size_t index = 0; index < size - 8; index++)
        sum = (sum ^ bytes[index]) * 0x100000001b3u;
    memcpy(bytes + size - 8, &sum, 8);
    if (process_table_apply_delta(table, span_of(bytes, size), &err) == OK) {
        /* What was taken can be saved and taken again. */
        writer_init(&out, 16u << 20);
        process_table_save(table, &out);
        assert(!out.is_full);
        assert(process_table_load(table, writer_span(&out), &err) == OK);
        writer_free(&out);
    }
    free(bytes);
    process_table_close(table);
    return 0;
}
