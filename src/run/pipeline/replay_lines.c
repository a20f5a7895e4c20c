/* Lines, or JSON texts that may span lines, out of a stream. The buffer holds the record that is
 * read, and room behind it for readers that look ahead. */
#include <stdlib.h>
#include <string.h>

#include "json/json.h"
#include "pipeline/replay_state.h"
#include "unpack/unpack.h"

#define BUFFER_BYTES   (256u << 10)
#define RECORD_BYTES   (JSON_BYTES_MAX + 1) /* with its newline */
#define FAULTS_PRINTED 20                   /* further ones are only counted */
#define WINDOW_BYTES   4096                 /* looked at first for the end of a JSON text */
#define CUT_BYTES      8 /* a fault so near to the end may be one of a text cut off there */

struct stream {
    struct unpack *input;
    uint8_t *data;
    size_t size;
    size_t start, end; /* of what is not yet taken */
    bool is_end;       /* nothing follows */
    bool is_broken;
    struct err_ctx why;
    struct replay_place place;
};

/* ---- faults ---- */

void replay_unreadable(struct replay *replay, const struct replay_place *place, span record,
                       size_t at, const char *reason)
{
    uint64_t line = place->line;
    size_t column = at + 1;
    if (++replay->counts.unreadable > FAULTS_PRINTED)
        return;
    for (size_t index = 0; index < at && index < record.len; index++) {
        if (record.data[index] == '\n') { /* a text over several lines */
            line++;
            column = at - index;
        }
    }
    fprintf(stderr, "%s:%llu:%zu: error: %s\n", place->name, (unsigned long long)line, column,
            reason);
}

void replay_unreadable_rest(const struct replay *replay)
{
    if (replay->counts.unreadable > FAULTS_PRINTED)
        fprintf(stderr, "picket: %llu more such errors\n",
                (unsigned long long)replay->counts.unreadable - FAULTS_PRINTED);
}

/* ---- the buffer ---- */

static err_kind stream_open(struct stream *stream, int fd, const char *name, struct err_ctx *err)
{
    *stream = (struct stream){.size = BUFFER_BYTES, .place = {.name = name, .line = 1}};
    stream->data = malloc(BUFFER_BYTES + JSON_PADDING);
    if (!stream->data)
        return err_set(err, ERR_SYSTEM, "line buffer");
    return unpack_open(fd, &stream->input, err);
}

static void stream_close(struct stream *stream)
{
    unpack_close(stream->input);
    free(stream->data);
}

/* Reads on; what is not yet taken moves to the front. A record of RECORD_BYTES has room. */
static err_kind stream_fill(struct stream *stream, struct err_ctx *err)
{
    size_t count;
    memmove(stream->data, stream->data + stream->start, stream->end - stream->start);
    stream->end -= stream->start;
    stream->start = 0;
    if (stream->end == stream->size && stream->size < RECORD_BYTES) {
        size_t size = stream->size * 2 < RECORD_BYTES ? stream->size * 2 : RECORD_BYTES;
        uint8_t *grown = realloc(stream->data, size + JSON_PADDING);
        if (!grown)
            return err_set(err, ERR_SYSTEM, "line buffer");
        stream->data = grown;
        stream->size = size;
    }
    err_kind kind = unpack_read(stream->input, stream->data + stream->end,
                                stream->size - stream->end, &count, err);
    if (kind == ERR_INPUT) {
        stream->is_broken = true;
        stream->why = *err;
        kind = OK;
    }
    stream->end += count;
    stream->is_end = stream->is_broken || count == 0;
    return kind == OK ? OK : err_wrap(err, "%s", stream->place.name);
}

static span stream_rest(const struct stream *stream)
{
    return span_of(stream->data + stream->start, stream->end - stream->start);
}

static err_kind bom_skip(struct stream *stream, struct err_ctx *err)
{
    err_kind kind = OK;
    while (kind == OK && !stream->is_end && stream->end < 3)
        kind = stream_fill(stream, err);
    if (kind == OK && span_starts(stream_rest(stream), SPAN("\xef\xbb\xbf")))
        stream->start = 3;
    return kind;
}

/* ---- records ---- */

static bool is_blank(span line)
{
    for (size_t index = 0; index < line.len; index++)
        if (!memchr(" \t\r\n", line.data[index], 4))
            return false;
    return true;
}

/* The first `len` bytes of the rest are a record. */
static err_kind record_run(struct replay *replay, struct stream *stream, size_t len,
                           uint64_t number, struct err_ctx *err)
{
    const uint32_t *matches;
    size_t count, fault_at;
    span record = span_of(stream->data + stream->start, len);
    if (is_blank(record))
        return OK; /* keeps its number, is no event */
    if (replay->source) {
        const struct replay_frame frame = {
            .place = &stream->place, .bytes = record, .number = &number};
        return replay_source(replay, &frame, err);
    }
    uint8_t *behind = &stream->data[stream->start + len], kept = *behind;
    replay->counts.events++;
    *behind = 0;
    err_kind kind =
        detect_padded_line(replay->detect, record, number, &matches, &count, &fault_at, err);
    *behind = kept;
    if (kind == ERR_INPUT) {
        replay_unreadable(replay, &stream->place, record, fault_at, err->text);
        return OK;
    }
    return kind == OK ? replay_matches(replay, number, matches, count, err) : kind;
}

/* ---- lines ---- */

