/* Operations on sockets through io_uring, as the calls that they stand for: see uring.bpf.c. What a
 * request asks for is kept while it runs, by its address; the record is made when it completes. An
 * accept that goes on (IORING_ACCEPT_MULTISHOT) tells of its last connection only. */
#include "lib/socket.h"
#include "lib/uring.h"

/* In network.bpf.c. */
int message_header(struct message *message, __u64 header, __u32 is_compat);

#define DNS_PORT 53

/* By struct io_kiocb. An accept may wait for long, so there is room for many; one more is not kept,
 * and its record is made at once. */
struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, 2048);
    __type(key, __u64);
    __type(value, struct socket_request);
} socket_requests SEC(".maps");

/* Where one is made: kernels before 6.13 give 512 bytes of stack in all. */
struct {
    __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, struct socket_request);
} socket_request_new SEC(".maps");

/* ---- what was asked for ---- */

/* The address that a request was given, from the kernel's copy where it has one already. */
static __always_inline void keep_kernel_address(struct socket_request *request,
                                                struct io_kiocb *req)
{
    struct io_async_msghdr *kept = READ(req, async_data);
    __u8 bytes[SOCKADDR_BYTES] = {};
    if (!kept || (request->event != EVENT_BIND && READ(kept, msg.msg_namelen) < 16))
        return;
    bpf_probe_read_kernel(bytes, sizeof bytes,
                          (void *)kept + bpf_core_field_offset(struct io_async_msghdr, addr));
    if (sockaddr_take(&request->asked, bytes))
        request->has_asked = ASKED_KERNEL;
}

static __always_inline void keep_message(struct socket_request *request, struct io_kiocb *req)
{
    struct io_sr_msg *sent = (void *)req;
    struct message message = {.data = number_read(READ(sent, buf)), .len = (__u32)READ(sent, len)};
    if (request->event == EVENT_SENDMSG)
        message_header(&message, message.data, false);
    request->data = message.data;
    request->size = message.len;
    if (!bpf_core_field_exists(sent->addr)) {
        keep_kernel_address(request, req);
        return;
    }
    if (request->event == EVENT_SENDTO) {
        message.address = number_read(READ(sent, addr));
        message.address_len = (__u32)READ(sent, addr_len);
    }
    if (sockaddr_remote(&request->asked, message.address, message.address_len))
        request->has_asked = ASKED_USER;
}

static __always_inline void keep_asked(struct socket_request *request, struct io_kiocb *req)
{
    struct io_connect *connected = (void *)req;
    struct io_accept *accepted = (void *)req;
    struct io_listen *listening = (void *)req;
    switch (request->event) {
    case EVENT_CONNECT:
        if (sockaddr_remote(&request->asked, number_read(READ(connected, addr)),
                            (__u64)READ(connected, addr_len)))
            request->has_asked = ASKED_USER;
        return;
    case EVENT_ACCEPT4:
        request->flags = (__u32)READ(accepted, flags);
        request->slot = READ(accepted, file_slot);
        return;
    case EVENT_BIND:
        keep_kernel_address(request, req);
        return;
    case EVENT_LISTEN:
        if (bpf_core_type_exists(struct io_listen))
            request->backlog = READ(listening, backlog);
        return;
    default:
        keep_message(request, req);
    }
}

/* ---- records ---- */

static __always_inline struct scratch *
socket_record(struct control *page, const struct socket_request *request, __u32 event, __s64 result)
{
    struct scratch *space = record_begin(page, event, result, RECORD_IO_URING);
    if (!space)
        return NULL;
    head_take(space, &request->head);
    if (request->fd >= 0)
        put_u64(space, event == EVENT_ACCEPT4 ? PARAM_FD_OTHER : PARAM_FD, (__u64)request->fd);
    return space;
}

/* The socket's two ends; where it knows none, what was asked for. */
static __always_inline void put_ends(struct scratch *space, const struct socket_request *request,
                                     struct sock *sock, bool is_local)
{
    struct socket_tuple *tuple = put_struct(space, PARAM_SOCKET, struct socket_tuple);
    if (!tuple || !sock)
        return;
    sock_tuple(number_read(sock), tuple);
    bool is_known = is_local ? tuple->local_port : tuple->remote_port;
    if (!is_known && request->has_asked) {
        if (is_local) {
            __builtin_memcpy(tuple->local, request->asked.remote, sizeof tuple->local);
            tuple->local_port = request->asked.remote_port;
        } else {
            __builtin_memcpy(tuple->remote, request->asked.remote, sizeof tuple->remote);
            tuple->remote_port = request->asked.remote_port;
        }
        tuple->family = request->asked.family;
        if (request->has_asked == ASKED_USER)
            space->flags |= RECORD_NAME_UNVERIFIED;
    }
    if (tuple->family == AF_UNIX)
        put_unix_path(space, is_local ? sock : READ((struct unix_sock *)sock, peer));
}

SUBPROGRAM int socket_changed(struct socket_request *request, __u64 address, __s64 result)
{
    struct control *page = control_page();
    if (!request || !page)
        return 0;
    struct scratch *space = socket_record(page, request, request->event, result);
    if (!space)
        return 0;
    bool is_local = request->event != EVENT_CONNECT;
    if (request->event == EVENT_LISTEN)
        put_u64(space, PARAM_BACKLOG, (__u64)request->backlog);
    put_ends(space, request, (struct sock *)address, is_local);
    record_send(page, space);
    return 0;
}

