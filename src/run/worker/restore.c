/* The parent's half of a stage that keeps state. What decoders know of a partition is a copy of
 * what was committed: they are told it before the partition's first record, and whatever goes wrong
 * (a transaction is undone, a partition comes, a decoder ends) has them told anew. */
#include <stdlib.h>

#include "core/log.h"
#include "worker/worker_state.h"

#define LEVEL_EVERY_NS 1000000000ull

err_kind restore_open(struct worker *worker, struct err_ctx *err)
{
    worker->careful_to = calloc(KAFKA_PARTITIONS_MAX, sizeof *worker->careful_to);
    if (!worker->careful_to)
        return err_set(err, ERR_LIMIT, "out of memory for the partitions");
    for (size_t index = 0; index < KAFKA_PARTITIONS_MAX; index++)
        worker->careful_to[index] = -1;
    return OK;
}

void restore_close(struct worker *worker)
{
    free(worker->careful_to);
    worker->careful_to = NULL;
}

err_kind restore_run(struct worker *worker, struct err_ctx *err)
{
    for (;;) {
        struct exchange_state state;
        bool is_there;
        err_kind kind =
            exchange_state_peek(worker->exchange, &state, &is_there, &worker->is_whole, err);
        if (kind != OK || !is_there)
            return kind;
        const struct work_item item = {.kind = state.key.data ? WORK_STATE : WORK_FORGET,
                                       .partition = state.partition,
                                       .key = state.key,
                                       .value = state.value};
        if (!decoder_put(worker, worker_child(worker, state.partition), &item))
            return OK; /* when a slot is free again */
        exchange_state_next(worker->exchange);
    }
}

void restore_level_look(struct worker *worker, uint64_t now_ns)
{
    if (now_ns - worker->level_ns < LEVEL_EVERY_NS)
        return;
    worker->level_ns = now_ns;
    for (int32_t partition = exchange_level_next(worker->exchange, -1); partition >= 0;
         partition = exchange_level_next(worker->exchange, partition)) {
        const struct work_item item = {.kind = WORK_LEVEL, .partition = partition};
        if (!decoder_put(worker, worker_child(worker, partition), &item))
            return; /* the next look tells */
    }
}

/* ---- records that end decoders ---- */

static struct suspect *suspect_at(struct worker *worker, int32_t partition, int64_t offset)
{
    for (size_t index = 0; index < SUSPECTS_MAX; index++) {
        struct suspect *suspect = &worker->suspects[index];
        if (suspect->crashes && suspect->partition == partition && suspect->offset == offset)
            return suspect;
    }
    return NULL;
}

bool restore_is_poison(const struct worker *worker, int32_t partition, int64_t offset)
{
    for (size_t index = 0; index < SUSPECTS_MAX; index++) {
        const struct suspect *suspect = &worker->suspects[index];
        if (suspect->crashes >= CRASHES_MAX && suspect->partition == partition &&
            suspect->offset == offset)
            return true;
    }
    return false;
}

static void suspect_note(struct worker *worker, int32_t partition, int64_t offset)
{
    struct suspect *suspect = suspect_at(worker, partition, offset);
    if (!suspect) {
        suspect = &worker->suspects[worker->suspect_next++ % SUSPECTS_MAX];
        *suspect = (struct suspect){.partition = partition, .offset = offset};
    }
    if (++suspect->crashes == CRASHES_MAX)
        log_event(LOG_WARN, "poison", "position='%s/%d@%lld'", worker->start.topic, (int)partition,
                  (long long)offset);
}

/* The records of a slot are to be given out one by one when they come again; in a slot that was
 * given out so, the first one is the one that it happened with. */
static void slot_suspect(struct worker *worker, struct decoder_child *child, uint32_t index)
{
    const struct slot *slot = &child->slots[index];
    struct work_record head;
    uint32_t at = slot->at, next;
    if (slot->state == SLOT_EMPTY || slot->epoch != exchange_epoch(worker->exchange))
        return;
    while (decoder_item_at(child, index, at, &head, &next)) {
        bool is_alone = slot->is_careful && slot->state == SLOT_SENT && index == child->drain;
        at = next;
        if (head.kind == WORK_POISON && is_alone)
            return; /* that was not looked at */
        if (head.kind != WORK_RECORD)
            continue;
        if (is_alone) {
            suspect_note(worker, head.partition, head.offset);
            return;
        }
        if (head.offset > worker->careful_to[head.partition])
            worker->careful_to[head.partition] = head.offset;
    }
}

err_kind restore_after_end(struct worker *worker, struct decoder_child *child, struct err_ctx *err)
{
    for (uint32_t index = 0; index < WORK_SLOTS; index++)
        slot_suspect(worker, child, index);
    err_kind kind = decoder_restart(worker, child, err);
    for (uint32_t index = 0; index < WORK_SLOTS; index++)
        child->slots[index] = (struct slot){.state = SLOT_EMPTY};
    child->fill = child->drain = 0;
    worker->is_whole = false;
    return kind == OK ? exchange_undo(worker->exchange, err) : kind;
}
