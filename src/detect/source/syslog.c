/* Syslog messages: RFC 5424 (`<34>1 …`), else RFC 3164 and what daemons write into files, which is
 * the same without the priority and with any of two forms of time.
 *
 *   <PRI>1 TIMESTAMP HOSTNAME APP-NAME PROCID MSGID [ID NAME="VALUE" …][…] MSG
 *   <PRI>Mmm dd hh:mm:ss HOSTNAME TAG[PID]: MSG
 *
 * A message of the old form cannot be wrong but in its priority: what does not fit is its text
 * (RFC 3164 §4.3). */
#include "source/decoder.h"

#define PARAMS_MAX 256 /* of one element of structured data */

struct param {
    span name;
    span value; /* raw: \" \\ \] are escapes */
    bool is_written;
};

struct message {
    struct source_decoder *decoder;
    span whole;
    span rest;
    const char *fault;
};

static bool fail(struct message *message, const char *reason)
{
    message->fault = reason;
    return false;
}

static bool is_digit(uint8_t byte)
{
    return byte >= '0' && byte <= '9';
}

/* ---- priority ---- */

/* False: it is wrong. Where there is none, *ret_has is false. */
static bool priority_take(struct message *message, unsigned *ret, bool *ret_has)
{
    span rest = message->rest, digits;
    unsigned value = 0;
    *ret_has = rest.len && rest.data[0] == '<';
    if (!*ret_has)
        return true;
    rest = span_after(rest, 1);
    if (!span_until(&rest, '>', &digits) || digits.len < 1 || digits.len > 3)
        return fail(message, "expected a priority of 1 to 3 digits and '>' after '<'");
    for (size_t index = 0; index < digits.len; index++) {
        if (!is_digit(digits.data[index]))
            return fail(message, "expected a priority of 1 to 3 digits and '>' after '<'");
        value = value * 10 + (digits.data[index] - '0');
    }
    if (value > 191)
        return fail(message, "the priority is over 191");
    message->rest = rest;
    *ret = value;
    return true;
}

static void priority_write(struct writer *out, unsigned priority)
{
    member_number(out, "facility", priority / 8);
    member_number(out, "severity", priority % 8);
}

/* ---- structured data ---- */

/* A value without its escapes: a backslash before another byte stands for itself. */
static span value_plain(struct source_decoder *decoder, span raw)
{
    if (!raw.len || !memchr(raw.data, '\\', raw.len))
        return raw;
    uint8_t *text = arena_alloc_raw(&decoder->arena, raw.len);
    size_t len = 0;
    for (size_t index = 0; text && index < raw.len; index++) {
        bool is_escape = raw.data[index] == '\\' && index + 1 < raw.len &&
                         memchr("\"\\]", raw.data[index + 1], 3);
        text[len++] = raw.data[index += is_escape];
    }
    return text ? span_of(text, len) : raw;
}

/* SD-NAME: printable, without = ] " and space. */
static bool name_take(struct message *message, span *ret)
{
    size_t len = 0;
    while (len < message->rest.len && message->rest.data[len] > ' ' &&
           message->rest.data[len] < 0x7f && !memchr("=]\"", message->rest.data[len], 3))
        len++;
    return len > 0 && span_take(&message->rest, len, ret);
}

static bool param_take(struct message *message, struct param *ret)
{
    size_t len = 0;
    *ret = (struct param){0};
    if (!name_take(message, &ret->name))
        return fail(message, "structured data: expected the name of a parameter");
    if (!span_starts(message->rest, SPAN("=\"")))
        return fail(message, "structured data: expected =\" after a parameter's name");
    message->rest = span_after(message->rest, 2);
    while (len < message->rest.len && message->rest.data[len] != '"')
        len += message->rest.data[len] == '\\' ? 2 : 1;
    if (len >= message->rest.len)
        return fail(message, "structured data: a value does not end");
    if (!span_take(&message->rest, len, &ret->value))
        return false;
    message->rest = span_after(message->rest, 1);
    return true;
}

