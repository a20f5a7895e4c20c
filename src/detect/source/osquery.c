/* osquery's results log, an object a line: a row that was added or removed, as it stands; of a
 * snapshot and of a batch each row, with `columns` and the members beside the rows, as osquery
 * itself writes one row a line. The body of its TLS logger is a list of such objects. */
#include "source/decoder.h"

struct rows {
    struct source_decoder *decoder;
    const struct source_frame *frame;
    source_put put;
    void *context;
    size_t count;
};

/* The members of the result but the rows themselves: what each row's event begins with. */
static void head_write(struct writer *head, span result)
{
    span inside = span_after(result, 1), key, value;
    bool is_first = true;
    writer_reset(head);
    writer_byte(head, '{');
    while (split_member(&inside, &is_first, &key, &value) == SPLIT_ITEM) {
        if (span_eq(key, SPAN("snapshot")) || span_eq(key, SPAN("diffResults")))
            continue;
        writer_text(head, head->len > 1 ? ",\"" : "\"");
        writer_put(head, key);
        writer_text(head, "\":");
        writer_put(head, value);
    }
}

/* False: put had no room. */
static bool rows_put(struct rows *rows, span list, const char *action)
{
    struct writer *out = &rows->decoder->out;
    span inside = span_after(list, 1), row;
    bool is_first = true;
    while (split_is(list, '[') && split_element(&inside, &is_first, &row) == SPLIT_ITEM) {
        rows->count++;
        if (!written_begin(rows->decoder))
            return true;
        if (action)
            member_text(out, "action", span_str(action));
        member_begin(out, SPAN("columns"));
        writer_put(out, row);
        writer_byte(out, '}');
        if (!written_put(rows->decoder, rows->frame, row, rows->put, rows->context))
            return false;
    }
    return true;
}

/* A result that is known to be a JSON object. One without rows is an event as it stands. */
static bool result_put(struct rows *rows, span result)
{
    span snapshot = {NULL, 0}, batch = {NULL, 0}, added, removed;
    rows->count = 0;
    if (split_find(result, "snapshot", &snapshot)) {
        head_write(&rows->decoder->head, result);
        if (!rows_put(rows, snapshot, NULL))
            return false;
    } else if (split_find(result, "diffResults", &batch)) {
        head_write(&rows->decoder->head, result);
        if (split_find(batch, "added", &added) && !rows_put(rows, added, "added"))
            return false;
        if (split_find(batch, "removed", &removed) && !rows_put(rows, removed, "removed"))
            return false;
    }
    return rows->count || part_put(rows->frame, result, rows->put, rows->context);
}

static bool decode(struct source_decoder *decoder, const struct source_frame *frame, source_put put,
                   void *context)
{
    struct rows rows = {.decoder = decoder, .frame = frame, .put = put, .context = context};
    struct json_fault fault;
    span text = frame->bytes, list, result;
    bool is_first = true;
    if (!json_check(frame->bytes, &fault))
        return fault_put(frame, frame->bytes, fault.at, fault.reason, put, context);
    split_blanks(&text);
    if (!split_find(text, "data", &list) || !split_find(text, "log_type", &result) ||
        !split_is(list, '['))
        return result_put(&rows, text);
    for (span inside = span_after(list, 1);
         split_element(&inside, &is_first, &result) == SPLIT_ITEM;)
        if (!result_put(&rows, result))
            return false;
    return true;
}

const struct source source_osquery = {
    .name = "osquery",
    .summary = "osquery's results: differential, snapshot, batch, and its TLS logger's lists",
    .framing = SOURCE_LINES,
    .logsource = {.product = {(const uint8_t *)"osquery", 7}},
    .time = {{"unixTime", NULL}, 1000000000},
    .decode = decode,
};
