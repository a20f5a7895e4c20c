/* How a record is made: take this CPU's scratch space, fill the head, put parameters, send. A
 * program that finds the space taken (it interrupted another one) takes the second; with both
 * taken the event is counted as lost. */
#pragma once

#include "abi.h"
#include "kernel.h"

#define SCRATCH_NESTING 2
#define NAME_BYTES      256 /* NAME_MAX of the kernel, and a NUL */
#define LONGEST_PARAM   (ARGV_BYTES_MAX + 16)

/* A choice among several: see change.bpf.c. */
struct pick {
    __u32 index; /* PICK_NONE */
    __u32 score;
    struct dentry *dentry; /* created_pick: what came up */
    __u32 is_named;        /* it bears the name that the program passed */
    __u32 is_sure;         /* so it does, or no other fits */
};
#define PICK_NONE 255

/* What a call that changes names was given. */
struct change {
    __u64 path, path_other;
    __s32 dirfd, dirfd_other;
    __u8 kind; /* enum change_kind */
    bool has_dirfd, has_dirfd_other;
};

/* One component of a path, zero padded. */
struct name_words {
    __u64 words[NAME_BYTES / 8];
};

struct scratch {
    __u32 busy;
    __u32 len; /* of the record so far */
    __u32 flags;
    __u32 unused;
    struct task_struct *task;      /* whose record it is, and whose root its names start from */
    char path[2 * PATH_BYTES_MAX]; /* names grow downwards from PATH_BYTES_MAX */
    /* last components of what the program passed */
    char last[2][NAME_BYTES]; /* zero padded */
    struct name_words
        name; /* one that is looked at; kernels before 6.13 give 512 bytes of stack in all */
    __u64 last_sum[2];
    __u32 last_len[2];
    struct pick pick; /* here and not on the stack: the verifier would follow each value it takes */
    struct change change;
    __u8 record[RECORD_BYTES_MAX + LONGEST_PARAM];
};

/* Sizes of ring and scratch are set by the loader. */
struct {
    __uint(type, BPF_MAP_TYPE_RINGBUF);
    __uint(max_entries, 1 << 25);
} ring SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(map_flags, BPF_F_MMAPABLE);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, struct control);
} control SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, SCRATCH_NESTING);
    __type(key, __u32);
    __type(value, struct scratch);
} scratch SEC(".maps");

/* tgids of our own processes: what they do makes no records. */
struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, 64);
    __type(key, __u32);
    __type(value, __u8);
} own_pids SEC(".maps");

static __always_inline struct control *control_page(void)
{
    __u32 zero = 0;
    return bpf_map_lookup_elem(&control, &zero);
}

static __always_inline struct cpu_counters *counters_of(struct control *page)
{
    return &page->cpus[bpf_get_smp_processor_id() & (CPU_MAX - 1)];
}

static __always_inline void drop_count(struct control *page, __u32 event, enum drop_reason reason)
{
    __sync_fetch_and_add(&counters_of(page)->drops[reason][event & 127], 1);
}

/* Is the current process one of ours? Nearly all are told apart by one bit. */
static __always_inline bool is_own(const struct control *page)
{
    __u32 tgid = bpf_get_current_pid_tgid() >> 32;
    return page->own_bits >> (tgid & 63) & 1 && bpf_map_lookup_elem(&own_pids, &tgid);
}

/* Does some rule want this event, from a process that is not ours? The first thing that a program
 * asks. */
static __always_inline struct control *wanted(__u32 event)
{
    struct control *page = control_page();
    return page && page->want_event[event & 127] && !is_own(page) ? page : NULL;
}

static __always_inline __u64 read_caps(const void *from)
{
    __u64 caps = 0;
    bpf_probe_read_kernel(&caps, sizeof caps, from);
    return caps;
}

/* The same of credentials that the verifier knows, without a helper. */
#define LOAD_CAPS(cred, field)                                                                     \
    ({                                                                                             \
        const struct cred___number *number_ = (const void *)(cred);                                \
        bpf_core_field_exists(number_->field.val)                                                  \
            ? number_->field.val                                                                   \
            : (cred)->field.cap[0] | (__u64)(cred)->field.cap[1] << 32;                            \
    })

static __always_inline __s32 pid_inside(struct pid *pid)
{
    unsigned int level = READ(pid, level);
    struct upid_copy upid = {};
    /* masked after the product: a verifier of 6.1 forgets the bounds of a product */
    __u64 offset = ((__u64)(level & 31) * bpf_core_type_size(struct upid)) & 1023;
    if (pid)
        bpf_probe_read_kernel(&upid,
                              bpf_core_type_size(struct upid) > sizeof upid
                                  ? sizeof upid
                                  : bpf_core_type_size(struct upid),
                              (void *)pid + bpf_core_field_offset(struct pid, numbers) + offset);
    return upid.nr;
}

