/* Every event's arguments, as Falco orders and names them (its driver/event_table.c, libs 0.25),
 * and what kind of event it is. Ours, which Falco does not know, stand at the end. */
#include <assert.h>

#include "kernel/args.h"

#define ARG(name, format, param)                                                                   \
    {                                                                                              \
        name, ARG_##format, PARAM_##param, NULL, NULL                                              \
    }
#define NAMED(name, format, param, tab)                                                            \
    {                                                                                              \
        name, ARG_##format, PARAM_##param, flags_##tab, NULL                                       \
    }
#define VIA(name, format, field)                                                                   \
    {                                                                                              \
        name, ARG_##format, 0, NULL, field_##field                                                 \
    }
#define GONE(name)                                                                                 \
    {                                                                                              \
        name, ARG_MISSING, 0, NULL, NULL                                                           \
    }
#define RES     ARG("res", RESULT, NONE)
#define FD_MADE ARG("fd", FD, FD)

#define CLONE_ARGS                                                                                 \
    ARG("res", RESULT, NONE), VIA("exe", FIELD, proc_exe), VIA("args", FIELD, proc_args),          \
        VIA("tid", FIELD, thread_tid), VIA("pid", FIELD, proc_pid), VIA("ptid", FIELD, proc_ppid), \
        VIA("cwd", FIELD, proc_cwd), GONE("fdlimit"), GONE("pgft_maj"), GONE("pgft_min"),          \
        GONE("vm_size"), GONE("vm_rss"), GONE("vm_swap"), VIA("comm", FIELD, proc_name),           \
        VIA("cgroups", FIELD, thread_cgroups)

static const struct arg_desc clone_args[] = {CLONE_ARGS,
                                             NAMED("flags", CHILD, PROCESS, clone),
                                             VIA("uid", FIELD, user_uid),
                                             VIA("gid", FIELD, group_gid),
                                             VIA("vtid", FIELD, thread_vtid),
                                             VIA("vpid", FIELD, proc_vpid),
                                             GONE("pidns_init_start_ts")};
static const struct arg_desc exec_args[] = {CLONE_ARGS,
                                            VIA("env", FIELD, proc_env),
                                            VIA("tty", FIELD, proc_tty),
                                            VIA("vpgid", FIELD, proc_vpgid),
                                            VIA("loginuid", UID, user_loginuid),
                                            NAMED("flags", FLAGS, EXE_FLAGS, execve),
                                            VIA("cap_inheritable", CAPS, thread_cap_inheritable),
                                            VIA("cap_permitted", CAPS, thread_cap_permitted),
                                            VIA("cap_effective", CAPS, thread_cap_effective),
                                            VIA("exe_ino", FIELD, proc_exe_ino),
                                            VIA("exe_ino_ctime", FIELD, proc_exe_ino_ctime),
                                            VIA("exe_ino_mtime", FIELD, proc_exe_ino_mtime),
                                            VIA("uid", UID, user_uid),
                                            VIA("trusted_exepath", FIELD, proc_exepath),
                                            VIA("pgid", FIELD, proc_pgid),
                                            VIA("gid", GID, group_gid),
                                            ARG("filename", PATH, PATH)};
static const struct arg_desc procexit_args[] = {
    ARG("status", SIGNED, STATUS), ARG("ret", EXIT_CODE, STATUS), ARG("sig", EXIT_SIGNAL, STATUS),
    ARG("core", EXIT_CORE, STATUS), GONE("reaper_tid")};

#define DEV_INO ARG("dev", DEVICE, FILE), ARG("ino", INODE, FILE)
#define FLAGS   NAMED("flags", OPEN_FLAGS, FLAGS, open)
static const struct arg_desc open_args[] = {FD_MADE, ARG("name", PATH, PATH), FLAGS,
                                            ARG("mode", OCTAL, MODE), DEV_INO};
static const struct arg_desc openat_args[] = {
    FD_MADE, ARG("dirfd", FD_PLAIN, DIRFD), ARG("name", PATH, PATH),
    FLAGS,   ARG("mode", OCTAL, MODE),      DEV_INO};
