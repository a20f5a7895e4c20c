/* Dead letters in a Kafka topic. What was replayed is marked in the topic DLQ.replayed, by the
 * letter's id, in the transaction that replays it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/map.h"
#include "dlq/dlq.h"

#define MARKS_MAX       10000000
#define MARKS_BYTES_MAX (1u << 30)
#define COMMIT_EVERY    1000
#define NAME_BYTES_MAX  250 /* of a topic: Kafka's own limit is 249 */

struct walk {
    const struct dlq_topic *topic;
    const struct dlq_filter *filter;
    dlq_visit visit;
    void *context;
    char marks_name[NAME_BYTES_MAX + 16];
    struct arena mark_keys;
    struct map marks;
    struct arena arena; /* of the letter at hand */
};

static err_kind walk_init(struct walk *walk, const struct dlq_topic *topic,
                          const struct dlq_filter *filter, struct err_ctx *err)
{
    *walk = (struct walk){.topic = topic, .filter = filter};
    arena_init(&walk->mark_keys, MARKS_BYTES_MAX);
    map_init(&walk->marks, MARKS_MAX, (uint64_t)(uintptr_t)walk);
    arena_init(&walk->arena, DLQ_LETTER_BYTES_MAX);
    if (strlen(topic->topic) > NAME_BYTES_MAX)
        return err_set(err, ERR_INPUT, "topic '%s': its name is too long", topic->topic);
    snprintf(walk->marks_name, sizeof walk->marks_name, "%s.replayed", topic->topic);
    return OK;
}

static void walk_free(struct walk *walk)
{
    map_free(&walk->marks);
    arena_free(&walk->mark_keys);
    arena_free(&walk->arena);
}

/* ---- marks ---- */

static err_kind mark_take(void *context, const struct kafka_record *record, struct err_ctx *err)
{
    struct walk *walk = context;
    uint32_t known;
    if (!record->key.data || map_get(&walk->marks, record->key, &known))
        return OK;
    span key = arena_dup(&walk->mark_keys, record->key);
    if (!key.data || !map_put(&walk->marks, key, 0))
        return err_set(err, ERR_LIMIT, "topic '%s': more than %d letters were replayed",
                       walk->marks_name, MARKS_MAX);
    return OK;
}

/* No such topic: nothing was ever replayed. */
static err_kind marks_read(struct walk *walk, struct err_ctx *err)
{
    err_kind kind = kafka_scan(&walk->topic->cluster, walk->marks_name, mark_take, walk, err);
    return kind == ERR_INPUT ? OK : kind;
}

/* ---- letters ---- */

static err_kind record_visit(void *context, const struct kafka_record *record, struct err_ctx *err)
{
    struct walk *walk = context;
    struct dlq_letter letter;
    char id[48];
    uint32_t known;
    int len = snprintf(id, sizeof id, "%d@%lld", (int)record->partition, (long long)record->offset);
    if (!dlq_letter_make(walk->filter, span_of(id, (size_t)len), record->value, &walk->arena,
                         &letter))
        return OK;
    letter.is_replayed = map_get(&walk->marks, letter.id, &known);
    return walk->visit(walk->context, &letter, err);
}

err_kind dlq_topic_visit(const struct dlq_topic *topic, const struct dlq_filter *filter,
                         dlq_visit visit, void *context, struct err_ctx *err)
{
    struct walk walk;
    err_kind kind = walk_init(&walk, topic, filter, err);
    walk.visit = visit;
    walk.context = context;
    if (kind == OK)
        kind = marks_read(&walk, err);
    if (kind == OK)
        kind = kafka_scan(&topic->cluster, topic->topic, record_visit, &walk, err);
    walk_free(&walk);
    return kind;
}

/* ---- replay ---- */

struct replaying {
    struct walk walk;
    struct kafka_writer *writer;
    struct dlq_replayed *counts;
    uint64_t pending; /* replayed in the transaction that is open */
};

/* `topic/partition@offset` apart; false: the position is of another form. */
static bool position_parse(span position, char topic[NAME_BYTES_MAX], int32_t *ret_partition)
{
    size_t slash = position.len;
    while (slash > 0 && position.data[slash - 1] != '/')
        slash--;
    span rest = span_after(position, slash), digits;
    if (slash < 2 || slash > NAME_BYTES_MAX || !span_until(&rest, '@', &digits) ||
        digits.len == 0 || digits.len > 5)
        return false;
    *ret_partition = 0;
    for (size_t index = 0; index < digits.len; index++) {
        if (digits.data[index] < '0' || digits.data[index] > '9')
            return false;
        *ret_partition = *ret_partition * 10 + (digits.data[index] - '0');
    }
    memcpy(topic, position.data, slash - 1);
    topic[slash - 1] = 0;
    return true;
}

static err_kind pending_commit(struct replaying *replaying, struct err_ctx *err)
{
    err_kind kind = kafka_writer_commit(replaying->writer, err);
    if (kind != OK)
        return err_wrap(err, "replay again: what was replayed is marked, and left out then");
    replaying->counts->replayed += replaying->pending;
    replaying->pending = 0;
    return OK;
}

static err_kind letter_replay(void *context, const struct dlq_letter *letter, struct err_ctx *err)
{
    struct replaying *replaying = context;
    const struct walk *walk = &replaying->walk;
    char from[NAME_BYTES_MAX];
    int32_t partition = -1;
    if (letter->is_replayed) {
        replaying->counts->before++;
        return OK;
    }
    if (!letter->content.payload.data || letter->content.is_part ||
        (!walk->topic->to && !position_parse(letter->content.position, from, &partition))) {
        replaying->counts->unfit++;
        return OK;
    }
    const char *to = walk->topic->to ? walk->topic->to : from;
    err_kind kind = kafka_writer_put(replaying->writer, to, partition, (span){NULL, 0},
                                     letter->content.payload, err);
    if (kind == ERR_LIMIT) {
        replaying->counts->unfit++;
        return OK;
    }
    if (kind == OK)
        kind = kafka_writer_put(replaying->writer, walk->marks_name, -1, letter->id, span_str(to),
                                err);
    if (kind == OK && ++replaying->pending >= COMMIT_EVERY)
        kind = pending_commit(replaying, err);
    return kind;
}

err_kind dlq_topic_replay(const struct dlq_topic *topic, const struct dlq_filter *filter,
                          struct dlq_replayed *ret, struct err_ctx *err)
{
    struct replaying replaying = {.counts = ret};
    struct walk *walk = &replaying.walk;
    char id[NAME_BYTES_MAX + 32];
    err_kind kind = walk_init(walk, topic, filter, err);
    walk->visit = letter_replay;
    walk->context = &replaying;
    const char *topics[] = {walk->marks_name, topic->to};
    if (kind == OK)
        snprintf(id, sizeof id, "picket-dlq-%s", topic->topic);
    if (kind == OK) /* first: from here on nobody else can commit a replay of this topic */
        kind = kafka_writer_open(&topic->cluster, id, topics, topic->to ? 2 : 1, &replaying.writer,
                                 err);
    if (kind == OK)
        kind = marks_read(walk, err);
    if (kind == OK)
        kind = kafka_scan(&topic->cluster, topic->topic, record_visit, walk, err);
    if (kind == OK)
        kind = pending_commit(&replaying, err);
    kafka_writer_close(replaying.writer);
    walk_free(walk);
    return kind;
}
