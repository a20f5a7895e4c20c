/* To add a call: a row in call_table, a case in its handler in bpf/. To add a
 * handler: a row in call_programs and CALL_PROGRAMS() in bpf/. i386 numbers are those of
 * arch/x86/entry/syscalls/syscall_32.tbl. */
#include "hook/table.h"

#include <stddef.h>
#include <string.h>

#include <sys/syscall.h>

#include "hook/set.h"

/* clang-format off */
const struct call_program_row call_programs[CALL_PROGRAM_COUNT] = {
    [CALL_FORK] = {.exit = NULL},
    [CALL_EXEC] = {.exit = "exit_exec", .any = "any_exec"},
    [CALL_OPEN] = {.exit = "exit_open", .any = "any_open", .also = EVENT_PROC_MEM_WRITE},
    [CALL_CHANGE] = {.exit = "exit_change", .any = "any_change"},
    [CALL_DUP] = {.exit = "exit_dup", .any = "any_dup"},
    [CALL_SPLICE] = {.exit = "exit_splice", .any = "any_splice"},
    [CALL_SOCKET] = {.exit = "exit_socket", .any = "any_socket"},
    [CALL_CONNECT] = {.exit = "exit_connect", .any = "any_connect"},
    [CALL_BIND] = {.exit = "exit_bind", .any = "any_bind"},
    [CALL_ACCEPT] = {.exit = "exit_accept", .any = "any_accept"},
    [CALL_MESSAGE] = {.exit = "exit_message", .any = "any_message", .also = EVENT_DNS},
    [CALL_IDENTITY] = {.exit = "exit_identity", .any = "any_identity"},
    [CALL_MOUNT] = {.exit = "exit_mount", .any = "any_mount", .enter = "enter_mount"},
    [CALL_MEMORY] = {.exit = "exit_memory", .any = "any_memory"},
    [CALL_PEER] = {.exit = "exit_peer", .any = "any_peer"},
    [CALL_CONTROL] = {.exit = "exit_control", .any = "any_control"},
};

