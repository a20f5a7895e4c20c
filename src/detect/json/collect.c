/* The slow way to a field: by its name, in text that is known to be JSON. For arrays, for lines
 * with a key twice, for names that no rule reads, and as the measure of the fast way in tests. */
#include <string.h>

#include "json/decoder.h"

struct collection {
    struct arena *arena;
    struct value *items; /* NULL: only counted */
    size_t count;
    bool is_there; /* the field has a value, though perhaps no items */
    bool is_list;  /* an array was met on the way */
    span single;   /* the value, where no array was met */
};

static span blanks_after(span s)
{
    size_t at = 0;
    while (at < s.len && (s.data[at] == ' ' || (s.data[at] >= '\t' && s.data[at] <= '\r')))
        at++;
    return span_after(s, at);
}

static size_t string_len(span s)
{
    size_t at = 1;
    while (at < s.len && s.data[at] != '"')
        at += s.data[at] == '\\' ? 2 : 1;
    return at < s.len ? at + 1 : s.len;
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

/* Takes the next item of an array that is no array itself; *rest: from its bracket on. */
static bool item_take(span *rest, span *ret)
{
    size_t at = 0;
    while (at < rest->len && (rest->data[at] <= ' ' || memchr("[],", rest->data[at], 3)))
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
    if (all->items) {
        json_value(value, all->arena, &all->items[all->count]);
        if (all->items[all->count].kind == VALUE_ABSENT)
            return false;
    }
    all->count++;
    return true;
}

/* The value of the field itself. */
static bool leaf_add(struct collection *all, span value)
{
    span item;
    if (value.data[0] == 'n')
        return true;
    all->is_there = true;
    all->single = value;
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

static bool collect(struct collection *all, span text, span name, bool is_array)
{
    if (is_array)
        return leaf_add(all, text);
    return span_eq(name, SPAN(FIELD_WHOLE)) ? all_add(all, text) : members_add(all, text, name);
}

static bool list_make(struct collection *all, span text, span name, bool is_array,
                      struct value *ret)
{
    size_t count = all->count;
    all->items = arena_alloc(all->arena, (count + 1) * sizeof *all->items);
    all->count = 0;
    if (!all->items || !collect(all, text, name, is_array))
        return false;
    *ret = (struct value){.kind = VALUE_LIST, .any = true, .list = {all->items, count}};
    return true;
}

bool json_collect(span line, span name, struct arena *arena, struct value *ret)
{
    struct collection all = {.arena = arena};
    line = blanks_after(line);
    *ret = (struct value){.kind = VALUE_ABSENT};
    if (!collect(&all, line, name, false))
        return false;
    if (!all.is_there)
        return true;
    if (all.is_list)
        return list_make(&all, line, name, false, ret);
    json_value(all.single, arena, ret);
    return ret->kind != VALUE_ABSENT;
}

bool json_array_value(span array, struct arena *arena, struct value *ret)
{
    struct collection all = {.arena = arena};
    *ret = (struct value){.kind = VALUE_ABSENT};
    return collect(&all, array, SPAN(""), true) && list_make(&all, array, SPAN(""), true, ret);
}
