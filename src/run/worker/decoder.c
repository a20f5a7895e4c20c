/* A worker's child: runs a stage over what its parent puts into the memory between them. No
 * network, no secrets, no files. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <sys/mman.h>

#include "core/cleanup.h"
#include "core/log.h"
#include "role/role.h"
#include "worker/decoder_stage.h"
#include "worker/worker.h"

struct decoder {
    struct ipc_channel *parent;
    struct decoder_start start;
    const struct stage_desc *desc;
    void *stage;
    uint8_t *memory;
    struct yield yield; /* of the slot in work */
};

static const struct stage_desc *const stage_table[WORKER_STAGES] = {
    [WORKER_DETECT] = &stage_detect, [WORKER_CORRELATE] = &stage_correlate};

/* ---- outputs ---- */

size_t decoder_room(const struct yield *yield)
{
    return WORK_OUT_BYTES - WORK_ALIGN - yield->len;
}

bool decoder_yield(struct yield *yield, enum work_yield kind, span key, span value)
{
    struct work_output head = {.kind = kind,
                               .partition = yield->partition,
                               .key_len = (uint32_t)key.len,
                               .value_len = value.data ? (uint32_t)value.len : WORK_TOMBSTONE};
    size_t room = decoder_room(yield);
    if (key.len > room || value.len > room || sizeof head + key.len + value.len > room)
        return false;
    size_t len = sizeof head + key.len + value.len;
    uint8_t *at = yield->out + yield->len;
    memcpy(at, &head, sizeof head);
    if (key.data && key.len)
        memcpy(at + sizeof head, key.data, key.len);
    if (value.data && value.len)
        memcpy(at + sizeof head + key.len, value.data, value.len);
    yield->len += work_padded((uint32_t)len);
    return true;
}

/* ---- work ---- */

/* The item at `in`; its whole length, 0: it does not fit into `left` bytes. */
static uint32_t item_read(const uint8_t *in, uint32_t left, struct work_item *ret)
{
    struct work_record head;
    if (left < sizeof head)
        return 0;
    memcpy(&head, in, sizeof head);
    uint32_t value_len = head.len == WORK_TOMBSTONE ? 0 : head.len;
    uint64_t len = sizeof head + (uint64_t)head.key_len + value_len;
    if (len > left || head.kind > WORK_LEVEL)
        return 0;
    const uint8_t *key = in + sizeof head, *value = key + head.key_len;
    *ret = (struct work_item){.kind = head.kind,
                              .partition = head.partition,
                              .offset = head.offset,
                              .time_ms = head.time_ms,
                              .key = head.key_len ? span_of(key, head.key_len) : (span){NULL, 0},
                              .value = head.len == WORK_TOMBSTONE ? (span){NULL, 0}
                                                                  : span_of(value, value_len)};
    return work_padded((uint32_t)len);
}

/* State that was damaged ends the worker; anything else only this decoder. */
static err_kind item_failed(struct decoder *decoder, const struct work_item *item,
                            struct err_ctx *err)
{
    if (item->kind == WORK_STATE)
        ipc_send(decoder->parent, MESSAGE_DAMAGED, span_str(err->text), NULL, 0, true);
    return err->kind;
}

static err_kind items_run(struct decoder *decoder, const struct work_order *order, uint32_t *ret_at,
                          struct err_ctx *err)
{
    const uint8_t *in = decoder->memory + work_in_at(order->slot);
    uint32_t at = order->at, records = 0;
    while (at < order->end) {
        char position[sizeof decoder->start.topic + 64];
        struct work_item item;
        uint32_t len = item_read(in + at, order->end - at, &item);
        if (!len)
            return err_set(err, ERR_STATE, "bad record");
        bool is_record = work_is_record(item.kind);
        if (is_record && order->limit && records == order->limit)
            break;
        int position_len = snprintf(position, sizeof position, "%s/%d@%lld", decoder->start.topic,
                                    (int)item.partition, (long long)item.offset);
        decoder->yield.partition = item.partition;
        enum work_outcome outcome = decoder->desc->item(
            decoder->stage, &item, span_of(position, (size_t)position_len), err);
        if (outcome == WORK_FAILED)
            return item_failed(decoder, &item, err);
        if (outcome == WORK_NO_ROOM)
            break;
        records += is_record;
        at += len;
    }
    *ret_at = at;
    return OK;
}

