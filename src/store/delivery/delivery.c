#include <assert.h>
#include <errno.h>
#include <unistd.h>

#include <sys/random.h>

#include "core/arena.h"
#include "core/clock.h"
#include "delivery/document.h"
#include "delivery/ledger.h"

#define ENTRIES_MAX     4096 /* records in a turn, filtered ones included */
#define ARENA_BYTES_MAX (SINK_BATCH_BYTES_MAX + ((size_t)16 << 20))
#define RENDER_BYTES    ((size_t)4 << 20)
#define IDLE_NS         200000000ull
#define RETRY_FIRST_NS  500000000ull
#define WAIT_NS_MAX     3600000000000ull /* of what a receiver asks for */
#define DOUBLINGS_MAX   20

/* One record on its way. */
struct entry {
    size_t cursor;
    uint64_t offset;
    uint64_t time_wall_ns;
    uint64_t gap;
    size_t document; /* which; or NO_DOCUMENT */
};
#define NO_DOCUMENT SIZE_MAX

struct delivery {
    struct sink_settings *settings;
    struct feed *feed;
    struct ledger ledger;
    void *sink; /* the kind's own state; NULL: not connected */
    struct entry entries[ENTRIES_MAX];
    size_t entry_count, entry_first; /* those before entry_first are settled */
    struct sink_document documents[SINK_BATCH_MAX];
    size_t document_count, document_first;
    size_t bytes;
    struct arena arena;
    struct writer scratch;
    unsigned tries;       /* in a row that got nothing through */
    uint64_t next_try_ns; /* of the boot clock */
    double tokens;        /* of the rate limit: documents that may go now */
    uint64_t tokens_at_ns;
    uint64_t sent_wall_ns;
    uint64_t down_wall_ns;  /* of the first try that got nothing through; 0: it is not down */
    uint64_t error_wall_ns; /* of the last error */
    char error[SINK_REASON_BYTES];
    char trouble[SINK_REASON_BYTES];
};

/* ---- start and end ---- */

err_kind delivery_open(struct sink_settings *settings, int folder, struct delivery **ret,
                       struct err_ctx *err)
{
    struct delivery *delivery = calloc(1, sizeof *delivery);
    if (!delivery)
        return err_set(err, ERR_LIMIT, "out of memory");
    delivery->settings = settings;
    delivery->ledger.letters_fd = -1;
    arena_init(&delivery->arena, ARENA_BYTES_MAX);
    writer_init(&delivery->scratch, RENDER_BYTES);
    err_kind kind = feed_open(settings->takes_alerts, settings->takes_signals,
                              settings->starts_newest, &delivery->feed, err);
    if (kind == OK)
        kind = ledger_open(&delivery->ledger, folder, delivery->feed, err);
    if (kind != OK) {
        delivery_close(delivery);
        return kind;
    }
    delivery->tokens = (double)settings->rate_count;
    delivery->tokens_at_ns = clock_boot_ns();
    *ret = delivery;
    return OK;
}

static void disconnect(struct delivery *delivery)
{
    if (delivery->sink)
        delivery->settings->kind->close(delivery->sink);
    delivery->sink = NULL;
}

void delivery_close(struct delivery *delivery)
{
    if (!delivery)
        return;
    disconnect(delivery);
    feed_close(delivery->feed);
    ledger_close(&delivery->ledger);
    arena_free(&delivery->arena);
    writer_free(&delivery->scratch);
    free(delivery);
}

err_kind delivery_connect(struct delivery *delivery, struct err_ctx *err)
{
    disconnect(delivery);
    delivery->tries = 0;
    delivery->next_try_ns = 0;
    return delivery->settings->kind->open(delivery->settings, &delivery->sink, err);
}

err_kind delivery_store(struct delivery *delivery, span name, int *folder, struct err_ctx *err)
{
    return feed_store(delivery->feed, name, folder, err);
}

/* ---- taking records ---- */

