#include <errno.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include <sys/stat.h>

#include "core/log.h"
#include "lines/lines.h"

#define LINE_BYTES_MAX  (4u << 20)
#define QUEUE_BYTES_MAX (16u << 20)
#define QUEUE_FULL      (1u << 20)

void printer_open(struct printer *printer)
{
    struct stat status;
    *printer = (struct printer){.write_bytes_max = PIPE_BUF};
    writer_init(&printer->part, LINE_BYTES_MAX);
    writer_init(&printer->queue, QUEUE_BYTES_MAX);
    writer_init(&printer->lengths, QUEUE_BYTES_MAX);
    /* a pipe that polls writable takes PIPE_BUF bytes without blocking; a file takes any number */
    if (fstat(STDOUT_FILENO, &status) == 0 && S_ISREG(status.st_mode))
        printer->write_bytes_max = QUEUE_FULL;
}

void printer_close(struct printer *printer)
{
    writer_free(&printer->part);
    writer_free(&printer->queue);
    writer_free(&printer->lengths);
}

void printer_drop_part(struct printer *printer)
{
    writer_reset(&printer->part);
}

static void line_queue(struct printer *printer)
{
    uint32_t length = (uint32_t)printer->part.len;
    if (length == 0) { /* a signal that is kept but not shown */
        printer->written++;
        return;
    }
    writer_put(&printer->queue, writer_span(&printer->part));
    writer_put(&printer->lengths, span_of(&length, sizeof length));
}

/* So many bytes of the queue are out: how many lines are these? */
static void lines_count(struct printer *printer, size_t count)
{
    uint32_t length;
    printer->first_written += count;
    while (printer->length_at < printer->lengths.len) {
        memcpy(&length, printer->lengths.data + printer->length_at, sizeof length);
        if (printer->first_written < length)
            return;
        printer->first_written -= length;
        printer->length_at += sizeof length;
        printer->written++;
    }
}

static void queue_clear(struct printer *printer)
{
    writer_reset(&printer->queue);
    writer_reset(&printer->lengths);
    printer->queue_at = printer->length_at = printer->first_written = 0;
}

/* Moves what is left to the front. */
static void tidy(struct writer *writer, size_t *at)
{
    memmove(writer->data, writer->data + *at, writer->len - *at);
    writer->len -= *at;
    *at = 0;
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
            line_queue(printer);
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
        queue_clear(printer);
        return;
    }
    if (count > 0) {
        printer->queue_at += (size_t)count;
        lines_count(printer, (size_t)count);
    }
    if (printer->queue_at == printer->queue.len) {
        queue_clear(printer);
    } else if (printer->queue_at > QUEUE_FULL) {
        tidy(&printer->queue, &printer->queue_at);
        tidy(&printer->lengths, &printer->length_at);
    }
}