const struct call_row call_table[] = {
    {"fork", SYS_fork, 2, EVENT_FORK, CALL_FORK},
    {"vfork", SYS_vfork, 190, EVENT_VFORK, CALL_FORK},
    {"clone", SYS_clone, 120, EVENT_CLONE, CALL_FORK},
    {"clone3", SYS_clone3, 435, EVENT_CLONE3, CALL_FORK},
    {"execve", SYS_execve, 11, EVENT_EXECVE, CALL_EXEC},
    {"execveat", SYS_execveat, 358, EVENT_EXECVEAT, CALL_EXEC},
    {"open", SYS_open, 5, EVENT_OPEN, CALL_OPEN},
    {"openat", SYS_openat, 295, EVENT_OPENAT, CALL_OPEN},
    {"openat2", SYS_openat2, 437, EVENT_OPENAT2, CALL_OPEN},
    {"open_by_handle_at", SYS_open_by_handle_at, 342, EVENT_OPEN_BY_HANDLE_AT, CALL_OPEN},
    {"creat", SYS_creat, 8, EVENT_CREAT, CALL_OPEN},
    {"unlink", SYS_unlink, 10, EVENT_UNLINK, CALL_CHANGE},
    {"unlinkat", SYS_unlinkat, 301, EVENT_UNLINKAT, CALL_CHANGE},
    {"rmdir", SYS_rmdir, 40, EVENT_RMDIR, CALL_CHANGE},
    {"rename", SYS_rename, 38, EVENT_RENAME, CALL_CHANGE},
    {"renameat", SYS_renameat, 302, EVENT_RENAMEAT, CALL_CHANGE},
    {"renameat2", SYS_renameat2, 353, EVENT_RENAMEAT2, CALL_CHANGE},
    {"link", SYS_link, 9, EVENT_LINK, CALL_CHANGE},
    {"linkat", SYS_linkat, 303, EVENT_LINKAT, CALL_CHANGE},
    {"symlink", SYS_symlink, 83, EVENT_SYMLINK, CALL_CHANGE},
    {"symlinkat", SYS_symlinkat, 304, EVENT_SYMLINKAT, CALL_CHANGE},
    {"chmod", SYS_chmod, 15, EVENT_CHMOD, CALL_CHANGE},
    {"fchmod", SYS_fchmod, 94, EVENT_FCHMOD, CALL_CHANGE},
    {"fchmodat", SYS_fchmodat, 306, EVENT_FCHMODAT, CALL_CHANGE},
    {"fchmodat2", 452, 452, EVENT_FCHMODAT2, CALL_CHANGE},
    {"chown", SYS_chown, 212, EVENT_CHOWN, CALL_CHANGE},
    {"lchown", SYS_lchown, 198, EVENT_LCHOWN, CALL_CHANGE},
    {"fchown", SYS_fchown, 207, EVENT_FCHOWN, CALL_CHANGE},
    {"fchownat", SYS_fchownat, 298, EVENT_FCHOWNAT, CALL_CHANGE},
    {"chown16", -1, 182, EVENT_CHOWN, CALL_CHANGE},
    {"lchown16", -1, 16, EVENT_LCHOWN, CALL_CHANGE},
    {"fchown16", -1, 95, EVENT_FCHOWN, CALL_CHANGE},
    {"mkdir", SYS_mkdir, 39, EVENT_MKDIR, CALL_CHANGE},
    {"mkdirat", SYS_mkdirat, 296, EVENT_MKDIRAT, CALL_CHANGE},
    {"mknod", SYS_mknod, 14, EVENT_MKNOD, CALL_CHANGE},
    {"mknodat", SYS_mknodat, 297, EVENT_MKNODAT, CALL_CHANGE},
    {"socket", SYS_socket, 359, EVENT_SOCKET, CALL_SOCKET},
    {"connect", SYS_connect, 362, EVENT_CONNECT, CALL_CONNECT},
    {"accept", SYS_accept, -1, EVENT_ACCEPT, CALL_ACCEPT},
    {"accept4", SYS_accept4, 364, EVENT_ACCEPT4, CALL_ACCEPT},
    {"bind", SYS_bind, 361, EVENT_BIND, CALL_BIND},
    {"listen", SYS_listen, 363, EVENT_LISTEN, CALL_BIND},
    {"sendto", SYS_sendto, 369, EVENT_SENDTO, CALL_MESSAGE},
    {"sendmsg", SYS_sendmsg, 370, EVENT_SENDMSG, CALL_MESSAGE},
    {"sendmmsg", SYS_sendmmsg, 345, EVENT_SENDMMSG, CALL_MESSAGE},
    {"recvfrom", SYS_recvfrom, 371, EVENT_RECVFROM, CALL_MESSAGE},
    {"recvmsg", SYS_recvmsg, 372, EVENT_RECVMSG, CALL_MESSAGE},
    {"dup", SYS_dup, 41, EVENT_DUP, CALL_DUP},
    {"dup2", SYS_dup2, 63, EVENT_DUP2, CALL_DUP},
    {"dup3", SYS_dup3, 330, EVENT_DUP3, CALL_DUP},
    {"splice", SYS_splice, 313, EVENT_SPLICE, CALL_SPLICE},
    {"setuid", SYS_setuid, 213, EVENT_SETUID, CALL_IDENTITY},
    {"setgid", SYS_setgid, 214, EVENT_SETGID, CALL_IDENTITY},
    {"setreuid", SYS_setreuid, 203, EVENT_SETREUID, CALL_IDENTITY},
    {"setregid", SYS_setregid, 204, EVENT_SETREGID, CALL_IDENTITY},
    {"setresuid", SYS_setresuid, 208, EVENT_SETRESUID, CALL_IDENTITY},
    {"setresgid", SYS_setresgid, 210, EVENT_SETRESGID, CALL_IDENTITY},
    {"setuid16", -1, 23, EVENT_SETUID, CALL_IDENTITY},
    {"setgid16", -1, 46, EVENT_SETGID, CALL_IDENTITY},
    {"setreuid16", -1, 70, EVENT_SETREUID, CALL_IDENTITY},
    {"setregid16", -1, 71, EVENT_SETREGID, CALL_IDENTITY},
    {"setresuid16", -1, 164, EVENT_SETRESUID, CALL_IDENTITY},
    {"setresgid16", -1, 170, EVENT_SETRESGID, CALL_IDENTITY},
    {"capset", SYS_capset, 185, EVENT_CAPSET, CALL_IDENTITY},
    {"setns", SYS_setns, 346, EVENT_SETNS, CALL_CONTROL},
    {"unshare", SYS_unshare, 310, EVENT_UNSHARE, CALL_CONTROL},
    {"chroot", SYS_chroot, 61, EVENT_CHROOT, CALL_MOUNT},
    {"pivot_root", SYS_pivot_root, 217, EVENT_PIVOT_ROOT, CALL_MOUNT},
    {"mount", SYS_mount, 21, EVENT_MOUNT, CALL_MOUNT},
    {"oldumount", -1, 22, EVENT_UMOUNT, CALL_MOUNT},
    {"umount", SYS_umount2, 52, EVENT_UMOUNT2, CALL_MOUNT},
    {"fsopen", SYS_fsopen, 430, EVENT_FSOPEN, CALL_MOUNT},
    {"move_mount", SYS_move_mount, 429, EVENT_MOVE_MOUNT, CALL_MOUNT},
    {"ptrace", SYS_ptrace, 26, EVENT_PTRACE, CALL_PEER},
    {"process_vm_writev", SYS_process_vm_writev, 348, EVENT_PROCESS_VM_WRITEV, CALL_PEER},
    {"mprotect", SYS_mprotect, 125, EVENT_MPROTECT, CALL_MEMORY},
    {"mmap", SYS_mmap, 192, EVENT_MMAP, CALL_MEMORY},
    {"memfd_create", SYS_memfd_create, 356, EVENT_MEMFD_CREATE, CALL_CONTROL},
    {"userfaultfd", SYS_userfaultfd, 374, EVENT_USERFAULTFD, CALL_CONTROL},
    {"bpf", SYS_bpf, 357, EVENT_BPF, CALL_CONTROL},
    {"init_module", SYS_init_module, 128, EVENT_INIT_MODULE, CALL_CONTROL},
    {"finit_module", SYS_finit_module, 350, EVENT_FINIT_MODULE, CALL_CONTROL},
    {"delete_module", SYS_delete_module, 129, EVENT_DELETE_MODULE, CALL_CONTROL},
    {"kexec_load", SYS_kexec_load, 283, EVENT_KEXEC_LOAD, CALL_CONTROL},
    {"kexec_file_load", SYS_kexec_file_load, -1, EVENT_KEXEC_FILE_LOAD, CALL_CONTROL},
    {"kill", SYS_kill, 37, EVENT_KILL, CALL_PEER},
    {"tkill", SYS_tkill, 238, EVENT_TKILL, CALL_PEER},
    {"tgkill", SYS_tgkill, 270, EVENT_TGKILL, CALL_PEER},
    {"seccomp", SYS_seccomp, 354, EVENT_SECCOMP, CALL_CONTROL},
    {"prctl", SYS_prctl, 172, EVENT_PRCTL, CALL_CONTROL},
    {"io_uring_setup", SYS_io_uring_setup, 425, EVENT_IO_URING_SETUP, CALL_CONTROL},
};
const int call_table_len = sizeof call_table / sizeof call_table[0];

