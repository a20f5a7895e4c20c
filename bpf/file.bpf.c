/* Opened files. A successful open is named by the file that the kernel put behind the descriptor;
 * a failed one has no object, only what the program passed. */
#include "lib/call.h"
#include "lib/socket.h"

static __always_inline void open_arguments(const struct call *call, __u64 *ret_name,
                                           __u64 *ret_flags, __u64 *ret_mode)
{
    *ret_name = call->args[1];
    *ret_flags = call->args[2];
    *ret_mode = call->args[3];
    if (call->event == EVENT_OPEN || call->event == EVENT_CREAT) {
        *ret_name = call->args[0];
        *ret_flags = call->event == EVENT_OPEN ? call->args[1] : 01101; /* O_CREAT|WRONLY|TRUNC */
        *ret_mode = call->args[call->event == EVENT_OPEN ? 2 : 1];
    } else if (call->event == EVENT_OPENAT2) {
        __u64 how[2] = {};
        bpf_probe_read_user(how, sizeof how, (void *)call->args[2]);
        *ret_flags = how[0];
        *ret_mode = how[1];
    } else if (call->event == EVENT_OPEN_BY_HANDLE_AT) {
        *ret_name = 0;
        *ret_mode = 0;
    }
}

/* A /proc/PID/mem of another process, opened for writing. The writes themselves are not hooked:
 * that would tax every write on the host, and who holds such a descriptor may write by it. */
static __noinline void proc_mem_opened(struct call *call, struct file *file)
{
    const __u32 fmode_write = 2;
    char text[4] = {};
    struct name_copy name;
    struct dentry *parent;
    if (!(READ(file, f_mode) & fmode_write))
        return;
    struct inode *inode = READ(file, f_inode);
    if (READ(inode, i_sb, s_magic) != PROC_MAGIC)
        return;
    dentry_read(READ(file, f_path.dentry), &parent, &name);
    bpf_probe_read_kernel(text, sizeof text, name.name);
    if (text[0] != 'm' || text[1] != 'e' || text[2] != 'm' || text[3] != 0)
        return;
    struct pid *pid = READ(
        (struct proc_inode *)((void *)inode - bpf_core_field_offset(struct proc_inode, vfs_inode)),
        pid);
    struct task_struct *task = bpf_get_current_task_btf();
    struct upid_copy first = {};
    if (!pid || pid == pid_of(task, 1))
        return; /* its own memory, or /dev/mem's like */
    bpf_probe_read_kernel(&first, sizeof first,
                          (void *)pid + bpf_core_field_offset(struct pid, numbers));
    struct scratch *space =
        record_begin(call->page, EVENT_PROC_MEM_WRITE, call->result, call->flags);
    if (!space)
        return;
    put_u64(space, PARAM_FD, (__u64)call->result);
    put_u64(space, PARAM_PEER_PID, (__u64)first.nr);
    put_file_path(space, PARAM_PATH, file);
    record_send(call->page, space);
}

/* ---- the prefilter: see struct open_filter ---- */

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, struct open_filter);
} open_filters SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, OPEN_NAMES_MAX);
    __type(key, __u64);
    __type(value, __u8); /* enum open_name_flag */
} open_names SEC(".maps");

struct name_search {
    struct dentry *dentry;
    struct mount *mount;
    struct dentry *mount_root;
    struct dentry *root_dentry;
    struct mount *root_mount;
    __u32 wanted; /* enum open_name_flag that keep this open */
    __u32 is_kept;
};

/* For each name a bit: most names are told by it not to be among them. */
struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, struct open_bits);
} open_bits SEC(".maps");

/* 32 bytes from byte 32 - n on: all ones in the first n, zeros behind. */
static const __u8 name_masks[2 * OPEN_NAME_KEY_BYTES] = {[0 ... 31] = 0xff};

/* The name's first bytes, zero padded. A name that is not long lies in its dentry. */
static __always_inline void name_words(struct dentry *dentry, const struct name_copy *name,
                                       __u32 len, __u64 ret[4])
{
    __u64 size = len > OPEN_NAME_KEY_BYTES ? OPEN_NAME_KEY_BYTES : len;
    asm volatile("" : "+r"(size));
    if (size > OPEN_NAME_KEY_BYTES)
        return;
    if (has_rdonly_cast) {
        const struct dentry___short *entry = (const struct dentry___short *)KERNEL(dentry);
        const __u8 *inside = entry->d_shortname.string;
        if (bpf_core_field_exists(entry->d_shortname) && inside == name->name) {
            __u64 at = OPEN_NAME_KEY_BYTES - size;
            asm volatile("" : "+r"(at));
            if (at > OPEN_NAME_KEY_BYTES)
                return;
            const __u64 *mask = (const __u64 *)&name_masks[at];
            for (int i = 0; i < 4; i++)
                ret[i] = ((const __u64 *)inside)[i] & mask[i];
            return;
        }
    }
    bpf_probe_read_kernel(ret, (__u32)size, name->name);
}

static __always_inline bool name_keeps(struct dentry *dentry, const struct name_copy *name,
                                       __u32 wanted)
{
    __u64 words[4] = {};
    __u32 zero = 0, len = (__u32)(name->hash_len >> 32) & 255;
    name_words(dentry, name, len, words);
    __u64 key = open_name_key(words, len);
    struct open_bits *bits = bpf_map_lookup_elem(&open_bits, &zero);
    if (bits && !(bits->words[open_bit(key) / 64] >> (open_bit(key) & 63) & 1))
        return false;
    __u8 *flags = bpf_map_lookup_elem(&open_names, &key);
    return flags && (*flags & wanted);
}

