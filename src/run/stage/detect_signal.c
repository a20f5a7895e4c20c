/* A match made into a signal: the fields that the rule names, the process history, the container.
 */
#include "signal/signal.h"
#include "stage/detect_state.h"

/* From the acting process up. */
static span user_of(struct detect *detect, const struct process *process)
{
    struct container_key key = {0};
    span name;
    bool is_inside = process_container(detect->processes, process, &key) && key.is_type_sure;
    struct user_scope scope = {.container = is_inside ? key.id : (span){NULL, 0},
                               .pid = process->pid,
                               .start_boot_ns = process->start_boot_ns,
                               .exec_boot_ns = process->exec_boot_ns,
                               .now_boot_ns = detect->decoder.record.head.time_boot_ns};
    if (!user_name(detect->users, &scope, process->uid, &name))
        return (span){NULL, 0};
    return arena_dup(detect->event.arena, name);
}

static size_t lineage(struct detect *detect, struct signal_process *ret)
{
    const struct process_table *table = detect->processes;
    const struct process *process = detect->decoder.process;
    size_t count = 0;
    for (; process && count < SIGNAL_PROCESSES_MAX; process = process_parent(table, process)) {
        struct signal_process *one = &ret[count++];
        *one = (struct signal_process){.pid = process->pid,
                                       .start_boot_ns = process->start_boot_ns,
                                       .name = process_text(table, process->name),
                                       .exe = process_text(table, process->exe_path),
                                       .argv = process_text(table, process->argv),
                                       .user = user_of(detect, process)};
    }
    return count;
}

/* A field outside the projection; absent: data NULL. Lives until the next event. */
static span field_text(struct event *event, const char *name)
{
    struct field_ref ref;
    const char *hint;
    if (schema_resolve(&kernel_schema, span_str(name), &ref, &hint) != FIELD_FOUND)
        return (span){NULL, 0};
    struct value value = event_fetch_once(event, &ref);
    return value.kind == VALUE_TEXT ? value.text : (span){NULL, 0};
}

static uint64_t event_time(struct detect *detect)
{
    if (detect->is_line)
        return detect->json ? json_time_ns(detect->json) : flat_time_ns(detect->flat);
    return detect->decoder.record.head.time_boot_ns + detect->decoder.boot_to_wall_ns;
}

err_kind detect_signal(struct detect *detect, uint32_t rule, const uint64_t *evidence,
                       struct writer *out, struct state_signal *ret_row, struct err_ctx *err)
{
    struct signal_process processes[SIGNAL_PROCESSES_MAX];
    struct event *event = detect->is_line ? &detect->line_event : &detect->event;
    const struct record_head *head = &detect->decoder.record.head;
    uint64_t identity[] = {head->seq, head->cpu, head->time_boot_ns, head->start_boot_ns};
    struct signal_context context = {
        .time_wall_ns = event_time(detect),
        .event_number = detect->number,
        .event_position = detect->position,
        .event_identity = span_of(identity, sizeof identity),
        .hostname = span_str(detect->hostname),
        .source = detect->options.source ? span_str(detect->options.source) : (span){NULL, 0},
        .has_evidence = evidence,
        .evidence_offset = evidence ? *evidence : 0,
    };
    if (detect->is_line) {
        context.event_identity = detect->json ? json_line(detect->json) : flat_line(detect->flat);
    } else {
        context.process_count = lineage(detect, processes);
        context.processes = processes;
        context.is_name_unverified = head->flags & RECORD_NAME_UNVERIFIED;
        context.has_name_changed = head->flags & RECORD_NAME_CHANGED;
        context.is_path_cut = head->flags & RECORD_CUT_PATH;
        uint32_t flags = detect->decoder.process ? detect->decoder.process->flags : 0;
        context.is_argv_cut = flags & PROCESS_CUT_ARGV;
        context.is_env_cut = flags & PROCESS_CUT_ENV;
    }
    if (!detect->json)
        context.container_id = field_text(event, "container.id");
    if (span_eq(context.container_id, SPAN("host")))
        context.container_id = (span){NULL, 0};
    if (context.container_id.data) {
        context.container_name = field_text(event, "container.name");
        context.container_image = field_text(event, "container.image");
    }
    detect->entity_count = 0;
    if (detect->json)
        detect_entities(detect, &context);
    const struct rule_info *info = rule_program_rule(detect->program, rule);
    context.response = info->response;
    *ret_row = (struct state_signal){.time_wall_ns = context.time_wall_ns,
                                     .rule = info->name,
                                     .priority = (uint8_t)info->priority,
                                     .container = context.container_id,
                                     .container_name = context.container_name,
                                     .pid = detect->is_line ? 0 : head->pid};
    return signal_render_json(detect->renderer, rule, event, &context, out, err);
}

span detect_entity(const struct detect *detect)
{
    return detect->entity_count && !detect->entity_names.is_full
               ? span_of(detect->entity_names.data + detect->entities[0].at,
                         detect->entities[0].len)
               : (span){NULL, 0};
}
