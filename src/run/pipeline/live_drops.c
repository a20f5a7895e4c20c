#include <string.h>

#include "core/clock.h"
#include "pipeline/live_state.h"
#include "signal/signal.h"

#define LOOK_EVERY_NS 1000000000ull

static const char *const reason_name[DROP_REASON_COUNT] = {
    [DROP_RING_FULL] = "ring_full",       [DROP_RECURSION] = "recursion",
    [DROP_TASK_STATE] = "task_state",     [DROP_TOO_LARGE] = "too_large",
    [DROP_SCRATCH_BUSY] = "scratch_busy",
};

/* Sum over all CPUs; calls back for each (reason, type) that has any. */
static uint64_t drops_sum(const struct live *live,
                          void (*each)(void *context, const char *reason, const char *type,
                                       uint64_t count),
                          void *context)
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

err_kind drops_load(struct live *live, struct err_ctx *err)
{
    uint64_t id = ring_id(live->ring);
    bool is_known;
    return topic_position_get(live->log, "drops", span_of(&id, sizeof id), &live->drops_shown,
                              &is_known, err);
}

/* A loss is itself a signal, at most one a second. False: no room for it now. */
static bool drops_signal(struct live *live, uint64_t count)
{
    static const span tags[] = {
        {(const uint8_t *)"picket", 6},
    };
    static const struct rule_info rule = {
        .name = {(const uint8_t *)"Events were lost", 16},
        .desc = {(const uint8_t *)"What happened on this host in that moment may be missing.", 57},
        .source = {(const uint8_t *)"picket", 6},
        .priority_name = {(const uint8_t *)"Error", 5},
        .priority = PRIORITY_ERROR,
        .is_enabled = true,
        .tags = tags,
        .tag_count = 1,
    };
    char text[128];
    snprintf(text, sizeof text, "%llu kernel events were lost (see picket status for what and why)",
             (unsigned long long)count);
    struct signal_field field = {.name = SPAN("picket.drops"),
                                 .value = {.kind = VALUE_INT, .integer = (int64_t)count}};
    struct signal_match match = {
        .rule = &rule, .output = span_str(text), .fields = &field, .field_count = 1};
    uint64_t identity[2] = {ring_id(live->ring), live->drops};
    struct signal_context context = {
        .time_wall_ns = clock_wall_ns(),
        .event_number = live->number,
        .event_identity = span_of(identity, sizeof identity),
        .hostname = span_str(live->options.hostname),
        .response = SPAN("Look at what loads the host; raise --ring-size; narrow noisy rules."),
        .dropped_before = count,
    };
    struct state_signal row = {
        .time_wall_ns = context.time_wall_ns, .rule = rule.name, .priority = PRIORITY_ERROR};
    struct err_ctx err;
    writer_reset(&live->scratch);
    if (signal_write(&match, &context, &live->scratch, &err) != OK ||
        !outbox_put(&live->outbox, OUTBOX_SIGNAL, SPAN("host"), writer_span(&live->scratch), &row))
        return false;
    live->signals++;
    return true;
}

void drops_look(struct live *live, uint64_t now_ns)
{
    if (now_ns - live->drops_looked_ns < LOOK_EVERY_NS)
        return;
    live->drops_looked_ns = now_ns;
    live->drops = drops_sum(live, NULL, NULL) + live->lost;
    if (live->drops > live->drops_shown && drops_signal(live, live->drops - live->drops_shown))
        live->drops_shown = live->drops;
}

/* ---- status ---- */

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

void status_render(const struct live *live, struct writer *out)
{
    writer_text(out, "{\"time\":\"");
    writer_time(out, clock_wall_ns());
    writer_text(out, "\",\"hostname\":");
    writer_json_string(out, span_str(live->options.hostname));
    writer_format(out,
                  ",\"events\":%llu,\"signals\":%llu,\"drops\":%llu,\"engine_restarts\":%u,"
                  "\"ring_pending_bytes\":%llu,\"rules\":%zu,",
                  (unsigned long long)live->number, (unsigned long long)live->signals,
                  (unsigned long long)live->drops, live->options.restarts,
                  (unsigned long long)(live->ring ? ring_pending_bytes(live->ring) : 0),
                  detect_program(live->detect) ? rule_program_count(detect_program(live->detect))
                                               : 0);
    detect_status_render(live->detect, out);
    filter_render(live, out);
    writer_text(out, ",\"drops_by\":[");
    struct drop_list list = {.out = out};
    if (live->ring)
        drops_sum(live, drop_render, &list);
    writer_text(out, "],\"hooks\":");
    writer_put(out, live->hooks.len ? writer_span(&live->hooks) : SPAN("[]"));
    writer_byte(out, '}');
}
