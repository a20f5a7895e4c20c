/* Batches as a reader takes them from the store: compressed, and the records inside. */
#include <assert.h>
#include <stdlib.h>

#include "topic/batch.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What was taken apart is put together again, and must come apart the same way. */
static void records_check(span batch)
{
    struct writer copy;
    writer_init(&copy, BATCH_BYTES_MAX * 2);
    span rest = batch, key, value, again_key, again_value;
    while (batch_take(&rest, &key, &value)) {
        writer_reset(&copy);
        batch_put(&copy, key, value);
        span again = writer_span(&copy);
        bool is_whole = batch_take(&again, &again_key, &again_value);
        assert(is_whole && again.len == 0);
        assert(span_eq(key, again_key) && !key.data == !again_key.data);
        assert(span_eq(value, again_value) && !value.data == !again_value.data);
    }
    writer_free(&copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct err_ctx err;
    span batch;
    records_check(span_of(data, size));
    uint8_t *buffer = malloc(BATCH_BYTES_MAX);
    ZSTD_DCtx *decompressor = ZSTD_createDCtx();
    if (batch_unpack(span_of(data, size), decompressor, buffer, &batch, &err) == OK)
        records_check(batch);
    ZSTD_freeDCtx(decompressor);
    free(buffer);
    return 0;
}
