/* Times as uint64_t nanoseconds, the clock named in the variable: _boot_ns counts from boot
 * (CLOCK_BOOTTIME, what kernel events carry), _wall_ns from 1970 (CLOCK_REALTIME). */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

static inline uint64_t clock_read(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static inline uint64_t clock_boot_ns(void)
{
    return clock_read(CLOCK_BOOTTIME);
}

static inline uint64_t clock_wall_ns(void)
{
    return clock_read(CLOCK_REALTIME);
}

/* RFC 3339 with a fraction of up to nine digits, and Z or a numeric offset; not before 1970. */
bool clock_parse(const char *text, uint64_t *ret_ns);
