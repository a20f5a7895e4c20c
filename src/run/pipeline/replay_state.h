/* Private to replay*.c. */
#pragma once

#include "core/writer.h"
#include "pipeline/detect.h"
#include "pipeline/pipeline.h"

struct replay {
    struct replay_options options;
    struct detect *detect;
    struct replay_counts counts;
    struct writer json; /* one signal */
    struct writer line; /* as it is printed */
};
