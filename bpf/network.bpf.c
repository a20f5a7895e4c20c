/* Sockets: who talks to whom, and what is asked of the DNS. */
#include "lib/call.h"
#include "lib/socket.h"

#define DNS_PORT 53

static __always_inline struct sock *fd_sock(__s64 fd)
{
    struct task_struct *task = bpf_get_current_task_btf();
    struct file *file = file_of(task, fd);
    return file ? file_sock(file) : NULL;
}

static __noinline int connect_done(struct call *call)
{
    struct sock *sock = fd_sock((__s32)call->args[0]);
    struct scratch *space = record_begin(call->page, call->event, call->result, call->flags);
    if (!space)
        return 0;
    put_u64(space, PARAM_FD, signed32(call->args[0]));
    struct socket_tuple *tuple = put_struct(space, PARAM_SOCKET, struct socket_tuple);
    if (tuple && sock) {
        sock_tuple(number_read(sock), tuple);
        /* refused, or asked of a datagram socket to forget: the kernel holds no remote end */
        if (!tuple->remote_port && sockaddr_remote(tuple, call->args[1], call->args[2]))
            space->flags |= RECORD_NAME_UNVERIFIED;
        if (tuple->family == AF_UNIX)
            put_unix_path(space, READ((struct unix_sock *)sock, peer));
    }
    record_send(call->page, space);
    return 0;
}

CALL_PROGRAMS(connect, connect_done, EVENT_NONE)

static __noinline int socket_done(struct call *call)
{
    struct scratch *space = record_begin(call->page, call->event, call->result, call->flags);
    if (!space)
        return 0;
    put_u64(space, PARAM_FD, (__u64)call->result);
    put_u64(space, PARAM_DOMAIN, (__u32)call->args[0]);
    put_u64(space, PARAM_SOCKET_TYPE, (__u32)call->args[1]);
    put_u64(space, PARAM_PROTOCOL, (__u32)call->args[2]);
    record_send(call->page, space);
    return 0;
}

CALL_PROGRAMS(socket, socket_done, EVENT_NONE)

/* bind, listen: the local end as the kernel holds it; refused: as the program passed it. */
static __noinline int bind_done(struct call *call)
{
    struct sock *sock = fd_sock((__s32)call->args[0]);
    struct scratch *space = record_begin(call->page, call->event, call->result, call->flags);
    if (!space)
        return 0;
    put_u64(space, PARAM_FD, signed32(call->args[0]));
    if (call->event == EVENT_LISTEN)
        put_u64(space, PARAM_BACKLOG, signed32(call->args[1]));
    struct socket_tuple *tuple = put_struct(space, PARAM_SOCKET, struct socket_tuple);
    if (tuple && sock) {
        sock_tuple(number_read(sock), tuple);
        if (tuple->family == AF_UNIX)
            put_unix_path(space, sock);
        struct socket_tuple asked = {};
        if (call->result < 0 && call->event == EVENT_BIND &&
            sockaddr_remote(&asked, call->args[1], call->args[2])) {
            __builtin_memcpy(tuple->local, asked.remote, sizeof tuple->local);
            tuple->local_port = asked.remote_port;
            space->flags |= RECORD_NAME_UNVERIFIED;
        }
    }
    record_send(call->page, space);
    return 0;
}

CALL_PROGRAMS(bind, bind_done, EVENT_NONE)

static __noinline int accept_done(struct call *call)
{
    struct sock *sock = call->result >= 0 ? fd_sock(call->result) : NULL;
    struct scratch *space = record_begin(call->page, call->event, call->result, call->flags);
    if (!space)
        return 0;
    put_u64(space, PARAM_FD, (__u64)call->result);
    put_u64(space, PARAM_FD_OTHER, signed32(call->args[0]));
    if (call->event == EVENT_ACCEPT4)
        put_u64(space, PARAM_FLAGS, (__u32)call->args[3]);
    struct socket_tuple *tuple = put_struct(space, PARAM_SOCKET, struct socket_tuple);
    if (tuple && sock) {
        sock_tuple(number_read(sock), tuple);
        tuple->is_server = 1;
        if (tuple->family == AF_UNIX)
            put_unix_path(space, sock);
    }
    record_send(call->page, space);
    return 0;
}

CALL_PROGRAMS(accept, accept_done, EVENT_NONE)

/* ---- sending and receiving ---- */

