#include "ingest/inplace.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/cleanup.h"
#include "core/clock.h"
#include "core/log.h"

#define TURN_NS        40000000ull /* of feeding, in one transaction */
#define FRAMES_A_LOOK  64
#define STATUS_NS      1000000000ull
#define STATUS_IDLE_NS 100000000ull
#define RETRY_NS       2000000000ull /* files for which there was no room are asked for again */
#define NOTICE_MS      250           /* packed files and documents wait for time to pass */
#define LOOK_MS        50
#define KEY_POSITION   "file/"
#define KEY_BYTES      32
#define CURSOR_MAX     512
#define POSITION_MAX   (FOLLOW_PATH_BYTES_MAX + 64)

struct feed {
    struct feed_start start;
    struct intake *intake;
    struct ipc_channel *parent;
    struct follow *follow;
    int growth_fd;
    uint64_t epoch;
    bool is_looked; /* all files that there were have been offered */
    bool has_fed;   /* since the last settling */
    bool has_more;
    uint64_t status_ns, retry_ns, status_lag;
    bool is_status_old;
    uint64_t event_wall_ns;  /* when the last frame was read */
    uint64_t refused_before; /* of the follower's counts */
    char cursor[CURSOR_MAX]; /* of the journal's last entry */
    char position[POSITION_MAX];
    uint64_t position_file; /* whose path and number stand at its begin */
    size_t position_len;
};

/* ---- positions ---- */

static span key_write(char key[static KEY_BYTES], uint64_t number)
{
    int len = snprintf(key, KEY_BYTES, KEY_POSITION "%016" PRIx64, number);
    return span_of(key, (size_t)len);
}

static err_kind position_put(void *context, uint64_t number, span text, struct err_ctx *err)
{
    struct feed *feed = context;
    char key[KEY_BYTES];
    return intake_note(feed->intake, key_write(key, number), text, err);
}

static bool key_read(span key, uint64_t *ret_number)
{
    char digits[KEY_BYTES];
    size_t prefix = strlen(KEY_POSITION);
    if (!span_starts(key, SPAN(KEY_POSITION)) || key.len != prefix + 16)
        return false;
    memcpy(digits, key.data + prefix, 16);
    digits[16] = 0;
    *ret_number = strtoull(digits, NULL, 16);
    return true;
}

/* A follower that stands where the last commit left it. */
static err_kind follow_anew(struct feed *feed, struct err_ctx *err)
{
    const struct feed_start *start = &feed->start;
    const struct follow_options options = {.file_count_max = start->files_max,
                                           .frame_bytes_max = start->line_bytes_max,
                                           .is_document = start->is_document,
                                           .is_plain = start->kind != FEED_FILES};
    follow_close(feed->follow);
    feed->follow = NULL;
    feed->is_looked = false;
    feed->has_fed = false;
    feed->position_file = 0; /* its number may be given to another */
    feed->epoch = intake_epoch(feed->intake);
    err_kind kind = follow_open(&options, &feed->follow, err);
    span key = {NULL, 0}, value;
    char last[KEY_BYTES];
    while (kind == OK) {
        uint64_t number;
        kind = intake_noted_next(feed->intake, key, &key, &value, err);
        if (kind != OK || !key.data)
            break;
        if (key.len >= sizeof last) /* none of ours */
            return err_set(err, ERR_STATE, "a position with an unknown name");
        if (key_read(key, &number))
            kind = follow_restore(feed->follow, number, value, err);
        memcpy(last, key.data, key.len); /* the next call reuses its buffer */
        key = span_of(last, key.len);
    }
    return kind;
}

static void want_tell(void *context, const char *path, dev_t dev, ino_t ino)
{
    struct feed *feed = context;
    uint8_t bytes[sizeof(struct feed_want) + FOLLOW_PATH_BYTES_MAX];
    struct feed_want want = {.dev = dev, .ino = ino};
    size_t len = strlen(path);
    memcpy(bytes, &want, sizeof want);
    memcpy(bytes + sizeof want, path, len);
    ipc_send(feed->parent, MESSAGE_WANT, span_of(bytes, sizeof want + len), NULL, 0, true);
}

/* Asks the parent to offer what there is. */
static err_kind source_ask(struct feed *feed, struct err_ctx *err)
{
    span cursor;
    err_kind kind = intake_noted(feed->intake, SPAN("cursor"), &cursor, err);
    if (kind != OK)
        return kind;
    if (feed->start.kind == FEED_FILES)
        follow_each_wanted(feed->follow, want_tell, feed);
    ipc_send(feed->parent, MESSAGE_OFFER, cursor, NULL, 0, true);
    return OK;
}

