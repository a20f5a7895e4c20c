#include "sandbox/sandbox.h"

#include <cap-ng.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <seccomp.h>
#include <signal.h>
#include <unistd.h>

#include <linux/capability.h>
#include <linux/landlock.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include "core/cleanup.h"

/* What every C program needs to live: memory, time, its descriptors, its end. */
static const int syscalls_common[] = {
    SCMP_SYS(read),
    SCMP_SYS(write),
    SCMP_SYS(readv),
    SCMP_SYS(writev),
    SCMP_SYS(pread64),
    SCMP_SYS(pwrite64),
    SCMP_SYS(close),
    SCMP_SYS(fstat),
    SCMP_SYS(lseek),
    SCMP_SYS(mmap),
    SCMP_SYS(munmap),
    SCMP_SYS(mremap),
    SCMP_SYS(madvise),
    SCMP_SYS(mprotect),
    SCMP_SYS(brk),
    SCMP_SYS(poll),
    SCMP_SYS(ppoll),
    SCMP_SYS(sendmsg),
    SCMP_SYS(recvmsg),
    SCMP_SYS(sendto),
    SCMP_SYS(recvfrom),
    SCMP_SYS(exit),
    SCMP_SYS(exit_group),
    SCMP_SYS(rt_sigreturn),
    SCMP_SYS(rt_sigaction),
    SCMP_SYS(rt_sigprocmask),
    SCMP_SYS(clock_gettime),
    SCMP_SYS(clock_nanosleep),
    SCMP_SYS(nanosleep),
    SCMP_SYS(gettimeofday),
    SCMP_SYS(getpid),
    SCMP_SYS(gettid),
    SCMP_SYS(getuid),
    SCMP_SYS(geteuid),
    SCMP_SYS(getgid),
    SCMP_SYS(getegid),
    SCMP_SYS(getrandom),
    SCMP_SYS(futex),
    SCMP_SYS(restart_syscall),
    SCMP_SYS(dup),
    SCMP_SYS(fcntl),
    SCMP_SYS(tgkill),
    SCMP_SYS(sched_yield),
    SCMP_SYS(prlimit64),
    SCMP_SYS(uname),
    SCMP_SYS(ftruncate),
    SCMP_SYS(memfd_create),
    SCMP_SYS(fadvise64),
#ifdef SANDBOX_SANITIZED
    SCMP_SYS(sigaltstack), /* the sanitizer's own, before each call that does not return */
#endif
};

static const int syscalls_read[] = {
    SCMP_SYS(openat2),  SCMP_SYS(newfstatat), SCMP_SYS(stat),      SCMP_SYS(lstat),
    SCMP_SYS(statx),    SCMP_SYS(access),     SCMP_SYS(faccessat), SCMP_SYS(faccessat2),
    SCMP_SYS(readlink), SCMP_SYS(readlinkat), SCMP_SYS(getcwd),    SCMP_SYS(getdents64),
    SCMP_SYS(fstatfs),  SCMP_SYS(statfs),     SCMP_SYS(fchdir),
};

static const int syscalls_write[] = {
    SCMP_SYS(openat), SCMP_SYS(open),      SCMP_SYS(unlink), SCMP_SYS(unlinkat),
    SCMP_SYS(fsync),  SCMP_SYS(fdatasync), SCMP_SYS(fchmod), SCMP_SYS(fchown),
    SCMP_SYS(flock),  SCMP_SYS(fallocate), SCMP_SYS(rename), SCMP_SYS(utimensat),
};

void sandbox_account(uid_t *ret_uid, gid_t *ret_gid)
{
    const struct passwd *account = getpwnam("picket");
    *ret_uid = account ? account->pw_uid : SANDBOX_UID_DEFAULT;
    *ret_gid = account ? account->pw_gid : SANDBOX_UID_DEFAULT;
}

