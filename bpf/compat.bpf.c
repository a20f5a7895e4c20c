/* 32-bit system calls (int 0x80, sysenter, 32-bit programs) pass by the calls' own tracepoints on
 * x86-64. This program sees every call of the host end and returns at once unless it was one of
 * those; the handler is then reached by tail call. */
#include "lib/call.h"

/* Index into compat_programs by event, written by the loader; 255: none. */
const volatile __u8 program_of_event[128];

struct {
    __uint(type, BPF_MAP_TYPE_PROG_ARRAY);
    __uint(max_entries, 64);
    __type(key, __u32);
    __type(value, __u32);
} compat_programs SEC(".maps");

SEC("raw_tp/sys_exit")
int compat_exit(struct bpf_raw_tracepoint_args *context)
{
    struct task_struct *task = bpf_get_current_task_btf();
    if (!task_is_compat(task))
        return 0;
    __u32 event = compat_event((struct pt_regs *)bpf_task_pt_regs(task));
    bpf_tail_call(context, &compat_programs, program_of_event[event & 127]);
    return 0;
}
