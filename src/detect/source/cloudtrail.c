/* AWS CloudTrail's records, out of what carries them: a log file ({"Records": […]}), a notification
 * of SNS, a message of SQS (as ReceiveMessage gives them, and as a function gets them), an event of
 * EventBridge; or records one behind the other. A text inside a text is read at most NESTING_MAX
 * deep. What is none of these is an event as it stands. */
#include "source/decoder.h"

#define NESTING_MAX 4

struct pass {
    struct source_decoder *decoder;
    const struct source_frame *frame;
    source_put put;
    void *context;
};

static bool texts_put(const struct pass *pass, span rest, unsigned depth);

/* The object inside a text; false: there is none, and the object itself is the event. */
static bool inner_text(const struct pass *pass, span object, const char *key, span *ret)
{
    span value, text;
    if (!split_find(object, key, &value) || !text_take(pass->decoder, value, &text))
        return false;
    *ret = text;
    split_blanks(&text);
    return split_is(text, '{');
}

/* What carries another: *ret_text is JSON by itself, or *ret_object an object. */
static bool envelope_open(const struct pass *pass, span object, span *ret_text, span *ret_object)
{
    span part;
    *ret_object = (span){NULL, 0};
    if (inner_text(pass, object, "Message", ret_text)) /* SNS, by HTTP or in SQS */
        return true;
    if (inner_text(pass, object, "body", ret_text) || inner_text(pass, object, "Body", ret_text))
        return true;
    if (split_find(object, "Sns", &part) && inner_text(pass, part, "Message", ret_text))
        return true;
    return split_find(object, "detail-type", &part) && split_find(object, "detail", ret_object) &&
           split_is(*ret_object, '{');
}

static bool object_put(const struct pass *pass, span object, unsigned depth)
{
    span text, inner;
    if (!envelope_open(pass, object, &text, &inner))
        return part_put(pass->frame, object, pass->put, pass->context);
    if (inner.data)
        return part_put(pass->frame, inner, pass->put, pass->context);
    if (depth == NESTING_MAX)
        return fault_put(pass->frame, object, 0, "texts inside texts nest too deeply (over 4)",
                         pass->put, pass->context);
    return texts_put(pass, text, depth + 1);
}

static bool records_put(const struct pass *pass, span list, unsigned depth)
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

static bool texts_put(const struct pass *pass, span rest, unsigned depth)
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
            split_find(object, "Records", &list) || split_find(object, "Messages", &list);
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
    const struct pass pass = {decoder, frame, put, context};
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
