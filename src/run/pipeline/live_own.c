#include <stdio.h>
#include <string.h>

#include "core/clock.h"
#include "pipeline/live_state.h"
#include "signal/signal.h"

#define LOOK_EVERY_NS 1000000000ull

static const span own_tags[] = {
    {(const uint8_t *)"picket", 6},
};

static const struct rule_info lost_rule = {
    .name = {(const uint8_t *)"Events were lost", 16},
    .desc = {(const uint8_t *)"What happened on this host in that moment may be missing.", 57},
    .source = {(const uint8_t *)"picket", 6},
    .priority_name = {(const uint8_t *)"Error", 5},
    .priority = PRIORITY_ERROR,
    .is_enabled = true,
    .tags = own_tags,
    .tag_count = 1,
};

static const struct rule_info refused_rule = {
    .name = {(const uint8_t *)"Rules were not loaded", 21},
    .desc = {(const uint8_t *)"A changed set of rules was refused; the set before runs on.", 59},
    .source = {(const uint8_t *)"picket", 6},
    .priority_name = {(const uint8_t *)"Error", 5},
    .priority = PRIORITY_ERROR,
    .is_enabled = true,
    .tags = own_tags,
    .tag_count = 1,
};

struct own_signal {
    const struct rule_info *rule;
    const char *text;
    struct signal_field field;
    const char *response;
    uint64_t number; /* of its kind, in this ring's life: makes its id */
    uint64_t dropped;
};

/* False: no room for it now. */
static bool own_put(struct live *live, const struct own_signal *own)
{
    struct signal_match match = {
        .rule = own->rule, .output = span_str(own->text), .fields = &own->field, .field_count = 1};
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
                               .rule = own->rule->name,
                               .priority = (uint8_t)own->rule->priority};
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
        .rule = &lost_rule,
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
        .rule = &refused_rule,
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
