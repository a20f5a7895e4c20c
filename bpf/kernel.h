/* The kernel's structures, cut down to the fields that these programs read. Offsets are relocated
 * at load time (CO-RE), so nothing here depends on the kernel that built it. A name with ___ is the
 * same structure as another kernel has it. */
#pragma once

#include <stdbool.h>

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <linux/bpf.h>
#include <linux/types.h>

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

typedef struct {
    int counter;
} atomic_t;

struct hlist_node {
    struct hlist_node *next, **pprev;
};
struct hlist_head {
    struct hlist_node *first;
};
struct list_head {
    struct list_head *next, *prev;
};
struct hlist_bl_node {
    struct hlist_bl_node *next, **pprev;
};
struct qstr {
    __u64 hash_len;
    const unsigned char *name;
};
struct super_block;
struct inode;
struct pid;
struct dentry {
    unsigned int d_flags;
    struct hlist_bl_node d_hash;
    struct dentry *d_parent;
    struct qstr d_name;
    struct inode *d_inode;
    struct super_block *d_sb;
    struct {
        struct hlist_node d_alias;
    } d_u;
};
struct dentry___short { /* since 6.14 */
    struct {
        unsigned char string[40];
    } d_shortname; /* where d_name is, unless it is longer */
};
struct vfsmount {
    struct dentry *mnt_root;
    struct super_block *mnt_sb;
    int mnt_flags;
};
struct mnt_namespace;
struct mount {
    struct mount *mnt_parent;
    struct dentry *mnt_mountpoint;
    struct vfsmount mnt;
    struct mnt_namespace *mnt_ns;
    struct mount *mnt_next_for_sb;
};
struct mount___list {
    struct list_head mnt_instance;
};
struct file_system_type {
    const char *name;
};
struct super_block {
    __u32 s_dev;
    unsigned long s_magic;
    unsigned long s_flags;
    struct file_system_type *s_type;
    struct mount *s_mounts;
};
struct super_block___list {
    struct list_head s_mounts;
};
struct path {
    struct vfsmount *mnt;
    struct dentry *dentry;
};
typedef struct {
    __u32 val;
} kuid_t;
typedef struct {
    __u32 val;
} kgid_t;
struct timespec64 {
    __s64 tv_sec;
    long tv_nsec;
};
struct inode {
    unsigned short i_mode;
    kuid_t i_uid;
    kgid_t i_gid;
    struct super_block *i_sb;
    unsigned long i_ino;
    unsigned int i_nlink;
    __u32 i_rdev;
    __s64 i_mtime_sec; /* since 6.11 */
    __s64 i_ctime_sec;
    __u32 i_mtime_nsec;
    __u32 i_ctime_nsec;
    struct hlist_head i_dentry;
};
struct inode___timespec { /* to 6.5, mtime to 6.6 */
    struct timespec64 i_mtime, i_ctime;
};
struct inode___private { /* 6.6 and 6.7 to 6.10 */
    struct timespec64 __i_mtime, __i_ctime;
};
struct ovl_inode {
    struct inode vfs_inode;
    struct dentry *__upperdentry;
};
struct proc_inode {
    struct pid *pid;
    struct inode vfs_inode;
};
struct file {
    const void *f_op;
    void *private_data;
    struct inode *f_inode;
    unsigned int f_flags;
    unsigned int f_mode;
    struct path f_path;
};
struct fdtable {
    unsigned int max_fds;
    struct file **fd;
};
struct files_struct {
    struct fdtable *fdt;
};
struct fs_struct {
    struct path root, pwd;
};
struct ns_common {
    unsigned int inum;
};
struct mnt_namespace {
    struct ns_common ns;
    struct mount *root;
};
struct user_namespace {
    struct ns_common ns;
    struct user_namespace *parent;
};
struct pid_namespace {
    struct ns_common ns;
};
struct net {
    struct ns_common ns;
};
struct nsproxy {
    struct mnt_namespace *mnt_ns;
    struct pid_namespace *pid_ns_for_children;
    struct net *net_ns;
};
struct upid {
    int nr;
    struct pid_namespace *ns;
};
struct pid {
    unsigned int level;
    struct upid numbers[1];
};
struct cred___number { /* since 6.3 */
    struct {
        __u64 val;
    } cap_inheritable, cap_permitted, cap_effective;
};
struct cred {
    kuid_t uid, suid, euid, fsuid;
    kgid_t gid, sgid, egid, fsgid;
    struct {
        __u32 cap[2];
    } cap_inheritable, cap_permitted, cap_effective;
    struct user_namespace *user_ns;
};
struct tty_driver {
    int major;
    int minor_start;
};
struct tty_struct {
    struct tty_driver *driver;
    int index;
};
struct signal_struct {
    atomic_t live;
    int group_exit_code;
    struct pid *pids[4];
    struct tty_struct *tty;
};
struct mm_struct {
    unsigned long arg_start, arg_end, env_start, env_end;
    struct file *exe_file;
};
struct kernfs_node {
    struct kernfs_node *parent;
    const char *name;
    __u64 id;
};
struct kernfs_node___hidden { /* since 6.15 */
    struct kernfs_node *__parent;
};
struct cgroup_root {
    int hierarchy_id;
};
struct cgroup {
    struct kernfs_node *kn;
    struct cgroup_root *root;
};
struct cgroup_subsys_state {
    struct cgroup *cgroup;
};
enum cgroup_subsys_id {
    cpuset_cgrp_id,
    cpu_cgrp_id,
    memory_cgrp_id,
    devices_cgrp_id,
    pids_cgrp_id
};
struct css_set {
    struct cgroup_subsys_state *subsys[16];
    struct cgroup *dfl_cgrp;
};
struct thread_info {
    unsigned long flags;
    __u32 status;
};
struct task_struct {
    struct thread_info thread_info;
    unsigned int flags;
    struct mm_struct *mm;
    int exit_code;
    int exit_signal;
    int pid;
    int tgid;
    struct task_struct *real_parent;
    struct task_struct *group_leader;
    struct pid *thread_pid;
    __u64 start_boottime;
    const struct cred *real_cred;
    const struct cred *cred;
    char comm[16];
    struct fs_struct *fs;
    struct files_struct *files;
    struct nsproxy *nsproxy;
    struct signal_struct *signal;
    kuid_t loginuid;
    struct css_set *cgroups;
    void *worker_private;
};
struct task_struct___boot { /* before 5.5 */
    __u64 real_start_time;
};
struct seq_file;
struct bpf_iter_meta {
    struct seq_file *seq;
};
struct bpf_iter__task {
    struct bpf_iter_meta *meta;
    struct task_struct *task;
};
struct linux_binprm {
    struct file *file;
    const char *filename;
    const char *interp;
    const char *fdpath;
};
struct pt_regs {
    unsigned long r15, r14, r13, r12, bp, bx, r11, r10, r9, r8, ax, cx, dx, si, di, orig_ax, ip;
};

