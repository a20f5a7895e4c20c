/* Full names from kernel objects: from a dentry upwards, across mounts, to the root of the task
 * that asks, as d_path does; nothing is appended to a deleted file's name. */
#pragma once

#include "lib/record.h"

#define PATH_STEPS_MAX 2100 /* one-letter folders fill PATH_BYTES_MAX before that */

enum walk_end {
    WALK_CUT,         /* longer than PATH_BYTES_MAX: its front is missing */
    WALK_AT_ROOT,     /* the task's root */
    WALK_AT_TOP,      /* the top of a mount tree that is not the task's root */
    WALK_DISCONNECTED /* no way up: a pipe, a memfd, a detached mount */
};

struct walk {
    struct scratch *space;
    struct dentry *dentry;
    struct mount *mount;
    struct dentry *mount_root;
    struct path_copy root;
    __u32 at; /* first byte in space->path */
    __u32 end;
};

static __always_inline struct mount *mount_of(struct vfsmount *mnt)
{
    return mnt ? (void *)mnt - bpf_core_field_offset(struct mount, mnt) : NULL;
}

static __always_inline struct dentry *mount_root(struct mount *mount)
{
    return READ(mount, mnt.mnt_root);
}

static __always_inline void dentry_read(struct dentry *dentry, struct dentry **ret_parent,
                                        struct name_copy *ret_name)
{
    if (has_rdonly_cast) {
        const struct dentry *entry = KERNEL(dentry);
        *ret_parent = entry->d_parent;
        ret_name->hash_len = entry->d_name.hash_len;
        ret_name->name = entry->d_name.name;
        return;
    }
    /* parent and name lie side by side in the kernels known: one read then */
    struct {
        struct dentry *parent;
        __u64 hash_len;
        const unsigned char *name;
    } both = {};
    if (bpf_core_field_offset(struct dentry, d_name) ==
        bpf_core_field_offset(struct dentry, d_parent) + sizeof(void *)) {
        bpf_probe_read_kernel(&both, sizeof both,
                              (void *)dentry + bpf_core_field_offset(struct dentry, d_parent));
    } else {
        both.parent = READ(dentry, d_parent);
        bpf_probe_read_kernel(&both.hash_len, 16,
                              (void *)dentry + bpf_core_field_offset(struct dentry, d_name));
    }
    *ret_parent = both.parent;
    ret_name->hash_len = both.hash_len;
    ret_name->name = both.name;
}

/* Puts "/name" before what is there; false when there is no room. */
static __always_inline bool walk_prepend(struct walk *walk, const struct name_copy *name)
{
    struct scratch *space = walk->space;
    __u32 len = (__u32)(name->hash_len >> 32) & 255;
    if (!space || walk->at < len + 1)
        return false;
    __u32 at = (walk->at - len - 1) & (PATH_BYTES_MAX - 1);
    space->path[at] = '/';
    bpf_probe_read_kernel(&space->path[at + 1], len, name->name);
    walk->at = at;
    return true;
}

static long walk_step(__u32 index, struct walk *walk)
{
    struct dentry *dentry = walk->dentry, *parent;
    if (dentry == walk->root.dentry && walk->mount == mount_of(walk->root.mnt)) {
        walk->end = WALK_AT_ROOT;
        return 1;
    }
    if (dentry == walk->mount_root) {
        struct mount *above = READ(walk->mount, mnt_parent);
        if (above == walk->mount || !above) {
            walk->end = WALK_AT_TOP;
            return 1;
        }
        walk->dentry = READ(walk->mount, mnt_mountpoint);
        walk->mount = above;
        walk->mount_root = mount_root(above);
        return 0;
    }
    struct name_copy name;
    dentry_read(dentry, &parent, &name);
    if (parent == dentry || !parent) {
        walk->end = WALK_DISCONNECTED;
        if ((name.hash_len >> 32) > 1) /* memfd:x and kin; a file system's root is "/" */
            walk_prepend(walk, &name);
        return 1;
    }
    if (!walk_prepend(walk, &name))
        return 1;
    walk->dentry = parent;
    return 0;
}

/* Builds the name in space->path; ret->at is its first byte, PATH_BYTES_MAX its end. With a name:
 * of what bears or bore that name in the folder `dentry`. */
static __always_inline void walk_up(struct walk *walk, struct scratch *space, struct vfsmount *mnt,
                                    struct dentry *dentry, const struct name_copy *name,
                                    struct task_struct *task)
{
    struct fs_struct *fs = READ(task, fs);
    walk->root.mnt = READ(fs, root.mnt);
    walk->root.dentry = READ(fs, root.dentry);
    walk->space = space;
    walk->dentry = dentry;
    walk->mount = mount_of(mnt);
    walk->mount_root = walk->mount ? mount_root(walk->mount) : NULL;
    walk->at = PATH_BYTES_MAX;
    walk->end = WALK_CUT;
    if (name)
        walk_prepend(walk, name);
    bpf_loop(PATH_STEPS_MAX, walk_step, walk, 0);
    if (walk->at == PATH_BYTES_MAX && walk->end != WALK_CUT) {
        walk->at = PATH_BYTES_MAX - 1;
        space->path[PATH_BYTES_MAX - 1] = '/';
    }
}

static __always_inline void put_walk(struct scratch *space, __u32 id, struct vfsmount *mnt,
                                     struct dentry *dentry, const struct name_copy *name,
                                     struct task_struct *task)
{
    struct walk walk;
    walk_up(&walk, space, mnt, dentry, name, task);
    if (walk.end == WALK_CUT)
        space->flags |= RECORD_CUT_PATH;
    if (walk.end == WALK_AT_TOP && walk.root.mnt)
        space->flags |= RECORD_UNREACHABLE;
    __u32 at = walk.at;
    asm volatile("" : "+r"(at));
    if (at > PATH_BYTES_MAX)
        return;
    put_bytes(space, id, &space->path[at], PATH_BYTES_MAX - at, PATH_BYTES_MAX, false, 0);
}

/* Puts the name that (mnt, dentry) has for the record's task as parameter `id`. */
SUBPROGRAM int put_path(struct scratch *space, __u32 id, __u64 mnt, __u64 dentry)
{
    if (space && dentry)
        put_walk(space, id, (void *)mnt, (void *)dentry, NULL, space->task);
    return 0;
}

static __always_inline void put_file_path(struct scratch *space, __u32 id, struct file *file)
{
    if (file)
        put_path(space, id, number_read(READ(file, f_path.mnt)),
                 number_read(READ(file, f_path.dentry)));
}

static __always_inline void put_cwd(struct scratch *space, __u32 id)
{
    struct fs_struct *fs = READ(space->task, fs);
    if (fs)
        put_path(space, id, number_read(READ(fs, pwd.mnt)), number_read(READ(fs, pwd.dentry)));
}
