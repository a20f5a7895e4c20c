/* The sensor's half: checks a request, builds the one path that it stands for and opens it.
 *
 * A file is first opened with O_PATH, which touches nothing, then checked (regular, size), then
 * opened for reading through its own descriptor: a device, a fifo or a link planted in its place is
 * never opened, and what was checked is what is opened. openat2 keeps the way there below the root
 * (linux/openat2.h, kernel 5.6). */
#include "opener/opener.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include <linux/magic.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>

#include "core/cleanup.h"

#define KIB ((size_t)1024)
#define MIB ((size_t)1024 * 1024)
#define GIB ((size_t)1024 * 1024 * 1024)

#define TICKS_PER_SECOND 100 /* USER_HZ, the unit of starttime in /proc/PID/stat on every arch */

enum base {
    BASE_ROOT,         /* a runtime's directory */
    BASE_PROCESS,      /* /proc/PID itself */
    BASE_PROCESS_ROOT, /* what /proc/PID/root leads to */
};

enum id_rule { ID_NONE, ID_HEX, ID_ANY };

/* The path below the base: %I stands for the id, %N for the name. */
struct template_desc {
    const char *label;
    const char *root; /* default */
    const char *path;
    size_t bytes_max;
    enum base base;
    enum id_rule id;
    bool has_name;
};

/* One row a template; a new one needs nothing else. */
/* clang-format off */
static const struct template_desc template_table[OPEN_TEMPLATE_COUNT] = {
    [OPEN_DOCKER_CONFIG] = {"docker-config", "/var/lib/docker", "containers/%I/config.v2.json",
                            2 * MIB, BASE_ROOT, ID_HEX, false},
    [OPEN_DOCKER_HOST_CONFIG] = {"docker-host-config", "/var/lib/docker",
                                 "containers/%I/hostconfig.json", 2 * MIB, BASE_ROOT, ID_HEX,
                                 false},
    [OPEN_DOCKER_REPOSITORIES] = {"docker-repositories", "/var/lib/docker",
                                  "image/%N/repositories.json", 8 * MIB, BASE_ROOT, ID_NONE, true},
    [OPEN_DOCKER_DAEMON] = {"docker-daemon", "/etc/docker", "daemon.json", 256 * KIB, BASE_ROOT,
                            ID_NONE, false},
    [OPEN_CONTAINERD_BUNDLE] = {"containerd-bundle", "/run/containerd",
                                "io.containerd.runtime.v2.task/%N/%I/config.json", 2 * MIB,
                                BASE_ROOT, ID_ANY, true},
    [OPEN_CONTAINERD_METADATA] = {"containerd-metadata", "/var/lib/containerd",
                                  "io.containerd.metadata.v1.bolt/meta.db", 4 * GIB, BASE_ROOT,
                                  ID_NONE, false},
    [OPEN_CONTAINERD_SETTINGS] = {"containerd-settings", "/etc/containerd", "%N.toml", 256 * KIB,
                                  BASE_ROOT, ID_NONE, true},
    [OPEN_STORAGE_SPEC] = {"storage-spec", "/var/lib/containers/storage",
                           "%N-containers/%I/userdata/config.json", 2 * MIB, BASE_ROOT, ID_HEX,
                           true},
    [OPEN_STORAGE_CONTAINERS] = {"storage-containers", "/var/lib/containers/storage",
                                 "%N-containers/containers.json", 8 * MIB, BASE_ROOT, ID_NONE,
                                 true},
    [OPEN_STORAGE_VOLATILE] = {"storage-volatile", "/run/containers/storage",
                               "%N-containers/volatile-containers.json", 8 * MIB, BASE_ROOT,
                               ID_NONE, true},
    [OPEN_STORAGE_IMAGES] = {"storage-images", "/var/lib/containers/storage",
                             "%N-images/images.json", 8 * MIB, BASE_ROOT, ID_NONE, true},
    [OPEN_STORAGE_SETTINGS] = {"storage-settings", "/etc/containers", "storage.conf", 256 * KIB,
                               BASE_ROOT, ID_NONE, false},
    [OPEN_CRIO_SETTINGS] = {"crio-settings", "/etc/crio", "crio.conf", 256 * KIB, BASE_ROOT,
                            ID_NONE, false},
    [OPEN_PODMAN_BOLT] = {"podman-bolt", "/var/lib/containers/storage", "libpod/bolt_state.db",
                          1 * GIB, BASE_ROOT, ID_NONE, false},
    [OPEN_PODMAN_SQLITE] = {"podman-sqlite", "/var/lib/containers/storage", "db.sql", 64 * MIB,
                            BASE_ROOT, ID_NONE, false},
    [OPEN_HOST_PASSWD] = {"host-passwd", "/etc", "passwd", 1 * MIB, BASE_ROOT, ID_NONE, false},
    [OPEN_HOST_GROUP] = {"host-group", "/etc", "group", 1 * MIB, BASE_ROOT, ID_NONE, false},
    [OPEN_PROCESS_PASSWD] = {"process-passwd", NULL, "etc/passwd", 1 * MIB, BASE_PROCESS_ROOT,
                             ID_NONE, false},
    [OPEN_PROCESS_GROUP] = {"process-group", NULL, "etc/group", 1 * MIB, BASE_PROCESS_ROOT, ID_NONE,
                            false},
    [OPEN_PROCESS_UID_MAP] = {"process-uid-map", NULL, "uid_map", 16 * KIB, BASE_PROCESS, ID_NONE,
                              false},
    [OPEN_PROCESS_GID_MAP] = {"process-gid-map", NULL, "gid_map", 16 * KIB, BASE_PROCESS, ID_NONE,
                              false},
    [OPEN_PROCESS_CMDLINE] = {"process-cmdline", NULL, "cmdline", 2 * MIB, BASE_PROCESS, ID_NONE,
                              false},
    [OPEN_PROCESS_CGROUP] = {"process-cgroup", NULL, "cgroup", 64 * KIB, BASE_PROCESS, ID_NONE,
                             false},
};
/* clang-format on */

