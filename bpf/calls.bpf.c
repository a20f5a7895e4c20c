/* The end of all system calls of the host. 32-bit calls (int 0x80, sysenter, 32-bit programs) pass
 * by the calls' own tracepoints on x86-64, so they can only be seen here; and once this program
 * runs, a call that it hands on costs less than by a tracepoint of its own besides. It returns at
 * once unless a rule needs the call; the handler is then reached by tail call. */
#include "lib/call.h"

/* Index into any_programs by event, written by the loader; 255: none. */
const volatile __u8 program_of_event[128];

struct {
    __uint(type, BPF_MAP_TYPE_PROG_ARRAY);
    __uint(max_entries, 64);
    __type(key, __u32);
    __type(value, __u32);
} any_programs SEC(".maps");

SEC("tp_btf/sys_exit")
int exit_any(struct any_exit_context *context)
{
    bool is_compat = task_is_compat(bpf_get_current_task_btf());
    __u32 event = any_event(context->regs, is_compat) & 127;
    if (event == EVENT_NONE)
        return 0;
    struct control *page = control_page();
    if (!page || (!is_compat && !(page->exits[event >> 6] >> (event & 63) & 1)))
        return 0;
    bpf_tail_call(context, &any_programs, program_of_event[event]);
    return 0;
}
