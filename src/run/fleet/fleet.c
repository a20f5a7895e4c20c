#include "fleet/fleet.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/cleanup.h"
#include "fleet/pipelines.h"

static const struct command subcommands[] = {
    {"new", fleet_new, "print a template, to be adapted"},
    {"check", fleet_check, "check declared pipelines and their rules"},
    {"list", fleet_list, "pipelines that have run, with their health"},
    {"status", fleet_status, "all their counters"},
    {"run", fleet_run, "run pipelines, an engine each"},
};

int fleet_command(int argc, const char *const *argv)
{
    return cli_subcommand("pipeline", subcommands, sizeof subcommands / sizeof *subcommands, argc,
                          argv);
}

/* ---- loading ---- */

static err_kind image_read(int fd, uint8_t **ret, size_t *ret_len, struct err_ctx *err)
{
    off_t size = lseek(fd, 0, SEEK_END);
    AUTO(auto_free) uint8_t *bytes = size < 0 ? NULL : malloc((size_t)size + 1);
    if (!bytes)
        return err_set(err, ERR_SYSTEM, "pipelines");
    for (off_t at = 0; at < size;) {
        ssize_t count = pread(fd, bytes + at, (size_t)(size - at), at);
        if (count < 0 && errno == EINTR)
            continue;
        if (count <= 0)
            return err_set(err, ERR_SYSTEM, "pipelines");
        at += count;
    }
    *ret = STEAL(bytes);
    *ret_len = (size_t)size;
    return OK;
}

static err_kind items_take(struct pipelines *pipelines, size_t len, struct err_ctx *err)
{
    span pairs = span_of(pipelines->pairs, len);
    for (;;) {
        struct declare_pipeline pipeline;
        bool is_end;
        err_kind kind = declare_next(&pairs, &pipeline, &is_end, err);
        if (kind != OK || is_end)
            return kind;
        if (pipelines->count == PIPELINES_MAX)
            return err_set(err, ERR_LIMIT, "more than %d pipelines", PIPELINES_MAX);
        pipelines->items[pipelines->count++] = pipeline;
    }
}

static err_kind declared_read(const struct option_list *paths, struct compiled *ret,
                              struct err_ctx *err)
{
    struct bundle bundle;
    err_kind kind = bundle_open(&bundle, err);
    for (size_t index = 0; index < paths->count && kind == OK; index++)
        kind = bundle_add(&bundle, paths->items[index], err);
    if (kind == OK)
        kind = declare_compile(&bundle, ret, err);
    bundle_close(&bundle);
    return kind;
}

int fleet_load(const struct option_list *paths, struct pipelines *ret)
{
    struct compiled compiled;
    struct err_ctx err;
    size_t len;
    *ret = (struct pipelines){0};
    if (paths->count == 0) {
        fprintf(stderr, "picket: name a file or folder of pipelines\n");
        return EXIT_USAGE;
    }
    if (declared_read(paths, &compiled, &err) != OK)
        return cli_fail(&err);
    fwrite(compiled.diagnostics.data, 1, compiled.diagnostics.len, stderr);
    bool is_good = compiled.error_count == 0 && compiled.image_fd >= 0;
    err_kind kind = is_good ? image_read(compiled.image_fd, &ret->pairs, &len, &err) : OK;
    compiled_close(&compiled);
    if (!is_good)
        return EXIT_WRONG;
    if (kind == OK)
        kind = items_take(ret, len, &err);
    if (kind == OK && ret->count == 0)
        kind = err_set(&err, ERR_INPUT, "no pipeline is declared there");
    if (kind == OK)
        return EXIT_DONE;
    fleet_unload(ret);
    return cli_fail(&err);
}

void fleet_unload(struct pipelines *pipelines)
{
    free(STEAL(pipelines->pairs));
}

/* ---- rules ---- */

/* As seen from the pipeline's file. */
static bool path_from(const char *file, const char *path, char ret[static PATH_MAX])
{
    const char *slash = strrchr(file, '/');
    int len = path[0] == '/' || !slash
                  ? snprintf(ret, PATH_MAX, "%s", path)
                  : snprintf(ret, PATH_MAX, "%.*s/%s", (int)(slash - file), file, path);
    return len > 0 && len < PATH_MAX;
}

static bool paths_from(const char *file, const struct declare_list *list, struct option_list *ret,
                       char (*room)[PATH_MAX])
{
    for (size_t index = 0; index < list->count; index++) {
        if (!path_from(file, list->items[index], room[index])) {
            fprintf(stderr, "picket: %s: a path is too long\n", file);
            return false;
        }
        ret->items[ret->count++] = room[index];
    }
    return true;
}

int fleet_compile(const struct declare_pipeline *pipeline, int *ret_image_fd)
{
    struct option_list rules = {0}, mappings = {0};
    size_t count = pipeline->rules.count + pipeline->mappings.count;
    _Static_assert(DECLARE_LIST_MAX <= OPTION_LIST_MAX, "a declared list is an option's");
    AUTO(auto_free) char(*room)[PATH_MAX] = calloc(count + 1, sizeof *room);
    if (!room || !paths_from(pipeline->file, &pipeline->rules, &rules, room) ||
        !paths_from(pipeline->file, &pipeline->mappings, &mappings, room + pipeline->rules.count))
        return EXIT_WRONG;
    return cli_image(&rules, &mappings, pipeline->decoder, ret_image_fd);
}
