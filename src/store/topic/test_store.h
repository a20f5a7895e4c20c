/* What the tests of the log share: short forms that must succeed. */
#pragma once

#include <sys/stat.h>

#include "core/test_place.h"
#include "topic/topic.h"

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
