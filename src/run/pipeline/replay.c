/* Rules over files: recordings and JSON lines, in order, without root and without a store. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "core/cleanup.h"
#include "core/log.h"
#include "pipeline/replay_state.h"
#include "recording/recording.h"
#include "signal/signal.h"

#define LINE_BYTES_MAX (16u << 20)

err_kind replay_open(const struct replay_options *options, struct replay **ret, struct err_ctx *err)
{
    struct replay *replay = calloc(1, sizeof *replay);
    if (!replay)
        return err_set(err, ERR_SYSTEM, "replay");
    replay->options = *options;
    writer_init(&replay->json, SIGNAL_BYTES_MAX);
    writer_init(&replay->line, 4 * SIGNAL_BYTES_MAX);
    struct detect_options detect = {.hostname = options->hostname};
    err_kind kind = detect_open(&detect, &replay->detect, err);
    if (kind == OK)
        kind = detect_rules(replay->detect, options->image_fd, err);
    if (kind != OK)
        replay_close(replay);
    else
        *ret = replay;
    return kind;
}

void replay_close(struct replay *replay)
{
    if (!replay)
        return;
    detect_close(replay->detect);
    writer_free(&replay->json);
    writer_free(&replay->line);
    free(replay);
}

struct replay_counts replay_counts(const struct replay *replay)
{
    struct replay_counts counts = replay->counts;
    counts.undecided = detect_counts(replay->detect).undecided;
    return counts;
}

/* ---- matches out ---- */

static err_kind match_print(struct replay *replay, uint32_t rule, struct err_ctx *err)
{
    replay->counts.matches++;
    if (replay->options.output == REPLAY_SUMMARY)
        return OK;
    writer_reset(&replay->json);
    writer_reset(&replay->line);
    struct state_signal row;
    err_kind kind = detect_signal(replay->detect, rule, NULL, &replay->json, &row, err);
    if (kind == OK && replay->options.output == REPLAY_JSON) {
        writer_put(&replay->line, writer_span(&replay->json));
        writer_byte(&replay->line, '\n');
    } else if (kind == OK) {
        kind = signal_render_text(writer_span(&replay->json), replay->options.is_colour,
                                  &replay->line, err);
    }
    if (kind != OK)
        return kind;
    if (fwrite(replay->line.data, 1, replay->line.len, stdout) != replay->line.len ||
        fflush(stdout))
        return err_set(err, ERR_SYSTEM, "stdout");
    return OK;
}

static err_kind matches_print(struct replay *replay, uint64_t number, const uint32_t *matches,
                              size_t count, struct err_ctx *err)
{
    err_kind kind = OK;
    if (replay->options.visit) {
        struct replay_event event = {.number = number, .rules = matches, .count = count};
        replay->counts.matches += count;
        return replay->options.visit(replay->options.context, replay, &event, err);
    }
    for (size_t index = 0; index < count && kind == OK; index++)
        kind = match_print(replay, matches[index], err);
    return kind;
}

static void unreadable(struct replay *replay, const char *name, uint64_t number, const char *reason)
{
    replay->counts.unreadable++;
    log_event(LOG_WARN, "unreadable", "at=%s:%llu reason='%s'", name, (unsigned long long)number,
              reason);
}

/* ---- JSON lines ---- */

static bool is_blank(span line)
{
    for (size_t index = 0; index < line.len; index++)
        if (!strchr(" \t\r", line.data[index]))
            return false;
    return true;
}

static err_kind line_run(struct replay *replay, const char *name, span line, uint64_t number,
                         struct err_ctx *err)
{
    const uint32_t *matches;
    size_t count;
    if (is_blank(line))
        return OK; /* keeps its number, is no event */
    replay->counts.events++;
    if (detect_line(replay->detect, line, number, &matches, &count, err) != OK) {
        unreadable(replay, name, number, err->text);
        return OK;
    }
    return matches_print(replay, number, matches, count, err);
}

struct lines {
    uint8_t *buffer;
    size_t len;
    uint64_t number;
    bool is_skipping; /* the rest of a line that was too long */
};

