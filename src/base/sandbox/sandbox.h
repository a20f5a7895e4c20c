/* What a role gives up before it reads its first byte of input: uid and groups, capabilities, the
 * right to gain any (no_new_privs), the file system (Landlock, where the kernel has it), syscalls
 * (seccomp: whatever is not listed fails with EPERM), core dumps and being traced. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sys/types.h>

#include "core/error.h"

/* Built with AddressSanitizer, whose shadow is larger than any limit and which needs a call or two
 * more. gcc says so by one macro, clang by a feature. */
#if defined(__SANITIZE_ADDRESS__)
#define SANDBOX_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANDBOX_SANITIZED 1
#endif
#endif

/* The account that roles without privilege run as when started by root: `picket` where it exists,
 * else this number, which Debian policy leaves unassigned. */
#define SANDBOX_UID_DEFAULT 60517

/* A call that is allowed but for one value of its first argument, which fails with this errno. */
struct sandbox_refusal {
    int syscall;
    uint64_t argument;
    int error;
};

struct sandbox_policy {
    const char *role;
    bool keep_uid;       /* stays root (with the capabilities below only) */
    uint64_t caps;       /* bit n: capability n is kept, permitted and effective */
    const int *syscalls; /* numbers allowed beside the common ones */
    size_t syscall_count;
    const struct sandbox_refusal *refusal; /* its call is not in `syscalls`; NULL: none */
    bool may_read_files;  /* open and stat at all; the folders are said by Landlock */
    bool may_write_files; /* and change them */
    /* No Landlock: a process behind it may not look into others' /proc/PID/root (its hook on ptrace
     * access checks), which is the sensor's work. */
    bool without_landlock;
    int dir_fd;          /* the one folder it may read and write below; -1: none */
    const int *read_fds; /* folders that it may read below, beside that one; borrowed */
    size_t read_count;
    uint64_t memory_bytes_max; /* RLIMIT_AS; 0: not limited */
    uint64_t cpu_seconds_max;  /* RLIMIT_CPU; 0: not limited */
};

struct sandbox_report {
    bool has_landlock;
    bool has_seccomp;
};

/* The uid and gid of roles without privilege. */
void sandbox_account(uid_t *ret_uid, gid_t *ret_gid);
/* Enters for good. Without root the uid stays and there are no capabilities to drop; the rest
 * holds. A kernel without Landlock or seccomp is not an error: the report says so. */
MUST_USE err_kind sandbox_enter(const struct sandbox_policy *policy, struct sandbox_report *ret,
                                struct err_ctx *err);
