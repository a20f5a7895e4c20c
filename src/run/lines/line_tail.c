#include "lines/lines.h"
#include "signal/signal.h"

#define LINES_A_TURN   1000
#define LINE_BYTES_MAX (4u << 20)

void line_tail_open(struct line_tail *tail)
{
    writer_init(&tail->text, LINE_BYTES_MAX);
}

void line_tail_close(struct line_tail *tail)
{
    writer_free(&tail->text);
}

static bool line_take(struct line_tail *tail, uint64_t offset, span json)
{
    writer_reset(&tail->text);
    if (signal_is_shadow(json) && !tail->shows_shadow)
        return tail->take(tail->context, offset, SPAN(""));
    if (tail->is_json) {
        writer_put(&tail->text, json);
        writer_byte(&tail->text, '\n');
    } else {
        struct err_ctx err;
        if (signal_render_text(json, tail->is_colour, &tail->text, &err) != OK)
            return true; /* it is in the store; a line of it cannot be made */
    }
    return tail->take(tail->context, offset, writer_span(&tail->text));
}

void line_tail_offer(struct line_tail *tail, uint64_t offset, span json)
{
    if (tail->next == offset && line_take(tail, offset, json))
        tail->next = offset + 1;
}

err_kind line_tail_catch_up(struct line_tail *tail, struct topic_log *log, uint64_t end,
                            struct err_ctx *err)
{
    if (tail->next >= end)
        return OK;
    struct topic_reader *reader;
    err_kind kind = topic_reader_open(log, "signals", tail->next, &reader, err);
    if (kind != OK)
        return kind;
    for (size_t count = 0; count < LINES_A_TURN && kind == OK; count++) {
        struct topic_record record;
        bool is_end;
        kind = topic_reader_next(reader, &record, &is_end, err);
        if (kind != OK || is_end || !line_take(tail, record.offset, record.value))
            break;
        tail->next = record.offset + 1;
    }
    topic_reader_close(reader);
    return kind;
}
