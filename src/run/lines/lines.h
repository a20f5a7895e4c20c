/* Lines on their way from an engine to stdout: a signal each, in the order of the topic `signals`.
 * When they are not taken they wait in the store, not in memory. The engine sends each in as many
 * messages as it needs, on a channel of their own; its parent prints them. A line is printed once:
 * its number is remembered by the parent, where no engine's end can lose it. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/span.h"
#include "core/writer.h"
#include "ipc/ipc.h"
#include "topic/topic.h"

#define LINE_MESSAGE 1u /* struct line_head, then a part of the line */

struct line_head {
    uint64_t offset;  /* of the signal in its topic: printed once, whatever happens to the engine */
    uint32_t is_last; /* part of this line */
    uint32_t reserved;
};

/* ---- the engine's end ---- */

struct line_tail {
    bool is_json, is_colour, shows_shadow; /* the last: else an empty line for each of theirs */
    /* Hands a line on, in one piece; false: not now, offer it again later. */
    bool (*take)(void *context, uint64_t offset, span line);
    void *context;
    uint64_t next; /* the signal whose line comes next */
    struct writer text;
};

void line_tail_open(struct line_tail *tail); /* what is above `text` is the caller's to set */
void line_tail_close(struct line_tail *tail);
/* A signal that was just committed: its line, if it is the next. */
void line_tail_offer(struct line_tail *tail, uint64_t offset, span json);
/* Some of the lines of the signals that wait before `end`. */
MUST_USE err_kind line_tail_catch_up(struct line_tail *tail, struct topic_log *log, uint64_t end,
                                     struct err_ctx *err);

struct line_channel {
    struct ipc_channel channel;
    uint64_t offset; /* the line that is being handed on; UINT64_MAX at first */
    size_t sent;     /* of it */
};

/* False: the parent takes no more now; the rest goes when the line is offered again. */
bool line_channel_send(struct line_channel *lines, uint64_t offset, span line);

/* ---- the parent's end ---- */

struct printer {
    struct writer part; /* of the line that is arriving */
    uint64_t part_offset;
    struct writer queue; /* whole lines not yet written */
    size_t queue_at;
    struct writer lengths; /* u32 of each line in the queue */
    size_t length_at;
    size_t first_written; /* bytes of the queue's first line */
    uint64_t line_next;
    uint64_t written; /* lines, whole */
    bool has_lines;
    bool is_closed; /* nobody reads stdout any more */
    size_t write_bytes_max;
};

void printer_open(struct printer *printer);
void printer_close(struct printer *printer);
/* The body of one LINE_MESSAGE; false when it is malformed. */
MUST_USE bool printer_take(struct printer *printer, span body);
void printer_drop_part(struct printer *printer);
bool printer_is_busy(const struct printer *printer); /* lines wait to be written */
bool printer_is_full(const struct printer *printer); /* take no more for now */
/* stdout can be written to: never blocks. */
void printer_write(struct printer *printer);
