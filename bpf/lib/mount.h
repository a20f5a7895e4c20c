/* Which mount a dentry was reached by, for calls that leave only the dentry to be seen: a mount of
 * its file system, in the task's mount namespace, that contains it. */
#pragma once

#include "lib/path.h"

#define MOUNTS_OF_FS_MAX 4096
#define DEPTH_MAX        512

struct ancestor_search {
    struct dentry *dentry;
    struct dentry *root;
    __u64 is_below;
};

static long ancestor_step(__u32 index, struct ancestor_search *search)
{
    struct dentry *dentry = search->dentry;
    if (dentry == search->root) {
        search->is_below = 1;
        return 1;
    }
    struct dentry *parent = READ(dentry, d_parent);
    if (parent == dentry || !parent)
        return 1;
    search->dentry = parent;
    return 0;
}

static __always_inline bool mount_contains(struct mount *mount, struct dentry *dentry)
{
    struct ancestor_search search = {.dentry = dentry, .root = mount_root(mount)};
    if (!search.root || READ(search.root, d_sb) != READ(dentry, d_sb))
        return false;
    if (READ(search.root, d_parent) == search.root)
        return true; /* the whole file system */
    bpf_loop(DEPTH_MAX, ancestor_step, &search, 0);
    return search.is_below;
}

struct mount_search {
    struct dentry *dentry;
    struct mnt_namespace *ns;
    void *at; /* next struct mount, or its list_head before 6.18 */
    void *end;
    struct mount *found;
};

static long mount_step(__u32 index, struct mount_search *search)
{
    struct mount *mount = search->at;
    if (search->at == search->end)
        return 1;
    if (bpf_core_field_exists(mount->mnt_next_for_sb)) {
        search->at = READ(mount, mnt_next_for_sb);
    } else {
        struct list_head *node = search->at;
        search->at = READ(node, next);
        mount = (void *)node - bpf_core_field_offset(struct mount___list, mnt_instance);
    }
    if (READ(mount, mnt_ns) != search->ns || !mount_contains(mount, search->dentry))
        return 0;
    search->found = mount;
    return 1;
}

static __always_inline struct vfsmount *mount_mnt(struct mount *mount)
{
    return mount ? (void *)mount + bpf_core_field_offset(struct mount, mnt) : NULL;
}

/* First where the task stands or its root, as `prefer_cwd` says, which is right nearly always; then
 * all mounts of the file system. NULL: none. */
static __always_inline struct vfsmount *mount_find(struct task_struct *task, struct dentry *dentry,
                                                   bool prefer_cwd)
{
    struct vfsmount *first = READ(task, fs, root.mnt), *second = READ(task, fs, pwd.mnt);
    if (prefer_cwd) {
        struct vfsmount *swapped = first;
        first = second;
        second = swapped;
    }
    if (first && mount_contains(mount_of(first), dentry))
        return first;
    if (second && mount_contains(mount_of(second), dentry))
        return second;
    struct mount_search search = {.dentry = dentry, .ns = READ(task, nsproxy, mnt_ns)};
    struct super_block *sb = READ(dentry, d_sb);
    struct mount *probe = NULL;
    if (bpf_core_field_exists(probe->mnt_next_for_sb)) {
        search.at = READ(sb, s_mounts);
    } else {
        search.end = (void *)sb + bpf_core_field_offset(struct super_block___list, s_mounts);
        search.at = READ((struct super_block___list *)sb, s_mounts.next);
    }
    bpf_loop(MOUNTS_OF_FS_MAX, mount_step, &search, 0);
    return mount_mnt(search.found);
}

/* Puts the name of what is or was called `name` in a folder; 0 when no mount of the current task's
 * shows that folder. */
SUBPROGRAM int put_in_folder(struct scratch *space, __u32 id, __u64 folder, struct name_copy *name,
                             __u32 is_relative)
{
    struct task_struct *task = bpf_get_current_task_btf();
    if (!space || !name || !folder)
        return 0;
    struct vfsmount *mnt = mount_find(task, (void *)folder, is_relative);
    if (!mnt)
        return 0;
    put_walk(space, id, mnt, (void *)folder, name, task);
    return 1;
}
