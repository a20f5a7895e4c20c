/* Handing maps, programs and links over to a successor, and what the kernel left out meanwhile. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include "hook/set.h"
#include "hook/table.h"

static bool handle_add(struct hook_handle *handles, size_t max, size_t *count, const char *kind,
                       const char *name, int fd)
{
    if (fd < 0)
        return true;
    if (*count == max)
        return false;
    struct hook_handle *handle = &handles[(*count)++];
    handle->fd = fd;
    snprintf(handle->name, sizeof handle->name, "%s:%s", kind, name);
    return true;
}

size_t hook_hand_out(const struct hook_set *set, struct hook_handle *handles, size_t max)
{
    size_t count = 0;
    bool has_room = true;
    for (size_t i = 0; i < set->map_count; i++)
        has_room &= handle_add(handles, max, &count, "map", set->maps[i].name, set->maps[i].fd);
    for (size_t i = 0; i < set->program_count; i++)
        has_room &=
            handle_add(handles, max, &count, "program", set->programs[i].name, set->programs[i].fd);
    for (size_t i = 0; i < set->link_count; i++)
        has_room &= handle_add(handles, max, &count, "link", set->links[i].name, set->links[i].fd);
    return has_room ? count : 0;
}

static bool name_take(const char *name, const char *kind, char *ret, size_t size)
{
    size_t len = strlen(kind);
    if (strncmp(name, kind, len) != 0 || name[len] != ':')
        return false;
    snprintf(ret, size, "%s", name + len + 1);
    return true;
}

/* Takes the handle's fd into the set; false: no such kind, or no room. */
static bool handle_take(struct hook_set *set, const struct hook_handle *handle)
{
    struct hook_map *map = &set->maps[set->map_count];
    struct hook_program *program = &set->programs[set->program_count];
    struct hook_link *link = &set->links[set->link_count];
    if (set->map_count < MAPS_MAX && name_take(handle->name, "map", map->name, HOOK_NAME_MAX)) {
        map->fd = handle->fd;
        set->map_count++;
    } else if (set->program_count < PROGRAMS_MAX &&
               name_take(handle->name, "program", program->name, HOOK_NAME_MAX)) {
        program->fd = handle->fd;
        set->program_count++;
    } else if (set->link_count < LINKS_MAX &&
               name_take(handle->name, "link", link->name, HOOK_NAME_MAX)) {
        link->fd = handle->fd;
        set->link_count++;
    } else {
        return false;
    }
    return true;
}

static err_kind maps_check(struct hook_set *set, struct err_ctx *err)
{
    struct bpf_map_info info = {0};
    uint32_t len = sizeof info;
    int ring = find_map(set, "ring"), page = find_map(set, "control");
    if (ring < 0 || page < 0)
        return err_set(err, ERR_STATE, "handles of a former sensor: no ring or no control page");
    if (bpf_obj_get_info_by_fd(page, &info, &len))
        return err_set(err, ERR_SYSTEM, "handles of a former sensor");
    if (info.value_size != sizeof(struct control))
        return err_set(err, ERR_STATE,
                       "handles of a former sensor: control page of %u bytes, not %zu",
                       info.value_size, sizeof(struct control));
    memset(&info, 0, sizeof info);
    len = sizeof info;
    if (bpf_obj_get_info_by_fd(ring, &info, &len))
        return err_set(err, ERR_SYSTEM, "handles of a former sensor");
    set->options.ring_bytes = info.max_entries;
    return OK;
}

/* What the predecessor counted already is not counted again. */
static void misses_resume(struct hook_set *set)
{
    for (size_t i = 0; i < set->program_count; i++) {
        struct hook_program *program = &set->programs[i];
        program->event = program_event(program->name);
        program->misses = 0;
        for (int cpu = 0; cpu < CPU_MAX; cpu++)
            program->misses += set->control->cpus[cpu].drops[DROP_RECURSION][program->event];
    }
}

err_kind hook_adopt(const struct hook_options *options, const struct hook_handle *handles,
                    size_t count, struct hook_set **ret, struct err_ctx *err)
{
    struct hook_set *set = set_new(options, err);
    for (size_t i = 0; i < count; i++) {
        if (!set || !handle_take(set, &handles[i]))
            close(handles[i].fd);
    }
    if (!set)
        return err->kind;
    tracefs_open(set);
    hook_perf_events_open(set);
    err_kind kind = maps_check(set, err);
    if (kind == OK)
        kind = control_map(set, err);
    if (kind != OK) {
        hook_close(set);
        return kind;
    }
    for (int event = 0; event < EVENT_COUNT; event++)
        set->wanted[event] = set->control->want_event[event] != 0;
    misses_resume(set);
    *ret = set;
    return OK;
}

void hook_count_misses(struct hook_set *set)
{
    for (size_t i = 0; i < set->program_count; i++) {
        struct hook_program *program = &set->programs[i];
        struct bpf_prog_info info = {0};
        uint32_t len = sizeof info;
        if (program->fd < 0 || bpf_obj_get_info_by_fd(program->fd, &info, &len) ||
            info.recursion_misses <= program->misses)
            continue;
        uint64_t *drops = &set->control->cpus[0].drops[DROP_RECURSION][program->event];
        __atomic_fetch_add(drops, info.recursion_misses - program->misses, __ATOMIC_RELAXED);
        program->misses = info.recursion_misses;
    }
}
