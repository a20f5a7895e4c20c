#include "flat/flat.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "value/value.h"

#define KEY_BYTES_MAX 512
#define ITEMS_MAX     256

struct flat_decoder {
    json_t *object;
    span line;
    uint64_t number;
};

err_kind flat_decoder_open(struct flat_decoder **ret, struct err_ctx *err)
{
    *ret = calloc(1, sizeof **ret);
    return *ret ? OK : err_set(err, ERR_SYSTEM, "decoder of flat lines");
}

void flat_decoder_close(struct flat_decoder *decoder)
{
    if (!decoder)
        return;
    json_decref(decoder->object);
    free(decoder);
}

err_kind flat_decode(struct flat_decoder *decoder, span line, uint64_t number, struct err_ctx *err)
{
    json_error_t reason;
    json_decref(decoder->object);
    decoder->line = line;
    decoder->number = number;
    decoder->object =
        json_loadb((const char *)line.data, line.len, JSON_DECODE_ANY | JSON_ALLOW_NUL, &reason);
    if (!decoder->object)
        return err_set(err, ERR_INPUT, "column %d: %s", reason.column, reason.text);
    if (json_is_object(decoder->object))
        return OK;
    json_decref(decoder->object);
    decoder->object = NULL;
    return err_set(err, ERR_INPUT, "column 1: expected a JSON object");
}

span flat_line(const struct flat_decoder *decoder)
{
    return decoder->line;
}

/* ---- time ---- */

static bool number_parse(const char *text, struct value *ret)
{
    char *end;
    long long number = strtoll(text, &end, 10);
    if (*text == 0 || *end != 0)
        return false;
    *ret = (struct value){.kind = VALUE_INT, .integer = number};
    return true;
}

/* Also ns as text, since not every language's numbers can hold them. */
static bool time_parse(const char *text, uint64_t *ret_ns)
{
    struct value number;
    if (clock_parse(text, ret_ns))
        return true;
    if (!number_parse(text, &number) || number.integer <= 0)
        return false;
    *ret_ns = (uint64_t)number.integer;
    return true;
}

uint64_t flat_time_ns(const struct flat_decoder *decoder)
{
    const json_t *time = json_object_get(decoder->object, "evt.time");
    uint64_t ns;
    if (json_is_integer(time) && json_integer_value(time) > 0)
        return (uint64_t)json_integer_value(time);
    return json_is_string(time) && time_parse(json_string_value(time), &ns) ? ns : 0;
}

/* ---- values ---- */

static struct value text_value(const json_t *json, enum value_kind kind)
{
    return (struct value){.kind = kind,
                          .text = span_of(json_string_value(json), json_string_length(json))};
}

/* Text for a field of another type; what does not fit stays text, and no typed test holds. */
static struct value text_typed(const json_t *json, enum field_type type)
{
    struct value value = {.kind = VALUE_ADDRESS};
    uint8_t prefix_bits;
    uint64_t ns;
    const char *text = json_string_value(json);
    switch (type) {
    case FIELD_BYTES:
        return text_value(json, VALUE_BYTES);
    case FIELD_ADDRESS:
    case FIELD_NET:
        if (convert_network(span_str(text), false, &value.address, &prefix_bits))
            return value;
        break;
    case FIELD_TIME:
        if (time_parse(text, &ns))
            return (struct value){.kind = VALUE_INT, .integer = (int64_t)ns};
        break;
    case FIELD_INT:
    case FIELD_DURATION:
        if (number_parse(text, &value))
            return value;
        break;
    case FIELD_BOOL:
        if (strcmp(text, "true") == 0 || strcmp(text, "false") == 0)
            return (struct value){.kind = VALUE_BOOL, .truth = text[0] == 't'};
        break;
    case FIELD_TEXT:
    case FIELD_PATH:
    case FIELD_ANY:
        break;
    }
    return text_value(json, VALUE_TEXT);
}

static struct value scalar(const json_t *json, enum field_type type, struct arena *arena)
{
    switch (json_typeof(json)) {
    case JSON_STRING:
        return text_typed(json, type);
    case JSON_TRUE:
    case JSON_FALSE:
        if (type == FIELD_TEXT || type == FIELD_PATH)
            return (struct value){.kind = VALUE_TEXT,
                                  .text = json_is_true(json) ? SPAN("true") : SPAN("false")};
        return (struct value){.kind = VALUE_BOOL, .truth = json_is_true(json)};
    case JSON_INTEGER: {
        char text[32];
        int64_t number = json_integer_value(json);
        if (type != FIELD_TEXT && type != FIELD_PATH)
            return (struct value){.kind = VALUE_INT, .integer = number};
        int len = snprintf(text, sizeof text, "%lld", (long long)number);
        span copy = arena_dup(arena, span_of(text, (size_t)len));
        return (struct value){.kind = copy.data ? VALUE_TEXT : VALUE_ABSENT, .text = copy};
    }
    case JSON_REAL:
        return (struct value){.kind = VALUE_REAL, .real = json_real_value(json)};
    case JSON_NULL:
    case JSON_OBJECT:
    case JSON_ARRAY:
        break;
    }
    return (struct value){.kind = VALUE_ABSENT};
}

