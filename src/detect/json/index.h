/* The first pass over a line: where its strings begin and end. Private to this folder. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "event/event.h"

/* What the first pass saw. */
struct json_indexed {
    /* No string holds a control character or a wrong escape, every string ends, and all is UTF-8;
     * wrong ones outside strings may pass. */
    bool is_fine;
    struct raw_traits traits;
};

/* Writes the offsets of all quotes that are not escaped, in order, up to 16 more behind them, and
 * returns how many there are. 64 bytes behind the line are readable; quotes has room for
 * len + 80. */
typedef size_t (*json_index)(const uint8_t *line, size_t len, uint32_t *quotes,
                             struct json_indexed *ret);

size_t json_index_scalar(const uint8_t *line, size_t len, uint32_t *quotes,
                         struct json_indexed *ret);
#if defined(__x86_64__)
size_t json_index_sse2(const uint8_t *line, size_t len, uint32_t *quotes, struct json_indexed *ret);
size_t json_index_avx2(const uint8_t *line, size_t len, uint32_t *quotes, struct json_indexed *ret);
#endif
/* The fastest that this processor has. */
json_index json_index_choose(void);

/* The rare cases, once a line is known to have one. */

/* Has no string of this line a byte below 0x20? */
bool json_controls_are_outside(const uint8_t *line, size_t len, const uint32_t *quotes,
                               size_t count);
/* Is the escape whose letter stands at `at` a whole \uXXXX? */
bool json_escape_is_hex(const uint8_t *line, size_t len, size_t at);
bool json_is_utf8(const uint8_t *line, size_t len);
