#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include <sys/stat.h>

#include "core/cleanup.h"
#include "role/role.h"
#include "sandbox/sandbox.h"

/* mkdir -p. */
static err_kind folder_make(const char *path, struct err_ctx *err)
{
    AUTO(auto_free) char *copy = strdup(path);
    if (!copy || !copy[0])
        return err_set(err, ERR_SYSTEM, "state folder '%s'", path);
    for (char *at = copy + 1;; at++) {
        if (*at != '/' && *at != 0)
            continue;
        char kept = *at;
        *at = 0;
        if (mkdir(copy, 0700) && errno != EEXIST)
            return err_set(err, ERR_SYSTEM, "state folder '%s'", copy);
        if (!kept)
            return OK;
        *at = kept;
    }
}

err_kind folder_open(const char *path, int *ret_fd, struct err_ctx *err)
{
    err_kind kind = folder_make(path, err);
    if (kind != OK)
        return kind;
    *ret_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return *ret_fd < 0 ? err_set(err, ERR_SYSTEM, "state folder '%s'", path) : OK;
}

static bool is_empty(int folder)
{
    AUTO(auto_close) int own = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *list = own < 0 ? NULL : fdopendir(own);
    const struct dirent *entry;
    bool has_one = false;
    if (!list)
        return false;
    fd_steal(&own);
    while (!has_one && (entry = readdir(list)))
        has_one = strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
    closedir(list);
    return !has_one;
}

err_kind folder_store_open(const char *path, int *ret_fd, struct err_ctx *err)
{
    AUTO(auto_close) int folder = -1;
    uid_t uid;
    gid_t gid;
    err_kind kind = folder_open(path, &folder, err);
    if (kind != OK)
        return kind;
    if (faccessat(folder, "picket.db", F_OK, 0) && !is_empty(folder)) {
        if (mkdirat(folder, "store", 0700) && errno != EEXIST)
            return err_set(err, ERR_SYSTEM, "state folder '%s': store", path);
        int store = openat(folder, "store", O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
        if (store < 0)
            return err_set(err, ERR_SYSTEM, "state folder '%s': store", path);
        close(folder);
        folder = store;
    }
    sandbox_account(&uid, &gid);
    if (geteuid() == 0 && fchown(folder, uid, gid))
        return err_set(err, ERR_SYSTEM, "state folder '%s'", path);
    *ret_fd = fd_steal(&folder);
    return OK;
}

err_kind folder_store_find(const char *path, int *ret_fd, struct err_ctx *err)
{
    AUTO(auto_close) int folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0)
        return err_set(err, ERR_SYSTEM, "state folder '%s'", path);
    bool is_store = faccessat(folder, "picket.db", F_OK, AT_SYMLINK_NOFOLLOW) == 0;
    *ret_fd = is_store ? fd_steal(&folder)
                       : openat(folder, "store", O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    return *ret_fd < 0 ? err_set(err, ERR_SYSTEM, "state folder '%s': no store in it", path) : OK;
}
