/* Files behind descriptors, and what identifies them. */
#pragma once

#include "lib/path.h"

static __always_inline struct file *file_of(struct task_struct *task, __s64 fd)
{
    struct fdtable *table = READ(task, files, fdt);
    if (!table || fd < 0 || fd >= (__s64)READ(table, max_fds))
        return NULL;
    return read_pointer(READ(table, fd) + fd);
}

static __always_inline __u64 nanoseconds(__s64 seconds, __s64 rest)
{
    return (__u64)seconds * 1000000000ull + (__u64)rest;
}

static __always_inline void inode_times(struct inode *inode, struct file_identity *ret)
{
    struct inode___timespec *old = (void *)inode;
    struct inode___private *hidden = (void *)inode;
    if (bpf_core_field_exists(inode->i_ctime_sec)) {
        /* bit 31 says that somebody asked for the time (I_CTIME_QUERIED, since 6.13) */
        ret->ctime_ns =
            nanoseconds(READ(inode, i_ctime_sec), READ(inode, i_ctime_nsec) & 0x7fffffff);
    } else if (bpf_core_field_exists(hidden->__i_ctime)) {
        ret->ctime_ns =
            nanoseconds(READ(hidden, __i_ctime.tv_sec), READ(hidden, __i_ctime.tv_nsec));
    } else if (bpf_core_field_exists(old->i_ctime)) {
        ret->ctime_ns = nanoseconds(READ(old, i_ctime.tv_sec), READ(old, i_ctime.tv_nsec));
    }
    if (bpf_core_field_exists(inode->i_mtime_sec)) {
        ret->mtime_ns = nanoseconds(READ(inode, i_mtime_sec), READ(inode, i_mtime_nsec));
    } else if (bpf_core_field_exists(hidden->__i_mtime)) {
        ret->mtime_ns =
            nanoseconds(READ(hidden, __i_mtime.tv_sec), READ(hidden, __i_mtime.tv_nsec));
    } else if (bpf_core_field_exists(old->i_mtime)) {
        ret->mtime_ns = nanoseconds(READ(old, i_mtime.tv_sec), READ(old, i_mtime.tv_nsec));
    }
}

/* Which layer of an overlay an inode comes from: struct ovl_inode has the upper dentry right behind
 * the inode (fs/overlayfs/ovl_entry.h), NULL when the file is from a lower layer. */
static __always_inline __u32 inode_layer(struct inode *inode, struct super_block *sb)
{
    if (READ(sb, s_magic) != OVERLAYFS_MAGIC)
        return 0;
    __u32 behind = bpf_core_type_exists(struct ovl_inode)
                       ? bpf_core_field_offset(struct ovl_inode, __upperdentry) -
                             bpf_core_field_offset(struct ovl_inode, vfs_inode)
                       : bpf_core_type_size(struct inode);
    return read_pointer((void *)inode + behind) ? EXE_UPPER_LAYER : EXE_LOWER_LAYER;
}

/* A memfd's dentry has no parent and a name that nothing else in tmpfs has. */
static __always_inline bool dentry_is_memfd(struct dentry *dentry)
{
    struct dentry *parent;
    struct name_copy name;
    char text[6] = {};
    dentry_read(dentry, &parent, &name);
    if (parent != dentry)
        return false;
    bpf_probe_read_kernel(text, sizeof text, name.name);
    return text[0] == 'm' && text[1] == 'e' && text[2] == 'm' && text[3] == 'f' && text[4] == 'd' &&
           text[5] == ':';
}

static __always_inline void inode_identity(struct inode *inode, struct file_identity *ret)
{
    if (!inode)
        return;
    ret->inode = READ(inode, i_ino);
    struct super_block *sb = READ(inode, i_sb);
    ret->device = READ(sb, s_dev);
    ret->mode = READ(inode, i_mode);
    ret->links = READ(inode, i_nlink);
    ret->layer = inode_layer(inode, sb);
    inode_times(inode, ret);
}

static __always_inline struct sock *file_sock(struct file *file)
{
    struct inode *inode = READ(file, f_inode);
    if (!inode || (READ(inode, i_mode) & S_IFMT) != S_IFSOCK)
        return NULL;
    struct socket *socket = READ(file, private_data);
    return READ(socket, sk);
}

SUBPROGRAM int file_identity(__u64 address, struct file_identity *ret)
{
    struct file *file = (void *)address;
    struct inode *inode = READ(file, f_inode);
    if (!inode || !ret)
        return 0;
    inode_identity(inode, ret);
    struct sock *sock = (ret->mode & S_IFMT) == S_IFSOCK ? file_sock(file) : NULL;
    if (sock) {
        ret->sock_family = READ(sock, __sk_common.skc_family);
        ret->sock_type = (__u8)READ(sock, sk_type);
        ret->sock_protocol = (__u8)READ(sock, sk_protocol);
    }
    if (dentry_is_memfd(READ(file, f_path.dentry)))
        ret->layer |= EXE_MEMFD;
    return 0;
}

static __always_inline void put_file(struct scratch *space, __u16 id, struct file *file)
{
    struct file_identity *identity = put_struct(space, id, struct file_identity);
    if (identity)
        file_identity(number_read(file), identity);
}

/* Of a name without proof: the folder that it starts from. */
static __always_inline void put_base(struct scratch *space, struct task_struct *task, __s64 dirfd)
{
    struct file *file = dirfd >= 0 ? file_of(task, dirfd) : NULL;
    if (file)
        put_file_path(space, PARAM_CWD, file);
    else
        put_cwd(space, PARAM_CWD);
}