/* Runs the whole lines in the buffer and keeps the last, unfinished one. */
static err_kind lines_run(struct replay *replay, const char *name, struct lines *lines, bool is_end,
                          struct err_ctx *err)
{
    span rest = span_of(lines->buffer, lines->len), line;
    err_kind kind = OK;
    while (kind == OK && span_until(&rest, '\n', &line)) {
        lines->number++;
        if (lines->is_skipping)
            unreadable(replay, name, lines->number, "the line is over 16 MiB");
        else
            kind = line_run(replay, name, line, lines->number, err);
        lines->is_skipping = false;
    }
    if (kind == OK && is_end && rest.len && !lines->is_skipping)
        kind = line_run(replay, name, rest, ++lines->number, err);
    if (rest.len == LINE_BYTES_MAX) {
        lines->is_skipping = true;
        replay->counts.events++;
        rest.len = 0;
    }
    memmove(lines->buffer, rest.data, rest.len);
    lines->len = rest.len;
    return kind;
}

static err_kind json_run(struct replay *replay, int fd, const char *name, struct err_ctx *err)
{
    struct lines lines = {.buffer = malloc(LINE_BYTES_MAX)};
    err_kind kind = lines.buffer ? OK : err_set(err, ERR_SYSTEM, "line buffer");
    while (kind == OK) {
        ssize_t count = read(fd, lines.buffer + lines.len, LINE_BYTES_MAX - lines.len);
        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0)
            kind = err_set(err, ERR_SYSTEM, "%s", name);
        if (count < 0)
            break;
        lines.len += (size_t)count;
        kind = lines_run(replay, name, &lines, count == 0, err);
        if (count == 0)
            break;
    }
    free(lines.buffer);
    return kind;
}

/* ---- recordings ---- */

static err_kind records_run(struct replay *replay, const char *name, span bytes, uint64_t *number,
                            struct err_ctx *err)
{
    err_kind kind = OK;
    while (kind == OK && bytes.len) {
        uint32_t len;
        span head = bytes, record;
        const uint32_t *matches;
        size_t count;
        if (!span_u32le(&head, &len) || len == 0 || !span_take(&bytes, len, &record))
            return err_set(err, ERR_INPUT, "record %llu: its length does not fit",
                           (unsigned long long)*number + 1);
        ++*number;
        replay->counts.events++;
        if (detect_record(replay->detect, record, *number, &matches, &count, err) != OK)
            unreadable(replay, name, *number, err->text);
        else
            kind = matches_print(replay, *number, matches, count, err);
    }
    return kind;
}

static err_kind frames_run(struct replay *replay, const char *name, struct recording_reader *reader,
                           struct err_ctx *err)
{
    uint64_t number = 0;
    for (;;) {
        enum recording_frame frame;
        span bytes;
        err_kind kind = recording_next(reader, &frame, &bytes, err);
        if (kind == ERR_INPUT && number) { /* what is whole counts */
            unreadable(replay, name, number, err->text);
            return OK;
        }
        if (kind != OK || frame == RECORDING_END)
            return kind;
        if (frame == RECORDING_WORLD)
            kind = detect_world_load(replay->detect, bytes, err);
        else if (frame == RECORDING_FACTS)
            kind = detect_facts_load(replay->detect, bytes, err);
        else
            kind = records_run(replay, name, bytes, &number, err);
        if (kind != OK)
            return kind;
    }
}

static err_kind recording_run(struct replay *replay, int fd, const char *name, struct err_ctx *err)
{
    struct recording_reader *reader;
    struct recording_info info;
    err_kind kind = recording_open(fd, &reader, &info, err);
    if (kind == OK) {
        detect_clock(replay->detect, info.boot_to_wall_ns, info.hostname);
        kind = frames_run(replay, name, reader, err);
        recording_close(reader);
    }
    return kind == OK ? OK : err_wrap(err, "%s", name);
}

err_kind replay_file(struct replay *replay, int fd, const char *name, struct err_ctx *err)
{
    return recording_is(fd) ? recording_run(replay, fd, name, err)
                            : json_run(replay, fd, name, err);
}
