/* The intake: the engine of one pipeline. Holds nothing but the store's folder and its channels;
 * takes bodies from the gateway, runs the rules, is the one writer of the store. */
#include "intake/intake.h"

#include <jansson.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <sys/mman.h>

#include "core/cleanup.h"
#include "core/clock.h"
#include "core/log.h"
#include "delivery/delivery.h"
#include "ingest/ingest.h"
#include "ingest/inplace.h"
#include "ingest/messages.h"
#include "ingest/readers.h"
#include "lines/lines.h"
#include "role/role.h"

#define BODIES_MAX      1024 /* in one turn */
#define ORDERS_MAX      512  /* of the parent, in one turn */
#define BODY_BYTES_FULL (8u << 20)
#define SOON_MS         2
#define IDLE_MS         1000
#define OPEN_NS         3000000000ull
#define OPEN_PAUSE_MS   50
#define FINISH_NS       8000000000ull /* the parent waits longer */

struct intake_role {
    struct ipc_channel *parent;
    struct ipc_channel gateway; /* fd -1: none */
    struct line_channel lines;
    struct intake_start start;
    struct intake *intake;
    struct feed *feed; /* NULL: bodies come from a gateway */
    struct readers readers;
    int growth_fd;
    uint8_t *memory; /* the gateway's */
    struct intake_body bodies[BODIES_MAX];
    size_t body_count, body_bytes;
    int store_fd, crash_fd, image_fd;
    int sinks_fd; /* folder of the sinks' own, to be read; -1: none */
    bool is_stopping;
    bool is_refusing; /* and it was told */
};

static void gateway_leave(struct intake_role *role)
{
    ipc_close(&role->gateway);
    if (role->memory)
        munmap(role->memory, INTAKE_MEMORY_BYTES);
    role->memory = NULL;
    role->body_count = role->body_bytes = 0;
}

/* ---- the gateway ---- */

static err_kind gateway_take(struct intake_role *role, struct ipc_message *message,
                             struct err_ctx *err)
{
    uint64_t id, last;
    gateway_leave(role);
    int channel = ipc_take_fd(message, 0);
    AUTO(auto_close) int memory = ipc_take_fd(message, 1);
    if (!span_u64le(&message->body, &id))
        return err_set(err, ERR_STATE, "malformed offer of a gateway");
    err_kind kind = ipc_open(&role->gateway, &channel, err);
    if (kind != OK)
        return kind;
    void *map = mmap(NULL, INTAKE_MEMORY_BYTES, PROT_READ, MAP_SHARED, memory, 0);
    if (map == MAP_FAILED)
        return err_set(err, ERR_SYSTEM, "memory shared with the gateway");
    role->memory = map;
    kind = intake_gateway(role->intake, id, &last, err);
    if (kind == OK)
        ipc_send(&role->gateway, MESSAGE_RESUME, span_of(&last, sizeof last), NULL, 0, true);
    return kind;
}

static bool body_take(struct intake_role *role, span message)
{
    struct intake_work work;
    if (message.len != sizeof work)
        return false;
    memcpy(&work, message.data, sizeof work);
    if (work.at > INTAKE_MEMORY_BYTES || work.len > INTAKE_MEMORY_BYTES - work.at)
        return false;
    role->bodies[role->body_count++] =
        (struct intake_body){.number = work.number,
                             .bytes = span_of(role->memory + work.at, work.len),
                             .is_framed = work.is_framed};
    role->body_bytes += work.len;
    return true;
}

static void health_tell(struct intake_role *role, struct writer *out)
{
    const char *trouble = intake_trouble(role->intake);
    writer_format(out, "{\"status\":\"%s\"", trouble ? "refusing" : "ok");
    if (trouble) {
        writer_text(out, ",\"reason\":");
        writer_json_string(out, span_str(trouble));
    }
    writer_text(out, "}\n");
}

/* The sinks that read this store; all of them or none, as far as one answer goes. */
static void sinks_tell(const struct intake_role *role, struct writer *out)
{
    AUTO(writer_free) struct writer text;
    json_t *all = NULL;
    struct err_ctx err;
    writer_init(&text, out->size_max - out->len);
    if (role->sinks_fd < 0 || delivery_statuses_read(role->sinks_fd, &all, &err) != OK)
        return;
    if (json_array_size(all))
        delivery_statuses_metrics(all, &text);
    json_decref(all);
    if (text.is_full)
        writer_text(out, "# too many sinks: see picket sink status\n");
    else
        writer_put(out, writer_span(&text));
}

