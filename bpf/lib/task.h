/* What is known of a task: identity, control groups, standard descriptors. */
#pragma once

#include "lib/file.h"

static __always_inline __u32 task_tty(struct task_struct *task)
{
    struct tty_struct *tty = READ(task, signal, tty);
    if (!tty)
        return 0;
    __u32 major = (__u32)READ(tty, driver, major);
    return major << 20 | (__u32)(READ(tty, driver, minor_start) + READ(tty, index));
}

static __always_inline __u32 task_global_pid(struct pid *pid)
{
    struct upid_copy first = {};
    if (pid)
        bpf_probe_read_kernel(&first, sizeof first,
                              (void *)pid + bpf_core_field_offset(struct pid, numbers));
    return (__u32)first.nr;
}

/* The pid namespace that a task's pids are numbered in. */
static __always_inline __u64 task_pid_ns(struct pid *pid)
{
    unsigned int level = READ(pid, level) & 31;
    struct pid_namespace *ns = NULL;
    bpf_probe_read_kernel(&ns, sizeof ns,
                          (void *)pid + bpf_core_field_offset(struct pid, numbers) +
                              (__u64)level * bpf_core_type_size(struct upid) +
                              bpf_core_field_offset(struct upid, ns));
    return READ(ns, ns.inum);
}

static __noinline void process_identity(struct task_struct *task, struct process_identity *ret)
{
    if (!ret)
        return;
    struct pid *thread = pid_of(task, 0), *process = pid_of(task, 1), *group = pid_of(task, 2),
               *session = pid_of(task, 3);
    ret->pid = READ(task, tgid);
    ret->tid = READ(task, pid);
    ret->parent_pid = READ(task, real_parent, tgid);
    ret->parent_start_boot_ns = READ(task, real_parent, group_leader, start_boottime);
    ret->start_boot_ns = READ(task, group_leader, start_boottime);
    ret->session = (__s32)task_global_pid(session);
    ret->group = (__s32)task_global_pid(group);
    ret->vpid = pid_inside(process);
    ret->vtid = pid_inside(thread);
    ret->vsession = pid_inside(session);
    ret->vgroup = pid_inside(group);
    ret->tty = task_tty(task);
    ret->mount_ns = READ(task, nsproxy, mnt_ns, ns.inum);
    ret->net_ns = READ(task, nsproxy, net_ns, ns.inum);
    ret->user_ns = READ(task, cred, user_ns, ns.inum);
    ret->pid_ns = task_pid_ns(thread);
    ret->is_thread = ret->pid != ret->tid;
    ret->exit_signal = (__u32)READ(task, exit_signal);
}

/* ---- control groups ---- */

struct kernfs_walk {
    struct scratch *space;
    struct kernfs_node *node;
    __u32 at;
    __u32 unused;
};

static __always_inline struct kernfs_node *kernfs_parent(struct kernfs_node *node)
{
    struct kernfs_node___hidden *hidden = (void *)node;
    return bpf_core_field_exists(hidden->__parent) ? READ(hidden, __parent) : READ(node, parent);
}

static long kernfs_step(__u32 index, struct kernfs_walk *walk)
{
    struct scratch *space = walk->space;
    struct kernfs_node *parent = kernfs_parent(walk->node);
    if (!parent || !space)
        return 1; /* the hierarchy's root */
    char *name = (void *)&space->name;
    long len = bpf_probe_read_kernel_str(name, NAME_BYTES, READ(walk->node, name)) - 1;
    if (len <= 0 || walk->at < (__u32)len + 1)
        return 1;
    __u32 at = (walk->at - (__u32)len - 1) & (PATH_BYTES_MAX - 1);
    space->path[at] = '/';
    bpf_probe_read_kernel(&space->path[at + 1], (__u32)len & 255, name);
    walk->at = at;
    walk->node = parent;
    return 0;
}

/* Appends "label:path" and a NUL to the list that `list` begins; returns its new length. */
SUBPROGRAM int cgroup_append(struct scratch *space, __u32 used, __u64 address, __u64 label,
                             __u32 label_len)
{
    struct cgroup *cgroup = (void *)address;
    if (!space)
        return 0;
    struct kernfs_walk walk = {.space = space, .node = READ(cgroup, kn), .at = PATH_BYTES_MAX};
    bpf_loop(64, kernfs_step, &walk, 0);
    __u32 from = walk.at, base = space->len;
    asm volatile("" : "+r"(from), "+r"(base), "+r"(used));
    if (from > PATH_BYTES_MAX || base > RECORD_BYTES_MAX || used > 3 * PATH_BYTES_MAX)
        return used;
    __u8 *to = &space->record[base + sizeof(struct param_head)] + used;
    *(__u64 *)to = label;
    to += label_len & 15;
    __u32 len = PATH_BYTES_MAX - from;
    asm volatile("" : "+r"(len));
    if (len > PATH_BYTES_MAX)
        return used;
    if (len == 0) {
        to[0] = '/';
        len = 1;
    } else {
        bpf_probe_read_kernel(to, len, &space->path[from]);
    }
    asm volatile("" : "+r"(len));
    if (len > PATH_BYTES_MAX)
        return used;
    to[len] = 0;
    return used + (label_len & 15) + len + 1;
}