/* A name that stands more than once, as it may (RFC 5424 §6.3.3), has an array. */
static void param_write(struct message *message, struct param *params, size_t count, size_t at)
{
    struct writer *out = &message->decoder->out;
    size_t same = 0;
    for (size_t index = at; index < count; index++)
        same += span_eq(params[index].name, params[at].name);
    member_begin(out, params[at].name);
    writer_text(out, same > 1 ? "[" : "");
    for (size_t index = at; index < count; index++) {
        if (!span_eq(params[index].name, params[at].name))
            continue;
        writer_text(out, index > at ? "," : "");
        writer_json_string(out, value_plain(message->decoder, params[index].value));
        params[index].is_written = true;
    }
    writer_text(out, same > 1 ? "]" : "");
}

static bool element_write(struct message *message)
{
    struct param params[PARAMS_MAX];
    size_t count = 0;
    span id;
    message->rest = span_after(message->rest, 1);
    if (!name_take(message, &id))
        return fail(message, "structured data: expected an id after '['");
    while (span_starts(message->rest, SPAN(" "))) {
        message->rest = span_after(message->rest, 1);
        if (count == PARAMS_MAX)
            return fail(message, "structured data: more than 256 parameters in an element");
        if (!param_take(message, &params[count++]))
            return false;
    }
    if (!span_starts(message->rest, SPAN("]")))
        return fail(message, "structured data: expected ' ' or ']'");
    message->rest = span_after(message->rest, 1);
    member_begin(&message->decoder->out, id);
    writer_byte(&message->decoder->out, '{');
    for (size_t index = 0; index < count; index++)
        if (!params[index].is_written)
            param_write(message, params, count, index);
    writer_byte(&message->decoder->out, '}');
    return true;
}

static bool structured_write(struct message *message)
{
    if (span_starts(message->rest, SPAN("-"))) {
        message->rest = span_after(message->rest, 1);
        return true;
    }
    if (!span_starts(message->rest, SPAN("[")))
        return fail(message, "expected structured data: '-' or '['");
    member_begin(&message->decoder->out, SPAN("structured-data"));
    writer_byte(&message->decoder->out, '{');
    while (span_starts(message->rest, SPAN("[")))
        if (!element_write(message))
            return false;
    writer_byte(&message->decoder->out, '}');
    return true;
}

/* ---- RFC 5424 ---- */

static bool header_write(struct message *message)
{
    static const struct {
        const char *name;
        size_t len_max;
    } part_table[] = {
        {"timestamp", 64}, {"hostname", 255}, {"app-name", 48}, {"procid", 128}, {"msgid", 32}};
    for (size_t part = 0; part < sizeof part_table / sizeof *part_table; part++) {
        span text, rest = message->rest;
        if (!span_until(&rest, ' ', &text) || text.len == 0)
            return fail(message, "expected timestamp, hostname, app-name, procid and msgid, each "
                                 "followed by a space");
        if (text.len > part_table[part].len_max)
            return fail(message, "a part of the header is too long");
        for (size_t index = 0; index < text.len; index++)
            if (text.data[index] < 0x21 || text.data[index] > 0x7e)
                return fail(message, "a part of the header has bytes that are not printable ASCII");
        if (!span_eq(text, SPAN("-")))
            member_text(&message->decoder->out, part_table[part].name, text);
        message->rest = rest;
    }
    return true;
}

static bool new_write(struct message *message)
{
    struct writer *out = &message->decoder->out;
    member_number(out, "version", 1);
    message->rest = span_after(message->rest, 2);
    if (!header_write(message) || !structured_write(message))
        return false;
    if (message->rest.len && message->rest.data[0] != ' ')
        return fail(message, "expected a space before the message");
    message->rest = span_after(message->rest, 1);
    if (span_starts(message->rest, SPAN(" "))) /* rsyslog puts another one */
        message->rest = span_after(message->rest, 1);
    if (span_starts(message->rest, SPAN("\xef\xbb\xbf")))
        message->rest = span_after(message->rest, 3);
    member_text(out, "msg", message->rest);
    return true;
}

/* ---- RFC 3164 ---- */

/* `Mmm dd hh:mm:ss`, the day padded with a space; 0: none stands here. */
static size_t old_time_length(span text)
{
    static const char form[] = "Aaa d0 00:00:00";
    const size_t len = sizeof form - 1;
    if (text.len < len || (text.len > len && text.data[len] != ' '))
        return 0;
    for (size_t index = 0; index < len; index++) {
        uint8_t byte = text.data[index];
        bool is_fine = form[index] == 'A'   ? byte >= 'A' && byte <= 'Z'
                       : form[index] == 'a' ? byte >= 'a' && byte <= 'z'
                       : form[index] == '0' ? is_digit(byte)
                       : form[index] == 'd' ? is_digit(byte) || byte == ' '
                                            : byte == (uint8_t)form[index];
        if (!is_fine)
            return 0;
    }
    return len;
}

