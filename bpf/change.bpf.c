/* Calls that change names and rights: unlink, rename, link, symlink, mkdir, mknod, chmod, chown. */
#include "lib/last.h"
#include "lib/touch.h"
#include "lib/uring.h"

/* Is the event one of this file's? Written by the loader. */
const volatile __u8 is_change[128];

static const struct touch_list touch_none;

/* ---- what is touched ---- */

static __always_inline bool touch_has_inode(struct touch_list *list, struct inode *inode)
{
    return inode_is_touched(list, number_of(inode));
}

static __always_inline void touch_add(struct touch_list *list, struct inode *inode,
                                      struct dentry *dentry)
{
    __u32 at = list->count;
    if (dentry ? dentry_is_touched(list, number_read(dentry)) : touch_has_inode(list, inode))
        return;
    __u32 is_overlay = READ(inode, i_sb, s_magic) == OVERLAYFS_MAGIC;
    /* what the program named is the overlay's: when there is no more room, it takes that of one of
     * the last four */
    if (at >= TOUCHES_MAX && is_overlay)
        at = TOUCHES_MAX - 1 - (list->replaced++ & 3);
    asm volatile("" : "+r"(at));
    if (at >= TOUCHES_MAX)
        return;
    struct touch *touch = &list->touches[at];
    touch->inode = inode;
    touch->dentry = dentry;
    touch->is_overlay = is_overlay;
    if (dentry) {
        struct name_copy name;
        dentry_read(dentry, &touch->parent, &name);
        touch->parent_inode = READ(touch->parent, d_inode);
        __u32 len = (__u32)(name.hash_len >> 32) & 255;
        touch->name_len = len;
        __builtin_memset(touch->name, 0, sizeof touch->name);
        bpf_probe_read_kernel(touch->name, len, name.name);
        touch->name_sum = name_sum((void *)touch->name);
    }
    if (list->count < TOUCHES_MAX)
        list->count++;
}

/* The call that runs, by the saved registers: EVENT_NONE when it is none of ours. */
static __always_inline __u32 change_event(struct task_struct *task, __u64 *ret_key)
{
    if (task->flags & PF_IO_WORKER) {
        struct io_kiocb *request = uring_worker_request(task);
        *ret_key = (__u64)request;
        __u32 asked = uring_event(READ(request, opcode));
        return is_change[asked & 127] ? asked : EVENT_NONE;
    }
    *ret_key = bpf_get_current_pid_tgid();
    __u64 nr = ((struct pt_regs *)bpf_task_pt_regs(task))->orig_ax;
    __u32 event = EVENT_NONE;
    if (nr < CALL_MAX)
        event = task_is_compat(task) ? event_of_compat_call[nr] : event_of_call[nr];
    return is_change[event & 127] ? event : EVENT_NONE;
}

/* What an overlay leaves where a lower file was removed: many links to one inode, none of which a
 * call was about. */
static __always_inline bool is_whiteout(struct inode *inode)
{
    return (READ(inode, i_mode) & S_IFMT) == S_IFCHR && READ(inode, i_rdev) == 0;
}

static __always_inline int touched(struct inode *inode)
{
    __u64 key;
    struct task_struct *task = bpf_get_current_task_btf();
    __u32 event = change_event(task, &key);
    struct control *page = event == EVENT_NONE ? NULL : wanted(event);
    if (!page)
        return 0;
    if (task_is_compat(task))
        page->has_compat = 1;
    struct touch_list *list = bpf_map_lookup_elem(&touches, &key);
    if (!list || list->event != event) {
        bpf_map_update_elem(&touches, &key, &touch_none, BPF_ANY);
        list = bpf_map_lookup_elem(&touches, &key);
        if (!list)
            return 0;
        list->event = event;
    }
    if (is_whiteout(inode))
        return 0;
    struct hlist_node *node = READ(inode, i_dentry.first);
    if (!node)
        touch_add(list, inode, NULL);
    for (int i = 0; i < ALIASES_MAX && node; i++) {
        touch_add(list, inode, alias_dentry(node));
        node = READ(node, next);
    }
    return 0;
}

/* Multigrain timestamps (since 6.13): a new time was set, or the old one was still fine. */
SEC("tp_btf/ctime_ns_xchg")
int BPF_PROG(ctime_set, struct inode *inode)
{
    return touched(inode);
}

SEC("tp_btf/ctime_xchg_skip")
int BPF_PROG(ctime_kept, struct inode *inode)
{
    return touched(inode);
}

/* File systems without them. */
SEC("tp_btf/inode_set_ctime_to_ts")
int BPF_PROG(ctime_given, struct inode *inode)
{
    return touched(inode);
}