/* How many documents the rate allows now. */
static size_t allowance(struct delivery *delivery)
{
    const struct sink_settings *settings = delivery->settings;
    if (!settings->rate_count)
        return SINK_BATCH_MAX;
    uint64_t now_ns = clock_boot_ns();
    delivery->tokens += (double)(now_ns - delivery->tokens_at_ns) / (double)settings->rate_ns *
                        (double)settings->rate_count;
    delivery->tokens_at_ns = now_ns;
    if (delivery->tokens > (double)settings->rate_count)
        delivery->tokens = (double)settings->rate_count;
    return delivery->tokens < SINK_BATCH_MAX ? (size_t)delivery->tokens : SINK_BATCH_MAX;
}

static err_kind record_take(struct delivery *delivery, const struct feed_record *record,
                            struct err_ctx *err)
{
    struct sink_document *document = &delivery->documents[delivery->document_count];
    struct entry *entry = &delivery->entries[delivery->entry_count];
    err_kind kind = document_make(delivery->settings, record->value, &delivery->arena,
                                  &delivery->scratch, document, err);
    if (kind != OK)
        return kind;
    *entry = (struct entry){.cursor = record->cursor,
                            .offset = record->offset,
                            .time_wall_ns = record->time_wall_ns,
                            .gap = record->gap,
                            .document = NO_DOCUMENT};
    delivery->entry_count++;
    if (document->verdict == SINK_FILTERED)
        return OK;
    entry->document = delivery->document_count++;
    delivery->bytes += document->body.len;
    delivery->tokens -= delivery->settings->rate_count ? 1 : 0;
    return OK;
}

/* A batch: bounded in documents, bytes, records and by the rate. */
static err_kind fill(struct delivery *delivery, struct err_ctx *err)
{
    size_t most = delivery->settings->batch_max, allowed = allowance(delivery);
    if (most > allowed)
        most = allowed;
    arena_reset(&delivery->arena);
    delivery->entry_count = delivery->entry_first = 0;
    delivery->document_count = delivery->document_first = 0;
    delivery->bytes = 0;
    while (delivery->entry_count < ENTRIES_MAX && delivery->document_count < most &&
           delivery->bytes < SINK_BATCH_BYTES_MAX) {
        struct feed_record record;
        char trouble[SINK_REASON_BYTES];
        bool is_there = feed_next(delivery->feed, &record, trouble);
        if (trouble[0])
            memcpy(delivery->trouble, trouble, sizeof delivery->trouble);
        if (!is_there)
            return OK;
        err_kind kind = record_take(delivery, &record, err);
        if (kind != OK)
            return kind;
    }
    return OK;
}

/* ---- sending ---- */

/* The pause after a try that got nothing through: doubled each time, of which a random half, so
 * that many sinks do not come back at once; or what the receiver asked for, when that is longer. */
static void pause_set(struct delivery *delivery, uint64_t asked_ns)
{
    uint64_t random = 0;
    unsigned doublings = delivery->tries < DOUBLINGS_MAX ? delivery->tries : DOUBLINGS_MAX;
    uint64_t pause_ns = RETRY_FIRST_NS << doublings;
    if (pause_ns > delivery->settings->retry_max_ns)
        pause_ns = delivery->settings->retry_max_ns;
    if (getrandom(&random, sizeof random, 0) == sizeof random)
        pause_ns = pause_ns / 2 + random % (pause_ns / 2 + 1);
    if (asked_ns > WAIT_NS_MAX)
        asked_ns = WAIT_NS_MAX;
    delivery->next_try_ns = clock_boot_ns() + (asked_ns > pause_ns ? asked_ns : pause_ns);
    delivery->tries++;
}

static size_t unsent_list(struct delivery *delivery, struct sink_document **ret)
{
    size_t count = 0;
    for (size_t index = delivery->document_first; index < delivery->document_count; index++)
        if (delivery->documents[index].verdict == SINK_UNSENT)
            ret[count++] = &delivery->documents[index];
    return count;
}

/* What went over the bound of age while it waited, in the store or here, is not sent any more. */
static void expired_mark(struct delivery *delivery)
{
    uint64_t age_ns = delivery->settings->age_max_ns, now_ns = clock_wall_ns();
    if (!age_ns)
        return;
    for (size_t index = delivery->entry_first; index < delivery->entry_count; index++) {
        const struct entry *entry = &delivery->entries[index];
        bool is_old = now_ns > entry->time_wall_ns && now_ns - entry->time_wall_ns > age_ns;
        if (entry->document != NO_DOCUMENT && is_old &&
            delivery->documents[entry->document].verdict == SINK_UNSENT)
            delivery->documents[entry->document].verdict = SINK_EXPIRED;
    }
}

