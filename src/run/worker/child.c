/* One decoder of a worker: its slots, its answers, its end. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <sys/mman.h>
#include <sys/wait.h>

#include "core/cleanup.h"
#include "core/clock.h"
#include "core/log.h"
#include "flow/flow.h"
#include "worker/worker_state.h"

#define START_TIMEOUT_MS 60000
#define START_TRIES      5
#define ANSWER_NS_MAX    60000000000ull

/* ---- start and end ---- */

static err_kind decoder_start(struct worker *worker, struct decoder_child *child,
                              struct err_ctx *err)
{
    struct ipc_message message;
    int fds[] = {child->memory_fd, worker->image_fd};
    unsigned fd_count = worker->image_fd >= 0 ? 2 : 1;
    err_kind kind = role_spawn(ROLE_DECODER, &child->pid, &child->channel, err);
    if (kind != OK)
        return kind;
    enum ipc_outcome outcome =
        ipc_send(&child->channel, MESSAGE_DECODER_START,
                 span_of(&worker->start, sizeof worker->start), fds, fd_count, true);
    if (outcome == IPC_DONE)
        outcome = ipc_receive(&child->channel, START_TIMEOUT_MS, &message);
    if (outcome != IPC_DONE)
        return err_set(err, ERR_STATE, "a decoder did not start");
    bool is_ready = message.type == MESSAGE_READY;
    ipc_release(&message);
    return is_ready ? OK : err_set(err, ERR_STATE, "a decoder did not start");
}

err_kind decoder_open(struct worker *worker, struct decoder_child *child, struct err_ctx *err)
{
    *child = (struct decoder_child){.memory_fd = memfd_create("picket-work", MFD_CLOEXEC),
                                    .channel = {.fd = -1}};
    if (child->memory_fd < 0 || ftruncate(child->memory_fd, WORK_BYTES))
        return err_set(err, ERR_SYSTEM, "memory of a decoder");
    void *map = mmap(NULL, WORK_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, child->memory_fd, 0);
    if (map == MAP_FAILED)
        return err_set(err, ERR_SYSTEM, "memory of a decoder");
    child->memory = map;
    return decoder_start(worker, child, err);
}

static void process_end(struct decoder_child *child)
{
    ipc_close(&child->channel);
    if (child->pid > 0) {
        kill(child->pid, SIGKILL);
        while (waitpid(child->pid, NULL, 0) < 0 && errno == EINTR) {
        }
    }
    child->pid = 0;
}

void decoder_close(struct decoder_child *child)
{
    process_end(child);
    if (child->memory)
        munmap(child->memory, WORK_BYTES);
    if (child->memory_fd >= 0)
        close(child->memory_fd);
    child->memory = NULL;
    child->memory_fd = -1;
}

bool decoder_is_busy(const struct decoder_child *child)
{
    for (size_t index = 0; index < WORK_SLOTS; index++)
        if (child->slots[index].state != SLOT_EMPTY)
            return true;
    return false;
}

err_kind decoder_rules(struct decoder_child *child, int image_fd, struct err_ctx *err)
{
    if (ipc_send(&child->channel, MESSAGE_RULES, SPAN(""), &image_fd, 1, true) != IPC_DONE)
        return err_set(err, ERR_STATE, "a decoder took no rules");
    return OK;
}

/* ---- giving work ---- */

static bool slot_put(struct worker *worker, struct decoder_child *child,
                     const struct work_item *item)
{
    struct slot *slot = &child->slots[child->fill];
    uint64_t epoch = exchange_epoch(worker->exchange);
    size_t len = item->key.len + item->value.len;
    size_t need = sizeof(struct work_record) + len + WORK_ALIGN;
    if (slot->state == SLOT_SENT)
        return false;
    if (slot->state == SLOT_FILLING && slot->epoch != epoch)
        slot->state = SLOT_EMPTY; /* undone before it was given out */
    if (slot->state == SLOT_EMPTY)
        *slot = (struct slot){.state = SLOT_FILLING, .epoch = epoch};
    if (need > WORK_IN_BYTES - slot->end)
        return false;
    struct work_record head = {.offset = item->offset,
                               .time_ms = item->time_ms,
                               .partition = item->partition,
                               .kind = item->kind,
                               .key_len = (uint32_t)item->key.len,
                               .len =
                                   item->value.data ? (uint32_t)item->value.len : WORK_TOMBSTONE};
    uint8_t *at = child->memory + work_in_at(child->fill) + slot->end;
    memcpy(at, &head, sizeof head);
    if (item->key.data && item->key.len)
        memcpy(at + sizeof head, item->key.data, item->key.len);
    if (item->value.data && item->value.len)
        memcpy(at + sizeof head + item->key.len, item->value.data, item->value.len);
    slot->end += work_padded((uint32_t)(sizeof head + len));
    slot->is_careful |= worker->careful_to && work_is_record(item->kind) &&
                        item->offset <= worker->careful_to[item->partition];
    return true;
}

