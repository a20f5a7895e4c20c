#include "core/clock.h"

#include <stdio.h>

bool clock_parse(const char *text, uint64_t *ret_ns)
{
    struct tm parts = {0};
    uint64_t fraction = 0, scale = 1000000000;
    const char *at = strptime(text, "%Y-%m-%dT%H:%M:%S", &parts);
    if (!at)
        return false;
    if (*at == '.')
        for (at++; *at >= '0' && *at <= '9'; at++)
            if (scale > 1)
                fraction += (uint64_t)(*at - '0') * (scale /= 10);
    int64_t offset_s = 0;
    if (*at == '+' || *at == '-') {
        unsigned hours, minutes;
        if (sscanf(at + 1, "%2u:%2u", &hours, &minutes) != 2)
            return false;
        offset_s = (int64_t)(hours * 3600 + minutes * 60) * (*at == '-' ? -1 : 1);
    } else if (*at != 'Z' && *at != 'z') {
        return false;
    }
    int64_t seconds = (int64_t)timegm(&parts) - offset_s;
    if (seconds < 0)
        return false;
    *ret_ns = (uint64_t)seconds * 1000000000u + fraction;
    return true;
}