static err_kind work(struct decoder *decoder, const struct work_order *order, struct err_ctx *err)
{
    if (order->slot >= WORK_SLOTS || order->end > WORK_IN_BYTES || order->at > order->end)
        return err_set(err, ERR_STATE, "bad order");
    const struct work_counts before = decoder->desc->counts(decoder->stage);
    struct work_report report = {.slot = order->slot};
    decoder->yield.out = decoder->memory + work_out_at(order->slot);
    decoder->yield.len = 0;
    err_kind kind = items_run(decoder, order, &report.at, err);
    if (kind == OK && decoder->desc->flush)
        kind = decoder->desc->flush(decoder->stage, err);
    if (kind != OK)
        return kind;
    report.out_bytes = decoder->yield.len;
    report.counts = decoder->desc->counts(decoder->stage);
    work_counts_add(&report.counts, &before, true);
    ipc_send(decoder->parent, MESSAGE_WORKED, span_of(&report, sizeof report), NULL, 0, true);
    return OK;
}

/* ---- start and orders ---- */

static err_kind decoder_start(struct decoder *decoder, struct err_ctx *err)
{
    struct ipc_message message;
    if (ipc_receive(decoder->parent, -1, &message) != IPC_DONE ||
        message.type != MESSAGE_DECODER_START || message.body.len != sizeof decoder->start)
        return err_set(err, ERR_STATE, "the parent did not say how to start");
    memcpy(&decoder->start, message.body.data, sizeof decoder->start);
    AUTO(auto_close) int memory = ipc_take_fd(&message, 0);
    AUTO(auto_close) int image = ipc_take_fd(&message, 1);
    ipc_release(&message);
    err_kind kind = role_confine(ROLE_DECODER, -1, err);
    if (kind != OK)
        return kind;
    if (decoder->start.stage >= WORKER_STAGES)
        return err_set(err, ERR_STATE, "stage %u", decoder->start.stage);
    void *map = mmap(NULL, WORK_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, memory, 0);
    if (map == MAP_FAILED)
        return err_set(err, ERR_SYSTEM, "memory shared with the parent");
    decoder->memory = map;
    decoder->desc = stage_table[decoder->start.stage];
    return decoder->desc->open(&decoder->start, image, &decoder->yield, &decoder->stage, err);
}

static err_kind order_take(struct decoder *decoder, struct ipc_message *message,
                           struct err_ctx *err)
{
    if (message->type == MESSAGE_RULES && decoder->desc->rules) {
        AUTO(auto_close) int image = ipc_take_fd(message, 0);
        struct err_ctx why;
        if (decoder->desc->rules(decoder->stage, image, &why) != OK)
            log_event(LOG_ERROR, "rules_refused", "reason='%s'", why.text);
        return OK;
    }
    struct work_order order;
    if (message->type != MESSAGE_WORK || message->body.len != sizeof order)
        return err_set(err, ERR_STATE, "unknown order %u", message->type);
    memcpy(&order, message->body.data, sizeof order);
    return work(decoder, &order, err);
}

int decoder_run(struct ipc_channel *parent)
{
    struct err_ctx err;
    struct decoder decoder = {.parent = parent};
    err_kind kind = decoder_start(&decoder, &err);
    if (kind == OK)
        ipc_send(parent, MESSAGE_READY, SPAN(""), NULL, 0, true);
    while (kind == OK) {
        struct ipc_message message;
        if (ipc_receive(parent, -1, &message) != IPC_DONE)
            break; /* the parent has ended */
        kind = order_take(&decoder, &message, &err);
        ipc_release(&message);
    }
    if (kind != OK)
        log_event(LOG_ERROR, "decoder_ended", "reason='%s'", err.text);
    if (decoder.stage)
        decoder.desc->close(decoder.stage);
    return kind == OK ? 0 : 1;
}