bool decoder_put(struct worker *worker, struct decoder_child *child, const struct work_item *item)
{
    if (slot_put(worker, child, item))
        return true;
    decoder_send(child, true);
    return slot_put(worker, child, item);
}

static void slot_give(struct decoder_child *child, uint32_t index)
{
    struct slot *slot = &child->slots[index];
    struct work_order order = {.slot = index,
                               .at = slot->at,
                               .end = slot->end,
                               .limit = child->is_careful || slot->is_careful ? 1 : 0};
    slot->state = SLOT_SENT;
    child->sent_ns = clock_boot_ns();
    /* when the child has ended, hearing of that gives the slot to the next one */
    ipc_send(&child->channel, MESSAGE_WORK, span_of(&order, sizeof order), NULL, 0, true);
}

void decoder_send(struct decoder_child *child, bool is_now)
{
    struct slot *slot = &child->slots[child->fill];
    bool is_idle = child->slots[child->drain].state != SLOT_SENT;
    if (slot->state != SLOT_FILLING || slot->end == 0 || child->is_careful)
        return;
    if (!is_now && !is_idle)
        return;
    slot_give(child, child->fill);
    child->fill = (child->fill + 1) % WORK_SLOTS;
}

/* ---- taking what it yields ---- */

bool decoder_item_at(const struct decoder_child *child, uint32_t slot, uint32_t at,
                     struct work_record *ret, uint32_t *ret_next)
{
    uint32_t end = child->slots[slot].end;
    if (at > end || sizeof *ret > end - at)
        return false;
    memcpy(ret, child->memory + work_in_at(slot) + at, sizeof *ret);
    uint64_t len =
        sizeof *ret + (uint64_t)ret->key_len + (ret->len == WORK_TOMBSTONE ? 0 : ret->len);
    if (len > end - at)
        return false;
    *ret_next = at + work_padded((uint32_t)len);
    return *ret_next <= end;
}

static err_kind outputs_take(struct worker *worker, struct decoder_child *child,
                             const struct work_report *report, struct err_ctx *err)
{
    const uint8_t *out = child->memory + work_out_at(report->slot);
    uint64_t epoch = child->slots[report->slot].epoch;
    err_kind kind = OK;
    for (uint32_t at = 0; at < report->out_bytes && kind == OK;) {
        struct work_output head;
        if (sizeof head > report->out_bytes - at)
            return err_set(err, ERR_STATE, "a decoder's output does not fit");
        memcpy(&head, out + at, sizeof head);
        bool is_tombstone = head.value_len == WORK_TOMBSTONE;
        uint64_t len = sizeof head + (uint64_t)head.key_len + (is_tombstone ? 0 : head.value_len);
        if (len > report->out_bytes - at || head.kind >= YIELD_COUNT)
            return err_set(err, ERR_STATE, "a decoder's output does not fit");
        const uint8_t *text = out + at + sizeof head;
        span value = is_tombstone ? (span){NULL, 0} : span_of(text + head.key_len, head.value_len);
        kind =
            worker_put(worker, head.kind, head.partition, span_of(text, head.key_len), value, err);
        if (exchange_epoch(worker->exchange) != epoch)
            return kind; /* undone: the rest is void */
        at += work_padded((uint32_t)len);
    }
    return kind;
}

/* What lies up to `to` is whole, unless its epoch has ended. */
static void records_done(struct worker *worker, struct decoder_child *child, uint32_t index,
                         uint32_t to)
{
    struct slot *slot = &child->slots[index];
    struct work_record head;
    uint32_t next;
    while (slot->at < to && decoder_item_at(child, index, slot->at, &head, &next)) {
        if (work_is_record(head.kind) && slot->epoch == exchange_epoch(worker->exchange))
            exchange_done(worker->exchange, head.partition, head.offset);
        slot->at = next;
    }
}

/* Frees the slot when all of it is done; else gives the rest out again. */
static void slot_go_on(struct worker *worker, struct decoder_child *child, uint32_t index)
{
    struct slot *slot = &child->slots[index];
    bool is_void = slot->epoch != exchange_epoch(worker->exchange);
    if (slot->at < slot->end && !is_void) {
        slot_give(child, index);
        return;
    }
    *slot = (struct slot){.state = SLOT_EMPTY};
    child->drain = (index + 1) % WORK_SLOTS;
    if (child->is_careful && child->slots[child->drain].state == SLOT_SENT)
        slot_give(child, child->drain); /* the other slot that the crash left behind */
    else
        child->is_careful = false;
}