static bool ask_take(struct intake_role *role, span message)
{
    uint32_t what;
    AUTO(writer_free) struct writer out;
    writer_init(&out, IPC_BODY_BYTES_MAX);
    if (!span_u32le(&message, &what) || what >= ASK_COUNT)
        return false;
    writer_put(&out, span_of(&what, sizeof what));
    if (what == ASK_METRICS) {
        intake_metrics(role->intake, &out);
        sinks_tell(role, &out);
    } else {
        health_tell(role, &out);
    }
    ipc_send(&role->gateway, MESSAGE_TOLD, writer_span(&out), NULL, 0, true);
    return true;
}

static bool lost_take(struct intake_role *role, span message)
{
    uint64_t count;
    struct err_ctx err;
    if (!span_u64le(&message, &count))
        return false;
    if (intake_dropped(role->intake, "udp_queue", count, &err) != OK)
        log_event(LOG_ERROR, "dropped", "reason='%s'", err.text);
    return true;
}

/* All that waits, as far as it goes into one turn. */
static void gateway_hear(struct intake_role *role)
{
    while (role->gateway.fd >= 0 && role->body_count < BODIES_MAX &&
           role->body_bytes < BODY_BYTES_FULL) {
        struct ipc_message message;
        enum ipc_outcome outcome = ipc_receive(&role->gateway, 0, &message);
        if (outcome == IPC_AGAIN)
            return;
        bool is_sound = outcome == IPC_DONE &&
                        ((message.type == MESSAGE_BODY && body_take(role, message.body)) ||
                         (message.type == MESSAGE_LOST && lost_take(role, message.body)) ||
                         (message.type == MESSAGE_ASK && ask_take(role, message.body)));
        if (outcome == IPC_DONE)
            ipc_release(&message);
        if (!is_sound)
            gateway_leave(role); /* the parent hears of its end, and brings another */
    }
}

static void bodies_answer(struct intake_role *role)
{
    struct intake_done done[BODIES_MAX];
    for (size_t index = 0; index < role->body_count; index++) {
        const struct intake_body *body = &role->bodies[index];
        done[index] = (struct intake_done){.number = body->number,
                                           .answer = body->answer,
                                           .records = body->records,
                                           .broken = body->broken};
    }
    if (role->body_count)
        ipc_send(&role->gateway, MESSAGE_DONE, span_of(done, role->body_count * sizeof *done), NULL,
                 0, true);
    role->body_count = role->body_bytes = 0;
}

/* ---- the parent ---- */

static bool line_hand_on(void *context, uint64_t offset, span line)
{
    struct intake_role *role = context;
    return line_channel_send(&role->lines, offset, line);
}

static void rules_take(struct intake_role *role, struct ipc_message *message)
{
    struct err_ctx why;
    AUTO(auto_close) int image = ipc_take_fd(message, 0);
    if (intake_rules(role->intake, image, &why) != OK)
        log_event(LOG_ERROR, "rules_refused", "reason='%s'", why.text);
    else
        log_event(LOG_INFO, "rules_loaded", " ");
}

static err_kind parent_obey(struct intake_role *role, struct err_ctx *err)
{
    struct ipc_message message;
    err_kind kind = OK;
    enum ipc_outcome outcome = ipc_receive(role->parent, 0, &message);
    if (outcome == IPC_AGAIN)
        return OK;
    if (outcome != IPC_DONE)
        return err_set(err, ERR_STATE, "the parent is gone");
    if (message.type == MESSAGE_PING)
        ipc_send(role->parent, MESSAGE_PONG, SPAN(""), NULL, 0, false);
    else if (message.type == MESSAGE_RULES)
        rules_take(role, &message);
    else if (message.type == MESSAGE_GATEWAY)
        kind = gateway_take(role, &message, err);
    else if (message.type == MESSAGE_STOP)
        role->is_stopping = true;
    else if ((role->feed && inplace_obey(role->feed, &message)) ||
             readers_obey(&role->readers, role->intake, &message))
        kind = OK;
    else
        kind = err_set(err, ERR_STATE, "unknown order %u", message.type);
    ipc_release(&message);
    return kind;
}