#define URING_CALLS                                                                                \
    (1 << CALL_OPEN | 1 << CALL_CHANGE | 1 << CALL_CONNECT | 1 << CALL_BIND | 1 << CALL_ACCEPT |   \
     1 << CALL_MESSAGE)

const struct trace_row trace_table[] = {
    {"sched_process_exec", "exec_done", 0, EVENT_EXECVE},
    {"task_newtask", "fork_done", 0, EVENT_CLONE},
    {"sched_process_exit", "exit_done", 0, EVENT_PROCEXIT},
    {"cgroup_attach_task", "cgroup_attached", 0, EVENT_CGROUP_ATTACH},
    {"cgroup_mkdir", "cgroup_made", 0, EVENT_CGROUP_MKDIR},
    {"ctime_ns_xchg", "ctime_set", 1 << CALL_CHANGE, EVENT_UNLINK},
    {"ctime_xchg_skip", "ctime_kept", 1 << CALL_CHANGE, EVENT_UNLINKAT},
    {"inode_set_ctime_to_ts", "ctime_given", 1 << CALL_CHANGE, EVENT_RMDIR},
    {"io_uring_submit_req", "uring_submitted", URING_CALLS, EVENT_OPENAT, .is_raw = true},
    {"io_uring_submit_sqe", "uring_submitted", URING_CALLS, EVENT_OPENAT, .is_raw = true,
     .instead = "io_uring_submit_req"},
    {"io_uring_complete", "uring_completed", URING_CALLS, EVENT_OPENAT, .is_raw = true},
    {"io_uring_cqe_overflow", "uring_overflowed", URING_CALLS, EVENT_OPENAT, .is_raw = true},
};
const int trace_table_len = sizeof trace_table / sizeof trace_table[0];
/* clang-format on */

static bool is_named(const char *name, const char *program)
{
    return program && strcmp(name, program) == 0;
}

uint16_t program_event(const char *name)
{
    for (int i = 0; i < trace_table_len; i++) {
        if (is_named(name, trace_table[i].program))
            return (uint16_t)trace_table[i].event;
    }
    for (int i = 0; i < call_table_len; i++) {
        const struct call_program_row *program = &call_programs[call_table[i].program];
        if (is_named(name, program->exit) || is_named(name, program->enter) ||
            is_named(name, program->any))
            return (uint16_t)call_table[i].event;
    }
    return EVENT_TASK;
}

const char *hook_program_tracepoint(const char *name)
{
    for (int i = 0; i < trace_table_len; i++) {
        if (!trace_table[i].is_raw && is_named(name, trace_table[i].program))
            return trace_table[i].name;
    }
    return strncmp(name, "any_", 4) == 0 || is_named(name, "exit_any") ? "sys_exit" : NULL;
}
