/* A worker's child: decodes and matches what its parent puts into the memory between them. No
 * network, no secrets, no files. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <sys/mman.h>

#include "core/cleanup.h"
#include "core/log.h"
#include "flow/flow.h"
#include "role/role.h"
#include "source/source.h"
#include "worker/work.h"
#include "worker/worker.h"

struct decoder {
    struct ipc_channel *parent;
    struct decoder_start start;
    struct flow *flow;
    uint8_t *memory;
    uint8_t *out; /* of the slot in work */
    uint32_t out_len;
};

static bool output_put(void *context, enum flow_kind kind, span key, span value)
{
    struct decoder *decoder = context;
    struct work_output head = {
        .kind = kind, .key_len = (uint32_t)key.len, .value_len = (uint32_t)value.len};
    size_t len = sizeof head + key.len + value.len;
    if (len > WORK_OUT_BYTES - WORK_ALIGN - decoder->out_len)
        return false;
    uint8_t *at = decoder->out + decoder->out_len;
    memcpy(at, &head, sizeof head);
    memcpy(at + sizeof head, key.data, key.len);
    memcpy(at + sizeof head + key.len, value.data, value.len);
    decoder->out_len += work_padded((uint32_t)len);
    return true;
}

/* False: the outputs have no room; nothing of the record is kept. */
static bool record_run(struct decoder *decoder, const struct work_record *head, span record)
{
    char position[sizeof decoder->start.topic + 64];
    uint32_t before = decoder->out_len;
    int len = snprintf(position, sizeof position, "%s/%d@%lld", decoder->start.topic,
                       (int)head->partition, (long long)head->offset);
    span where = span_of(position, (size_t)len);
    if (flow_record(decoder->flow, record, where, output_put, decoder))
        return true;
    decoder->out_len = before;
    return before == 0 &&
           flow_dead(decoder->flow, record, where, "what the rules say of this record has no room",
                     output_put, decoder);
}

static err_kind work(struct decoder *decoder, const struct work_order *order, struct err_ctx *err)
{
    if (order->slot >= WORK_SLOTS || order->end > WORK_IN_BYTES || order->at > order->end)
        return err_set(err, ERR_STATE, "bad order");
    struct flow_counts before = flow_counts(decoder->flow);
    const uint8_t *in = decoder->memory + work_in_at(order->slot);
    uint32_t at = order->at;
    decoder->out = decoder->memory + work_out_at(order->slot);
    decoder->out_len = 0;
    for (uint32_t count = 0; at < order->end && (order->limit == 0 || count < order->limit);
         count++) {
        struct work_record head;
        memcpy(&head, in + at, sizeof head);
        uint32_t len = head.len == WORK_TOMBSTONE ? 0 : head.len;
        if (len > order->end - at - sizeof head)
            return err_set(err, ERR_STATE, "bad record");
        span record =
            head.len == WORK_TOMBSTONE ? (span){NULL, 0} : span_of(in + at + sizeof head, len);
        if (!record_run(decoder, &head, record))
            break;
        at += (uint32_t)sizeof head + work_padded(len);
    }
    struct flow_counts after = flow_counts(decoder->flow);
    struct work_report report = {.slot = order->slot,
                                 .at = at,
                                 .out_bytes = decoder->out_len,
                                 .in = after.in - before.in,
                                 .out = after.out - before.out,
                                 .filtered = after.filtered - before.filtered,
                                 .dead = after.dead - before.dead,
                                 .signals = after.signals - before.signals,
                                 .undecided = after.undecided - before.undecided,
                                 .over_matches = after.over_matches - before.over_matches};
    ipc_send(decoder->parent, MESSAGE_WORKED, span_of(&report, sizeof report), NULL, 0, true);
    return OK;
}

static span part_of(const char *text)
{
    return text[0] ? span_str(text) : (span){NULL, 0};
}

static err_kind decoder_start(struct decoder *decoder, struct err_ctx *err)
{
    struct ipc_message message;
    if (ipc_receive(decoder->parent, -1, &message) != IPC_DONE ||
        message.type != MESSAGE_DECODER_START || message.body.len != sizeof decoder->start)
        return err_set(err, ERR_STATE, "the parent did not say how to start");
    memcpy(&decoder->start, message.body.data, sizeof decoder->start);
    AUTO(auto_close) int image = ipc_take_fd(&message, 0);
    AUTO(auto_close) int memory = ipc_take_fd(&message, 1);
    ipc_release(&message);
    err_kind kind = role_confine(ROLE_DECODER, -1, err);
    if (kind != OK)
        return kind;
    void *map = mmap(NULL, WORK_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, memory, 0);
    if (map == MAP_FAILED)
        return err_set(err, ERR_SYSTEM, "memory shared with the parent");
    decoder->memory = map;
    const struct decoder_start *start = &decoder->start;
    const struct flow_options options = {.hostname = start->hostname,
                                         .source = source_or_json(start->source),
                                         .name = start->source,
                                         .entity_fields =
                                             start->entity_fields[0] ? start->entity_fields : NULL,
                                         .is_record_whole = true,
                                         .logsource = {.product = part_of(start->product),
                                                       .category = part_of(start->category),
                                                       .service = part_of(start->service)}};
    kind = flow_open(&options, &decoder->flow, err);
    return kind == OK ? flow_rules(decoder->flow, image, err) : kind;
}

static err_kind order_take(struct decoder *decoder, struct ipc_message *message,
                           struct err_ctx *err)
{
    if (message->type == MESSAGE_RULES) {
        AUTO(auto_close) int image = ipc_take_fd(message, 0);
        struct err_ctx why;
        if (flow_rules(decoder->flow, image, &why) != OK)
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
    flow_close(decoder.flow);
    return kind == OK ? 0 : 1;
}
