/* Every field of the kernel source: one row each, in the order of the documentation. To add one: a
 * row here, its extractor in the fields_*.c of its class, a case in a test.
 *
 *   X(name, type, argument, list, secret, extractor, summary)
 */
#pragma once

#include "kernel/kernel.h"
#include "kernel/type.h"

/* What an extractor works on. ret is VALUE_ABSENT when it is called. */
struct fetch {
    struct kernel_decoder *decoder;
    const struct record *record;
    const struct process *process; /* who acted; NULL: nobody known */
    const struct field_ref *ref;
    struct arena *arena;
};

typedef void field_extractor(const struct fetch *fetch, struct value *ret);

#define FIELDS_EVENT(X)                                                                            \
    X("evt.num", INT, NONE, 0, 0, evt_num, "number of the event")                                  \
    X("evt.time", TIME, NONE, 0, 0, evt_time, "when it happened")                                  \
    X("evt.time.s", TEXT, NONE, 0, 0, evt_time_s, "when it happened, to the second (UTC)")         \
    X("evt.time.iso8601", TEXT, NONE, 0, 0, evt_time_iso, "when it happened, ISO 8601, UTC")       \
    X("evt.datetime", TEXT, NONE, 0, 0, evt_datetime, "date and time (UTC)")                       \
    X("evt.datetime.s", TEXT, NONE, 0, 0, evt_datetime_s, "date and time to the second (UTC)")     \
    X("evt.rawtime", INT, NONE, 0, 0, evt_time, "ns since 1970")                                   \
    X("evt.rawtime.s", INT, NONE, 0, 0, evt_rawtime_s, "whole seconds since 1970")                 \
    X("evt.rawtime.ns", INT, NONE, 0, 0, evt_rawtime_ns, "ns within the second")                   \
    X("evt.reltime", DURATION, NONE, 0, 0, evt_reltime, "ns since the first event")                \
    X("evt.reltime.s", INT, NONE, 0, 0, evt_reltime_s, "whole seconds since the first event")      \
    X("evt.reltime.ns", INT, NONE, 0, 0, evt_reltime_ns, "its ns within the second")               \
    X("evt.deltatime", DURATION, NONE, 0, 0, evt_deltatime, "ns since the event before")           \
    X("evt.deltatime.s", INT, NONE, 0, 0, evt_deltatime_s, "whole seconds since the one before")   \
    X("evt.deltatime.ns", INT, NONE, 0, 0, evt_deltatime_ns, "its ns within the second")           \
    X("evt.source", TEXT, NONE, 0, 0, evt_source, "the source: syscall")                           \
    X("evt.hostname", TEXT, NONE, 0, 0, evt_hostname, "name of the host")                          \
    X("evt.is_async", BOOL, NONE, 0, 0, evt_false, "whether it was injected; never here")          \
    X("evt.dir", TEXT, NONE, 0, 0, evt_dir, "direction: always < (calls are seen at their end)")   \
    X("evt.type", TEXT, NONE, 0, 0, evt_type, "name of the call or event: openat")                 \
    X("evt.type.is", INT, KEY, 0, 0, evt_type_is, "1 when the event is of the named type")         \
    X("syscall.type", TEXT, NONE, 0, 0, syscall_type, "name of the system call, where it is one")  \
    X("evt.category", TEXT, NONE, 0, 0, evt_category, "file, net, process, memory, user, …")       \
    X("evt.cpu", INT, NONE, 0, 0, evt_cpu, "CPU that it happened on")                              \
    X("evt.args", TEXT, NONE, 0, 0, evt_args, "all arguments: name=value …")                       \
    X("evt.info", TEXT, NONE, 0, 0, evt_args, "the same as evt.args")                              \
    X("evt.arg", TEXT, KEY, 0, 0, evt_arg, "one argument as text, by name or number")              \
    X("evt.rawarg", ANY, KEY, 0, 0, evt_rawarg, "one argument as it is, by name or number")        \
    X("evt.buffer", BYTES, NONE, 0, 0, evt_buffer, "first bytes of the data sent or received")     \
    X("evt.buflen", INT, NONE, 0, 0, evt_buflen, "length of the data sent or received")            \
    X("evt.res", TEXT, NONE, 0, 0, evt_res, "SUCCESS, or the name of the error: ENOENT")           \
    X("evt.rawres", INT, NONE, 0, 0, evt_rawres, "what the call returned")                         \
    X("evt.failed", BOOL, NONE, 0, 0, evt_failed, "whether the call returned an error")            \
    X("evt.is_io", BOOL, NONE, 0, 0, evt_is_io, "whether it moves data of a descriptor")           \
    X("evt.is_io_read", BOOL, NONE, 0, 0, evt_is_io_read, "whether it reads from a descriptor")    \
    X("evt.is_io_write", BOOL, NONE, 0, 0, evt_is_io_write, "whether it writes to a descriptor")   \
    X("evt.io_dir", TEXT, NONE, 0, 0, evt_io_dir, "read or write")                                 \
    X("evt.is_wait", BOOL, NONE, 0, 0, evt_false, "whether it waits; such are not recorded")       \
    X("evt.is_syslog", BOOL, NONE, 0, 0, evt_is_syslog, "whether it writes to /dev/log")           \
    X("evt.count", INT, NONE, 0, 0, evt_count, "always 1")                                         \
    X("evt.count.error", INT, NONE, 0, 0, evt_count_error, "1 when the call failed, else 0")       \
    X("evt.count.exit", INT, NONE, 0, 0, evt_count, "always 1")                                    \
    X("evt.abspath", TEXT, KEY_OPTIONAL, 0, 0, evt_abspath, "absolute path; [src] or [dst]")       \
    X("evt.abspath.src", TEXT, NONE, 0, 0, evt_abspath_src, "the old one of two paths")            \
    X("evt.abspath.dst", TEXT, NONE, 0, 0, evt_abspath_dst, "the new one of two paths")            \
    X("evt.is_open_read", BOOL, NONE, 0, 0, evt_is_open_read, "an open for reading")               \
    X("evt.is_open_write", BOOL, NONE, 0, 0, evt_is_open_write, "an open for writing")             \
    X("evt.is_open_exec", BOOL, NONE, 0, 0, evt_is_open_exec, "an open that makes an executable")  \
    X("evt.is_open_create", BOOL, NONE, 0, 0, evt_is_open_create, "an open that made the file")    \
    X("evt.name_unverified", BOOL, NONE, 0, 0, evt_name_unverified,                                \
      "a name rests on the program's memory, not on a kernel object")                              \
    X("evt.name_changed", BOOL, NONE, 0, 0, evt_name_changed,                                      \
      "such a name was another one at the call's end")

