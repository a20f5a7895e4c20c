/* Private to this folder: the subcommands of `picket rules`, and what they share with `picket
 * test`. To add one: a file with its option table and its main, a row in rules.c. */
#pragma once

#include "command/command.h"
#include "lab/lab.h"

int rules_list(int argc, const char *const *argv);
int rules_explain(int argc, const char *const *argv);
int rules_fields(int argc, const char *const *argv);
int rules_coverage(int argc, const char *const *argv);
int rules_cost(int argc, const char *const *argv);
int rules_diff(int argc, const char *const *argv);
int rules_except(int argc, const char *const *argv);

/* Drops rights and opens a replay over each image, which need not outlive them. */
struct rules_replays {
    struct replay *items[2];
    size_t count;
};
MUST_USE err_kind rules_replays_open(const struct compiled_sets *sets, struct rules_replays *ret,
                                     struct err_ctx *err);
void rules_replays_close(struct rules_replays *replays);
/* Every rule once, by replay: a rule may be in both. The caller frees it. */
MUST_USE err_kind rules_all(const struct rules_replays *replays, const struct rule_info ***ret,
                            size_t *ret_count, struct err_ctx *err);

/* Files of events, opened before rights are dropped, and what their events are. */
#define RULES_SOURCE_OPTION(type)                                                                  \
    {                                                                                              \
        "source", OPTION_TEXT, offsetof(type, source), "kernel", "NAME",                           \
            "what the events are, as for picket replay: kernel for Falco rules; json, envoy, ..."  \
    }
#define RULES_STAGE_OPTION(type)                                                                   \
    {                                                                                              \
        "stage", OPTION_TEXT, offsetof(type, stage), "live,shadow", "STAGE,...",                   \
            "take the rules of these stages: draft, shadow, live, retired"                         \
    }
struct rules_events {
    const struct source *source; /* NULL: kernel */
    struct lab_file files[OPTION_LIST_MAX];
    size_t count;
};
/* Returns the exit code. */
int rules_events_open(const struct option_list *paths, const char *source,
                      struct rules_events *ret);
void rules_events_close(struct rules_events *events);

/* Finds the tests of rule files and folders (lab/lab.h). */
MUST_USE err_kind rules_tests_find(const struct option_list *paths, struct suite *suite,
                                   struct err_ctx *err);
/* Prints what was written; EXIT_WRONG and a message when it is not whole. */
int rules_print(const struct writer *out);

#define RULES_BYTES_MAX (256u << 20) /* of an answer */
