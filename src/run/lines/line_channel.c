#include <string.h>

#include "lines/lines.h"

#define PART_BYTES (IPC_BODY_BYTES_MAX - sizeof(struct line_head))

bool line_channel_send(struct line_channel *lines, uint64_t offset, span line)
{
    if (lines->offset != offset)
        lines->sent = 0;
    lines->offset = offset;
    line = span_after(line, lines->sent);
    do {
        uint8_t body[IPC_BODY_BYTES_MAX];
        span part = span_first(line, PART_BYTES);
        line = span_after(line, part.len);
        struct line_head head = {.offset = offset, .is_last = line.len == 0};
        memcpy(body, &head, sizeof head);
        memcpy(body + sizeof head, part.data, part.len);
        if (ipc_send(&lines->channel, LINE_MESSAGE, span_of(body, sizeof head + part.len), NULL, 0,
                     false) != IPC_DONE)
            return false;
        lines->sent += part.len;
    } while (line.len);
    lines->sent = 0;
    return true;
}
