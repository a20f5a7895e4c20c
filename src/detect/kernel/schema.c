/* The schema, what Sigma calls it, the current record, and how one field of it is fetched. */
#include <assert.h>

#include "kernel/args.h"
#include "kernel/fields.h"

static const struct field_desc desc_table[] = {
#define X(name, type, argument, list, secret, extractor, summary)                                  \
    {name, FIELD_##type, ARGUMENT_##argument, list, secret, summary, 0},
    FIELDS_ALL(X)
#undef X
};

static field_extractor *const extractor_table[] = {
#define X(name, type, argument, list, secret, extractor, summary) field_##extractor,
    FIELDS_ALL(X)
#undef X
};

_Static_assert(sizeof desc_table / sizeof *desc_table ==
                   sizeof extractor_table / sizeof *extractor_table,
               "one extractor a field");

static bool is_number(span text)
{
    for (size_t index = 0; index < text.len; index++)
        if (text.data[index] < '0' || text.data[index] > '9')
            return false;
    return text.len > 0;
}

static bool argument_check(const struct field_desc *field, span argument, const char **ret_hint)
{
    span name = span_str(field->name);
    if (span_eq(name, SPAN("evt.arg")) || span_eq(name, SPAN("evt.rawarg")))
        return is_number(argument) || args_name_known(argument, ret_hint);
    if (span_eq(name, SPAN("evt.type.is")))
        return event_type_find(argument) != EVENT_NONE;
    if (span_eq(name, SPAN("evt.abspath")))
        return span_eq(argument, SPAN("src")) || span_eq(argument, SPAN("dst"));
    return argument.len > 0;
}

/* ---- the taxonomy: what Sigma's categories of product linux, and the names of their fields, are
 * here. Rules are written for Sysmon's events: one of them is one call that did what it was meant
 * to. ---- */

#define LIST(...)   ((const char *const[]){__VA_ARGS__, NULL})
#define GUARDS(...) ((const struct taxonomy_guard[]){__VA_ARGS__, {NULL, NULL}})
#define IS(field, value)                                                                           \
    {                                                                                              \
        field, value                                                                               \
    }
#define DONE IS("evt.failed", "false")

/* ---- processes ---- */

static const struct taxonomy_case process_creation[] = {
    {LIST("execve", "execveat"), GUARDS(DONE)},
    {NULL, NULL},
};

static const struct taxonomy_case process_termination[] = {
    {LIST("procexit"), GUARDS({NULL, NULL})},
    {NULL, NULL},
};

/* ---- files ---- */

static const struct taxonomy_case file_event[] = {
    {LIST("open", "openat", "openat2", "creat"), GUARDS(DONE, IS("evt.is_open_write", "true"))},
    {LIST("rename", "renameat", "renameat2"), GUARDS(DONE)},
    {NULL, NULL},
};

static const struct taxonomy_field file_event_fields[] = {
    {.name = "TargetFilename", .fields = LIST("fd.name", "fs.path.target")},
    {.name = NULL},
};

static const struct taxonomy_case file_access[] = {
    {LIST("open", "openat", "openat2"), GUARDS(DONE, IS("evt.is_open_read", "true"))},
    {NULL, NULL},
};

static const struct taxonomy_field file_access_fields[] = {
    {.name = "TargetFilename", .fields = LIST("fd.name")},
    {.name = "FileName", .fields = LIST("fd.name")},
    {.name = NULL},
};

static const struct taxonomy_case file_delete[] = {
    {LIST("unlink", "unlinkat"), GUARDS(DONE)},
    {NULL, NULL},
};

static const struct taxonomy_field file_delete_fields[] = {
    {.name = "TargetFilename", .fields = LIST("fs.path.name")},
    {.name = NULL},
};

static const struct taxonomy_case file_rename[] = {
    {LIST("rename", "renameat", "renameat2"), GUARDS(DONE)},
    {NULL, NULL},
};

static const struct taxonomy_field file_rename_fields[] = {
    {.name = "SourceFilename", .fields = LIST("fs.path.source")},
    {.name = "TargetFilename", .fields = LIST("fs.path.target")},
    {.name = NULL},
};

/* ---- the network ---- */

static const struct taxonomy_case network_connection[] = {
    {LIST("connect"), GUARDS(DONE)},
    {LIST("connect"), GUARDS(IS("evt.res", "EINPROGRESS"))},
    {NULL, NULL},
};

static const struct taxonomy_field network_connection_fields[] = {
    {.name = "DestinationIp", .fields = LIST("fd.rip")},
    {.name = "DestinationPort", .fields = LIST("fd.rport")},
    {.name = "Initiated", .constant = "true"},
    {.name = "Protocol", .fields = LIST("fd.l4proto")},
    {.name = "SourceIp", .fields = LIST("fd.lip")},
    {.name = "SourcePort", .fields = LIST("fd.lport")},
    {.name = NULL},
};

/* ---- the tables, by name ---- */

static const struct taxonomy_category categories[] = {
    {"file_access", file_access, file_access_fields},
    {"file_delete", file_delete, file_delete_fields},
    {"file_event", file_event, file_event_fields},
    {"file_rename", file_rename, file_rename_fields},
    {"network_connection", network_connection, network_connection_fields},
    {"process_creation", process_creation, NULL},
    {"process_termination", process_termination, NULL},
    {NULL, NULL, NULL},
};

static const struct taxonomy_field fields[] = {
    {.name = "CommandLine", .fields = LIST("proc.exeline")},
    {.name = "CurrentDirectory", .fields = LIST("proc.cwd"), .is_folder = true},
    {.name = "Image", .fields = LIST("proc.exepath")},
    {.name = "LogonId", .fields = LIST("user.loginuid")},
    {.name = "ParentCommandLine", .fields = LIST("proc.pcmdline")},
    {.name = "ParentImage", .fields = LIST("proc.pexepath")},
    {.name = "ParentProcessId", .fields = LIST("proc.ppid")},
    {.name = "ProcessId", .fields = LIST("proc.pid")},
    {.name = "User", .fields = LIST("user.name")},
    {.name = NULL},
};

const struct taxonomy kernel_taxonomy = {
    .product = "linux",
    .categories = categories,
    .fields = fields,
};

/* ---- the schema ---- */

const struct schema kernel_schema = {
    .source = "syscall",
    .fields = desc_table,
    .field_count = sizeof desc_table / sizeof *desc_table,
    .route = "evt.type",
    .argument_check = argument_check,
    .taxonomy = &kernel_taxonomy,
};

void kernel_decoder_init(struct kernel_decoder *decoder, struct process_table *table,
                         const struct kernel_facts *facts, uint64_t boot_to_wall_ns, span hostname)
{
    *decoder = (struct kernel_decoder){
        .table = table, .boot_to_wall_ns = boot_to_wall_ns, .hostname = hostname};
    if (facts)
        decoder->facts = *facts;
}

err_kind kernel_decode(struct kernel_decoder *decoder, span bytes, uint64_t number,
                       struct err_ctx *err)
{
    uint64_t previous = decoder->record.head.time_boot_ns;
    decoder->process = NULL;
    decoder->is_container_asked = false;
    decoder->container = NULL;
    err_kind kind = record_open(&decoder->record, bytes, err);
    if (kind) {
        decoder->record = (struct record){0};
        return kind;
    }
    decoder->number = number;
    decoder->previous_boot_ns = previous;
    if (!decoder->first_boot_ns)
        decoder->first_boot_ns = decoder->record.head.time_boot_ns;
    decoder->process = process_table_update(decoder->table, &decoder->record);
    return OK;
}

bool kernel_is_event(const struct kernel_decoder *decoder)
{
    const struct record_head *head = &decoder->record.head;
    return head->type != EVENT_NONE && head->type != EVENT_TASK && head->type != EVENT_DROP &&
           !(head->flags & RECORD_SNAPSHOT);
}

void kernel_fetch(void *context, const struct field_ref *ref, struct arena *arena,
                  struct value *ret)
{
    struct kernel_decoder *decoder = context;
    size_t row = (size_t)(ref->field - desc_table);
    assert(row < sizeof desc_table / sizeof *desc_table);
    struct fetch fetch = {.decoder = decoder,
                          .record = &decoder->record,
                          .process = decoder->process,
                          .ref = ref,
                          .arena = arena};
    *ret = (struct value){.kind = VALUE_ABSENT};
    if (decoder->record.head.type != EVENT_NONE)
        extractor_table[row](&fetch, ret);
}
