/* What the kernel programs and user space share, and the only thing they share. A record in the
 * ring is a head followed by parameters, each a small head and its bytes, all on 8-byte boundaries:
 *
 *   | struct record_head | param_head | bytes, padded to 8 | param_head | bytes … |   len bytes in
 * all
 *
 * A parameter that an event does not have is left out; none occurs twice. Little endian, as the
 * kernel is here. Both a recording on disk and the ring hold exactly this. */
#pragma once

#ifdef __BPF__
#include <linux/types.h>
typedef __u8 uint8_t;
typedef __u16 uint16_t;
typedef __u32 uint32_t;
typedef __u64 uint64_t;
typedef __s32 int32_t;
typedef __s64 int64_t;
#else
#include <stdint.h>
#endif

#define ABI_VERSION 1

#define ARGV_BYTES_MAX 32768 /* longer: cut, RECORD_CUT_ARGV */
#define ENV_BYTES_MAX  32768 /* longer: cut, RECORD_CUT_ENV */
#define PATH_BYTES_MAX                                                                             \
    4096                     /* PATH_MAX of the kernel; longer: cut at the front, RECORD_CUT_PATH  \
                              */
#define BUFFER_BYTES_MAX 512 /* of written data, DNS messages */
#define RECORD_BYTES_MAX 98304 /* a whole record */

enum record_flag {
    RECORD_NAME_UNVERIFIED = 1 << 0, /* a name rests on user memory, not on a kernel object */
    RECORD_NAME_CHANGED = 1 << 1,    /* read at enter and at exit, and the two differ */
    RECORD_CUT_PATH = 1 << 2,
    RECORD_CUT_ARGV = 1 << 3,
    RECORD_CUT_ENV = 1 << 4,
    RECORD_COMPAT = 1 << 5,      /* 32-bit syscall entry */
    RECORD_IO_URING = 1 << 6,    /* the operation came through io_uring */
    RECORD_FAULT = 1 << 7,       /* some user memory could not be read: a parameter is missing */
    RECORD_SNAPSHOT = 1 << 8,    /* tells what was so already, from an iterator; not an event */
    RECORD_UNREACHABLE = 1 << 9, /* a name ends at a mount that the task's root does not reach */
    RECORD_FILE_MADE = 1 << 10,  /* open: the file was not there before */
};

/* Who did it: the thread that ran at that moment, as the kernel saw it. 112 bytes. */
struct record_head {
    uint32_t len;           /* whole record, multiple of 8 */
    uint16_t type;          /* enum event_type */
    uint16_t flags;         /* enum record_flag */
    uint64_t seq;           /* per CPU, from 1: a gap is a loss */
    uint64_t time_boot_ns;  /* bpf_ktime_get_boot_ns */
    uint64_t start_boot_ns; /* of the thread group leader: with pid, the process's identity */
    uint32_t cpu;
    int32_t pid; /* tgid, initial pid namespace */
    int32_t tid;
    uint32_t uid; /* effective, initial user namespace */
    uint32_t gid;
    uint32_t login_uid; /* 0xffffffff: not set */
    int64_t result;     /* what the syscall returned; 0 where there is none */
    uint64_t cap_effective;
    uint64_t cap_permitted;
    uint64_t cap_inheritable;
    uint64_t cgroup_id; /* of the default hierarchy; tells that a process moved */
    uint32_t real_uid;
    uint32_t real_gid;
    uint32_t vtid;     /* in its own pid namespace */
    uint32_t reserved; /* 0 */
};

struct param_head {
    uint16_t id;       /* enum param_id */
    uint16_t reserved; /* 0 */
    uint32_t len;      /* bytes without padding */
};

/* How a parameter's bytes are to be read. */
enum param_kind {
    PARAM_KIND_S64,   /* 8 bytes */
    PARAM_KIND_U64,   /* 8 bytes */
    PARAM_KIND_TEXT,  /* bytes as they are, no NUL at the end */
    PARAM_KIND_PATH,  /* the same: an absolute name, or one that the program passed */
    PARAM_KIND_LIST,  /* texts, each ended by NUL (the last may lack it when cut) */
    PARAM_KIND_BYTES, /* no text */
    PARAM_KIND_STRUCT /* a struct of this file */
};

/* id, kind. Names after what they are, not after one syscall; the schema maps Falco's argument
 * names onto them. Never renumber: recordings carry these ids. Append at the end. */
