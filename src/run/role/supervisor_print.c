#include <errno.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include <sys/stat.h>

#include "core/log.h"
#include "role/supervisor.h"

#define LINE_BYTES_MAX  (4u << 20)
#define QUEUE_BYTES_MAX (16u << 20)
#define QUEUE_FULL      (1u << 20)

void printer_open(struct printer *printer)
{
    struct stat status;
    *printer = (struct printer){.write_bytes_max = PIPE_BUF};
    writer_init(&printer->part, LINE_BYTES_MAX);
    writer_init(&printer->queue, QUEUE_BYTES_MAX);
    /* a pipe that polls writable takes PIPE_BUF bytes without blocking; a file takes any number */
    if (fstat(STDOUT_FILENO, &status) == 0 && S_ISREG(status.st_mode))
        printer->write_bytes_max = QUEUE_FULL;
}

void printer_close(struct printer *printer)
{
    writer_free(&printer->part);
    writer_free(&printer->queue);
}

void printer_drop_part(struct printer *printer)
{
    writer_reset(&printer->part);
}

bool printer_take(struct printer *printer, span body)
{
    struct line_head head;
    if (body.len < sizeof head)
        return false;
    memcpy(&head, body.data, sizeof head);
    if (head.offset != printer->part_offset) /* the store may drop a line that waits for its rest */
        printer_drop_part(printer);
    printer->part_offset = head.offset;
    writer_put(&printer->part, span_after(body, sizeof head));
    if (printer->part.is_full)
        return false;
    if (!head.is_last)
        return true;
    /* an engine that was restarted may send again what is printed already */
    if (!printer->has_lines || head.offset >= printer->line_next) {
        printer->has_lines = true;
        printer->line_next = head.offset + 1;
        if (!printer->is_closed)
            writer_put(&printer->queue, writer_span(&printer->part));
    }
    writer_reset(&printer->part);
    return true;
}

bool printer_is_busy(const struct printer *printer)
{
    return printer->queue_at < printer->queue.len;
}

bool printer_is_full(const struct printer *printer)
{
    return printer->queue.len - printer->queue_at > QUEUE_FULL;
}

void printer_write(struct printer *printer)
{
    span rest = span_after(writer_span(&printer->queue), printer->queue_at);
    rest = span_first(rest, printer->write_bytes_max);
    if (rest.len == 0)
        return;
    ssize_t count = write(STDOUT_FILENO, rest.data, rest.len);
    if (count < 0 && errno != EINTR && errno != EAGAIN) {
        log_event(LOG_ERROR, "stdout_closed", "reason='%s'", strerror(errno));
        printer->is_closed = true;
        writer_reset(&printer->queue);
        printer->queue_at = 0;
        return;
    }
    if (count > 0)
        printer->queue_at += (size_t)count;
    if (printer->queue_at == printer->queue.len) {
        writer_reset(&printer->queue);
        printer->queue_at = 0;
    } else if (printer->queue_at > QUEUE_FULL) {
        memmove(printer->queue.data, printer->queue.data + printer->queue_at,
                printer->queue.len - printer->queue_at);
        printer->queue.len -= printer->queue_at;
        printer->queue_at = 0;
    }
}
