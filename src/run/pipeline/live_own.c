/* What the detect stage tells of itself: losses and refused rules as signals, and the status. */
#include <stdio.h>
#include <string.h>

#include "core/clock.h"
#include "pipeline/live_state.h"
#include "signal/signal.h"

#define LOOK_EVERY_NS 1000000000ull

/* ---- losses, as the kernel programs count them ---- */

static const char *const reason_name[DROP_REASON_COUNT] = {
    [DROP_RING_FULL] = "ring_full",       [DROP_RECURSION] = "recursion",
    [DROP_TASK_STATE] = "task_state",     [DROP_TOO_LARGE] = "too_large",
    [DROP_SCRATCH_BUSY] = "scratch_busy",
};

typedef void (*drop_visit)(void *context, const char *reason, const char *type, uint64_t count);

/* The sum over all CPUs; calls back for each (reason, type) that has any, unless NULL. */
static uint64_t drops_sum(const struct live *live, drop_visit each, void *context)
{
    const struct control *control = ring_control(live->ring);
    uint64_t total = 0;
    for (unsigned reason = 0; reason < DROP_REASON_COUNT; reason++) {
        for (uint16_t type = 0; type < 128; type++) {
            uint64_t count = 0;
            for (unsigned cpu = 0; cpu < CPU_MAX; cpu++)
                if (control->cpus[cpu].seq || reason != DROP_RING_FULL)
                    count += control->cpus[cpu].drops[reason][type];
            if (count && each)
                each(context, reason_name[reason], event_type_name(type), count);
            total += count;
        }
    }
    return total;
}

/* ---- signals ---- */

struct own_signal {
    const char *name;
    const char *desc;
    const char *text;
    struct signal_field field;
    const char *response;
    uint64_t number; /* of its kind, in this ring's life: makes its id */
    uint64_t dropped;
};

/* False: no room for it now. */
static bool own_put(struct live *live, const struct own_signal *own)
{
    const struct rule_info rule = signal_own_rule(own->name, own->desc);
    struct signal_match match = {
        .rule = &rule, .output = span_str(own->text), .fields = &own->field, .field_count = 1};
    uint64_t identity[2] = {ring_id(live->ring), own->number};
    struct signal_context context = {
        .time_wall_ns = clock_wall_ns(),
        .event_number = live->number,
        .event_identity = span_of(identity, sizeof identity),
        .hostname = span_str(live->options.hostname),
        .response = span_str(own->response),
        .dropped_before = own->dropped,
    };
    struct state_signal row = {.time_wall_ns = context.time_wall_ns,
                               .rule = rule.name,
                               .priority = (uint8_t)rule.priority};
    struct err_ctx err;
    writer_reset(&live->scratch);
    if (signal_write(&match, &context, &live->scratch, &err) != OK ||
        !outbox_put(&live->outbox, OUTBOX_SIGNAL, SPAN("host"), writer_span(&live->scratch), &row))
        return false;
    live->signals++;
    return true;
}

/* At most one a second. */
static void drops_look(struct live *live, uint64_t now_ns)
{
    if (now_ns - live->drops_looked_ns < LOOK_EVERY_NS)
        return;
    live->drops_looked_ns = now_ns;
    live->drops = drops_sum(live, NULL, NULL) + live->lost;
    if (live->drops <= live->drops_shown)
        return;
    uint64_t count = live->drops - live->drops_shown;
    char text[128];
    snprintf(text, sizeof text, "%llu kernel events were lost (see picket status for what and why)",
             (unsigned long long)count);
    struct own_signal own = {
        .name = "Events were lost",
        .desc = "What happened on this host in that moment may be missing.",
        .text = text,
        .field = {.name = SPAN("picket.drops"),
                  .value = {.kind = VALUE_INT, .integer = (int64_t)count}},
        .response = "Look at what loads the host; raise --ring-size; narrow noisy rules.",
        .number = live->drops,
        .dropped = count};
    if (own_put(live, &own))
        live->drops_shown = live->drops;
}

/* One for all that were refused since the last one; the newest reason stands in it. */
static void refused_look(struct live *live)
{
    const struct rules_note *note = &live->rules_note;
    if (note->refused <= live->refused_shown)
        return;
    char text[sizeof note->reason + 64];
    snprintf(text, sizeof text, "The rules were not loaded anew: %s", note->reason);
    struct own_signal own = {
        .name = "Rules were not loaded",
        .desc = "A changed set of rules was refused; the set before runs on.",
        .text = text,
        .field = {.name = SPAN("picket.reason"),
                  .value = {.kind = VALUE_TEXT, .text = span_str(note->reason)}},
        .response = "Mend the file; `picket check` shows all that is wrong.",
        .number = note->refused};
    if (own_put(live, &own))
        live->refused_shown = note->refused;
}

