/* Rights, namespaces, memory and the kernel itself: calls whose arguments are numbers or
 * descriptors, one handler a group. */
#include "lib/call.h"

/* ---- credentials ---- */

static __noinline int identity_done(struct call *call)
{
    struct task_struct *task = bpf_get_current_task_btf();
    struct scratch *space = record_begin(call->page, call->event, call->result, call->flags);
    if (!space)
        return 0;
    const __u64 *args = call->args;
    switch (call->event) {
    case EVENT_SETUID:
        put_u64(space, PARAM_UID, signed32(args[0]));
        break;
    case EVENT_SETGID:
        put_u64(space, PARAM_GID, signed32(args[0]));
        break;
    case EVENT_SETREUID:
    case EVENT_SETRESUID:
        put_u64(space, PARAM_UID, signed32(args[0]));
        put_u64(space, PARAM_EUID, signed32(args[1]));
        if (call->event == EVENT_SETRESUID)
            put_u64(space, PARAM_SUID, signed32(args[2]));
        break;
    case EVENT_SETREGID:
    case EVENT_SETRESGID:
        put_u64(space, PARAM_GID, signed32(args[0]));
        put_u64(space, PARAM_EGID, signed32(args[1]));
        if (call->event == EVENT_SETRESGID)
            put_u64(space, PARAM_SGID, signed32(args[2]));
        break;
    default: { /* capset: what the task holds now */
        struct {
            __u64 caps[3];
        } *caps = put_struct(space, PARAM_CAPS, typeof(*caps));
        const struct cred *cred = task->cred;
        if (caps) {
            caps->caps[0] = read_caps(&cred->cap_effective);
            caps->caps[1] = read_caps(&cred->cap_permitted);
            caps->caps[2] = read_caps(&cred->cap_inheritable);
        }
    }
    }
    record_send(call->page, space);
    return 0;
}

CALL_PROGRAMS(identity, identity_done, EVENT_NONE)

/* ---- memory ---- */

#define PROT_EXEC 4

static __noinline int memory_done(struct call *call)
{
    if (!(call->args[2] & PROT_EXEC))
        return 0;
    struct task_struct *task = bpf_get_current_task_btf();
    struct scratch *space = record_begin(call->page, call->event, call->result, call->flags);
    if (!space)
        return 0;
    put_u64(space, PARAM_ADDRESS, call->args[0]);
    put_u64(space, PARAM_SIZE, call->args[1]);
    put_u64(space, PARAM_PROTECTION, (__u32)call->args[2]);
    if (call->event == EVENT_MMAP) {
        __s64 fd = (__s32)call->args[4];
        put_u64(space, PARAM_FLAGS, (__u32)call->args[3]);
        put_u64(space, PARAM_FD, (__u64)fd);
        put_u64(space, PARAM_OFFSET, call->args[5]);
        if (fd >= 0 && !(call->args[3] & 0x20)) /* MAP_ANONYMOUS */
            put_fd_file(space, task, fd);
    }
    record_send(call->page, space);
    return 0;
}

CALL_PROGRAMS(memory, memory_done, EVENT_NONE)

/* ---- other processes ---- */

/* Requests that take hold of or write into another process, and the one that keeps debuggers off.
 */
static __always_inline bool ptrace_is_of_note(__u64 request)
{
    switch (request) {
    case 0:      /* PTRACE_TRACEME */
    case 4:      /* PTRACE_POKETEXT */
    case 5:      /* PTRACE_POKEDATA */
    case 6:      /* PTRACE_POKEUSR */
    case 13:     /* PTRACE_SETREGS */
    case 15:     /* PTRACE_SETFPREGS */
    case 16:     /* PTRACE_ATTACH */
    case 0x4205: /* PTRACE_SETREGSET */
    case 0x4206: /* PTRACE_SEIZE */
        return true;
    }
    return false;
}

static __noinline int peer_done(struct call *call)
{
    struct task_struct *task = bpf_get_current_task_btf();
    const __u64 *args = call->args;
    bool is_ptrace = call->event == EVENT_PTRACE;
    __s64 pid = (__s32)args[is_ptrace], own = pid_inside(pid_of(task, 1));
    if (is_ptrace && !ptrace_is_of_note(args[0]))
        return 0;
    if (!is_ptrace &&
        (pid == own || (call->event == EVENT_TKILL && pid == pid_inside(pid_of(task, 0)))))
        return 0; /* a signal to itself */
    struct scratch *space = record_begin(call->page, call->event, call->result, call->flags);
    if (!space)
        return 0;
    put_u64(space, PARAM_PEER_PID, (__u64)pid);
    switch (call->event) {
    case EVENT_PTRACE:
        put_u64(space, PARAM_REQUEST, args[0]);
        put_u64(space, PARAM_ADDRESS, args[2]);
        put_u64(space, PARAM_DATA, args[3]);
        break;
    case EVENT_PROCESS_VM_WRITEV:
        put_u64(space, PARAM_SIZE, (__u64)call->result);
        break;
    case EVENT_TGKILL:
        put_u64(space, PARAM_SIGNAL, signed32(args[2]));
        break;
    default:
        put_u64(space, PARAM_SIGNAL, signed32(args[1]));
    }
    record_send(call->page, space);
    return 0;
}

