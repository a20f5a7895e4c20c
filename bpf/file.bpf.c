/* Opened files. A successful open is named by the file that the kernel put behind the descriptor;
 * a failed one has no object, only what the program passed. */
#include "lib/call.h"

static __always_inline void open_arguments(const struct call *call, __u64 *ret_name,
                                           __u64 *ret_flags, __u64 *ret_mode)
{
    *ret_name = call->args[1];
    *ret_flags = call->args[2];
    *ret_mode = call->args[3];
    if (call->event == EVENT_OPEN || call->event == EVENT_CREAT) {
        *ret_name = call->args[0];
        *ret_flags = call->event == EVENT_OPEN ? call->args[1] : 01101; /* O_CREAT|WRONLY|TRUNC */
        *ret_mode = call->args[call->event == EVENT_OPEN ? 2 : 1];
    } else if (call->event == EVENT_OPENAT2) {
        __u64 how[2] = {};
        bpf_probe_read_user(how, sizeof how, (void *)call->args[2]);
        *ret_flags = how[0];
        *ret_mode = how[1];
    } else if (call->event == EVENT_OPEN_BY_HANDLE_AT) {
        *ret_name = 0;
        *ret_mode = 0;
    }
}

static __noinline int open_done(struct call *call)
{
    __u64 name, flags, mode;
    open_arguments(call, &name, &flags, &mode);
    struct task_struct *task = bpf_get_current_task_btf();
    struct file *file = call->result >= 0 ? file_of(task, call->result) : NULL;
    struct scratch *space = record_begin(call->page, call->event, call->result,
                                         call->flags | (file ? 0 : RECORD_NAME_UNVERIFIED));
    if (!space)
        return 0;
    put_u64(space, PARAM_FD, (__u64)call->result);
    if (call->event != EVENT_OPEN && call->event != EVENT_CREAT)
        put_u64(space, PARAM_DIRFD, (__u64)(__s64)(__s32)call->args[0]);
    put_u64(space, PARAM_FLAGS, flags);
    put_u64(space, PARAM_MODE, mode);
    if (file) {
        put_file_path(space, PARAM_PATH, file, task);
        put_file(space, PARAM_FILE, file);
    }
    put_user_path(space, PARAM_PATH_RAW, name);
    record_send(call->page, space);
    return 0;
}

CALL_PROGRAMS(open, open_done)
