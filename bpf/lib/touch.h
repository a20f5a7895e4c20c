/* Which inodes a call has touched so far. The kernel sets an inode's ctime when it is renamed,
 * linked, unlinked or its rights change, and that of the folders concerned; the tracepoints on that
 * give us the very objects that the call works on, whatever the program's memory says by then.
 * Names are taken at once: an unlinked dentry may be gone when the call ends. */
#pragma once

#include "lib/call.h"
#include "lib/mount.h"

#define TOUCHES_MAX 8
#define ALIASES_MAX 3 /* of one inode: hard links in the dentry cache */

struct touch {
    struct inode *inode;
    struct dentry *dentry; /* an alias of it; NULL: had none yet */
    struct dentry *parent;
    struct inode *parent_inode;
    __u32 name_len;
    __u32 is_overlay;
    __u64 name_sum;
    char name[NAME_BYTES]; /* zero padded */
};

struct touch_list {
    __u32 count;
    __u32 event;
    __u32 replaced; /* touches of a lower file system that gave way to an overlay's */
    struct touch touches[TOUCHES_MAX];
};

/* By pid_tgid, or for an io_uring worker by the request that it works on. An entry lives from the
 * first touch to the call's end. */
struct {
    __uint(type, BPF_MAP_TYPE_LRU_HASH);
    __uint(max_entries, 1024);
    __type(key, __u64);
    __type(value, struct touch_list);
} touches SEC(".maps");

SUBPROGRAM int inode_is_touched(struct touch_list *list, __u64 inode)
{
    for (int i = 0; list && i < TOUCHES_MAX; i++) {
        if (i < list->count && (__u64)list->touches[i].inode == inode)
            return 1;
    }
    return 0;
}

SUBPROGRAM int dentry_is_touched(struct touch_list *list, __u64 dentry)
{
    for (int i = 0; list && i < TOUCHES_MAX; i++) {
        if (i < list->count && (__u64)list->touches[i].dentry == dentry)
            return 1;
    }
    return 0;
}

static __always_inline struct dentry *alias_dentry(struct hlist_node *node)
{
    return node ? (void *)node - bpf_core_field_offset(struct dentry, d_u.d_alias) : NULL;
}