/* ---- sockets ---- */
struct in6_addr {
    __u8 bytes[16];
};
struct sock_common {
    __u32 skc_daddr;
    __u32 skc_rcv_saddr;
    __u16 skc_dport;
    __u16 skc_num;
    unsigned short skc_family;
    volatile unsigned char skc_state;
    struct in6_addr skc_v6_daddr;
    struct in6_addr skc_v6_rcv_saddr;
};
struct sock {
    struct sock_common __sk_common;
    __u16 sk_type;
    __u16 sk_protocol;
};
struct inet_sock {
    __u32 inet_saddr;
    __u16 inet_sport;
};
struct sockaddr_un {
    unsigned short sun_family;
    char sun_path[108];
};
struct unix_address {
    int len;
    struct sockaddr_un name[1];
};
struct unix_sock {
    struct unix_address *addr;
    struct path path;
    struct sock *peer;
};
struct socket {
    short type;
    struct sock *sk;
};

/* ---- io_uring ---- */
struct io_wq_work {
    struct list_head list;
};
struct io_worker {
    struct io_wq_work *cur_work;
};
struct io_cqe {
    __u64 user_data;
    __s32 res;
    int fd;
};
struct io_rsrc_node {
    unsigned long file_ptr;
};
struct io_rsrc_data {
    unsigned int nr;
    struct io_rsrc_node **nodes;
};
struct io_fixed_file {
    unsigned long file_ptr;
};
struct io_file_table {
    struct io_rsrc_data data;    /* since 6.13 */
    struct io_fixed_file *files; /* before */
};
struct io_ring_ctx {
    struct io_file_table file_table;
};
struct io_kiocb { /* begins with the operation's own structure, one of those below */
    struct file *file;
    __u8 opcode;
    __u32 flags;
    struct io_cqe cqe;
    struct io_ring_ctx *ctx;
    const struct cred *creds;
    struct io_wq_work work;
    void *async_data;
};
struct filename {
    const char *name;
};
struct open_how {
    __u64 flags, mode;
};
struct io_open {
    int dfd;
    __u32 file_slot;
    struct filename *filename;
    struct open_how how;
};
struct io_unlink {
    int dfd, flags;
    struct filename *filename;
};
struct io_rename {
    int old_dfd, new_dfd, flags;
    struct filename *oldpath, *newpath;
};
struct io_link { /* symbolic links too */
    int old_dfd, new_dfd, flags;
    struct filename *oldpath, *newpath;
};
struct io_mkdir {
    int dfd;
    unsigned short mode;
    struct filename *filename;
};
struct io_connect {
    void *addr;
    int addr_len;
};
struct io_accept {
    int flags;
    __u32 file_slot;
};
struct io_listen { /* since 6.11, as io_bind */
    int backlog;
};
struct io_sr_msg {
    void *buf; /* of one that sends a msghdr: that */
    int len;
    void *addr; /* before 6.10; later the kernel's copy is in io_async_msghdr */
    int addr_len;
};
struct msghdr {
    int msg_namelen;
};
struct sockaddr_copy {
    __u16 family;
};
struct io_async_msghdr {
    struct msghdr msg;
    struct sockaddr_copy addr;
};

