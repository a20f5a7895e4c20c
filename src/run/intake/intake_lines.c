/* Lines out: what was committed is handed on in order, each number once. When the taker is busy the
 * lines wait in the store, not in memory. */
#include "intake/intake_state.h"
#include "signal/signal.h"

#define LINES_A_TURN 2000

static bool line_send(struct intake *intake, uint64_t offset, span json)
{
    const struct intake_options *options = &intake->options;
    if (signal_is_shadow(json) && !options->shows_shadow)
        return options->line(options->context, offset, SPAN(""));
    writer_reset(&intake->line);
    if (options->is_text) {
        struct err_ctx err;
        if (signal_render_text(json, false, &intake->line, &err) != OK)
            return true; /* it is in the store; a line of it cannot be made */
    } else {
        writer_put(&intake->line, json);
        writer_byte(&intake->line, '\n');
    }
    return options->line(options->context, offset, writer_span(&intake->line));
}

err_kind lines_hand_on(struct intake *intake, struct err_ctx *err)
{
    if (intake->line_next >= intake->signal_end)
        return OK;
    struct topic_reader *reader;
    err_kind kind = topic_reader_open(intake->log, TOPIC_SIGNALS, intake->line_next, &reader, err);
    if (kind != OK)
        return kind;
    for (size_t count = 0; count < LINES_A_TURN && kind == OK; count++) {
        struct topic_record record;
        bool is_end;
        kind = topic_reader_next(reader, &record, &is_end, err);
        if (kind != OK || is_end || !line_send(intake, record.offset, record.value))
            break;
        intake->line_next = record.offset + 1;
    }
    topic_reader_close(reader);
    return kind;
}
