/* Finds values that follow a secret's name in free text. The text may be a command line joined by
 * spaces, an environment, a URL, JSON, a header; quotes are followed only as far as they tell where
 * a value ends. When in doubt a value is longer rather than shorter. */
#include "signal/signal.h"

#define MASK           "****"
#define NAME_BYTES_MAX 128

/* Compared with the name's end, after -_. and trailing digits are taken out and case is lowered. */
static const char *const secret_ending_table[] = {
    "accesskey", "apikey",     "authkey",   "authorization", "encryptionkey",
    "passcode",  "passphrase", "passwd",    "password",      "privatekey",
    "secret",    "secretkey",  "sharedkey", "signingkey",    "token",
};
/* These must be the whole last part of the name: DB_PASS and --pass, not bypass. */
static const char *const secret_part_table[] = {"pass", "pwd"};

/* Words between "Authorization:" and the secret. */
static const char *const scheme_table[] = {"basic", "bearer", "digest", "negotiate", "token"};

static bool is_name_byte(uint8_t byte)
{
    return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
           (byte >= '0' && byte <= '9') || byte == '_' || byte == '-' || byte == '.';
}

static bool is_space(uint8_t byte)
{
    return byte == ' ' || (byte >= '\t' && byte <= '\r') || byte == 0;
}

static bool is_quote(uint8_t byte)
{
    return byte == '"' || byte == '\'';
}

static uint8_t lower(uint8_t byte)
{
    return byte >= 'A' && byte <= 'Z' ? (uint8_t)(byte | 0x20) : byte;
}

static bool equals_ignoring_case(span s, const char *text)
{
    size_t index = 0;
    while (index < s.len && text[index] && lower(s.data[index]) == (uint8_t)text[index])
        index++;
    return index == s.len && !text[index];
}

static size_t dash_count(span name)
{
    size_t count = 0;
    while (count < name.len && name.data[count] == '-')
        count++;
    return count;
}

bool mask_is_secret(span name)
{
    size_t dashes = dash_count(name);
    span word = span_after(name, dashes);
    while (word.len && word.data[word.len - 1] >= '0' && word.data[word.len - 1] <= '9')
        word.len--;
    if (word.len == 0 || word.len > NAME_BYTES_MAX)
        return false;
    if (dashes && (span_starts(word, SPAN("no-")) || span_starts(word, SPAN("without-"))))
        return false;
    char plain[NAME_BYTES_MAX];
    size_t length = 0, last_part = 0;
    for (size_t index = 0; index < word.len; index++) {
        uint8_t byte = word.data[index];
        if (byte == '-' || byte == '_' || byte == '.')
            last_part = index + 1;
        else
            plain[length++] = (char)lower(byte);
    }
    for (size_t index = 0; index < sizeof secret_ending_table / sizeof(char *); index++) {
        if (span_ends(span_of(plain, length), span_str(secret_ending_table[index])))
            return true;
    }
    /* PWD and OLDPWD name the working directory; MYSQL_PWD and --pwd do not. */
    span part = span_after(word, last_part);
    for (size_t index = 0; index < sizeof secret_part_table / sizeof(char *); index++) {
        if (equals_ignoring_case(part, secret_part_table[index]))
            return dashes > 0 || last_part > 0 || index == 0;
    }
    return false;
}

/* ---- where a value begins and ends ---- */

struct extent {
    size_t start, end; /* of what is masked */
    size_t next;       /* where the scan goes on */
    bool has_closed;   /* the quote that was open in front of the name ended behind it */
};

static uint8_t byte_at(span text, size_t at)
{
    return at < text.len ? text.data[at] : 0;
}

static size_t skip_blanks(span text, size_t at)
{
    while (byte_at(text, at) == ' ' || byte_at(text, at) == '\t')
        at++;
    return at;
}

static size_t word_end(span text, size_t at, uint8_t quote, bool is_url)
{
    while (at < text.len && !is_space(text.data[at]) && (!quote || text.data[at] != quote) &&
           !(is_url && (text.data[at] == '&' || text.data[at] == '#')))
        at++;
    return at;
}

/* Behind "Bearer " when such a word stands at `at`. */
static size_t scheme_skip(span text, size_t at)
{
    size_t end = at;
    while (end < text.len && is_name_byte(text.data[end]))
        end++;
    size_t value = skip_blanks(text, end);
    span word = span_of(text.data + at, end - at);
    for (size_t index = 0; value > end && index < sizeof scheme_table / sizeof(char *); index++) {
        if (equals_ignoring_case(word, scheme_table[index]))
            return value;
    }
    return at;
}

/* The value that begins at `at`; quote: the one that is open around it, or 0. */
static bool value_extent(span text, size_t at, uint8_t quote, bool is_url, struct extent *ret)
{
    uint8_t first = byte_at(text, at);
    if (at >= text.len || (quote && first == quote))
        return false;
    if (is_quote(first)) {
        size_t end = at + 1;
        while (end < text.len && text.data[end] != first)
            end += text.data[end] == '\\' && first == '"' && end + 1 < text.len ? 2 : 1;
        ret->start = at + 1;
        ret->end = end < text.len ? end : text.len;
        ret->next = ret->end < text.len ? ret->end + 1 : text.len;
    } else if (first == '\\' && is_quote(byte_at(text, at + 1))) {
        span close = span_of(text.data + at, 2), rest = span_after(text, at + 2);
        const uint8_t *found = rest.len ? memmem(rest.data, rest.len, close.data, 2) : NULL;
        ret->start = at + 2;
        ret->end = found ? (size_t)(found - text.data) : text.len;
        ret->next = found ? ret->end + 2 : text.len;
    } else {
        ret->start = scheme_skip(text, at);
        ret->end = word_end(text, ret->start, quote, is_url);
        ret->next = ret->end;
    }
    return ret->end > ret->start;
}

