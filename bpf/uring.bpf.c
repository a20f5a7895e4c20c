/* Operations through io_uring, as the calls that they stand for. What was asked for is kept when
 * the request is submitted: the kernel has copied the names by then, and drops its copies before
 * the request completes. The record is made at completion, when the result is known; at once where
 * no completion will be seen (IOSQE_CQE_SKIP_SUCCESS) or no more requests can be kept: without
 * object and with result 0 then. */
#include "lib/uring.h"

#include "lib/last.h"
#include "lib/socket.h"
#include "lib/touch.h"

/* In file.bpf.c and change.bpf.c. */
int open_is_kept(__u64 address, __u64 flags);
int name_removed(struct scratch *space, struct touch_list *list, __u32 is_relative);
int name_moved(struct scratch *space, struct touch_list *list, __u32 is_relative);
int name_made(struct scratch *space, struct touch_list *list, __u32 id, __u32 is_relative);
int name_linked(struct scratch *space, struct touch_list *list, __u32 is_relative);

#define REQUESTS_MAX 256
#define REQ_FIXED_FILE                                                                             \
    (1u << 0)                    /* IOSQE_FIXED_FILE, the first bits of io_kiocb.flags are those   \
                                  */
#define REQ_CQE_SKIP (1u << 6)   /* IOSQE_CQE_SKIP_SUCCESS */
#define SLOT_ANY     0xffffffffu /* IORING_FILE_INDEX_ALLOC: the result is the slot */
#define O_LARGEFILE  0100000

struct request {
    struct record_head head; /* of the task that submitted it */
    __u64 ring, user_data;
    __u64 flags, mode;
    __s64 dirfd, dirfd_other, fd;
    __u32 event;
    __u32 slot; /* direct descriptor to be made, plus 1; 0: a usual one */
    __u32 has_other, has_asked;
    struct socket_tuple asked; /* remote end only */
    char names[2][PATH_BYTES_MAX];
};

/* By struct io_kiocb. One that never completes is overwritten when its memory is used again. */
struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, REQUESTS_MAX);
    __type(key, __u64);
    __type(value, struct request);
} requests SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, struct request);
} request_new SEC(".maps");

/* ---- what was asked for ---- */

static __always_inline void keep_name(char *to, struct filename *name)
{
    if (bpf_probe_read_kernel_str(to, PATH_BYTES_MAX, READ(name, name)) < 0)
        to[0] = 0;
}

static __always_inline void keep_two_names(struct request *request, struct io_kiocb *req)
{
    struct io_rename *moved = (void *)req;
    struct io_link *linked = (void *)req;
    request->has_other = 1;
    if (request->event == EVENT_RENAMEAT2) {
        request->dirfd = READ(moved, old_dfd);
        request->dirfd_other = READ(moved, new_dfd);
        request->flags = (__u32)READ(moved, flags);
        keep_name(request->names[0], READ(moved, oldpath));
        keep_name(request->names[1], READ(moved, newpath));
        return;
    }
    request->dirfd = READ(linked, old_dfd);
    request->dirfd_other = READ(linked, new_dfd);
    request->flags = (__u32)READ(linked, flags);
    if (request->event == EVENT_SYMLINKAT)
        request->dirfd = request->dirfd_other;
    keep_name(request->names[0], READ(linked, oldpath));
    keep_name(request->names[1], READ(linked, newpath));
}

static __always_inline void keep_arguments(struct request *request, struct io_kiocb *req)
{
    struct io_open *opened = (void *)req;
    struct io_unlink *removed = (void *)req;
    struct io_mkdir *made = (void *)req;
    struct io_connect *connected = (void *)req;
    switch (request->event) {
    case EVENT_OPENAT:
    case EVENT_OPENAT2:
        request->dirfd = READ(opened, dfd);
        request->slot = READ(opened, file_slot);
        request->flags = READ(opened, how.flags);
        request->mode = READ(opened, how.mode);
        if (request->event == EVENT_OPENAT)
            request->flags &= ~(__u64)O_LARGEFILE; /* added by the kernel */
        keep_name(request->names[0], READ(opened, filename));
        return;
    case EVENT_UNLINKAT:
        request->dirfd = READ(removed, dfd);
        request->flags = (__u32)READ(removed, flags);
        keep_name(request->names[0], READ(removed, filename));
        return;
    case EVENT_MKDIRAT:
        request->dirfd = READ(made, dfd);
        request->mode = READ(made, mode);
        keep_name(request->names[0], READ(made, filename));
        return;
    case EVENT_CONNECT:
        request->fd = READ(req, flags) & REQ_FIXED_FILE ? -1 : READ(req, cqe.fd);
        request->has_asked = sockaddr_remote(&request->asked, (__u64)READ(connected, addr),
                                             (__u64)READ(connected, addr_len));
        return;
    default:
        keep_two_names(request, req);
    }
}

