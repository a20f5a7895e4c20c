#include "core/writer.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "core/checked.h"

#define WRITER_BYTES_MIN 256

void writer_init(struct writer *writer, size_t size_bytes_max)
{
    *writer = (struct writer){.size_max = size_bytes_max};
}

void writer_free(struct writer *writer)
{
    free(writer->data);
    *writer = (struct writer){.size_max = writer->size_max};
}

void writer_reset(struct writer *writer)
{
    writer->len = 0;
    writer->is_full = false;
}

static bool writer_reserve(struct writer *writer, size_t count)
{
    size_t need;
    if (writer->is_full || !add_size(writer->len, count, &need) || need > writer->size_max) {
        writer->is_full = true;
        return false;
    }
    if (need <= writer->size)
        return true;
    size_t size = writer->size ? writer->size : WRITER_BYTES_MIN;
    while (size < need)
        size = size > writer->size_max / 2 ? writer->size_max : size * 2;
    uint8_t *data = realloc(writer->data, size);
    if (!data) {
        writer->is_full = true;
        return false;
    }
    writer->data = data;
    writer->size = size;
    return true;
}

void writer_put(struct writer *writer, span bytes)
{
    if (bytes.len == 0 || !writer_reserve(writer, bytes.len))
        return;
    memcpy(writer->data + writer->len, bytes.data, bytes.len);
    writer->len += bytes.len;
}

void writer_text(struct writer *writer, const char *text)
{
    writer_put(writer, span_str(text));
}

void writer_byte(struct writer *writer, uint8_t byte)
{
    writer_put(writer, (span){&byte, 1});
}

void writer_format(struct writer *writer, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    va_list again;
    va_copy(again, args);
    int length = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (length > 0 && writer_reserve(writer, (size_t)length + 1)) {
        vsnprintf((char *)writer->data + writer->len, (size_t)length + 1, format, again);
        writer->len += (size_t)length;
    }
    va_end(again);
}

size_t utf8_length(span s, uint32_t *ret_code)
{
    if (s.len == 0)
        return 0;
    uint8_t first = s.data[0];
    if (first < 0x80) {
        *ret_code = first;
        return 1;
    }
    size_t length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
    if (first < 0xc2 || first > 0xf4 || s.len < length)
        return 0;
    uint32_t code = first & (0xffu >> (length + 1));
    for (size_t index = 1; index < length; index++) {
        if ((s.data[index] & 0xc0) != 0x80)
            return 0;
        code = code << 6 | (s.data[index] & 0x3f);
    }
    static const uint32_t code_min[] = {0, 0, 0x80, 0x800, 0x10000};
    if (code < code_min[length] || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff))
        return 0;
    *ret_code = code;
    return length;
}

static bool is_json_plain(uint8_t byte)
{
    return byte >= 0x20 && byte < 0x7f && byte != '"' && byte != '\\';
}

static void json_ascii(struct writer *writer, uint8_t byte)
{
    switch (byte) {
    case '"':
        writer_text(writer, "\\\"");
        break;
    case '\\':
        writer_text(writer, "\\\\");
        break;
    case '\n':
        writer_text(writer, "\\n");
        break;
    case '\r':
        writer_text(writer, "\\r");
        break;
    case '\t':
        writer_text(writer, "\\t");
        break;
    default:
        writer_format(writer, "\\u%04x", byte);
    }
}

void writer_json_string(struct writer *writer, span text)
{
    writer_byte(writer, '"');
    while (text.len) {
        size_t plain = 0;
        while (plain < text.len && is_json_plain(text.data[plain]))
            plain++;
        writer_put(writer, span_first(text, plain));
        text = span_after(text, plain);
        if (!text.len)
            break;
        uint32_t code = 0;
        size_t length = utf8_length(text, &code);
        if (length == 0)
            writer_format(writer, "\\\\x%02x", text.data[0]);
        else if (length == 1)
            json_ascii(writer, text.data[0]);
        else
            writer_put(writer, span_first(text, length));
        text = span_after(text, length ? length : 1);
    }
    writer_byte(writer, '"');
}

/* Control characters and those that reorder or hide text (Unicode 15, categories Cc and Cf, and the
 * line separators), cf. the "Trojan Source" attacks, CVE-2021-42574. */
static bool is_deceptive(uint32_t code)
{
    return code < 0x20 || (code >= 0x7f && code < 0xa0) || code == 0xad || code == 0x61c ||
           (code >= 0x200b && code <= 0x200f) || (code >= 0x2028 && code <= 0x202e) ||
           (code >= 0x2060 && code <= 0x206f) || code == 0xfeff ||
           (code >= 0xfff9 && code <= 0xfffb) || (code >= 0xe0000 && code <= 0xe007f);
}

void writer_terminal(struct writer *writer, span text)
{
    while (text.len) {
        uint32_t code = 0;
        size_t length = utf8_length(text, &code);
        if (length == 0)
            writer_format(writer, "\\x%02x", text.data[0]);
        else if (!is_deceptive(code))
            writer_put(writer, span_first(text, length));
        else if (code == '\n')
            writer_text(writer, "\\n");
        else if (code == '\t')
            writer_text(writer, "\\t");
        else if (code == 0x1b)
            writer_text(writer, "\\e");
        else if (code < 0x80)
            writer_format(writer, "\\x%02x", code);
        else
            writer_format(writer, "\\u{%04x}", code);
        text = span_after(text, length ? length : 1);
    }
}

void writer_base64(struct writer *writer, span bytes)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t at = 0; at < bytes.len; at += 3) {
        size_t left = bytes.len - at;
        uint32_t group = (uint32_t)bytes.data[at] << 16;
        group |= left > 1 ? (uint32_t)bytes.data[at + 1] << 8 : 0;
        group |= left > 2 ? bytes.data[at + 2] : 0;
        writer_byte(writer, (uint8_t)digits[group >> 18]);
        writer_byte(writer, (uint8_t)digits[group >> 12 & 63]);
        writer_byte(writer, left > 1 ? (uint8_t)digits[group >> 6 & 63] : '=');
        writer_byte(writer, left > 2 ? (uint8_t)digits[group & 63] : '=');
    }
}

void writer_time(struct writer *writer, uint64_t wall_ns)
{
    time_t seconds = (time_t)(wall_ns / 1000000000u);
    struct tm parts;
    if (!gmtime_r(&seconds, &parts)) {
        writer_format(writer, "%llu", (unsigned long long)wall_ns);
        return;
    }
    char text[32];
    size_t length = strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &parts);
    writer_put(writer, span_of(text, length));
    writer_format(writer, ".%09uZ", (unsigned)(wall_ns % 1000000000u));
}