#define PARAM_LIST(X)                                                                              \
    X(FD, S64)       /* the descriptor acted on or made */                                         \
    X(FD_OTHER, S64) /* dup's old one, rename's and link's target dirfd */                         \
    X(DIRFD, S64)    /* as passed; AT_FDCWD is -100 */                                             \
    X(FLAGS, U64)    /* the syscall's flags, its own numbering */                                  \
    X(MODE, U64)                                                                                   \
    X(FILE, STRUCT)   /* struct file_identity of FD or of the touched inode */                     \
    X(PATH, PATH)     /* kernel's absolute name, from the task's root */                           \
    X(PATH_RAW, PATH) /* what the program passed */                                                \
    X(TARGET, PATH)   /* second name: rename's new, link's new, symlink's link */                  \
    X(TARGET_RAW, PATH)                                                                            \
    X(EXE_PATH, PATH)    /* exec: the file that runs (bprm->file); fork, snapshot: mm->exe */      \
    X(EXE_FLAGS, U64)    /* enum exe_flag */                                                       \
    X(EXE_FILE, STRUCT)  /* struct file_identity */                                                \
    X(INTERPRETER, PATH) /* bprm->interp where it is not the file itself: a script's #! */         \
    X(ARGV, LIST)                                                                                  \
    X(ENV, LIST)                                                                                   \
    X(CWD, PATH)                                                                                   \
    X(COMM, TEXT)                                                                                  \
    X(PROCESS, STRUCT)   /* struct process_identity: exec, fork (the child), snapshot */           \
    X(STDIO, STRUCT)     /* struct file_identity[3] of descriptors 0 to 2 */                       \
    X(CGROUPS, LIST)     /* "controller:path" per hierarchy that matters; v2 is ":path" */         \
    X(SOCKET, STRUCT)    /* struct socket_tuple */                                                 \
    X(SOCKET_PATH, PATH) /* of a unix socket; abstract ones begin with '@' */                      \
    X(DOMAIN, U64)       /* socket(2): AF_ */                                                      \
    X(SOCKET_TYPE, U64)                                                                            \
    X(PROTOCOL, U64)                                                                               \
    X(BACKLOG, S64)                                                                                \
    X(SIZE, U64)     /* bytes asked for or moved */                                                \
    X(BUFFER, BYTES) /* first BUFFER_BYTES_MAX of the data */                                      \
    X(DNS, BYTES)    /* a DNS message (RFC 1035 section 4), as on the wire, UDP or TCP */          \
    X(UID, S64)      /* setuid family, chown: -1 leaves as is */                                   \
    X(GID, S64)                                                                                    \
    X(EUID, S64)                                                                                   \
    X(EGID, S64)                                                                                   \
    X(SUID, S64)                                                                                   \
    X(SGID, S64)                                                                                   \
    X(CAPS, STRUCT) /* capset: uint64_t[3], effective, permitted, inheritable */                   \
    X(SIGNAL, S64)                                                                                 \
    X(PEER_PID, S64)   /* the other process: kill, ptrace, process_vm_writev, child of fork */     \
    X(PEER_START, U64) /* its start_boot_ns, where known */                                        \
    X(REQUEST, S64)    /* ptrace request, prctl option, bpf cmd, seccomp op, ioctl */              \
    X(ADDRESS, U64)    /* mmap, mprotect, ptrace */                                                \
    X(DATA, U64)       /* ptrace data, prctl arg2 */                                               \
    X(PROTECTION, U64) /* PROT_ */                                                                 \
    X(DEVICE, TEXT)    /* mount's source */                                                        \
    X(FS_TYPE, TEXT)                                                                               \
    X(NAME, TEXT)     /* memfd's name, a module's name, bpf program's name */                      \
    X(NS_TYPE, U64)   /* setns, unshare: CLONE_NEW */                                              \
    X(STATUS, S64)    /* exit: wait status */                                                      \
    X(DROPS, STRUCT)  /* struct drop_note */                                                       \
    X(OFFSET, U64)    /* pwrite, splice */                                                         \
    X(RUSAGE, STRUCT) /* reserved for exit */

enum param_id {
    PARAM_NONE = 0,
#define X(name, kind) PARAM_##name,
    PARAM_LIST(X)
#undef X
        PARAM_COUNT
};

enum exe_flag {
    EXE_UPPER_LAYER = 1 << 0, /* on overlayfs, from the writable layer (proc.is_exe_upper_layer) */
    EXE_LOWER_LAYER = 1 << 1,
    EXE_MEMFD = 1 << 2,    /* runs from a memfd (proc.is_exe_from_memfd) */
    EXE_WRITABLE = 1 << 3, /* its own user may write it (proc.is_exe_writable) */
    EXE_DELETED = 1 << 4,
};

