/* Messages between roles over SOCK_SEQPACKET socket pairs: a type, a bounded body, and descriptors.
 * A role dies of a malformed message: only a compromised peer sends one. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "core/error.h"
#include "core/span.h"

#define IPC_BODY_BYTES_MAX 61440
#define IPC_FDS_MAX        32

struct ipc_message {
    uint32_t type;
    span body;            /* borrowed from the channel until the next ipc_receive */
    int fds[IPC_FDS_MAX]; /* owned by the receiver; taken ones are -1 */
    size_t fd_count;
};

struct ipc_channel {
    int fd; /* owned */
    uint8_t *buffer;
};

/* A connected pair, both close-on-exec. */
MUST_USE err_kind ipc_pair(int ret_fds[2], struct err_ctx *err);
/* Takes the descriptor over. */
MUST_USE err_kind ipc_open(struct ipc_channel *channel, int *fd, struct err_ctx *err);
void ipc_close(struct ipc_channel *channel);

enum ipc_outcome { IPC_DONE, IPC_AGAIN, IPC_GONE, IPC_FAILED };

/* Sends one message with copies of the descriptors. AGAIN: the peer's queue is full and nothing was
 * sent (a patient call waits instead). GONE: the peer ended. */
enum ipc_outcome ipc_send(struct ipc_channel *channel, uint32_t type, span body, const int *fds,
                          size_t fd_count, bool is_patient);
/* Waits up to timeout_ms (-1: for ever, 0: not at all) for one message. AGAIN: none came. FAILED:
 * it was malformed. After DONE the caller ends with ipc_release. */
enum ipc_outcome ipc_receive(struct ipc_channel *channel, int timeout_ms, struct ipc_message *ret);
/* Closes the descriptors of the message that nobody took. */
void ipc_release(struct ipc_message *message);
/* Takes descriptor number `index`; -1 if there is none. */
int ipc_take_fd(struct ipc_message *message, size_t index);