/* The pid structure of type 0 thread, 1 process, 2 group, 3 session. */
static __always_inline struct pid *pid_of(struct task_struct *task, int type)
{
    if (type == 0)
        return READ(task, thread_pid);
    return read_pointer((void *)READ(task, signal) +
                        bpf_core_field_offset(struct signal_struct, pids) + type * sizeof(void *));
}

static __always_inline bool task_is_compat(struct task_struct *task)
{
#ifdef __TARGET_ARCH_x86
    return task->thread_info.status & TS_COMPAT;
#else
    return false;
#endif
}

/* Does its program make 32-bit calls? (One of 64 bits may, by int 0x80: see task_is_compat.) */
static __always_inline bool task_runs_32_bit(struct task_struct *task)
{
#ifdef __TARGET_ARCH_x86
    return task->thread_info.flags & TIF_ADDR32;
#else
    return false;
#endif
}

static __always_inline void record_fill_head(struct record_head *head, struct task_struct *task)
{
    const struct cred *cred = task->cred;
    head->pid = task->tgid;
    head->tid = task->pid;
    head->start_boot_ns = task->group_leader->start_boottime;
    head->uid = cred->euid.val;
    head->gid = cred->egid.val;
    head->real_uid = cred->uid.val;
    head->real_gid = cred->gid.val;
    head->login_uid = bpf_core_field_exists(task->loginuid) ? task->loginuid.val : (__u32)-1;
    head->cap_effective = LOAD_CAPS(cred, cap_effective);
    head->cap_permitted = LOAD_CAPS(cred, cap_permitted);
    head->cap_inheritable = LOAD_CAPS(cred, cap_inheritable);
    struct pid *pid = task->thread_pid;
    head->vtid = pid && pid->level ? (__u32)pid_inside(pid) : (__u32)head->tid;
    head->reserved = 0;
}

/* Takes scratch space and writes the head for the current task. NULL: none free, counted. The
 * caller must end with record_send or record_drop. */
static __always_inline struct scratch *record_begin(struct control *page, __u32 event, __s64 result,
                                                    __u32 flags)
{
    __u32 cpu = bpf_get_smp_processor_id();
    struct scratch *space = NULL;
    for (__u32 nesting = 0; nesting < SCRATCH_NESTING; nesting++) {
        __u32 slot = cpu * SCRATCH_NESTING + nesting;
        space = bpf_map_lookup_elem(&scratch, &slot);
        if (!space)
            break;
        if (__sync_lock_test_and_set(&space->busy, 1) == 0)
            break;
        space = NULL;
    }
    if (!space) {
        drop_count(page, event, DROP_SCRATCH_BUSY);
        return NULL;
    }
    struct task_struct *task = bpf_get_current_task_btf();
    struct record_head *head = (void *)space->record;
    if (task_is_compat(task))
        page->has_compat = 1;
    record_fill_head(head, task);
    head->type = event;
    head->time_boot_ns = bpf_ktime_get_boot_ns();
    head->cpu = cpu;
    head->result = result;
    head->cgroup_id = bpf_get_current_cgroup_id();
    space->task = task;
    space->flags = flags;
    space->len = sizeof *head;
    return space;
}

static __always_inline void record_drop(struct scratch *space)
{
    __sync_lock_test_and_set(&space->busy, 0);
}

/* Wakes the reader when it asked for it, or when more bytes than its threshold lie unread. To ask
 * for that costs a helper, so it is done every WAKEUP_STEP bytes of a processor. */
#define WAKEUP_STEP 16384
static __always_inline __u64 wakeup_flags(struct control *page, struct cpu_counters *counters,
                                          __u32 len)
{
    if (page->want_wakeup) {
        page->want_wakeup = 0;
        return BPF_RB_FORCE_WAKEUP;
    }
    __u32 limit = page->wakeup_bytes;
    if (!limit)
        return BPF_RB_NO_WAKEUP;
    if (counters->bytes / WAKEUP_STEP == (counters->bytes + len) / WAKEUP_STEP)
        return BPF_RB_NO_WAKEUP;
    __u64 unread = bpf_ringbuf_query(&ring, BPF_RB_AVAIL_DATA);
    return unread >= limit ? BPF_RB_FORCE_WAKEUP : BPF_RB_NO_WAKEUP;
}

