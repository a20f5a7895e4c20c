/* Reading the runtimes' files through the descriptors that somebody else opens. */
#include <errno.h>
#include <unistd.h>

#include "container/internal.h"
#include "core/cleanup.h"

bool request_init(struct open_request *request, enum open_template what, const char *root, span id,
                  span name)
{
    size_t root_length = root ? strlen(root) : 0;
    if (id.len >= sizeof request->id || name.len >= sizeof request->name ||
        root_length >= sizeof request->root)
        return false;
    *request = (struct open_request){.what = what};
    if (id.len)
        memcpy(request->id, id.data, id.len);
    if (name.len)
        memcpy(request->name, name.data, name.len);
    if (root_length)
        memcpy(request->root, root, root_length);
    return true;
}

void sources_complain(struct sources *sources, const struct open_request *request,
                      struct err_ctx *err)
{
    struct container_stats *stats = &sources->stats;
    stats->bad_files++;
    (void)err_wrap(err, "%s %s%s%s", opener_template_name(request->what), request->root,
                   request->id[0] ? " " : "", request->id);
    size_t length = strnlen(err->text, sizeof stats->last_error - 1);
    memcpy(stats->last_error, err->text, length);
    stats->last_error[length] = 0;
}

err_kind file_read(int fd, size_t bytes_max, struct file *ret, struct err_ctx *err)
{
    AUTO(auto_free) uint8_t *data = NULL;
    size_t size = 0, length = 0;
    for (;;) {
        if (length == size) {
            if (size > bytes_max)
                return err_set(err, ERR_LIMIT, "over %zu bytes", bytes_max);
            size = size ? size * 2 : 8192;
            if (size > bytes_max)
                size = bytes_max + 1;
            uint8_t *grown = realloc(data, size);
            if (!grown)
                return err_set(err, ERR_SYSTEM, "%zu bytes of memory", size);
            data = grown;
        }
        ssize_t count = read(fd, data + length, size - length);
        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0)
            return err_set(err, ERR_SYSTEM, "read");
        if (count == 0)
            break;
        length += (size_t)count;
    }
    *ret = (struct file){STEAL(data), length};
    return OK;
}

int sources_open(struct sources *sources, const struct open_request *request)
{
    sources->stats.opens++;
    return sources->open(sources->context, request);
}

bool sources_read(struct sources *sources, const struct open_request *request, size_t bytes_max,
                  struct file *ret)
{
    AUTO(auto_close) int fd = sources_open(sources, request);
    if (fd < 0)
        return false;
    struct err_ctx err;
    if (file_read(fd, bytes_max, ret, &err)) {
        sources_complain(sources, request, &err);
        return false;
    }
    return true;
}
