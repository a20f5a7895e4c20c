/* Paths of an event. */
#include <fcntl.h>

#include "kernel/args.h"

#define PATH_PARTS_MAX 2048

/* "a/./b//../c" behind an absolute directory, by its words alone: links are not looked at. */
static span path_join(const struct fetch *fetch, span directory, span path)
{
    size_t length = 0;
    uint8_t *text = arena_alloc_raw(fetch->arena, directory.len + path.len + 3);
    span sources[2] = {path.len && path.data[0] == '/' ? (span){NULL, 0} : directory, path};
    if (!text)
        return (span){NULL, 0};
    for (int source = 0; source < 2; source++) {
        span rest = sources[source], part;
        while (rest.len) {
            if (!span_until(&rest, '/', &part)) {
                part = rest;
                rest = span_after(rest, rest.len);
            }
            if (part.len == 0 || span_eq(part, SPAN(".")))
                continue;
            if (span_eq(part, SPAN(".."))) {
                while (length && text[--length] != '/')
                    ;
                continue;
            }
            text[length++] = '/';
            memcpy(text + length, part.data, part.len);
            length += part.len;
        }
    }
    if (length == 0)
        text[length++] = '/';
    return span_of(text, length);
}

span fetch_path(const struct fetch *fetch, enum param_id path, enum param_id raw,
                enum param_id directory)
{
    const struct record *record = fetch->record;
    if (record->params[path].data || !record->params[raw].data)
        return record->params[path];
    span passed = record->params[raw];
    if (passed.len && passed.data[0] == '/')
        return path_join(fetch, (span){NULL, 0}, passed);
    /* The record's CWD is where the first relative name starts from, its directory's descriptor
     * looked up; without it what is known of the process must do. */
    bool is_from_cwd = record_number(record, directory, AT_FDCWD) < 0;
    bool is_first = directory == PARAM_DIRFD;
    bool is_base_cwd = record_number(record, PARAM_DIRFD, AT_FDCWD) < 0;
    span base =
        is_first || (is_from_cwd && is_base_cwd) ? record->params[PARAM_CWD] : (span){NULL, 0};
    if (!base.data && is_from_cwd && fetch->process)
        base = process_text(fetch->decoder->table, fetch->process->cwd);
    if (!base.data || !passed.len)
        return (span){NULL, 0};
    return path_join(fetch, base, passed);
}

span fetch_link_target(const struct fetch *fetch)
{
    const struct record *record = fetch->record;
    span target = record->params[PARAM_PATH_RAW];
    if (!target.data)
        target = record->params[PARAM_PATH];
    span link = fetch_path(fetch, PARAM_TARGET, PARAM_TARGET_RAW, PARAM_DIRFD);
    if (!target.data || (target.len && target.data[0] == '/'))
        return target.data ? path_join(fetch, (span){NULL, 0}, target) : target;
    while (link.len && link.data[link.len - 1] != '/')
        link.len--;
    return link.len ? path_join(fetch, link, target) : (span){NULL, 0};
}

/* ---- fs.path.* ---- */

enum path_shape {
    PATH_NONE,
    PATH_ONE,
    PATH_OPEN,
    PATH_RENAME,
    PATH_LINK,
    PATH_SYMLINK,
    PATH_MOUNT
};

static const uint8_t shape_table[EVENT_COUNT] = {
    [EVENT_OPEN] = PATH_OPEN,         [EVENT_OPENAT] = PATH_OPEN,
    [EVENT_OPENAT2] = PATH_OPEN,      [EVENT_MKDIR] = PATH_ONE,
    [EVENT_MKDIRAT] = PATH_ONE,       [EVENT_RMDIR] = PATH_ONE,
    [EVENT_UNLINK] = PATH_ONE,        [EVENT_UNLINKAT] = PATH_ONE,
    [EVENT_CHMOD] = PATH_ONE,         [EVENT_FCHMOD] = PATH_ONE,
    [EVENT_FCHMODAT] = PATH_ONE,      [EVENT_FCHMODAT2] = PATH_ONE,
    [EVENT_CHOWN] = PATH_ONE,         [EVENT_LCHOWN] = PATH_ONE,
    [EVENT_FCHOWN] = PATH_ONE,        [EVENT_FCHOWNAT] = PATH_ONE,
    [EVENT_UMOUNT] = PATH_ONE,        [EVENT_UMOUNT2] = PATH_ONE,
    [EVENT_RENAME] = PATH_RENAME,     [EVENT_RENAMEAT] = PATH_RENAME,
    [EVENT_RENAMEAT2] = PATH_RENAME,  [EVENT_LINK] = PATH_LINK,
    [EVENT_LINKAT] = PATH_LINK,       [EVENT_SYMLINK] = PATH_SYMLINK,
    [EVENT_SYMLINKAT] = PATH_SYMLINK, [EVENT_MOUNT] = PATH_MOUNT,
};

