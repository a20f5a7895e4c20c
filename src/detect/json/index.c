/* What the first pass asks once a line is known to have a control character, an odd escape or bytes
 * over 0x7f. */
#include "json/index.h"

#include <string.h>

#include "core/writer.h"

json_index json_index_choose(void)
{
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi") &&
        __builtin_cpu_supports("popcnt"))
        return json_index_avx2;
    return json_index_sse2;
#else
    return json_index_scalar;
#endif
}

bool json_controls_are_outside(const uint8_t *line, size_t len, const uint32_t *quotes,
                               size_t count)
{
    size_t next = 0;
    for (size_t at = 0; at < len; at++) {
        while (next < count && quotes[next] <= at)
            next++;
        if (line[at] < 0x20 && next % 2)
            return false;
    }
    return true;
}

static bool is_hex(uint8_t byte)
{
    return (byte >= '0' && byte <= '9') || ((byte | 0x20) >= 'a' && (byte | 0x20) <= 'f');
}

bool json_escape_is_hex(const uint8_t *line, size_t len, size_t at)
{
    if (at >= len || len - at < 5 || line[at] != 'u')
        return false;
    return is_hex(line[at + 1]) && is_hex(line[at + 2]) && is_hex(line[at + 3]) &&
           is_hex(line[at + 4]);
}

bool json_is_utf8(const uint8_t *line, size_t len)
{
    size_t at = 0;
    while (at < len) {
        uint64_t eight;
        uint32_t code;
        if (len - at >= 8) {
            memcpy(&eight, line + at, 8);
            if (!(eight & 0x8080808080808080u)) {
                at += 8;
                continue;
            }
        }
        size_t length = line[at] < 0x80 ? 1 : utf8_length((span){line + at, len - at}, &code);
        if (length == 0)
            return false;
        at += length;
    }
    return true;
}