err_kind inplace_open(const struct feed_start *start, struct intake *intake,
                      struct ipc_channel *parent, int growth_fd, struct feed **ret,
                      struct err_ctx *err)
{
    struct feed *feed = calloc(1, sizeof *feed);
    if (!feed) {
        if (growth_fd >= 0)
            close(growth_fd);
        return err_set(err, ERR_SYSTEM, "feed");
    }
    *feed =
        (struct feed){.start = *start, .intake = intake, .parent = parent, .growth_fd = growth_fd};
    err_kind kind = follow_anew(feed, err);
    if (kind == OK)
        kind = source_ask(feed, err);
    if (kind != OK)
        inplace_close(feed);
    else
        *ret = feed;
    return kind;
}

void inplace_close(struct feed *feed)
{
    if (!feed)
        return;
    follow_close(feed->follow);
    if (feed->growth_fd >= 0)
        close(feed->growth_fd);
    free(feed);
}

int inplace_fd(const struct feed *feed)
{
    return feed->growth_fd;
}

int inplace_wait_ms(const struct feed *feed)
{
    return feed->has_more ? 0 : feed->growth_fd >= 0 ? NOTICE_MS : LOOK_MS;
}

/* ---- the parent ---- */

static bool file_take(struct feed *feed, struct ipc_message *message)
{
    char path[FOLLOW_PATH_BYTES_MAX + 1];
    struct err_ctx err;
    uint32_t is_there;
    span name = message->body;
    bool is_taken;
    if (!span_u32le(&name, &is_there) || name.len > FOLLOW_PATH_BYTES_MAX)
        return false;
    memcpy(path, name.data, name.len);
    path[name.len] = 0;
    AUTO(auto_close) int fd = ipc_take_fd(message, 0);
    if (fd < 0) {
        follow_gone(feed->follow, path);
        return true;
    }
    if (follow_offer(feed->follow, path, is_there, &fd, &is_taken, &err) != OK)
        log_event(LOG_WARN, "file_refused", "reason='%s'", err.text);
    return true;
}

bool inplace_obey(struct feed *feed, struct ipc_message *message)
{
    if (message->type == MESSAGE_FILE)
        return file_take(feed, message);
    if (message->type != MESSAGE_OFFERED)
        return false;
    feed->is_looked = true;
    return true;
}

/* ---- feeding ---- */

/* The entry's own cursor, by which the journal is gone on with. */
static void cursor_take(struct feed *feed, span entry)
{
    static const char name[] = "\"__CURSOR\":\"";
    const uint8_t *at = memmem(entry.data, entry.len, name, sizeof name - 1);
    span cursor, rest;
    if (!at)
        return;
    rest = span_after(entry, (size_t)(at - entry.data) + sizeof name - 1);
    if (span_until(&rest, '"', &cursor) && cursor.len < sizeof feed->cursor) {
        memcpy(feed->cursor, cursor.data, cursor.len);
        feed->cursor[cursor.len] = 0;
    }
}

/* PATH:NUMBER@OFFSET. The part before the offset is that of the frame before, mostly. */
static span position_write(struct feed *feed, const struct follow_frame *frame)
{
    char digits[24];
    size_t count = 0, len;
    if (frame->file != feed->position_file) {
        int prefix = snprintf(feed->position, sizeof feed->position, "%.*s:%" PRIu64 "@",
                              (int)frame->path.len, (const char *)frame->path.data, frame->file);
        feed->position_file = frame->file;
        feed->position_len = (size_t)prefix;
    }
    len = feed->position_len;
    uint64_t rest = frame->offset;
    do {
        digits[count++] = (char)('0' + rest % 10);
        rest /= 10;
    } while (rest);
    while (count)
        feed->position[len++] = digits[--count];
    return span_of(feed->position, len);
}

static err_kind frame_feed(struct feed *feed, const struct follow_frame *frame, struct err_ctx *err)
{
    if (frame->bytes.len == 0 && !frame->fault)
        return OK; /* an empty line is no event */
    if (feed->start.kind == FEED_JOURNAL)
        cursor_take(feed, frame->bytes);
    return intake_feed(feed->intake,
                       &(struct intake_frame){.bytes = frame->bytes,
                                              .position = position_write(feed, frame),
                                              .fault = frame->fault},
                       err);
}

