/* Which call an io_uring request stands for. */
#pragma once

#include "lib/call.h"

/* Of enum io_uring_op (include/uapi/linux/io_uring.h), those that change names only ever run in a
 * worker thread. */
static __always_inline __u32 uring_event(__u32 opcode)
{
    switch (opcode) {
    case 9:
    case 48: /* SENDMSG_ZC */
        return EVENT_SENDMSG;
    case 13:
        return EVENT_ACCEPT4;
    case 16:
        return EVENT_CONNECT;
    case 18:
        return EVENT_OPENAT;
    case 26:
    case 47: /* SEND_ZC */
        return EVENT_SENDTO;
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
    case 56: /* since 6.11, as the next */
        return EVENT_BIND;
    case 57:
        return EVENT_LISTEN;
    default:
        return EVENT_NONE;
    }
}

static __always_inline bool uring_is_message(__u32 event)
{
    return event == EVENT_SENDTO || event == EVENT_SENDMSG;
}

static __always_inline bool uring_is_socket(__u32 event)
{
    return uring_is_message(event) || event == EVENT_ACCEPT4 || event == EVENT_CONNECT ||
           event == EVENT_BIND || event == EVENT_LISTEN;
}

/* ---- a request that runs ---- */

#define REQ_FIXED_FILE                                                                             \
    (1u << 0)                    /* IOSQE_FIXED_FILE, the first bits of io_kiocb.flags are those   \
                                  */
#define REQ_CQE_SKIP (1u << 6)   /* IOSQE_CQE_SKIP_SUCCESS */
#define SLOT_ANY     0xffffffffu /* IORING_FILE_INDEX_ALLOC: the result is the slot */

enum asked { ASKED_NOTHING, ASKED_USER, ASKED_KERNEL };

/* One of those on sockets. */
struct socket_request {
    struct record_head head; /* of the task that submitted it */
    __u64 ring, user_data;
    __s64 fd; /* -1: of the ring's own table */
    __u64 data, size;
    __u32 event, flags;
    __s32 backlog;
    __u32 slot;      /* direct descriptor to be made, plus 1; 0: a usual one */
    __u32 has_asked; /* enum asked: whose word `asked` is */
    __u32 unused;
    struct socket_tuple asked; /* remote end only; of a bind the local one */
};

/* The ring had no room for the completion: all that is told then is the ring and the number that
 * the program gave, which several requests may share. */
struct overflow {
    __u64 ring, user_data;
    __s64 result;
};

static __always_inline void keep_head(struct record_head *head, struct io_kiocb *req)
{
    const struct cred *cred = READ(req, creds);
    record_fill_head(head, bpf_get_current_task_btf());
    head->cgroup_id = bpf_get_current_cgroup_id();
    if (!cred)
        return;
    /* a registered personality: rights that the operation runs with, not the task's own */
    head->uid = READ(cred, euid.val);
    head->gid = READ(cred, egid.val);
    head->real_uid = READ(cred, uid.val);
    head->real_gid = READ(cred, gid.val);
    head->cap_effective = read_caps(&cred->cap_effective);
    head->cap_permitted = read_caps(&cred->cap_permitted);
    head->cap_inheritable = read_caps(&cred->cap_inheritable);
}

static __always_inline void head_take(struct scratch *space, const struct record_head *from)
{
    struct record_head *head = (void *)space->record;
    head->start_boot_ns = from->start_boot_ns;
    head->pid = from->pid;
    head->tid = from->tid;
    head->uid = from->uid;
    head->gid = from->gid;
    head->login_uid = from->login_uid;
    head->cap_effective = from->cap_effective;
    head->cap_permitted = from->cap_permitted;
    head->cap_inheritable = from->cap_inheritable;
    head->cgroup_id = from->cgroup_id;
    head->real_uid = from->real_uid;
    head->real_gid = from->real_gid;
    head->vtid = from->vtid;
}

/* Completed by a thread of the process that asked, worker threads included? A process that ends has
 * the rest of its requests completed by a kernel thread, with other descriptors and another root.
 */
static __always_inline bool is_same_process(const struct record_head *head)
{
    return (__s32)(bpf_get_current_pid_tgid() >> 32) == head->pid;
}

/* A file in the ring's own table; the pointer's lowest bits are flags. */
static __always_inline struct file *direct_file(struct io_kiocb *req, __u64 slot)
{
    struct io_ring_ctx *ring = READ(req, ctx);
    unsigned long file = 0;
    if (bpf_core_field_exists(ring->file_table.data.nodes)) {
        struct io_rsrc_node *node = NULL;
        if (slot >= READ(ring, file_table.data.nr))
            return NULL;
        bpf_probe_read_kernel(&node, sizeof node, READ(ring, file_table.data.nodes) + slot);
        file = READ(node, file_ptr);
    } else if (bpf_core_field_exists(ring->file_table.files)) {
        struct io_fixed_file *files = READ(ring, file_table.files);
        bpf_probe_read_kernel(&file, sizeof file, files + slot);
    }
    return (void *)(file & ~7ul);
}

/* The file that a request made: behind a descriptor, or in the ring's own table. */
static __always_inline struct file *made_file(const struct record_head *head, __u32 slot,
                                              struct io_kiocb *req, __s64 result)
{
    if (slot == 0)
        return is_same_process(head) ? file_of(bpf_get_current_task_btf(), result) : NULL;
    return direct_file(req, slot == SLOT_ANY ? (__u64)result : slot - 1);
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
