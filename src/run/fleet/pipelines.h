/* What the subcommands of `picket pipeline` share. */
#pragma once

#include "command/command.h"
#include "declare/declare.h"

#define PIPELINES_MAX    64
#define PIPELINES_FOLDER "pipelines" /* below the state folder: a store a pipeline */

int fleet_new(int argc, const char *const *argv);
int fleet_check(int argc, const char *const *argv);
int fleet_list(int argc, const char *const *argv);
int fleet_status(int argc, const char *const *argv);
int fleet_run(int argc, const char *const *argv);

struct pipelines {
    struct declare_pipeline items[PIPELINES_MAX];
    size_t count;
    uint8_t *pairs; /* that the items borrow from */
};

/* Reads files, and every *.yaml and *.yml below folders. What is wrong goes to stderr. Returns the
 * exit code. */
int fleet_load(const struct option_list *paths, struct pipelines *ret);
void fleet_unload(struct pipelines *pipelines);

/* Compiles the rules of one: relative paths are seen from the file's folder. */
int fleet_compile(const struct declare_pipeline *pipeline, int *ret_image_fd);

/* What the worker of a pipeline on Kafka has told last: the file in the pipeline's folder (-1:
 * there is none), and what it says. */
struct json_t;
int fleet_worker_open(int folder);
void fleet_worker_counters(int fd, struct json_t *into);

struct pipeline_place {
    const char *state; /* folder of all pipelines */
    bool is_text;
    uint64_t period_ns;
};
/* Runs one until SIGTERM, in this process. Returns the exit code. */
int fleet_serve(const struct declare_pipeline *pipeline, const struct pipeline_place *place);
