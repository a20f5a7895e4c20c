/* OTLP/HTTP in JSON. A text is checked as a whole before it is taken apart, for its parts are
 * written anew. */
#include "source/otlp.h"

#define ANY_DEPTH_MAX WIRE_DEPTH_MAX

struct pass {
    struct source_decoder *decoder;
    const struct otlp_request *request;
    const struct source_frame *frame;
    source_put put;
    void *context;
};

/* ---- values ---- */

static bool any_write(struct writer *out, span value, unsigned depth);

static void comma_write(struct writer *out)
{
    if (out->len && !memchr("{[", out->data[out->len - 1], 2))
        writer_byte(out, ',');
}

/* [{"key": …, "value": …}] as an object. False: it is none, or nests too deeply. */
static bool attributes_write(struct writer *out, span list, unsigned depth)
{
    span inside = span_after(list, 1), element, key, value;
    bool is_first = true;
    if (!split_is(list, '['))
        return false;
    writer_byte(out, '{');
    while (split_element(&inside, &is_first, &element) == SPLIT_ITEM) {
        if (!split_find(element, "key", &key) || !split_is(key, '"'))
            return false;
        comma_write(out);
        writer_put(out, key);
        writer_byte(out, ':');
        if (!split_find(element, "value", &value))
            writer_text(out, "null");
        else if (!any_write(out, value, depth))
            return false;
    }
    writer_byte(out, '}');
    return true;
}

static bool values_write(struct writer *out, span list, unsigned depth)
{
    span inside = span_after(list, 1), element;
    bool is_first = true;
    if (!split_is(list, '['))
        return false;
    writer_byte(out, '[');
    while (split_element(&inside, &is_first, &element) == SPLIT_ITEM) {
        comma_write(out);
        if (!any_write(out, element, depth))
            return false;
    }
    writer_byte(out, ']');
    return true;
}

/* 64-bit integers may stand between quotes. */
static void integer_write(struct writer *out, span value)
{
    span inside = split_is(value, '"') ? span_of(value.data + 1, value.len - 2) : value;
    size_t at = split_is(inside, '-');
    bool is_plain =
        inside.len > at && inside.len < 21 && (inside.data[at] != '0' || inside.len == at + 1);
    for (; at < inside.len; at++)
        is_plain = is_plain && inside.data[at] >= '0' && inside.data[at] <= '9';
    writer_put(out, is_plain ? inside : value);
}

/* {"stringValue": …} and its kin, as the value itself. */
static bool any_write(struct writer *out, span any, unsigned depth)
{
    span inside = span_after(any, 1), key, value, list;
    bool is_first = true;
    if (!split_is(any, '{') || depth == ANY_DEPTH_MAX)
        return false;
    if (split_member(&inside, &is_first, &key, &value) != SPLIT_ITEM) {
        writer_text(out, "null");
        return true;
    }
    bool is_list = span_eq(key, SPAN("arrayValue")), is_map = span_eq(key, SPAN("kvlistValue"));
    if (is_list || is_map) {
        if (!split_find(value, "values", &list))
            list = SPAN("[]");
        return is_list ? values_write(out, list, depth + 1)
                       : attributes_write(out, list, depth + 1);
    }
    if (span_eq(key, SPAN("intValue")))
        integer_write(out, value);
    else
        writer_put(out, value);
    return true;
}

/* ---- objects ---- */

static bool members_write(struct writer *out, span object, unsigned depth);

/* Events and links have attributes too. */
static bool objects_write(struct writer *out, span list, unsigned depth)
{
    span inside = span_after(list, 1), element;
    bool is_first = true;
    writer_byte(out, '[');
    while (split_element(&inside, &is_first, &element) == SPLIT_ITEM) {
        if (!split_is(element, '{'))
            return false;
        comma_write(out);
        writer_byte(out, '{');
        if (!members_write(out, element, depth))
            return false;
        writer_byte(out, '}');
    }
    writer_byte(out, ']');
    return true;
}

