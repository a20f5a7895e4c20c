/* What each hook's state is, and why. */
#include <stdio.h>
#include <string.h>

#include "hook/set.h"
#include "hook/table.h"

/* Figures: read of /dev/zero, two million times, with an empty program on the hook. */
#define COST_TRACE "nothing"
#define COST_ANY   "70 to 130 ns for every system call"
#define COST_CALL  "30 to 65 ns for every system call, once for all of this kind"
#define COST_BY    "nothing besides sys_exit"

static const char *event_text(enum event_type event)
{
    static const char *const names[EVENT_COUNT] = {
#define X(name, text, group) [EVENT_##name] = text,
        EVENT_LIST(X)
#undef X
    };
    return names[event] ? names[event] : "";
}

static void describe(const struct hook_set *set, struct hook_description *ret)
{
    const struct hook_link *link = find_link(set, ret->name);
    ret->state = !link ? HOOK_UNUSED : link->fd >= 0 ? HOOK_ATTACHED : HOOK_FAILED;
    ret->reason = link && link->fd < 0 ? link->reason : "";
}

static void describe_call(const struct hook_set *set, const struct call_row *row, bool is_enter,
                          hook_visit *visit, void *context)
{
    const struct call_program_row *program = &call_programs[row->program];
    char name[HOOK_NAME_MAX];
    struct hook_description description = {
        .name = name,
        .kind = "tracepoint",
        .program = is_enter ? program->enter : program->exit,
        .cost = COST_CALL,
        .event = event_text(row->event),
    };
    if (!description.program || row->nr < 0)
        return;
    snprintf(name, sizeof name, "%s%s", is_enter ? "sys_enter_" : "sys_exit_", row->name);
    describe(set, &description);
    if (!is_enter && call_is_any(set, row)) {
        snprintf(name, sizeof name, HOOK_ANY_NAME " (%s)", row->name);
        description.kind = "tp_btf";
        description.program = program->any;
        description.cost = COST_BY;
        description.state = HOOK_ATTACHED;
        description.reason = "";
    }
    visit(context, &description);
}

void hook_describe(const struct hook_set *set, hook_visit *visit, void *context)
{
    for (int i = 0; i < trace_table_len; i++) {
        struct hook_description description = {
            .name = trace_table[i].name,
            .kind = trace_table[i].is_raw ? "raw_tp" : "tp_btf",
            .program = trace_table[i].program,
            .cost = COST_TRACE,
            .event = "",
        };
        describe(set, &description);
        visit(context, &description);
    }
    for (int i = 0; i < call_table_len; i++) {
        describe_call(set, &call_table[i], true, visit, context);
        describe_call(set, &call_table[i], false, visit, context);
    }
    struct hook_description any = {
        .name = HOOK_ANY_NAME,
        .kind = "tp_btf",
        .program = "exit_any",
        .cost = COST_ANY,
        .event = "",
    };
    describe(set, &any);
    visit(context, &any);
}

bool hook_serves(const struct hook_set *set, uint16_t event)
{
    bool is_known = false;
    for (int i = 0; i < call_table_len; i++) {
        const struct call_row *row = &call_table[i];
        const struct call_program_row *program = &call_programs[row->program];
        char name[HOOK_NAME_MAX];
        if (row->event != event)
            continue;
        is_known = true;
        snprintf(name, sizeof name, "sys_exit_%s", row->name);
        const struct hook_link *link = find_link(set, name);
        if (program->exit && row->nr >= 0 && !call_is_any(set, row) && (!link || link->fd < 0))
            return false;
    }
    return is_known || event == EVENT_TASK || event == EVENT_DROP || event == EVENT_PROCEXIT ||
           event == EVENT_FORK || event == EVENT_VFORK || event == EVENT_CLONE ||
           event == EVENT_CLONE3 || event == EVENT_CGROUP_ATTACH || event == EVENT_CGROUP_MKDIR;
}
