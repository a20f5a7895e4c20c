/* Signals and alerts that anybody may have written, in the forms of others: JSON that carries the
 * id, or refused. */
#include <assert.h>
#include <jansson.h>

#include "signal/signal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct writer out;
    struct err_ctx err;
    json_t *record = json_loadb((const char *)data, size, JSON_ALLOW_NUL, NULL);
    writer_init(&out, 1u << 20);
    for (int format = 0; record && format < SIGNAL_FORMAT_COUNT; format++) {
        writer_reset(&out);
        if (signal_export(record, (enum signal_format)format, &out, &err) != OK)
            continue;
        json_t *again = json_loadb((const char *)out.data, out.len, JSON_ALLOW_NUL, NULL);
        assert(json_is_object(again));
        json_decref(again);
    }
    json_decref(record);
    writer_free(&out);
    return 0;
}