/* Behind what separates the name that ends at `at` from its value; 0: nothing does. */
static size_t separator_skip(span text, size_t start, size_t at, bool *ret_is_quoted)
{
    bool is_option = text.data[start] == '-';
    bool is_quoted = false;
    if (byte_at(text, at) == '\\' && is_quote(byte_at(text, at + 1))) {
        at += 2;
        is_quoted = true;
    } else if (is_quote(byte_at(text, at))) {
        at++;
        is_quoted = true;
    }
    *ret_is_quoted = is_quoted;
    size_t blank = at;
    at = skip_blanks(text, at);
    bool has_blanks = at > blank;
    uint8_t separator = byte_at(text, at), next = byte_at(text, at + 1);
    if (separator == '=') {
        at += next == '>' || next == '=' ? 2 : 1;
        return has_blanks || is_quoted ? skip_blanks(text, at) : at;
    }
    if (separator == ':') {
        /* /etc/passwd:ro is a path, token::x a name in a programming language */
        bool is_path = start > 0 && text.data[start - 1] == '/';
        return is_path || next == ':' ? 0 : skip_blanks(text, at + (next == '=' ? 2 : 1));
    }
    if (is_option && is_quoted && separator == ',')
        return skip_blanks(text, at + 1);
    if (is_option && (has_blanks || byte_at(text, at) == '\n') && separator != '-')
        return at;
    return 0;
}

/* user:x@ behind a "://" that begins at `at`. */
static bool url_extent(span text, size_t at, struct extent *ret)
{
    size_t start = at + 3, colon = 0, last_at = 0;
    for (size_t index = start; index < text.len; index++) {
        uint8_t byte = text.data[index];
        if (is_space(byte) || is_quote(byte) || byte == '/' || byte == '?' || byte == '#')
            break;
        if (byte == ':' && !colon)
            colon = index;
        if (byte == '@')
            last_at = index;
    }
    if (!colon || last_at <= colon + 1)
        return false;
    *ret = (struct extent){.start = colon + 1, .end = last_at, .next = last_at};
    return true;
}

/* "Bearer x" where no known name stands in front: only what looks like a token. */
static bool bearer_extent(span text, size_t start, size_t end, uint8_t quote, struct extent *ret)
{
    if (!equals_ignoring_case(span_of(text.data + start, end - start), "bearer") ||
        byte_at(text, end) != ' ')
        return false;
    *ret = (struct extent){.start = end + 1, .end = word_end(text, end + 1, quote, false)};
    ret->next = ret->end;
    return ret->end - ret->start >= 16;
}

static bool secret_find(span text, size_t start, size_t end, uint8_t quote, struct extent *ret)
{
    if (span_starts(span_after(text, end), SPAN("://")))
        return url_extent(text, end, ret);
    if (!mask_is_secret(span_of(text.data + start, end - start)))
        return bearer_extent(text, start, end, quote, ret);
    bool is_quoted = false;
    size_t value = separator_skip(text, start, end, &is_quoted);
    if (!value)
        return false;
    ret->has_closed = is_quoted;
    bool is_url = start > 0 && (text.data[start - 1] == '?' || text.data[start - 1] == '&');
    return value_extent(text, value, is_quoted ? 0 : quote, is_url, ret);
}

/* ---- texts ---- */

void mask_text(struct writer *out, span text)
{
    size_t copied = 0, at = 0;
    uint8_t quote = 0; /* open around `at` */
    while (at < text.len) {
        uint8_t byte = text.data[at];
        if (is_name_byte(byte)) {
            size_t end = at;
            while (end < text.len && is_name_byte(text.data[end]))
                end++;
            struct extent extent = {0};
            if (secret_find(text, at, end, quote, &extent)) {
                writer_put(out, span_of(text.data + copied, extent.start - copied));
                writer_text(out, MASK);
                copied = extent.end;
                end = extent.next;
                if (extent.has_closed)
                    quote = 0;
            }
            at = end;
            continue;
        }
        if (quote && byte == quote)
            quote = 0;
        else if (!quote && is_quote(byte) && (at == 0 || !is_name_byte(text.data[at - 1])))
            quote = byte;
        at++;
    }
    writer_put(out, span_after(text, copied));
}

void mask_argument(struct writer *out, span argument, bool *is_value)
{
    bool was_value = *is_value;
    size_t end = 0;
    while (end < argument.len && is_name_byte(argument.data[end]))
        end++;
    bool is_secret = mask_is_secret(span_first(argument, end));
    bool is_option = argument.len && argument.data[0] == '-';
    *is_value = is_secret && is_option && end == argument.len;
    if (was_value && !is_option && argument.len) {
        writer_text(out, MASK);
        return;
    }
    if (is_secret && (byte_at(argument, end) == '=' || byte_at(argument, end) == ':')) {
        size_t value = scheme_skip(argument, skip_blanks(argument, end + 1));
        writer_put(out, span_first(argument, value));
        if (value < argument.len)
            writer_text(out, MASK);
        return;
    }
    mask_text(out, argument);
}
