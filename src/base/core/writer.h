/* Text and bytes out: a growing buffer with a ceiling. The first failure sticks (is_full) and later
 * puts do nothing, so that callers check once at the end. Escaping for a target lives here and
 * nowhere else. */
#pragma once

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/error.h"
#include "core/span.h"

struct writer {
    uint8_t *data;
    size_t len;
    size_t size;
    size_t size_max;
    bool is_full; /* the ceiling was reached or memory ran out: the content is not whole */
};

/* Cannot fail; allocates with the first put. */
void writer_init(struct writer *writer, size_t size_bytes_max);
void writer_free(struct writer *writer);
/* Empties it, keeps the memory, clears is_full. */
void writer_reset(struct writer *writer);
static inline span writer_span(const struct writer *writer)
{
    return (span){writer->data, writer->len};
}

void writer_put(struct writer *writer, span bytes);
void writer_text(struct writer *writer, const char *text);
void writer_byte(struct writer *writer, uint8_t byte);
__attribute__((format(printf, 2, 3))) void writer_format(struct writer *writer, const char *format,
                                                         ...);

/* A JSON string with its quotes. Valid UTF-8 is kept and decodes to exactly the original text; a
 * byte that is not UTF-8 becomes the visible four characters \xNN. */
void writer_json_string(struct writer *writer, span text);
/* Text for a terminal: control characters, bidi overrides and invisible format characters as
 * \n, \t, \e, \xNN or \u{NNNN}; other valid UTF-8 is kept. */
void writer_terminal(struct writer *writer, span text);
/* RFC 4648 section 4, padded; no quotes. */
void writer_base64(struct writer *writer, span bytes);
/* RFC 3339 UTC with nanoseconds and Z; no quotes. */
void writer_time(struct writer *writer, uint64_t wall_ns);

/* Length of the valid UTF-8 sequence at the start of s (1 to 4), 0 if it is not one (RFC 3629);
 * *ret_code receives the code point. */
size_t utf8_length(span s, uint32_t *ret_code);
