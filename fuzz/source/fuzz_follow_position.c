/* A stored position, as text: taken whole or refused, and written again as it was read. */
#include <stdlib.h>

#include "follow/follow.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct follow_options options = {0};
    struct follow *follow;
    struct err_ctx err;
    if (follow_open(&options, &follow, &err) != OK)
        return 0;
    if (follow_restore(follow, 1, span_of(data, size), &err) == OK &&
        follow_restore(follow, 1, span_of(data, size), &err) == OK)
        abort();
    follow_close(follow);
    return 0;
}
