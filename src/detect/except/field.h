/* Private to except: what a field is good for in an exception. */
#pragma once

#include <stdbool.h>

#include "core/span.h"

enum field_role {
    FIELD_NEVER, /* it does not come back: a pid, a time */
    FIELD_WHO,   /* the program that acts */
    FIELD_WHAT,  /* what it acts on */
    FIELD_WHENCE /* its parent, image, user; anything else */
};

struct field_use {
    enum field_role role;
    unsigned rank; /* 0: says most */
};

struct field_use field_use(span name);
