/* Zipkin's spans, version 2: a JSON array, or ListOfSpans of zipkin.proto. A protobuf span is
 * written as the JSON form has it. */
#include "source/decoder.h"
#include "wire/wire.h"

static const char *const kind_table[] = {NULL, "CLIENT", "SERVER", "PRODUCER", "CONSUMER", NULL};

static const struct wire_field endpoint_fields[] = {
    {.number = 1, .name = "serviceName", .kind = WIRE_TEXT},
    {.number = 2, .name = "ipv4", .kind = WIRE_ADDRESS},
    {.number = 3, .name = "ipv6", .kind = WIRE_ADDRESS},
    {.number = 4, .name = "port", .kind = WIRE_INT},
    {0},
};

static const struct wire_field annotation_fields[] = {
    {.number = 1, .name = "timestamp", .kind = WIRE_FIXED64},
    {.number = 2, .name = "value", .kind = WIRE_TEXT},
    {0},
};

static const struct wire_field span_fields[] = {
    {.number = 1, .name = "traceId", .kind = WIRE_HEX},
    {.number = 2, .name = "parentId", .kind = WIRE_HEX},
    {.number = 3, .name = "id", .kind = WIRE_HEX},
    {.number = 4, .name = "kind", .kind = WIRE_ENUM, .words = kind_table, .word_count = 5},
    {.number = 5, .name = "name", .kind = WIRE_TEXT},
    {.number = 6, .name = "timestamp", .kind = WIRE_FIXED64},
    {.number = 7, .name = "duration", .kind = WIRE_UINT},
    {.number = 8, .name = "localEndpoint", .kind = WIRE_MESSAGE, .message = endpoint_fields},
    {.number = 9, .name = "remoteEndpoint", .kind = WIRE_MESSAGE, .message = endpoint_fields},
    {.number = 10,
     .name = "annotations",
     .kind = WIRE_MESSAGE,
     .message = annotation_fields,
     .is_repeated = true},
    {.number = 11, .name = "tags", .kind = WIRE_MAP},
    {.number = 12, .name = "debug", .kind = WIRE_BOOL},
    {.number = 13, .name = "shared", .kind = WIRE_BOOL},
    {0},
};

static bool spans_put(struct source_decoder *decoder, const struct source_frame *frame,
                      source_put put, void *context)
{
    span rest = frame->bytes;
    struct wire_item item;
    struct wire_fault fault = {0};
    while (rest.len) {
        span whole = rest;
        if (!wire_next(&rest, &item, &fault))
            return fault_put(frame, whole, fault.at - whole.data, fault.reason, put, context);
        if (item.number != 1)
            continue;
        writer_reset(&decoder->out);
        bool is_given = wire_write(&decoder->out, span_fields, item.bytes, &fault)
                            ? written_put(decoder, frame, item.bytes, put, context)
                            : fault_put(frame, item.bytes, fault.at - item.bytes.data, fault.reason,
                                        put, context);
        if (!is_given)
            return false;
    }
    return true;
}

/* Arrays behind one another, and spans by themselves. */
static bool texts_put(const struct source_frame *frame, source_put put, void *context)
{
    span rest = frame->bytes, value;
    for (split_blanks(&rest); rest.len; split_blanks(&rest)) {
        bool is_given;
        if (split_is(rest, '['))
            is_given = list_put(frame, &rest, put, context);
        else if (split_is(rest, '{') && split_value(&rest, &value))
            is_given = part_put(frame, value, put, context);
        else
            return fault_put(frame, rest, 0, "expected an array of spans, or a span", put, context);
        if (!is_given)
            return false;
    }
    return true;
}

static bool decode(struct source_decoder *decoder, const struct source_frame *frame, source_put put,
                   void *context)
{
    if (body_is_protobuf(frame->bytes))
        return spans_put(decoder, frame, put, context);
    return texts_put(frame, put, context);
}

const struct source source_zipkin = {
    .name = "zipkin",
    .summary = "Zipkin's spans, version 2: JSON arrays or protobuf",
    .framing = SOURCE_DOCUMENT,
    .logsource = {.product = {(const uint8_t *)"zipkin", 6}},
    .time = {{"timestamp", NULL}, 1000},
    .decode = decode,
};