static void sums_say(struct intake_role *role, uint32_t type)
{
    struct intake_counts counts = intake_counts(role->intake);
    struct intake_sums sums = {.in = counts.in,
                               .out = counts.out,
                               .filtered = counts.filtered,
                               .dead = counts.dead,
                               .signals = counts.signals,
                               .dropped = counts.dropped,
                               .line_next = intake_line_next(role->intake),
                               .line_end = intake_line_end(role->intake),
                               .is_whole = intake_is_done(role->intake)};
    ipc_send(role->parent, type, span_of(&sums, sizeof sums), NULL, 0, true);
}

/* ---- start, loop, end ---- */

static span part_of(const char *text)
{
    return text[0] ? span_str(text) : (span){NULL, 0};
}

static err_kind start_take(struct intake_role *role, struct err_ctx *err)
{
    struct ipc_message message;
    if (ipc_receive(role->parent, -1, &message) != IPC_DONE ||
        message.type != MESSAGE_INTAKE_START || message.body.len != sizeof role->start)
        return err_set(err, ERR_STATE, "the parent did not say how to start");
    memcpy(&role->start, message.body.data, sizeof role->start);
    role->store_fd = ipc_take_fd(&message, 0);
    role->crash_fd = ipc_take_fd(&message, 1);
    int lines_fd = ipc_take_fd(&message, 2);
    role->image_fd = ipc_take_fd(&message, 3);
    role->sinks_fd = role->start.has_sinks ? ipc_take_fd(&message, 4) : -1;
    role->growth_fd = ipc_take_fd(&message, role->start.has_sinks ? 5 : 4);
    ipc_release(&message);
    return ipc_open(&role->lines.channel, &lines_fd, err);
}

/* How often an engine of this store followed one that had died. */
static err_kind restarts_note(struct intake_role *role, struct err_ctx *err)
{
    span before;
    char text[24];
    err_kind kind = intake_noted(role->intake, SPAN("restarts"), &before, err);
    uint64_t count = 0;
    if (kind != OK || !role->start.has_lines)
        return kind;
    for (size_t index = 0; before.data && index < before.len; index++)
        count = count * 10 + (before.data[index] - 48u) % 10;
    int len = snprintf(text, sizeof text, "%llu", (unsigned long long)count + 1);
    return intake_note(role->intake, SPAN("restarts"), span_of(text, (size_t)len), err);
}

static err_kind start(struct intake_role *role, struct err_ctx *err)
{
    err_kind kind = start_take(role, err);
    if (kind == OK)
        kind = role_confine_reading(ROLE_INTAKE, role->store_fd, &role->sinks_fd,
                                    role->sinks_fd >= 0, err);
    if (kind != OK)
        return kind;
    struct intake_crash *crash =
        mmap(NULL, sizeof *crash, PROT_READ | PROT_WRITE, MAP_SHARED, role->crash_fd, 0);
    if (crash == MAP_FAILED)
        return err_set(err, ERR_SYSTEM, "crash page");
    const struct intake_start *start = &role->start;
    struct intake_options options = {.store_fd = role->store_fd,
                                     .store_bytes_max = start->store_bytes_max,
                                     .hostname = start->hostname,
                                     .name = start->name,
                                     .source = start->source,
                                     .pipeline = start->pipeline,
                                     .logsource = {.product = part_of(start->product),
                                                   .category = part_of(start->category),
                                                   .service = part_of(start->service)},
                                     .retention_ns = start->retention_ns,
                                     .silence_ns = start->silence_ns,
                                     .is_text = start->is_text,
                                     .shows_shadow = start->shows_shadow,
                                     .has_lines = start->has_lines,
                                     .line_next = start->line_next,
                                     .crash = crash,
                                     .line = line_hand_on,
                                     .context = role};
    uint64_t end_ns = clock_boot_ns() + OPEN_NS;
    do { /* the engine of a tree that was just killed may still hold the store */
        kind = intake_open(&options, &role->intake, err);
    } while (kind == ERR_STATE && clock_boot_ns() < end_ns && poll(NULL, 0, OPEN_PAUSE_MS) == 0);
    if (kind == OK)
        kind = intake_rules(role->intake, role->image_fd, err);
    if (kind == OK)
        kind = restarts_note(role, err);
    if (kind == OK)
        sums_say(role, MESSAGE_READY);
    if (kind == OK && start->feed.kind != FEED_NONE)
        kind = inplace_open(&start->feed, role->intake, role->parent, fd_steal(&role->growth_fd),
                            &role->feed, err);
    return kind;
}