static err_kind status_note(struct feed *feed, struct err_ctx *err)
{
    AUTO(writer_free) struct writer out;
    struct follow_counts counts = follow_counts(feed->follow);
    writer_init(&out, 4096);
    writer_format(&out,
                  "{\"files\":%llu,\"lag_bytes\":%llu,\"frames\":%llu,\"bytes\":%llu,"
                  "\"rotations\":%llu,\"truncated\":%llu,\"lost_bytes\":%llu,\"copies\":%llu,"
                  "\"faults\":%llu,\"refused\":%llu,\"last_event\":",
                  (unsigned long long)counts.open, (unsigned long long)counts.lag_bytes,
                  (unsigned long long)counts.frames, (unsigned long long)counts.bytes,
                  (unsigned long long)counts.rotations, (unsigned long long)counts.truncated,
                  (unsigned long long)counts.lost_bytes, (unsigned long long)counts.copies,
                  (unsigned long long)counts.faults, (unsigned long long)counts.refused);
    if (feed->event_wall_ns) {
        writer_byte(&out, '"');
        writer_time(&out, feed->event_wall_ns);
        writer_byte(&out, '"');
    } else {
        writer_text(&out, "null");
    }
    writer_byte(&out, '}');
    return intake_note(feed->intake, SPAN("status"), writer_span(&out), err);
}

static err_kind notes_put(struct feed *feed, uint64_t now_ns, struct err_ctx *err)
{
    err_kind kind = OK;
    if (feed->has_fed) {
        feed->event_wall_ns = clock_wall_ns();
        kind = follow_save(feed->follow, position_put, feed, err);
    }
    if (kind == OK && feed->has_fed && feed->cursor[0])
        kind = intake_note(feed->intake, SPAN("cursor"), span_str(feed->cursor), err);
    uint64_t lag = follow_counts(feed->follow).lag_bytes;
    bool has_changed = feed->has_fed || feed->is_status_old || lag != feed->status_lag;
    feed->is_status_old = has_changed;
    if (kind == OK && has_changed &&
        now_ns - feed->status_ns >= (feed->has_more ? STATUS_NS : STATUS_IDLE_NS)) {
        feed->status_ns = now_ns;
        feed->status_lag = lag;
        feed->is_status_old = false;
        kind = status_note(feed, err);
    }
    return kind;
}

err_kind inplace_turn(struct feed *feed, struct err_ctx *err)
{
    uint64_t begin_ns = clock_boot_ns(), now_ns = begin_ns;
    err_kind kind = OK;
    feed->has_more = false;
    if (!feed->is_looked || intake_trouble(feed->intake))
        return OK;
    if (feed->growth_fd >= 0)
        finder_drain(feed->growth_fd);
    follow_poll(feed->follow, now_ns);
    for (unsigned count = 1; kind == OK; count++) {
        struct follow_frame frame;
        if (!follow_peek(feed->follow, &frame))
            break;
        kind = frame_feed(feed, &frame, err);
        if (kind != OK || intake_epoch(feed->intake) != feed->epoch)
            return kind;
        follow_next(feed->follow);
        feed->has_fed = true;
        if (count % FRAMES_A_LOOK == 0) {
            now_ns = clock_boot_ns();
            feed->has_more = now_ns - begin_ns >= TURN_NS;
            if (feed->has_more)
                break;
        }
    }
    return kind == OK ? notes_put(feed, now_ns, err) : kind;
}

/* ---- behind the commit ---- */

static void committed_tell(struct feed *feed)
{
    struct follow_closed closed;
    uint64_t position = follow_position(feed->follow);
    while (follow_closed_next(feed->follow, &closed)) {
        struct feed_closed told = {.dev = closed.dev, .ino = closed.ino, .size = closed.size};
        ipc_send(feed->parent, MESSAGE_CLOSED, span_of(&told, sizeof told), NULL, 0, true);
    }
    if (feed->start.kind != FEED_FILES)
        ipc_send(feed->parent, MESSAGE_REACHED, span_of(&position, sizeof position), NULL, 0, true);
}

err_kind inplace_settle(struct feed *feed, struct err_ctx *err)
{
    uint64_t now_ns = clock_boot_ns();
    if (intake_epoch(feed->intake) != feed->epoch) {
        err_kind kind = follow_anew(feed, err);
        return kind == OK ? source_ask(feed, err) : kind;
    }
    if (feed->has_fed)
        committed_tell(feed);
    feed->has_fed = false;
    uint64_t refused = follow_counts(feed->follow).refused;
    if (refused != feed->refused_before && now_ns - feed->retry_ns >= RETRY_NS) {
        feed->refused_before = refused;
        feed->retry_ns = now_ns;
        return source_ask(feed, err);
    }
    return OK;
}