/* ---- which of them the call was about ---- */

enum pick_flag {
    PICK_PARENT_TOUCHED = 1, /* its folder was touched in the same call */
    PICK_MOVED = 2,          /* its dentry bears another name by now */
};

static __always_inline __u64 dentry_name_sum(struct scratch *space, const struct name_copy *name)
{
    __builtin_memset(&space->name, 0, sizeof space->name);
    bpf_probe_read_kernel(&space->name, (__u32)(name->hash_len >> 32) & 255, name->name);
    return name_sum(&space->name);
}

SUBPROGRAM int dentry_moved(struct scratch *space, struct touch *touch)
{
    struct dentry *parent;
    struct name_copy name;
    if (!space || !touch)
        return false;
    dentry_read(touch->dentry, &parent, &name);
    if (READ(touch->dentry, d_inode) != touch->inode || !READ(touch->dentry, d_hash.pprev))
        return false;
    return parent != touch->parent || dentry_name_sum(space, &name) != touch->name_sum;
}

static __always_inline void pick_reset(struct pick *pick)
{
    pick->index = PICK_NONE;
    pick->score = 0;
}

/* True when it is the best so far. */
static __always_inline bool pick_offer(struct pick *pick, __u32 index, __u32 is_overlay,
                                       bool is_named)
{
    __u32 score = 1 + (is_overlay ? 4 : 0) + (is_named ? 2 : 0), best = pick->score;
    if (score == best && !is_named)
        pick->is_sure = 0;
    if (score <= best)
        return false;
    pick->score = score;
    pick->index = index;
    pick->is_named = is_named;
    pick->is_sure = 1;
    return true;
}

/* NULL: PICK_NONE. The mask is for the verifier, which loses the bound when the compiler multiplies
 * first. */
static __always_inline struct touch *touch_at(struct touch_list *list, __u32 at)
{
    if (at >= TOUCHES_MAX)
        return NULL;
    asm volatile("" : "+r"(at));
    return &list->touches[at & (TOUCHES_MAX - 1)];
}

/* The touch that fits best, into space->pick: of an overlay rather than of the file system below
 * it, of the name that the program passed rather than another. */
SUBPROGRAM int touch_pick(struct scratch *space, struct touch_list *list, __u32 flags)
{
    if (!list || !space)
        return 0;
    pick_reset(&space->pick);
    for (int i = 0; i < TOUCHES_MAX; i++) {
        struct touch *touch = &list->touches[i];
        if (i >= list->count || !touch->dentry)
            continue;
        if ((flags & PICK_PARENT_TOUCHED) && /* the top of a file system is its own parent */
            (touch->parent == touch->dentry ||
             !inode_is_touched(list, number_read(touch->parent_inode))))
            continue;
        if ((flags & PICK_MOVED) && !dentry_moved(space, touch))
            continue;
        pick_offer(&space->pick, i, touch->is_overlay, touch->name_sum == space->last_sum[0]);
    }
    return 0;
}

/* An alias that a touched inode has now and had not then, in a folder that was touched: the name
 * that came up in this call. */
SUBPROGRAM int created_offer(struct scratch *space, struct touch_list *list, __u32 at, __u32 which)
{
    if (!list || !space)
        return 0;
    struct touch *touch = touch_at(list, at);
    if (!touch)
        return 0;
    struct hlist_node *node = READ(touch->inode, i_dentry.first);
    for (int i = 0; i < ALIASES_MAX; i++) {
        struct dentry *dentry = alias_dentry(node), *parent;
        struct name_copy name;
        if (!dentry)
            return 0;
        node = READ(node, next);
        dentry_read(dentry, &parent, &name);
        if (dentry_is_touched(list, number_read(dentry)) ||
            !inode_is_touched(list, number_read(READ(parent, d_inode))))
            continue;
        bool is_named = dentry_name_sum(space, &name) == space->last_sum[which & 1];
        /* what is linked gets an inode of the overlay when the call looks it up: its old name */
        if (!is_named && !touch->dentry && touch->is_overlay && READ(touch->inode, i_nlink) > 1)
            continue;
        if (pick_offer(&space->pick, at, touch->is_overlay, is_named))
            space->pick.dentry = dentry;
    }
    return 0;
}

SUBPROGRAM int created_pick(struct scratch *space, struct touch_list *list, __u32 which)
{
    if (!list || !space)
        return 0;
    pick_reset(&space->pick);
    for (int i = 0; i < TOUCHES_MAX; i++) {
        if (i < list->count)
            created_offer(space, list, i, which);
    }
    return 0;
}