/* The same way up as walk_step's. */
static long name_step(__u32 index, struct name_search *search)
{
    struct dentry *dentry = search->dentry, *parent;
    struct name_copy name;
    if (dentry == search->root_dentry && search->mount == search->root_mount)
        return 1;
    if (dentry == search->mount_root) {
        struct mount *above = READ(search->mount, mnt_parent);
        if (above == search->mount || !above)
            return 1;
        search->dentry = READ(search->mount, mnt_mountpoint);
        search->mount = above;
        search->mount_root = mount_root(above);
        return 0;
    }
    dentry_read(dentry, &parent, &name);
    if (name_keeps(dentry, &name, search->wanted) || index == PATH_STEPS_MAX - 1) {
        search->is_kept = 1;
        return 1;
    }
    if (parent == dentry || !parent)
        return 1;
    search->dentry = parent;
    return 0;
}

SUBPROGRAM int open_is_kept(__u64 address, __u64 flags)
{
    __u32 zero = 0;
    struct open_filter *filter = bpf_map_lookup_elem(&open_filters, &zero);
    struct file *file = (void *)address;
    bool is_write = flags & OPEN_FLAGS_FOR_WRITE;
    if (!filter || !filter->excludes)
        return 1;
    if (!file)
        return filter->failed;
    if (is_write && filter->writes)
        return 1;
    struct fs_struct *fs = READ(bpf_get_current_task_btf(), fs);
    struct name_search search = {.dentry = READ(file, f_path.dentry),
                                 .mount = mount_of(READ(file, f_path.mnt)),
                                 .root_dentry = READ(fs, root.dentry),
                                 .root_mount = mount_of(READ(fs, root.mnt)),
                                 .wanted = OPEN_NAME_ANY | (is_write ? OPEN_NAME_WRITE : 0)};
    if (search.mount)
        search.mount_root = mount_root(search.mount);
    bpf_loop(PATH_STEPS_MAX, name_step, &search, 0);
    return search.is_kept;
}

static __noinline int open_done(struct call *call)
{
    __u64 name, flags, mode;
    open_arguments(call, &name, &flags, &mode);
    struct task_struct *task = bpf_get_current_task_btf();
    struct file *file = call->result >= 0 ? file_of(task, call->result) : NULL;
    if (file && call->page->want_event[EVENT_PROC_MEM_WRITE])
        proc_mem_opened(call, file);
    if (!call->page->want_event[call->event & 127])
        return 0;
    if (!open_is_kept(number_read(file), flags)) {
        counters_of(call->page)->excluded++;
        return 0;
    }
    struct scratch *space = record_begin(call->page, call->event, call->result,
                                         call->flags | (file ? 0 : RECORD_NAME_UNVERIFIED));
    if (!space)
        return 0;
    put_u64(space, PARAM_FD, (__u64)call->result);
    if (call->event != EVENT_OPEN && call->event != EVENT_CREAT)
        put_u64(space, PARAM_DIRFD, signed32(call->args[0]));
    put_u64(space, PARAM_FLAGS, flags);
    put_u64(space, PARAM_MODE, mode);
    if (file) {
        if (READ(file, f_mode) & FMODE_CREATED)
            space->flags |= RECORD_FILE_MADE;
        put_file_path(space, PARAM_PATH, file);
        put_file(space, PARAM_FILE, file);
    }
    put_user_path(space, PARAM_PATH_RAW, name);
    if (!file)
        put_base(space, task,
                 call->event == EVENT_OPEN || call->event == EVENT_CREAT ? AT_FDCWD
                                                                         : (__s32)call->args[0]);
    record_send(call->page, space);
    return 0;
}

CALL_PROGRAMS(open, open_done, EVENT_PROC_MEM_WRITE)

/* dup, dup2, dup3 onto standard input, output or error: how a shell gets hold of a socket. */
static __noinline int dup_done(struct call *call)
{
    if (call->result < 0 || call->result > 2)
        return 0;
    struct task_struct *task = bpf_get_current_task_btf();
    struct file *file = file_of(task, call->result);
    struct scratch *space = record_begin(call->page, call->event, call->result, call->flags);
    if (!space)
        return 0;
    put_u64(space, PARAM_FD, (__u64)call->result);
    put_u64(space, PARAM_FD_OTHER, signed32(call->args[0]));
    if (call->event == EVENT_DUP3)
        put_u64(space, PARAM_FLAGS, (__u32)call->args[2]);
    if (file) {
        put_file_path(space, PARAM_PATH, file);
        put_file(space, PARAM_FILE, file);
        put_sock(space, file_sock(file), false);
    }
    record_send(call->page, space);
    return 0;
}

CALL_PROGRAMS(dup, dup_done, EVENT_NONE)

static __noinline int splice_done(struct call *call)
{
    struct task_struct *task = bpf_get_current_task_btf();
    struct scratch *space = record_begin(call->page, call->event, call->result, call->flags);
    if (!space)
        return 0;
    put_u64(space, PARAM_FD, signed32(call->args[0]));
    put_u64(space, PARAM_FD_OTHER, signed32(call->args[2]));
    put_u64(space, PARAM_SIZE, call->args[4]);
    put_u64(space, PARAM_FLAGS, (__u32)call->args[5]);
    put_fd_file(space, task, (__s32)call->args[0]);
    record_send(call->page, space);
    return 0;
}

CALL_PROGRAMS(splice, splice_done, EVENT_NONE)
