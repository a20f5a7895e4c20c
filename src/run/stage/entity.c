/* What a JSON event is about, by its own fields: the first of each kind that is there. */
#include "stage/detect_state.h"

#define ENTITY_BYTES_MAX 1000 /* of a kind with its value: cut at it */

static const struct {
    const char *kind;
    const char *field;
} entity_table[] = {
    {"host", "host.name"},
    {"host", "Computer"},
    {"host", "hostname"},
    {"host", "Hostname"},
    {"host", "HostName"},
    {"host", "computer_name"},
    {"host", "hostIdentifier"},
    {"host", "host"},
    {"container", "container.id"},
    {"user", "user.name"},
    {"user", "user.username"},
    {"user", "userIdentity.arn"},
    {"user", "User"},
    {"user", "user"},
    {"service", "service.name"},
    {"service", "localEndpoint.serviceName"},
    {"address", "source.ip"},
    {"address", "sourceIPAddress"},
    {"address", "src_ip"},
    {"trace", "traceId"},
};
#define ENTITY_ROWS (sizeof entity_table / sizeof *entity_table)

/* Appends "kind:value" and NUL; false: the event has no such text or number. */
static bool entity_put(struct detect *detect, span kind, span field)
{
    struct field_ref ref;
    const char *hint;
    struct writer *names = &detect->entity_names;
    if (schema_resolve(&json_schema, field, &ref, &hint) != FIELD_FOUND)
        return false;
    struct value value = event_fetch_once(&detect->line_event, &ref);
    bool is_text = value.kind == VALUE_TEXT && value.text.len;
    if (!is_text && value.kind != VALUE_INT)
        return false;
    size_t at = names->len;
    writer_put(names, kind);
    writer_byte(names, ':');
    if (is_text)
        writer_put(names, span_first(value.text, ENTITY_BYTES_MAX));
    else
        writer_format(names, "%lld", (long long)value.integer);
    detect->entities[detect->entity_count++] =
        (struct entity_place){.at = at, .len = names->len - at};
    return true;
}

/* Of the fields that were asked for, in their order; the kind is that of the table, else the
 * field's name. */
static void entities_asked(struct detect *detect)
{
    span rest = span_str(detect->options.entity_fields);
    while (rest.len && detect->entity_count < SIGNAL_ENTITIES_MAX) {
        span field;
        if (!span_until(&rest, ',', &field)) {
            field = rest;
            rest = (span){NULL, 0};
        }
        span kind = field;
        for (size_t row = 0; row < ENTITY_ROWS; row++)
            if (span_eq(field, span_str(entity_table[row].field)))
                kind = span_str(entity_table[row].kind);
        entity_put(detect, kind, field);
    }
}

void detect_entities(struct detect *detect, struct signal_context *context)
{
    span found = {NULL, 0};
    writer_reset(&detect->entity_names);
    detect->entity_count = 0;
    if (detect->options.entity_fields)
        entities_asked(detect);
    for (size_t row = 0; row < ENTITY_ROWS && !detect->options.entity_fields; row++)
        if (!span_eq(found, span_str(entity_table[row].kind)) &&
            entity_put(detect, span_str(entity_table[row].kind), span_str(entity_table[row].field)))
            found = span_str(entity_table[row].kind);
    for (size_t index = 0; index < detect->entity_count; index++)
        context->entities[index] = span_of(detect->entity_names.data + detect->entities[index].at,
                                           detect->entities[index].len);
    context->entity_count = detect->entity_names.is_full ? 0 : detect->entity_count;
}