#define FIELDS_PROCESS(X)                                                                          \
    X("proc.exe", TEXT, NONE, 0, 0, proc_exe, "first argument, argv[0]")                           \
    X("proc.pexe", TEXT, NONE, 0, 0, proc_pexe, "argv[0] of the parent")                           \
    X("proc.aexe", TEXT, INDEX_OPTIONAL, 1, 0, proc_aexe, "argv[0] of an ancestor, or of any")     \
    X("proc.exepath", PATH, NONE, 0, 0, proc_exepath, "path of the program's file")                \
    X("proc.pexepath", PATH, NONE, 0, 0, proc_pexepath, "path of the parent's program")            \
    X("proc.aexepath", PATH, INDEX_OPTIONAL, 1, 0, proc_aexepath, "path of an ancestor's program") \
    X("proc.name", TEXT, NONE, 0, 0, proc_name, "name of the process, at most 15 bytes")           \
    X("proc.pname", TEXT, NONE, 0, 0, proc_pname, "name of the parent")                            \
    X("proc.aname", TEXT, INDEX_OPTIONAL, 1, 0, proc_aname, "name of an ancestor, or of any")      \
    X("proc.args", TEXT, INDEX_OPTIONAL, 0, 1, proc_args, "arguments without argv[0]; or one")     \
    X("proc.aargs", TEXT, INDEX_OPTIONAL, 1, 1, proc_aargs, "arguments of an ancestor")            \
    X("proc.cmdline", TEXT, NONE, 0, 1, proc_cmdline, "name and arguments")                        \
    X("proc.pcmdline", TEXT, NONE, 0, 1, proc_pcmdline, "name and arguments of the parent")        \
    X("proc.acmdline", TEXT, INDEX_OPTIONAL, 1, 1, proc_acmdline, "those of an ancestor")          \
    X("proc.cmdnargs", INT, NONE, 0, 0, proc_cmdnargs, "number of arguments")                      \
    X("proc.cmdlenargs", INT, NONE, 0, 0, proc_cmdlenargs, "bytes of the arguments, no blanks")    \
    X("proc.exeline", TEXT, NONE, 0, 1, proc_exeline, "argv[0] and arguments")                     \
    X("proc.env", TEXT, KEY_OPTIONAL, 0, 1, proc_env, "the environment, or one variable of it")    \
    X("proc.aenv", TEXT, KEY_OPTIONAL, 1, 1, proc_aenv, "that of an ancestor: [2], [NAME]")        \
    X("proc.cwd", PATH, NONE, 0, 0, proc_cwd, "working directory, with / at the end")              \
    X("proc.loginshellid", INT, NONE, 0, 0, proc_loginshellid, "pid of the eldest shell above")    \
    X("proc.tty", INT, NONE, 0, 0, proc_tty, "number of the controlling terminal; 0: none")        \
    X("proc.pid", INT, NONE, 0, 0, proc_pid, "process id")                                         \
    X("proc.ppid", INT, NONE, 0, 0, proc_ppid, "id of the process that made it")                   \
    X("proc.apid", INT, INDEX_OPTIONAL, 1, 0, proc_apid, "id of an ancestor, or of any")           \
    X("proc.vpid", INT, NONE, 0, 0, proc_vpid, "process id in its own namespace")                  \
    X("proc.pvpid", INT, NONE, 0, 0, proc_pvpid, "that of the parent")                             \
    X("proc.sid", INT, NONE, 0, 0, proc_sid, "session id in its own namespace")                    \
    X("proc.sname", TEXT, NONE, 0, 0, proc_sname, "name of the session's leader")                  \
    X("proc.sid.exe", TEXT, NONE, 0, 0, proc_sid_exe, "argv[0] of the session's leader")           \
    X("proc.sid.exepath", PATH, NONE, 0, 0, proc_sid_exepath, "program of the session's leader")   \
    X("proc.vpgid", INT, NONE, 0, 0, proc_vpgid, "process group in its own namespace")             \
    X("proc.vpgid.name", TEXT, NONE, 0, 0, proc_pgid_name, "name of the group's leader")           \
    X("proc.vpgid.exe", TEXT, NONE, 0, 0, proc_pgid_exe, "argv[0] of the group's leader")          \
    X("proc.vpgid.exepath", PATH, NONE, 0, 0, proc_pgid_exepath, "program of the group's leader")  \
    X("proc.pgid", INT, NONE, 0, 0, proc_pgid, "process group")                                    \
    X("proc.pgid.name", TEXT, NONE, 0, 0, proc_pgid_name, "name of the group's leader")            \
    X("proc.pgid.exe", TEXT, NONE, 0, 0, proc_pgid_exe, "argv[0] of the group's leader")           \
    X("proc.pgid.exepath", PATH, NONE, 0, 0, proc_pgid_exepath, "program of the group's leader")   \
    X("proc.duration", DURATION, NONE, 0, 0, proc_duration, "ns since it began")                   \
    X("proc.ppid.duration", DURATION, NONE, 0, 0, proc_ppid_duration, "ns since the parent began") \
    X("proc.pid.ts", INT, NONE, 0, 0, proc_pid_ts, "when it began, ns since 1970")                 \
    X("proc.ppid.ts", INT, NONE, 0, 0, proc_ppid_ts, "when the parent began, ns since 1970")       \
    X("proc.is_exe_writable", BOOL, NONE, 0, 0, proc_is_exe_writable,                              \
      "its user may write the program's file")                                                     \
    X("proc.is_exe_upper_layer", BOOL, NONE, 0, 0, proc_is_exe_upper_layer,                        \
      "the program is from an overlay's writable layer: not in the image")                         \
    X("proc.is_exe_lower_layer", BOOL, NONE, 0, 0, proc_is_exe_lower_layer,                        \
      "the program is from an overlay's read-only layers")                                         \
    X("proc.is_exe_from_memfd", BOOL, NONE, 0, 0, proc_is_exe_from_memfd,                          \
      "the program is a memfd: no file on a disk")                                                 \
    X("proc.is_sid_leader", BOOL, NONE, 0, 0, proc_is_sid_leader, "it leads its session")          \
    X("proc.is_vpgid_leader", BOOL, NONE, 0, 0, proc_is_vpgid_leader, "it leads its group")        \
    X("proc.is_pgid_leader", BOOL, NONE, 0, 0, proc_is_pgid_leader, "it leads its group")          \
    X("proc.exe_ino", INT, NONE, 0, 0, proc_exe_ino, "inode of the program's file")                \
    X("proc.exe_ino.ctime", INT, NONE, 0, 0, proc_exe_ino_ctime, "its last change, ns since 1970") \
    X("proc.exe_ino.mtime", INT, NONE, 0, 0, proc_exe_ino_mtime, "its last write, ns since 1970")  \
    X("proc.exe_ino.ctime_duration_proc_start", DURATION, NONE, 0, 0, proc_exe_ino_age,            \
      "ns from the file's last change to the start of the process")                                \
    X("proc.stdin.type", TEXT, NONE, 0, 0, proc_stdin_type, "fd.type of descriptor 0")             \
    X("proc.stdout.type", TEXT, NONE, 0, 0, proc_stdout_type, "fd.type of descriptor 1")           \
    X("proc.stderr.type", TEXT, NONE, 0, 0, proc_stderr_type, "fd.type of descriptor 2")           \
    X("proc.stdin.name", TEXT, NONE, 0, 0, proc_stdin_name, "name of descriptor 0, where known")   \
    X("proc.stdout.name", TEXT, NONE, 0, 0, proc_stdout_name, "name of descriptor 1")              \
    X("proc.stderr.name", TEXT, NONE, 0, 0, proc_stderr_name, "name of descriptor 2")              \
    X("thread.cap_permitted", TEXT, NONE, 0, 0, thread_cap_permitted, "capabilities it may have")  \
    X("thread.cap_inheritable", TEXT, NONE, 0, 0, thread_cap_inheritable, "those it hands on")     \
    X("thread.cap_effective", TEXT, NONE, 0, 0, thread_cap_effective, "those in force")            \
    X("thread.tid", INT, NONE, 0, 0, thread_tid, "thread id")                                      \
    X("thread.ismain", BOOL, NONE, 0, 0, thread_ismain, "it is the process's first thread")        \
    X("thread.vtid", INT, NONE, 0, 0, thread_vtid, "thread id in its own namespace")               \
    X("thread.nametid", TEXT, NONE, 0, 0, thread_nametid, "name of the process and thread id")     \
    X("thread.cgroups", TEXT, NONE, 0, 0, thread_cgroups, "all control groups: name=path …")       \
    X("thread.cgroup", TEXT, KEY, 0, 0, thread_cgroup, "the control group of one hierarchy")

