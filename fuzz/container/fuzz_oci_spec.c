/* Runtime specifications and containers/storage's lists: the first byte chooses which. */
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
    bool found;
    span bytes = span_of(data + 1, size - 1);
    if (data[0] % 3 == 0)
        (void)!oci_spec_parse(bytes, &facts, &err);
    else if (data[0] % 3 == 1)
        (void)!storage_containers_parse(bytes, &facts, &found, &err);
    else
        (void)!storage_images_parse(bytes, &facts, &err);
    struct writer out;
    writer_init(&out, 4 << 20);
    container_info_json(&info, &out);
    writer_free(&out);
    arena_free(&arena);
    return 0;
}
