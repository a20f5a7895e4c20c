/* Lists may name lists that were defined before them; items are put in their place. */
#include "core/checked.h"
#include "falco/collection.h"

#define EXPANDED_MAX 1000000u

struct falco_list *list_find(struct collection *collection, span name)
{
    uint32_t index;
    return map_get(&collection->list_names, name, &index) ? &collection->lists[index] : NULL;
}

/* A list that is named in `list` and was expanded before it. */
static struct falco_list *inner_list(struct collection *collection, const struct falco_list *list,
                                     span name)
{
    struct falco_list *inner = list_find(collection, name);
    return inner && inner < list ? inner : NULL;
}

static void list_expand(struct collection *collection, struct falco_list *list, size_t *total)
{
    size_t count = 0;
    for (size_t index = 0; index < list->count; index++) {
        struct falco_list *inner = inner_list(collection, list, list->items[index].text);
        count += inner ? inner->count : 1;
    }
    *total += count;
    struct falco_value *items =
        *total > EXPANDED_MAX ? NULL : arena_alloc(&collection->arena, (count + 1) * sizeof *items);
    if (!items) {
        diagnostics_error(collection->diagnostics, &list->at, NULL,
                          "list '" PRI_SPAN "': lists have over %u items when expanded",
                          ARG_SPAN(list->name), EXPANDED_MAX);
        list->count = 0;
        return;
    }
    size_t used = 0;
    for (size_t index = 0; index < list->count; index++) {
        struct falco_list *inner = inner_list(collection, list, list->items[index].text);
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

/* Lists lie in the order of their first definition. */
void lists_expand(struct collection *collection)
{
    size_t total = 0;
    for (size_t index = 0; index < collection->list_count; index++)
        list_expand(collection, &collection->lists[index], &total);
}
