/* One type of value as another, as rules compare and print them. */
#pragma once

#include "event/event.h"

#define CONVERT_BYTES 64

/* TEXT and BYTES as they are, numbers, bools and addresses as printed, into buffer. Nothing for
 * lists and absent values. */
span convert_text(const struct value *value, char buffer[static CONVERT_BYTES]);
/* The 64-bit mantissa of long double holds every int64_t and uint64_t exactly. */
bool convert_number(const struct value *value, long double *ret);
bool convert_bool(const struct value *value, bool *ret);
/* 10.1.2.3, ::1, 10.0.0.0/8. ::ffff:10.1.2.3 is IPv4, as events have it. */
bool convert_network(span text, bool may_have_prefix, struct address *ret,
                     uint8_t *ret_prefix_bits);
bool convert_address(const struct value *value, struct address *ret);
/* Are the first prefix_bits of both the same? Families must be. */
bool convert_address_in(const struct address *address, const struct address *network,
                        unsigned prefix_bits);

/* Part of an ISO 8601 date or an RFC 3339 time as written, no zone converted. */
enum date_part { DATE_MINUTE, DATE_HOUR, DATE_DAY, DATE_WEEK, DATE_MONTH, DATE_YEAR };
/* False: no date, or it does not say that part. */
bool date_part_of(span text, enum date_part part, int64_t *ret);