static void error_note(struct delivery *delivery, const struct sink_trouble *trouble, bool is_down)
{
    memcpy(delivery->trouble, trouble->reason, sizeof delivery->trouble);
    memcpy(delivery->error, trouble->reason, sizeof delivery->error);
    delivery->error_wall_ns = clock_wall_ns();
    if (is_down && !delivery->down_wall_ns)
        delivery->down_wall_ns = delivery->error_wall_ns;
}

static void batch_send(struct delivery *delivery)
{
    struct sink_document *documents[SINK_BATCH_MAX];
    struct sink_trouble trouble = {0};
    expired_mark(delivery);
    size_t before = unsent_list(delivery, documents);
    if (before == 0)
        return;
    delivery->settings->kind->send(delivery->sink, documents, before, &trouble);
    size_t unsent = unsent_list(delivery, documents);
    delivery->ledger.counters.retried += unsent;
    if (unsent < before) {
        delivery->tries = 0;
        delivery->down_wall_ns = 0;
        delivery->sent_wall_ns = clock_wall_ns();
    }
    if (unsent) {
        error_note(delivery, &trouble, unsent == before);
        pause_set(delivery, trouble.wait_ns);
    } else {
        delivery->trouble[0] = 0;
    }
}

/* ---- settling ---- */

static err_kind entry_settle(struct delivery *delivery, const struct entry *entry,
                             struct err_ctx *err)
{
    struct feed_cursor *cursor = feed_cursor_at(delivery->feed, entry->cursor);
    struct delivery_counters *counters = &delivery->ledger.counters;
    const struct sink_document *document =
        entry->document == NO_DOCUMENT ? NULL : &delivery->documents[entry->document];
    if (document && document->verdict == SINK_REFUSED) {
        err_kind kind =
            ledger_letter(&delivery->ledger, cursor, entry->offset, delivery->settings->name,
                          document->reason, document->body, err);
        if (kind != OK)
            return kind;
        counters->dead++;
    } else if (document && document->verdict == SINK_EXPIRED) {
        counters->dropped_expired++;
    } else if (document) {
        counters->out++;
    } else {
        counters->filtered++;
    }
    counters->in += !document || document->verdict != SINK_EXPIRED;
    counters->dropped_trimmed += entry->gap;
    cursor->position = entry->offset + 1;
    cursor->mark_wall_ns = entry->time_wall_ns;
    cursor->is_placed = true;
    return OK;
}

/* Moves the positions behind what is done, up to the first document that is not. */
static err_kind settle(struct delivery *delivery, struct err_ctx *err)
{
    size_t first = delivery->entry_first;
    while (delivery->entry_first < delivery->entry_count) {
        const struct entry *entry = &delivery->entries[delivery->entry_first];
        if (entry->document != NO_DOCUMENT &&
            delivery->documents[entry->document].verdict == SINK_UNSENT)
            break;
        err_kind kind = entry_settle(delivery, entry, err);
        if (kind != OK)
            return kind;
        if (entry->document != NO_DOCUMENT)
            delivery->document_first = entry->document + 1;
        delivery->entry_first++;
    }
    return delivery->entry_first > first ? ledger_save(&delivery->ledger, delivery->feed, err) : OK;
}

/* ---- a step ---- */

static uint64_t wait_left(const struct delivery *delivery)
{
    uint64_t now_ns = clock_boot_ns();
    return delivery->next_try_ns > now_ns ? delivery->next_try_ns - now_ns : 0;
}

err_kind delivery_step(struct delivery *delivery, uint64_t *ret_wait_ns, struct err_ctx *err)
{
    err_kind kind = OK;
    assert(delivery->sink);
    *ret_wait_ns = wait_left(delivery);
    if (*ret_wait_ns)
        return OK;
    if (delivery->entry_first == delivery->entry_count)
        kind = fill(delivery, err);
    if (kind == OK && feed_has_placed(delivery->feed))
        kind = ledger_save(&delivery->ledger, delivery->feed, err);
    if (kind == OK && delivery->entry_first == delivery->entry_count) {
        *ret_wait_ns = IDLE_NS;
        return OK;
    }
    if (kind == OK)
        batch_send(delivery);
    if (kind == OK)
        kind = settle(delivery, err);
    *ret_wait_ns = wait_left(delivery);
    return kind;
}

