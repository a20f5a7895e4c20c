/* Dead letters, written and read back. */
#include <jansson.h>

#include "flow/flow.h"

/* ---- written ---- */

static bool is_utf8(span text)
{
    uint32_t code;
    while (text.len) {
        size_t len = utf8_length(text, &code);
        if (len == 0)
            return false;
        text = span_after(text, len);
    }
    return true;
}

void dead_letter_write_part(struct writer *out, const char *reason, const char *stage,
                            const char *source, span position, span payload, size_t max)
{
    bool is_part = payload.len > max;
    payload = span_first(payload, max);
    writer_text(out, "{\"reason\":");
    writer_json_string(out, span_str(reason));
    writer_text(out, ",\"stage\":");
    writer_json_string(out, span_str(stage));
    writer_text(out, ",\"source\":");
    writer_json_string(out, span_str(source));
    writer_text(out, ",\"position\":");
    writer_json_string(out, position);
    writer_text(out, ",\"payload\":");
    if (payload.data)
        writer_json_string(out, payload);
    else
        writer_text(out, "null");
    if (payload.data && !is_utf8(payload)) {
        writer_text(out, ",\"payload_base64\":\"");
        writer_base64(out, payload);
        writer_byte(out, '"');
    }
    if (is_part)
        writer_text(out, ",\"payload_is_part\":true");
    writer_byte(out, '}');
}

void dead_letter_write(struct writer *out, const char *reason, const char *stage,
                       const char *source, span position, span payload)
{
    dead_letter_write_part(out, reason, stage, source, position, payload, SIZE_MAX);
}

/* ---- read: base64 (RFC 4648 section 4, padding included) ---- */

static int digit_value(uint8_t digit)
{
    if (digit >= 'A' && digit <= 'Z')
        return digit - 'A';
    if (digit >= 'a' && digit <= 'z')
        return digit - 'a' + 26;
    if (digit >= '0' && digit <= '9')
        return digit - '0' + 52;
    return digit == '+' ? 62 : digit == '/' ? 63 : -1;
}

/* False: not base64. */
static bool base64_read(span text, uint8_t *out, size_t *ret_len)
{
    size_t len = 0;
    while (text.len) {
        span group;
        uint32_t bits = 0;
        size_t count = 0;
        if (!span_take(&text, 4, &group))
            return false;
        for (; count < 4 && digit_value(group.data[count]) >= 0; count++)
            bits |= (uint32_t)digit_value(group.data[count]) << (18 - 6 * count);
        for (size_t index = count; index < 4; index++)
            if (group.data[index] != '=')
                return false;
        if (count < 2 || (count < 4 && text.len))
            return false;
        for (size_t index = 0; index + 1 < count; index++)
            out[len++] = (uint8_t)(bits >> (16 - 8 * index));
    }
    *ret_len = len;
    return true;
}

/* ---- read: letters ---- */

/* data NULL: not there, or no text. */
static span member(const json_t *object, const char *name)
{
    const json_t *value = json_object_get(object, name);
    return json_is_string(value) ? span_of(json_string_value(value), json_string_length(value))
                                 : (span){NULL, 0};
}

static bool text_copy(struct arena *arena, span text, span *ret)
{
    *ret = text.data ? arena_dup(arena, text) : (span){NULL, 0};
    return ret->data || !text.data;
}

static err_kind payload_read(const json_t *object, struct arena *arena, span *ret,
                             struct err_ctx *err)
{
    span base64 = member(object, "payload_base64");
    if (!base64.data)
        return text_copy(arena, member(object, "payload"), ret)
                   ? OK
                   : err_set(err, ERR_LIMIT, "dead letter: no room");
    uint8_t *bytes = arena_alloc_raw(arena, base64.len / 4 * 3 + 1);
    size_t len;
    if (!bytes)
        return err_set(err, ERR_LIMIT, "dead letter: no room");
    if (!base64_read(base64, bytes, &len))
        return err_set(err, ERR_INPUT, "dead letter: payload_base64 is no base64");
    *ret = span_of(bytes, len);
    return OK;
}

err_kind dead_letter_read(span json, struct arena *arena, struct dead_letter *ret,
                          struct err_ctx *err)
{
    json_error_t fault;
    struct dead_letter letter = {0};
    json_t *object = json_loadb((const char *)json.data, json.len, JSON_ALLOW_NUL, &fault);
    if (!object)
        return err_set(err, ERR_INPUT, "dead letter: byte %d: %s", fault.position, fault.text);
    err_kind kind = OK;
    if (!text_copy(arena, member(object, "reason"), &letter.reason) ||
        !text_copy(arena, member(object, "stage"), &letter.stage) ||
        !text_copy(arena, member(object, "source"), &letter.source) ||
        !text_copy(arena, member(object, "position"), &letter.position))
        kind = err_set(err, ERR_LIMIT, "dead letter: no room");
    else if (!letter.reason.data || !letter.stage.data)
        kind = err_set(err, ERR_INPUT, "dead letter: expected an object with reason and stage");
    if (kind == OK)
        kind = payload_read(object, arena, &letter.payload, err);
    letter.is_part = json_is_true(json_object_get(object, "payload_is_part"));
    json_decref(object);
    if (kind == OK)
        *ret = letter;
    return kind;
}
