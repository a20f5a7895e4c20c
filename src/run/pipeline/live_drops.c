#include "pipeline/live_state.h"

static const char *const reason_name[DROP_REASON_COUNT] = {
    [DROP_RING_FULL] = "ring_full",       [DROP_RECURSION] = "recursion",
    [DROP_TASK_STATE] = "task_state",     [DROP_TOO_LARGE] = "too_large",
    [DROP_SCRATCH_BUSY] = "scratch_busy",
};

uint64_t drops_sum(const struct live *live, drop_visit each, void *context)
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