SUBPROGRAM int message_header(struct message *message, __u64 header, __u32 is_compat)
{
    if (!message)
        return 0;
    if (is_compat) { /* struct compat_msghdr */
        __u32 fields[4] = {}, vector[2] = {};
        bpf_probe_read_user(fields, sizeof fields, (void *)header);
        bpf_probe_read_user(vector, sizeof vector, (void *)(__u64)fields[2]);
        message->address = fields[0];
        message->address_len = fields[1];
        message->data = vector[0];
        message->len = fields[3] ? vector[1] : 0;
        return 0;
    }
    __u64 fields[4] = {}, vector[2] = {};
    bpf_probe_read_user(fields, sizeof fields, (void *)header);
    bpf_probe_read_user(vector, sizeof vector, (void *)fields[2]);
    message->address = fields[0];
    message->address_len = (__u32)fields[1];
    message->data = vector[0];
    message->len = fields[3] ? vector[1] : 0;
    return 0;
}

static __always_inline void message_read(struct message *message, struct call *call)
{
    switch (call->event) {
    case EVENT_SENDTO:
    case EVENT_RECVFROM:
        message->data = call->args[1];
        message->len = call->args[2];
        message->address = call->args[4];
        message->address_len = call->args[5];
        if (call->event == EVENT_RECVFROM) { /* a pointer to the length */
            __u32 len = 0;
            bpf_probe_read_user(&len, sizeof len, (void *)call->args[5]);
            message->address_len = len;
        }
        return;
    default: /* of several messages the first: its header stands at the beginning */
        message_header(message, call->args[1], call->flags & RECORD_COMPAT);
    }
}

SUBPROGRAM int put_message(struct call *call, __u32 event, struct message *message,
                           const struct socket_tuple *tuple, __u64 sock)
{
    struct control *page = control_page();
    if (!call || !message || !tuple || !page)
        return 0;
    struct scratch *space = record_begin(page, event, call->result, call->flags | message->flags);
    if (!space)
        return 0;
    put_u64(space, PARAM_FD, signed32(call->args[0]));
    struct socket_tuple *copy = put_struct(space, PARAM_SOCKET, struct socket_tuple);
    if (copy)
        *copy = *tuple;
    if (tuple->family == AF_UNIX)
        put_unix_path(space, READ((struct unix_sock *)sock, peer));
    put_u64(space, PARAM_SIZE, message->len);
    __u64 len = message->len;
    if (call->result > 0 && (__u64)call->result < len && event != EVENT_SENDMMSG &&
        call->event != EVENT_SENDMMSG)
        len = (__u64)call->result;
    put_bytes(space, event == EVENT_DNS ? PARAM_DNS : PARAM_BUFFER, (void *)message->data, len,
              BUFFER_BYTES_MAX, true, 0);
    record_send(page, space);
    return 0;
}

static __noinline int message_done(struct call *call)
{
    struct control *page =
        call->page; /* put_message takes the verifier's knowledge of *call away */
    struct message message = {};
    struct socket_tuple tuple = {};
    bool is_receive = call->event == EVENT_RECVFROM || call->event == EVENT_RECVMSG;
    struct sock *sock = fd_sock((__s32)call->args[0]);
    if (!sock)
        return 0;
    if (is_receive) { /* most of what is received is told by one look at the other end */
        __u16 port = swap16(READ(sock, __sk_common.skc_dport));
        if (port && port != DNS_PORT)
            return 0;
    }
    sock_tuple(number_read(sock), &tuple);
    if (tuple.family != AF_INET && tuple.family != AF_INET6 && is_receive)
        return 0;
    if (tuple.remote_port == 0 || is_receive || tuple.type != 1 /* SOCK_STREAM */) {
        message_read(&message, call);
        if (tuple.remote_port == 0 && sockaddr_remote(&tuple, message.address, message.address_len))
            message.flags = RECORD_NAME_UNVERIFIED;
    }
    if (page->want_event[EVENT_DNS] && tuple.remote_port == DNS_PORT && call->result > 0) {
        if (!message.data)
            message_read(&message, call);
        put_message(call, EVENT_DNS, &message, &tuple, number_read(sock));
    }
    if (is_receive || !page->want_event[call->event & 127])
        return 0;
    struct task_struct *task = bpf_get_current_task_btf();
    if (!flow_is_new(sock, &tuple, task->tgid, task->group_leader->start_boottime))
        return 0;
    if (!message.data)
        message_read(&message, call);
    put_message(call, call->event, &message, &tuple, number_read(sock));
    return 0;
}

CALL_PROGRAMS(message, message_done, EVENT_DNS)