/* Absent items are left out; a list of none is absent. */
static struct value list(const json_t *const *items, size_t count, const struct field_desc *field,
                         struct arena *arena)
{
    struct value *values = arena_alloc(arena, (count + 1) * sizeof *values);
    size_t kept = 0;
    for (size_t index = 0; values && index < count; index++) {
        values[kept] = scalar(items[index], field->type, arena);
        kept += values[kept].kind != VALUE_ABSENT;
    }
    if (kept == 0)
        return (struct value){.kind = VALUE_ABSENT};
    return (struct value){.kind = VALUE_LIST, .any = true, .list = {values, kept}};
}

static struct value array(const json_t *json, const struct field_desc *field, struct arena *arena)
{
    const json_t *items[ITEMS_MAX];
    size_t count = json_array_size(json);
    if (count > ITEMS_MAX)
        count = ITEMS_MAX;
    for (size_t index = 0; index < count; index++)
        items[index] = json_array_get(json, index);
    return list(items, count, field, arena);
}

/* The number in `name[number]`; 0: the key is something else. */
static unsigned index_of(const char *key, const char *name, size_t name_len)
{
    if (strncmp(key, name, name_len) != 0 || key[name_len] != '[')
        return 0;
    char *end;
    unsigned long index = strtoul(key + name_len + 1, &end, 10);
    return strcmp(end, "]") == 0 && index < ITEMS_MAX ? (unsigned)index : 0;
}

/* The first item of a list of ancestors is the parent, which has a field of its own too. */
static const char *parent_field(const char *name)
{
    static const char *const pairs[][2] = {
        {"proc.aname", "proc.pname"},       {"proc.aexe", "proc.pexe"},
        {"proc.aexepath", "proc.pexepath"}, {"proc.acmdline", "proc.pcmdline"},
        {"proc.apid", "proc.ppid"},
    };
    for (size_t index = 0; index < sizeof pairs / sizeof *pairs; index++)
        if (strcmp(pairs[index][0], name) == 0)
            return pairs[index][1];
    return NULL;
}

/* proc.pname, proc.aname[1], proc.aname[2], …, as far as they are given, as one list. */
static struct value indexed(const json_t *object, const struct field_desc *field,
                            struct arena *arena)
{
    const json_t *items[ITEMS_MAX + 1];
    size_t count = 0;
    size_t name_len = strlen(field->name);
    const char *parent = parent_field(field->name);
    if (parent && json_object_get(object, parent))
        items[count++] = json_object_get(object, parent);
    for (void *at = json_object_iter((json_t *)object); at && count < ITEMS_MAX;
         at = json_object_iter_next((json_t *)object, at))
        if (index_of(json_object_iter_key(at), field->name, name_len))
            items[count++] = json_object_iter_value(at);
    return list(items, count, field, arena);
}

/* Both spellings of an argument are one: evt.arg.flags and evt.arg[flags]. */
static const json_t *argument_get(const json_t *object, const struct field_ref *ref)
{
    char key[KEY_BYTES_MAX];
    int len = (int)ref->argument.len;
    const char *text = (const char *)ref->argument.data;
    if (ref->argument.len > KEY_BYTES_MAX / 2)
        return NULL;
    snprintf(key, sizeof key, "%s[%.*s]", ref->field->name, len, text);
    const json_t *value = json_object_get(object, key);
    if (value)
        return value;
    snprintf(key, sizeof key, "%s.%.*s", ref->field->name, len, text);
    return json_object_get(object, key);
}

void flat_fetch(void *decoder, const struct field_ref *ref, struct arena *arena, struct value *ret)
{
    const json_t *object = ((struct flat_decoder *)decoder)->object;
    const json_t *json =
        ref->argument.data ? argument_get(object, ref) : json_object_get(object, ref->field->name);
    if (json_is_array(json))
        *ret = array(json, ref->field, arena);
    else if (json)
        *ret = scalar(json, ref->field->type, arena);
    else if (ref->field->is_list && !ref->argument.data)
        *ret = indexed(object, ref->field, arena);
}