/* ---- names into the record ---- */

static __always_inline bool put_touch(struct scratch *space, __u32 id, struct touch *touch,
                                      bool is_relative)
{
    struct name_copy name = {.hash_len = (__u64)touch->name_len << 32, .name = (void *)touch->name};
    return put_in_folder(space, id, number_read(touch->parent), &name, is_relative);
}

/* An overlay leaves the inode alone that it unlinks or links, but touches the folder: so the name
 * is that folder's and the one that the program passed, which is proven when the file system below
 * saw the same. *ret_is_overlay: there is such a folder. */
static __always_inline bool put_overlay_child(struct scratch *space, struct touch_list *list,
                                              __u32 id, bool is_relative, bool *ret_is_overlay)
{
    __u32 which = id == PARAM_TARGET;
    for (int i = 0; i < TOUCHES_MAX; i++) {
        struct touch *touch = &list->touches[i];
        if (i >= list->count || !touch->is_overlay || !touch->dentry ||
            (READ(touch->inode, i_mode) & S_IFMT) != S_IFDIR || !READ(touch->inode, i_nlink))
            continue;
        *ret_is_overlay = true;
        struct name_copy name = {.hash_len = (__u64)space->last_len[which] << 32,
                                 .name = (void *)space->last[which]};
        return put_in_folder(space, id, number_read(touch->dentry), &name, is_relative);
    }
    return false;
}

/* What moved below an overlay may be its own copy: no proof of the names that the program gave. */
SUBPROGRAM int overlay_is_touched(struct touch_list *list)
{
    for (int i = 0; list && i < TOUCHES_MAX; i++) {
        if (i < list->count && list->touches[i].is_overlay)
            return 1;
    }
    return 0;
}

/* ---- the kinds of change; each returns flags: 0, NAME_UNVERIFIED, NAME_CHANGED ---- */

static __always_inline __u32 pick_flags(const struct scratch *space)
{
    return (space->pick.is_sure ? 0 : RECORD_NAME_UNVERIFIED) |
           (space->pick.is_named ? 0 : RECORD_NAME_CHANGED);
}

static __always_inline void put_inode(struct scratch *space, struct inode *inode)
{
    struct file_identity *identity = put_struct(space, PARAM_FILE, struct file_identity);
    if (identity)
        inode_identity(inode, identity);
}

SUBPROGRAM int name_removed(struct scratch *space, struct touch_list *list, __u32 is_relative)
{
    if (!space || !list)
        return RECORD_NAME_UNVERIFIED;
    bool is_overlay = false;
    touch_pick(space, list, PICK_PARENT_TOUCHED);
    struct touch *touch = touch_at(list, space->pick.index);
    if (!touch || !touch->is_overlay) {
        bool is_put = put_overlay_child(space, list, PARAM_PATH, is_relative, &is_overlay);
        if (is_overlay)
            return is_put && touch && space->pick.is_named ? 0 : RECORD_NAME_UNVERIFIED;
    }
    if (!touch || !put_touch(space, PARAM_PATH, touch, is_relative))
        return RECORD_NAME_UNVERIFIED;
    return pick_flags(space);
}

SUBPROGRAM int rights_changed(struct scratch *space, struct touch_list *list, __u32 is_relative)
{
    if (!space || !list)
        return RECORD_NAME_UNVERIFIED;
    touch_pick(space, list, 0);
    struct touch *touch = touch_at(list, space->pick.index);
    if (!touch || !put_touch(space, PARAM_PATH, touch, is_relative))
        return RECORD_NAME_UNVERIFIED;
    put_inode(space, touch->inode);
    /* by way of a symbolic link another name is no surprise */
    return pick_flags(space) & RECORD_NAME_UNVERIFIED;
}

SUBPROGRAM int name_moved(struct scratch *space, struct touch_list *list, __u32 is_relative)
{
    if (!space || !list)
        return RECORD_NAME_UNVERIFIED;
    touch_pick(space, list, PICK_MOVED);
    struct touch *touch = touch_at(list, space->pick.index);
    struct dentry *parent;
    struct name_copy name;
    if (!touch || (!touch->is_overlay && overlay_is_touched(list)))
        return RECORD_NAME_UNVERIFIED;
    dentry_read(touch->dentry, &parent, &name);
    if (!put_touch(space, PARAM_PATH, touch, is_relative) ||
        !put_in_folder(space, PARAM_TARGET, number_read(parent), &name, is_relative))
        return RECORD_NAME_UNVERIFIED;
    put_inode(space, touch->inode);
    return pick_flags(space);
}

