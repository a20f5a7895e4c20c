/* A match made into a signal: the fields that the rule names, the process history, the container.
 */
#include "pipeline/detect_state.h"
#include "signal/signal.h"

#define FIELDS_MAX 128

/* From the acting process up. */
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
                                       .argv = process_text(table, process->argv)};
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
    if (detect->is_flat)
        return flat_time_ns(detect->flat);
    return detect->decoder.record.head.time_boot_ns + detect->decoder.boot_to_wall_ns;
}

static size_t fields_fetch(struct detect *detect, uint32_t rule, struct event *event,
                           struct signal_field *ret)
{
    const struct rule_output_field *fields;
    size_t count = rule_program_output_fields(detect->program, rule, &fields);
    if (count > FIELDS_MAX)
        count = FIELDS_MAX;
    for (size_t index = 0; index < count; index++)
        ret[index] = (struct signal_field){
            .name = fields[index].name,
            .value = rule_program_output_value(detect->program, rule, index, event)};
    return count;
}

err_kind detect_signal(struct detect *detect, uint32_t rule, const uint64_t *evidence,
                       struct writer *out, struct state_signal *ret_row, struct err_ctx *err)
{
    struct signal_process processes[SIGNAL_PROCESSES_MAX];
    struct signal_field fields[FIELDS_MAX];
    struct event *event = detect->is_flat ? &detect->flat_event : &detect->event;
    const struct record_head *head = &detect->decoder.record.head;
    uint64_t identity[] = {head->seq, head->cpu, head->time_boot_ns, head->start_boot_ns};
    struct signal_context context = {
        .time_wall_ns = event_time(detect),
        .event_number = detect->number,
        .event_identity = span_of(identity, sizeof identity),
        .hostname = span_str(detect->hostname),
        .has_evidence = evidence,
        .evidence_offset = evidence ? *evidence : 0,
    };
    if (detect->is_flat) {
        context.event_identity = flat_line(detect->flat);
    } else {
        context.process_count = lineage(detect, processes);
        context.processes = processes;
        context.is_name_unverified = head->flags & RECORD_NAME_UNVERIFIED;
        context.has_name_changed = head->flags & RECORD_NAME_CHANGED;
    }
    context.container_id = field_text(event, "container.id");
    if (span_eq(context.container_id, SPAN("host")))
        context.container_id = (span){NULL, 0};
    if (context.container_id.data) {
        context.container_name = field_text(event, "container.name");
        context.container_image = field_text(event, "container.image");
    }
    struct signal_match match = {.rule = rule_program_rule(detect->program, rule),
                                 .fields = fields,
                                 .field_count = fields_fetch(detect, rule, event, fields)};
    *ret_row = (struct state_signal){.time_wall_ns = context.time_wall_ns,
                                     .rule = match.rule->name,
                                     .priority = (uint8_t)match.rule->priority,
                                     .container = context.container_id,
                                     .container_name = context.container_name,
                                     .pid = detect->is_flat ? 0 : head->pid};
    context.response = match.rule->response;
    struct writer raw = {0};
    writer_init(&raw, detect->text.size_max);
    rule_program_output(detect->program, rule, event, &raw);
    writer_reset(&detect->text);
    mask_text(&detect->text, writer_span(&raw));
    writer_free(&raw);
    match.output = writer_span(&detect->text);
    return signal_write(&match, &context, out, err);
}