static err_kind report_take(struct worker *worker, struct decoder_child *child, span body,
                            struct err_ctx *err)
{
    struct work_report report;
    if (body.len != sizeof report)
        return err_set(err, ERR_STATE, "bad report of a decoder");
    memcpy(&report, body.data, sizeof report);
    if (report.slot >= WORK_SLOTS || report.out_bytes > WORK_OUT_BYTES)
        return err_set(err, ERR_STATE, "bad report of a decoder");
    struct slot *slot = &child->slots[report.slot];
    if (slot->state != SLOT_SENT || report.at < slot->at || report.at > slot->end)
        return err_set(err, ERR_STATE, "bad report of a decoder");
    err_kind kind = OK;
    child->crashes = 0;
    if (slot->epoch == exchange_epoch(worker->exchange))
        kind = outputs_take(worker, child, &report, err);
    if (kind != OK)
        return kind;
    if (slot->epoch == exchange_epoch(worker->exchange))
        work_counts_add(&worker->pending, &report.counts, false);
    records_done(worker, child, report.slot, report.at);
    slot_go_on(worker, child, report.slot);
    return OK;
}

/* ---- its end ---- */

static void letter_text(const struct worker *worker, const struct work_record *head, char *ret,
                        size_t size)
{
    snprintf(ret, size, "%s/%d@%lld", worker->start.topic, (int)head->partition,
             (long long)head->offset);
}

/* The record that ended the decoder three times goes to the dead letters. */
static err_kind poison_bury(struct worker *worker, struct decoder_child *child, uint32_t index,
                            struct err_ctx *err)
{
    struct slot *slot = &child->slots[index];
    struct work_record head;
    uint32_t next;
    char position[512];
    AUTO(writer_free) struct writer letter;
    if (slot->epoch != exchange_epoch(worker->exchange))
        return OK; /* undone: it will come again */
    if (!decoder_item_at(child, index, slot->at, &head, &next))
        return err_set(err, ERR_STATE, "no record where the decoder ended");
    letter_text(worker, &head, position, sizeof position);
    writer_init(&letter, WORK_OUT_BYTES);
    span payload =
        head.len == WORK_TOMBSTONE
            ? (span){NULL, 0}
            : span_of(child->memory + work_in_at(index) + slot->at + sizeof head + head.key_len,
                      head.len);
    dead_letter_write(&letter, "the record ended the decoder 3 times", worker_stage_name(worker),
                      worker->start.source, span_str(position), payload);
    log_event(LOG_WARN, "poison", "position='%s'", position);
    err_kind kind = worker_put(worker, YIELD_DEAD, head.partition, span_str(position),
                               writer_span(&letter), err);
    if (kind == OK && slot->epoch == exchange_epoch(worker->exchange)) {
        worker->pending.in++;
        worker->pending.dead++;
    }
    records_done(worker, child, index, next);
    child->crashes = 0;
    return kind;
}

err_kind decoder_restart(struct worker *worker, struct decoder_child *child, struct err_ctx *err)
{
    err_kind kind = ERR_STATE;
    for (unsigned attempt = 0; kind == ERR_STATE && attempt < START_TRIES; attempt++) {
        process_end(child);
        if (++child->restarts > RESTARTS_MAX)
            return err_set(err, ERR_STATE, "a decoder ended %u times", child->restarts);
        log_event(LOG_WARN, "decoder_ended", "restarts=%u", child->restarts);
        kind = decoder_start(worker, child, err); /* what ended the one may meet the next, too */
    }
    return kind;
}

/* A stage without state goes on with the order that the end cut short. */
static err_kind decoder_again(struct worker *worker, struct decoder_child *child,
                              struct err_ctx *err)
{
    bool was_careful = child->is_careful;
    uint32_t index = child->drain;
    err_kind kind = decoder_restart(worker, child, err);
    if (kind != OK || child->slots[index].state != SLOT_SENT)
        return kind;
    child->is_careful = true;
    child->crashes += was_careful;
    if (child->crashes >= CRASHES_MAX)
        kind = poison_bury(worker, child, index, err);
    if (kind == OK)
        slot_go_on(worker, child, index);
    return kind;
}

err_kind decoder_hear(struct worker *worker, struct decoder_child *child, struct err_ctx *err)
{
    struct ipc_message message;
    enum ipc_outcome outcome = ipc_receive(&child->channel, 0, &message);
    if (outcome == IPC_AGAIN)
        return OK;
    if (outcome != IPC_DONE)
        return worker->careful_to ? restore_after_end(worker, child, err)
                                  : decoder_again(worker, child, err);
    err_kind kind;
    if (message.type == MESSAGE_WORKED)
        kind = report_take(worker, child, message.body, err);
    else if (message.type == MESSAGE_DAMAGED)
        kind = err_set(err, ERR_STATE, "topic '%s': " PRI_SPAN, worker->options->state_topic,
                       ARG_SPAN(message.body));
    else
        kind = err_set(err, ERR_STATE, "a decoder sent message %u", message.type);
    ipc_release(&message);
    return kind;
}

void decoder_watch(struct decoder_child *child, uint64_t now_ns)
{
    if (child->slots[child->drain].state != SLOT_SENT || child->sent_ns + ANSWER_NS_MAX > now_ns)
        return;
    log_event(LOG_WARN, "decoder_silent", "pid=%d", (int)child->pid);
    child->sent_ns = now_ns;
    kill(child->pid, SIGKILL); /* its end is heard of, and the work given out again */
}