/* ---- status ---- */

const struct delivery_counters *delivery_counters(const struct delivery *delivery)
{
    return &delivery->ledger.counters;
}

const char *delivery_trouble(const struct delivery *delivery)
{
    return delivery->trouble;
}

static json_t *stores_list(struct delivery *delivery)
{
    json_t *list = json_array();
    const struct feed_cursor *cursor;
    for (size_t index = 0; (cursor = feed_cursor_at(delivery->feed, index)); index++)
        json_array_append_new(list,
                              json_pack("{s:s, s:s, s:I}", "store", cursor->store, "topic",
                                        cursor->topic, "position", (json_int_t)cursor->position));
    return list;
}

/* Receivers say what they like; JSON needs UTF-8. */
static json_t *trouble_make(const char *trouble)
{
    char plain[SINK_REASON_BYTES];
    size_t len = 0;
    for (; trouble[len] && len + 1 < sizeof plain; len++)
        plain[len] = trouble[len] >= ' ' && trouble[len] <= '~' ? trouble[len] : '?';
    return len ? json_stringn(plain, len) : json_null();
}

static json_t *time_make(uint64_t wall_ns)
{
    struct writer text;
    if (!wall_ns)
        return json_null();
    writer_init(&text, 64);
    writer_time(&text, wall_ns);
    json_t *value = json_stringn((const char *)text.data, text.len);
    writer_free(&text);
    return value;
}

static json_t *counts_add(json_t *status, const struct delivery_counters *counters)
{
    json_t *counts = json_pack(
        "{s:I, s:I, s:I, s:I, s:{s:I, s:I, s:I}, s:I}", "in", (json_int_t)counters->in, "out",
        (json_int_t)counters->out, "filtered", (json_int_t)counters->filtered, "dead",
        (json_int_t)counters->dead, "dropped", "trimmed", (json_int_t)counters->dropped_trimmed,
        "expired", (json_int_t)counters->dropped_expired, "dead_letters",
        (json_int_t)counters->dropped_letters, "retried", (json_int_t)counters->retried);
    if (json_object_update(status, counts)) { /* no memory */
        json_decref(status);
        status = NULL;
    }
    json_decref(counts);
    return status;
}

err_kind delivery_status(struct delivery *delivery, bool is_stopped, struct err_ctx *err)
{
    struct feed_waiting waiting = feed_waiting(delivery->feed);
    uint64_t now_ns = clock_wall_ns(), oldest_ns = waiting.oldest_wall_ns;
    json_t *status = json_pack(
        "{s:s, s:s, s:s, s:I, s:I, s:f, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "sink",
        delivery->settings->name, "kind", delivery->settings->kind->name, "state",
        is_stopped        ? "stopped"
        : delivery->tries ? "retrying"
                          : "running",
        "lag", (json_int_t)waiting.records, "lag_bytes", (json_int_t)waiting.bytes, "lag_seconds",
        oldest_ns && now_ns > oldest_ns ? (double)(now_ns - oldest_ns) / 1e9 : 0.0, "down_since",
        time_make(delivery->down_wall_ns), "trouble", trouble_make(delivery->trouble), "last_error",
        trouble_make(delivery->error), "last_error_time", time_make(delivery->error_wall_ns),
        "last_sent", time_make(delivery->sent_wall_ns), "updated", time_make(now_ns), "positions",
        stores_list(delivery));
    status = counts_add(status, &delivery->ledger.counters);
    char *text = status ? json_dumps(status, JSON_COMPACT) : NULL;
    json_decref(status);
    if (!text)
        return err_set(err, ERR_LIMIT, "status: out of memory, or a text that is not UTF-8");
    err_kind kind =
        ledger_replace(delivery->ledger.folder, "status.json", span_str(text), false, err);
    free(text);
    return kind;
}
