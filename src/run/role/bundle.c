/* Rule files gathered into one memfd: names and bytes, read by nobody but the compiler. */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sys/mman.h>
#include <sys/stat.h>

#include "core/cleanup.h"
#include "core/hash.h"
#include "role/role.h"

#define BUNDLE_BYTES_MAX (256u << 20)
#define FILE_BYTES_MAX   (16u << 20)
#define FILES_MAX        100000

struct lengths {
    uint32_t name;
    uint32_t content;
};

err_kind bundle_open(struct bundle *bundle, struct err_ctx *err)
{
    *bundle = (struct bundle){.fd = memfd_create("picket-rules", MFD_CLOEXEC | MFD_ALLOW_SEALING)};
    if (bundle->fd < 0)
        return err_set(err, ERR_SYSTEM, "memory for rule files");
    return OK;
}

void bundle_close(struct bundle *bundle)
{
    if (bundle->fd >= 0)
        close(bundle->fd);
    bundle->fd = -1;
}

uint64_t bundle_digest(const struct bundle *bundle)
{
    if (bundle->size_bytes == 0)
        return 0;
    void *data = mmap(NULL, bundle->size_bytes, PROT_READ, MAP_SHARED, bundle->fd, 0);
    if (data == MAP_FAILED)
        return 0;
    uint64_t digest = hash_span(span_of(data, bundle->size_bytes), bundle->file_count);
    munmap(data, bundle->size_bytes);
    return digest;
}

static err_kind put(struct bundle *bundle, const void *data, size_t len, struct err_ctx *err)
{
    while (len) {
        ssize_t written = write(bundle->fd, data, len);
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            return err_set(err, ERR_SYSTEM, "copying rule files");
        data = (const char *)data + written;
        len -= (size_t)written;
        bundle->size_bytes += (uint64_t)written;
    }
    return OK;
}

static err_kind read_whole(int fd, char *buffer, size_t size, size_t *ret_len, struct err_ctx *err)
{
    size_t len = 0;
    while (len < size) {
        ssize_t count = read(fd, buffer + len, size - len);
        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0)
            return err_set(err, ERR_SYSTEM, "reading");
        if (count == 0)
            break;
        len += (size_t)count;
    }
    *ret_len = len;
    return OK;
}

err_kind bundle_put(struct bundle *bundle, const char *name, span content, struct err_ctx *err)
{
    struct lengths lengths = {(uint32_t)strlen(name), (uint32_t)content.len};
    err_kind kind = put(bundle, &lengths, sizeof lengths, err);
    if (kind == OK)
        kind = put(bundle, name, lengths.name, err);
    if (kind == OK)
        kind = put(bundle, content.data, content.len, err);
    bundle->file_count++;
    return kind;
}

static err_kind file_add(struct bundle *bundle, const char *path, struct err_ctx *err)
{
    AUTO(auto_close) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    struct stat status;
    if (fd < 0 || fstat(fd, &status))
        return err_set(err, ERR_SYSTEM, "%s", path);
    if (!S_ISREG(status.st_mode))
        return err_set(err, ERR_INPUT, "%s: not a regular file", path);
    if ((uint64_t)status.st_size > FILE_BYTES_MAX)
        return err_set(err, ERR_LIMIT, "%s: %lld bytes, limit %u", path, (long long)status.st_size,
                       FILE_BYTES_MAX);
    if (bundle->size_bytes + (uint64_t)status.st_size > BUNDLE_BYTES_MAX)
        return err_set(err, ERR_LIMIT, "%s: rule files over %u bytes in all", path,
                       BUNDLE_BYTES_MAX);
    AUTO(auto_free) char *content = malloc((size_t)status.st_size + 1);
    if (!content)
        return err_set(err, ERR_SYSTEM, "%s", path);
    size_t len = 0;
    err_kind kind = read_whole(fd, content, (size_t)status.st_size, &len, err);
    if (kind != OK)
        return err_wrap(err, "%s", path);
    return bundle_put(bundle, path, span_of(content, len), err);
}