static const struct arg_desc openat2_args[] = {
    FD_MADE, ARG("dirfd", FD_PLAIN, DIRFD), ARG("name", PATH, PATH),
    FLAGS,   ARG("mode", OCTAL, MODE),      NAMED("resolve", FLAGS, DATA, resolve),
    DEV_INO};
static const struct arg_desc handle_args[] = {FD_MADE, ARG("mountfd", FD_PLAIN, DIRFD), FLAGS,
                                              ARG("path", PATH, PATH), DEV_INO};
static const struct arg_desc creat_args[] = {
    FD_MADE, ARG("name", PATH, PATH), ARG("mode", OCTAL, MODE), DEV_INO, GONE("creat_flags")};
static const struct arg_desc path_args[] = {RES, ARG("path", PATH, PATH)};
static const struct arg_desc unlinkat_args[] = {RES, ARG("dirfd", FD_PLAIN, DIRFD),
                                                ARG("name", PATH, PATH),
                                                NAMED("flags", FLAGS, FLAGS, unlinkat)};
static const struct arg_desc rename_args[] = {RES, ARG("oldpath", PATH, PATH),
                                              ARG("newpath", PATH, TARGET)};
#define RENAMEAT_ARGS                                                                              \
    RES, ARG("olddirfd", FD_PLAIN, DIRFD), ARG("oldpath", PATH, PATH),                             \
        ARG("newdirfd", FD_PLAIN, FD_OTHER), ARG("newpath", PATH, TARGET)
static const struct arg_desc renameat_args[] = {RENAMEAT_ARGS};
static const struct arg_desc renameat2_args[] = {RENAMEAT_ARGS,
                                                 NAMED("flags", FLAGS, FLAGS, renameat2)};
static const struct arg_desc linkat_args[] = {RES,
                                              ARG("olddir", FD_PLAIN, DIRFD),
                                              ARG("oldpath", PATH, PATH),
                                              ARG("newdir", FD_PLAIN, FD_OTHER),
                                              ARG("newpath", PATH, TARGET),
                                              NAMED("flags", FLAGS, FLAGS, linkat)};
static const struct arg_desc symlink_args[] = {RES, ARG("target", TEXT, PATH_RAW),
                                               ARG("linkpath", PATH, TARGET)};
static const struct arg_desc symlinkat_args[] = {RES, ARG("target", TEXT, PATH_RAW),
                                                 ARG("linkdirfd", FD_PLAIN, DIRFD),
                                                 ARG("linkpath", PATH, TARGET)};
#define CHMOD_MODE NAMED("mode", MODE, MODE, mode)
static const struct arg_desc chmod_args[] = {RES, ARG("filename", PATH, PATH), CHMOD_MODE};
static const struct arg_desc fchmod_args[] = {RES, FD_MADE, CHMOD_MODE};
static const struct arg_desc fchmodat_args[] = {RES, ARG("dirfd", FD_PLAIN, DIRFD),
                                                ARG("filename", PATH, PATH), CHMOD_MODE};
#define OWNER ARG("uid", ID, UID), ARG("gid", ID, GID)
static const struct arg_desc chown_args[] = {RES, ARG("path", PATH, PATH), OWNER};
static const struct arg_desc fchown_args[] = {RES, FD_MADE, OWNER};
static const struct arg_desc fchownat_args[] = {RES, ARG("dirfd", FD_PLAIN, DIRFD),
                                                ARG("pathname", PATH, PATH), OWNER,
                                                NAMED("flags", FLAGS, FLAGS, fchownat)};
static const struct arg_desc mkdir_args[] = {RES, ARG("path", PATH, PATH), ARG("mode", HEX, MODE)};
static const struct arg_desc mkdirat_args[] = {RES, ARG("dirfd", FD_PLAIN, DIRFD),
                                               ARG("path", PATH, PATH), ARG("mode", HEX, MODE)};
static const struct arg_desc mknod_args[] = {RES, ARG("path", PATH, PATH), CHMOD_MODE,
                                             ARG("dev", UNSIGNED, DATA)};
