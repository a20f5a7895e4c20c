/* The slow way to a field: by its name, in text that is known to be JSON. For arrays, for lines
 * with a key twice, for names that no rule reads, and as the measure of the fast way in tests. */
#include <string.h>

#include "json/decoder.h"

struct collection {
    struct arena *arena;
    struct value *items;
    size_t count, size;
    bool is_there; /* the field has a value, though perhaps no items */
    bool is_list;  /* an array was met on the way */
    bool has_null; /* null was met, outside arrays */
};

static span blanks_after(span s)
{
    size_t at = 0;
    while (at < s.len && (s.data[at] == ' ' || (s.data[at] >= '\t' && s.data[at] <= '\r')))
        at++;
    return span_after(s, at);
}

/* Bytes of the string at the start of s, with its quotes. */
static size_t string_len(span s)
{
    for (size_t at = 1; at < s.len; at++) {
        const uint8_t *quote = memchr(s.data + at, '"', s.len - at);
        if (!quote)
            break;
        size_t escapes = 0;
        at = (size_t)(quote - s.data);
        while (s.data[at - 1 - escapes] == '\\') /* ends at the first quote at the latest */
            escapes++;
        if (escapes % 2 == 0)
            return at + 1;
    }
    return s.len;
}

/* Bytes of the value at the start of s. */
static size_t value_len(span s)
{
    size_t depth = 0, at = 0;
    if (s.len && s.data[0] == '"')
        return string_len(s);
    while (at < s.len) {
        uint8_t byte = s.data[at];
        bool is_end = byte == ',' || byte == ']' || byte == '}' || byte <= ' ';
        if (depth == 0 && is_end)
            break;
        if (byte == '"') {
            at += string_len(span_after(s, at));
            continue;
        }
        depth += byte == '{' || byte == '[';
        depth -= byte == '}' || byte == ']';
        at++;
        if (depth == 0 && (byte == '}' || byte == ']'))
            break;
    }
    return at;
}

/* Takes the next member of an object, whose inside is *rest; the key with its quotes. */
static bool member_take(span *rest, span *ret_key, span *ret_value)
{
    *rest = blanks_after(*rest);
    if (rest->len && rest->data[0] == ',')
        *rest = blanks_after(span_after(*rest, 1));
    if (rest->len == 0 || rest->data[0] == '}')
        return false;
    *ret_key = span_first(*rest, string_len(*rest));
    *rest = blanks_after(span_after(*rest, ret_key->len));
    *rest = blanks_after(span_after(*rest, 1)); /* the colon */
    *ret_value = span_first(*rest, value_len(*rest));
    *rest = span_after(*rest, ret_value->len);
    return true;
}

static bool is_bracket_or_comma(uint8_t byte)
{
    return byte == '[' || byte == ']' || byte == ',';
}

/* Takes the next item of an array that is no array itself; *rest: from its bracket on. */
static bool item_take(span *rest, span *ret)
{
    size_t at = 0;
    while (at < rest->len && (rest->data[at] <= ' ' || is_bracket_or_comma(rest->data[at])))
        at++;
    *rest = span_after(*rest, at);
    *ret = span_first(*rest, value_len(*rest));
    *rest = span_after(*rest, ret->len);
    return ret->len;
}

/* ---- collecting ---- */

static bool item_add(struct collection *all, span value)
{
    if (value.data[0] == 'n')
        return true;
    if (all->count == all->size) {
        size_t size = all->size ? all->size * 2 : 8;
        struct value *items = arena_alloc_raw(all->arena, size * sizeof *items);
        if (!items)
            return false;
        if (all->count)
            memcpy(items, all->items, all->count * sizeof *items);
        all->items = items;
        all->size = size;
    }
    json_value(value, all->arena, &all->items[all->count]);
    return all->items[all->count++].kind != VALUE_ABSENT;
}

