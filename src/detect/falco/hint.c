/* "did you mean": the nearest of the names that would have been right. */
#include <stdlib.h>

#include "falco/collection.h"

#define NAMES_MAX 10000u

static const char *nearest(struct field_desc *names, size_t count, span name)
{
    const struct schema schema = {.fields = names, .field_count = count};
    return schema_nearest(&schema, name);
}

const char *hint_nearest(const char *const *names, size_t count, span name)
{
    struct field_desc *all = calloc(count + 1, sizeof *all);
    if (!all)
        return NULL;
    for (size_t index = 0; index < count; index++)
        all[index].name = names[index];
    const char *hint = nearest(all, count, name);
    free(all);
    return hint;
}

const char *hint_macro(const struct collection *collection, span name)
{
    struct field_desc *all = calloc(collection->macro_count + 1, sizeof *all);
    const char *hint = NULL;
    for (size_t index = 0; all && index < collection->macro_count; index++)
        all[index].name = (const char *)collection->macros[index].name.data;
    if (all && collection->macro_count <= NAMES_MAX)
        hint = nearest(all, collection->macro_count, name);
    free(all);
    return hint;
}

const char *hint_list(const struct collection *collection, span name)
{
    struct field_desc *all = calloc(collection->list_count + 1, sizeof *all);
    const char *hint = NULL;
    for (size_t index = 0; all && index < collection->list_count; index++)
        all[index].name = (const char *)collection->lists[index].name.data;
    if (all && collection->list_count <= NAMES_MAX)
        hint = nearest(all, collection->list_count, name);
    free(all);
    return hint;
}

const char *hint_key(const struct change_key *keys, size_t count, const char *kind, span name)
{
    const char *names[CHANGE_KEYS_MAX + 3] = {kind, "append", "override"};
    for (size_t index = 0; index < count && index < CHANGE_KEYS_MAX; index++)
        names[3 + index] = keys[index].name;
    return hint_nearest(names, 3 + (count < CHANGE_KEYS_MAX ? count : CHANGE_KEYS_MAX), name);
}
