#include "ipc/ipc.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>

#include <sys/socket.h>

#include "core/cleanup.h"

struct header {
    uint32_t type;
    uint32_t len;
};

err_kind ipc_pair(int ret_fds[2], struct err_ctx *err)
{
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ret_fds))
        return err_set(err, ERR_SYSTEM, "socketpair");
    return OK;
}

err_kind ipc_open(struct ipc_channel *channel, int *fd, struct err_ctx *err)
{
    channel->buffer = malloc(IPC_BODY_BYTES_MAX);
    if (!channel->buffer)
        return err_set(err, ERR_SYSTEM, "message buffer");
    channel->fd = fd_steal(fd);
    return OK;
}

void ipc_close(struct ipc_channel *channel)
{
    if (channel->fd >= 0)
        close(channel->fd);
    free(channel->buffer);
    *channel = (struct ipc_channel){.fd = -1};
}

static bool is_gone(int error)
{
    return error == EPIPE || error == ECONNRESET || error == ENOTCONN;
}

enum ipc_outcome ipc_send(struct ipc_channel *channel, uint32_t type, span body, const int *fds,
                          size_t fd_count, bool is_patient)
{
    assert(body.len <= IPC_BODY_BYTES_MAX);
    assert(fd_count <= IPC_FDS_MAX);
    struct header header = {.type = type, .len = (uint32_t)body.len};
    struct iovec parts[2] = {{&header, sizeof header}, {(void *)(uintptr_t)body.data, body.len}};
    char control[CMSG_SPACE(IPC_FDS_MAX * sizeof(int))] = {0};
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2};
    if (fd_count) {
        message.msg_control = control;
        message.msg_controllen = CMSG_SPACE(fd_count * sizeof(int));
        struct cmsghdr *rights = CMSG_FIRSTHDR(&message);
        rights->cmsg_level = SOL_SOCKET;
        rights->cmsg_type = SCM_RIGHTS;
        rights->cmsg_len = CMSG_LEN(fd_count * sizeof(int));
        memcpy(CMSG_DATA(rights), fds, fd_count * sizeof(int));
    }
    for (;;) {
        if (sendmsg(channel->fd, &message, MSG_NOSIGNAL | (is_patient ? 0 : MSG_DONTWAIT)) >= 0)
            return IPC_DONE;
        if (errno == EINTR)
            continue;
        if (errno == EAGAIN || errno == EWOULDBLOCK || errno == ENOBUFS)
            return IPC_AGAIN;
        return is_gone(errno) ? IPC_GONE : IPC_FAILED;
    }
}

static void take_rights(struct msghdr *header, struct ipc_message *ret)
{
    for (struct cmsghdr *part = CMSG_FIRSTHDR(header); part; part = CMSG_NXTHDR(header, part)) {
        if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS)
            continue;
        size_t count = (part->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t index = 0; index < count; index++) {
            int fd;
            memcpy(&fd, CMSG_DATA(part) + index * sizeof fd, sizeof fd);
            if (ret->fd_count < IPC_FDS_MAX)
                ret->fds[ret->fd_count++] = fd;
            else
                close(fd);
        }
    }
}

static bool wait_readable(int fd, int timeout_ms)
{
    struct pollfd waited = {.fd = fd, .events = POLLIN};
    int count;
    do {
        count = poll(&waited, 1, timeout_ms);
    } while (count < 0 && errno == EINTR);
    return count > 0;
}

enum ipc_outcome ipc_receive(struct ipc_channel *channel, int timeout_ms, struct ipc_message *ret)
{
    *ret = (struct ipc_message){0};
    if (timeout_ms >= 0 && !wait_readable(channel->fd, timeout_ms))
        return IPC_AGAIN;
    struct header header;
    struct iovec parts[2] = {{&header, sizeof header}, {channel->buffer, IPC_BODY_BYTES_MAX}};
    char control[CMSG_SPACE(IPC_FDS_MAX * sizeof(int))];
    struct msghdr message = {.msg_iov = parts,
                             .msg_iovlen = 2,
                             .msg_control = control,
                             .msg_controllen = sizeof control};
    ssize_t length;
    bool was_reset = false;
    for (;;) {
        length = recvmsg(channel->fd, &message, MSG_CMSG_CLOEXEC);
        if (length < 0 && errno == EINTR)
            continue;
        /* A peer that ended with messages unread: this is told once, in front of its last words. */
        if (length < 0 && errno == ECONNRESET && !was_reset) {
            was_reset = true;
            continue;
        }
        break;
    }
    if (length < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
        return IPC_AGAIN;
    if (length < 0)
        return is_gone(errno) ? IPC_GONE : IPC_FAILED;
    if (length == 0)
        return IPC_GONE;
    take_rights(&message, ret);
    bool is_cut = message.msg_flags & (MSG_TRUNC | MSG_CTRUNC);
    if (is_cut || (size_t)length < sizeof header || header.len != (size_t)length - sizeof header) {
        ipc_release(ret);
        return IPC_FAILED;
    }
    ret->type = header.type;
    ret->body = span_of(channel->buffer, header.len);
    return IPC_DONE;
}

void ipc_release(struct ipc_message *message)
{
    for (size_t index = 0; index < message->fd_count; index++)
        if (message->fds[index] >= 0)
            close(message->fds[index]);
    message->fd_count = 0;
}

int ipc_take_fd(struct ipc_message *message, size_t index)
{
    return index < message->fd_count ? fd_steal(&message->fds[index]) : -1;
}
