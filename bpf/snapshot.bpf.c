/* The processes that ran before we came: one EVENT_TASK record each, read from an iterator's
 * descriptor. Its buffer holds 32 KiB, so argv and environment are cut shorter here than at exec.
 */
#include "lib/task.h"

#define SNAPSHOT_LIST_MAX 8192

/* The reading of another task's memory may sleep: so this space belongs to no CPU. */
struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, struct scratch);
} snapshot_scratch SEC(".maps");

static __always_inline void put_task_list(struct scratch *space, __u16 id, struct task_struct *task,
                                          unsigned long from, unsigned long to, __u32 cut)
{
    struct param_head *param = param_next(space);
    if (!param || to <= from)
        return;
    __u64 len = to - from;
    if (len > SNAPSHOT_LIST_MAX) {
        len = SNAPSHOT_LIST_MAX;
        space->flags |= cut;
    }
    asm volatile("" : "+r"(len));
    if (len > SNAPSHOT_LIST_MAX)
        return;
    __u8 *data = (__u8 *)(param + 1);
    *(__u64 *)(data + (len & ~7ull)) = 0;
    if (bpf_copy_from_user_task(data, (__u32)len, (void *)from, task, 0)) {
        space->flags |= RECORD_FAULT;
        return;
    }
    param_end(space, param, id, (__u32)len);
}

static __always_inline int task_told(struct bpf_iter__task *context, bool with_arguments)
{
    struct task_struct *task = context->task;
    struct seq_file *seq = context->meta->seq;
    __u32 zero = 0;
    if (!task || task->pid != task->tgid)
        return 0;
    __u32 tgid = task->tgid;
    if (bpf_map_lookup_elem(&own_pids, &tgid))
        return 0;
    struct control *page = control_page();
    if (page && task_runs_32_bit(task))
        page->has_compat = 1;
    struct scratch *space = bpf_map_lookup_elem(&snapshot_scratch, &zero);
    if (!space || __sync_lock_test_and_set(&space->busy, 1))
        return 0;
    struct record_head *head = (void *)space->record;
    __builtin_memset(head, 0, sizeof *head);
    record_fill_head(head, task);
    head->type = EVENT_TASK;
    head->time_boot_ns = bpf_ktime_get_boot_ns();
    head->cgroup_id = READ(task, cgroups, dfl_cgrp, kn, id);
    space->task = task;
    space->flags = RECORD_SNAPSHOT;
    space->len = sizeof *head;
    struct file *exe = READ(task, mm, exe_file);
    if (exe)
        put_exe(space, task, exe);
    if (with_arguments && task->mm) {
        put_task_list(space, PARAM_ARGV, task, READ(task, mm, arg_start), READ(task, mm, arg_end),
                      RECORD_CUT_ARGV);
        put_task_list(space, PARAM_ENV, task, READ(task, mm, env_start), READ(task, mm, env_end),
                      RECORD_CUT_ENV);
    }
    put_cwd(space, PARAM_CWD);
    put_string(space, PARAM_COMM, task->comm, sizeof task->comm, false);
    struct process_identity *identity = put_struct(space, PARAM_PROCESS, struct process_identity);
    if (identity)
        process_identity(task, identity);
    put_stdio(space, task);
    put_cgroups(space, task);
    __u32 len = space->len;
    head->len = len;
    head->flags = (__u16)space->flags;
    asm volatile("" : "+r"(len));
    if (len <= RECORD_BYTES_MAX)
        bpf_seq_write(seq, space->record, len);
    record_drop(space);
    return 0;
}

SEC("iter.s/task")
int snapshot_full(struct bpf_iter__task *context)
{
    return task_told(context, true);
}

/* Where the kernel has no bpf_copy_from_user_task (before 5.18): without argv and environment. */
SEC("iter/task")
int snapshot_plain(struct bpf_iter__task *context)
{
    return task_told(context, false);
}