/* rules/x.yml: also rules/x.SUFFIX where it exists. */
static err_kind beside_add(struct bundle *bundle, const char *path, const char *suffix,
                           struct err_ctx *err)
{
    const char *dot = strrchr(path, '.');
    if (!dot || strchr(dot, '/'))
        return OK;
    AUTO(auto_free) char *beside = NULL;
    if (asprintf(&beside, "%.*s%s", (int)(dot - path), path, suffix) < 0)
        return err_set(err, ERR_SYSTEM, "%s", path);
    if (access(beside, F_OK))
        return OK;
    err_kind kind = file_add(bundle, beside, err);
    bundle->file_count -= kind == OK; /* not a rule file */
    return kind;
}

/* What the compiler reads with a rule file. */
static err_kind all_beside_add(struct bundle *bundle, const char *path, struct err_ctx *err)
{
    err_kind kind = beside_add(bundle, path, ".md", err);
    return kind == OK && bundle->has_tests ? beside_add(bundle, path, BUNDLE_TESTS, err) : kind;
}

static bool is_rule_name(const char *name)
{
    const char *dot = strrchr(name, '.');
    return dot && (strcmp(dot, ".yml") == 0 || strcmp(dot, ".yaml") == 0);
}

static int by_name(const FTSENT **a, const FTSENT **b)
{
    return strcmp((*a)->fts_name, (*b)->fts_name);
}

static err_kind entry_add(struct bundle *bundle, const FTSENT *entry, struct err_ctx *err)
{
    switch (entry->fts_info) {
    case FTS_F:
        if (!is_rule_name(entry->fts_name))
            return OK;
        if (bundle->file_count == FILES_MAX)
            return err_set(err, ERR_LIMIT, "more than %d rule files", FILES_MAX);
        err_kind kind = file_add(bundle, entry->fts_path, err);
        return kind == OK ? all_beside_add(bundle, entry->fts_path, err) : kind;
    case FTS_DNR:
    case FTS_ERR:
    case FTS_NS:
        errno = entry->fts_errno;
        return err_set(err, ERR_SYSTEM, "%s", entry->fts_path);
    default:
        return OK; /* folders come and go; sockets and dangling links are no rules */
    }
}

static bool is_tests(const FTSENT *entry)
{
    return entry->fts_info == FTS_D && entry->fts_level > 0 &&
           strcmp(entry->fts_name, "regression_data") == 0;
}

static err_kind folder_add(struct bundle *bundle, const char *path, struct err_ctx *err)
{
    AUTO(auto_free) char *root = strdup(path);
    char *const roots[] = {root, NULL};
    FTS *walk = root ? fts_open(roots, FTS_LOGICAL | FTS_NOCHDIR, by_name) : NULL;
    if (!walk)
        return err_set(err, ERR_SYSTEM, "%s", path);
    err_kind kind = OK;
    FTSENT *entry;
    while (kind == OK && (entry = fts_read(walk))) {
        if (is_tests(entry) || (entry->fts_level > 0 && entry->fts_name[0] == '.'))
            fts_set(walk, entry, FTS_SKIP);
        else
            kind = entry_add(bundle, entry, err);
    }
    if (kind == OK && errno) /* fts_read: 0 at the end */
        kind = err_set(err, ERR_SYSTEM, "%s", path);
    fts_close(walk);
    return kind;
}

err_kind bundle_add(struct bundle *bundle, const char *path, struct err_ctx *err)
{
    struct stat status;
    if (stat(path, &status))
        return err_set(err, ERR_SYSTEM, "%s", path);
    if (S_ISDIR(status.st_mode))
        return folder_add(bundle, path, err);
    err_kind kind = file_add(bundle, path, err);
    return kind == OK ? all_beside_add(bundle, path, err) : kind;
}

err_kind bundle_add_pipeline(struct bundle *bundle, const char *path, struct err_ctx *err)
{
    assert(bundle->file_count == 0);
    err_kind kind = file_add(bundle, path, err);
    if (kind == OK) {
        bundle->file_count--;
        bundle->pipeline_count++;
    }
    return kind;
}

err_kind bundle_next(span *bytes, span *ret_name, span *ret_content, bool *ret_is_end,
                     struct err_ctx *err)
{
    uint32_t name_len, content_len;
    *ret_is_end = bytes->len == 0;
    if (*ret_is_end)
        return OK;
    if (!span_u32le(bytes, &name_len) || !span_u32le(bytes, &content_len) ||
        !span_take(bytes, name_len, ret_name) || !span_take(bytes, content_len, ret_content))
        return err_set(err, ERR_INPUT, "bundle: cut short");
    return OK;
}
