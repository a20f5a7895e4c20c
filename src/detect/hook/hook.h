/* The sensor's kernel half, from the outside: loads the programs of bpf/, attaches those that the
 * wanted events need, tells what each hook's state is and why. It never reads a record.
 *
 * Whether a hook works is found out by doing it, never from the kernel's version: a program that
 * does not load or attach is reported with its reason, and the rest runs.
 *
 * Needs CAP_BPF and CAP_PERFMON; hook_open besides, where tracefs is not mounted, CAP_SYS_ADMIN.
 * One thread at a time. */
#pragma once

#include <abi.h>
#include <stdbool.h>
#include <stddef.h>

#include <bpf/libbpf.h>

#include "core/error.h"
#include "core/span.h"

/* 32-bit calls pass by the calls' own tracepoints, which cost every call of the host 30 to 65 ns;
 * the end of all calls, where they are seen, costs 70 to 130 ns, and serves the others then too. */
enum hook_compat {
    HOOK_COMPAT_ON,
    HOOK_COMPAT_AUTO, /* besides the others' own tracepoints, from when a 32-bit program or call
                       * shows up: see hook_compat_watch */
    HOOK_COMPAT_OFF,
};

struct hook_options {
    size_t ring_bytes;     /* power of two, at least 64 KiB; 0: 32 MiB */
    uint32_t wakeup_bytes; /* unread bytes that wake the reader; 0: 256 KiB */
    enum hook_compat compat;
    libbpf_print_fn_t print; /* libbpf's own messages; NULL: none */
    /* Called now and then while programs load, which can take a slow machine half a minute; NULL:
     * nothing is. */
    void (*progress)(void *context);
    void *progress_context;
};

struct hook_set;

/* Loads what is always needed (exec, fork, exit, control groups) and makes the maps. RLIMIT_MEMLOCK
 * is raised where that is allowed; kernels since 5.11 do not need it. ERR_SYSTEM or ERR_DENIED when
 * not even the maps can be made; a hook that fails is no error here, see hook_describe. */
MUST_USE err_kind hook_open(const struct hook_options *options, struct hook_set **ret,
                            struct err_ctx *err);
/* Detaches everything that was not handed out. */
void hook_close(struct hook_set *set);

/* Attaches what the events need and detaches what they do not; may be called again at any time.
 * wanted: EVENT_COUNT entries by enum event_type, true = some rule needs it. Loading a program for
 * the first time takes some milliseconds. Fails only when the control page can't be written. */
MUST_USE err_kind hook_want(struct hook_set *set, const bool wanted[EVENT_COUNT],
                            struct err_ctx *err);

/* One component of a path that keeps an open; see struct open_filter. */
struct hook_open_name {
    span name;
    uint8_t flags; /* enum open_name_flag */
};

/* Says which opens no rule can match. While names change, all opens are kept: none is lost. LIMIT:
 * more than OPEN_NAMES_MAX names; everything is kept then. */
MUST_USE err_kind hook_filter_opens(struct hook_set *set, const struct open_filter *filter,
                                    const struct hook_open_name *names, size_t count,
                                    struct err_ctx *err);

/* Descriptors for the reader; borrowed. */
int hook_ring_fd(const struct hook_set *set);
int hook_control_fd(const struct hook_set *set);

/* A new descriptor: reading it to its end gives one EVENT_TASK record for each process that runs
 * now, laid out as in the ring. Owned by the caller. */
MUST_USE err_kind hook_snapshot(struct hook_set *set, int *ret_fd, struct err_ctx *err);

/* Leaves a process of ours out of all records, or takes it in again. */
MUST_USE err_kind hook_own(struct hook_set *set, int pid, bool is_own, struct err_ctx *err);

/* With HOOK_COMPAT_AUTO: attaches the watch once a 32-bit program runs, or a 32-bit call came by
 * one of the hooks that are there anyway (exec, fork, exit, changes of names). True when it was
 * attached just now: there is one more handle to hand out. Call it several times a second. */
bool hook_compat_watch(struct hook_set *set);

/* Adds what the kernel left out by itself (a program's recursion_misses) to the drop counters.
 * Call it every second or so. */
void hook_count_misses(struct hook_set *set);

/* ---- what runs, and why ---- */

enum hook_state {
    HOOK_UNUSED,   /* no wanted event needs it */
    HOOK_ATTACHED, /* works */
    HOOK_FAILED,   /* wanted, but did not load or attach: see reason */
};

struct hook_description {
    const char *name;    /* "sys_exit_openat", "sched_process_exec" */
    const char *kind;    /* "tp_btf", "tracepoint", "raw_tp", "iter" */
    const char *program; /* in bpf/ */
    const char *cost;    /* what it costs calls that are not its own */
    const char *event;   /* "openat"; "": serves several */
    enum hook_state state;
    const char *reason; /* "" unless HOOK_FAILED */
};

typedef void hook_visit(void *context, const struct hook_description *description);
void hook_describe(const struct hook_set *set, hook_visit *visit, void *context);
/* True when every hook that this event needs is attached. */
bool hook_serves(const struct hook_set *set, uint16_t event);

/* ---- outliving the process ---- */

/* One thing to keep open so that a successor finds the programs attached and the ring filled. */
struct hook_handle {
    char name[48];
    int fd;
};

#define HOOK_HANDLES_MAX 512

/* Lists every map, program and link: borrowed descriptors. Returns how many; 0 when `max` is too
 * small. */
size_t hook_hand_out(const struct hook_set *set, struct hook_handle *handles, size_t max);
/* As hook_open, with the handles of a predecessor: nothing detaches, the ring goes on. Takes
 * ownership of every fd, also on failure. ERR_STATE: the maps are not of this ABI. */
MUST_USE err_kind hook_adopt(const struct hook_options *options, const struct hook_handle *handles,
                             size_t count, struct hook_set **ret, struct err_ctx *err);