/* Of calls that did it; of opens, as Falco has it, also of those that failed otherwise than with
 * EPERM. */
static enum path_shape shape(const struct fetch *fetch)
{
    enum path_shape found = (enum path_shape)shape_table[fetch->record->head.type];
    int64_t result = fetch->record->head.result;
    return (found == PATH_OPEN ? result != -1 : result == 0) ? found : PATH_NONE;
}

void field_fs_path_name(const struct fetch *fetch, struct value *ret)
{
    enum path_shape found = shape(fetch);
    if (found == PATH_ONE || found == PATH_OPEN)
        value_text(ret, fetch_path(fetch, PARAM_PATH, PARAM_PATH_RAW, PARAM_DIRFD));
}

void field_fs_path_nameraw(const struct fetch *fetch, struct value *ret)
{
    enum path_shape found = shape(fetch);
    if (found != PATH_ONE && found != PATH_OPEN)
        return;
    value_text(ret, fetch->record->params[PARAM_PATH_RAW]);
    if (ret->kind == VALUE_ABSENT) /* by descriptor: no other name was passed */
        value_text(ret, fetch->record->params[PARAM_PATH]);
}

static span first_path(const struct fetch *fetch)
{
    return fetch_path(fetch, PARAM_PATH, PARAM_PATH_RAW, PARAM_DIRFD);
}

static span second_path(const struct fetch *fetch)
{
    return fetch_path(fetch, PARAM_TARGET, PARAM_TARGET_RAW, PARAM_FD_OTHER);
}

/* Falco calls a link's new name its source, and what it points to its target. */
void field_fs_path_source(const struct fetch *fetch, struct value *ret)
{
    switch (shape(fetch)) {
    case PATH_RENAME:
        value_text(ret, first_path(fetch));
        break;
    case PATH_LINK:
        value_text(ret, second_path(fetch));
        break;
    case PATH_SYMLINK:
        value_text(ret, fetch_path(fetch, PARAM_TARGET, PARAM_TARGET_RAW, PARAM_DIRFD));
        break;
    case PATH_MOUNT:
        value_text(ret, fetch->record->params[PARAM_DEVICE]);
        break;
    case PATH_NONE:
    case PATH_ONE:
    case PATH_OPEN:
        break;
    }
}

void field_fs_path_target(const struct fetch *fetch, struct value *ret)
{
    switch (shape(fetch)) {
    case PATH_RENAME:
        value_text(ret, second_path(fetch));
        break;
    case PATH_LINK:
    case PATH_MOUNT:
        value_text(ret, first_path(fetch));
        break;
    case PATH_SYMLINK:
        value_text(ret, fetch_link_target(fetch));
        break;
    case PATH_NONE:
    case PATH_ONE:
    case PATH_OPEN:
        break;
    }
}

static void raw_path(const struct fetch *fetch, bool is_source, struct value *ret)
{
    const span *params = fetch->record->params;
    switch (shape(fetch)) {
    case PATH_RENAME:
        value_text(ret, params[is_source ? PARAM_PATH_RAW : PARAM_TARGET_RAW]);
        break;
    case PATH_LINK:
    case PATH_SYMLINK:
        value_text(ret, params[is_source ? PARAM_TARGET_RAW : PARAM_PATH_RAW]);
        break;
    case PATH_MOUNT:
        value_text(ret, params[is_source ? PARAM_DEVICE : PARAM_PATH_RAW]);
        break;
    case PATH_NONE:
    case PATH_ONE:
    case PATH_OPEN:
        break;
    }
}

void field_fs_path_sourceraw(const struct fetch *fetch, struct value *ret)
{
    raw_path(fetch, true, ret);
}

void field_fs_path_targetraw(const struct fetch *fetch, struct value *ret)
{
    raw_path(fetch, false, ret);
}

static void absolute_path(const struct fetch *fetch, bool is_target, struct value *ret)
{
    bool is_symlink = shape_table[fetch->record->head.type] == PATH_SYMLINK;
    value_text(ret, is_target || is_symlink ? second_path(fetch) : first_path(fetch));
}

void field_evt_abspath(const struct fetch *fetch, struct value *ret)
{
    absolute_path(fetch, span_eq(fetch->ref->argument, SPAN("dst")), ret);
}

void field_evt_abspath_src(const struct fetch *fetch, struct value *ret)
{
    absolute_path(fetch, false, ret);
}

void field_evt_abspath_dst(const struct fetch *fetch, struct value *ret)
{
    absolute_path(fetch, true, ret);
}
