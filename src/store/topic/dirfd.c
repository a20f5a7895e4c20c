/* SQLite names its files by path, also long after the opening (the WAL index, directory syncs,
 * checks that the file was not moved). A role holds no path, only the directory's descriptor. So
 * SQLite's system calls that take a path learn one more form,
 *
 *   /\x01dirfd:7/picket.db-wal
 *
 * which they hand to the *at() call of descriptor 7; every other path passes unchanged. The leading
 * slash makes SQLite take the name as full, so that it never asks for the current directory.
 * Links are not followed: a store's folder holds plain files. */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include <sys/stat.h>

#include "topic/log.h"

#define PREFIX                                                                                     \
    "/\x01"                                                                                        \
    "dirfd:"

void dirfd_path(char path[static DIRFD_PATH_BYTES], int dir_fd, const char *file)
{
    snprintf(path, DIRFD_PATH_BYTES, PREFIX "%d/%s", dir_fd, file);
}

/* False: a path of the usual kind. ret_name is "." for the directory itself. */
static bool dirfd_parse(const char *path, int *ret_fd, const char **ret_name)
{
    size_t prefix = strlen(PREFIX);
    if (!path || strncmp(path, PREFIX, prefix) != 0)
        return false;
    char *end;
    long fd = strtol(path + prefix, &end, 10);
    if (end == path + prefix || fd < 0 || fd > INT32_MAX || (*end && *end != '/'))
        return false;
    *ret_fd = (int)fd;
    *ret_name = *end && end[1] ? end + 1 : ".";
    return true;
}

static int dirfd_open(const char *path, int flags, int mode)
{
    int fd;
    const char *name;
    if (!dirfd_parse(path, &fd, &name))
        return open(path, flags, mode);
    /* The store holds evidence: nobody but its owner reads it. */
    return openat(fd, name, flags | O_NOFOLLOW | O_CLOEXEC, mode & 0600);
}

static int dirfd_access(const char *path, int mode)
{
    int fd;
    const char *name;
    return dirfd_parse(path, &fd, &name) ? faccessat(fd, name, mode, 0) : access(path, mode);
}

static int dirfd_stat(const char *path, struct stat *ret)
{
    int fd;
    const char *name;
    return dirfd_parse(path, &fd, &name) ? fstatat(fd, name, ret, AT_SYMLINK_NOFOLLOW)
                                         : stat(path, ret);
}

static int dirfd_lstat(const char *path, struct stat *ret)
{
    int fd;
    const char *name;
    return dirfd_parse(path, &fd, &name) ? fstatat(fd, name, ret, AT_SYMLINK_NOFOLLOW)
                                         : lstat(path, ret);
}

static int dirfd_unlink(const char *path)
{
    int fd;
    const char *name;
    return dirfd_parse(path, &fd, &name) ? unlinkat(fd, name, 0) : unlink(path);
}

static ssize_t dirfd_readlink(const char *path, char *target, size_t size)
{
    int fd;
    const char *name;
    if (!dirfd_parse(path, &fd, &name))
        return readlink(path, target, size);
    errno = ELOOP;
    return -1;
}

err_kind dirfd_register(struct err_ctx *err)
{
    static const struct {
        const char *name;
        sqlite3_syscall_ptr call;
    } call_table[] = {
        {"open", (sqlite3_syscall_ptr)(void (*)(void))dirfd_open},
        {"access", (sqlite3_syscall_ptr)(void (*)(void))dirfd_access},
        {"stat", (sqlite3_syscall_ptr)(void (*)(void))dirfd_stat},
        {"lstat", (sqlite3_syscall_ptr)(void (*)(void))dirfd_lstat},
        {"unlink", (sqlite3_syscall_ptr)(void (*)(void))dirfd_unlink},
        {"readlink", (sqlite3_syscall_ptr)(void (*)(void))dirfd_readlink},
    };
    sqlite3_vfs *vfs = sqlite3_vfs_find("unix");
    if (!vfs || vfs->iVersion < 3)
        return err_set(err, ERR_STATE, "this SQLite has no 'unix' file system of version 3");
    for (size_t index = 0; index < sizeof call_table / sizeof *call_table; index++) {
        if (vfs->xSetSystemCall(vfs, call_table[index].name, call_table[index].call) != SQLITE_OK)
            return err_set(err, ERR_STATE, "this SQLite does not let '%s' be set",
                           call_table[index].name);
    }
    return OK;
}
