/* Sockets: who talks to whom. */
#include "lib/call.h"
#include "lib/socket.h"

static __noinline int connect_done(struct call *call)
{
    struct task_struct *task = bpf_get_current_task_btf();
    struct file *file = file_of(task, (__s32)call->args[0]);
    struct sock *sock = file ? file_sock(file) : NULL;
    struct scratch *space = record_begin(call->page, call->event, call->result, call->flags);
    if (!space)
        return 0;
    put_u64(space, PARAM_FD, (__u64)(__s64)(__s32)call->args[0]);
    struct socket_tuple *tuple = put_struct(space, PARAM_SOCKET, struct socket_tuple);
    if (tuple && sock) {
        sock_tuple(sock, tuple);
        /* refused, or asked of a datagram socket to forget: the kernel holds no remote end */
        if (!tuple->remote_port && sockaddr_remote(tuple, call->args[1], call->args[2]))
            space->flags |= RECORD_NAME_UNVERIFIED;
        if (tuple->family == AF_UNIX)
            put_unix_path(space, READ((struct unix_sock *)sock, peer));
    }
    record_send(call->page, space);
    return 0;
}

CALL_PROGRAMS(connect, connect_done)