#pragma clang attribute pop

/* Copies of kernel structures on our stack. Of the relocated types themselves clang-14 makes wrong
 * code there: it takes the relocated store for one to other memory. */
struct name_copy {
    __u64 hash_len; /* len in the upper half */
    const unsigned char *name;
};
struct path_copy {
    struct vfsmount *mnt;
    struct dentry *dentry;
};
struct upid_copy {
    int nr;
    void *ns;
};

#define TS_COMPAT      0x0002 /* arch/x86/include/asm/thread_info.h */
#define TIF_ADDR32     (1u << 29)
#define PF_KTHREAD     0x00200000 /* include/linux/sched.h */
#define PF_IO_WORKER   0x00000010
#define PF_USER_WORKER 0x00004000

#define S_IFMT   0170000
#define S_IFDIR  0040000
#define S_IFCHR  0020000
#define S_IFSOCK 0140000
#define S_IFREG  0100000

#define OVERLAYFS_MAGIC 0x794c7630
#define TMPFS_MAGIC     0x01021994
#define PROC_MAGIC      0x9fa0

#define AT_FDCWD      (-100)
#define FMODE_CREATED (1u << 20) /* include/linux/fs.h, since 4.19 */
#define AF_UNIX       1
#define AF_INET       2
#define AF_INET6      10

/* Kernels since 6.2 let a program take any number for a pointer to one of their structures and load
 * through it, which gives 0 where nothing is mapped: an instruction instead of a call of
 * bpf_probe_read_kernel. */
extern void *bpf_rdonly_cast(const void *pointer, __u32 type) __ksym __weak;
/* Has this kernel that? Set by the loader. */
const volatile bool has_rdonly_cast;
/* Only behind has_rdonly_cast: the verifier does not look at what is never reached. */
#define KERNEL(pointer)                                                                            \
    ((__typeof__(pointer))bpf_rdonly_cast((pointer),                                               \
                                          bpf_core_type_id_kernel(__typeof__(*(pointer)))))

/* READ(task, fs, umask): a chain of pointers; 0 where one of them leads nowhere. The pointer is
 * copied first, or an access in its expression would be relocated as if it were the kernel's. */
#define READ(pointer, ...)                                                                         \
    ({                                                                                             \
        __typeof__(pointer) from_ = (pointer);                                                     \
        has_rdonly_cast ? ___arrow(KERNEL(from_), __VA_ARGS__)                                     \
                        : BPF_CORE_READ(from_, __VA_ARGS__);                                       \
    })

/* The pointer that lies at an address: as a structure that begins with one has it. */
static __always_inline void *read_pointer(void *address)
{
    return READ((struct list_head *)address, next);
}

/* A kernel's pointer that the verifier knows as such, as the number that a SUBPROGRAM takes: the
 * difference of two pointers is a number, even when one of them is NULL. */
static __always_inline __u64 number_of(const void *pointer)
{
    const struct list_head *any = pointer, *null = NULL;
    if (has_rdonly_cast)
        return (__u64)KERNEL(any) - (__u64)KERNEL(null);
    __u64 number = 0;
    bpf_probe_read_kernel(&number, sizeof number, &pointer);
    return number;
}

/* The same of a pointer that READ gave, which is a number already where it was a call. */
static __always_inline __u64 number_read(const void *pointer)
{
    return has_rdonly_cast ? number_of(pointer) : (__u64)pointer;
}

/* A function that the verifier checks once by itself, not again at each call. It takes structures
 * of ours by pointer (and must ask whether they are there) and the kernel's as numbers. */
#define SUBPROGRAM __weak __noinline

static __always_inline void read_kernel(void *to, __u32 size, const void *from)
{
    if (bpf_probe_read_kernel(to, size, from))
        __builtin_memset(to, 0, size);
}
