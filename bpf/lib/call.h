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

/* Is the call's event wanted, or the other one that its handler can make of it? */
static __always_inline struct control *call_wanted(__u32 event, __u32 also)
{
    struct control *page = wanted(event);
    return page || !also ? page : wanted(also);
}

static __always_inline bool call_begin(struct call *call, struct call_exit_context *context,
                                       __u32 also)
{
    __u32 nr = context->nr;
    if (nr >= CALL_MAX)
        return false;
    call->event = event_of_call[nr];
    call->page = call_wanted(call->event, also);
    if (!call->page)
        return false;
    call->result = context->result;
    call->flags = 0;
    call_arguments(call, bpf_get_current_task_btf(), false);
    return true;
}

/* i386 programs may reach all socket calls through one number (SYS_SOCKETCALL), the arguments in
 * memory. The numbers of net/socket.c by event. */
static __always_inline __u32 socketcall_event(__u32 call)
{
    switch (call) {
    case 1:
        return EVENT_SOCKET;
    case 2:
        return EVENT_BIND;
    case 3:
        return EVENT_CONNECT;
    case 4:
        return EVENT_LISTEN;
    case 5:
        return EVENT_ACCEPT;
    case 11:
        return EVENT_SENDTO;
    case 12:
        return EVENT_RECVFROM;
    case 16:
        return EVENT_SENDMSG;
    case 17:
        return EVENT_RECVMSG;
    case 18:
        return EVENT_ACCEPT4;
    case 20:
        return EVENT_SENDMMSG;
    default:
        return EVENT_NONE;
    }
}

#define COMPAT_SOCKETCALL 102

static __always_inline __u32 compat_event(struct pt_regs *regs)
{
    __u64 nr = regs->orig_ax;
    if (nr == COMPAT_SOCKETCALL)
        return socketcall_event((__u32)regs->bx);
    return nr < CALL_MAX ? event_of_compat_call[nr] : EVENT_NONE;
}

static __always_inline bool call_begin_compat(struct call *call,
                                              struct bpf_raw_tracepoint_args *context, __u32 also)
{
    struct task_struct *task = bpf_get_current_task_btf();
    struct pt_regs *regs = (struct pt_regs *)bpf_task_pt_regs(task);
    call->event = compat_event(regs);
    call->page = call_wanted(call->event, also);
    if (!call->page)
        return false;
    call->result = (__s32)context->args[1];
    call->flags = RECORD_COMPAT;
    call_arguments(call, task, true);
    if (regs->orig_ax == COMPAT_SOCKETCALL) {
        __u32 args[6] = {};
        bpf_probe_read_user(args, sizeof args, (void *)call->args[1]);
        for (int i = 0; i < 6; i++)
            call->args[i] = args[i];
    }
    return true;
}

/* exit_NAME serves every tracepoint syscalls/sys_exit_X that the loader's table gives it;
 * compat_NAME the same calls from 32-bit entry. `also`: another event that the handler makes of
 * these calls, or EVENT_NONE. */
#define CALL_PROGRAMS(name, handler, also)                                                         \
    SEC("tp")                                                                                      \
    int exit_##name(struct call_exit_context *context)                                             \
    {                                                                                              \
        struct call call;                                                                          \
        return call_begin(&call, context, also) ? handler(&call) : 0;                              \
    }                                                                                              \
    SEC("raw_tp")                                                                                  \
    int compat_##name(struct bpf_raw_tracepoint_args *context)                                     \
    {                                                                                              \
        struct call call;                                                                          \
        return call_begin_compat(&call, context, also) ? handler(&call) : 0;                       \
    }

/* A small number from user space, kept with its sign. */
static __always_inline __u64 signed32(__u64 argument)
{
    return (__u64)(__s64)(__s32)argument;
}

/* What the program passed, read when the call ends. */
static __always_inline void put_user_path(struct scratch *space, __u16 id, __u64 address)
{
    if (address)
        put_string(space, id, (void *)address, PATH_BYTES_MAX, true);
}

/* The file behind a descriptor: PATH and FILE. */
static __always_inline void put_fd_file(struct scratch *space, struct task_struct *task, __s64 fd)
{
    struct file *file = file_of(task, fd);
    if (!file)
        return;
    put_file_path(space, PARAM_PATH, file);
    put_file(space, PARAM_FILE, file);
}
