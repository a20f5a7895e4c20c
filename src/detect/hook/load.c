/* Loading programs into maps that are there already. libbpf loads an object whole and gives up at
 * the first program that the kernel refuses; so a batch that fails is tried again one by one. */
#include <errno.h>
#include <fcntl.h>
#include <sensor.skel.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/btf.h>

#include "core/cleanup.h"
#include "hook/set.h"
#include "hook/table.h"

/* Programs in one object: fewer, and opening it takes longer than they do; more, and nobody hears
 * of us for too long. */
enum { BATCH_MAX = 12 };

struct hook_program *find_program(struct hook_set *set, const char *name)
{
    for (size_t i = 0; i < set->program_count; i++) {
        if (strcmp(set->programs[i].name, name) == 0)
            return &set->programs[i];
    }
    return NULL;
}

int find_map(const struct hook_set *set, const char *name)
{
    for (size_t i = 0; i < set->map_count; i++) {
        if (strcmp(set->maps[i].name, name) == 0)
            return set->maps[i].fd;
    }
    return -1;
}

static void call_numbers(struct sensor_bpf *skeleton)
{
    for (int i = 0; i < call_table_len; i++) {
        const struct call_row *row = &call_table[i];
        if (row->nr >= 0)
            skeleton->rodata->event_of_call[row->nr] = (__u8)row->event;
        if (row->compat_nr >= 0)
            skeleton->rodata->event_of_compat_call[row->compat_nr] = (__u8)row->event;
        skeleton->rodata->is_change[row->event] = row->program == CALL_CHANGE;
        skeleton->rodata->program_of_event[row->event] = (__u8)row->program;
    }
}

/* Maps that the set holds are taken over; the sizes of the others are set. */
static err_kind maps_prepare(struct hook_set *set, struct bpf_object *object, struct err_ctx *err)
{
    struct bpf_map *map;
    bpf_object__for_each_map(map, object)
    {
        const char *name = bpf_map__name(map);
        if (bpf_map__is_internal(map))
            continue;
        int fd = find_map(set, name);
        if (fd >= 0) {
            if (bpf_map__reuse_fd(map, fd))
                return err_set(err, ERR_SYSTEM, "map '%s' of a former sensor", name);
        } else if (strcmp(name, "ring") == 0) {
            bpf_map__set_max_entries(map, (uint32_t)set->options.ring_bytes);
        } else if (strcmp(name, "scratch") == 0) {
            uint32_t slots = bpf_map__max_entries(map);
            bpf_map__set_max_entries(map, slots * (uint32_t)libbpf_num_possible_cpus());
        }
    }
    return OK;
}

static err_kind maps_keep(struct hook_set *set, struct bpf_object *object, struct err_ctx *err)
{
    struct bpf_map *map;
    bpf_object__for_each_map(map, object)
    {
        const char *name = bpf_map__name(map);
        if (bpf_map__is_internal(map) || find_map(set, name) >= 0)
            continue;
        if (set->map_count == MAPS_MAX)
            return err_set(err, ERR_LIMIT, "more than %d maps", MAPS_MAX);
        int fd = fcntl(bpf_map__fd(map), F_DUPFD_CLOEXEC, 0);
        if (fd < 0)
            return err_set(err, ERR_SYSTEM, "map '%s'", name);
        struct hook_map *kept = &set->maps[set->map_count++];
        snprintf(kept->name, sizeof kept->name, "%s", name);
        kept->fd = fd;
    }
    return OK;
}

static void program_keep(struct hook_set *set, const char *name, int fd, const char *why_not)
{
    struct hook_program *program = find_program(set, name);
    if (!program) {
        if (set->program_count == PROGRAMS_MAX)
            return;
        program = &set->programs[set->program_count++];
        snprintf(program->name, sizeof program->name, "%s", name);
    }
    program->event = program_event(name);
    program->fd = fd >= 0 ? fcntl(fd, F_DUPFD_CLOEXEC, 0) : -1;
    if (program->fd < 0)
        snprintf(program->reason, sizeof program->reason, "does not load: %s", why_not);
}

