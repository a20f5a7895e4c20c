/* A borrowed run of bytes, and the only way to read untrusted ones: each reader moves forward or
 * fails. After the last field, require len == 0. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "core/error.h"

typedef struct {
    const uint8_t *data;
    size_t len;
} span;

#define SPAN(literal) ((span){(const uint8_t *)("" literal), sizeof(literal) - 1})
/* For messages only: at most 256 bytes are printed. */
#define PRI_SPAN    "%.*s"
#define ARG_SPAN(s) (int)((s).len > 256 ? 256 : (s).len), (const char *)(s).data

static inline span span_of(const void *data, size_t len)
{
    return (span){data, len};
}

static inline span span_str(const char *text)
{
    return (span){(const uint8_t *)text, strlen(text)};
}

static inline bool span_eq(span a, span b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

static inline bool span_starts(span s, span prefix)
{
    return s.len >= prefix.len && (prefix.len == 0 || memcmp(s.data, prefix.data, prefix.len) == 0);
}

static inline bool span_ends(span s, span suffix)
{
    return s.len >= suffix.len &&
           (suffix.len == 0 || memcmp(s.data + (s.len - suffix.len), suffix.data, suffix.len) == 0);
}

static inline bool span_contains(span s, span part)
{
    return part.len == 0 || (s.len >= part.len && memmem(s.data, s.len, part.data, part.len));
}

/* Byte order, shorter first when one is the other's prefix: <0, 0, >0. */
static inline int span_cmp(span a, span b)
{
    size_t shared = a.len < b.len ? a.len : b.len;
    int order = shared ? memcmp(a.data, b.data, shared) : 0;
    return order ? order : (a.len > b.len) - (a.len < b.len);
}

/* s without its first `count` bytes; empty when it has fewer. */
static inline span span_after(span s, size_t count)
{
    return count < s.len ? (span){s.data + count, s.len - count} : (span){s.data + s.len, 0};
}

/* The first `count` bytes of s, or all of it. */
static inline span span_first(span s, size_t count)
{
    return (span){s.data, count < s.len ? count : s.len};
}

MUST_USE static inline bool span_take(span *s, size_t count, span *ret)
{
    if (count > s->len)
        return false;
    *ret = (span){s->data, count};
    s->data += count;
    s->len -= count;
    return true;
}

/* Takes up to and past the first `end`; ret excludes it. False, and s unchanged, if there is none.
 */
MUST_USE static inline bool span_until(span *s, uint8_t end, span *ret)
{
    const uint8_t *found = s->len ? memchr(s->data, end, s->len) : NULL;
    if (!found)
        return false;
    *ret = (span){s->data, (size_t)(found - s->data)};
    *s = span_after(*s, ret->len + 1);
    return true;
}

MUST_USE static inline bool span_u8(span *s, uint8_t *ret)
{
    span bytes;
    if (!span_take(s, 1, &bytes))
        return false;
    *ret = bytes.data[0];
    return true;
}

/* Little endian readers. */
MUST_USE static inline bool span_u16le(span *s, uint16_t *ret)
{
    span bytes;
    if (!span_take(s, 2, &bytes))
        return false;
    *ret = (uint16_t)(bytes.data[0] | bytes.data[1] << 8);
    return true;
}

MUST_USE static inline bool span_u32le(span *s, uint32_t *ret)
{
    span bytes;
    if (!span_take(s, 4, &bytes))
        return false;
    *ret = (uint32_t)bytes.data[0] | (uint32_t)bytes.data[1] << 8 | (uint32_t)bytes.data[2] << 16 |
           (uint32_t)bytes.data[3] << 24;
    return true;
}

MUST_USE static inline bool span_u64le(span *s, uint64_t *ret)
{
    uint32_t low, high;
    if (s->len < 8 || !span_u32le(s, &low) || !span_u32le(s, &high))
        return false;
    *ret = (uint64_t)high << 32 | low;
    return true;
}