/* The value of the field itself. */
static bool leaf_add(struct collection *all, span value)
{
    span item;
    all->has_null |= value.data[0] == 'n' && !all->is_list;
    if (value.data[0] == 'n')
        return true;
    all->is_there = true;
    if (value.data[0] == '{')
        return true;
    if (value.data[0] != '[')
        return item_add(all, value);
    all->is_list = true;
    while (item_take(&value, &item))
        if (item.data[0] != '{' && !item_add(all, item))
            return false;
    return true;
}

/* Is the key, with its quotes, this text? */
static bool key_is(const struct collection *all, span key, span text)
{
    uint8_t small[512 + 8], *to = small;
    span inside = span_of(key.data + 1, key.len - 2);
    if (!inside.len || !memchr(inside.data, '\\', inside.len))
        return span_eq(inside, text);
    if (inside.len > text.len * 6) /* the longest escape of a byte */
        return false;
    if (inside.len > 512)
        to = arena_alloc_raw(all->arena, inside.len + 8);
    return to && span_eq(span_of(to, json_unescape(inside, to)), text);
}

static bool path_add(struct collection *all, span value, span name);

/* Of the keys that begin the name the longest that leads to a value; of equal keys the last. */
static bool members_add(struct collection *all, span object, span name)
{
    bool was_there = all->is_there, was_list = all->is_list;
    all->is_there = false;
    for (size_t cut = name.len + 1; cut-- > 0 && !all->is_there;) {
        span rest = span_after(object, 1), key, value, found = {NULL, 0};
        if (cut < name.len && name.data[cut] != '.')
            continue;
        while (member_take(&rest, &key, &value))
            if (key_is(all, key, span_first(name, cut)))
                found = value;
        if (!found.data)
            continue;
        if (cut == name.len ? !leaf_add(all, found)
                            : !path_add(all, found, span_after(name, cut + 1)))
            return false;
        if (!all->is_there)
            all->is_list = was_list;
    }
    all->is_there |= was_there;
    return true;
}

static bool path_add(struct collection *all, span value, span name)
{
    span item;
    if (value.data[0] == '{')
        return members_add(all, value, name);
    if (value.data[0] != '[')
        return true;
    all->is_list = true;
    while (item_take(&value, &item))
        if (item.data[0] == '{' && !members_add(all, item, name))
            return false;
    return true;
}

/* Every value in the line but keys. */
static bool all_add(struct collection *all, span rest)
{
    all->is_there = true;
    all->is_list = true;
    for (;;) {
        size_t at = 0;
        while (at < rest.len && (rest.data[at] <= ' ' || memchr("{}[],:", rest.data[at], 6)))
            at++;
        rest = span_after(rest, at);
        span value = span_first(rest, value_len(rest));
        if (value.len == 0)
            return true;
        rest = span_after(rest, value.len);
        span behind = blanks_after(rest);
        bool is_key = behind.len && behind.data[0] == ':';
        if (!is_key && !item_add(all, value))
            return false;
    }
}

static void value_make(const struct collection *all, struct value *ret)
{
    *ret = (struct value){.kind = all->has_null ? VALUE_NULL : VALUE_ABSENT};
    if (all->is_there && !all->is_list && all->count == 1)
        *ret = all->items[0];
    else if (all->is_there)
        *ret = (struct value){.kind = VALUE_LIST, .any = true, .list = {all->items, all->count}};
}

bool json_collect(span value, span name, struct arena *arena, struct value *ret)
{
    struct collection all = {.arena = arena};
    value = blanks_after(value);
    bool is_whole =
        span_eq(name, SPAN(FIELD_WHOLE)) ? all_add(&all, value) : path_add(&all, value, name);
    value_make(&all, ret);
    return is_whole;
}

bool json_array_value(span array, const span *name, struct arena *arena, struct value *ret)
{
    struct collection all = {.arena = arena};
    bool is_whole = name ? path_add(&all, array, *name) : leaf_add(&all, array);
    value_make(&all, ret);
    return is_whole;
}