/* 48 bytes. All zero: no such file. */
struct file_identity {
    uint64_t inode;
    uint64_t device;      /* kernel's dev_t: major << 20 | minor */
    uint64_t ctime_ns;    /* wall */
    uint64_t mtime_ns;    /* wall */
    uint32_t mode;        /* S_IFMT and permission bits */
    uint32_t links;       /* i_nlink */
    uint16_t sock_family; /* AF_, for a socket */
    uint8_t sock_type;
    uint8_t sock_protocol;
    uint32_t layer; /* enum exe_flag: EXE_UPPER_LAYER, EXE_LOWER_LAYER, EXE_MEMFD */
};

/* 112 bytes. */
struct process_identity {
    int32_t pid;
    int32_t tid;
    int32_t parent_pid; /* real_parent: init or a subreaper once the parent is gone */
    int32_t session;    /* sid, initial namespace */
    uint64_t start_boot_ns;
    uint64_t parent_start_boot_ns;
    int32_t group; /* pgid */
    int32_t vpid;
    int32_t vtid;
    int32_t vsession;
    int32_t vgroup;
    uint32_t tty; /* kernel's dev_t of the controlling terminal, 0: none */
    uint64_t mount_ns;
    uint64_t pid_ns;
    uint64_t net_ns;
    uint64_t user_ns;
    uint64_t clone_flags; /* fork: as passed */
    uint32_t is_thread;   /* a new thread, not a process */
    uint32_t exit_signal;
    uint64_t reserved;
};

/* 48 bytes. Addresses in network order, v4 in the first 4 bytes; v4-mapped v6 arrive as they are
 * and are shown as IPv4 by user space. Ports in host order. */
struct socket_tuple {
    uint8_t local[16];
    uint8_t remote[16];
    uint16_t local_port;
    uint16_t remote_port;
    uint16_t family;
    uint8_t type;       /* SOCK_ */
    uint8_t protocol;   /* IPPROTO_ */
    uint32_t is_server; /* the connection was accepted here */
    uint32_t reserved;
};

struct drop_note {
    uint64_t count;
    uint32_t reason;
    uint32_t type;
};

/* Every event's evt.type, in Falco's spelling. Never renumber; append at the end. The group is what
 * hooks are chosen by. */
