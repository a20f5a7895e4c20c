/* Settings in the subset of TOML that is read, command lines and cgroup paths. */
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
    span bytes = span_of(data, size);
    struct toml toml = {.rest = bytes};
    span key, value;
    while (toml_next(&toml, &key, &value)) {
        if (key.len == 0 || value.len > size)
            abort();
    }
    static const char *const programs[] = {"dockerd", "containerd", "crio",
                                           "podman",  "conmon",     "containerd-shim-runc-v2"};
    struct sources sources = {.open = open_nothing};
    roots_init(&sources.roots);
    for (size_t index = 0; index < sizeof programs / sizeof *programs; index++)
        sources_daemon(&sources, span_str(programs[index]), bytes, bytes);
    struct container_key container;
    if (container_from_cgroups(bytes, &container) && container.id.len == 0)
        abort();
    return 0;
}
