/* A growing array of one element type with a ceiling, as one static inline: the element size is the
 * caller's. Example: struct rule *rules; size_t count, size;  rules = vector_grow(...). */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "core/checked.h"
#include "core/error.h"

/* Makes room for element number `count` (0-based) in *items, doubling, up to count_max elements.
 * The new room is zeroed. False when the ceiling is reached or memory is out: *items is as before.
 * `items` is the address of the caller's typed pointer. */
MUST_USE static inline bool vector_grow(void *items, size_t *size, size_t count, size_t count_max,
                                        size_t element_bytes)
{
    if (count < *size)
        return true;
    if (count >= count_max)
        return false;
    size_t want = *size ? *size * 2 : 16;
    if (want > count_max)
        want = count_max;
    size_t bytes;
    if (!mul_size(want, element_bytes, &bytes))
        return false;
    void *old;
    memcpy(&old, items, sizeof old);
    char *grown = realloc(old, bytes);
    if (!grown)
        return false;
    memset(grown + *size * element_bytes, 0, bytes - *size * element_bytes);
    memcpy(items, &grown, sizeof grown);
    *size = want;
    return true;
}
