/* The journal of systemd, as journalctl gives it out: entries of the export format (systemd.io,
 * "Journal Export Formats"), or `-o json`. A field that stands more than once is an array, and
 * bytes that JSON has only as an array of numbers are text again, in both. */
#include "source/decoder.h"

#define FIELDS_MAX 4096 /* of one entry */
#define NAME_MAX   64

struct field {
    span name, value;
    bool is_written;
};

struct entry {
    struct field *fields;
    size_t count;
};

/* ---- the export format ---- */

/* NAME=value, or NAME, the length of the value as 8 bytes, and the value. False: *ret_reason. */
static bool field_take(span *rest, struct field *ret, const char **ret_reason)
{
    uint64_t len;
    span line;
    *ret = (struct field){0};
    *ret_reason = "expected a field NAME=VALUE";
    if (!span_until(rest, '\n', &line)) {
        line = *rest;
        *rest = span_after(*rest, rest->len);
    }
    const uint8_t *equal = line.len ? memchr(line.data, '=', line.len) : NULL;
    ret->name = span_first(line, equal ? (size_t)(equal - line.data) : line.len);
    if (!ret->name.len || ret->name.len > NAME_MAX)
        return false;
    if (equal) {
        ret->value = span_after(line, ret->name.len + 1);
        return true;
    }
    *ret_reason = "a binary field is not whole";
    return span_u64le(rest, &len) && len < rest->len && span_take(rest, (size_t)len, &ret->value) &&
           span_take(rest, 1, &line) && line.data[0] == '\n';
}

static void field_write(struct writer *out, struct entry *entry, size_t at)
{
    size_t same = 0;
    span name = entry->fields[at].name;
    for (size_t index = at; index < entry->count; index++)
        same += span_eq(entry->fields[index].name, name);
    member_begin(out, name);
    writer_text(out, same > 1 ? "[" : "");
    for (size_t index = at; index < entry->count; index++) {
        if (!span_eq(entry->fields[index].name, name))
            continue;
        writer_text(out, index > at ? "," : "");
        writer_json_string(out, entry->fields[index].value);
        entry->fields[index].is_written = true;
    }
    writer_text(out, same > 1 ? "]" : "");
}

static void entry_write(struct writer *out, struct entry *entry)
{
    writer_reset(out);
    writer_byte(out, '{');
    for (size_t index = 0; index < entry->count; index++)
        if (!entry->fields[index].is_written)
            field_write(out, entry, index);
    writer_byte(out, '}');
}

/* Takes an entry with the empty line behind it. False: *ret_reason; the rest is where it is wrong.
 */
static bool entry_take(span *rest, struct entry *entry, const char **ret_reason)
{
    entry->count = 0;
    while (rest->len && rest->data[0] != '\n') {
        if (entry->count == FIELDS_MAX) {
            *ret_reason = "an entry with more than 4096 fields";
            return false;
        }
        if (!field_take(rest, &entry->fields[entry->count], ret_reason))
            return false;
        entry->count++;
    }
    *rest = span_after(*rest, 1);
    return true;
}

static bool entries_put(struct source_decoder *decoder, const struct source_frame *frame,
                        source_put put, void *context)
{
    struct entry entry = {.fields =
                              arena_alloc_raw(&decoder->arena, FIELDS_MAX * sizeof *entry.fields)};
    const char *reason;
    if (!entry.fields)
        return fault_put(frame, frame->bytes, 0, "out of memory", put, context);
    for (span rest = frame->bytes; rest.len;) {
        span before = rest;
        if (rest.data[0] == '\n') {
            rest = span_after(rest, 1);
            continue;
        }
        if (!entry_take(&rest, &entry, &reason))
            return fault_put(frame, before, (size_t)(rest.data - before.data), reason, put,
                             context);
        entry_write(&decoder->out, &entry);
        if (!written_put(decoder, frame, span_first(before, before.len - rest.len), put, context))
            return false;
    }
    return true;
}

