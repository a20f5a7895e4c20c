/* What the tests of the log share: a folder of their own, and short forms that must succeed. */
#pragma once

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include <sys/stat.h>

#include "core/test.h"
#include "topic/topic.h"

struct place {
    char path[64];
    int fd;
};

static inline int place_open(void **state)
{
    struct place *place = calloc(1, sizeof *place);
    if (!place)
        return -1;
    snprintf(place->path, sizeof place->path, "/tmp/test_topic.XXXXXX");
    if (!mkdtemp(place->path)) {
        free(place);
        return -1;
    }
    place->fd = open(place->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    *state = place;
    return place->fd < 0;
}

static inline void place_empty(int dir_fd)
{
    DIR *dir = fdopendir(dup(dir_fd));
    rewinddir(dir);
    for (struct dirent *entry; (entry = readdir(dir));)
        unlinkat(dir_fd, entry->d_name, 0);
    closedir(dir);
}

static inline int place_close(void **state)
{
    struct place *place = *state;
    if (!place)
        return 0;
    place_empty(place->fd);
    close(place->fd);
    rmdir(place->path);
    free(place);
    return 0;
}

#define MUST(call)                                                                                 \
    do {                                                                                           \
        struct err_ctx must_err_ = {0};                                                            \
        struct err_ctx *err = &must_err_;                                                          \
        if ((call) != OK)                                                                          \
            fail_msg("%s: %s", #call, must_err_.text);                                             \
    } while (0)

static inline struct topic_log *log_open(int dir_fd, bool is_read_only, uint64_t size_bytes_max)
{
    struct topic_options options = {.is_read_only = is_read_only, .size_bytes_max = size_bytes_max};
    struct topic_log *log = NULL;
    MUST(topic_log_open(dir_fd, &options, &log, err));
    return log;
}

static inline struct topic_info info_get(struct topic_log *log, const char *topic)
{
    struct topic_info info;
    MUST(topic_info_get(log, topic, &info, err));
    return info;
}