static const struct arg_desc mknodat_args[] = {RES, ARG("dirfd", FD_PLAIN, DIRFD),
                                               ARG("path", PATH, PATH), CHMOD_MODE,
                                               ARG("dev", UNSIGNED, DATA)};

static const struct arg_desc socket_args[] = {FD_MADE, NAMED("domain", ENUM, DOMAIN, socket_family),
                                              ARG("type", UNSIGNED, SOCKET_TYPE),
                                              ARG("proto", UNSIGNED, PROTOCOL), GONE("flags")};
static const struct arg_desc connect_args[] = {RES, ARG("tuple", TUPLE, SOCKET), FD_MADE,
                                               ARG("addr", ADDRESS, SOCKET)};
static const struct arg_desc accept_args[] = {FD_MADE, ARG("tuple", TUPLE, SOCKET),
                                              GONE("queuepct"), GONE("queuelen"), GONE("queuemax")};
static const struct arg_desc accept4_args[] = {FD_MADE,          ARG("tuple", TUPLE, SOCKET),
                                               GONE("queuepct"), GONE("queuelen"),
                                               GONE("queuemax"), ARG("flags", HEX, FLAGS)};
static const struct arg_desc bind_args[] = {RES, ARG("addr", ADDRESS, SOCKET), FD_MADE};
static const struct arg_desc listen_args[] = {RES, FD_MADE, ARG("backlog", SIGNED, BACKLOG)};
static const struct arg_desc send_args[] = {RES, ARG("data", BYTES, BUFFER), FD_MADE,
                                            ARG("size", UNSIGNED, SIZE),
                                            ARG("tuple", TUPLE, SOCKET)};
static const struct arg_desc sendmmsg_args[] = {RES, FD_MADE, ARG("size", UNSIGNED, SIZE),
                                                ARG("data", BYTES, BUFFER),
                                                ARG("tuple", TUPLE, SOCKET)};
static const struct arg_desc recvfrom_args[] = {RES, ARG("data", BYTES, BUFFER),
                                                ARG("tuple", TUPLE, SOCKET), FD_MADE,
                                                ARG("size", UNSIGNED, SIZE)};
static const struct arg_desc recvmsg_args[] = {RES,
                                               ARG("size", UNSIGNED, SIZE),
                                               ARG("data", BYTES, BUFFER),
                                               ARG("tuple", TUPLE, SOCKET),
                                               GONE("msgcontrol"),
                                               FD_MADE};

#define DUP_ARGS ARG("res", FD, FD), ARG("oldfd", FD_PLAIN, FD_OTHER)
static const struct arg_desc dup_args[] = {DUP_ARGS};
static const struct arg_desc dup2_args[] = {DUP_ARGS, ARG("newfd", FD_PLAIN, FD)};
static const struct arg_desc dup3_args[] = {DUP_ARGS, ARG("newfd", FD_PLAIN, FD), FLAGS};
static const struct arg_desc setuid_args[] = {RES, ARG("uid", UID, UID)};
static const struct arg_desc setgid_args[] = {RES, ARG("gid", GID, GID)};
static const struct arg_desc setreuid_args[] = {RES, ARG("ruid", UID, UID), ARG("euid", UID, EUID)};
static const struct arg_desc setregid_args[] = {RES, ARG("rgid", GID, GID), ARG("egid", GID, EGID)};
static const struct arg_desc setresuid_args[] = {RES, ARG("ruid", UID, UID), ARG("euid", UID, EUID),
                                                 ARG("suid", UID, SUID)};
static const struct arg_desc setresgid_args[] = {RES, ARG("rgid", GID, GID), ARG("egid", GID, EGID),
                                                 ARG("sgid", GID, SGID)};
static const struct arg_desc capset_args[] = {RES,
                                              VIA("cap_inheritable", CAPS, thread_cap_inheritable),
                                              VIA("cap_permitted", CAPS, thread_cap_permitted),
                                              VIA("cap_effective", CAPS, thread_cap_effective)};
