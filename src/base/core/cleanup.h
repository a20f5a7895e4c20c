/* Scope exit and hand-over of ownership: one macro, one destructor per type. */
#pragma once

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define AUTO(destructor) __attribute__((cleanup(destructor)))

static inline void auto_free(void *pointer)
{
    free(*(void **)pointer);
}

static inline void auto_close(int *fd)
{
    if (*fd >= 0)
        close(*fd);
}

static inline void auto_fclose(FILE **file)
{
    if (*file)
        fclose(*file);
}

/* Hands an owned pointer over and leaves NULL behind. */
#define STEAL(pointer)                                                                             \
    ({                                                                                             \
        __typeof__(pointer) steal_ = (pointer);                                                    \
        (pointer) = NULL;                                                                          \
        steal_;                                                                                    \
    })

/* The same for a descriptor, which leaves -1. */
static inline int fd_steal(int *fd)
{
    int taken = *fd;
    *fd = -1;
    return taken;
}