/* mkdir, mknod: the name is PATH; symlink, link: TARGET, and last[1]. */
SUBPROGRAM int name_made(struct scratch *space, struct touch_list *list, __u32 id,
                         __u32 is_relative)
{
    if (!space || !list)
        return RECORD_NAME_UNVERIFIED;
    struct dentry *made, *parent;
    struct name_copy name;
    created_pick(space, list, id == PARAM_TARGET);
    made = space->pick.dentry;
    if (space->pick.index == PICK_NONE)
        return RECORD_NAME_UNVERIFIED;
    struct touch *touch = touch_at(list, space->pick.index);
    bool is_overlay = false;
    if (touch && !touch->is_overlay) {
        bool is_put = put_overlay_child(space, list, id, is_relative, &is_overlay);
        if (is_overlay) {
            __u32 is_proven = is_put && space->pick.is_named;
            space->pick.index = PICK_NONE;
            return is_proven ? 0 : RECORD_NAME_UNVERIFIED;
        }
    }
    dentry_read(made, &parent, &name);
    if (!put_in_folder(space, id, number_read(parent), &name, is_relative))
        return RECORD_NAME_UNVERIFIED;
    put_inode(space, READ(made, d_inode));
    return pick_flags(space);
}

/* What was linked, after name_made: another name of the same inode, which it had before. */
SUBPROGRAM int name_linked(struct scratch *space, struct touch_list *list, __u32 is_relative)
{
    if (!space || !list)
        return RECORD_NAME_UNVERIFIED;
    struct touch *made = touch_at(list, space->pick.index);
    if (!made)
        return RECORD_NAME_UNVERIFIED;
    struct inode *inode = made->inode;
    pick_reset(&space->pick);
    for (int i = 0; i < TOUCHES_MAX; i++) {
        struct touch *touch = &list->touches[i];
        if (i < list->count && touch->dentry && touch->inode == inode)
            pick_offer(&space->pick, i, touch->is_overlay, touch->name_sum == space->last_sum[0]);
    }
    struct touch *old = touch_at(list, space->pick.index);
    if (!old || !put_touch(space, PARAM_PATH, old, is_relative))
        return RECORD_NAME_UNVERIFIED;
    return pick_flags(space) & RECORD_NAME_UNVERIFIED;
}

/* ---- the call ends ---- */

enum change_kind { REMOVED, MOVED, LINKED, SYMLINKED, MADE, RIGHTS, BY_FD };

static __always_inline void change_one_name(struct change *change, struct call *call,
                                            enum change_kind kind, bool is_at)
{
    change->kind = kind;
    change->has_dirfd = is_at;
    change->dirfd = (__s32)call->args[0];
    change->path = call->args[is_at];
}

static __always_inline void change_two_names(struct change *change, struct call *call,
                                             enum change_kind kind, bool is_at)
{
    change->kind = kind;
    change->has_dirfd = change->has_dirfd_other = is_at;
    change->dirfd = (__s32)call->args[0];
    change->path = call->args[is_at];
    change->dirfd_other = (__s32)call->args[2];
    change->path_other = call->args[is_at ? 3 : 1];
}

static __always_inline void change_read(struct change *change, struct call *call)
{
    switch (call->event) {
    case EVENT_UNLINK:
    case EVENT_RMDIR:
        return change_one_name(change, call, REMOVED, false);
    case EVENT_UNLINKAT:
        return change_one_name(change, call, REMOVED, true);
    case EVENT_RENAME:
        return change_two_names(change, call, MOVED, false);
    case EVENT_RENAMEAT:
    case EVENT_RENAMEAT2:
        return change_two_names(change, call, MOVED, true);
    case EVENT_LINK:
        return change_two_names(change, call, LINKED, false);
    case EVENT_LINKAT:
        return change_two_names(change, call, LINKED, true);
    case EVENT_SYMLINK:
    case EVENT_SYMLINKAT:
        change->kind = SYMLINKED;
        change->path = call->args[0];
        change->has_dirfd = call->event == EVENT_SYMLINKAT;
        change->dirfd = (__s32)call->args[1];
        change->path_other = call->args[1 + change->has_dirfd];
        return;
    case EVENT_MKDIR:
    case EVENT_MKNOD:
        return change_one_name(change, call, MADE, false);
    case EVENT_MKDIRAT:
    case EVENT_MKNODAT:
        return change_one_name(change, call, MADE, true);
    case EVENT_FCHMODAT:
    case EVENT_FCHMODAT2:
    case EVENT_FCHOWNAT:
        return change_one_name(change, call, RIGHTS, true);
    case EVENT_FCHMOD:
    case EVENT_FCHOWN:
        return change_one_name(change, call, BY_FD, false);
    default:
        return change_one_name(change, call, RIGHTS, false);
    }
}

