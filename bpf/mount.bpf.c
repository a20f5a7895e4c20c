/* Mounts and roots. But for chroot no kernel object tells afterwards what was named, so the
 * program's memory is read twice, at enter and at exit, and the two are compared. */
#include "lib/call.h"
#include "lib/last.h"

struct entered {
    __u64 event;
    __u64 sums[2]; /* of the two names */
};

struct {
    __uint(type, BPF_MAP_TYPE_LRU_HASH);
    __uint(max_entries, 1024);
    __type(key, __u64);
    __type(value, struct entered);
} entered_calls SEC(".maps");

struct sum {
    struct scratch *space;
    __u64 value;
    __u32 len;
    __u32 unused;
};

static long sum_step(__u32 index, struct sum *sum)
{
    struct scratch *space = sum->space;
    __u32 at = index * 8;
    if (at >= sum->len || at >= PATH_BYTES_MAX || !space)
        return 1;
    sum->value = (sum->value ^ *(__u64 *)&space->path[at]) * 0x9e3779b97f4a7c15ull;
    sum->value ^= sum->value >> 29;
    return 0;
}

/* Of a whole name: see name_sum. */
static __noinline __u64 path_sum(struct scratch *space, __u64 address)
{
    if (!address || !space)
        return 0;
    long len = bpf_probe_read_user_str(space->path, PATH_BYTES_MAX, (void *)address);
    if (len <= 0 || len > PATH_BYTES_MAX)
        return 0;
    *(__u64 *)&space->path[len] = 0;
    struct sum sum = {.space = space, .value = (__u64)len, .len = (__u32)len};
    bpf_loop(PATH_BYTES_MAX / 8, sum_step, &sum, 0);
    return sum.value;
}

/* Which arguments are names. */
static __always_inline void named_arguments(__u32 event, const __u64 *args, __u64 *ret_first,
                                            __u64 *ret_second)
{
    *ret_first = args[0];
    *ret_second = 0;
    if (event == EVENT_PIVOT_ROOT || event == EVENT_MOUNT)
        *ret_second = args[1];
    if (event == EVENT_MOVE_MOUNT) {
        *ret_first = args[1];
        *ret_second = args[3];
    }
}

SEC("tp")
int enter_mount(struct call_enter_context *context)
{
    __u32 nr = context->nr;
    if (nr >= CALL_MAX)
        return 0;
    __u32 event = event_of_call[nr];
    struct control *page = wanted(event);
    if (!page)
        return 0;
    __u64 first, second, key = bpf_get_current_pid_tgid();
    struct entered entered = {.event = event};
    struct call call; /* the context holds only as many arguments as the call has */
    call_arguments(&call, current_registers(), false);
    struct scratch *space = record_begin(page, event, 0, 0);
    if (!space)
        return 0;
    named_arguments(event, call.args, &first, &second);
    entered.sums[0] = path_sum(space, first);
    entered.sums[1] = path_sum(space, second);
    record_drop(space);
    if (bpf_map_update_elem(&entered_calls, &key, &entered, BPF_ANY))
        drop_count(page, event, DROP_TASK_STATE);
    return 0;
}

static __noinline void put_mount_names(struct scratch *space, struct call *call)
{
    const __u64 *args = call->args;
    switch (call->event) {
    case EVENT_MOUNT:
        if (args[0])
            put_string(space, PARAM_DEVICE, (void *)args[0], PATH_BYTES_MAX, true);
        put_raw(space, PARAM_PATH_RAW, args[1], 0, true);
        if (args[2])
            put_string(space, PARAM_FS_TYPE, (void *)args[2], NAME_BYTES, true);
        put_u64(space, PARAM_FLAGS, args[3]);
        break;
    case EVENT_UMOUNT:
    case EVENT_UMOUNT2:
        put_raw(space, PARAM_PATH_RAW, args[0], 0, true);
        put_u64(space, PARAM_FLAGS, call->event == EVENT_UMOUNT2 ? (__u32)args[1] : 0);
        break;
    case EVENT_PIVOT_ROOT:
        put_raw(space, PARAM_PATH_RAW, args[0], 0, true);
        put_raw(space, PARAM_TARGET_RAW, args[1], 1, true);
        break;
    case EVENT_FSOPEN:
        put_string(space, PARAM_FS_TYPE, (void *)args[0], NAME_BYTES, true);
        put_u64(space, PARAM_FLAGS, (__u32)args[1]);
        put_u64(space, PARAM_FD, (__u64)call->result);
        break;
    case EVENT_MOVE_MOUNT:
        put_u64(space, PARAM_DIRFD, signed32(args[0]));
        put_raw(space, PARAM_PATH_RAW, args[1], 0, true);
        put_u64(space, PARAM_FD_OTHER, signed32(args[2]));
        put_raw(space, PARAM_TARGET_RAW, args[3], 1, true);
        put_u64(space, PARAM_FLAGS, (__u32)args[4]);
        break;
    default:
        put_raw(space, PARAM_PATH_RAW, args[0], 0, true);
    }
    put_cwd(space, PARAM_CWD);
}

/* A page that was not there at enter could not be read then: the sum is 0. */
static __always_inline bool name_changed(struct scratch *space, __u64 address, __u64 sum_before)
{
    return sum_before && path_sum(space, address) != sum_before;
}

static __noinline int mount_done(struct call *call)
{
    __u64 first, second, key = bpf_get_current_pid_tgid();
    struct entered *entered = bpf_map_lookup_elem(&entered_calls, &key);
    struct task_struct *task = bpf_get_current_task_btf();
    struct scratch *space = record_begin(call->page, call->event, call->result, call->flags);
    if (!space)
        return 0;
    named_arguments(call->event, call->args, &first, &second);
    bool is_proven = call->event == EVENT_CHROOT && call->result == 0;
    if (!is_proven)
        space->flags |= RECORD_NAME_UNVERIFIED;
    if (entered && entered->event == call->event &&
        (name_changed(space, first, entered->sums[0]) ||
         name_changed(space, second, entered->sums[1])))
        space->flags |= RECORD_NAME_CHANGED;
    put_mount_names(space, call);
    if (is_proven) { /* the new root, as seen from the top of the mount namespace */
        struct path_copy root = {};
        bpf_probe_read_kernel(&root, sizeof root,
                              (void *)READ(task, fs) +
                                  bpf_core_field_offset(struct fs_struct, root));
        space->task = NULL; /* no root but the top */
        put_path(space, PARAM_PATH, (__u64)root.mnt, (__u64)root.dentry);
    }
    record_send(call->page, space);
    bpf_map_delete_elem(&entered_calls, &key);
    return 0;
}

CALL_PROGRAMS(mount, mount_done, EVENT_NONE)