/* `2026-11-21T10:00:00…` up to a space: what rsyslog writes with its high precision format. */
static size_t iso_time_length(span text)
{
    static const char form[] = "0000-00-00T00:00:00";
    size_t len = 0;
    while (len < text.len && text.data[len] != ' ')
        len++;
    if (len < sizeof form - 1 || len > 40)
        return 0;
    for (size_t index = 0; index < sizeof form - 1; index++)
        if (form[index] == '0' ? !is_digit(text.data[index])
                               : text.data[index] != (uint8_t)form[index])
            return 0;
    return len;
}

static span word_of(span text)
{
    size_t len = 0;
    while (len < text.len && text.data[len] != ' ')
        len++;
    return span_first(text, len);
}

/* `TAG:` or `TAG[PID]:` at the front of the rest; takes it off. */
static bool tag_take(struct message *message, span *ret_tag, span *ret_pid)
{
    span rest = message->rest;
    size_t len = 0;
    *ret_pid = (span){NULL, 0};
    while (len < rest.len && rest.data[len] > ' ' && !memchr("[:", rest.data[len], 2))
        len++;
    if (len == 0 || len > 128 || len == rest.len)
        return false;
    *ret_tag = span_first(rest, len);
    rest = span_after(rest, len);
    if (rest.data[0] == '[') {
        rest = span_after(rest, 1);
        if (!span_until(&rest, ']', ret_pid) || ret_pid->len == 0 || ret_pid->len > 128)
            return false;
    }
    if (!span_starts(rest, SPAN(":")))
        return false;
    rest = span_after(rest, 1);
    message->rest = span_starts(rest, SPAN(" ")) ? span_after(rest, 1) : rest;
    return true;
}

static void old_write(struct message *message)
{
    struct writer *out = &message->decoder->out;
    size_t len = old_time_length(message->rest);
    span tag, pid;
    if (!len)
        len = iso_time_length(message->rest);
    if (len) {
        member_text(out, "timestamp", span_first(message->rest, len));
        message->rest = span_after(message->rest, len + 1);
    }
    bool has_tag = len && tag_take(message, &tag, &pid); /* a local program's: without a host */
    if (len && !has_tag) {
        span host = word_of(message->rest);
        if (host.len && host.len <= 255 && host.len < message->rest.len) {
            member_text(out, "hostname", host);
            message->rest = span_after(message->rest, host.len + 1);
        }
        has_tag = tag_take(message, &tag, &pid);
    }
    if (has_tag)
        member_text(out, "app-name", tag);
    if (has_tag && pid.data)
        member_text(out, "procid", pid);
    member_text(out, "msg", message->rest);
}

/* ---- the source ---- */

static bool message_write(struct message *message)
{
    unsigned priority;
    bool has_priority;
    if (message->whole.len > SYSLOG_BYTES_MAX)
        return fail(message, "the message is over 64 KiB");
    if (message->whole.len == 0)
        return fail(message, "the message is empty");
    if (!priority_take(message, &priority, &has_priority))
        return false;
    writer_byte(&message->decoder->out, '{');
    if (has_priority)
        priority_write(&message->decoder->out, priority);
    if (has_priority && span_starts(message->rest, SPAN("1 "))) {
        if (!new_write(message))
            return false;
    } else {
        old_write(message);
    }
    writer_byte(&message->decoder->out, '}');
    return true;
}

static bool decode(struct source_decoder *decoder, const struct source_frame *frame, source_put put,
                   void *context)
{
    struct message message = {.decoder = decoder, .whole = frame->bytes, .rest = frame->bytes};
    if (message_write(&message))
        return written_put(decoder, frame, frame->bytes, put, context);
    return fault_put(frame, frame->bytes, frame->bytes.len - message.rest.len, message.fault, put,
                     context);
}

const struct source source_syslog = {
    .name = "syslog",
    .summary = "syslog messages, RFC 5424 and RFC 3164, and files of them",
    .framing = SOURCE_LINES,
    .logsource = {.product = {(const uint8_t *)"linux", 5},
                  .service = {(const uint8_t *)"syslog", 6}},
    .decode = decode,
};