static __always_inline void keep_head(struct request *request, struct io_kiocb *req)
{
    struct record_head *head = &request->head;
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

/* ---- records ---- */

static __always_inline struct scratch *request_record(struct control *page,
                                                      const struct request *request, __s64 result)
{
    struct scratch *space = record_begin(page, request->event, result, RECORD_IO_URING);
    if (!space)
        return NULL;
    struct record_head *head = (void *)space->record;
    const struct record_head *from = &request->head;
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
    return space;
}

/* Completed by a thread of the process that asked, worker threads included? A process that ends has
 * the rest of its requests completed by a kernel thread, with other descriptors and another root.
 */
static __always_inline bool is_same_process(const struct request *request)
{
    return (__s32)(bpf_get_current_pid_tgid() >> 32) == request->head.pid;
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

static __always_inline struct file *opened_file(const struct request *request, struct io_kiocb *req,
                                                __s64 result)
{
    if (request->slot == 0)
        return is_same_process(request) ? file_of(bpf_get_current_task_btf(), result) : NULL;
    return direct_file(req, request->slot == SLOT_ANY ? (__u64)result : request->slot - 1);
}

SUBPROGRAM int open_finished(struct request *request, __u64 address, __s64 result, __u32 is_early)
{
    struct control *page = control_page();
    if (!request || !page)
        return 0;
    struct file *file = NULL;
    if (result >= 0 && !is_early)
        file = opened_file(request, (void *)address, result);
    /* one without object may have been opened all the same */
    if ((file || result < 0) && !open_is_kept((__u64)file, request->flags)) {
        counters_of(page)->excluded++;
        return 0;
    }
    struct scratch *space = request_record(page, request, result);
    if (!space)
        return 0;
    if (request->slot == 0 && !is_early)
        put_u64(space, PARAM_FD, (__u64)result);
    put_u64(space, PARAM_DIRFD, (__u64)request->dirfd);
    put_u64(space, PARAM_FLAGS, request->flags);
    put_u64(space, PARAM_MODE, request->mode);
    if (file) {
        if (READ(file, f_mode) & FMODE_CREATED)
            space->flags |= RECORD_FILE_MADE;
        put_file_path(space, PARAM_PATH, file);
        put_file(space, PARAM_FILE, file);
    } else {
        space->flags |= RECORD_NAME_UNVERIFIED;
        if (is_same_process(request))
            put_base(space, space->task, request->dirfd);
    }
    put_string(space, PARAM_PATH_RAW, request->names[0], PATH_BYTES_MAX, false);
    record_send(page, space);
    return 0;
}

SUBPROGRAM int connect_finished(struct request *request, __u64 address, __s64 result,
                                __u32 is_early)
{
    struct control *page = control_page();
    struct io_kiocb *req = (void *)address;
    if (!request || !page)
        return 0;
    struct file *file = READ(req, file);
    if (is_early)
        file = file_of(bpf_get_current_task_btf(), request->fd);
    struct sock *sock = file ? file_sock(file) : NULL;
    struct scratch *space = request_record(page, request, result);
    if (!space)
        return 0;
    if (request->fd >= 0)
        put_u64(space, PARAM_FD, (__u64)request->fd);
    struct socket_tuple *tuple = put_struct(space, PARAM_SOCKET, struct socket_tuple);
    if (tuple) {
        if (sock)
            sock_tuple((__u64)sock, tuple);
        if (!tuple->remote_port && request->has_asked) {
            __builtin_memcpy(tuple->remote, request->asked.remote, sizeof tuple->remote);
            tuple->remote_port = request->asked.remote_port;
            tuple->family = request->asked.family;
            space->flags |= RECORD_NAME_UNVERIFIED;
        }
        if (sock && tuple->family == AF_UNIX)
            put_unix_path(space, READ((struct unix_sock *)sock, peer));
    }
    record_send(page, space);
    return 0;
}

static __always_inline __u32 put_touched(struct scratch *space, struct touch_list *list,
                                         __u32 event, __u32 is_relative)
{
    int flags;
    switch (event) {
    case EVENT_UNLINKAT:
        return (__u32)name_removed(space, list, is_relative);
    case EVENT_RENAMEAT2:
        return (__u32)name_moved(space, list, is_relative);
    case EVENT_LINKAT:
        flags = name_made(space, list, PARAM_TARGET, is_relative);
        return (__u32)(flags | name_linked(space, list, is_relative));
    case EVENT_SYMLINKAT:
        return (__u32)name_made(space, list, PARAM_TARGET, is_relative);
    default:
        return (__u32)name_made(space, list, PARAM_PATH, is_relative);
    }
}

/* `has_proof`: a constant; without it the programs that need none of put_touched do not have the
 * kernel check it, which takes a tenth of a second. */
static __always_inline int change_record(struct request *request, __u64 address, __s64 result,
                                         bool has_proof)
{
    struct control *page = control_page();
    if (!request || !page)
        return 0;
    struct scratch *space = request_record(page, request, result);
    if (!space)
        return 0;
    __u32 event = request->event;
    if (event == EVENT_MKDIRAT)
        put_u64(space, PARAM_MODE, request->mode);
    else if (event != EVENT_SYMLINKAT)
        put_u64(space, PARAM_FLAGS, request->flags);
    put_u64(space, PARAM_DIRFD, (__u64)request->dirfd);
    if (event == EVENT_RENAMEAT2 || event == EVENT_LINKAT)
        put_u64(space, PARAM_FD_OTHER, (__u64)request->dirfd_other);
    __u32 is_relative = put_raw(space, PARAM_PATH_RAW, number_of(request->names[0]), 0, false);
    if (request->has_other)
        is_relative |= put_raw(space, PARAM_TARGET_RAW, number_of(request->names[1]), 1, false);
    __u32 flags = RECORD_NAME_UNVERIFIED;
    if (is_same_process(request)) {
        if (has_proof && result >= 0) {
            struct touch_list *list = bpf_map_lookup_elem(&touches, &address);
            if (list)
                flags = put_touched(space, list, event, is_relative);
        }
        if (is_relative && (flags & RECORD_NAME_UNVERIFIED))
            put_base(space, space->task, request->dirfd);
    }
    space->flags |= flags;
    record_send(page, space);
    return 0;
}

SUBPROGRAM int change_finished(struct request *request, __u64 address, __s64 result)
{
    return change_record(request, address, result, true);
}

SUBPROGRAM int change_unproven(struct request *request, __s64 result)
{
    return change_record(request, 0, result, false);
}

static __always_inline void request_finished(struct request *request, __u64 req, __s64 result,
                                             bool is_early, bool has_proof)
{
    if (request->event == EVENT_OPENAT || request->event == EVENT_OPENAT2)
        open_finished(request, req, result, is_early);
    else if (request->event == EVENT_CONNECT)
        connect_finished(request, req, result, is_early);
    else if (has_proof)
        change_finished(request, req, result);
    else
        change_unproven(request, result);
}

/* ---- hooks ---- */

/* On io_uring_submit_req, on older kernels io_uring_submit_sqe: the request is prepared and not yet
 * begun. */
SEC("raw_tp")
int uring_submitted(struct bpf_raw_tracepoint_args *context)
{
    __u32 zero = 0;
    struct io_kiocb *req = (void *)context->args[0];
    __u64 key = context->args[0];
    __u32 event = uring_event(READ(req, opcode));
    if (event == EVENT_NONE || !wanted(event))
        return 0;
    struct request *request = bpf_map_lookup_elem(&request_new, &zero);
    if (!request)
        return 0;
    __builtin_memset(request, 0, __builtin_offsetof(struct request, names));
    request->names[1][0] = 0;
    request->event = event;
    request->ring = (__u64)READ(req, ctx);
    request->user_data = READ(req, cqe.user_data);
    request->fd = -1;
    keep_head(request, req);
    keep_arguments(request, req);
    struct request *former = bpf_map_lookup_elem(&requests, &key);
    if (former) /* its completion was not seen */
        request_finished(former, key, 0, true, false);
    bpf_map_delete_elem(&touches, &key);
    bool is_kept = !(READ(req, flags) & REQ_CQE_SKIP) &&
                   bpf_map_update_elem(&requests, &key, request, BPF_ANY) == 0;
    if (is_kept)
        return 0;
    if (former)
        bpf_map_delete_elem(&requests, &key);
    request_finished(request, key, 0, true, false);
    return 0;
}

SEC("raw_tp")
int uring_completed(struct bpf_raw_tracepoint_args *context)
{
    __u64 key = context->args[1];
    struct request *request = bpf_map_lookup_elem(&requests, &key);
    if (!request)
        return 0;
    request_finished(request, key, READ((struct io_kiocb *)key, cqe.res), false, true);
    bpf_map_delete_elem(&requests, &key);
    bpf_map_delete_elem(&touches, &key);
    return 0;
}

/* The ring had no room for the completion: all that is told then is the ring and the number that
 * the program gave, which several requests may share. */
struct overflow {
    __u64 ring, user_data;
    __s64 result;
};

static long overflow_step(const void *map, __u64 *key, struct request *request,
                          struct overflow *overflow)
{
    __u64 req = *key;
    if (request->ring != overflow->ring || request->user_data != overflow->user_data)
        return 0;
    request_finished(request, req, overflow->result, false, false);
    bpf_map_delete_elem(&requests, &req);
    return 1;
}

SEC("raw_tp")
int uring_overflowed(struct bpf_raw_tracepoint_args *context)
{
    struct overflow overflow = {
        .ring = context->args[0], .user_data = context->args[1], .result = (__s32)context->args[2]};
    bpf_for_each_map_elem(&requests, overflow_step, &overflow, 0);
    return 0;
}
