#include "wire/wire.h"

#include <arpa/inet.h>
#include <stdio.h>

/* ---- fields ---- */

static bool fail(struct wire_fault *fault, const uint8_t *at, const char *reason)
{
    *fault = (struct wire_fault){at, reason};
    return false;
}

static bool varint_take(span *rest, uint64_t *ret)
{
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 70; shift += 7) {
        uint8_t byte;
        if (!span_u8(rest, &byte) || (shift == 63 && byte > 1))
            return false;
        value |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80) {
            *ret = value;
            return true;
        }
    }
    return false;
}

bool wire_next(span *rest, struct wire_item *ret, struct wire_fault *ret_fault)
{
    const uint8_t *at = rest->data;
    uint64_t key, len;
    uint32_t word;
    if (!varint_take(rest, &key) || key >> 3 == 0 || key >> 3 >= 1u << 29)
        return fail(ret_fault, at, "protobuf: expected the number of a field");
    *ret = (struct wire_item){.number = (uint32_t)(key >> 3), .type = (enum wire_type)(key & 7)};
    at = rest->data;
    switch (key & 7) {
    case WIRE_VARINT:
        return varint_take(rest, &ret->value) ||
               fail(ret_fault, at, "protobuf: a number is not whole");
    case WIRE_8_BYTES:
        return span_u64le(rest, &ret->value) ||
               fail(ret_fault, at, "protobuf: a number is not whole");
    case WIRE_4_BYTES:
        if (!span_u32le(rest, &word))
            return fail(ret_fault, at, "protobuf: a number is not whole");
        ret->value = word;
        return true;
    case WIRE_LENGTH:
        return (varint_take(rest, &len) && len <= rest->len &&
                span_take(rest, (size_t)len, &ret->bytes)) ||
               fail(ret_fault, at, "protobuf: a length goes beyond the end");
    default:
        return fail(ret_fault, at, "protobuf: a field of an unknown type");
    }
}

bool wire_is_list(span bytes)
{
    struct wire_item item;
    struct wire_fault fault;
    if (!bytes.len)
        return false;
    while (bytes.len)
        if (!wire_next(&bytes, &item, &fault) || item.number != 1 || item.type != WIRE_LENGTH)
            return false;
    return true;
}

/* ---- values ---- */

static void hex_write(struct writer *out, span bytes)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t index = 0; index < bytes.len; index++) {
        writer_byte(out, (uint8_t)digits[bytes.data[index] >> 4]);
        writer_byte(out, (uint8_t)digits[bytes.data[index] & 15]);
    }
}

/* JSON has no numbers for those that are none. */
static void double_write(struct writer *out, uint64_t bits)
{
    double value;
    memcpy(&value, &bits, sizeof value);
    if (value != value)
        writer_text(out, "\"NaN\"");
    else if (value - value != 0)
        writer_text(out, value > 0 ? "\"Infinity\"" : "\"-Infinity\"");
    else
        writer_format(out, "%.17g", value);
}

static void address_write(struct writer *out, span bytes)
{
    char text[INET6_ADDRSTRLEN] = "";
    writer_byte(out, '"');
    if (bytes.len == 4 || bytes.len == 16)
        writer_text(out,
                    inet_ntop(bytes.len == 4 ? AF_INET : AF_INET6, bytes.data, text, sizeof text));
    else
        hex_write(out, bytes);
    writer_byte(out, '"');
}

struct walk {
    struct writer *out;
    struct wire_fault *fault;
    unsigned depth;
};

static bool members_write(struct walk *walk, const struct wire_field *table, span message);
static bool any_write(struct walk *walk, span value);
static bool attribute_write(struct walk *walk, span pair, bool is_map);

static bool message_write(struct walk *walk, const struct wire_field *table, span message)
{
    if (walk->depth == WIRE_DEPTH_MAX)
        return fail(walk->fault, message.data, "protobuf: messages nest too deeply (over 32)");
    walk->depth++;
    writer_byte(walk->out, '{');
    bool is_right = members_write(walk, table, message);
    writer_byte(walk->out, '}');
    walk->depth--;
    return is_right;
}

static void text_write(struct writer *out, enum wire_kind kind, span bytes)
{
    if (kind == WIRE_TEXT) {
        writer_json_string(out, bytes);
    } else if (kind == WIRE_ADDRESS) {
        address_write(out, bytes);
    } else {
        writer_byte(out, '"');
        if (kind == WIRE_HEX)
            hex_write(out, bytes);
        else
            writer_base64(out, bytes);
        writer_byte(out, '"');
    }
}

