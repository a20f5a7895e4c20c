/* Dead letters: what is read of one, written again, is read as the same. */
#include <stdlib.h>

#include "flow/flow.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena;
    struct writer out;
    struct dead_letter letter, again;
    struct err_ctx err;
    arena_init(&arena, 16u << 20);
    writer_init(&out, 16u << 20);
    if (dead_letter_read(span_of(data, size), &arena, &letter, &err) == OK) {
        dead_letter_write(&out, "why", "detect", "app", letter.position, letter.payload);
        if (dead_letter_read(writer_span(&out), &arena, &again, &err) != OK ||
            !span_eq(letter.payload, again.payload) || !letter.payload.data != !again.payload.data)
            abort();
    }
    writer_free(&out);
    arena_free(&arena);
    return 0;
}
