/* JSON taken apart at its brackets and commas. */
#include "split/split.h"

void split_blanks(span *rest)
{
    size_t len = 0;
    while (len < rest->len && memchr(" \t\r\n", rest->data[len], 4))
        len++;
    *rest = span_after(*rest, len);
}

bool split_is(span value, uint8_t first)
{
    return value.len && value.data[0] == first;
}

/* Bytes of the string at the front with its quotes; 0: it does not end. */
static size_t string_length(span text)
{
    for (size_t at = 1; at < text.len; at++) {
        const uint8_t *quote = memchr(text.data + at, '"', text.len - at);
        if (!quote)
            return 0;
        at = (size_t)(quote - text.data);
        size_t backslashes = 0;
        while (text.data[at - 1 - backslashes] == '\\')
            backslashes++;
        if (backslashes % 2 == 0)
            return at + 1;
    }
    return 0;
}

/* Of the object or array at the front; 0: it does not end. */
static size_t container_length(span text)
{
    size_t depth = 0, at = 0;
    while (at < text.len) {
        uint8_t byte = text.data[at];
        if (byte == '"') {
            size_t len = string_length(span_after(text, at));
            if (!len)
                return 0;
            at += len;
            continue;
        }
        at++;
        depth += byte == '{' || byte == '[';
        if ((byte == '}' || byte == ']') && --depth == 0)
            return at;
    }
    return 0;
}

static size_t word_length(span text)
{
    size_t len = 0;
    while (len < text.len && text.data[len] > ' ' && !memchr(",:\"{}[]", text.data[len], 7))
        len++;
    return len;
}

bool split_value(span *rest, span *ret)
{
    split_blanks(rest);
    size_t len = split_is(*rest, '"')                           ? string_length(*rest)
                 : split_is(*rest, '{') || split_is(*rest, '[') ? container_length(*rest)
                                                                : word_length(*rest);
    return len && span_take(rest, len, ret);
}

/* Up to the next item: past a comma, if it is not the first. */
static enum split item_begin(span *inside, bool *is_first, uint8_t end)
{
    split_blanks(inside);
    if (split_is(*inside, end)) {
        *inside = span_after(*inside, 1);
        return SPLIT_END;
    }
    if (!*is_first) {
        if (!split_is(*inside, ','))
            return SPLIT_BAD;
        *inside = span_after(*inside, 1);
        split_blanks(inside);
    }
    *is_first = false;
    return inside->len ? SPLIT_ITEM : SPLIT_BAD;
}

enum split split_element(span *inside, bool *is_first, span *ret)
{
    enum split outcome = item_begin(inside, is_first, ']');
    if (outcome == SPLIT_ITEM && !split_value(inside, ret))
        return SPLIT_BAD;
    return outcome;
}

enum split split_member(span *inside, bool *is_first, span *ret_key, span *ret_value)
{
    enum split outcome = item_begin(inside, is_first, '}');
    if (outcome != SPLIT_ITEM)
        return outcome;
    if (!split_is(*inside, '"') || !split_value(inside, ret_key))
        return SPLIT_BAD;
    *ret_key = span_of(ret_key->data + 1, ret_key->len - 2);
    split_blanks(inside);
    if (!split_is(*inside, ':'))
        return SPLIT_BAD;
    *inside = span_after(*inside, 1);
    return split_value(inside, ret_value) ? SPLIT_ITEM : SPLIT_BAD;
}

bool split_find(span object, const char *name, span *ret)
{
    span inside = span_after(object, 1), key, value;
    bool is_first = true;
    while (split_is(object, '{') && split_member(&inside, &is_first, &key, &value) == SPLIT_ITEM) {
        if (!span_eq(key, span_str(name)))
            continue;
        *ret = value;
        return true;
    }
    return false;
}
