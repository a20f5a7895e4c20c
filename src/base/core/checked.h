/* Arithmetic on sizes that come from input. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "core/error.h"

MUST_USE static inline bool add_size(size_t a, size_t b, size_t *ret)
{
    return !__builtin_add_overflow(a, b, ret);
}

MUST_USE static inline bool mul_size(size_t a, size_t b, size_t *ret)
{
    return !__builtin_mul_overflow(a, b, ret);
}