void own_look(struct live *live, uint64_t now_ns)
{
    drops_look(live, now_ns);
    refused_look(live);
}

/* ---- told once: what has been told is committed with the signal that tells it ---- */

err_kind own_load(struct live *live, struct err_ctx *err)
{
    uint64_t id = ring_id(live->ring);
    bool is_known;
    span input = span_of(&id, sizeof id);
    err_kind kind =
        topic_position_get(live->log, "drops", input, &live->drops_shown, &is_known, err);
    return kind == OK ? topic_position_get(live->log, "refused", input, &live->refused_shown,
                                           &is_known, err)
                      : kind;
}

err_kind own_commit(struct live *live, struct err_ctx *err)
{
    uint64_t id = ring_id(live->ring);
    span input = span_of(&id, sizeof id);
    err_kind kind = topic_position_put(live->log, "drops", input, live->drops_shown, err);
    return kind == OK ? topic_position_put(live->log, "refused", input, live->refused_shown, err)
                      : kind;
}

/* ---- status: one JSON object, renewed once a second ---- */

struct drop_list {
    struct writer *out;
    bool has_one;
};

static void drop_render(void *context, const char *reason, const char *type, uint64_t count)
{
    struct drop_list *list = context;
    writer_format(list->out, "%s{\"reason\":\"%s\",\"event\":\"%s\",\"count\":%llu}",
                  list->has_one ? "," : "", reason, type ? type : "", (unsigned long long)count);
    list->has_one = true;
}

/* Whether opens are left out in the kernel, how many were, and which rule forbids it. */
static void filter_render(const struct live *live, struct writer *out)
{
    uint64_t excluded = 0;
    for (unsigned cpu = 0; live->ring && cpu < CPU_MAX; cpu++)
        excluded += ring_control(live->ring)->cpus[cpu].excluded;
    writer_format(out, ",\"opens_excluded\":%llu", (unsigned long long)excluded);
    if (live->has_filter || live->filter_rule == UINT32_MAX || !detect_program(live->detect))
        return;
    writer_text(out, ",\"opens_all_kept_for\":");
    writer_json_string(out,
                       rule_program_rule(detect_program(live->detect), live->filter_rule)->name);
}

static void rules_render(const struct rules_note *note, struct writer *out)
{
    if (note->loaded_wall_ns) {
        writer_text(out, ",\"rules_loaded_at\":\"");
        writer_time(out, note->loaded_wall_ns);
        writer_byte(out, '"');
    }
    writer_format(out, ",\"rules_reloaded\":%u,\"rules_refused\":%u", note->reloaded,
                  note->refused);
    if (note->reason[0]) {
        writer_text(out, ",\"rules_refused_for\":");
        writer_json_string(out, span_str(note->reason));
    }
}

void status_render(const struct live *live, struct writer *out)
{
    writer_text(out, "{\"time\":\"");
    writer_time(out, clock_wall_ns());
    writer_text(out, "\",\"hostname\":");
    writer_json_string(out, span_str(live->options.hostname));
    struct topic_info dead = {0};
    struct err_ctx err;
    (void)!topic_info_get(live->log, "dead", &dead, &err);
    writer_format(
        out,
        ",\"events\":%llu,\"signals\":%llu,\"drops\":%llu,\"dead_letters\":%llu,"
        "\"engine_restarts\":%u,"
        "\"ring_pending_bytes\":%llu,\"rules\":%zu,",
        (unsigned long long)live->number, (unsigned long long)live->signals,
        (unsigned long long)live->drops, (unsigned long long)dead.end, live->options.restarts,
        (unsigned long long)(live->ring ? ring_pending_bytes(live->ring) : 0),
        detect_program(live->detect) ? rule_program_count(detect_program(live->detect)) : 0);
    detect_status_render(live->detect, out);
    filter_render(live, out);
    rules_render(&live->rules_note, out);
    writer_text(out, ",\"drops_by\":[");
    struct drop_list list = {.out = out};
    if (live->ring)
        drops_sum(live, drop_render, &list);
    writer_text(out, "],\"hooks\":");
    writer_put(out, live->hooks.len ? writer_span(&live->hooks) : SPAN("[]"));
    writer_byte(out, '}');
}
