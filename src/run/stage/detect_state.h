/* Private to detect*.c. */
#pragma once

#include "container/container.h"
#include "flat/flat.h"
#include "signal/signal.h"
#include "stage/stage.h"

struct entity_place {
    size_t at, len; /* into the names */
};

struct detect {
    struct detect_options options;
    char hostname[72];
    struct process_table *processes;
    struct container_cache *containers;
    struct user_cache *users;
    struct kernel_decoder decoder;
    struct flat_decoder *flat;
    struct json_decoder *json; /* of that program's fields; NULL: lines are flat */
    struct rule_program *program;
    struct signal_renderer *renderer; /* of that program */
    span image;                       /* mapped */
    struct event event;               /* over kernel records */
    struct event line_event;          /* over lines */
    bool is_line;                     /* the event fed last */
    uint64_t number;
    span position; /* data NULL: not said */
    uint32_t matches[MATCHES_MAX];
    struct detect_counts counts;
    uint64_t facts_scope;       /* whose users were looked up last */
    struct writer part;         /* a part of the saved world */
    struct writer entity_names; /* of the signal written last */
    struct entity_place entities[SIGNAL_ENTITIES_MAX];
    size_t entity_count;
};

/* entity.c: of the JSON event fed last. */
void detect_entities(struct detect *detect, struct signal_context *context);
