/* Names of flags, modes, errors, signals and capabilities as Falco words them. The order of a table
 * is the order in which names are printed; a flag of several bits stands before its parts. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>

#include <linux/bpf.h>
#include <linux/capability.h>
#include <linux/fs.h>
#include <linux/memfd.h>
#include <linux/module.h>
#include <linux/openat2.h>
#include <linux/prctl.h>
#include <linux/ptrace.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "kernel/args.h"

const struct flag_name flags_open[] = {
    {"O_LARGEFILE", 1u << 11},
    {"O_DIRECTORY", 1u << 10},
    {"O_DIRECT", 1u << 9},
    {"O_TRUNC", 1u << 8},
    {"O_SYNC", 1u << 7},
    {"O_NONBLOCK", 1u << 6},
    {"O_EXCL", 1u << 5},
    {"O_DSYNC", 1u << 4},
    {"O_APPEND", 1u << 3},
    {"O_CREAT", PPM_O_CREAT},
    {"O_RDWR", PPM_O_RDONLY | PPM_O_WRONLY},
    {"O_WRONLY", PPM_O_WRONLY},
    {"O_RDONLY", PPM_O_RDONLY},
    {"O_CLOEXEC", 1u << 12},
    {"O_NONE", 0},
    {"O_TMPFILE", PPM_O_TMPFILE},
    {"O_F_CREATED", PPM_O_CREATED},
    {"FD_UPPER_LAYER", 1u << 15},
    {"FD_LOWER_LAYER", 1u << 16},
    {NULL, 0},
};

const struct flag_name flags_socket_family[] = {
    {"AF_NFC", AF_NFC},
    {"AF_ALG", AF_ALG},
    {"AF_CAIF", AF_CAIF},
    {"AF_IEEE802154", AF_IEEE802154},
    {"AF_PHONET", AF_PHONET},
    {"AF_ISDN", AF_ISDN},
    {"AF_RXRPC", AF_RXRPC},
    {"AF_IUCV", AF_IUCV},
    {"AF_BLUETOOTH", AF_BLUETOOTH},
    {"AF_TIPC", AF_TIPC},
    {"AF_CAN", AF_CAN},
    {"AF_LLC", AF_LLC},
    {"AF_WANPIPE", AF_WANPIPE},
    {"AF_PPPOX", AF_PPPOX},
    {"AF_IRDA", AF_IRDA},
    {"AF_SNA", AF_SNA},
    {"AF_RDS", AF_RDS},
    {"AF_ATMSVC", AF_ATMSVC},
    {"AF_ECONET", AF_ECONET},
    {"AF_ASH", AF_ASH},
    {"AF_PACKET", AF_PACKET},
    {"AF_ROUTE", AF_ROUTE},
    {"AF_NETLINK", AF_NETLINK},
    {"AF_KEY", AF_KEY},
    {"AF_SECURITY", AF_SECURITY},
    {"AF_NETBEUI", AF_NETBEUI},
    {"AF_DECnet", AF_DECnet},
    {"AF_ROSE", AF_ROSE},
    {"AF_INET6", AF_INET6},
    {"AF_X25", AF_X25},
    {"AF_ATMPVC", AF_ATMPVC},
    {"AF_BRIDGE", AF_BRIDGE},
    {"AF_NETROM", AF_NETROM},
    {"AF_APPLETALK", AF_APPLETALK},
    {"AF_IPX", AF_IPX},
    {"AF_AX25", AF_AX25},
    {"AF_INET", AF_INET},
    {"AF_LOCAL", AF_LOCAL},
    {"AF_UNIX", AF_UNIX},
    {"AF_UNSPEC", AF_UNSPEC},
    {NULL, 0},
};

const struct flag_name flags_clone[] = {
    {"CLONE_FILES", CLONE_FILES},
    {"CLONE_FS", CLONE_FS},
    {"CLONE_IO", CLONE_IO},
    {"CLONE_NEWIPC", CLONE_NEWIPC},
    {"CLONE_NEWNET", CLONE_NEWNET},
    {"CLONE_NEWNS", CLONE_NEWNS},
    {"CLONE_NEWPID", CLONE_NEWPID},
    {"CLONE_NEWUTS", CLONE_NEWUTS},
    {"CLONE_PARENT", CLONE_PARENT},
    {"CLONE_PARENT_SETTID", CLONE_PARENT_SETTID},
    {"CLONE_PTRACE", CLONE_PTRACE},
    {"CLONE_SIGHAND", CLONE_SIGHAND},
    {"CLONE_SYSVSEM", CLONE_SYSVSEM},
    {"CLONE_THREAD", CLONE_THREAD},
    {"CLONE_UNTRACED", CLONE_UNTRACED},
    {"CLONE_VM", CLONE_VM},
    {"CLONE_NEWUSER", CLONE_NEWUSER},
    {"CLONE_CHILD_CLEARTID", CLONE_CHILD_CLEARTID},
    {"CLONE_CHILD_SETTID", CLONE_CHILD_SETTID},
    {"CLONE_SETTLS", CLONE_SETTLS},
    {"CLONE_VFORK", CLONE_VFORK},
    {"CLONE_NEWCGROUP", CLONE_NEWCGROUP},
    {NULL, 0},
};

const struct flag_name flags_mount[] = {
    {"RDONLY", 0x1},
    {"NOSUID", 0x2},
    {"NODEV", 0x4},
    {"NOEXEC", 0x8},
    {"SYNCHRONOUS", 0x10},
    {"REMOUNT", 0x20},
    {"MANDLOCK", 0x40},
    {"DIRSYNC", 0x80},
    {"NOATIME", 0x400},
    {"NODIRATIME", 0x800},
    {"BIND", 0x1000},
    {"MOVE", 0x2000},
    {"REC", 0x4000},
    {"SILENT", 0x8000},
    {"POSIXACL", 1u << 16},
    {"UNBINDABLE", 1u << 17},
    {"PRIVATE", 1u << 18},
    {"SLAVE", 1u << 19},
    {"SHARED", 1u << 20},
    {"RELATIME", 1u << 21},
    {"KERNMOUNT", 1u << 22},
    {"I_VERSION", 1u << 23},
    {"STRICTATIME", 1u << 24},
    {"LAZYTIME", 1u << 25},
    {"NOSEC", 1u << 28},
    {"BORN", 1u << 29},
    {"ACTIVE", 1u << 30},
    {"NOUSER", 1u << 31},
    {NULL, 0},
};

const struct flag_name flags_umount[] = {
    {"FORCE", 0x1}, {"DETACH", 0x2}, {"EXPIRE", 0x4}, {"NOFOLLOW", 0x8}, {NULL, 0},
};

const struct flag_name flags_protection[] = {
    {"PROT_READ", PROT_READ},           {"PROT_WRITE", PROT_WRITE},
    {"PROT_EXEC", PROT_EXEC},           {"PROT_SEM", 0x8},
    {"PROT_GROWSDOWN", PROT_GROWSDOWN}, {"PROT_GROWSUP", PROT_GROWSUP},
    {"PROT_NONE", PROT_NONE},           {NULL, 0},
};

const struct flag_name flags_mmap[] = {
    {"MAP_SHARED", MAP_SHARED},
    {"MAP_PRIVATE", MAP_PRIVATE},
    {"MAP_FIXED", MAP_FIXED},
    {"MAP_ANONYMOUS", MAP_ANONYMOUS},
    {"MAP_32BIT", MAP_32BIT},
    {"MAP_NORESERVE", MAP_NORESERVE},
    {"MAP_POPULATE", MAP_POPULATE},
    {"MAP_NONBLOCK", MAP_NONBLOCK},
    {"MAP_GROWSDOWN", MAP_GROWSDOWN},
    {"MAP_DENYWRITE", MAP_DENYWRITE},
    {"MAP_EXECUTABLE", MAP_EXECUTABLE},
    {"MAP_LOCKED", MAP_LOCKED},
    {NULL, 0},
};

const struct flag_name flags_unlinkat[] = {
    {"AT_REMOVEDIR", AT_REMOVEDIR},
    {NULL, 0},
};

const struct flag_name flags_linkat[] = {
    {"AT_SYMLINK_FOLLOW", AT_SYMLINK_FOLLOW},
    {"AT_EMPTY_PATH", AT_EMPTY_PATH},
    {NULL, 0},
};

const struct flag_name flags_renameat2[] = {
    {"RENAME_NOREPLACE", RENAME_NOREPLACE},
    {"RENAME_EXCHANGE", RENAME_EXCHANGE},
    {"RENAME_WHITEOUT", RENAME_WHITEOUT},
    {NULL, 0},
};

const struct flag_name flags_resolve[] = {
    {"RESOLVE_BENEATH", RESOLVE_BENEATH},
    {"RESOLVE_IN_ROOT", RESOLVE_IN_ROOT},
    {"RESOLVE_NO_MAGICLINKS", RESOLVE_NO_MAGICLINKS},
    {"RESOLVE_NO_SYMLINKS", RESOLVE_NO_SYMLINKS},
    {"RESOLVE_NO_XDEV", RESOLVE_NO_XDEV},
    {"RESOLVE_CACHED", RESOLVE_CACHED},
    {NULL, 0},
};

const struct flag_name flags_fchownat[] = {
    {"AT_SYMLINK_NOFOLLOW", AT_SYMLINK_NOFOLLOW},
    {"AT_EMPTY_PATH", AT_EMPTY_PATH},
    {NULL, 0},
};

const struct flag_name flags_memfd[] = {
    {"MFD_CLOEXEC", MFD_CLOEXEC},
    {"MFD_ALLOW_SEALING", MFD_ALLOW_SEALING},
    {"MFD_HUGETLB", MFD_HUGETLB},
    {NULL, 0},
};

const struct flag_name flags_mode[] = {
    {"S_IXOTH", S_IXOTH},
    {"S_IWOTH", S_IWOTH},
    {"S_IROTH", S_IROTH},
    {"S_IXGRP", S_IXGRP},
    {"S_IWGRP", S_IWGRP},
    {"S_IRGRP", S_IRGRP},
    {"S_IXUSR", S_IXUSR},
    {"S_IWUSR", S_IWUSR},
    {"S_IRUSR", S_IRUSR},
    {"S_ISVTX", S_ISVTX},
    {"S_ISGID", S_ISGID},
    {"S_ISUID", S_ISUID},
    {NULL, 0},
};

const struct flag_name flags_file_type[] = {
    {"S_IFREG", S_IFREG}, {"S_IFCHR", S_IFCHR},   {"S_IFBLK", S_IFBLK},
    {"S_IFIFO", S_IFIFO}, {"S_IFSOCK", S_IFSOCK}, {NULL, 0},
};

const struct flag_name flags_ptrace[] = {
    {"PTRACE_SINGLEBLOCK", 33},
    {"PTRACE_SYSEMU_SINGLESTEP", 32},
    {"PTRACE_SYSEMU", 31},
    {"PTRACE_ARCH_PRCTL", 30},
    {"PTRACE_SET_THREAD_AREA", 26},
    {"PTRACE_GET_THREAD_AREA", 25},
    {"PTRACE_OLDSETOPTIONS", 21},
    {"PTRACE_SETFPXREGS", 19},
    {"PTRACE_GETFPXREGS", 18},
    {"PTRACE_SETFPREGS", 15},
    {"PTRACE_GETFPREGS", 14},
    {"PTRACE_SETREGS", 13},
    {"PTRACE_GETREGS", 12},
    {"PTRACE_SETSIGMASK", PTRACE_SETSIGMASK},
    {"PTRACE_GETSIGMASK", PTRACE_GETSIGMASK},
    {"PTRACE_PEEKSIGINFO", PTRACE_PEEKSIGINFO},
    {"PTRACE_LISTEN", PTRACE_LISTEN},
    {"PTRACE_INTERRUPT", PTRACE_INTERRUPT},
    {"PTRACE_SEIZE", PTRACE_SEIZE},
    {"PTRACE_SETREGSET", PTRACE_SETREGSET},
    {"PTRACE_GETREGSET", PTRACE_GETREGSET},
    {"PTRACE_SETSIGINFO", PTRACE_SETSIGINFO},
    {"PTRACE_GETSIGINFO", PTRACE_GETSIGINFO},
    {"PTRACE_GETEVENTMSG", PTRACE_GETEVENTMSG},
    {"PTRACE_SETOPTIONS", PTRACE_SETOPTIONS},
    {"PTRACE_SYSCALL", PTRACE_SYSCALL},
    {"PTRACE_DETACH", PTRACE_DETACH},
    {"PTRACE_ATTACH", PTRACE_ATTACH},
    {"PTRACE_SINGLESTEP", 9},
    {"PTRACE_KILL", PTRACE_KILL},
    {"PTRACE_CONT", PTRACE_CONT},
    {"PTRACE_POKEUSR", PTRACE_POKEUSR},
    {"PTRACE_POKEDATA", PTRACE_POKEDATA},
    {"PTRACE_POKETEXT", PTRACE_POKETEXT},
    {"PTRACE_PEEKUSR", PTRACE_PEEKUSR},
    {"PTRACE_PEEKDATA", PTRACE_PEEKDATA},
    {"PTRACE_PEEKTEXT", PTRACE_PEEKTEXT},
    {"PTRACE_TRACEME", PTRACE_TRACEME},
    {NULL, 0},
};

const struct flag_name flags_prctl[] = {
    {"PR_GET_DUMPABLE", PR_GET_DUMPABLE},
    {"PR_SET_DUMPABLE", PR_SET_DUMPABLE},
    {"PR_GET_KEEPCAPS", PR_GET_KEEPCAPS},
    {"PR_SET_KEEPCAPS", PR_SET_KEEPCAPS},
    {"PR_SET_NAME", PR_SET_NAME},
    {"PR_GET_NAME", PR_GET_NAME},
    {"PR_GET_SECCOMP", PR_GET_SECCOMP},
    {"PR_SET_SECCOMP", PR_SET_SECCOMP},
    {"PR_CAPBSET_READ", PR_CAPBSET_READ},
    {"PR_CAPBSET_DROP", PR_CAPBSET_DROP},
    {"PR_GET_SECUREBITS", PR_GET_SECUREBITS},
    {"PR_SET_SECUREBITS", PR_SET_SECUREBITS},
    {"PR_MCE_KILL", PR_MCE_KILL},
    {"PR_SET_MM", PR_SET_MM},
    {"PR_SET_CHILD_SUBREAPER", PR_SET_CHILD_SUBREAPER},
    {"PR_GET_CHILD_SUBREAPER", PR_GET_CHILD_SUBREAPER},
    {"PR_SET_NO_NEW_PRIVS", PR_SET_NO_NEW_PRIVS},
    {"PR_GET_NO_NEW_PRIVS", PR_GET_NO_NEW_PRIVS},
    {"PR_GET_TID_ADDRESS", PR_GET_TID_ADDRESS},
    {"PR_SET_THP_DISABLE", PR_SET_THP_DISABLE},
    {"PR_GET_THP_DISABLE", PR_GET_THP_DISABLE},
    {"PR_CAP_AMBIENT", PR_CAP_AMBIENT},
    {NULL, 0},
};

const struct flag_name flags_bpf[] = {
    {"BPF_MAP_CREATE", BPF_MAP_CREATE},
    {"BPF_MAP_LOOKUP_ELEM", BPF_MAP_LOOKUP_ELEM},
    {"BPF_MAP_UPDATE_ELEM", BPF_MAP_UPDATE_ELEM},
    {"BPF_MAP_DELETE_ELEM", BPF_MAP_DELETE_ELEM},
    {"BPF_MAP_GET_NEXT_KEY", BPF_MAP_GET_NEXT_KEY},
    {"BPF_PROG_LOAD", BPF_PROG_LOAD},
    {"BPF_OBJ_PIN", BPF_OBJ_PIN},
    {"BPF_OBJ_GET", BPF_OBJ_GET},
    {"BPF_PROG_ATTACH", BPF_PROG_ATTACH},
    {"BPF_PROG_DETACH", BPF_PROG_DETACH},
    {"BPF_PROG_TEST_RUN", BPF_PROG_TEST_RUN},
    {"BPF_PROG_RUN", BPF_PROG_RUN},
    {"BPF_PROG_GET_NEXT_ID", BPF_PROG_GET_NEXT_ID},
    {"BPF_MAP_GET_NEXT_ID", BPF_MAP_GET_NEXT_ID},
    {"BPF_PROG_GET_FD_BY_ID", BPF_PROG_GET_FD_BY_ID},
    {"BPF_MAP_GET_FD_BY_ID", BPF_MAP_GET_FD_BY_ID},
    {"BPF_OBJ_GET_INFO_BY_FD", BPF_OBJ_GET_INFO_BY_FD},
    {"BPF_PROG_QUERY", BPF_PROG_QUERY},
    {"BPF_RAW_TRACEPOINT_OPEN", BPF_RAW_TRACEPOINT_OPEN},
    {"BPF_BTF_LOAD", BPF_BTF_LOAD},
    {"BPF_BTF_GET_FD_BY_ID", BPF_BTF_GET_FD_BY_ID},
    {"BPF_TASK_FD_QUERY", BPF_TASK_FD_QUERY},
    {"BPF_MAP_LOOKUP_AND_DELETE_ELEM", BPF_MAP_LOOKUP_AND_DELETE_ELEM},
    {"BPF_MAP_FREEZE", BPF_MAP_FREEZE},
    {"BPF_BTF_GET_NEXT_ID", BPF_BTF_GET_NEXT_ID},
    {"BPF_MAP_LOOKUP_BATCH", BPF_MAP_LOOKUP_BATCH},
    {"BPF_MAP_LOOKUP_AND_DELETE_BATCH", BPF_MAP_LOOKUP_AND_DELETE_BATCH},
    {"BPF_MAP_UPDATE_BATCH", BPF_MAP_UPDATE_BATCH},
    {"BPF_MAP_DELETE_BATCH", BPF_MAP_DELETE_BATCH},
    {"BPF_LINK_CREATE", BPF_LINK_CREATE},
    {"BPF_LINK_UPDATE", BPF_LINK_UPDATE},
    {"BPF_LINK_GET_FD_BY_ID", BPF_LINK_GET_FD_BY_ID},
    {"BPF_LINK_GET_NEXT_ID", BPF_LINK_GET_NEXT_ID},
    {"BPF_ENABLE_STATS", BPF_ENABLE_STATS},
    {"BPF_ITER_CREATE", BPF_ITER_CREATE},
    {"BPF_LINK_DETACH", BPF_LINK_DETACH},
    {"BPF_PROG_BIND_MAP", BPF_PROG_BIND_MAP},
    {NULL, 0},
};

const struct flag_name flags_delete_module[] = {
    {"O_NONBLOCK", O_NONBLOCK},
    {"O_TRUNC", O_TRUNC},
    {NULL, 0},
};

const struct flag_name flags_finit_module[] = {
    {"MODULE_INIT_IGNORE_MODVERSIONS", 1},
    {"MODULE_INIT_IGNORE_VERMAGIC", 2},
    {"MODULE_INIT_COMPRESSED_FILE", 4},
    {NULL, 0},
};

const struct flag_name flags_execve[] = {
    {"EXE_WRITABLE", EXE_WRITABLE},
    {"EXE_UPPER_LAYER", EXE_UPPER_LAYER},
    {"EXE_FROM_MEMFD", EXE_MEMFD},
    {"EXE_LOWER_LAYER", EXE_LOWER_LAYER},
    {NULL, 0},
};

const struct flag_name flags_splice[] = {
    {"SPLICE_F_MOVE", 1},
    {"SPLICE_F_NONBLOCK", 2},
    {"SPLICE_F_MORE", 4},
    {"SPLICE_F_GIFT", 8},
    {NULL, 0},
};

const struct flag_name flags_seccomp_op[] = {
    {"SECCOMP_SET_MODE_STRICT", 0},
    {"SECCOMP_SET_MODE_FILTER", 1},
    {"SECCOMP_GET_ACTION_AVAIL", 2},
    {"SECCOMP_GET_NOTIF_SIZES", 3},
    {NULL, 0},
};

static const char *const capability_table[] = {
    [CAP_CHOWN] = "CAP_CHOWN",
    [CAP_DAC_OVERRIDE] = "CAP_DAC_OVERRIDE",
    [CAP_DAC_READ_SEARCH] = "CAP_DAC_READ_SEARCH",
    [CAP_FOWNER] = "CAP_FOWNER",
    [CAP_FSETID] = "CAP_FSETID",
    [CAP_KILL] = "CAP_KILL",
    [CAP_SETGID] = "CAP_SETGID",
    [CAP_SETUID] = "CAP_SETUID",
    [CAP_SETPCAP] = "CAP_SETPCAP",
    [CAP_LINUX_IMMUTABLE] = "CAP_LINUX_IMMUTABLE",
    [CAP_NET_BIND_SERVICE] = "CAP_NET_BIND_SERVICE",
    [CAP_NET_BROADCAST] = "CAP_NET_BROADCAST",
    [CAP_NET_ADMIN] = "CAP_NET_ADMIN",
    [CAP_NET_RAW] = "CAP_NET_RAW",
    [CAP_IPC_LOCK] = "CAP_IPC_LOCK",
    [CAP_IPC_OWNER] = "CAP_IPC_OWNER",
    [CAP_SYS_MODULE] = "CAP_SYS_MODULE",
    [CAP_SYS_RAWIO] = "CAP_SYS_RAWIO",
    [CAP_SYS_CHROOT] = "CAP_SYS_CHROOT",
    [CAP_SYS_PTRACE] = "CAP_SYS_PTRACE",
    [CAP_SYS_PACCT] = "CAP_SYS_PACCT",
    [CAP_SYS_ADMIN] = "CAP_SYS_ADMIN",
    [CAP_SYS_BOOT] = "CAP_SYS_BOOT",
    [CAP_SYS_NICE] = "CAP_SYS_NICE",
    [CAP_SYS_RESOURCE] = "CAP_SYS_RESOURCE",
    [CAP_SYS_TIME] = "CAP_SYS_TIME",
    [CAP_SYS_TTY_CONFIG] = "CAP_SYS_TTY_CONFIG",
    [CAP_MKNOD] = "CAP_MKNOD",
    [CAP_LEASE] = "CAP_LEASE",
    [CAP_AUDIT_WRITE] = "CAP_AUDIT_WRITE",
    [CAP_AUDIT_CONTROL] = "CAP_AUDIT_CONTROL",
    [CAP_SETFCAP] = "CAP_SETFCAP",
    [CAP_MAC_OVERRIDE] = "CAP_MAC_OVERRIDE",
    [CAP_MAC_ADMIN] = "CAP_MAC_ADMIN",
    [CAP_SYSLOG] = "CAP_SYSLOG",
    [CAP_WAKE_ALARM] = "CAP_WAKE_ALARM",
    [CAP_BLOCK_SUSPEND] = "CAP_BLOCK_SUSPEND",
    [CAP_AUDIT_READ] = "CAP_AUDIT_READ",
    [CAP_PERFMON] = "CAP_PERFMON",
    [CAP_BPF] = "CAP_BPF",
    [CAP_CHECKPOINT_RESTORE] = "CAP_CHECKPOINT_RESTORE",
};

static size_t append(char *text, size_t length, size_t size, char separator, const char *name)
{
    size_t count = strlen(name);
    if (length + (length > 0) + count >= size)
        return length;
    if (length)
        text[length++] = separator;
    memcpy(text + length, name, count);
    return length + count;
}

size_t flags_text(const struct flag_name *names, uint64_t flags, char *ret_text, size_t size)
{
    size_t length = 0;
    uint64_t rest = flags;
    for (; names->name; names++) {
        bool is_match = names->value ? rest && (rest & names->value) == names->value : flags == 0;
        if (!is_match)
            continue;
        rest &= ~names->value;
        length = append(ret_text, length, size, '|', names->name);
        if (names->value == flags)
            break;
    }
    return length;
}

size_t enum_text(const struct flag_name *names, uint64_t number, char *ret_text, size_t size)
{
    size_t length = 0;
    for (; names->name; names++)
        if (names->value == number)
            length = append(ret_text, length, size, '|', names->name);
    return length;
}

size_t capabilities_text(uint64_t set, char *ret_text, size_t size)
{
    size_t length = 0;
    for (size_t index = 0; index < sizeof capability_table / sizeof *capability_table; index++)
        if (set >> index & 1)
            length = append(ret_text, length, size, ' ', capability_table[index]);
    return length;
}

const char *error_name(int64_t number)
{
    if (number < 0 && number >= -133)
        number = -number;
    return number > 0 && number <= 133 ? strerrorname_np((int)number) : NULL;
}

static const char *const signal_table[] = {
    [SIGHUP] = "SIGHUP",       [SIGINT] = "SIGINT",       [SIGQUIT] = "SIGQUIT",
    [SIGILL] = "SIGILL",       [SIGTRAP] = "SIGTRAP",     [SIGABRT] = "SIGABRT",
    [SIGBUS] = "SIGBUS",       [SIGFPE] = "SIGFPE",       [SIGKILL] = "SIGKILL",
    [SIGUSR1] = "SIGUSR1",     [SIGSEGV] = "SIGSEGV",     [SIGUSR2] = "SIGUSR2",
    [SIGPIPE] = "SIGPIPE",     [SIGALRM] = "SIGALRM",     [SIGTERM] = "SIGTERM",
    [SIGSTKFLT] = "SIGSTKFLT", [SIGCHLD] = "SIGCHLD",     [SIGCONT] = "SIGCONT",
    [SIGSTOP] = "SIGSTOP",     [SIGTSTP] = "SIGTSTP",     [SIGTTIN] = "SIGTTIN",
    [SIGTTOU] = "SIGTTOU",     [SIGURG] = "SIGURG",       [SIGXCPU] = "SIGXCPU",
    [SIGXFSZ] = "SIGXFSZ",     [SIGVTALRM] = "SIGVTALRM", [SIGPROF] = "SIGPROF",
    [SIGWINCH] = "SIGWINCH",   [SIGIO] = "SIGIO",         [SIGPWR] = "SIGPWR",
    [SIGSYS] = "SIGSYS",
};

const char *signal_name(int64_t number)
{
    bool is_known = number > 0 && (size_t)number < sizeof signal_table / sizeof *signal_table;
    return is_known ? signal_table[number] : NULL;
}