/* Loads all of these or none; *ret_sys says why not. */
static err_kind load_batch(struct hook_set *set, const char *const *names, size_t count,
                           int *ret_sys, struct err_ctx *err)
{
    struct sensor_bpf *skeleton = sensor_bpf__open();
    if (!skeleton)
        return err_set(err, ERR_SYSTEM, "kernel programs: can't open the object");
    struct bpf_program *program;
    bpf_object__for_each_program(program, skeleton->obj)
    {
        bpf_program__set_autoload(program, false);
    }
    call_numbers(skeleton);
    skeleton->rodata->has_rdonly_cast = set->has_rdonly_cast;
    err_kind kind = maps_prepare(set, skeleton->obj, err);
    for (size_t i = 0; kind == OK && i < count; i++) {
        program = bpf_object__find_program_by_name(skeleton->obj, names[i]);
        if (program)
            bpf_program__set_autoload(program, true);
    }
    *ret_sys = 0;
    if (kind == OK && bpf_object__load(skeleton->obj))
        *ret_sys = errno;
    if (kind == OK && *ret_sys == 0)
        kind = maps_keep(set, skeleton->obj, err);
    for (size_t i = 0; kind == OK && *ret_sys == 0 && i < count; i++) {
        program = bpf_object__find_program_by_name(skeleton->obj, names[i]);
        program_keep(set, names[i], program ? bpf_program__fd(program) : -1, strerror(ENOENT));
    }
    sensor_bpf__destroy(skeleton);
    return kind;
}

/* Looks up what this kernel has. Programs on tracepoints that it does not have get their reason at
 * once: libbpf would give up the whole batch. */
static void kernel_look_up(struct hook_set *set, const char **names, size_t *count)
{
    struct btf *btf = *count ? btf__load_vmlinux_btf() : NULL;
    size_t kept = 0;
    if (btf)
        set->has_rdonly_cast = btf__find_by_name_kind(btf, "bpf_rdonly_cast", BTF_KIND_FUNC) > 0;
    for (size_t i = 0; i < *count; i++) {
        const char *tracepoint = hook_program_tracepoint(names[i]);
        char type[64];
        snprintf(type, sizeof type, "btf_trace_%s", tracepoint ? tracepoint : "");
        if (tracepoint && btf && btf__find_by_name_kind(btf, type, BTF_KIND_TYPEDEF) < 0)
            program_keep(set, names[i], -1, "no such tracepoint in this kernel");
        else
            names[kept++] = names[i];
    }
    btf__free(btf);
    *count = kept;
}

static void progress(const struct hook_set *set)
{
    if (set->options.progress)
        set->options.progress(set->options.progress_context);
}

static err_kind load_some(struct hook_set *set, const char *const *names, size_t count,
                          struct err_ctx *err)
{
    int sys;
    err_kind kind = load_batch(set, names, count, &sys, err);
    for (size_t i = 0; kind == OK && sys && i < count; i++) {
        int single;
        progress(set);
        kind = load_batch(set, &names[i], 1, &single, err);
        if (kind == OK && single && set->has_rdonly_cast) {
            set->has_rdonly_cast = false; /* this one, without */
            kind = load_batch(set, &names[i], 1, &single, err);
            set->has_rdonly_cast = true;
        }
        if (kind == OK && single)
            program_keep(set, names[i], -1, strerror(single));
    }
    progress(set);
    return kind;
}

err_kind load_programs(struct hook_set *set, const char *const *names, size_t count,
                       struct err_ctx *err)
{
    const char *missing[PROGRAMS_MAX];
    size_t missing_count = 0;
    int sys;
    for (size_t i = 0; i < count && missing_count < PROGRAMS_MAX; i++) {
        if (!find_program(set, names[i]))
            missing[missing_count++] = names[i];
    }
    if (set->map_count == 0) { /* maps first: without them there is no sensor */
        err_kind kind = load_batch(set, NULL, 0, &sys, err);
        if (kind == OK && sys) {
            errno = sys;
            kind =
                err_set(err, sys == EPERM ? ERR_DENIED : ERR_SYSTEM, "maps of the kernel programs");
        }
        if (kind != OK)
            return kind;
    }
    kernel_look_up(set, missing, &missing_count);
    for (size_t first = 0; first < missing_count; first += BATCH_MAX) {
        size_t rest = missing_count - first;
        err_kind kind = load_some(set, &missing[first], rest < BATCH_MAX ? rest : BATCH_MAX, err);
        if (kind != OK)
            return kind;
    }
    return OK;
}
