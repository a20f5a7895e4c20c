#include "container/internal.h"

/* jansson itself stops at 2,048 levels; what the runtimes write has less than 20. A first pass
 * refuses deeper text before anything is allocated for it. */
static bool is_shallow(span bytes, size_t *ret_position)
{
    size_t depth = 0;
    bool in_string = false;
    for (size_t index = 0; index < bytes.len; index++) {
        uint8_t byte = bytes.data[index];
        if (in_string) {
            if (byte == '\\')
                index++;
            else if (byte == '"')
                in_string = false;
            continue;
        }
        if (byte == '"')
            in_string = true;
        else if (byte == '{' || byte == '[')
            depth++;
        else if ((byte == '}' || byte == ']') && depth > 0)
            depth--;
        if (depth > JSON_DEPTH_MAX) {
            *ret_position = index;
            return false;
        }
    }
    return true;
}

err_kind json_parse(span bytes, json_t **ret, struct err_ctx *err)
{
    size_t position = 0;
    if (!is_shallow(bytes, &position))
        return err_set(err, ERR_LIMIT, "byte %zu: JSON deeper than %d levels", position,
                       JSON_DEPTH_MAX);
    json_error_t error;
    json_t *value = json_loadb((const char *)bytes.data, bytes.len, JSON_ALLOW_NUL, &error);
    if (!value)
        return err_set(err, ERR_INPUT, "%d:%d: %s", error.line, error.column, error.text);
    *ret = value;
    return OK;
}

span json_span(const json_t *value)
{
    if (!json_is_string(value))
        return (span){0};
    return span_of(json_string_value(value), json_string_length(value));
}
