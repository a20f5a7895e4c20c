#include <stdio.h>

#include "core/clock.h"
#include "core/log.h"
#include "pipeline/live_state.h"
#include "recording/recording.h"

#define RECORDED_BYTES_FULL (32u << 20) /* a batch ends there */
#define RECORDED_BYTES_MAX  (64u << 20)

err_kind recording_start(struct live *live, struct err_ctx *err)
{
    struct recording_info info = {.boot_to_wall_ns = clock_wall_ns() - clock_boot_ns()};
    snprintf(info.hostname, sizeof info.hostname, "%s", live->options.hostname);
    err_kind kind = recording_writer_open(live->options.record_fd, &info, &live->recording, err);
    if (kind != OK)
        return kind;
    writer_init(&live->recorded, RECORDED_BYTES_MAX);
    detect_world_save(live->detect, &live->recorded);
    kind = recording_write(live->recording, RECORDING_WORLD, writer_span(&live->recorded), err);
    writer_reset(&live->recorded);
    return kind;
}

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
        kind = recording_write(live->recording, RECORDING_FACTS, writer_span(&live->scratch), err);
        live->has_new_facts = false;
    }
    if (kind == OK)
        kind =
            recording_write(live->recording, RECORDING_RECORDS, writer_span(&live->recorded), err);
    writer_reset(&live->recorded);
    return kind;
}

void recording_end(struct live *live)
{
    struct err_ctx err;
    if (!live->recording)
        return;
    if (recording_flush(live, &err) != OK ||
        recording_write(live->recording, RECORDING_END, SPAN(""), &err) != OK)
        log_event(LOG_ERROR, "recording_cut", "reason='%s'", err.text);
    recording_writer_close(live->recording);
    writer_free(&live->recorded);
}
