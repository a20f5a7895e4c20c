/* Which keys of an object the wanted fields begin with. Private to this folder.
 *
 * A node is the beginning of a field's name, up to a dot or to its end; node 1 is the empty one. An
 * edge leads from node to node by a key, which may hold dots itself: a.b.c is wanted by the keys
 * a, a.b and a.b.c at the top, b and b.c below a, and c below a.b. */
#pragma once

#include <string.h>

#include "core/error.h"
#include "core/span.h"

#define NODE_NONE      0u /* an object that no wanted field leads into */
#define NODE_ROOT      1u
#define SLOT_NONE      UINT32_MAX
#define BOUNDARIES_MAX 31u /* dots of a name that may part keys; more are part of the last */

struct json_node {
    uint32_t slot;
    uint32_t name_len; /* of the name's beginning */
    bool has_edges;
    /* Which splits a way to a value made: its first one is the highest bit, so that of two ways the
     * smaller number took the longer literal key first. */
    uint32_t split;
};

struct json_edge {
    uint64_t head, tail; /* first and last eight bytes of the key; shorter: zeros follow */
    size_t len;
    uint32_t from;
    uint32_t to;
    const uint8_t *key; /* borrowed from the field's name */
    uint64_t seen;      /* number of the object that the key stood in last */
};

struct json_keys {
    struct json_node *nodes;
    size_t node_count, node_size;
    struct json_edge *edges;
    size_t edge_count, edge_size;
    uint32_t *index; /* edge number + 1, or 0; open addressing */
    unsigned shift;  /* 64 - log2 of its size */
    size_t key_len_max;
};

/* Adds a field. ERR_STATE: it is there already. */
MUST_USE err_kind json_keys_add(struct json_keys *keys, span name, uint32_t slot,
                                struct err_ctx *err);
/* The slot of a field added before, or SLOT_NONE. */
uint32_t json_keys_slot(const struct json_keys *keys, span name);
/* After the last field. */
MUST_USE err_kind json_keys_seal(struct json_keys *keys, struct err_ctx *err);
void json_keys_free(struct json_keys *keys);

/* A key that itself holds a backslash is never equal to raw bytes, only to unescaped ones. */
#define EDGE_UNESCAPED (1u << 31)

static inline uint64_t json_key_hash(uint64_t head, uint64_t tail, size_t len, uint32_t from)
{
    uint64_t mixed = (head ^ (uint64_t)from << 40 ^ len) * 0x9e3779b97f4a7c15u;
    return (mixed ^ mixed >> 29 ^ tail) * 0xbf58476d1ce4e5b9u;
}

/* Eight bytes behind `key` are readable whatever its length. */
static inline void json_key_ends(const uint8_t *key, size_t len, uint64_t *ret_head,
                                 uint64_t *ret_tail)
{
    uint64_t mask = len >= 8 ? ~(uint64_t)0 : ((uint64_t)1 << 8 * len) - 1;
    memcpy(ret_head, key, 8);
    memcpy(ret_tail, key + (len > 8 ? len - 8 : 0), 8);
    *ret_head &= mask;
    *ret_tail &= mask;
}

/* NULL: no wanted field has this key in an object of this node. */
static inline struct json_edge *json_keys_find(const struct json_keys *keys, uint32_t from,
                                               const uint8_t *key, size_t len, uint64_t head,
                                               uint64_t tail)
{
    uint64_t slot = json_key_hash(head, tail, len, from) >> keys->shift;
    for (uint32_t number; (number = keys->index[slot]);) {
        struct json_edge *edge = &keys->edges[number - 1];
        if (edge->head == head && edge->tail == tail && edge->len == len && edge->from == from &&
            (len <= 16 || memcmp(edge->key + 8, key + 8, len - 16) == 0))
            return edge;
        slot = (slot + 1) & (~(uint64_t)0 >> keys->shift);
    }
    return NULL;
}
