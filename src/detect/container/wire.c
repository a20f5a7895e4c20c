/* A frame of stored facts:
 *
 *   | magic u32 | version u32 | payload length u64 | checksum u64 | payload |
 *
 * The checksum tells damage, not malice: every reader checks what it takes besides. */
#include "container/internal.h"

#define WIRE_VERSION    1
#define WIRE_HEAD_BYTES 24
#define TEXT_ABSENT     UINT32_MAX

/* FNV-1a, 64 bits (Fowler, Noll, Vo). */
static uint64_t checksum(span bytes)
{
    uint64_t sum = 0xcbf29ce484222325u;
    for (size_t index = 0; index < bytes.len; index++)
        sum = (sum ^ bytes.data[index]) * 0x100000001b3u;
    return sum;
}

void wire_u32(struct writer *out, uint32_t value)
{
    for (int shift = 0; shift < 32; shift += 8)
        writer_byte(out, (uint8_t)(value >> shift));
}

void wire_u64(struct writer *out, uint64_t value)
{
    wire_u32(out, (uint32_t)value);
    wire_u32(out, (uint32_t)(value >> 32));
}

void wire_text(struct writer *out, span text)
{
    wire_u32(out, text.data ? (uint32_t)text.len : TEXT_ABSENT);
    if (text.data)
        writer_put(out, text);
}

bool wire_take_text(span *s, size_t bytes_max, span *ret)
{
    uint32_t length;
    if (!span_u32le(s, &length))
        return false;
    *ret = (span){0};
    if (length == TEXT_ABSENT)
        return true;
    return length <= bytes_max && span_take(s, length, ret);
}

size_t wire_begin(struct writer *out, uint32_t magic)
{
    size_t begin = out->len;
    wire_u32(out, magic);
    wire_u32(out, WIRE_VERSION);
    wire_u64(out, 0);
    wire_u64(out, 0);
    return begin;
}

void wire_end(struct writer *out, size_t begin)
{
    if (out->is_full)
        return;
    span payload = span_after(writer_span(out), begin + WIRE_HEAD_BYTES);
    uint64_t words[2] = {payload.len, checksum(payload)};
    for (size_t index = 0; index < 16; index++)
        out->data[begin + 8 + index] = (uint8_t)(words[index / 8] >> (index % 8 * 8));
}

err_kind wire_open(span bytes, uint32_t magic, span *ret_payload, struct err_ctx *err)
{
    uint32_t found_magic, version;
    uint64_t length, sum;
    if (!span_u32le(&bytes, &found_magic) || !span_u32le(&bytes, &version) ||
        !span_u64le(&bytes, &length) || !span_u64le(&bytes, &sum))
        return err_set(err, ERR_INPUT, "stored facts: cut off in the head");
    if (found_magic != magic)
        return err_set(err, ERR_INPUT, "stored facts: not of this kind");
    if (version != WIRE_VERSION)
        return err_set(err, ERR_INPUT, "stored facts: version %u, expected %u", version,
                       WIRE_VERSION);
    if (length != bytes.len || checksum(bytes) != sum)
        return err_set(err, ERR_INPUT, "stored facts: damaged (length or checksum)");
    *ret_payload = bytes;
    return OK;
}
