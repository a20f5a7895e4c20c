/* JSON taken apart at its brackets and commas: looked at, not checked. For what comes in lists and
 * envelopes, whose parts are checked by those who read them. No recursion; no byte is read that is
 * not there. */
#pragma once

#include <stdbool.h>

#include "core/span.h"

void split_blanks(span *rest);
bool split_is(span value, uint8_t first); /* { [ " */
/* Takes blanks and a value off the front. False: nothing whole stands there. */
MUST_USE bool split_value(span *rest, span *ret);

enum split { SPLIT_ITEM, SPLIT_END, SPLIT_BAD };
/* The next element of an array, or member of an object, `inside` being what follows the bracket.
 * SPLIT_END: it was taken with its bracket. SPLIT_BAD: *inside is where it is wrong. */
enum split split_element(span *inside, bool *is_first, span *ret);
enum split split_member(span *inside, bool *is_first, span *ret_key, span *ret_value);
/* The value of an object's member; the key as it is written, between its quotes. */
bool split_find(span object, const char *key, span *ret);
