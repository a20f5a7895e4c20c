/* Frames out of what holds several: lines of a body or file, messages of a syslog stream. */
#include <string.h>

#include "source/source.h"

#define COUNT_DIGITS_MAX 5

/* ---- lines ---- */

static bool is_blank(span text)
{
    for (size_t index = 0; index < text.len; index++)
        if (!text.data[index] || !strchr(" \t\r", text.data[index]))
            return false;
    return true;
}

bool source_line_take(span *rest, span *ret)
{
    while (rest->len) {
        span line;
        if (!span_until(rest, '\n', &line)) {
            line = *rest;
            *rest = span_after(*rest, rest->len);
        }
        if (line.len && line.data[line.len - 1] == '\r')
            line.len--;
        if (is_blank(line))
            continue;
        *ret = line;
        return true;
    }
    return false;
}

/* ---- syslog over a stream (RFC 6587): octet counting (`LENGTH SP MESSAGE`) where a digit comes
 * first, else a message ends at a newline ---- */

/* *ret: bytes of the count and its space; 0: more is needed. */
static bool count_read(span stream, size_t *ret, size_t *ret_len)
{
    size_t digits = 0, len = 0;
    while (digits < stream.len && stream.data[digits] >= '0' && stream.data[digits] <= '9') {
        if (digits == COUNT_DIGITS_MAX)
            return false;
        len = len * 10 + (stream.data[digits++] - '0');
    }
    *ret = digits < stream.len ? digits + 1 : 0;
    *ret_len = len;
    return len <= SYSLOG_BYTES_MAX && (digits == stream.len || stream.data[digits] == ' ');
}

static enum syslog_framing counted(span *stream, span *ret)
{
    size_t head, len;
    if (!count_read(*stream, &head, &len))
        return SYSLOG_BAD;
    if (!head || stream->len - head < len)
        return SYSLOG_MORE;
    *ret = span_first(span_after(*stream, head), len);
    *stream = span_after(*stream, head + len);
    return SYSLOG_WHOLE;
}

enum syslog_framing syslog_frame(span *stream, span *ret)
{
    while (stream->len && (stream->data[0] == '\n' || stream->data[0] == '\r'))
        *stream = span_after(*stream, 1); /* some senders end counted messages with one */
    if (!stream->len)
        return SYSLOG_MORE;
    if (stream->data[0] >= '1' && stream->data[0] <= '9')
        return counted(stream, ret);
    if (!span_until(stream, '\n', ret))
        return stream->len > SYSLOG_BYTES_MAX ? SYSLOG_BAD : SYSLOG_MORE;
    if (ret->len && ret->data[ret->len - 1] == '\r')
        ret->len--;
    return ret->len > SYSLOG_BYTES_MAX ? SYSLOG_BAD : SYSLOG_WHOLE;
}
