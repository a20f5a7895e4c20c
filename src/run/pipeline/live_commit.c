/* One transaction a batch: signals, their evidence, dead letters, what changed in the world, the
 * position in the ring. */
#include <string.h>

#include "core/clock.h"
#include "pipeline/live_state.h"
#include "state/state.h"

#define STATUS_EVERY_NS 1000000000ull

static const char *const topic_of[] = {
    [OUTBOX_SIGNAL] = "signals", [OUTBOX_EVIDENCE] = "evidence", [OUTBOX_DEAD] = "dead"};

static err_kind entries_put(struct live *live, uint64_t *ret_first_signal, struct err_ctx *err)
{
    err_kind kind = OK;
    *ret_first_signal = UINT64_MAX;
    for (size_t index = 0; index < live->outbox.count && kind == OK; index++) {
        enum outbox_kind what = live->outbox.entries[index].kind;
        span value = outbox_value(&live->outbox, index);
        uint64_t offset;
        kind = topic_append(live->log, topic_of[what], outbox_key(&live->outbox, index), value,
                            &offset, err);
        if (kind == OK && what == OUTBOX_SIGNAL) {
            if (*ret_first_signal == UINT64_MAX)
                *ret_first_signal = offset;
            struct state_signal row = outbox_row(&live->outbox, index);
            row.offset = offset;
            kind = state_signal_put(live->log, &row, err);
        }
    }
    return kind;
}

/* ---- status ---- */

bool status_is_due(const struct live *live, uint64_t now_ns)
{
    return now_ns - live->status_ns >= STATUS_EVERY_NS;
}

static err_kind status_put(struct live *live, struct err_ctx *err)
{
    uint64_t now_ns = clock_boot_ns();
    if (!status_is_due(live, now_ns))
        return OK;
    live->status_ns = now_ns;
    writer_reset(&live->scratch);
    status_render(live, &live->scratch);
    return topic_state_put(live->log, "status", SPAN("detect"), writer_span(&live->scratch), err);
}

/* ---- the transaction ---- */

static err_kind positions_put(struct live *live, struct err_ctx *err)
{
    if (!live->ring)
        return OK;
    uint64_t id = ring_id(live->ring);
    err_kind kind =
        topic_position_put(live->log, "detect", span_of(&id, sizeof id), live->cursor, err);
    if (kind == OK)
        kind = topic_position_put(live->log, "detect", SPAN("number"), live->number, err);
    if (kind == OK && live->recording)
        kind = recording_commit(live, err);
    return kind == OK ? own_commit(live, err) : kind;
}

err_kind batch_commit(struct live *live, struct err_ctx *err)
{
    uint64_t first_signal = 0, delta_count = live->delta_count;
    err_kind kind = topic_begin(live->log, err);
    if (kind != OK)
        return kind;
    kind = entries_put(live, &first_signal, err);
    if (kind == OK)
        kind = world_put(live, err);
    if (kind == OK)
        kind = positions_put(live, err);
    if (kind == OK)
        kind = status_put(live, err);
    if (kind == OK)
        kind = topic_commit(live->log, err);
    if (kind != OK) {
        topic_abort(live->log);
        live->is_world_lost = true;      /* a delta was taken and not stored: next time the whole */
        live->delta_count = delta_count; /* what is stored is what was: the whole replaces it */
        return kind;
    }
    live->is_world_lost = false;
    live->has_new_state = false;
    if (live->ring)
        ring_release(live->ring, live->cursor);
    for (size_t index = 0; index < live->outbox.count; index++) {
        if (live->outbox.entries[index].kind != OUTBOX_SIGNAL)
            continue;
        live->signal_end = first_signal + 1;
        line_tail_offer(&live->lines, first_signal++, outbox_value(&live->outbox, index));
    }
    return OK;
}
