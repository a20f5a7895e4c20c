/* Lines out of a body or file. */
#include <string.h>

#include "source/source.h"

static bool is_blank(span text)
{
    for (size_t index = 0; index < text.len; index++)
        if (!text.data[index] || !strchr(" \t\r", text.data[index]))
            return false;
    return true;
}

bool source_line_take(span *rest, span *ret)
{
    while (rest->len) {
        span line;
        if (!span_until(rest, '\n', &line)) {
            line = *rest;
            *rest = span_after(*rest, rest->len);
        }
        if (line.len && line.data[line.len - 1] == '\r')
            line.len--;
        if (is_blank(line))
            continue;
        *ret = line;
        return true;
    }
    return false;
}
