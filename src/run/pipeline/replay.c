/* Rules over files: recordings and JSON lines, in order, without root and without a store. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "core/cleanup.h"
#include "pipeline/replay_state.h"
#include "recording/recording.h"
#include "signal/signal.h"
#include "source/source.h"

err_kind replay_open(const struct replay_options *options, struct replay **ret, struct err_ctx *err)
{
    const struct source *source = options->source;
    struct replay *replay = calloc(1, sizeof *replay);
    if (!replay)
        return err_set(err, ERR_SYSTEM, "replay");
    replay->options = *options;
    writer_init(&replay->json, SIGNAL_BYTES_MAX);
    writer_init(&replay->line, 4 * SIGNAL_BYTES_MAX);
    struct detect_options detect = {.hostname = options->hostname,
                                    .source = source ? source->name : NULL,
                                    .logsource = options->logsource};
    if (source)
        detect.time = source->time;
    if (source && !logsource_is_said(&detect.logsource))
        detect.logsource = source->logsource;
    err_kind kind = detect_open(&detect, &replay->detect, err);
    if (kind == OK && source && !source->is_plain)
        kind = source_decoder_open(source, &replay->source, err);
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
    source_decoder_close(replay->source);
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

err_kind replay_matches(struct replay *replay, uint64_t number, const uint32_t *matches,
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

/* ---- recordings ---- */

static void record_unreadable(struct replay *replay, const char *name, uint64_t number,
                              const struct err_ctx *err)
{
    struct replay_place place = {.name = name, .line = number};
    replay_unreadable(replay, &place, (span){NULL, 0}, 0, err->text);
}

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
            record_unreadable(replay, name, *number, err);
        else
            kind = replay_matches(replay, *number, matches, count, err);
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
            record_unreadable(replay, name, number, err);
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
    const struct source *source = replay->options.source;
    if (!source && recording_is(fd))
        return recording_run(replay, fd, name, err);
    if (source && source->framing == SOURCE_DOCUMENT)
        return replay_document(replay, fd, name, err);
    return replay_lines(replay, fd, name, err);
}