static __always_inline void put_change_arguments(struct scratch *space, struct call *call)
{
    const __u64 *args = call->args;
    switch (call->event) {
    case EVENT_UNLINKAT:
        return put_u64(space, PARAM_FLAGS, (__u32)args[2]);
    case EVENT_RENAMEAT2:
    case EVENT_LINKAT:
        return put_u64(space, PARAM_FLAGS, (__u32)args[4]);
    case EVENT_CHMOD:
    case EVENT_FCHMOD:
    case EVENT_MKDIR:
    case EVENT_MKNOD:
        put_u64(space, PARAM_MODE, (__u32)args[1]);
        if (call->event == EVENT_MKNOD)
            put_u64(space, PARAM_DATA, args[2]);
        return;
    case EVENT_FCHMODAT2:
        put_u64(space, PARAM_FLAGS, (__u32)args[3]);
        return put_u64(space, PARAM_MODE, (__u32)args[2]);
    case EVENT_FCHMODAT:
    case EVENT_MKDIRAT:
    case EVENT_MKNODAT:
        put_u64(space, PARAM_MODE, (__u32)args[2]);
        if (call->event == EVENT_MKNODAT)
            put_u64(space, PARAM_DATA, args[3]);
        return;
    case EVENT_CHOWN:
    case EVENT_LCHOWN:
    case EVENT_FCHOWN:
        put_u64(space, PARAM_UID, (__u64)(__s64)(__s32)args[1]);
        return put_u64(space, PARAM_GID, (__u64)(__s64)(__s32)args[2]);
    case EVENT_FCHOWNAT:
        put_u64(space, PARAM_UID, (__u64)(__s64)(__s32)args[2]);
        put_u64(space, PARAM_GID, (__u64)(__s64)(__s32)args[3]);
        return put_u64(space, PARAM_FLAGS, (__u32)args[4]);
    }
}

static __always_inline __u32 put_names(struct scratch *space, struct touch_list *list,
                                       enum change_kind kind, bool is_relative)
{
    __u32 flags;
    if (!list)
        return RECORD_NAME_UNVERIFIED;
    switch (kind) {
    case REMOVED:
        return name_removed(space, list, is_relative);
    case MOVED:
        return name_moved(space, list, is_relative);
    case LINKED:
        flags = name_made(space, list, PARAM_TARGET, is_relative);
        return flags | name_linked(space, list, is_relative);
    case SYMLINKED:
        return name_made(space, list, PARAM_TARGET, is_relative);
    case MADE:
        return name_made(space, list, PARAM_PATH, is_relative);
    case RIGHTS:
        return rights_changed(space, list, is_relative);
    default:
        return 0;
    }
}

static __always_inline int change_done(struct call *call)
{
    __u64 key = bpf_get_current_pid_tgid();
    struct task_struct *task = bpf_get_current_task_btf();
    struct scratch *space = record_begin(call->page, call->event, call->result, call->flags);
    if (!space)
        goto end;
    struct change *change = &space->change;
    *change = (struct change){.dirfd = AT_FDCWD};
    change_read(change, call);
    put_change_arguments(space, call);
    if (change->kind == BY_FD) {
        struct file *file = file_of(task, change->dirfd);
        put_u64(space, PARAM_FD, signed32(change->dirfd));
        if (file) {
            put_file_path(space, PARAM_PATH, file);
            put_file(space, PARAM_FILE, file);
        }
        record_send(call->page, space);
        goto end;
    }
    if (change->has_dirfd)
        put_u64(space, PARAM_DIRFD, signed32(change->dirfd));
    if (change->has_dirfd_other)
        put_u64(space, PARAM_FD_OTHER, signed32(change->dirfd_other));
    bool is_relative = put_raw(space, PARAM_PATH_RAW, change->path, 0, true);
    if (change->path_other)
        is_relative |= put_raw(space, PARAM_TARGET_RAW, change->path_other, 1, true);
    __u32 flags = RECORD_NAME_UNVERIFIED;
    if (call->result >= 0)
        flags = put_names(space, bpf_map_lookup_elem(&touches, &key), change->kind, is_relative);
    space->flags |= flags;
    if (is_relative && (flags & RECORD_NAME_UNVERIFIED))
        put_base(space, task, change->has_dirfd ? change->dirfd : AT_FDCWD);
    record_send(call->page, space);
end:
    bpf_map_delete_elem(&touches, &key);
    return 0;
}

CALL_PROGRAMS(change, change_done, EVENT_NONE)