static __always_inline void record_send(struct control *page, struct scratch *space)
{
    struct record_head *head = (void *)space->record;
    struct cpu_counters *counters = counters_of(page);
    __u32 event = head->type;
    __u32 len = space->len;
    head->seq = __sync_fetch_and_add(&counters->seq, 1) + 1;
    head->len = len;
    head->flags = (__u16)space->flags;
    asm volatile("" : "+r"(len));
    if (len > RECORD_BYTES_MAX) {
        drop_count(page, event, DROP_TOO_LARGE);
    } else if (bpf_ringbuf_output(&ring, space->record, len, wakeup_flags(page, counters, len))) {
        drop_count(page, event, DROP_RING_FULL);
    } else {
        __sync_fetch_and_add(&counters->records, 1);
        __sync_fetch_and_add(&counters->bytes, len);
    }
    record_drop(space);
}

/* A number that two names share only when they are equal, but for chance; without branches, which
 * the verifier would have to follow. */
SUBPROGRAM __u64 name_sum(const struct name_words *name)
{
    __u64 sum = 0x9e3779b97f4a7c15ull;
    if (!name)
        return 0;
    for (int i = 0; i < NAME_BYTES / 8; i++)
        sum = (sum ^ name->words[i] ^ sum >> 29) * 0xbf58476d1ce4e5b9ull;
    return sum;
}

/* ---- parameters ---- */

/* Where the next parameter's head goes; NULL when the record is over its limit already. */
static __always_inline struct param_head *param_next(struct scratch *space)
{
    __u64 at = space->len; /* as wide as a register: 6.1 follows no copy of half of one */
    asm volatile("" : "+r"(at));
    if (at > RECORD_BYTES_MAX) {
        space->len = RECORD_BYTES_MAX + 8; /* too large: record_send drops and counts it */
        return NULL;
    }
    return (void *)&space->record[at];
}

static __always_inline void param_end(struct scratch *space, struct param_head *param, __u16 id,
                                      __u32 len)
{
    param->id = id;
    param->reserved = 0;
    param->len = len;
    space->len += sizeof *param + ((len + 7) & ~7u);
}

static __always_inline void put_u64(struct scratch *space, __u16 id, __u64 value)
{
    struct param_head *param = param_next(space);
    if (!param)
        return;
    *(__u64 *)(param + 1) = value;
    param_end(space, param, id, 8);
}

/* Room for a structure of a size known at compile time, a multiple of 8, zeroed. */
#define put_struct(space, param_id, type)                                                          \
    ({                                                                                             \
        struct param_head *param_ = param_next(space);                                             \
        type *struct_ = NULL;                                                                      \
        if (param_) {                                                                              \
            struct_ = (type *)(param_ + 1);                                                        \
            __builtin_memset(struct_, 0, sizeof(type));                                            \
            param_end(space, param_, param_id, sizeof(type));                                      \
        }                                                                                          \
        struct_;                                                                                   \
    })

/* Bytes from the kernel's memory or from the program's. len_max is a constant of at most
 * ARGV_BYTES_MAX; more than that is cut and `cut` set. */
static __always_inline void put_bytes(struct scratch *space, __u16 id, const void *from, __u64 len,
                                      __u32 len_max, bool is_user, __u32 cut)
{
    struct param_head *param = param_next(space);
    if (!param)
        return;
    if (len > len_max) {
        len = len_max;
        space->flags |= cut;
    }
    __u8 *data = (__u8 *)(param + 1);
    asm volatile("" : "+r"(len));
    if (len > len_max)
        return;
    *(__u64 *)(data + (len & ~7ull)) = 0;
    long fault = is_user ? bpf_probe_read_user(data, (__u32)len, from)
                         : bpf_probe_read_kernel(data, (__u32)len, from);
    if (fault) {
        space->flags |= RECORD_FAULT;
        return;
    }
    param_end(space, param, id, (__u32)len);
}

/* A string that ends with NUL, which is not kept. */
static __always_inline void put_string(struct scratch *space, __u16 id, const void *from,
                                       __u32 len_max, bool is_user)
{
    struct param_head *param = param_next(space);
    if (!param)
        return;
    __u8 *data = (__u8 *)(param + 1);
    long len = is_user ? bpf_probe_read_user_str(data, len_max, from)
                       : bpf_probe_read_kernel_str(data, len_max, from);
    if (len <= 0) {
        space->flags |= RECORD_FAULT;
        return;
    }
    len--;
    asm volatile("" : "+r"(len));
    if (len < 0 || len > LONGEST_PARAM - 16)
        return;
    /* zero the padding behind the text, which a former record may have left dirty */
    for (int i = 0; i < 8; i++)
        data[len + i] = 0;
    param_end(space, param, id, (__u32)len);
}