#define FIELDS_USER(X)                                                                             \
    X("user.uid", INT, NONE, 0, 0, user_uid, "user id")                                            \
    X("user.name", TEXT, NONE, 0, 0, user_name_field, "user name, as the container has it")        \
    X("user.homedir", TEXT, NONE, 0, 0, user_homedir, "home directory of the user")                \
    X("user.shell", TEXT, NONE, 0, 0, user_shell_field, "login shell of the user")                 \
    X("user.loginuid", INT, NONE, 0, 0, user_loginuid, "id of the user that logged in; -1: none")  \
    X("user.loginname", TEXT, NONE, 0, 0, user_loginname, "name of the user that logged in")       \
    X("group.gid", INT, NONE, 0, 0, group_gid, "group id")                                         \
    X("group.name", TEXT, NONE, 0, 0, group_name_field, "group name")

#define FIELDS_FD(X)                                                                               \
    X("fd.num", INT, NONE, 0, 0, fd_num, "number of the descriptor")                               \
    X("fd.type", TEXT, NONE, 0, 0, fd_type, "file, directory, ipv4, ipv6, unix, pipe, event, …")   \
    X("fd.typechar", TEXT, NONE, 0, 0, fd_typechar, "the same as one letter: f d 4 6 u p e …")     \
    X("fd.name", PATH, NONE, 0, 0, fd_name, "the file really reached, or the connection")          \
    X("fd.nameraw", TEXT, NONE, 0, 0, fd_nameraw, "the path as the program passed it")             \
    X("fd.directory", PATH, NONE, 0, 0, fd_directory, "directory of the file")                     \
    X("fd.filename", TEXT, NONE, 0, 0, fd_filename, "name of the file without its directory")      \
    X("fd.ip", ADDRESS, NONE, 1, 0, fd_ip, "either end's address")                                 \
    X("fd.cip", ADDRESS, NONE, 0, 0, fd_cip, "the client's address")                               \
    X("fd.sip", ADDRESS, NONE, 0, 0, fd_sip, "the server's address")                               \
    X("fd.lip", ADDRESS, NONE, 0, 0, fd_lip, "the local address")                                  \
    X("fd.rip", ADDRESS, NONE, 0, 0, fd_rip, "the remote address")                                 \
    X("fd.port", INT, NONE, 1, 0, fd_port, "either end's port")                                    \
    X("fd.cport", INT, NONE, 0, 0, fd_cport, "the client's port")                                  \
    X("fd.sport", INT, NONE, 0, 0, fd_sport, "the server's port")                                  \
    X("fd.lport", INT, NONE, 0, 0, fd_lport, "the local port")                                     \
    X("fd.rport", INT, NONE, 0, 0, fd_rport, "the remote port")                                    \
    X("fd.l4proto", TEXT, NONE, 0, 0, fd_l4proto, "tcp, udp, icmp or raw; <NA> otherwise")         \
    X("fd.sockfamily", TEXT, NONE, 0, 0, fd_sockfamily, "ip or unix")                              \
    X("fd.is_server", BOOL, NONE, 0, 0, fd_is_server, "the process is the connection's server")    \
    X("fd.uid", TEXT, NONE, 0, 0, fd_uid, "thread id and descriptor in one text")                  \
    X("fd.containername", TEXT, NONE, 0, 0, fd_containername, "container id, colon, fd.name")      \
    X("fd.containerdirectory", TEXT, NONE, 0, 0, fd_containerdirectory,                            \
      "container id, colon, fd.directory")                                                         \
    X("fd.proto", TEXT, NONE, 1, 0, fd_port_text, "either end's port as text")                     \
    X("fd.cproto", TEXT, NONE, 0, 0, fd_cport_text, "the client's port as text")                   \
    X("fd.sproto", TEXT, NONE, 0, 0, fd_sport_text, "the server's port as text")                   \
    X("fd.lproto", TEXT, NONE, 0, 0, fd_lport_text, "the local port as text")                      \
    X("fd.rproto", TEXT, NONE, 0, 0, fd_rport_text, "the remote port as text")                     \
    X("fd.net", NET, NONE, 1, 0, fd_ip, "either end's address, for networks")                      \
    X("fd.cnet", NET, NONE, 0, 0, fd_cip, "the client's address, for networks")                    \
    X("fd.snet", NET, NONE, 0, 0, fd_sip, "the server's address, for networks")                    \
    X("fd.lnet", NET, NONE, 0, 0, fd_lip, "the local address, for networks")                       \
    X("fd.rnet", NET, NONE, 0, 0, fd_rip, "the remote address, for networks")                      \
    X("fd.connected", BOOL, NONE, 0, 0, fd_connected, "the socket is connected")                   \
    X("fd.name_changed", BOOL, NONE, 0, 0, fd_name_changed, "the event gave it another name")      \
    X("fd.cip.name", TEXT, NONE, 0, 0, fd_absent, "domain name of the client; not looked up")      \
    X("fd.sip.name", TEXT, NONE, 0, 0, fd_absent, "domain name of the server; not looked up")      \
    X("fd.lip.name", TEXT, NONE, 0, 0, fd_absent, "domain name of the local end; not looked up")   \
    X("fd.rip.name", TEXT, NONE, 0, 0, fd_absent, "domain name of the remote end; not looked up")  \
    X("fd.dev", INT, NONE, 0, 0, fd_dev, "device number of the file")                              \
    X("fd.dev.major", INT, NONE, 0, 0, fd_dev_major, "its major number")                           \
    X("fd.dev.minor", INT, NONE, 0, 0, fd_dev_minor, "its minor number")                           \
    X("fd.ino", INT, NONE, 0, 0, fd_ino, "inode of the file")                                      \
    X("fd.types", TEXT, INDEX_OPTIONAL, 1, 0, fd_types, "types of descriptors 0 to 2")             \
    X("fd.is_upper_layer", BOOL, NONE, 0, 0, fd_is_upper, "file of an overlay's writable layer")   \
    X("fd.is_lower_layer", BOOL, NONE, 0, 0, fd_is_lower, "file of an overlay's lower layers")     \
    X("fs.path.name", PATH, NONE, 0, 0, fs_path_name, "path that the call acted on")               \
    X("fs.path.nameraw", TEXT, NONE, 0, 0, fs_path_nameraw, "the same as it was passed")           \
    X("fs.path.source", PATH, NONE, 0, 0, fs_path_source, "first path of a call with two")         \
    X("fs.path.sourceraw", TEXT, NONE, 0, 0, fs_path_sourceraw, "the same as it was passed")       \
    X("fs.path.target", PATH, NONE, 0, 0, fs_path_target, "second path of a call with two")        \
    X("fs.path.targetraw", TEXT, NONE, 0, 0, fs_path_targetraw, "the same as it was passed")

