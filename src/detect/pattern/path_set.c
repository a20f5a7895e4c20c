#include "pattern/pattern.h"

/* Joins the components with one slash in front of each; "" for the root. */
static span normalise(span path, struct arena *arena)
{
    uint8_t *out = arena_alloc_raw(arena, path.len + 1);
    size_t used = 0;
    if (!out)
        return (span){NULL, 0};
    for (size_t index = 0; index < path.len; index++) {
        if (path.data[index] == '/')
            continue;
        if (index == 0 || path.data[index - 1] == '/')
            out[used++] = '/';
        out[used++] = path.data[index];
    }
    return span_of(out, used);
}

static bool is_normal(span path)
{
    if (path.len == 0)
        return true;
    return path.data[0] == '/' && path.data[path.len - 1] != '/' &&
           !memmem(path.data, path.len, "//", 2);
}

static bool has_glob(span path)
{
    for (size_t index = 0; index < path.len; index++)
        if (strchr("*?[", path.data[index]) && path.data[index])
            return true;
    return false;
}

bool path_set_init(struct path_set *set, size_t count_max, struct arena *arena)
{
    *set = (struct path_set){.glob_count_max = count_max};
    map_init(&set->exact, count_max, 0x9a7u);
    set->globs = arena_alloc(arena, (count_max + 1) * sizeof *set->globs);
    return set->globs;
}

bool path_set_add(struct path_set *set, span path, struct arena *arena)
{
    path = normalise(path, arena);
    if (!path.data)
        return false;
    if (path.len == 0)
        set->has_root = true;
    else if (!has_glob(path))
        return map_put(&set->exact, path, 0);
    else if (set->glob_count < set->glob_count_max)
        set->globs[set->glob_count++] = path;
    return true;
}

void path_set_free(struct path_set *set)
{
    map_free(&set->exact);
}

/* Both start with a slash. Component by component; the pattern may end first. */
static bool glob_prefix_match(span pattern, span path)
{
    while (pattern.len) {
        if (path.len == 0)
            return false;
        pattern = span_after(pattern, 1);
        path = span_after(path, 1);
        const uint8_t *pattern_end = memchr(pattern.data, '/', pattern.len);
        const uint8_t *path_end = path.len ? memchr(path.data, '/', path.len) : NULL;
        size_t pattern_len = pattern_end ? (size_t)(pattern_end - pattern.data) : pattern.len;
        size_t path_len = path_end ? (size_t)(path_end - path.data) : path.len;
        if (!glob_match(span_first(pattern, pattern_len), span_first(path, path_len),
                        TEXT_CASE_EXACT))
            return false;
        pattern = span_after(pattern, pattern_len);
        path = span_after(path, path_len);
    }
    return true;
}

bool path_set_match(const struct path_set *set, span text, struct arena *scratch)
{
    if (set->has_root)
        return true;
    span path = is_normal(text) ? text : normalise(text, scratch);
    if (!path.data || path.len == 0)
        return false;
    uint32_t found;
    for (size_t end = 1; set->exact.count && end <= path.len; end++)
        if ((end == path.len || path.data[end] == '/') &&
            map_get(&set->exact, span_first(path, end), &found))
            return true;
    for (size_t index = 0; index < set->glob_count; index++)
        if (glob_prefix_match(set->globs[index], path))
            return true;
    return false;
}
