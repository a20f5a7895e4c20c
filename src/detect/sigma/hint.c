/* "did you mean": the nearest of the names that would have been right. */
#include <stdlib.h>

#include "sigma/compile.h"

const char *sigma_hint(const char *const *names, size_t count, span name)
{
    struct field_desc *all = calloc(count + 1, sizeof *all);
    if (!all)
        return NULL;
    for (size_t index = 0; index < count; index++)
        all[index].name = names[index];
    const struct schema schema = {.fields = all, .field_count = count};
    const char *hint = schema_nearest(&schema, name);
    free(all);
    return hint;
}