/* ---- JSON ---- */

/* [104, 105] as the bytes that it stands for; false: it is no list of bytes. */
static bool bytes_read(struct source_decoder *decoder, span list, span *ret)
{
    span inside = span_after(list, 1), element;
    bool is_first = true;
    size_t len = 0;
    uint8_t *bytes = arena_alloc_raw(&decoder->arena, list.len / 2 + 1);
    while (bytes && split_element(&inside, &is_first, &element) == SPLIT_ITEM) {
        unsigned value = 0;
        for (size_t index = 0; index < element.len; index++) {
            if (element.len > 3 || element.data[index] < '0' || element.data[index] > '9')
                return false;
            value = value * 10 + (element.data[index] - '0');
        }
        if (value > 255)
            return false;
        bytes[len++] = (uint8_t)value;
    }
    *ret = span_of(bytes, len);
    return bytes && len > 0;
}

static void value_write(struct source_decoder *decoder, span value, unsigned depth)
{
    struct writer *out = &decoder->out;
    span bytes, inside = span_after(value, 1), element;
    bool is_first = true;
    if (!split_is(value, '[') || depth > 1) {
        writer_put(out, value);
    } else if (bytes_read(decoder, value, &bytes)) {
        writer_json_string(out, bytes);
    } else {
        writer_byte(out, '[');
        while (split_element(&inside, &is_first, &element) == SPLIT_ITEM) {
            writer_text(out, out->len && out->data[out->len - 1] == '[' ? "" : ",");
            value_write(decoder, element, depth + 1);
        }
        writer_byte(out, ']');
    }
}

static bool has_list(span object)
{
    span inside = span_after(object, 1), key, value;
    bool is_first = true;
    while (split_member(&inside, &is_first, &key, &value) == SPLIT_ITEM)
        if (split_is(value, '['))
            return true;
    return false;
}

static bool object_put(struct source_decoder *decoder, const struct source_frame *frame,
                       span object, source_put put, void *context)
{
    span inside = span_after(object, 1), key, value;
    struct json_fault fault;
    bool is_first = true;
    if (!has_list(object))
        return part_put(frame, object, put, context);
    if (!json_check(object, &fault))
        return fault_put(frame, object, fault.at, fault.reason, put, context);
    writer_reset(&decoder->out);
    writer_byte(&decoder->out, '{');
    while (split_member(&inside, &is_first, &key, &value) == SPLIT_ITEM) {
        writer_text(&decoder->out, decoder->out.len > 1 ? ",\"" : "\"");
        writer_put(&decoder->out, key);
        writer_text(&decoder->out, "\":");
        value_write(decoder, value, 0);
    }
    writer_byte(&decoder->out, '}');
    return written_put(decoder, frame, object, put, context);
}

static bool objects_put(struct source_decoder *decoder, const struct source_frame *frame,
                        source_put put, void *context)
{
    span rest = frame->bytes, object;
    for (split_blanks(&rest); rest.len; split_blanks(&rest)) {
        if (!split_is(rest, '{') || !split_value(&rest, &object))
            return fault_put(frame, rest, 0, "expected a whole JSON object", put, context);
        if (!object_put(decoder, frame, object, put, context))
            return false;
    }
    return true;
}

static bool decode(struct source_decoder *decoder, const struct source_frame *frame, source_put put,
                   void *context)
{
    span text = frame->bytes;
    split_blanks(&text);
    return split_is(text, '{') ? objects_put(decoder, frame, put, context)
                               : entries_put(decoder, frame, put, context);
}

const struct source source_journald = {
    .name = "journald",
    .summary = "systemd's journal: the export format, or journalctl -o json",
    .framing = SOURCE_DOCUMENT,
    .logsource = {.product = {(const uint8_t *)"linux", 5},
                  .service = {(const uint8_t *)"journald", 8}},
    .time = {{"__REALTIME_TIMESTAMP", NULL}, 1000},
    .decode = decode,
};
