#include <stdio.h>
#include <unistd.h>

#include <sys/stat.h>

#include "core/clock.h"
#include "core/log.h"
#include "pipeline/live_state.h"
#include "recording/recording.h"

#define RECORDED_BYTES_FULL (32u << 20) /* a batch ends there */
#define RECORDED_BYTES_MAX  (64u << 20)

/* ---- the file: whole frames, whatever happens ---- */

/* What is torn goes: a reader finds whole frames and the end of the file. */
static err_kind failed(struct live *live, struct err_ctx *err)
{
    int fd = live->options.record_fd;
    live->has_recording_failed = true;
    if (live->is_record_seekable && ftruncate(fd, (off_t)live->recorded_end) == 0)
        lseek(fd, (off_t)live->recorded_end, SEEK_SET);
    return err_wrap(err, "the recording ends here, and what was written before is whole");
}

static err_kind frame_write(struct live *live, enum recording_frame frame, span bytes,
                            struct err_ctx *err)
{
    if (recording_write(live->recording, frame, bytes, err) != OK)
        return failed(live, err);
    live->recorded_end = (uint64_t)lseek(live->options.record_fd, 0, SEEK_CUR);
    return OK;
}

/* From this place on; 0: anew, with a header. */
static err_kind file_open(struct live *live, uint64_t at, struct err_ctx *err)
{
    int fd = live->options.record_fd;
    struct stat status;
    struct recording_info info = {.boot_to_wall_ns = clock_wall_ns() - clock_boot_ns()};
    snprintf(info.hostname, sizeof info.hostname, "%s", live->options.hostname);
    live->is_record_seekable = fstat(fd, &status) == 0 && S_ISREG(status.st_mode);
    live->recorded_end = at;
    if (live->is_record_seekable &&
        (ftruncate(fd, (off_t)at) || lseek(fd, (off_t)at, SEEK_SET) < 0)) {
        (void)err_set(err, ERR_SYSTEM, "recording");
        return failed(live, err);
    }
    writer_init(&live->recorded, RECORDED_BYTES_MAX);
    err_kind kind = recording_writer_open(fd, &info, &live->recording, err);
    return kind == OK ? OK : failed(live, err);
}

err_kind recording_start(struct live *live, struct err_ctx *err)
{
    err_kind kind = file_open(live, 0, err);
    if (kind != OK)
        return kind;
    detect_world_save(live->detect, &live->recorded);
    kind = frame_write(live, RECORDING_WORLD, writer_span(&live->recorded), err);
    writer_reset(&live->recorded);
    return kind;
}

err_kind recording_resume(struct live *live, struct err_ctx *err)
{
    uint64_t id = ring_id(live->ring), at = 0;
    bool is_known;
    err_kind kind =
        topic_position_get(live->log, "recording", span_of(&id, sizeof id), &at, &is_known, err);
    if (kind == OK && !is_known)
        return recording_start(live, err);
    if (kind == OK)
        kind = file_open(live, at, err);
    if (kind == OK && !live->is_record_seekable) {
        (void)err_set(err, ERR_STATE, "the engine ended, and this output cannot be gone on with");
        return failed(live, err);
    }
    live->has_new_facts = true; /* those since the store was written last */
    return kind;
}

err_kind recording_commit(struct live *live, struct err_ctx *err)
{
    uint64_t id = ring_id(live->ring);
    return topic_position_put(live->log, "recording", span_of(&id, sizeof id), live->recorded_end,
                              err);
}

/* ---- a batch ---- */

void recording_add(struct live *live, span record)
{
    writer_put(&live->recorded, record);
    live->has_new_facts |= detect_facts_touch(live->detect);
}

bool recording_is_full(const struct live *live)
{
    return live->recorded.len > RECORDED_BYTES_FULL;
}

/* Facts first: replay must know a container before the records that are in it. */
err_kind recording_flush(struct live *live, struct err_ctx *err)
{
    err_kind kind = OK;
    if (live->recorded.len == 0)
        return OK;
    if (live->has_new_facts) {
        writer_reset(&live->scratch);
        detect_facts_save(live->detect, &live->scratch);
        kind = frame_write(live, RECORDING_FACTS, writer_span(&live->scratch), err);
        live->has_new_facts = false;
    }
    if (kind == OK)
        kind = frame_write(live, RECORDING_RECORDS, writer_span(&live->recorded), err);
    writer_reset(&live->recorded);
    return kind;
}

void recording_end(struct live *live)
{
    struct err_ctx err;
    if (!live->recording)
        return;
    if (!live->has_recording_failed && (recording_flush(live, &err) != OK ||
                                        frame_write(live, RECORDING_END, SPAN(""), &err) != OK))
        log_event(LOG_ERROR, "recording_cut", "reason='%s'", err.text);
    recording_writer_close(live->recording);
    writer_free(&live->recorded);
}
