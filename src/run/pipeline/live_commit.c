/* One transaction a batch: signals, their evidence, dead letters, what changed in the world, the
 * position in the ring. */
#include <endian.h>
#include <string.h>

#include "core/clock.h"
#include "pipeline/live_state.h"
#include "state/state.h"

/* A whole process table is written when the changes since the last one outnumber this. */
#define DELTAS_MAX      2000
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

/* ---- the world: processes, containers, users ---- */

static span delta_key(uint64_t number, uint64_t *storage)
{
    *storage = htobe64(number); /* big endian: keys sort by number */
    return span_of(storage, sizeof *storage);
}

static err_kind world_put_whole(struct live *live, struct err_ctx *err)
{
    uint64_t storage;
    err_kind kind = OK;
    for (uint64_t number = 1; number < live->delta_count && kind == OK; number++)
        kind =
            topic_state_put(live->log, "world", delta_key(number, &storage), (span){NULL, 0}, err);
    if (kind != OK)
        return kind;
    detect_world_save(live->detect, &live->scratch);
    if (live->scratch.is_full)
        return err_set(err, ERR_LIMIT, "the process table is over its size limit");
    live->delta_count = 1;
    return topic_state_put(live->log, "world", delta_key(0, &storage), writer_span(&live->scratch),
                           err);
}

static err_kind world_put(struct live *live, struct err_ctx *err)
{
    uint64_t storage;
    writer_reset(&live->scratch);
    if (live->is_world_lost || live->delta_count >= DELTAS_MAX || live->delta_count == 0)
        return world_put_whole(live, err);
    detect_world_delta(live->detect, &live->scratch);
    if (live->scratch.len == 0)
        return OK;
    return topic_state_put(live->log, "world", delta_key(live->delta_count++, &storage),
                           writer_span(&live->scratch), err);
}

err_kind world_load(struct live *live, struct err_ctx *err)
{
    span key, value, after = {NULL, 0};
    uint64_t number = 0, position;
    bool is_known;
    err_kind kind =
        topic_position_get(live->log, "detect", SPAN("number"), &position, &is_known, err);
    live->number = position;
    live->delta_count = 0;
    while (kind == OK) {
        kind = topic_state_next(live->log, "world", after, &key, &value, err);
        if (kind != OK || !key.data)
            break;
        if (key.len != sizeof number)
            return err_set(err, ERR_STATE, "the stored world has a key of %zu bytes", key.len);
        memcpy(&number, key.data, sizeof number);
        live->delta_count = be64toh(number) + 1;
        kind = live->delta_count == 1 ? detect_world_load(live->detect, value, err)
                                      : detect_world_apply(live->detect, value, err);
        after = span_of(&number, sizeof number);
    }
    return kind;
}

err_kind world_restart(struct live *live, struct err_ctx *err)
{
    span key, value;
    uint64_t position;
    bool is_known;
    err_kind kind =
        topic_position_get(live->log, "detect", SPAN("number"), &position, &is_known, err);
    if (kind == OK)
        kind = topic_begin(live->log, err);
    if (kind != OK)
        return kind;
    live->number = position;
    live->delta_count = 0;
    while (kind == OK) {
        kind = topic_state_next(live->log, "world", (span){NULL, 0}, &key, &value, err);
        if (kind != OK || !key.data)
            break;
        uint8_t copy[64];
        size_t len = key.len < sizeof copy ? key.len : sizeof copy;
        memcpy(copy, key.data, len);
        kind = topic_state_put(live->log, "world", span_of(copy, len), (span){NULL, 0}, err);
    }
    if (kind != OK) {
        topic_abort(live->log);
        return kind;
    }
    live->has_new_state = true;
    return topic_commit(live->log, err);
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
    if (kind == OK)
        kind =
            topic_position_put(live->log, "drops", span_of(&id, sizeof id), live->drops_shown, err);
    return kind;
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
        lines_offer(live, first_signal++, outbox_value(&live->outbox, index));
    }
    return OK;
}
