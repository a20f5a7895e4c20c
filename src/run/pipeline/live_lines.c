/* Lines out: what was committed is handed on in order, each number once. When the taker is busy the
 * lines wait in the store, not in memory. */
#include "pipeline/live_state.h"
#include "signal/signal.h"

#define LINES_A_TURN 500

static bool line_send(struct live *live, uint64_t offset, span json)
{
    writer_reset(&live->line);
    if (signal_is_shadow(json) && !live->options.shows_shadow)
        return live->options.line(live->options.context, offset, SPAN(""));
    if (live->options.is_json) {
        writer_put(&live->line, json);
        writer_byte(&live->line, '\n');
    } else {
        struct err_ctx err;
        if (signal_render_text(json, live->options.is_colour, &live->line, &err) != OK)
            return true; /* it is in the store; a line of it cannot be made */
    }
    return live->options.line(live->options.context, offset, writer_span(&live->line));
}

/* Where to go on: after what the supervisor has printed, or, for a first engine, after what earlier
 * runs left in the store. */
err_kind lines_start(struct live *live, struct err_ctx *err)
{
    struct topic_info signals, evidence;
    err_kind kind = topic_info_get(live->log, "signals", &signals, err);
    if (kind == OK)
        kind = topic_info_get(live->log, "evidence", &evidence, err);
    if (kind != OK)
        return kind;
    live->evidence_next = evidence.end;
    live->signal_end = signals.end;
    live->line_next = live->options.has_lines ? live->options.line_next : signals.end;
    return OK;
}

uint64_t live_line_next(const struct live *live)
{
    return live->line_next;
}

bool lines_wait(struct live *live)
{
    return live->line_next < live->signal_end;
}

void lines_offer(struct live *live, uint64_t offset, span json)
{
    if (live->line_next == offset && line_send(live, offset, json))
        live->line_next = offset + 1;
}

err_kind lines_catch_up(struct live *live, struct err_ctx *err)
{
    if (!lines_wait(live))
        return OK;
    struct topic_reader *reader;
    err_kind kind = topic_reader_open(live->log, "signals", live->line_next, &reader, err);
    if (kind != OK)
        return kind;
    for (size_t count = 0; count < LINES_A_TURN && kind == OK; count++) {
        struct topic_record record;
        bool is_end;
        kind = topic_reader_next(reader, &record, &is_end, err);
        if (kind != OK || is_end || !line_send(live, record.offset, record.value))
            break;
        live->line_next = record.offset + 1;
    }
    topic_reader_close(reader);
    return kind;
}