#define FIELDS_CONTAINER(X)                                                                        \
    X("container.id", TEXT, NONE, 0, 0, container_id, "first 12 digits of the id; host outside")   \
    X("container.full_id", TEXT, NONE, 0, 0, container_full_id, "the whole id; empty outside")     \
    X("container.name", TEXT, NONE, 0, 0, container_name, "name; host outside")                    \
    X("container.image", TEXT, NONE, 0, 0, container_image, "image as named at its start")         \
    X("container.image.id", TEXT, NONE, 0, 0, container_image_id, "id of the image")               \
    X("container.image.repository", TEXT, NONE, 0, 0, container_image_repository, "repository")    \
    X("container.image.tag", TEXT, NONE, 0, 0, container_image_tag, "tag of the image")            \
    X("container.image.digest", TEXT, NONE, 0, 0, container_image_digest, "digest: sha256:…")      \
    X("container.type", TEXT, NONE, 0, 0, container_type_field, "docker, containerd, cri-o, …")    \
    X("container.privileged", BOOL, NONE, 0, 0, container_privileged, "it runs privileged")        \
    X("container.host_pid", BOOL, NONE, 0, 0, container_host_pid, "it has the host's processes")   \
    X("container.host_network", BOOL, NONE, 0, 0, container_host_network, "the host's network")    \
    X("container.host_ipc", BOOL, NONE, 0, 0, container_host_ipc, "the host's IPC")                \
    X("container.mounts", TEXT, NONE, 0, 0, container_mounts,                                      \
      "all mounts: source:dest:mode:rdwr:propagation,…")                                           \
    X("container.mount", TEXT, KEY, 0, 0, container_mount_field, "a mount: number or source glob") \
    X("container.mount.source", PATH, KEY, 0, 0, container_mount_source, "by dest glob or number") \
    X("container.mount.dest", PATH, KEY, 0, 0, container_mount_dest, "by source glob or number")   \
    X("container.mount.mode", TEXT, KEY, 0, 0, container_mount_mode, "by source glob or number")   \
    X("container.mount.rdwr", TEXT, KEY, 0, 0, container_mount_rdwr, "true or false; likewise")    \
    X("container.mount.propagation", TEXT, KEY, 0, 0, container_mount_propagation, "likewise")     \
    X("container.start_ts", INT, NONE, 0, 0, container_start_ts, "when it began, ns since 1970")   \
    X("container.duration", DURATION, NONE, 0, 0, container_duration, "ns since it began")         \
    X("container.ip", TEXT, NONE, 0, 0, container_ip, "its address")                               \
    X("container.cni.json", TEXT, NONE, 0, 0, container_cni_json, "its network, as the CNI said")  \
    X("container.label", TEXT, KEY, 0, 0, container_label_field, "the value of a label")           \
    X("container.labels", TEXT, NONE, 0, 0, container_labels, "all labels: key:value, …")          \
    X("k8s.ns.name", TEXT, NONE, 0, 0, k8s_ns_name, "namespace of the pod")                        \
    X("k8s.pod.name", TEXT, NONE, 0, 0, k8s_pod_name, "name of the pod")                           \
    X("k8s.pod.uid", TEXT, NONE, 0, 0, k8s_pod_uid, "uid of the pod")                              \
    X("k8s.pod.id", TEXT, NONE, 0, 0, k8s_pod_uid, "the same as k8s.pod.uid")                      \
    X("k8s.pod.sandbox_id", TEXT, NONE, 0, 0, k8s_pod_sandbox_id, "id of its sandbox, 12 digits")  \
    X("k8s.pod.full_sandbox_id", TEXT, NONE, 0, 0, k8s_pod_full_sandbox_id, "the whole of it")     \
    X("k8s.pod.ip", TEXT, NONE, 0, 0, container_ip, "address of the pod")                          \
    X("k8s.pod.cni.json", TEXT, NONE, 0, 0, container_cni_json, "its network, as the CNI said")    \
    X("k8s.pod.label", TEXT, KEY, 0, 0, k8s_pod_label, "the value of a label of the pod")          \
    X("k8s.pod.labels", TEXT, NONE, 0, 0, k8s_pod_labels, "all labels of the pod")

