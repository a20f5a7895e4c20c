/* A source that says nothing for too long: a signal of Picket's own, told once for each silence,
 * whatever happens to the engine. */
#include <stdio.h>

#include "core/clock.h"
#include "intake/intake_state.h"
#include "signal/signal.h"

err_kind silence_load(struct intake *intake, struct err_ctx *err)
{
    uint64_t number;
    bool is_known;
    intake->worked_ns = clock_boot_ns();
    err_kind kind = topic_position_get(intake->log, "silence", SPAN("count"), &intake->silences,
                                       &is_known, err);
    if (kind == OK)
        kind = topic_position_get(intake->log, "silence", SPAN("now"), &number, &is_known, err);
    if (kind == OK)
        intake->is_silent = number;
    return kind;
}

bool silence_is_due(const struct intake *intake, uint64_t now_ns)
{
    uint64_t limit_ns = intake->options.silence_ns;
    return limit_ns && !intake->is_silent && now_ns - intake->worked_ns >= limit_ns;
}

/* Records have come: the next silence is told again. */
err_kind silence_end(struct intake *intake, struct err_ctx *err)
{
    return topic_position_put(intake->log, "silence", SPAN("now"), 0, err);
}

err_kind silence_tell(struct intake *intake, struct err_ctx *err)
{
    char text[160];
    uint64_t seconds = intake->options.silence_ns / 1000000000u;
    uint64_t number = intake->silences + 1, offset = 0;
    uint64_t identity[] = {intake->signal_end, number, clock_wall_ns()};
    snprintf(text, sizeof text, "Source %s has said nothing for %llu s", intake->options.name,
             (unsigned long long)seconds);
    const struct signal_field field = {
        .name = SPAN("picket.source"),
        .value = {.kind = VALUE_TEXT, .text = span_str(intake->options.name)}};
    const struct rule_info rule = signal_own_rule(
        "A source fell silent",
        "Nothing came from it for longer than was set; what happens there is not seen.");
    const struct signal_match match = {
        .rule = &rule, .output = span_str(text), .fields = &field, .field_count = 1};
    const struct signal_context context = {
        .time_wall_ns = clock_wall_ns(),
        .event_identity = span_of(identity, sizeof identity),
        .hostname = span_str(intake->options.hostname),
        .response = SPAN("Look whether its sender runs and reaches this host."),
    };
    struct state_signal row = {.time_wall_ns = context.time_wall_ns,
                               .rule = rule.name,
                               .priority = (uint8_t)rule.priority};
    writer_reset(&intake->text);
    err_kind kind = signal_write(&match, &context, &intake->text, err);
    if (kind == OK)
        kind = topic_append(intake->log, TOPIC_SIGNALS, SPAN("host"), writer_span(&intake->text),
                            &offset, err);
    row.offset = offset;
    if (kind == OK)
        kind = state_signal_put(intake->log, &row, err);
    if (kind == OK)
        kind = topic_position_put(intake->log, "silence", SPAN("count"), number, err);
    if (kind == OK)
        kind = topic_position_put(intake->log, "silence", SPAN("now"), 1, err);
    intake->turn.signals++;
    intake->has_told = true;
    return kind;
}

void silence_commit(struct intake *intake)
{
    intake->silences += intake->has_told;
    if (intake->has_told)
        intake->is_silent = true;
    else if (intake->has_changed)
        intake->is_silent = false;
}
