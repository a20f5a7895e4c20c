/* dockerd's files: the first byte chooses which. */
#include "container/internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    struct arena arena;
    arena_init(&arena, INFO_BYTES_MAX);
    struct container_info info = {.id = SPAN("7"), .image_id = SPAN("7")};
    struct facts facts = {&info, &arena};
    struct err_ctx err;
    span driver, bytes = span_of(data + 1, size - 1);
    if (data[0] % 3 == 0)
        (void)!docker_config_parse(bytes, &facts, &driver, &err);
    else if (data[0] % 3 == 1)
        (void)!docker_host_config_parse(bytes, &facts, &err);
    else
        (void)!docker_repositories_parse(bytes, &facts, &err);
    arena_free(&arena);
    return 0;
}
