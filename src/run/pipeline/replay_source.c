/* Frames of a source (source/source.h) out of files: the events of a line, or of a whole file. */
#include <stdlib.h>
#include <string.h>

#include "pipeline/replay_state.h"
#include "source/source.h"
#include "unpack/unpack.h"

#define READ_BYTES (1u << 20)

struct pass {
    struct replay *replay;
    const struct replay_frame *frame;
    struct err_ctx *err;
    err_kind kind;
};

/* Where in the frame, if the bytes are a part of it. */
static void unreadable(struct pass *pass, const struct source_event *event, uint64_t number,
                       size_t at, const char *reason)
{
    const struct replay_frame *frame = pass->frame;
    struct replay_place place = *frame->place;
    uintptr_t start = (uintptr_t)frame->bytes.data, part = (uintptr_t)event->json.data;
    bool is_inside = frame->bytes.data && part >= start && part <= start + frame->bytes.len;
    if (!frame->is_document && number != *frame->number)
        place.line = number; /* began in an earlier line */
    if (is_inside)
        replay_unreadable(pass->replay, &place, frame->bytes, part - start + at, reason);
    else
        replay_unreadable(pass->replay, &place, event->json, at, reason);
}

/* source_put */
static bool event_run(void *context, const struct source_event *event)
{
    struct pass *pass = context;
    struct replay *replay = pass->replay;
    const uint32_t *matches;
    size_t count, fault_at;
    uint64_t number = *pass->frame->number;
    if (pass->frame->is_document)
        number = ++*pass->frame->number;
    else if (event->position.len == sizeof number)
        memcpy(&number, event->position.data, sizeof number);
    replay->counts.events++;
    if (event->fault) {
        unreadable(pass, event, number, event->fault_at, event->fault);
        return true;
    }
    pass->kind =
        detect_line(replay->detect, event->json, number, &matches, &count, &fault_at, pass->err);
    if (pass->kind == ERR_INPUT) {
        unreadable(pass, event, number, fault_at, pass->err->text);
        pass->kind = OK;
        return true;
    }
    if (pass->kind == OK)
        pass->kind = replay_matches(replay, number, matches, count, pass->err);
    return pass->kind == OK;
}

err_kind replay_source(struct replay *replay, const struct replay_frame *frame, struct err_ctx *err)
{
    struct pass pass = {.replay = replay, .frame = frame, .err = err, .kind = OK};
    const struct source_frame bytes = {.bytes = frame->bytes,
                                       .position = span_of(frame->number, sizeof *frame->number)};
    if (!source_decode(replay->source, &bytes, event_run, &pass) && pass.kind == OK)
        return err_set(err, ERR_STATE, "the decoder stopped by itself");
    return pass.kind;
}

err_kind replay_source_end(struct replay *replay, const struct replay_place *place,
                           struct err_ctx *err)
{
    uint64_t number = 0;
    const struct replay_frame frame = {.place = place, .number = &number};
    struct pass pass = {.replay = replay, .frame = &frame, .err = err, .kind = OK};
    if (!source_flush(replay->source, event_run, &pass) && pass.kind == OK)
        return err_set(err, ERR_STATE, "the decoder stopped by itself");
    return pass.kind;
}

/* ---- documents ---- */

/* The whole file, or so much that it is known to be too long. */
static err_kind document_read(struct unpack *input, struct writer *ret, bool *ret_is_broken,
                              struct err_ctx *err)
{
    err_kind kind = OK;
    uint8_t *part = malloc(READ_BYTES);
    size_t count = 1;
    if (!part)
        return err_set(err, ERR_SYSTEM, "document");
    while (kind == OK && count && ret->len <= SOURCE_FRAME_MAX) {
        kind = unpack_read(input, part, READ_BYTES, &count, err);
        writer_put(ret, span_of(part, count));
    }
    free(part);
    *ret_is_broken = kind == ERR_INPUT;
    if (kind == ERR_INPUT)
        kind = OK;
    return kind == OK && ret->is_full ? err_set(err, ERR_SYSTEM, "document") : kind;
}

err_kind replay_document(struct replay *replay, int fd, const char *name, struct err_ctx *err)
{
    const struct replay_place place = {.name = name, .line = 1};
    struct unpack *input = NULL;
    struct writer document;
    struct err_ctx why;
    bool is_broken = false;
    uint64_t number = 0;
    writer_init(&document, SOURCE_FRAME_MAX + 2 * READ_BYTES);
    err_kind kind = unpack_open(fd, &input, err);
    if (kind == OK)
        kind = document_read(input, &document, &is_broken, err);
    if (kind != OK)
        kind = err_wrap(err, "%s", name);
    why = *err;
    const struct replay_frame frame = {
        .place = &place, .bytes = writer_span(&document), .number = &number, .is_document = true};
    if (kind == OK && document.len)
        kind = replay_source(replay, &frame, err);
    if (kind == OK)
        kind = replay_source_end(replay, &place, err);
    if (kind == OK && is_broken)
        replay_unreadable(replay, &place, (span){NULL, 0}, 0, why.text);
    unpack_close(input);
    writer_free(&document);
    return kind;
}
