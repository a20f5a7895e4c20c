/* Dead letters of a store on this machine: its topic `dead`. What was replayed is marked in the
 * store's state, in the transaction that replays it. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <sys/stat.h>

#include "core/cleanup.h"
#include "dlq/dlq.h"
#include "role/role.h"
#include "sandbox/sandbox.h"
#include "topic/topic.h"

#define TOPIC_DEAD   "dead"
#define STATE_MARKS  "dlq"
#define COMMIT_EVERY 1000

/* The rights of a store's own engine are enough, where the store is that engine's. */
static err_kind rights_drop(int store_fd, struct err_ctx *err)
{
    struct stat store;
    uid_t uid;
    gid_t gid;
    if (fstat(store_fd, &store))
        return err_set(err, ERR_SYSTEM, "store");
    sandbox_account(&uid, &gid);
    return store.st_uid == uid ? role_confine(ROLE_ENGINE, store_fd, err) : OK;
}

static err_kind store_open(const char *state_dir, bool is_read_only, int *ret_fd,
                           struct topic_log **ret, struct err_ctx *err)
{
    const struct topic_options options = {.is_read_only = is_read_only};
    *ret = NULL;
    *ret_fd = -1;
    err_kind kind = folder_store_find(state_dir, ret_fd, err);
    if (kind != OK)
        return kind;
    kind = rights_drop(*ret_fd, err);
    if (kind == OK)
        kind = topic_log_open(*ret_fd, &options, ret, err);
    if (kind == ERR_STATE && !is_read_only)
        err_wrap(err, "stop what runs with it first: a store has one writer");
    return kind == OK ? OK : err_wrap(err, "state folder '%s'", state_dir);
}

static err_kind letters_visit(struct topic_log *log, const struct dlq_filter *filter,
                              dlq_visit visit, void *context, struct err_ctx *err)
{
    struct topic_reader *reader = NULL;
    struct topic_info info;
    struct arena arena;
    arena_init(&arena, DLQ_LETTER_BYTES_MAX);
    err_kind kind = topic_info_get(log, TOPIC_DEAD, &info, err);
    if (kind == OK)
        kind = topic_reader_open(log, TOPIC_DEAD, 0, &reader, err);
    while (kind == OK) {
        struct topic_record record;
        struct dlq_letter letter;
        bool is_end;
        char id[24];
        span mark;
        kind = topic_reader_next(reader, &record, &is_end, err);
        if (kind != OK || is_end || record.offset >= info.end)
            break;
        int len = snprintf(id, sizeof id, "%llu", (unsigned long long)record.offset);
        span name = span_of(id, (size_t)len);
        if (!dlq_letter_make(filter, name, record.value, &arena, &letter))
            continue;
        kind = topic_state_get(log, STATE_MARKS, name, &mark, err);
        letter.is_replayed = kind == OK && mark.data;
        if (kind == OK)
            kind = visit(context, &letter, err);
    }
    topic_reader_close(reader);
    arena_free(&arena);
    return kind;
}

err_kind dlq_local_visit(const char *state_dir, const struct dlq_filter *filter, dlq_visit visit,
                         void *context, struct err_ctx *err)
{
    struct topic_log *log = NULL;
    AUTO(auto_close) int store_fd = -1;
    err_kind kind = store_open(state_dir, true, &store_fd, &log, err);
    if (kind == OK)
        kind = letters_visit(log, filter, visit, context, err);
    topic_log_close(log);
    return kind;
}

/* ---- replay ---- */

struct replaying {
    struct topic_log *log;
    const char *to;
    struct dlq_replayed *counts;
    uint64_t pending; /* in the transaction that is open; 0: none is */
};

/* The bytes of kernel records belong to a ring that is gone. */
static bool is_fit(const struct replaying *replaying, const struct dead_letter *letter)
{
    if (!letter->payload.data || letter->is_part || letter->payload.len > TOPIC_RECORD_BYTES_MAX)
        return false;
    return replaying->to || (letter->source.len && !span_eq(letter->source, SPAN("kernel")) &&
                             letter->source.len + strlen("events.") <= TOPIC_NAME_BYTES_MAX &&
                             span_eq(letter->stage, SPAN("detect")));
}

static err_kind pending_commit(struct replaying *replaying, struct err_ctx *err)
{
    err_kind kind = replaying->pending ? topic_commit(replaying->log, err) : OK;
    if (kind == OK)
        replaying->counts->replayed += replaying->pending;
    replaying->pending = 0;
    return kind;
}

static err_kind letter_replay(void *context, const struct dlq_letter *letter, struct err_ctx *err)
{
    struct replaying *replaying = context;
    char topic[TOPIC_NAME_BYTES_MAX + 1];
    if (letter->is_replayed || !is_fit(replaying, &letter->content)) {
        replaying->counts->before += letter->is_replayed;
        replaying->counts->unfit += !letter->is_replayed;
        return OK;
    }
    if (replaying->to)
        snprintf(topic, sizeof topic, "%s", replaying->to);
    else
        snprintf(topic, sizeof topic, "events." PRI_SPAN, ARG_SPAN(letter->content.source));
    err_kind kind = replaying->pending ? OK : topic_begin(replaying->log, err);
    if (kind == OK)
        kind = topic_append(replaying->log, topic, (span){NULL, 0}, letter->content.payload, NULL,
                            err);
    if (kind == OK)
        kind = topic_state_put(replaying->log, STATE_MARKS, letter->id, span_str(topic), err);
    if (kind == OK && ++replaying->pending >= COMMIT_EVERY)
        kind = pending_commit(replaying, err);
    return kind;
}

err_kind dlq_local_replay(const char *state_dir, const char *to, const struct dlq_filter *filter,
                          struct dlq_replayed *ret, struct err_ctx *err)
{
    struct replaying replaying = {.to = to, .counts = ret};
    AUTO(auto_close) int store_fd = -1;
    if (to && strlen(to) > TOPIC_NAME_BYTES_MAX)
        return err_set(err, ERR_INPUT, "--to '%s': at most %d bytes", to, TOPIC_NAME_BYTES_MAX);
    err_kind kind = store_open(state_dir, false, &store_fd, &replaying.log, err);
    if (kind == OK)
        kind = letters_visit(replaying.log, filter, letter_replay, &replaying, err);
    if (kind == OK)
        kind = pending_commit(&replaying, err);
    topic_log_close(replaying.log); /* aborts what was not committed */
    return kind;
}
