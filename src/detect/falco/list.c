/* Lists may name lists that are defined before them; items are put in their place. */
#include "core/checked.h"
#include "falco/collection.h"

#define EXPANDED_MAX 1000000u
#define NESTED_MAX   64

struct expansion {
    struct collection *collection;
    size_t total;
    unsigned depth;
};

struct falco_list *list_find(struct collection *collection, span name)
{
    uint32_t index;
    return map_get(&collection->list_names, name, &index) ? &collection->lists[index] : NULL;
}

void list_repeats_warn(struct collection *collection, const struct falco_value *values,
                       size_t count)
{
    struct map seen; /* text -> index of the first */
    uint32_t first;
    bool is_good = true;
    map_init(&seen, FALCO_ITEMS_MAX, 14);
    for (size_t index = 0; is_good && index < count; index++) {
        const struct falco_value *value = &values[index];
        if (!map_get(&seen, value->text, &first)) {
            is_good = map_put(&seen, value->text, (uint32_t)index);
            continue;
        }
        const struct position *at = value->at.line ? &value->at : &values[first].at;
        if (at->line)
            diagnostics_warning(collection->diagnostics, at,
                                "'" PRI_SPAN "' stands in this list twice", ARG_SPAN(value->text));
    }
    map_free(&seen);
}

static void list_expand(struct expansion *expansion, struct falco_list *list);

/* A list that is named in `list`: not itself, nor one that is being expanded (an item of the list
 * that has its name is just that), nor one that is defined behind it. */
static struct falco_list *inner_list(struct expansion *expansion, const struct falco_list *list,
                                     span name)
{
    struct falco_list *inner = list_find(expansion->collection, name);
    if (!inner || inner->first_index >= list->visibility)
        return NULL;
    if (inner->state == ITEM_NEW && expansion->depth >= NESTED_MAX)
        diagnostics_error(expansion->collection->diagnostics, &inner->at, NULL,
                          "lists are nested too deeply");
    else if (inner->state == ITEM_NEW)
        list_expand(expansion, inner);
    return inner->state == ITEM_DONE ? inner : NULL;
}

static void too_many(struct expansion *expansion, struct falco_list *list)
{
    diagnostics_error(expansion->collection->diagnostics, &list->at, NULL,
                      "list '" PRI_SPAN "': lists have over %u items when expanded",
                      ARG_SPAN(list->name), EXPANDED_MAX);
    list->count = 0;
}

static void items_copy(struct expansion *expansion, struct falco_list *list)
{
    size_t count = 0;
    for (size_t index = 0; index < list->count; index++) {
        struct falco_list *inner = inner_list(expansion, list, list->items[index].text);
        count += inner ? inner->count : 1;
    }
    expansion->total += count;
    struct falco_value *items =
        expansion->total > EXPANDED_MAX
            ? NULL
            : arena_alloc(&expansion->collection->arena, (count + 1) * sizeof *items);
    if (!items) {
        too_many(expansion, list);
        return;
    }
    size_t used = 0;
    for (size_t index = 0; index < list->count; index++) {
        struct falco_list *inner = inner_list(expansion, list, list->items[index].text);
        if (!inner) {
            items[used++] = list->items[index];
            continue;
        }
        inner->is_used = true;
        for (size_t item = 0; item < inner->count; item++)
            items[used++] = inner->items[item];
    }
    list->items = items;
    list->count = used;
}

/* Recursion is bounded by NESTED_MAX. */
static void list_expand(struct expansion *expansion, struct falco_list *list)
{
    list->state = ITEM_OPEN;
    if (expansion->collection->diagnostics->is_strict)
        list_repeats_warn(expansion->collection, list->items, list->count);
    expansion->depth++;
    items_copy(expansion, list);
    expansion->depth--;
    list->state = ITEM_DONE;
}

void lists_expand(struct collection *collection)
{
    struct expansion expansion = {.collection = collection};
    for (size_t index = 0; index < collection->list_count; index++)
        if (collection->lists[index].state == ITEM_NEW)
            list_expand(&expansion, &collection->lists[index]);
}