/* Passes over the rest of a line that is too long. */
static err_kind line_skip(struct replay *replay, struct stream *stream, struct err_ctx *err)
{
    const uint8_t *newline = NULL;
    err_kind kind = OK;
    replay->counts.events++;
    replay_unreadable(replay, &stream->place, (span){NULL, 0}, 0, "the line is over 16 MiB");
    while (kind == OK && !newline && !(stream->is_end && stream->start == stream->end)) {
        span rest = stream_rest(stream);
        newline = rest.len ? memchr(rest.data, '\n', rest.len) : NULL;
        stream->start = newline ? (size_t)(newline + 1 - stream->data) : stream->end;
        if (!newline && !stream->is_end)
            kind = stream_fill(stream, err);
    }
    stream->place.line++;
    return kind;
}

static err_kind lines_run(struct replay *replay, struct stream *stream, struct err_ctx *err)
{
    size_t seen = 0; /* of the rest: has no newline */
    for (err_kind kind = OK; kind == OK;) {
        span rest = stream_rest(stream);
        const uint8_t *newline =
            rest.len > seen ? memchr(rest.data + seen, '\n', rest.len - seen) : NULL;
        size_t len = newline ? (size_t)(newline - rest.data) : rest.len;
        if (len > JSON_BYTES_MAX) {
            kind = line_skip(replay, stream, err);
            seen = 0;
        } else if (newline || (stream->is_end && len)) {
            bool has_return = newline && len && rest.data[len - 1] == '\r';
            kind = record_run(replay, stream, len - has_return, stream->place.line, err);
            stream->start += len + (newline != NULL);
            stream->place.line++;
            seen = 0;
        } else if (stream->is_end) {
            return OK;
        } else {
            seen = len;
            kind = stream_fill(stream, err);
        }
        if (kind != OK)
            return kind;
    }
    return OK;
}

/* ---- JSON texts one behind the other ---- */

static void bytes_take(struct stream *stream, size_t count)
{
    for (size_t index = 0; index < count; index++)
        stream->place.line += stream->data[stream->start + index] == '\n';
    stream->start += count;
}

/* How much of the rest is the next text. False: it is broken, at *ret_fault. */
static err_kind text_find(struct stream *stream, bool *ret_is_whole, size_t *ret_len,
                          struct json_fault *ret_fault, struct err_ctx *err)
{
    for (size_t window = WINDOW_BYTES;; window *= 4) {
        err_kind kind = OK;
        while (kind == OK && !stream->is_end && stream_rest(stream).len < window &&
               stream_rest(stream).len <= JSON_BYTES_MAX)
            kind = stream_fill(stream, err);
        if (kind != OK)
            return kind;
        span rest = stream_rest(stream), seen = span_first(rest, window);
        bool is_all = seen.len == rest.len && (stream->is_end || rest.len > JSON_BYTES_MAX);
        *ret_is_whole = json_first(seen, ret_len, ret_fault);
        if (is_all && !stream->is_end && !*ret_is_whole)
            *ret_fault = (struct json_fault){rest.len, "the JSON text is over 16 MiB"};
        bool may_be_cut =
            *ret_is_whole ? *ret_len == seen.len : ret_fault->at + CUT_BYTES >= seen.len;
        if (is_all || !may_be_cut)
            return OK;
    }
}

/* After a broken text: on to the next line that begins an object. */
static err_kind text_resume(struct stream *stream, size_t fault_at, struct err_ctx *err)
{
    bool is_line_start = false;
    for (size_t at = 0;; at++) {
        err_kind kind = OK;
        if (stream->start + at == stream->end) {
            bytes_take(stream, at);
            fault_at -= at < fault_at ? at : fault_at;
            at = 0;
            kind = stream->is_end ? OK : stream_fill(stream, err);
        }
        if (kind != OK || stream->start == stream->end)
            return kind;
        uint8_t byte = stream->data[stream->start + at];
        if (is_line_start && at >= fault_at && byte == '{') {
            bytes_take(stream, at);
            return OK;
        }
        is_line_start = byte == '\n';
    }
}

static err_kind texts_run(struct replay *replay, struct stream *stream, struct err_ctx *err)
{
    for (uint64_t number = 1;; number++) {
        bool is_whole;
        size_t len;
        struct json_fault fault;
        err_kind kind = OK;
        for (;;) { /* blanks between the texts */
            span rest = stream_rest(stream);
            len = 0;
            while (len < rest.len && memchr(" \t\r\n", rest.data[len], 4))
                len++;
            bytes_take(stream, len);
            if (kind != OK || stream->start < stream->end || stream->is_end)
                break;
            kind = stream_fill(stream, err);
        }
        if (kind != OK || stream->start == stream->end)
            return kind;
        kind = text_find(stream, &is_whole, &len, &fault, err);
        if (kind == OK && is_whole) {
            kind = record_run(replay, stream, len, number, err);
            bytes_take(stream, len);
        } else if (kind == OK) {
            replay->counts.events++;
            replay_unreadable(replay, &stream->place, stream_rest(stream), fault.at, fault.reason);
            kind = text_resume(stream, fault.at, err);
        }
        if (kind != OK)
            return kind;
    }
}

err_kind replay_lines(struct replay *replay, int fd, const char *name, struct err_ctx *err)
{
    struct stream stream;
    err_kind kind = stream_open(&stream, fd, name, err);
    if (kind == OK)
        kind = bom_skip(&stream, err);
    if (kind == OK)
        kind = replay->options.is_concat ? texts_run(replay, &stream, err)
                                         : lines_run(replay, &stream, err);
    if (kind == OK && replay->source)
        kind = replay_source_end(replay, &stream.place, err);
    if (kind == OK && stream.is_broken)
        replay_unreadable(replay, &stream.place, (span){NULL, 0}, 0, stream.why.text);
    stream_close(&stream);
    return kind;
}
