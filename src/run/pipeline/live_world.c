/* The world (processes, containers, users) in the store, for an engine that follows this one: the
 * whole as number 0, then what changed batch by batch as 1, 2, …, and the whole anew now and then.
 * Each is packed with zstd behind its u32 length and stored in parts, for a state value is bounded.
 * Keys are number and part, big endian, so that they sort. */
#include <endian.h>
#include <string.h>
#include <zstd.h>

#include "pipeline/live_state.h"

/* A whole process table is written when the changes since the last one outnumber this. */
#define DELTAS_MAX      2000
#define PART_BYTES_MAX  (900u << 10)
#define WORLD_BYTES_MAX (96u << 20)
#define LEVEL           1

struct world_key {
    uint64_t number_be;
    uint32_t part_be;
} __attribute__((packed));

/* ---- writing ---- */

static err_kind world_pack(struct live *live, struct err_ctx *err)
{
    uint32_t raw_len = (uint32_t)live->world.len;
    size_t bound = ZSTD_compressBound(live->world.len) + sizeof raw_len;
    if (bound > live->packed_size) {
        free(live->packed);
        live->packed_size = 0;
        live->packed = malloc(bound);
        if (!live->packed)
            return err_set(err, ERR_SYSTEM, "packing the world");
        live->packed_size = bound;
    }
    size_t len = ZSTD_compress(live->packed + sizeof raw_len, live->packed_size - sizeof raw_len,
                               live->world.data, live->world.len, LEVEL);
    if (live->world.is_full || ZSTD_isError(len))
        return err_set(err, ERR_LIMIT, "the world is over %u bytes", WORLD_BYTES_MAX);
    memcpy(live->packed, &raw_len, sizeof raw_len);
    live->packed_len = len + sizeof raw_len;
    return OK;
}

static err_kind world_store(struct live *live, uint64_t number, struct err_ctx *err)
{
    err_kind kind = world_pack(live, err);
    span rest = span_of(live->packed, live->packed_len);
    for (uint32_t part = 0; rest.len && kind == OK; part++) {
        struct world_key key = {htobe64(number), htobe32(part)};
        kind = topic_state_put(live->log, "world", span_of(&key, sizeof key),
                               span_first(rest, PART_BYTES_MAX), err);
        rest = span_after(rest, PART_BYTES_MAX);
    }
    return kind;
}

static err_kind world_clear(struct live *live, struct err_ctx *err)
{
    for (;;) {
        span key, value;
        uint8_t copy[64];
        err_kind kind = topic_state_next(live->log, "world", (span){NULL, 0}, &key, &value, err);
        if (kind != OK || !key.data)
            return kind;
        size_t len = key.len < sizeof copy ? key.len : sizeof copy;
        memcpy(copy, key.data, len);
        kind = topic_state_put(live->log, "world", span_of(copy, len), (span){NULL, 0}, err);
        if (kind != OK)
            return kind;
    }
}

err_kind world_put(struct live *live, struct err_ctx *err)
{
    writer_reset(&live->world);
    if (!live->is_world_lost && live->delta_count > 0 && live->delta_count < DELTAS_MAX) {
        detect_world_delta(live->detect, &live->world);
        return live->world.len ? world_store(live, live->delta_count++, err) : OK;
    }
    err_kind kind = world_clear(live, err);
    detect_world_save(live->detect, &live->world);
    live->delta_count = 1;
    return kind == OK ? world_store(live, 0, err) : kind;
}

/* ---- reading ---- */

/* What was gathered in live->packed is one number's bytes. */
static err_kind world_take(struct live *live, uint64_t number, struct err_ctx *err)
{
    span packed = span_of(live->packed, live->packed_len);
    uint32_t raw_len;
    if (!span_u32le(&packed, &raw_len) || raw_len > WORLD_BYTES_MAX)
        return err_set(err, ERR_STATE, "the stored world has no length");
    uint8_t *raw = malloc((size_t)raw_len + 1);
    if (!raw)
        return err_set(err, ERR_SYSTEM, "the stored world");
    size_t len = ZSTD_decompress(raw, raw_len, packed.data, packed.len);
    err_kind kind = OK;
    if (ZSTD_isError(len) || len != raw_len)
        kind = err_set(err, ERR_STATE, "the stored world does not unpack");
    else if (number == 0)
        kind = detect_world_load(live->detect, span_of(raw, len), err);
    else
        kind = detect_world_apply(live->detect, span_of(raw, len), err);
    free(raw);
    live->delta_count = number + 1;
    return kind;
}

static bool packed_append(struct live *live, span bytes)
{
    size_t need = live->packed_len + bytes.len;
    if (need > live->packed_size) {
        uint8_t *larger = realloc(live->packed, need);
        if (!larger)
            return false;
        live->packed = larger;
        live->packed_size = need;
    }
    if (bytes.len)
        memcpy(live->packed + live->packed_len, bytes.data, bytes.len);
    live->packed_len = need;
    return true;
}

static err_kind number_load(struct live *live, struct err_ctx *err)
{
    bool is_known;
    return topic_position_get(live->log, "detect", SPAN("number"), &live->number, &is_known, err);
}

err_kind world_load(struct live *live, struct err_ctx *err)
{
    struct world_key at = {0};
    span after = {NULL, 0};
    err_kind kind = number_load(live, err);
    live->delta_count = 0;
    live->packed_len = 0;
    while (kind == OK) {
        span key, value;
        struct world_key next;
        kind = topic_state_next(live->log, "world", after, &key, &value, err);
        if (kind == OK && key.data && key.len != sizeof next)
            kind = err_set(err, ERR_STATE, "the stored world has a key of %zu bytes", key.len);
        if (kind != OK)
            break;
        if (key.data)
            memcpy(&next, key.data, sizeof next);
        /* another number, or the end: the one before is whole */
        if (live->packed_len && (!key.data || next.number_be != at.number_be)) {
            span kept = arena_dup(&live->arena, value);
            kind = world_take(live, be64toh(at.number_be), err);
            live->packed_len = 0;
            value = kept;
        }
        if (kind != OK || !key.data)
            break;
        if (!value.data || !packed_append(live, value))
            kind = err_set(err, ERR_SYSTEM, "the stored world");
        arena_reset(&live->arena);
        at = next;
        after = span_of(&at, sizeof at);
    }
    return kind;
}

err_kind world_restart(struct live *live, struct err_ctx *err)
{
    err_kind kind = number_load(live, err);
    if (kind == OK)
        kind = topic_begin(live->log, err);
    if (kind != OK)
        return kind;
    kind = world_clear(live, err);
    if (kind != OK) {
        topic_abort(live->log);
        return kind;
    }
    live->delta_count = 0;
    live->has_new_state = true;
    return topic_commit(live->log, err);
}

void world_open(struct live *live)
{
    writer_init(&live->world, WORLD_BYTES_MAX);
    arena_init(&live->arena, 2 * PART_BYTES_MAX);
}

void world_close(struct live *live)
{
    writer_free(&live->world);
    arena_free(&live->arena);
    free(live->packed);
}
