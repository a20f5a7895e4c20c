/* One type of value as another, as rules compare and print them. Private to rule. */
#pragma once

#include "event/event.h"
#include "rule/rule.h"

#define CONVERT_BYTES 64

/* TEXT and BYTES as they are, numbers, bools and addresses as printed, into buffer. Nothing for
 * lists and absent values. */
span convert_text(const struct value *value, char buffer[static CONVERT_BYTES]);
/* The 64-bit mantissa of long double holds every int64_t and uint64_t exactly. */
bool convert_number(const struct value *value, long double *ret);
/* Part of a date, see RULE_MINUTE. False: no date, or it does not say that part. */
bool date_part(span text, enum rule_function part, int64_t *ret);
bool convert_bool(const struct value *value, bool *ret);
bool convert_address(const struct value *value, struct address *ret);
/* Does the first prefix_bits of both agree? Families must. */
bool address_in(const struct address *address, const struct rule_literal *network);
