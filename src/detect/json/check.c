/* The checker: byte by byte, to say what is wrong first and where. */
#include "core/writer.h"
#include "json/index.h"
#include "json/json.h"

struct checker {
    span rest;
    const char *reason;
};

static bool fail(struct checker *checker, const char *reason)
{
    checker->reason = reason;
    return false;
}

static uint8_t peek(const struct checker *checker)
{
    return checker->rest.len ? checker->rest.data[0] : 0;
}

static void step(struct checker *checker, size_t count)
{
    checker->rest = span_after(checker->rest, count);
}

static void blanks_skip(struct checker *checker)
{
    while (checker->rest.len && memchr(" \t\r\n", checker->rest.data[0], 4))
        step(checker, 1);
}

static bool escape_check(struct checker *checker)
{
    uint8_t letter = checker->rest.len > 1 ? checker->rest.data[1] : 0;
    size_t len = 2;
    if (letter == 'u') {
        if (!json_escape_is_hex(checker->rest.data, checker->rest.len, 1))
            return fail(checker, "expected four hex digits after \\u");
        len = 6;
    } else if (!letter || !memchr("\"\\/bfnrt", letter, 8)) {
        return fail(checker, "expected one of \" \\ / b f n r t u after a backslash");
    }
    step(checker, len);
    return true;
}

static bool string_check(struct checker *checker)
{
    step(checker, 1);
    while (checker->rest.len) {
        uint8_t byte = checker->rest.data[0];
        uint32_t code;
        size_t length = 1;
        if (byte == '"') {
            step(checker, 1);
            return true;
        }
        if (byte < 0x20)
            return fail(checker, "a control character in a string: write it as an escape");
        if (byte == '\\') {
            if (!escape_check(checker))
                return false;
            continue;
        }
        if (byte > 0x7f && !(length = utf8_length(checker->rest, &code)))
            return fail(checker, "bytes that are not UTF-8");
        step(checker, length);
    }
    return fail(checker, "the string does not end");
}

static bool digits_check(struct checker *checker, const char *reason)
{
    if (peek(checker) < '0' || peek(checker) > '9')
        return fail(checker, reason);
    while (peek(checker) >= '0' && peek(checker) <= '9')
        step(checker, 1);
    return true;
}

static bool number_check(struct checker *checker)
{
    if (peek(checker) == '-')
        step(checker, 1);
    if (peek(checker) == '0') {
        step(checker, 1);
        if (peek(checker) >= '0' && peek(checker) <= '9')
            return fail(checker, "a number that begins with 0 has no more digits");
    } else if (!digits_check(checker, "expected a digit after -")) {
        return false;
    }
    if (peek(checker) == '.') {
        step(checker, 1);
        if (!digits_check(checker, "expected a digit after the decimal point"))
            return false;
    }
    if ((peek(checker) | 0x20) != 'e')
        return true;
    step(checker, 1);
    if (peek(checker) == '+' || peek(checker) == '-')
        step(checker, 1);
    return digits_check(checker, "expected a digit in the exponent");
}

static bool word_check(struct checker *checker)
{
    static const char *const word_table[] = {"true", "false", "null"};
    for (size_t index = 0; index < sizeof word_table / sizeof *word_table; index++) {
        span word = span_str(word_table[index]);
        if (span_starts(checker->rest, word)) {
            step(checker, word.len);
            return true;
        }
    }
    if (checker->rest.len == 0)
        return fail(checker, "expected a value, found the end of the line");
    return fail(checker, "expected a value");
}

static bool value_check(struct checker *checker, unsigned depth);

static bool member_check(struct checker *checker, unsigned depth)
{
    blanks_skip(checker);
    if (peek(checker) != '"')
        return fail(checker, checker->rest.len ? "expected a key in double quotes"
                                               : "expected a key, found the end of the line");
    if (!string_check(checker))
        return false;
    blanks_skip(checker);
    if (peek(checker) != ':')
        return fail(checker, "expected ':' after a key");
    step(checker, 1);
    return value_check(checker, depth);
}

/* An object or an array. */
static bool container_check(struct checker *checker, unsigned depth)
{
    bool is_object = peek(checker) == '{';
    uint8_t end = is_object ? '}' : ']';
    if (depth == JSON_DEPTH_MAX)
        return fail(checker, "objects and arrays nest too deeply (more than 1024)");
    step(checker, 1);
    blanks_skip(checker);
    for (bool is_first = true; !is_first || peek(checker) != end; is_first = false) {
        if (!(is_object ? member_check(checker, depth + 1) : value_check(checker, depth + 1)))
            return false;
        blanks_skip(checker);
        if (peek(checker) != ',')
            break;
        step(checker, 1);
    }
    if (peek(checker) != end)
        return fail(checker, is_object ? "expected ',' or '}'" : "expected ',' or ']'");
    step(checker, 1);
    return true;
}

static bool value_check(struct checker *checker, unsigned depth)
{
    blanks_skip(checker);
    switch (peek(checker)) {
    case '"':
        return string_check(checker);
    case '{':
    case '[':
        return container_check(checker, depth);
    case '-':
    case '0' ... '9':
        return number_check(checker);
    default:
        return word_check(checker);
    }
}

static const char *not_object(uint8_t first)
{
    switch (first) {
    case '[':
        return "expected an object, found an array";
    case '"':
        return "expected an object, found a string";
    case 't':
    case 'f':
        return "expected an object, found a boolean";
    case 'n':
        return "expected an object, found null";
    default:
        return "expected an object, found a number";
    }
}

bool json_check(span line, struct json_fault *ret_fault)
{
    struct checker checker = {.rest = line};
    blanks_skip(&checker);
    span start = checker.rest;
    bool is_right = value_check(&checker, 0);
    if (is_right)
        blanks_skip(&checker);
    if (is_right && checker.rest.len)
        is_right = fail(&checker, "expected the end of the line behind the value");
    if (is_right && start.data[0] != '{') {
        is_right = fail(&checker, not_object(start.data[0]));
        checker.rest = start;
    }
    *ret_fault = (struct json_fault){.at = line.len - checker.rest.len, .reason = checker.reason};
    return is_right;
}

bool json_first(span stream, size_t *ret_len, struct json_fault *ret_fault)
{
    struct checker checker = {.rest = stream};
    bool is_right = value_check(&checker, 0);
    *ret_len = stream.len - checker.rest.len;
    *ret_fault = (struct json_fault){.at = *ret_len, .reason = checker.reason};
    return is_right;
}
