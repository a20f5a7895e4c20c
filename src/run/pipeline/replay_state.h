/* Private to replay*.c. */
#pragma once

#include "core/writer.h"
#include "pipeline/pipeline.h"
#include "stage/stage.h"

struct replay {
    struct replay_options options;
    struct detect *detect;
    struct source_decoder *source; /* NULL: lines are events as they stand */
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
/* What a frame of a source yields: at `place`, the position of whose events is `number`, or in a
 * document the number of each in it, which *number counts. */
struct replay_frame {
    const struct replay_place *place;
    span bytes;
    uint64_t *number;
    bool is_document;
};
MUST_USE err_kind replay_source(struct replay *replay, const struct replay_frame *frame,
                                struct err_ctx *err);
/* Events that were not yet whole when the file ended. */
MUST_USE err_kind replay_source_end(struct replay *replay, const struct replay_place *place,
                                    struct err_ctx *err);
MUST_USE err_kind replay_document(struct replay *replay, int fd, const char *name,
                                  struct err_ctx *err);
/* Counts a record, or a place in a file, that cannot be read, and says so on stderr the first few
 * times. at: bytes of the record before the fault. */
void replay_unreadable(struct replay *replay, const struct replay_place *place, span record,
                       size_t at, const char *reason);
