/* bbolt files: descends to containerd's and podman's buckets and walks them. */
#include <unistd.h>

#include <sys/mman.h>

#include "container/bolt.h"
#include "container/internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void search(struct bolt *bolt, const span *names, size_t count)
{
    struct bolt_bucket bucket = bolt_root(bolt);
    struct err_ctx err;
    bool found;
    span value;
    if (bolt_descend(bolt, &bucket, names, count, &found, &err) || !found)
        return;
    (void)!bolt_value(bolt, &bucket, SPAN("image"), &value, &found, &err);
    struct label_list *list = calloc(1, sizeof *list);
    if (list)
        (void)!bolt_each(bolt, &bucket, label_list_add, list, &err);
    free(list);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int fd = memfd_create("fuzz", MFD_CLOEXEC);
    if (fd < 0 || size == 0 || write(fd, data, size) != (ssize_t)size) {
        close(fd);
        return 0;
    }
    struct arena pages;
    arena_init(&pages, 1 << 20);
    struct bolt bolt;
    struct err_ctx err;
    if (!bolt_open(&bolt, fd, &pages, &err)) {
        const span names[] = {SPAN("v1"), SPAN("default"), SPAN("containers"), SPAN("web"),
                              SPAN("labels")};
        for (size_t count = 0; count <= 5; count++)
            search(&bolt, names, count);
    }
    arena_free(&pages);
    close(fd);
    return 0;
}
