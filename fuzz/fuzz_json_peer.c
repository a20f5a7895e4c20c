/* The same line by our reader and by jansson: both must take it or both refuse it, and see the same
 * values. Where they differ by decision is said in src/detect/json/README.md. */
#include <jansson.h>
#include <stdlib.h>

#include "json/decoder.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool is_so)
{
    if (!is_so)
        abort();
}

/* Taken by us: lone surrogates, numbers over the range of int64_t or double, NUL in a key. */
static bool may_refuse(const json_error_t *error)
{
    return strncmp(error->text, "invalid Unicode", 15) == 0 ||
           json_error_code(error) == json_error_numeric_overflow ||
           json_error_code(error) == json_error_null_byte_in_key;
}

static bool scalar_is(const json_t *json, const struct value *value)
{
    switch (json_typeof(json)) {
    case JSON_STRING:
        return value->kind == VALUE_TEXT &&
               span_eq(value->text, span_of(json_string_value(json), json_string_length(json)));
    case JSON_INTEGER:
        return value->kind == VALUE_INT && value->integer == json_integer_value(json);
    case JSON_REAL: {
        double real = json_real_value(json);
        return value->kind == VALUE_REAL && memcmp(&value->real, &real, sizeof real) == 0;
    }
    case JSON_TRUE:
    case JSON_FALSE:
        return value->kind == VALUE_BOOL && value->truth == json_is_true(json);
    default:
        return false;
    }
}

/* The items of an array and of the arrays in it, in order, from number `at` on. */
static size_t items_are(const json_t *array, const struct value *list, size_t at)
{
    for (size_t index = 0; index < json_array_size(array); index++) {
        const json_t *item = json_array_get(array, index);
        if (json_is_array(item)) {
            at = items_are(item, list, at);
        } else if (!json_is_null(item) && !json_is_object(item)) {
            require(at < list->list.count && scalar_is(item, &list->list.items[at]));
            at++;
        }
    }
    return at;
}

static void member_check(span line, span key, const json_t *json, struct arena *arena)
{
    struct value value;
    if (key.len == 0 || (json_is_null(json) && memchr(key.data, '.', key.len)))
        return; /* the name of all values; a null gives way to a path */
    arena_reset(arena);
    require(json_collect(line, key, arena, &value));
    if (json_is_null(json))
        require(value.kind == VALUE_NULL);
    else if (json_is_object(json))
        require(value.kind == VALUE_LIST && value.list.count == 0);
    else if (json_is_array(json))
        require(value.kind == VALUE_LIST && items_are(json, &value, 0) == value.list.count);
    else
        require(scalar_is(json, &value));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    json_error_t error;
    struct json_fault fault;
    struct arena arena;
    span line = span_of(data, size);
    bool is_right = json_check(line, &fault);
    json_t *json = json_loadb((const char *)data, size, JSON_ALLOW_NUL, &error);
    if (is_right && !json)
        require(may_refuse(&error));
    if (!is_right && json_is_object(json)) /* jansson passes over a NUL behind a number */
        require(strstr(fault.reason, "too deeply") || (fault.at < size && data[fault.at] == 0));
    arena_init(&arena, 1 << 26);
    if (is_right && json) {
        const char *name;
        json_t *member;
        json_object_foreach(json, name, member)
        {
            member_check(line, span_str(name), member, &arena);
        }
    }
    arena_free(&arena);
    json_decref(json);
    return 0;
}
