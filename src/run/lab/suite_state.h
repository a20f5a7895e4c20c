/* Private to suite*.c. */
#pragma once

#include "lab/lab.h"
#include "lab/text.h"

enum suite_status { TEST_WAITING, TEST_PASSED, TEST_FAILED, TEST_SKIPPED };

struct suite_event {
    char *text; /* one line of JSON */
    uint64_t line;
};

struct suite_test {
    char *file;  /* of the events */
    char *rule;  /* name or id; NULL: not said */
    char *why;   /* NULL: not said */
    char *wrong; /* why it cannot run at all; NULL: it can */
    bool is_skipped;
    bool is_kernel; /* the events are the kernel's, with Falco's names */
    uint64_t line;
    struct suite_event *events;
    size_t event_count, event_size;
    int64_t expected; /* so many events or more must match; 0: none may */
    enum suite_status status;
    char *message; /* what was not as expected */
    uint64_t ns;
};

struct suite {
    struct suite_test *tests;
    size_t count, size;
};

/* A zeroed test with a copy of the file's name; NULL: too many, or out of memory. */
MUST_USE struct suite_test *suite_test_add(struct suite *suite, const char *file);
/* Adds an event; takes no ownership of json. */
MUST_USE bool suite_event_add(struct suite_test *test, const json_t *json, uint64_t line);
