/* The stores that lie below a state folder: its own, `store`, and one for each pipeline. Private to
 * this folder. */
#pragma once

#include <sys/types.h>

#include "core/error.h"
#include "delivery/delivery.h"

struct stored {
    char name[SINK_NAME_BYTES_MAX + 1];
    dev_t device; /* of its picket.db */
    ino_t inode;
    uint64_t generation; /* grows when another file takes its place; from 1 */
};

struct outlet_stores {
    int state_fd; /* borrowed */
    struct stored items[DELIVERY_STORES_MAX];
    size_t count;
    bool is_full; /* there are more */
};

/* Looks for stores that are new, or new again. */
void outlet_stores_scan(struct outlet_stores *stores);
/* The folder of one; -1: it has gone. */
int outlet_stores_open(const struct outlet_stores *stores, const struct stored *store);
