/* Age: what the store has kept for longer than was asked for goes, when all who read it have. */
#include "core/clock.h"
#include "intake/intake_state.h"
#include "state/state.h"

#define PERIOD_SHARE  16 /* of the age */
#define PERIOD_NS_MIN 1000000000ull
#define PERIOD_NS_MAX 60000000000ull
#define BATCHES_MAX   512         /* in one turn */
#define CONSUMER      "correlate" /* as correlate/alert calls itself */

void intake_readers(struct intake *intake, uint64_t signals, uint64_t alerts)
{
    intake->sink_signals = signals;
    intake->sink_alerts = alerts;
    intake->has_readers = true;
}

bool age_is_due(const struct intake *intake, uint64_t now_ns)
{
    uint64_t period = intake->options.retention_ns / PERIOD_SHARE;
    period = period < PERIOD_NS_MIN ? PERIOD_NS_MIN : period;
    period = period > PERIOD_NS_MAX ? PERIOD_NS_MAX : period;
    return intake->options.retention_ns && intake->has_readers &&
           now_ns - intake->aged_ns >= period;
}

err_kind age_apply(struct intake *intake, uint64_t now_ns, struct err_ctx *err)
{
    uint64_t wall_ns = clock_wall_ns(), age_ns = intake->options.retention_ns;
    uint64_t signals = intake->lines.next, position, records = 0;
    bool is_known;
    err_kind kind =
        topic_position_get(intake->log, CONSUMER, SPAN(TOPIC_SIGNALS), &position, &is_known, err);
    if (kind != OK || wall_ns <= age_ns)
        return kind;
    if (!is_known)
        signals = 0; /* nothing was correlated yet; later the store itself knows how far */
    const struct topic_floor floors[] = {
        {TOPIC_SIGNALS, signals < intake->sink_signals ? signals : intake->sink_signals},
        {TOPIC_ALERTS, intake->sink_alerts},
        {intake->topic, intake->read_committed},
    };
    kind = topic_expire(intake->log, wall_ns - age_ns, floors, sizeof floors / sizeof *floors,
                        BATCHES_MAX, &records, err);
    if (kind == OK && records)
        kind = state_counter_add(intake->log, COUNTER_EXPIRED, records, err);
    intake->turn.expired = records;
    if (records < BATCHES_MAX) /* else there may be more */
        intake->aged_ns = now_ns;
    return kind;
}