static err_kind limit_set(int resource, uint64_t most, struct err_ctx *err)
{
    struct rlimit limit;
    if (getrlimit(resource, &limit))
        return err_set(err, ERR_SYSTEM, "limit %d", resource);
    if (limit.rlim_max > most) /* what the caller allows less of stays so */
        limit.rlim_max = most;
    limit.rlim_cur = limit.rlim_max;
    if (setrlimit(resource, &limit))
        return err_set(err, ERR_SYSTEM, "limit %d", resource);
    return OK;
}

static err_kind limits_set(const struct sandbox_policy *policy, struct err_ctx *err)
{
    err_kind kind = limit_set(RLIMIT_CORE, 0, err);
    if (kind == OK && policy->memory_bytes_max)
        kind = limit_set(RLIMIT_AS, policy->memory_bytes_max, err);
    if (kind == OK && policy->cpu_seconds_max)
        kind = limit_set(RLIMIT_CPU, policy->cpu_seconds_max, err);
    return kind;
}

/* Root's groups, uid and capabilities go; the named capabilities stay. */
static err_kind privileges_drop(const struct sandbox_policy *policy, struct err_ctx *err)
{
    if (geteuid() != 0)
        return OK;
    uid_t uid = 0;
    gid_t gid = 0;
    if (!policy->keep_uid)
        sandbox_account(&uid, &gid);
    capng_clear(CAPNG_SELECT_BOTH);
    for (unsigned cap = 0; cap <= CAP_LAST_CAP; cap++)
        if (policy->caps >> cap & 1)
            capng_update(CAPNG_ADD, CAPNG_EFFECTIVE | CAPNG_PERMITTED, cap);
    if (policy->keep_uid) {
        /* the bounding set first: dropping it needs CAP_SETPCAP */
        if (setgroups(0, NULL) || capng_apply(CAPNG_SELECT_BOTH))
            return err_set(err, ERR_SYSTEM, "dropping capabilities");
        return OK;
    }
    int outcome = capng_change_id((int)uid, (int)gid, CAPNG_DROP_SUPP_GRP | CAPNG_CLEAR_BOUNDING);
    if (outcome)
        return err_set(err, ERR_SYSTEM, "becoming uid %u (step %d)", uid, outcome);
    return OK;
}

#define FILES_READ (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR)
/* Everything that ABI 1 (Linux 5.13) knows. */
#define FILES_ALL (LANDLOCK_ACCESS_FS_MAKE_SYM * 2 - 1)
#define FILES_STORE                                                                                \
    (FILES_READ | LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_REMOVE_FILE |                 \
     LANDLOCK_ACCESS_FS_MAKE_REG)

static int landlock_add(int ruleset, int dir_fd, uint64_t access)
{
    struct landlock_path_beneath_attr rule = {.allowed_access = access, .parent_fd = dir_fd};
    return (int)syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0);
}

/* Linux 5.13; false where the kernel has none. */
static err_kind landlock_enter(const struct sandbox_policy *policy, bool *ret_is_on,
                               struct err_ctx *err)
{
    *ret_is_on = false;
    struct landlock_ruleset_attr attributes = {.handled_access_fs = FILES_ALL};
    AUTO(auto_close)
    int ruleset = (int)syscall(SYS_landlock_create_ruleset, &attributes, sizeof attributes, 0);
    if (ruleset < 0)
        return OK;
    if (policy->dir_fd >= 0 && landlock_add(ruleset, policy->dir_fd, FILES_STORE))
        return err_set(err, ERR_SYSTEM, "landlock: the state folder");
    for (size_t index = 0; index < policy->read_count; index++)
        if (landlock_add(ruleset, policy->read_fds[index], FILES_READ))
            return err_set(err, ERR_SYSTEM, "landlock: folder %zu to read", index + 1);
    if (syscall(SYS_landlock_restrict_self, ruleset, 0))
        return err_set(err, ERR_SYSTEM, "landlock");
    *ret_is_on = true;
    return OK;
}

