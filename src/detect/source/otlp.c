/* OTLP/HTTP: ExportTraceServiceRequest and ExportLogsServiceRequest in protobuf (field numbers of
 * opentelemetry-proto 1.x); JSON is in otlp_json.c. */
#include "source/otlp.h"

static const struct wire_field resource_table[] = {
    {.number = 1, .name = "attributes", .kind = WIRE_ATTRIBUTES},
    {.number = 2, .name = "droppedAttributesCount", .kind = WIRE_UINT},
    {0},
};

static const struct wire_field scope_table[] = {
    {.number = 1, .name = "name", .kind = WIRE_TEXT},
    {.number = 2, .name = "version", .kind = WIRE_TEXT},
    {.number = 3, .name = "attributes", .kind = WIRE_ATTRIBUTES},
    {.number = 4, .name = "droppedAttributesCount", .kind = WIRE_UINT},
    {0},
};

static const struct wire_field event_table[] = {
    {.number = 1, .name = "timeUnixNano", .kind = WIRE_FIXED64_TEXT},
    {.number = 2, .name = "name", .kind = WIRE_TEXT},
    {.number = 3, .name = "attributes", .kind = WIRE_ATTRIBUTES},
    {.number = 4, .name = "droppedAttributesCount", .kind = WIRE_UINT},
    {0},
};

static const struct wire_field link_table[] = {
    {.number = 1, .name = "traceId", .kind = WIRE_HEX},
    {.number = 2, .name = "spanId", .kind = WIRE_HEX},
    {.number = 3, .name = "traceState", .kind = WIRE_TEXT},
    {.number = 4, .name = "attributes", .kind = WIRE_ATTRIBUTES},
    {.number = 5, .name = "droppedAttributesCount", .kind = WIRE_UINT},
    {.number = 6, .name = "flags", .kind = WIRE_FIXED32},
    {0},
};

static const struct wire_field status_table[] = {
    {.number = 2, .name = "message", .kind = WIRE_TEXT},
    {.number = 3, .name = "code", .kind = WIRE_INT},
    {0},
};

static const struct wire_field span_table[] = {
    {.number = 1, .name = "traceId", .kind = WIRE_HEX},
    {.number = 2, .name = "spanId", .kind = WIRE_HEX},
    {.number = 3, .name = "traceState", .kind = WIRE_TEXT},
    {.number = 4, .name = "parentSpanId", .kind = WIRE_HEX},
    {.number = 16, .name = "flags", .kind = WIRE_FIXED32},
    {.number = 5, .name = "name", .kind = WIRE_TEXT},
    {.number = 6, .name = "kind", .kind = WIRE_INT},
    {.number = 7, .name = "startTimeUnixNano", .kind = WIRE_FIXED64_TEXT},
    {.number = 8, .name = "endTimeUnixNano", .kind = WIRE_FIXED64_TEXT},
    {.number = 9, .name = "attributes", .kind = WIRE_ATTRIBUTES},
    {.number = 10, .name = "droppedAttributesCount", .kind = WIRE_UINT},
    {.number = 11,
     .name = "events",
     .kind = WIRE_MESSAGE,
     .message = event_table,
     .is_repeated = true},
    {.number = 12, .name = "droppedEventsCount", .kind = WIRE_UINT},
    {.number = 13,
     .name = "links",
     .kind = WIRE_MESSAGE,
     .message = link_table,
     .is_repeated = true},
    {.number = 14, .name = "droppedLinksCount", .kind = WIRE_UINT},
    {.number = 15, .name = "status", .kind = WIRE_MESSAGE, .message = status_table},
    {0},
};

static const struct wire_field log_table[] = {
    {.number = 1, .name = "timeUnixNano", .kind = WIRE_FIXED64_TEXT},
    {.number = 11, .name = "observedTimeUnixNano", .kind = WIRE_FIXED64_TEXT},
    {.number = 2, .name = "severityNumber", .kind = WIRE_INT},
    {.number = 3, .name = "severityText", .kind = WIRE_TEXT},
    {.number = 12, .name = "eventName", .kind = WIRE_TEXT},
    {.number = 5, .name = "body", .kind = WIRE_ANY},
    {.number = 6, .name = "attributes", .kind = WIRE_ATTRIBUTES},
    {.number = 7, .name = "droppedAttributesCount", .kind = WIRE_UINT},
    {.number = 8, .name = "flags", .kind = WIRE_FIXED32},
    {.number = 9, .name = "traceId", .kind = WIRE_HEX},
    {.number = 10, .name = "spanId", .kind = WIRE_HEX},
    {0},
};

/* ---- protobuf ---- */

