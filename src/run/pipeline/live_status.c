/* What `picket status` shows of the detect stage: one JSON object, renewed once a second. */
#include "core/clock.h"
#include "pipeline/live_state.h"

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
    rules_render(&live->rules_note, out);
    writer_text(out, ",\"drops_by\":[");
    struct drop_list list = {.out = out};
    if (live->ring)
        drops_sum(live, drop_render, &list);
    writer_text(out, "],\"hooks\":");
    writer_put(out, live->hooks.len ? writer_span(&live->hooks) : SPAN("[]"));
    writer_byte(out, '}');
}