static void trouble_look(struct intake_role *role)
{
    const char *trouble = intake_trouble(role->intake);
    if (trouble && !role->is_refusing)
        log_event(LOG_ERROR, "store_refuses", "reason='%s'", trouble);
    else if (!trouble && role->is_refusing)
        log_event(LOG_INFO, "store_back", " ");
    role->is_refusing = trouble;
}

static err_kind turn(struct intake_role *role, enum intake_next *ret_next, struct err_ctx *err)
{
    static const int wait_ms[] = {
        [INTAKE_AGAIN] = 0, [INTAKE_SOON] = SOON_MS, [INTAKE_IDLE] = IDLE_MS};
    gateway_hear(role);
    err_kind kind = role->feed ? inplace_turn(role->feed, err) : OK;
    if (kind == OK)
        kind = intake_turn(role->intake, role->bodies, role->body_count, ret_next, err);
    if (kind == OK && role->feed)
        kind = inplace_settle(role->feed, err);
    trouble_look(role);
    if (kind != OK)
        return kind;
    bodies_answer(role);
    struct pollfd waited[] = {{.fd = role->parent->fd, .events = POLLIN},
                              {.fd = role->gateway.fd, .events = POLLIN},
                              {.fd = role->feed ? inplace_fd(role->feed) : -1, .events = POLLIN}};
    int most_ms = role->is_stopping ? SOON_MS : role->feed ? inplace_wait_ms(role->feed) : IDLE_MS;
    int pause_ms = wait_ms[*ret_next] < most_ms ? wait_ms[*ret_next] : most_ms;
    for (unsigned count = 0; count < ORDERS_MAX && kind == OK; count++, pause_ms = 0) {
        if (poll(waited, sizeof waited / sizeof *waited, pause_ms) <= 0 || !waited[0].revents)
            break;
        kind = parent_obey(role, err);
    }
    return kind;
}

/* What was acknowledged is worked on, as far as the time goes; the rest waits in the store. */
static err_kind finish(struct intake_role *role, struct err_ctx *err)
{
    uint64_t end_ns = clock_boot_ns() + FINISH_NS;
    enum intake_next next;
    err_kind kind = OK;
    do {
        kind = turn(role, &next, err);
    } while (kind == OK && clock_boot_ns() < end_ns &&
             (!intake_is_done(role->intake) || (role->feed && inplace_wait_ms(role->feed) == 0)));
    return kind;
}

int intake_run(struct ipc_channel *parent)
{
    struct err_ctx err;
    enum intake_next next;
    AUTO(auto_free) struct intake_role *role = calloc(1, sizeof *role);
    if (!role)
        return 1;
    *role = (struct intake_role){.parent = parent,
                                 .gateway = {.fd = -1},
                                 .lines = {.channel = {.fd = -1}, .offset = UINT64_MAX},
                                 .growth_fd = -1,
                                 .store_fd = -1};
    readers_begin(&role->readers);
    err_kind kind = start(role, &err);
    bool is_started = kind == OK;
    while (kind == OK && !role->is_stopping)
        kind = turn(role, &next, &err);
    if (kind == OK)
        kind = finish(role, &err);
    if (kind == OK)
        sums_say(role, MESSAGE_SUMMARY);
    else if (!is_started) /* another one could not do better */
        ipc_send(parent, MESSAGE_FAILED, span_str(err.text), NULL, 0, true);
    else
        log_event(LOG_ERROR, "intake_ended", "reason='%s'", err.text);
    gateway_leave(role);
    inplace_close(role->feed);
    intake_close(role->intake);
    ipc_close(&role->lines.channel);
    return kind == OK ? 0 : is_started ? 1 : INTAKE_IMPOSSIBLE;
}
