/* Lines for people, and the forms of other programs, made from JSON that anybody may have written.
 */
#include <assert.h>
#include <jansson.h>

#include "signal/signal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* JSON again, or refused. */
static void export_all(const uint8_t *data, size_t size)
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
}

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
    export_all(data, size);
    return 0;
}
