/* Private to hook/: the set as its files see it. */
#pragma once

#include <bpf/libbpf.h>

#include "hook/hook.h"

enum {
    MAPS_MAX = 16,
    PROGRAMS_MAX = 128,
    LINKS_MAX = 256,
    PERF_EVENTS_MAX = 160,
    HOOK_NAME_MAX = 48
};

struct hook_map {
    char name[HOOK_NAME_MAX]; /* as in bpf/ */
    int fd;
};

struct hook_program {
    char name[HOOK_NAME_MAX];
    int fd;          /* -1: failed to load, see reason */
    uint64_t misses; /* recursion_misses counted so far */
    uint16_t event;  /* whose drops its misses are counted as */
    char reason[160];
};

struct hook_link {
    char name[HOOK_NAME_MAX]; /* sys_exit_openat, sched_process_exec */
    int fd;                   /* -1: failed, see reason */
    char reason[160];
};

/* A tracepoint's perf event, opened before anything hangs on it. */
struct hook_perf_event {
    char name[HOOK_NAME_MAX];
    int fd;
};

struct hook_set {
    struct hook_options options;
    struct hook_map maps[MAPS_MAX];
    size_t map_count;
    struct hook_program programs[PROGRAMS_MAX];
    size_t program_count;
    struct hook_link links[LINKS_MAX];
    size_t link_count;
    struct hook_perf_event perf_events[PERF_EVENTS_MAX]; /* see hook_perf_events_open */
    size_t perf_event_count;
    int tracefs_fd; /* its events folder; -1: none */
    char tracefs_reason[160];
    bool has_rdonly_cast; /* the kernel has bpf_rdonly_cast: see bpf/kernel.h */
    bool wanted[EVENT_COUNT];
    struct control *control; /* mapped */
};

/* load.c: makes sure that these programs were tried; one that fails keeps its reason. Only trouble
 * with the object or its maps is an error. */
MUST_USE err_kind load_programs(struct hook_set *set, const char *const *names, size_t count,
                                struct err_ctx *err);
struct hook_program *find_program(struct hook_set *set, const char *name);
int find_map(const struct hook_set *set, const char *name); /* fd or -1 */
uint16_t program_event(const char *name);                   /* see hook_program.event */
const char *hook_program_tracepoint(const char *name); /* of a tp_btf program; NULL: another kind */

/* hook.c */
struct hook_set *set_new(const struct hook_options *options, struct err_ctx *err);
MUST_USE err_kind control_map(struct hook_set *set, struct err_ctx *err);
struct hook_link *find_link(const struct hook_set *set, const char *name);
struct call_row;
bool call_is_wanted(const struct hook_set *set, const struct call_row *row);
/* Does the one program on the end of all calls serve this call's 64-bit entry? */
bool call_is_any(const struct hook_set *set, const struct call_row *row);
#define HOOK_ANY_NAME "sys_exit"

/* attach.c: finds tracefs, mounting it where nobody else sees it. */
void tracefs_open(struct hook_set *set);
/* Where the kernel gives perf events to full root only, as Debian's does by default, opens those of
 * all calls while we still are that: they cost a few nanoseconds each such call. */
void hook_perf_events_open(struct hook_set *set);
/* Both give a link's fd or -errno. */
int attach_tracepoint(struct hook_set *set, const char *folder, const char *name, int program_fd);
/* name NULL: a tp_btf program, which knows its place; else a raw_tp one. */
int attach_trace(const char *name, int program_fd);
int attach_iterator(int program_fd);