#define EVENT_LIST(X)                                                                              \
    X(EXECVE, "execve", PROCESS)                                                                   \
    X(EXECVEAT, "execveat", PROCESS)                                                               \
    X(FORK, "fork", PROCESS)                                                                       \
    X(VFORK, "vfork", PROCESS)                                                                     \
    X(CLONE, "clone", PROCESS)                                                                     \
    X(CLONE3, "clone3", PROCESS)                                                                   \
    X(PROCEXIT, "procexit", PROCESS)                                                               \
    X(CGROUP_ATTACH, "cgroup_attach", PROCESS)                                                     \
    X(CGROUP_MKDIR, "cgroup_mkdir", PROCESS)                                                       \
    X(OPEN, "open", FILE)                                                                          \
    X(OPENAT, "openat", FILE)                                                                      \
    X(OPENAT2, "openat2", FILE)                                                                    \
    X(OPEN_BY_HANDLE_AT, "open_by_handle_at", FILE)                                                \
    X(CREAT, "creat", FILE)                                                                        \
    X(UNLINK, "unlink", FILE)                                                                      \
    X(UNLINKAT, "unlinkat", FILE)                                                                  \
    X(RMDIR, "rmdir", FILE)                                                                        \
    X(RENAME, "rename", FILE)                                                                      \
    X(RENAMEAT, "renameat", FILE)                                                                  \
    X(RENAMEAT2, "renameat2", FILE)                                                                \
    X(LINK, "link", FILE)                                                                          \
    X(LINKAT, "linkat", FILE)                                                                      \
    X(SYMLINK, "symlink", FILE)                                                                    \
    X(SYMLINKAT, "symlinkat", FILE)                                                                \
    X(CHMOD, "chmod", FILE)                                                                        \
    X(FCHMOD, "fchmod", FILE)                                                                      \
    X(FCHMODAT, "fchmodat", FILE)                                                                  \
    X(FCHMODAT2, "fchmodat2", FILE)                                                                \
    X(CHOWN, "chown", FILE)                                                                        \
    X(LCHOWN, "lchown", FILE)                                                                      \
    X(FCHOWN, "fchown", FILE)                                                                      \
    X(FCHOWNAT, "fchownat", FILE)                                                                  \
    X(MKDIR, "mkdir", FILE)                                                                        \
    X(MKDIRAT, "mkdirat", FILE)                                                                    \
    X(MKNOD, "mknod", FILE)                                                                        \
    X(MKNODAT, "mknodat", FILE)                                                                    \
    X(SOCKET, "socket", NETWORK)                                                                   \
    X(CONNECT, "connect", NETWORK)                                                                 \
    X(ACCEPT, "accept", NETWORK)                                                                   \
    X(ACCEPT4, "accept4", NETWORK)                                                                 \
    X(BIND, "bind", NETWORK)                                                                       \
    X(LISTEN, "listen", NETWORK)                                                                   \
    X(SENDTO, "sendto", NETWORK)                                                                   \
    X(SENDMSG, "sendmsg", NETWORK)                                                                 \
    X(SENDMMSG, "sendmmsg", NETWORK)                                                               \
    X(RECVFROM, "recvfrom", NETWORK)                                                               \
    X(RECVMSG, "recvmsg", NETWORK)                                                                 \
    X(DUP, "dup", DESCRIPTOR)                                                                      \
    X(DUP2, "dup2", DESCRIPTOR)                                                                    \
    X(DUP3, "dup3", DESCRIPTOR)                                                                    \
    X(SETUID, "setuid", CREDENTIAL)                                                                \
    X(SETGID, "setgid", CREDENTIAL)                                                                \
    X(SETREUID, "setreuid", CREDENTIAL)                                                            \
    X(SETREGID, "setregid", CREDENTIAL)                                                            \
    X(SETRESUID, "setresuid", CREDENTIAL)                                                          \
    X(SETRESGID, "setresgid", CREDENTIAL)                                                          \
    X(CAPSET, "capset", CREDENTIAL)                                                                \
    X(SETNS, "setns", NAMESPACE)                                                                   \
    X(UNSHARE, "unshare", NAMESPACE)                                                               \
    X(CHROOT, "chroot", NAMESPACE)                                                                 \
    X(PIVOT_ROOT, "pivot_root", NAMESPACE)                                                         \
    X(MOUNT, "mount", NAMESPACE)                                                                   \
    X(UMOUNT, "umount", NAMESPACE)                                                                 \
    X(UMOUNT2, "umount2", NAMESPACE)                                                               \
    X(FSOPEN, "fsopen", NAMESPACE)                                                                 \
    X(MOVE_MOUNT, "move_mount", NAMESPACE)                                                         \
    X(PTRACE, "ptrace", MEMORY)                                                                    \
    X(PROCESS_VM_WRITEV, "process_vm_writev", MEMORY)                                              \
    X(PROC_MEM_WRITE, "proc_mem_write", MEMORY) /* a write to /proc/PID/mem */                     \
    X(MPROTECT, "mprotect", MEMORY)                                                                \
    X(MMAP, "mmap", MEMORY)                                                                        \
    X(MEMFD_CREATE, "memfd_create", MEMORY)                                                        \
    X(USERFAULTFD, "userfaultfd", MEMORY)                                                          \
    X(BPF, "bpf", KERNEL)                                                                          \
    X(INIT_MODULE, "init_module", KERNEL)                                                          \
    X(FINIT_MODULE, "finit_module", KERNEL)                                                        \
    X(DELETE_MODULE, "delete_module", KERNEL)                                                      \
    X(KEXEC_LOAD, "kexec_load", KERNEL)                                                            \
    X(KEXEC_FILE_LOAD, "kexec_file_load", KERNEL)                                                  \
    X(KILL, "kill", SIGNAL)                                                                        \
    X(TKILL, "tkill", SIGNAL)                                                                      \
    X(TGKILL, "tgkill", SIGNAL)                                                                    \
    X(SECCOMP, "seccomp", CONTROL)                                                                 \
    X(PRCTL, "prctl", CONTROL)                                                                     \
    X(DNS, "dns", NETWORK) /* a question or an answer, seen at sendto/recvfrom and kin */          \
    X(SPLICE, "splice", FILE)                                                                      \
    X(IO_URING_SETUP, "io_uring_setup", CONTROL)                                                   \
    X(TASK, "task", SNAPSHOT) /* a process that ran already, from the task iterator */             \
    X(DROP, "drop", SNAPSHOT) /* records were lost: the reader's own note, see struct drop_note */

enum event_type {
    EVENT_NONE = 0,
#define X(name, text, group) EVENT_##name,
    EVENT_LIST(X)
#undef X
        EVENT_COUNT
};