static void number_write(struct writer *out, const struct wire_field *field, uint64_t value)
{
    bool is_quoted = field->kind == WIRE_INT_TEXT || field->kind == WIRE_FIXED64_TEXT;
    bool is_signed = field->kind == WIRE_INT || field->kind == WIRE_INT_TEXT;
    writer_text(out, is_quoted ? "\"" : "");
    if (field->kind == WIRE_BOOL)
        writer_text(out, value ? "true" : "false");
    else if (field->kind == WIRE_DOUBLE)
        double_write(out, value);
    else if (field->kind == WIRE_ENUM && value < field->word_count && field->words[value])
        writer_json_string(out, span_str(field->words[value]));
    else if (is_signed)
        writer_format(out, "%lld", (long long)value);
    else
        writer_format(out, "%llu", (unsigned long long)value);
    writer_text(out, is_quoted ? "\"" : "");
}

static enum wire_type type_of(enum wire_kind kind)
{
    switch (kind) {
    case WIRE_UINT:
    case WIRE_INT:
    case WIRE_INT_TEXT:
    case WIRE_BOOL:
    case WIRE_ENUM:
        return WIRE_VARINT;
    case WIRE_FIXED32:
        return WIRE_4_BYTES;
    case WIRE_DOUBLE:
    case WIRE_FIXED64:
    case WIRE_FIXED64_TEXT:
        return WIRE_8_BYTES;
    case WIRE_TEXT:
    case WIRE_HEX:
    case WIRE_BASE64:
    case WIRE_ADDRESS:
    case WIRE_MESSAGE:
    case WIRE_MAP:
    case WIRE_ATTRIBUTES:
    case WIRE_ANY:
        break;
    }
    return WIRE_LENGTH;
}

static bool value_write(struct walk *walk, const struct wire_field *field,
                        const struct wire_item *item)
{
    switch (field->kind) {
    case WIRE_MESSAGE:
        return message_write(walk, field->message, item->bytes);
    case WIRE_ANY:
        return any_write(walk, item->bytes);
    case WIRE_MAP:
    case WIRE_ATTRIBUTES:
        return attribute_write(walk, item->bytes, field->kind == WIRE_MAP);
    case WIRE_TEXT:
    case WIRE_HEX:
    case WIRE_BASE64:
    case WIRE_ADDRESS:
        text_write(walk->out, field->kind, item->bytes);
        return true;
    case WIRE_UINT:
    case WIRE_INT:
    case WIRE_INT_TEXT:
    case WIRE_BOOL:
    case WIRE_DOUBLE:
    case WIRE_FIXED32:
    case WIRE_FIXED64:
    case WIRE_FIXED64_TEXT:
    case WIRE_ENUM:
        number_write(walk->out, field, item->value);
        return true;
    }
    return true;
}

/* ---- messages ---- */

static void comma_write(struct writer *out)
{
    if (out->len && !memchr("{[", out->data[out->len - 1], 2))
        writer_byte(out, ',');
}

static void name_write(struct writer *out, span name)
{
    comma_write(out);
    writer_json_string(out, name);
    writer_byte(out, ':');
}

/* All values of a repeated field. */
static bool list_write(struct walk *walk, const struct wire_field *field, span message)
{
    bool is_object = field->kind == WIRE_MAP || field->kind == WIRE_ATTRIBUTES;
    struct wire_item item;
    name_write(walk->out, span_str(field->name));
    writer_byte(walk->out, is_object ? '{' : '[');
    while (message.len) {
        if (!wire_next(&message, &item, walk->fault))
            return false;
        if (item.number != field->number || item.type != type_of(field->kind))
            continue;
        if (!is_object)
            comma_write(walk->out);
        if (!value_write(walk, field, &item))
            return false;
    }
    writer_byte(walk->out, is_object ? '}' : ']');
    return true;
}

/* Says whether the field is there, and the last one. False: the message is broken. */
static bool field_find(struct walk *walk, const struct wire_field *field, span message,
                       bool *ret_is_there, struct wire_item *ret)
{
    struct wire_item item;
    *ret_is_there = false;
    while (message.len) {
        const uint8_t *at = message.data;
        if (!wire_next(&message, &item, walk->fault))
            return false;
        if (item.number != field->number)
            continue;
        if (item.type != type_of(field->kind))
            return fail(walk->fault, at, "protobuf: a field is not of the type that it should be");
        *ret = item;
        *ret_is_there = true;
    }
    return true;
}

