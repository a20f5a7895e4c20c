/* Private to replay*.c. */
#pragma once

#include "core/writer.h"
#include "pipeline/pipeline.h"
#include "stage/stage.h"

struct replay {
    struct replay_options options;
    struct detect *detect;
    struct replay_counts counts;
    struct writer json; /* one signal */
    struct writer line; /* as it is printed */
};

/* ---- replay.c ---- */

/* Prints the matches of the event fed last. */
MUST_USE err_kind replay_matches(struct replay *replay, uint64_t number, const uint32_t *matches,
                                 size_t count, struct err_ctx *err);

/* ---- replay_lines.c ---- */

struct replay_place {
    const char *name;
    uint64_t line;
};

MUST_USE err_kind replay_lines(struct replay *replay, int fd, const char *name,
                               struct err_ctx *err);
/* Counts a record, or a place in a file, that cannot be read, and says so on stderr the first few
 * times. at: bytes of the record before the fault. */
void replay_unreadable(struct replay *replay, const struct replay_place *place, span record,
                       size_t at, const char *reason);