static const struct arg_desc setns_args[] = {RES, FD_MADE, NAMED("nstype", FLAGS, NS_TYPE, clone)};
static const struct arg_desc unshare_args[] = {RES, NAMED("flags", FLAGS, NS_TYPE, clone)};
static const struct arg_desc mount_args[] = {RES, ARG("dev", TEXT, DEVICE), ARG("dir", PATH, PATH),
                                             ARG("type", TEXT, FS_TYPE),
                                             NAMED("flags", FLAGS, FLAGS, mount)};
static const struct arg_desc umount_args[] = {RES, ARG("name", PATH, PATH)};
static const struct arg_desc umount2_args[] = {RES, ARG("name", PATH, PATH),
                                               NAMED("flags", FLAGS, FLAGS, umount)};
static const struct arg_desc ptrace_args[] = {
    RES, ARG("addr", HEX, ADDRESS), ARG("data", HEX, DATA), NAMED("request", ENUM, REQUEST, ptrace),
    ARG("pid", PID, PEER_PID)};
static const struct arg_desc peer_write_args[] = {RES, ARG("pid", PID, PEER_PID),
                                                  ARG("data", BYTES, BUFFER)};
static const struct arg_desc mprotect_args[] = {RES, ARG("addr", HEX, ADDRESS),
                                                ARG("length", UNSIGNED, SIZE),
                                                NAMED("prot", FLAGS, PROTECTION, protection)};
static const struct arg_desc mmap_args[] = {RES,
                                            GONE("vm_size"),
                                            GONE("vm_rss"),
                                            GONE("vm_swap"),
                                            ARG("addr", HEX, ADDRESS),
                                            ARG("length", UNSIGNED, SIZE),
                                            NAMED("prot", FLAGS, PROTECTION, protection),
                                            NAMED("flags", FLAGS, FLAGS, mmap),
                                            FD_MADE,
                                            ARG("offset", UNSIGNED, OFFSET)};
static const struct arg_desc memfd_args[] = {FD_MADE, ARG("name", TEXT, NAME),
                                             NAMED("flags", FLAGS, FLAGS, memfd)};
static const struct arg_desc userfaultfd_args[] = {RES, FLAGS};
static const struct arg_desc bpf_args[] = {FD_MADE, NAMED("cmd", ENUM, REQUEST, bpf)};
static const struct arg_desc init_module_args[] = {
    RES, ARG("img", BYTES, BUFFER), ARG("length", UNSIGNED, SIZE), ARG("uargs", TEXT, NAME)};
static const struct arg_desc finit_module_args[] = {RES, FD_MADE, ARG("uargs", TEXT, NAME),
                                                    NAMED("flags", FLAGS, FLAGS, finit_module)};
static const struct arg_desc delete_module_args[] = {RES, ARG("name", TEXT, NAME),
                                                     NAMED("flags", FLAGS, FLAGS, delete_module)};
static const struct arg_desc kill_args[] = {RES, ARG("pid", PID, PEER_PID),
                                            ARG("sig", SIGNAL, SIGNAL)};
static const struct arg_desc tkill_args[] = {RES, ARG("tid", PID, PEER_PID),
                                             ARG("sig", SIGNAL, SIGNAL)};
static const struct arg_desc tgkill_args[] = {
    RES, ARG("pid", PID, PEER_PID), ARG("tid", PID, PEER_PID), ARG("sig", SIGNAL, SIGNAL)};
static const struct arg_desc seccomp_args[] = {RES, ARG("op", UNSIGNED, REQUEST),
                                               ARG("flags", HEX, FLAGS)};
static const struct arg_desc prctl_args[] = {RES, NAMED("option", ENUM, REQUEST, prctl),
                                             ARG("arg2_str", TEXT, NAME),
                                             ARG("arg2_int", SIGNED, DATA)};
static const struct arg_desc splice_args[] = {
    RES, ARG("fd_in", FD_PLAIN, FD), ARG("fd_out", FD_PLAIN, FD_OTHER), ARG("size", UNSIGNED, SIZE),
    NAMED("flags", FLAGS, FLAGS, splice)};
static const struct arg_desc io_uring_args[] = {RES, ARG("entries", UNSIGNED, SIZE),
                                                ARG("flags", HEX, FLAGS)};
static const struct arg_desc pivot_args[] = {RES, ARG("path", PATH, PATH),
                                             ARG("put_old", PATH, TARGET)};
