/* Times as uint64_t nanoseconds, the clock named in the variable: _boot_ns counts from boot
 * (CLOCK_BOOTTIME, what kernel events carry), _wall_ns from 1970 (CLOCK_REALTIME). */
#pragma once

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
