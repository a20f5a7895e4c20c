/* A system call that ends: which event it is, its arguments, its result. One handler serves two
 * ways in: the call's own tracepoint, and the end of all calls (see calls.bpf.c), which also sees
 * 32-bit entry. The arguments are still in the saved registers. */
#pragma once

#include "lib/file.h"

#define CALL_MAX 512

/* enum event_type by system call number, written by the loader before loading. */
const volatile __u8 event_of_call[CALL_MAX];
const volatile __u8 event_of_compat_call[CALL_MAX];

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

static __always_inline void call_arguments(struct call *call, const struct pt_regs *regs,
                                           bool is_compat)
{
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

static __always_inline const struct pt_regs *current_registers(void)
{
    return (const struct pt_regs *)bpf_task_pt_regs(bpf_get_current_task_btf());
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
    call_arguments(call, current_registers(), false);
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

/* What tp_btf/sys_exit hands over. */
struct any_exit_context {
    const struct pt_regs *regs;
    __s64 result;
};

static __always_inline __u32 any_event(const struct pt_regs *regs, bool is_compat)
{
    __u64 nr = regs->orig_ax;
    if (is_compat && nr == COMPAT_SOCKETCALL)
        return socketcall_event((__u32)regs->bx);
    if (nr >= CALL_MAX)
        return EVENT_NONE;
    return is_compat ? event_of_compat_call[nr] : event_of_call[nr];
}

static __always_inline bool call_begin_any(struct call *call,
                                           const struct any_exit_context *context, __u32 also)
{
    const struct pt_regs *regs = context->regs;
    bool is_compat = task_is_compat(bpf_get_current_task_btf());
    call->event = any_event(regs, is_compat);
    call->page = call_wanted(call->event, also);
    if (!call->page)
        return false;
    call->result = is_compat ? (__s32)context->result : context->result;
    call->flags = is_compat ? RECORD_COMPAT : 0;
    call_arguments(call, regs, is_compat);
    if (is_compat && regs->orig_ax == COMPAT_SOCKETCALL) {
        __u32 args[6] = {};
        bpf_probe_read_user(args, sizeof args, (void *)call->args[1]);
        for (int i = 0; i < 6; i++)
            call->args[i] = args[i];
    }
    return true;
}

/* exit_NAME serves every tracepoint syscalls/sys_exit_X that the loader's table gives it; any_NAME
 * the same calls, 32-bit entry included, from the end of all calls. `also`: another event that the
 * handler makes of these calls, or EVENT_NONE. */
#define CALL_PROGRAMS(name, handler, also)                                                         \
    SEC("tp")                                                                                      \
    int exit_##name(struct call_exit_context *context)                                             \
    {                                                                                              \
        struct call call;                                                                          \
        return call_begin(&call, context, also) ? handler(&call) : 0;                              \
    }                                                                                              \
    SEC("tp_btf/sys_exit")                                                                         \
    int any_##name(struct any_exit_context *context)                                               \
    {                                                                                              \
        struct call call;                                                                          \
        return call_begin_any(&call, context, also) ? handler(&call) : 0;                          \
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
