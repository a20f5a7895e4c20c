/* Scalars and their types; texts with wildcards; networks. */
#include "value/value.h"

#include <arpa/inet.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "sigma/compile.h"

#define NUMBER_BYTES_MAX 64

static bool is_word(span text, const char *const *words)
{
    for (; *words; words++)
        if (span_eq(text, span_str(*words)))
            return true;
    return false;
}

static size_t digits(span text)
{
    size_t count = 0;
    while (count < text.len && text.data[count] >= '0' && text.data[count] <= '9')
        count++;
    return count;
}

/* -?(0|[1-9][0-9]*), then (\.[0-9]+([eE][-+]?[0-9]+)?)? : what cannot be meant as anything else.
 * Numbers with leading zeros, exponents alone, hexadecimal and octal ones are texts. */
static bool number_is_plain(span text, bool *ret_is_real)
{
    if (text.len && text.data[0] == '-')
        text = span_after(text, 1);
    size_t whole = digits(text);
    if (whole == 0 || (whole > 1 && text.data[0] == '0'))
        return false;
    text = span_after(text, whole);
    *ret_is_real = text.len > 0;
    if (text.len == 0)
        return true;
    if (text.data[0] != '.')
        return false;
    text = span_after(text, 1);
    size_t part = digits(text);
    text = span_after(text, part);
    if (part == 0 || text.len == 0)
        return part > 0;
    if (text.data[0] != 'e' && text.data[0] != 'E')
        return false;
    text = span_after(text, 1);
    if (text.len && (text.data[0] == '-' || text.data[0] == '+'))
        text = span_after(text, 1);
    return text.len > 0 && digits(text) == text.len;
}

static bool number_parse(span text, struct value *ret)
{
    char copy[NUMBER_BYTES_MAX];
    bool is_real;
    if (text.len >= sizeof copy || !number_is_plain(text, &is_real))
        return false;
    memcpy(copy, text.data, text.len);
    copy[text.len] = 0;
    errno = 0;
    if (is_real) {
        *ret = (struct value){.kind = VALUE_REAL, .real = strtod(copy, NULL)};
        return isfinite(ret->real);
    }
    *ret = (struct value){.kind = VALUE_INT, .integer = strtoll(copy, NULL, 10)};
    if (errno == 0)
        return true;
    errno = 0;
    *ret = (struct value){.kind = VALUE_UINT, .uinteger = strtoull(copy, NULL, 10)};
    return errno == 0 && copy[0] != '-';
}

enum form scalar_form(const struct yaml_node *scalar, struct value *ret)
{
    static const char *const nulls[] = {"", "~", "null", "Null", "NULL", NULL};
    static const char *const trues[] = {"true", "True", "TRUE", NULL};
    static const char *const falses[] = {"false", "False", "FALSE", NULL};
    *ret = (struct value){.kind = VALUE_TEXT, .text = scalar->text};
    if (scalar->style != YAML_PLAIN)
        return FORM_TEXT;
    if (is_word(scalar->text, nulls))
        return FORM_NULL;
    bool truth = is_word(scalar->text, trues);
    if (truth || is_word(scalar->text, falses)) {
        *ret = (struct value){.kind = VALUE_BOOL, .truth = truth};
        return FORM_BOOL;
    }
    struct value number;
    if (!number_parse(scalar->text, &number))
        return FORM_TEXT;
    *ret = number;
    return FORM_NUMBER;
}

/* ---- patterns ---- */

/* A backslash takes the wildcard behind it, or a backslash, as it is; before anything else, and at
 * the end, it stands for itself. */
struct pattern pattern_parse(struct arena *arena, span text)
{
    struct pattern pattern = {.tokens = arena_alloc_raw(arena, (text.len + 1) * sizeof(uint16_t))};
    if (!pattern.tokens)
        return pattern;
    for (size_t at = 0; at < text.len; at++) {
        uint8_t byte = text.data[at];
        uint8_t next = at + 1 < text.len ? text.data[at + 1] : 0;
        uint16_t token = byte;
        if (byte == '\\' && (next == '*' || next == '?' || next == '\\')) {
            token = next;
            at++;
        } else if (byte == '*') {
            token = TOKEN_ANY;
        } else if (byte == '?') {
            token = TOKEN_ONE;
        }
        pattern.tokens[pattern.count++] = token;
    }
    return pattern;
}

struct pattern pattern_open(struct arena *arena, struct pattern pattern, bool at_start, bool at_end)
{
    const uint16_t *from = pattern.tokens;
    size_t count = pattern.count;
    at_start = at_start && (count == 0 || from[0] != TOKEN_ANY);
    struct pattern open = {.tokens = arena_alloc_raw(arena, (count + 2) * sizeof(uint16_t))};
    if (!open.tokens)
        return open;
    if (at_start)
        open.tokens[open.count++] = TOKEN_ANY;
    if (count)
        memcpy(open.tokens + open.count, from, count * sizeof *from);
    open.count += count;
    if (at_end && (open.count == 0 || open.tokens[open.count - 1] != TOKEN_ANY))
        open.tokens[open.count++] = TOKEN_ANY;
    return open;
}

bool pattern_has_wildcard(struct pattern pattern)
{
    for (size_t at = 0; at < pattern.count; at++)
        if (pattern.tokens[at] > UINT8_MAX)
            return true;
    return false;
}

span pattern_text(struct arena *arena, struct pattern pattern)
{
    uint8_t *bytes = arena_alloc_raw(arena, pattern.count + 1);
    if (!bytes)
        return (span){NULL, 0};
    for (size_t at = 0; at < pattern.count; at++)
        bytes[at] = (uint8_t)pattern.tokens[at];
    return span_of(bytes, pattern.count);
}

/* ---- networks ---- */

/* Clears what lies behind the prefix; false: there was nothing. */
static bool host_clear(struct address *address, uint8_t prefix_bits)
{
    bool was_set = false;
    for (unsigned bit = prefix_bits; bit < (address->family == AF_INET ? 32 : 128); bit++) {
        uint8_t mask = (uint8_t)(0x80 >> bit % 8);
        was_set |= (address->bytes[bit / 8] & mask) != 0;
        address->bytes[bit / 8] &= (uint8_t)~mask;
    }
    return was_set;
}

enum network network_parse(span text, struct rule_literal *ret, char mended[static 64])
{
    char host[INET6_ADDRSTRLEN];
    struct rule_literal network = {.value.kind = VALUE_ADDRESS};
    struct address *address = &network.value.address;
    if (!convert_network(text, true, address, &network.prefix_bits))
        return NETWORK_WRONG;
    bool had_host = host_clear(address, network.prefix_bits);
    if (had_host && inet_ntop(address->family, address->bytes, host, sizeof host))
        snprintf(mended, 64, "%s/%u", host, (unsigned)network.prefix_bits);
    *ret = network;
    return had_host ? NETWORK_HOST_BITS : NETWORK_GOOD;
}
