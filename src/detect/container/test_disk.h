/* A disk of samples for this module's tests, in place of the opener. */
#pragma once

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include <sys/mman.h>

#include "container/internal.h"
#include "core/cleanup.h"
#include "core/test.h"

#define HEX_A  "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define HEX_B  "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define HEX_C  "cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc"
#define SECOND 1000000000ull

/* ---- a disk of texts ---- */

struct disk_file {
    enum open_template what;
    const char *root; /* "" : the template's default */
    const char *id;
    const char *name;
    const char *content;
    size_t length; /* 0: up to the NUL */
};

struct disk {
    const struct disk_file *files;
    size_t count;
    size_t opens;
};

static inline int disk_open(void *context, const struct open_request *request)
{
    struct disk *disk = context;
    disk->opens++;
    for (size_t index = 0; index < disk->count; index++) {
        const struct disk_file *file = &disk->files[index];
        if (file->what != request->what || strcmp(file->root, request->root) != 0 ||
            strcmp(file->id, request->id) != 0 || strcmp(file->name, request->name) != 0)
            continue;
        int fd = memfd_create("disk", MFD_CLOEXEC);
        assert_true(fd >= 0);
        size_t length = file->length ? file->length : strlen(file->content);
        assert_int_equal(write(fd, file->content, length), length);
        assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
        return fd;
    }
    return -ENOENT;
}

static inline struct container_cache *cache_on(struct disk *disk, size_t containers_max)
{
    struct container_cache *cache = NULL;
    struct err_ctx err;
    struct container_options options = {
        .open = disk_open, .context = disk, .containers_max = containers_max, .seed = 5};
    assert_int_equal(container_cache_open(&options, &cache, &err), OK);
    return cache;
}

static inline struct container_key key_of(const char *path)
{
    struct container_key key;
    if (!container_from_cgroup(span_str(path), &key))
        fail_msg("no container in '%s'", path);
    return key;
}

static inline void assert_span(span s, const char *text)
{
    if (!s.data || !span_eq(s, span_str(text)))
        fail_msg("'" PRI_SPAN "', expected '%s'", ARG_SPAN(s), text);
}