#define FIELDS_ALL(X)                                                                              \
    FIELDS_EVENT(X) FIELDS_PROCESS(X) FIELDS_USER(X) FIELDS_FD(X) FIELDS_CONTAINER(X)

#define X(name, type, argument, list, secret, extractor, summary)                                  \
    void field_##extractor(const struct fetch *fetch, struct value *ret);
FIELDS_ALL(X)
#undef X

/* ---- for extractors ---- */

static inline void value_text(struct value *ret, span text)
{
    if (text.data)
        *ret = (struct value){.kind = VALUE_TEXT, .text = text};
}

static inline void value_int(struct value *ret, int64_t number)
{
    *ret = (struct value){.kind = VALUE_INT, .integer = number};
}

static inline void value_uint(struct value *ret, uint64_t number)
{
    if (number <= INT64_MAX)
        value_int(ret, (int64_t)number);
    else
        *ret = (struct value){.kind = VALUE_UINT, .uinteger = number};
}

static inline void value_bool(struct value *ret, bool truth)
{
    *ret = (struct value){.kind = VALUE_BOOL, .truth = truth};
}

/* Formatted into the arena; absent when that is full. */
__attribute__((format(printf, 3, 4))) void value_format(const struct fetch *fetch,
                                                        struct value *ret, const char *format, ...);
/* The process's container; NULL: on the host, or nothing known. Asked for once an event. */
const struct container_info *fetch_container(const struct fetch *fetch, bool *ret_is_inside);
/* The scope in which names of users are looked up for the present event. */
struct user_scope fetch_scope(const struct fetch *fetch);
/* user and group names as Falco words them: root, <NA>. */
span fetch_user_name(const struct fetch *fetch, uint32_t uid);
span fetch_group_name(const struct fetch *fetch, uint32_t gid);
uint64_t fetch_wall_ns(const struct fetch *fetch);
/* The kernel's name for a path of the event; where there is none (the call failed), what the
 * program passed, made absolute by its words alone. data NULL: relative to a directory that is not
 * known, or not there. */
span fetch_path(const struct fetch *fetch, enum param_id path, enum param_id raw,
                enum param_id directory);
/* fd.typechar of the event's descriptor; 0: none known. */
char fetch_letter(const struct fetch *fetch);
/* fd.name; data NULL: none. */
span fetch_fd_name(const struct fetch *fetch);
/* fs.path.target of symlinks: its text, from the link's directory. */
span fetch_link_target(const struct fetch *fetch);
