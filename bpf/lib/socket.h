/* Both ends of a socket, from the kernel's struct sock or, where that does not know yet, from the
 * address that the program passed. */
#pragma once

#include "lib/file.h"

static __always_inline __u16 swap16(__u16 value)
{
    return __builtin_bswap16(value);
}

SUBPROGRAM int sock_tuple(__u64 address, struct socket_tuple *ret)
{
    struct sock *sock = (void *)address;
    if (!ret)
        return 0;
    ret->family = READ(sock, __sk_common.skc_family);
    ret->type = (__u8)READ(sock, sk_type);
    ret->protocol = (__u8)READ(sock, sk_protocol);
    if (ret->family == AF_INET) {
        __u32 local = READ((struct inet_sock *)sock, inet_saddr);
        __u32 remote = READ(sock, __sk_common.skc_daddr);
        if (!local)
            local = READ(sock, __sk_common.skc_rcv_saddr);
        __builtin_memcpy(ret->local, &local, 4);
        __builtin_memcpy(ret->remote, &remote, 4);
    } else if (ret->family == AF_INET6) {
        read_kernel(ret->local, 16,
                    (void *)sock + bpf_core_field_offset(struct sock, __sk_common) +
                        bpf_core_field_offset(struct sock_common, skc_v6_rcv_saddr));
        read_kernel(ret->remote, 16,
                    (void *)sock + bpf_core_field_offset(struct sock, __sk_common) +
                        bpf_core_field_offset(struct sock_common, skc_v6_daddr));
    } else {
        return 0;
    }
    ret->local_port = READ(sock, __sk_common.skc_num);
    ret->remote_port = swap16(READ(sock, __sk_common.skc_dport));
    return 0;
}

#define SOCKADDR_BYTES 28 /* of an AF_INET6 one */

/* True when it is an address of a kind that we know. */
static __always_inline bool sockaddr_take(struct socket_tuple *ret, const __u8 *bytes)
{
    __u16 family = bytes[0] | bytes[1] << 8;
    if (family == AF_INET) {
        __builtin_memset(ret->remote, 0, 16);
        __builtin_memcpy(ret->remote, bytes + 4, 4);
    } else if (family == AF_INET6) {
        __builtin_memcpy(ret->remote, bytes + 8, 16);
    } else {
        return false;
    }
    ret->family = family;
    ret->remote_port = (__u16)(bytes[2] << 8 | bytes[3]);
    return true;
}

/* The remote end from a user's sockaddr. */
static __always_inline bool sockaddr_remote(struct socket_tuple *ret, __u64 address, __u64 len)
{
    __u8 bytes[SOCKADDR_BYTES] = {};
    if (!address || len < 16)
        return false;
    if (bpf_probe_read_user(bytes, len >= sizeof bytes ? sizeof bytes : 16, (void *)address))
        return false;
    return sockaddr_take(ret, bytes);
}

/* A flow is a socket and the end that it sends to: its first message makes a record, the rest
 * none. */
struct flow {
    struct sock *sock;
    __u64 start; /* of the process: a socket's memory is used again */
    __u8 remote[16];
    __u32 port;
    __u32 pid;
};

struct {
    __uint(type, BPF_MAP_TYPE_LRU_HASH);
    __uint(max_entries, 8192);
    __type(key, struct flow);
    __type(value, __u8);
} flows SEC(".maps");

static __always_inline bool flow_is_new(struct sock *sock, const struct socket_tuple *tuple,
                                        __u32 pid, __u64 start_boot_ns)
{
    struct flow flow = {.sock = sock, .port = tuple->remote_port, .pid = pid};
    __u8 one = 1;
    flow.start = start_boot_ns;
    __builtin_memcpy(flow.remote, tuple->remote, sizeof flow.remote);
    return bpf_map_update_elem(&flows, &flow, &one, BPF_NOEXIST) == 0;
}

/* A message as the call describes it: where its bytes lie, and an address if one was passed. */
struct message {
    __u64 data, len;
    __u64 address, address_len;
    __u32 flags; /* enum record_flag */
    __u32 unused;
};

/* A unix socket's name from the kernel's address: with a NUL in front it is abstract, shown as @.
 */
static __always_inline bool put_unix_path(struct scratch *space, struct sock *sock)
{
    struct unix_address *address = READ((struct unix_sock *)sock, addr);
    int len = READ(address, len);
    if (!address || len <= 2 || len > 110)
        return false;
    const char *name = (void *)address + bpf_core_field_offset(struct unix_address, name) + 2;
    struct param_head *param = param_next(space);
    if (!param)
        return false;
    char *data = (char *)(param + 1);
    put_bytes(space, PARAM_SOCKET_PATH, name, (__u64)len - 2, 108, false, 0);
    if (data[0] == 0)
        data[0] = '@';
    else if (data[len - 3] == 0)
        param->len--; /* the NUL that ends a path name */
    return true;
}

/* SOCKET and, of a unix socket, SOCKET_PATH: its own name, or its peer's. */
static __noinline __attribute__((unused)) void put_sock(struct scratch *space, struct sock *sock,
                                                        bool is_peer)
{
    if (!sock)
        return;
    struct socket_tuple *tuple = put_struct(space, PARAM_SOCKET, struct socket_tuple);
    if (!tuple)
        return;
    sock_tuple(number_read(sock), tuple);
    if (tuple->family == AF_UNIX)
        put_unix_path(space, is_peer ? READ((struct unix_sock *)sock, peer) : sock);
}
