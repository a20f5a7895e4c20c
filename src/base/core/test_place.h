/* A folder of a test's own, as cmocka's setup and teardown, and calls that must succeed. */
#pragma once

#include <dirent.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/error.h"
#include "core/test.h"

struct test_place {
    char path[64];
    int fd;
};

/* To be set to true in a child that a test forks: what fails there must not go on as the test. */
static inline bool *test_is_child(void)
{
    static bool is_child;
    return &is_child;
}

/* A call that gets `err` and must return OK. */
#define MUST(call)                                                                                 \
    do {                                                                                           \
        struct err_ctx must_err_ = {0};                                                            \
        struct err_ctx *err = &must_err_;                                                          \
        (void)err;                                                                                 \
        if ((call) != OK) {                                                                        \
            if (*test_is_child())                                                                  \
                _exit(1);                                                                          \
            fail_msg("%s: %s", #call, must_err_.text);                                             \
        }                                                                                          \
    } while (0)

static inline int test_place_open(void **state)
{
    struct test_place *place = calloc(1, sizeof *place);
    if (!place)
        return -1;
    snprintf(place->path, sizeof place->path, "/tmp/picket-test.XXXXXX");
    if (!mkdtemp(place->path)) {
        free(place);
        return -1;
    }
    place->fd = open(place->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    *state = place;
    return place->fd < 0;
}

/* Removes the files of the folder. */
static inline void test_place_empty(int dir_fd)
{
    DIR *dir = fdopendir(dup(dir_fd));
    if (!dir)
        return;
    rewinddir(dir);
    for (struct dirent *entry; (entry = readdir(dir));)
        unlinkat(dir_fd, entry->d_name, 0);
    closedir(dir);
}

static inline int test_place_close(void **state)
{
    struct test_place *place = *state;
    if (!place)
        return 0;
    test_place_empty(place->fd);
    close(place->fd);
    rmdir(place->path);
    free(place);
    return 0;
}

#define IN_PLACE(test) cmocka_unit_test_setup_teardown(test, test_place_open, test_place_close)