/* Why a record was lost or never made. */
enum drop_reason {
    DROP_RING_FULL,    /* bpf_ringbuf_output failed */
    DROP_RECURSION,    /* the kernel left a program out (recursion_misses of the program) */
    DROP_TASK_STATE,   /* the per-task map was full: the call's enter was not kept */
    DROP_TOO_LARGE,    /* over RECORD_BYTES_MAX */
    DROP_SCRATCH_BUSY, /* this CPU's scratch space was in use by an interrupted program */
    DROP_REASON_COUNT,
};

/* What user space knows of the rules in force, so that opens which no rule can match are left out
 * before their path is walked. With `excludes` set, an open is left out when none of these holds:
 *   - it failed, and `failed` is set;
 *   - it is for writing (O_WRONLY, O_RDWR, O_CREAT or O_TRUNC), and `writes` is set;
 *   - a component of its absolute name is in the set of names with OPEN_NAME_ANY, or with
 *     OPEN_NAME_WRITE while it is for writing.
 * So for each rule on opens user space must give one of: a component that every matching name has
 * ("etc" for /etc/shadow or /etc/pam.d/x), `writes` for a rule that needs writing, `failed` for one
 * that looks at failed opens; and leave `excludes` at 0 when some rule gives none.
 *
 * Why nothing is lost: the components looked at are those of which the record's PATH would be
 * built, in the same walk; names are compared by open_name_key, which is equal for equal names. So
 * an open that is left out has no component in the set, hence no matching name, and is not of the
 * kinds that `writes` and `failed` keep: no rule matches it. Two names may share a key (those equal
 * in length and in their first 32 bytes): then an open is kept that could be left out, never the
 * reverse. A walk that ends early (over PATH_BYTES_MAX) keeps the open. */
struct open_filter {
    uint32_t excludes; /* 0: keep all */
    uint32_t failed;
    uint32_t writes;
    uint32_t reserved;
};

enum open_name_flag {
    OPEN_NAME_ANY = 1,
    OPEN_NAME_WRITE = 2,
};

#define OPEN_NAMES_MAX       4096
#define OPEN_NAME_KEY_BYTES  32
#define OPEN_FLAGS_FOR_WRITE 01103 /* O_WRONLY, O_RDWR, O_CREAT, O_TRUNC */

/* words: the name's first 32 bytes, zero padded. */
static inline uint64_t open_name_key(const uint64_t words[4], uint32_t len)
{
    uint64_t key = 0x9e3779b97f4a7c15ull ^ len;
    for (int i = 0; i < 4; i++)
        key = (key ^ words[i] ^ key >> 29) * 0xbf58476d1ce4e5b9ull;
    return key;
}

/* A set of names' keys, by 16 of their bits. */
struct open_bits {
    uint64_t words[1024];
};
static inline uint32_t open_bit(uint64_t key)
{
    return (uint32_t)(key >> 48);
}

#define CPU_MAX 256

/* Written by the kernel programs, read by user space through mmap; one line a CPU, so that counting
 * costs no sharing. */
struct cpu_counters {
    uint64_t seq; /* of the last record */
    uint64_t records;
    uint64_t bytes;
    uint64_t excluded; /* events that the pushed-down prefilter kept out, by proof */
    uint64_t drops[DROP_REASON_COUNT][128];
};

/* A BPF array of one element with BPF_F_MMAPABLE: the reader maps it and sets want_wakeup when it
 * is about to sleep with the ring empty; the next record then wakes it and clears the flag.
 * Otherwise a record wakes nobody until wakeup_bytes lie unread: the reader comes by on its timer.
 */
struct control {
    uint32_t want_wakeup;
    uint32_t wakeup_bytes;
    uint64_t ring_id; /* random, made with the ring: tells a stored position of another ring */
    uint8_t want_event[128]; /* by enum event_type: 1 = some rule needs it */
    uint64_t has_compat;     /* a 32-bit task or call was seen; only ever set */
    uint64_t own_bits;       /* bit pid % 64: one of our own processes may have that pid */
    /* A bit for each event whose calls' end the one program on the end of all calls serves; that of
     * 32-bit calls it serves always. */
    uint64_t exits[2];
    uint64_t reserved[4];
    struct cpu_counters cpus[CPU_MAX];
};

_Static_assert(sizeof(struct record_head) == 112, "wire layout");
_Static_assert(sizeof(struct param_head) == 8, "wire layout");
_Static_assert(sizeof(struct file_identity) == 48, "wire layout");
_Static_assert(sizeof(struct process_identity) == 112, "wire layout");
_Static_assert(sizeof(struct socket_tuple) == 48, "wire layout");
_Static_assert(EVENT_COUNT <= 128, "drops and want_event are tables of 128");