static const struct template_desc *template_find(uint32_t what)
{
    return what > OPEN_NONE && what < OPEN_TEMPLATE_COUNT ? &template_table[what] : NULL;
}

size_t opener_bytes_max(uint32_t what)
{
    const struct template_desc *desc = template_find(what);
    return desc ? desc->bytes_max : 0;
}

const char *opener_template_name(uint32_t what)
{
    const struct template_desc *desc = template_find(what);
    return desc ? desc->label : "unknown";
}

/* ---- the request ---- */

/* The text in a field of `size` bytes: ended by NUL, and nothing but NUL behind it. */
static bool field_text(const char *field, size_t size, size_t *ret_length)
{
    size_t length = strnlen(field, size);
    if (length == size)
        return false;
    for (size_t index = length; index < size; index++) {
        if (field[index] != 0)
            return false;
    }
    *ret_length = length;
    return true;
}

static bool is_word_byte(char byte)
{
    return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
           (byte >= '0' && byte <= '9') || byte == '_' || byte == '.' || byte == '-';
}

/* One path component that cannot lead anywhere: plain bytes, not led by a dot, no "..". */
static bool is_word(const char *text, size_t length)
{
    if (length == 0 || text[0] == '.')
        return false;
    for (size_t index = 0; index < length; index++) {
        if (!is_word_byte(text[index]) || (text[index] == '.' && text[index + 1] == '.'))
            return false;
    }
    return true;
}

static bool is_hex_id(const char *text, size_t length)
{
    return length == 64 && strspn(text, "0123456789abcdef") == 64;
}

/* Absolute, without empty parts, "." and "..", not "/" itself, no slash at the end. */
static bool is_normal_root(const char *root, size_t length)
{
    if (length < 2 || root[0] != '/')
        return false;
    size_t begin = 1;
    for (size_t index = 1; index <= length; index++) {
        if (index < length && root[index] != '/')
            continue;
        size_t part = index - begin;
        if (part == 0 || (part == 1 && root[begin] == '.') ||
            (part == 2 && root[begin] == '.' && root[begin + 1] == '.'))
            return false;
        begin = index + 1;
    }
    return true;
}

static err_kind request_check_texts(const struct open_request *request,
                                    const struct template_desc *desc, struct err_ctx *err)
{
    size_t id, name, root;
    if (!field_text(request->id, sizeof request->id, &id))
        return err_set(err, ERR_DENIED, "id is not ended by NUL bytes");
    if (!field_text(request->name, sizeof request->name, &name))
        return err_set(err, ERR_DENIED, "name is not ended by NUL bytes");
    if (!field_text(request->root, sizeof request->root, &root))
        return err_set(err, ERR_DENIED, "root is not ended by NUL bytes");
    if (desc->id == ID_NONE && id)
        return err_set(err, ERR_DENIED, "has an id, expected none");
    if (desc->id == ID_HEX && !is_hex_id(request->id, id))
        return err_set(err, ERR_DENIED, "id is not 64 lower-case hex digits");
    if (desc->id == ID_ANY && !is_word(request->id, id))
        return err_set(err, ERR_DENIED, "id has other bytes than [A-Za-z0-9_.-]");
    if (!desc->has_name && name)
        return err_set(err, ERR_DENIED, "has a name, expected none");
    if (desc->has_name && !is_word(request->name, name))
        return err_set(err, ERR_DENIED, "name has other bytes than [A-Za-z0-9_.-]");
    if (desc->base != BASE_ROOT && root)
        return err_set(err, ERR_DENIED, "has a root, expected a process");
    if (root && !is_normal_root(request->root, root))
        return err_set(err, ERR_DENIED, "root is not an absolute, normal path");
    return OK;
}

