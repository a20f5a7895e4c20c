#include "json/keys.h"

#include <stdlib.h>

#include "core/vector.h"

#define NODES_MAX (1u << 22)

static void ends_of(span key, uint64_t *ret_head, uint64_t *ret_tail)
{
    uint8_t padded[8] = {0};
    if (key.len < 8) {
        if (key.len)
            memcpy(padded, key.data, key.len);
        json_key_ends(padded, key.len, ret_head, ret_tail);
    } else {
        json_key_ends(key.data, key.len, ret_head, ret_tail);
    }
}

static err_kind node_new(struct json_keys *keys, unsigned depth, size_t name_len, uint32_t *ret,
                         struct err_ctx *err)
{
    if (!vector_grow(&keys->nodes, &keys->node_size, keys->node_count, NODES_MAX,
                     sizeof *keys->nodes))
        return err_set(err, ERR_SYSTEM, "field names");
    keys->nodes[keys->node_count] =
        (struct json_node){.slot = SLOT_NONE,
                           .name_len = (uint32_t)name_len,
                           .split = depth ? 1u << (BOUNDARIES_MAX - depth) : 0};
    *ret = (uint32_t)keys->node_count++;
    return OK;
}

/* Before the index stands: names are few enough, and are looked for once a load. */
static uint32_t edge_find(const struct json_keys *keys, uint32_t from, span key)
{
    for (size_t index = keys->edge_count; index-- > 0;) {
        const struct json_edge *edge = &keys->edges[index];
        if (edge->from == from && span_eq(span_of(edge->key, edge->len), key))
            return edge->to;
    }
    return NODE_NONE;
}

static uint32_t from_of(uint32_t from, span key)
{
    return key.len && memchr(key.data, '\\', key.len) ? from | EDGE_UNESCAPED : from;
}

static err_kind edge_add(struct json_keys *keys, uint32_t from, span key, uint32_t to,
                         struct err_ctx *err)
{
    keys->nodes[from].has_edges = true;
    if (edge_find(keys, from_of(from, key), key) != NODE_NONE)
        return OK;
    if (!vector_grow(&keys->edges, &keys->edge_size, keys->edge_count, NODES_MAX,
                     sizeof *keys->edges))
        return err_set(err, ERR_SYSTEM, "field names");
    struct json_edge edge = {.len = key.len, .from = from_of(from, key), .to = to, .key = key.data};
    ends_of(key, &edge.head, &edge.tail);
    keys->edges[keys->edge_count++] = edge;
    if (key.len > keys->key_len_max)
        keys->key_len_max = key.len;
    return OK;
}

err_kind json_keys_add(struct json_keys *keys, span name, uint32_t slot, struct err_ctx *err)
{
    size_t starts[BOUNDARIES_MAX + 1]; /* of the key that follows each node */
    uint32_t nodes[BOUNDARIES_MAX + 1];
    unsigned depth = 0;
    err_kind kind = OK;
    if (keys->node_count == 0) {
        uint32_t none, root;
        kind = node_new(keys, 0, 0, &none, err);
        if (kind == OK)
            kind = node_new(keys, 0, 0, &root, err);
    }
    nodes[0] = NODE_ROOT;
    starts[0] = 0;
    for (size_t at = 0; at <= name.len && kind == OK; at++) {
        bool is_end = at == name.len;
        if (!is_end && (name.data[at] != '.' || depth + 1 >= BOUNDARIES_MAX))
            continue;
        span last = span_of(name.data + starts[depth], at - starts[depth]);
        uint32_t node = edge_find(keys, from_of(nodes[depth], last), last);
        if (node == NODE_NONE)
            kind = node_new(keys, depth + 1, at, &node, err);
        for (unsigned from = 0; from <= depth && kind == OK; from++)
            kind = edge_add(keys, nodes[from], span_of(name.data + starts[from], at - starts[from]),
                            node, err);
        if (is_end || kind != OK) {
            if (kind == OK && keys->nodes[node].slot != SLOT_NONE)
                return err_set(err, ERR_STATE, "field '" PRI_SPAN "' twice", ARG_SPAN(name));
            if (kind == OK)
                keys->nodes[node].slot = slot;
            break;
        }
        depth++;
        nodes[depth] = node;
        starts[depth] = at + 1;
    }
    return kind;
}

uint32_t json_keys_slot(const struct json_keys *keys, span name)
{
    uint32_t node = keys->node_count ? edge_find(keys, from_of(NODE_ROOT, name), name) : NODE_NONE;
    return node == NODE_NONE ? SLOT_NONE : keys->nodes[node].slot;
}

err_kind json_keys_seal(struct json_keys *keys, struct err_ctx *err)
{
    size_t size = 16;
    keys->shift = 60;
    while (size < keys->edge_count * 4) { /* few look-ups for other keys meet an entry */
        size *= 2;
        keys->shift--;
    }
    keys->index = calloc(size, sizeof *keys->index);
    if (!keys->index)
        return err_set(err, ERR_SYSTEM, "field names");
    for (size_t number = 0; number < keys->edge_count; number++) {
        const struct json_edge *edge = &keys->edges[number];
        uint64_t slot = json_key_hash(edge->head, edge->tail, edge->len, edge->from) >> keys->shift;
        while (keys->index[slot])
            slot = (slot + 1) & (size - 1);
        keys->index[slot] = (uint32_t)number + 1;
    }
    return OK;
}

void json_keys_free(struct json_keys *keys)
{
    free(keys->nodes);
    free(keys->edges);
    free(keys->index);
    *keys = (struct json_keys){0};
}
