/* Bodies on their way to the intake: in order, each placed once in the shared memory, which is a
 * ring; given again to an intake that follows one that ended, which says what it has stored. */
#include <string.h>

#include "core/log.h"
#include "ingest/gateway_state.h"
#include "intake/intake.h"

void queue_add(struct request_list *list, struct request *request)
{
    request->previous = list->last;
    request->next = NULL;
    if (list->last)
        list->last->next = request;
    else
        list->first = request;
    list->last = request;
}

void queue_drop(struct request_list *list, struct request *request)
{
    if (request->previous)
        request->previous->next = request->next;
    else
        list->first = request->next;
    if (request->next)
        request->next->previous = request->previous;
    else
        list->last = request->previous;
    request->next = request->previous = NULL;
}

bool queue_is_empty(const struct gateway *gateway)
{
    return !gateway->queue.first && !gateway->line.first && !gateway->asks.first;
}

/* ---- to the intake ---- */

/* Where `len` bytes have room behind the newest body; false: nowhere now. */
static bool place_find(const struct gateway *gateway, size_t len, uint32_t *ret)
{
    uint32_t head = gateway->memory_head;
    if (!gateway->queue.first) {
        *ret = 0;
        return true;
    }
    uint32_t tail = gateway->queue.first->at;
    *ret = head;
    if (head < tail)
        return len < tail - head;
    if (len <= INTAKE_MEMORY_BYTES - head)
        return true;
    *ret = 0;
    return len < tail;
}

static void bodies_place(struct gateway *gateway)
{
    struct request *request;
    uint32_t at;
    while ((request = gateway->line.first) && place_find(gateway, request->body.len, &at)) {
        queue_drop(&gateway->line, request);
        memcpy(gateway->memory + at, request->body.data, request->body.len);
        request->at = at;
        gateway->memory_head = at + (uint32_t)request->body.len;
        queue_add(&gateway->queue, request);
    }
}

static bool request_send(struct gateway *gateway, const struct request *request)
{
    struct intake_work work = {.number = request->number,
                               .at = request->at,
                               .len = (uint32_t)request->body.len,
                               .is_framed = request->is_framed};
    uint32_t ask = (uint32_t)request->ask;
    enum ipc_outcome outcome =
        request->ask >= 0
            ? ipc_send(&gateway->engine, MESSAGE_ASK, span_of(&ask, sizeof ask), NULL, 0, false)
            : ipc_send(&gateway->engine, MESSAGE_BODY, span_of(&work, sizeof work), NULL, 0, false);
    return outcome == IPC_DONE;
}

void queue_pump(struct gateway *gateway)
{
    struct request_list *lists[] = {&gateway->asks, &gateway->queue};
    bodies_place(gateway);
    if (gateway->engine.fd < 0 || !gateway->has_resumed)
        return;
    uint64_t lost = syslog_lost_take(gateway);
    if (lost)
        ipc_send(&gateway->engine, MESSAGE_LOST, span_of(&lost, sizeof lost), NULL, 0, true);
    for (size_t index = 0; index < 2; index++)
        for (struct request *request = lists[index]->first; request; request = request->next) {
            if (!request->is_sent && !request_send(gateway, request))
                return;
            request->is_sent = true;
        }
}

void queue_submit(struct gateway *gateway, struct request *request)
{
    request->state = REQUEST_WAITING;
    request->is_sent = false;
    if (request->ask >= 0) {
        queue_add(&gateway->asks, request);
        return;
    }
    request->number = ++gateway->number;
    queue_add(&gateway->line, request);
}

/* ---- from the intake ---- */

static void body_answer(struct gateway *gateway, struct request *request,
                        const struct intake_done *done)
{
    queue_drop(&gateway->queue, request);
    if (request->is_framed) {
        syslog_answer(gateway, done->answer == INTAKE_STORED);
    } else if (done->answer == INTAKE_BUSY) {
        gateway_refuse(gateway, request, MHD_HTTP_TOO_MANY_REQUESTS, 2,
                       "detection is behind; send the same again");
    } else if (done->answer != INTAKE_STORED) {
        gateway_refuse(gateway, request, MHD_HTTP_TOO_MANY_REQUESTS, 5,
                       "the store takes no more for now; send the same again");
    } else {
        bool is_broken = done->records && done->broken == done->records;
        writer_format(&request->answer, "{\"accepted\":%u,\"broken\":%u}\n", done->records,
                      done->broken);
        gateway_done(gateway, request, is_broken ? MHD_HTTP_BAD_REQUEST : MHD_HTTP_ACCEPTED);
    }
}

static bool done_take(struct gateway *gateway, span body)
{
    while (body.len) {
        struct intake_done done;
        span one;
        if (!span_take(&body, sizeof done, &one))
            return false;
        memcpy(&done, one.data, sizeof done);
        struct request *request = gateway->queue.first;
        while (request && request->number != done.number)
            request = request->next;
        if (!request || !request->is_sent)
            return false;
        body_answer(gateway, request, &done);
    }
    return true;
}

static bool told_take(struct gateway *gateway, span body)
{
    uint32_t what;
    if (!span_u32le(&body, &what))
        return false;
    struct request *request = gateway->asks.first;
    while (request && (request->ask != (int)what || !request->is_sent))
        request = request->next;
    if (!request)
        return false;
    queue_drop(&gateway->asks, request);
    writer_put(&request->answer, body);
    if (what == ASK_METRICS)
        codes_render(gateway, &request->answer);
    bool is_well = what != ASK_HEALTH || span_contains(body, SPAN("\"ok\""));
    gateway_done(gateway, request, is_well ? MHD_HTTP_OK : MHD_HTTP_SERVICE_UNAVAILABLE);
    return true;
}

/* What a new intake finds stored is answered; the rest is given to it again. */
static bool resume_take(struct gateway *gateway, span body)
{
    uint64_t last;
    if (!span_u64le(&body, &last) || gateway->has_resumed)
        return false;
    gateway->has_resumed = true;
    while (gateway->queue.first && gateway->queue.first->number <= last) {
        struct request *request = gateway->queue.first;
        queue_drop(&gateway->queue, request);
        if (request->is_framed) {
            syslog_answer(gateway, true);
            continue;
        }
        writer_text(&request->answer, "{\"accepted\":true}\n");
        gateway_done(gateway, request, MHD_HTTP_ACCEPTED);
    }
    for (struct request *request = gateway->queue.first; request; request = request->next)
        request->is_sent = false;
    for (struct request *request = gateway->asks.first; request; request = request->next)
        request->is_sent = false;
    return true;
}

bool queue_hear(struct gateway *gateway)
{
    for (;;) {
        struct ipc_message message;
        enum ipc_outcome outcome = ipc_receive(&gateway->engine, 0, &message);
        if (outcome == IPC_AGAIN)
            return true;
        if (outcome == IPC_GONE) {
            ipc_close(&gateway->engine);
            return true;
        }
        if (outcome != IPC_DONE)
            return false;
        bool is_sound = message.type == MESSAGE_RESUME ? resume_take(gateway, message.body)
                        : message.type == MESSAGE_DONE ? done_take(gateway, message.body)
                        : message.type == MESSAGE_TOLD ? told_take(gateway, message.body)
                                                       : false;
        ipc_release(&message);
        if (!is_sound)
            return false;
    }
}

void queue_engine_take(struct gateway *gateway, int *channel)
{
    struct err_ctx err;
    ipc_close(&gateway->engine);
    gateway->has_resumed = false;
    if (ipc_open(&gateway->engine, channel, &err) != OK)
        log_event(LOG_ERROR, "engine_channel", "reason='%s'", err.text);
}
