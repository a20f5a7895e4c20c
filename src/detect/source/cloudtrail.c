/* AWS CloudTrail's records, out of what carries them: a log file ({"Records": […]}), a notification
 * of SNS, a message of SQS (as ReceiveMessage gives them, and as a function gets them), an event of
 * EventBridge, a batch of CloudWatch Logs, what LookupEvents answers; or records one behind the
 * other. A text inside a text, plain or base64 of gzip, is read at most NESTING_MAX deep. What only
 * tells of records that lie elsewhere is a fault; what is none of these is an event as it stands.
 */
#include "core/cleanup.h"
#include "source/decoder.h"
#include "unpack/unpack.h"

#define NESTING_MAX        4
#define UNPACKED_BYTES_MAX (16u << 20) /* of one text */

struct pass {
    struct source_decoder *decoder;
    const struct source_frame *frame;
    source_put put;
    void *context;
    const char *fault; /* why a text could not be unpacked; NULL: none */
};

static bool texts_put(struct pass *pass, span rest, unsigned depth);

/* ---- texts inside texts ---- */

static int base64_value(uint8_t letter)
{
    return letter >= 'A' && letter <= 'Z'   ? letter - 'A'
           : letter >= 'a' && letter <= 'z' ? letter - 'a' + 26
           : letter >= '0' && letter <= '9' ? letter - '0' + 52
           : letter == '+'                  ? 62
           : letter == '/'                  ? 63
                                            : -1;
}

/* Up to its padding; into at least 3 bytes for every 4. False: it is not base64. */
static bool base64_decode(span text, uint8_t *into, size_t *ret_len)
{
    uint32_t bits = 0;
    size_t count = 0, len = 0;
    while (text.len && text.data[text.len - 1] == '=')
        text.len--;
    for (; count < text.len; count++) {
        int value = base64_value(text.data[count]);
        if (value < 0)
            return false;
        bits = bits << 6 | (uint32_t)value;
        if (count % 4)
            into[len++] = (uint8_t)(bits >> (6 - count % 4 * 2));
    }
    *ret_len = len;
    return text.len % 4 != 1;
}

/* Bounded for each text, and for all of a frame. */
static bool gunzip(struct source_decoder *decoder, span packed, span *ret)
{
    struct unpack_stream *stream;
    AUTO(writer_free) struct writer text;
    writer_init(&text, UNPACKED_BYTES_MAX);
    if (decoder->written > WRITTEN_BYTES_MAX || !unpack_stream_open("gzip", &stream))
        return false;
    bool is_whole =
        unpack_stream_put(stream, packed, &text) && unpack_stream_is_whole(stream) && !text.is_full;
    unpack_stream_close(stream);
    decoder->written += text.len;
    *ret = arena_dup(&decoder->arena, writer_span(&text));
    return is_whole && ret->data;
}

/* What begins as gzip does in base64 is unpacked in its place. */
static void text_unpack(struct pass *pass, span *text)
{
    size_t len;
    if (!span_starts(*text, SPAN("H4sI")))
        return;
    uint8_t *packed = arena_alloc_raw(&pass->decoder->arena, text->len + 1);
    if (!packed || !base64_decode(*text, packed, &len) ||
        !gunzip(pass->decoder, span_of(packed, len), text))
        pass->fault = "a text of base64 and gzip that is broken, or too large unpacked (16 MiB)";
}

/* The object inside a text; false: there is none, and the object itself is the event. */
static bool inner_text(struct pass *pass, span object, const char *key, span *ret)
{
    span value, text;
    if (!split_find(object, key, &value) || !text_take(pass->decoder, value, &text))
        return false;
    text_unpack(pass, &text);
    *ret = text;
    split_blanks(&text);
    return split_is(text, '{');
}

/* What carries another: *ret_text is JSON by itself, or *ret_object an object. */
static bool envelope_open(struct pass *pass, span object, span *ret_text, span *ret_object)
{
    span part;
    *ret_object = (span){NULL, 0};
    if (inner_text(pass, object, "Message", ret_text)) /* SNS, by HTTP or in SQS */
        return true;
    if (inner_text(pass, object, "CloudTrailEvent", ret_text)) /* of LookupEvents */
        return true;
    if (inner_text(pass, object, "body", ret_text) || inner_text(pass, object, "Body", ret_text))
        return true;
    if (split_find(object, "Sns", &part) && inner_text(pass, part, "Message", ret_text))
        return true;
    if (split_find(object, "awslogs", &part) && inner_text(pass, part, "data", ret_text))
        return true;
    if (split_find(object, "timestamp", &part) && inner_text(pass, object, "message", ret_text))
        return true; /* of CloudWatch Logs */
    return split_find(object, "detail-type", &part) && split_find(object, "detail", ret_object) &&
           split_is(*ret_object, '{');
}

