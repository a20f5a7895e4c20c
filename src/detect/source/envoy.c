/* Envoy's access log: JSON lines with the operator's keys, as they stand; or the default format,
 *
 *   [START_TIME] "METHOD PATH PROTOCOL" CODE FLAGS RECEIVED SENT DURATION UPSTREAM-TIME
 * "FORWARDED-FOR" "USER-AGENT" "REQUEST-ID" "AUTHORITY" "UPSTREAM"
 *
 * whose values are named by the operators that wrote them. Envoy writes headers as they came, so a
 * client may put quotes into them: the fields are taken from both ends, and what is too much stays
 * in the user agent, where it is seen. */
#include "source/decoder.h"

struct line {
    span rest;
    const char *fault;
};

static bool fail(struct line *line, const char *reason)
{
    line->fault = reason;
    return false;
}

/* Up to `end`, which must stand there; the rest goes on behind it. */
static bool part_take(struct line *line, const char *end, span *ret, const char *reason)
{
    span mark = span_str(end);
    const uint8_t *found =
        line->rest.len ? memmem(line->rest.data, line->rest.len, mark.data, mark.len) : NULL;
    if (!found)
        return fail(line, reason);
    *ret = span_first(line->rest, (size_t)(found - line->rest.data));
    line->rest = span_after(line->rest, ret->len + mark.len);
    return true;
}

/* `"TEXT"` at the end, which holds no quotes. */
static bool last_take(struct line *line, span *ret)
{
    span rest = line->rest;
    if (rest.len < 2 || rest.data[rest.len - 1] != '"')
        return fail(line, "expected five texts in quotes at the end");
    rest.len--;
    const uint8_t *quote = memrchr(rest.data, '"', rest.len);
    if (!quote)
        return fail(line, "expected five texts in quotes at the end");
    *ret = span_of(quote + 1, (size_t)(rest.data + rest.len - quote - 1));
    line->rest.len = (size_t)(quote - line->rest.data);
    if (line->rest.len && quote[-1] == ' ')
        line->rest.len--;
    return true;
}

static bool is_number(span text)
{
    for (size_t index = 0; index < text.len; index++)
        if (text.data[index] < '0' || text.data[index] > '9')
            return false;
    return text.len > 0 && text.len < 20 && (text.data[0] != '0' || text.len == 1);
}

/* `-` is Envoy's word for no value. */
static void part_write(struct writer *out, const char *operator, span text)
{
    if (span_eq(text, SPAN("-")))
        return;
    member_begin(out, span_str(operator));
    if (is_number(text))
        writer_put(out, text);
    else
        writer_json_string(out, text);
}

static void text_write(struct writer *out, const char *operator, span text)
{
    if (!span_eq(text, SPAN("-")))
        member_text(out, operator, text);
}

/* The time, the request, and the six words behind it. */
static bool front_write(struct line *line, struct writer *out)
{
    static const char *const word_table[] = {
        "RESPONSE_CODE", "RESPONSE_FLAGS", "BYTES_RECEIVED",
        "BYTES_SENT",    "DURATION",       "RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)",
    };
    span time, method, path, protocol, word;
    if (!span_starts(line->rest, SPAN("[")))
        return fail(line, "expected '[' and the time, or a JSON object");
    line->rest = span_after(line->rest, 1);
    if (!part_take(line, "] \"", &time, "expected '] \"' behind the time") ||
        !part_take(line, " ", &method, "expected a method and a space") ||
        !part_take(line, " ", &path, "expected a path and a space") ||
        !part_take(line, "\" ", &protocol, "expected a protocol and '\" '"))
        return false;
    text_write(out, "START_TIME", time);
    text_write(out, "REQ(:METHOD)", method);
    text_write(out, "REQ(X-ENVOY-ORIGINAL-PATH?:PATH)", path);
    text_write(out, "PROTOCOL", protocol);
    for (size_t index = 0; index < sizeof word_table / sizeof *word_table; index++) {
        if (!part_take(line, " ", &word,
                       "expected code, flags, bytes received, bytes sent, duration "
                       "and upstream time, each followed by a space"))
            return false;
        part_write(out, word_table[index], word);
    }
    return true;
}

static bool back_write(struct line *line, struct writer *out)
{
    span forwarded, agent, id, authority, upstream;
    if (!last_take(line, &upstream) || !last_take(line, &authority) || !last_take(line, &id))
        return false;
    if (!span_starts(line->rest, SPAN("\"")))
        return fail(line, "expected x-forwarded-for in quotes");
    line->rest = span_after(line->rest, 1);
    if (!part_take(line, "\" \"", &forwarded, "expected x-forwarded-for and the user agent") ||
        !span_ends(line->rest, SPAN("\"")))
        return fail(line, "expected x-forwarded-for and the user agent, each in quotes");
    agent = span_first(line->rest, line->rest.len - 1);
    text_write(out, "REQ(X-FORWARDED-FOR)", forwarded);
    text_write(out, "REQ(USER-AGENT)", agent);
    text_write(out, "REQ(X-REQUEST-ID)", id);
    text_write(out, "REQ(:AUTHORITY)", authority);
    text_write(out, "UPSTREAM_HOST", upstream);
    return true;
}

static bool decode(struct source_decoder *decoder, const struct source_frame *frame, source_put put,
                   void *context)
{
    struct line line = {.rest = frame->bytes};
    split_blanks(&line.rest);
    if (split_is(line.rest, '{'))
        return part_put(frame, frame->bytes, put, context);
    while (line.rest.len && memchr("\r\n", line.rest.data[line.rest.len - 1], 2))
        line.rest.len--;
    writer_byte(&decoder->out, '{');
    if (!front_write(&line, &decoder->out) || !back_write(&line, &decoder->out))
        return fault_put(frame, frame->bytes, (size_t)(line.rest.data - frame->bytes.data),
                         line.fault, put, context);
    writer_byte(&decoder->out, '}');
    return written_put(decoder, frame, frame->bytes, put, context);
}

const struct source source_envoy = {
    .name = "envoy",
    .summary = "Envoy's access log: JSON lines, or its default format",
    .framing = SOURCE_LINES,
    .logsource = {.product = {(const uint8_t *)"envoy", 5},
                  .service = {(const uint8_t *)"access", 6}},
    .time = {{"START_TIME", "start_time"}, 0},
    .decode = decode,
};
