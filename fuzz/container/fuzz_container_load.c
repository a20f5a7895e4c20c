/* Stored facts. The input is the payload: a right head and checksum are put around it, so that what
 * lies behind them is reached. */
#include <errno.h>

#include "container/internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int open_nothing(void *context, const struct open_request *request)
{
    (void)context;
    (void)request;
    return -ENOENT;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct container_options options = {.open = open_nothing, .containers_max = 4};
    struct container_cache *containers;
    struct user_cache *users;
    struct err_ctx err;
    if (container_cache_open(&options, &containers, &err) ||
        user_cache_open(&options, &users, &err))
        return 0;
    struct writer out;
    writer_init(&out, 8 << 20);
    size_t begin = wire_begin(&out, WIRE_CONTAINERS);
    writer_put(&out, span_of(data, size));
    wire_end(&out, begin);
    (void)!container_cache_load(containers, writer_span(&out), 0, &err);
    writer_reset(&out);
    container_cache_save(containers, &out);
    writer_reset(&out);
    begin = wire_begin(&out, WIRE_USERS);
    writer_put(&out, span_of(data, size));
    wire_end(&out, begin);
    (void)!user_cache_load(users, writer_span(&out), 0, &err);
    writer_free(&out);
    (void)!container_cache_load(containers, span_of(data, size), 0, &err);
    container_cache_close(containers);
    user_cache_close(users);
    return 0;
}
