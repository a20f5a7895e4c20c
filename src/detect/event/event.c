#include "event/event.h"

#include <assert.h>
#include <stdlib.h>

#define EVENT_ARENA_BYTES_MAX (64u << 20)

err_kind event_open(struct event *event, const struct projection *projection, event_fetch fetch,
                    void *decoder, struct err_ctx *err)
{
    size_t count = projection->count ? projection->count : 1;
    *event = (struct event){.projection = projection, .fetch = fetch, .decoder = decoder};
    event->values = calloc(count, sizeof *event->values);
    event->fetched = calloc(count, sizeof *event->fetched);
    event->arena = calloc(1, sizeof *event->arena);
    if (!event->values || !event->fetched || !event->arena) {
        event_close(event);
        return err_set(err, ERR_SYSTEM, "event slots");
    }
    arena_init(event->arena, EVENT_ARENA_BYTES_MAX);
    event->generation = 1;
    return OK;
}

void event_close(struct event *event)
{
    if (event->arena)
        arena_free(event->arena);
    free(event->arena);
    free(event->values);
    free(event->fetched);
    *event = (struct event){0};
}

void event_begin(struct event *event)
{
    arena_reset(event->arena);
    event->generation++;
    if (event->generation == 0) { /* wrapped: no stale slot may look fresh */
        memset(event->fetched, 0, event->projection->count * sizeof *event->fetched);
        event->generation = 1;
    }
}

const struct value *event_get(struct event *event, uint32_t slot)
{
    assert(slot < event->projection->count);
    struct value *value = &event->values[slot];
    if (event->fetched[slot] != event->generation) {
        event->fetched[slot] = event->generation;
        *value = event_fetch_once(event, &event->projection->refs[slot]);
    }
    return value;
}

struct value event_fetch_once(struct event *event, const struct field_ref *ref)
{
    struct value value = {.kind = VALUE_ABSENT};
    event->fetch(event->decoder, ref, event->arena, &value);
    return value;
}
