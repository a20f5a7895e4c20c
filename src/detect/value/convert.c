#include <arpa/inet.h>
#include <float.h>
#include <stdio.h>
#include <stdlib.h>

#include "value/value.h"

_Static_assert(LDBL_MANT_DIG >= 64, "numbers are compared as long double");

static bool is_digit(uint8_t byte)
{
    return byte >= '0' && byte <= '9';
}

/* The shortest decimal that reads back as the same number. */
static int real_text(double real, char buffer[static CONVERT_BYTES])
{
    int length = 0;
    for (int digits = 15; digits <= 17; digits++) {
        length = snprintf(buffer, CONVERT_BYTES, "%.*g", digits, real);
        if (strtod(buffer, NULL) == real)
            break;
    }
    return length;
}

span convert_text(const struct value *value, char buffer[static CONVERT_BYTES])
{
    int length = 0;
    switch (value->kind) {
    case VALUE_TEXT:
    case VALUE_BYTES:
        return value->text;
    case VALUE_INT:
        length = snprintf(buffer, CONVERT_BYTES, "%lld", (long long)value->integer);
        break;
    case VALUE_UINT:
        length = snprintf(buffer, CONVERT_BYTES, "%llu", (unsigned long long)value->uinteger);
        break;
    case VALUE_REAL:
        length = real_text(value->real, buffer);
        break;
    case VALUE_BOOL:
        return value->truth ? SPAN("true") : SPAN("false");
    case VALUE_ADDRESS:
        if (!inet_ntop(value->address.family, value->address.bytes, buffer, CONVERT_BYTES))
            return SPAN("");
        length = (int)strlen(buffer);
        break;
    case VALUE_ABSENT:
    case VALUE_LIST:
    case VALUE_NULL:
        break;
    }
    return span_of(buffer, (size_t)length);
}

/* [+-]digits[.digits][e[+-]digits]; no hex, no inf. */
static bool is_decimal(span text, bool *ret_is_whole)
{
    size_t at = text.len && (text.data[0] == '+' || text.data[0] == '-');
    size_t digits = 0;
    for (; at < text.len && is_digit(text.data[at]); at++)
        digits++;
    *ret_is_whole = digits > 0 && at == text.len;
    if (at < text.len && text.data[at] == '.')
        for (at++; at < text.len && is_digit(text.data[at]); at++)
            digits++;
    if (digits == 0)
        return false;
    if (at < text.len && (text.data[at] | 0x20) == 'e') {
        at++;
        at += at < text.len && (text.data[at] == '+' || text.data[at] == '-');
        if (at == text.len)
            return false;
        while (at < text.len && is_digit(text.data[at]))
            at++;
    }
    return at == text.len;
}

static bool text_number(span text, long double *ret)
{
    char copy[CONVERT_BYTES];
    char *end;
    bool is_whole;
    if (text.len == 0 || text.len >= sizeof copy || !is_decimal(text, &is_whole))
        return false;
    memcpy(copy, text.data, text.len);
    copy[text.len] = 0;
    /* whole numbers are exact, others are what a double makes of them everywhere else */
    *ret = is_whole ? strtold(copy, &end) : (long double)strtod(copy, &end);
    return true;
}

bool convert_number(const struct value *value, long double *ret)
{
    switch (value->kind) {
    case VALUE_INT:
        *ret = value->integer;
        return true;
    case VALUE_UINT:
        *ret = value->uinteger;
        return true;
    case VALUE_REAL:
        *ret = value->real;
        return true;
    case VALUE_TEXT:
        return text_number(value->text, ret);
    case VALUE_BOOL:
    case VALUE_ADDRESS:
    case VALUE_BYTES:
    case VALUE_LIST:
    case VALUE_ABSENT:
    case VALUE_NULL:
        break;
    }
    return false;
}

bool convert_bool(const struct value *value, bool *ret)
{
    if (value->kind == VALUE_TEXT) {
        *ret = span_eq(value->text, SPAN("true"));
        return *ret || span_eq(value->text, SPAN("false"));
    }
    if (value->kind == VALUE_BOOL)
        *ret = value->truth;
    else if (value->kind == VALUE_INT)
        *ret = value->integer != 0;
    else
        return false;
    return true;
}

static bool prefix_parse(span text, uint8_t *ret)
{
    unsigned bits = 0;
    if (text.len == 0 || text.len > 3)
        return false;
    for (size_t index = 0; index < text.len; index++) {
        if (text.data[index] < '0' || text.data[index] > '9')
            return false;
        bits = bits * 10 + (unsigned)(text.data[index] - '0');
    }
    bool is_good = bits <= *ret;
    *ret = (uint8_t)bits;
    return is_good;
}

bool convert_network(span text, bool may_have_prefix, struct address *ret, uint8_t *ret_prefix_bits)
{
    static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
    char host[INET6_ADDRSTRLEN + 1];
    span rest = text, before = text;
    bool has_bits = span_until(&rest, '/', &before);
    if (before.len == 0 || before.len >= sizeof host || (has_bits && !may_have_prefix))
        return false;
    memcpy(host, before.data, before.len);
    host[before.len] = 0;
    *ret = (struct address){.family = AF_INET};
    uint8_t bits = 32;
    if (inet_pton(AF_INET, host, ret->bytes) != 1) {
        ret->family = AF_INET6;
        bits = 128;
        if (inet_pton(AF_INET6, host, ret->bytes) != 1)
            return false;
    }
    if (has_bits && !prefix_parse(rest, &bits))
        return false;
    if (ret->family == AF_INET6 && bits >= 96 && memcmp(ret->bytes, mapped, sizeof mapped) == 0) {
        memmove(ret->bytes, ret->bytes + 12, 4);
        memset(ret->bytes + 4, 0, 12);
        ret->family = AF_INET;
        bits = (uint8_t)(bits - 96);
    }
    *ret_prefix_bits = bits;
    return true;
}

bool convert_address(const struct value *value, struct address *ret)
{
    uint8_t prefix_bits;
    if (value->kind == VALUE_TEXT)
        return convert_network(value->text, false, ret, &prefix_bits);
    *ret = value->address;
    return value->kind == VALUE_ADDRESS;
}

bool convert_address_in(const struct address *address, const struct address *network,
                        unsigned prefix_bits)
{
    size_t whole = prefix_bits / 8;
    unsigned rest = prefix_bits % 8;
    if (address->family != network->family || memcmp(address->bytes, network->bytes, whole) != 0)
        return false;
    return rest == 0 || (address->bytes[whole] ^ network->bytes[whole]) >> (8 - rest) == 0;
}
