#include <arpa/inet.h>
#include <stdio.h>

#include "sigma/compile.h"

static bool prefix_parse(span text, unsigned max, uint8_t *ret)
{
    unsigned bits = 0;
    if (text.len == 0 || text.len > 3)
        return false;
    for (size_t index = 0; index < text.len; index++) {
        if (text.data[index] < '0' || text.data[index] > '9')
            return false;
        bits = bits * 10 + (unsigned)(text.data[index] - '0');
    }
    *ret = (uint8_t)bits;
    return bits <= max;
}

/* Clears what lies behind the prefix; false: there was nothing. */
static bool host_clear(struct address *address, uint8_t prefix_bits)
{
    bool was_set = false;
    for (unsigned bit = prefix_bits; bit < (address->family == AF_INET ? 32 : 128); bit++) {
        uint8_t mask = (uint8_t)(0x80 >> bit % 8);
        was_set |= (address->bytes[bit / 8] & mask) != 0;
        address->bytes[bit / 8] &= (uint8_t)~mask;
    }
    return was_set;
}

/* ::ffff:a.b.c.d as IPv4, as events have it. */
static void mapped_mend(struct rule_literal *network)
{
    static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
    struct address *address = &network->value.address;
    if (memcmp(address->bytes, mapped, sizeof mapped) != 0 || network->prefix_bits < 96)
        return;
    memmove(address->bytes, address->bytes + 12, 4);
    memset(address->bytes + 4, 0, 12);
    address->family = AF_INET;
    network->prefix_bits = (uint8_t)(network->prefix_bits - 96);
}

enum network network_parse(span text, struct rule_literal *ret, char mended[static 64])
{
    char copy[INET6_ADDRSTRLEN + 1];
    span rest = text;
    span address = text;
    bool has_bits = span_until(&rest, '/', &address);
    struct rule_literal network = {.value.kind = VALUE_ADDRESS};
    struct address *out = &network.value.address;
    if (address.len >= sizeof copy || address.len == 0)
        return NETWORK_WRONG;
    memcpy(copy, address.data, address.len);
    copy[address.len] = 0;
    bool is_four = inet_pton(AF_INET, copy, out->bytes) == 1;
    if (!is_four && inet_pton(AF_INET6, copy, out->bytes) != 1)
        return NETWORK_WRONG;
    out->family = is_four ? AF_INET : AF_INET6;
    network.prefix_bits = is_four ? 32 : 128;
    if (has_bits && !prefix_parse(rest, network.prefix_bits, &network.prefix_bits))
        return NETWORK_WRONG;
    bool had_host = host_clear(out, network.prefix_bits);
    if (had_host && inet_ntop(out->family, out->bytes, copy, sizeof copy))
        snprintf(mended, 64, "%s/%u", copy, (unsigned)network.prefix_bits);
    mapped_mend(&network);
    *ret = network;
    return had_host ? NETWORK_HOST_BITS : NETWORK_GOOD;
}