static err_kind request_check(const struct open_request *request, const struct template_desc *desc,
                              struct err_ctx *err)
{
    if (request_check_texts(request, desc, err))
        return err->kind;
    bool has_process = request->pid != 0 || request->start_boot_ns != 0;
    if (desc->base == BASE_ROOT)
        return has_process ? err_set(err, ERR_DENIED, "has a process, expected a root") : OK;
    if (request->pid <= 0 || request->start_boot_ns == 0)
        return err_set(err, ERR_DENIED, "has no process (pid and start time)");
    return OK;
}

/* ---- bases ---- */

static int open_beneath(int base_fd, const char *path, uint64_t flags, uint64_t resolve)
{
    struct open_how how = {.flags = flags | O_CLOEXEC, .resolve = resolve | RESOLVE_NO_MAGICLINKS};
    return (int)syscall(SYS_openat2, base_fd, path, &how, sizeof how);
}

/* What a call's failure means: an absent file is an answer, not an error. */
static err_kind answer_errno(struct err_ctx *err, const char *what)
{
    switch (errno) {
    case ENOENT:
    case ENOTDIR:
    case ESRCH:
        return OK;
    case ELOOP:
    case EXDEV:
        return err_set(err, ERR_DENIED, "%s: a link stands in the way or leads out", what);
    case EACCES:
    case EPERM:
        return err_set(err, ERR_DENIED, "%s: not permitted", what);
    default:
        return err_set(err, ERR_SYSTEM, "%s", what);
    }
}

/* A runtime's directory may be reached through links (/var/run, a moved data root): whoever can
 * plant one still has to lead it to a directory of root's. Leaves -1 when there is none. */
static err_kind root_open(const char *root, int *ret_fd, struct err_ctx *err)
{
    AUTO(auto_close) int fd = open_beneath(AT_FDCWD, root, O_PATH | O_DIRECTORY, 0);
    if (fd < 0)
        return answer_errno(err, "root");
    struct stat status;
    if (fstat(fd, &status))
        return err_set(err, ERR_SYSTEM, "root");
    if (status.st_uid != 0)
        return err_set(err, ERR_DENIED, "root is owned by uid %u, expected 0", status.st_uid);
    if ((status.st_mode & S_IWOTH) || ((status.st_mode & S_IWGRP) && status.st_gid != 0))
        return err_set(err, ERR_DENIED, "root can be written by others (mode %04o)",
                       status.st_mode & 07777);
    *ret_fd = fd_steal(&fd);
    return OK;
}

/* starttime, field 22 of /proc/PID/stat (man 5 proc). The name in field 2 may hold anything, so
 * fields are counted from the last ')'. */
static bool start_ticks(const char *text, uint64_t *ret)
{
    const char *at = strrchr(text, ')');
    for (int field = 2; at && field < 22; field++)
        at = strchr(at + 1, ' ');
    if (!at || at[1] < '0' || at[1] > '9')
        return false;
    *ret = strtoull(at + 1, NULL, 10);
    return true;
}

/* True when /proc/PID, held open, still is the process that the request means: a held directory
 * never turns into that of a later process with the same number. */
