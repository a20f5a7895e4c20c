/* Just enough TOML (toml.io, 1.0) for `key = "string"` under `[section]`: other values are passed
 * over, strings with escapes too (no path needs one). Text that is no TOML yields nothing. */
#include "container/internal.h"

static span trimmed(span s)
{
    while (s.len && (s.data[0] == ' ' || s.data[0] == '\t'))
        s = span_after(s, 1);
    while (s.len &&
           (s.data[s.len - 1] == ' ' || s.data[s.len - 1] == '\t' || s.data[s.len - 1] == '\r'))
        s = span_first(s, s.len - 1);
    return s;
}

static span next_line(struct toml *toml)
{
    span line;
    if (!span_until(&toml->rest, '\n', &line)) {
        line = toml->rest;
        toml->rest = span_after(toml->rest, toml->rest.len);
    }
    toml->line++;
    return trimmed(line);
}

static bool is_bare_key(span key)
{
    for (size_t index = 0; index < key.len; index++) {
        uint8_t byte = key.data[index];
        if (!(byte >= 'a' && byte <= 'z') && !(byte >= 'A' && byte <= 'Z') &&
            !(byte >= '0' && byte <= '9') && byte != '_' && byte != '-')
            return false;
    }
    return key.len > 0;
}

/* A string on one line, a comment or nothing behind it. */
static bool plain_string(span text, span *ret)
{
    if (text.len < 2 || (text.data[0] != '"' && text.data[0] != '\''))
        return false;
    uint8_t quote = text.data[0];
    span rest = span_after(text, 1), content;
    if (!span_until(&rest, quote, &content))
        return false;
    rest = trimmed(rest);
    if ((rest.len && rest.data[0] != '#') || (quote == '"' && span_contains(content, SPAN("\\"))))
        return false;
    *ret = content;
    return true;
}

/* Lines of a string in three quotes are content, whatever they look like. */
static void skip_long_string(struct toml *toml, span quotes, span line)
{
    line = span_after(line, quotes.len);
    while (!span_contains(line, quotes) && toml->rest.len)
        line = next_line(toml);
}

bool toml_next(struct toml *toml, span *ret_key, span *ret_value)
{
    while (toml->rest.len) {
        span line = next_line(toml), key;
        if (line.len && line.data[0] == '[') {
            span rest = span_after(line, 1);
            toml->section = span_until(&rest, ']', &line) ? trimmed(line) : SPAN("?");
            continue;
        }
        if (!span_until(&line, '=', &key) || !is_bare_key(key = trimmed(key)))
            continue;
        line = trimmed(line);
        if (span_starts(line, SPAN("\"\"\""))) {
            skip_long_string(toml, SPAN("\"\"\""), line);
        } else if (span_starts(line, SPAN("'''"))) {
            skip_long_string(toml, SPAN("'''"), line);
        } else if (plain_string(line, ret_value)) {
            *ret_key = key;
            return true;
        }
    }
    return false;
}