CALL_PROGRAMS(peer, peer_done, EVENT_NONE)

/* ---- the kernel, and what restrains a process ---- */

static __always_inline bool prctl_is_of_note(__u64 option)
{
    switch (option) {
    case 4:          /* PR_SET_DUMPABLE */
    case 8:          /* PR_SET_KEEPCAPS */
    case 15:         /* PR_SET_NAME */
    case 22:         /* PR_SET_SECCOMP */
    case 24:         /* PR_CAPBSET_DROP */
    case 28:         /* PR_SET_SECUREBITS */
    case 35:         /* PR_SET_MM */
    case 36:         /* PR_SET_CHILD_SUBREAPER */
    case 38:         /* PR_SET_NO_NEW_PRIVS */
    case 47:         /* PR_CAP_AMBIENT */
    case 0x59616d61: /* PR_SET_PTRACER */
        return true;
    }
    return false;
}

static __always_inline void put_control(struct scratch *space, struct call *call,
                                        struct task_struct *task)
{
    const __u64 *args = call->args;
    switch (call->event) {
    case EVENT_MEMFD_CREATE:
        put_u64(space, PARAM_FD, (__u64)call->result);
        put_string(space, PARAM_NAME, (void *)args[0], NAME_BYTES, true);
        return put_u64(space, PARAM_FLAGS, (__u32)args[1]);
    case EVENT_USERFAULTFD:
        put_u64(space, PARAM_FD, (__u64)call->result);
        return put_u64(space, PARAM_FLAGS, (__u32)args[0]);
    case EVENT_BPF:
        put_u64(space, PARAM_FD, (__u64)call->result);
        return put_u64(space, PARAM_REQUEST, signed32(args[0]));
    case EVENT_INIT_MODULE:
        put_u64(space, PARAM_SIZE, args[1]);
        return put_string(space, PARAM_NAME, (void *)args[2], NAME_BYTES, true);
    case EVENT_FINIT_MODULE:
        put_u64(space, PARAM_FD, signed32(args[0]));
        put_string(space, PARAM_NAME, (void *)args[1], NAME_BYTES, true);
        put_u64(space, PARAM_FLAGS, (__u32)args[2]);
        return put_fd_file(space, task, (__s32)args[0]);
    case EVENT_DELETE_MODULE:
        put_string(space, PARAM_NAME, (void *)args[0], NAME_BYTES, true);
        return put_u64(space, PARAM_FLAGS, (__u32)args[1]);
    case EVENT_KEXEC_LOAD:
        put_u64(space, PARAM_ADDRESS, args[0]);
        return put_u64(space, PARAM_FLAGS, args[3]);
    case EVENT_KEXEC_FILE_LOAD:
        put_u64(space, PARAM_FD, signed32(args[0]));
        put_u64(space, PARAM_FLAGS, args[4]);
        return put_fd_file(space, task, (__s32)args[0]);
    case EVENT_SECCOMP:
        put_u64(space, PARAM_REQUEST, (__u32)args[0]);
        return put_u64(space, PARAM_FLAGS, (__u32)args[1]);
    case EVENT_PRCTL:
        put_u64(space, PARAM_REQUEST, signed32(args[0]));
        put_u64(space, PARAM_DATA, args[1]);
        if ((__u32)args[0] == 15) /* PR_SET_NAME */
            put_string(space, PARAM_NAME, (void *)args[1], 16, true);
        return;
    case EVENT_IO_URING_SETUP: {
        __u32 flags = 0; /* struct io_uring_params */
        bpf_probe_read_user(&flags, sizeof flags, (void *)(args[1] + 8));
        put_u64(space, PARAM_FD, (__u64)call->result);
        put_u64(space, PARAM_SIZE, (__u32)args[0]);
        return put_u64(space, PARAM_FLAGS, flags);
    }
    case EVENT_SETNS:
        put_u64(space, PARAM_FD, signed32(args[0]));
        put_u64(space, PARAM_NS_TYPE, (__u32)args[1]);
        return put_fd_file(space, task, (__s32)args[0]);
    case EVENT_UNSHARE:
        return put_u64(space, PARAM_NS_TYPE, args[0]);
    }
}

static __noinline int control_done(struct call *call)
{
    if (call->event == EVENT_PRCTL && !prctl_is_of_note((__u32)call->args[0]))
        return 0;
    struct task_struct *task = bpf_get_current_task_btf();
    struct scratch *space = record_begin(call->page, call->event, call->result, call->flags);
    if (!space)
        return 0;
    put_control(space, call, task);
    record_send(call->page, space);
    return 0;
}

CALL_PROGRAMS(control, control_done, EVENT_NONE)