SUBPROGRAM int socket_accepted(struct socket_request *request, __u64 address, __s64 result)
{
    struct control *page = control_page();
    struct file *file = NULL;
    if (!request || !page)
        return 0;
    if (address && result >= 0)
        file = made_file(&request->head, request->slot, (void *)address, result);
    struct sock *sock = file ? file_sock(file) : NULL;
    struct scratch *space = socket_record(page, request, EVENT_ACCEPT4, result);
    if (!space)
        return 0;
    if (request->slot == 0 && address)
        put_u64(space, PARAM_FD, (__u64)result);
    put_u64(space, PARAM_FLAGS, request->flags);
    struct socket_tuple *tuple = put_struct(space, PARAM_SOCKET, struct socket_tuple);
    if (tuple && sock) {
        sock_tuple(number_read(sock), tuple);
        tuple->is_server = 1;
        if (tuple->family == AF_UNIX)
            put_unix_path(space, sock);
    }
    record_send(page, space);
    return 0;
}

SUBPROGRAM int put_sent(struct socket_request *request, __u64 address, __u32 event, __s64 result)
{
    struct control *page = control_page();
    if (!request || !page)
        return 0;
    struct scratch *space = socket_record(page, request, event, result);
    if (!space)
        return 0;
    put_ends(space, request, (struct sock *)address, false);
    put_u64(space, PARAM_SIZE, request->size);
    __u64 len = request->size;
    if (result > 0 && (__u64)result < len)
        len = (__u64)result;
    if (is_same_process(&request->head))
        put_bytes(space, event == EVENT_DNS ? PARAM_DNS : PARAM_BUFFER, (void *)request->data, len,
                  BUFFER_BYTES_MAX, true, 0);
    record_send(page, space);
    return 0;
}

SUBPROGRAM int socket_sent(struct socket_request *request, __u64 address, __s64 result)
{
    struct control *page = control_page();
    struct sock *sock = (void *)address;
    struct socket_tuple tuple = {};
    if (!request || !page || !sock)
        return 0;
    sock_tuple(address, &tuple);
    if (!tuple.remote_port && request->has_asked) {
        __builtin_memcpy(tuple.remote, request->asked.remote, sizeof tuple.remote);
        tuple.remote_port = request->asked.remote_port;
    }
    if (page->want_event[EVENT_DNS] && tuple.remote_port == DNS_PORT && result > 0)
        put_sent(request, address, EVENT_DNS, result);
    if (page->want_event[request->event & 127] &&
        flow_is_new(sock, &tuple, (__u32)request->head.pid, request->head.start_boot_ns))
        put_sent(request, address, request->event, result);
    return 0;
}

/* `req` is 0 when nothing is known but the request's own fields. */
static __always_inline void socket_finished(struct socket_request *request, __u64 req,
                                            struct file *file, __s64 result)
{
    __u64 sock = file ? number_read(file_sock(file)) : 0;
    if (request->event == EVENT_ACCEPT4)
        socket_accepted(request, req, result);
    else if (request->event == EVENT_SENDTO || request->event == EVENT_SENDMSG)
        socket_sent(request, sock, result);
    else
        socket_changed(request, sock, result);
}

/* ---- hooks, called by those of uring.bpf.c ---- */

/* The file that a request names, before it was looked up by the kernel. */
static __always_inline struct file *named_file(struct io_kiocb *req)
{
    __s32 fd = READ(req, cqe.fd);
    return READ(req, flags) & REQ_FIXED_FILE ? direct_file(req, (__u32)fd)
                                             : file_of(bpf_get_current_task_btf(), fd);
}

SUBPROGRAM int socket_submitted(__u64 key, __u32 event)
{
    __u32 zero = 0;
    struct io_kiocb *req = (void *)key;
    struct socket_request *request = bpf_map_lookup_elem(&socket_request_new, &zero);
    if (!request)
        return 0;
    __builtin_memset(request, 0, sizeof *request);
    request->event = event;
    request->ring = (__u64)READ(req, ctx);
    request->user_data = READ(req, cqe.user_data);
    request->fd = READ(req, flags) & REQ_FIXED_FILE ? -1 : READ(req, cqe.fd);
    keep_head(&request->head, req);
    keep_asked(request, req);
    if (!(READ(req, flags) & REQ_CQE_SKIP) &&
        bpf_map_update_elem(&socket_requests, &key, request, BPF_ANY) == 0)
        return 0;
    bpf_map_delete_elem(&socket_requests, &key);
    socket_finished(request, 0, named_file(req), 0);
    return 0;
}

SUBPROGRAM int socket_completed(__u64 key)
{
    struct socket_request *request = bpf_map_lookup_elem(&socket_requests, &key);
    struct io_kiocb *req = (void *)key;
    if (!request)
        return 0;
    socket_finished(request, key, READ(req, file), READ(req, cqe.res));
    bpf_map_delete_elem(&socket_requests, &key);
    return 1;
}

static long socket_overflow_step(const void *map, __u64 *key, struct socket_request *request,
                                 struct overflow *overflow)
{
    __u64 req = *key;
    if (request->ring != overflow->ring || request->user_data != overflow->user_data)
        return 0;
    socket_finished(request, req, READ((struct io_kiocb *)req, file), overflow->result);
    bpf_map_delete_elem(&socket_requests, &req);
    return 1;
}

SUBPROGRAM int socket_overflowed(struct overflow *overflow)
{
    if (!overflow)
        return 0;
    struct overflow copy = *overflow; /* the callback's must be on our stack */
    bpf_for_each_map_elem(&socket_requests, socket_overflow_step, &copy, 0);
    return 0;
}