static bool members_write(struct writer *out, span object, unsigned depth)
{
    span inside = span_after(object, 1), key, value;
    bool is_first = true, is_right = true;
    if (!split_is(object, '{'))
        return false;
    while (is_right && split_member(&inside, &is_first, &key, &value) == SPLIT_ITEM) {
        bool is_nested = span_eq(key, SPAN("events")) || span_eq(key, SPAN("links"));
        comma_write(out);
        writer_byte(out, '"');
        writer_put(out, key);
        writer_text(out, "\":");
        if (span_eq(key, SPAN("attributes")) && split_is(value, '['))
            is_right = attributes_write(out, value, 0);
        else if (span_eq(key, SPAN("body")) && split_is(value, '{'))
            is_right = any_write(out, value, 0);
        else if (is_nested && split_is(value, '[') && depth == 0)
            is_right = objects_write(out, value, depth + 1);
        else
            writer_put(out, value);
    }
    return is_right;
}

/* ---- requests ---- */

static bool bad_put(const struct pass *pass, span part, const char *reason)
{
    return fault_put(pass->frame, part, 0, reason, pass->put, pass->context);
}

/* The resource or scope of a group, if there is one. */
static bool head_write(struct writer *out, const char *name, span group)
{
    span described = {NULL, 0}, schema = {NULL, 0};
    bool has_one = split_find(group, name, &described);
    bool has_schema = split_find(group, "schemaUrl", &schema);
    if (!has_one && !has_schema)
        return true;
    member_begin(out, span_str(name));
    writer_byte(out, '{');
    if (has_one && !members_write(out, described, 0))
        return false;
    if (has_schema) {
        member_begin(out, SPAN("schemaUrl"));
        writer_put(out, schema);
    }
    writer_byte(out, '}');
    return true;
}

static bool records_put(const struct pass *pass, span scope)
{
    struct source_decoder *decoder = pass->decoder;
    span records, element;
    bool is_first = true;
    if (!split_find(scope, pass->request->records, &records))
        return true;
    if (!split_is(records, '['))
        return bad_put(pass, records, "expected a list of records");
    for (span inside = span_after(records, 1);
         split_element(&inside, &is_first, &element) == SPLIT_ITEM;) {
        if (!written_begin(decoder))
            return true;
        bool is_right = members_write(&decoder->out, element, 0);
        writer_byte(&decoder->out, '}');
        if (!(is_right ? written_put(decoder, pass->frame, element, pass->put, pass->context)
                       : bad_put(pass, element,
                                 "expected a record with attributes as a list of key "
                                 "and value, not over 32 deep")))
            return false;
    }
    return true;
}

static bool group_put(const struct pass *pass, span group)
{
    struct writer *head = &pass->decoder->head;
    span scopes, scope;
    bool is_first = true;
    writer_reset(head);
    writer_byte(head, '{');
    if (!head_write(head, "resource", group))
        return bad_put(pass, group, "expected a resource with attributes");
    size_t resource_len = head->len;
    if (!split_find(group, pass->request->scopes, &scopes))
        return true;
    if (!split_is(scopes, '['))
        return bad_put(pass, scopes, "expected a list of scopes");
    for (span inside = span_after(scopes, 1);
         split_element(&inside, &is_first, &scope) == SPLIT_ITEM;) {
        head->len = resource_len;
        if (!(head_write(head, "scope", scope)
                  ? records_put(pass, scope)
                  : bad_put(pass, scope, "expected a scope with attributes")))
            return false;
    }
    return true;
}

/* A text that is known to be JSON. */
static bool request_put(const struct pass *pass, span text)
{
    span groups, group;
    bool is_first = true;
    if (!split_find(text, pass->request->groups, &groups) || !split_is(groups, '['))
        return span_eq(text, SPAN("{}")) ||
               bad_put(pass, text, "expected an object with resourceSpans, or resourceLogs");
    for (span inside = span_after(groups, 1);
         split_element(&inside, &is_first, &group) == SPLIT_ITEM;)
        if (!group_put(pass, group))
            return false;
    return true;
}

bool otlp_json_decode(struct source_decoder *decoder, const struct otlp_request *request,
                      const struct source_frame *frame, source_put put, void *context)
{
    const struct pass pass = {decoder, request, frame, put, context};
    span rest = frame->bytes;
    for (split_blanks(&rest); rest.len; split_blanks(&rest)) {
        struct json_fault fault;
        size_t len;
        if (!json_first(rest, &len, &fault))
            return fault_put(frame, rest, fault.at, fault.reason, put, context);
        if (!request_put(&pass, span_first(rest, len)))
            return false;
        rest = span_after(rest, len);
    }
    return true;
}