static bool members_write(struct walk *walk, const struct wire_field *table, span message)
{
    for (const struct wire_field *field = table; field->number; field++) {
        bool is_there;
        struct wire_item item = {0};
        if (!field_find(walk, field, message, &is_there, &item))
            return false;
        bool is_word = field->kind != WIRE_ENUM ||
                       (item.value < field->word_count && field->words[item.value]);
        if (!is_there || !is_word)
            continue;
        bool is_list =
            field->is_repeated || field->kind == WIRE_MAP || field->kind == WIRE_ATTRIBUTES;
        if (is_list && !list_write(walk, field, message))
            return false;
        if (is_list)
            continue;
        name_write(walk->out, span_str(field->name));
        if (!value_write(walk, field, &item))
            return false;
    }
    return true;
}

/* ---- OpenTelemetry's values ---- */

static const struct wire_field any_table[] = {
    {.number = 1, .kind = WIRE_TEXT},   {.number = 2, .kind = WIRE_BOOL},
    {.number = 3, .kind = WIRE_INT},    {.number = 4, .kind = WIRE_DOUBLE},
    {.number = 5, .kind = WIRE_ANY},    {.number = 6, .kind = WIRE_ATTRIBUTES},
    {.number = 7, .kind = WIRE_BASE64}, {0},
};

/* ArrayValue and KeyValueList have one repeated field, their first. */
static bool values_write(struct walk *walk, const struct wire_field *kind, span message)
{
    bool is_object = kind->kind == WIRE_ATTRIBUTES;
    struct wire_item item;
    writer_byte(walk->out, is_object ? '{' : '[');
    while (message.len) {
        if (!wire_next(&message, &item, walk->fault))
            return false;
        if (item.number != 1 || item.type != WIRE_LENGTH)
            continue;
        if (!is_object)
            comma_write(walk->out);
        if (!(is_object ? attribute_write(walk, item.bytes, false) : any_write(walk, item.bytes)))
            return false;
    }
    writer_byte(walk->out, is_object ? '}' : ']');
    return true;
}

static bool any_write(struct walk *walk, span value)
{
    const struct wire_field *kind = NULL;
    struct wire_item item, last = {0};
    span rest = value;
    if (walk->depth == WIRE_DEPTH_MAX)
        return fail(walk->fault, value.data, "protobuf: values nest too deeply (over 32)");
    while (rest.len) {
        if (!wire_next(&rest, &item, walk->fault))
            return false;
        for (const struct wire_field *row = any_table; row->number; row++) {
            if (row->number != item.number || item.type != type_of(row->kind))
                continue;
            kind = row;
            last = item;
        }
    }
    if (!kind) {
        writer_text(walk->out, "null");
        return true;
    }
    walk->depth++;
    bool is_nested = kind->kind == WIRE_ANY || kind->kind == WIRE_ATTRIBUTES;
    bool is_right =
        is_nested ? values_write(walk, kind, last.bytes) : value_write(walk, kind, &last);
    walk->depth--;
    return is_right;
}

/* A member out of {1: key, 2: value}; the value is a text in a map, else any. */
static bool attribute_write(struct walk *walk, span pair, bool is_map)
{
    span key = {NULL, 0}, value = {NULL, 0}, rest = pair;
    struct wire_item item;
    while (rest.len) {
        if (!wire_next(&rest, &item, walk->fault))
            return false;
        if (item.number == 1 && item.type == WIRE_LENGTH)
            key = item.bytes;
        if (item.number == 2 && item.type == WIRE_LENGTH)
            value = item.bytes;
    }
    name_write(walk->out, key);
    if (is_map) {
        writer_json_string(walk->out, value);
        return true;
    }
    return any_write(walk, value);
}

bool wire_members_write(struct writer *out, const struct wire_field *table, span message,
                        struct wire_fault *ret_fault)
{
    struct walk walk = {.out = out, .fault = ret_fault};
    return members_write(&walk, table, message);
}

bool wire_write(struct writer *out, const struct wire_field *table, span message,
                struct wire_fault *ret_fault)
{
    struct walk walk = {.out = out, .fault = ret_fault};
    return message_write(&walk, table, message);
}
