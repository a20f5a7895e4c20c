/* Which call an io_uring request stands for. */
#pragma once

#include "lib/call.h"

/* Of enum io_uring_op (include/uapi/linux/io_uring.h), those that change names only ever run in a
 * worker thread. */
static __always_inline __u32 uring_event(__u32 opcode)
{
    switch (opcode) {
    case 16:
        return EVENT_CONNECT;
    case 18:
        return EVENT_OPENAT;
    case 28:
        return EVENT_OPENAT2;
    case 35: /* takes flags, which renameat does not */
        return EVENT_RENAMEAT2;
    case 36:
        return EVENT_UNLINKAT;
    case 37:
        return EVENT_MKDIRAT;
    case 38:
        return EVENT_SYMLINKAT;
    case 39:
        return EVENT_LINKAT;
    default:
        return EVENT_NONE;
    }
}

/* What an io_uring worker thread is busy with; NULL: nothing, or a kernel without them. */
static __always_inline struct io_kiocb *uring_worker_request(struct task_struct *task)
{
    struct io_worker *worker = NULL;
    struct io_kiocb *request = NULL;
    if (!bpf_core_field_exists(task->worker_private) || !bpf_core_field_exists(worker->cur_work) ||
        !bpf_core_field_exists(request->work))
        return NULL;
    worker = READ(task, worker_private);
    struct io_wq_work *work = READ(worker, cur_work);
    return work ? (void *)work - bpf_core_field_offset(struct io_kiocb, work) : NULL;
}