/* ---- what carries no records ---- */

static bool has_text(span object, const char *key, span text)
{
    span value;
    return split_find(object, key, &value) && value.len == text.len + 2 &&
           span_eq(span_of(value.data + 1, text.len), text);
}

/* Why there is no event in it; NULL: it may be one. */
static const char *empty_reason(span object)
{
    span part;
    bool is_file =
        (has_text(object, "eventSource", SPAN("aws:s3")) && split_find(object, "s3", &part)) ||
        (split_find(object, "s3Bucket", &part) && split_find(object, "s3ObjectKey", &part)) ||
        (has_text(object, "source", SPAN("aws.s3")) && split_find(object, "detail", &part));
    if (is_file)
        return "a notification of a file in S3 carries no records: the file is to be fetched and "
               "sent";
    if (has_text(object, "Event", SPAN("s3:TestEvent")))
        return "a test notification of S3 carries no records";
    if (split_find(object, "SubscribeURL", &part))
        return "SNS asks to confirm a subscription: its SubscribeURL is to be visited";
    return NULL;
}

static bool object_fault(const struct pass *pass, span object, const char *reason)
{
    return fault_put(pass->frame, object, 0, reason, pass->put, pass->context);
}

/* ---- events ---- */

static bool object_put(struct pass *pass, span object, unsigned depth)
{
    span text, inner;
    const char *reason = empty_reason(object);
    if (reason)
        return object_fault(pass, object, reason);
    bool is_envelope = envelope_open(pass, object, &text, &inner);
    if (pass->fault) {
        reason = pass->fault;
        pass->fault = NULL;
        return object_fault(pass, object, reason);
    }
    if (!is_envelope)
        return part_put(pass->frame, object, pass->put, pass->context);
    if (inner.data)
        return part_put(pass->frame, inner, pass->put, pass->context);
    if (depth == NESTING_MAX)
        return object_fault(pass, object, "texts inside texts nest too deeply (over 4)");
    return texts_put(pass, text, depth + 1);
}

static bool records_put(struct pass *pass, span list, unsigned depth)
{
    span inside = span_after(list, 1), element;
    bool is_first = true;
    for (;;) {
        switch (split_element(&inside, &is_first, &element)) {
        case SPLIT_ITEM:
            if (!object_put(pass, element, depth))
                return false;
            break;
        case SPLIT_END:
            return true;
        case SPLIT_BAD:
            return fault_put(pass->frame, inside, 0, "expected ',' or ']' behind a whole record",
                             pass->put, pass->context);
        }
    }
}

/* A file that ends within its list has records all the same. */
static bool is_cut_list(span rest, span *ret_list)
{
    span inside = span_after(rest, 1);
    split_blanks(&inside);
    if (!span_starts(inside, SPAN("\"Records\"")))
        return false;
    inside = span_after(inside, 9);
    split_blanks(&inside);
    if (!split_is(inside, ':'))
        return false;
    inside = span_after(inside, 1);
    split_blanks(&inside);
    *ret_list = inside;
    return split_is(inside, '[');
}

static bool texts_put(struct pass *pass, span rest, unsigned depth)
{
    span object, list;
    for (split_blanks(&rest); rest.len; split_blanks(&rest)) {
        bool is_given;
        if (!split_is(rest, '{') || !split_value(&rest, &object)) {
            if (split_is(rest, '{') && is_cut_list(rest, &list))
                return records_put(pass, list, depth);
            return fault_put(pass->frame, rest, 0, "expected a whole JSON object", pass->put,
                             pass->context);
        }
        bool has_list =
            split_find(object, "Records", &list) || split_find(object, "Messages", &list) ||
            split_find(object, "logEvents", &list) || split_find(object, "Events", &list);
        if (has_list && split_is(list, '['))
            is_given = records_put(pass, list, depth);
        else
            is_given = object_put(pass, object, depth);
        if (!is_given)
            return false;
    }
    return true;
}

static bool decode(struct source_decoder *decoder, const struct source_frame *frame, source_put put,
                   void *context)
{
    struct pass pass = {decoder, frame, put, context, NULL};
    return texts_put(&pass, frame->bytes, 0);
}

const struct source source_cloudtrail = {
    .name = "cloudtrail",
    .summary = "AWS CloudTrail's records: files, and what SNS, SQS and EventBridge carry",
    .framing = SOURCE_DOCUMENT,
    .logsource = {.product = {(const uint8_t *)"aws", 3},
                  .service = {(const uint8_t *)"cloudtrail", 10}},
    .decode = decode,
};