#define CGROUP_LABEL(a, b, c, d, e, f, g, h)                                                       \
    ((__u64)(a) | (__u64)(b) << 8 | (__u64)(c) << 16 | (__u64)(d) << 24 | (__u64)(e) << 32 |       \
     (__u64)(f) << 40 | (__u64)(g) << 48 | (__u64)(h) << 56)

/* The cgroup of a version 1 controller; NULL when the controller is on the version 2 hierarchy, or
 * the task lies in its root. */
static __always_inline struct cgroup *cgroup_v1(struct css_set *set, __u32 subsystem)
{
    struct cgroup_subsys_state *state =
        read_pointer((void *)set + bpf_core_field_offset(struct css_set, subsys) +
                     (subsystem & 15) * sizeof state);
    struct cgroup *cgroup = READ(state, cgroup);
    if (!cgroup || READ(cgroup, root) == READ(set, dfl_cgrp, root))
        return NULL;
    return kernfs_parent(READ(cgroup, kn)) ? cgroup : NULL;
}

#define SUBSYSTEM(name)                                                                            \
    (bpf_core_enum_value_exists(enum cgroup_subsys_id, name)                                       \
         ? bpf_core_enum_value(enum cgroup_subsys_id, name)                                        \
         : 15)

static __noinline void put_cgroups(struct scratch *space, struct task_struct *task)
{
    struct css_set *set = READ(task, cgroups);
    struct cgroup *cgroup;
    __u32 len = 0;
    if (!set || !param_next(space))
        return;
    len = cgroup_append(space, len, number_read(READ(set, dfl_cgrp)),
                        CGROUP_LABEL(':', 0, 0, 0, 0, 0, 0, 0), 1);
    if ((cgroup = cgroup_v1(set, SUBSYSTEM(memory_cgrp_id))))
        len = cgroup_append(space, len, number_read(cgroup),
                            CGROUP_LABEL('m', 'e', 'm', 'o', 'r', 'y', ':', 0), 7);
    if ((cgroup = cgroup_v1(set, SUBSYSTEM(pids_cgrp_id))))
        len = cgroup_append(space, len, number_read(cgroup),
                            CGROUP_LABEL('p', 'i', 'd', 's', ':', 0, 0, 0), 5);
    if ((cgroup = cgroup_v1(set, SUBSYSTEM(cpuset_cgrp_id))))
        len = cgroup_append(space, len, number_read(cgroup),
                            CGROUP_LABEL('c', 'p', 'u', 's', 'e', 't', ':', 0), 7);
    struct param_head *param = param_next(space);
    asm volatile("" : "+r"(len));
    if (!param || len > 4 * PATH_BYTES_MAX)
        return;
    for (int i = 0; i < 8; i++)
        ((__u8 *)(param + 1))[len + i] = 0;
    param_end(space, param, PARAM_CGROUPS, len);
}

static __always_inline void put_stdio(struct scratch *space, struct task_struct *task)
{
    struct {
        struct file_identity fd[3];
    } *stdio = put_struct(space, PARAM_STDIO, typeof(*stdio));
    if (!stdio)
        return;
    for (int fd = 0; fd < 3; fd++) {
        struct file *file = file_of(task, fd);
        if (file)
            file_identity(number_read(file), &stdio->fd[fd]);
    }
}

/* May the task write this file? As inode_permission answers, without access control lists. */
static __always_inline bool inode_is_writable(struct inode *inode, struct task_struct *task)
{
    const __u64 override = 1ull << 1; /* CAP_DAC_OVERRIDE */
    const struct cred *cred = READ(task, cred);
    __u32 mode = READ(inode, i_mode);
    if (READ(cred, fsuid.val) == READ(inode, i_uid.val) && (mode & 0200))
        return true;
    if (READ(cred, fsgid.val) == READ(inode, i_gid.val) && (mode & 0020))
        return true;
    return (mode & 0002) || (read_caps(&cred->cap_effective) & override);
}

/* EXE_PATH, EXE_FLAGS and EXE_FILE of a program file. */
static __always_inline void put_exe(struct scratch *space, struct task_struct *task,
                                    struct file *file)
{
    struct dentry *dentry = READ(file, f_path.dentry);
    struct inode *inode = READ(file, f_inode);
    put_file_path(space, PARAM_EXE_PATH, file);
    struct file_identity *identity = put_struct(space, PARAM_EXE_FILE, struct file_identity);
    if (!identity)
        return;
    file_identity(number_of(file), identity);
    __u64 flags = identity->layer;
    if (inode_is_writable(inode, task))
        flags |= EXE_WRITABLE;
    struct dentry *parent = READ(dentry, d_parent);
    if (!READ(dentry, d_hash.pprev) && parent != dentry)
        flags |= EXE_DELETED;
    put_u64(space, PARAM_EXE_FLAGS, flags);
}

/* ARGV and ENV of the task's memory: of the current task only. */
static __always_inline void put_arguments(struct scratch *space, struct task_struct *task)
{
    unsigned long from = READ(task, mm, arg_start), to = READ(task, mm, arg_end);
    put_bytes(space, PARAM_ARGV, (void *)from, to > from ? to - from : 0, ARGV_BYTES_MAX, true,
              RECORD_CUT_ARGV);
    from = READ(task, mm, env_start);
    to = READ(task, mm, env_end);
    put_bytes(space, PARAM_ENV, (void *)from, to > from ? to - from : 0, ENV_BYTES_MAX, true,
              RECORD_CUT_ENV);
}
