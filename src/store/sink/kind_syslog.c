/* Syslog, RFC 5424, over UDP (RFC 5426), TCP with octet counting (RFC 6587), TLS (RFC 5425) or a
 * unix socket. The protocol acknowledges nothing: over TCP and TLS a batch counts as sent once the
 * peer's host has it, over UDP once it is gone. */
#include <unistd.h>

#include "sink/stream.h"

#define MESSAGE_BYTES_MAX ((size_t)4 << 20)
#define DATAGRAM_BYTES    60000 /* what a datagram can hold is cut, rather than refused */

static const char *const facility_table[] = {
    "kern",   "user",   "mail",     "daemon", "auth",   "syslog", "lpr",    "news",
    "uucp",   "cron",   "authpriv", "ftp",    "ntp",    "audit",  "alert",  "clock",
    "local0", "local1", "local2",   "local3", "local4", "local5", "local6", "local7"};

struct syslog {
    struct stream stream;
    unsigned facility;
    struct writer message;
    struct writer frame;
};

static void syslog_close(void *sink)
{
    struct syslog *syslog = sink;
    stream_close(&syslog->stream);
    writer_free(&syslog->message);
    writer_free(&syslog->frame);
    free(syslog);
}

static err_kind syslog_open(struct sink_settings *settings, void **ret, struct err_ctx *err)
{
    size_t facility = 0, count = sizeof facility_table / sizeof *facility_table;
    while (facility < count && strcmp(facility_table[facility], settings->facility) != 0)
        facility++;
    if (facility == count)
        return err_set(err, ERR_INPUT,
                       "no facility '%s': expected one such as daemon, authpriv, "
                       "local0",
                       settings->facility);
    struct syslog *syslog = calloc(1, sizeof *syslog);
    if (!syslog)
        return err_set(err, ERR_LIMIT, "out of memory");
    syslog->facility = (unsigned)facility;
    writer_init(&syslog->message, MESSAGE_BYTES_MAX);
    writer_init(&syslog->frame, MESSAGE_BYTES_MAX + 64);
    err_kind kind = stream_open(&syslog->stream, settings, err);
    if (kind != OK) {
        syslog_close(syslog);
        return kind;
    }
    *ret = syslog;
    return OK;
}

/* ---- the message ---- */

/* Microseconds are the most that RFC 5424 has. */
static void time_put(struct writer *out, uint64_t wall_ns)
{
    size_t before = out->len;
    writer_time(out, wall_ns);
    if (!out->is_full && out->len >= before + 4) {
        out->len -= 4;
        writer_byte(out, 'Z');
    }
}

/* Printable ASCII without spaces, or a dash. */
static void name_put(struct writer *out, span name)
{
    writer_text(out, name.len ? "" : "-");
    name = span_first(name, 255);
    for (size_t index = 0; index < name.len; index++)
        writer_byte(out,
                    name.data[index] > ' ' && name.data[index] < 0x7f ? name.data[index] : '_');
}

static void param_put(struct writer *out, const char *name, span value)
{
    writer_format(out, " %s=\"", name);
    for (size_t index = 0; index < value.len; index++) {
        uint8_t byte = value.data[index];
        if (byte == '"' || byte == '\\' || byte == ']')
            writer_byte(out, '\\');
        writer_byte(out, byte < ' ' ? ' ' : byte);
    }
    writer_byte(out, '"');
}

/* 32473 is the enterprise number for examples (RFC 5612): picket has none of its own. */
static void message_put(struct syslog *syslog, const struct sink_document *document)
{
    struct writer *out = &syslog->message;
    char key[SINK_KEY_BYTES];
    sink_document_key(document, key);
    writer_reset(out);
    writer_format(out, "<%u>1 ", syslog->facility * 8 + document->priority);
    time_put(out, document->time_wall_ns);
    writer_byte(out, ' ');
    name_put(out, document->hostname);
    writer_format(out, " picket - %s [picket@32473", document->is_alert ? "alert" : "signal");
    param_put(out, "id", span_str(key));
    param_put(out, "rule", span_first(document->rule, 1024));
    writer_text(out, "] ");
    writer_put(out, document->body);
}

/* Octet counting on a stream; a stream on a unix socket has a line each, as local daemons read it.
 */
static bool message_send(struct syslog *syslog, struct sink_document *document,
                         struct sink_trouble *trouble)
{
    bool is_too_large;
    struct stream *stream = &syslog->stream;
    message_put(syslog, document);
    span message = writer_span(&syslog->message);
    writer_reset(&syslog->frame);
    if (!stream->is_datagram && stream->form != STREAM_UNIX)
        writer_format(&syslog->frame, "%zu ", message.len);
    writer_put(&syslog->frame, stream->is_datagram ? span_first(message, DATAGRAM_BYTES) : message);
    if (!stream->is_datagram && stream->form == STREAM_UNIX)
        writer_byte(&syslog->frame, '\n');
    bool is_whole = !syslog->message.is_full && !syslog->frame.is_full;
    if (is_whole && stream_write(stream, writer_span(&syslog->frame), &is_too_large, trouble))
        return true;
    if (!is_whole || is_too_large) {
        document->verdict = SINK_REFUSED;
        snprintf(document->reason, sizeof document->reason, "too large for a message");
    }
    return false;
}

static void syslog_send(void *sink, struct sink_document *const *documents, size_t count,
                        struct sink_trouble *trouble)
{
    struct syslog *syslog = sink;
    struct stream *stream = &syslog->stream;
    if (!stream_connect(stream, trouble))
        return;
    size_t sent = 0;
    while (sent < count && message_send(syslog, documents[sent], trouble)) {
        if (stream->is_datagram) /* each by itself: there is nothing more to wait for */
            documents[sent]->verdict = SINK_SENT;
        sent++;
    }
    if (sent && stream->fd >= 0 && stream_flush(stream, trouble))
        sink_documents_settle(documents, sent, SINK_SENT, NULL);
}

const struct sink_kind sink_kind_syslog = {
    .name = "syslog",
    .summary = "RFC 5424 over UDP, TCP, TLS or a unix socket",
    .batch = 100,
    .format = SIGNAL_FORMAT_PICKET,
    .open = syslog_open,
    .send = syslog_send,
    .close = syslog_close,
};
