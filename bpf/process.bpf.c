/* Processes: exec, fork, exit, and their control groups. These hooks cost other calls nothing and
 * are always attached: ancestry and container identity rest on them. */
#include "lib/call.h"
#include "lib/task.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* The process table of user space needs these whether or not a rule names them. */
static __always_inline struct control *needed(void)
{
    struct control *page = control_page();
    return page && !is_own(page) ? page : NULL;
}

SEC("tp_btf/sched_process_exec")
int BPF_PROG(exec_done, struct task_struct *task, int old_pid, struct linux_binprm *bprm)
{
    struct control *page = needed();
    if (!page)
        return 0;
    const char *filename = bprm->filename, *interpreter = bprm->interp, *by_fd = bprm->fdpath;
    __u32 event = by_fd ? EVENT_EXECVEAT : EVENT_EXECVE;
    struct scratch *space = record_begin(page, event, 0, task_is_compat(task) ? RECORD_COMPAT : 0);
    if (!space)
        return 0;
    put_exe(space, task, bprm->file);
    put_string(space, PARAM_PATH_RAW, filename, PATH_BYTES_MAX, false);
    if (interpreter != filename)
        put_string(space, PARAM_INTERPRETER, interpreter, PATH_BYTES_MAX, false);
    put_arguments(space, task);
    put_cwd(space, PARAM_CWD);
    put_string(space, PARAM_COMM, task->comm, sizeof task->comm, false);
    struct process_identity *identity = put_struct(space, PARAM_PROCESS, struct process_identity);
    if (identity)
        process_identity(task, identity);
    put_stdio(space, task);
    put_cgroups(space, task);
    record_send(page, space);
    return 0;
}

static __always_inline __u32 fork_event(struct task_struct *task)
{
    struct pt_regs *regs = (struct pt_regs *)bpf_task_pt_regs(task);
    __u64 nr = regs->orig_ax;
    __u32 event = EVENT_NONE;
    if (nr < CALL_MAX)
        event = task_is_compat(task) ? event_of_compat_call[nr] : event_of_call[nr];
    return event == EVENT_FORK || event == EVENT_VFORK || event == EVENT_CLONE3 ? event
                                                                                : EVENT_CLONE;
}

/* Instead of sched_process_fork: at the same place, and says with which flags. */
SEC("tp_btf/task_newtask")
int BPF_PROG(fork_done, struct task_struct *child, __u64 clone_flags)
{
    struct control *page = needed();
    if (!page || (child->flags & (PF_KTHREAD | PF_IO_WORKER | PF_USER_WORKER)))
        return 0;
    struct task_struct *task = bpf_get_current_task_btf();
    __u32 event = fork_event(task);
    if (child->pid != child->tgid && !page->want_event[event & 127])
        return 0; /* a thread: of no use to the process table */
    struct scratch *space =
        record_begin(page, event, child->pid, task_is_compat(task) ? RECORD_COMPAT : 0);
    if (!space)
        return 0;
    struct process_identity *identity = put_struct(space, PARAM_PROCESS, struct process_identity);
    if (identity) {
        process_identity(child, identity);
        identity->clone_flags = clone_flags;
    }
    put_string(space, PARAM_COMM, child->comm, sizeof child->comm, false);
    if (clone_flags & 0x200000000ull) /* CLONE_INTO_CGROUP */
        put_cgroups(space, child);
    record_send(page, space);
    return 0;
}

SEC("tp_btf/sched_process_exit")
int BPF_PROG(exit_done, struct task_struct *task)
{
    struct control *page = needed();
    if (!page)
        return 0;
    bool is_last = task->signal->live.counter == 0;
    if (!is_last && !page->want_event[EVENT_PROCEXIT])
        return 0;
    if (task->flags & (PF_KTHREAD | PF_IO_WORKER | PF_USER_WORKER))
        return 0;
    struct scratch *space = record_begin(page, EVENT_PROCEXIT, 0, 0);
    if (!space)
        return 0;
    __s64 status = task->exit_code;
    struct process_identity *identity = put_struct(space, PARAM_PROCESS, struct process_identity);
    if (identity) {
        process_identity(task, identity);
        identity->is_thread = !is_last;
    }
    put_u64(space, PARAM_STATUS, (__u64)status);
    record_send(page, space);
    return 0;
}

SEC("tp_btf/cgroup_attach_task")
int BPF_PROG(cgroup_attached, struct cgroup *to, const char *path, struct task_struct *task,
             bool is_threadgroup)
{
    struct control *page = needed();
    if (!page)
        return 0;
    struct scratch *space = record_begin(page, EVENT_CGROUP_ATTACH, 0, 0);
    if (!space)
        return 0;
    put_u64(space, PARAM_PEER_PID, (__u64)(__s64)task->tgid);
    put_u64(space, PARAM_PEER_START, task->group_leader->start_boottime);
    put_string(space, PARAM_PATH, path, PATH_BYTES_MAX, false);
    put_cgroups(space, task);
    record_send(page, space);
    return 0;
}

SEC("tp_btf/cgroup_mkdir")
int BPF_PROG(cgroup_made, struct cgroup *cgroup, const char *path)
{
    struct control *page = needed();
    if (!page)
        return 0;
    struct scratch *space = record_begin(page, EVENT_CGROUP_MKDIR, 0, 0);
    if (!space)
        return 0;
    put_string(space, PARAM_PATH, path, PATH_BYTES_MAX, false);
    record_send(page, space);
    return 0;
}

/* A program that did not start: no kernel object tells its name. */
static __noinline int exec_failed(struct call *call)
{
    if (call->result >= 0)
        return 0;
    struct scratch *space =
        record_begin(call->page, call->event, call->result, call->flags | RECORD_NAME_UNVERIFIED);
    if (!space)
        return 0;
    if (call->event == EVENT_EXECVEAT)
        put_u64(space, PARAM_DIRFD, (__u64)(__s64)(__s32)call->args[0]);
    put_user_path(space, PARAM_PATH_RAW, call->args[call->event == EVENT_EXECVEAT]);
    put_cwd(space, PARAM_CWD);
    record_send(call->page, space);
    return 0;
}

CALL_PROGRAMS(exec, exec_failed, EVENT_NONE)