/* What a group or a scope begins with: its fields 1 and 3, described by `table` and a name. */
static bool head_write(struct writer *out, const char *name, const struct wire_field *table,
                       span message, struct wire_fault *fault)
{
    span described = {NULL, 0}, schema = {NULL, 0};
    struct wire_item item;
    while (message.len) {
        if (!wire_next(&message, &item, fault))
            return false;
        if (item.number == 1 && item.type == WIRE_LENGTH)
            described = item.bytes;
        if (item.number == 3 && item.type == WIRE_LENGTH)
            schema = item.bytes;
    }
    if (!described.data && !schema.len)
        return true;
    member_begin(out, span_str(name));
    writer_byte(out, '{');
    bool is_right = wire_members_write(out, table, described, fault);
    if (schema.len)
        member_text(out, "schemaUrl", schema);
    writer_byte(out, '}');
    return is_right;
}

struct pass {
    struct source_decoder *decoder;
    const struct otlp_request *request;
    const struct source_frame *frame;
    source_put put;
    void *context;
};

static bool broken_put(const struct pass *pass, span bytes, const struct wire_fault *fault)
{
    return fault_put(pass->frame, bytes, (size_t)(fault->at - bytes.data), fault->reason, pass->put,
                     pass->context);
}

static bool records_put(const struct pass *pass, span scope)
{
    struct source_decoder *decoder = pass->decoder;
    struct wire_item item;
    struct wire_fault fault;
    for (span rest = scope; rest.len;) {
        if (!wire_next(&rest, &item, &fault))
            return broken_put(pass, scope, &fault);
        if (item.number != 2 || item.type != WIRE_LENGTH)
            continue;
        if (!written_begin(decoder))
            return true;
        bool is_right = wire_members_write(&decoder->out, pass->request->table, item.bytes, &fault);
        writer_byte(&decoder->out, '}');
        if (!(is_right ? written_put(decoder, pass->frame, item.bytes, pass->put, pass->context)
                       : broken_put(pass, item.bytes, &fault)))
            return false;
    }
    return true;
}

/* A resource, its scopes, and their records. */
static bool group_put(const struct pass *pass, span group)
{
    struct writer *head = &pass->decoder->head;
    struct wire_item item;
    struct wire_fault fault;
    writer_reset(head);
    writer_byte(head, '{');
    if (!head_write(head, "resource", resource_table, group, &fault))
        return broken_put(pass, group, &fault);
    size_t resource_len = head->len;
    for (span rest = group; rest.len;) {
        if (!wire_next(&rest, &item, &fault))
            return broken_put(pass, group, &fault);
        if (item.number != 2 || item.type != WIRE_LENGTH)
            continue;
        head->len = resource_len;
        if (!(head_write(head, "scope", scope_table, item.bytes, &fault)
                  ? records_put(pass, item.bytes)
                  : broken_put(pass, item.bytes, &fault)))
            return false;
    }
    return true;
}

static bool groups_put(const struct pass *pass)
{
    struct wire_item item;
    struct wire_fault fault;
    for (span rest = pass->frame->bytes; rest.len;) {
        if (!wire_next(&rest, &item, &fault))
            return broken_put(pass, pass->frame->bytes, &fault);
        if (item.number == 1 && !group_put(pass, item.bytes))
            return false;
    }
    return true;
}

static bool decode(struct source_decoder *decoder, const struct otlp_request *request,
                   const struct source_frame *frame, source_put put, void *context)
{
    const struct pass pass = {decoder, request, frame, put, context};
    if (body_is_protobuf(frame->bytes))
        return groups_put(&pass);
    return otlp_json_decode(decoder, request, frame, put, context);
}

/* ---- the sources ---- */

static bool traces_decode(struct source_decoder *decoder, const struct source_frame *frame,
                          source_put put, void *context)
{
    static const struct otlp_request request = {"resourceSpans", "scopeSpans", "spans", span_table};
    return decode(decoder, &request, frame, put, context);
}

static bool logs_decode(struct source_decoder *decoder, const struct source_frame *frame,
                        source_put put, void *context)
{
    static const struct otlp_request request = {"resourceLogs", "scopeLogs", "logRecords",
                                                log_table};
    return decode(decoder, &request, frame, put, context);
}

const struct source source_otlp_traces = {
    .name = "otlp-traces",
    .summary = "OTLP/HTTP requests with spans: JSON or protobuf",
    .framing = SOURCE_DOCUMENT,
    .logsource = {.product = {(const uint8_t *)"opentelemetry", 13},
                  .service = {(const uint8_t *)"traces", 6}},
    .time = {{"startTimeUnixNano", NULL}, 1},
    .decode = traces_decode,
};

const struct source source_otlp_logs = {
    .name = "otlp-logs",
    .summary = "OTLP/HTTP requests with log records: JSON or protobuf",
    .framing = SOURCE_DOCUMENT,
    .logsource = {.product = {(const uint8_t *)"opentelemetry", 13},
                  .service = {(const uint8_t *)"logs", 4}},
    .time = {{"timeUnixNano", "observedTimeUnixNano"}, 1},
    .decode = logs_decode,
};
