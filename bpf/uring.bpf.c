/* Operations through io_uring, as the calls that they stand for. What was asked for is kept when
 * the request is submitted: the kernel has copied the names by then, and drops its copies before
 * the request completes. The record is made at completion, when the result is known; at once where
 * no completion will be seen (IOSQE_CQE_SKIP_SUCCESS) or no more requests can be kept: without
 * object and with result 0 then. */
#include "lib/uring.h"

#include "lib/last.h"
#include "lib/touch.h"

/* In file.bpf.c and change.bpf.c. */
int open_is_kept(__u64 address, __u64 flags);
int name_removed(struct scratch *space, struct touch_list *list, __u32 is_relative);
int name_moved(struct scratch *space, struct touch_list *list, __u32 is_relative);
int name_made(struct scratch *space, struct touch_list *list, __u32 id, __u32 is_relative);
int name_linked(struct scratch *space, struct touch_list *list, __u32 is_relative);

/* In uring_network.bpf.c. */
int socket_submitted(__u64 key, __u32 event);
int socket_completed(__u64 key);
int socket_overflowed(struct overflow *overflow);

#define REQUESTS_MAX 256
#define O_LARGEFILE  0100000

struct request {
    struct record_head head; /* of the task that submitted it */
    __u64 ring, user_data;
    __u64 flags, mode;
    __s64 dirfd, dirfd_other;
    __u32 event;
    __u32 slot; /* direct descriptor to be made, plus 1; 0: a usual one */
    __u32 has_other;
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
    default:
        keep_two_names(request, req);
    }
}

/* ---- records ---- */

static __always_inline struct scratch *request_record(struct control *page,
                                                      const struct request *request, __s64 result)
{
    struct scratch *space = record_begin(page, request->event, result, RECORD_IO_URING);
    if (!space)
        return NULL;
    head_take(space, &request->head);
    return space;
}

SUBPROGRAM int open_finished(struct request *request, __u64 address, __s64 result, __u32 is_early)
{
    struct control *page = control_page();
    if (!request || !page)
        return 0;
    struct file *file = NULL;
    if (result >= 0 && !is_early)
        file = made_file(&request->head, request->slot, (void *)address, result);
    /* one without object may have been opened all the same */
    if ((file || result < 0) && !open_is_kept(number_read(file), request->flags)) {
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
        if (is_same_process(&request->head))
            put_base(space, space->task, request->dirfd);
    }
    put_string(space, PARAM_PATH_RAW, request->names[0], PATH_BYTES_MAX, false);
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
    if (is_same_process(&request->head)) {
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
    if (event == EVENT_NONE)
        return 0;
    if (uring_is_socket(event)) {
        if (call_wanted(event, uring_is_message(event) ? EVENT_DNS : EVENT_NONE))
            socket_submitted(key, event);
        return 0;
    }
    if (!wanted(event))
        return 0;
    struct request *request = bpf_map_lookup_elem(&request_new, &zero);
    if (!request)
        return 0;
    __builtin_memset(request, 0, __builtin_offsetof(struct request, names));
    request->names[1][0] = 0;
    request->event = event;
    request->ring = (__u64)READ(req, ctx);
    request->user_data = READ(req, cqe.user_data);
    keep_head(&request->head, req);
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
        return socket_completed(key) & 0;
    request_finished(request, key, READ((struct io_kiocb *)key, cqe.res), false, true);
    bpf_map_delete_elem(&requests, &key);
    bpf_map_delete_elem(&touches, &key);
    return 0;
}

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
    socket_overflowed(&overflow);
    return 0;
}