static const struct arg_desc fsopen_args[] = {FD_MADE, ARG("type", TEXT, FS_TYPE),
                                              ARG("flags", HEX, FLAGS)};
static const struct arg_desc kexec_args[] = {RES, FD_MADE, ARG("flags", HEX, FLAGS)};
static const struct arg_desc dns_args[] = {RES, ARG("data", BYTES, DNS), FD_MADE,
                                           ARG("tuple", TUPLE, SOCKET)};
static const struct arg_desc cgroup_args[] = {ARG("path", TEXT, PATH), ARG("pid", PID, PEER_PID)};

#define EVENT(type, category, traits, args)                                                        \
    [EVENT_##type] = {category, traits, args, sizeof args / sizeof *args}
#define CALL  (EVENT_IS_CALL | EVENT_HAS_RESULT)
#define MAKES (CALL | EVENT_MAKES_FD)
#define USES  (CALL | EVENT_USES_FD)
#define SENDS (USES | EVENT_WRITES)
#define GETS  (USES | EVENT_READS)

static const struct event_desc event_table[EVENT_COUNT] = {
    EVENT(EXECVE, "process", CALL, exec_args),
    EVENT(EXECVEAT, "process", CALL, exec_args),
    EVENT(FORK, "process", CALL, clone_args),
    EVENT(VFORK, "process", CALL, clone_args),
    EVENT(CLONE, "process", CALL, clone_args),
    EVENT(CLONE3, "process", CALL, clone_args),
    EVENT(PROCEXIT, "process", 0, procexit_args),
    EVENT(CGROUP_ATTACH, "process", 0, cgroup_args),
    EVENT(CGROUP_MKDIR, "process", 0, cgroup_args),
    EVENT(OPEN, "file", MAKES | EVENT_IS_OPEN, open_args),
    EVENT(OPENAT, "file", MAKES | EVENT_IS_OPEN, openat_args),
    EVENT(OPENAT2, "file", MAKES | EVENT_IS_OPEN, openat2_args),
    EVENT(OPEN_BY_HANDLE_AT, "file", MAKES | EVENT_IS_OPEN, handle_args),
    EVENT(CREAT, "file", MAKES, creat_args),
    EVENT(UNLINK, "file", CALL, path_args),
    EVENT(UNLINKAT, "file", CALL, unlinkat_args),
    EVENT(RMDIR, "file", CALL, path_args),
    EVENT(RENAME, "file", CALL, rename_args),
    EVENT(RENAMEAT, "file", CALL, renameat_args),
    EVENT(RENAMEAT2, "file", CALL, renameat2_args),
    EVENT(LINK, "file", CALL, rename_args),
    EVENT(LINKAT, "file", CALL, linkat_args),
    EVENT(SYMLINK, "file", CALL, symlink_args),
    EVENT(SYMLINKAT, "file", CALL, symlinkat_args),
    EVENT(CHMOD, "file", CALL, chmod_args),
    EVENT(FCHMOD, "file", USES, fchmod_args),
    EVENT(FCHMODAT, "file", CALL, fchmodat_args),
    EVENT(FCHMODAT2, "file", CALL, fchmodat_args),
    EVENT(CHOWN, "file", CALL, chown_args),
    EVENT(LCHOWN, "file", CALL, chown_args),
    EVENT(FCHOWN, "file", USES, fchown_args),
    EVENT(FCHOWNAT, "file", CALL, fchownat_args),
    EVENT(MKDIR, "file", CALL, mkdir_args),
    EVENT(MKDIRAT, "file", CALL, mkdirat_args),
    EVENT(MKNOD, "other", CALL, mknod_args),
    EVENT(MKNODAT, "other", CALL, mknodat_args),
    EVENT(SOCKET, "net", MAKES, socket_args),
    EVENT(CONNECT, "net", USES, connect_args),
    EVENT(ACCEPT, "net", MAKES, accept_args),
    EVENT(ACCEPT4, "net", MAKES, accept4_args),
    EVENT(BIND, "net", USES, bind_args),
    EVENT(LISTEN, "net", USES, listen_args),
    EVENT(SENDTO, "net", SENDS, send_args),
    EVENT(SENDMSG, "net", SENDS, send_args),
    EVENT(SENDMMSG, "net", SENDS, sendmmsg_args),
    EVENT(RECVFROM, "net", GETS, recvfrom_args),
    EVENT(RECVMSG, "net", GETS, recvmsg_args),
    EVENT(DUP, "file", MAKES | EVENT_USES_FD, dup_args),
    EVENT(DUP2, "file", MAKES | EVENT_USES_FD, dup2_args),
    EVENT(DUP3, "file", MAKES | EVENT_USES_FD, dup3_args),
    EVENT(SETUID, "user", CALL, setuid_args),
    EVENT(SETGID, "user", CALL, setgid_args),
    EVENT(SETREUID, "user", CALL, setreuid_args),
    EVENT(SETREGID, "user", CALL, setregid_args),
    EVENT(SETRESUID, "user", CALL, setresuid_args),
    EVENT(SETRESGID, "user", CALL, setresgid_args),
    EVENT(CAPSET, "process", CALL, capset_args),
    EVENT(SETNS, "process", USES, setns_args),
    EVENT(UNSHARE, "process", CALL, unshare_args),
    EVENT(CHROOT, "process", CALL, path_args),
    EVENT(PIVOT_ROOT, "file", CALL, pivot_args),
    EVENT(MOUNT, "file", CALL, mount_args),
    EVENT(UMOUNT, "file", CALL, umount_args),
    EVENT(UMOUNT2, "file", CALL, umount2_args),
    EVENT(FSOPEN, "file", MAKES, fsopen_args),
    EVENT(MOVE_MOUNT, "file", CALL, renameat_args),
    EVENT(PTRACE, "other", CALL, ptrace_args),
    EVENT(PROCESS_VM_WRITEV, "IPC", CALL, peer_write_args),
    EVENT(PROC_MEM_WRITE, "memory", CALL | EVENT_USES_FD | EVENT_WRITES, peer_write_args),
    EVENT(MPROTECT, "memory", CALL, mprotect_args),
    EVENT(MMAP, "memory", USES, mmap_args),
    EVENT(MEMFD_CREATE, "memory", MAKES, memfd_args),
    EVENT(USERFAULTFD, "file", MAKES, userfaultfd_args),
    EVENT(BPF, "other", MAKES, bpf_args),
    EVENT(INIT_MODULE, "other", CALL, init_module_args),
    EVENT(FINIT_MODULE, "other", GETS, finit_module_args),
    EVENT(DELETE_MODULE, "other", CALL, delete_module_args),
    EVENT(KEXEC_LOAD, "other", CALL, kexec_args),
    EVENT(KEXEC_FILE_LOAD, "other", USES, kexec_args),
    EVENT(KILL, "signal", CALL, kill_args),
    EVENT(TKILL, "signal", CALL, tkill_args),
    EVENT(TGKILL, "signal", CALL, tgkill_args),
    EVENT(SECCOMP, "other", CALL, seccomp_args),
    EVENT(PRCTL, "process", CALL, prctl_args),
    EVENT(DNS, "net", EVENT_HAS_RESULT | EVENT_USES_FD, dns_args),
    EVENT(SPLICE, "file", USES, splice_args),
    EVENT(IO_URING_SETUP, "other", MAKES, io_uring_args),
};

static const struct event_desc unknown_event = {.category = "unknown"};

const struct event_desc *event_desc(uint16_t type)
{
    assert(type < EVENT_COUNT);
    return event_table[type].category ? &event_table[type] : &unknown_event;
}

bool args_name_known(span name, const char **ret_hint)
{
    *ret_hint = NULL;
    for (unsigned type = 1; type < EVENT_COUNT; type++) {
        const struct event_desc *desc = event_desc((uint16_t)type);
        for (uint16_t index = 0; index < desc->arg_count; index++) {
            span known = span_str(desc->args[index].name);
            if (span_eq(known, name))
                return true;
            if (name.len >= 2 && span_starts(known, span_first(name, 2)))
                *ret_hint = desc->args[index].name;
        }
    }
    return false;
}
