#include "alert/table.h"

#include <assert.h>

#include "core/vector.h"

#define MAP_SEED 0x616c657274u

void alert_table_init(struct alert_table *table)
{
    *table = (struct alert_table){0};
    map_init(&table->by_key, ALERT_TABLE_MAX, MAP_SEED);
}

void alert_table_free(struct alert_table *table)
{
    while (table->oldest)
        alert_table_remove(table, table->oldest);
    map_free(&table->by_key);
    free(table->slots);
    free(table->free_slots);
    alert_table_init(table);
}

struct alert *alert_table_find(const struct alert_table *table, span key)
{
    uint32_t slot;
    return map_get(&table->by_key, key, &slot) ? table->slots[slot] : NULL;
}

/* A free slot, with room to give it back later without memory. */
static bool slot_take(struct alert_table *table, uint32_t *ret)
{
    if (table->free_count) {
        *ret = table->free_slots[--table->free_count];
        return true;
    }
    if (!vector_grow(&table->slots, &table->slot_size, table->slot_count, ALERT_TABLE_MAX,
                     sizeof *table->slots) || /* NOLINT(bugprone-sizeof-expression): of pointers */
        !vector_grow(&table->free_slots, &table->free_size, table->slot_count, ALERT_TABLE_MAX,
                     sizeof *table->free_slots))
        return false;
    *ret = (uint32_t)table->slot_count++;
    return true;
}

/* ---- order ---- */

/* older: NULL, it is the oldest. */
static void link_behind(struct alert_table *table, struct alert *alert, struct alert *older)
{
    alert->older = older;
    alert->younger = older ? older->younger : table->oldest;
    *(alert->older ? &alert->older->younger : &table->oldest) = alert;
    *(alert->younger ? &alert->younger->older : &table->youngest) = alert;
}

static void take_out(struct alert_table *table, const struct alert *alert)
{
    *(alert->older ? &alert->older->younger : &table->oldest) = alert->younger;
    *(alert->younger ? &alert->younger->older : &table->youngest) = alert->older;
}

/* The same whenever and in whatever order they came in. */
static int compare(const struct alert *a, const struct alert *b)
{
    if (a->first_wall_ns != b->first_wall_ns)
        return a->first_wall_ns < b->first_wall_ns ? -1 : 1;
    return memcmp(a->id, b->id, ALERT_ID_BYTES);
}

static int older_first(const void *left, const void *right)
{
    return compare(*(struct alert *const *)left, *(struct alert *const *)right);
}

bool alert_table_sort(struct alert_table *table)
{
    struct alert **order = calloc(table->count + 1, sizeof(struct alert *));
    if (!order)
        return false;
    size_t count = 0;
    for (struct alert *alert = table->oldest; alert; alert = alert->younger)
        order[count++] = alert;
    qsort(order, count, sizeof(struct alert *), older_first);
    table->oldest = table->youngest = NULL;
    for (size_t index = 0; index < count; index++)
        link_behind(table, order[index], table->youngest);
    free(order);
    return true;
}

void alert_table_place(struct alert_table *table, struct alert *alert)
{
    struct alert *older;
    take_out(table, alert);
    for (older = table->youngest; older && compare(alert, older) < 0; older = older->older) {
    }
    link_behind(table, alert, older);
}

/* ---- alerts ---- */

struct alert *alert_table_add(struct alert_table *table, span key, const struct alert *alert)
{
    struct alert *copy = malloc(sizeof *copy + key.len);
    uint32_t slot;
    if (!copy)
        return NULL;
    *copy = *alert;
    memcpy(copy + 1, key.data, key.len);
    copy->key = span_of(copy + 1, key.len);
    if (!slot_take(table, &slot)) {
        free(copy);
        return NULL;
    }
    if (!map_put(&table->by_key, copy->key, slot)) {
        table->free_slots[table->free_count++] = slot;
        free(copy);
        return NULL;
    }
    copy->slot = slot;
    table->slots[slot] = copy;
    link_behind(table, copy, table->youngest);
    table->count++;
    return copy;
}

bool alert_table_text(struct alert_table *table, struct alert *alert, span text)
{
    uint8_t *copy = malloc(text.len + 1);
    if (!copy)
        return false;
    memcpy(copy, text.data, text.len);
    table->text_bytes += text.len - alert->text_len;
    free(alert->text);
    alert->text = copy;
    alert->text_len = text.len;
    return true;
}

void alert_table_remove(struct alert_table *table, struct alert *alert)
{
    bool was_there = map_remove(&table->by_key, alert->key);
    assert(was_there);
    table->slots[alert->slot] = NULL;
    table->free_slots[table->free_count++] = alert->slot;
    take_out(table, alert);
    table->count--;
    table->text_bytes -= alert->text_len;
    free(alert->text);
    free(alert);
}

/* ---- stored form ---- */

void alert_pack(const struct alert *alert, uint8_t ret[ALERT_PACKED_BYTES])
{
    const uint64_t numbers[] = {alert->first_wall_ns, alert->last_wall_ns, alert->count,
                                alert->version, alert->version_count};
    memcpy(ret, alert->id, ALERT_ID_BYTES);
    for (size_t index = 0; index < 5; index++)
        for (size_t byte = 0; byte < 8; byte++)
            ret[ALERT_ID_BYTES + index * 8 + byte] = (uint8_t)(numbers[index] >> (8 * byte));
}

bool alert_unpack(span packed, struct alert *ret)
{
    span id;
    struct alert alert = {0};
    if (!span_take(&packed, ALERT_ID_BYTES, &id) || !span_u64le(&packed, &alert.first_wall_ns) ||
        !span_u64le(&packed, &alert.last_wall_ns) || !span_u64le(&packed, &alert.count) ||
        !span_u64le(&packed, &alert.version) || !span_u64le(&packed, &alert.version_count) ||
        packed.len)
        return false;
    memcpy(alert.id, id.data, ALERT_ID_BYTES);
    *ret = alert;
    return true;
}