static int rules_add(scmp_filter_ctx filter, const int *syscalls, size_t count)
{
    int failed = 0;
    for (size_t index = 0; index < count && !failed; index++)
        if (syscalls[index] >= 0) /* negative: not on this architecture */
            failed = seccomp_rule_add(filter, SCMP_ACT_ALLOW, syscalls[index], 0);
    return failed;
}

/* Opening for reading only. openat2 hides its flags from the filter: there the uid must do. */
static int rules_add_read(scmp_filter_ctx filter)
{
    const scmp_datum_t writes = O_WRONLY | O_RDWR | O_CREAT | O_TRUNC;
    int failed = rules_add(filter, syscalls_read, sizeof syscalls_read / sizeof *syscalls_read);
    if (!failed)
        failed = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(openat), 1,
                                  SCMP_A2(SCMP_CMP_MASKED_EQ, writes, 0));
    if (!failed && SCMP_SYS(open) >= 0)
        failed = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(open), 1,
                                  SCMP_A1(SCMP_CMP_MASKED_EQ, writes, 0));
    return failed;
}

static int rules_add_refusal(scmp_filter_ctx filter, const struct sandbox_refusal *refusal)
{
    int failed = seccomp_rule_add(filter, SCMP_ACT_ALLOW, refusal->syscall, 1,
                                  SCMP_A0(SCMP_CMP_NE, refusal->argument));
    if (!failed)
        failed = seccomp_rule_add(filter, SCMP_ACT_ERRNO((uint32_t)refusal->error),
                                  refusal->syscall, 1, SCMP_A0(SCMP_CMP_EQ, refusal->argument));
    return failed;
}

static err_kind seccomp_enter(const struct sandbox_policy *policy, bool *ret_is_on,
                              struct err_ctx *err)
{
    *ret_is_on = false;
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));
    if (!filter)
        return err_set(err, ERR_SYSTEM, "seccomp");
    int failed =
        rules_add(filter, syscalls_common, sizeof syscalls_common / sizeof *syscalls_common);
    if (!failed && (policy->may_read_files || policy->may_write_files))
        failed = rules_add_read(filter);
    if (!failed && policy->may_write_files)
        failed = rules_add(filter, syscalls_write, sizeof syscalls_write / sizeof *syscalls_write);
    if (!failed)
        failed = rules_add(filter, policy->syscalls, policy->syscall_count);
    if (!failed && policy->refusal)
        failed = rules_add_refusal(filter, policy->refusal);
    if (!failed)
        failed = seccomp_load(filter);
    seccomp_release(filter);
    if (failed && failed != -EINVAL && failed != -ENOSYS) {
        errno = -failed;
        return err_set(err, ERR_SYSTEM, "seccomp");
    }
    *ret_is_on = !failed;
    return OK;
}

err_kind sandbox_enter(const struct sandbox_policy *policy, struct sandbox_report *ret,
                       struct err_ctx *err)
{
    int parent_death = 0;
    err_kind kind = limits_set(policy, err);
    if (kind == OK && prctl(PR_GET_PDEATHSIG, &parent_death, 0, 0, 0))
        kind = err_set(err, ERR_SYSTEM, "parent death signal");
    if (kind == OK)
        kind = privileges_drop(policy, err);
    if (kind == OK && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
        kind = err_set(err, ERR_SYSTEM, "no_new_privs");
    if (kind == OK && prctl(PR_SET_DUMPABLE, 0, 0, 0, 0))
        kind = err_set(err, ERR_SYSTEM, "dumpable");
    /* The change of uid cleared it. A role does not outlive its parent; a command may. */
    if (kind == OK && prctl(PR_SET_PDEATHSIG, parent_death, 0, 0, 0))
        kind = err_set(err, ERR_SYSTEM, "parent death signal");
    ret->has_landlock = false;
    if (kind == OK && !policy->without_landlock)
        kind = landlock_enter(policy, &ret->has_landlock, err);
    if (kind == OK)
        kind = seccomp_enter(policy, &ret->has_seccomp, err);
    return kind == OK ? OK : err_wrap(err, "sandbox of role '%s'", policy->role);
}
