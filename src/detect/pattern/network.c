#include <stdlib.h>

#include "core/vector.h"
#include "pattern/pattern.h"

#define NODES_MAX  4000000u
#define OWNERS_MAX 4000000u
#define NONE       UINT32_MAX

struct trie_node {
    uint32_t child[2]; /* NONE: no longer prefix */
    uint32_t owners;   /* chain, NONE: no network ends here */
};

struct trie_owner {
    uint32_t owner;
    uint32_t next;
};

struct networks {
    struct trie_node *nodes; /* 0 is the root of IPv4, 1 that of IPv6 */
    size_t node_count, node_size;
    struct trie_owner *owners;
    size_t owner_count, owner_size;
};

static uint32_t node_add(struct networks *networks)
{
    if (!vector_grow(&networks->nodes, &networks->node_size, networks->node_count, NODES_MAX,
                     sizeof *networks->nodes))
        return NONE;
    networks->nodes[networks->node_count] = (struct trie_node){{NONE, NONE}, NONE};
    return (uint32_t)networks->node_count++;
}

struct networks *networks_new(void)
{
    struct networks *networks = calloc(1, sizeof *networks);
    if (!networks)
        return NULL;
    bool has_four = node_add(networks) != NONE;
    bool has_six = node_add(networks) != NONE;
    if (!has_four || !has_six) {
        networks_free(networks);
        return NULL;
    }
    return networks;
}

void networks_free(struct networks *networks)
{
    if (!networks)
        return;
    free(networks->nodes);
    free(networks->owners);
    free(networks);
}

static unsigned bit_of(const uint8_t *bytes, unsigned bit)
{
    return bytes[bit / 8] >> (7 - bit % 8) & 1;
}

bool networks_add(struct networks *networks, const uint8_t *bytes, size_t byte_count,
                  unsigned prefix_bits, uint32_t owner)
{
    uint32_t at = byte_count == 4 ? 0 : 1;
    for (unsigned bit = 0; bit < prefix_bits; bit++) {
        unsigned side = bit_of(bytes, bit);
        uint32_t next = networks->nodes[at].child[side];
        if (next == NONE) {
            next = node_add(networks);
            if (next == NONE)
                return false;
            networks->nodes[at].child[side] = next;
        }
        at = next;
    }
    if (!vector_grow(&networks->owners, &networks->owner_size, networks->owner_count, OWNERS_MAX,
                     sizeof *networks->owners))
        return false;
    networks->owners[networks->owner_count] =
        (struct trie_owner){owner, networks->nodes[at].owners};
    networks->nodes[at].owners = (uint32_t)networks->owner_count++;
    return true;
}

void networks_find(const struct networks *networks, const uint8_t *bytes, size_t byte_count,
                   pattern_hit hit, void *context)
{
    uint32_t at = byte_count == 4 ? 0 : 1;
    for (unsigned bit = 0; at != NONE; bit++) {
        for (uint32_t owner = networks->nodes[at].owners; owner != NONE;
             owner = networks->owners[owner].next)
            hit(context, networks->owners[owner].owner);
        if (bit == byte_count * 8)
            break;
        at = networks->nodes[at].child[bit_of(bytes, bit)];
    }
}
