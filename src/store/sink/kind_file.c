/* Lines of JSON, appended to a file or printed. The parent opens the file, and opens it anew on
 * SIGHUP, so that it can be rotated; a line is written whole and is on disk before it counts. */
#include <errno.h>
#include <unistd.h>

#include "sink/kind.h"

struct lines {
    const struct sink_settings *settings;
    struct writer text;
    bool is_synced;
};

static void lines_close(void *sink)
{
    struct lines *lines = sink;
    writer_free(&lines->text);
    free(lines);
}

static err_kind lines_open(struct sink_settings *settings, void **ret, struct err_ctx *err)
{
    struct lines *lines = calloc(1, sizeof *lines);
    if (!lines)
        return err_set(err, ERR_LIMIT, "out of memory");
    if (settings->path.fd < 0) {
        free(lines);
        return err_set(err, ERR_STATE, "there is no file to write to");
    }
    lines->settings = settings;
    lines->is_synced = settings->kind == &sink_kind_file;
    writer_init(&lines->text, SINK_BATCH_BYTES_MAX * 2);
    *ret = lines;
    return OK;
}

/* *ret_done: bytes written. */
static bool write_all(int fd, span bytes, size_t *ret_done)
{
    *ret_done = 0;
    while (*ret_done < bytes.len) {
        ssize_t count = write(fd, bytes.data + *ret_done, bytes.len - *ret_done);
        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0)
            return false;
        *ret_done += (size_t)count;
    }
    return true;
}

static void lines_send(void *sink, struct sink_document *const *documents, size_t count,
                       struct sink_trouble *trouble)
{
    struct lines *lines = sink;
    int fd = lines->settings->path.fd;
    size_t done = 0;
    writer_reset(&lines->text);
    for (size_t index = 0; index < count; index++) {
        writer_put(&lines->text, documents[index]->body);
        writer_byte(&lines->text, '\n');
    }
    bool is_written = !lines->text.is_full && write_all(fd, writer_span(&lines->text), &done) &&
                      (!lines->is_synced || fdatasync(fd) == 0);
    if (is_written) {
        sink_documents_settle(documents, count, SINK_SENT, NULL);
        return;
    }
    snprintf(trouble->reason, sizeof trouble->reason, "writing: %s",
             lines->text.is_full ? "out of memory" : strerror(errno));
    /* a line that was cut stays by itself: readers see one bad line, and the whole one behind it */
    if (done && lines->text.data[done - 1] != '\n')
        (void)!write(fd, "\n", 1);
}

const struct sink_kind sink_kind_file = {
    .name = "file",
    .summary = "lines of JSON appended to a file; SIGHUP opens it anew",
    .batch = 100,
    .format = SIGNAL_FORMAT_PICKET,
    .open = lines_open,
    .send = lines_send,
    .close = lines_close,
};

const struct sink_kind sink_kind_stdout = {
    .name = "stdout",
    .summary = "lines of JSON on standard output",
    .batch = 100,
    .format = SIGNAL_FORMAT_PICKET,
    .open = lines_open,
    .send = lines_send,
    .close = lines_close,
};
