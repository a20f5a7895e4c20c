/* A folder, a finder on it and a follower behind that; what comes out is kept as one text a frame.
 * A commit keeps positions and frames; a crash takes both halves back to the last one. */
#pragma once

#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/test_place.h"
#include "core/writer.h"
#include "follow/follow.h"

#define RIG_FILES_MAX 4096

struct rig {
    struct test_place *place;
    struct follow_options options;
    char pattern[128];
    const char *patterns[1];
    struct finder *finder;
    struct follow *follow;
    uint64_t now_ns;
    struct writer out; /* a line a frame; faults as `!reason` */
    size_t out_committed;
    char *positions[RIG_FILES_MAX]; /* by number */
    uint64_t file_last;
    bool shows_offsets;
};

static inline err_kind rig_put(void *context, uint64_t number, span text, struct err_ctx *err)
{
    struct rig *rig = context;
    (void)err;
    assert_true(number < RIG_FILES_MAX);
    free(rig->positions[number]);
    rig->positions[number] = text.data ? strndup((const char *)text.data, text.len) : NULL;
    return OK;
}

static inline bool rig_tell(void *context, const struct finder_found *found)
{
    struct rig *rig = context;
    if (found->fd < 0) {
        follow_gone(rig->follow, found->path);
        return true;
    }
    int fd = fcntl(found->fd, F_DUPFD_CLOEXEC, 0);
    bool is_taken;
    MUST(follow_offer(rig->follow, found->path, found->is_there, &fd, &is_taken, err));
    if (fd >= 0)
        close(fd);
    return is_taken;
}

static inline void rig_frame(struct rig *rig, const struct follow_frame *frame)
{
    rig->file_last = frame->file;
    if (rig->shows_offsets)
        writer_format(&rig->out, "%llu@%llu-%llu ", (unsigned long long)frame->file,
                      (unsigned long long)frame->offset, (unsigned long long)frame->end);
    if (frame->fault)
        writer_format(&rig->out, "!%s", frame->fault);
    else
        writer_put(&rig->out, frame->bytes);
    writer_byte(&rig->out, '\n');
}

static inline void rig_look(struct rig *rig)
{
    MUST(finder_look(rig->finder, rig_tell, rig, err));
}

/* Time passes, and at most `frames` are taken. */
static inline size_t rig_read(struct rig *rig, uint64_t pass_ms, size_t frames)
{
    struct follow_frame frame;
    size_t count = 0;
    rig->now_ns += pass_ms * 1000000;
    follow_poll(rig->follow, rig->now_ns);
    while (count < frames && follow_peek(rig->follow, &frame)) {
        rig_frame(rig, &frame);
        follow_next(rig->follow);
        count++;
    }
    return count;
}

static inline void rig_turn(struct rig *rig, uint64_t pass_ms)
{
    rig_look(rig);
    rig_read(rig, pass_ms, SIZE_MAX);
}

static inline void rig_commit(struct rig *rig)
{
    struct follow_closed closed;
    MUST(follow_save(rig->follow, rig_put, rig, err));
    while (follow_closed_next(rig->follow, &closed))
        finder_release(rig->finder, &closed);
    rig->out_committed = rig->out.len;
}

static inline void rig_start_follow(struct rig *rig)
{
    MUST(follow_open(&rig->options, &rig->follow, err));
    for (uint64_t number = 1; number < RIG_FILES_MAX; number++)
        if (rig->positions[number])
            MUST(follow_restore(rig->follow, number, span_str(rig->positions[number]), err));
}

static inline void rig_start_finder(struct rig *rig)
{
    struct finder_options options = {
        .patterns = rig->patterns, .pattern_count = 1, .place = &finder_host};
    MUST(finder_open(&options, &rig->finder, err));
}

/* The follower dies; the finder does not. */
static inline void rig_crash(struct rig *rig)
{
    follow_close(rig->follow);
    rig->out.len = rig->out_committed;
    rig_start_follow(rig);
    finder_forget_told(rig->finder);
}

static inline void rig_want(void *context, const char *path, dev_t dev, ino_t ino)
{
    finder_want(context, path, dev, ino);
}

/* All ends, and begins again some time later. */
static inline void rig_restart(struct rig *rig)
{
    finder_close(rig->finder);
    rig_start_finder(rig);
    rig_crash(rig);
    follow_each_wanted(rig->follow, rig_want, rig->finder);
}

static inline struct rig *rig_open(void **state, const char *pattern)
{
    struct rig *rig = calloc(1, sizeof *rig);
    assert_non_null(rig);
    rig->place = *state;
    snprintf(rig->pattern, sizeof rig->pattern, "%s/%s", rig->place->path, pattern);
    rig->patterns[0] = rig->pattern;
    rig->now_ns = 1000000000000;
    writer_init(&rig->out, 64 << 20);
    rig_start_finder(rig);
    rig_start_follow(rig);
    return rig;
}

static inline void rig_close(struct rig *rig)
{
    follow_close(rig->follow);
    finder_close(rig->finder);
    writer_free(&rig->out);
    for (size_t number = 0; number < RIG_FILES_MAX; number++)
        free(rig->positions[number]);
    free(rig);
}

static inline void rig_write(struct rig *rig, const char *name, const char *text, size_t len)
{
    int fd = openat(rig->place->fd, name, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, len), len);
    close(fd);
}

static inline void rig_append(struct rig *rig, const char *name, const char *text)
{
    rig_write(rig, name, text, strlen(text));
}

static inline void rig_rename(struct rig *rig, const char *from, const char *to)
{
    assert_int_equal(renameat(rig->place->fd, from, rig->place->fd, to), 0);
}

static inline void rig_remove(struct rig *rig, const char *name)
{
    assert_int_equal(unlinkat(rig->place->fd, name, 0), 0);
}

static inline void rig_copy(struct rig *rig, const char *from, const char *to)
{
    char bytes[65536];
    int in = openat(rig->place->fd, from, O_RDONLY | O_CLOEXEC);
    assert_true(in >= 0);
    rig_write(rig, to, "", 0);
    for (ssize_t count; (count = read(in, bytes, sizeof bytes)) > 0;)
        rig_write(rig, to, bytes, (size_t)count);
    close(in);
}

static inline void rig_truncate(struct rig *rig, const char *name)
{
    int fd = openat(rig->place->fd, name, O_WRONLY | O_TRUNC | O_CLOEXEC);
    assert_true(fd >= 0);
    close(fd);
}

/* gzip's way: makes NAME.gz, removes NAME. */
void rig_gzip(struct rig *rig, const char *name, bool keeps);

/* What came out, as a text. */
static inline const char *rig_text(struct rig *rig)
{
    writer_byte(&rig->out, 0);
    if (rig->out.is_full)
        return "";
    rig->out.len--;
    return (const char *)rig->out.data;
}

#define rig_is(rig, expected) assert_string_equal(rig_text(rig), expected)