static bool is_process(int process_fd, uint64_t start_boot_ns)
{
    AUTO(auto_close) int fd = openat(process_fd, "stat", O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    char text[1024];
    ssize_t length = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
    if (length <= 0)
        return false;
    text[length] = 0;
    uint64_t ticks;
    return start_ticks(text, &ticks) && ticks == start_boot_ns / (1000000000u / TICKS_PER_SECOND);
}

static err_kind process_open(const struct open_request *request, int *ret_fd, struct err_ctx *err)
{
    char path[32];
    snprintf(path, sizeof path, "/proc/%d", request->pid);
    AUTO(auto_close) int fd = open_beneath(AT_FDCWD, path, O_PATH | O_DIRECTORY, 0);
    if (fd < 0)
        return answer_errno(err, "process");
    struct statfs filesystem;
    if (fstatfs(fd, &filesystem))
        return err_set(err, ERR_SYSTEM, "process");
    if (filesystem.f_type != PROC_SUPER_MAGIC)
        return err_set(err, ERR_DENIED, "/proc is not a proc file system");
    if (!is_process(fd, request->start_boot_ns))
        return OK; /* ended, and the number may be another's */
    *ret_fd = fd_steal(&fd);
    return OK;
}

/* The root directory of a process of a container. One that still has the host's root (a runtime's
 * own start-up steps) would answer with the host's users: told apart. */
static err_kind process_root_open(int process_fd, int *ret_fd, struct err_ctx *err)
{
    AUTO(auto_close) int fd = openat(process_fd, "root", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return answer_errno(err, "process root");
    struct stat theirs, ours;
    if (fstat(fd, &theirs) || stat("/", &ours))
        return err_set(err, ERR_SYSTEM, "process root");
    if (theirs.st_dev == ours.st_dev && theirs.st_ino == ours.st_ino)
        return err_set(err, ERR_STATE, "process root is the host's");
    *ret_fd = fd_steal(&fd);
    return OK;
}

/* ---- the file ---- */

/* Fills the template's path; the request's texts were checked. */
static void path_build(char *path, size_t size, const struct template_desc *desc,
                       const struct open_request *request)
{
    size_t length = 0;
    for (const char *at = desc->path; *at; at++) {
        if (*at != '%') {
            length += (size_t)snprintf(path + length, size - length, "%c", *at);
            continue;
        }
        at++;
        const char *part = *at == 'I' ? request->id : request->name;
        length += (size_t)snprintf(path + length, size - length, "%s", part);
    }
}

static err_kind file_open(int base_fd, const char *path, const struct template_desc *desc,
                          int *ret_fd, struct err_ctx *err)
{
    uint64_t resolve =
        desc->base == BASE_PROCESS_ROOT ? RESOLVE_IN_ROOT : RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS;
    AUTO(auto_close) int found = open_beneath(base_fd, path, O_PATH | O_NOFOLLOW, resolve);
    if (found < 0)
        return answer_errno(err, path);
    struct stat status;
    if (fstat(found, &status))
        return err_set(err, ERR_SYSTEM, "%s", path);
    if (!S_ISREG(status.st_mode))
        return err_set(err, ERR_DENIED, "%s: not a regular file", path);
    if ((uint64_t)status.st_size > desc->bytes_max)
        return err_set(err, ERR_LIMIT, "%s: %lld bytes, at most %zu are opened", path,
                       (long long)status.st_size, desc->bytes_max);
    char self[40];
    snprintf(self, sizeof self, "/proc/self/fd/%d", found);
    int fd = open(self, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0)
        return answer_errno(err, path);
    *ret_fd = fd;
    return OK;
}

static err_kind serve(const struct open_request *request, const struct template_desc *desc,
                      int *ret_fd, struct err_ctx *err)
{
    if (request_check(request, desc, err))
        return err->kind;
    char path[OPENER_ID_BYTES + OPENER_NAME_BYTES + 64];
    path_build(path, sizeof path, desc, request);

    if (desc->base == BASE_ROOT) {
        AUTO(auto_close) int root_fd = -1;
        if (root_open(request->root[0] ? request->root : desc->root, &root_fd, err))
            return err->kind;
        return root_fd < 0 ? OK : file_open(root_fd, path, desc, ret_fd, err);
    }
    AUTO(auto_close) int process_fd = -1;
    if (process_open(request, &process_fd, err))
        return err->kind;
    if (process_fd < 0)
        return OK;
    if (desc->base == BASE_PROCESS)
        return file_open(process_fd, path, desc, ret_fd, err);
    AUTO(auto_close) int root_fd = -1;
    if (process_root_open(process_fd, &root_fd, err))
        return err->kind;
    return root_fd < 0 ? OK : file_open(root_fd, path, desc, ret_fd, err);
}

err_kind opener_serve(const struct open_request *request, int *ret_fd, struct err_ctx *err)
{
    const struct template_desc *desc = template_find(request->what);
    if (!desc)
        return err_set(err, ERR_DENIED, "no template has number %u", request->what);
    int fd = -1;
    if (serve(request, desc, &fd, err))
        return err_wrap(err, "%s", desc->label);
    *ret_fd = fd;
    return OK;
}
