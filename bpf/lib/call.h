/* A system call that ends: which event it is, its arguments, its result. One handler serves three
 * ways in: the call's own tracepoint, and for 32-bit entry, which those tracepoints do not see, a
 * program reached from raw_tp/sys_exit by tail call. The arguments are still in the saved
 * registers. */
#pragma once

#include "lib/file.h"

#define CALL_MAX 512

/* enum event_type by system call number, written by the loader before loading. */
extern const volatile __u8 event_of_call[CALL_MAX];
extern const volatile __u8 event_of_compat_call[CALL_MAX];

struct call {
    struct control *page;
    __u32 event;
    __u32 flags; /* enum record_flag to begin with */
    __s64 result;
    __u64 args[6];
};

/* What kernel/trace/trace_syscalls.c hands to programs. Four bytes behind nr are not initialised,
 * though the tracepoint's format file shows nr as eight bytes wide. */
struct call_exit_context {
    __u64 unused;
    __u32 nr;
    __u32 garbage;
    __s64 result;
};

struct call_enter_context {
    __u64 unused;
    __u32 nr;
    __u32 garbage;
    __u64 args[6];
};

static __always_inline void call_arguments(struct call *call, struct task_struct *task,
                                           bool is_compat)
{
    struct pt_regs *regs = (struct pt_regs *)bpf_task_pt_regs(task);
    if (is_compat) {
        call->args[0] = (__u32)regs->bx;
        call->args[1] = (__u32)regs->cx;
        call->args[2] = (__u32)regs->dx;
        call->args[3] = (__u32)regs->si;
        call->args[4] = (__u32)regs->di;
        call->args[5] = (__u32)regs->bp;
    } else {
        call->args[0] = regs->di;
        call->args[1] = regs->si;
        call->args[2] = regs->dx;
        call->args[3] = regs->r10;
        call->args[4] = regs->r8;
        call->args[5] = regs->r9;
    }
}

static __always_inline bool call_begin(struct call *call, struct call_exit_context *context)
{
    __u32 nr = context->nr;
    if (nr >= CALL_MAX)
        return false;
    call->event = event_of_call[nr];
    call->page = wanted(call->event);
    if (!call->page)
        return false;
    call->result = context->result;
    call->flags = 0;
    call_arguments(call, bpf_get_current_task_btf(), false);
    return true;
}

static __always_inline bool call_begin_compat(struct call *call,
                                              struct bpf_raw_tracepoint_args *context)
{
    struct task_struct *task = bpf_get_current_task_btf();
    __u64 nr = ((struct pt_regs *)bpf_task_pt_regs(task))->orig_ax;
    if (nr >= CALL_MAX)
        return false;
    call->event = event_of_compat_call[nr];
    call->page = wanted(call->event);
    if (!call->page)
        return false;
    call->result = (__s32)context->args[1];
    call->flags = RECORD_COMPAT;
    call_arguments(call, task, true);
    return true;
}

/* exit_NAME serves every tracepoint syscalls/sys_exit_X that the loader's table gives it;
 * compat_NAME the same calls from 32-bit entry. */
#define CALL_PROGRAMS(name, handler)                                                               \
    SEC("tp")                                                                                      \
    int exit_##name(struct call_exit_context *context)                                             \
    {                                                                                              \
        struct call call;                                                                          \
        return call_begin(&call, context) ? handler(&call) : 0;                                    \
    }                                                                                              \
    SEC("raw_tp")                                                                                  \
    int compat_##name(struct bpf_raw_tracepoint_args *context)                                     \
    {                                                                                              \
        struct call call;                                                                          \
        return call_begin_compat(&call, context) ? handler(&call) : 0;                             \
    }

/* What the program passed, read when the call ends. */
static __always_inline void put_user_path(struct scratch *space, __u16 id, __u64 address)
{
    if (address)
        put_string(space, id, (void *)address, PATH_BYTES_MAX, true);
}
